"""A plain mean takes one logarithm for many rows, and loses nothing by it."""

import mpmath
import numpy as np
import pytest

import losskit as lk

ULP = 2.0**-52
SIZES = (1, 7, 8, 9, 255, 257, 4097)


def exact_logistic(y, f):
    with mpmath.workdps(400):  # 1 + e^-700 has its last digit there
        rows = [mpmath.log1p(mpmath.exp(z)) - t * mpmath.mpf(z) for t, z in zip(map(mpmath.mpf, y), f, strict=True)]
        return float(mpmath.fsum(rows) / len(rows))


def exact_softmax(y, z):
    with mpmath.workdps(50):
        rows = []
        for label, row in zip(y, z, strict=True):
            others = mpmath.fsum(mpmath.exp(mpmath.mpf(x) - mpmath.mpf(row[label])) for x in np.delete(row, label))
            rows.append(mpmath.log1p(others))
        return float(mpmath.fsum(rows) / len(rows))


@pytest.mark.parametrize("spread", [1.0, 200.0])
def test_a_mean_of_well_classified_rows_keeps_its_digits(spread):
    rng = np.random.default_rng(int(spread))
    for n in SIZES[:-1]:
        f = rng.normal(0.0, spread, n)
        y = (f > 0).astype(float)
        assert lk.Logistic()(y, f) == pytest.approx(exact_logistic(y.tolist(), f.tolist()), rel=3 * ULP, abs=0), n
        y[: n // 2] = rng.random(n // 2)
        assert lk.Logistic()(y, f) == pytest.approx(exact_logistic(y.tolist(), f.tolist()), rel=3 * ULP, abs=0), n


def test_a_mean_over_classes_keeps_its_digits():
    rng = np.random.default_rng(0)
    for n in SIZES[:-1]:
        z = rng.normal(0.0, 6.0, (n, 3))
        y = z.argmax(axis=1)
        expected = exact_softmax(y.tolist(), z.tolist())
        assert lk.SoftmaxCrossEntropy()(y, z) == pytest.approx(expected, rel=3 * ULP, abs=0), n


@pytest.mark.parametrize("loss", [lk.Logistic(), lk.SoftmaxCrossEntropy()])
def test_the_mean_is_that_of_the_rows_and_of_weights_of_one(loss):
    rng = np.random.default_rng(1)
    for n in SIZES:
        f = rng.normal(0.0, 5.0, n if loss == lk.Logistic() else (n, 4))
        y = rng.integers(0, 2, n)
        mean = loss(y, f)
        assert mean == loss.value_and_gradient(y, f)[0]
        assert mean == pytest.approx(np.mean(loss(y, f, reduction="none")), rel=8 * ULP, abs=0)
        assert mean == pytest.approx(loss(y, f, np.ones(n)), rel=8 * ULP, abs=0)


def test_infinite_scores_and_nan_reach_the_mean():
    y = np.array([1.0, 0.0, 1.0])
    assert lk.Logistic()(y, np.array([np.inf, -np.inf, np.inf])) == 0.0
    assert lk.Logistic()(y, np.array([np.inf, np.inf, 0.0])) == np.inf
    assert np.isnan(lk.Logistic()(y, np.array([0.0, np.nan, 1.0])))
    assert np.isnan(lk.SoftmaxCrossEntropy()(np.array([0, 1]), np.array([[-np.inf, -np.inf], [0.0, 1.0]])))
