"""Losses of straight pieces about f = y, their dual problem, and the gap that certifies a solution.

AbsoluteError, Quantile and Hinge (where y is -1 or +1, the kink m = 1 is f = y) are

    L_i(f) = max over d in [low_i, high_i] of d (f - y_i),    low_i <= 0 <= high_i.

With o = w / sum(w), exchanging min and max bounds the objective from below: for every d in the box,

    min over coef, b of  sum o (d (f - y)) + penalty(coef)  =  -sum(o d y) - conjugate(-X'(o d)),

if the intercept's sum(o d) is 0; without a penalty X'(o d) must be 0 too, else the bound is -inf. A candidate d (the
slopes of a smoothed loss) is made feasible first. Under a penalty: the larger of its positive and its negative part
is shrunk until they cancel. Without: the least change of the rows inside the box that makes X'(o d) = 0, then all of d
is shrunk into the box. Shrinking towards 0 never leaves the box or the null space, so what is left is a true bound.
A flat piece of half-width h between the two (EpsilonInsensitive) takes h |d| from the line of slope d.
The gap is then a sum of o (L(r) - d r) >= 0 over rows, and penalty(coef) + conjugate(-u) + u coef >= 0, u = X'(o d).
"""

from __future__ import annotations

import numpy as np

from losskit.objectives.linear import Array, Objective
from losskit.objectives.straight import Slopes

_NOTHING = 1e-12  # of the value


def relative_gap(objective: Objective, theta: Array, d: Array, slopes: Slopes, r: Array | None = None) -> float:
    """(value at theta - lower bound) / value, the bound made from the candidate `d`: a certificate of suboptimality.

    A value below 1e-5 of the null model's counts as that much: a perfect fit is 0 but for rounding.

    `r` are the residuals there, if they are known. Written as a sum of terms that are all >= 0, so that it is exact to
    rounding even where it is tiny.
    """
    share, design = row_shares(objective), objective.design
    r = design.scores(theta) - objective.y if r is None else r
    d = np.clip(d, slopes.low, slopes.high)
    coef = theta[: design.columns] / design.scale
    rows = slopes.cost(r)
    charge = objective.penalty.value(coef)
    value = charge + float(share @ rows)
    size = max(value, 1e-5 * objective.null_value, 1e-300)
    gap = np.inf
    if objective.penalty.strong > 0:
        even = _balanced(d, share) if design.intercept else d
        pull = design.adjoint(share * even)[: design.columns] * design.scale
        gap = charge + objective.penalty.conjugate(-pull) + float(pull @ coef)
        gap += float(share @ (rows - slopes.bound(even, r)))
    if not objective.penalty.strong > 0 or charge <= _NOTHING * size < gap:  # without it the minimum is no higher
        d = _projected(objective, d, share, slopes)
        gap = min(gap, charge + float(share @ (rows - slopes.bound(d, r))))
    return max(gap, 0.0) / size


def row_shares(objective: Objective) -> Array:
    """w / sum(w)."""
    if objective.weights is None:
        return np.full(objective.design.rows, 1 / objective.total)
    return objective.weights / objective.total


def _balanced(d: Array, share: Array) -> Array:
    """`d` with sum(share d) = 0."""
    parts = share * d
    up, down = parts[parts > 0].sum(), -parts[parts < 0].sum()
    if up > down:
        return np.where(d > 0, d * (down / up), d)
    return np.where(d < 0, d * (up / down), d) if down > 0 else d


def _projected(objective: Objective, d: Array, share: Array, slopes: Slopes) -> Array:
    """`d` with X'(share d) = 0, inside the box."""
    design = objective.design
    width = slopes.high - slopes.low
    inside = (d > slopes.low + 1e-9 * width) & (d < slopes.high - 1e-9 * width)
    for rows in (np.flatnonzero(inside), np.arange(design.rows)):
        X, o = design.take(rows), share[rows]
        K = X.T @ (o[:, None] * X)
        candidate = d.copy()
        for _ in range(2):  # the second time removes the rounding of the first
            candidate[rows] -= X @ np.linalg.lstsq(K, design.adjoint(share * candidate), rcond=1e-13)[0]
        ends = np.where(candidate > 0, slopes.high, slopes.low)
        with np.errstate(divide="ignore", invalid="ignore"):
            over = np.where(candidate == 0, 0.0, candidate / ends)
        if over.max() < 1.1 and np.abs(design.adjoint(share * candidate)).max() <= 1e-13 * width.max():
            return candidate / max(1.0, float(over.max()))
    return np.zeros_like(d)
