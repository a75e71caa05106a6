"""The test that decides: a t-test on differences of folds, corrected for folds that share training rows.

And by the same correction, how probable it is that each candidate is the best of all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Array = np.ndarray
_DRAWS = 10_000


@dataclass(frozen=True)
class Comparison:
    """A mean over folds, its corrected standard error, and the p-value of its not being below 0."""

    mean: float
    standard_error: float
    p: float
    freedom: int


def corrected_t(values: Array, test_share: float) -> Comparison:
    """The corrected resampled t-test of Nadeau and Bengio (2003), doi:10.1023/A:1024068626366.

    Folds overlap in their training rows, so the mean of J of them varies by more than s^2 / J: by
    (1 / J + n_test / n_train) s^2.

    Parameters
    ----------
    values : array of J numbers, one a fold
        The test is one-sided, since only a lower metric can win: p is small where they lie below 0.
    test_share : n_test / n_train
    """
    values = np.asarray(values, dtype=np.float64)
    folds = values.size
    mean = float(values.mean())
    if folds < 2 or not np.isfinite(values).all():
        return Comparison(mean, math.nan, math.nan, max(folds - 1, 0))
    error = math.sqrt((1 / folds + test_share) * float(values.var(ddof=1)))
    if error <= 1e-14 * abs(mean) or error == 0:
        return Comparison(mean, error, 0.0 if mean < 0 else 1.0, folds - 1)
    from scipy.special import stdtr

    return Comparison(mean, error, float(stdtr(folds - 1, mean / error)), folds - 1)


def chances(costs: Array, test_share: float) -> Array:
    """For each candidate the probability that its mean cost is the lowest of all.

    The correlated t-distribution of Corani and Benavoli (2015), doi:10.1007/s10994-015-5486-z, of all means together:
    folds overlap as in `corrected_t`, and what candidates have in common cancels. Sampled, with a fixed seed.

    Parameters
    ----------
    costs : (candidates, J), the metric of each fold; a candidate with one that is not finite is never the best
    test_share : n_test / n_train
    """
    found, able = np.zeros(len(costs)), np.flatnonzero(np.isfinite(costs).all(axis=1))
    known, folds = costs[able], costs.shape[1]
    means = known.mean(axis=1)
    rng = np.random.default_rng(0)
    spread = np.sqrt((1 / folds + test_share) / rng.chisquare(max(folds - 1, 1), _DRAWS))
    moved = rng.normal(size=(_DRAWS, folds)) @ (known - means[:, None]).T * spread[:, None]
    if able.size:
        found[able] = np.bincount((means + moved).argmin(axis=1), minlength=able.size) / _DRAWS
    return found


def holm(p: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values: below 5 % they hold for all at once. A nan stays and counts for nothing."""
    known = sorted((i for i in range(len(p)) if not math.isnan(p[i])), key=lambda i: p[i])
    adjusted = [math.nan] * len(p)
    largest = 0.0
    for rank, i in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - rank) * p[i]))
        adjusted[i] = largest
    return adjusted


def smallest_difference(standard_error: float, freedom: int, tests: int, level: float = 0.05) -> float:
    """The smallest difference of this standard error that passes the first step of Holm over `tests` tests."""
    if not math.isfinite(standard_error) or freedom < 1 or tests < 1:
        return math.nan
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 1 - level / tests)) * standard_error
