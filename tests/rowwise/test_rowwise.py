"""What all row-wise losses share: derivatives, targets, weights, reductions, layouts, dtypes, threads, bad input."""

from __future__ import annotations

import copy
import pickle
import tracemalloc

import numpy as np
import pytest

import losskit as lk
from losskit.rowwise import Rowwise
from tests.rowwise.cases import COUNTS, SETTINGS, in_order, labels, predictions, shares_fit

every = pytest.mark.parametrize("loss", SETTINGS, ids=repr)
S = lk.SoftmaxCrossEntropy()


@every
def test_derivatives_are_those_of_the_value(loss):
    rng = np.random.default_rng(1)
    y, f, e = labels(rng), predictions(loss, rng), 1e-6
    targets = [y, rng.dirichlet(np.ones(4), len(y))] if shares_fit(loss) else [y]
    for t in targets:
        gradient, hessian = loss.gradient_and_hessian(t, f, reduction="none")
        for j in range(4):
            step = e * (np.arange(4) == j) + np.zeros_like(f)
            up, down = (loss.value_and_gradient(t, f + s, reduction="none") for s in (step, -step))
            np.testing.assert_allclose((up[0] - down[0]) / (2 * e), gradient[:, j], rtol=2e-5, atol=2e-7)
            np.testing.assert_allclose((up[1] - down[1]) / (2 * e), hessian[:, :, j], rtol=2e-5, atol=2e-6)


@every
def test_the_kernel_computes_what_the_array_body_does(loss):
    rng = np.random.default_rng(2)
    y, f = labels(rng), predictions(loss, rng)
    value, gradient = loss.rows(y.astype(float), f, 1)[:2]
    np.testing.assert_allclose(loss(y, f, reduction="none"), value, rtol=1e-13)
    np.testing.assert_allclose(loss.gradient(y, f, reduction="none"), gradient, rtol=1e-12, atol=1e-16)


@every
def test_nan_in_is_nan_out(loss):
    f = np.full((2, 4), 0.25) if loss.prediction_domain.bounded else np.zeros((2, 4))
    f[1, 2] = np.nan
    value, gradient = loss.value_and_gradient([2, 2], f, reduction="none")
    assert np.isnan(value).tolist() == [False, True]
    assert np.isnan(gradient[1, 2])


@every
def test_labels_one_hot_and_every_integer_dtype_give_the_same_number(loss):
    rng = np.random.default_rng(3)
    y, f = labels(rng), predictions(loss, rng)
    value, gradient = loss.value_and_gradient(y, f)
    for dtype in (np.int8, np.uint8, np.uint64, np.float32, np.float64):
        assert loss(y.astype(dtype), f) == value
    if shares_fit(loss):
        for one_hot in (np.eye(4)[y], np.eye(4, dtype=bool)[y]):
            got = loss.value_and_gradient(one_hot, f)
            assert got[0] == pytest.approx(value, rel=1e-15)
            np.testing.assert_array_equal(got[1], gradient)


@every
def test_a_weight_of_two_is_a_row_twice_and_of_zero_no_row(loss):
    rng = np.random.default_rng(4)
    y, f, times = labels(rng), predictions(loss, rng), rng.integers(0, 3, 60)
    again = np.repeat(np.arange(60), times)
    for reduction in ("mean", "sum"):
        assert loss(y, f, times, reduction) == pytest.approx(loss(y[again], f[again], None, reduction), rel=1e-13)
        rows = loss.gradient(y, f, times, reduction)
        np.testing.assert_allclose(rows.sum(0), loss.gradient(y[again], f[again], None, reduction).sum(0), atol=1e-13)
    spoilt = f.copy()
    spoilt[times == 0] = np.nan
    y = np.where(times == 0, -7, y)
    assert np.isfinite(loss(y, spoilt, times))
    assert (loss.gradient(y, spoilt, times)[times == 0] == 0).all()
    assert np.isfinite(loss.hessian(y, spoilt, times)).all()


@every
def test_reductions_and_partials_fit_together(loss):
    rng = np.random.default_rng(5)
    y, f, w = labels(rng), predictions(loss, rng), rng.random(60)
    rows, whole = loss(y, f, w, "none"), loss.partial(y, f, w)
    assert loss(y, f, w, "sum") == pytest.approx(rows.sum(), rel=1e-14)
    assert loss(y, f, w) == pytest.approx(whole.mean, rel=1e-14)
    assert loss(y, f, w, "mean_over_rows") == pytest.approx(rows.sum() / 60, rel=1e-14)
    parts = sum(loss.partial(y[a : a + 7], f[a : a + 7], w[a : a + 7]) for a in range(0, 60, 7))
    assert parts.mean == pytest.approx(whole.mean, rel=1e-14)
    np.testing.assert_allclose(loss.gradient(y, f, w) * whole.weight, loss.gradient(y, f, w, "none"), rtol=1e-13)


@every
def test_any_layout_dtype_and_axis_give_the_same(loss):
    rng = np.random.default_rng(6)
    y, f = labels(rng), predictions(loss, rng)
    value, gradient = loss.value_and_gradient(y, f, reduction="none")
    for other in (np.asfortranarray(f), np.repeat(f, 2, axis=1)[:, ::2], f[::-1][::-1], f.astype(">f8")):
        got = loss.value_and_gradient(y, other, reduction="none")
        np.testing.assert_array_equal(got[0], value)
        np.testing.assert_array_equal(got[1], gradient)
    narrow = loss.value_and_gradient(y, f.astype(np.float32), reduction="none")
    wide = loss.value_and_gradient(y, f.astype(np.float32).astype(float), reduction="none")
    assert all(x.dtype == np.float32 for x in narrow)
    np.testing.assert_array_equal(narrow[0], wide[0].astype(np.float32))
    np.testing.assert_array_equal(narrow[1], wide[1].astype(np.float32))
    across = type(loss)(**{**loss.parameters, "axis": 1})
    y2, f2 = y.reshape(12, 5), np.moveaxis(f.reshape(12, 5, 4), 2, 1)
    np.testing.assert_array_equal(across(y2, f2, reduction="none"), value.reshape(12, 5))
    np.testing.assert_array_equal(
        np.moveaxis(across.gradient(y2, f2, reduction="none"), 1, 2), gradient.reshape(12, 5, 4)
    )
    assert across(y2, f2, np.ones(12)) == pytest.approx(loss(y, f), rel=1e-14)


@every
def test_out_is_filled(loss):
    rng = np.random.default_rng(7)
    y, f = labels(rng), predictions(loss, rng)
    value, gradient = loss.value_and_gradient(y, f, reduction="none")
    for g in (np.empty_like(f), np.empty_like(f, order="F"), f.copy()):
        v = np.empty(60)
        got = loss.value_and_gradient(y, f if g is not f else g, reduction="none", out=(v, g))
        assert got[0] is v
        assert got[1] is g
        np.testing.assert_array_equal(v, value)
        np.testing.assert_array_equal(g, gradient)
    into = f.copy()
    np.testing.assert_array_equal(loss.gradient(y, into, reduction="none", out=into), gradient)
    with pytest.raises(lk.ShapeError, match="must have shape"):
        loss.gradient(y, f, out=np.empty((60, 3)))


@every
def test_products_and_diagonals_are_those_of_the_hessian(loss):
    rng = np.random.default_rng(8)
    y, f, v = labels(rng), predictions(loss, rng), rng.normal(size=(60, 4))
    hessian = loss.hessian(y, f)
    np.testing.assert_allclose(hessian, hessian.swapaxes(1, 2), rtol=1e-12, atol=1e-18)
    np.testing.assert_allclose(loss.hvp(y, f, v), (hessian @ v[:, :, None])[:, :, 0], rtol=1e-12)
    np.testing.assert_array_equal(loss.hessian_diagonal(y, f), np.einsum("ijj->ij", hessian))


@every
def test_declared_traits_survive_a_search(loss):
    rng = np.random.default_rng(9)
    y = labels(rng, 2000)
    f = predictions(loss, rng, 2000) * (1.0 if loss.prediction_domain.bounded else rng.choice([0.3, 1, 5], (2000, 1)))
    if not loss.prediction_domain.bounded:
        f[:300] = rng.normal(size=(300, 1)) + 1e-3 * rng.normal(size=(300, 4))  # even probabilities curve most
        f[300:600, 2:] = -9.0  # of two classes
        f[300:450, :2] *= 1e-3
        f[600:700, 0], y[600:700] = -40.0, 0
        f = in_order(loss, f)
    known = loss.traits()
    loose = isinstance(loss, lk.MultilabelSoftMargin | lk.CRPSEnsemble)  # whose bounds are those of two predictions
    gradient, hessian = loss.gradient_and_hessian(y, f, reduction="none")
    eigenvalues = np.linalg.eigvalsh(hessian)
    if known.convex:
        assert eigenvalues.min() >= -1e-12 * max(1.0, np.abs(eigenvalues).max())
    elif known.convex is False and known.differentiable:
        assert eigenvalues.min() < -1e-3
    elif known.convex is False:  # by kinks alone, perhaps
        ends = [loss(y, x, reduction="none") for x in (f, f[::-1], (f + f[::-1]) / 2)]
        assert (2 * ends[2] - ends[0] - ends[1]).max() > 1e-3
    if known.curvature is not None and np.isfinite(known.curvature):
        assert eigenvalues.max() <= known.curvature * (1 + 1e-12)
        assert eigenvalues.max() >= 0.9 * known.curvature or loose
    size = np.linalg.norm(gradient, axis=1)
    if known.lipschitz is not None and np.isfinite(known.lipschitz):
        assert size.max() <= known.lipschitz * (1 + 1e-12)
        assert size.max() >= 0.8 * known.lipschitz or loose
    if known.strong:
        assert eigenvalues.min() >= known.strong * (1 - 1e-12)


@every
def test_a_loss_is_a_value_that_prints_as_typed(loss):
    names = {name: getattr(lk, name) for name in dir(lk) if name[0].isupper()}
    assert eval(repr(loss), names) == loss == copy.deepcopy(loss) == pickle.loads(pickle.dumps(loss))
    assert hash(loss) == hash(copy.copy(loss))
    assert type(loss).source
    assert type(loss).use
    assert type(loss).avoid
    assert isinstance(loss, Rowwise)
    assert lk.get(type(loss).__name__.lower(), **loss.parameters) == loss


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: S([0, -1], np.zeros((2, 3))), lk.DomainError, ("labels 0 ... 2", "y[1] = -1", "1 of 2", "weight 0")),
        (lambda: S([0, 3], np.zeros((2, 3))), lk.DomainError, ("y[1] = 3", "3 classes")),
        (lambda: S([0.5, 1], np.zeros((2, 3))), lk.DomainError, ("y[0] = 0.5",)),
        (lambda: S([np.nan, 1], np.zeros((2, 3))), lk.DomainError, ("y[0] = nan",)),
        (lambda: S([[0.5, 0.6, 0.0]], np.zeros((1, 3))), lk.DomainError, ("sum to 1", "Divide each row")),
        (lambda: S([[1.5, -0.5, 0.0]], np.zeros((1, 3))), lk.DomainError, (">= 0",)),
        (lambda: S([0], np.zeros((1, 1))), lk.ShapeError, ("two or more", "Logistic")),
        (lambda: S([[0]], np.zeros((1, 3))), lk.ShapeError, ("(1, 1)", "a label a row")),
        (lambda: S([0], np.zeros((1, 3)), [-1.0]), lk.DomainError, ("sample_weight[0]",)),
        (lambda: S([0], np.zeros((1, 3)), reduction="avg"), lk.ParameterError, ("'avg'", "'mean'")),
        (lambda: S([0], np.zeros((1, 3)), [0.0], empty="raise"), lk.DomainError, ("no weight",)),
        (lambda: lk.SoftmaxCrossEntropy(axis=2)([0], np.zeros((1, 3))), lk.ShapeError, ("no axis 2",)),
        (lambda: lk.SoftmaxCrossEntropy(class_weight=(1, 2))([0], np.zeros((1, 3))), lk.ShapeError, ("2 numbers",)),
        (lambda: lk.SoftmaxCrossEntropy(class_weight=(1, -2)), lk.ParameterError, ("class_weight > 0",)),
        (lambda: lk.SoftmaxCrossEntropy(smoothing="some"), lk.ParameterError, ("'all', 'others'", "'some'")),
        (lambda: lk.SoftmaxCrossEntropy(ignore_index=1.5), lk.ParameterError, ("whole number", "1.5")),
        (lambda: lk.SoftmaxCrossEntropy(mask=(1, 0))([0], np.zeros((1, 2))), lk.ParameterError, ("two classes",)),
        (lambda: lk.CategoricalCrossEntropy()([0], [[1.5, 0.0]]), lk.DomainError, ("f[0, 0] = 1.5", "Softmax")),
        (lambda: lk.CrammerSinger()([[1.0, 0.0]], [[1.5, 0.0]]), lk.ShapeError, ("takes labels",)),
        (lambda: lk.FocalSoftmax().fisher([0], np.zeros((1, 3))), lk.CapabilityError, ("no log-likelihood",)),
        (lambda: lk.BrierScore().fisher([0], [[0.5, 0.5]]), lk.CapabilityError, ("no log-likelihood",)),
        (lambda: lk.CrammerSinger().majorizer([0], np.zeros((1, 3))), lk.CapabilityError, ("bound",)),
        (lambda: lk.FocalSoftmax().majorizer([0], np.zeros((1, 3))), lk.CapabilityError, ("bound",)),
    ],
)
def test_bad_input_is_named_with_its_place_and_its_remedy(call, error, words):
    with pytest.raises(error) as caught:
        call()
    for word in words:
        assert word in str(caught.value)


def test_rows_ignored_count_for_nothing_and_a_batch_of_them_is_empty():
    loss = lk.SoftmaxCrossEntropy(ignore_index=-100, class_weight=COUNTS)
    rng = np.random.default_rng(10)
    y, f = labels(rng), predictions(loss, rng)
    ignored = np.where(np.arange(60) % 3 == 0, -100, y)
    kept = ignored >= 0
    assert loss(ignored, f) == pytest.approx(loss(y[kept], f[kept]), rel=1e-14)
    assert (loss.gradient(ignored, f)[~kept] == 0).all()
    nothing = np.full(60, -100)
    assert np.isnan(loss(nothing, f))
    assert (loss.gradient(nothing, f) == 0).all()
    assert loss(nothing, f, empty="zero") == 0
    with pytest.raises(lk.DomainError, match="no weight"):
        loss(nothing, f, empty="raise")


def test_masked_classes_have_no_probability_and_no_smoothing():
    loss = lk.SoftmaxCrossEntropy(mask=(1, 0, 1, 1), label_smoothing=0.3)
    rng = np.random.default_rng(11)
    f, open_ = rng.normal(size=(30, 4)), [0, 2, 3]
    y = rng.integers(0, 3, 30)
    small = lk.SoftmaxCrossEntropy(label_smoothing=0.3)
    assert loss(np.array(open_)[y], f) == pytest.approx(small(y, f[:, open_]), rel=1e-14)
    gradient = loss.gradient(np.array(open_)[y], f)
    np.testing.assert_allclose(gradient[:, open_], small.gradient(y, f[:, open_]), rtol=1e-13)
    assert (gradient[:, 1] == 0).all()
    assert lk.SoftmaxCrossEntropy(mask=(1, 0, 1))([1], np.zeros((1, 3))) == np.inf


def test_two_classes_are_the_logistic_loss():
    rng = np.random.default_rng(12)
    z, y = rng.normal(size=500) * 5, rng.integers(0, 2, 500)
    f = np.column_stack([np.zeros(500), z])
    value, gradient = S.value_and_gradient(y, f, reduction="none")
    want = lk.Logistic().value_and_gradient(y, z, reduction="none")
    np.testing.assert_allclose(value, want[0], rtol=1e-15)
    np.testing.assert_allclose(gradient[:, 1], want[1], rtol=1e-15)
    bend = S.hessian(y, f, reduction="none")[:, 1, 1]
    np.testing.assert_allclose(bend, lk.Logistic().hessian(y, z, reduction="none"))


@pytest.mark.parametrize("k", [2, 10, 16, 17, 100])
def test_threads_and_blocks_change_no_bit_and_gradients_sum_to_zero(k, monkeypatch):
    rng = np.random.default_rng(13)
    n = 300_000 // k
    y, f, w = rng.integers(0, k, n), rng.normal(size=(n, k)) * 3, rng.random(n)
    found = []
    for threads in (1, 3):
        monkeypatch.setattr("losskit.kernels.rows.thread_count", lambda threads=threads: threads)
        found.append(S.value_and_gradient(y, f, w))
    assert found[0][0] == found[1][0]
    np.testing.assert_array_equal(found[0][1], found[1][1])
    gradient = S.gradient(y, f, reduction="none")
    assert np.abs(gradient.sum(axis=1)).max() < 4e-16 * np.sqrt(k)
    assert found[0][0] == pytest.approx(np.average(S(y, f, reduction="none"), weights=w), rel=1e-13)


@pytest.mark.parametrize("case", ["labels", "Fortran", "shares", "many classes", "one at a time"])
def test_a_call_takes_no_memory_but_its_gradient_and_16_megabytes(case):
    k = 17 if case == "many classes" else 3
    n = 4_000_000 // k
    f, y = np.zeros((n, k)), np.zeros(n, np.int64)
    f[:, 0] = np.linspace(-3, 3, n)
    f = np.asfortranarray(f) if case == "Fortran" else f
    y = np.full((n, k), 1 / k) if case == "shares" else y
    loss = lk.CrammerSinger() if case == "one at a time" else S
    loss.value_and_gradient(y[:100], f[:100])  # compiled
    tracemalloc.start()
    try:
        _, gradient = loss.value_and_gradient(y, f)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= gradient.nbytes + 16e6
