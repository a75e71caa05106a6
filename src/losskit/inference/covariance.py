"""The covariance of a fit's coefficients: bread^-1 meat bread^-1, the bread the objective's Hessian.

With slopes s_i = L'(y_i, f_i), rows x_i (the intercept's 1 included) and weights w_i that count rows:

    bread        sum(w L'' x x') and the penalty's second derivative
    "HC0"        meat sum(w s^2 x x'): White (1980), doi:10.2307/1912934
    "HC1"        that times n / (n - p)
    "HC2" "HC3"  each s^2 over 1 - h or its square, h the leverage L'' x' bread^-1 x: MacKinnon and White (1985),
                 doi:10.1016/0304-4076(85)90158-7
    "cluster"    meat the sum over groups of the outer products of their sums of w s x, times
                 G / (G - 1) (n - 1) / (n - p): Liang and Zeger (1986), doi:10.1093/biomet/73.1.13
    "model"      bread with E L'' for L'', meat dispersion times the loss's part of it; of losses of the residual
                 E L'' is the mean of L'', and the dispersion Huber's (1973), doi:10.1214/aos/1176342503

Quantiles have no L''. The density of the residuals at 0 stands in its place, of each row by a kernel (Powell 1991) or,
for "model", of all rows alike; the bandwidth is that of Hall and Sheather (1988).

All in the standard units of the objective's design.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from losskit.errors import CapabilityError, DataError
from losskit.inference.goodness import has_known_spread, is_plain, needs_dispersion, pearson
from losskit.losses.binary import Logistic
from losskit.losses.counts import Poisson
from losskit.losses.multiclass import SoftmaxCrossEntropy
from losskit.solvers.duality import two_slopes

Array = np.ndarray
KINDS = ("robust", "model", "HC0", "HC1", "HC2", "HC3", "cluster")
_CANONICAL = (Logistic, Poisson, SoftmaxCrossEntropy)
_ROWS = 8192  # at a time, where rows are looked at one by one
_SINGULAR = 1e-11  # an eigenvalue of the scaled bread, against the largest: rounding
_AT_KINK = 1e-9  # of the residuals' spread: a row this near is fitted exactly


@dataclass(frozen=True, eq=False)
class Spread:
    """Covariance in standard units, the kind it is, what the coefficients count as, and the dispersion if any."""

    covariance: Array
    kind: str
    freedom: float
    dispersion: float | None


class Fit:
    """A fit's rows at its coefficients: slopes and curvatures by row, and sums of products of rows with weights."""

    def __init__(self, objective: Any, theta: Array, counts: Array) -> None:
        self.objective, self.loss, self.design, self.theta = objective, objective.loss, objective.design, theta
        self.scores = objective.scores(theta)
        self.one = self.scores.ndim == 1
        self.counts = counts  # how many rows each row stands for
        self.share = np.ones_like(counts) if objective.weights is None else objective.weights / counts
        self.n = float(counts.sum())
        self.kinked = self.one and self.loss.traits().differentiable is False
        self.penalty = self._penalty()
        self.slopes, self.bread_of_loss = self._quantile() if self.kinked else self._smooth()

    def _penalty(self) -> Array:
        """The penalty's second derivative, in sums over rows: the diagonal."""
        p, q, scale = self.design.columns, self.design.size, self.design.scale
        blocks = self.theta.reshape(-1, q)
        out = np.zeros_like(blocks)
        coef = (blocks[:, :p] / scale).ravel()
        out[:, :p] = self.objective.penalty.hessian_diagonal(coef).reshape(-1, p) / scale**2
        return self.objective.total * out.ravel()

    def _smooth(self) -> tuple[Array, Array]:
        y, f = self.objective.y, self.scores
        if self.one:
            slopes, self.bend = self.loss.gradient_and_hessian(y, f, None, "sum")
        else:  # by the kernels that the fit has compiled
            slopes, self.bend = self.loss.value_and_gradient(y, f, None, "sum")[1], self.loss.hessian(y, f, None, "sum")
        return slopes, self.products(self.bend)

    def _quantile(self) -> tuple[Array, Array]:
        pieces = two_slopes(self.loss, self.objective.y) if self.loss.variables == ("r",) else None
        if pieces is None:
            raise CapabilityError(
                f"{self.loss!r} has kinks and is no quantile's, so its fit has no standard errors by a formula; use a "
                f"smooth loss such as SquaredHinge or Logistic, Smoothed({self.loss!r}, width=0.01), or the bootstrap"
            )
        r = self.scores - self.objective.y
        low, high = float(pieces.low[0]), float(pieces.high[0])
        self.jump, self.square = high - low, -low * high  # the latter the mean square of slopes at the true quantile
        width, self.density = _density(r, self.counts, -low / self.jump)
        at_kink = np.abs(r) <= _AT_KINK * (float(np.abs(r).max(initial=0.0)) + 1e-300)
        slopes = np.where(at_kink, np.sqrt(self.square), np.where(r < 0, low, high))
        self.bend = self.jump * _kernel(r / width) / width
        return slopes, self.products(self.bend)

    def products(self, each: Array) -> Array:
        """sum(w each x x'); `each` (rows,), or (rows, k, k) for k scores a row, and then in blocks."""
        weights = self.share * self.counts
        if self.one:
            return self.design.gram(weights * each)
        return self._blocks(lambda j, i: weights * each[:, j, i])

    def _blocks(self, weights: Callable[[int, int], Array]) -> Array:
        k = self.scores.shape[1]
        return np.block([[self.design.gram(weights(j, i)) for i in range(k)] for j in range(k)])

    def outer(self, divisor: Array | float = 1.0) -> Array:
        """sum(w s s' x x'), each row divided."""
        weights = self.counts * self.share**2 / divisor
        if self.one:
            return self.design.gram(weights * self.slopes**2)
        return self._blocks(lambda j, i: weights * self.slopes[:, j] * self.slopes[:, i])

    def leverages(self, inverse: Array) -> Array:
        """The share that each row has in its own fit; of a row that stands for several, of one of them."""
        out = np.empty(self.design.rows)
        for rows in self._chunks():
            x = self.design.take(rows)
            out[rows] = np.einsum("ij,ij->i", x @ inverse, x)
        return out * self.bend * self.share

    def group_sums(self, groups: Array) -> Array:
        """The sums of w s x by group, a row each."""
        s = (self.counts * self.share)[:, None] * self.slopes.reshape(len(self.slopes), -1)
        out = np.zeros((int(groups.max()) + 1, s.shape[1] * self.design.size))
        for rows in self._chunks():
            x = self.design.take(rows)
            np.add.at(out, groups[rows], (s[rows][:, :, None] * x[:, None, :]).reshape(len(rows), -1))
        return out

    def _chunks(self) -> list[Array]:
        n = self.design.rows
        return [np.arange(a, min(a + _ROWS, n)) for a in range(0, n, _ROWS)]


def spread(fit: Fit, kind: str, groups: Array | None, dispersion: float | str | None, names: list[str]) -> Spread:
    """The covariance of a kind; the module has the formulas."""
    kind = _resolved(fit, kind, groups)
    bread = fit.bread_of_loss + np.diag(fit.penalty)
    free = bool(getattr(fit.objective, "free", False))
    inverse = _inverse(bread, fit, free, names)
    freedom = float(np.sum(inverse * fit.bread_of_loss))
    left = fit.n - freedom
    if not left > 1e-9 * fit.n:  # rounding leaves a little
        raise DataError(
            f"{fit.n:g} rows leave nothing to judge {freedom:g} coefficients by; use more rows, fewer columns, or a "
            "penalty such as L2"
        )
    if kind == "model":
        return _by_model(fit, free, dispersion, freedom, names)
    if kind == "cluster":
        assert groups is not None
        sums = fit.group_sums(groups)
        if len(sums) < 2:
            raise DataError("groups names one group only; a covariance by groups needs two or more")
        meat = sums.T @ sums * (len(sums) / (len(sums) - 1) * (fit.n - 1) / left)
    elif kind in ("HC0", "HC1"):
        meat = fit.outer() * (fit.n / left if kind == "HC1" else 1.0)
    else:
        rest = 1.0 - fit.leverages(inverse)
        if not rest.min() > 1e-12:
            row = int(np.argmin(rest))
            raise DataError(f'row {row} alone decides a coefficient (leverage 1), so {kind} is infinite; use "HC1"')
        meat = fit.outer(rest if kind == "HC2" else rest**2)
    known = None
    if needs_dispersion(fit.loss):
        information = fit.loss.fisher(fit.objective.y, fit.scores, None, "sum")
        known = pearson(fit.loss, fit.slopes, information, fit.counts * fit.share, left)
    return Spread(inverse @ meat @ inverse, kind, freedom, known)


def _resolved(fit: Fit, kind: str, groups: Array | None) -> str:
    if kind == "robust":
        return "cluster" if groups is not None else "HC0" if fit.kinked else "HC3" if fit.one else "HC1"
    if (kind == "cluster") != (groups is not None):
        raise CapabilityError(f'covariance="cluster" and groups= go together; got covariance={kind!r}')
    if kind in ("HC2", "HC3") and (fit.kinked or not fit.one):
        why = "has kinks" if fit.kinked else "predicts several scores a row"
        raise CapabilityError(f'{kind} needs leverages, and {fit.loss!r} {why}; use "HC1"')
    return kind


def _by_model(fit: Fit, free: bool, asked: float | str | None, freedom: float, names: list[str]) -> Spread:
    weights, left = fit.counts * fit.share, fit.n - freedom
    given = float(asked) if isinstance(asked, (int, float)) else None
    if fit.kinked:
        if asked is not None:
            raise CapabilityError(f"{fit.loss!r} has no dispersion: its errors follow from their density at 0")
        information: Any = fit.jump * fit.density * np.ones(fit.design.rows)
        found: float | None = fit.square / (fit.jump * fit.density)
    elif fit.loss.variables == ("r",):
        mean = float(np.average(fit.bend, weights=weights))
        if not mean > 0:
            raise CapabilityError(f'the curvature of {fit.loss!r} is {mean:g} on average here; use covariance="HC1"')
        varies = float(np.average((fit.bend - mean) ** 2, weights=weights))
        factor = 1.0 + freedom / fit.n * varies / mean**2
        information = np.full(fit.design.rows, mean)
        given = None if given is None else given * mean  # the error's variance, as least squares has it
        found = factor**2 * float(np.sum(weights * fit.slopes**2)) / left / mean
    else:
        canonical = isinstance(fit.loss, _CANONICAL) and is_plain(fit.loss)  # L'' does not depend on y
        information = fit.bend if canonical else fit.loss.fisher(fit.objective.y, fit.scores, None, "sum")
        known = has_known_spread(fit.loss) or not fit.one
        if asked == "pearson" and not fit.one:
            raise CapabilityError(f'dispersion="pearson" is for one score a row; {fit.loss!r} predicts several')
        estimate = not known if asked is None else asked == "pearson"
        found = pearson(fit.loss, fit.slopes, information, weights, left) if estimate else 1.0
    found = found if given is None else given
    J = fit.products(information)
    inverse = _inverse(J + np.diag(fit.penalty), fit, free, names)
    assert found is not None
    covariance = found * inverse @ J @ inverse
    if fit.loss.variables == ("r",) and not fit.kinked:
        found /= float(information[0])
    return Spread(covariance, "model", freedom, None if fit.kinked else found)


def _inverse(bread: Array, fit: Fit, free: bool, names: list[str]) -> Array:
    """The inverse; of scores that may all rise alike, on what is left without that direction."""
    unit = np.sqrt(np.abs(bread.diagonal()))
    unit[unit == 0] = 1.0
    values, vectors = np.linalg.eigh(bread / np.outer(unit, unit))
    flat = values <= _SINGULAR * values[-1]
    if free:
        k = fit.scores.shape[1]
        q = fit.design.size
        common = np.tile(np.eye(q), (k, 1)) / np.sqrt(k)
        lift = common @ common.T * float(np.abs(bread.diagonal()).max())
        inverse = _inverse(bread + lift, fit, False, names)
        rest = np.eye(k * q) - common @ common.T
        return rest @ inverse @ rest
    if flat.any():
        if values[0] < -_SINGULAR * values[-1]:
            raise DataError(
                f"the Hessian of {fit.loss!r} is not positive here: this is no minimum, or one of a loss that "
                'redescends far from most rows; use covariance="model", or a convex loss'
            )
        part = np.abs(vectors[:, flat] / unit[:, None]).max(axis=1) * unit
        listed = ", ".join(names[i] for i in np.flatnonzero(part > 1e-3 * part.max())[:6])
        raise DataError(
            f"the data do not tell the coefficients of {listed} apart (constant or collinear columns, or classes that "
            "are separated); drop one of them, or add a penalty such as L2(1e-6)"
        )
    return np.asarray((vectors / values) @ vectors.T) / np.outer(unit, unit)


def _density(r: Array, counts: Array, level: float) -> tuple[float, float]:
    """The kernel's width and the density of the residuals at 0."""
    from scipy.stats import norm

    n = float(counts.sum())
    z = norm.ppf(0.975)
    at = norm.ppf(level)
    share = n ** (-1 / 3) * z ** (2 / 3) * (1.5 * norm.pdf(at) ** 2 / (2 * at**2 + 1)) ** (1 / 3)
    while not 0 < level - share < level + share < 1:
        share /= 2
    low, high = _quantile(r, counts, 0.25), _quantile(r, counts, 0.75)
    deviation = float(np.sqrt(np.average((r - np.average(r, weights=counts)) ** 2, weights=counts)))
    size = min(deviation, (high - low) / 1.34) or deviation
    width = size * float(norm.ppf(level + share) - norm.ppf(level - share))
    if not width > 0:
        raise DataError("all rows are fitted exactly, so residuals have no density; there is nothing to infer")
    density = float(np.average(_kernel(r / width), weights=counts)) / width
    if not density > 0:
        raise DataError("no residual lies near 0, so their density there is unknown; use more rows")
    return width, density


def _kernel(u: Array) -> Array:
    """Epanechnikov's."""
    return np.where(np.abs(u) <= 1.0, 0.75 * (1.0 - u * u), 0.0)


def _quantile(x: Array, counts: Array, level: float) -> float:
    """Between the two order statistics around (n - 1) level, each row counted as often as it stands for."""
    order = np.argsort(x)
    upto = np.cumsum(counts[order])
    place = level * (upto[-1] - 1.0)
    whole = np.floor(place)
    at = np.minimum(np.searchsorted(upto, [whole, whole + 1.0], side="right"), len(x) - 1)
    low, high = x[order[at]]
    return float(low + (place - whole) * (high - low))
