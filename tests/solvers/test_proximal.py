"""Penalties with kinks: optima against scikit-learn and by their own conditions, certificates against the truth."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import ElasticNet, Lasso, LogisticRegression

import losskit as lk
from losskit.errors import CapabilityError, ConvergenceWarning, DataError, ShapeError
from losskit.solvers.composite import scores_of_slopes
from losskit.solvers.minimise import minimise
from tests.solvers.data import SMOOTH, problem

PENALTIES = [lk.L1(0.05), lk.ElasticNet(0.1, 0.5), lk.Box(-0.3, 0.2), lk.MCP(0.05), lk.L1(0.05, (0.0, 1, 2, 1))]
JOINT = [lk.GroupLasso((0, 0, 1, 1), 0.05), lk.SparseGroupLasso((0, 1, 1, -1), 0.1), lk.SLOPE(0.05),
         lk.TotalVariation(0.05), lk.NuclearNorm(2, 0.05)]  # fmt: skip


def standard(loss, rows=200, columns=4, seed=0):
    X, y = problem(loss, rows, columns, seed)
    return (X - X.mean(0)) / X.std(0), y


def objective(loss, penalty, X, y, coef, intercept=0.0, w=None):
    """Written apart from ours: rows one by one, their mean, and the penalty."""
    return np.average(loss(y, X @ coef + intercept, reduction="none"), weights=w) + penalty.value(coef)


@pytest.mark.parametrize("penalty", PENALTIES + JOINT, ids=repr)
@pytest.mark.parametrize("loss", [SMOOTH[0], SMOOTH[1], SMOOTH[5], SMOOTH[7]], ids=repr)
def test_the_solution_is_a_fixed_point_of_the_proximal_step(loss, penalty):
    X, y = standard(loss)
    w = np.random.default_rng(0).uniform(0.5, 2, len(y))
    tol = 1e-13 if penalty in PENALTIES[:3] else 1e-8  # a gap is the square of a slope
    found = minimise(loss, penalty, X, y, w, tol=tol)
    g = loss.gradient(y, X @ found.coef + found.intercept, w)
    np.testing.assert_allclose(penalty.prox(found.coef - 0.3 * (X.T @ g), 0.3), found.coef, atol=3e-7)
    assert abs(g.sum()) < 3e-8
    assert found.value == pytest.approx(objective(loss, penalty, X, y, found.coef, found.intercept, w), rel=1e-12)
    assert found.solver == ("proximal_newton" if penalty.separable else "proximal_gradient")
    assert found.certificate <= tol


@pytest.mark.parametrize("penalty", [lk.L1(0.05), lk.ElasticNet(0.1, 0.2), lk.Box(-0.1, 0.2)], ids=repr)
@pytest.mark.parametrize("loss", [SMOOTH[0], SMOOTH[1], SMOOTH[5], SMOOTH[7]], ids=repr)
def test_the_gap_bounds_the_suboptimality_of_every_point_on_the_way(loss, penalty):
    X, y = standard(loss)
    best = minimise(loss, penalty, X, y, tol=1e-12)
    assert best.certificate_kind == "gap"
    for solver in ("proximal_newton", "proximal_gradient"):
        for tol in (1e-1, 1e-3, 1e-6):
            found = minimise(loss, penalty, X, y, solver=solver, tol=tol)
            assert found.certificate <= tol
            assert found.value - best.value <= found.certificate * found.value * (1 + 1e-9) + 1e-14
            assert found.value >= best.value * (1 - 1e-12)


def test_lasso_and_elastic_net_are_scikit_learns():
    X, y = load_diabetes(return_X_y=True)
    for ratio, alpha in ((1.0, 0.1), (0.5, 0.01), (1.0, 1e-4)):
        peer = (Lasso(alpha, tol=1e-14, max_iter=10**6) if ratio == 1
                else ElasticNet(alpha, l1_ratio=ratio, tol=1e-14, max_iter=10**6)).fit(X, y)  # fmt: skip
        penalty = lk.ElasticNet(2 * alpha, ratio)
        found = minimise(lk.SquaredError(), penalty, X, y)
        theirs = objective(lk.SquaredError(), penalty, X, y, peer.coef_, peer.intercept_)
        assert found.value == pytest.approx(theirs, rel=1e-8)
        assert found.value <= theirs * (1 + 1e-12)
        np.testing.assert_allclose(found.coef, peer.coef_, atol=1e-4 * np.abs(peer.coef_).max())


def test_l1_logistic_is_scikit_learns():
    X, y = load_breast_cancer(return_X_y=True)
    X = (X - X.mean(0)) / X.std(0)
    penalty = lk.L1(0.01)
    options = {"l1_ratio": 1.0, "C": 1 / (0.01 * len(y)), "solver": "saga", "tol": 1e-9, "max_iter": 20_000}
    peer = LogisticRegression(**options).fit(X, y)
    found = minimise(lk.Logistic(), penalty, X, y.astype(float))
    theirs = objective(lk.Logistic(), penalty, X, y, peer.coef_[0], peer.intercept_[0])
    assert found.value == pytest.approx(theirs, rel=1e-8)
    assert found.value <= theirs * (1 + 1e-12)
    assert np.array_equal(found.coef != 0, peer.coef_[0] != 0)


@pytest.mark.parametrize("loss", [SMOOTH[0], SMOOTH[5]], ids=repr)
def test_more_columns_than_rows_and_sparse_columns_lead_to_one_answer(loss):
    rng = np.random.default_rng(1)
    X = sparse.random(120, 700, 0.05, random_state=1, format="csc")
    score = X @ (rng.normal(size=700) * (rng.random(700) < 0.05)) * 3
    y = score + rng.normal(size=120) if loss is SMOOTH[0] else (score + rng.logistic(size=120) > 0).astype(float)
    penalty = lk.L1(0.3 * lk.L1().alpha_max(X.T @ loss.gradient(y, np.full(120, loss.constant(y)))))
    few, dense = minimise(loss, penalty, X, y), minimise(loss, penalty, X.toarray(), y)
    assert few.value == pytest.approx(dense.value, rel=1e-11)
    assert few.certificate_kind == dense.certificate_kind == "gap"
    assert 0 < np.count_nonzero(dense.coef) < 120
    np.testing.assert_allclose(few.coef, dense.coef, atol=1e-6)


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
def test_sparse_columns_and_a_smooth_penalty(solver):
    X = sparse.random(300, 20, 0.2, random_state=1, format="csr")
    y = (X @ np.linspace(-2, 2, 20) > 0.1).astype(float)
    w = np.linspace(0, 2, 300)
    few = minimise(lk.Logistic(), lk.L2(0.01), X, y, w, solver=solver)
    dense = minimise(lk.Logistic(), lk.L2(0.01), X.toarray(), y, w)
    np.testing.assert_allclose(few.coef, dense.coef, rtol=1e-6, atol=1e-8)


def test_no_coefficient_from_alpha_max_on():
    X, y = standard(lk.Logistic())
    gradient = X.T @ lk.Logistic().gradient(y, np.full(len(y), lk.Logistic().constant(y)))
    for penalty in (lk.L1(), lk.ElasticNet(1, 0.3), lk.GroupLasso((0, 0, 1, 1)), lk.SLOPE()):
        most = penalty.alpha_max(gradient)
        assert not minimise(lk.Logistic(), penalty.with_alpha(1.001 * most), X, y, tol=1e-7).coef.any()
        assert minimise(lk.Logistic(), penalty.with_alpha(0.99 * most), X, y, tol=1e-7).coef.any()


def test_classes_with_a_lasso_or_of_low_rank():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 5))
    y = np.argmax(X @ np.outer([1, -1, 0, 0, 0], [1, 0, -1]) + rng.gumbel(size=(300, 3)), axis=1)
    loss = lk.SoftmaxCrossEntropy()
    for penalty in (lk.L1(0.03), lk.GroupLasso((0, 1, 2, 3, 4), 0.1), lk.NuclearNorm(3, 0.08)):
        found = minimise(loss, penalty, X, y.astype(float), tol=1e-8)
        g = loss.gradient(y, X @ found.coef.T + found.intercept).T @ X
        again = penalty.prox((found.coef - 0.3 * g).ravel(), 0.3)
        np.testing.assert_allclose(again, found.coef.ravel(), atol=1e-6)
    assert np.linalg.matrix_rank(found.coef, tol=1e-6) == 1


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_units_of_columns_and_weights_of_any_size_are_taken(scale):
    X, y = standard(lk.SquaredError())
    unit = np.array([scale, 1.0, 1 / scale, 1.0])
    plain = minimise(lk.SquaredError(), lk.L1(0.1), X, y)
    scaled = minimise(lk.SquaredError(), lk.L1(0.1, tuple(unit)), X * unit, y, np.full(len(y), 1e300))
    np.testing.assert_allclose(scaled.coef * unit, plain.coef, rtol=1e-7)
    assert scaled.value == pytest.approx(plain.value, rel=1e-10)


def test_constant_zero_and_collinear_columns():
    X, y = standard(lk.Logistic())
    wide = np.column_stack([X, np.full(len(y), 3.0), np.zeros(len(y)), X[:, 0], X[:, 1] + X[:, 2]])
    plain = minimise(lk.Logistic(), lk.L1(0.02), X, y)
    found = minimise(lk.Logistic(), lk.L1(0.02), wide, y)
    assert found.reason == "tol"
    assert found.value <= plain.value * (1 + 1e-12)
    assert found.coef[4] == found.coef[5] == 0.0


def test_one_row_that_outweighs_all():
    X, y = standard(lk.SquaredError())
    w = np.ones(len(y))
    w[3] = 1e300
    found = minimise(lk.SquaredError(), lk.L1(0.01), X, y, w)
    assert X[3] @ found.coef + found.intercept == pytest.approx(y[3], abs=1e-6)


def test_a_warm_start_takes_no_iteration():
    X, y = standard(lk.Poisson())
    found = minimise(lk.Poisson(), lk.L1(0.02), X, y)
    assert minimise(lk.Poisson(), lk.L1(0.02), X, y, start=found, tol=1e-9).iterations == 0


def test_too_few_iterations_are_told():
    X, y = standard(lk.Logistic())
    with pytest.warns(ConvergenceWarning, match="proximal_gradient stopped .* raise max_iter"):
        minimise(lk.Logistic(), lk.L1(0.01), X, y, solver="proximal_gradient", max_iter=1, tol=1e-12)


def test_scores_are_found_for_slopes_shrunk_a_little():
    y, f = np.array([0.0, 0, 1, 1]), np.array([-30.0, 2.0, 0.5, 40.0])
    for loss in (lk.Logistic(), lk.Huber(0.3), lk.SquaredError()):
        target = 0.9 * loss.gradient(y, f, reduction="sum")
        slopes, at = scores_of_slopes(loss, y, f, target)
        np.testing.assert_allclose(slopes, target, rtol=1e-9, atol=1e-16)
        np.testing.assert_allclose(loss.gradient(y, at, reduction="sum"), slopes, rtol=1e-15)


@pytest.mark.parametrize(("loss", "penalty", "options", "error", "says"), [
    (lk.Hinge(), lk.GroupLasso((0, 0, 1, 1)), {}, CapabilityError, "SquaredHinge"),
    (lk.SquaredError(), lk.L1(), {"solver": "newton"}, CapabilityError, "proximal_newton"),
    (lk.SquaredError(), lk.SLOPE(), {"solver": "lbfgs"}, CapabilityError, "proximal_gradient"),
    (lk.SquaredError(), lk.SLOPE(), {"solver": "proximal_newton"}, CapabilityError, "proximal_gradient"),
    (lk.JointScale(), lk.L1(), {}, CapabilityError, "L2"),
    (lk.SquaredError(), lk.L1(1, (1.0, 2.0)), {}, ShapeError, "4 columns"),
    (lk.SquaredError(), lk.GroupLasso((0, 1)), {}, ShapeError, "4 columns"),
])  # fmt: skip
def test_a_pair_that_does_not_fit_is_refused_with_what_would(loss, penalty, options, error, says):
    X, y = problem(loss if not isinstance(loss, lk.JointScale) else lk.SquaredError())
    with pytest.raises(error, match=says):
        minimise(loss, penalty, X, y, **options)


def test_a_missing_value_is_named_dense_and_sparse():
    X, y = standard(lk.SquaredError())
    X[17, 2] = np.nan
    with pytest.raises(DataError, match=r"X\[17, 2\]"):
        minimise(lk.SquaredError(), lk.L1(), X, y)
    with pytest.raises(DataError, match="1 of 800 stored"):
        minimise(lk.SquaredError(), lk.L1(), sparse.csr_array(X), y)


def test_a_gram_matrix_beyond_memory_is_refused_before_it_is_made(monkeypatch):
    from losskit.data import memory

    monkeypatch.setattr(memory, "free_bytes", lambda: 1e6)
    X, y = np.ones((5, 1200)), np.arange(5.0)
    with pytest.raises(DataError, match="1201 columns would take"):
        minimise(lk.SquaredError(), None, X, y, solver="newton")
