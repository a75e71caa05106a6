"""Paths and cross-validation: against scikit-learn, the shared Gram matrix against fits one by one, and the rules."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.linear_model import ElasticNetCV
from sklearn.model_selection import KFold, cross_val_score

import losskit as lk
from losskit.errors import CapabilityError, ConvergenceWarning, DomainError, ParameterError
from losskit.estimators import fold_paths
from losskit.solvers.composite import Composite
from losskit.solvers.path import alpha_grid, follow

X, Y = load_diabetes(return_X_y=True)
X = X * 10.0 ** np.linspace(-3, 3, 10) + 5


def test_the_lasso_chosen_is_scikit_learns():
    columns = X / X.std(0)
    ours = lk.LinearRegressorCV(penalty=lk.ElasticNet(l1_ratio=0.7), alphas=20, cv=KFold(4)).fit(columns, Y)
    peer = ElasticNetCV(l1_ratio=0.7, alphas=ours.alphas_ / 2, cv=KFold(4), tol=1e-12, max_iter=100_000).fit(columns, Y)
    assert ours.alpha_ == pytest.approx(2 * peer.alpha_, rel=1e-12)
    np.testing.assert_allclose(ours.cv_losses_, peer.mse_path_, rtol=1e-6)
    np.testing.assert_allclose(ours.coef_, peer.coef_, atol=1e-6 * np.abs(peer.coef_).max())
    assert not ours.coef_path_[0].any()
    assert ours.coef_path_.shape == (20, 10)
    assert ours.solution_.certificate <= 1e-8


@pytest.mark.parametrize("penalty", [lk.L1(), lk.L2(), lk.ElasticNet(positive=True)], ids=repr)
@pytest.mark.parametrize("weighted", [True, False])
def test_a_shared_gram_matrix_leads_where_the_data_lead(penalty, weighted, monkeypatch):
    w = np.random.default_rng(0).integers(0, 3, len(Y)) if weighted else None
    model = lk.LinearRegressorCV(penalty=penalty, alphas=4, cv=3)
    shared = model.fit(X, Y, w).coef_path_, model.cv_losses_
    monkeypatch.setattr(fold_paths, "has_gram", lambda *_: False)
    model.fit(X, Y, w)
    spread = X.std(0)
    np.testing.assert_allclose(shared[0] * spread, model.coef_path_ * spread, atol=1e-3)
    np.testing.assert_allclose(shared[1], model.cv_losses_, rtol=1e-6)


def test_each_fit_of_a_path_is_the_fit_at_its_alpha():
    labels = load_breast_cancer(return_X_y=True)
    rows = labels[0][:200, :6], labels[1][:200]
    model = lk.LinearClassifierCV(penalty=lk.L1(), alphas=[0.3, 0.01, 0.1], cv=3, tol=1e-10).fit(*rows)
    np.testing.assert_array_equal(model.alphas_, [0.3, 0.1, 0.01])
    for alpha, coef in zip(model.alphas_, model.coef_path_, strict=True):
        alone = lk.LinearClassifier(penalty=lk.L1(alpha)).fit(*rows)
        np.testing.assert_allclose(coef, alone.coef_[0], atol=1e-4 * np.abs(coef).max() + 1e-12)
    assert model.coef_.shape == (1, 6)
    assert model.predict_proba(rows[0]).shape == (200, 2)


@pytest.mark.parametrize("loss", [lk.SquaredError(), lk.Logistic()], ids=repr)
@pytest.mark.parametrize("sparse", [True, False])
def test_what_a_path_leaves_out_is_looked_at_again(loss, sparse):
    """On columns so alike that the strong rule errs, and strengths near and far apart."""
    rng = np.random.default_rng(0)
    X = np.cumsum(rng.standard_normal((60, 150)) * (rng.random((60, 150)) < 0.3), axis=1)
    y = (X[:, 40] - X[:, 41] + X[:, 120] / 5 + rng.standard_normal(60) > 0).astype(float)
    X = csr_array(X) if sparse else X
    problem = Composite(loss, lk.L1(), X, y, None, True)
    most = alpha_grid(problem, 1, None)[0]
    path = follow(problem, most * np.array([1, 0.9, 0.85, 0.6, 0.3, 0.28, 0.26, 0.1]), "auto", 1e-10, None)
    assert path.certificates.max() <= 1e-10
    for alpha, coef, b in zip(path.alphas, path.coefs, path.intercepts, strict=True):
        alone = lk.minimise(loss, lk.L1(float(alpha)), X, y)
        value = loss(y, X @ coef + b) + alpha * np.abs(coef).sum()
        assert value == pytest.approx(alone.value, rel=1e-9)
    assert 0 == np.count_nonzero(path.coefs[0]) < np.count_nonzero(path.coefs[-1]) < 60


def test_one_standard_error_takes_the_largest_alpha_that_is_as_good():
    best = lk.LinearRegressorCV(alphas=30).fit(X, Y)
    plain = lk.LinearRegressorCV(alphas=30, rule="one_standard_error").fit(X, Y)
    means, errors = best.cv_losses_.mean(1), best.cv_losses_.std(1, ddof=1) / 5**0.5
    at = means.argmin()
    assert best.alpha_ == best.alphas_[at]
    assert plain.alpha_ == best.alphas_[means <= means[at] + errors[at]].max() > best.alpha_


def test_other_losses_penalties_and_classes_have_paths():
    heavy = Y + np.where(np.arange(len(Y)) % 9 == 0, 500, 0)
    robust = lk.LinearRegressorCV(lk.Huber("auto"), alphas=5, cv=3).fit(X, heavy)
    assert robust.loss_.delta > 0
    groups = lk.LinearRegressorCV(penalty=lk.GroupLasso((0, 0, 0, 0, 0, 1, 1, 1, 1, 1)), alphas=4, cv=2, tol=1e-5)
    assert not groups.fit(X / X.std(0), Y).coef_path_[0].any()
    many = lk.LinearClassifierCV(alphas=3, cv=2, tol=1e-6).fit(*load_iris(return_X_y=True))
    assert many.coef_path_.shape == (3, 3, 4)


HEAVY = Y + np.where(np.arange(len(Y)) % 9 == 0, 500, 0)
LABELS = np.array(["low", "top"])[(Y > 140).astype(int)]
ABSOLUTE = "neg_mean_absolute_error"
CHOICES = [
    (lk.LinearRegressorCV(["squared error", lk.Huber(20.0)], scoring=lk.AbsoluteError()), HEAVY, ABSOLUTE),
    (lk.LinearRegressorCV([lk.SquaredError(), lk.Huber(20.0)], scoring="r2", penalty=lk.L2()), HEAVY, "r2"),
    (lk.LinearClassifierCV([lk.SquaredHinge(), lk.Logistic()], scoring="roc_auc"), LABELS, "roc_auc"),
    (lk.LinearClassifierCV([lk.Logistic(), "softmax cross entropy"], scoring=lk.Logistic()), LABELS, "neg_log_loss"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "y", "scoring"), CHOICES, ids=["absolute", "r2", "auc", "logistic"])
def test_several_losses_are_compared_by_a_scoring_as_grid_search_does(model, y, scoring):
    columns, folds = X[:, 2:6] / X[:, 2:6].std(0), KFold(3)
    model.set_params(alphas=3, cv=folds, tol=1e-10).fit(columns, y)
    results = model.cv_results_
    assert results["param_loss"].tolist() == [loss for loss in model._loss() for _ in range(3)]
    best = int(np.argmax(results["mean_test_score"]))
    assert results["rank_test_score"][best] == 1
    chosen = results["params"][best]
    assert (model.loss_, model.alpha_) == (chosen["loss"], chosen["alpha"])
    assert model.cv_losses_.shape == (3, 3)
    kind = lk.LinearClassifier if y is LABELS else lk.LinearRegressor
    for at in (0, best, 4):
        loss, alpha = results["params"][at]["loss"], results["params"][at]["alpha"]
        peer = kind(loss, penalty=(model.penalty_).with_alpha(alpha))
        known = cross_val_score(peer, columns, y, cv=folds, scoring=scoring)
        np.testing.assert_allclose([results[f"split{i}_test_score"][at] for i in range(3)], known, rtol=1e-5)
    plain = kind(model.loss_, penalty=model.penalty_).fit(columns, y)
    np.testing.assert_allclose(model.coef_, plain.coef_, rtol=1e-4, atol=1e-6)


def test_losses_that_nothing_compares_are_refused():
    both = [lk.SquaredError(), lk.Huber(20.0)]
    for options, error, says in [
        ({}, ParameterError, "2 losses need a scoring to be compared by"),
        ({"scoring": ["r2"]}, ParameterError, "must be one"),
        ({"scoring": "r2", "rule": "aic"}, ParameterError, "own likelihood"),
        ({"scoring": "r2", "loss": []}, ParameterError, "empty list"),
        ({"scoring": "r2", "loss": [lk.Hinge()]}, CapabilityError, "a loss of classes"),
        ({"scoring": "r2", "loss": [lk.GaussianNLL()]}, CapabilityError, "no path"),
        ({"scoring": "r2", "loss": [3]}, CapabilityError, "loss must be a loss"),
    ]:
        with pytest.raises(error, match=says):
            lk.LinearRegressorCV(**{"loss": both} | options).fit(X, Y)


def test_folds_take_an_offset():
    offset, options = np.linspace(0, 90, len(Y)), {"alphas": 3, "cv": 3}
    found = lk.LinearRegressorCV(**options).fit(X, Y, offset=offset)
    plain = lk.LinearRegressorCV(**options).fit(X, Y - offset)
    np.testing.assert_allclose(found.cv_losses_, plain.cv_losses_, rtol=1e-12)
    counts = np.round(Y / 20)
    rates = lk.LinearRegressorCV(lk.Poisson(), tol=1e-11, **options).fit(X, counts, offset=offset / 90)
    alone = lk.LinearRegressor(lk.Poisson(), penalty=rates.penalty_).fit(X, counts, offset=offset / 90)
    np.testing.assert_allclose(rates.coef_, alone.coef_, rtol=1e-4, atol=1e-7)
    part = np.arange(len(Y)) % 3 == 0
    folds = [(np.flatnonzero(~part), np.flatnonzero(part))]
    rates.set_params(cv=folds, alphas=[rates.alpha_]).fit(X, counts, offset=offset / 90)
    alone.fit(X[~part], counts[~part], offset=offset[~part] / 90)
    left_out = lk.Poisson()(counts[part], np.log(alone.predict(X[part], offset[part] / 90)))
    assert rates.cv_losses_[0, 0] == pytest.approx(left_out, rel=1e-6)


@pytest.mark.parametrize(("options", "error", "says"), [
    ({"rule": "best"}, ParameterError, "one_standard_error"),
    ({"alphas": 0}, ParameterError, "alphas"),
    ({"alphas": [1.0, -1.0]}, ParameterError, "alphas"),
    ({"penalty": lk.Positive()}, CapabilityError, "alpha"),
    ({"loss": lk.JointScale()}, CapabilityError, "no path"),
    ({"loss": lk.AbsoluteError()}, CapabilityError, "Smoothed"),
])  # fmt: skip
def test_bad_options_are_refused(options, error, says):
    with pytest.raises(error, match=says):
        lk.LinearRegressorCV(**options).fit(X, Y)


def test_a_fold_without_weight_and_targets_that_do_not_vary_are_told():
    w = np.ones(len(Y))
    w[: len(Y) // 5 + 1] = 0
    with pytest.raises(DomainError, match="a fold holds no rows"):
        lk.LinearRegressorCV(alphas=3, cv=KFold(5)).fit(X, Y, w)
    with pytest.raises(ParameterError, match="give alphas"):
        lk.LinearRegressorCV(alphas=3).fit(X, np.ones(len(Y)))


@pytest.mark.filterwarnings("ignore:proximal_gradient stopped")
def test_fits_that_miss_the_tolerance_are_counted():
    labels = (Y.mean() < Y).astype(int)
    with pytest.warns(ConvergenceWarning, match="of 3 fits"):
        lk.LinearClassifierCV(penalty=lk.L1(), alphas=3, max_iter=1, solver="proximal_gradient").fit(X, labels)


@pytest.mark.parametrize("rule", ["aic", "bic"])
def test_information_criteria_choose_as_scikit_learn_and_are_those_of_inference(rule):
    from sklearn.linear_model import LassoLarsIC

    X, y = load_diabetes(return_X_y=True)
    X = X / X.std(axis=0)
    ours = lk.LinearRegressorCV(penalty=lk.L1(), rule=rule, alphas=200).fit(X, y)
    theirs = LassoLarsIC(criterion=rule).fit(X, y)
    assert np.flatnonzero(ours.coef_).tolist() == np.flatnonzero(theirs.coef_).tolist()
    assert ours.alpha_ / 2 == pytest.approx(theirs.alpha_, rel=0.1)  # a knot of the path, and a grid
    assert not hasattr(ours, "cv_losses_")
    ridge = lk.LinearClassifierCV(rule=rule, alphas=[0.1, 0.01], tol=1e-13).fit(X, y > 140)
    model = lk.LinearClassifier(penalty=lk.L2(0.1)).fit(X, y > 140)
    assert ridge.criteria_[0] == pytest.approx(getattr(model.inference(X, y > 140), rule), rel=1e-6)
    with pytest.raises(CapabilityError, match="no likelihood"):
        lk.LinearRegressorCV(lk.Huber(1.0), rule=rule, alphas=[0.1]).fit(X, y)
    with pytest.raises(CapabilityError, match="one score a row"):
        lk.LinearClassifierCV(rule=rule, alphas=[0.1]).fit(X, np.digitize(y, [100, 200]))
