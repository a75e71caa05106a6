"""`losskit bench solvers`: P8 to P15 of the plan for speed, time to a suboptimality of one objective.

Every contestant is run at a row of its own tolerances, and its coefficients are judged by an objective in NumPy: the
time to 1e-6, say, is the least time of a run that came within a factor 1 + 1e-6 of the best value that anyone found,
and "-" if none did. Times are CPU seconds of one thread, which other load on the machine moves least; the ratio is the
best peer's over ours. Linear models have no intercept, so that libraries which penalise it can take part.

Each contestant has a process of its own, which is ended when it has had its time, or has reached the last level: some
solvers never end at a tolerance they cannot reach.
"""

from __future__ import annotations

import multiprocessing
import statistics
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from losskit.bench.problems import problems
from losskit.bench.problems.base import Array, Fit, Problem
from losskit.bench.timing import SCHEMA, answer, machine, versions
from losskit.errors import CapabilityError

Row = dict[str, Any]
LEVELS = (1e-3, 1e-6, 1e-9)
_TOLERANCES = (1e-2, 1e-4, 1e-6, 1e-8, 1e-10, 1e-12)
_LONG = 1.0  # CPU seconds of a run that is not repeated
_COMPILING = 15.0  # CPU seconds more for the first call
_SLOW = 12.0  # times the patience with a peer that is known to be slow
_PEERS = ("scikit-learn", "celer", "skglm", "adelie", "glum", "statsmodels")


@dataclass(frozen=True)
class Run:
    """One fit: its CPU seconds, the objective and the relative violation of the optimality conditions at its end."""

    seconds: float
    value: float
    violation: float


def measure(
    scale: float = 1.0, names: Sequence[str] = (), repeats: int = 3, patience: float = 10.0,
    tell: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:  # fmt: skip
    """Run the suite, each contestant in a process of its own.

    Parameters
    ----------
    scale : factor on the rows of every problem
    names : ids (P8 ...) or names of the problems to run, all if empty
    repeats : timed runs at each tolerance, of which the median counts
    patience : CPU seconds that a contestant has for all its runs, after a first one to warm up
    tell : called with what is measured next

    Returns
    -------
    dict
        As `losskit.bench.kernels.measure`; a row has id, problem, shape, solver, and for each level the CPU seconds of
        the run that reached it first or None, the violation at the tightest run, whether it was stopped for want of
        time or failed, and for ours the ratio.
    """
    if "fork" not in multiprocessing.get_all_start_methods():
        raise CapabilityError("losskit bench solvers forks a process a library, which Windows cannot; use Linux or WSL")
    rows: list[Row] = []
    for id, name, make in problems(scale, names):
        tell(f"{id} {name}")
        rows += _rows(make(), repeats, patience)
    return {
        "schema": SCHEMA,
        "suite": "solvers",
        "machine": machine(),
        "versions": versions("losskit", "numpy", "scipy", *_PEERS),
        "settings": {
            "scale": scale, "repeats": repeats, "patience": patience, "threads": 1,
            "clock": "CPU seconds of the process", "levels": list(LEVELS),
        },
        "rows": rows,
    }  # fmt: skip


def _rows(problem: Problem, repeats: int, patience: float) -> Iterator[Row]:
    runs: dict[str, list[Run]] = {}
    ends: dict[str, str] = {}
    reached = np.inf
    for name, fit in {"losskit": problem.ours, **problem.peers}.items():
        slow = problem.slow and name != "losskit"
        allowed = patience * _SLOW if slow else patience
        enough = reached + 0.1 * LEVELS[-1] * abs(reached) if name != "losskit" else -np.inf
        runs[name], ends[name] = _contest(problem, fit, 1 if slow else repeats, allowed, enough, slow)
        reached = min([reached, *(run.value for run in runs[name])])
    times = {name: [_first(each, reached, level) for level in LEVELS] for name, each in runs.items()}
    peers = [[t for name, found in times.items() if name != "losskit" and (t := found[i])] for i in range(len(LEVELS))]
    for name, each in runs.items():
        row = {
            "id": problem.id, "problem": problem.name, "shape": list(problem.shape), "solver": name,
            "seconds": dict(zip(map(str, LEVELS), times[name], strict=True)),
            "violation": min((run.violation for run in each), default=None),
            "suboptimality": min((run.value / reached - 1 for run in each), default=None),
            "end": ends[name],
        }  # fmt: skip
        if name == "losskit":
            row["ratio"] = {
                str(level): min(theirs) / ours if ours and theirs else None
                for level, ours, theirs in zip(LEVELS, times[name], peers, strict=True)
            }
        yield row


def _contest(
    problem: Problem, fit: Fit, repeats: int, patience: float, enough: float, cold: bool
) -> tuple[list[Run], str]:
    """The runs of one contestant until a value is `enough`, and how it ended: "done", "stopped" or an error's text."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    runner = context.Process(target=_run, args=(there, problem, fit, repeats, patience, cold))
    with warnings.catch_warnings():
        for kind in (DeprecationWarning, RuntimeWarning):  # of forking beside threads, Python's and JAX's: they rest
            warnings.simplefilter("ignore", kind)
        runner.start()
    there.close()
    runs: list[Run] = []
    end = "stopped"
    try:
        while not isinstance(said := here.recv(), str):
            runs.append(said)
            if said.value <= enough:
                said = "done"
                break
        end = said
    except EOFError:  # the system ended it: it has had its seconds
        pass
    finally:
        runner.kill()
        runner.join()
        runner.close()
        here.close()
    return runs, end


def _run(pipe: Any, problem: Problem, fit: Fit, repeats: int, patience: float, cold: bool) -> None:
    """What the process of a contestant does: tell of each run, and how it ended."""
    try:
        if not cold:
            _allow(patience + _COMPILING)
            _timed(fit, _TOLERANCES[0])  # the first call compiles and loads
        _allow(patience)
        for tol in _TOLERANCES:
            coef, seconds = _timed(fit, tol)
            samples = [seconds]
            while len(samples) < repeats and seconds < _LONG:
                samples.append(_timed(fit, tol)[1])
            value, violation = problem.judge(np.asarray(coef))
            pipe.send(Run(statistics.median(samples), value, violation))
        pipe.send("done")
    except Exception as error:  # a contestant's failure is a result
        pipe.send(f"{type(error).__name__}: {str(error).strip().splitlines()[0][:80] if str(error).strip() else ''}")


def _allow(seconds: float) -> None:
    """Have the system end this process after so many more CPU seconds."""
    import resource

    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (int(_spent() + seconds) + 1, hard))


def _timed(fit: Callable[[float], Array], tol: float) -> tuple[Array, float]:
    start = _spent()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        coef = fit(tol)
    return coef, _spent() - start


def _spent() -> float:
    """CPU seconds of this process; `time.process_time` moves in steps of 4 ms where a limit is set."""
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _first(runs: list[Run], best: float, level: float) -> float | None:
    reached = [run.seconds for run in runs if run.value - best <= level * abs(best)]
    return min(reached) if reached else None


if __name__ == "__main__":
    answer(measure)
