"""Standard errors, tests, intervals and criteria: against statsmodels, the definitions, and simulated truth."""

import numpy as np
import pytest
import statsmodels.api as sm

import losskit as lk
from losskit.errors import CapabilityError, DataError, ParameterError, ShapeError

RNG = np.random.default_rng(0)
N = 300
X = RNG.standard_normal((N, 3)) * [1, 10, 0.1] + [0, 100, 3]
D = sm.add_constant(X)
Y = X @ [1, 0.2, 3] + RNG.standard_normal(N) * (1 + abs(X[:, 0]))
ETA = X @ [0.2, 0.01, 0.3] - 1
GROUPS = RNG.integers(0, 20, N)
LOG = sm.families.links.Log()
GLMS = [
    (sm.families.Poisson(), lk.Poisson(), RNG.poisson(np.exp(ETA)).astype(float)),
    (sm.families.Gamma(LOG), lk.Gamma(), RNG.gamma(2, np.exp(ETA) / 2)),
    (sm.families.InverseGaussian(LOG), lk.InverseGaussian(), RNG.wald(np.exp(ETA), 3)),
    (
        sm.families.NegativeBinomial(alpha=0.7), lk.NegativeBinomial(0.7),
        RNG.negative_binomial(1 / 0.7, 1 / (1 + 0.7 * np.exp(ETA))).astype(float),
    ),
    (sm.families.Tweedie(LOG, 1.5), lk.Tweedie(1.5), RNG.poisson(np.exp(ETA)) * 1.3),
]  # fmt: skip


def near(ours, theirs, rtol=1e-8):
    np.testing.assert_allclose(ours, theirs, rtol=rtol)


def test_least_squares_is_statsmodels():
    model, theirs = lk.LinearRegressor().fit(X, Y), sm.OLS(Y, D).fit()
    found = model.inference(X, Y, covariance="model")
    near(found.estimates, theirs.params)
    near(found.standard_errors, theirs.bse)
    near(found.statistics, theirs.tvalues)
    near(found.p_values, theirs.pvalues)
    near(found.intervals, theirs.conf_int())
    near([found.aic, found.bic, found.explained], [theirs.aic, theirs.bic, theirs.rsquared])
    near([found.dispersion, found.deviance, found.null_deviance], [theirs.scale, theirs.ssr, theirs.centered_tss])
    assert found.degrees == theirs.df_resid
    for kind in ("HC0", "HC1", "HC2", "HC3"):
        theirs = sm.OLS(Y, D).fit(cov_type=kind)
        found = model.inference(X, Y, covariance=kind)
        near(found.standard_errors, theirs.bse)
        near(found.p_values, theirs.pvalues)
    theirs = sm.OLS(Y, D).fit(cov_type="cluster", cov_kwds={"groups": GROUPS})
    near(model.inference(X, Y, groups=GROUPS).covariance, theirs.cov_params())


@pytest.mark.parametrize(
    ("family", "loss", "y"),
    [pytest.param(*each, id=repr(each[1]), marks=[pytest.mark.slow] * (i > 1)) for i, each in enumerate(GLMS)],
)
def test_generalised_linear_models_are_statsmodels(family, loss, y):
    """Their HC1 to HC3 of GLMs leave out the corrections and are HC0."""
    offset = np.linspace(0, 1, N)
    model = lk.LinearRegressor(loss, tol=1e-13).fit(X, y, offset=offset)
    posed = sm.GLM(y, D, family=family, offset=offset)
    theirs, options = posed.fit(tol=1e-15, maxiter=200), {"offset": offset}
    found = model.inference(X, y, covariance="model", **options)
    near(found.estimates, theirs.params, 1e-7)
    near(found.standard_errors, theirs.bse)
    ours = [found.deviance, found.null_deviance, found.dispersion]
    near(ours, [theirs.deviance, theirs.null_deviance, theirs.scale])
    if found.aic is not None:
        near([found.aic, found.bic, found.log_likelihood], [theirs.aic, theirs.bic_llf, theirs.llf])
    robust = posed.fit(tol=1e-15, maxiter=200, cov_type="HC0")
    near(model.inference(X, y, covariance="HC0", **options).standard_errors, robust.bse)
    clustered = posed.fit(tol=1e-15, maxiter=200, cov_type="cluster", cov_kwds={"groups": GROUPS})
    near(model.inference(X, y, groups=GROUPS, **options).standard_errors, clustered.bse)


def test_logit_and_multinomial_logit_are_statsmodels():
    y = (RNG.logistic(size=N) < ETA).astype(float)
    found = lk.LinearClassifier().fit(X, y).inference(X, y, covariance="model")
    theirs = sm.Logit(y, D).fit(disp=0, tol=1e-14)
    near(found.standard_errors, theirs.bse)
    near([found.aic, found.bic, found.explained], [theirs.aic, theirs.bic, theirs.prsquared])
    labels = RNG.integers(0, 3, N)
    found = lk.LinearClassifier().fit(X, labels).inference(X, labels, covariance="model")
    theirs = sm.MNLogit(labels, D).fit(disp=0, tol=1e-10)
    against_first = np.kron([[-1, 1, 0], [-1, 0, 1]], np.eye(4))  # their scores are differences from class 0's
    near(against_first @ found.estimates, np.ravel(theirs.params, order="F"), 1e-6)
    near(against_first @ found.covariance @ against_first.T, theirs.cov_params(), 1e-6)
    near([found.aic, found.freedom], [theirs.aic, 8.0])
    assert found.names[:2] == ("intercept [0]", "x0 [0]")
    assert lk.LinearClassifier().fit(X, labels).inference(X, labels).kind == "HC1"


@pytest.mark.parametrize(
    ("norm", "loss"), [(sm.robust.norms.HuberT(1.345), lk.Huber), (sm.robust.norms.TukeyBiweight(4.685), lk.Tukey)]
)
def test_robust_fits_are_statsmodels(norm, loss):
    """At their scale: both then take it as known. Theirs is the covariance "H1"."""
    theirs = sm.RLM(Y, D, M=norm).fit(tol=1e-13, maxiter=500)
    constant = getattr(norm, "t", None) or norm.c
    model = lk.LinearRegressor(loss(constant * theirs.scale), tol=1e-14).fit(X, Y)
    found = model.inference(X, Y, covariance="model")
    near(found.estimates, theirs.params)
    near(found.standard_errors, theirs.bse)


@pytest.mark.parametrize("level", [0.1, 0.5])
def test_quantiles_are_statsmodels_where_errors_are_alike(level):
    """To 1e-5: their fit stops at a relative 1e-6, their density and deviation are those of its residuals."""
    model = lk.LinearRegressor(lk.Quantile(level)).fit(X, Y)
    found = model.inference(X, Y, covariance="model")
    theirs = sm.QuantReg(Y, D).fit(level, vcov="iid", p_tol=1e-10, max_iter=5000)
    near(found.standard_errors, theirs.bse, 1e-5)
    near(found.explained, theirs.prsquared, 1e-6)


def test_powells_estimate_is_its_formula():
    level = 0.3
    model = lk.LinearRegressor(lk.Quantile(level)).fit(X, Y)
    found = model.inference(X, Y)
    e = Y - model.predict(X)
    width = sm.QuantReg(Y, D).fit(level, vcov="iid").bandwidth
    u = e / width
    kernel = np.where(abs(u) < 1, 0.75 * (1 - u**2), 0) / width
    J = np.linalg.inv(D.T @ (kernel[:, None] * D))
    square = np.where(abs(e) < 1e-9, level * (1 - level), np.where(e > 0, level**2, (1 - level) ** 2))
    near(found.covariance, J @ (D.T @ (square[:, None] * D)) @ J, 1e-4)
    assert found.kind == "HC0"
    twice = lk.LinearRegressor(lk.AbsoluteError()).fit(X, Y).inference(X, Y)
    near(twice.covariance, lk.LinearRegressor(lk.Quantile(0.5)).fit(X, Y).inference(X, Y).covariance)


@pytest.mark.parametrize("loss", [lk.SquaredError(), lk.Huber(1.0), lk.Poisson(), lk.Quantile(0.3)], ids=repr)
@pytest.mark.parametrize("kind", ["robust", "HC1", "model", "cluster"])
def test_integer_weights_are_repeated_rows(loss, kind):
    y = np.exp(ETA / 2) * RNG.gamma(3, size=N) if loss.link.name == "log" else Y
    times = RNG.integers(0, 4, N)
    groups = GROUPS if kind == "cluster" else None
    model = lk.LinearRegressor(loss).fit(X, y, times)
    found = model.inference(X, y, times, covariance=kind, groups=groups)
    rows = np.repeat(np.arange(N), times)
    again = lk.LinearRegressor(loss).fit(X[rows], y[rows])
    repeated = again.inference(X[rows], y[rows], covariance=kind, groups=None if groups is None else groups[rows])
    near(found.standard_errors, repeated.standard_errors, 1e-6)
    near([found.rows, found.value, found.null_value], [repeated.rows, repeated.value, repeated.null_value])


def test_weights_of_a_survey_count_rows_once():
    w = RNG.uniform(0.5, 2, N)
    found = lk.LinearRegressor().fit(X, Y, w).inference(X, Y, w, weights="sampling", covariance="HC1")
    near(found.standard_errors, sm.WLS(Y, D, w).fit(cov_type="HC1").bse)
    near(
        lk.LinearRegressor().fit(X, Y, w).inference(X, Y, w, weights="sampling", covariance="HC3").standard_errors,
        sm.WLS(Y, D, w).fit(cov_type="HC3").bse,
    )


def test_a_ridge_counts_fewer_coefficients_and_its_sandwich_is_the_formula():
    alpha = 0.5
    model = lk.LinearRegressor(penalty=lk.L2(alpha), tol=1e-13).fit(X, Y)
    found = model.inference(X, Y, covariance="HC0")
    P = np.diag([0, 1, 1, 1]) * alpha * N
    bread = np.linalg.inv(2 * D.T @ D + P)
    s = 2 * (model.predict(X) - Y)
    near(found.covariance, bread @ (D.T @ (s[:, None] ** 2 * D)) @ bread, 1e-7)
    near(found.freedom, np.trace(bread @ (2 * D.T @ D)))


def test_several_outputs_have_standard_errors_and_names():
    model = lk.LinearRegressor(lk.GaussianNLL(), tol=1e-12).fit(X, Y)
    found = model.inference(X, Y, covariance="HC0")
    assert found.names[:2] == ("intercept [mean]", "x0 [mean]")
    s = lk.GaussianNLL().value_and_gradient(Y, model._scores(X), None, "sum")[1]
    h = lk.GaussianNLL().hessian(Y, model._scores(X), None, "sum")
    rows = np.concatenate([s[:, :1] * D, s[:, 1:] * D], axis=1)
    bread = np.linalg.inv(np.block([[D.T @ (h[:, j, i, None] * D) for i in (0, 1)] for j in (0, 1)]))
    near(found.covariance, bread @ rows.T @ rows @ bread, 1e-6)
    near(found.log_likelihood, -found.value * N)


def test_quasi_poisson_scales_by_pearsons_dispersion():
    family, loss, y = GLMS[0]
    found = lk.LinearRegressor(loss).fit(X, y).inference(X, y, covariance="model", dispersion="pearson")
    theirs = sm.GLM(y, D, family=family).fit(scale="X2", tol=1e-15)
    near([found.dispersion, *found.standard_errors], [theirs.scale, *theirs.bse])


def test_a_dispersion_may_be_given_and_likelihoods_do_not_hang_on_the_covariance():
    found = FIT.inference(X, Y, covariance="model", dispersion=2.0)
    near(found.covariance, 2.0 * np.linalg.inv(D.T @ D))
    assert found.dispersion == 2.0
    _, loss, y = GLMS[1]
    model = lk.LinearRegressor(loss).fit(X, y)
    near(model.inference(X, y).aic, model.inference(X, y, covariance="model").aic)


def test_a_penalty_chosen_by_folds_is_the_one_inferred_with():
    model = lk.LinearClassifierCV(alphas=[0.1, 0.01], cv=2).fit(X, Y > 23)
    again = lk.LinearClassifier(penalty=lk.L2(model.alpha_)).fit(X, Y > 23)
    near(model.inference(X, Y > 23).standard_errors, again.inference(X, Y > 23).standard_errors, 1e-5)


def test_it_prints_and_shows_itself_in_a_notebook():
    names = ["a", "b<script>", "c"]
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=names)
    found = lk.LinearRegressor().fit(frame, Y).inference(frame, Y)
    lines = str(found).splitlines()
    assert lines[0].split() == ["loss", "SquaredError()"]
    assert lines[1].split() == ["covariance", "HC3"]
    assert lines[-4].startswith("intercept")
    assert "std error" in lines[-5]
    page = found._repr_html_()
    assert "b&lt;script&gt;" in page
    assert "<script>" not in page
    assert list(found.table()) == ["name", "estimate", "std error", "z", "P>|z|", "0.025", "0.975"]


REFUSED = [
    (lambda: lk.LinearRegressor(penalty=lk.L1(0.1)).fit(X, Y).inference(X, Y), CapabilityError, "has kinks"),
    (lambda: lk.LinearClassifier(lk.Hinge(), penalty=lk.L2(1.0)).fit(X, Y > 23).inference(X, Y > 23), CapabilityError,
     "Smoothed"),
    (lambda: FIT.inference(X, Y[::-1]), DataError, "no minimum on these rows"),
    (lambda: FIT.inference(X, Y, covariance="hc3"), ParameterError, "'HC3'"),
    (lambda: FIT.inference(X, Y, covariance="cluster"), CapabilityError, "groups="),
    (lambda: FIT.inference(X, Y, groups=GROUPS[:5]), ShapeError, "one name a row"),
    (lambda: FIT.inference(X, Y, groups=np.zeros(N)), DataError, "one group only"),
    (lambda: FIT.inference(X, Y, level=95), ParameterError, "between 0 and 1"),
    (lambda: FIT.inference(X, Y, dispersion="x2", covariance="model"), ParameterError, "pearson"),
    (lambda: FIT.inference(X, Y, dispersion=2.0), ParameterError, "belongs to"),
    (lambda: FIT.inference(X, Y, weights="analytic"), ParameterError, "sampling"),
    (lambda: FIT.inference("rows.parquet", "y"), DataError, "no file rows"),
    (lambda: lk.LinearRegressor().fit(TWIN, Y).inference(TWIN, Y), DataError, "x0, x3 apart"),
    (lambda: lk.LinearRegressor().fit(X[:4], Y[:4]).inference(X[:4], Y[:4]), DataError, "leave nothing to judge"),
    (lambda: lk.LinearRegressor().fit(ALONE, Y).inference(ALONE, Y), DataError, "row 7 alone decides"),
    (lambda: lk.LinearRegressor(lk.Quantile(0.5)).fit(X, Y).inference(X, Y, covariance="HC2"), CapabilityError, "HC1"),
]  # fmt: skip
FIT = lk.LinearRegressor().fit(X, Y)
TWIN = np.column_stack([X, 2 * X[:, 0]])
ALONE = np.column_stack([X, np.arange(N) == 7])


@pytest.mark.parametrize(("act", "error", "says"), REFUSED, ids=[says for _, _, says in REFUSED])
def test_what_has_no_answer_is_refused_with_the_reason(act, error, says):
    with pytest.raises(error, match=says):
        act()


@pytest.mark.slow
@pytest.mark.parametrize("loss", [lk.SquaredError(), lk.Huber(1.0), lk.Quantile(0.5)])
def test_intervals_hold_the_truth_as_often_as_they_say(loss):
    """Errors grow with x, so "model" would be wrong: 0.95 within three standard errors of 400 draws."""
    rng, held = np.random.default_rng(1), 0
    for _ in range(400):
        x = rng.uniform(0, 2, (400, 1))
        y = 1 + 2 * x[:, 0] + (0.2 + x[:, 0]) * rng.standard_t(5, 400)
        low, high = lk.LinearRegressor(loss, tol=1e-8).fit(x, y).inference(x, y).intervals[1]
        held += low <= 2 <= high
    assert abs(held / 400 - 0.95) < 3 * np.sqrt(0.95 * 0.05 / 400)
