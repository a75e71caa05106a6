"""Dtypes, layouts and out=: the same numbers, however they lie in memory."""

from __future__ import annotations

import math

import numpy as np
import pytest

import losskit as lk
from tests.border.test_weights import TwoOutputs, every_loss, rows, same, width
from tests.families import one_of_each_kind

S = lk.SquaredError()
INTEGERS = [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64]


@every_loss
@pytest.mark.parametrize("weighed", [pytest.param(False, marks=pytest.mark.slow), True], ids=["plain", "weighed"])
def test_the_sum_has_the_same_bits_whatever_else_is_asked(loss, weighed):
    y, f, w = rows(loss, 21, 10_007)
    weights = w if weighed else None
    total, fused = loss(y, f, weights), loss.value_gradient_and_hessian(y, f, weights)[0]
    assert total == loss.value_and_gradient(y, f, weights)[0] == fused


# -- dtypes


@every_loss
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float16, ">f8", ">i4"])
def test_numbers_of_any_real_dtype_give_what_their_doubles_give(loss, dtype):
    y, f = np.array([1, 1, 1]), np.array([0, 1, 1])
    if len(loss.targets) > 1:
        y = np.ones((3, len(loss.targets)), int)
    if width(loss):
        f = np.ones((3, *width(loss)), int)
    want = loss.value_gradient_and_hessian(y.astype(float), f.astype(float), reduction="none")
    for pair in (
        (y.astype(dtype), f.astype(dtype)),
        (y.astype(dtype), f.astype(float)),
        (y.astype(float), f.astype(dtype)),
    ):
        for got, there in zip(loss.value_gradient_and_hessian(*pair, reduction="none"), want, strict=True):
            np.testing.assert_array_equal(got, there.astype(got.dtype))


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_never_wrap(dtype):
    assert S(np.array([100], dtype), np.array([10], dtype)) == 8100.0
    assert S.gradient(np.array([100], dtype), np.array([10], dtype)).tolist() == [-180.0]
    top = np.array([min(int(np.iinfo(dtype).max), 2**53)], dtype)
    assert S(top, np.zeros(1, dtype)) == float(top[0]) ** 2
    if np.iinfo(dtype).min < 0:
        low = np.array([max(int(np.iinfo(dtype).min), -(2**53))], dtype)
        assert S(low, top) == (float(top[0]) - float(low[0])) ** 2


def test_a_byte_of_200_is_200():
    assert S(np.array([200], np.uint8), np.array([10], np.uint8)) == 190.0**2


@every_loss
def test_float32_is_the_float64_result_rounded_once(loss):
    y, f, _ = (x.astype(np.float32) for x in rows(loss, 20, 5000))
    wide = loss.value_gradient_and_hessian(y.astype(float), f.astype(float), reduction="none")
    for got, want in zip(loss.value_gradient_and_hessian(y, f, reduction="none"), wide, strict=True):
        assert same(got, want.astype(np.float32))
    assert loss(y, f) == pytest.approx(loss(y.astype(float), f.astype(float)), rel=1e-14)


@every_loss
def test_mixed_floats_are_computed_in_double_and_come_in_the_predictions_dtype(loss):
    y, f, w = rows(loss, 21, 300)
    f32 = f.astype(np.float32)
    wide = loss.value_gradient_and_hessian(y, f32.astype(float), reduction="none")
    for got, want in zip(loss.value_gradient_and_hessian(y, f32, reduction="none"), wide, strict=True):
        assert same(got, want.astype(np.float32))
    assert loss(y, f32) == loss(y, f32.astype(float))
    y32 = y.astype(np.float32)
    assert same(loss.gradient(y32, f, w), loss.gradient(y32.astype(float), f, w))


@every_loss
def test_float16_is_the_float64_result_rounded_once(loss):
    y, f, _ = (x.astype(np.float16) for x in rows(loss, 22, 300))
    for got, want in zip(
        loss.value_gradient_and_hessian(y, f, reduction="none"),
        loss.value_gradient_and_hessian(y.astype(float), f.astype(float), reduction="none"),
        strict=True,
    ):
        assert same(got, want.astype(np.float16))


@pytest.mark.parametrize(
    ("y", "f"), [(np.zeros(1, np.float16), np.float16([60000])), (np.zeros(1), np.float32([3e38]))]
)
def test_a_result_beyond_the_dtype_is_infinite_without_a_warning(y, f):
    assert S.gradient(y, f, reduction="sum").tolist() == [math.inf]


def test_results_come_in_the_machines_byte_order():
    assert S.gradient(np.zeros(2, ">f8"), np.ones(2, ">f8")).dtype.isnative


def test_the_mean_of_2_to_the_25_float32_rows_is_exact_to_one_rounding():
    y, f = np.broadcast_to(np.float32(0), 2**25), np.broadcast_to(np.float32(0.1), 2**25)
    want = float(np.float32(0.1)) ** 2
    assert np.float32(S(y, f)) == np.float32(want)
    assert S(y, f) == pytest.approx(want, rel=1e-13)


@pytest.mark.slow
def test_rows_beyond_2_to_the_31_are_counted():
    n = 2**31 + 5
    y, f = np.broadcast_to(np.float32(0), n), np.broadcast_to(np.float32(2), n)
    assert S(y, f, reduction="sum") == 4.0 * n


# -- layouts


def _misaligned(x: np.ndarray) -> np.ndarray:
    bytes_ = np.frombuffer(b"\0" + x.tobytes(), dtype=np.uint8)[1:]
    out = bytes_.view(x.dtype).reshape(x.shape)
    assert not out.flags.aligned
    return out


def _readonly(x: np.ndarray) -> np.ndarray:
    x = x.copy()
    x.flags.writeable = False
    return x


def _strided(x: np.ndarray) -> np.ndarray:
    wide = np.full((*x.shape[:-1], 3 * x.shape[-1]), math.nan, x.dtype)
    wide[..., ::3] = x
    return wide[..., ::3]


LAYOUTS = {
    "fortran": np.asfortranarray,
    "reversed": lambda x: np.flip(np.flip(x).copy()),
    "strided": _strided,
    "transposed": lambda x: x.T.copy().T,
    "read-only": _readonly,
    "misaligned": _misaligned,
    "byte-swapped": lambda x: x.astype(x.dtype.newbyteorder()),
}


@every_loss
@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout_gives_the_bits_of_the_plain_one(loss, layout):
    y, f, w = rows(loss, 23, (23, 400))  # more than two blocks
    odd = LAYOUTS[layout]
    want = (
        *loss.value_gradient_and_hessian(y, f, reduction="none"),
        loss(y, f, w, "sum"),
        loss.gradient(y, f, w, "sum"),
    )
    got = (
        *loss.value_gradient_and_hessian(odd(y), odd(f), reduction="none"),
        loss(y, odd(f), odd(w), "sum"),
        loss.gradient(odd(y), f, odd(w), "sum"),
    )
    for here, there in zip(got, want, strict=True):
        np.testing.assert_array_equal(here, there)
    assert loss(odd(y), f, odd(w)) == pytest.approx(loss(y, f, w), rel=1e-15)


def test_zero_strides_repeat_a_row():
    y, f = np.broadcast_to(np.array([1.0, 2.0]), (70_000, 2)), np.broadcast_to(3.0, (70_000, 2))
    assert S(y, f) == 2.5
    assert S.gradient(y, f, reduction="sum").tolist() == [[4.0, 2.0]] * 70_000


@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout_serves_several_outputs(layout):
    rng, loss = np.random.default_rng(24), TwoOutputs()
    y, f, w = rng.normal(size=5000), rng.normal(size=(5000, 2)), rng.random(5000)
    want, got = (loss.value_gradient_and_hessian(y, x, w) for x in (f, LAYOUTS[layout](f)))
    for here, there in zip(got, want, strict=True):
        np.testing.assert_array_equal(here, there)


# -- out


def test_out_is_filled_and_returned():
    y, f, w = rows(S, 25, 100)
    value, gradient, hessian = S.value_gradient_and_hessian(y, f, w, "none")
    out = [np.full(100, math.nan) for _ in range(3)]
    got = S.value_gradient_and_hessian(y, f, w, "none", out=out)
    for given, returned, want in zip(out, got, (value, gradient, hessian), strict=True):
        assert returned is given
        assert same(given, want)
    assert S.gradient(y, f, w, out=out[1]) is out[1]
    assert same(out[1], S.gradient(y, f, w))
    assert S.value_and_gradient(y, f, w, out=out[1])[1] is out[1]


@pytest.mark.parametrize("layout", ["strided", "fortran", "misaligned", "reversed"])
def test_out_may_have_any_layout(layout):
    y, f, _ = rows(S, 26, (20, 30))
    out = LAYOUTS[layout](np.zeros((20, 30)))
    if not out.flags.writeable:
        out = np.frombuffer(bytearray(1 + 8 * 600), np.uint8)[1:].view(float).reshape(20, 30)
    assert S.gradient(y, f, out=out) is out
    np.testing.assert_array_equal(out, S.gradient(y, f))


@every_loss
@pytest.mark.parametrize("shift", [-3, -1, 0, 1, 3])
def test_out_may_share_memory_with_the_predictions(loss, shift):
    n = 9000
    y, f, w = rows(loss, 27, n)
    want = loss.gradient(y, f, w)
    memory = np.zeros(f.size + 6)
    inside, out = (memory[3 + s : f.size + 3 + s].reshape(f.shape) for s in (0, shift))
    inside[:] = f
    assert same(loss.gradient(y, inside, w, out=out), want)
    if y.size <= f.size:
        inside.flat[:n] = y
        assert same(loss.gradient(inside.reshape(-1)[:n], f, w, out=out), want)


@pytest.mark.parametrize("shift", [0, 1])
def test_out_may_share_memory_with_the_weights(shift):
    n = 100
    y, f, w = rows(S, 28, n)
    want = S.gradient(y, f, w)
    memory = np.zeros(n + 6)
    inside, out = memory[3:-3], memory[3 + shift : n + 3 + shift]
    inside[:] = w
    assert same(S.gradient(y, f, inside, out=out), want)


def test_out_keeps_float32():
    y, f = np.zeros(4, np.float32), np.ones(4, np.float32)
    out = np.zeros(4, np.float32)
    assert S.gradient(y, f, out=out) is out
    assert out.tolist() == [0.5] * 4


def test_inputs_are_never_written():
    for loss in (cls() for cls in one_of_each_kind().values()):
        y, f, w = (_readonly(x) for x in rows(loss, 29, 50))
        before = [x.tobytes() for x in (y, f, w)]
        loss.value_gradient_and_hessian(y, f, w)
        assert [x.tobytes() for x in (y, f, w)] == before
