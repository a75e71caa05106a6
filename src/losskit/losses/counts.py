"""Losses for counts and amounts: half unit deviances with f = log mean, 0 at a perfect fit."""

from __future__ import annotations

from math import inf
from typing import Any

from losskit.base import Pointwise
from losskit.calculus import exp, expm1mx, log, mul_exp, poisson_deviance, tweedie_deviance, where
from losskit.domains import NONNEGATIVE, POSITIVE, REAL, Domain, TweediePower
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


class Gamma(Pointwise):
    """Half the unit deviance of the gamma distribution; f is the logarithm of the mean."""

    source = "McCullagh and Nelder (1989), doi:10.1007/978-1-4899-3242-6"
    use = "Positive amounts whose relative error is what counts: claims, durations, prices."
    avoid = "y may be 0: the loss is not defined there, Tweedie with power in (1, 2) is."
    domain, link = POSITIVE, LOG

    def formula(self, y: Any, f: Any) -> Any:
        return expm1mx(log(y) - f)

    def derivative(self, y: Any, f: Any) -> Any:
        return 1 - mul_exp(y, -1, f)

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=True, curvature=inf, strong=0.0, **_UNBOUNDED)

    def information(self, f: Any) -> Any:
        return 1.0


class Tweedie(Pointwise):
    """Half the unit deviance of variance mean^power: 0 normal, 1 Poisson, 2 gamma, 3 inverse Gaussian; f = log mean."""

    source = "Jorgensen (1987), doi:10.1111/j.2517-6161.1987.tb01685.x"
    use = "Amounts with exact zeros (power between 1 and 2): insurance claims, rainfall, demand."
    avoid = "The power is a guess and intervals matter; the mean itself depends on it only mildly."
    link = LOG
    power: TweediePower = 1.5

    @property
    def domain(self) -> Domain:
        return REAL if self.power == 0 else NONNEGATIVE if self.power < 2 else POSITIVE

    def formula(self, y: Any, f: Any) -> Any:
        return tweedie_deviance(y, f, self.power)

    def derivative(self, y: Any, f: Any) -> Any:
        return self._difference(y, f, 1, 1)

    def second_derivative(self, y: Any, f: Any) -> Any:
        return self._difference(y, f, 2 - self.power, 1 - self.power)

    def _difference(self, y: Any, f: Any, b: Any, a: Any) -> Any:
        """b mu^(2-p) - a y mu^(1-p), as one product where the first overflows."""
        first = mul_exp(1, 2 - self.power, f)
        large = y > 1  # the side on which a may join y and nothing is lost
        second = where(large, 1, a) * mul_exp(where(large, a * y, y), 1 - self.power, f)
        together = mul_exp(b - a * mul_exp(y, -1, f), 2 - self.power, f)
        return where(first < inf, b * first - second, together)

    def traits(self) -> Traits:
        convex = 1 <= self.power <= 2
        return Traits(convex=convex, strictly_convex=convex, curvature=inf, **_UNBOUNDED)

    def information(self, f: Any) -> Any:
        return mul_exp(1, 2 - self.power, f)
