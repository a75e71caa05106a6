"""Coordinate descent: the minimum of others and of scikit-learn, models that never rise, columns left out safely."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import ElasticNet, Lasso

import losskit as lk
from losskit.errors import CapabilityError
from losskit.penalties import Pieces
from losskit.solvers import coordinate_descent
from losskit.solvers.composite import Composite
from losskit.solvers.minimise import minimise
from losskit.solvers.quadratic import solve_quadratic

RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 150)) + 0.7 * RNG.standard_normal((60, 1))
SCORE = X[:, :5] @ [2.0, -1.0, 1.0, -2.0, 1.0] / 2
Y = {"real": SCORE + 0.3 * RNG.standard_normal(60), "label": (SCORE + 0.3 * RNG.logistic(size=60) > 0).astype(float)}
W = RNG.uniform(0.5, 2.0, 60)
PROBLEMS = [
    (0.5 * lk.SquaredError(), lk.L1(0.05), "real"), (lk.Logistic(), lk.L1(0.02), "label"),
    (0.5 * lk.SquaredError(), lk.ElasticNet(0.1, 0.5), "real"), (lk.Logistic(), lk.ElasticNet(0.05, 0.5), "label"),
]  # fmt: skip


@pytest.mark.parametrize(("loss", "penalty", "kind"), PROBLEMS, ids=repr)
def test_it_ends_where_proximal_newton_does(loss, penalty, kind):
    for data, w in ((X, None), (sparse.csr_matrix(X), W)):
        best = minimise(loss, penalty, data, Y[kind], w)
        found = minimise(loss, penalty, data, Y[kind], w, solver="coordinate_descent")
        assert (found.reason, found.certificate_kind) == ("tol", "gap")
        assert found.value == pytest.approx(best.value, rel=1e-10)
        assert np.array_equal(found.coef != 0, best.coef != 0)
        assert np.all(np.diff(found.curve) <= 1e-14 * found.curve[0])
        assert minimise(loss, penalty, data, Y[kind], w, solver="coordinate_descent", start=found).iterations <= 1


def test_it_meets_scikit_learn():
    for penalty, peer in ((lk.L1(0.05), Lasso(0.05)), (lk.ElasticNet(0.1, 0.5), ElasticNet(0.1, l1_ratio=0.5))):
        peer.set_params(tol=1e-14, max_iter=10**6).fit(X, Y["real"])
        found = minimise(0.5 * lk.SquaredError(), penalty, X, Y["real"], solver="coordinate_descent")
        np.testing.assert_allclose(found.coef, peer.coef_, atol=1e-6)


@pytest.mark.parametrize(("loss", "penalty", "kind"), PROBLEMS, ids=repr)
@pytest.mark.parametrize("intercept", [True, False])
def test_columns_left_out_are_zero_at_the_minimum_and_nearly_all_of_these_are_told(loss, penalty, kind, intercept):
    problem = Composite(loss, penalty, X, Y[kind], W, intercept)
    found = minimise(loss, penalty, X, Y[kind], W, intercept, tol=1e-12)
    best = problem.from_user(found.coef, found.intercept)
    zero, told = best[:150] == 0, []
    for far in (1.0, 0.3, 1e-1, 1e-2, 1e-3, 1e-4, 0.0):
        out = problem.safely_zero(problem.smooth.evaluate(best + far * (problem.null - best)))
        assert not (out & ~zero).any()
        told.append(int(out.sum()))
    assert told[-1] >= 0.95 * zero.sum()
    assert 0 < told[4] < told[-1]


def test_columns_are_told_of_no_loss_without_a_bound():
    y = RNG.poisson(np.exp(SCORE)).astype(float)
    problem = Composite(lk.Poisson(), lk.L1(0.05), X, y, None, True)
    assert not problem.safely_zero(problem.smooth.evaluate(problem.null)).any()
    found = minimise(lk.Poisson(), lk.L1(0.05), X, y, solver="coordinate_descent")
    assert found.value == pytest.approx(minimise(lk.Poisson(), lk.L1(0.05), X, y).value, rel=1e-10)


def test_extrapolated_models_never_rise_and_need_fewer_passes(monkeypatch):
    A = RNG.standard_normal((60, 40)) + RNG.standard_normal((60, 1))
    H, c = A.T @ A / 60, -A.T @ RNG.standard_normal(60) / 60
    pieces = Pieces(np.full(40, 1e-3), np.zeros(40), np.full(40, -np.inf), np.full(40, np.inf))

    def after(passes, together=5):
        monkeypatch.setattr(coordinate_descent, "_MOST", passes)
        monkeypatch.setattr(coordinate_descent, "_TOGETHER", together)
        x, q, left = coordinate_descent.descended(H, c, np.zeros(40), pieces, 1e-14)
        np.testing.assert_allclose(q, H @ x + c, atol=1e-12)
        return x @ (q + c) / 2 + 1e-3 * np.abs(x).sum(), left

    values = [after(passes)[0] for passes in range(1, 80, 3)]
    assert np.all(np.diff(values) <= 1e-15)
    exact = solve_quadratic(H, c, np.zeros(40), pieces, 1e-15)[0]
    assert after(2000)[0] == pytest.approx(exact @ (H @ exact + 2 * c) / 2 + 1e-3 * np.abs(exact).sum(), rel=1e-12)
    assert after(300)[1] < 1e-3 * after(300, together=10**6)[1]


def test_what_does_not_fit_is_told():
    labels = np.digitize(SCORE, [-0.5, 0.5])
    with pytest.raises(CapabilityError, match="proximal_newton"):
        minimise(lk.SoftmaxCrossEntropy(), lk.L1(0.1), X, labels, solver="coordinate_descent")
    with pytest.raises(CapabilityError, match="proximal_gradient"):
        minimise(lk.SquaredError(), lk.GroupLasso((0,) * 150, 0.1), X, Y["real"], solver="coordinate_descent")
