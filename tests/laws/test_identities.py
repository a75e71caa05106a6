"""Identities and limits between losses, and published or independent numbers for each: anchors of the formulas."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats

import losskit as lk
from losskit.registry import losses

RNG = np.random.default_rng(5)
R = np.concatenate([[0.0, 1.0, -1.0], RNG.normal(size=60) * 3])
ZERO = np.zeros_like(R)
SIGNS = RNG.choice([-1.0, 1.0], R.size)
BITS = (SIGNS + 1) / 2
COUNTS = RNG.poisson(3, R.size).astype(float)
AMOUNTS = RNG.gamma(2, size=R.size)


def value(loss, y, f):
    return loss(y, f, reduction="none")


def same(a, b, rel=1e-12):
    np.testing.assert_allclose(a, b, rtol=rel, atol=1e-15)


IDENTITIES = {
    "Huber of a huge delta is half the squared error": lambda: same(
        value(lk.Huber(1e9), ZERO, R), value(lk.SquaredError(), ZERO, R) / 2
    ),
    "Huber of a tiny delta over delta is the absolute error": lambda: same(
        value(lk.Huber(1e-13), ZERO, R) / 1e-13, value(lk.AbsoluteError(), ZERO, R), 1e-11
    ),
    "twice the median's pinball is the absolute error": lambda: same(
        2 * value(lk.Quantile(0.5), ZERO, R), value(lk.AbsoluteError(), ZERO, R)
    ),
    "twice the middle expectile is the squared error": lambda: same(
        2 * value(lk.Expectile(0.5), ZERO, R), value(lk.SquaredError(), ZERO, R)
    ),
    "pinballs of level and of 1 - level mirror each other": lambda: same(
        value(lk.Quantile(0.2), ZERO, R), value(lk.Quantile(0.8), ZERO, -R)
    ),
    "expectiles of level and of 1 - level mirror each other": lambda: same(
        value(lk.Expectile(0.2), ZERO, R), value(lk.Expectile(0.8), ZERO, -R)
    ),
    "pseudo-Huber of a huge delta is half the squared error": lambda: same(
        value(lk.PseudoHuber(1e9), ZERO, R), R**2 / 2, 1e-11
    ),
    "pseudo-Huber's distance to its asymptote is delta squared": lambda: same(
        value(lk.PseudoHuber(2.0), [0.0], [1e9]), [2e9 - 4], 1e-15
    ),
    "log-cosh of a huge scale is half the squared error": lambda: same(
        value(lk.LogCosh(1e9), ZERO, R), R**2 / 2, 1e-11
    ),
    "log-cosh's derivative is a hyperbolic tangent": lambda: same(
        lk.LogCosh(2.0).gradient(ZERO, R, reduction="none"), 2 * np.tanh(R / 2)
    ),
    "Tukey of a huge c is half the squared error": lambda: same(value(lk.Tukey(1e9), ZERO, R), R**2 / 2),
    "Tukey's plateau is c squared over six": lambda: same(value(lk.Tukey(2.0), [0.0], [5.0]), [4 / 6]),
    "Tweedie of power 0 is half the squared error of the mean": lambda: same(
        value(lk.Tweedie(0), R, R / 3), (np.exp(R / 3) - R) ** 2 / 2
    ),
    "Tweedie of power 1 is Poisson": lambda: same(value(lk.Tweedie(1), COUNTS, R), value(lk.Poisson(), COUNTS, R)),
    "Tweedie near power 1 is near Poisson": lambda: same(
        value(lk.Tweedie(1 + 1e-9), COUNTS, R), value(lk.Poisson(), COUNTS, R), 1e-6
    ),
    "Tweedie of power 2 is Gamma": lambda: same(value(lk.Tweedie(2), AMOUNTS, R), value(lk.Gamma(), AMOUNTS, R)),
    "Tweedie near power 2 is near Gamma": lambda: same(
        value(lk.Tweedie(2 - 1e-9), AMOUNTS, R), value(lk.Gamma(), AMOUNTS, R), 1e-6
    ),
    "Tweedie of power 3 is half the inverse Gaussian deviance": lambda: same(
        value(lk.Tweedie(3), AMOUNTS, R), (AMOUNTS - np.exp(R)) ** 2 / (2 * AMOUNTS * np.exp(2 * R)), 1e-9
    ),
    "focal of gamma 0 is logistic": lambda: same(value(lk.BinaryFocal(0), BITS, R), value(lk.Logistic(), BITS, R)),
    "focal of gamma 0 and alpha 1/2 is half of logistic": lambda: same(
        value(lk.BinaryFocal(0, 0.5), BITS, R), value(lk.Logistic(), BITS, R) / 2
    ),
    "logistic is cross-entropy of the sigmoid": lambda: same(
        value(lk.Logistic(), BITS, R), value(lk.BinaryCrossEntropy(), BITS, special.expit(R)), 1e-10
    ),
    "squared hinge is the square of the hinge": lambda: same(
        value(lk.SquaredHinge(), SIGNS, R), value(lk.Hinge(), SIGNS, R) ** 2
    ),
    "fractional labels mix the two classes": lambda: same(
        value(lk.BinaryFocal(2, 0.3), 0.3 + ZERO, R),
        0.3 * value(lk.BinaryFocal(2, 0.3), 1 + ZERO, R) + 0.7 * value(lk.BinaryFocal(2, 0.3), ZERO, R),
    ),
}


@pytest.mark.parametrize("name", IDENTITIES)
def test_identity(name):
    IDENTITIES[name]()


# Three independent numbers a loss: a published value or textbook expression, another library's with its factor.
def _sklearn(name, y, f, **options):
    from sklearn._loss import loss as peers

    peer = getattr(peers, name)(**options)
    return peer.loss(y, f) + (peer.constant_to_optimal_zero(y) if hasattr(peer, "constant_to_optimal_zero") else 0)


def _metric(name, y, f, **options):
    from sklearn import metrics

    return getattr(metrics, name)(y, f, **options)


P = special.expit(R)
ANCHORS = {
    "SquaredError": [
        lambda: same(value(lk.SquaredError(), [1.0], [4.0]), [9.0]),
        lambda: same(
            lk.SquaredError()([3, -0.5, 2, 7], [2.5, 0, 2, 8]),
            _metric("mean_squared_error", [3, -0.5, 2, 7], [2.5, 0, 2, 8]),
        ),
        lambda: same(value(lk.SquaredError(), ZERO, R) / 2, _sklearn("HalfSquaredError", ZERO, R)),
    ],
    "AbsoluteError": [
        lambda: same(value(lk.AbsoluteError(), [1.0], [4.0]), [3.0]),
        lambda: same(lk.AbsoluteError()(COUNTS, R), _metric("mean_absolute_error", COUNTS, R)),
        lambda: same(value(lk.AbsoluteError(), COUNTS, R), _sklearn("AbsoluteError", COUNTS, R)),
    ],
    "Huber": [
        lambda: same(value(lk.Huber(1.5), [0, 0], [1.0, 3.0]), [0.5, 3.375]),
        lambda: same(value(lk.Huber(1.3), ZERO, R), special.huber(1.3, R)),
        lambda: same(lk.Huber(1.345).gradient(ZERO, R, reduction="none"), np.clip(R, -1.345, 1.345)),
    ],
    "PseudoHuber": [
        lambda: same(value(lk.PseudoHuber(2.0), [0.0], [np.sqrt(12)]), [4.0]),
        lambda: same(value(lk.PseudoHuber(1.3), ZERO, R), special.pseudo_huber(1.3, R)),
        lambda: same(lk.PseudoHuber().gradient([0.0], [np.sqrt(3)]), [np.sqrt(3) / 2]),
    ],
    "LogCosh": [
        lambda: same(value(lk.LogCosh(), [0.0], [np.log(2)]), [np.log(1.25)]),
        lambda: same(value(lk.LogCosh(), ZERO, R), np.logaddexp(R, -R) - np.log(2), 1e-9),
        lambda: same(
            value(lk.LogCosh(0.5), ZERO, R), -0.25 * (stats.hypsecant.logpdf(2 * R) - stats.hypsecant.logpdf(0)), 1e-9
        ),
    ],
    "Quantile": [
        lambda: same(value(lk.Quantile(0.9), [10, 10], [8, 12]), [1.8, 0.2]),
        lambda: same(lk.Quantile(0.3)(COUNTS, R), _metric("mean_pinball_loss", COUNTS, R, alpha=0.3)),
        lambda: same(value(lk.Quantile(0.3), COUNTS, R), _sklearn("PinballLoss", COUNTS, R, quantile=0.3)),
    ],
    "Expectile": [
        lambda: same(value(lk.Expectile(0.9), [10, 10], [8, 12]), [3.6, 0.4]),
        lambda: same(lk.Expectile(0.9).constant(AMOUNTS), stats.expectile(AMOUNTS, 0.9), 1e-8),
        lambda: same(lk.Expectile(0.3).constant(COUNTS), stats.expectile(COUNTS, 0.3), 1e-8),
    ],
    "Tukey": [
        lambda: same(value(lk.Tukey(2.0), [0.0], [1.0]), [4 / 6 * (1 - 27 / 64)]),
        lambda: same(lk.Tukey().gradient([0.0], [4.685 / 2]), [4.685 / 2 * 9 / 16]),
        lambda: same(lk.Tukey(3.0).hessian(ZERO[:2], [0.0, 3 / np.sqrt(5)], reduction="none"), [1, 0]),
    ],
    "Poisson": [
        lambda: same(lk.Poisson()([2.0], [0.0]), 2 * np.log(2) - 1),
        lambda: same(2 * lk.Poisson()(COUNTS, R), _metric("mean_poisson_deviance", COUNTS, np.exp(R))),
        lambda: same(value(lk.Poisson(), COUNTS, R), _sklearn("HalfPoissonLoss", COUNTS, R), 1e-9),
    ],
    "Gamma": [
        lambda: same(lk.Gamma()([1.0], [np.log(2)]), np.log(2) - 0.5),
        lambda: same(2 * lk.Gamma()(AMOUNTS, R), _metric("mean_gamma_deviance", AMOUNTS, np.exp(R))),
        lambda: same(value(lk.Gamma(), AMOUNTS, R), _sklearn("HalfGammaLoss", AMOUNTS, R), 1e-8),
    ],
    "Tweedie": [
        lambda: same(lk.Tweedie(1.5)([4.0], [0.0]), 2.0),  # y sqrt: 2(sqrt y - 1)^2 at mu = 1
        lambda: same(2 * lk.Tweedie(1.7)(COUNTS, R), _metric("mean_tweedie_deviance", COUNTS, np.exp(R), power=1.7)),
        lambda: same(2 * lk.Tweedie(3)(AMOUNTS, R), _metric("mean_tweedie_deviance", AMOUNTS, np.exp(R), power=3)),
    ],
    "Logistic": [
        lambda: same(value(lk.Logistic(), [0, 1], [0.0, 0.0]), [np.log(2)] * 2),
        lambda: same(lk.Logistic()(BITS, R), _metric("log_loss", BITS, P)),
        lambda: same(value(lk.Logistic(), BITS, R), _sklearn("HalfBinomialLoss", BITS, R)),
    ],
    "BinaryCrossEntropy": [
        lambda: same(lk.BinaryCrossEntropy()([1.0, 0, 1, 1], [0.9, 0.1, 0.8, 0.4]), 0.33753883, 1e-7),
        lambda: same(lk.BinaryCrossEntropy()(BITS, P), _metric("log_loss", BITS, P)),
        lambda: same(value(lk.BinaryCrossEntropy(), BITS, P), -stats.bernoulli.logpmf(BITS, P)),
    ],
    "Hinge": [
        lambda: same(value(lk.Hinge(), [1, 1, -1], [0.5, 2.0, 1.0]), [0.5, 0, 2]),
        lambda: same(lk.Hinge()(SIGNS, R), _metric("hinge_loss", SIGNS, R)),
        lambda: same(value(lk.Hinge(), SIGNS, R), np.clip(1 - SIGNS * R, 0, None)),
    ],
    "SquaredHinge": [
        lambda: same(value(lk.SquaredHinge(), [1, 1, -1], [0.5, 2.0, 1.0]), [0.25, 0, 4]),
        lambda: same(value(lk.SquaredHinge(), SIGNS, R), np.clip(1 - SIGNS * R, 0, None) ** 2),
        lambda: same(lk.SquaredHinge().constant(BITS * 2 - 1), 2 * BITS.mean() - 1, 1e-9),
    ],
    "BinaryFocal": [
        lambda: same(value(lk.BinaryFocal(2.0), [1.0], [0.0]), [np.log(2) / 4]),
        lambda: same(
            value(lk.BinaryFocal(2.0, 0.25), [1.0, 0.0], [np.log(9)] * 2),
            [-0.25 * 0.01 * np.log(0.9), -0.75 * 0.81 * np.log(0.1)],
        ),
        lambda: same(
            value(lk.BinaryFocal(1.0), BITS, R), np.where(BITS == 1, (1 - P) * -np.log(P), P * -np.log1p(-P)), 1e-9
        ),
    ],
}


def test_every_loss_has_three_anchors():
    assert {name: len(anchors) for name, anchors in ANCHORS.items()} == dict.fromkeys(losses(), 3)


@pytest.mark.parametrize(("name", "number"), [(n, i) for n in ANCHORS for i in range(3)])
def test_anchor(name, number):
    ANCHORS[name][number]()


CURVATURES = {
    lk.SquaredError(): 2.0,
    lk.Poisson(): np.exp(R),
    lk.Gamma(): 1.0,
    lk.Tweedie(1.5): np.exp(R / 2),
    lk.Logistic(): special.expit(R) * special.expit(-R),
}


@pytest.mark.parametrize("loss", CURVATURES, ids=repr)
def test_fisher_is_the_expected_hessian_where_the_prediction_is_right(loss):
    w = RNG.random(R.size)
    same(
        loss.fisher(AMOUNTS if loss.domain.low == 0 and loss.domain.high > 1 else BITS, R, reduction="none"),
        np.broadcast_to(CURVATURES[loss], R.shape),
    )
    same(loss.fisher(BITS + 0.0 if loss.domain.high == 1 else AMOUNTS, R, w), w * CURVATURES[loss] / w.sum())


@pytest.mark.parametrize("name", losses())
def test_the_majorizer_is_never_below_the_hessian_or_says_why_there_is_none(name):
    loss = losses()[name]()
    y = {"Hinge": SIGNS, "SquaredHinge": SIGNS}.get(name, BITS)
    f = P if name == "BinaryCrossEntropy" else R
    if name == "Gamma":
        y = AMOUNTS
    bound = loss.traits().curvature
    if bound and np.isfinite(bound):
        assert (loss.majorizer(y, f, reduction="none") >= loss.hessian(y, f, reduction="none") * (1 - 1e-15)).all()
        same(loss.majorizer(y, f), np.full(R.size, bound / R.size))
    else:
        with pytest.raises(TypeError, match="no positive finite bound"):
            loss.majorizer(y, f)
    if not hasattr(loss, "information"):
        with pytest.raises(lk.CapabilityError, match="no log-likelihood"):
            loss.fisher(y, f)
