"""Domains told by the bits of a label, beside the comparisons that they stand for."""

import math

import numpy as np
import pytest
from numba import njit

import losskit as lk
from losskit.kernels.memory import sign_bits, unit_bits
from losskit.kernels.program import _BITS

EDGES = [0.0, -0.0, 0.5, 1.0, -1.0, 1.5, 2.0, -2.0, 3.0, 1e-30, -1e-30, 1e30, -1e30, math.inf, -math.inf, math.nan]
FINER = [-math.nan, 5e-324, -5e-324, 1e-300, -1e-300, 1e300, -1e300,
         *(math.nextafter(edge, to) for edge in (1.0, -1.0, 2.0) for to in (-math.inf, math.inf))]  # fmt: skip
MASKS = dict(_BITS.values())
TESTS = {
    "unit_bits": (njit(lambda y: unit_bits(y)), lambda y: 0.0 <= y <= 1.0, lk.Logistic()),
    "sign_bits": (njit(lambda y: sign_bits(y)), lambda y: y in (-1.0, 1.0), lk.Exponential()),
}


@pytest.mark.parametrize("name", MASKS)
def test_the_bits_say_what_the_comparisons_do(name):
    bits, inside, _ = TESTS[name]
    drawn = np.random.default_rng(0).integers(-(2**63), 2**63, 20_000).view(np.float64)
    for y in [*EDGES, *FINER, *drawn.tolist(), *np.random.default_rng(1).normal(size=2000).tolist()]:
        assert (bits(y) & MASKS[name] == 0) == inside(y), y


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_one_label_outside_is_found_in_any_place(name, dtype):
    _, inside, loss = TESTS[name]
    for at in (0, 31, 255, 256, 4095, 4096, 5000):
        y, f, w = np.ones(5001, dtype), np.zeros(5001, dtype), np.ones(5001, dtype)
        w[at] = 0.0
        for bad in [x for x in EDGES if not inside(x)]:
            y[at] = bad
            with pytest.raises(lk.DomainError, match=rf"y\[{at}\]"):
                loss(y, f)
            assert loss(y, f, sample_weight=w) == pytest.approx(loss(y[y == 1.0], f[y == 1.0]), rel=1e-14)
