"""Small data, and models of few shallow trees that are alike in all engines."""

from __future__ import annotations

import lightgbm
import numpy as np
import pytest

from losskit.boosted import BoostedClassifier, BoostedRegressor

ROUNDS = 20
# each engine's words for trees alike: shallow, of leaves with few rows, nothing added to the sum of curvatures
PLAIN = {
    "lightgbm": {"min_child_samples": 5, "num_leaves": 8, "min_sum_hessian_in_leaf": 0.0, "min_data_in_bin": 1},
    "xgboost": {"max_depth": 3, "min_child_weight": 0.0, "reg_lambda": 0.0},
    "catboost": {
        "depth": 3, "l2_leaf_reg": 0.0, "bootstrap_type": "No", "random_strength": 0.0, "boosting_type": "Plain",
        "leaf_estimation_iterations": 1,
    },
}  # fmt: skip
ENGINES = list(PLAIN)
each_engine = pytest.mark.parametrize("engine", ENGINES)


def regressor(loss, engine="lightgbm", **options):
    return BoostedRegressor(
        loss, engine=engine, n_estimators=ROUNDS, n_jobs=1, random_state=0, **{**PLAIN[engine], **options}
    )


def classifier(loss, engine="lightgbm", **options):
    return BoostedClassifier(
        loss, engine=engine, n_estimators=ROUNDS, n_jobs=1, random_state=0, **{**PLAIN[engine], **options}
    )


def numbers(rows=400, far=1000.0, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 40, size=(rows, 4)) / 10.0  # few values: bins do not hang on how often a row occurs
    return X, far + 3 * X[:, 0] + X[:, 1] ** 2 + rng.standard_t(3, size=rows)


def classes(k, rows=500, seed=1):
    """Labels of unequal classes."""
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 40, size=(rows, 4)) / 10.0
    score = X[:, 0] + 0.5 * X[:, 1] + rng.normal(size=rows)
    edges = {2: [0.7], 3: [0.6, 0.9]}[k]
    return X, np.digitize(score, np.quantile(score, edges))


def naive(gradient, hessian, X, y, weight=None, **options):
    """LightGBM with two lambdas, as tutorials have it."""
    model = lightgbm.LGBMRegressor(
        objective=lambda y, f: (gradient(y, f), hessian(y, f)), n_estimators=ROUNDS, n_jobs=1, verbosity=-1,
        **{**PLAIN["lightgbm"], **options},
    )  # fmt: skip
    return model.fit(X, y, sample_weight=weight)


def squared(**options):
    return {"gradient": lambda y, f: f - y, "hessian": lambda y, f: np.ones_like(f), **options}
