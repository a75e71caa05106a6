"""Timing that drift and noise do not fool: sides alternate, medians and quartiles are kept, ratios are paired."""

from __future__ import annotations

import gc
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from losskit import errors

Call = Callable[[], Any]
SCHEMA = "losskit.bench/1"
_PINS = ("LOSSKIT_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Timing:
    """Seconds a call: the median of the samples, their quartiles, and the samples in the order they were taken."""

    median: float
    low: float
    high: float
    samples: tuple[float, ...]

    @classmethod
    def of(cls, samples: list[float]) -> Timing:
        low, median, high = statistics.quantiles(samples, n=4, method="inclusive")
        return cls(median, low, high, tuple(samples))

    def scaled(self, factor: float) -> dict[str, float]:
        """Median, quartiles and the best sample, times `factor`, for a report."""
        figures = {"median": self.median, "low": self.low, "high": self.high, "best": min(self.samples)}
        return {name: seconds * factor for name, seconds in figures.items()}


def alternate(sides: Mapping[str, Call], repeats: int = 9, sample_seconds: float = 0.01) -> dict[str, Timing]:
    """Time every side `repeats` times, in turn, the order reversed each round.

    Each sample is as many calls as fill `sample_seconds`; a side is called twice before it is timed.
    """
    loops = {name: _loops(call, sample_seconds) for name, call in sides.items()}
    samples: dict[str, list[float]] = {name: [] for name in sides}
    collecting = gc.isenabled()
    gc.disable()
    try:
        for turn in range(repeats):
            for name in list(sides)[:: 1 if turn % 2 == 0 else -1]:
                samples[name].append(_sample(sides[name], loops[name]))
    finally:
        if collecting:
            gc.enable()
    return {name: Timing.of(each) for name, each in samples.items()}


def paired_ratio(slow: Timing, fast: Timing) -> float:
    """The median over rounds of slow / fast: samples of one round share the machine's mood."""
    return statistics.median(a / b for a, b in zip(slow.samples, fast.samples, strict=True))


def _loops(call: Call, seconds: float) -> int:
    call()
    call()
    once = _sample(call, 1)
    return max(1, round(seconds / max(once, 1e-7)))


def _sample(call: Call, loops: int) -> float:
    start = time.perf_counter()
    for _ in range(loops):
        call()
    return (time.perf_counter() - start) / loops


def pinned(module: str, order: dict[str, Any]) -> dict[str, Any]:
    """What the `measure` of a module returns, in a fresh process with every library's threads pinned to one.

    The module ends with ``answer(measure)``; its progress goes to stderr. An error of ours there is raised here.
    """
    env = {**os.environ, **dict.fromkeys(_PINS, "1")}
    command = [sys.executable, "-m", module, json.dumps(order)]
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode < 0 or done.returncode == 130:
        raise KeyboardInterrupt
    if done.returncode:
        raise RuntimeError(f"the measuring process ended with exit code {done.returncode}; what it said is above")
    result = dict(json.loads(done.stdout))
    if "error" in result:
        raise getattr(errors, result["error"])(result["message"])
    return result


def refuse_unknown(option: str, wanted: Sequence[str], known: Sequence[str]) -> None:
    """Raise ParameterError if a name is none of those that a suite measures."""
    if strange := [name for name in wanted if name not in known]:
        raise errors.ParameterError(
            f"{option} {strange[0]!r} is not measured by this suite; it knows {'; '.join(known)}"
        )


def answer(measure: Callable[..., dict[str, Any]]) -> None:
    """The other side of `pinned`: read the order from the command line, measure, print the result as JSON."""
    try:
        result = measure(
            **json.loads(sys.argv[1]), tell=lambda text: print(f"measuring {text}", file=sys.stderr, flush=True)
        )
    except KeyboardInterrupt:
        sys.exit(130)
    except errors.LosskitError as error:
        result = {"error": type(error).__name__, "message": str(error)}
    print(json.dumps(result))


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {"cpu": _cpu(), "cores": cores, "system": platform.platform(), "load": load}


def _cpu() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def versions(*packages: str) -> dict[str, str]:
    """The versions of Python and of installed packages."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


