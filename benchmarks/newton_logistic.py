"""L2-logistic regression on many rows: losskit's Newton against scikit-learn's lbfgs and newton-cholesky.

One process, one data set, threads left alike to all (each uses every core it can). All objectives are judged by one
NumPy float64 function; each solver runs at the loosest tolerance that reaches a relative suboptimality of 1e-9.

usage: python benchmarks/newton_logistic.py [--rows N] [--columns P] [--repeats K] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np
from sklearn.linear_model import LogisticRegression

from losskit import Logistic
from losskit.penalties import L2
from losskit.solvers.minimise import minimise

ALPHA = 1e-4
TARGET = 1e-9
POWERS = [10.0**-k for k in range(2, 11)]

Fit = Callable[[np.ndarray, np.ndarray, float], tuple[np.ndarray, float]]


def data(rows: int, columns: int, seed: int = 0, correlation: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """A design with AR(1) correlated columns and labels drawn from a logistic model."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((rows, columns))
    for j in range(1, columns):
        X[:, j] = correlation * X[:, j - 1] + np.sqrt(1 - correlation**2) * X[:, j]
    score = X @ (rng.standard_normal(columns) / np.sqrt(columns)) - 0.5
    return X, (rng.random(rows) < 1 / (1 + np.exp(-score))).astype(float)


def objective(X: np.ndarray, y: np.ndarray, coef: np.ndarray, intercept: float) -> float:
    """mean(log(1 + e^f) - y f) + ALPHA/2 ||coef||^2."""
    f = X @ coef + intercept
    return float(np.mean(np.logaddexp(0.0, f) - y * f) + ALPHA / 2 * coef @ coef)


def ours(X: np.ndarray, y: np.ndarray, tol: float) -> tuple[np.ndarray, float]:
    solution = minimise(Logistic(), L2(ALPHA), X, y, solver="newton", tol=tol)
    return solution.coef, solution.intercept


def sklearn_with(solver: str) -> Fit:
    def fit(X: np.ndarray, y: np.ndarray, tol: float) -> tuple[np.ndarray, float]:
        model = LogisticRegression(solver=solver, C=1 / (ALPHA * len(y)), tol=tol, max_iter=1000).fit(X, y)
        return model.coef_[0], float(model.intercept_[0])

    return fit


SOLVERS: dict[str, Fit] = {
    "losskit newton": ours,
    "scikit-learn lbfgs": sklearn_with("lbfgs"),
    "scikit-learn newton-cholesky": sklearn_with("newton-cholesky"),
}


def main() -> dict[str, dict[str, float]]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", help="write the results there too")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    X, y = data(options.rows, options.columns)
    start = time.perf_counter()
    best = objective(X, y, *ours(X, y, 1e-13))
    cold = time.perf_counter() - start
    tolerances = {name: loosest(fit, X, y, best) for name, fit in SOLVERS.items()}
    times: dict[str, list[float]] = {name: [] for name in SOLVERS}
    for _ in range(options.repeats):  # in turns, so that a busy moment of the machine hits all
        for name, fit in SOLVERS.items():
            start = time.perf_counter()
            fit(X, y, tolerances[name])
            times[name].append(time.perf_counter() - start)
    reference = statistics.median(times["losskit newton"])
    results = {
        name: {
            "seconds": statistics.median(taken),
            "fastest": min(taken),
            "slowest": max(taken),
            "tolerance": tolerances[name],
            "suboptimality": objective(X, y, *SOLVERS[name](X, y, tolerances[name])) / best - 1,
            "ratio": statistics.median(taken) / reference,
        }
        for name, taken in times.items()
    }
    print(f"L2-logistic, {options.rows} x {options.columns}, to {TARGET:g}; first call with compilation {cold:.1f} s")
    print(f"{'solver':30}{'median s':>9}{'min':>8}{'max':>8}{'subopt.':>10}{'ratio':>7}")
    for name, r in results.items():
        print(
            f"{name:30}{r['seconds']:9.3f}{r['fastest']:8.3f}{r['slowest']:8.3f}{r['suboptimality']:10.1e}{r['ratio']:7.2f}"
        )
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"rows": options.rows, "columns": options.columns, "solvers": results}, file, indent=1)
    return results


def loosest(fit: Fit, X: np.ndarray, y: np.ndarray, best: float) -> float:
    """The loosest tolerance, of 1, 2 and 5 times powers of ten, at which `fit` reaches the target."""

    def reaches(tol: float) -> bool:
        return objective(X, y, *fit(X, y, tol)) <= best * (1 + TARGET)

    power = next((tol for tol in POWERS if reaches(tol)), POWERS[-1])
    return next((tol for tol in (5 * power, 2 * power) if reaches(tol)), power)


if __name__ == "__main__":
    main()
