"""Scoring rules of forecasts: of probabilities, of quantiles and of ensembles."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np

from losskit.base import Pointwise
from losskit.border import as_arrays
from losskit.calculus import (
    bell,
    decay,
    distance,
    expm1,
    half_bell,
    half_decay,
    log1p,
    maximum,
    minimum,
    mul_exp,
    normal_pdf,
    normal_within,
    sqrt,
    tanh,
    where,
)
from losskit.constants import weighted_quantile
from losskit.domains import UNIT, Axis, Estimator, Levels, OnOff, Probability
from losskit.errors import CapabilityError, ShapeError
from losskit.forecast import Forecast
from losskit.links import IDENTITY, LOG
from losskit.rowwise import Rows, Rowwise, diagonals, of_classes, one_hot, row_weights
from losskit.traits import Traits

Array = np.ndarray


class IntervalScore(Pointwise):
    """The width of a central prediction interval of a `level`, and 2/(1 - level) times what y lies outside of it."""

    source = "Winkler (1972), doi:10.2307/2284720; Gneiting and Raftery (2007), doi:10.1198/016214506000001437"
    use = "One prediction interval is wanted, as narrow as its level allows."
    avoid = "The middle is wanted too: WeightedIntervalScore has the median, MultiQuantile any levels."
    outputs = ("lower", "upper")
    level: Probability = 0.9

    def formula(self, y: Any, lower: Any, upper: Any) -> Any:
        return (upper - lower) + 2 / (1 - self.level) * (maximum(lower - y, 0) + maximum(y - upper, 0))

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=False, differentiable=False, bounded=False, strong=0.0,
                      lipschitz=2 / (1 - self.level) - 1, curvature=0.0, proper=True)

    def _point(self, *f: Any) -> Any:
        return (f[0] + f[1]) / 2

    def _best(self, y: Any, w: Any) -> list[float]:
        return [weighted_quantile(y, at, w) for at in ((1 - self.level) / 2, (1 + self.level) / 2)]


_OVER_ROOT_PI = sqrt(2.0) * normal_pdf(0.0)
_CRPS = Traits(convex=False, strictly_convex=False, symmetric=True, differentiable=True, bounded=False, lipschitz=inf,
               curvature=inf, proper=True)


class CRPSGaussian(Pointwise):
    """The continuous ranked probability score of a normal distribution, by its mean and the logarithm of its scale."""

    source = "Gneiting et al. (2005), doi:10.1175/MWR2904.1"
    use = "A mean and a spread a row, in the units of y: an outlier costs its distance, where a density squares it."
    avoid = "Likelihoods are to be compared or added up: GaussianNLL."
    outputs, links = ("mean", "log_scale"), (IDENTITY, LOG)

    def formula(self, y: Any, mean: Any, log_scale: Any) -> Any:
        u = distance(y, mean)
        spread = mul_exp(2 * bell(y, mean, log_scale) - _OVER_ROOT_PI, 1, log_scale)
        return u * normal_within(mul_exp(u, -1, log_scale)) + spread

    def derivative(self, y: Any, mean: Any, log_scale: Any) -> Any:
        a = _in_scales(y, mean, log_scale)
        grows = mul_exp(2 * bell(y, mean, log_scale) - _OVER_ROOT_PI, 1, log_scale)
        return -_side(y, mean) * normal_within(a), grows

    def second_derivative(self, y: Any, mean: Any, log_scale: Any) -> Any:
        a, b, root = _in_scales(y, mean, log_scale), 2 * bell(y, mean, log_scale), half_bell(y, mean, log_scale)
        cross = a * root * root * (2 * normal_pdf(0.0))
        grows = (b - _OVER_ROOT_PI) + a * cross
        density = mul_exp(root * (2 * normal_pdf(0.0)), -1, log_scale) * root
        return density, _side(y, mean) * cross, mul_exp(grows, 1, log_scale)

    def traits(self) -> Traits:
        return _CRPS


class CRPSLogistic(Pointwise):
    """The continuous ranked probability score of a logistic distribution, by its location and log scale."""

    source = "Taillardat et al. (2016), doi:10.1175/MWR-D-15-0260.1; Jordan et al. (2019), doi:10.18637/jss.v090.i12"
    use = "As CRPSGaussian, with heavier tails."
    avoid = "Likelihoods are to be compared or added up: a density."
    outputs, links = ("location", "log_scale"), (IDENTITY, LOG)

    def formula(self, y: Any, location: Any, log_scale: Any) -> Any:
        return distance(y, location) + mul_exp(2 * log1p(decay(y, location, log_scale)) - 1, 1, log_scale)

    def derivative(self, y: Any, location: Any, log_scale: Any) -> Any:
        a, d = _in_scales(y, location, log_scale), decay(y, location, log_scale)
        grows = 2 * (log1p(d) + a * d / (1 + d)) - 1
        return -_side(y, location) * tanh(a / 2), mul_exp(grows, 1, log_scale)

    def second_derivative(self, y: Any, location: Any, log_scale: Any) -> Any:
        a, d = _in_scales(y, location, log_scale), decay(y, location, log_scale)
        root = half_decay(y, location, log_scale)
        density = mul_exp(2 * root / (1 + d) / (1 + d), -1, log_scale) * root
        cross = 2 * a * root * root / (1 + d) / (1 + d)
        grows = 2 * (log1p(d) + a * d / (1 + d)) - 1 + a * cross
        return density, _side(y, location) * cross, mul_exp(grows, 1, log_scale)

    def traits(self) -> Traits:
        return _CRPS


class CRPSLaplace(Pointwise):
    """The continuous ranked probability score of a Laplace distribution, by its location and log scale."""

    source = "Jordan, Krueger and Lerch (2019), doi:10.18637/jss.v090.i12"
    use = "As CRPSGaussian, for peaked and heavy-tailed errors."
    avoid = "Likelihoods are to be compared or added up: LaplaceNLL."
    outputs, links = ("location", "log_scale"), (IDENTITY, LOG)

    def formula(self, y: Any, location: Any, log_scale: Any) -> Any:
        return distance(y, location) + mul_exp(decay(y, location, log_scale) - 0.75, 1, log_scale)

    def derivative(self, y: Any, location: Any, log_scale: Any) -> Any:
        a, d = _in_scales(y, location, log_scale), decay(y, location, log_scale)
        return _side(y, location) * expm1(-a), mul_exp((1 + a) * d - 0.75, 1, log_scale)

    def second_derivative(self, y: Any, location: Any, log_scale: Any) -> Any:
        a, d = _in_scales(y, location, log_scale), decay(y, location, log_scale)
        root = half_decay(y, location, log_scale)
        cross = a * root * root
        grows = ((1 + a) * d - 0.75) + a * cross
        return mul_exp(root, -1, log_scale) * root, _side(y, location) * cross, mul_exp(grows, 1, log_scale)

    def traits(self) -> Traits:
        return _CRPS


def _in_scales(y: Any, location: Any, log_scale: Any) -> Any:
    """|y - location| in scales, held where it would overflow: it is multiplied by what is 0 there."""
    return minimum(mul_exp(abs(y - location), -1, log_scale), 1e300)


def _side(y: Any, location: Any) -> Any:
    return where(y > location, 1, where(y < location, -1, 0))


class SphericalScore(Rowwise):
    """What the probability of the row's class lacks to 1, relative to the length of the row of probabilities."""

    source = "Roby (1965); Gneiting and Raftery (2007), doi:10.1198/016214506000001437"
    use = "Probabilities are to be judged, a certain error shall cost no more than 1, and their ratios alone count."
    avoid = "The size of small probabilities matters: CategoricalCrossEntropy sees it."
    link, prediction_domain = IDENTITY, UNIT
    written = (
        r"\sum_{j} t_{j} \, \left(1 - \frac{f_{j}}{\left|f\right|}\right)",
        r"\frac{f_{j} \, \sum_{i} t_{i} \, f_{i}}{{\left|f\right|}^{3}} - \frac{t_{j}}{\left|f\right|}",
        r"\text{of } i, j: \frac{t_{i} \, f_{j} + t_{j} \, f_{i}}{{\left|f\right|}^{3}}"
        r" + \sum_{l} t_{l} \, f_{l} \, \left(\frac{1_{i = j}}{{\left|f\right|}^{3}}"
        r" - \frac{3 \, f_{i} \, f_{j}}{{\left|f\right|}^{5}}\right)",
    )
    axis: Axis = -1

    def rows(self, y: Array, f: Array, order: int) -> tuple[Array, ...]:
        t = one_hot(y, f.shape[1])
        length = np.sqrt((f * f).sum(axis=1, keepdims=True))
        u = f / length
        rest, cross = _without_own(u * u), _without_own(t * u)
        value = (t * rest / (1.0 + u)).sum(axis=1)
        gradient = (u * cross - t * rest) / length
        if order < 2:
            return value, gradient
        mean = (t * u).sum(axis=1)[:, None, None]
        pairs = t[:, :, None] * u[:, None, :]
        bend = pairs + pairs.swapaxes(1, 2) + mean * (np.eye(f.shape[1]) - 3.0 * u[:, :, None] * u[:, None, :])
        return value, gradient, bend / (length * length)[:, :, None]

    def traits(self) -> Traits:
        return Traits(convex=False, differentiable=True, bounded=True, elicits="mean", proper=True, calibrated=True)


def _without_own(x: Array) -> Array:
    """For each class the sum of the others, of numbers >= 0; that of the largest is taken by itself."""
    largest = np.arange(x.shape[1]) == x.argmax(axis=1)[:, None]
    others = np.where(largest, 0.0, x).sum(axis=1, keepdims=True)
    return np.where(largest, others, x.max(axis=1, keepdims=True) + (others - x))


class MultiQuantile(Forecast):
    """The mean of the quantile losses of predictions at several `levels`.

    With `non_crossing` the first score is the lowest quantile and each other one, through the softplus, what the next
    quantile lies above the one before: `predict(f)` gives quantiles that cannot cross.
    """

    source = "Koenker and Bassett (1978), doi:10.2307/1913643; Cannon (2018), doi:10.1007/s00477-018-1573-6"
    use = "A whole distribution is wanted without assuming its shape."
    avoid = "One interval is wanted (IntervalScore), or the shape is known (a density, or its CRPS)."
    of = "quantiles"
    written = (
        r"\frac{1}{k} \, \sum_{j} \max\left(q_{j} \, \left(y - f_{j}\right),"
        r" \left(1 - q_{j}\right) \, \left(f_{j} - y\right)\right)",
        r"\frac{1}{k} \, \begin{cases} 1 - q_{j} & \text{if } f_{j} > y \\ -q_{j} & \text{otherwise} \end{cases}",
        "0",
    )
    levels: Levels = (0.1, 0.5, 0.9)
    non_crossing: OnOff = False
    axis: Axis = -1

    def rows(self, y: Array, f: Array, order: int) -> tuple[Array, ...]:
        levels = of_classes(self, "levels", f.shape[1])
        value, slope = _pinballs(levels, y, self._quantiles(f))
        value, slope = value / len(levels), slope / len(levels)
        if not self.non_crossing:
            return value, slope, diagonals(np.zeros_like(f), order)
        slope = np.cumsum(slope[:, ::-1], axis=1)[:, ::-1]  # of this quantile and all above
        share = 1.0 / (1.0 + np.exp(-f[:, 1:]))
        bend = np.zeros_like(f)
        bend[:, 1:] = slope[:, 1:] * share * (1.0 / (1.0 + np.exp(f[:, 1:])))
        slope[:, 1:] *= share
        return value, slope, diagonals(bend, order)

    def _quantiles(self, f: Array) -> Array:
        if not self.non_crossing:
            return f
        steps = np.maximum(f[..., 1:], 0.0) + np.log1p(np.exp(-np.abs(f[..., 1:])))
        return np.cumsum(np.concatenate([f[..., :1], steps], axis=-1), axis=-1)

    def predict(self, f: Any) -> Any:
        """The quantile at each level, of f's shape."""
        moved = np.moveaxis(np.asarray(as_arrays(f=f)[0], dtype=float), self.axis, -1)
        return np.moveaxis(self._quantiles(moved), -1, self.axis)

    def traits(self) -> Traits:
        return Traits(convex=None if self.non_crossing else True, strictly_convex=False, differentiable=False,
                      bounded=False, elicits="quantiles", proper=True)


def _pinballs(levels: Array, y: Array, f: Array) -> tuple[Array, Array]:
    """The sum of the quantile losses of each row, and the slope of each."""
    r = f - y[:, None]
    slope = np.where(r > 0, 1.0 - levels, np.where(r < 0, -levels, np.where(r == 0, 0.0, r)))
    return np.where(r == 0, 0.0, slope * r).sum(axis=1), slope


class WeightedIntervalScore(Forecast):
    """Of the median and the ends of central intervals of several `levels`: their widths, and what lies outside.

    The predictions are the quantiles in increasing order: two ends an interval, the median in the middle. It is twice
    the mean of their quantile losses, and tends to the CRPS with many levels.
    """

    source = "Bracher et al. (2021), doi:10.1371/journal.pcbi.1008618"
    use = "Forecasts come as a median and a few intervals, as in epidemiology."
    avoid = "The whole distribution is known: a CRPS or a density uses all of it."
    of = "quantiles"
    written = (
        r"\frac{2}{k} \, \sum_{j} \max\left(q_{j} \, \left(y - f_{j}\right),"
        r" \left(1 - q_{j}\right) \, \left(f_{j} - y\right)\right)",
        r"\frac{2}{k} \, \begin{cases} 1 - q_{j} & \text{if } f_{j} > y \\ -q_{j} & \text{otherwise} \end{cases}",
        "0",
    )
    levels: Levels = (0.5, 0.9)
    axis: Axis = -1

    def rows(self, y: Array, f: Array, order: int) -> tuple[Array, ...]:
        outer = (1.0 - np.array(self.levels)) / 2.0
        levels = np.concatenate([outer[::-1], [0.5], 1.0 - outer])
        if len(levels) != f.shape[1]:
            raise ShapeError(
                f"{self!r} needs {len(levels)} quantiles a row, two for each of {len(self.levels)} levels and the "
                f"median between them; f has {f.shape[1]}"
            )
        value, slope = _pinballs(levels, y, f)
        rate = 2.0 / len(levels)
        return rate * value, rate * slope, diagonals(np.zeros_like(f), order)

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=False, differentiable=False, bounded=False, elicits="quantiles",
                      proper=True)


class CRPSEnsemble(Forecast):
    """The continuous ranked probability score of an ensemble, from its sorted members.

    The "fair" `estimator` takes them for draws of the forecast distribution and is unbiased for its score; "energy" is
    the score of the members themselves, their empirical distribution.
    """

    source = "Gneiting and Raftery (2007), doi:10.1198/016214506000001437; Ferro (2014), doi:10.1002/qj.2270"
    use = "Forecasts are draws: ensembles of models, weather forecasts, posterior samples."
    avoid = "The distribution has a formula: its own CRPS or density has no sampling error."
    of = "members"
    written = (
        r"\frac{1}{m} \, \sum_{i} \left|f_{i} - y\right|"
        r" - \frac{1}{2 \, m \, \left(m - 1\right)} \, \sum_{i} \sum_{j} \left|f_{i} - f_{j}\right|",
        r"\frac{2}{m \, \left(m - 1\right)} \, \begin{cases} n_{j} & \text{if } f_{j} > y \\"
        r" -l_{j} & \text{otherwise} \end{cases}",
        "0",
    )
    estimator: Estimator = "fair"
    axis: Axis = -1

    def rows(self, y: Array, f: Array, order: int) -> tuple[Array, ...]:
        order_of = np.argsort(f, axis=1, kind="stable")
        x, m = np.take_along_axis(f, order_of, axis=1), f.shape[1]
        fair = self.estimator == "fair"
        below = np.arange(m + 1.0)  # members below a gap
        weight = below * (below - 1.0) / (m * (m - 1.0)) if fair else (below / m) ** 2
        target = y[:, None]
        low = np.concatenate([np.minimum(x[:, :1], target), x], axis=1)
        high = np.concatenate([x, np.maximum(x[:, -1:], target)], axis=1)
        under = np.maximum(np.minimum(high, target) - low, 0.0)
        over = np.maximum(high - np.maximum(low, target), 0.0)
        value = (weight * under + weight[::-1] * over).sum(axis=1)
        first, last = _ties(x)
        lesser, greater = (first + last) / 2.0, (m - 1) - (first + last) / 2.0
        rate = 2.0 / (m * (m - 1.0)) if fair else 2.0 / (m * float(m))
        more = 0.0 if fair else 0.5
        slope = rate * np.where(x > target, greater + more, np.where(x < target, -lesser - more, 0.0 * x))
        gradient = np.empty_like(f)
        np.put_along_axis(gradient, order_of, slope, axis=1)
        lost = np.isnan(f)
        value, gradient = np.where(lost.any(axis=1), np.nan, value), np.where(lost, np.nan, gradient)
        return value, gradient, diagonals(np.zeros_like(f), order)

    def traits(self) -> Traits:
        return _ensemble(self.estimator)


def _ensemble(estimator: str) -> Traits:
    """Of a mean distance from y less one between members; steepest of two, as the fair one is a mean over pairs."""
    return Traits(convex=False, strictly_convex=False, symmetric=True, differentiable=False, bounded=False,
                  lipschitz=1.0 if estimator == "fair" else 10**0.5 / 4, proper=True)


def _ties(x: Array) -> tuple[Array, Array]:
    """Of sorted rows, the first and the last place of each number among its equals."""
    place = np.broadcast_to(np.arange(x.shape[1]), x.shape)
    new = np.concatenate([np.ones((len(x), 1), bool), x[:, 1:] != x[:, :-1]], axis=1)
    end = np.concatenate([new[:, 1:], np.ones((len(x), 1), bool)], axis=1)
    first = np.maximum.accumulate(np.where(new, place, 0), axis=1)
    last = np.minimum.accumulate(np.where(end, place, x.shape[1])[:, ::-1], axis=1)[:, ::-1]
    return first, last


class EnergyScore(Forecast):
    """The energy score of an ensemble of vectors: its mean distance from y, less half its mean distance from itself.

    y is (n, d), f is (n, m, d). For d = 1 it is `CRPSEnsemble`, whose `estimator` it shares. A row costs m^2 d.
    """

    source = "Gneiting and Raftery (2007), doi:10.1198/016214506000001437"
    use = "Draws of several numbers together, such as paths, places or multivariate forecasts."
    avoid = "What matters is how the numbers hang together: the score hardly sees correlations."
    of = "members"
    written = (
        r"\frac{1}{m} \, \sum_{i} \left|f_{i} - y\right|"
        r" - \frac{1}{2 \, m \, \left(m - 1\right)} \, \sum_{i} \sum_{j} \left|f_{i} - f_{j}\right|",
        r"\frac{1}{m} \, \frac{f_{j} - y}{\left|f_{j} - y\right|} - \frac{1}{m \, \left(m - 1\right)}"
        r" \, \sum_{i} \frac{f_{j} - f_{i}}{\left|f_{j} - f_{i}\right|}",
        r"\text{not offered}",
    )
    estimator: Estimator = "fair"

    def rows(self, y: Array, f: Array, order: int) -> tuple[Array, ...]:
        if order == 2:
            raise CapabilityError("EnergyScore has no Hessian here: it would be (m d, m d) a row; use its gradient")
        x = f.reshape(len(f), -1, y.shape[1])
        m = x.shape[1]
        pairs = m * (m - 1.0) if self.estimator == "fair" else m * float(m)
        value, gradient = np.zeros(len(f)), np.zeros_like(x)
        for i in range(m):
            away, unit = _lengths(x[:, i] - y)
            value += away / m
            gradient[:, i] += unit / m
            apart, units = _lengths(x[:, i + 1 :] - x[:, i : i + 1])
            value -= apart.sum(axis=1) / pairs
            gradient[:, i + 1 :] -= units / pairs
            gradient[:, i] += units.sum(axis=1) / pairs
        return value, gradient.reshape(f.shape)

    def _rows_of(self, y: Any, f: Any, sample_weight: Any) -> Rows:
        y, f, w = as_arrays(y=y, f=f, sample_weight=sample_weight)
        if y.ndim != 2 or f.ndim != 3 or f.shape[::2] != y.shape:
            raise ShapeError(f"y has shape {y.shape} and f has shape {f.shape}; they must be (n, d) and (n, m, d)")
        if f.shape[1] < 2:
            raise ShapeError(f"f has shape {f.shape}: EnergyScore needs two members or more along axis 1")
        f = f if f.dtype.kind == "f" else f.astype(np.float64)
        return Rows(y, f.reshape(len(f), -1), row_weights(w, y.shape[:1]), y.shape[:1], -1)

    def _shaped(self, given: Rows, name: str, x: Array) -> Array:
        return x.reshape(len(x), -1, given.y.shape[1]) if name == "gradient" else x

    def traits(self) -> Traits:
        return _ensemble(self.estimator)


def _lengths(r: Array) -> tuple[Array, Array]:
    """The length of vectors, and those of length 1 in their direction (0 for none)."""
    most = np.abs(r).max(axis=-1, keepdims=True)
    scaled = r / np.where((most > 0) & np.isfinite(most), most, 1.0)
    length = np.sqrt((scaled * scaled).sum(axis=-1, keepdims=True))
    return (most * length)[..., 0], scaled / np.where(length > 0, length, 1.0)
