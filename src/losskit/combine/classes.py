"""Losses of two classes: weighted, focal, adjusted to a prior, corrected for flipped labels."""

from __future__ import annotations

import dataclasses

from losskit.base import Pointwise
from losskit.calculus import constant, log, log1p, maximum, minimum, sigmoid_power, symbol, where
from losskit.calculus.derive import derivative
from losskit.calculus.graph import Node
from losskit.combine.base import Combined, bounds_times, mixed, times
from losskit.domains import UNIT, Nonnegative, Positive, Probability, Rate
from losskit.errors import ParameterError
from losskit.tracing import Trace, in_place_of
from losskit.traits import Traits


def _classes(loss: Pointwise) -> bool:
    return loss.variables == ("m",) or loss.domain == UNIT


class Weighted(Combined):
    """A loss of two classes with a weight for each: rows of class 1 count `positive` times, others `negative` times."""

    loss: Pointwise
    positive: Positive = 1.0
    negative: Positive = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._need(_classes(self.loss), "a loss of two classes", "For weights by row pass sample_weight to the call")

    @property
    def variables(self) -> tuple[str, ...]:  # type: ignore[override]
        return ()

    def derived(self, variables: tuple[Node, ...], predictions: tuple[Node, ...]) -> Trace:
        y, f = variables
        share = y if self.loss.domain == UNIT else where(y > 0, 1.0, 0.0)
        weight = share * self.positive + (1.0 - share) * self.negative
        return times(weight, self.loss.graphs((y,), (f,)))

    def traits(self) -> Traits:
        most, least = maximum(self.positive, self.negative), minimum(self.positive, self.negative)
        known = self.loss.traits()
        scaled = bounds_times(known, most, most, least if known.convex else most)
        return dataclasses.replace(scaled, symmetric=None, elicits=None, proper=None, calibrated=None)


class Focal(Combined):
    """A loss of two classes on log-odds, well-classified rows turned down by (1 - p_t)^gamma.

    `Focal(Logistic(), gamma)` is `BinaryFocal(gamma)`.
    """

    loss: Pointwise
    gamma: Nonnegative = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        fits = self.loss.domain == UNIT and self.loss.link.name == "logit"
        self._need(fits, "a loss on log-odds with labels 0 and 1", "Logistic is one")

    def derived(self, variables: tuple[Node, ...], predictions: tuple[Node, ...]) -> Trace:
        y, f = variables
        one, zero = (self.loss.graphs((constant(label),), (f,)).value for label in (1.0, 0.0))
        value = y * (sigmoid_power(-f, self.gamma) * one) + (1 - y) * (sigmoid_power(f, self.gamma) * zero)
        gradient = derivative(value, f)
        return Trace(value, (gradient,), (derivative(gradient, f),))

    def traits(self) -> Traits:
        return Traits(differentiable=self.loss.traits().differentiable)


class PriorAdjusted(Combined):
    """A loss on log-odds, trained where a share `prior` of rows is of class 1, for use where half of them are.

    The score is shifted by the prior's log-odds inside the loss (logit adjustment).
    """

    loss: Pointwise
    prior: Probability = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        fits = self.loss.domain == UNIT and self.loss.link.name == "logit"
        self._need(fits, "a loss on log-odds with labels 0 and 1", "Logistic is one")

    @property
    def source(self) -> str:  # type: ignore[override]
        return f"Menon et al. (2021), arXiv:2007.07314; {self.loss.source}"

    def derived(self, variables: tuple[Node, ...], predictions: tuple[Node, ...]) -> Trace:
        y, f = variables
        own = symbol("_shifted")
        return in_place_of(self.loss.graphs((y,), (own,)), own, f + (log(self.prior) - log1p(-self.prior)))

    def traits(self) -> Traits:
        return dataclasses.replace(self.loss.traits(), elicits=None, proper=None, calibrated=None, kinks=None)


class SmoothedLabels(Combined):
    """A loss of two classes whose labels keep 1 - rate of their weight: the rest is spread over both classes alike.

    For many classes see `SoftmaxCrossEntropy(label_smoothing=...)`.
    """

    loss: Pointwise
    rate: Rate = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        self._need(_classes(self.loss), "a loss of two classes", "SoftmaxCrossEntropy has label_smoothing for many")

    @property
    def source(self) -> str:  # type: ignore[override]
        return f"Szegedy et al. (2016), doi:10.1109/CVPR.2016.308; {self.loss.source}"

    @property
    def variables(self) -> tuple[str, ...]:  # type: ignore[override]
        return ()

    def derived(self, variables: tuple[Node, ...], predictions: tuple[Node, ...]) -> Trace:
        y, f = variables
        half, other = self.rate / 2, 1 - y if self.loss.domain == UNIT else -y
        a, b = self.loss.graphs((y,), (f,)), self.loss.graphs((other,), (f,))
        return mixed(a, b, lambda kept, flipped: (1 - half) * kept + half * flipped)

    def traits(self) -> Traits:
        known = self.loss.traits()
        return Traits(convex=known.convex or None, differentiable=known.differentiable, bounded=known.bounded,
                      lipschitz=known.lipschitz, curvature=known.curvature, strong=known.strong)


class NoiseCorrected(Combined):
    """A loss of two classes for labels that flip: on average over the flips it is the loss of the true label.

    `flip_positive` is the share of class 1 seen as class 0, `flip_negative` of class 0 seen as class 1; their sum is
    below 1. It may be negative and is seldom convex.
    """

    loss: Pointwise
    flip_positive: Rate = 0.0
    flip_negative: Rate = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._need(_classes(self.loss), "a loss of two classes", "Labels must be able to flip")
        if not self.flip_positive + self.flip_negative < 1:
            raise ParameterError(
                f"NoiseCorrected needs flip_positive + flip_negative < 1; got {self.flip_positive} + "
                f"{self.flip_negative}: labels flipped this often carry the opposite meaning or none"
            )

    @property
    def source(self) -> str:  # type: ignore[override]
        return f"Natarajan et al. (2013), Advances in Neural Information Processing Systems 26; {self.loss.source}"

    @property
    def variables(self) -> tuple[str, ...]:  # type: ignore[override]
        return ()

    def derived(self, variables: tuple[Node, ...], predictions: tuple[Node, ...]) -> Trace:
        y, f = variables
        unit = self.loss.domain == UNIT
        share = y if unit else where(y > 0, 1.0, 0.0)
        mine = 1 - (share * self.flip_negative + (1 - share) * self.flip_positive)
        other = share * self.flip_positive + (1 - share) * self.flip_negative
        rest = 1 - self.flip_positive - self.flip_negative
        a, b = self.loss.graphs((y,), (f,)), self.loss.graphs((1 - y if unit else -y,), (f,))
        return mixed(a, b, lambda x, z: (mine * x - other * z) / rest)

    def traits(self) -> Traits:
        return Traits(differentiable=self.loss.traits().differentiable)
