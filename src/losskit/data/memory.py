"""Memory that would be needed, told before it is taken: the one place that knows how much there is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from losskit.errors import DataError

_SMALL = 1 << 24  # bytes that are not looked for
_MEMORY, _GROUP = Path("/proc/meminfo"), Path("/sys/fs/cgroup")


def refuse_beyond(needed: float, what: str, cure: str) -> None:
    """Raise DataError if so many bytes are not there, saying what for and what to do instead."""
    if needed < _SMALL:
        return
    free = free_bytes()
    if needed > free:
        raise DataError(f"{what} would take {_shown(needed)} of memory and {_shown(free)} are available; {cure}")


def refuse_copy(X: Any, cure: str = "") -> None:
    """Raise DataError if X cannot be made an array of floats for want of memory."""
    rows, columns = np.shape(X) if hasattr(X, "shape") and len(X.shape) == 2 else (0, 0)
    if needed := copied_bytes(X):
        refuse_beyond(
            needed, f"a copy of X ({rows} rows, {columns} columns) as floats",
            cure or "pass X as a contiguous array of float32 or float64, which is not copied, or write it to a Parquet "
            "file and fit that, which is read in batches",
        )  # fmt: skip


def copied_bytes(X: Any) -> float:
    """How much an array of floats made of X takes; 0 if X is one, or no table."""
    shape: tuple[int, ...] = getattr(X, "shape", ())
    if len(shape) != 2 or hasattr(X, "nnz"):
        return 0.0
    dtype = getattr(X, "dtype", None)
    is_float = dtype in (np.float32, np.float64)
    if is_float and (X.flags.c_contiguous or X.flags.f_contiguous):
        return 0.0
    return float(shape[0]) * float(shape[1]) * (np.dtype(dtype).itemsize if is_float else 8)


def free_bytes() -> float:
    """Memory that may be taken, as far as the system says: of the machine, and of the group that this process is in."""
    return min(_of_machine(), _of_group())


def _of_machine() -> float:
    try:
        lines = dict(line.split(":") for line in _MEMORY.read_text(encoding="ascii").splitlines())
        return 1024.0 * float(lines["MemAvailable"].split()[0])
    except (OSError, KeyError, ValueError):
        return float("inf")


def _of_group() -> float:
    """What a container or a job has left, its cached files not counted as taken."""
    try:
        most = float((_GROUP / "memory.max").read_text(encoding="ascii"))  # "max" is no number
        taken = float((_GROUP / "memory.current").read_text(encoding="ascii"))
        stat = dict(line.split() for line in (_GROUP / "memory.stat").read_text(encoding="ascii").splitlines())
        return most - taken + float(stat["inactive_file"])
    except (OSError, KeyError, ValueError):
        return float("inf")


def _shown(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"
