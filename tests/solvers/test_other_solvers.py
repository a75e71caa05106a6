"""Solvers for a kind of loss or to compare with: reweighting, the dual of the hinge, stochastic steps."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.svm import LinearSVC

import losskit as lk
from losskit.errors import CapabilityError, ConvergenceWarning
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
