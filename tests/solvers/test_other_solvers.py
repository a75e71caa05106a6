"""Solvers for a kind of loss or to compare with: reweighting, the dual of the hinge, stochastic steps."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

import losskit as lk
from losskit.data.coded import Coded
from losskit.errors import CapabilityError, ConvergenceWarning
from losskit.objectives.linear import Objective
from losskit.solvers.minimise import minimise
from tests.solvers.data import problem


@pytest.mark.parametrize("loss", [lk.Tukey(c=4.685), lk.Huber(1.0), lk.PseudoHuber(0.5)], ids=repr)
def test_reweighting_ends_where_newton_does_and_never_goes_up(loss):
    X, y = problem(loss)
    w = np.random.default_rng(0).uniform(0, 2, len(y))
    found = minimise(loss, lk.L2(1e-3), X, y, w, solver="irls")
    best = minimise(loss, lk.L2(1e-3), X, y, w, solver="newton")
    assert found.reason == "tol"
    assert found.value == pytest.approx(best.value, rel=1e-9)
    assert np.all(np.diff(found.curve) <= 1e-13)


@pytest.mark.parametrize("loss", [lk.Hinge(), lk.SquaredHinge()], ids=repr)
def test_the_dual_of_the_hinge_is_solved_to_a_true_gap(loss):
    X, y = problem(loss)
    X, alpha = (X - X.mean(0)) / X.std(0), 0.05
    name = "hinge" if isinstance(loss, lk.Hinge) else "squared_hinge"
    peer = LinearSVC(C=1 / (alpha * len(y)), loss=name, fit_intercept=False, tol=1e-10, max_iter=10**6).fit(X, y)
    theirs = np.mean(loss(y, X @ peer.coef_[0], reduction="none")) + alpha / 2 * float((peer.coef_**2).sum())
    for data in (X, sparse.csr_array(X)):
        found = minimise(loss, lk.L2(alpha), data, y, fit_intercept=False, solver="dual_descent", tol=1e-8)
        assert found.certificate_kind == "gap"
        assert found.certificate <= 1e-8
        assert found.value == pytest.approx(theirs, rel=2e-8)
    w = np.random.default_rng(0).uniform(0.5, 2, len(y))
    weighted = minimise(loss, lk.L2(alpha), X, y, w, fit_intercept=False, solver="dual_descent", tol=1e-8)
    assert weighted.value == pytest.approx(minimise(loss, lk.L2(alpha), X, y, w, fit_intercept=False).value, rel=2e-8)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("loss", [lk.Logistic(), lk.Huber(1.0), lk.AbsoluteError()], ids=repr)
def test_stochastic_steps_come_near_and_say_that_they_are_not_there(solver, loss):
    X, y = problem(loss, rows=1000)
    best = minimise(loss, lk.L2(1e-3), X, y)
    with pytest.warns(ConvergenceWarning, match='solver="auto"'):
        found = minimise(loss, lk.L2(1e-3), X, y, solver=solver, max_iter=30)
    assert best.value <= found.value < best.value + 0.05 * (found.curve[0] - best.value)
    with pytest.warns(ConvergenceWarning):
        assert minimise(loss, lk.L2(1e-3), X, y, solver=solver, max_iter=30).value == found.value


@pytest.mark.parametrize(("loss", "penalty", "options", "says"), [
    (lk.Logistic(), None, {"solver": "irls"}, "residual"),
    (lk.AbsoluteError(), None, {"solver": "irls"}, "kinks"),
    (lk.AbsoluteError(), None, {"solver": "momentum"}, "smoothing"),
    (lk.Hinge(), lk.L2(1), {"solver": "dual_descent"}, "fit_intercept=False"),
    (lk.Hinge(), None, {"solver": "dual_descent", "fit_intercept": False}, "L2"),
    (lk.Logistic(), lk.L2(1), {"solver": "dual_descent", "fit_intercept": False}, "Hinge"),
    (lk.SquaredError(), lk.L1(1), {"solver": "sgd"}, "proximal_newton"),
])  # fmt: skip
def test_a_solver_that_does_not_fit_says_why(loss, penalty, options, says):
    X, y = problem(loss)
    with pytest.raises(CapabilityError, match=says):
        minimise(loss, penalty, X, y, **options)


@pytest.mark.parametrize("loss", [lk.Logistic(), lk.Huber(1.0), lk.Poisson(), lk.Tukey(c=4.685)], ids=repr)
def test_conjugate_gradients_end_where_the_hessian_itself_does(loss):
    X, y = problem(loss)
    w = np.random.default_rng(0).uniform(0, 2, len(y))
    best = minimise(loss, lk.L2(1e-3), X, y, w, solver="newton")
    found = minimise(loss, lk.L2(1e-3), X, y, w, solver="newton_cg")
    assert (found.reason, found.certificate_kind) == ("tol", "kkt")
    assert found.value == pytest.approx(best.value, rel=1e-12)
    assert minimise(loss, lk.L2(1e-3), X, y, w, solver="newton_cg", start=found).iterations == 0


def test_products_and_diagonal_are_those_of_the_hessian():
    rng = np.random.default_rng(0)
    dense = rng.standard_normal((60, 5)) * (rng.random((60, 5)) < 0.5) * [1, 10, 1, 1, 0.1] + [0, 0, 0, 0.5, 0]
    y, w, theta = (rng.random(60) < 0.5).astype(float), rng.uniform(0.5, 2, 60), rng.standard_normal(6)
    at = np.r_[0, 1, 3, 4]  # with categories in place of the third column
    table = Coded(dense[:, at], np.array([np.where(dense[:, 2] > 0, 0, 1)], np.int32), np.r_[at, 2])
    for X in (dense, np.asfortranarray(dense, np.float32), sparse.csr_matrix(dense), table):
        objective = Objective(lk.Logistic(), lk.L2(0.1), X, y, w, True)
        point = objective.evaluate(theta, order=2)
        hessian, curvature = point.hessian, objective.curvature_at(point)
        np.testing.assert_allclose(np.array([curvature.times(v) for v in np.eye(6)]), hessian, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(curvature.diagonal(), hessian.diagonal(), rtol=1e-10)


def test_a_sparse_x_wider_than_long_is_fitted_by_conjugate_gradients_and_meets_scikit_learn():
    rng = np.random.default_rng(0)
    X = sparse.random(150, 1200, 0.02, "csr", rng=rng)
    y = (X @ rng.standard_normal(1200) + 0.3 * rng.logistic(size=150) > 0).astype(float)
    found = minimise(lk.Logistic(), lk.L2(1e-3), X, y, tol=1e-9)
    assert (found.solver, found.reason) == ("newton_cg", "tol")
    peer = LogisticRegression(C=1 / (1e-3 * 150), solver="newton-cg", tol=1e-9, max_iter=1000).fit(X, y)
    np.testing.assert_allclose(found.coef, peer.coef_[0], atol=1e-6 * np.abs(found.coef).max())
    theirs = lk.Logistic()(y, X @ peer.coef_[0] + peer.intercept_[0]) + 0.5e-3 * float((peer.coef_**2).sum())
    assert found.value <= theirs * (1 + 1e-12)
    assert minimise(lk.Logistic(), lk.L2(1e-3), X.toarray(), y).solver == "lbfgs"
