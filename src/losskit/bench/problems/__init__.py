"""The problems of `losskit bench solvers`: data, an objective in NumPy, our call and those of other libraries.

A library that is not installed does not take part; `pip install 'losskit[bench]'` brings them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from losskit.bench.problems import amounts, classes, regression, sparse_models, validation
from losskit.bench.problems.base import Problem, dense, heavy, labels, noise, share, text
from losskit.bench.timing import refuse_unknown

Make = Callable[[Callable[[int], int]], Problem]


def _of_dense(rows: int, columns: int, make: Callable[..., Problem]) -> Make:
    """From a dense X and scores, the rows scaled by the suite's factor."""
    return lambda scaled: make(*dense(scaled(rows), columns))


def _of_text(rows: int, columns: int, make: Callable[..., Problem]) -> Make:
    return lambda scaled: make(*text(scaled(rows), columns))


def _of_amounts(rows: int, make: Callable[..., Problem]) -> Make:
    return lambda scaled: make(rows=scaled(rows))


def _ill_scaled(X: Any, score: Any) -> Problem:
    X = X * 10.0 ** np.random.default_rng(7).uniform(-3, 3, X.shape[1])
    return classes.logistic("L2-logistic, ill-scaled", X, labels(score), 1e-3)


def _lasso(name: str, ratio: float) -> Callable[..., Problem]:
    def make(X: Any, score: Any) -> Problem:
        y = score + noise(len(score))
        return sparse_models.lasso(name, X, y, share(X, y) / ratio, ratio)

    return make


def _l1_logistic(name: str) -> Callable[..., Problem]:
    return lambda X, score: sparse_models.l1_logistic(name, X, labels(score), share(X, labels(score) - 0.5))


def _many_classes(name: str, count: int) -> Callable[..., Problem]:
    def make(X: Any, score: Any) -> Problem:
        C = np.random.default_rng(9).normal(0, 0.5, (X.shape[1], count))
        return classes.multinomial(name, X, X @ C, 1e-3)

    return make


_PROBLEMS: dict[str, tuple[str, Make]] = {
    "L2-logistic": ("P8", _of_dense(50_000, 50, lambda X, s: classes.logistic("L2-logistic", X, labels(s), 1e-3))),
    "L2-logistic, ill-scaled": ("P8", _of_dense(50_000, 50, _ill_scaled)),
    "L2-logistic, sparse": (
        "P8",
        _of_text(20_000, 5000, lambda X, s: classes.logistic("L2-logistic, sparse", X, labels(s), 1e-4)),
    ),
    "lasso, n > p": ("P9", _of_dense(20_000, 300, _lasso("lasso, n > p", 1.0))),
    "elastic net": ("P9", _of_dense(20_000, 300, _lasso("elastic net", 0.5))),
    "lasso, p > n": ("P9", _of_dense(500, 10_000, _lasso("lasso, p > n", 1.0))),
    "lasso, sparse": ("P9", _of_text(20_000, 20_000, _lasso("lasso, sparse", 1.0))),
    "L1-logistic": ("P9", _of_dense(10_000, 300, _l1_logistic("L1-logistic"))),
    "L1-logistic, p > n": ("P9", _of_dense(500, 5000, _l1_logistic("L1-logistic, p > n"))),
    "L1-logistic, sparse": ("P9", _of_text(20_000, 10_000, _l1_logistic("L1-logistic, sparse"))),
    **{
        kind: ("P10", _of_amounts(50_000, partial(amounts.plain, kind, columns=20)))
        for kind in ("Poisson", "Gamma", "Tweedie")
    },
    **{
        f"{kind}, categories": ("P10", _of_amounts(50_000, partial(amounts.amounts, kind, alpha=1e-4)))
        for kind in ("Poisson", "Gamma", "Tweedie")
    },
    "quantile 0.9": (
        "P11",
        _of_dense(5000, 10, lambda X, s: regression.quantile("P11", "quantile 0.9", X, s + noise(len(s)), 0.9)),
    ),
    "quantile 0.9, many rows": (
        "P11",
        _of_dense(
            100_000,
            10,
            lambda X, s: regression.quantile("P11", "quantile 0.9, many rows", X, s + noise(len(s)), 0.9, slow=True),
        ),
    ),
    "Huber": ("P12", _of_dense(50_000, 20, lambda X, s: regression.huber("Huber", X, s + heavy(len(s))))),
    "Huber, joint scale": (
        "P12",
        _of_dense(50_000, 20, lambda X, s: regression.joint_scale("Huber, joint scale", X, s + heavy(len(s)))),
    ),
    "Tukey": ("P12", _of_dense(50_000, 20, lambda X, s: regression.tukey("Tukey", X, s + heavy(len(s))))),
    "LAD": ("P12", _of_dense(5000, 20, lambda X, s: regression.quantile("P12", "LAD", X, s + heavy(len(s)), 0.5))),
    "squared hinge": (
        "P13",
        _of_dense(20_000, 30, lambda X, s: classes.squared_hinge("squared hinge", X, labels(s), 1e-3)),
    ),
    "squared hinge, sparse": (
        "P13",
        _of_text(20_000, 5000, lambda X, s: classes.squared_hinge("squared hinge, sparse", X, labels(s), 1e-4)),
    ),
    "hinge": ("P13", _of_dense(5000, 30, lambda X, s: classes.hinge("hinge", X, labels(s), 1e-2))),
    "multinomial, 3 classes": ("P14", _of_dense(20_000, 30, _many_classes("multinomial, 3 classes", 3))),
    "multinomial, 10 classes": ("P14", _of_dense(20_000, 30, _many_classes("multinomial, 10 classes", 10))),
    "LassoCV": ("P15", _of_dense(5000, 100, lambda X, s: validation.squares("LassoCV", X, s + noise(len(s)), 1.0))),
    "ElasticNetCV": (
        "P15",
        _of_dense(5000, 100, lambda X, s: validation.squares("ElasticNetCV", X, s + noise(len(s)), 0.5)),
    ),
    "RidgeCV": ("P15", _of_dense(5000, 100, lambda X, s: validation.squares("RidgeCV", X, s + noise(len(s)), 0.0))),
    "LogisticRegressionCV, L2": (
        "P15",
        _of_dense(5000, 50, lambda X, s: validation.logistic("LogisticRegressionCV, L2", X, labels(s), 0.0)),
    ),
    "LogisticRegressionCV, L1": (
        "P15",
        _of_dense(5000, 50, lambda X, s: validation.logistic("LogisticRegressionCV, L1", X, labels(s), 1.0)),
    ),
}


def problems(scale: float, wanted: Sequence[str] = ()) -> Iterator[tuple[str, str, Callable[[], Problem]]]:
    """Id, name and maker of all of them or of those wanted, by id or name; `scale` multiplies the rows.

    Raises
    ------
    ParameterError
        If a name is neither, naming all.
    """
    refuse_unknown("--problem", wanted, [*dict.fromkeys(id for id, _ in _PROBLEMS.values()), *_PROBLEMS])
    for name, (id, make) in _PROBLEMS.items():
        if not wanted or id in wanted or name in wanted:
            yield id, name, partial(make, lambda rows: max(60, int(rows * scale)))
