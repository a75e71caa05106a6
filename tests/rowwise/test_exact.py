"""Softmax losses against mpmath, in ulp: scores up to 700, up to a thousand classes, shares, and the open cases."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest

import losskit as lk
from tests.laws.oracle import error

S = lk.SoftmaxCrossEntropy()
BASIC, OTHER = 4.0, 8.0  # ulp


def truth(z: np.ndarray, shares: np.ndarray) -> tuple[object, list[object], list[list[object]]]:
    """Cross-entropy, its gradient, and each gradient's summands, of a row, at 60 digits beyond what cancels."""
    with mpmath.workdps(800):
        exps = [mpmath.exp(mpmath.mpf(x)) if x > -math.inf else mpmath.mpf(0) for x in z.tolist()]
        total = mpmath.fsum(exps)
        lse = mpmath.log(total)
        t = [mpmath.mpf(x) for x in shares.tolist()]
        value = mpmath.fsum(a * (lse - mpmath.mpf(x)) for a, x in zip(t, z.tolist(), strict=True) if a)
        p = [e / total for e in exps]
        gradient = [mpmath.fsum(t) * q - a for q, a in zip(p, t, strict=True)]
        return value, gradient, [[q, a] for q, a in zip(p, t, strict=True)]


def rows(rng: np.random.Generator, k: int, n: int) -> np.ndarray:
    """Scores from flat to far apart, with ties, near ties and classes left out."""
    z = rng.normal(size=(n, k)) * 10.0 ** rng.uniform(-3, 2.3, (n, 1))
    z[: n // 5, 1:] -= rng.uniform(20, 650, (n // 5, 1))
    z[n // 5 : n // 4] = 0.0
    z[n // 4 : n // 3] += 1e-12 * rng.normal(size=(n // 3 - n // 4, k))
    z[n // 3 : n // 2] += 600 * rng.choice([-1, 1], (n // 2 - n // 3, 1))
    z[-2:, -1] = -np.inf
    return np.clip(z, -700, 700, where=np.isfinite(z), out=z)


@pytest.mark.parametrize(("k", "n"), [(2, 150), (3, 150), (10, 60), (16, 40), (17, 40), (100, 16), (1000, 4)])
def test_value_and_gradient_by_label_keep_the_promise(k, n):
    rng = np.random.default_rng(k)
    z, y = rows(rng, k, n), rng.integers(0, k, n)
    y[: n // 8] = 0  # the highest class by far
    value, gradient = S.value_and_gradient(y, z, reduction="none")
    for i in range(n):
        true, slopes, _ = truth(z[i], np.eye(k)[y[i]])
        assert error(value[i], true) <= BASIC, (z[i], y[i], value[i], true)
        for j in range(k):
            assert error(gradient[i, j], slopes[j]) <= BASIC, (z[i], y[i], j, gradient[i, j], slopes[j])


@pytest.mark.parametrize(("k", "n"), [(3, 80), (10, 40), (17, 20), (100, 8)])
def test_value_and_gradient_by_share_keep_the_promise(k, n):
    rng = np.random.default_rng(100 + k)
    z = rows(rng, k, n)[:-2]
    t = rng.dirichlet(np.full(k, 0.4), len(z))
    value, gradient = S.value_and_gradient(t, z, reduction="none")
    for i in range(len(z)):
        true, slopes, summands = truth(z[i], t[i])
        assert error(value[i], true) <= BASIC, (z[i], t[i], value[i], true)
        for j in range(k):  # p_j - t_j, a difference with a root: by its largest summand
            scale = max(abs(x) for x in summands[j])
            assert error(gradient[i, j], slopes[j], scale) <= BASIC, (z[i], t[i], j, gradient[i, j], slopes[j])


@pytest.mark.parametrize("k", [4, 17])
def test_float32_scores_are_right_to_one_rounding(k):
    rng = np.random.default_rng(200 + k)
    z, y = rows(rng, k, 40)[:-2].astype(np.float32), rng.integers(0, k, 38)
    value, gradient = S.value_and_gradient(y, z, reduction="none")
    for i in range(38):
        true, slopes, _ = truth(z[i].astype(float), np.eye(k)[y[i]])
        for got, want in zip([value[i], *gradient[i]], [true, *slopes], strict=True):
            ulp = float(np.spacing(np.abs(np.float32(float(want)))))
            assert abs(float(got) - float(want)) <= 0.50001 * ulp, (z[i], y[i], got, want)


def test_the_open_cases_of_the_softmax():
    value, gradient = S.value_and_gradient([0], [[50.0, 0.0, 0.0]])
    true, slopes, _ = truth(np.array([50.0, 0.0, 0.0]), np.array([1.0, 0.0, 0.0]))
    assert error(value, true) <= 1
    assert error(gradient[0, 0], slopes[0]) <= 1
    assert value == pytest.approx(3.857499695927836e-22, rel=4e-16)
    assert S([[0.0, 0.5, 0.5]], [[-np.inf, 0.0, 0.0]]) == pytest.approx(math.log(2), rel=2e-16)
    assert (S.gradient([[0.0, 0.5, 0.5]], [[-np.inf, 0.0, 0.0]]) == 0).all()
    assert S([0, 1], [[np.inf, 0.0], [np.inf, 0.0]], reduction="none").tolist() == [0.0, np.inf]
    assert S.gradient([0, 1], [[np.inf, 0.0], [np.inf, 0.0]], reduction="none").tolist() == [[0, 0], [1, -1]]
    assert np.isnan(S([0], [[-np.inf, -np.inf]]))


def test_categorical_cross_entropy_gives_the_figures_of_the_tutorials():
    loss, p = lk.CategoricalCrossEntropy(), np.linspace(0.01, 0.99, 10)
    f, y = np.column_stack([p, 1 - p]), np.tile([1.0, 0.0], (10, 1))
    want = [4.60517019, 2.12956593, 1.47938478, 1.08866196, 0.80843334, 0.58978867, 0.41047765, 0.25848292, 0.12657154,
            0.01005034]  # fmt: skip
    np.testing.assert_allclose(loss(y, f, reduction="none"), want, atol=5e-9)
    rows = [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.2, 0.3, 0.5]]
    assert loss(np.eye(3), rows) == pytest.approx(0.42432189, abs=5e-9)
    assert loss([0], [[0.0, 1.0]]) == np.inf
    assert loss.gradient([1], [[0.0, 1.0]]).tolist() == [[0.0, -1.0]]


def test_class_weights_give_one_number_for_labels_and_one_hot():
    loss = lk.SoftmaxCrossEntropy(class_weight=(1.0, 5.0, 2.0))
    rng = np.random.default_rng(0)
    f, y = rng.normal(size=(40, 3)), rng.integers(0, 3, 40)
    assert loss(np.eye(3)[y], f) == loss(y, f)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 5.0])
def test_focal_softmax_keeps_the_promise(gamma):
    rng = np.random.default_rng(int(10 * gamma))
    z, y = rows(rng, 5, 60)[:-2], rng.integers(0, 5, 58)
    value, gradient = lk.FocalSoftmax(gamma=gamma).value_and_gradient(y, z, reduction="none")
    for i in range(58):
        with mpmath.workdps(800):
            exps = [mpmath.exp(mpmath.mpf(x)) for x in z[i].tolist()]
            rest = mpmath.fsum(e for j, e in enumerate(exps) if j != y[i]) / mpmath.fsum(exps)
            s = -mpmath.log(1 - rest) if rest < 0.5 else mpmath.log(mpmath.fsum(exps)) - mpmath.mpf(z[i, y[i]])
            true = rest**gamma * s
            slope = rest**gamma + gamma * rest ** (gamma - 1) * (1 - rest) * s
        assert error(value[i], true) <= OTHER, (z[i], y[i], value[i], true)
        assert error(gradient[i, y[i]], -rest * slope) <= OTHER, (z[i], y[i], gradient[i], -rest * slope)
