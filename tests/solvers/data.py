"""Problems for the solvers' tests: a design with ill-scaled, correlated, shifted columns and targets for each loss."""

import numpy as np

import losskit as lk
from losskit.domains import SIGNS

SMOOTH = [
    lk.SquaredError(), lk.Huber(delta=1.0), lk.PseudoHuber(delta=0.5), lk.LogCosh(scale=1.0), lk.Expectile(level=0.8),
    lk.Logistic(), lk.SquaredHinge(), lk.Poisson(), lk.Gamma(), lk.Tweedie(power=1.5),
]  # fmt: skip
KINKED = [lk.AbsoluteError(), lk.Quantile(level=0.9), lk.Hinge()]
NONCONVEX = [lk.Tukey(c=4.685), lk.BinaryFocal(gamma=2.0)]


def problem(loss, rows=200, columns=4, seed=0):
    """X and y in the loss's domain."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((rows, columns))
    X[:, 1:] += 0.7 * X[:, :-1]
    score = X @ rng.standard_normal(columns) / np.sqrt(columns) + 0.3
    X = X * 10.0 ** np.linspace(-2, 2, columns) + np.linspace(-50, 300, columns)
    if loss.domain is SIGNS:
        return X, np.where(score + rng.logistic(size=rows) > 0, 1.0, -1.0)
    if loss.link.name == "logit":
        return X, (score + rng.logistic(size=rows) > 0).astype(float)
    if loss.link.name == "log":
        return X, rng.poisson(np.exp(score / 2)).astype(float) + isinstance(loss, lk.Gamma)
    return X, score + rng.standard_t(3, size=rows)
