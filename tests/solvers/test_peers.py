"""One optimum, whoever finds it: ours against scikit-learn, statsmodels and glum, on the sets that ship with them.

Both answers go through one objective, written here in NumPy. Ours is never more than 1e-8 of it above theirs, nor are
theirs below; of a peer that stops early only the former is asked.
"""

import warnings

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.special import logsumexp, xlogy
from sklearn import datasets, linear_model, svm

import losskit as lk

DIABETES, CANCER, WINE, DIGITS = "diabetes", "breast_cancer", "wine", "digits"


def of_sklearn(name):
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    X = X[:, X.std(axis=0) > 0]
    return (X - X.mean(axis=0)) / X.std(axis=0), y.astype(float)


def doctor_visits():
    frame = sm.datasets.randhie.load_pandas()
    X, y = frame.exog.to_numpy(float), frame.endog.to_numpy(float)
    return (X - X.mean(axis=0)) / X.std(axis=0), y


def amounts():
    """Annual medical visits of those who had some: positive, for Gamma."""
    X, y = doctor_visits()
    return X[y > 0], y[y > 0]


def engel():
    frame = sm.datasets.engel.load_pandas()
    return frame.exog.to_numpy(float), frame.endog.to_numpy(float)


LOSSES = {
    "squared": lambda y, f: (y - f) ** 2 / 2,
    "logistic": lambda y, f: np.logaddexp(0, f) - y * f,
    "poisson": lambda y, f: np.exp(f) - y * f + xlogy(y, y) - y,
    "gamma": lambda y, f: y * np.exp(-f) + f - np.log(y) - 1,
    "absolute": lambda y, f: np.abs(y - f) / 2,
    "squared hinge": lambda y, f: np.maximum(0, 1 - (2 * y - 1) * f) ** 2,
    "softmax": lambda y, f: logsumexp(f, axis=1) - f[np.arange(len(y)), y.astype(int)],
}


def objective(name, X, y, coef, intercept, alpha=0.0, l1=0.0):
    coef = np.asarray(coef)
    coef = coef[0] if coef.ndim == 2 and len(coef) == 1 else coef
    f = X @ coef.T + intercept
    return float(np.mean(LOSSES[name](y, f))) + alpha * (l1 * np.abs(coef).sum() + (1 - l1) / 2 * (coef**2).sum())


def compare(name, X, y, ours, theirs, alpha=0.0, l1=0.0, exact=True):
    mine = objective(name, X, y, ours.coef_, ours.intercept_, alpha, l1)
    other = objective(name, X, y, *theirs, alpha, l1)
    assert mine <= other * (1 + 1e-8)
    if exact:
        assert other <= mine * (1 + 1e-8)


def quietly(act):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return act()


def of(model):
    return model.coef_, model.intercept_


def glum(family, alpha, l1, X, y):
    from glum import GeneralizedLinearRegressor

    options = {"gradient_tol": 1e-9}
    model = GeneralizedLinearRegressor(family=family, alpha=alpha, l1_ratio=l1, max_iter=1000, link="auto", **options)
    return of(quietly(lambda: model.fit(X, y)))


def penalty_of(alpha, l1, times=1.0):
    return lk.ElasticNet(alpha * times, l1) if l1 else lk.L2(alpha * times) if alpha else None


@pytest.mark.parametrize(("alpha", "l1"), [(0.0, 0.0), (0.1, 0.0), (0.1, 0.5), (0.5, 1.0)])
def test_least_squares_of_diabetes(alpha, l1):
    """Our SquaredError has no half, so the penalty is twice theirs."""
    X, y = of_sklearn(DIABETES)
    ours = lk.LinearRegressor(penalty=penalty_of(alpha, l1, 2.0)).fit(X, y)
    if alpha == 0.0:
        theirs = sm.OLS(y, sm.add_constant(X)).fit().params
        compare("squared", X, y, ours, (theirs[1:], theirs[0]))
    elif l1:
        model = linear_model.ElasticNet(alpha, l1_ratio=l1, tol=1e-14, max_iter=100_000)
        compare("squared", X, y, ours, of(model.fit(X, y)), alpha, l1)
    else:
        compare("squared", X, y, ours, of(linear_model.Ridge(alpha * len(y), tol=1e-14).fit(X, y)), alpha)
    compare("squared", X, y, ours, glum("normal", alpha, l1, X, y), alpha, l1)


@pytest.mark.parametrize("l1", [0.0, pytest.param(1.0, marks=pytest.mark.slow)])
def test_logistic_of_breast_cancer(l1):
    X, y = of_sklearn(CANCER)
    alpha = 0.01
    ours = lk.LinearClassifier(penalty=penalty_of(alpha, l1)).fit(X, y)
    solver = {"solver": "newton-cholesky"} if l1 == 0 else {"solver": "saga", "l1_ratio": 1.0}
    model = linear_model.LogisticRegression(C=1 / alpha / len(y), tol=1e-12, max_iter=20_000, **solver)
    compare("logistic", X, y, ours, of(quietly(lambda: model.fit(X, y))), alpha, l1)
    compare("logistic", X, y, ours, glum("binomial", alpha, l1, X, y), alpha, l1)


@pytest.mark.parametrize(
    ("data", "family", "loss"),
    [(doctor_visits, "poisson", lk.Poisson), pytest.param(amounts, "gamma", lk.Gamma, marks=pytest.mark.slow)],
)
@pytest.mark.parametrize(
    ("alpha", "l1"), [(0.0, 0.0), pytest.param(0.01, 0.0, marks=pytest.mark.slow), (0.01, 0.5)]
)
def test_counts_and_amounts_of_doctor_visits(data, family, loss, alpha, l1):
    X, y = data()
    ours = lk.LinearRegressor(loss(), penalty=penalty_of(alpha, l1)).fit(X, y)
    if alpha == 0.0:
        known = sm.families.Poisson() if family == "poisson" else sm.families.Gamma(sm.families.links.Log())
        theirs = sm.GLM(y, sm.add_constant(X), family=known).fit(tol=1e-14).params
        compare(family, X, y, ours, (theirs[1:], theirs[0]))
    elif l1 == 0:
        peer = linear_model.PoissonRegressor if family == "poisson" else linear_model.GammaRegressor
        model = peer(alpha=alpha, solver="newton-cholesky", tol=1e-12, max_iter=1000)
        compare(family, X, y, ours, of(quietly(lambda: model.fit(X, y))), alpha)
    compare(family, X, y, ours, glum(family, alpha, l1, X, y), alpha, l1)


def test_the_median_of_engels_food():
    X, y = engel()
    ours = lk.LinearRegressor(lk.AbsoluteError()).fit(X, y)
    model = linear_model.QuantileRegressor(quantile=0.5, alpha=0.0, solver="highs").fit(X, y)
    compare("absolute", X, y, ours, of(model))
    theirs = quietly(lambda: sm.QuantReg(y, sm.add_constant(X)).fit(0.5, p_tol=1e-10, max_iter=10_000)).params
    compare("absolute", X, y, ours, (theirs[1:], theirs[0]), exact=False)


def test_robust_fits_of_stackloss():
    """At the scale that statsmodels ends with: its estimate is then the minimum of the same sum."""
    frame = sm.datasets.stackloss.load_pandas()
    X, y = frame.exog.to_numpy(float), frame.endog.to_numpy(float)
    theirs = sm.RLM(y, sm.add_constant(X), M=sm.robust.norms.HuberT(1.345)).fit(tol=1e-13, maxiter=1000)
    loss = lk.Huber(1.345 * theirs.scale)
    ours = lk.LinearRegressor(loss).fit(X, y)
    other = loss(y, sm.add_constant(X) @ theirs.params)
    assert loss(y, ours.predict(X)) == pytest.approx(other, rel=1e-8)


def test_huber_regressor_of_scikit_learn_is_the_joint_scale():
    X, y = of_sklearn(DIABETES)
    ours = lk.LinearRegressor(lk.JointScale(lk.Huber(1.35)), tol=1e-12).fit(X, y)
    theirs = linear_model.HuberRegressor(epsilon=1.35, alpha=0.0, tol=1e-10, max_iter=5000).fit(X, y)

    def value(coef, intercept, scale):
        z = np.abs(y - X @ coef - intercept) / scale
        return float(np.sum(scale + scale * np.where(z < 1.35, z**2, 2 * 1.35 * z - 1.35**2)))

    mine = value(ours.coef_, ours.intercept_, ours.solution_.scale)
    assert mine == pytest.approx(value(theirs.coef_, theirs.intercept_, theirs.scale_), rel=1e-8)


def test_squared_hinge_of_breast_cancer():
    X, y = of_sklearn(CANCER)
    alpha = 0.05
    ours = lk.LinearClassifier(lk.SquaredHinge(), penalty=lk.L2(alpha)).fit(X, y)
    # their intercept is penalised, so that of a column of a thousand hardly is
    model = svm.LinearSVC(C=1 / alpha / len(y), dual=False, tol=1e-12, max_iter=100_000, intercept_scaling=1e4)
    compare("squared hinge", X, y, ours, of(quietly(lambda: model.fit(X, y))), alpha)


@pytest.mark.parametrize("name", [WINE, pytest.param(DIGITS, marks=pytest.mark.slow)])
def test_several_classes(name):
    X, y = of_sklearn(name)
    alpha = 0.05
    ours = lk.LinearClassifier(penalty=lk.L2(alpha)).fit(X, y)
    model = linear_model.LogisticRegression(C=1 / alpha / len(y), tol=1e-12, max_iter=5000, solver="lbfgs")
    compare("softmax", X, y, ours, of(quietly(lambda: model.fit(X, y))), alpha)


@pytest.mark.slow
def test_lasso_paths_of_diabetes():
    X, y = of_sklearn(DIABETES)
    alphas, coefs, _ = linear_model.lasso_path(X, y - y.mean(), tol=1e-14, max_iter=100_000)
    for alpha, theirs in zip(alphas, coefs.T, strict=True):
        ours = lk.LinearRegressor(penalty=lk.L1(2 * alpha)).fit(X, y)
        compare("squared", X, y, ours, (theirs, y.mean()), alpha, 1.0)
