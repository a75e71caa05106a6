"""Smoothing against the linear program solved by HiGHS, and its certificate against the truth."""

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.sparse import csc_matrix, eye, hstack

import losskit as lk
from losskit.objectives.linear import Objective
from losskit.penalties import L2, NoPenalty
from losskit.solvers import smoothing
from losskit.solvers.duality import relative_gap
from losskit.solvers.minimise import minimise
from tests.solvers.data import KINKED, problem


def by_highs(X, y, low, high, w, intercept):
    """The least sum(w max(low r, high r)) / sum(w) over linear models, r = f - y."""
    rows = len(y)
    A = np.column_stack([X, np.ones(rows)]) if intercept else X
    cost = np.concatenate([np.zeros(A.shape[1]), w * high / w.sum(), -w * low / w.sum()])
    equal = hstack([csc_matrix(A), -eye(rows), eye(rows)])  # f - above + below = y
    bounds = [(None, None)] * A.shape[1] + [(0, None)] * (2 * rows)
    return linprog(cost, A_eq=equal, b_eq=y, bounds=bounds, method="highs").fun


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("loss", KINKED, ids=str)
@pytest.mark.parametrize("shape", [(200, 4), (60, 30), (3000, 3)], ids=str)
def test_unpenalised_optimum_is_that_of_the_linear_program(loss, shape, weighted, intercept):
    X, y = problem(loss, *shape)
    w = np.random.default_rng(1).integers(1, 4, len(y)).astype(float) if weighted else None
    found = minimise(loss, None, X, y, w, fit_intercept=intercept)
    slopes = Objective(loss, NoPenalty(), X, y, None, intercept).slopes
    best = by_highs(X, y, slopes.low, slopes.high, np.ones(len(y)) if w is None else w, intercept)
    assert found.certificate_kind == "gap"
    assert found.reason == "tol"
    assert found.value == pytest.approx(best, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("steps", [2, 5])
@pytest.mark.parametrize("loss", KINKED, ids=str)
def test_a_smoothed_problem_may_take_more_steps_than_a_round(loss, steps, monkeypatch):
    X, y = problem(loss, 60, 20)
    best = minimise(loss, None, X, y)
    monkeypatch.setattr(smoothing, "_ROUND", steps)
    found = minimise(loss, None, X, y)
    assert found.reason == "tol"
    assert found.value == pytest.approx(best.value, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("levels", [2, 3])
def test_ties_and_integer_data_end_at_the_same_optimum(levels):
    rng = np.random.default_rng(0)
    X = rng.integers(0, levels, (300, 3)).astype(float)
    y = np.round(X @ [1.0, 2, -1] + rng.standard_normal(300))
    for level in (0.5, 0.25, 0.9):
        found = minimise(lk.Quantile(level), None, X, y)
        best = by_highs(X, y, np.full(300, -level), np.full(300, 1 - level), np.ones(300), True)
        assert found.value == pytest.approx(best, rel=1e-9)


@pytest.mark.parametrize("penalty", [None, L2(1e-4), L2(0.1)], ids=str)
@pytest.mark.parametrize("loss", KINKED, ids=str)
def test_the_gap_bounds_the_suboptimality_of_every_point_on_the_way(loss, penalty):
    X, y = problem(loss)
    values = []
    best = minimise(loss, penalty, X, y, tol=1e-12).value
    for tol in (0.3, 1e-1, 1e-2, 1e-4, 1e-8):
        found = minimise(loss, penalty, X, y, tol=tol)
        values.append(found.value)
        assert found.certificate <= tol
        assert found.value - best <= found.certificate * found.value + 1e-14
    assert values[-1] <= values[0]


@pytest.mark.parametrize("penalty", [NoPenalty(), L2(0.1)], ids=str)
@pytest.mark.parametrize("loss", KINKED, ids=str)
def test_no_dual_candidate_however_bad_claims_more_than_the_truth(loss, penalty):
    X, y = problem(loss)
    best = minimise(loss, penalty, X, y, tol=1e-12).value
    objective = Objective(loss, penalty, X, y, None, True)
    slopes, rng = objective.slopes, np.random.default_rng(0)
    for _ in range(50):
        theta = objective.null + rng.standard_normal(objective.design.size)
        value = objective.evaluate(theta).value
        gap = relative_gap(objective, theta, 3 * rng.standard_normal(len(y)), slopes)
        assert value - best <= gap * value * (1 + 1e-9)


def test_penalised_hinge_agrees_with_scikit_learns_support_vectors():
    from sklearn.svm import LinearSVC

    X, y = problem(lk.Hinge())
    X = (X - X.mean(0)) / X.std(0)
    alpha = 0.05
    found = minimise(lk.Hinge(), L2(alpha), X, y, fit_intercept=False)
    theirs = LinearSVC(C=1 / (alpha * len(y)), loss="hinge", fit_intercept=False, tol=1e-10, max_iter=200_000).fit(X, y)
    np.testing.assert_allclose(found.coef, theirs.coef_[0], atol=1e-5)


def test_a_perfect_median_fit_has_value_zero_and_a_certificate():
    X = np.arange(20.0)[:, None]
    found = minimise(lk.AbsoluteError(), None, X, 3 * X[:, 0] - 1)
    assert found.value < 1e-12
    assert found.coef[0] == pytest.approx(3)
    assert found.reason == "tol"


def test_collinear_columns_share_their_effect():
    X, y = problem(lk.AbsoluteError())
    one = minimise(lk.AbsoluteError(), None, X[:, :2], y)
    two = minimise(lk.AbsoluteError(), None, X[:, [0, 1, 1]], y)
    assert two.value == pytest.approx(one.value, rel=1e-9)
    assert two.coef[1] == pytest.approx(two.coef[2], rel=1e-4)


def test_a_loss_of_two_straight_pieces_is_known_by_trying():
    X, y = problem(lk.Huber())
    for loss in (lk.Huber(), lk.SquaredError(), lk.LogCosh()):
        assert Objective(loss, NoPenalty(), X, y, None, True).slopes is None
    slopes = Objective(lk.Quantile(0.9), NoPenalty(), X, y, None, True).slopes
    np.testing.assert_allclose([slopes.low[0], slopes.high[0]], [-0.9, 0.1])


@pytest.mark.parametrize(("loss", "penalty"), [(lk.Quantile(0.3), NoPenalty()), (lk.Hinge(), L2(0.01))], ids=repr)
def test_the_loop_for_few_rows_goes_the_way_that_many_rows_go(loss, penalty, monkeypatch):
    X, y = problem(loss, 400, 7)
    w = np.random.default_rng(1).uniform(0.5, 2, 400)
    for columns in (X, np.column_stack([X, X[:, 0]])):  # collinear: every Hessian is singular
        looped = minimise(loss, penalty, columns, y, w, tol=1e-10)
        with monkeypatch.context() as patch:
            patch.setattr("losskit.solvers.smoothing._SMALL", 0)
            plain = minimise(loss, penalty, columns, y, w, tol=1e-10)
        assert looped.certificate <= 1e-10
        assert looped.value == pytest.approx(plain.value, rel=2e-10)


@pytest.mark.parametrize("epsilon", [0.1, 1.0])
def test_a_flat_piece_is_fitted_exactly_as_a_linear_program(epsilon):
    rng = np.random.default_rng(0)
    X, n = rng.normal(size=(150, 3)), 150
    y = X @ [1.0, -2.0, 0.5] + 2 + rng.standard_t(3, size=n)
    found = lk.minimise(lk.EpsilonInsensitive(epsilon), None, X, y)
    A = np.hstack([X, np.ones((n, 1))])
    beyond = linprog(
        np.append(np.zeros(4), np.full(n, 1 / n)), np.block([[A, -np.eye(n)], [-A, -np.eye(n)]]),
        np.append(y + epsilon, epsilon - y), bounds=[(None, None)] * 4 + [(0, None)] * n,
    )  # fmt: skip
    assert (found.solver, found.certificate < 1e-9) == ("smoothing", True)
    assert found.value == pytest.approx(beyond.fun, rel=1e-9)
    for penalty in (lk.L2(0.1), lk.L2(1e-3)):
        assert lk.minimise(2 * lk.EpsilonInsensitive(epsilon), penalty, X, y).certificate < 1e-9
