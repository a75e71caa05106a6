"""What weights and reductions mean, as laws over the whole registry."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import losskit as lk
from losskit.domains import INTERVALS, OPEN_UNIT, REAL, SIGNS, UNIT, Domain
from tests.families import EACH_LOSS

REDUCTIONS = ("mean", "sum", "none", "mean_over_rows")
every_loss = pytest.mark.parametrize("loss", EACH_LOSS)
every_reduction = pytest.mark.parametrize("reduction", REDUCTIONS)


class TwoOutputs(lk.Pointwise):
    """A loss a user might write: a normal density with mean and log-variance (no constant)."""

    outputs = ("mean", "log_variance")

    def formula(self, y, mean, log_variance):
        from losskit.calculus import mul_exp

        return log_variance / 2 + mul_exp((y - mean) ** 2, -1, log_variance) / 2


def targets(domain: Domain, rng: np.random.Generator, shape) -> np.ndarray:
    """Ordinary values of a domain."""
    if domain is REAL:
        return rng.normal(size=shape)
    if domain is INTERVALS:  # seen, right-censored or in between
        lower = rng.gamma(2.0, size=shape) + 0.1
        upper = np.where(rng.random(shape) < 0.4, np.where(rng.random(shape) < 0.5, 1.0, math.inf), 2.0) * lower
        return np.stack([lower, upper], axis=-1)
    if domain is SIGNS:
        return rng.choice([-1.0, 1.0], shape)
    if domain in (UNIT, OPEN_UNIT):
        return rng.uniform(0.05, 0.95, shape)
    if domain.whole:  # more zeros and more variance than Poisson's
        return np.floor(rng.gamma(0.7, 4.0, shape))
    return rng.gamma(2.0, size=shape) + 0.1


def predictions(loss: lk.Pointwise, rng: np.random.Generator, shape) -> np.ndarray:
    """Ordinary predictions: one number a row, or one of each output along a last axis."""
    columns = [targets(domain, rng, shape) for domain in loss.prediction_domains]
    return columns[0] if len(columns) == 1 else np.stack(columns, axis=-1)


def width(loss: lk.Pointwise) -> tuple[int, ...]:
    """The axes that predictions have beyond those of the targets."""
    return (len(loss.outputs),) if len(loss.outputs) > 1 else ()


def depth(loss: lk.Pointwise) -> tuple[int, ...]:
    """The axes that targets have beyond one number a row."""
    return (len(loss.targets),) if len(loss.targets) > 1 else ()


def rows(loss: lk.Pointwise, seed: int, shape) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ordinary targets, predictions and weights, a few of them 0."""
    rng = np.random.default_rng(seed)
    y, f = targets(loss.domain, rng, shape), predictions(loss, rng, shape)
    w = rng.gamma(1.0, size=shape)
    w[rng.random(shape) < 0.2] = 0.0
    return y, f, w


def same(a, b) -> bool:
    """Equal bit for bit, nan and the sign of zero included."""
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


# -- weights


@every_loss
def test_integer_weights_are_repeated_rows(loss):
    y, f, _ = rows(loss, 1, 50)
    times = np.random.default_rng(2).integers(0, 4, 50)
    many = [np.repeat(x, times, axis=0) for x in (y, f)]
    assert loss(y, f, times) == pytest.approx(loss(*many), rel=1e-14)
    assert loss(y, f, times, "sum") == pytest.approx(loss(*many, reduction="sum"), rel=1e-14)
    slopes = loss.gradient(*many, reduction="sum")
    ends = np.cumsum(times)
    summed = np.array([slopes[e - t : e].sum(axis=0) for e, t in zip(ends, times, strict=True)])
    np.testing.assert_allclose(loss.gradient(y, f, times, "sum"), summed, rtol=1e-14)


@every_loss
def test_the_reductions_are_one_sum_and_its_divisors(loss):
    y, f, w = rows(loss, 3, (9, 5))
    by_row = loss(y, f, w, "none")
    total = math.fsum(by_row.ravel())
    assert loss(y, f, w, "sum") == pytest.approx(total, rel=1e-14)
    assert loss(y, f, w) == pytest.approx(total / w.sum(), rel=1e-14)
    assert loss(y, f, w, "mean_over_rows") == pytest.approx(total / w.size, rel=1e-14)
    np.testing.assert_allclose(by_row, w * loss(y, f, reduction="none"), rtol=1e-15)


@every_loss
@pytest.mark.parametrize("order", ["gradient", "hessian"])
def test_derivatives_are_divided_like_the_value(loss, order):
    y, f, w = rows(loss, 4, 31)
    by_row = getattr(loss, order)(y, f, w, "none")
    for reduction, divisor in (("sum", 1.0), ("mean", w.sum()), ("mean_over_rows", w.size)):
        np.testing.assert_allclose(getattr(loss, order)(y, f, w, reduction), by_row / divisor, rtol=1e-15)


def _central(function, x: np.ndarray, i: int, h: float = 1e-5) -> np.ndarray:
    up, down = x.copy(), x.copy()
    up.flat[i] += h
    down.flat[i] -= h
    return (np.asarray(function(up)) - np.asarray(function(down))) / (2 * h)


@every_loss
@every_reduction
def test_the_gradient_is_the_derivative_of_what_the_call_returns(loss, reduction):
    y, f, w = rows(loss, 5, (4, 3))
    k = len(loss.outputs)
    gradient, hessian = loss.gradient_and_hessian(y, f, w, reduction)
    for i in range(f.size):
        slope = _central(lambda x: np.sum(loss(y, x, w, reduction)), f, i)
        assert gradient.flat[i] == pytest.approx(float(slope), rel=1e-5, abs=1e-8)
        bend = _central(lambda x: loss.gradient(y, x, w, reduction), f, i).reshape(-1, k)[i // k]
        np.testing.assert_allclose(hessian.reshape(-1, k, k)[i // k, i % k], bend, rtol=1e-5, atol=1e-8)


@every_reduction
def test_several_outputs_a_row_are_differentiated_alike(reduction):
    loss, rng = TwoOutputs(), np.random.default_rng(6)
    y, f, w = rng.normal(size=(3, 2)), rng.normal(size=(3, 2, 2)), rng.random(3)
    value, gradient, hessian = loss.value_gradient_and_hessian(y, f, w, reduction)
    assert (np.shape(value), gradient.shape, hessian.shape) == (
        ((3, 2) if reduction == "none" else ()),
        f.shape,
        (3, 2, 2, 2),
    )
    for i in range(f.size):
        slope = _central(lambda x: np.sum(loss(y, x, w, reduction)), f, i)
        assert gradient.flat[i] == pytest.approx(float(slope), rel=1e-6, abs=1e-9)
        bend = _central(lambda x: loss.gradient(y, x, w, reduction), f, i).reshape(-1, 2)[i // 2]
        np.testing.assert_allclose(hessian.reshape(-1, 2, 2)[i // 2, i % 2], bend, rtol=1e-6, atol=1e-9)
    v = rng.normal(size=f.shape)
    np.testing.assert_allclose(
        loss.hvp(y, f, v, w, reduction), (hessian @ v[..., None])[..., 0], rtol=1e-14, atol=1e-18
    )
    assert same(loss.hessian_diagonal(y, f, w, reduction), np.diagonal(hessian, axis1=-2, axis2=-1).copy())


@every_loss
@pytest.mark.parametrize(("weighted", "reduction"), [(True, r) for r in REDUCTIONS] + [(False, "mean")])
def test_fused_and_separate_calls_agree_bit_for_bit(loss, reduction, weighted):
    y, f, w = rows(loss, 7, 4096 + 37)
    args = (y, f, w if weighted else None, reduction)
    value, gradient, hessian = loss.value_gradient_and_hessian(*args)
    pair = loss.value_and_gradient(*args)
    assert same(loss.gradient(*args), gradient)
    assert same(loss.hessian(*args), hessian)
    assert same(pair[1], gradient)
    assert all(map(same, loss.gradient_and_hessian(*args), (gradient, hessian)))
    if reduction == "none":
        assert same(loss(*args), value)
        assert same(pair[0], value)
    else:
        assert loss(*args) == pytest.approx(value, rel=16 * np.finfo(float).eps)
        assert pair[0] == pytest.approx(value, rel=16 * np.finfo(float).eps)


@every_loss
def test_rows_may_come_in_any_order(loss):
    y, f, w = rows(loss, 8, 9000)
    order = np.random.default_rng(9).permutation(len(y))
    for there, here in zip(
        loss.value_gradient_and_hessian(y[order], f[order], w[order], "none"),
        loss.value_gradient_and_hessian(y, f, w, "none"),
        strict=True,
    ):
        assert same(there, here[order])
    assert loss(y[order], f[order], w[order]) == pytest.approx(loss(y, f, w), rel=1e-13)


@every_loss
def test_a_row_counts_the_same_wherever_it_stands(loss):
    y, f, _ = rows(loss, 10, 37)
    whole = loss(y, f, reduction="none")
    assert same(whole, np.concatenate([loss(y[i : i + 1], f[i : i + 1], reduction="none") for i in range(37)]))


@every_loss
def test_hvp_is_the_hessian_times_the_vector(loss):
    y, f, w = rows(loss, 11, (5, 4))
    v = np.random.default_rng(12).normal(size=f.shape)
    for reduction in REDUCTIONS:
        diagonal, hessian = loss.hessian_diagonal(y, f, w, reduction), loss.hessian(y, f, w, reduction)
        if len(loss.outputs) == 1:
            assert same(diagonal, hessian)
            assert same(loss.hvp(y, f, v, w, reduction), diagonal * v)
        else:
            assert same(diagonal, np.diagonal(hessian, axis1=-2, axis2=-1).copy())
            want = (hessian @ v[..., None])[..., 0]
            np.testing.assert_allclose(loss.hvp(y, f, v, w, reduction), want, rtol=1e-13, atol=1e-15)


@every_loss
def test_partials_of_parts_add_up_to_the_whole(loss):
    y, f, w = rows(loss, 13, 1000)
    for weights in (None, w):
        whole = loss.partial(y, f, weights)
        parts = [
            loss.partial(y[s], f[s], None if weights is None else w[s])
            for s in (slice(0, 0), slice(0, 1), slice(1, 600), slice(600, None))
        ]
        merged = parts[0] + parts[1] + parts[2] + parts[3]
        assert merged.sum == pytest.approx(whole.sum, rel=1e-14)
        assert merged.weight == pytest.approx(whole.weight, rel=1e-14)
        assert merged.mean == pytest.approx(loss(y, f, weights), rel=1e-14)
    assert math.isnan(loss.partial(y[:0], f[:0]).mean)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_partials_know_the_last_bit_whatever_the_parts(dtype):
    rng = np.random.default_rng(14)
    y, f = (x.astype(dtype) for x in (10 ** rng.uniform(-8, 8, 300_000), rng.normal(size=300_000)))
    w = rng.random(300_000)
    loss = lk.SquaredError()
    true = math.fsum(loss(y.astype(float), f.astype(float), w, "none"))
    for ends in ([], [1], [7, 100_000, 100_001], rng.integers(0, 300_000, 40)):
        edges = [0, *sorted(ends), 300_000]
        merged = sum(loss.partial(y[a:b], f[a:b], w[a:b]) for a, b in itertools.pairwise(edges))
        assert abs(merged.sum - true) <= np.spacing(true)
        assert abs(merged.weight - math.fsum(w)) <= np.spacing(math.fsum(w))
    assert loss.partial([1e200], [-1e200]).sum == math.inf
    assert (loss.partial([0.0], [1e160]) + loss.partial([0.0], [1.0])).sum == math.inf
    assert math.isnan((lk.AbsoluteError().partial([0.0], [math.nan]) + loss.partial([0.0], [1.0])).sum)


def test_partials_add_by_sum_and_refuse_numbers():
    loss = lk.SquaredError()
    part = loss.partial([0.0], [2.0])
    assert sum([part, part]) == lk.Partial(8.0, 2.0)
    with pytest.raises(TypeError, match="unsupported operand"):
        part + 1


def test_the_weights_of_a_partial_may_be_one_dimensional():
    y, f, w = np.zeros((3, 4)), np.ones((3, 4)), np.array([1.0, 0.0, 2.0])
    assert lk.SquaredError().partial(y, f, w) == lk.Partial(12.0, 12.0)


@every_loss
def test_weights_along_the_first_axis_count_for_the_whole_row(loss):
    y, f, w = rows(loss, 14, (6, 4))
    rowwise = w[:, 0]
    full = np.repeat(rowwise, 4).reshape(6, 4)
    for there, here in zip(
        loss.value_gradient_and_hessian(y, f, rowwise), loss.value_gradient_and_hessian(y, f, full), strict=True
    ):
        assert same(there, here)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.int64, np.uint64, np.float16, np.float32, ">f8"])
def test_weights_of_any_real_dtype_are_numbers(dtype):
    y, f, w = np.zeros(4), np.arange(4.0), np.array([1, 0, 1, 1])
    assert lk.SquaredError()(y, f, w.astype(dtype)) == (0 + 4 + 9) / 3
    assert lk.SquaredError().gradient(y, f, w.astype(dtype), "sum").tolist() == [0, 0, 4, 6]


@pytest.mark.parametrize("w", [1e-50, 0.1, 1e300, 0.5])
def test_float64_weights_of_float32_rows_keep_all_their_digits(w):
    y, f, weights = np.zeros(3, np.float32), np.full(3, 2, np.float32), np.full(3, w)
    assert lk.SquaredError()(y, f, weights, "sum") == pytest.approx(12 * w, rel=1e-15)
    assert lk.SquaredError()(y, f, weights) == pytest.approx(4, rel=1e-15)
    assert lk.SquaredError().gradient(y, f, weights).tolist() == pytest.approx([4 / 3] * 3, rel=1e-7)


def test_a_bad_row_of_tiny_weight_is_a_bad_row_in_float32_too():
    with pytest.raises(lk.DomainError, match=r"y\[0\] = -1.0"):
        lk.Poisson()(np.float32([-1, 1]), np.float32([0, 0]), np.array([1e-50, 1.0]))


@pytest.mark.parametrize("w", [5e-324, 1e-310, 1e-300, 1e-30, 1e30, 1e300, 4e307])
def test_the_scale_of_the_weights_does_not_matter(w):
    value, gradient = lk.SquaredError().value_and_gradient(np.array([1.0]), np.array([3.0]), np.array([w]))
    assert (value, gradient[0]) == pytest.approx((4.0, 4.0), rel=1e-14)


# -- rows without weight


@every_loss
@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf, -7.5])
def test_a_row_of_weight_zero_contributes_nothing_whatever_it_holds(loss, odd):
    y, f, w = rows(loss, 15, 8)
    w += 0.5
    w[[2, 5]] = 0.0
    want = loss.value_gradient_and_hessian(y, f, w, "none"), loss(y, f, w), loss.gradient(y, f, w)
    y[2], f[5] = odd, odd
    got = loss.value_gradient_and_hessian(y, f, w, "none"), loss(y, f, w), loss.gradient(y, f, w)
    assert all(map(same, got[0], want[0]))
    assert same(got[1], want[1])
    assert same(got[2], want[2])
    assert not any(part[[2, 5]].any() for part in got[0])
    if y.ndim:
        y[5], f[2] = odd, odd
        assert same(loss(y, f, w), want[1])


@every_loss
@pytest.mark.parametrize("weighted", [False, True])
def test_a_nan_prediction_passes_through_value_gradient_and_hessian(loss, weighted):
    for target in (0.0, 1.0, -1.0, 0.3, 2.0):
        target = target if len(loss.targets) == 1 else [target, target + 1]
        if not loss.domain.contains(target):
            continue
        for which in range(len(loss.outputs)):  # of several outputs one is enough
            y, f = np.array([target] * 3), np.full((3, *width(loss)), 0.5)
            f[1, *((which,) if width(loss) else ())] = math.nan
            w = np.array([1.0, 2.0, 3.0]) if weighted else None
            for part in loss.value_gradient_and_hessian(y, f, w, "none"):
                assert np.isnan(part.reshape(3, -1)).all(axis=1).tolist() == [False, True, False]
            for name in ("gradient", "hessian"):
                got = np.isnan(getattr(loss, name)(y, f, w).reshape(3, -1))
                assert got.all(axis=1).tolist() == got.any(axis=1).tolist() == [False, True, False]
            assert math.isnan(loss(y, f, w))
            assert math.isnan(loss.value_and_gradient(y, f, w)[0])


TELLING = [
    lk.BinaryFocal(0.0),
    lk.BinaryFocal(0.0, 0.25),
    lk.BinaryFocal(2.0, 0.25),
    lk.Tweedie(0.0),
    lk.Tweedie(1.0),
    lk.Tweedie(2.0),
    lk.Tweedie(3.0),
    lk.Quantile(0.9),
    lk.Expectile(0.1),
]


@pytest.mark.parametrize("loss", TELLING, ids=repr)
def test_nan_passes_through_at_telling_parameters(loss):
    y, f = np.array([1.0, 1.0]), np.array([math.nan, 0.5])
    for part in loss.value_gradient_and_hessian(y, f, reduction="none"):
        assert np.isnan(part).tolist() == [True, False]


@every_loss
def test_a_batch_of_no_weight_has_value_nan_and_gradient_zero(loss):
    y, f, _ = rows(loss, 16, 5)
    y[1], f[2] = math.nan, math.nan
    value, gradient, hessian = loss.value_gradient_and_hessian(y, f, np.zeros(5))
    assert math.isnan(value)
    assert not gradient.any()
    assert not hessian.any()
    assert loss(y, f, np.zeros(5), empty="zero") == 0.0
    assert loss(y, f, np.zeros(5), "sum") == loss(y, f, np.zeros(5), "mean_over_rows") == 0.0
    with pytest.raises(lk.DomainError, match="no weight"):
        loss(y, f, np.zeros(5), empty="raise")


@pytest.mark.parametrize("method", ["gradient", "hessian", "gradient_and_hessian", "hessian_diagonal"])
def test_derivatives_of_no_weight_raise_when_asked_to(method):
    with pytest.raises(lk.DomainError, match="no weight"):
        getattr(lk.SquaredError(), method)([1.0], [2.0], [0.0], empty="raise")


@every_loss
@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)])
def test_no_rows_are_an_empty_batch(loss, shape):
    y, f = np.empty((*shape, *depth(loss))), np.empty((*shape, *width(loss)))
    assert math.isnan(loss(y, f))
    assert math.isnan(loss(y, f, reduction="mean_over_rows"))
    assert loss(y, f, reduction="sum") == 0.0 == loss(y, f, empty="zero")
    assert loss(y, f, np.empty(shape), "none").shape == shape
    assert loss.gradient(y, f).shape == f.shape
    assert loss.hessian(y, f).shape == (*f.shape, *width(loss))
    with pytest.raises(lk.DomainError, match="no rows"):
        loss(y, f, empty="raise")


@pytest.mark.parametrize(
    "empty",
    [
        pytest.param(np.empty(0, int), id="integers"),
        pytest.param(np.empty(0, ">f8"), id="byte-swapped"),
        pytest.param(np.broadcast_to(1.0, (0, 3)), id="read-only"),
        pytest.param([], id="list"),
        pytest.param(np.empty((0, 3), np.float32, order="F"), id="fortran"),
    ],
)
def test_no_rows_of_any_layout_are_an_empty_batch(empty):
    y = f = empty
    assert math.isnan(lk.SquaredError()(y, f))
    assert lk.SquaredError().gradient(y, f).shape == np.shape(empty)
    assert lk.SquaredError()(y, f, reduction="none").shape == np.shape(empty)
