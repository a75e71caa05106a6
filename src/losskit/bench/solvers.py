"""`losskit bench solvers`: P8, P9, P11 and P13 of the plan for speed, time to a suboptimality of one objective.

Every contestant is run at a row of its own tolerances, and its coefficients are judged by an objective in NumPy: the
time to 1e-6, say, is the least time of a run that came within a factor 1 + 1e-6 of the best value that anyone found,
and "-" if none did. Times are CPU seconds of one thread, which other load on the machine moves least; the ratio is the
best peer's over ours. No model has an intercept, so that libraries which penalise it can take part.
"""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from losskit.bench.solver_peers import Problem, problems
from losskit.bench.timing import SCHEMA, answer, machine, versions

Array = np.ndarray
Row = dict[str, Any]
LEVELS = (1e-3, 1e-6, 1e-9)
_TOLERANCES = (1e-2, 1e-4, 1e-6, 1e-8, 1e-10, 1e-12)
_PATIENCE = 1.5  # CPU seconds after which a contestant is given no tighter tolerance


@dataclass(frozen=True)
class Run:
    """One fit: its CPU seconds, the objective and the relative violation of the optimality conditions at its end."""

    seconds: float
    value: float
    violation: float


def measure(
    scale: float = 1.0, names: Sequence[str] = (), repeats: int = 3, tell: Callable[[str], None] = lambda text: None
) -> dict[str, Any]:
    """Run the suite in this process.

    Parameters
    ----------
    scale : factor on the rows of every problem
    names : ids (P8 ...) or names of the problems to run, all if empty
    repeats : timed runs at each tolerance, of which the median counts
    tell : called with what is measured next

    Returns
    -------
    dict
        As `losskit.bench.kernels.measure`; a row has id, problem, shape, solver, and for each level the CPU seconds of
        the run that reached it first or None, the violation at the tightest run, and for ours the ratio.
    """
    rows: list[Row] = []
    for problem in problems(scale):
        if not names or problem.id in names or problem.name in names:
            tell(f"{problem.id} {problem.name}")
            rows += _rows(problem, repeats)
    return {
        "schema": SCHEMA,
        "suite": "solvers",
        "machine": machine(),
        "versions": versions("losskit", "numpy", "scipy", "scikit-learn", "skglm", "celer", "glum", "statsmodels"),
        "settings": {
            "scale": scale, "repeats": repeats, "threads": 1, "clock": "CPU seconds of the process",
            "levels": list(LEVELS),
        },
        "rows": rows,
    }


def _rows(problem: Problem, repeats: int) -> Iterator[Row]:
    sides: dict[str, Callable[[float], Array]] = {"losskit": problem.ours, **problem.peers}
    runs = {name: list(_runs(problem, fit, repeats)) for name, fit in sides.items()}
    best = min(run.value for each in runs.values() for run in each)
    times = {name: [_first(each, best, level) for level in LEVELS] for name, each in runs.items()}
    peers = [[t for name, found in times.items() if name != "losskit" and (t := found[i])] for i in range(len(LEVELS))]
    for name, each in runs.items():
        row = {
            "id": problem.id, "problem": problem.name, "shape": list(problem.shape), "solver": name,
            "seconds": dict(zip(map(str, LEVELS), times[name], strict=True)),
            "violation": min((run.violation for run in each), default=None),
            "suboptimality": min((run.value / best - 1 for run in each), default=None),
        }  # fmt: skip
        if name == "losskit":
            row["ratio"] = {
                str(level): min(theirs) / ours if ours and theirs else None
                for level, ours, theirs in zip(LEVELS, times[name], peers, strict=True)
            }
        yield row


def _runs(problem: Problem, fit: Callable[[float], Array], repeats: int) -> Iterator[Run]:
    _timed(fit, _TOLERANCES[0])  # the first call compiles and loads
    for tol in _TOLERANCES:
        coef, seconds = _timed(fit, tol)
        samples = [seconds]
        while len(samples) < repeats and seconds < _PATIENCE / 2:
            samples.append(_timed(fit, tol)[1])
        value, violation = problem.judge(np.asarray(coef))
        yield Run(statistics.median(samples), value, violation)
        if seconds > _PATIENCE:
            break


def _timed(fit: Callable[[float], Array], tol: float) -> tuple[Array, float]:
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        coef = fit(tol)
    return coef, time.process_time() - start


def _first(runs: list[Run], best: float, level: float) -> float | None:
    reached = [run.seconds for run in runs if run.value - best <= level * abs(best)]
    return min(reached) if reached else None


if __name__ == "__main__":
    answer(measure)
