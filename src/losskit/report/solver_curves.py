"""One problem, every solver that fits it, and their curves on one figure: objective against seconds and iterations."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from losskit.errors import CapabilityError, ConvergenceWarning
from losskit.penalties import Penalty
from losskit.report.plots import COLOURS, DASHES, figure_path, write_figure
from losskit.solvers.choose import METHODS
from losskit.solvers.minimise import TOLERANCE, Solution, minimise

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LEAST = 1e-16  # of the fall from the start: less is rounding


@dataclass(frozen=True, eq=False)
class SolverCurves:
    """What `compare_solvers` found.

    Attributes
    ----------
    solutions : the Solution of each solver that fits the problem, by its name
    seconds : when each point of a solution's `curve` was reached, from the call on
    refused : why each other solver does not fit
    """

    solutions: dict[str, Solution]
    seconds: dict[str, tuple[float, ...]]
    refused: dict[str, str]

    @property
    def best(self) -> float:
        """The least objective that any solver reached."""
        return min(min(found.curve) for found in self.solutions.values())

    def __str__(self) -> str:
        lines = [f"{'solver':20}{'seconds':>9}{'iterations':>12}{'above the best':>16}{'certificate':>13}  stopped by"]
        for name, found in self.solutions.items():
            lines.append(
                f"{name:20}{self.seconds[name][-1]:9.3f}{found.iterations:12}{found.value - self.best:16.1e}"
                f"{found.certificate:13.1e}  {found.reason}"
            )
        return "\n".join(lines)

    def plot(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """How far each solver is above the best, against seconds and against iterations; written to `path` if given.

        Raises
        ------
        DataError
            If the path's ending is not known or its folder cannot be written.
        """
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        target = None if path is None else figure_path(path)
        figure = Figure(figsize=(11, 4.2), dpi=120, layout="constrained")
        FigureCanvasAgg(figure)
        panels = figure.subplots(1, 2, sharey=True)
        start = max(max(found.curve) for found in self.solutions.values()) - self.best or 1.0
        for number, (name, found) in enumerate(self.solutions.items()):
            above = np.maximum((np.array(found.curve) - self.best) / start, _LEAST)
            style = {
                "label": name, "linewidth": 1.8, "color": COLOURS[number % len(COLOURS)], "marker": "o",
                "linestyle": DASHES[number % len(DASHES)], "markersize": 3,
            }  # fmt: skip
            panels[0].plot(self.seconds[name], above, **style)
            panels[1].plot(np.arange(len(above)), above, **style)
        for panel, label in zip(panels, ("seconds", "iterations"), strict=True):
            panel.set(xlabel=label, yscale="log", xscale="symlog" if label == "iterations" else "linear")
            panel.grid(alpha=0.25)
        panels[0].set_ylabel("objective above the best, as a share of the worst")
        panels[1].legend(frameon=False, fontsize=9)
        if target is not None:
            write_figure(figure, target)
        return figure


def compare_solvers(
    loss: Any,
    X: Any,
    y: Any,
    penalty: Penalty | None = None,
    solvers: Sequence[str] | None = None,
    sample_weight: Any = None,
    fit_intercept: bool = True,
    tol: float = TOLERANCE,
    time_limit: float = 5.0,
) -> SolverCurves:
    """Minimise one objective by several solvers, and keep their curves.

    Parameters
    ----------
    loss, X, y, penalty, sample_weight, fit_intercept, tol
        As for `minimise`.
    solvers : sequence of str, optional
        All that fit the problem by default.
    time_limit : float
        Seconds for each.

    Returns
    -------
    SolverCurves
        Prints as a table; its `plot(path)` is the figure.

    Raises
    ------
    CapabilityError
        If no solver fits, with the reason of each.
    """
    solutions: dict[str, Solution] = {}
    seconds: dict[str, tuple[float, ...]] = {}
    refused: dict[str, str] = {}
    for name in METHODS if solvers is None else solvers:
        times: list[float] = []
        begin = time.perf_counter()

        def note(*_: Any, times: list[float] = times, begin: float = begin) -> None:
            times.append(time.perf_counter() - begin)

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # the table says why each stopped
                solutions[name] = minimise(
                    loss, penalty, X, y, sample_weight, fit_intercept, name, tol, time_limit=time_limit, callback=note
                )
            seconds[name] = tuple(times)
        except CapabilityError as error:
            refused[name] = str(error)
    if not solutions:
        reasons = "; ".join(refused.values())
        raise CapabilityError(f"no solver fits {loss!r} with {penalty!r}: {reasons}")
    return SolverCurves(solutions, seconds, refused)
