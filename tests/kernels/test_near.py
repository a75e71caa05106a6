"""Bodies for arguments within reach: the bits of the others, in whatever company a row stands."""

from __future__ import annotations

import importlib
import math

import numpy as np
import pytest
from numba import njit

import losskit as lk
from losskit.calculus.table import TABLE
from losskit.kernels.near import amount_bits, exponent_bits, near
from losskit.kernels.primitives import home_of
from losskit.kernels.program import HIGHEST

REACHING = [name for name, row in TABLE.items() if row.reach]
LARGEST = math.nextafter(256.0, 0.0)
EDGES = {
    "exponent": [0.0, -0.0, 5e-324, LARGEST, -LARGEST],
    "amount": [2.0**-511, math.nextafter(2.0**513, 0.0), 1.0],
}
BEYOND = {
    "exponent": [256.0, -256.0, 1e300],
    "amount": [math.nextafter(2.0**-511, 0.0), 2.0**513, 5e-324, 0.0, -0.0, -5e-324, -1.0, -1e300],
}
TESTS = {
    "exponent": njit(lambda x: exponent_bits(x) & HIGHEST == 0),
    "amount": njit(lambda y: amount_bits(y) & HIGHEST == 0),
}


def _draws(test: str, rng: np.random.Generator, rows: int) -> np.ndarray:
    if test == "amount":
        drawn = np.exp2(rng.uniform(-511.0, 513.0, rows)) if rng.random() < 0.5 else np.exp(rng.normal(size=rows))
    else:
        drawn = rng.uniform(-LARGEST, LARGEST, rows) if rng.random() < 0.5 else rng.normal(size=rows)
    drawn[: len(EDGES[test])] = EDGES[test]
    return rng.permutation(drawn)


@pytest.mark.parametrize("name", REACHING)
def test_a_near_body_has_the_bits_of_its_own(name):
    row, own = TABLE[name], getattr(importlib.import_module(home_of(name)), name)
    made = near(own)
    assert made is not own
    both = njit(error_model="numpy")(lambda a, b: (own(a, b), made(a, b)))
    for seed in range(20):
        rng = np.random.default_rng(seed)
        given = [_draws(test, rng, 2000) for test in row.reach]
        for a, b in zip(*given, strict=True):
            x, y = both(a, b)
            assert np.float64(x).tobytes() == np.float64(y).tobytes(), f"{name}({a!r}, {b!r}): {x!r}, {y!r}"


@pytest.mark.parametrize("test", TESTS)
def test_what_is_within_reach(test):
    within = TESTS[test]
    assert all(map(within, EDGES[test]))
    assert not any(map(within, [math.nan, -math.nan, math.inf, -math.inf, *BEYOND[test]]))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_row_has_its_bits_in_any_company(dtype):
    rng, loss, rows = np.random.default_rng(3), lk.Gamma(), 1500
    f = rng.normal(size=rows).astype(dtype)
    y = np.exp(f + rng.normal(size=rows).astype(dtype))
    calm = (*loss.value_and_gradient(y, f, reduction="none"), loss.hessian(y, f))
    wild = [(700.0, 1.0), (-700.0, 1.0), (math.nan, 1.0), (math.inf, 1.0), (0.0, float(np.finfo(dtype).tiny) / 4)]
    for i, (far, amount) in enumerate(wild):
        f_, y_, at = f.copy(), y.copy(), 300 * i  # in each strip once
        f_[at], y_[at] = far, amount
        others = np.arange(rows) != at
        with np.errstate(all="ignore"):
            found = (*loss.value_and_gradient(y_, f_, reduction="none"), loss.hessian(y_, f_))
            alone = loss(y_[at : at + 1], f_[at : at + 1], reduction="none")
        np.testing.assert_array_equal(found[0][at], alone[0])
        for there, here in zip(found, calm, strict=True):
            np.testing.assert_array_equal(there[others], here[others])


def test_predictions_may_be_overwritten():
    rng, loss = np.random.default_rng(4), lk.Gamma()
    f = rng.normal(size=1000)
    y = np.exp(rng.normal(size=1000))
    f[[3, 700]] = 400.0, -400.0
    wanted = loss.gradient(y, f, reduction="none")
    assert loss.gradient(y, f, reduction="none", out=f) is f
    np.testing.assert_array_equal(f, wanted)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_a_target_outside_the_domain_is_named(bad):
    y, f = np.ones(1000), np.zeros(1000)
    y[[417, 900]] = bad
    with pytest.raises(lk.DomainError, match=r"y\[417\].*2 of 1000"):
        lk.Gamma()(y, f)
    w = np.where(np.isin(np.arange(1000), [417, 900]), 0.0, 1.0)
    assert lk.Gamma()(y, f, sample_weight=w) == 0.0
