"""Constants of a sample: weighted quantiles, robust scale, and the best constant prediction of any loss."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from losskit.border import as_arrays, rows_of, weights_like
from losskit.errors import DomainError, ParameterError, ShapeError
from losskit.evaluate import raise_outside, weight_sum
from losskit.links import IDENTITY, LOG

if TYPE_CHECKING:
    from losskit.base import Pointwise

Array = np.ndarray
_VALLEYS = 8  # local minima of a grid that are looked into
_REACH = 1e3  # a score beyond which a loss that still falls is taken to fall for ever
_STEPS, _LONGEST = 300, 20.0  # of Newton's method for several outputs


def weighted_quantile(y: Array, level: float, w: Array | None = None) -> float:
    """The quantile that minimises the pinball loss; the middle where an interval does."""
    order = np.argsort(y, kind="stable")
    y = y[order]
    cumulative = np.arange(1, y.size + 1) if w is None else np.cumsum(w[order], dtype=np.float64)
    target = level * cumulative[-1]
    slack = 4 * y.size * np.finfo(float).eps * cumulative[-1]
    low = y[min(int(np.searchsorted(cumulative, target - slack)), y.size - 1)]
    high = y[min(int(np.searchsorted(cumulative, target + slack, side="right")), y.size - 1)]
    return float(low if low == high else low / 2 + high / 2)


def weighted_expectile(y: Array, level: float, w: Array | None = None) -> float:
    """The expectile: the mean in which rows above it count `level` and rows below it 1 - level.

    Newton's steps on the slope, which is made of straight pieces, so a few of them end at its root (Newey and Powell
    1987, doi:10.2307/1911031).
    """
    largest = max(float(np.abs(y).max()), np.finfo(float).tiny)
    y = y / largest  # differences of the largest doubles overflow
    c, above = float(np.average(y, weights=w)), np.zeros(y.size, bool)
    for _ in range(_STEPS):
        before, above = above, y > c
        a = np.where(above, level, 1 - level) * (1.0 if w is None else w)
        step = float(a @ (y - c)) / float(a.sum())
        c += step
        if abs(step) <= np.finfo(float).eps * abs(c) or (above == before).all():
            break
    return c * largest


def robust_scale(residuals: Any, sample_weight: Any = None) -> float:
    """The median absolute deviation from the median, over 0.6745: a standard deviation that outliers leave alone.

    Raises
    ------
    ParameterError
        If it is 0 (more than half of the residuals are equal) or not finite, or there are no rows.
    """
    r, w = as_arrays(residuals=residuals, sample_weight=sample_weight)
    r, w = _flat_rows(r, w)
    if r.size == 0:
        raise ParameterError("the scale of no residuals is unknown; pass at least one row of weight above 0")
    if not np.isfinite(r).all():
        raise ParameterError(f"the residuals hold {int((~np.isfinite(r)).sum())} nan or infinite values")
    mad = weighted_quantile(np.abs(r - weighted_quantile(r, 0.5, w)), 0.5, w)
    if mad == 0:
        raise ParameterError(
            "the residuals' scale (MAD) is 0: half of them or more are equal; give the parameter a number instead of "
            '"auto"'
        )
    return mad / 0.6745


def _flat_rows(y: Any, w: Any, targets: int = 1) -> tuple[Array, Array | None]:
    """Rows of positive weight, flat, as float64; several targets stay beside each other."""
    flat = np.asarray(y, dtype=np.float64).reshape((-1,) if targets == 1 else (-1, targets))
    if w is None:
        return flat, None
    weight_sum(w)
    weights = np.asarray(weights_like(w, rows_of(y, targets)), dtype=np.float64).ravel()
    return flat[weights > 0], weights[weights > 0]


def best_constant(loss: Pointwise, y: Any, sample_weight: Any = None) -> Any:
    """See `Pointwise.constant`."""
    y, w = as_arrays(y=y, sample_weight=sample_weight)
    targets = len(loss.targets)
    if targets > 1 and y.shape[-1:] != (targets,):
        raise ShapeError(f"y has shape {y.shape}; this loss takes {targets} targets a row, along y's last axis")
    raise_outside(loss, y, None, None if w is None else weights_like(w, rows_of(y, targets)))
    y, w = _flat_rows(y, w, targets)
    if y.size == 0:
        raise DomainError(f"{type(loss).__name__}: no rows have no best constant; pass a row of weight above 0")
    loss._kernel()  # an open parameter is refused here
    if len(loss.outputs) > 1:
        return _solved_together(loss, y, w)
    elicits = loss.traits().elicits
    if elicits == "mean":
        largest = max(float(np.abs(y).max()), 1.0)
        mean = float(np.average(y / largest, weights=w)) * largest
        score = loss._score_of_mean(mean)
        return -math.inf if math.isnan(score) else score  # a mean below the link's reach
    if elicits in ("median", "quantile"):
        return weighted_quantile(y, getattr(loss, "level", 0.5), w)
    if elicits == "expectile":
        return weighted_expectile(y, loss.level, w)  # type: ignore[attr-defined]
    return _solved(loss, y, w)


def _solved(loss: Pointwise, y: Array, w: Array | None) -> float:
    def value(c: float) -> float:
        return float(loss(y, np.full(len(y), c), w))

    def slope(c: float) -> float:
        return float(np.sum(loss.gradient(y, np.full(len(y), c), w)))

    # a prediction in the units of y is best among the targets
    same_units = loss.link is IDENTITY and not math.isfinite(loss.prediction_domain.high)
    low, high = (float(y.min()), float(y.max())) if same_units else (-1.0, 1.0)
    if loss.link is LOG and loss.traits().convex:  # slopes that underflow have no end; they never change their sign
        if slope(-_REACH) < 0 and slope(_REACH) <= 0:
            return math.inf
        if slope(_REACH) > 0 and slope(-_REACH) >= 0:
            return -math.inf
    if loss.traits().convex:
        low, high = _bracket(slope, low, -1.0), _bracket(lambda c: -slope(c), high, 1.0)
        if slope(low) > 0 or slope(high) < 0:
            return -math.inf if slope(low) > 0 else math.inf
        return (_crossing(slope, low, high, False) + _crossing(slope, low, high, True)) / 2
    if not same_units:
        if (y == y[0]).all() and slope(0.0) != 0:  # one class alone: as far as the score goes
            return math.copysign(math.inf, -slope(0.0))
        found = _lowest(value, np.linspace(-30.0, 30.0, 241))
        return min((found, -math.inf, math.inf), key=lambda c: (math.isnan(value(c)), value(c)))
    some = np.quantile(y, np.linspace(0, 1, 257), method="inverted_cdf")  # targets: a kink's minimum is at one
    return _lowest(value, np.union1d(some, np.linspace(low, high, 129)))


def best_scores(loss: Any, y: Array, w: Array | None, classes: int) -> Any:
    """`loss.constant(y, w)`; for a row-wise loss the best constant scores of its `classes`, of sum 0."""
    if not classes:
        return loss.constant(y, w)
    labels = np.arange(classes, dtype=np.float64)
    shares = np.bincount(y.astype(np.intp), w, classes)
    shares = shares / shares.sum()

    def at(c: Array) -> tuple[float, Array, Array]:
        f = np.broadcast_to(c, (classes, classes))
        value, gradient, hessian = loss.value_gradient_and_hessian(labels, f, shares, "sum")
        return float(value), gradient.sum(axis=0), hessian.sum(axis=0)

    with np.errstate(divide="ignore"):
        start = np.log(shares)
    return _newton(at, start - start.mean())


def _solved_together(loss: Pointwise, y: Array, w: Array | None) -> Array:
    """The best constants of several outputs."""
    if (known := loss._best(y, w)) is not None:
        return np.array(known)
    c = np.array(loss._start(y, w))

    def at(c: Array) -> tuple[float, Array, Array]:
        if not _inside(loss, c):
            return math.inf, c, c
        value, gradient, hessian = loss.value_gradient_and_hessian(y, np.broadcast_to(c, (y.size, c.size)), w)
        return float(value), gradient.sum(axis=0), hessian.sum(axis=0)

    if not (np.isfinite(c).all() and _inside(loss, c)):
        return c  # the best lies at an end
    c = _newton(at, c)
    beyond = [abs(x) > _REACH and link is not IDENTITY for x, link in zip(c, loss.links, strict=True)]
    return np.where(beyond, np.copysign(math.inf, c), c)


def _newton(at: Callable[[Array], tuple[float, Array, Array]], c: Array) -> Array:
    """Newton's steps from `c`, along no negative curvature, cut until the value falls."""
    value, gradient, bend = at(c)
    for _ in range(_STEPS):
        sizes, axes = np.linalg.eigh(bend)
        sizes = np.maximum(np.abs(sizes), 1e-12 * np.abs(sizes).max(initial=1e-300))
        step = -axes @ (axes.T @ gradient / sizes)
        fall = float(-gradient @ step)
        if fall <= 1e-26 * (1 + abs(value)):
            break
        rate = min(1.0, _LONGEST / float(np.abs(step).max()))
        while rate > 1e-12:
            tried = c + rate * step
            found = at(tried)
            if found[0] <= value - 1e-4 * rate * fall or (fall < 1e-12 * (1 + abs(value)) and rate == 1.0):
                break
            rate /= 2
        else:
            break
        c, (value, gradient, bend) = tried, found
    return c


def _inside(loss: Pointwise, f: Array) -> bool:
    return all(not d.bounded or bool(d.contains(x)) for d, x in zip(loss.prediction_domains, f, strict=True))


def _bracket(slope: Any, start: float, step: float) -> float:
    """From `start` in growing steps to where `slope` is no longer positive, or out of reach."""
    at = start
    while slope(at) > 0 and abs(at - start) < _REACH:
        at, step = at + step, 2 * step
    return at


def _crossing(slope: Any, low: float, high: float, past: bool) -> float:
    """Where a nondecreasing slope reaches 0 (or, if `past`, leaves it), by bisection to the last bit."""
    while True:
        middle = low + (high - low) / 2
        if not low < middle < high:
            return high if not past else low
        s = slope(middle)
        if s > 0 or (s == 0 and not past):
            high = middle
        else:
            low = middle


def _lowest(value: Any, grid: Array) -> float:
    from scipy.optimize import minimize_scalar

    values = np.array([value(c) for c in grid])
    best, lowest = float(grid[values.argmin()]), float(values.min())
    # every valley of the grid that may hold the minimum: there may be several
    inner = (values <= np.r_[values[1:], np.inf]) & (values <= np.r_[np.inf, values[:-1]])
    valleys = np.flatnonzero(inner)
    for at in valleys[np.argsort(values[valleys], kind="stable")][:_VALLEYS]:
        low, high = grid[max(at - 1, 0)], grid[min(at + 1, len(grid) - 1)]
        if low < high:
            found = minimize_scalar(value, bounds=(low, high), method="bounded", options={"xatol": 1e-12})
            if found.fun < lowest:
                best, lowest = float(found.x), float(found.fun)
    return best
