"""Losses for two classes, labels in [0, 1]: on raw scores and on probabilities."""

from __future__ import annotations

from typing import Any

from losskit.base import Pointwise
from losskit.calculus import (
    maximum,
    minimum,
    mul_exp,
    sigmoid,
    sigmoid_gap,
    sigmoid_power,
    sigmoid_times,
    softplus,
    softplus_less_sigmoid,
    softplus_minus,
    softplus_scaled,
    softplus_times,
    where,
    xlog1py,
    xlogy,
)
from losskit.calculus.table import (
    above_cost,
    above_power,
    above_rate,
    flip_slope,
    sigmoid_minus,
    sigmoid_scaled,
    sigmoid_slope,
)
from losskit.domains import UNIT, BelowHalf, FromMinusOne, Nonnegative, OptionalProbability, Positive, Probability
from losskit.links import LOGIT
from losskit.traits import Traits


def mixed(y: Any, one: Any, zero: Any) -> Any:
    """y one + (1 - y) zero: what a label between 0 and 1 costs; a class without share may be infinite."""
    return where(y == 0, 0, y * one) + where(y == 1, 0, (1 - y) * zero)


def times_slope(c: Any, f: Any) -> Any:
    """c times the derivative of sigmoid at f; the power of e goes last, so that nothing underflows before its time."""
    return mul_exp(c * sigmoid(abs(f)) ** 2, -1, abs(f))


def focal_slope(z: Any, gamma: Any) -> Any:
    """-1 times the derivative of sigmoid(-z)^gamma softplus(-z)."""
    s = minimum(softplus(-z), 1e9)  # beyond, sigmoid(z) is 0
    return sigmoid_power(-z, gamma) * (gamma * (sigmoid(z) * s) + sigmoid(-z))


def focal_bend(z: Any, gamma: Any) -> Any:
    """The second derivative of sigmoid(-z)^gamma softplus(-z)."""
    # Q p (q (1 + 2g - g s) + g^2 p s); e^z of p goes last, so that nothing underflows before its time
    g, p, q, s = gamma, sigmoid(z), sigmoid(-z), minimum(softplus(-z), 1e9)
    rest = sigmoid_power(-z, g) * (q * (1 + g * (2 - s)) + g**2 * (p * s))
    return where(z < 0, mul_exp(rest * q, 1, z), rest * p)


class Logistic(Pointwise):
    """Binary cross-entropy on raw scores: f is the logit of the probability of class 1."""

    source = "Cox (1958), doi:10.1111/j.2517-6161.1958.tb00292.x"
    use = "Probabilities of two classes are wanted; the first choice for linear models, boosters and networks."
    avoid = "Some labels are plainly wrong: a confident error costs without bound."
    domain, link = UNIT, LOGIT

    def formula(self, y: Any, f: Any) -> Any:
        return softplus_minus(f, y)

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=True, differentiable=True, bounded=False, lipschitz=1.0,
                      curvature=0.25, strong=0.0, elicits="mean", proper=True, calibrated=True, redescending=False)

    def information(self, f: Any) -> Any:
        return sigmoid_slope(f)


class BinaryCrossEntropy(Pointwise):
    """Binary cross-entropy on probabilities, the log score: f is the probability of class 1. Nothing is clipped."""

    source = "Good (1952), doi:10.1111/j.2517-6161.1952.tb00104.x"
    use = "Probabilities made elsewhere are to be judged; a certain and wrong one costs infinity, as it should."
    avoid = "Training: keep the raw score and use Logistic, which cannot saturate."
    domain, prediction_domain = UNIT, UNIT

    def formula(self, y: Any, f: Any) -> Any:
        return -xlogy(y, f) - xlog1py(1 - y, -f)

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=True, differentiable=True, bounded=False, lipschitz=float("inf"),
                      curvature=float("inf"), strong=1.0, elicits="mean", proper=True, calibrated=True)

    def information(self, f: Any) -> Any:
        return 1 / f / (1 - f)


class BinaryFocal(Pointwise):
    """Cross-entropy on raw scores with well-classified rows turned down by (1 - p)^gamma; `alpha` weighs class 1."""

    source = "Lin et al. (2017), doi:10.1109/ICCV.2017.324"
    use = "Detection with a flood of easy negatives, where ranking of the hard ones matters."
    avoid = "Probabilities are wanted: they come out pulled to one half and need recalibration."
    domain, link = UNIT, LOGIT
    special = {"gamma": 2.0}
    gamma: Nonnegative = 2.0
    alpha: OptionalProbability = None

    def formula(self, y: Any, f: Any) -> Any:
        g = self.gamma
        return self._mixed(y, sigmoid_power(-f, g) * softplus(-f), sigmoid_power(f, g) * softplus(f))

    def derivative(self, y: Any, f: Any) -> Any:
        return self._mixed(y, -focal_slope(f, self.gamma), focal_slope(-f, self.gamma))

    def second_derivative(self, y: Any, f: Any) -> Any:
        return self._mixed(y, focal_bend(f, self.gamma), focal_bend(-f, self.gamma))

    def _mixed(self, y: Any, one: Any, zero: Any) -> Any:
        if self.alpha is not None:
            one, zero = self.alpha * one, (1 - self.alpha) * zero
        return mixed(y, one, zero)

    def traits(self) -> Traits:
        even = self.alpha in (None, 0.5)  # other weights move the threshold away from probability 1/2
        return Traits(convex=self.gamma == 0, strictly_convex=self.gamma == 0, differentiable=True, bounded=False,
                      strong=0.0 if self.gamma == 0 else None, proper=self.gamma == 0 and even, calibrated=even,
                      redescending=False)


class AsymmetricFocal(Pointwise):
    """Focal loss with a power for each class (ASL), in which negatives of a probability up to `margin` cost nothing."""

    source = "Ridnik et al. (2021), doi:10.1109/ICCV48922.2021.00015"
    use = "Many labels a row, nearly all of them 0 and some of the zeros wrong: easy negatives are dropped altogether."
    avoid = "Probabilities are wanted: they come out far too high, and no threshold but a tuned one is right."
    domain, link = UNIT, LOGIT
    gamma_positive: Nonnegative = 1.0
    gamma_negative: Nonnegative = 4.0
    margin: BelowHalf = 0.05

    def formula(self, y: Any, f: Any) -> Any:
        g, m = self.gamma_negative, self.margin
        return mixed(y, sigmoid_power(-f, self.gamma_positive) * softplus(-f), above_power(f, m, g) * above_cost(f, m))

    def derivative(self, y: Any, f: Any) -> Any:
        return mixed(y, -focal_slope(f, self.gamma_positive), self._slope(f))

    def second_derivative(self, y: Any, f: Any) -> Any:
        return mixed(y, focal_bend(f, self.gamma_positive), self._bend(f))

    def _parts(self, f: Any) -> tuple[Any, ...]:
        """With p_m = p - m and q = 1 - p: p_m^g, it times g times the cost -log(1 - p_m), and the cost's slope."""
        g, m = self.gamma_negative, self.margin
        power = above_power(f, m, g)
        return power, g * (power * minimum(above_cost(f, m), 1e9)), flip_slope(-f, -m, m)  # p q/(q + m)

    def _slope(self, f: Any) -> Any:
        power, cost, slope = self._parts(f)
        return above_rate(cost, f, self.margin) + power * slope

    def _bend(self, f: Any) -> Any:
        power, cost, slope = self._parts(f)
        g, m, p, q, rate = self.gamma_negative, self.margin, sigmoid(f), sigmoid(-f), above_rate(1, f, self.margin)
        own = above_rate(cost * (q - p + (g - 1) * rate), f, m)
        lost = 1 / (1 + 1 / (m + mul_exp(m, 1, f)))  # m/(q + m)
        return own + power * (slope * (2 * g * rate + (q - p * lost)))

    def traits(self) -> Traits:
        plain = self.gamma_positive == 0 and self.gamma_negative == 0 and self.margin == 0
        even = self.gamma_positive == self.gamma_negative and self.margin == 0
        return Traits(convex=plain, strictly_convex=plain, differentiable=self.gamma_negative > 0 or self.margin == 0,
                      bounded=False, strong=0.0 if plain else None, proper=plain, calibrated=even, redescending=False)


class Brier(Pointwise):
    """The squared error of the probability sigmoid(f): bounded, so that a confident error costs no more than 1."""

    source = "Brier (1950), doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2"
    use = "Probabilities are wanted and some labels are plainly wrong."
    avoid = "A good start is missing: it is not convex in the score, and rows far on the wrong side are given up."
    domain, link = UNIT, LOGIT

    def formula(self, y: Any, f: Any) -> Any:
        return mixed(y, sigmoid(-f) ** 2, sigmoid(f) ** 2)

    def derivative(self, y: Any, f: Any) -> Any:
        return 2 * (sigmoid_slope(f) * sigmoid_minus(f, y))

    def second_derivative(self, y: Any, f: Any) -> Any:
        return 2 * (sigmoid_slope(f) * (sigmoid_slope(f) + sigmoid_minus(f, y) * (sigmoid(-f) - sigmoid(f))))

    def traits(self) -> Traits:
        least, most = ((9 + side * 33**0.5) / 24 for side in (-1, 1))  # the roots of 12 p^2 - 9 p + 1
        low, high = (2 * p * (1 - p) ** 2 * (3 * p - 1) for p in (least, most))
        return Traits(convex=False, strictly_convex=False, differentiable=True, bounded=True, lipschitz=8 / 27,
                      curvature=high, strong=low, elicits="mean", proper=True, calibrated=True, redescending=True)


class BrierProbability(Pointwise):
    """The squared error of a probability f of class 1; a label between 0 and 1 mixes (1 - f)^2 and f^2."""

    source = "Brier (1950), doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2"
    use = "Probabilities made elsewhere are to be judged, by a score that stays finite."
    avoid = "Rare classes: the difference between 1 in 1000 and 1 in 100 hardly counts; BinaryCrossEntropy sees it."
    domain, prediction_domain = UNIT, UNIT

    def formula(self, y: Any, f: Any) -> Any:
        return y * (1 - f) ** 2 + (1 - y) * f**2

    def derivative(self, y: Any, f: Any) -> Any:
        return 2 * (f - y)

    def second_derivative(self, y: Any, f: Any) -> Any:
        return 2

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=True, differentiable=True, bounded=True, lipschitz=2.0,
                      curvature=2.0, strong=2.0, elicits="mean", proper=True, calibrated=True)


class Spherical(Pointwise):
    """One minus the spherical score p/sqrt(p^2 + (1 - p)^2) of the label's probability p; 0 is best, 1 worst."""

    source = "Gneiting and Raftery (2007), doi:10.1198/016214506000001437"
    use = "Probabilities are wanted and some labels are plainly wrong; steeper than Brier where p is near one half."
    avoid = "A good start is missing: it is not convex in the score, and rows far on the wrong side are given up."
    domain, link = UNIT, LOGIT

    def formula(self, y: Any, f: Any) -> Any:
        return mixed(y, sigmoid_gap(2 * f, 0.5) / 2, sigmoid_gap(-2 * f, 0.5) / 2)  # p^2/(p^2 + q^2) = sigmoid(2 f)

    def second_derivative(self, y: Any, f: Any) -> Any:
        return mixed(y, self._bend(2 * f), self._bend(-2 * f))

    def _bend(self, z: Any) -> Any:
        p, q = sigmoid(z), sigmoid(-z)
        return sigmoid_power(z, 0.5) * q * (2 * p - q)

    def traits(self) -> Traits:
        low, high = (p**0.5 * (1 - p) * (3 * p - 1) for p in ((6 - 21**0.5) / 15, (6 + 21**0.5) / 15))
        return Traits(convex=False, strictly_convex=False, differentiable=True, bounded=True, lipschitz=2 / 27**0.5,
                      curvature=high, strong=low, elicits="mean", proper=True, calibrated=True, redescending=True)


class Poly1(Pointwise):
    """Cross-entropy plus epsilon (1 - p), p being the label's probability: its leading term reweighed."""

    source = "Leng et al. (2022), arXiv:2204.12511"
    use = "A network trained by cross-entropy is to be tuned by one number more, epsilon."
    avoid = "Probabilities are wanted: with epsilon above 0 they come out too extreme, below 0 too timid."
    domain, link = UNIT, LOGIT
    epsilon: FromMinusOne = 1.0

    def formula(self, y: Any, f: Any) -> Any:
        return mixed(y, self._cost(-f), self._cost(f))

    def _cost(self, z: Any) -> Any:
        return softplus_less_sigmoid(z) + sigmoid_times(z, 1 + self.epsilon)

    def second_derivative(self, y: Any, f: Any) -> Any:
        p, q, e = sigmoid(f), sigmoid(-f), self.epsilon
        return times_slope(mixed(y, (1 - e) * q + (1 + e) * p, (1 - e) * p + (1 + e) * q), f)

    def traits(self) -> Traits:
        lipschitz, curvature, strong = poly1_bounds(self.epsilon)
        return Traits(convex=self.epsilon <= 1, strictly_convex=self.epsilon <= 1, differentiable=True, bounded=False,
                      lipschitz=lipschitz, curvature=curvature, strong=strong, proper=self.epsilon == 0,
                      calibrated=True, redescending=False)


def poly1_bounds(epsilon: Any) -> tuple[Any, Any, Any]:
    """The bounds of |L'| and of L'' above and below, for cross-entropy plus epsilon (1 - p)."""

    def bend(e: Any, p: Any) -> Any:
        return p * (1 - p) * (1 - e + 2 * e * p)

    e = maximum(epsilon, 1)  # up to 1 it is convex, with its steepest slope and its least curvature far out
    most = 0.5 + epsilon / (2 * (3 * epsilon**2 + 1) ** 0.5 + 2)
    least = (3 * e - 1 - (3 * e**2 + 1) ** 0.5) / (6 * e)
    return (1 + e) ** 2 / (4 * e), bend(epsilon, most), bend(e, least)


class LogitAdjusted(Pointwise):
    """Cross-entropy of f + logit(prior): the score f is left to say what the share of class 1 does not."""

    source = "Menon et al. (2021), arXiv:2007.07314"
    use = "Class 1 is rare, both classes matter alike: the sign of f then minimises the balanced error."
    avoid = "Probabilities are wanted: sigmoid(f) is one only where both classes are equally frequent."
    domain, link = UNIT, LOGIT
    prior: Probability = 0.1

    def formula(self, y: Any, f: Any) -> Any:
        p, q = self.prior, 1 - self.prior
        return mixed(y, softplus_scaled(-f, q / p), softplus_scaled(f, p / q))

    def second_derivative(self, y: Any, f: Any) -> Any:
        return self.information(f)

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=True, differentiable=True, bounded=False, lipschitz=1.0,
                      curvature=0.25, strong=0.0, proper=self.prior == 0.5, calibrated=self.prior == 0.5,
                      redescending=False)

    def information(self, f: Any) -> Any:
        p, q = self.prior, 1 - self.prior
        return sigmoid_scaled(f, p / q) * sigmoid_scaled(-f, q / p)


class WeightedLogistic(Pointwise):
    """Cross-entropy in which rows of class 1 count `pos_weight` times."""

    source = "King and Zeng (2001), doi:10.1093/oxfordjournals.pan.a004868"
    use = "Missing a case of class 1 costs pos_weight times a false alarm."
    avoid = "Probabilities are wanted: they come out shifted by log(pos_weight) on the logit scale."
    domain, link = UNIT, LOGIT
    pos_weight: Positive = 2.0

    def formula(self, y: Any, f: Any) -> Any:
        return softplus_times(-f, self.pos_weight * y) + softplus_times(f, 1 - y)

    def second_derivative(self, y: Any, f: Any) -> Any:
        return times_slope(self.pos_weight * y + (1 - y), f)

    def traits(self) -> Traits:
        larger, even = maximum(self.pos_weight, 1), self.pos_weight == 1
        return Traits(convex=True, strictly_convex=True, differentiable=True, bounded=False, lipschitz=larger,
                      curvature=larger / 4, strong=0.0, proper=even, calibrated=even, redescending=False)
