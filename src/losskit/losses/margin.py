"""Losses of the margin m = y f: labels are -1 and +1, the sign of the score is the guess."""

from __future__ import annotations

from math import inf
from typing import Any

from losskit.base import Margin
from losskit.calculus import dwd_power, exp, maximum, sigmoid, tangent_gap, where
from losskit.calculus.table import sigmoid_slope
from losskit.domains import Nonpositive, Positive
from losskit.links import ARCTANGENT, HALF_LOGIT, LINEAR, SIGN
from losskit.traits import Traits

_LABEL = {"elicits": "most probable class", "proper": False, "calibrated": True}
_PROBABILITY = {"elicits": "mean", "proper": True, "calibrated": True}


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
                      curvature=0.0, strong=0.0, redescending=False, kinks=(1.0,), **_LABEL)


class SquaredHinge(Margin):
    """The square of the hinge: smooth where the hinge has its kink, harsher on bad margins."""

    source = "Chang, Hsieh and Lin (2008), Journal of Machine Learning Research 9, 1369"
    use = "A support vector machine by smooth solvers; the label is wanted."
    avoid = "Labels are noisy: a bad margin costs its square."
    link = SIGN

    def formula(self, m: Any) -> Any:
        return maximum(1 - m, 0) ** 2

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=False, differentiable=True, bounded=False, lipschitz=inf,
                      curvature=2.0, strong=0.0, proper=False, calibrated=True, redescending=False)


class SmoothedHinge(Margin):
    """The hinge with its kink rounded: quadratic from margin 1 down to 1 - gamma, linear below."""

    source = "Shalev-Shwartz and Zhang (2013), Journal of Machine Learning Research 14, 567"
    use = "A support vector machine by solvers that need a slope everywhere, without SquaredHinge's steep bad margins."
    avoid = "Probabilities are wanted; or gamma would be tiny: the curvature 1/gamma slows smooth solvers, take Hinge."
    link = SIGN
    gamma: Positive = 1.0

    def formula(self, m: Any) -> Any:
        h = maximum(1 - m, 0)
        return where(self._near(m), h * (h / self.gamma) / 2, h - self.gamma / 2)

    def derivative(self, m: Any) -> Any:
        return -where(self._near(m), maximum(1 - m, 0) / self.gamma, 1)

    def second_derivative(self, m: Any) -> Any:
        return where(self._near(m) & (m < 1), 1 / self.gamma, 0)

    def _near(self, m: Any) -> Any:
        return (1 - m <= self.gamma) & (m >= 1 - self.gamma)  # one of the two differences is exact

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=False, differentiable=True, bounded=False, lipschitz=1.0,
                      curvature=1 / self.gamma, strong=0.0, proper=False, calibrated=True, redescending=False)


class ModifiedHuber(Margin):
    """The squared hinge down to margin -1, its tangent below: (1 + f)/2, held to [0, 1], is a probability."""

    source = "Zhang (2004), doi:10.1214/aos/1079120130"
    use = "Probabilities from a loss with flat rows beyond margin 1; bad margins cost only in proportion."
    avoid = "Probabilities near 0 and 1 must be told apart: from score 1 on they are all 1; Logistic tells them apart."
    link = LINEAR

    def formula(self, m: Any) -> Any:
        return where(m < -1, -4 * m, maximum(1 - m, 0) ** 2)

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=False, differentiable=True, bounded=False, lipschitz=4.0,
                      curvature=2.0, strong=0.0, redescending=False, **_PROBABILITY)


class LeastSquaresMargin(Margin):
    """The squared distance of the margin from 1: least squares on labels -1 and +1."""

    source = "Suykens and Vandewalle (1999), doi:10.1023/A:1018628609742"
    use = "A classifier in one linear solve; (1 + f)/2 estimates the probability."
    avoid = "Some rows are classified with ease: a margin of 3 costs as much as one of -1."
    link = LINEAR

    def formula(self, m: Any) -> Any:
        return (1 - m) ** 2

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=True, differentiable=True, bounded=False, lipschitz=inf,
                      curvature=2.0, strong=2.0, redescending=False, **_PROBABILITY)


class Exponential(Margin):
    """AdaBoost's loss: each unit of bad margin costs e times more; sigmoid(2 f) is a probability."""

    source = "Freund and Schapire (1997), doi:10.1006/jcss.1997.1504"
    use = "Boosting in the way of AdaBoost, on labels that can be trusted."
    avoid = "Some labels are wrong: a few of them take over the fit. Logistic grows in proportion only."
    link = HALF_LOGIT

    def formula(self, m: Any) -> Any:
        return exp(-m)

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=True, differentiable=True, bounded=False, lipschitz=inf,
                      curvature=inf, strong=0.0, redescending=False, **_PROBABILITY)


class Perceptron(Margin):
    """Nothing for a right guess, the size of the score for a wrong one."""

    source = "Rosenblatt (1958), doi:10.1037/h0042519"
    use = "The classical perceptron, one row at a time, on classes that a line separates."
    avoid = "The classes overlap: the score 0 is then best of all and says nothing. Hinge asks for a margin."
    link = SIGN

    def formula(self, m: Any) -> Any:
        return maximum(-m, 0)

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=False, differentiable=False, bounded=False, lipschitz=1.0,
                      curvature=0.0, strong=0.0, proper=False, calibrated=False, redescending=False, kinks=(0.0,))


class ZeroOne(Margin):
    """One for a wrong guess; a half for the score 0, which takes no side. Its mean is the error rate."""

    source = "Bartlett, Jordan and McAuliffe (2006), doi:10.1198/016214505000000907"
    use = "Classifiers are to be compared by how often they are wrong."
    avoid = "Training: its slope is 0 everywhere; Hinge and Logistic are convex stand-ins, Ramp and Sigmoid near ones."
    link = SIGN

    def formula(self, m: Any) -> Any:
        return where(m < 0, 1, where(m > 0, 0, 0.5))

    def traits(self) -> Traits:
        # at its step there is no slope to either side, so it has no kinks to name
        return Traits(convex=False, strictly_convex=False, differentiable=False, bounded=True, **_LABEL)


class Ramp(Margin):
    """The hinge cut off: below margin s every row costs 1 - s, so that outliers lose all pull."""

    source = "Collobert, Sinz, Weston and Bottou (2006), doi:10.1145/1143844.1143870"
    use = "A support vector machine where some labels are wrong; start from the hinge's fit."
    avoid = "A good start is missing: it is not convex, and rows beyond s are not seen at all."
    link = SIGN
    s: Nonpositive = -1.0

    def formula(self, m: Any) -> Any:
        return maximum(1 - maximum(m, self.s), 0)

    def traits(self) -> Traits:
        return Traits(convex=False, strictly_convex=False, differentiable=False, bounded=True, lipschitz=1.0,
                      curvature=0.0, redescending=True, kinks=(self.s, 1.0), **_LABEL)


class Sigmoid(Margin):
    """The smooth zero-one loss: sigmoid(-m), which is (1 - tanh(m/2))/2."""

    source = "Mason, Baxter, Bartlett and Frean (1999), Advances in Neural Information Processing Systems 12, 512"
    use = "The error rate itself is to be trained, with labels flipped at random or known for one class only."
    avoid = "A good start is missing: it is not convex, and rows far on the wrong side are given up."
    link = SIGN

    def formula(self, m: Any) -> Any:
        return sigmoid(-m)

    def traits(self) -> Traits:
        steepest = 1 / (6 * 3**0.5)
        return Traits(convex=False, strictly_convex=False, differentiable=True, bounded=True, lipschitz=0.25,
                      curvature=steepest, strong=-steepest, redescending=True, **_LABEL)


class Savage(Margin):
    """1/(1 + e^(2m))^2: the Brier score of the probability sigmoid(2 f), at most 1 a row."""

    source = "Masnadi-Shirazi and Vasconcelos (2008), Advances in Neural Information Processing Systems 21, 1049"
    use = "Boosting with wrong labels among the rows, and probabilities at the end."
    avoid = "A good start is missing: it is not convex, and rows far on the wrong side are given up."
    link = HALF_LOGIT

    def formula(self, m: Any) -> Any:
        return sigmoid(-2 * m) ** 2

    def second_derivative(self, m: Any) -> Any:
        p, q = sigmoid(2 * m), sigmoid(-2 * m)
        return 8 * (sigmoid_slope(2 * m) * q) * (2 * p - q)

    def traits(self) -> Traits:
        least, most = ((9 + side * 33**0.5) / 24 for side in (-1, 1))  # the roots of 12 p^2 - 9 p + 1
        low, high = (8 * p * (1 - p) ** 2 * (3 * p - 1) for p in (least, most))
        return Traits(convex=False, strictly_convex=False, differentiable=True, bounded=True, lipschitz=16 / 27,
                      curvature=high, strong=low, redescending=True, **_PROBABILITY)


class Tangent(Margin):
    """(2 atan(m) - 1)^2: bounded on both sides, so that rows classified too well pull back; atan(f) + 1/2 is p."""

    source = "Masnadi-Shirazi, Mahadevan and Vasconcelos (2010), doi:10.1109/CVPR.2010.5540136"
    use = "Boosting with wrong labels among the rows, where scores should stay near tan(1/2) = 0.55."
    avoid = "Large margins are good news: from 0.55 on a larger one costs more."
    link = ARCTANGENT

    def formula(self, m: Any) -> Any:
        return tangent_gap(m) ** 2

    def traits(self) -> Traits:
        return Traits(convex=False, strictly_convex=False, differentiable=True, bounded=True,
                      lipschitz=6.168571308828052, curvature=8.484612157278836, strong=-3.170183852095433,
                      redescending=True, **_PROBABILITY)


class DWD(Margin):
    """Distance-weighted discrimination: linear below margin q/(q + 1), a falling power of the margin above."""

    source = "Marron, Todd and Ahn (2007), doi:10.1198/016214507000001120; Wang and Zou (2018), doi:10.1111/rssb.12244"
    use = "More columns than rows: every row keeps a say, unlike in a support vector machine."
    avoid = "Probabilities are wanted; or a sparse set of deciding rows is."
    link = SIGN
    q: Positive = 1.0

    def formula(self, m: Any) -> Any:
        return where((self.q + 1) * m <= self.q, 1 - m, dwd_power(m, self.q) / (self.q + 1))

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=False, differentiable=True, bounded=False, lipschitz=1.0,
                      curvature=(self.q + 1) ** 2 / self.q, strong=0.0, proper=False, calibrated=True,
                      redescending=False)


class Unhinged(Margin):
    """1 - m, without the hinge's bend: negative for good margins and without a lowest value."""

    source = "van Rooyen, Menon and Williamson (2015), arXiv:1505.07634"
    use = "Labels are flipped at random and a strong L2 penalty bounds the score: flips then change no decision."
    avoid = "There is no penalty on the score: the loss falls for ever."
    link = SIGN

    def formula(self, m: Any) -> Any:
        return 1 - m

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=False, differentiable=True, bounded=False, lipschitz=1.0,
                      curvature=0.0, strong=0.0, redescending=False, **_LABEL)
