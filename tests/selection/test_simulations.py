"""How often the right loss is named, where the truth is known."""

import numpy as np
import pytest

from losskit.selection.run import select


def normal(rng):
    X = rng.normal(size=(1000, 3))
    return X, X @ [1.0, -2.0, 0.5] + rng.normal(size=1000), None


def additive(rng):
    X = rng.random((1000, 3))
    return X, rng.poisson(5 + 15 * X.sum(axis=1)).astype(float), "count"


def multiplicative(rng):
    X = rng.random((1000, 3))
    return X, rng.poisson(np.exp(0.2 + 1.2 * X.sum(axis=1))).astype(float), "count"


def named(make, seeds):
    found = []
    for seed in seeds:
        X, y, problem = make(np.random.default_rng([2024, seed]))
        found.append(select(X, y, "mean", problem, model="linear", seed=seed).verdict.loss)
    return found


@pytest.mark.parametrize(
    ("make", "loss", "least"),
    [  # the first two worlds are drawn in test_regret too
        pytest.param(normal, "SquaredError()", 2, marks=pytest.mark.slow),
        pytest.param(additive, "SquaredError()", 2, marks=pytest.mark.slow), (multiplicative, "Poisson()", 2),
    ],
)
def test_two_draws(make, loss, least):
    assert named(make, range(2)).count(loss) >= least


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "loss", "least"),
    [(normal, "SquaredError()", 95), (additive, "SquaredError()", 90), (multiplicative, "Poisson()", 95)],
)
def test_a_hundred_draws(make, loss, least):
    assert named(make, range(100)).count(loss) >= least
