"""Loops of solvers, each a file of its own text: compiled as it stands, once, into the cache of kernels.

The files are not imported; their text is what the cache goes by.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from losskit.kernels.compile import function_of, lock
from losskit.kernels.native import Function


@cache
def loop(name: str) -> Function:
    """The loop of the file `name`: called with seven arrays (or None), a number and three counts."""
    source = (Path(__file__).parent / f"{name}.py").read_text(encoding="utf-8")
    with lock:
        return function_of(source, 0)
