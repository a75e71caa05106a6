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

DIABETES, CANCER, WINE, DIGITS, IRIS = "diabetes", "breast_cancer", "wine", "digits", "iris"


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


def of_statsmodels(name):
    frame = getattr(sm.datasets, name).load_pandas()
    return frame.exog.to_numpy(float), frame.endog.to_numpy(float)


LOSSES = {
    "squared": lambda y, f: (y - f) ** 2 / 2,
    "logistic": lambda y, f: np.logaddexp(0, f) - y * f,
    "poisson": lambda y, f: np.exp(f) - y * f + xlogy(y, y) - y,
    "gamma": lambda y, f: y * np.exp(-f) + f - np.log(y) - 1,
    "tweedie": lambda y, f: 2 * np.exp(f / 2) + 2 * y * np.exp(-f / 2) - 4 * np.sqrt(y),  # of power 3/2
    "negative binomial": lambda y, f: (y + 1) * np.log1p(np.exp(f)) - y * f,  # of alpha 1
    "upper quartile": lambda y, f: np.maximum(0.75 * (y - f), 0.25 * (f - y)),
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
    upper = lk.LinearRegressor(lk.Quantile(0.75)).fit(X, y)
    model = linear_model.QuantileRegressor(quantile=0.75, alpha=0.0, solver="highs").fit(X, y)
    compare("upper quartile", X, y, upper, of(model))


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


families, log = sm.families, sm.families.links.Log
GLMS = {
    "longley": ("squared", lk.SquaredError(), families.Gaussian()),  # columns that are nearly collinear, as they are
    "copper": ("squared", lk.SquaredError(), families.Gaussian()),
    "spector": ("logistic", lk.Logistic(), families.Binomial()),
    "cpunish": ("poisson", lk.Poisson(), families.Poisson()),
    "scotland": ("gamma", lk.Gamma(), families.Gamma(log())),
    "committee": ("negative binomial", lk.NegativeBinomial(1.0), families.NegativeBinomial(alpha=1.0)),
    "fair": ("tweedie", lk.Tweedie(1.5), families.Tweedie(log(), var_power=1.5)),
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name == "committee")) for name in GLMS]
)
def test_generalised_linear_models_of_statsmodels(name):
    """On the columns as they come; of those of longley statsmodels' own normal equations lose digits, so by OLS."""
    loss, ours, family = GLMS[name]
    X, y = of_statsmodels(name)
    kind = lk.LinearClassifier if name == "spector" else lk.LinearRegressor
    columns = sm.add_constant(X, has_constant="add")
    least_squares = loss == "squared"
    model = sm.OLS(y, columns) if least_squares else sm.GLM(y, columns, family=family)
    fitted = model.fit() if least_squares else model.fit(tol=1e-14, maxiter=200)
    compare(loss, X, y, kind(ours).fit(X, y), (fitted.params[1:], fitted.params[0]))


@pytest.mark.parametrize(("alpha", "l1"), [(0.05, 0.0), (0.05, 0.5)])
def test_amounts_with_many_zeros_as_glum_fits_them(alpha, l1):
    from glum import TweedieDistribution

    X, y = of_statsmodels("fair")
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    ours = lk.LinearRegressor(lk.Tweedie(1.5), penalty=penalty_of(alpha, l1)).fit(X, y)
    compare("tweedie", X, y, ours, glum(TweedieDistribution(1.5), alpha, l1, X, y), alpha, l1)


def test_shares_of_many_trials_are_two_weighted_rows():
    frame = sm.datasets.star98.load_pandas()
    X, (above, below) = frame.exog.to_numpy(float), frame.endog.to_numpy(float).T
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    rows, y, w = np.concatenate([X, X]), np.repeat([1.0, 0.0], len(X)), np.concatenate([above, below])
    ours = lk.LinearClassifier().fit(rows, y, sample_weight=w)
    theirs = sm.GLM(np.column_stack([above, below]), sm.add_constant(X), family=families.Binomial()).fit(tol=1e-14)

    def value(coef, intercept):
        return np.average(LOSSES["logistic"](y, rows @ coef + intercept), weights=w)

    assert value(ours.coef_[0], ours.intercept_) == pytest.approx(value(theirs.params[1:], theirs.params[0]), rel=1e-8)


def test_three_camps_of_voters_as_statsmodels_fits_them():
    X, y = of_statsmodels("anes96")
    y = np.digitize(y, [2.5, 3.5]).astype(float)  # of seven shades: left, neither, right
    ours = lk.LinearClassifier().fit(X, y)
    theirs = sm.MNLogit(y, sm.add_constant(X)).fit(method="newton", tol=1e-14, maxiter=100, disp=0).params
    coef = np.column_stack([np.zeros(len(theirs)), theirs]).T  # the first class has none there
    compare("softmax", X, y, ours, (coef[:, 1:], coef[:, 0]))


def test_several_targets_as_least_squares():
    X, Y = datasets.load_linnerud(return_X_y=True)
    ours, theirs = lk.LinearRegressor().fit(X, Y), linear_model.LinearRegression().fit(X, Y)
    for k in range(3):
        mine, other = (objective("squared", X, Y[:, k], m.coef_[k], m.intercept_[k]) for m in (ours, theirs))
        assert mine == pytest.approx(other, rel=1e-8)


@pytest.mark.parametrize("name", [WINE, IRIS, pytest.param(DIGITS, marks=pytest.mark.slow)])
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
