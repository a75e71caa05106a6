"""Losses for two classes: on raw scores, on probabilities, and of the margin m = y f."""

from __future__ import annotations

from typing import Any

from losskit.base import Margin, Pointwise
from losskit.calculus import (
    maximum,
    minimum,
    mul_exp,
    sigmoid,
    sigmoid_power,
    softplus,
    softplus_minus,
    where,
    xlog1py,
    xlogy,
)
from losskit.calculus.table import sigmoid_slope
from losskit.domains import UNIT, Nonnegative, OptionalProbability
from losskit.links import LOGIT, SIGN
from losskit.traits import Traits


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
                      curvature=0.25, strong=0.0, elicits="mean", proper=True, calibrated=True)

    def information(self, f: Any) -> Any:
        return sigmoid_slope(f)


class BinaryCrossEntropy(Pointwise):
    """Binary cross-entropy on probabilities: f is the probability of class 1. Nothing is clipped."""

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


class Hinge(Margin):
    """Zero from margin 1 on, linear below: the support vector machine's loss."""

    source = "Cortes and Vapnik (1995), doi:10.1007/BF00994018"
    use = "Only the label is wanted and a sparse set of deciding rows helps."
    avoid = "Probabilities are wanted: the score is not one, nor can it be turned into one."
    link = SIGN

    def formula(self, m: Any) -> Any:
        return maximum(1 - m, 0)

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=False, differentiable=False, bounded=False, lipschitz=1.0,
                      curvature=0.0, strong=0.0, elicits="most probable class", proper=False, calibrated=True)


class SquaredHinge(Margin):
    """The square of the hinge: smooth where the hinge has its kink, harsher on bad margins."""

    source = "Chang, Hsieh and Lin (2008), Journal of Machine Learning Research 9, 1369"
    use = "A support vector machine by smooth solvers; the label is wanted."
    avoid = "Labels are noisy: a bad margin costs its square."
    link = SIGN

    def formula(self, m: Any) -> Any:
        return maximum(1 - m, 0) ** 2

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=False, differentiable=True, bounded=False, lipschitz=float("inf"),
                      curvature=2.0, strong=0.0, proper=False, calibrated=True)


class BinaryFocal(Pointwise):
    """Cross-entropy on raw scores with well-classified rows turned down by (1 - p)^gamma; `alpha` weighs class 1."""

    source = "Lin et al. (2017), doi:10.1109/ICCV.2017.324"
    use = "Detection with a flood of easy negatives, where ranking of the hard ones matters."
    avoid = "Probabilities are wanted: they come out pulled to one half and need recalibration."
    domain, link = UNIT, LOGIT
    gamma: Nonnegative = 2.0
    alpha: OptionalProbability = None

    def formula(self, y: Any, f: Any) -> Any:
        g = self.gamma
        return self._mixed(y, sigmoid_power(-f, g) * softplus(-f), sigmoid_power(f, g) * softplus(f))

    def derivative(self, y: Any, f: Any) -> Any:
        return self._mixed(y, -self._slope(f), self._slope(-f))

    def second_derivative(self, y: Any, f: Any) -> Any:
        return self._mixed(y, self._bend(f), self._bend(-f))

    def _mixed(self, y: Any, one: Any, zero: Any) -> Any:
        """y one + (1 - y) zero, weighed by alpha; a class without share may be infinite."""
        if self.alpha is not None:
            one, zero = self.alpha * one, (1 - self.alpha) * zero
        return where(y == 0, 0, y * one) + where(y == 1, 0, (1 - y) * zero)

    def _slope(self, z: Any) -> Any:
        s = minimum(softplus(-z), 1e9)  # beyond, sigmoid(z) is 0
        return sigmoid_power(-z, self.gamma) * (self.gamma * (sigmoid(z) * s) + sigmoid(-z))

    def _bend(self, z: Any) -> Any:
        # Q p (q (1 + 2g - g s) + g^2 p s); e^z of p goes last, so that nothing underflows before its time
        g, p, q, s = self.gamma, sigmoid(z), sigmoid(-z), minimum(softplus(-z), 1e9)
        rest = sigmoid_power(-z, g) * (q * (1 + g * (2 - s)) + g**2 * (p * s))
        return where(z < 0, mul_exp(rest * q, 1, z), rest * p)

    def traits(self) -> Traits:
        even = self.alpha in (None, 0.5)  # other weights move the threshold away from probability 1/2
        return Traits(convex=self.gamma == 0, strictly_convex=self.gamma == 0, differentiable=True, bounded=False,
                      strong=0.0 if self.gamma == 0 else None, proper=self.gamma == 0 and even, calibrated=even)
