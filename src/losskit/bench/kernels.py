"""`losskit bench kernels`: P1 (kernels), P4 (classes), P5 (latency), P6 (import, first call) of the plan for speed.
"""

from __future__ import annotations

import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from losskit.bench.classes import class_rows
from losskit.bench.peers import ACTS, CASES, Case, data, numpy_peer, sklearn_peer
from losskit.bench.timing import SCHEMA, Timing, alternate, answer, machine, paired_ratio, refuse_unknown, versions
from losskit.errors import LosskitError

Array = np.ndarray
Row = dict[str, Any]
FLOOR = 1.3  # times the memory floor
LATENCY = 10.0  # microseconds a public call
IMPORT, FIRST_CALL = 150.0, 1000.0  # milliseconds
TOLERANCE = 1e-12
_CLASSES = "SoftmaxCrossEntropy"  # P4's loss


def measure(
    rows: int = 1_000_000,
    losses: Sequence[str] = (),
    repeats: int = 9,
    startup: bool = True,
    tell: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Run the suite in this process.

    Parameters
    ----------
    rows : rows of the random data of P1
    losses : names of the losses to measure, all if empty
    repeats : timed samples a side
    startup : whether to measure P6, in processes of its own
    tell : called with what is measured next

    Returns
    -------
    dict
        {"schema": "losskit.bench/1", "suite", "machine", "versions", "settings", "rows"}; a row has id, loss, what,
        peer, n, unit, ours, theirs (median, quartiles low, high, best), ratio, target, met, error (of the values).

    Raises
    ------
    LosskitError
        If the two sides' values differ.
    ParameterError
        If a loss is none of the suite's.
    """
    refuse_unknown("--loss", losses, [*(case.name for case in CASES), _CLASSES])
    found: list[Row] = []
    chosen = [case for case in CASES if not losses or case.name in losses]
    for case in chosen:
        tell(f"P1 {case.name}")
        found += _kernel_rows(case, rows, repeats)
    for case in chosen:
        tell(f"P5 {case.name}")
        found += _latency_rows(case, repeats)
    if not losses or _CLASSES in losses:
        tell(f"P4 {_CLASSES}")
        found += class_rows(repeats)
    if startup:
        tell("P6 import and first call")
        found += _startup_rows()
    return {
        "schema": SCHEMA,
        "suite": "kernels",
        "machine": machine(),
        "versions": versions("losskit", "numpy", "scipy", "numba", "llvmlite", "scikit-learn", "torch"),
        "settings": {"rows": rows, "repeats": repeats, "dtype": "float64", "threads": 1, "tolerance": TOLERANCE},
        "rows": found,
    }


# -- P1


def _kernel_rows(case: Case, rows: int, repeats: int) -> Iterator[Row]:
    loss = case.loss()
    y, f = data(case.data, rows)
    v, g, h = np.empty_like(f), np.empty_like(f), np.empty_like(f)
    ours: dict[str, Callable[[], Any]] = {
        "value+gradient, rows": lambda: loss.value_and_gradient(y, f, reduction="none", out=(v, g)),
        "value+gradient, mean": lambda: loss.value_and_gradient(y, f, out=g),
        "gradient+Hessian, rows": lambda: loss.gradient_and_hessian(y, f, reduction="none", out=(g, h)),
    }
    peers = {"NumPy": numpy_peer(case, y, f)}
    if case.sklearn is not None:
        peers = {"scikit-learn": sklearn_peer(case, y, f), **peers}
    for act in ACTS:
        mine = {what: call for what, call in ours.items() if what.startswith(act)}
        theirs = {name: peer[act] for name, peer in peers.items()}
        errors = {(what, name): _difference(case, what, name, mine[what](), theirs[name](), rows)
                  for what in mine for name in theirs}
        times = alternate({**mine, **theirs}, repeats)
        for (what, name), error in errors.items():
            yield _row(loss, what, name, rows, times[what], times[name], case.target, error)
        if case.name in ("SquaredError", "Huber"):  # the two alone, with one set of arrays
            what = f"{act}, {'mean' if act == ACTS[0] else 'rows'}"
            floor = _triad(y, f, g) if act == ACTS[0] else _two_stores(y, f, g, h)
            ends = alternate({"ours": ours[what], "floor": floor}, repeats)
            yield _floor_row(loss, what, rows, ends["ours"], ends["floor"])


def _difference(case: Case, what: str, peer: str, ours: Any, theirs: Any, rows: int) -> float:
    """The largest difference of the two sides relative to max(1, |theirs|), brought to one convention."""
    factor = case.factor if peer == "scikit-learn" else 1.0
    first, second = (factor * np.asarray(part) for part in ours)
    pairs = [(first, theirs[0]), (second, theirs[1])]
    if what.endswith("mean"):
        pairs = [(first, np.mean(theirs[0])), (second * rows, theirs[1])]
    elif what.startswith("gradient") and peer == "scikit-learn" and not case.hessian:
        pairs = pairs[:1]  # scikit-learn puts 1 where the second derivative is 0
    worst = max(float(np.max(np.abs(a - b) / np.maximum(1.0, np.abs(b)))) for a, b in pairs)
    if not worst <= TOLERANCE:
        raise LosskitError(
            f"{case.name}, {what}: losskit and {peer} differ by {worst:.1e} (relative, {TOLERANCE:g} allowed); "
            "nothing was timed. One of the two is wrong: please report it"
        )
    return worst


def _triad(y: Array, f: Array, out: Array) -> Callable[[], Any]:
    """out = y + s f in a plain compiled loop: what reading two arrays and writing one costs."""
    from numba import njit

    @njit
    def triad(y: Any, f: Any, s: float, out: Any) -> None:
        for i in range(y.size):
            out[i] = y[i] + s * f[i]

    return lambda: triad(y, f, 0.5, out)


def _two_stores(y: Array, f: Array, g: Array, h: Array) -> Callable[[], Any]:
    """g = f - y and h = 1 in such a loop: what a gradient and a Hessian cost at the least."""
    from numba import njit

    @njit
    def stores(y: Any, f: Any, g: Any, h: Any) -> None:
        for i in range(y.size):
            g[i] = f[i] - y[i]
            h[i] = 1.0

    return lambda: stores(y, f, g, h)


def _row(loss: Any, what: str, peer: str, n: int, ours: Timing, theirs: Timing, target: float, error: float) -> Row:
    ratio = paired_ratio(theirs, ours)
    return {
        "id": "P1", "loss": repr(loss), "what": what, "peer": peer, "n": n, "unit": "ns a row",
        "ours": ours.scaled(1e9 / n), "theirs": theirs.scaled(1e9 / n), "ratio": ratio,
        "target": f">= {target:g} x", "met": ratio >= target, "error": error,
    }


def _floor_row(loss: Any, what: str, n: int, ours: Timing, floor: Timing) -> Row:
    row = _row(loss, what, "memory floor", n, ours, floor, 0.0, math.nan)
    return {**row, "target": f">= 1/{FLOOR:g} x", "met": row["ratio"] >= 1 / FLOOR, "error": None}


# -- P5


def _latency_rows(case: Case, repeats: int) -> Iterator[Row]:
    loss = case.loss()
    for n in (10, 100, 1000):
        y, f = data(case.data, n)
        sides: dict[str, Callable[[], Any]] = {
            "loss(y, f)": partial(loss, y, f),
            "value_and_gradient": partial(loss.value_and_gradient, y, f),
        }
        peers = {"loss(y, f)": _metric(case.name, y, f)}
        if case.sklearn is not None:
            peers["value_and_gradient"] = ("sklearn._loss", sklearn_peer(case, y, f)[ACTS[0]])
        times = alternate({**sides, **{f"peer of {what}": p[1] for what, p in peers.items() if p}}, repeats, 0.003)
        for what in sides:
            named, theirs = peers.get(what), times.get(f"peer of {what}")
            yield {
                "id": "P5", "loss": repr(loss), "what": what, "peer": named[0] if named else None, "n": n,
                "unit": "us a call", "ours": times[what].scaled(1e6), "theirs": theirs.scaled(1e6) if theirs else None,
                "ratio": paired_ratio(theirs, times[what]) if theirs else None,
                "target": f"<= {LATENCY:g}", "met": times[what].median * 1e6 <= LATENCY, "error": None,
            }


def _metric(name: str, y: Array, f: Array) -> tuple[str, Callable[[], Any]] | None:
    """scikit-learn's metric nearest to the loss, given what it wants to be given."""
    from sklearn import metrics

    known: dict[str, tuple[str, Array]] = {
        "SquaredError": ("mean_squared_error", f),
        "AbsoluteError": ("mean_absolute_error", f),
        "Quantile": ("mean_pinball_loss", f),
        "Poisson": ("mean_poisson_deviance", np.exp(f)),
        "Gamma": ("mean_gamma_deviance", np.exp(f)),
        "Logistic": ("log_loss", 1 / (1 + np.exp(-f))),
        "BinaryCrossEntropy": ("log_loss", f),
        "Hinge": ("hinge_loss", f),
    }
    if name not in known:
        return None
    metric, prediction = known[name]
    call = getattr(metrics, metric)
    return metric, lambda: call(y, prediction)


# -- P6

_IMPORT = """
import time, numpy
start = time.perf_counter()
import losskit
bare = time.perf_counter() - start
losskit.Huber
print(bare, time.perf_counter() - start)
"""
_CALL = "import numpy as np, losskit as lk; lk.Logistic().value_and_gradient(np.zeros(10), np.zeros(10))"


def _startup_rows(repeats: int = 5) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="losskit-bench-") as folder:
        _fresh(_CALL, folder, "warm")  # fills the folder, and Python's bytecode as an installation has it
        imports = np.array([[float(t) for t in _fresh(_IMPORT, folder, "warm")[1].split()] for _ in range(repeats)])
        cold = [_fresh(_CALL, folder, f"cold{i}")[0] for i in range(3)]
        warm = [_fresh(_CALL, folder, "warm")[0] for _ in range(repeats)]
        numba = [_fresh("import numpy, numba", folder, "warm")[0] for _ in range(repeats)]
    return [
        _startup_row("import losskit, after numpy", imports[:, 0].tolist(), IMPORT),
        _startup_row("import losskit and lk.Huber, after numpy", imports[:, 1].tolist(), IMPORT),
        _startup_row("first call, cold, from process start", cold, None),
        _startup_row("first call, cached, from process start", warm, FIRST_CALL),
        _startup_row("import numpy, numba, from process start", numba, None),
    ]


def _fresh(code: str, folder: str, cache: str) -> tuple[float, str]:
    """Seconds of a fresh process that runs `code` with the kernel folder `cache`, and what it printed."""
    places = {"LOSSKIT_CACHE_DIR": str(Path(folder) / cache), "PYTHONPYCACHEPREFIX": str(Path(folder) / "py")}
    env = {**os.environ, **places}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    return time.perf_counter() - start, done.stdout


def _startup_row(what: str, seconds: list[float], target: float | None) -> Row:
    median = statistics.median(seconds) * 1e3
    return {
        "id": "P6", "loss": "Logistic()" if "call" in what else None, "what": what, "peer": None, "n": None,
        "unit": "ms", "ours": Timing.of(seconds).scaled(1e3), "theirs": None, "ratio": None,
        "target": None if target is None else f"<= {target:g}", "met": None if target is None else median <= target,
        "error": None,
    }


if __name__ == "__main__":
    answer(measure)
