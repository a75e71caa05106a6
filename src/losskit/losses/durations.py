"""Losses of durations that may be censored: accelerated failure times, two bounds a row, f = log of the time scale.

What happened at t is (t, t); what had not happened by t (right-censored) is (t, inf), what happened before t
(left-censored) (0, t), between a and b (a, b), as in XGBoost's survival:aft. With e of the distribution's standard
form a duration is exp(f + sigma e). All are full negative log-likelihoods. A bound of an interval counts, its inside
does not.
"""

from __future__ import annotations

from math import inf
from typing import Any

from losskit.base import Pointwise
from losskit.calculus import (
    aft_exp,
    aft_gap,
    aft_softplus,
    aft_z,
    gaussian_nll,
    log,
    normal_mass,
    weibull_mass,
    where,
)
from losskit.domains import INTERVALS, Positive
from losskit.links import LOG
from losskit.traits import Traits

_SOURCE = (
    "Kalbfleisch and Prentice (2002), doi:10.1002/9781118032985; Barnwal, Cho and Hocking (2020), arXiv:2006.04920"
)
_CONVEX = {"convex": True, "strictly_convex": False, "strong": 0.0, "differentiable": True, "bounded": False}


class CensoredWeibullNLL(Pointwise):
    """Durations of a Weibull distribution of shape 1/sigma, seen, censored or in intervals; f = log of its scale."""

    source, domain, link, targets = _SOURCE, INTERVALS, LOG, ("lower", "upper")
    use = "Times to failure, some not over yet: the hazard grows (sigma < 1) or falls (sigma > 1) as a power of age."
    avoid = "The hazard rises and falls again (CensoredLogNormalNLL, CensoredLogLogisticNLL), or sigma is not known."
    sigma: Positive = 1.0

    def formula(self, lower: Any, upper: Any, f: Any) -> Any:
        s = self.sigma
        seen = log(s) + log(upper) - aft_z(upper, f, s)
        return aft_exp(lower, f, s) + where(lower == upper, seen, weibull_mass(lower, upper, f, s))

    def traits(self) -> Traits:
        return Traits(curvature=inf, lipschitz=inf, **_CONVEX)

    def information(self, f: Any) -> Any:
        return 1 / self.sigma**2


class CensoredLogNormalNLL(Pointwise):
    """Durations of a log-normal distribution, seen, censored or in intervals; f = log median."""

    source, domain, link, targets = _SOURCE, INTERVALS, LOG, ("lower", "upper")
    use = "Times, doses or amounts known within bounds, with multiplicative errors; the hazard rises, then falls."
    avoid = "A few very late or early events rule the fit (CensoredLogLogisticNLL), or sigma is not known."
    sigma: Positive = 1.0

    def formula(self, lower: Any, upper: Any, f: Any) -> Any:
        s = self.sigma
        seen = gaussian_nll(aft_z(upper, f, s), 0.0) + log(s) + log(upper)
        return where(lower == upper, seen, normal_mass(lower, upper, f, s))

    def traits(self) -> Traits:
        return Traits(curvature=1 / self.sigma**2, lipschitz=inf, **_CONVEX)

    def information(self, f: Any) -> Any:
        return 1 / self.sigma**2


class CensoredLogLogisticNLL(Pointwise):
    """Durations of a log-logistic distribution, seen, censored or in intervals; f = log median."""

    source, domain, link, targets = _SOURCE, INTERVALS, LOG, ("lower", "upper")
    use = "Times to an event with tails so heavy that no single one rules the fit; effects multiply the odds."
    avoid = "The hazard never falls (CensoredWeibullNLL with sigma < 1), or sigma is not known."
    sigma: Positive = 1.0

    def formula(self, lower: Any, upper: Any, f: Any) -> Any:
        s = self.sigma
        ends = aft_softplus(lower, f, s) + aft_softplus(upper, f, -s)
        return ends + where(lower == upper, log(s) + log(upper), aft_gap(lower, upper, s))

    def traits(self) -> Traits:
        return Traits(curvature=1 / (2 * self.sigma**2), lipschitz=1 / self.sigma, **_CONVEX)

    def information(self, f: Any) -> Any:
        return 1 / (3 * self.sigma**2)
