"""Problems with a lasso or an elastic net: P9."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np

import losskit as lk
from losskit.bench.problems.base import MOST, Array, Fit, Problem, judged, ours, penalty_of


def lasso(name: str, X: Any, y: Array, alpha: float, ratio: float) -> Problem:
    """mean r^2 / 2 plus the penalty, as the other libraries have it."""
    from sklearn.linear_model import ElasticNet, Lasso

    n, l1, l2 = len(y), alpha * ratio, alpha * (1 - ratio)
    few = not hasattr(X, "nnz")
    by_column = np.asfortranarray(X) if few else X.tocsc()

    def value(c: Array) -> float:
        r = X @ c - y
        return float(r @ r) / (2 * n) + l2 / 2 * float(c @ c)

    def sklearn(tol: float) -> Array:
        options = {"tol": tol, "max_iter": MOST, "fit_intercept": False}
        model = Lasso(alpha, **options) if ratio == 1 else ElasticNet(alpha, l1_ratio=ratio, **options)
        return model.fit(by_column, y).coef_

    peers: dict[str, Fit] = {"scikit-learn cd": sklearn}
    for library in filter(find_spec, ("celer", "skglm")):
        peers[library] = _of_kind(library, by_column, y, alpha, ratio)
    if few and find_spec("adelie"):
        peers["adelie"] = _adelie("gaussian", by_column, y, alpha, ratio)
    judge = judged(value, lambda c: np.asarray(X.T @ (X @ c - y)) / n + l2 * c, l1)
    mine = ours(0.5 * lk.SquaredError(), penalty_of(alpha, ratio), by_column if few else X, y)
    return Problem("P9", name, X.shape, judge, mine, peers)


def _of_kind(library: str, X: Any, y: Array, alpha: float, ratio: float) -> Fit:
    """celer's or skglm's model, whose names and parameters are alike."""

    def fit(tol: float) -> Array:
        import importlib

        made = importlib.import_module(library)
        options: dict[str, Any] = {"tol": tol, "max_iter": 1000, "fit_intercept": False}
        model = made.Lasso(alpha, **options) if ratio == 1 else made.ElasticNet(alpha, l1_ratio=ratio, **options)
        return model.fit(X, y).coef_

    return fit


def _adelie(family: str, X: Array, y: Array, alpha: float, ratio: float) -> Fit:
    """One fit at this strength; its tolerance is one of squared changes."""

    def fit(tol: float) -> Array:
        import adelie

        state = adelie.grpnet(
            X, getattr(adelie.glm, family)(y), lmda_path=[alpha], alpha=ratio, intercept=False, tol=tol**2,
            irls_tol=tol, progress_bar=False, early_exit=False, n_threads=1,
        )  # fmt: skip
        return np.asarray(state.betas[-1].todense()).ravel()

    return fit


def l1_logistic(name: str, X: Any, y: Array, alpha: float) -> Problem:
    """mean log(1 + e^f) - y f plus alpha |c|."""
    from sklearn.linear_model import LogisticRegression

    n, sign = len(y), 2 * y - 1
    few = not hasattr(X, "nnz")
    by_column = np.asfortranarray(X) if few else X.tocsc()

    def value(c: Array) -> float:
        return float(np.mean(np.logaddexp(0, -sign * (X @ c))))

    def slope(c: Array) -> Array:
        return np.asarray(X.T @ (-sign / (1 + np.exp(sign * (X @ c)))) / n)

    def sklearn(solver: str) -> Fit:
        return lambda tol: LogisticRegression(
            C=1 / (alpha * n), l1_ratio=1, solver=solver, tol=tol, max_iter=MOST, fit_intercept=False
        ).fit(X, y).coef_[0]  # fmt: skip

    peers: dict[str, Fit] = {f"scikit-learn {solver}": sklearn(solver) for solver in ("liblinear", "saga")}
    options: dict[str, Any] = {"max_iter": 1000, "fit_intercept": False}
    if find_spec("celer"):
        import celer

        made = celer.LogisticRegression
        peers["celer"] = lambda tol: made(C=1 / (alpha * n), tol=tol, **options).fit(by_column, sign).coef_[0]
    if find_spec("skglm"):
        import skglm

        other = skglm.SparseLogisticRegression
        peers["skglm"] = lambda tol: other(alpha=alpha, tol=tol, **options).fit(by_column, sign).coef_.ravel()
    if few and find_spec("adelie"):
        peers["adelie"] = _adelie("binomial", by_column, y, alpha, 1.0)
    mine = ours(lk.Logistic(), lk.L1(alpha), by_column if few else X, y)
    return Problem("P9", name, X.shape, judged(value, slope, alpha), mine, peers)
