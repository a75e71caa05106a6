"""Problems of counts and amounts with a logarithmic link, an intercept and categories: P10."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np

import losskit as lk
from losskit.bench.problems.base import Array, Fit, Problem, insurance
from losskit.data.coded import Coded

_LOSSES = {"Poisson": (lk.Poisson(), 1.0), "Gamma": (lk.Gamma(), 2.0), "Tweedie": (lk.Tweedie(1.5), 1.5)}


def drawn(kind: str, score: Array) -> Array:
    """Targets of mean e^score; Tweedie's are sums of a Poisson number of gamma variables."""
    rng = np.random.default_rng(8)
    if kind == "Gamma":
        return rng.gamma(2.0, np.exp(score) / 2.0)
    counts = rng.poisson(np.exp(score)).astype(float)
    return counts if kind == "Poisson" else rng.gamma(np.maximum(2.0 * counts, 1e-9), 0.5) * (counts > 0)


def amounts(kind: str, rows: int, alpha: float) -> Problem:
    """Half the mean deviance plus alpha/2 ||c||^2, the intercept free; each level of a category has a coefficient.

    Ours and glum take the categories as codes, scikit-learn as columns of 0 and 1.
    """
    from scipy.sparse import csr_matrix, hstack

    loss, power = _LOSSES[kind]
    X, codes, score = insurance(rows)
    y, at = drawn(kind, score), np.arange(rows)
    dummies = [csr_matrix((np.ones(rows), (at, code))) for code in codes]
    S = hstack([X, *dummies]).tocsr()

    def value_and_slope(c: Array) -> tuple[float, Array]:
        mu = np.exp(S @ c[:-1] + c[-1])
        g = mu ** (1 - power) * (mu - y)
        held = np.append(c[:-1], 0.0)
        value = float(np.mean(_half_deviance(y, mu, power))) + alpha / 2 * float(held @ held)
        return value, np.append(S.T @ g, g.sum()) / rows + alpha * held

    start = np.zeros(S.shape[1] + 1)
    start[-1] = np.log(y.mean())
    first = float(np.abs(value_and_slope(start)[1]).max())

    def judge(c: Array) -> tuple[float, float]:
        value, slope = value_and_slope(c)
        return value, float(np.abs(slope).max()) / first

    firsts = np.cumsum([0, *(dummy.shape[1] for dummy in dummies[:-1])])

    def mine(tol: float) -> Array:
        levels = np.array([code + first for code, first in zip(codes, firsts, strict=True)], dtype=np.int32)
        coded = Coded(X, levels, np.arange(S.shape[1]))
        found = lk.minimise(loss, lk.L2(alpha), coded, y, tol=max(tol, 1e-12))
        return np.append(found.coef, found.intercept)

    return Problem("P10", f"{kind}, categories", S.shape, judge, mine, _peers(kind, power, S, X, codes, y, alpha))


def plain(kind: str, rows: int, columns: int) -> Problem:
    """Half the mean deviance of dense columns, without a penalty, so that statsmodels can take part."""
    from losskit.bench.problems.base import dense

    loss, power = _LOSSES[kind]
    X, score = dense(rows, columns)
    y = drawn(kind, 0.25 * score)

    def judge(c: Array) -> tuple[float, float]:
        mu = np.exp(X @ c[:-1] + c[-1])
        g = mu ** (1 - power) * (mu - y)
        slope = np.append(X.T @ g, g.sum()) / rows
        return float(np.mean(_half_deviance(y, mu, power))), float(np.abs(slope).max()) / float(np.abs(y).mean())

    def mine(tol: float) -> Array:
        found = lk.minimise(loss, None, X, y, tol=max(tol, 1e-12))
        return np.append(found.coef, found.intercept)

    peers = _peers(kind, power, X, X, [], y, 0.0)
    if find_spec("statsmodels"):
        from statsmodels.genmod import families
        from statsmodels.genmod.generalized_linear_model import GLM
        from statsmodels.tools import add_constant

        log = families.links.Log()
        family = {
            1.0: families.Poisson(), 2.0: families.Gamma(link=log), 1.5: families.Tweedie(link=log, var_power=1.5)
        }[power]  # fmt: skip
        more = add_constant(X, prepend=False)
        peers["statsmodels"] = lambda tol: GLM(y, more, family=family).fit(maxiter=200, tol=tol).params
    return Problem("P10", kind, X.shape, judge, mine, peers)


def _half_deviance(y: Array, mu: Array, power: float) -> Array:
    if power == 1.0:
        return np.where(y > 0, y * np.log(np.where(y > 0, y, 1.0) / mu), 0.0) - y + mu
    if power == 2.0:
        return y / mu - 1.0 - np.log(y / mu)
    a, b = 1.0 - power, 2.0 - power
    return y**b / (a * b) - y * mu**a / a + mu**b / b


def _peers(kind: str, power: float, S: Any, X: Array, codes: list[Array], y: Array, alpha: float) -> dict[str, Fit]:
    from sklearn.linear_model import GammaRegressor, PoissonRegressor, TweedieRegressor

    def sklearn(solver: str, data: Any) -> Fit:
        def fit(tol: float) -> Array:
            options: dict[str, Any] = {"alpha": alpha, "solver": solver, "tol": tol, "max_iter": 1000}
            model = {
                "Poisson": PoissonRegressor, "Gamma": GammaRegressor,
                "Tweedie": lambda **more: TweedieRegressor(power=power, link="log", **more),
            }[kind](**options).fit(data, y)  # fmt: skip
            return np.append(model.coef_, model.intercept_)

        return fit

    held = S.toarray() if hasattr(S, "nnz") else S  # scikit-learn's Newton takes no sparse X
    newton = sklearn("newton-cholesky", held)
    peers = {"scikit-learn lbfgs": sklearn("lbfgs", S), "scikit-learn newton-cholesky": newton}
    if find_spec("glum"):
        import glum
        import pandas as pd  # type: ignore[import-untyped]

        table: Any = X
        if codes:
            table = pd.DataFrame(X).add_prefix("x")
            for i, code in enumerate(codes):
                table[f"c{i}"] = pd.Categorical(code)
        family: Any = kind.lower() if kind != "Tweedie" else glum.TweedieDistribution(power)

        def fit(tol: float) -> Array:
            model = glum.GeneralizedLinearRegressor(
                family=family, link="log", alpha=alpha, gradient_tol=tol, max_iter=200
            ).fit(table, y)
            return np.append(model.coef_, model.intercept_)

        peers["glum"] = fit
    return peers
