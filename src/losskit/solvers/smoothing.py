"""Smoothing with recentring, for losses of straight pieces (see `duality`), to a certified duality gap.

The kink of L_i(r) = max over d in [low, high] of d r is rounded by charging for the distance to a centre c:

    M_i(r) = max over d in [low, high] of  d r - mu/2 (d - c_i)^2,   M_i' = d = clip(c_i + r / mu, low, high),

a quadratic inside a band about the kink, straight outside. A flat piece of half-width h about 0 charges h |d| too,
and d is drawn towards 0 by h/mu before it is clipped. Newton solves each smoothed problem: its Hessian needs only
the rows in the band, and its line search only stored scores. At its minimum X'(o d) + penalty' = 0, so d solves the
dual's constraints. With c moved to that d and mu decreased, the next problem is the proximal point method on the dual,
which ends exactly at a vertex after finitely many rounds instead of needing mu = 0. The first rounds, whose centres
are poor, are solved roughly. Where a few rows alone keep a fit from being exact, one may take hundreds of steps.
"""

from __future__ import annotations

import numpy as np

from losskit.constants import weighted_quantile
from losskit.data.memory import refuse_beyond
from losskit.kernels.loops import loop
from losskit.objectives.linear import Array, Objective
from losskit.objectives.straight import Slopes
from losskit.penalties import L2, NoPenalty
from losskit.solvers.control import Control, Outcome
from losskit.solvers.duality import relative_gap, row_shares
from losskit.solvers.newton import direction

_ROUND = 40  # Newton steps between two looks at the gap
_ROUGH = 1e-6  # of the slopes' range: a larger gradient is no rounding, and the problem is not solved
_SHRINK = 0.2
_NEAR, _NEARER = 1e-2, 1e-2  # how well the first smoothed problem is solved, and each next one against it
_AT_ONCE = 4  # columns that the loop takes at once: as in kernels/loops/smoothed_newton.py
_FEW, _SMALL = 64, 1 << 20  # columns and numbers up to which a plain loop is faster than calls of NumPy, one by one
_HELD = 4  # Hessians at a time
_FLAT = 0.1  # of the first slope along a step is near enough to 0


def solve(objective: Objective, start: Array | None, control: Control) -> Outcome:
    """Minimise an objective whose loss has straight pieces, from `start` (in standard units)."""
    slopes = objective.slopes
    assert slopes is not None, "choose.py lets no other loss come here"
    problem = _Smoothed(objective, slopes, start)
    best, best_value, certificate = problem.theta, problem.value(), np.inf
    reason = control.stop(best_value, certificate)
    stalled = 0
    while reason is None:
        problem.minimise()
        value, gap = problem.value(), relative_gap(objective, problem.theta, problem.d, slopes, problem.r)
        solved, better = problem.is_solved(), value < best_value
        if better:
            best, best_value = problem.theta.copy(), value
        stalled = 0 if gap < 0.5 * certificate or (better and not solved) else stalled + 1
        certificate = min(certificate, gap)
        reason = control.stop(best_value, certificate) or ("no progress" if stalled > 8 else None)
        if solved:
            problem.recentre()
    return Outcome(best, best_value, certificate, "gap", reason)


class _Smoothed:
    """The smoothed problem: its point `theta`, its residuals f - y there, its centre and width."""

    def __init__(self, objective: Objective, slopes: Slopes, start: Array | None) -> None:
        self.objective, self.slopes = objective, slopes
        self.design, self.share = objective.design, row_shares(objective)
        q = self.design.size
        refuse_beyond(
            8.0 * _HELD * q**2, f"the Hessians of {objective.loss!r} with {q} columns",
            f'take a smooth loss such as Smoothed({objective.loss!r}, width=0.01), which solver="lbfgs" fits, or fewer '
            "columns",
        )  # fmt: skip
        self.ridge = np.diag(objective.ridge())
        self.small = self._small()
        self.theta = self._first() if start is None else start.copy()
        self.r = self._residuals()
        self.c = np.zeros(self.design.rows)
        self.steep = float(np.max(slopes.high - slopes.low))
        self.mu = max(self._typical(), 1e-12 * self._reach()) / self.steep
        self.d = self._slope(self.r)
        self.near = _NEAR

    def _small(self) -> Array | None:
        """All rows in standard units, if they are so few that steps are better made by one loop."""
        rows, q = self.design.rows, self.design.size
        plain = not self.design.sparse and not self.slopes.dead and type(self.objective.penalty) in (NoPenalty, L2)
        if not plain or q > _FEW or rows * q > _SMALL:
            return None
        return self.design.take(slice(None), -(-q // _AT_ONCE) * _AT_ONCE)

    def _first(self) -> Array:
        """Least squares, penalised alike."""
        start, y = self.objective.null, self.objective.y
        if self.small is None:
            r = self.design.scores(start) - y
            return start + direction(self.design.gram(self.share) + self.ridge, self.design.adjoint(self.share * r))[0]
        X = self.small[:, : start.size]
        weighted = self.share[:, None] * X
        return start + direction(weighted.T @ X + self.ridge, weighted.T @ (X @ start - y))[0]

    def _residuals(self) -> Array:
        theta = self.theta
        f = self.design.scores(theta) if self.small is None else self.small[:, : theta.size] @ theta
        return f - self.objective.y

    def _typical(self) -> float:
        """The median size of residuals."""
        size, w = np.abs(self.r), self.objective.weights
        return float(np.median(size)) if w is None else weighted_quantile(size, 0.5, w)

    def _reach(self) -> float:
        return float(np.max(np.abs(self.objective.y), initial=0.0)) + 1.0

    def _slope(self, r: Array) -> Array:
        d = self.c + r / self.mu
        if self.slopes.dead:
            d = np.sign(d) * np.maximum(np.abs(d) - self.slopes.dead / self.mu, 0.0)
        return np.clip(d, self.slopes.low, self.slopes.high)

    def value(self) -> float:
        """The objective itself, unsmoothed."""
        coef = self.theta[: self.design.columns] / self.design.scale
        return float(self.share @ self.slopes.cost(self.r)) + self.objective.penalty.value(coef)

    def minimise(self) -> None:
        """Newton's method on the smoothed problem; residuals are then made again, free of what rounding added."""
        if self.small is None or not self._minimise_small():
            self._minimise_large()
        self.r = self._residuals()

    def _minimise_large(self) -> None:
        for _ in range(_ROUND):
            gradient = self._gradient()
            if np.abs(gradient).max() <= self.near * self.steep:
                break
            step, _ = direction(self._hessian(), gradient)
            slope = float(gradient @ step)
            if not slope < 0:
                break
            df = self.design.scores(step)
            t = self._exact_step(df, step, slope)
            self.theta = self.theta + t * step
            self.r = self.r + t * df
            self.d = self._slope(self.r)

    def _minimise_small(self) -> bool:
        """The same by a loop; False if it met a Hessian of zeros, of which `direction` makes more."""
        assert self.small is not None
        parts = self.r, self.d, self.c, self.share, self.slopes.low, self.slopes.high, self.r
        rows, theta, state, width = np.array(parts), self.theta.copy(), np.array([self.mu, 0.0]), self.small.shape[1]
        room = rows, theta, self.ridge.diagonal().copy(), np.zeros(width * (width + 3)), state, None
        loop("smoothed_newton")(self.small, *room, self.near * self.steep, len(self.r), theta.size, _ROUND)
        self.theta, self.r, self.d = theta, rows[0], rows[1]
        return not state[1]

    def is_solved(self) -> bool:
        """Whether the steps sufficed: a narrower band about a point that is not the minimum leads nowhere."""
        return bool(np.abs(self._gradient()).max() <= max(self.near, _ROUGH) * self.steep)

    def recentre(self) -> None:
        """Take the slopes reached as the new centre, and narrow the band."""
        self.c = self.d
        self.mu *= _SHRINK
        self.near = max(self.near * _NEARER, 1e-13)
        self.d = self._slope(self.r)

    def _gradient(self) -> Array:
        p, scale = self.design.columns, self.design.scale
        gradient = self.design.adjoint(self.share * self.d)
        gradient[:p] += self.objective.penalty.gradient(self.theta[:p] / scale) / scale
        return gradient

    def _hessian(self) -> Array:
        curved = (self.d > self.slopes.low) & (self.d < self.slopes.high)
        band = np.flatnonzero(curved & (self.d != 0.0) if self.slopes.dead else curved)
        if 4 * band.size > self.design.rows:
            curvature = np.zeros(self.design.rows)
            curvature[band] = self.share[band] / self.mu
            return self.design.gram(curvature) + self.ridge
        X = self.design.take(band)
        return X.T @ ((self.share[band] / self.mu)[:, None] * X) + self.ridge

    def _exact_step(self, df: Array, step: Array, slope: float) -> float:
        """Where the slope along the step, which never falls, comes near 0: by the secant rule inside a bracket."""
        p, scale = self.design.columns, self.design.scale
        coef, move = self.theta[:p] / scale, step[:p] / scale
        weighted = self.share * df

        def slope_at(t: float) -> float:
            of_penalty = self.objective.penalty.gradient(coef + t * move) @ move
            return float(self._slope(self.r + t * df) @ weighted + of_penalty)

        low, high, at_low, at_high, t = 0.0, np.inf, slope, np.nan, 1.0
        for _ in range(60):
            s = slope_at(t)
            if abs(s) <= _FLAT * abs(slope):
                return t
            if s < 0:
                low, at_low = t, s
            else:
                high, at_high = t, s
            if np.isinf(high):
                t *= 4
            else:
                cut = low - at_low * (high - low) / (at_high - at_low)
                t = min(max(cut, low + 0.1 * (high - low)), high - 0.1 * (high - low))
        return low or t
