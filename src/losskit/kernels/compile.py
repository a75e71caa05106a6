"""From graphs to kernels: each compiled once, then loaded from a content-hashed cache folder by every later process."""

from __future__ import annotations

import hashlib
import sys
import threading
import warnings
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from losskit.errors import CacheWarning
from losskit.kernels.folder import kernel_folder, publish
from losskit.kernels.native import Function, loaded, machine, module_of, optimised, sealed
from losskit.kernels.program import Program, Shape
from losskit.kernels.source import kernel_source

lock = threading.RLock()  # of the compiler and of what is made by it


class Kernel:
    """The machine code of a program, one function for each shape of call, made when first asked for."""

    def __init__(self, program: Program):
        self.program = program
        self._functions: dict[tuple[bool, ...], Function] = {}

    def __call__(
        self, y: Any, f: Any, w: Any, state: Any, v: Any, g: Any, h: Any, scale: float, rows: int, first: int,
        last: int, total: bool, parameters: tuple[float, ...],
    ) -> None:  # fmt: skip
        """Do blocks `first` to `last` of `rows` rows; see `kernel_source`.

        Arrays are flat and contiguous; w, v, g, h may be None.
        """
        self.of_call(y, w, total, v, g, h, scale)(y, f, w, state, v, g, h, scale, rows, first, last, *parameters)

    def of_call(self, y: Any, w: Any, total: bool, v: Any, g: Any, h: Any, scale: float) -> Function:
        """The machine code for a call with these arrays, and this factor of the derivatives."""
        graded, curved = g is not None, h is not None
        scaled = (graded or curved) and (total or scale != 1.0)
        shape = (y.itemsize == 4, w is not None, total, v is not None, graded, curved, scaled)
        return self._functions.get(shape) or self.function(Shape(*shape))

    def function(self, shape: Shape) -> Function:
        """The machine code for one shape of call; it takes the arguments of a call, the parameters one by one."""
        with lock:
            if shape not in self._functions:
                source = kernel_source(self.program, shape)
                self._functions[shape] = function_of(source, len(self.program.parameters))
            return self._functions[shape]


_kernels: dict[Program, Kernel] = {}
# these decide the text of a kernel, which has a hash of its own, or what is done with its code
_OUTSIDE = ("program.py", "source.py", "primitives.py", "run.py", "folder.py", "compile.py")


def compiled(program: Program) -> Kernel:
    """The kernel of `program`."""
    with lock:
        return _kernels.setdefault(program, Kernel(program))


def function_of(source: str, parameters: int) -> Function:
    """The function of a kernel's text: from the cache folder, else compiled and left there.

    Called by one thread at a time: Numba's compiler is not safe for more. `parameters` says how many numbers follow the
    counts.
    """
    name = "kernel_" + hashlib.sha256(source.encode()).hexdigest()[:24]
    folder = kernel_folder(_fingerprint())
    kept = folder / f"{name}.o"
    if kept.exists() and not kept.is_symlink():
        function = loaded(kept.read_bytes())
        if function is not None:
            return function
        warnings.warn(f"{kept} is damaged: compiling again; remove it", CacheWarning, stacklevel=2)
    path = publish(folder, f"{name}.py", source.encode())
    module = module_of(path)
    content = sealed(optimised(module, parameters), getattr(module, "SCHEDULED", True))
    if path.parent == folder and not kept.exists():
        publish(folder, kept.name, content, same=False)
    function = loaded(content)
    assert function is not None
    return function


@cache
def _fingerprint() -> str:
    """Hash of everything besides the formula that decides a kernel's code."""
    from losskit._version import __version__

    parts = [__version__, version("numba"), version("llvmlite"), version("numpy"), machine(), object.__basicsize__]
    digest = hashlib.sha256(" ".join(map(str, [*parts, *sys.version_info[:2]])).encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        if source.name not in _OUTSIDE:
            digest.update(source.read_bytes())
    return digest.hexdigest()[:16]
