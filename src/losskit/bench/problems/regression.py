"""Problems of regression whose rows have no squares: P11 (quantiles) and P12 (robust losses)."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np

import losskit as lk
from losskit.bench.problems.base import Array, Fit, Judge, Problem, judged, ours

_DELTA = 1.345


def quantile(id: str, name: str, X: Array, y: Array, level: float, slow: bool = False) -> Problem:
    """A quantile; the violation is not measured, as the objective has no slope."""
    from sklearn.linear_model import QuantileRegressor

    def judge(c: Array) -> tuple[float, float]:
        r = y - X @ c
        return float(np.mean(np.maximum(level * r, (level - 1) * r))), float("nan")

    def highs(tol: float) -> Array:
        options = {"primal_feasibility_tolerance": max(tol, 1e-10), "dual_feasibility_tolerance": max(tol, 1e-10)}
        model = QuantileRegressor(quantile=level, alpha=0.0, fit_intercept=False, solver_options=options)
        return model.fit(X, y).coef_

    peers: dict[str, Fit] = {"scikit-learn highs": highs}
    if find_spec("statsmodels"):
        from statsmodels.regression.quantile_regression import QuantReg

        peers["statsmodels"] = lambda tol: QuantReg(y, X).fit(level, p_tol=tol, max_iter=5000).params
    return Problem(id, name, X.shape, judge, ours(lk.Quantile(level), None, X, y), peers, slow)


def huber(name: str, X: Array, y: Array) -> Problem:
    """The mean Huber loss at scale 1, in statsmodels' units."""

    def value(c: Array) -> float:
        a = np.abs(X @ c - y)
        return float(np.mean(np.where(a <= _DELTA, a**2 / 2, _DELTA * (a - _DELTA / 2))))

    def slope(c: Array) -> Array:
        return X.T @ np.clip(X @ c - y, -_DELTA, _DELTA) / len(y)

    return Problem("P12", name, X.shape, judged(value, slope), ours(lk.Huber(_DELTA), None, X, y), _rlm("HuberT", X, y))


def tukey(name: str, X: Array, y: Array) -> Problem:
    """The mean of Tukey's biweight at scale 1; not convex, so ends may differ."""
    c0 = 4.685

    def value(c: Array) -> float:
        u = np.minimum(np.abs(X @ c - y) / c0, 1.0)
        return float(np.mean(c0**2 / 6 * (1 - (1 - u**2) ** 3)))

    def slope(c: Array) -> Array:
        r = X @ c - y
        return X.T @ (r * np.maximum(1 - (r / c0) ** 2, 0.0) ** 2) / len(y)

    peers = _rlm("TukeyBiweight", X, y)
    return Problem("P12", name, X.shape, judged(value, slope), ours(lk.Tukey(c0), None, X, y), peers)


def _rlm(norm: str, X: Array, y: Array) -> dict[str, Fit]:
    if not find_spec("statsmodels"):
        return {}
    from statsmodels.robust import norms
    from statsmodels.robust.robust_linear_model import RLM

    def fit(tol: float) -> Array:
        model = RLM(y, X, M=getattr(norms, norm)())
        return model.fit(maxiter=1000, tol=tol, start_scale=1.0, update_scale=False, conv="coefs").params

    return {"statsmodels RLM": fit}


def joint_scale(name: str, X: Array, y: Array) -> Problem:
    """HuberRegressor's objective over n, without penalty, at the scale best for the coefficients."""
    from sklearn.linear_model import HuberRegressor

    epsilon, n = 1.35, len(y)

    def at(c: Array, s: float) -> tuple[float, Array, float]:
        z = (y - X @ c) / s
        far = np.abs(z) > epsilon
        h = np.where(far, 2 * epsilon * np.abs(z) - epsilon**2, z**2)
        g = np.where(far, 2 * epsilon * np.sign(z), 2 * z)
        return float(s + s * h.mean()), -X.T @ g / n, float(1 + np.mean(h - z * g))

    def best(c: Array) -> float:
        from scipy.optimize import brentq

        size = float(np.abs(y - X @ c).max())
        return float(brentq(lambda s: at(c, s)[2], 1e-9 * size, 10 * size, xtol=1e-15 * size, rtol=1e-15))

    def fit(tol: float) -> Array:
        model = HuberRegressor(epsilon=epsilon, alpha=0.0, max_iter=10_000, tol=tol, fit_intercept=False)
        return model.fit(X, y).coef_

    judge: Judge = judged(lambda c: at(c, best(c))[0], lambda c: at(c, best(c))[1])
    loss: Any = lk.JointScale(lk.Huber(epsilon))
    return Problem("P12", name, X.shape, judge, ours(loss, None, X, y), {"HuberRegressor": fit})
