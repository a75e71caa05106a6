"""1/2 x'Hx + c'x with a lasso, a ridge and bounds on x: what Newton's method meets where a penalty has kinks.

Coordinate descent finds which coordinates are free, that is neither at their kink nor at a bound; those solve a linear
system. Should that carry one across its kink or bound, it stops there and is free no longer. Each step goes down, and
the last is exact.
"""

from __future__ import annotations

import numpy as np

from losskit.kernels.loops import loop
from losskit.objectives.linear import Array
from losskit.penalties import Pieces

_PASSES = 20  # of coordinate descent between two linear systems
_ROUNDS = 200
_SINGULAR = 1e-12  # a pivot this small is rounding
_STOPS = 2  # coordinates that may be stopped in one linear solve after another: descent stops many at once


def solve_quadratic(H: Array, q: Array, x: Array, pieces: Pieces, tol: float) -> tuple[Array, Array, float]:
    """Minimise from `x`, where q = Hx + c is the slope, until no slope would change by more than `tol`.

    Returns
    -------
    x, q, left : the minimum, the slope there, and the largest change of the last full pass
    """
    x, q = x.copy(), q.copy()
    bounds, state = np.concatenate([pieces.low, pieces.high]), np.zeros(2)
    l1, l2 = np.ascontiguousarray(pieces.l1), np.ascontiguousarray(pieces.l2)
    descend = loop("quadratic_descent")
    for _ in range(_ROUNDS):
        descend(H, q, x, l1, l2, bounds, state, tol, x.size, _PASSES, 0)
        if state[1] <= tol:
            break
        _solve_free(H, q, x, Pieces(l1, l2, pieces.low, pieces.high))
    return x, q, float(state[1])


def _solve_free(H: Array, q: Array, x: Array, pieces: Pieces) -> None:
    """Newton steps of the free coordinates, in place, to the first kink or bound in their way."""
    from scipy.linalg import lapack

    for _ in range(_STOPS):
        l1, l2, low, high = pieces
        free = np.flatnonzero(((x != 0.0) | (l1 == 0.0)) & (x > low) & (x < high))
        if not free.size:
            return
        slope = q[free] + l1[free] * np.sign(x[free]) + l2[free] * x[free]
        rows = H[free]
        system = rows[:, free]
        system[np.diag_indices_from(system)] += l2[free]
        unit = np.sqrt(np.maximum(system.diagonal(), 1e-300))
        system /= unit
        system /= unit[:, None]
        factor, failed = lapack.dpotrf(system, lower=1)
        if failed or factor.diagonal().min() ** 2 < _SINGULAR:
            system[np.diag_indices_from(system)] += 100 * _SINGULAR  # far along what is flat, to the next stop
            factor, failed = lapack.dpotrf(system, lower=1)
            if failed:
                return
        step = -lapack.dpotrs(factor, slope / unit, lower=1)[0] / unit
        stop, at = _first_stop(x[free], step, l1[free], low[free], high[free])
        new = x[free] + min(stop, 1.0) * step
        if stop < 1.0:
            new[at] = _where(x[free][at], step[at], l1[free][at], low[free][at], high[free][at])
        q += rows.T @ (new - x[free])
        x[free] = new
        if stop >= 1.0:
            return


def _first_stop(x: Array, step: Array, l1: Array, low: Array, high: Array) -> tuple[float, int]:
    """The share of `step` at which a coordinate first meets its kink or a bound, and which one."""
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(step > 0, (high - x) / step, np.where(step < 0, (low - x) / step, np.inf))
        across = (l1 > 0) & (x * step < 0)
        shares = np.minimum(shares, np.where(across, -x / step, np.inf))
    at = int(np.argmin(shares))
    return float(shares[at]), at


def _where(x: float, step: float, l1: float, low: float, high: float) -> float:
    """The kink or bound that a coordinate meets."""
    if l1 > 0 and x * step < 0 and low <= 0.0 <= high:
        return 0.0
    return high if step > 0 else low
