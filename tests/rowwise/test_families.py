"""Entmax losses, ordered classes, one against the rest, and constants: against mpmath, identities, and each other."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import losskit as lk
from losskit.domains import Categories
from tests.laws.oracle import error
from tests.rowwise.cases import COUNTS, SETTINGS, labels, shares_fit

OTHER = 8.0  # ulp


def scores(rng: np.random.Generator, n: int, k: int) -> np.ndarray:
    """From nearly equal to far apart, with ties."""
    z = rng.normal(size=(n, k)) * 10.0 ** rng.uniform(-3, 1.5, (n, 1))
    z[: n // 6, 1:] = z[: n // 6, :1]
    z[n // 6 : n // 3, 1:] -= rng.uniform(1, 60, (n // 3 - n // 6, 1))
    return z


def entmax(z: np.ndarray, alpha: float) -> tuple[list, list]:
    """Probabilities, and 1 minus them, by bisection at 70 digits."""
    z, a = [mpmath.mpf(x) for x in z.tolist()], mpmath.mpf(alpha) - 1
    if not a:
        exps = [mpmath.exp(x - max(z)) for x in z]
        p = [e / mpmath.fsum(exps) for e in exps]
    else:
        low, high = a * max(z) - 1, a * max(z)
        for _ in range(250):
            middle = (low + high) / 2
            p = [max(a * x - middle, mpmath.mpf(0)) ** (1 / a) for x in z]
            low, high = (middle, high) if mpmath.fsum(p) > 1 else (low, middle)
    return p, [mpmath.fsum(q for i, q in enumerate(p) if i != j) for j in range(len(p))]


@pytest.mark.parametrize("alpha", [1.0, 1.0625, 1.5, 1.75, 2.0])
def test_entmax_losses_keep_the_promise(alpha):
    rng = np.random.default_rng(int(16 * alpha))
    z, y = scores(rng, 24, 4), rng.integers(0, 4, 24)
    value, gradient = lk.FenchelYoung(alpha).value_and_gradient(y, z, reduction="none")
    with mpmath.workdps(70):
        for i in range(24):
            p, rest = entmax(z[i], alpha)
            a = mpmath.mpf(alpha) - 1
            entropy = [q * mpmath.log(q) if not a else (q ** (1 + a) - q) / a / (1 + a) for q in p]
            gap = [q * (mpmath.mpf(x) - mpmath.mpf(z[i, y[i]])) for q, x in zip(p, z[i].tolist(), strict=True)]
            true = mpmath.fsum(gap) - mpmath.fsum(entropy)
            true = true if true > mpmath.mpf(10) ** -60 else mpmath.mpf(0)
            # p = (1 - a v)^(1/a): at the edge of the support its digits are those of a difference
            edges = [float((1 - q**a) / a / q**a) if a and q and j != y[i] else 0.0 for j, q in enumerate(p)]
            edges[y[i]] = sum(x * float(q / rest[y[i]]) for x, q in zip(edges, p, strict=True)) if rest[y[i]] else 0.0
            shares = [float(q ** (1 + a) / true) if true and j != y[i] else 0.0 for j, q in enumerate(p)]
            assert error(value[i], true) <= OTHER + np.dot(edges, shares), (z[i], y[i], value[i], true)
            for j in range(4):
                slope = -rest[j] if j == y[i] else p[j]
                slope = slope if abs(slope) > mpmath.mpf(10) ** -60 else mpmath.mpf(0)
                assert error(gradient[i, j], slope) <= OTHER + edges[j], (z[i], y[i], j, gradient[i, j], slope)


@pytest.mark.parametrize(("alpha", "other"), [(1.0, lk.SoftmaxCrossEntropy()), (2.0, lk.Sparsemax())])
def test_the_ends_of_entmax_are_softmax_and_sparsemax(alpha, other):
    rng = np.random.default_rng(1)
    loss, f, y = lk.FenchelYoung(alpha), scores(rng, 60, 5), rng.integers(0, 5, 60)
    for mine, theirs in zip(*(each.value_gradient_and_hessian(y, f, reduction="none") for each in (loss, other)),
                            strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(loss.predict(f), other.predict(f), rtol=1e-12, atol=1e-15)


def test_entmax_of_shares_is_zero_at_its_own_prediction_and_scores_left_out_have_none():
    rng = np.random.default_rng(2)
    f = rng.normal(size=(30, 4))
    for alpha in (1.0, 1.5, 2.0):
        loss = lk.FenchelYoung(alpha)
        np.testing.assert_allclose(loss(loss.predict(f), f, reduction="none"), 0, atol=1e-15)
        np.testing.assert_allclose(loss.predict(loss.link.to_score(loss.predict(f))), loss.predict(f), atol=1e-15)
    np.testing.assert_allclose(lk.FenchelYoung().predict([[0.0, -np.inf, 0.0]]), [[0.5, 0.0, 0.5]], rtol=4e-16)
    assert lk.FenchelYoung()([1], [[0.0, -np.inf, 0.0]]) == np.inf
    assert lk.FenchelYoung()([0], [[5.0, 1.0, 0.0]]) == 0


def ordered(rng: np.random.Generator, n: int, k: int) -> np.ndarray:
    """Falling scores, close and far."""
    gaps = 10.0 ** rng.uniform(-6, 1.5, (n, k))
    return rng.normal(size=(n, 1)) * 10.0 ** rng.uniform(-2, 1.5, (n, 1)) - np.cumsum(gaps, axis=1)


def test_ordinal_keeps_the_promise():
    rng = np.random.default_rng(3)
    f, y = ordered(rng, 80, 3), rng.integers(0, 4, 80)
    value, gradient = lk.Ordinal().value_and_gradient(y, f, reduction="none")
    with mpmath.workdps(400):
        for i in range(80):
            edges = [mpmath.inf, *(mpmath.mpf(x) for x in f[i].tolist()), -mpmath.inf]
            a, b = edges[y[i]], edges[y[i] + 1]
            up, down = (1 / (1 + mpmath.exp(-x)) for x in (a, b))
            p = up - down
            assert error(value[i], -mpmath.log(p)) <= OTHER, (f[i], y[i])
            slopes = {y[i] - 1: (-up * (1 - up) / p, a), y[i]: (down * (1 - down) / p, b)}
            for j in range(3):
                slope, _ = slopes.get(j, (mpmath.mpf(0), 0))
                assert error(gradient[i, j], slope) <= OTHER, (f[i], y[i], j)
    np.testing.assert_allclose(-np.log(lk.Ordinal().predict(f)[np.arange(80), y]), value, rtol=1e-7, atol=1e-12)


def test_ordered_classes_are_refused_and_cost_infinity_where_they_should():
    loss = lk.Ordinal()
    assert loss([1, 1, 0], [[0.0, 0.0], [0.0, 1.0], [0.0, 1.0]], reduction="none").tolist()[:2] == [np.inf, np.inf]
    assert loss.gradient([1], [[0.0, 0.0]]).tolist() == [[-np.inf, np.inf]]
    assert lk.Coral()([1], [[0.0, 1.0]]) == pytest.approx(np.log(2) + np.log1p(np.e))
    assert loss([2], [[1.0, 0.0]]) == pytest.approx(np.log(2))
    with pytest.raises(lk.DomainError, match=r"labels 0 ... 2, for f has 2 classes and 1"):
        loss([3], [[1.0, 0.0]])
    with pytest.raises(lk.ShapeError, match="takes labels"):
        loss([[1.0, 0.0]], [[1.0, 0.0]])


def test_coral_and_one_against_the_rest_are_sums_of_logistic_losses():
    rng = np.random.default_rng(4)
    f, y = rng.normal(size=(50, 3)) * 9, rng.integers(0, 4, 50)
    above = (y[:, None] > np.arange(3)).astype(float)
    several = rng.integers(0, 2, (50, 3)).astype(float)
    for loss, target, t, factor in (
        (lk.Coral(), y, above, 1), (lk.OneVsRest(), several, several, 1),
        (lk.MultilabelSoftMargin(), several, several, 1 / 3), (lk.OneVsRest(), y % 3, np.eye(3)[y % 3], 1),
    ):  # fmt: skip
        value, gradient = loss.value_and_gradient(target, f, reduction="none")
        rows, slopes = lk.Logistic().value_and_gradient(t, f, reduction="none")
        np.testing.assert_allclose(value, factor * rows.sum(axis=1), rtol=1e-14)
        np.testing.assert_allclose(gradient, factor * slopes, rtol=1e-14)


@pytest.mark.parametrize(("act", "error", "words"), [
    (lambda: lk.OneVsRest(lk.Huber()), lk.ParameterError, ("two classes", "Huber")),
    (lambda: lk.OneVsRest()([[0.5, 1.5]], [[0.0, 0.0]]), lk.DomainError, ("shares from 0 to 1", "1.5")),
    (lambda: lk.OneVsRest(lk.Hinge())([[0.0, 1.0]], [[0.0, 0.0]]), lk.ShapeError, ("takes labels",)),
    (lambda: lk.FenchelYoung(2.5), lk.ParameterError, ("1 <= alpha <= 2", "2.5")),
    (lambda: lk.SoftmaxCrossEntropy().constant([0, -1]), lk.DomainError, ("y[1] = -1",)),
    (lambda: lk.SoftmaxCrossEntropy().constant([0, 1], [0, 0]), lk.DomainError, ("no rows",)),
    (lambda: lk.SoftmaxCrossEntropy().constant([0, 2], classes=2), lk.DomainError, ("y[1] = 2",)),
    (lambda: lk.WestonWatkins().constant([0, 1]), lk.CapabilityError, ("constant",)),
])
def test_bad_input_is_named(act, error, words):
    with pytest.raises(error) as caught:
        act()
    for word in words:
        assert word in str(caught.value)


SOLVED = (lk.Softmax, lk.OneVsRest, lk.CrammerSinger)
KNOWN = [each for each in SETTINGS if isinstance(each.domain, Categories) and (
    each.traits().elicits == "mean" or isinstance(each, SOLVED))]  # fmt: skip


@pytest.mark.parametrize("loss", KNOWN, ids=repr)
def test_no_row_is_better_than_the_constant(loss):
    rng = np.random.default_rng(5)
    y, w = labels(rng), rng.random(60)
    y[4:20] = 0  # a majority for those that ask for one
    targets = [y, np.eye(4)[y]] if shares_fit(loss) else [y]
    k = 4 - loss.beyond

    def cost(row):
        return loss(y, np.tile(row, (60, 1)), w)

    for t in targets:
        best = loss.constant(t, w)
        assert best.shape == (k,)
        for step in rng.normal(size=(40, k)) * 10.0 ** rng.uniform(-4, 0, (40, 1)):
            other = best + step
            if loss.prediction_domain.bounded:
                other = np.abs(other) / np.abs(other).sum()
            assert cost(other) >= cost(best) - 1e-12


def test_the_constant_of_the_softmax_is_the_log_of_the_shares():
    loss, y, w = lk.SoftmaxCrossEntropy(), [0, 0, 1, 2], [1.0, 2.0, 3.0, 4.0]
    np.testing.assert_allclose(loss.constant(y, w), np.log([0.3, 0.3, 0.4]), rtol=1e-14)
    np.testing.assert_allclose(loss.predict(loss.constant(y, w)), [0.3, 0.3, 0.4], rtol=1e-14)
    assert loss.constant(y, classes=4)[3] == -np.inf
    assert lk.SoftmaxCrossEntropy(mask=(1, 1, 1, 0)).constant(y, classes=4)[3] == -np.inf
    np.testing.assert_allclose(lk.SoftmaxCrossEntropy(ignore_index=-1).constant([0, 1, -1, 1]), np.log([1 / 3, 2 / 3]))
    np.testing.assert_allclose(lk.BalancedSoftmax(COUNTS).constant(labels(np.random.default_rng(0))[:4]),
                               np.log(0.25 / np.array(COUNTS)), rtol=1e-14)  # fmt: skip
    np.testing.assert_allclose(lk.SoftmaxCrossEntropy(axis=0).constant(np.eye(3)), np.log([1 / 3] * 3))
