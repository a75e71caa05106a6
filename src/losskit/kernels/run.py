"""Running a kernel over arrays: any layout and dtype, blocks of fixed size, threads that change no bit.

Threads are used from the main thread of a main process only: a caller that is itself a worker (joblib, Dask,
multiprocessing, one of our own) already has the other cores in use.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

from losskit.kernels.program import BLOCK

Array = np.ndarray
_CHUNK = 16 * BLOCK  # rows converted at a time where an array is not as a kernel wants it
_THREADED = 50_000  # rows under which threads cost more than they bring
_DOUBLE = np.dtype(np.float64)
_KERNEL_TYPES = (_DOUBLE, np.dtype(np.float32))

_pool: ThreadPoolExecutor | None = None
_pool_lock = threading.Lock()


def _after_fork() -> None:
    global _pool, _pool_lock
    _pool, _pool_lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@cache
def _cores() -> int:
    chosen = os.environ.get("LOSSKIT_NUM_THREADS", "")
    if chosen.isdigit() and int(chosen) > 0:
        return int(chosen)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        with open("/sys/fs/cgroup/cpu.max", encoding="ascii") as file:
            quota, period = file.read().split()
        if quota != "max":
            cores = min(cores, max(1, int(quota) // int(period)))
    except (OSError, ValueError):
        pass
    return cores


def thread_count() -> int:
    """How many threads a call from here may use."""
    if threading.current_thread() is not threading.main_thread() or multiprocessing.parent_process() is not None:
        return 1
    return _cores()


def map_tasks(task: Callable[[int, int], Any], bounds: Iterable[tuple[int, int]], threads: int) -> list[Any]:
    """`task(first, last)` for each pair of `bounds`, in order, on up to `threads` threads."""
    global _pool
    if threads == 1:
        return [task(first, last) for first, last in bounds]
    with _pool_lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(max_workers=_cores(), thread_name_prefix="losskit")
    return list(_pool.map(lambda b: task(*b), bounds))


def is_ready(x: Array, dtype: np.dtype | None = None) -> bool:
    """Whether a kernel can read `x` as it lies in memory, beside arrays of `dtype`."""
    own = x.dtype  # most often the very object, which is quicker than to compare
    known = own is _DOUBLE or own in _KERNEL_TYPES if dtype is None else own is dtype or own == dtype
    return known and x.flags.carray


def run(
    kernel: Any,
    rows: int,
    y: Array,
    f: Array,
    w: Array | None,
    scale: float,
    v: Array | None,
    g: Array | None,
    h: Array | None,
    parameters: tuple[float, ...],
    total: bool,
) -> tuple[bool, float]:
    """Run `kernel` over all rows.

    Parameters
    ----------
    rows : how many there are
    y, f, w : of one shape, y and f with one further axis for several targets or predictions a row
    v, g, h : value, gradient and Hessian of the rows, as far as wanted: contiguous arrays to be filled
    total : whether the sum of the weighted values is wanted

    Returns
    -------
    outside, sum : whether a row lies outside the domain, and the sum of values in float64 (0.0 if not wanted)
    """
    if rows == 0:
        return False, 0.0
    if is_ready(y) and is_ready(f, y.dtype) and (w is None or is_ready(w, y.dtype)):
        if y.ndim != 1 or f.ndim != 1 or (h is not None and h.ndim != 1):
            y, f, w, v, g, h = (None if x is None else x.reshape(-1) for x in (y, f, w, v, g, h))  # type: ignore[assignment]
        return run_plain(kernel.of_call(y, w, total, v, g, h, scale), rows, y, f, w, scale, v, g, h, parameters)
    state = _state(rows)
    _run_chunks(kernel, rows, (y, f, w), scale, (v, g, h), parameters, state, total)
    return _sums(state)


def run_plain(
    function: Any, rows: int, y: Array, f: Array, w: Array | None, scale: float, v: Array | None, g: Array | None,
    h: Array | None, parameters: tuple[float, ...],
) -> tuple[bool, float]:  # fmt: skip
    """As `run`, of flat arrays that a kernel can read as they lie, by the machine code for this shape of call."""
    state = _state(rows)
    blocks = state.size // 2
    if rows < _THREADED or (threads := thread_count()) == 1:
        function(y, f, w, state, v, g, h, scale, rows, 0, blocks, *parameters)
    else:
        arguments = (y, f, w, state, v, g, h, scale, rows)
        map_tasks(
            lambda first, last: function(*arguments, first, last, *parameters), _split(blocks, 4 * threads), threads
        )
    return _sums(state)


def _state(rows: int) -> Array:
    """Room for two numbers a block: its sum, and 1.0 if a row lies outside the domain."""
    return np.empty(2 * -(-rows // BLOCK))


def _sums(state: Array) -> tuple[bool, float]:
    """Whether any block has a row outside the domain, and the sum over blocks."""
    if state.size == 2:
        total, outside = state.tolist()
        return outside != 0.0, total
    return bool(np.maximum.reduce(state[1::2])), float(np.add.reduce(state[::2]))


def _split(blocks: int, parts: int) -> list[tuple[int, int]]:
    edges = [blocks * i // parts for i in range(parts + 1)]
    return [(a, b) for a, b in pairwise(edges) if b > a]


def _run_chunks(
    kernel: Any,
    rows: int,
    arrays: tuple[Array, Array, Array | None],
    scale: float,
    outputs: tuple[Array | None, Array | None, Array | None],
    parameters: tuple[float, ...],
    state: Array,
    total: bool,
) -> None:
    """As `run`, converting a chunk of rows at a time: never a copy of the whole, whatever the layout."""
    y, f, w = arrays
    tall, width = y.size // rows, f.size // rows
    flat_outputs = tuple(None if o is None else o.reshape(rows, -1) for o in outputs)
    narrow = y.dtype == f.dtype == np.float32 and (w is None or w.dtype == np.float32)
    common = np.dtype(np.float32 if narrow else np.float64)

    def task(first: int, last: int) -> None:
        ya, fa = _piece(y, first * tall, last * tall, common), _piece(f, first * width, last * width, common)
        wa = None if w is None else _piece(w, first, last, common)
        targets = [None if o is None else o[first:last] for o in flat_outputs]
        direct = [t is None or t.dtype == common for t in targets]
        buffers = [
            None if t is None else (t if ok else np.empty(t.shape, common))
            for t, ok in zip(targets, direct, strict=True)
        ]
        part = state[2 * (first // BLOCK) : 2 * -(-last // BLOCK)]
        flat = [None if b is None else b.reshape(-1) for b in buffers]
        kernel(ya, fa, wa, part, *flat, scale, last - first, 0, -(-(last - first) // BLOCK), total, parameters)
        for target, buffer, ok in zip(targets, buffers, direct, strict=True):
            if not ok and target is not None:
                with np.errstate(over="ignore"):  # beyond a narrow dtype is infinite, as in the kernels
                    target[...] = buffer

    bounds = [(i, min(i + _CHUNK, rows)) for i in range(0, rows, _CHUNK)]
    map_tasks(task, bounds, thread_count() if rows >= _THREADED else 1)


def _piece(x: Array, first: int, last: int, dtype: np.dtype) -> Array:
    """Elements `first` to `last` of `x` in C order, as a kernel wants them."""
    if x.ndim == 1:
        part = x[first:last]
    elif x.flags.c_contiguous:
        part = x.reshape(-1)[first:last]
    else:
        part = x.flat[first:last]
    piece = np.ascontiguousarray(part, dtype=dtype)
    return piece if piece.flags.behaved else piece.copy()
