"""Penalties that compare coefficients with each other: by size (SLOPE), or with their neighbours (total variation)."""

from __future__ import annotations

from typing import Any

import numpy as np

from losskit.domains import Nonnegative, Probability
from losskit.penalties.base import Array, Penalty


class SLOPE(Penalty):
    """alpha sum_i k_i |coef|_(i), the largest size first: sorted l1; DOI 10.1214/15-AOAS842.

    k_i = z(1 - i q / (2 p)) / z(1 - q / (2 p)) for p coefficients, z the normal quantile: Benjamini-Hochberg levels
    for a false discovery rate of q, the first scaled to 1.
    """

    alpha: Nonnegative = 1.0
    q: Probability = 0.1

    separable = False

    def _levels(self, size: int) -> Array:
        from scipy.special import ndtri

        levels = -ndtri(np.arange(1, size + 1) * (self.q / (2 * size)))
        return levels / levels[0]

    def value(self, coef: Array) -> float:
        return self.alpha * float(np.sort(np.abs(coef))[::-1] @ self._levels(coef.size))

    def prox(self, coef: Array, step: Any = 1.0) -> Array:
        from scipy.optimize import isotonic_regression

        order = np.argsort(-np.abs(coef), kind="stable")
        shifted = np.abs(coef)[order] - step * self.alpha * self._levels(coef.size)
        out = np.empty_like(coef)
        out[order] = np.maximum(isotonic_regression(shifted, increasing=False).x, 0.0)
        return np.copysign(out, coef)

    def alpha_max(self, gradient: Array) -> float:
        sums = np.cumsum(np.sort(np.abs(gradient))[::-1])
        return float(np.max(sums / np.cumsum(self._levels(gradient.size)), initial=0.0))


class TotalVariation(Penalty):
    """alpha sum_j |coef_(j+1) - coef_j|: the fused lasso of coefficients in the order of the columns.

    DOI 10.1016/0167-2789(92)90242-F. Its proximal step is the taut string's (Davies and Kovac 2001,
    DOI 10.1214/aos/996986501).
    """

    alpha: Nonnegative = 1.0

    separable = False

    def value(self, coef: Array) -> float:
        return self.alpha * float(np.abs(np.diff(coef)).sum())

    def prox(self, coef: Array, step: Any = 1.0) -> Array:
        return taut_string(coef, step * self.alpha)

    def alpha_max(self, gradient: Array) -> float:
        """The least alpha that keeps all coefficients equal, given the gradient at the best equal ones."""
        return float(np.abs(np.cumsum(gradient - gradient.mean())).max(initial=0.0))


def taut_string(x: Array, radius: float) -> Array:
    """The c that minimises sum((c - x)^2) / 2 + radius sum |c_(j+1) - c_j|.

    Its running sum is the shortest path from (0, 0) to (n, sum x) within `radius` of the running sum of x: the greatest
    convex minorant of the upper rim and the least concave majorant of the lower one, followed until they cross.
    """
    n = x.size
    if n < 2 or radius == 0.0:
        return x.copy()
    total = np.concatenate([[0.0], np.cumsum(x)])
    above, below = total + radius, total - radius
    above[n] = below[n] = total[n]
    out = np.empty(n)
    at, height = 0, 0.0
    upper, lower = [(0, 0.0)], [(0, 0.0)]  # the hulls' corners from the string's last knot
    for j in range(1, n + 1):
        _extend(upper, (j, above[j]), 1.0)
        _extend(lower, (j, below[j]), -1.0)
        while _steep(lower) > _steep(upper):  # the rims' hulls cross: the string bends at the nearer one's corner
            side = upper if len(upper) > 1 and upper[1][0] < lower[1][0] else lower
            knot = side[1]
            out[at : knot[0]] = (knot[1] - height) / (knot[0] - at)
            at, height = knot
            upper, lower = _restart(above, at, height, j, 1.0), _restart(below, at, height, j, -1.0)
    if at < n:
        out[at:] = (total[n] - height) / (n - at)
    return out


def _steep(hull: list[tuple[int, float]]) -> float:
    if len(hull) < 2:
        return 0.0
    return (hull[1][1] - hull[0][1]) / (hull[1][0] - hull[0][0])


def _extend(hull: list[tuple[int, float]], point: tuple[int, float], side: float) -> None:
    """Add a corner; drop those that a convex (side 1) or concave (side -1) path does not touch."""
    while len(hull) > 1:
        (x0, y0), (x1, y1) = hull[-2:]
        if side * ((y1 - y0) * (point[0] - x1) - (point[1] - y1) * (x1 - x0)) < 0:
            break
        hull.pop()
    hull.append(point)


def _restart(rim: Array, at: int, height: float, to: int, side: float) -> list[tuple[int, float]]:
    hull = [(at, height)]
    for j in range(at + 1, to + 1):
        _extend(hull, (j, float(rim[j])), side)
    return hull
