"""Losses of two straight pieces over a stream: the rows near the kink decide, all others count by their sum.

A row whose residual keeps its sign pulls with one slope, whatever the coefficients. So the rows far from the kink of
the fit so far are added up, by side, to one row each of their mean and weight, and those near it are kept: Portnoy and
Koenker (1997), doi:10.1214/ss/1030037960. The loss of a mean is at most the mean of losses, so the problem that is left
lies below the whole one everywhere, and on it near the fit: its minimum is a lower bound, its step goes down, and one
pass tells the whole objective at 1, 1/2, 1/4 ... of that step. Where no sign was wrong the gap is 0 but for rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from losskit.data.coded import Coded, stacked
from losskit.data.memory import free_bytes
from losskit.data.streams import Batch
from losskit.errors import DataError
from losskit.objectives.linear import Array, Objective
from losskit.objectives.streamed import STEPS
from losskit.solvers import smoothing
from losskit.solvers.control import Control, Outcome

_KEPT_BYTES, _LEAST = 1 << 27, 1 << 14  # of rows near the kink
_SHARE = 0.1  # of free memory at most
_ROUGH, _EXACT = 1e-6, 1e-13  # gaps of the sample's fit, and of the problems that are left


def solve(objective: Any, start: Array | None, control: Control) -> Outcome:
    """Minimise an objective over a stream from `start` (in standard units), or from the sample's solution."""
    if start is None:
        start = smoothing.solve(objective.sample, None, Control(_ROUGH, 60)).theta
    theta, bound, gap, tried = start, -np.inf, np.inf, 0
    near, values = _passed(objective, theta, np.zeros_like(theta), (1.0,))
    value = values[1.0]
    while True:
        if (reason := control.stop(value, gap)) is not None or tried > 3:
            return Outcome(theta, value, gap, "gap", reason or "no progress")
        few = near.objective(objective)
        found = smoothing.solve(few, few.from_user(*objective.to_user(theta)), Control(_EXACT, 60))
        bound = max(bound, found.value - found.certificate * max(found.value, 1e-5 * few.null_value))
        goal = objective.from_user(*few.to_user(found.theta))
        ahead, values = _passed(objective, theta, goal - theta, STEPS)
        t = min(values, key=values.__getitem__)
        tried = 0 if values[t] < value - 1e-13 * abs(value) else tried + 1
        if values[t] <= value:
            theta, value = theta + t * (goal - theta), values[t]
            near = ahead if t == 1.0 else _passed(objective, theta, np.zeros_like(theta), (1.0,))[0]
        size = max(value, 1e-5 * objective.null_value, 1e-300)
        gap = min(gap, max(value - bound, 0.0) / size)


def _passed(objective: Any, theta: Array, step: Array, steps: tuple[float, ...]) -> tuple[_Near, dict[float, float]]:
    """What is near the kink at theta + step, and the objective at theta and shares of the step, in one pass."""
    near, sums = _Near(objective, theta + step), dict.fromkeys(steps, 0.0)
    weight = 0.0

    def show(batch: Batch, part: Any) -> None:
        nonlocal weight
        f, df = part.scores(theta), part.moves(step) if step.any() else 0.0
        for t in steps:
            sums[t] += part.loss(part.y, f + t * df, part.weights, "sum")
        near.add(batch.X, part.y, f + df, part.weights)
        weight += part.total

    objective.visit(show)
    objective.total = weight
    p, scale = objective.design.columns, objective.design.scale
    penalty = objective.penalty
    return near, {t: float(s) / weight + penalty.value((theta + t * step)[:p] / scale) for t, s in sums.items()}


@dataclass
class _Side:
    """Rows added up: their weight, and the weighted sums of their x and y."""

    weight: float
    x: Array
    y: float


class _Near:
    """Rows near the kink of the scores at a point, and the sums of those that are not."""

    def __init__(self, objective: Any, theta: Array) -> None:
        sample = objective.sample
        self.margin = sample.loss.variables == ("m",)
        bytes_ = min(_KEPT_BYTES, _SHARE * free_bytes())
        self.most = max(_LEAST, int(bytes_ / (8 * (objective.design.columns + 2))))
        distance = np.abs(sample.scores(theta) - sample.y)
        share = self.most / max(objective.stream.rows or 1, 1)
        self.band = float(np.quantile(distance, share)) if share < 1 else np.inf
        self.rows: list[tuple[Any, Array, Array]] = []
        self.sides: dict[tuple[bool, bool], _Side] = {}

    def add(self, X: Any, y: Array, f: Array, w: Array | None) -> None:
        """Keep the rows within the band, and add up the others."""
        w = np.ones(len(y)) if w is None else w
        self._sort(X, y, f - y, w)
        if sum(len(held[1]) for held in self.rows) > 2 * self.most:
            self._narrow()

    def _sort(self, X: Any, y: Array, r: Array, w: Array) -> None:
        near = np.abs(r) <= self.band
        if near.any():
            self.rows.append((X[near], np.column_stack([y[near], r[near]]), w[near]))
        for above in (False, True):
            for kind in (False, True) if self.margin else (False,):
                here = ~near & ((r > 0) == above) & ((y > 0) == kind if self.margin else True)
                if here.any():
                    share = np.where(here, w, 0.0)
                    side = self.sides.setdefault((above, kind), _Side(0.0, np.zeros(X.shape[1]), 0.0))
                    side.weight, side.x = side.weight + share.sum(), side.x + X.T @ share
                    side.y += float(share @ y)

    def _narrow(self) -> None:
        X, yr, w = self._held()
        band = float(np.quantile(np.abs(yr[:, 1]), 0.5))
        if not band < self.band or (np.abs(yr[:, 1]) <= band).mean() > 0.75:
            raise DataError(
                f"more than {self.most} rows lie exactly on the fit, each with its part in it; merge rows that are "
                "alike into one of their weight, or fit a sample of the rows in memory"
            )
        self.band, self.rows = band, []
        self._sort(X, yr[:, 0], yr[:, 1], w)

    def _held(self) -> tuple[Any, Array, Array]:
        parts = [held[0] for held in self.rows]
        X = stacked(parts) if isinstance(parts[0], Coded) else np.concatenate(parts)
        return X, np.concatenate([held[1] for held in self.rows]), np.concatenate([held[2] for held in self.rows])

    def objective(self, whole: Any) -> Objective:
        """The objective of the rows kept and of the sums of the others, each side as one row."""
        means = np.array([side.x / side.weight for side in self.sides.values()])
        ends = np.array([side.y / side.weight for side in self.sides.values()])
        weights = np.array([side.weight for side in self.sides.values()])
        if not self.rows:
            X, y, w = means, ends, weights
        else:
            X, yr, w = self._held()
            y = yr[:, 0]
            if len(means):
                X, y, w = _joined(X, means), np.append(y, ends), np.append(w, weights)
        X = np.ascontiguousarray(X) if isinstance(X, np.ndarray) else X
        few = Objective(whole.loss, whole.penalty, X, np.ascontiguousarray(y), w, whole.design.intercept)
        few.base += whole.base
        return few


def _joined(X: Any, means: Array) -> Any:
    """Rows, and such as are no rows: of codes as a sparse matrix."""
    if not isinstance(X, Coded):
        return np.concatenate([X, means])
    from scipy.sparse import csr_array, vstack

    return vstack([X.tocsr(), csr_array(means)]).tocsr()
