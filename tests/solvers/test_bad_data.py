"""Data as they come: a right answer, or a clear error; never a silent non-solution."""

import numpy as np
import pytest
from scipy.sparse import csr_array

import losskit as lk
from losskit.errors import ConvergenceWarning, DataError, DomainError, ParameterError, ShapeError
from losskit.solvers.minimise import minimise
from tests.solvers.data import problem

LOSSES = [lk.SquaredError(), lk.Huber(1.0), lk.Logistic(), lk.Poisson(), lk.AbsoluteError()]
MORE = {
    "collinear": lambda X: np.column_stack([X, X[:, 0] - 2 * X[:, 1]]),
    "constant": lambda X: np.column_stack([X, np.full(len(X), 7.0)]),
    "almost constant": lambda X: np.column_stack([X, 7.0 + 1e-15 * np.sign(X[:, 0])]),
    "all zero": lambda X: np.column_stack([X, np.zeros(len(X))]),
    "scales": lambda X: X * [1e-12, 1.0, 1e12, 1e6],
    "far": lambda X: X + np.array([1e6, 0.0, -1e4, 3.0]),
}


def centred(loss):
    X, y = problem(loss)
    return (X - X.mean(axis=0)) / X.std(axis=0), y


@pytest.mark.parametrize("loss", LOSSES, ids=str)
@pytest.mark.parametrize("change", MORE)
def test_columns_that_add_nothing_change_nothing(loss, change):
    X, y = centred(loss)
    plain, found = minimise(loss, None, X, y), minimise(loss, None, MORE[change](X), y)
    assert found.reason == "tol"
    assert found.value == pytest.approx(plain.value, rel=1e-9)
    f = MORE[change](X) @ found.coef + found.intercept
    assert loss(y, f) == pytest.approx(plain.value, rel=1e-7)  # in the user's units, with their rounding


@pytest.mark.parametrize("loss", [lk.SquaredError(), lk.Logistic(), lk.AbsoluteError()], ids=str)
def test_columns_that_add_nothing_to_a_sparse_table_change_nothing(loss):
    X, y = centred(loss)
    wide = csr_array(np.column_stack([X, np.full(len(X), 7.0), np.zeros(len(X)), X[:, 0] - 2 * X[:, 1]]))
    plain, found = minimise(loss, None, X, y), minimise(loss, None, wide, y)
    assert found.reason == "tol"
    assert found.value == pytest.approx(plain.value, rel=1e-9)
    assert np.abs(found.coef).max() < 10


@pytest.mark.parametrize("more", [lambda X: X, lambda X: np.full((len(X), 1), 7.0)], ids=["doubled", "constant"])
def test_a_hinge_loss_of_columns_too_many_is_certified(more):
    X, y = centred(lk.Logistic())
    plain = minimise(lk.Hinge(), None, X, 2 * y - 1)
    found = minimise(lk.Hinge(), None, np.column_stack([X, more(X)]), 2 * y - 1)
    assert found.value == pytest.approx(plain.value, rel=1e-12)
    assert found.certificate <= 1e-10


@pytest.mark.parametrize(("loss", "penalty", "wide"), [
    (lk.Logistic(), None, True), (lk.SoftmaxCrossEntropy(), None, True), (lk.Poisson(), None, True),
    (lk.Logistic(), lk.L1(0.1, weights=(0.0, 1.0, 1.0, 1.0)), False), (lk.Logistic(), lk.Positive(), False),
], ids=str)  # fmt: skip
def test_a_minimum_at_infinity_is_said(loss, penalty, wide):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 60 if wide else 4))
    y = (X[:, 0] > 0).astype(float)
    with pytest.warns(ConvergenceWarning, match="grow without bound"):
        minimise(loss, penalty, X, y)
    minimise(loss, lk.L1(0.1), X, y)


@pytest.mark.parametrize("penalty", [None, lk.L1(0.01)], ids=str)
def test_a_loss_that_is_flat_at_all_rows_is_no_fit(penalty):
    X, y = centred(lk.Tukey(4.685))
    with pytest.warns(ConvergenceWarning, match="hardly a fit"):
        minimise(lk.Tukey(4.685), penalty, X, 1e8 * y)
    assert minimise(lk.Tukey("auto"), penalty, X, 1e8 * y).reason == "tol"


def test_a_scale_that_is_rounding_is_none():
    rng = np.random.default_rng(0)
    with pytest.raises(ParameterError, match=r"scale \(MAD\) is 0"):
        minimise(lk.Huber("auto"), None, rng.standard_normal((20, 40)), rng.standard_normal(20))


def test_a_path_of_ridges_takes_columns_of_any_scale():
    X, y = centred(lk.Logistic())
    model = lk.LinearClassifierCV(alphas=4, cv=2).fit(X * [1e-12, 1.0, 1e12, 1e6], y)
    assert model.solution_.certificate <= 1e-8
    assert model.cv_losses_.mean(axis=1).min() < 0.69


RESIDUAL = [lk.SquaredError(), lk.Huber(1.0), lk.Huber("auto"), lk.AbsoluteError(), lk.Tukey(4.685), lk.Expectile(0.8)]


def pairs(losses, *penalties):
    """Each loss with each penalty, but for kinks in both, which are refused."""
    both = [(loss, penalty) for loss in losses for penalty in penalties]
    return [(a, b) for a, b in both if not (isinstance(a, lk.AbsoluteError) and isinstance(b, lk.L1))]


@pytest.mark.parametrize(("loss", "penalty"), pairs(RESIDUAL, None, lk.L2(1e-3), lk.L1(1e-3)), ids=str)
def test_targets_far_from_zero_are_fitted_as_those_near_it(loss, penalty):
    X, y = centred(loss)
    y, far = np.round(y * 1024) / 1024, 2.0**40  # so that y + far is exact
    near, found = minimise(loss, penalty, X, y), minimise(loss, penalty, X, y + far)
    assert found.value == pytest.approx(near.value, rel=1e-12)
    np.testing.assert_allclose(found.coef, near.coef, atol=1e-12)
    assert found.intercept - far == pytest.approx(near.intercept, abs=2e-4)  # an ulp of 2**40


@pytest.mark.parametrize(("loss", "penalty"), pairs(LOSSES, lk.L2(1e-3), lk.L1(1e-3)), ids=str)
@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_columns_of_any_scale_are_penalised_as_they_are(loss, penalty, scale):
    X, y = centred(loss)
    found = minimise(loss, penalty, X * scale, y)
    assert found.certificate <= 1e-10
    plain = minimise(loss, None, X, y).value if scale > 1 else minimise(loss, None, np.zeros((len(y), 1)), y).value
    assert found.value == pytest.approx(plain, rel=1e-6)  # the penalty holds nothing, or all


@pytest.mark.parametrize("loss", [lk.Huber(1.0), lk.LogCosh(1.0), lk.PseudoHuber(1.0)], ids=str)
@pytest.mark.parametrize(("scale", "alpha"), [(1e3, 1e-3), (1e6, 1e-3), (1e6, 1.0), (1e12, 0.05)])
def test_a_loss_that_is_straight_for_such_targets_is_fitted_under_kinks(loss, scale, alpha):
    X, y = centred(loss)
    n, p = X.shape
    found = minimise(loss, lk.L1(alpha), X, scale * y)
    rows = np.block([[X, np.ones((n, 1))], [np.eye(p), np.zeros((p, 1))]])  # the penalty as rows of the absolute error
    w = np.append(np.full(n, 1 / n), np.full(p, alpha))
    steep = minimise(lk.AbsoluteError(), None, rows, np.append(scale * y, np.zeros(p)), w, fit_intercept=False)
    best = steep.value * w.sum()
    assert found.certificate <= 1e-10
    assert best - 1.0 - 1e-14 * best < found.value < best + 1e-14 * best  # these losses lie at most 1 below |r|


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_one_row_of_weight_1e300_is_fitted_alone(loss):
    X, y = centred(loss)
    w = np.ones(len(y))
    w[3] = 1e300
    found = minimise(loss, lk.L2(1e-8), X, y, w)
    assert found.reason == "tol"
    at = X[3:4] @ found.coef + found.intercept
    assert loss(y[3:4], at) == pytest.approx(found.value, rel=1e-6, abs=1e-9)
    assert found.value < 1e-3 or isinstance(loss, lk.Logistic)


@pytest.mark.parametrize("penalty", [None, lk.L2(1e-2)])
def test_ordered_classes_take_a_row_of_weight_1e300(penalty):
    X, y = problem(lk.SquaredError())
    w = np.ones(len(y))
    w[3] = 1e300
    found = minimise(lk.Ordinal(), penalty, X, np.digitize(y, np.quantile(y, [0.3, 0.7])), w)
    assert found.reason == "tol"
    assert found.value < 1e-290


@pytest.mark.parametrize("far", [1e4, 1e8, 1e12])
def test_columns_of_a_sparse_table_may_be_far_from_zero(far):
    X, y = problem(lk.AbsoluteError())
    X[:, 0] += far
    X[::2, 1] = 0.0
    found, dense = (minimise(lk.Quantile(0.7), None, kind(X), y) for kind in (csr_array, np.asarray))
    assert found.certificate <= 1e-12
    assert found.value == pytest.approx(dense.value, rel=1e-12)
    assert minimise(lk.Logistic(), lk.L1(1e-3), csr_array(X), (y > 0) + 0.0).certificate <= 1e-10


@pytest.mark.parametrize("loss", [lk.SquaredError(), lk.Huber(1.0), lk.AbsoluteError()], ids=str)
@pytest.mark.parametrize("penalty", [None, lk.L2(1e-3)])
def test_more_columns_than_rows(loss, penalty):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((30, 80)), rng.standard_normal(30)
    found = minimise(loss, penalty, X, y)
    assert np.isfinite(found.coef).all()
    if penalty is None:
        assert found.value < 1e-12
        assert np.abs(found.coef).max() < 10
    else:
        assert found.reason == "tol"
        rest = X @ found.coef + found.intercept
        assert loss(y, rest) + penalty.value(found.coef) == pytest.approx(found.value, rel=1e-9)


@pytest.mark.parametrize("labels", [2, 3])
def test_separated_classes_are_said_whatever_their_number(labels):
    x = np.linspace(-1, 1, 60)[:, None]
    y = np.digitize(x[:, 0], np.linspace(-1, 1, labels + 1)[1:-1])
    with pytest.warns(ConvergenceWarning, match="separat"):
        lk.LinearClassifier().fit(x, y)
    lk.LinearClassifier(penalty=lk.L2(1e-3)).fit(x, y)


@pytest.mark.parametrize("loss", LOSSES, ids=str)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_value_that_is_none_is_named(loss, bad):
    X, y = centred(loss)
    X[5, 1] = bad
    with pytest.raises(DataError, match=r"X\[5, 1\]"):
        minimise(loss, None, X, y)
    with pytest.raises((DataError, DomainError), match=r"y\[7\]"):
        minimise(loss, None, centred(loss)[0], np.where(np.arange(len(y)) == 7, bad, y))


def test_no_column_is_said_and_one_row_is_fitted():
    with pytest.raises(ShapeError, match="no columns"):
        minimise(lk.SquaredError(), None, np.zeros((5, 0)), np.zeros(5))
    assert minimise(lk.SquaredError(), None, [[2.0]], [3.0]).value == pytest.approx(0.0, abs=1e-20)


def test_a_step_too_long_is_taken_back_in_silence_from_any_start():
    X, y = centred(lk.Poisson())
    found = minimise(lk.Poisson(), lk.L2(1e-3), X, y, start=(np.array([9.0, 0.0, -9.0, 0.0]), -9.0))
    assert found.value == pytest.approx(minimise(lk.Poisson(), lk.L2(1e-3), X, y).value, rel=1e-12)


@pytest.mark.parametrize("loss", [lk.SquaredError(), lk.Poisson(), lk.AbsoluteError()], ids=str)
def test_an_offset_is_a_column_whose_coefficient_is_one(loss):
    X, y = centred(loss)
    offset = 0.3 * X[:, 0] - 0.1
    found, plain = minimise(loss, None, X, y, offset=offset), minimise(loss, None, X, y)
    assert found.value == pytest.approx(plain.value, rel=1e-9)
    np.testing.assert_allclose(found.coef, plain.coef - [0.3, 0, 0, 0], atol=1e-6)
    assert found.intercept == pytest.approx(plain.intercept + 0.1, abs=1e-6)
    for penalty in (lk.L1(0.01), lk.L2(0.1)):
        if not isinstance(loss, lk.AbsoluteError):
            rows = minimise(loss, penalty, X, y, offset=offset, solver="lbfgs" if penalty.smooth else "auto")
            at = X @ rows.coef + rows.intercept + offset
            assert loss(y, at) + penalty.value(rows.coef) == pytest.approx(rows.value, rel=1e-12)
            assert rows.reason == "tol"


@pytest.mark.parametrize(("options", "error", "says"), [
    ({"offset": np.zeros(3)}, ShapeError, "one number a row"),
    ({"offset": np.full(200, np.nan)}, DomainError, r"offset\[0\]"),
    ({"offset": np.zeros(200), "solver": "sgd"}, lk.CapabilityError, "takes no offset"),
    ({"offset": np.zeros(200), "loss": lk.GaussianNLL()}, lk.CapabilityError, "an offset is for"),
])  # fmt: skip
def test_an_offset_that_is_none_is_refused(options, error, says):
    X, y = centred(lk.SquaredError())
    with pytest.raises(error, match=says):
        minimise(**({"loss": lk.SquaredError(), "penalty": None, "X": X, "y": y} | options))


VAST = np.broadcast_to(np.int8(1), (10**9, 10**6))  # no memory of its own
TIGHT = [
    (lambda: minimise(lk.SquaredError(), None, VAST, np.zeros(3)), "copy of X .1000000000 rows, 1000000 columns"),
    (lambda: lk.LinearRegressor().fit(VAST, np.zeros(3)), "8000000.0 GB of memory and .* GB are available; pass X as"),
    (lambda: lk.LinearRegressor().fit(np.zeros((9, 1)), np.zeros(9)).predict(VAST), "copy of X"),
]  # fmt: skip


@pytest.mark.parametrize(("act", "says"), TIGHT, ids=[says for _, says in TIGHT])
def test_a_copy_that_does_not_fit_is_refused_before_it_is_made(act, says):
    with pytest.raises(DataError, match=says):
        act()


def test_what_scores_hessians_shifts_and_paths_would_take_is_told_first(monkeypatch):
    from losskit.data import memory

    monkeypatch.setattr(memory, "free_bytes", lambda: 1e6)
    rng = np.random.default_rng(0)
    X, labels = rng.standard_normal((20_000, 2)), rng.integers(0, 40, 20_000).astype(float)
    softmax = lk.SoftmaxCrossEntropy()
    for act, says in [
        (lambda: minimise(softmax, None, X, labels), "20000 rows, 40 each.*25.6 MB.*1.0 MB"),
        (lambda: minimise(lk.SquaredError(), None, np.tile(X, 60) + 1e9, labels), "without columns' means"),
        (lambda: lk.LinearRegressorCV(alphas=500_000).fit(X, labels), "coefficients of 500000 fits"),
        (lambda: lk.LinearRegressorCV(lk.Huber(1.0), alphas=1).fit(np.tile(X, 60), labels), "X without a fold"),
        (lambda: minimise(softmax, None, np.ones((90, 200)), labels[:90], solver="newton"), "each pair of 40"),
        (lambda: minimise(lk.Quantile(0.9), None, np.ones((9, 800)), labels[:9]), "Hessians of Quantile"),
    ]:
        with pytest.raises(DataError, match=says):
            act()


def test_float32_columns_are_summed_in_float64_and_never_copied():
    import tracemalloc

    rng = np.random.default_rng(0)
    X = rng.standard_normal((100_000, 16)).astype(np.float32)
    y = X @ np.ones(16) + rng.standard_normal(100_000)
    minimise(lk.SquaredError(), None, X, y)
    tracemalloc.start()
    found = minimise(lk.SquaredError(), None, X, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < X.nbytes  # a copy in float64 would be twice that
    known = np.linalg.lstsq(np.column_stack([X, np.ones(len(y))]).astype(float), y, rcond=None)[0]
    np.testing.assert_allclose(found.coef, known[:-1], rtol=1e-10)
