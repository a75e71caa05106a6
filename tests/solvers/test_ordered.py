"""Linear models of ordered classes: the optimum, against statsmodels and by its own conditions; order; refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.optimize import check_grad

import losskit as lk
from losskit.errors import ConvergenceWarning
from losskit.objectives.ordered import OrderedObjective, log_probabilities


def grades(rows: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Four ordered classes of a proportional odds model, columns of unlike scale."""
    rng = np.random.default_rng(5)
    X = rng.normal(size=(rows, 3))
    y = np.digitize(X @ [1.0, -2.0, 0.0] + rng.logistic(size=rows), [-2.0, 0.0, 1.0])
    return X * np.array([1.0, 30.0, 0.02]) + 4.0, y


def test_the_optimum_is_statsmodels():
    import statsmodels.api as sm
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    data = sm.datasets.anes96.load_pandas().data
    X, y = data[["logpopul", "selfLR", "age", "educ", "income"]].to_numpy(), data["PID"].to_numpy()
    peer = OrderedModel(y, X, distr="logit")
    model = lk.LinearClassifier(lk.Ordinal()).fit(X, y)
    start = np.r_[model.coef_[0], model.thresholds_[0], np.log(np.diff(model.thresholds_))]  # their parameters
    theirs = peer.fit(start_params=start, method="bfgs", disp=False, gtol=1e-6)
    assert abs(-peer.loglike(start) - len(y) * model.solution_.value) < 1e-8
    assert abs(-theirs.llf / len(y) - model.solution_.value) < 1e-10
    assert model.solution_.certificate <= 1e-10
    np.testing.assert_allclose(model.predict_proba(X), peer.predict(start), rtol=1e-8)


@pytest.mark.parametrize("loss", [lk.Ordinal(), lk.Coral()], ids=lambda loss: type(loss).__name__)
@pytest.mark.parametrize("penalty", [None, lk.L2(0.02)], ids=["plain", "L2"])
def test_the_gradient_vanishes_at_the_optimum_of_both_solvers(loss, penalty):
    X, y = grades()
    w = np.random.default_rng(0).uniform(0.5, 2, len(y))
    newton, lbfgs = (lk.minimise(loss, penalty, X, y, w, solver=solver) for solver in ("auto", "lbfgs"))
    assert newton.solver == "newton"
    assert max(newton.certificate, lbfgs.certificate) <= 1e-10
    np.testing.assert_allclose(lbfgs.coef, newton.coef, rtol=1e-6)
    assert (np.diff(newton.intercept) < 0).all()
    f = X @ newton.coef.T + newton.intercept
    slopes, alpha = loss.gradient(y, f, w), 0.02 if penalty else 0.0
    np.testing.assert_allclose(slopes.sum(axis=1) @ X + alpha * newton.coef[0], 0, atol=1e-8)
    np.testing.assert_allclose(slopes.sum(axis=0), 0, atol=1e-9)
    assert newton.value == pytest.approx(loss(y, f, w) + alpha / 2 * (newton.coef**2).sum(), rel=1e-12)


def test_derivatives_of_the_objective_are_those_of_its_value():
    X, y = grades(90)
    objective = OrderedObjective(lk.Ordinal(), lk.L2(0.1), X, y.astype(float), None, True, 4)
    theta = objective.null + 0.1 * np.random.default_rng(1).normal(size=objective.size)
    assert check_grad(lambda t: objective.evaluate(t).value, lambda t: objective.evaluate(t).gradient, theta) < 1e-5
    point, move = objective.evaluate(theta, order=2), np.random.default_rng(2).normal(size=objective.size)
    up, down = (objective.evaluate(theta + s * move).gradient for s in (1e-6, -1e-6))
    np.testing.assert_allclose(point.hessian @ move, (up - down) / 2e-6, rtol=1e-5, atol=1e-7)
    value, slope = objective.along(theta, move)(0.0)
    assert (value, slope) == (pytest.approx(point.value, rel=1e-13), pytest.approx(point.gradient @ move, rel=1e-10))
    np.testing.assert_allclose(objective.from_user(*objective.to_user(theta)), theta, rtol=1e-12)


def test_few_rows_begin_the_fit_of_many_and_keep_every_class():
    X, y = grades(2000)
    y[y == 3] = 2
    y[7] = 3  # a class of one row, which every 16th misses
    objective = OrderedObjective(lk.Ordinal(), lk.L2(0.0), X, y.astype(float), None, True, 4)
    fewer = objective.thinned(16)
    assert fewer.classes == 4
    assert len(fewer.y) <= 129
    theta = objective.adopt(fewer, fewer.null)
    np.testing.assert_allclose(objective.scores(theta)[::16], fewer.scores(fewer.null)[: len(y) // 16], rtol=1e-12)
    assert lk.minimise(lk.Ordinal(), None, X, y).certificate <= 1e-10


def test_weights_are_repeated_rows_and_rows_without_any_make_no_class():
    X, y = grades()
    w = np.random.default_rng(0).integers(0, 3, len(y)) * (y != 3)
    model = lk.LinearClassifier(lk.Ordinal()).fit(X, y, sample_weight=w)
    again = lk.LinearClassifier(lk.Ordinal()).fit(np.repeat(X, w, axis=0), np.repeat(y, w))
    assert model.classes_.tolist() == [0, 1, 2]
    np.testing.assert_allclose(model.thresholds_, again.thresholds_, rtol=1e-7)
    assert lk.LinearClassifier(penalty=lk.L2(0.1)).fit(X, y, sample_weight=w).predict_proba(X).shape == (len(y), 3)


@pytest.mark.parametrize("kind", ["pandas", "polars", "numbers"])
def test_the_order_is_that_of_the_categories_or_of_numbers(kind):
    X, y = grades()
    names = np.array(["poor", "fair", "good", "best"])
    order = [*names, "never"]
    given = {
        "pandas": lambda: pd.Series(pd.Categorical(names[y], order, ordered=True)),
        "polars": lambda: pl.Series(names[y].tolist(), dtype=pl.Enum(order)),
        "numbers": lambda: np.array([-3, 0, 2, 10])[y],
    }[kind]()
    model, plain = (lk.LinearClassifier(lk.Ordinal()).fit(X, labels) for labels in (given, y))
    assert model.classes_.tolist() == ([-3, 0, 2, 10] if kind == "numbers" else names.tolist())
    np.testing.assert_array_equal(model.thresholds_, plain.thresholds_)
    assert (model.predict(X) == model.classes_[plain.predict(X)]).all()
    assert model.score(X, np.asarray(given)) > 0.5


def test_scores_are_log_probabilities_and_the_likeliest_class_is_predicted():
    X, y = grades()
    model = lk.LinearClassifier(lk.Ordinal()).fit(X, y)
    p = model.predict_proba(X)
    np.testing.assert_allclose(model.decision_function(X), np.log(p), rtol=1e-9)
    np.testing.assert_array_equal(model.predict(X), p.argmax(axis=1))
    np.testing.assert_allclose(p.mean(axis=0), np.bincount(y) / len(y), atol=0.01)
    far = log_probabilities(np.array([[800.0, 790.0], [-700.0, -900.0]]))
    np.testing.assert_allclose(far, [[-800.0, -790.0 + np.log1p(-np.exp(-10)), 0.0], [0.0, -700.0, -900.0]], atol=1e-9)


def test_two_classes_are_the_logistic_fit():
    X, y = grades()
    two, one = lk.LinearClassifier(lk.Ordinal()).fit(X, y > 1), lk.LinearClassifier().fit(X, y > 1)
    np.testing.assert_array_equal(two.decision_function(X), one.decision_function(X))
    assert two.thresholds_ == -one.intercept_
    with pytest.raises(AttributeError, match="ordered classes"):
        _ = one.thresholds_


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
def test_separated_classes_are_said_to_be(solver):
    X = np.repeat([0.0, 1.0, 2.0], 10)[:, None]
    with pytest.warns(ConvergenceWarning, match="separat"):
        lk.LinearClassifier(lk.Ordinal(), solver=solver).fit(X, np.repeat([0, 1, 2], 10))


def test_what_does_not_fit_is_refused():
    X, y = grades(60)
    names = np.array(["poor", "fair", "good", "best"])[y]
    for labels in (names, pd.Series(names, dtype="category"), names.astype(object)):
        with pytest.raises(lk.DomainError, match=r"needs the order of the classes.*pandas.Categorical\(y, categories="):
            lk.LinearClassifier("ordinal").fit(X, labels)
    with pytest.raises(lk.CapabilityError, match="fit_intercept=True"):
        lk.LinearClassifier(lk.Ordinal(), fit_intercept=False).fit(X, y)
    with pytest.raises(lk.CapabilityError, match="L2 or none"):
        lk.LinearClassifier(lk.Ordinal(), penalty=lk.L1(0.1)).fit(X, y)
    with pytest.raises(lk.CapabilityError, match="GridSearchCV"):
        lk.LinearClassifierCV(lk.Coral()).fit(X, y)
    with pytest.raises(lk.CapabilityError, match="LinearClassifier"):
        lk.BoostedClassifier(lk.Coral()).fit(X, y)
    with pytest.raises(lk.CapabilityError, match="OrderedModel"):
        lk.LinearClassifier(lk.Ordinal()).fit(X, y).inference(X, y)
    with pytest.raises(lk.DomainError, match="merge a class without rows"):
        lk.minimise(lk.Ordinal(), None, X, 2 * y)
