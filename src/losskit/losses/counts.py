"""Losses for counts and amounts: half unit deviances with f = log mean, 0 at a perfect fit."""

from __future__ import annotations

from math import inf
from typing import Any

from losskit.base import Pointwise
from losskit.calculus import (
    div_square,
    exp,
    gamma_deviance,
    inverse_gaussian,
    log,
    mul_exp,
    negative_binomial_deviance,
    poisson_deviance,
    poisson_deviance_of_mean,
    tweedie_deviance,
    weibull_deviance,
    where,
)
from losskit.domains import NONNEGATIVE, POSITIVE, REAL, Domain, Positive, TweediePower
from losskit.links import LOG
from losskit.traits import Traits

_UNBOUNDED = {"differentiable": True, "bounded": False, "lipschitz": inf, "elicits": "mean"}


class Poisson(Pointwise):
    """Half the unit deviance of the Poisson distribution; f is the logarithm of the mean."""

    source = "McCullagh and Nelder (1989), doi:10.1007/978-1-4899-3242-6"
    use = "Counts, rates and other amounts whose variance grows with the mean; fitted totals equal actual ones."
    avoid = "Variance grows like the square of the mean (Gamma), or effects add instead of multiply (SquaredError)."
    domain, link = NONNEGATIVE, LOG

    def formula(self, y: Any, f: Any) -> Any:
        return poisson_deviance(y, f)

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=True, curvature=inf, strong=0.0, **_UNBOUNDED)

    def information(self, f: Any) -> Any:
        return exp(f)


class PoissonMean(Pointwise):
    """Half the unit deviance of the Poisson distribution on the mean itself: f is the mean."""

    source = "McCullagh and Nelder (1989), doi:10.1007/978-1-4899-3242-6"
    use = "Effects on a count add instead of multiply, or means made elsewhere are to be judged."
    avoid = "Training without a bound: a mean below 0 is refused. Poisson, on the logarithm, cannot leave its domain."
    domain, prediction_domain = NONNEGATIVE, NONNEGATIVE

    def formula(self, y: Any, f: Any) -> Any:
        return poisson_deviance_of_mean(y, f)

    def derivative(self, y: Any, f: Any) -> Any:
        return where(y == 0, 1, (f - y) / abs(f))  # abs: a mean of -0 is 0

    def second_derivative(self, y: Any, f: Any) -> Any:
        return where(y == 0, 0, div_square(y, f))

    def traits(self) -> Traits:
        return Traits(convex=True, curvature=inf, strong=0.0, **_UNBOUNDED)

    def information(self, f: Any) -> Any:
        return 1 / f


class NegativeBinomial(Pointwise):
    """Half the unit deviance of counts whose variance is mean + alpha mean^2; f is the logarithm of the mean."""

    source = "Hilbe (2011), doi:10.1017/CBO9780511973420; McCullagh and Nelder (1989), doi:10.1007/978-1-4899-3242-6"
    use = "Counts vary more than Poisson's: rows with large means should not rule the fit."
    avoid = "alpha is unknown and intervals matter: it is taken as given here, not fitted."
    domain, link = NONNEGATIVE, LOG
    alpha: Positive = 1.0

    def formula(self, y: Any, f: Any) -> Any:
        return negative_binomial_deviance(y, f, self.alpha)

    def second_derivative(self, y: Any, f: Any) -> Any:
        a = self.alpha
        left, right = 1 + a * exp(f), exp(-f) + a
        root = mul_exp(1, -0.5, f) / right  # far out e^-f is too small for its digits
        above = where(f < 300, mul_exp(1 + a * y, -1, f) / right / right, (1 + a * y) * root * root)
        return where(f < 0, mul_exp(1 + a * y, 1, f) / left / left, above)

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=True, curvature=inf, strong=0.0, **_UNBOUNDED)

    def information(self, f: Any) -> Any:
        return where(f < 0, exp(f) / (1 + self.alpha * exp(f)), 1 / (exp(-f) + self.alpha))


class Gamma(Pointwise):
    """Half the unit deviance of the gamma distribution; f is the logarithm of the mean."""

    source = "McCullagh and Nelder (1989), doi:10.1007/978-1-4899-3242-6"
    use = "Positive amounts whose relative error is what counts: claims, durations, prices."
    avoid = "y may be 0: the loss is not defined there, Tweedie with power in (1, 2) is."
    domain, link = POSITIVE, LOG

    def formula(self, y: Any, f: Any) -> Any:
        return gamma_deviance(y, f)

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=True, curvature=inf, strong=0.0, **_UNBOUNDED)

    def information(self, f: Any) -> Any:
        return 1.0


class InverseGaussian(Pointwise):
    """Half the unit deviance of the inverse Gaussian distribution; f is the logarithm of the mean."""

    source = "Tweedie (1957), doi:10.1214/aoms/1177706964"
    use = "Positive amounts with a heavier right tail than Gamma's: waiting times, very large claims."
    avoid = "A good start is missing: it is not convex in the logarithm of the mean."
    domain, link = POSITIVE, LOG

    def formula(self, y: Any, f: Any) -> Any:
        return inverse_gaussian(y, f)

    def traits(self) -> Traits:
        return Traits(convex=False, strictly_convex=False, curvature=inf, **_UNBOUNDED)

    def information(self, f: Any) -> Any:
        return exp(-f)


class Weibull(Pointwise):
    """Durations of a Weibull distribution of the given shape; f is the logarithm of its scale. 0 at f = log y."""

    source = "Weibull (1951), doi:10.1115/1.4010337; Kalbfleisch and Prentice (2002), doi:10.1002/9781118032985"
    use = "Times to failure whose hazard grows (shape > 1) or falls (shape < 1) with age; shape 1 is the exponential."
    avoid = "Some durations have not ended yet: they are not censored here, and pull the fit down."
    domain, link = POSITIVE, LOG
    shape: Positive = 1.5

    def formula(self, y: Any, f: Any) -> Any:
        return weibull_deviance(y, f, self.shape)

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=True, curvature=inf, strong=0.0, lipschitz=inf,
                      differentiable=True, bounded=False)

    def information(self, f: Any) -> Any:
        return self.shape * self.shape


class LogNormal(Pointwise):
    """Half the squared error of logarithms: durations and amounts of a log-normal distribution; f = log median."""

    source = "Aitchison and Brown (1957), The Lognormal Distribution, Cambridge University Press"
    use = "Errors are multiplicative and the median is wanted; gross overestimates cost as underestimates do."
    avoid = "The mean is wanted: exp(f) is the median, lower by exp(variance/2)."
    domain, link = POSITIVE, LOG

    def formula(self, y: Any, f: Any) -> Any:
        return (f - log(y)) ** 2 / 2

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=True, differentiable=True, bounded=False, lipschitz=inf,
                      curvature=1.0, strong=1.0, elicits="geometric mean")

    def information(self, f: Any) -> Any:
        return 1.0


class Tweedie(Pointwise):
    """Half the unit deviance of variance mean^power: 0 normal, 1 Poisson, 2 gamma, 3 inverse Gaussian; f = log mean."""

    source = "Jorgensen (1987), doi:10.1111/j.2517-6161.1987.tb01685.x"
    use = "Amounts with exact zeros (power between 1 and 2): insurance claims, rainfall, demand."
    avoid = "The power is a guess and intervals matter; the mean itself depends on it only mildly."
    link = LOG
    special = {"power": 1.5}
    power: TweediePower = 1.5

    @property
    def domain(self) -> Domain:
        return REAL if self.power == 0 else NONNEGATIVE if self.power < 2 else POSITIVE

    def formula(self, y: Any, f: Any) -> Any:
        return tweedie_deviance(y, f, self.power)

    def traits(self) -> Traits:
        convex = 1 <= self.power <= 2
        return Traits(convex=convex, strictly_convex=convex, curvature=inf, **_UNBOUNDED)

    def information(self, f: Any) -> Any:
        return mul_exp(1, 2 - self.power, f)
