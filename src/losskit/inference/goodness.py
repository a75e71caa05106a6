"""How well a fit does as a whole: deviance, log-likelihood and Pearson's dispersion, for the losses that have them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from losskit.losses.binary import Logistic
from losskit.losses.counts import Gamma, InverseGaussian, LogNormal, NegativeBinomial, Poisson, Tweedie, Weibull
from losskit.losses.multiclass import SoftmaxCrossEntropy
from losskit.losses.regression import AbsoluteError, Quantile, SquaredError
from losskit.registry import family_of

Array = np.ndarray

_HALF_DEVIANCES = (Logistic, SoftmaxCrossEntropy, Poisson, NegativeBinomial, Gamma, InverseGaussian, Tweedie, LogNormal)
_SPREAD_KNOWN = (Logistic, SoftmaxCrossEntropy, Poisson, NegativeBinomial, Weibull)


def is_density(loss: Any) -> bool:
    """Whether the loss is a whole negative log density or mass, every constant included."""
    return family_of(loss) == "distributions"


def deviance(loss: Any, total: float) -> float | None:
    """The deviance of a weighted sum of losses; None for losses that are none."""
    if isinstance(loss, SquaredError):
        return total
    return 2.0 * total if isinstance(loss, _HALF_DEVIANCES) and is_plain(loss) else None


def vanishes(loss: Any) -> bool:
    """Whether a perfect prediction costs 0, so that the share of the loss explained means something."""
    residual = getattr(loss, "variables", ()) == ("r",)
    return not is_density(loss) and (residual or loss.traits().elicits is not None)


def has_known_spread(loss: Any) -> bool:
    """Whether the loss's distribution leaves no dispersion open: two classes, counts, whole densities."""
    return isinstance(loss, _SPREAD_KNOWN) or is_density(loss) or loss.link.gives == "probability"


def needs_dispersion(loss: Any) -> bool:
    """Whether the log-likelihood cannot be told without a dispersion."""
    return isinstance(loss, (Gamma, InverseGaussian))


def log_likelihood(
    loss: Any, total: float, n: float, summed: Callable[[Callable[[Array], Array]], float], dispersion: float | None
) -> float | None:
    """The log-likelihood where the weighted sum of losses is `total`; None for a loss that belongs to no distribution.

    `n` is the sum of weights, and `summed` sums a function of y with them. Of squared and absolute errors and quantiles
    the scale is the likeliest one; of Gamma and InverseGaussian it is `dispersion`.
    """
    if is_density(loss):
        return -total
    if not is_plain(loss):
        return None
    if isinstance(loss, (SquaredError, AbsoluteError, Quantile)):
        return _of_scale(loss, n, total / n)
    if needs_dispersion(loss):
        return None if dispersion is None else -total / dispersion + summed(_density_at_itself(loss, dispersion))
    if isinstance(loss, (Logistic, SoftmaxCrossEntropy)):
        return -total
    if isinstance(loss, (Poisson, NegativeBinomial)):
        own = summed(_mass_at_itself(loss))
        return None if math.isnan(own) else -total + own
    return None


def pearson(loss: Any, slopes: Array, information: Array, weights: Array) -> float:
    """sum(w L'^2 / E L''): over what rows leave open, by how much they vary more than the loss's distribution says."""
    used = information > 0
    return float(np.sum(weights[used] * slopes[used] ** 2 / information[used]))


def is_plain(loss: Any) -> bool:
    """Whether no option bends the loss away from its likelihood."""
    return not isinstance(loss, SoftmaxCrossEntropy) or loss == SoftmaxCrossEntropy()


def _of_scale(loss: Any, n: float, mean: float) -> float:
    if not mean > 0:
        return math.inf
    if isinstance(loss, SquaredError):
        return -n / 2 * (math.log(2 * math.pi * mean) + 1)
    if isinstance(loss, AbsoluteError):
        return -n * (math.log(2 * mean) + 1)
    return n * (math.log(loss.level * (1 - loss.level) / mean) - 1)


def _density_at_itself(loss: Any, dispersion: float) -> Callable[[Array], Array]:
    """The log density of y where the mean is y."""
    from scipy.special import gammaln

    if isinstance(loss, InverseGaussian):
        return lambda y: -0.5 * np.log(2 * math.pi * dispersion * y**3)
    shape = 1 / dispersion
    constant = shape * math.log(shape) - shape - float(gammaln(shape))
    return lambda y: constant - np.log(y)


def _mass_at_itself(loss: Any) -> Callable[[Array], Array]:
    """The log mass of the count y where the mean is y; nan of what is no count."""
    from scipy.special import gammaln, xlog1py, xlogy

    if isinstance(loss, Poisson):
        return lambda y: np.where(y == np.floor(y), xlogy(y, y) - y - gammaln(y + 1), np.nan)
    size = 1 / loss.alpha

    def mass(y: Array) -> Array:
        own = gammaln(y + size) - gammaln(size) - gammaln(y + 1) + xlogy(y, y / (y + size)) - xlog1py(size, y / size)
        return np.where(y == np.floor(y), own, np.nan)

    return mass
