"""Full negative log densities, every constant included: a scale that is learned with the mean needs its normaliser.

A scale's output is its logarithm (`log_variance`, `log_scale`), so that any score is one. exp(-loss) integrates to 1
over y, which a law checks.
"""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np

from losskit.base import Pointwise
from losskit.calculus import (
    beta_curve,
    beta_energy,
    beta_flex,
    beta_floor,
    beta_lift,
    beta_sway,
    beta_tilt,
    dispersed_bend,
    dispersed_cross,
    dispersed_deviance,
    dispersed_floor,
    dispersed_floor_bend,
    dispersed_floor_slope,
    dispersed_pull,
    dispersed_sag,
    dispersed_share,
    dispersed_sway,
    div_square,
    exp,
    expm1,
    gamma_energy,
    gaussian_nll,
    gaussian_variance_nll,
    laplace_nll,
    log,
    log1p,
    mul_exp,
    poisson_nll,
    shape_bend,
    shape_normaliser,
    shape_slope,
    sigmoid,
    sigmoid_slope,
    softplus,
    sqrt,
    student_bend,
    student_constant,
    student_cross,
    student_log,
    student_pull,
    student_share,
    student_spread,
    tanh,
    truncated_bend,
    truncated_poisson_nll,
    where,
    zero_nll,
    zero_share,
)
from losskit.calculus.derive import derivative
from losskit.constants import weighted_quantile
from losskit.domains import COUNTS, OPEN_UNIT, POSITIVE, REAL, Positive
from losskit.links import IDENTITY, LOG, LOGIT
from losskit.traits import Traits

_DENSITY = {"bounded": False, "lipschitz": inf, "curvature": inf, "proper": True}


class GaussianNLL(Pointwise):
    """The negative log density of a normal distribution; outputs are its mean and the logarithm of its variance."""

    source = "Nix and Weigend (1994), doi:10.1109/ICNN.1994.374138"
    use = "Each row has a noise of its own size, to be learned with the mean: prediction intervals, weighting of rows."
    avoid = "Tails are heavy (StudentTNLL), or the mean alone is wanted: a learned variance can forgive a bad mean."
    outputs, links = ("mean", "log_variance"), (IDENTITY, LOG)

    def formula(self, y: Any, mean: Any, log_variance: Any) -> Any:
        return gaussian_nll(y - mean, log_variance)

    def derivative(self, y: Any, mean: Any, log_variance: Any) -> Any:
        z = mul_exp(y - mean, -0.5, log_variance)
        return mul_exp(mean - y, -1, log_variance), (1 - z) / 2 * (1 + z)

    def second_derivative(self, y: Any, mean: Any, log_variance: Any) -> Any:
        z = mul_exp(y - mean, -0.5, log_variance)
        return exp(-log_variance), mul_exp(y - mean, -1, log_variance), z / 2 * z

    def traits(self) -> Traits:
        return Traits(convex=False, strictly_convex=False, symmetric=True, differentiable=True, elicits="mean",
                      **_DENSITY)

    def information(self, mean: Any, log_variance: Any) -> Any:
        return exp(-log_variance), 0.0, 0.5

    def _best(self, y: Any, w: Any) -> list[float]:
        mean = np.average(y, weights=w)
        return [float(mean), float(LOG.to_score(np.average((y - mean) ** 2, weights=w)))]


class GaussianVarianceNLL(Pointwise):
    """The negative log density of a normal distribution; outputs are its mean and its variance, which is positive."""

    source = "Nix and Weigend (1994), doi:10.1109/ICNN.1994.374138"
    use = "A model ends in a variance that is positive by construction (softplus), or given variances are judged."
    avoid = "The variance is a free score: it may leave its domain. GaussianNLL, on the logarithm, cannot."
    outputs, prediction_domains = ("mean", "variance"), (REAL, POSITIVE)

    def formula(self, y: Any, mean: Any, variance: Any) -> Any:
        return gaussian_variance_nll(y - mean, variance)

    def derivative(self, y: Any, mean: Any, variance: Any) -> Any:
        z = (y - mean) / sqrt(variance)
        return (mean - y) / variance, (1 - z) / 2 / variance * (1 + z)

    def second_derivative(self, y: Any, mean: Any, variance: Any) -> Any:
        z, root = (y - mean) / sqrt(variance), sqrt(0.5)
        return 1 / variance, div_square(y - mean, variance), (z - root) / variance * ((z + root) / variance)

    def traits(self) -> Traits:
        return Traits(convex=False, strictly_convex=False, symmetric=True, differentiable=True, elicits="mean",
                      **_DENSITY)

    def information(self, mean: Any, variance: Any) -> Any:
        return 1 / variance, 0.0, div_square(0.5, variance)

    def _best(self, y: Any, w: Any) -> list[float]:
        mean = np.average(y, weights=w)
        return [float(mean), float(np.average((y - mean) ** 2, weights=w))]


class LaplaceNLL(Pointwise):
    """The negative log density of a Laplace distribution; outputs are its median and the logarithm of its scale."""

    source = "Kotz, Kozubowski and Podgorski (2001), doi:10.1007/978-1-4612-0173-1"
    use = "The absolute error with a noise level of each row's own, learned with the median; outliers pull little."
    avoid = "Solvers need a curvature: it is all in the kink at y = location and in the scale."
    outputs, links = ("location", "log_scale"), (IDENTITY, LOG)

    def formula(self, y: Any, location: Any, log_scale: Any) -> Any:
        return laplace_nll(mul_exp(abs(y - location), -1, log_scale), log_scale)

    def spelling(self, y: Any, location: Any, log_scale: Any) -> Any:
        a = mul_exp(abs(y - location), -1, log_scale)
        return where(a == inf, inf, laplace_nll(a, log_scale))

    def derivative(self, y: Any, location: Any, log_scale: Any) -> Any:
        side = where(y > location, -1, where(y < location, 1, 0))
        return mul_exp(side, -1, log_scale), 1 - mul_exp(abs(y - location), -1, log_scale)

    def second_derivative(self, y: Any, location: Any, log_scale: Any) -> Any:
        side = where(y > location, 1, where(y < location, -1, 0))
        return 0, mul_exp(side, -1, log_scale), mul_exp(abs(y - location), -1, log_scale)

    def traits(self) -> Traits:
        return Traits(convex=False, strictly_convex=False, symmetric=True, differentiable=False, elicits="median",
                      **_DENSITY)

    def information(self, location: Any, log_scale: Any) -> Any:
        return mul_exp(1, -2, log_scale), 0.0, 1.0

    def _best(self, y: Any, w: Any) -> list[float]:
        location = weighted_quantile(y, 0.5, w)
        return [location, float(LOG.to_score(np.average(np.abs(y - location), weights=w)))]


class StudentTNLL(Pointwise):
    """The negative log density of Student's t with `df` degrees of freedom; outputs are its location and log scale."""

    source = "Lange, Little and Taylor (1989), doi:10.1080/01621459.1989.10478852"
    use = "Heavy-tailed errors whose size differs from row to row: a gross outlier moves neither output far."
    avoid = "A good start is missing: far from the data it is flat. Errors are normal: GaussianNLL says more from less."
    outputs, links = ("location", "log_scale"), (IDENTITY, LOG)
    df: Positive = 4.0

    def formula(self, y: Any, location: Any, log_scale: Any) -> Any:
        tail = student_log(y - location, log_scale, self.df)
        return (self.df + 1) / 2 * tail + (log_scale + student_constant(self.df))

    def derivative(self, y: Any, location: Any, log_scale: Any) -> Any:
        r, n = location - y, self.df
        return (1 + 1 / n) * student_pull(r, log_scale, n), 1 - (n + 1) * student_share(r, log_scale, n)

    def second_derivative(self, y: Any, location: Any, log_scale: Any) -> Any:
        r, n = location - y, self.df
        bends = student_bend(r, log_scale, n), -2 * student_cross(r, log_scale, n), 2 * student_spread(r, log_scale, n)
        return tuple((1 + 1 / n) * x for x in bends)

    def traits(self) -> Traits:
        return Traits(convex=False, strictly_convex=False, symmetric=True, differentiable=True, **_DENSITY)

    def information(self, location: Any, log_scale: Any) -> Any:
        share = 1 / (self.df + 3)
        return (self.df + 1) * share * mul_exp(1, -2, log_scale), 0.0, 2 * self.df * share

    def _start(self, y: Any, w: Any) -> list[float]:
        location = weighted_quantile(y, 0.5, w)
        return [location, float(LOG.to_score(weighted_quantile(np.abs(y - location), 0.5, w)))]


def _at_the_ends(energy: Any, rest: Any, s: Any) -> Any:
    """energy + rest, and its limit where s, the log precision, is infinite: any energy is more than a logarithm."""
    return where(energy == inf, inf, where(abs(s) == inf, -s, energy + rest))


def _slopes(loss: Any, y: Any, *f: Any) -> tuple[Any, ...]:
    """The formula's derivatives by the outputs, which need no limits."""
    return tuple(derivative(loss.formula(y, *f), each) for each in f)


class GammaNLL(Pointwise):
    """The negative log density of a gamma distribution; outputs are the logarithms of its mean and of its shape."""

    source = "McCullagh and Nelder (1989), doi:10.1007/978-1-4899-3242-6"
    use = "Positive amounts whose relative error differs from row to row: 1/sqrt(shape) is learned with the mean."
    avoid = "y may be 0, where there is no density; or one relative error serves all rows: Gamma fits the same mean."
    outputs, links = ("log_mean", "log_shape"), (LOG, LOG)
    domain = POSITIVE

    def formula(self, y: Any, log_mean: Any, log_shape: Any) -> Any:
        return gamma_energy(y, log_mean, log_shape) + (log(y) + shape_normaliser(log_shape))

    def spelling(self, y: Any, log_mean: Any, log_shape: Any) -> Any:
        rest = log(y) + shape_normaliser(log_shape)
        return _at_the_ends(gamma_energy(y, log_mean, log_shape), rest, log_shape)

    def derivative(self, y: Any, log_mean: Any, log_shape: Any) -> Any:
        return _slopes(self, y, log_mean, log_shape)

    def traits(self) -> Traits:
        return Traits(convex=False, strictly_convex=False, symmetric=False, differentiable=True, elicits="mean",
                      **_DENSITY)

    def information(self, log_mean: Any, log_shape: Any) -> Any:
        return exp(log_shape), 0.0, shape_slope(log_shape) + shape_bend(log_shape)

    def _start(self, y: Any, w: Any) -> list[float]:
        log_mean = float(LOG.to_score(np.average(y, weights=w)))
        gap = max(log_mean - float(np.average(np.log(y), weights=w)), 0.0)
        return [log_mean, float(LOG.to_score((3 - gap + np.sqrt((gap - 3) ** 2 + 24 * gap)) / 12) - LOG.to_score(gap))]


class BetaNLL(Pointwise):
    """The negative log density of a beta distribution; outputs are the logit of its mean and its log precision."""

    source = "Ferrari and Cribari-Neto (2004), doi:10.1080/0266476042000214501"
    use = "Shares between 0 and 1, such as rates and proportions, whose spread differs from row to row."
    avoid = "y may be 0 or 1, where there is no density; or the mean alone is wanted: Logistic takes shares as targets."
    outputs, links = ("logit_mean", "log_precision"), (LOGIT, LOG)
    domain = OPEN_UNIT

    def formula(self, y: Any, logit_mean: Any, log_precision: Any) -> Any:
        energy = beta_energy(y, logit_mean, log_precision)
        return energy + (beta_floor(logit_mean, log_precision) + (log(y) + log1p(-y)))

    def spelling(self, y: Any, logit_mean: Any, log_precision: Any) -> Any:
        rest = beta_floor(logit_mean, log_precision) + (log(y) + log1p(-y))
        return _at_the_ends(beta_energy(y, logit_mean, log_precision), rest, log_precision)

    def derivative(self, y: Any, logit_mean: Any, log_precision: Any) -> Any:
        return _slopes(self, y, logit_mean, log_precision)

    def traits(self) -> Traits:
        return Traits(convex=False, strictly_convex=False, symmetric=False, differentiable=True, **_DENSITY)

    def information(self, logit_mean: Any, log_precision: Any) -> Any:
        tilt = beta_tilt(logit_mean, log_precision)
        mean = mul_exp(sigmoid_slope(logit_mean), 1, log_precision) + beta_curve(logit_mean, log_precision)
        both = beta_sway(logit_mean, log_precision) - tilt
        precision = beta_lift(logit_mean, log_precision) + beta_flex(logit_mean, log_precision)
        return mean + tanh(logit_mean / 2) * tilt, both, precision

    def _start(self, y: Any, w: Any) -> list[float]:
        mean = np.average(y, weights=w)
        spread = np.average((y - mean) ** 2, weights=w) if (y != y[0]).any() else 0.0
        return [float(LOGIT.to_score(mean)), float(LOG.to_score(mean * (1 - mean) - spread) - LOG.to_score(spread))]


class PoissonNLL(Pointwise):
    """The negative log mass of a Poisson count, log y! included; f is the logarithm of the mean."""

    source = "McCullagh and Nelder (1989), doi:10.1007/978-1-4899-3242-6"
    use = "Counts whose likelihood itself is wanted: to compare with other distributions, or to add up with them."
    avoid = "Only the fit matters, or y are rates: Poisson, the half deviance, has the same gradient and is 0 at best."
    domain, link = COUNTS, LOG

    def formula(self, y: Any, f: Any) -> Any:
        return poisson_nll(y, f)

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=True, strong=0.0, differentiable=True, elicits="mean", **_DENSITY)

    def information(self, f: Any) -> Any:
        return exp(f)


class ZeroInflatedPoisson(Pointwise):
    """The negative log mass of Poisson counts among extra zeros; outputs are log mean and the extra zeros' logit."""

    source = "Lambert (1992), doi:10.2307/1269547"
    use = "Some rows can only be 0, others are Poisson counts that may be 0 too: visits, claims, catches."
    avoid = "A zero always has the other cause: HurdlePoisson; or counts above 0 vary too: NegativeBinomialNLL."
    outputs, links = ("log_mean", "logit_zero"), (LOG, LOGIT)
    domain = COUNTS

    def formula(self, y: Any, log_mean: Any, logit_zero: Any) -> Any:
        return where(y == 0, zero_nll(log_mean, logit_zero), softplus(logit_zero) + poisson_nll(y, log_mean))

    def traits(self) -> Traits:
        return Traits(convex=False, strictly_convex=False, symmetric=False, differentiable=True, elicits="mean",
                      **_DENSITY)

    def information(self, log_mean: Any, logit_zero: Any) -> Any:
        mean, extra, rest = exp(log_mean), zero_share(log_mean, logit_zero), sigmoid(-logit_zero)
        zeros = exp(log_mean - mean) * extra
        return rest * mean * (1 - zeros), -rest * zeros, sigmoid(logit_zero) * rest * extra * -expm1(-mean)

    def _start(self, y: Any, w: Any) -> list[float]:
        zeros, mean = (float(np.average(x, weights=w)) for x in (y == 0, y))
        # without more zeros than Poisson's there are no others
        return [float(LOG.to_score(mean)), float(LOGIT.to_score(max(zeros - np.exp(-mean), 0.0)))]

    def _point(self, *f: Any) -> Any:
        return LOG.to_prediction(f[0]) * LOGIT.to_prediction(-f[1])


class HurdlePoisson(Pointwise):
    """The negative log mass of zeros and of Poisson counts above 0; outputs are log mean and the zeros' logit."""

    source = "Mullahy (1986), doi:10.1016/0304-4076(86)90002-3"
    use = "Whether anything happens and how often it then does have causes of their own; zeros may be too few as well."
    avoid = "Zeros are counts like others: PoissonNLL, whose mean is easier to read, or some are: ZeroInflatedPoisson."
    outputs, links = ("log_mean", "logit_zero"), (LOG, LOGIT)
    domain = COUNTS

    def formula(self, y: Any, log_mean: Any, logit_zero: Any) -> Any:
        above = softplus(logit_zero) + truncated_poisson_nll(y, log_mean)
        return where(y == 0, softplus(-logit_zero), above)

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=False, symmetric=False, differentiable=True, elicits="mean",
                      **_DENSITY)

    def information(self, log_mean: Any, logit_zero: Any) -> Any:
        rest = sigmoid(-logit_zero)
        return rest * truncated_bend(log_mean), 0.0, sigmoid(logit_zero) * rest

    def _best(self, y: Any, w: Any) -> list[float]:
        from scipy.optimize import brentq

        zeros, mean = (float(np.average(x, weights=w)) for x in (y == 0, y))
        above = mean / (1 - zeros) if zeros < 1 else 1.0  # the mean of the counts above 0, which is mu/(1 - e^-mu)
        within = above - 1, min(above, 2 * (above - 1))
        mu = max(2 * (above - 1), 0.0)  # near 1 it is 1 + mu/2
        if mu > 1e-8:
            mu = brentq(lambda mu: mu / -np.expm1(-mu) - above, *within, xtol=1e-300, rtol=1e-15)
        return [float(LOG.to_score(mu)), float(LOGIT.to_score(zeros))]

    def _point(self, *f: Any) -> Any:
        mean = LOG.to_prediction(f[0])
        return LOGIT.to_prediction(-f[1]) * mean / -np.expm1(-mean)


class NegativeBinomialNLL(Pointwise):
    """The negative log mass of counts of variance mean + dispersion mean^2; outputs are the logarithms of both."""

    source = "Hilbe (2011), doi:10.1017/CBO9780511973420; Lawless (1987), doi:10.2307/3314912"
    use = "Counts vary more than Poisson's, by how much differs from row to row and is learned with the mean."
    avoid = "Counts vary less than Poisson's: the dispersion falls for ever. One dispersion is known: NegativeBinomial."
    outputs, links = ("log_mean", "log_dispersion"), (LOG, LOG)
    domain = COUNTS

    def formula(self, y: Any, log_mean: Any, log_dispersion: Any) -> Any:
        return dispersed_deviance(y, log_mean, log_dispersion) + dispersed_floor(y, log_dispersion)

    def derivative(self, y: Any, log_mean: Any, log_dispersion: Any) -> Any:
        """At y = 1 the density is (r + 1) log(1 + mean/r) - log mean: its slope vanishes with the mean."""
        f, a, one = log_mean, log_dispersion, y == 1
        floor = where(one, dispersed_share(f, a), dispersed_floor_slope(y, a))
        return dispersed_pull(y, f, a), dispersed_sag(where(one, 0, y), f, a) + floor

    def second_derivative(self, y: Any, log_mean: Any, log_dispersion: Any) -> Any:
        f, a, one = log_mean, log_dispersion, y == 1
        floor = where(one, dispersed_share(f, a) * dispersed_share(-f, -a), dispersed_floor_bend(y, a))
        bend = dispersed_sway(where(one, 0, y), f, a) + floor
        return dispersed_bend(y, f, a), -dispersed_cross(y, f, a), bend

    def traits(self) -> Traits:
        return Traits(convex=False, strictly_convex=False, symmetric=False, differentiable=True, elicits="mean",
                      **_DENSITY)

    def _start(self, y: Any, w: Any) -> list[float]:
        mean = np.average(y, weights=w)
        excess = np.average((y - mean) ** 2, weights=w) - mean
        start = LOG.to_score(max(excess, 0.0)) - 2 * LOG.to_score(mean) if mean > 0 else 0.0
        return [float(LOG.to_score(mean)), float(start)]  # without an excess the best dispersion is 0
