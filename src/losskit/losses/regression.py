"""Losses of the residual r = f - y."""

from __future__ import annotations

from math import inf, nan
from typing import Any

from losskit.base import Residual
from losskit.calculus import log_cosh, maximum, minimum, pseudo_huber, where
from losskit.domains import Probability, Scale
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
                      lipschitz=inf, curvature=2.0, strong=2.0, elicits="mean")

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
                      lipschitz=1.0, curvature=0.0, strong=0.0, elicits="median")


class Huber(Residual):
    """Squared near zero, absolute in the tails; `delta` is where the two meet."""

    source = "Huber (1964), doi:10.1214/aoms/1177703732"
    use = "Most rows are well behaved and a few are not; delta=\"auto\" keeps 95 % efficiency at the normal."
    avoid = "y is skewed and its mean is wanted: the fit moves towards the median."
    tuning = {"delta": 1.345}
    delta: Scale = 1.0

    def formula(self, r: Any) -> Any:
        return where(abs(r) <= self.delta, r**2 / 2, self.delta * (abs(r) - self.delta / 2))

    def derivative(self, r: Any) -> Any:
        return maximum(minimum(r, self.delta), -self.delta)

    def second_derivative(self, r: Any) -> Any:
        return where(abs(r) <= self.delta, 1, 0)

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=False, symmetric=True, differentiable=True, bounded=False,
                      lipschitz=self.delta, curvature=1.0, strong=0.0, elicits="Huber functional")


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
                      lipschitz=self.delta, curvature=1.0, strong=0.0)


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
                      lipschitz=self.scale, curvature=1.0, strong=0.0)


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
                      elicits="quantile")


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
                      strong=2 * minimum(self.level, 1 - self.level), elicits="expectile")


class Tukey(Residual):
    """The biweight: like squared error near zero, constant beyond `c`, so that gross outliers lose all pull."""

    source = "Beaton and Tukey (1974), doi:10.1080/00401706.1974.10489171"
    use = "A fair share of y is garbage; c=\"auto\" keeps 95 % efficiency at the normal."
    avoid = "A good start is missing: it is not convex, a fit may end in a local minimum."
    tuning = {"c": 4.685}
    c: Scale = 4.685

    def formula(self, r: Any) -> Any:
        s = (r / self.c) ** 2
        return where(abs(r) <= self.c, r**2 * (3 - 3 * s + s**2) / 6, self.c**2 / 6)

    def derivative(self, r: Any) -> Any:
        u = (self.c - abs(r)) / self.c * ((self.c + abs(r)) / self.c)  # 1 - s, exact to rounding where it vanishes
        return where(abs(r) <= self.c, r * u**2, 0)

    def second_derivative(self, r: Any) -> Any:
        u = (self.c - abs(r)) / self.c * ((self.c + abs(r)) / self.c)
        return where(abs(r) <= self.c, u * (u - 4 * (r / self.c) ** 2), 0)

    def traits(self) -> Traits:
        return Traits(convex=False, strictly_convex=False, symmetric=True, differentiable=True, bounded=True,
                      lipschitz=16 / (25 * 5**0.5) * (nan if isinstance(self.c, str) else self.c), curvature=1.0,
                      strong=-0.8)
