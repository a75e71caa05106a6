"""What depends on a small count alone is looked up by the strip: the same bits as where it is computed."""

from __future__ import annotations

import math

import numpy as np
import pytest

import losskit as lk


@pytest.mark.parametrize("rows", [300, 700, 5000])
def test_logarithms_looked_up_have_the_bits_of_those_computed(rows):
    rng, loss = np.random.default_rng(5), lk.Poisson()
    counts, f = rng.poisson(3.0, rows).astype(float), rng.normal(size=rows)
    far = np.where(np.arange(rows) == 260, 1e300, counts)
    for y in (counts, np.r_[0.5, counts[1:]], np.r_[counts[:-1], 256.0], counts * -0.0, far):
        apart = [loss(y[i : i + 50], f[i : i + 50], reduction="none") for i in range(0, rows, 50)]  # no table
        np.testing.assert_array_equal(loss(y, f, reduction="none"), np.concatenate(apart))
    for bad in (-1.0, math.nan, math.inf):
        with pytest.raises(lk.DomainError, match=rf"y\[{rows - 1}\]"):
            loss(np.r_[counts[:-1], bad], f)
