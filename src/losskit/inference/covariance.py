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
    """A fit's rows at its coefficients: slopes and curvatures by row, and sums of products of rows with weights.

    `width` is that of the kernel that tells a quantile's density; by default as these rows have it.
    """

    def __init__(self, objective: Any, theta: Array, counts: Array, width: float | None = None) -> None:
        self.objective, self.loss, self.design, self.theta = objective, objective.loss, objective.design, theta
        self.scores = objective.scores(theta)
        self.one = self.scores.ndim == 1
        self.counts = counts  # how many rows each row stands for
        self.share = np.ones_like(counts) if objective.weights is None else objective.weights / counts
        self.n = float(counts.sum())
        self.kinked = self.one and self.loss.traits().differentiable is False
        self.penalty = penalty_of(objective, theta)
        if self.kinked:
            self.slopes, self.bend = self._quantile(width)
        elif self.one:
            self.slopes, self.bend = self.loss.gradient_and_hessian(objective.y, self.scores, None, "sum")
        else:  # by the kernels that the fit has compiled
            self.slopes = self.loss.value_and_gradient(objective.y, self.scores, None, "sum")[1]
            self.bend = self.loss.hessian(objective.y, self.scores, None, "sum")

    def total(self, show: Callable[[Fit], Any]) -> Any:
        """The sum over all rows of what `show` makes of some: here of all at once."""
        return show(self)

    def _quantile(self, width: float | None) -> tuple[Array, Array]:
        pieces = self.objective.slopes if self.loss.variables == ("r",) else None
        if pieces is None or pieces.dead:
            raise CapabilityError(
                f"{self.loss!r} has kinks and is no quantile's, so its fit has no standard errors by a formula; use a "
                f"smooth loss such as SquaredHinge or Logistic, Smoothed({self.loss!r}, width=0.01), or the bootstrap"
            )
        r = self.scores - self.objective.y
        low, high = float(pieces.low[0]), float(pieces.high[0])
        self.jump, self.square = high - low, -low * high  # the latter the mean square of slopes at the true quantile
        self.width = _width(r, self.counts, -low / self.jump, self.n) if width is None else width
        at_kink = np.abs(r) <= _AT_KINK * (float(np.abs(r).max(initial=0.0)) + 1e-300)
        slopes = np.where(at_kink, np.sqrt(self.square), np.where(r < 0, low, high))
        return slopes, self.jump * _kernel(r / self.width) / self.width

    @property
    def weights(self) -> Array:
        """Of the rows."""
        return self.share * self.counts

    def bread(self) -> Array:
        """The Hessian of the loss."""
        return self.products(self.bend)

    def products(self, each: Array) -> Array:
        """sum(w each x x'); `each` (rows,), or (rows, k, k) for k scores a row, and then in blocks."""
        if self.one:
            return self.design.gram(self.weights * each)
        return self._blocks(lambda j, i: self.weights * each[:, j, i])

    def _blocks(self, weights: Callable[[int, int], Array]) -> Array:
        k = self.scores.shape[1]
        return np.block([[self.design.gram(weights(j, i)) for i in range(k)] for j in range(k)])

    def outer(self, divisor: Array | float = 1.0) -> Array:
        """sum(w s s' x x'), each row divided."""
        weights = self.counts * self.share**2 / divisor
        if self.one:
            return self.design.gram(weights * self.slopes**2)
        return self._blocks(lambda j, i: weights * self.slopes[:, j] * self.slopes[:, i])

    def rest(self, inverse: Array) -> Array:
        """1 less the share that each row has in its own fit; of a row that stands for several, of one of them."""
        out = np.empty(self.design.rows)
        for rows in self._chunks():
            x = self.design.take(rows)
            out[rows] = np.einsum("ij,ij->i", x @ inverse, x)
        rest = 1.0 - out * self.bend * self.share
        if not rest.min() > 1e-12:
            row = int(np.argmin(rest))
            raise DataError(f'row {row} alone decides a coefficient (leverage 1): HC2 and HC3 are infinite; use "HC1"')
        return rest

    def pearson(self, information: Array) -> float:
        """The sum that Pearson's dispersion is made of."""
        return pearson(self.loss, self.slopes, information, self.weights)

    def expected(self) -> Any:
        """The second derivative that the loss's distribution expects, by row."""
        if isinstance(self.loss, _CANONICAL) and is_plain(self.loss):  # L'' does not depend on y
            return self.bend
        return self.loss.fisher(self.objective.y, self.scores, None, "sum")

    def group_sums(self, groups: Array) -> Array:
        """The sums of w s x by group, a row each."""
        s = self.weights[:, None] * self.slopes.reshape(len(self.slopes), -1)
        out = np.zeros((int(groups.max()) + 1, s.shape[1] * self.design.size))
        for rows in self._chunks():
            x = self.design.take(rows)
            np.add.at(out, groups[rows], (s[rows][:, :, None] * x[:, None, :]).reshape(len(rows), -1))
        return out

    def _chunks(self) -> list[Array]:
        n = self.design.rows
        return [np.arange(a, min(a + _ROWS, n)) for a in range(0, n, _ROWS)]


def penalty_of(objective: Any, theta: Array) -> Array:
    """The penalty's second derivative, in sums over rows: the diagonal."""
    p, q, scale = objective.design.columns, objective.design.size, objective.design.scale
    blocks = theta.reshape(-1, q)
    out = np.zeros_like(blocks)
    coef = (blocks[:, :p] / scale).ravel()
    out[:, :p] = objective.penalty.hessian_diagonal(coef).reshape(-1, p) / scale**2
    return np.asarray(objective.total * out.ravel())


def spread(fit: Any, kind: str, grouped: Callable[[], Array] | None, dispersion: Any, names: list[str]) -> Spread:
    """The covariance of a kind; the module has the formulas. `grouped` gives the sums of w s x by group."""
    kind = _resolved(fit, kind, grouped is not None)
    of_loss = fit.total(Fit.bread)
    bread = of_loss + np.diag(fit.penalty)
    free = bool(getattr(fit.objective, "free", False))
    inverse = _inverse(bread, fit, free, names)
    freedom = float(np.sum(inverse * of_loss))
    left = fit.n - freedom
    if not left > 1e-9 * fit.n:  # rounding leaves a little
        raise DataError(
            f"{fit.n:g} rows leave nothing to judge {freedom:g} coefficients by; use more rows, fewer columns, or a "
            "penalty such as L2"
        )
    if kind == "model":
        return _by_model(fit, free, dispersion, freedom, names)
    if grouped is not None:
        sums = grouped()
        if len(sums) < 2:
            raise DataError("groups names one group only; a covariance by groups needs two or more")
        meat = sums.T @ sums * (len(sums) / (len(sums) - 1) * (fit.n - 1) / left)
    elif kind in ("HC0", "HC1"):
        meat = fit.total(Fit.outer) * (fit.n / left if kind == "HC1" else 1.0)
    else:
        power = 1 if kind == "HC2" else 2
        meat = fit.total(lambda part: part.outer(part.rest(inverse) ** power))
    known = None
    if needs_dispersion(fit.loss):
        information = fit.total(lambda part: part.pearson(part.loss.fisher(part.objective.y, part.scores, None, "sum")))
        known = information / left
    return Spread(inverse @ meat @ inverse, kind, freedom, known)


def _resolved(fit: Any, kind: str, groups: bool) -> str:
    if kind == "robust":
        return "cluster" if groups else "HC0" if fit.kinked else "HC3" if fit.one else "HC1"
    if (kind == "cluster") != groups:
        raise CapabilityError(f'covariance="cluster" and groups= go together; got covariance={kind!r}')
    if kind in ("HC2", "HC3") and (fit.kinked or not fit.one):
        why = "has kinks" if fit.kinked else "predicts several scores a row"
        raise CapabilityError(f'{kind} needs leverages, and {fit.loss!r} {why}; use "HC1"')
    return kind


def _by_model(fit: Any, free: bool, asked: float | str | None, freedom: float, names: list[str]) -> Spread:
    left = fit.n - freedom
    given = float(asked) if isinstance(asked, (int, float)) else None
    if fit.kinked:
        if asked is not None:
            raise CapabilityError(f"{fit.loss!r} has no dispersion: its errors follow from their density at 0")
        flat = fit.jump * _density(fit)
        found: float | None = fit.square / flat
        J = fit.total(lambda part: part.products(np.full(part.design.rows, flat)))
    elif fit.loss.variables == ("r",):
        weight = fit.total(lambda part: part.weights.sum())
        mean = float(fit.total(lambda part: part.weights @ part.bend)) / weight
        if not mean > 0:
            raise CapabilityError(f'the curvature of {fit.loss!r} is {mean:g} on average here; use covariance="HC1"')

        def sums(part: Fit) -> Any:
            each = part.weights @ (part.bend - mean) ** 2, part.weights @ part.slopes**2
            return np.append(part.products(np.full(part.design.rows, mean)).ravel(), each)

        *J, varies, squares = fit.total(sums)
        J = np.reshape(J, (fit.design.size,) * 2)
        factor = 1.0 + freedom / fit.n * float(varies) / weight / mean**2
        given = None if given is None else given * mean  # the error's variance, as least squares has it
        found = factor**2 * float(squares) / left / mean
    else:
        known = has_known_spread(fit.loss) or not fit.one
        if asked == "pearson" and not fit.one:
            raise CapabilityError(f'dispersion="pearson" is for one score a row; {fit.loss!r} predicts several')
        J = fit.total(lambda part: part.products(part.expected()))
        estimate = not known if asked is None else asked == "pearson"
        found = fit.total(lambda part: part.pearson(part.expected())) / left if estimate else 1.0
    found = found if given is None else given
    inverse = _inverse(J + np.diag(fit.penalty), fit, free, names)
    assert found is not None
    covariance = found * inverse @ J @ inverse
    if fit.loss.variables == ("r",) and not fit.kinked:
        found /= mean
    return Spread(covariance, "model", freedom, None if fit.kinked else found)


def _inverse(bread: Array, fit: Any, free: bool, names: list[str]) -> Array:
    """The inverse; of scores that may all rise alike, on what is left without that direction."""
    unit = np.sqrt(np.abs(bread.diagonal()))
    unit[unit == 0] = 1.0
    values, vectors = np.linalg.eigh(bread / np.outer(unit, unit))
    flat = values <= _SINGULAR * values[-1]
    if free:
        q = fit.design.size
        k = len(bread) // q
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


def _width(r: Array, counts: Array, level: float, n: float) -> float:
    """Of the kernel, for n rows whose residuals are like these."""
    from scipy.stats import norm

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
    return width


def _density(fit: Any) -> float:
    """Of the residuals at 0, the same for all rows."""
    density = float(fit.total(lambda part: part.counts @ part.bend)) / fit.jump / fit.n
    if not density > 0:
        raise DataError("no residual lies near 0, so their density there is unknown; use more rows")
    return density


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
