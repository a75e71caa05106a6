"""Problems of cross-validation over a grid of penalties: P15. Judged is the fit to all rows at the strength chosen.

The strength is the one scikit-learn chooses when first asked; whoever chooses another has not solved it. Libraries
whose penalty stands against a sum over rows meet a fold, which has fewer, with a penalty a little stronger than ours.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import losskit as lk
from losskit.bench.problems.base import MOST, Array, Fit, Judge, Problem, judged, penalty_of

Chosen = Callable[[float], tuple[Array, float]]
_FOLDS = 5


def squares(name: str, X: Array, y: Array, ratio: float) -> Problem:
    """mean r^2 / 2 plus the penalty, 100 strengths down to a thousandth of the strongest; of a ridge 12 powers of 3."""
    from sklearn.linear_model import ElasticNetCV, LassoCV, RidgeCV
    from sklearn.model_selection import KFold

    n, by_column, folds = len(y), np.asfortranarray(X), KFold(_FOLDS)
    most = float(np.abs(X.T @ y).max()) / n / ratio if ratio else 0.0
    alphas = np.geomspace(most, 1e-3 * most, 100) if ratio else 3.0 ** -np.arange(12)

    def kinked(tol: float) -> tuple[Array, float]:
        options: dict[str, Any] = {"alphas": alphas, "tol": tol, "max_iter": MOST, "fit_intercept": False, "cv": folds}
        model = LassoCV(**options) if ratio == 1 else ElasticNetCV(l1_ratio=ratio, **options)
        model.fit(by_column, y)
        return model.coef_, float(model.alpha_)

    def ridge(tol: float) -> tuple[Array, float]:
        model = RidgeCV(alphas=n * alphas, fit_intercept=False, cv=folds).fit(X, y)
        return model.coef_, float(model.alpha_) / n

    theirs = kinked if ratio else ridge
    alpha = theirs(1e-6)[1]
    l1, l2 = alpha * ratio, alpha * (1 - ratio)

    def value(c: Array) -> float:
        r = X @ c - y
        return float(r @ r) / (2 * n) + l2 / 2 * float(c @ c)

    judge = judged(value, lambda c: X.T @ (X @ c - y) / n + l2 * c, l1)
    loss = 0.5 * lk.SquaredError()
    peer = "RidgeCV" if not ratio else "LassoCV" if ratio == 1 else "ElasticNetCV"
    fit: Fit = lambda tol: lk.LinearRegressorCV(  # noqa: E731
        loss, penalty=penalty_of(1.0, ratio), alphas=alphas, cv=folds, fit_intercept=False, tol=max(tol, 1e-12)
    ).fit(X, y).coef_  # fmt: skip
    return Problem("P15", name, X.shape, judge, fit, {f"scikit-learn {peer}": lambda tol: theirs(tol)[0]})


def logistic(name: str, X: Array, y: Array, ratio: float) -> Problem:
    """mean log(1 + e^f) - y f plus the penalty, ten strengths from 1 to 1e-6 of the strongest, judged by log loss."""
    from sklearn.linear_model import LogisticRegressionCV
    from sklearn.model_selection import StratifiedKFold

    n, sign, folds = len(y), 2 * y - 1, StratifiedKFold(_FOLDS)
    alphas = np.geomspace(0.3, 1e-3 if ratio else 1e-6, 10)

    def theirs(solver: str) -> Chosen:
        def fit(tol: float) -> tuple[Array, float]:
            model = LogisticRegressionCV(
                Cs=1 / (alphas * n), l1_ratios=(ratio,), solver=solver, tol=tol, max_iter=MOST, fit_intercept=False,
                cv=folds, scoring="neg_log_loss", use_legacy_attributes=False,
            ).fit(X, y)  # fmt: skip
            return model.coef_[0], 1 / (n * float(np.ravel(model.C_)[0]))

        return fit

    solvers = ("liblinear",) if ratio else ("lbfgs", "newton-cholesky", "newton-cg")
    alpha = theirs(solvers[0])(1e-6)[1]
    l1, l2 = alpha * ratio, alpha * (1 - ratio)

    def value(c: Array) -> float:
        return float(np.mean(np.logaddexp(0, -sign * (X @ c)))) + l2 / 2 * float(c @ c)

    def slope(c: Array) -> Array:
        return X.T @ (-sign / (1 + np.exp(sign * (X @ c)))) / n + l2 * c

    judge: Judge = judged(value, slope, l1)
    peers: dict[str, Fit] = {f"LogisticRegressionCV {s}": _coefficients(theirs(s)) for s in solvers}
    fit: Fit = lambda tol: lk.LinearClassifierCV(  # noqa: E731
        lk.Logistic(), penalty=penalty_of(1.0, ratio), alphas=alphas, cv=folds, fit_intercept=False,
        tol=max(tol, 1e-12),
    ).fit(X, y).coef_.ravel()  # fmt: skip
    return Problem("P15", name, X.shape, judge, fit, peers)


def _coefficients(fit: Chosen) -> Fit:
    return lambda tol: fit(tol)[0]
