"""Losses for two classes some of whose labels are wrong: labels in [0, 1], raw scores."""

from __future__ import annotations

from typing import Any

from losskit.base import Pointwise
from losskit.calculus import (
    flip_loss,
    logit_entropy,
    maximum,
    minimum,
    mul_exp,
    sigmoid,
    sigmoid_gap,
    sigmoid_power,
    sigmoid_times,
    softplus,
    softplus_minus,
    softplus_tilted,
    softplus_times,
    tanh,
)
from losskit.calculus.table import bitempered, flip_slope, sigmoid_minus
from losskit.domains import UNIT, AboveOne, FlipRate, Negative, Nonnegative, Positive, PositiveShare, Probability, Rate
from losskit.links import LOGIT
from losskit.losses.binary import mixed, poly1_bounds, times_slope
from losskit.traits import Traits


class GeneralizedCrossEntropy(Pointwise):
    """(1 - p^q)/q of the label's probability p: cross-entropy as q goes to 0, the absolute error at q = 1."""

    source = "Zhang and Sabuncu (2018), arXiv:1805.07836"
    use = "A share of the labels is wrong and which is not known; q sets how soon a bad row is given up."
    avoid = "Probabilities are wanted: they come out too extreme; or a good start is missing, as it is not convex."
    domain, link = UNIT, LOGIT
    q: PositiveShare = 0.7

    def formula(self, y: Any, f: Any) -> Any:
        return mixed(y, sigmoid_gap(f, self.q), sigmoid_gap(-f, self.q))

    def second_derivative(self, y: Any, f: Any) -> Any:
        return mixed(y, self._bend(f), self._bend(-f))

    def _bend(self, z: Any) -> Any:
        p, q = sigmoid(z), sigmoid(-z)
        return sigmoid_power(z, self.q) * q * (p - self.q * q)

    def traits(self) -> Traits:
        q = self.q
        middle, apart = (2 * q + 1) * (q + 1), (((2 * q + 1) * (q + 1)) ** 2 - 4 * q**2 * (q + 1) * (q + 2)) ** 0.5
        ends = [(middle + side * apart) / (2 * (q + 1) * (q + 2)) for side in (-1, 1)]
        low, high = (p**q * (1 - p) * (p - q * (1 - p)) for p in ends)
        return Traits(convex=False, strictly_convex=False, differentiable=True, bounded=True,
                      lipschitz=(q / (q + 1)) ** q / (q + 1), curvature=high, strong=low, proper=False, calibrated=True,
                      redescending=True)


class SymmetricCrossEntropy(Pointwise):
    """alpha times cross-entropy plus beta times its reverse, in which log 0 counts as A."""

    source = "Wang et al. (2019), arXiv:1908.06112"
    use = "A share of the labels is wrong: beta |A| over alpha sets how much less a hard row pulls."
    avoid = "Probabilities are wanted: they come out too extreme."
    domain, link = UNIT, LOGIT
    alpha: Positive = 0.1
    beta: Nonnegative = 1.0
    A: Negative = -4.0

    def formula(self, y: Any, f: Any) -> Any:
        return self._cost(-f, y) + self._cost(f, 1 - y)

    def _cost(self, z: Any, share: Any) -> Any:
        return softplus_times(z, self.alpha * share) + sigmoid_times(z, -self.beta * self.A * share)

    def second_derivative(self, y: Any, f: Any) -> Any:
        p, q, a, b = sigmoid(f), sigmoid(-f), self.alpha, -self.beta * self.A
        return times_slope(mixed(y, (a - b) * q + (a + b) * p, (a - b) * p + (a + b) * q), f)

    def traits(self) -> Traits:
        ratio = -self.beta * self.A / self.alpha
        lipschitz, curvature, strong = (self.alpha * bound for bound in poly1_bounds(ratio))
        return Traits(convex=ratio <= 1, strictly_convex=ratio <= 1, differentiable=True, bounded=False,
                      lipschitz=lipschitz, curvature=curvature, strong=strong, proper=ratio == 0, calibrated=True,
                      redescending=False)


class SoftBootstrap(Pointwise):
    """Cross-entropy against beta y + (1 - beta) p: the model's own probability p speaks for a share of the label."""

    source = "Reed et al. (2015), arXiv:1412.6596"
    use = "A share of the labels is wrong and the model is already fair: it then overrules them softly."
    avoid = "Probabilities are wanted: own belief feeds itself and they come out too extreme."
    domain, link = UNIT, LOGIT
    beta: Probability = 0.95

    def formula(self, y: Any, f: Any) -> Any:
        return self.beta * softplus_minus(f, y) + (1 - self.beta) * logit_entropy(f)

    def derivative(self, y: Any, f: Any) -> Any:
        x, size = maximum(minimum(f, 1e3), -1e3), minimum(abs(f), 1e3)  # beyond, the slope of sigmoid is 0
        own = mul_exp(x * sigmoid(size) ** 2, -1, size)
        return self.beta * sigmoid_minus(f, y) - (1 - self.beta) * own

    def second_derivative(self, y: Any, f: Any) -> Any:
        size = minimum(abs(f), 1e3)
        bend = (2 * self.beta - 1) + (1 - self.beta) * (size * tanh(size / 2))
        return mul_exp(bend * sigmoid(size) ** 2, -1, size)

    def traits(self) -> Traits:
        b = self.beta
        small = isinstance(b, float) and b < 0.5
        steady = not isinstance(b, float) or b >= 0.75  # the curvature is largest at 0
        return Traits(convex=b >= 0.5, strictly_convex=b >= 0.5, differentiable=True, bounded=False,
                      lipschitz=None if small else b, curvature=(2 * b - 1) / 4 if steady else None,
                      strong=None if small else 0.0, proper=False, calibrated=True, redescending=False)


class HardBootstrap(Pointwise):
    """Cross-entropy against beta y + (1 - beta) times the model's own guess, which is 1 if f > 0 and else 0."""

    source = "Reed et al. (2015), arXiv:1412.6596"
    use = "A share of the labels is wrong and the model is already fair: it then overrules them."
    avoid = "Probabilities are wanted; or a good start is missing: at score 0 it has a kink that pushes away."
    domain, link = UNIT, LOGIT
    beta: Probability = 0.8

    def formula(self, y: Any, f: Any) -> Any:
        return self.beta * softplus_minus(f, y) + (1 - self.beta) * softplus(-abs(f))

    def traits(self) -> Traits:
        return Traits(convex=False, strictly_convex=False, differentiable=False, bounded=False,
                      lipschitz=maximum(self.beta, 0.5), curvature=0.25, proper=False, calibrated=True,
                      redescending=False, kinks=(0.0,))


class ForwardCorrection(Pointwise):
    """Cross-entropy of the probability that the label is seen as 1, if classes 1 and 0 are seen flipped so often."""

    source = "Patrini et al. (2017), doi:10.1109/CVPR.2017.240"
    use = "The rates at which labels are flipped are known: sigmoid(f) then estimates the true class's probability."
    avoid = "The rates are guesses: the probabilities are as wrong as they are."
    domain, link = UNIT, LOGIT
    flip_one: FlipRate = 0.3
    flip_zero: FlipRate = 0.1

    def formula(self, y: Any, f: Any) -> Any:
        return mixed(y, flip_loss(f, self.flip_one, self.flip_zero), flip_loss(-f, self.flip_zero, self.flip_one))

    def traits(self) -> Traits:
        one, zero = self.flip_one, self.flip_zero
        clean, both = (one == 0) & (zero == 0), (one > 0) & (zero > 0)
        least = minimum((1 - one) ** 0.5 + zero**0.5, (1 - zero) ** 0.5 + one**0.5)
        return Traits(convex=clean, strictly_convex=clean, differentiable=True, bounded=both,
                      lipschitz=((0.5 - one) + (0.5 - zero)) / least**2, proper=clean, calibrated=one == zero,
                      redescending=both)

    def information(self, f: Any) -> Any:
        one, zero = self.flip_one, self.flip_zero
        return flip_slope(f, one, zero) * flip_slope(-f, zero, one)


class BackwardCorrection(Pointwise):
    """Cross-entropy made unbiased: its mean over flipped labels is the cross-entropy of the true ones."""

    source = "Natarajan et al. (2013), Advances in Neural Information Processing Systems 26, 1196"
    use = "The rates at which labels are flipped are known and the loss should stay convex."
    avoid = "There is no penalty: the loss has no lowest value, a flexible model falls for ever."
    domain, link = UNIT, LOGIT
    flip_one: FlipRate = 0.3
    flip_zero: FlipRate = 0.1

    def formula(self, y: Any, f: Any) -> Any:
        one, zero = self.flip_one, self.flip_zero
        return softplus_tilted(f, y, (y * one - (1 - y) * zero) / ((0.5 - one) + (0.5 - zero)))

    def traits(self) -> Traits:
        one, zero = self.flip_one, self.flip_zero
        return Traits(convex=True, strictly_convex=True, differentiable=True, bounded=False,
                      lipschitz=1 + maximum(one, zero) / ((0.5 - one) + (0.5 - zero)), curvature=0.25, strong=0.0,
                      proper=(one == 0) & (zero == 0), calibrated=one == zero, redescending=False)


class BiTempered(Pointwise):
    """A logistic loss bounded by t1 < 1, of probabilities whose tails are made heavy by t2 > 1."""

    source = "Amid, Warmuth, Anil and Koren (2019), arXiv:1906.03361"
    use = "A share of the labels is wrong: t1 bounds what a gross one costs, t2 pulls less on rows near the border."
    avoid = "Speed matters: each row solves an equation; or sigmoid(f) is wanted as a probability, which it is not."
    domain, link = UNIT, LOGIT
    t1: Rate = 0.8
    t2: AboveOne = 1.2

    def formula(self, y: Any, f: Any) -> Any:
        return mixed(y, bitempered(f, self.t1, self.t2), bitempered(-f, self.t1, self.t2))

    def traits(self) -> Traits:
        return Traits(convex=False, strictly_convex=False, differentiable=True, bounded=True, proper=False,
                      calibrated=True, redescending=True)
