"""Gradient descent and Newton's method with three losses, and their curves in one figure.

usage: python d14_descent_curves.py [FIGURE.png]
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

from losskit import AbsoluteError, Huber, SquaredError
from losskit.solvers.minimise import Solution, minimise

TRUE = np.array([1.5, -2.0, 0.5, 3.0, -1.0])


def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.RandomState(42)
    X = rng.randn(100, 5)
    return X, X @ TRUE + 0.5 * rng.randn(100)


def runs() -> dict[str, Solution]:
    """Each method's answer, by its label in the figure."""
    X, y = data()
    descent = {"fit_intercept": False, "solver": "gradient_descent"}
    return {
        "gradient descent, squared": minimise(SquaredError(), None, X, y, **descent),
        "gradient descent, absolute": minimise(AbsoluteError(), None, X, y, tol=1e-4, **descent),
        "gradient descent, Huber": minimise(Huber(), None, X, y, **descent),
        "Newton, squared": minimise(SquaredError(), None, X, y, fit_intercept=False, solver="newton"),
    }


def draw(solutions: dict[str, Solution], path: Path) -> None:
    """How far each curve is above its lowest point, iteration by iteration."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for label, solution in solutions.items():
        curve = np.array(solution.curve)
        axes.plot(curve / curve.min() - 1 + 1e-16, label=label, marker="o" if len(curve) < 5 else None)
    axes.set(xscale="symlog", yscale="log", xlabel="iteration", ylabel="objective above its lowest, relative")
    axes.legend()
    figure.savefig(path)


def main(path: str | None = None) -> dict[str, Solution]:
    solutions = runs()
    draw(solutions, Path(path or Path(tempfile.mkdtemp()) / "curves.png"))
    return solutions


if __name__ == "__main__":
    target = sys.argv[1] if len(sys.argv) > 1 else str(Path(tempfile.mkdtemp()) / "curves.png")
    for label, solution in main(target).items():
        print(f"{label:27}{solution.iterations:5} iterations, objective {solution.value:.9f}, {solution.coef.round(3)}")
    print(f"curves: {target}")
