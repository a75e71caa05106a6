import math

import numpy as np
import pytest
from scipy import sparse

import losskit as lk
from losskit.errors import DataError
from losskit.objectives import design as module
from losskit.objectives.design import Design
from losskit.objectives.linear import Objective, one_thread_each
from losskit.penalties import L2, NoPenalty
from losskit.solvers.working import WorkingGram
from tests.solvers.data import KINKED, NONCONVEX, SMOOTH, problem


def made(loss, penalty, weights=True, intercept=True, **options):
    X, y = problem(loss, **options)
    w = np.random.default_rng(1).uniform(0.5, 2, len(y)) if weights else None
    return Objective(loss, penalty, X, y, w, intercept)


@pytest.mark.parametrize("penalty", [NoPenalty(), L2(0.1)], ids=str)
@pytest.mark.parametrize("loss", SMOOTH + NONCONVEX + KINKED, ids=str)
@pytest.mark.parametrize("intercept", [True, False])
def test_gradient_and_hessian_are_the_values_differences(loss, penalty, intercept):
    objective = made(loss, penalty, intercept=intercept)
    theta = np.random.default_rng(2).standard_normal(objective.design.size) / 10
    point = objective.evaluate(theta, order=2)
    h = 1e-5
    for j, unit in enumerate(np.eye(theta.size) * h):
        up, down = objective.evaluate(theta + unit), objective.evaluate(theta - unit)
        size = np.abs(point.gradient).max()
        assert point.gradient[j] == pytest.approx((up.value - down.value) / (2 * h), rel=1e-3, abs=1e-3 * size)
        if loss in SMOOTH[:1] + SMOOTH[2:4] + SMOOTH[5:6]:
            bend = (up.gradient - down.gradient) / (2 * h)
            np.testing.assert_allclose(point.hessian[j], bend, rtol=1e-4, atol=1e-6 * np.abs(bend).max())


def test_value_is_the_formula_in_the_users_units():
    X, y = problem(lk.Huber())
    w = np.random.default_rng(1).uniform(0, 2, len(y))
    objective = Objective(lk.Huber(), L2(0.5), X, y, w, True)
    theta = objective.design.from_user(np.array([1.0, -2, 0.1, 0.01]), 0.7)
    coef, intercept = objective.design.to_user(theta)
    np.testing.assert_allclose(coef, [1.0, -2, 0.1, 0.01], rtol=1e-12)
    expected = np.average(lk.Huber()(y, X @ coef + intercept, reduction="none"), weights=w) + 0.25 * coef @ coef
    assert objective.evaluate(theta).value == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("offset", [0.0, 3.0, 1e5])
def test_products_are_those_of_the_standardised_matrix(order, dtype, offset):
    rng = np.random.default_rng(0)
    X = np.asarray(rng.standard_normal((5000, 70)) + offset, dtype=dtype, order=order)
    design = Design(X, True)
    mean = np.array([math.fsum(column) for column in X.T]) / len(X)  # X.mean(0) is off by 4e-10 at 1e5
    full = np.column_stack([(X.astype(float) - mean) / X.std(0, dtype=float), np.ones(len(X))])
    theta, v, d = rng.standard_normal(71), rng.standard_normal(5000), rng.standard_normal(5000)
    np.testing.assert_allclose(design.scores(theta), full @ theta, atol=1e-10)
    np.testing.assert_allclose(design.adjoint(v), full.T @ v, atol=1e-9)
    np.testing.assert_allclose(design.gram(np.abs(d)), full.T @ (np.abs(d)[:, None] * full), atol=1e-8)
    np.testing.assert_allclose(design.gram(d), full.T @ (d[:, None] * full), atol=1e-8)
    np.testing.assert_allclose(design.take(np.array([3, 4999])), full[[3, 4999]], atol=1e-9)


def test_the_number_of_threads_changes_no_bit(monkeypatch):
    objective = made(lk.Logistic(), L2(0.1), rows=70_000, columns=16)
    theta = np.linspace(-0.1, 0.1, 17)
    results = []
    for threads in (1, 2):
        monkeypatch.setattr(module, "thread_count", lambda threads=threads: threads)
        with one_thread_each():
            results.append(objective.evaluate(theta, order=2))
    one, two = results
    assert one.value == two.value
    assert np.array_equal(one.gradient, two.gradient)
    assert np.array_equal(one.hessian, two.hessian)


def test_along_a_line_the_stored_scores_give_what_a_pass_gives():
    objective = made(lk.Poisson(), L2(0.1))
    rng = np.random.default_rng(3)
    theta, step = rng.standard_normal((2, 5)) / 10
    value, slope = objective.along(theta, step)(0.3)
    point = objective.evaluate(theta + 0.3 * step)
    assert value == pytest.approx(point.value, rel=1e-12)
    assert slope == pytest.approx(point.gradient @ step, rel=1e-9)


def test_a_constant_column_and_columns_of_any_scale_are_told_apart():
    X = np.column_stack([np.full(10, 3.0), np.arange(10) * 1e-200, np.zeros(10), np.arange(10) + 1e9])
    design = Design(X, True)
    assert np.isfinite(design.scale).all()
    assert np.all(design.scale > 0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_missing_value_is_named(bad):
    X, y = problem(lk.SquaredError())
    X[17, 2] = bad
    with pytest.raises(DataError, match=r"X\[17, 2\]"):
        Objective(lk.SquaredError(), NoPenalty(), X, y, None, True)


def test_a_missing_value_among_many_rows_is_named():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((40_000, 3)), rng.standard_normal(40_000)
    X[31, 1] = np.nan
    with pytest.raises(DataError, match=r"X\[31, 1\]"):
        Objective(lk.SquaredError(), NoPenalty(), X, y, None, True).evaluate(np.ones(4))


@pytest.mark.parametrize("weights", [True, False])
@pytest.mark.parametrize("intercept", [True, False])
def test_a_gram_matrix_that_grows_is_that_of_its_columns(weights, intercept):
    objective = made(lk.SquaredError(), NoPenalty(), weights, intercept, columns=7)
    gram, whole = WorkingGram(objective), objective.hessian_alone()
    gram.grow(np.array([4, 1]))
    found = gram.grow(np.array([1, 0, 5]))
    assert sorted(gram.columns) == [0, 1, 4, 5]
    entries = np.append(gram.columns, 7) if intercept else gram.columns
    np.testing.assert_allclose(found, whole[np.ix_(entries, entries)], atol=1e-13)


def test_rows_of_a_sparse_matrix_are_summed_as_dense_ones_are():
    """With an entry stored in two parts, an empty row and weights of both signs."""
    X = sparse.csr_matrix(
        ([1.0, 2.0, 3.0, 4.0, 5.0, -1.0], [2, 0, 0, 1, 2, 1], [0, 3, 3, 5, 6]), shape=(4, 3), dtype=float
    )  # fmt: skip
    d = np.array([0.5, 2.0, -1.0, 3.0])
    full = (np.column_stack([X.toarray(), np.ones(4)]) - [*Design(X, True).center, 0]) / [*Design(X, True).scale, 1]
    np.testing.assert_allclose(Design(X, True).gram(d), full.T @ (d[:, None] * full), atol=1e-13)
    some = full[:, [2, 0, 3]]
    np.testing.assert_allclose(Design(X, True).part(np.array([2, 0])).gram(d), some.T @ (d[:, None] * some), atol=1e-13)


def test_a_column_that_is_constant_in_the_sample_is_looked_at_in_full():
    X = np.zeros((20_000, 2))
    X[100, 0], X[:, 1] = 1.0, np.arange(20_000)
    design = Design(X, True)
    assert design.scale[0] == pytest.approx(X[:, 0].std(), rel=1e-9)
    assert design.scale[1] == pytest.approx(X[:, 1].std(), rel=0.01)
