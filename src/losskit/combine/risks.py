"""Other ways than the mean to make one number of the losses of rows: the worst share, tilted means, worst groups."""

from __future__ import annotations

from typing import Any

import numpy as np

from losskit.base import Evaluated, Pointwise
from losskit.border import as_arrays, weights_like
from losskit.domains import Domain, Finite, FromOne, OptionalFinite, Rate
from losskit.errors import CapabilityError, DomainError, ParameterError, ShapeError
from losskit.evaluate import weight_sum
from losskit.links import Link
from losskit.setwise import Setwise
from losskit.traits import Traits

Array = np.ndarray


class Risk(Setwise):
    """A number made of the losses of rows: what it does not say itself is as the loss of a row says.

    Subclasses write `pooled(self, losses, weights, groups)`, all flat and of rows that count: the number, and its
    derivative by each loss.
    """

    loss: Evaluated

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.loss, Evaluated) or isinstance(self.loss, Setwise):
            raise ParameterError(
                f"{type(self).__name__} needs the loss of a row, such as Huber() or SoftmaxCrossEntropy(); got "
                f"{self.loss!r}"
            )

    @property
    def domain(self) -> Any:  # type: ignore[override]
        return self.loss.domain

    @property
    def prediction_domain(self) -> Domain:  # type: ignore[override]
        return self.loss.prediction_domain

    @property
    def link(self) -> Link:  # type: ignore[override]
        return self.loss.link

    def predict(self, f: Any) -> Any:
        """What the raw scores `f` mean, as for the loss of a row."""
        return self.loss.predict(f)  # type: ignore[attr-defined]

    def pooled(self, losses: Array, weights: Array, groups: Array | None) -> tuple[float, Array]:
        """The number that the losses make, and its derivative by each."""
        raise CapabilityError(f"{type(self).__name__} pools nothing: define pooled(self, losses, weights, groups)")

    def _whole(
        self, y: Any, f: Any, sample_weight: Any, groups: Any, graded: bool, out: Any
    ) -> tuple[float | None, Any]:
        some = None
        if sample_weight is not None:
            (sample_weight,) = as_arrays(sample_weight=sample_weight)
            weight_sum(sample_weight)
            some = np.where(sample_weight > 0, 1.0, 0.0)
        losses, counts = self.loss._counted(y, f, some)
        counts = np.ones(losses.shape) if counts is None else np.asarray(counts, dtype=np.float64)
        weights = counts if sample_weight is None else counts * weights_like(sample_weight, losses)
        codes = None if groups is None else _codes(groups, losses)
        at = weights > 0
        value: float | None = None
        shares = np.zeros(losses.shape)
        if at.any():
            with np.errstate(all="ignore"):  # infinities are meant
                some_codes = None if codes is None else codes[at]
                value, found = self.pooled(losses[at] / counts[at], weights[at], some_codes)
                shares[at] = found / counts[at]
        return value, self._spread(y, f, shares, at, out) if graded else None

    def _spread(self, y: Any, f: Any, shares: Array, at: Array, out: Any) -> Array:
        """The gradient of the rows' losses, each times its share; nan where nobody knows the share."""
        unknown = np.isnan(shares)
        gradient = self.loss.gradient(y, f, np.where(unknown, 1.0, shares), "sum", out=out)
        if unknown.any():
            if unknown.shape != gradient.shape:  # one for all predictions of a row
                unknown = np.expand_dims(unknown, getattr(self.loss, "axis", -1))
            np.copyto(gradient, np.nan, where=unknown)
        return gradient

    def traits(self) -> Traits:
        known = self.loss.traits()
        single = isinstance(self.loss, Pointwise)  # a row's class weights would come into the bound
        return Traits(convex=known.convex or None, bounded=known.bounded,
                      lipschitz=known.lipschitz if single else None)


class TailRisk(Risk):
    """The mean of the worst share `1 - level` of rows, by weight: the conditional value at risk.

    The row at the boundary counts in part, so that exactly that share is counted; tied rows share what is left.
    """

    source = "Rockafellar and Uryasev (2000), Optimization of conditional value-at-risk, doi:10.21314/JOR.2000.038"
    level: Rate = 0.9

    def pooled(self, losses: Array, weights: Array, groups: Array | None) -> tuple[float, Array]:
        total = weights.sum()
        return _worst(losses, weights, total - self.level * total)


class TopK(Risk):
    """The mean of the `k` worst rows, of all if there are fewer: hard example mining. Weights count as repetitions."""

    source = "Shrivastava et al. (2016), doi:10.1109/CVPR.2016.89; Fan et al. (2017), arXiv:1705.08826"
    k: FromOne

    def pooled(self, losses: Array, weights: Array, groups: Array | None) -> tuple[float, Array]:
        return _worst(losses, weights, min(self.k, weights.sum()))


class Tilted(Risk):
    """log(mean(exp(t L))) / t: the mean at t = 0, towards the worst row for t > 0 and the best for t < 0."""

    source = "Li et al. (2021), Tilted empirical risk minimization, arXiv:2007.01162"
    t: Finite = 1.0

    def pooled(self, losses: Array, weights: Array, groups: Array | None) -> tuple[float, Array]:
        return _tilted(losses, weights / weights.sum(), self.t)

    def traits(self) -> Traits:
        known = self.loss.traits()
        kept = super().traits()
        return Traits(convex=kept.convex if self.t >= 0 else None, bounded=kept.bounded, lipschitz=kept.lipschitz,
                      differentiable=known.differentiable)


class GroupDRO(Risk):
    """The mean loss of the worst group; with `t` the tilted mean of the groups' means, each group counting alike.

    The groups come with the call: `loss(y, f, groups=...)`. Its gradient weighs groups by exp(t mean), the weights that
    one step of exponentiated gradient ascent gives; tied worst groups share.
    """

    source = "Sagawa et al. (2020), Distributionally robust neural networks for group shifts, arXiv:1911.08731"
    t: OptionalFinite = None
    grouped = True

    def pooled(self, losses: Array, weights: Array, groups: Array | None) -> tuple[float, Array]:
        _, code = np.unique(np.asarray(groups), return_inverse=True)
        sizes = np.bincount(code, weights)
        means = np.bincount(code, weights * losses) / sizes
        each = np.full(len(means), 1.0 / len(means))
        value, share = _worst(means, each, each[0]) if self.t is None else _tilted(means, each, self.t)
        return value, (share / sizes)[code] * weights

    def traits(self) -> Traits:
        kept = super().traits()
        if self.t is None:
            return kept
        return Traits(convex=kept.convex if self.t >= 0 else None, bounded=kept.bounded, lipschitz=kept.lipschitz,
                      differentiable=self.loss.traits().differentiable)


def _worst(losses: Array, weights: Array, mass: float) -> tuple[float, Array]:
    """The mean of the highest losses that together weigh `mass`, and its derivative by each loss."""
    if np.isnan(losses).any():
        return float("nan"), np.full_like(losses, np.nan)
    edge = _edge(losses, weights, mass)
    above, tied = losses > edge, losses == edge
    left = min((mass - weights[above].sum()) / weights[tied].sum(), 1.0)
    shares = np.where(above, weights, np.where(tied, weights * left, 0.0)) / mass
    return float(np.where(shares > 0, shares * losses, 0.0).sum()), shares


def _edge(losses: Array, weights: Array, mass: float) -> float:
    """The loss at which the highest ones come to weigh `mass`."""
    n = len(losses)
    if (weights == weights[0]).all():  # they need not be sorted
        count = min(max(int(np.ceil(mass / weights[0])), 1), n)
        return float(np.partition(losses, n - count)[n - count])
    order = np.argsort(-losses, kind="stable")
    heaped = np.cumsum(weights[order])
    return float(losses[order[min(int(np.searchsorted(heaped, mass)), n - 1)]])


def _tilted(losses: Array, weights: Array, t: float) -> tuple[float, Array]:
    """log(sum(w exp(t L))) / t for weights that sum to 1, about the mean where t L varies little; its derivative."""
    mean = float((weights * losses).sum())
    if t == 0:
        return mean, weights if mean == mean else np.full_like(losses, np.nan)
    z = t * (losses - mean)
    if np.abs(z).max() <= 1.0:
        value = mean + float(np.log1p((weights * np.expm1(z)).sum())) / t
        e = weights * np.exp(z)
    else:
        end = losses.max() if t > 0 else losses.min()
        e = np.where(losses == end, weights, weights * np.exp(t * (losses - end)))  # both may be infinite
        value = float(end) + float(np.log(e.sum())) / t
    return value, e / e.sum()


def _codes(groups: Any, losses: Array) -> Array:
    """A number for each row's group, in the rows' shape."""
    labels = np.asarray(groups)
    if labels.dtype.kind == "f" and np.isnan(labels).any():
        raise DomainError(f"groups holds {int(np.isnan(labels).sum())} nan; every row needs a group, any label will do")
    try:
        _, codes = np.unique(labels.ravel(), return_inverse=True)
    except TypeError:
        raise DomainError("groups holds labels of several types, which have no order; make them all text") from None
    codes = codes.reshape(labels.shape)
    if codes.shape != losses.shape and not (codes.ndim == 1 and codes.shape == losses.shape[:1]):
        raise ShapeError(f"groups has shape {codes.shape} and the rows have shape {losses.shape}; give a label a row")
    return codes if codes.shape == losses.shape else weights_like(codes, losses)
