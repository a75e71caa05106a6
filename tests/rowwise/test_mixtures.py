"""Mixtures of densities: value and derivatives against mpmath, their mass, and their borders."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from scipy.integrate import quad

import losskit as lk

M = lk.MixtureNLL()


def nll(y, f):
    m = len(f) // 3
    a, mean, s = f[:m], f[m : 2 * m], f[2 * m :]
    total = mpmath.fsum(mpmath.exp(x) for x in a)
    return -mpmath.log(mpmath.fsum(
        mpmath.exp(a[j] - s[j] - ((y - mean[j]) * mpmath.exp(-s[j])) ** 2 / 2) for j in range(m)
    ) / total / mpmath.sqrt(2 * mpmath.pi))  # fmt: skip


@pytest.mark.parametrize("m", [1, 2, 3])
def test_a_mixture_is_what_mpmath_says(m):
    rng = np.random.default_rng(m)
    y, f = rng.normal(size=4) * 3, rng.normal(size=(4, 3 * m)) * 1.5
    value, gradient, hessian = M.value_gradient_and_hessian(y, f, reduction="none")
    for i in range(4):
        with mpmath.workdps(50):
            at = [mpmath.mpf(x) for x in f[i].tolist()]
            target = mpmath.mpf(float(y[i]))
            want = nll(target, at)
            assert abs(value[i] - want) <= 2e-15 * max(1, abs(want))
            for j in range(3 * m):
                for k in range(j, 3 * m):
                    ways = tuple((p == j) + (p == k) for p in range(3 * m))
                    bend = mpmath.diff(lambda *x, y=target: nll(y, x), tuple(at), ways)
                    assert abs(hessian[i, j, k] - bend) <= 1e-13 * max(1, abs(bend))
                    assert hessian[i, j, k] == pytest.approx(hessian[i, k, j], rel=1e-13, abs=1e-15)
                one = tuple(int(p == j) for p in range(3 * m))
                slope = mpmath.diff(lambda *x, y=target: nll(y, x), tuple(at), one)
                assert abs(gradient[i, j] - slope) <= 1e-14 * max(1, abs(slope))


def test_one_component_is_the_normal_density_and_every_mixture_has_mass_1():
    rng = np.random.default_rng(5)
    y, mean, s = rng.normal(size=(3, 30))
    one = M(y, np.stack([rng.normal(size=30), mean, s], axis=1), reduction="none")
    np.testing.assert_allclose(one, lk.GaussianNLL()(y, np.stack([mean, 2 * s], axis=1), reduction="none"), rtol=1e-13)
    f = rng.normal(size=6)
    assert quad(lambda t: np.exp(-M([t], [f])), -60, 60, points=f[2:4].tolist(), limit=200)[0] == pytest.approx(1.0)
    assert M.predict([f])[0] == pytest.approx(quad(lambda t: t * np.exp(-M([t], [f])), -60, 60, limit=200)[0])


def test_far_targets_stay_numbers_and_bad_shapes_are_said():
    value, gradient = M.value_and_gradient([1e200], [[0.0, 0.0, 0.0, 1.0, 0.0, 0.0]])
    assert value == np.inf
    assert not np.isnan(gradient).any()
    assert M([1e3], [[0.0, 0.0, 0.0, 1.0, 0.0, 0.0]]) == pytest.approx(999**2 / 2 + np.log(2 * np.sqrt(2 * np.pi)))
    with pytest.raises(lk.ShapeError, match="three numbers a component"):
        M([1.0], [[0.0, 1.0, 2.0, 3.0]])
    with pytest.raises(lk.DomainError, match="nan"):
        M([np.nan], [[0.0, 1.0, 2.0]])
    with pytest.raises(lk.CapabilityError, match="no best constant"):
        M.constant([1.0, 2.0])
