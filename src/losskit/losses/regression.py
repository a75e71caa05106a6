"""Losses of the residual r = f - y."""

from __future__ import annotations

from math import inf
from typing import Any

from losskit.base import Residual
from losskit.calculus import (
    Node,
    abs_power,
    linex,
    log_cosh,
    maximum,
    minimum,
    pseudo_huber,
    smoothed_pinball,
    where,
)
from losskit.domains import AtLeastOne, Nonzero, Positive, Probability, Scale
from losskit.traits import Traits


class SquaredError(Residual):
    """The square of the residual: its mean is the mean squared error, without a half."""

    source = "Gauss (1809), Theoria motus corporum coelestium"
    use = "The conditional mean is wanted and errors are light-tailed; every solver is fastest here."
    avoid = "A few rows are far off: each pulls with the full size of its residual."

    def formula(self, r: Any) -> Any:
        return r**2

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=True, symmetric=True, differentiable=True, bounded=False,
                      lipschitz=inf, curvature=2.0, strong=2.0, elicits="mean", redescending=False, breakdown=0.0)

    def information(self, f: Any) -> Any:
        return 2.0


class AbsoluteError(Residual):
    """The size of the residual; its best prediction is the conditional median."""

    source = "Laplace (1793); Koenker and Bassett (1978), doi:10.2307/1913643"
    use = "The median is wanted, or the metric is mean absolute error; outliers in y do little."
    avoid = "Smooth solvers and boosters need a curvature: it has none, PseudoHuber is near and smooth."

    def formula(self, r: Any) -> Any:
        return abs(r)

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=False, symmetric=True, differentiable=False, bounded=False,
                      lipschitz=1.0, curvature=0.0, strong=0.0, elicits="median", redescending=False, breakdown=0.5,
                      kinks=(0.0,))


class Huber(Residual):
    """Squared near zero, absolute in the tails; `delta` is where the two meet."""

    source = "Huber (1964), doi:10.1214/aoms/1177703732"
    use = "Most rows are well behaved and a few are not; delta=\"auto\" keeps 95 % efficiency at the normal."
    avoid = "y is skewed and its mean is wanted: the fit moves towards the median."
    tuning = {"delta": 1.345}
    delta: Scale = 1.0

    def formula(self, r: Any) -> Any:
        return where(abs(r) <= self.delta, r**2 / 2, self.delta * (abs(r) - self.delta / 2))

    def spelling(self, r: Any) -> Any:
        clipped = self.derivative(r)
        return clipped * (r - clipped / 2)

    def derivative(self, r: Any) -> Any:
        return maximum(minimum(r, self.delta), -self.delta)

    def second_derivative(self, r: Any) -> Any:
        return where(abs(r) <= self.delta, 1, 0)

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=False, symmetric=True, differentiable=True, bounded=False,
                      lipschitz=self.delta, curvature=1.0, strong=0.0, elicits="Huber functional", redescending=False,
                      breakdown=0.5)


class PseudoHuber(Residual):
    """A smooth Huber: r^2/2 near zero, delta |r| far away."""

    source = "Charbonnier et al. (1994), doi:10.1109/ICIP.1994.413553; Hartley and Zisserman (2003), A6.8"
    use = "Huber's robustness with all derivatives, for Newton, boosters and networks."
    avoid = "Gross outliers are many: its pull is bounded but never fades, Tukey's does."
    tuning = {"delta": 1.2871}
    delta: Scale = 1.0

    def formula(self, r: Any) -> Any:
        return pseudo_huber(r, self.delta)

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=True, symmetric=True, differentiable=True, bounded=False,
                      lipschitz=self.delta, curvature=1.0, strong=0.0, redescending=False, breakdown=0.5)


class LogCosh(Residual):
    """The logarithm of the hyperbolic cosine: r^2/2 near zero, scale |r| far away."""

    source = "Green (1990), doi:10.1109/42.52985; Holland and Welsch (1977), doi:10.1080/03610927708827533"
    use = "A smooth, convex, nearly median fit; scale is where squared turns absolute."
    avoid = "Units are unknown: with a fixed scale, y in metres and y in millimetres are different losses."
    tuning = {"scale": 1.205}
    scale: Scale = 1.0

    def formula(self, r: Any) -> Any:
        return log_cosh(r, self.scale)

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=True, symmetric=True, differentiable=True, bounded=False,
                      lipschitz=self.scale, curvature=1.0, strong=0.0, redescending=False, breakdown=0.5)


class Quantile(Residual):
    """The pinball loss: under-prediction costs `level`, over-prediction 1 - level."""

    source = "Koenker and Bassett (1978), doi:10.2307/1913643"
    use = "A quantile of y is wanted: stock levels, service times, one end of an interval."
    avoid = "The mean is wanted: it is not reached, whatever the level."
    level: Probability = 0.5

    def formula(self, r: Any) -> Any:
        return (1 - self.level) * maximum(r, 0) + self.level * maximum(-r, 0)

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=False, symmetric=self.level == 0.5, differentiable=False,
                      bounded=False, lipschitz=maximum(self.level, 1 - self.level), curvature=0.0, strong=0.0,
                      elicits="quantile", redescending=False, breakdown=minimum(self.level, 1 - self.level),
                      kinks=(0.0,))


class Expectile(Residual):
    """Squared error weighted by `level` below the target and by 1 - level above."""

    source = "Newey and Powell (1987), doi:10.2307/1911031"
    use = "Under- and over-prediction cost differently and size matters; smooth where Quantile is not."
    avoid = "The level must be a probability of being exceeded: that is a quantile."
    level: Probability = 0.5

    def formula(self, r: Any) -> Any:
        return where(r > 0, 1 - self.level, self.level) * r * r  # not r**2, which may overflow before its time

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=True, symmetric=self.level == 0.5, differentiable=True,
                      bounded=False, lipschitz=inf, curvature=2 * maximum(self.level, 1 - self.level),
                      strong=2 * minimum(self.level, 1 - self.level), elicits="expectile", redescending=False,
                      breakdown=0.0)


class LpError(Residual):
    """The size of the residual to the power `p`: between the absolute error (1), squares (2) and the largest error."""

    source = "Gonin and Money (1989), Nonlinear Lp-norm estimation"
    use = "Tails between normal and double exponential (p near 1.5), or large errors must be pressed down (p > 2)."
    avoid = "p above 2 and outliers in y: each pulls with a power of its size."
    p: AtLeastOne = 1.5

    def formula(self, r: Any) -> Any:
        return abs_power(1, r, self.p)

    def traits(self) -> Traits:
        if isinstance(self.p, Node):
            return Traits(curvature=where(self.p == 2, 2, inf))
        one, two = self.p == 1, self.p == 2
        return Traits(convex=True, strictly_convex=not one, symmetric=True, differentiable=not one, bounded=False,
                      lipschitz=1.0 if one else inf, curvature=0.0 if one else 2.0 if two else inf,
                      strong=2.0 if two else 0.0, elicits="median" if one else "mean" if two else None,
                      redescending=False, breakdown=0.5 if one else 0.0, kinks=(0.0,) if one else ())


class SmoothL1(Residual):
    """Absolute error less beta/2, but r^2/(2 beta) inside `beta`: Huber(beta) divided by beta, as in torch."""

    source = "Girshick (2015), doi:10.1109/ICCV.2015.169"
    use = "Errors are to count about their own size and yet be smooth; regression heads of detectors use it."
    avoid = "beta is tuned: it changes the weight of small errors too. Huber keeps r^2/2 there."
    tuning = {"beta": 1.345}
    beta: Scale = 1.0

    def formula(self, r: Any) -> Any:
        return where(abs(r) <= self.beta, r * (r / (2 * self.beta)), abs(r) - self.beta / 2)

    def derivative(self, r: Any) -> Any:
        return maximum(minimum(r / self.beta, 1), -1)

    def second_derivative(self, r: Any) -> Any:
        return where(abs(r) <= self.beta, 1 / self.beta, 0)

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=False, symmetric=True, differentiable=True, bounded=False,
                      lipschitz=1.0, curvature=None if isinstance(self.beta, str) else 1 / self.beta, strong=0.0,
                      elicits="Huber functional", redescending=False, breakdown=0.5)


class HuberQuantile(Residual):
    """Huber's loss, weighted by `level` below the target and 1 - level above: a pinball without its kink.

    Quantile networks (doi:10.48550/arXiv.1806.06923) divide it by delta; this one is r^2/2, so weighted, near zero.
    """

    source = "Dabney et al. (2018), doi:10.1609/aaai.v32i1.11791; Taggart (2022), doi:10.1214/21-EJS1957"
    use = "A quantile by smooth solvers, networks or boosters; small delta comes near to the true quantile."
    avoid = "The level must be kept exactly: with delta of the size of the errors it is nearer an expectile."
    level: Probability = 0.5
    delta: Positive = 1.0

    def formula(self, r: Any) -> Any:
        w = where(r > 0, 1 - self.level, self.level)
        return where(abs(r) <= self.delta, w * r * (r / 2), w * self.delta * (abs(r) - self.delta / 2))

    def derivative(self, r: Any) -> Any:
        return where(r > 0, 1 - self.level, self.level) * maximum(minimum(r, self.delta), -self.delta)

    def second_derivative(self, r: Any) -> Any:
        return where(abs(r) <= self.delta, where(r > 0, 1 - self.level, self.level), 0)

    def traits(self) -> Traits:
        low, high = minimum(self.level, 1 - self.level), maximum(self.level, 1 - self.level)
        return Traits(convex=True, strictly_convex=False, symmetric=self.level == 0.5, differentiable=True,
                      bounded=False, lipschitz=maximum(self.delta * self.level, self.delta * (1 - self.level)),
                      curvature=high, strong=0.0,
                      elicits="Huber quantile", redescending=False, breakdown=low)


class SmoothedQuantile(Residual):
    """The pinball loss convolved with a logistic density of scale `bandwidth`; Quantile as that goes to 0."""

    source = "Zheng (2011), doi:10.1007/s13042-011-0031-2; He et al. (2023), doi:10.1016/j.jeconom.2021.07.010"
    use = "A quantile by Newton's method, boosters or networks: convex and smooth throughout."
    avoid = "Values are compared between bandwidths: a perfect fit costs bandwidth log 2, not 0."
    level: Probability = 0.5
    bandwidth: Positive = 1.0

    def formula(self, r: Any) -> Any:
        return smoothed_pinball(r, self.level, self.bandwidth)

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=True, symmetric=self.level == 0.5, differentiable=True,
                      bounded=False, lipschitz=maximum(self.level, 1 - self.level), curvature=0.25 / self.bandwidth,
                      strong=0.0, redescending=False, breakdown=minimum(self.level, 1 - self.level))


class EpsilonInsensitive(Residual):
    """The absolute error beyond `epsilon`, nothing inside: support vector regression's loss."""

    source = "Vapnik (1995), doi:10.1007/978-1-4757-2440-0"
    use = "Errors up to a known tolerance do not matter, or few rows are to decide the fit."
    avoid = "No tolerance is known: every prediction inside it is as good. For epsilon 0 use AbsoluteError."
    epsilon: Positive = 0.1

    def formula(self, r: Any) -> Any:
        return maximum(abs(r) - self.epsilon, 0)

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=False, symmetric=True, differentiable=False, bounded=False,
                      lipschitz=1.0, curvature=0.0, strong=0.0, redescending=False, breakdown=0.5,
                      kinks=(-self.epsilon, self.epsilon))


class SquaredEpsilonInsensitive(Residual):
    """The square of the error beyond `epsilon`, nothing inside; without a half, as in liblinear."""

    source = "Ho and Lin (2012), Journal of Machine Learning Research 13, 3323"
    use = "Errors up to a known tolerance do not matter and a smooth solver is to be used."
    avoid = "Outliers in y: each pulls with the full size of its excess. For epsilon 0 use SquaredError."
    epsilon: Positive = 0.1

    def formula(self, r: Any) -> Any:
        return maximum(abs(r) - self.epsilon, 0) ** 2

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=False, symmetric=True, differentiable=True, bounded=False,
                      lipschitz=inf, curvature=2.0, strong=0.0, redescending=False, breakdown=0.0)


class Linex(Residual):
    """Exponential cost on one side, linear on the other; about a^2 r^2/2 near zero.

    r is prediction minus target: a > 0 punishes over-prediction, a < 0 under-prediction.
    """

    source = "Varian (1975), in Studies in Bayesian econometrics; Zellner (1986), doi:10.1080/01621459.1986.10478289"
    use = "Errors on one side grow from a nuisance to a disaster: dams, doses, stock of a life-saving drug."
    avoid = "|a| times the typical error is above a few: one row's exponential drowns all others."
    a: Nonzero = 1.0

    def formula(self, r: Any) -> Any:
        return linex(r, self.a)

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=True, symmetric=False, differentiable=True, bounded=False,
                      lipschitz=inf, curvature=inf, strong=0.0, elicits="exponential mean", redescending=False,
                      breakdown=0.0)


class AsymmetricSquared(Residual):
    """Squared error with a price for each side: `under` for a prediction too low, `over` for one too high."""

    source = "Granger (1969), Operational Research Quarterly 20, 199; Newey and Powell (1987), doi:10.2307/1911031"
    use = "Both costs are known, per squared unit; the best prediction is the expectile of level under/(under + over)."
    avoid = "Costs are per unit: AsymmetricAbsolute."
    under: Positive = 2.0
    over: Positive = 1.0

    @property
    def level(self) -> float:
        """The level of the expectile it elicits."""
        return self.under / (self.under + self.over)

    def formula(self, r: Any) -> Any:
        return where(r > 0, self.over, self.under) * r * r

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=True, symmetric=self.under == self.over, differentiable=True,
                      bounded=False, lipschitz=inf, curvature=2 * maximum(self.under, self.over),
                      strong=2 * minimum(self.under, self.over), elicits="expectile", redescending=False,
                      breakdown=0.0)


class AsymmetricAbsolute(Residual):
    """The newsvendor's loss, a price per unit for each side: `under` for predictions too low, `over` for too high."""

    source = "Granger (1969), Operational Research Quarterly 20, 199; Arrow et al. (1951), doi:10.2307/1906813"
    use = "Costs per unit are known, say margin and waste; the best prediction is the under/(under + over) quantile."
    avoid = "The mean is wanted, or costs grow faster than the error: AsymmetricSquared."
    under: Positive = 2.0
    over: Positive = 1.0

    @property
    def level(self) -> float:
        """The level of the quantile it elicits."""
        return self.under / (self.under + self.over)

    def formula(self, r: Any) -> Any:
        return self.over * maximum(r, 0) + self.under * maximum(-r, 0)

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=False, symmetric=self.under == self.over, differentiable=False,
                      bounded=False, lipschitz=maximum(self.under, self.over), curvature=0.0, strong=0.0,
                      elicits="quantile", redescending=False, breakdown=minimum(self.level, 1 - self.level),
                      kinks=(0.0,))


class MeanBias(Residual):
    """The residual itself: its mean is the bias, above 0 for predictions too high."""

    source = "Willmott (1982), doi:10.1175/1520-0477(1982)063<1309:SCOTEO>2.0.CO;2"
    use = "For judging, never for training: whether predictions are too high or too low on the whole."
    avoid = "Anything is fitted by it: lower is not better, it falls for ever as predictions fall."

    def formula(self, r: Any) -> Any:
        return r

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=False, symmetric=False, differentiable=True, bounded=False,
                      lipschitz=1.0, curvature=0.0, strong=0.0, redescending=False)
