"""What a problem of `losskit bench solvers` is, and the data that problems are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import losskit as lk

Array = np.ndarray
Fit = Callable[[float], Array]
Judge = Callable[[Array], tuple[float, float]]
MOST = 100_000  # iterations


@dataclass(frozen=True)
class Problem:
    """One objective.

    Attributes
    ----------
    judge : coefficients to (value, relative violation of the optimality conditions)
    ours, peers : from a tolerance to coefficients, the intercept last if there is one
    slow : a peer needs so long that it is run once, without a first call to warm it
    """

    id: str
    name: str
    shape: tuple[int, int]
    judge: Judge
    ours: Fit
    peers: dict[str, Fit]
    slow: bool = False


def dense(rows: int, columns: int) -> tuple[Array, Array]:
    """An AR(1) design of correlation 0.7, and scores of ten of its columns."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((rows, columns))
    for j in range(1, columns):
        X[:, j] = 0.7 * X[:, j - 1] + np.sqrt(1 - 0.49) * X[:, j]
    weights = np.zeros(columns)
    weights[:: max(1, columns // 10)] = rng.choice([-1.0, 1.0], len(weights[:: max(1, columns // 10)]))
    return X, X @ weights


def text(rows: int, columns: int) -> tuple[Any, Array]:
    """Rows of 40 words drawn from a Zipf law, scaled to length 1, and scores of a twentieth of the words."""
    from scipy.sparse import csr_matrix

    rng = np.random.default_rng(1)
    chances = 1.0 / (np.arange(columns) + 10.0)
    words = rng.choice(columns, (rows, 40), p=chances / chances.sum())
    X = csr_matrix((np.ones(words.size), words.ravel(), np.arange(0, words.size + 1, 40)), (rows, columns))
    X.sum_duplicates()
    X = X.multiply(1 / np.sqrt(X.multiply(X).sum(axis=1))).tocsr()
    X.indices, X.indptr = X.indices.astype(np.int32), X.indptr.astype(np.int32)
    return X, X @ (rng.normal(0, 6, columns) * (rng.random(columns) < 0.05))


def insurance(rows: int) -> tuple[Array, list[Array], Array]:
    """Eight numbers and three categories of 100, 40 and 10 kinds, by Zipf's law, a row; and its score."""
    rng = np.random.default_rng(4)
    X, score = dense(rows, 8)
    codes = []
    score = -1.0 + 0.1 * score
    for kinds in (100, 40, 10):
        chances = 1.0 / np.arange(1.0, kinds + 1)
        codes.append(rng.choice(kinds, rows, p=chances / chances.sum()))
        score = score + rng.normal(0, 0.3, kinds)[codes[-1]]
    return X, codes, score


def share(X: Any, y: Array) -> float:
    """A twentieth of the least penalty at which a lasso of y, or of labels less 1/2, is all 0."""
    return float(np.abs(X.T @ y).max()) / len(y) / 20


def noise(rows: int) -> Array:
    """Standard normal."""
    return np.random.default_rng(2).standard_normal(rows)


def heavy(rows: int) -> Array:
    """Student's t of 2 degrees of freedom."""
    return np.random.default_rng(5).standard_t(2, rows)


def labels(score: Array) -> Array:
    """0 or 1, logistic in the score."""
    return (score + np.random.default_rng(3).logistic(size=len(score)) > 0).astype(float)


def judged(value: Callable[[Array], float], slope: Callable[[Array], Array], l1: float = 0.0) -> Judge:
    """Value of a smooth part plus l1 |coef|, and how far minus its slope is from the penalty's, over that at 0."""

    def judge(coef: Array) -> tuple[float, float]:
        g = slope(coef)
        off = np.where(coef == 0, np.maximum(np.abs(g) - l1, 0.0), np.abs(g + l1 * np.sign(coef)))
        first = float(np.abs(slope(np.zeros_like(coef))).max())
        return value(coef) + l1 * float(np.abs(coef).sum()), float(off.max()) / first

    return judge


def penalty_of(alpha: float, ratio: float) -> Any:
    """alpha (ratio |c| + (1 - ratio)/2 c^2)."""
    return lk.L2(alpha) if ratio == 0 else lk.L1(alpha) if ratio == 1 else lk.ElasticNet(alpha, ratio)


def ours(loss: Any, penalty: Any, X: Any, y: Array, fit_intercept: bool = False) -> Fit:
    """Our fit; our certificate is relative, so the tolerance is the level itself."""

    def fit(tol: float) -> Array:
        found = lk.minimise(loss, penalty, X, y, fit_intercept=fit_intercept, tol=max(tol, 1e-12))
        return np.append(found.coef, found.intercept) if fit_intercept else found.coef

    return fit
