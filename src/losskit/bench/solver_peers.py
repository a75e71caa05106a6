"""The problems of `losskit bench solvers`: data, an objective in NumPy, our call and those of other libraries.

A library that is not installed does not take part; `pip install 'losskit[bench]'` brings them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

import losskit as lk

Array = np.ndarray
Fit = Callable[[float], Array]
_MOST = 100_000  # iterations


@dataclass(frozen=True)
class Problem:
    """One objective.

    Attributes
    ----------
    judge : coefficients to (value, relative violation of the optimality conditions)
    ours, peers : from a tolerance to coefficients
    """

    id: str
    name: str
    shape: tuple[int, int]
    judge: Callable[[Array], tuple[float, float]]
    ours: Fit
    peers: dict[str, Fit]


def problems(scale: float) -> Iterator[Problem]:
    """All of them, made one at a time; `scale` multiplies the rows."""
    n = lambda rows: max(60, int(rows * scale))  # noqa: E731
    X, score = dense(n(20_000), 50)
    yield logistic("P8", "L2-logistic", X, labels(score), 1e-3, 0.0)
    X = X * 10.0 ** np.random.default_rng(7).uniform(-3, 3, X.shape[1])
    yield logistic("P8", "L2-logistic, ill-scaled", X, labels(score), 1e-3, 0.0)
    X, score = text(n(4000), 3000)
    yield logistic("P8", "L2-logistic, sparse", X, labels(score), 1e-4, 0.0)
    X, score = dense(n(4000), 200)
    yield logistic("P9", "L1-logistic", X, labels(score), share(X, labels(score) - 0.5), 1.0)
    y = score + noise(len(score))
    yield lasso("P9", "lasso, n > p", X, y, share(X, y), 1.0)
    yield lasso("P9", "elastic net", X, y, share(X, y), 0.5)
    X, score = dense(n(400), 4000)
    y = score + noise(len(score))
    yield lasso("P9", "lasso, p > n", X, y, share(X, y), 1.0)
    X, score = text(n(4000), 5000)
    y = score + noise(len(score))
    yield lasso("P9", "lasso, sparse", X, y, share(X, y), 1.0)
    yield logistic("P9", "L1-logistic, sparse", X, labels(score), share(X, labels(score) - 0.5), 1.0)
    X, score = dense(n(3000), 10)
    yield quantile("P11", "quantile 0.9", X, score + noise(len(score)))
    yield squared_hinge("P13", "squared hinge", X, labels(score))


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


def share(X: Any, y: Array) -> float:
    """A twentieth of the least penalty at which a lasso of y, or of labels less 1/2, is all 0."""
    return float(np.abs(X.T @ y).max()) / len(y) / 20


def noise(rows: int) -> Array:
    """Standard normal."""
    return np.random.default_rng(2).standard_normal(rows)


def labels(score: Array) -> Array:
    """0 or 1, logistic in the score."""
    return (score + np.random.default_rng(3).logistic(size=len(score)) > 0).astype(float)


def judged(value: Callable[[Array], float], slope: Callable[[Array], Array], l1: float) -> Callable[[Array], Any]:
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


def ours(loss: Any, penalty: Any, X: Any, y: Array) -> Fit:
    """Our fit without an intercept; our certificate is relative, so the tolerance is the level itself."""
    return lambda tol: lk.minimise(loss, penalty, X, y, fit_intercept=False, tol=max(tol, 1e-12)).coef


def logistic(id: str, name: str, X: Any, y: Array, alpha: float, ratio: float) -> Problem:
    """mean log(1 + e^f) - y f, plus the penalty."""
    from sklearn.linear_model import LogisticRegression

    n, l1, l2 = len(y), alpha * ratio, alpha * (1 - ratio)
    sign = 2 * y - 1

    def value(c: Array) -> float:
        return float(np.mean(np.logaddexp(0, -sign * (X @ c)))) + l2 / 2 * float(c @ c)

    def slope(c: Array) -> Array:
        with np.errstate(over="ignore"):
            return np.asarray(X.T @ (-sign / (1 + np.exp(sign * (X @ c)))) / n + l2 * c)

    def sklearn(solver: str) -> Fit:
        def fit(tol: float) -> Array:
            model = LogisticRegression(C=1 / (alpha * n), l1_ratio=ratio, solver=solver, tol=tol, max_iter=_MOST,
                                       fit_intercept=False)  # fmt: skip
            return model.fit(X, y).coef_[0]

        return fit

    few = not hasattr(X, "nnz")
    names = ["liblinear", "saga"] if ratio == 1 else ["lbfgs", "liblinear", "newton-cg"] + ["newton-cholesky"] * few
    peers = {f"scikit-learn {s}": sklearn(s) for s in names}
    by_column = X if few else X.tocsc()
    options: dict[str, Any] = {"max_iter": 1000, "fit_intercept": False}
    if find_spec("celer") and ratio == 1:
        import celer

        made = celer.LogisticRegression
        peers["celer"] = lambda tol: made(C=1 / (alpha * n), tol=tol, **options).fit(by_column, sign).coef_[0]
    if find_spec("skglm") and ratio == 1:
        import skglm

        other = skglm.SparseLogisticRegression
        peers["skglm"] = lambda tol: other(alpha=alpha, tol=tol, **options).fit(by_column, sign).coef_.ravel()
    mine = ours(lk.Logistic(), penalty_of(alpha, ratio), X, y)
    return Problem(id, name, X.shape, judged(value, slope, l1), mine, peers)


def lasso(id: str, name: str, X: Any, y: Array, alpha: float, ratio: float) -> Problem:
    """mean r^2 / 2 plus the penalty, as the other libraries have it."""
    from sklearn.linear_model import ElasticNet, Lasso

    n, l1, l2 = len(y), alpha * ratio, alpha * (1 - ratio)
    few = not hasattr(X, "nnz")
    by_column = np.asfortranarray(X) if few else X.tocsc()

    def value(c: Array) -> float:
        r = X @ c - y
        return float(r @ r) / (2 * n) + l2 / 2 * float(c @ c)

    def sklearn(tol: float) -> Array:
        options = {"tol": tol, "max_iter": _MOST, "fit_intercept": False}
        model = Lasso(alpha, **options) if ratio == 1 else ElasticNet(alpha, l1_ratio=ratio, **options)
        return model.fit(by_column, y).coef_

    peers: dict[str, Fit] = {"scikit-learn cd": sklearn}
    if find_spec("celer"):
        import celer

        peers["celer"] = lambda tol: (
            celer.Lasso(alpha, tol=tol, max_iter=1000, fit_intercept=False) if ratio == 1
            else celer.ElasticNet(alpha, l1_ratio=ratio, tol=tol, max_iter=1000, fit_intercept=False)
        ).fit(by_column, y).coef_  # fmt: skip
    if find_spec("skglm"):
        import skglm

        peers["skglm"] = lambda tol: (
            skglm.Lasso(alpha, tol=tol, max_iter=1000, fit_intercept=False) if ratio == 1
            else skglm.ElasticNet(alpha, l1_ratio=ratio, tol=tol, max_iter=1000, fit_intercept=False)
        ).fit(by_column, y).coef_  # fmt: skip
    judge = judged(value, lambda c: np.asarray(X.T @ (X @ c - y)) / n + l2 * c, l1)
    return Problem(id, name, X.shape, judge, ours(0.5 * lk.SquaredError(), penalty_of(alpha, ratio), X, y), peers)


def quantile(id: str, name: str, X: Array, y: Array) -> Problem:
    """The 0.9 quantile; the violation is not measured, as the objective has no slope."""
    from sklearn.linear_model import QuantileRegressor

    def value(c: Array) -> tuple[float, float]:
        r = y - X @ c
        return float(np.mean(np.maximum(0.9 * r, -0.1 * r))), float("nan")

    def highs(tol: float) -> Array:
        options = {"primal_feasibility_tolerance": max(tol, 1e-10), "dual_feasibility_tolerance": max(tol, 1e-10)}
        return QuantileRegressor(quantile=0.9, alpha=0.0, fit_intercept=False, solver_options=options).fit(X, y).coef_

    peers: dict[str, Fit] = {"scikit-learn highs": highs}
    if find_spec("statsmodels"):
        from statsmodels.regression.quantile_regression import QuantReg

        peers["statsmodels"] = lambda tol: QuantReg(y, X).fit(0.9, p_tol=tol, max_iter=5000).params
    return Problem(id, name, X.shape, value, ours(lk.Quantile(0.9), None, X, y), peers)


def squared_hinge(id: str, name: str, X: Array, y: Array) -> Problem:
    """mean max(0, 1 - m)^2 plus alpha/2 ||c||^2, which LinearSVC has with C = 1 / (alpha n)."""
    from sklearn.svm import LinearSVC

    n, alpha, sign = len(y), 1e-3, 2 * y - 1

    def value(c: Array) -> float:
        return float(np.mean(np.maximum(0, 1 - sign * (X @ c)) ** 2)) + alpha / 2 * float(c @ c)

    def slope(c: Array) -> Array:
        return X.T @ (-2 * sign * np.maximum(0, 1 - sign * (X @ c))) / n + alpha * c

    def svc(dual: bool) -> Fit:
        return lambda tol: LinearSVC(C=1 / (alpha * n), dual=dual, tol=tol, max_iter=20_000, fit_intercept=False).fit(
            X, sign).coef_[0]  # fmt: skip

    peers = {"LinearSVC primal": svc(False), "LinearSVC dual": svc(True)}
    return Problem(id, name, X.shape, judged(value, slope, 0.0), ours(lk.SquaredHinge(), lk.L2(alpha), X, sign), peers)
