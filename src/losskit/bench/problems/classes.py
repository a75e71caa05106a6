"""Problems of classes under a smooth penalty: P8 (two), P13 (margins) and P14 (many)."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np

import losskit as lk
from losskit.bench.problems.base import MOST, Array, Fit, Problem, judged, ours


def logistic(name: str, X: Any, y: Array, alpha: float) -> Problem:
    """mean log(1 + e^f) - y f plus alpha/2 ||c||^2."""
    from sklearn.linear_model import LogisticRegression

    n, sign = len(y), 2 * y - 1

    def value(c: Array) -> float:
        return float(np.mean(np.logaddexp(0, -sign * (X @ c)))) + alpha / 2 * float(c @ c)

    def slope(c: Array) -> Array:
        with np.errstate(over="ignore"):
            return np.asarray(X.T @ (-sign / (1 + np.exp(sign * (X @ c)))) / n + alpha * c)

    def sklearn(solver: str) -> Fit:
        return lambda tol: LogisticRegression(
            C=1 / (alpha * n), solver=solver, tol=tol, max_iter=MOST, fit_intercept=False
        ).fit(X, y).coef_[0]  # fmt: skip

    few = not hasattr(X, "nnz")
    names = ["lbfgs", "liblinear", "newton-cg", "sag"] + ["newton-cholesky"] * few
    peers = {f"scikit-learn {s}": sklearn(s) for s in names}
    if find_spec("glum") and few:
        import glum

        peers["glum"] = lambda tol: glum.GeneralizedLinearRegressor(
            family="binomial", alpha=alpha, fit_intercept=False, gradient_tol=tol, max_iter=1000
        ).fit(X, y).coef_  # fmt: skip
    return Problem("P8", name, X.shape, judged(value, slope), ours(lk.Logistic(), lk.L2(alpha), X, y), peers)


def squared_hinge(name: str, X: Any, y: Array, alpha: float) -> Problem:
    """mean max(0, 1 - m)^2 plus alpha/2 ||c||^2, which LinearSVC has with C = 1 / (alpha n)."""
    sign = 2 * y - 1

    def value(c: Array) -> float:
        return float(np.mean(np.maximum(0, 1 - sign * (X @ c)) ** 2)) + alpha / 2 * float(c @ c)

    def slope(c: Array) -> Array:
        return np.asarray(X.T @ (-2 * sign * np.maximum(0, 1 - sign * (X @ c))) / len(y) + alpha * c)

    mine = ours(lk.SquaredHinge(), lk.L2(alpha), X, sign)
    return Problem("P13", name, X.shape, judged(value, slope), mine, _svc("squared_hinge", X, sign, alpha))


def hinge(name: str, X: Any, y: Array, alpha: float) -> Problem:
    """mean max(0, 1 - m) plus alpha/2 ||c||^2; the violation is not measured, as the objective has no slope."""
    sign = 2 * y - 1

    def judge(c: Array) -> tuple[float, float]:
        value = float(np.mean(np.maximum(0, 1 - sign * (X @ c)))) + alpha / 2 * float(c @ c)
        return value, float("nan")

    return Problem("P13", name, X.shape, judge, ours(lk.Hinge(), lk.L2(alpha), X, sign), _svc("hinge", X, sign, alpha))


def _svc(loss: str, X: Any, sign: Array, alpha: float) -> dict[str, Fit]:
    from sklearn.svm import LinearSVC

    def svc(dual: bool) -> Fit:
        return lambda tol: LinearSVC(
            C=1 / (alpha * len(sign)), loss=loss, dual=dual, tol=tol, max_iter=MOST, fit_intercept=False
        ).fit(X, sign).coef_[0]  # fmt: skip

    primal = {} if loss == "hinge" else {"LinearSVC primal": svc(False)}
    return {**primal, "LinearSVC dual": svc(True)}


def multinomial(name: str, X: Array, scores: Array, alpha: float) -> Problem:
    """The mean cross-entropy of labels drawn by these scores, plus alpha/2 ||C||^2."""
    from sklearn.linear_model import LogisticRegression

    n, k = scores.shape
    y = np.argmax(scores + np.random.default_rng(6).gumbel(size=scores.shape), axis=1)
    each = np.arange(n)

    def parts(c: Array) -> tuple[float, Array]:
        C = c.reshape(k, -1)
        f = X @ C.T
        f -= f.max(axis=1, keepdims=True)
        e = np.exp(f)
        total = e.sum(axis=1)
        value = float(np.mean(np.log(total) - f[each, y])) + alpha / 2 * float(c @ c)
        g = e / total[:, None]
        g[each, y] -= 1.0
        return value, (g.T @ X / n + alpha * C).ravel()

    def sklearn(solver: str) -> Fit:
        return lambda tol: LogisticRegression(
            C=1 / (alpha * n), solver=solver, tol=tol, max_iter=MOST, fit_intercept=False
        ).fit(X, y).coef_.ravel()  # fmt: skip

    def mine(tol: float) -> Array:
        found = lk.minimise(lk.SoftmaxCrossEntropy(), lk.L2(alpha), X, y, fit_intercept=False, tol=max(tol, 1e-12))
        return np.asarray(found.coef).ravel()

    peers = {f"scikit-learn {s}": sklearn(s) for s in ("lbfgs", "newton-cg", "newton-cholesky", "saga")}
    judge = judged(lambda c: parts(c)[0], lambda c: parts(c)[1])
    return Problem("P14", name, (n, X.shape[1]), judge, mine, peers)
