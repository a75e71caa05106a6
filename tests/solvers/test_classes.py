"""Linear models of many classes: the optimum, against scikit-learn and by its own conditions; what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import check_grad
from sklearn.datasets import load_iris, make_classification
from sklearn.linear_model import LogisticRegression

import losskit as lk
from losskit.errors import ConvergenceWarning
from losskit.objectives.classes import ClassObjective


def blobs(rows: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Four classes that overlap, columns of unlike scale."""
    X, y = make_classification(rows, 6, n_informative=5, n_redundant=0, n_classes=4, class_sep=0.7, random_state=3)
    return X * np.array([1.0, 30.0, 0.02, 1.0, 5.0, 1.0]) + 4.0, y


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
def test_the_optimum_is_scikit_learns(solver):
    X, y = load_iris(return_X_y=True)
    model = lk.LinearClassifier(penalty=lk.L2(0.01), solver=solver).fit(X, y)
    peer = LogisticRegression(C=1 / (0.01 * len(y)), tol=1e-10, max_iter=5000).fit(X, y)
    np.testing.assert_allclose(model.coef_, peer.coef_, atol=2e-5)
    np.testing.assert_allclose(model.predict_proba(X), peer.predict_proba(X), atol=2e-6)
    np.testing.assert_array_equal(model.predict(X), peer.predict(X))
    assert model.solution_.solver == solver
    assert model.solution_.certificate <= 1e-10
    np.testing.assert_allclose(model.coef_.sum(axis=0), 0, atol=1e-9)


@pytest.mark.parametrize(
    "loss",
    [
        lk.SoftmaxCrossEntropy(label_smoothing=0.1),
        lk.SoftmaxCrossEntropy(class_weight=(1.0, 2.0, 3.0, 4.0)),
        lk.BalancedSoftmax((1.0, 5.0, 2.0, 2.0)),
        lk.LDAM((1.0, 5.0, 2.0, 2.0), scale=1.0),
        lk.Sparsemax(),
    ],
    ids=lambda loss: type(loss).__name__,
)
def test_the_gradient_vanishes_at_the_optimum_of_any_smooth_loss(loss):
    X, y = blobs()
    w = np.random.default_rng(0).uniform(0.5, 2, len(y))
    found = lk.minimise(loss, lk.L2(0.01), X, y, w, tol=1e-8)
    scores = X @ found.coef.T + found.intercept
    slopes = loss.gradient(y, scores, w)
    np.testing.assert_allclose(slopes.T @ X + 0.01 * found.coef, 0, atol=3e-6)
    np.testing.assert_allclose(slopes.sum(axis=0), 0, atol=1e-7)
    assert found.value == pytest.approx(loss(y, scores, w) + 0.005 * (found.coef**2).sum(), rel=1e-12)


def test_derivatives_of_the_objective_are_those_of_its_value():
    X, y = blobs(90)
    objective = ClassObjective(lk.FocalSoftmax(), lk.L2(0.1), X, y.astype(float), None, True, 4)
    theta = 0.3 * np.random.default_rng(1).normal(size=objective.size)
    assert check_grad(lambda t: objective.evaluate(t).value, lambda t: objective.evaluate(t).gradient, theta) < 1e-5
    point, step = objective.evaluate(theta, order=2), 1e-6
    move = np.random.default_rng(2).normal(size=objective.size).reshape(4, -1)
    move = (move - move.mean(axis=0)).ravel()  # along scores that all rise alike the Hessian is filled in
    up, down = (objective.evaluate(theta + s * move).gradient for s in (step, -step))
    np.testing.assert_allclose(point.hessian @ move, (up - down) / (2 * step), rtol=1e-4, atol=1e-6)
    value, slope = objective.along(theta, move)(0.0)
    assert value == pytest.approx(point.value, rel=1e-13)
    assert slope == pytest.approx(point.gradient @ move, rel=1e-10)


def test_scales_of_columns_and_the_unpenalised_fit():
    X, y = blobs(2000)
    plain = lk.LinearClassifier().fit(X, y)
    scaled = lk.LinearClassifier().fit(X * 1e6, y)
    np.testing.assert_allclose(scaled.coef_ * 1e6, plain.coef_, rtol=1e-6)
    shares = np.bincount(y) / len(y)
    np.testing.assert_allclose(plain.predict_proba(X).mean(axis=0), shares, atol=1e-9)  # fitted totals are the actual


def test_two_classes_are_the_logistic_fit():
    X, y = blobs()
    y = y > 1
    two = lk.LinearClassifier("softmax_cross_entropy", penalty=lk.L2(0.02)).fit(X, y)
    one = lk.LinearClassifier(penalty=lk.L2(0.01)).fit(X, y)  # the square is shared by two coefficients
    np.testing.assert_allclose(two.decision_function(X), one.decision_function(X), rtol=1e-6)
    np.testing.assert_allclose(two.predict_proba(X), one.predict_proba(X), rtol=1e-6)
    np.testing.assert_array_equal(two.predict(X), one.predict(X))


def test_labels_of_any_kind_come_back():
    X, y = blobs()
    names = np.array(["fir", "oak", "elm", "ash"])[y]
    model = lk.LinearClassifier(penalty=lk.L2(0.01)).fit(X, names)
    assert model.classes_.tolist() == ["ash", "elm", "fir", "oak"]
    assert set(model.predict(X)) <= set(names)
    assert model.score(X, names) > 0.5
    assert model.decision_function(X).shape == (len(y), 4)


def test_what_does_not_fit_is_refused():
    X, y = blobs()
    with pytest.raises(lk.DomainError, match=r"4 classes, and Logistic is a loss of two. Use SoftmaxCrossEntropy"):
        lk.LinearClassifier("logistic").fit(X, y)
    with pytest.raises(lk.CapabilityError, match="convex and smooth"):
        lk.LinearClassifier(lk.CrammerSinger()).fit(X, y)
    with pytest.raises(lk.CapabilityError, match="convex and smooth"):
        lk.LinearClassifier(lk.FocalSoftmax()).fit(X, y)
    with pytest.raises(lk.CapabilityError, match=r"SoftmaxCrossEntropy for many classes"):
        lk.LinearClassifier(lk.CategoricalCrossEntropy()).fit(X, y)
    with pytest.raises(lk.CapabilityError, match="LinearClassifier"):
        lk.LinearRegressor(lk.SoftmaxCrossEntropy()).fit(X, y)
    with pytest.raises(lk.CapabilityError, match=r"a score for each class"):
        lk.LinearClassifier(solver="gradient_descent").fit(X, y)
    with pytest.raises(lk.ShapeError, match=r"shapes \(4, 6\) and \(4,\)"):
        lk.minimise(lk.SoftmaxCrossEntropy(), None, X, y, start=(np.zeros(6), 0.0))


def test_separated_classes_are_said_to_be():
    X = np.repeat([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0]], 20, axis=0) + np.random.default_rng(0).normal(size=(60, 2)) / 4
    with pytest.warns(ConvergenceWarning, match="separat"):
        lk.LinearClassifier().fit(X, np.repeat([0, 1, 2], 20))


def test_a_fit_may_start_from_another():
    X, y = blobs()
    first = lk.minimise(lk.SoftmaxCrossEntropy(), lk.L2(0.1), X, y)
    again = lk.minimise(lk.SoftmaxCrossEntropy(), lk.L2(0.1), X, y, start=first)
    assert again.iterations <= 1
    np.testing.assert_allclose(again.coef, first.coef, rtol=1e-9, atol=1e-12)


def test_labels_that_are_identifiers_are_refused_and_ignored_ones_left_out():
    X, y = blobs()
    with pytest.raises(lk.DomainError, match="an identifier is none"):
        lk.minimise(lk.SoftmaxCrossEntropy(), None, X, y + 10**9)
    known = y != 3
    loss = lk.SoftmaxCrossEntropy(ignore_index=-100)
    found = lk.minimise(loss, lk.L2(0.1), X, np.where(known, y, -100))
    wanted = lk.minimise(loss, lk.L2(0.1), X[known], y[known])
    np.testing.assert_allclose(found.coef, wanted.coef, rtol=1e-6)
