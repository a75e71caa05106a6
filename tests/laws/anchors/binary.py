"""Anchors of the losses for two classes."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
from mpmath import exp, log, sqrt
from scipy import special, stats

import losskit as lk
from tests.laws.anchors.samples import BITS, ZERO, R, mean, metric, same, sklearn_loss, slope, value


def _p(f: Any) -> Any:
    return 1 / (1 + exp(-f))


def _focal(y: Any, f: Any, gamma: Any, alpha: Any) -> Any:
    p = 1 / (1 + exp(-f))
    one, zero = -((1 - p) ** gamma) * log(p), -(p**gamma) * log(1 - p)
    if alpha is not None:
        one, zero = alpha * one, (1 - alpha) * zero
    return y * one + (1 - y) * zero


def _asymmetric(y: Any, f: Any, positive: Any, negative: Any, margin: Any) -> Any:
    p = _p(f)
    left = max(p - margin, 0)
    return -y * (1 - p) ** positive * log(p) - (1 - y) * left**negative * log(1 - left)


TEXTBOOK: dict[str, Any] = {
    "Logistic": lambda y, f: log(1 + exp(f)) - y * f,
    "BinaryCrossEntropy": lambda y, f: -(y * log(f) if y else 0) - ((1 - y) * log(1 - f) if y != 1 else 0),
    "BinaryFocal": _focal,
    "AsymmetricFocal": _asymmetric,
    "Brier": lambda y, f: y * (1 - _p(f)) ** 2 + (1 - y) * _p(f) ** 2,
    "BrierProbability": lambda y, f: y * (1 - f) ** 2 + (1 - y) * f**2,
    "Spherical": lambda y, f: 1 - (y * _p(f) + (1 - y) * _p(-f)) / sqrt(_p(f) ** 2 + _p(-f) ** 2),
    "Poly1": lambda y, f, epsilon: (
        -y * log(_p(f)) - (1 - y) * log(_p(-f)) + epsilon * (y * (1 - _p(f)) + (1 - y) * _p(f))
    ),
    "LogitAdjusted": lambda y, f, prior: (
        log(1 + exp(f + log(prior / (1 - mpmath.mpf(prior))))) - y * (f + log(prior / (1 - mpmath.mpf(prior))))
    ),
    "WeightedLogistic": lambda y, f, weight: -weight * y * log(_p(f)) - (1 - y) * log(1 - _p(f)),
}

IDENTITIES: dict[str, Any] = {
    "focal of gamma 0 is logistic": lambda: same(value(lk.BinaryFocal(0), BITS, R), value(lk.Logistic(), BITS, R)),
    "focal of gamma 0 and alpha 1/2 is half of logistic": lambda: same(
        value(lk.BinaryFocal(0, 0.5), BITS, R), value(lk.Logistic(), BITS, R) / 2
    ),
    "asymmetric focal of one power and no margin is focal": lambda: same(
        value(lk.AsymmetricFocal(2, 2, 0), 0.3 + ZERO, R), value(lk.BinaryFocal(2), 0.3 + ZERO, R)
    ),
    "logistic is cross-entropy of the sigmoid": lambda: same(
        value(lk.Logistic(), BITS, R), value(lk.BinaryCrossEntropy(), BITS, special.expit(R)), 1e-10
    ),
    "fractional labels mix the two classes": lambda: same(
        value(lk.BinaryFocal(2, 0.3), 0.3 + ZERO, R),
        0.3 * value(lk.BinaryFocal(2, 0.3), 1 + ZERO, R) + 0.7 * value(lk.BinaryFocal(2, 0.3), ZERO, R),
    ),
    "Brier of a score is Brier of its probability": lambda: same(
        value(lk.Brier(), BITS, R), value(lk.BrierProbability(), BITS, special.expit(R)), 1e-9
    ),
    "Brier of half the score is what Savage takes for the margin": lambda: same(
        value(lk.Brier(), BITS, R), value(lk.Savage(), 2 * BITS - 1, R / 2)
    ),
    "the spherical loss is half of generalized cross-entropy of power 1/2 at twice the score": lambda: same(
        value(lk.Spherical(), BITS, R), value(lk.GeneralizedCrossEntropy(0.5), BITS, 2 * R) / 2
    ),
    "Poly1 of epsilon 0 is logistic": lambda: same(value(lk.Poly1(0), BITS, R), value(lk.Logistic(), BITS, R)),
    "an adjustment to equal classes is none": lambda: same(
        value(lk.LogitAdjusted(0.5), 0.3 + ZERO, R), value(lk.Logistic(), 0.3 + ZERO, R)
    ),
    "an adjustment shifts the score by the prior's logit": lambda: same(
        value(lk.LogitAdjusted(0.2), BITS, R), value(lk.Logistic(), BITS, R - np.log(4)), 1e-10
    ),
    "a positive weight is a sample weight of class 1": lambda: same(
        value(lk.WeightedLogistic(3), BITS, R), lk.Logistic()(BITS, R, 1 + 2 * BITS, "none")
    ),
    "a label of one half costs the mean of both": lambda: [
        same(value(loss, 0.5 + ZERO, R), (value(loss, ZERO, R) + value(loss, 1 + ZERO, R)) / 2)
        for loss in (lk.Brier(), lk.Spherical(), lk.Poly1(), lk.LogitAdjusted(), lk.WeightedLogistic())
    ],
}

P = special.expit(R)
ANCHORS: dict[str, Any] = {
    "Logistic": [
        lambda: same(value(lk.Logistic(), [0, 1], [0.0, 0.0]), [np.log(2)] * 2),
        lambda: same(mean(lk.Logistic(), BITS, R), metric("log_loss", BITS, P)),
        lambda: same(value(lk.Logistic(), BITS, R), sklearn_loss("HalfBinomialLoss", BITS, R)),
    ],
    "BinaryCrossEntropy": [
        lambda: same(mean(lk.BinaryCrossEntropy(), [1.0, 0, 1, 1], [0.9, 0.1, 0.8, 0.4]), 0.33753883, 1e-7),
        lambda: same(mean(lk.BinaryCrossEntropy(), BITS, P), metric("log_loss", BITS, P)),
        lambda: same(value(lk.BinaryCrossEntropy(), BITS, P), -stats.bernoulli.logpmf(BITS, P)),
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
    "AsymmetricFocal": [
        lambda: same(  # at p = 0.9 and, for class 0, p_m = 0.85; at p = 0.04 a negative is free
            value(lk.AsymmetricFocal(), [1, 0, 0], [np.log(9), np.log(9), -np.log(24)]),
            [-0.1 * np.log(0.9), -(0.85**4) * np.log(0.15), 0],
        ),
        lambda: same(value(lk.AsymmetricFocal(0, 0, 0), BITS, R), -stats.bernoulli.logpmf(BITS, P), 1e-9),
        lambda: same(  # as the authors' code has it, whose 1 - p with margin is clamped to at most 1
            value(lk.AsymmetricFocal(1, 3, 0.1), BITS, R),
            -np.log(np.where(BITS == 1, P, np.minimum(1.1 - P, 1)))
            * np.where(BITS == 1, 1 - P, (1 - np.minimum(1.1 - P, 1)) ** 3),
            1e-9,
        ),
    ],
    "Brier": [
        lambda: same(value(lk.Brier(), [0, 1, 1], [0.0, 0.0, np.log(3)]), [0.25, 0.25, 1 / 16]),
        lambda: same(mean(lk.Brier(), BITS, R), metric("brier_score_loss", BITS, P)),
        lambda: same(slope(lk.Brier(), BITS, R), 2 * P * (1 - P) * (P - BITS), 1e-9),
    ],
    "BrierProbability": [
        lambda: same(value(lk.BrierProbability(), [0, 1, 0.5], [0.25, 0.25, 0.0]), [1 / 16, 9 / 16, 0.5]),
        lambda: same(mean(lk.BrierProbability(), BITS, P), metric("brier_score_loss", BITS, P)),
        lambda: same(value(lk.BrierProbability(), BITS, P), value(lk.SquaredError(), BITS, P)),
    ],
    "Spherical": [
        lambda: same(value(lk.Spherical(), [0, 1], [0.0, 0.0]), [1 - 0.5**0.5] * 2),
        lambda: same(value(lk.Spherical(), [1, 0], np.log([3 / 4, 3 / 4])), [1 - 3 / 5, 1 - 4 / 5]),  # a 3-4-5 triangle
        lambda: same(value(lk.Spherical(), BITS, R), 1 - np.where(BITS == 1, P, 1 - P) / np.hypot(P, 1 - P), 1e-9),
    ],
    "Poly1": [
        lambda: same(value(lk.Poly1(2.0), [1, 0], [0.0, 0.0]), [np.log(2) + 1] * 2),
        lambda: same(value(lk.Poly1(2.0), BITS, R), -stats.bernoulli.logpmf(BITS, P) + 2 * np.abs(BITS - P), 1e-9),
        # -1 takes the first term of sum (1 - p)^j/j away: what is left begins with (1 - p)^2/2
        lambda: same(value(lk.Poly1(-1), [1.0], [25.0]), [special.expit(-25.0) ** 2 / 2], 1e-10),
    ],
    "LogitAdjusted": [
        lambda: same(value(lk.LogitAdjusted(0.2), [1, 0], [np.log(4)] * 2), [np.log(2)] * 2),
        lambda: same(value(lk.LogitAdjusted(0.2), [1, 0], [0.0, 0.0]), -np.log([0.2, 0.8])),
        lambda: same(
            mean(lk.LogitAdjusted(0.3), BITS, R), metric("log_loss", BITS, special.expit(R + special.logit(0.3))), 1e-9
        ),
    ],
    "WeightedLogistic": [
        # torch's BCEWithLogitsLoss(pos_weight=3): -(3 y log sigmoid(f) + (1 - y) log(1 - sigmoid(f)))
        lambda: same(value(lk.WeightedLogistic(3), BITS, R), -(3 * BITS * np.log(P) + (1 - BITS) * np.log1p(-P)), 1e-9),
        lambda: same(value(lk.WeightedLogistic(3), [1, 0, 0.5], [0.0] * 3), np.log(2) * np.array([3, 1, 2])),
        lambda: same(
            mean(lk.WeightedLogistic(3), BITS, R) * R.size,
            metric("log_loss", BITS, P, sample_weight=1 + 2 * BITS, normalize=False),
        ),
    ],
}

TELLING = {  # beyond gamma 20, a power of the sigmoid loses an ulp with each further 25
    "BinaryFocal": [
        {"gamma": gamma, "alpha": alpha}
        for gamma, alpha in ((0.0, None), (0.5, None), (1.0, 0.25), (5.0, 0.9), (0.016, 1e-3), (20.0, None))
    ],
    "AsymmetricFocal": [
        dict(zip(("gamma_positive", "gamma_negative", "margin"), at, strict=True))
        for at in ((0.0, 0.0, 0.2), (2.0, 0.5, 0.4), (5.0, 20.0, 1e-3), (4.0, 0.3, 0.0), (1.0, 1.0, 0.4999999))
    ],
    "Poly1": [{"epsilon": epsilon} for epsilon in (-1.0, -0.3, 30.0)],
    "LogitAdjusted": [{"prior": prior} for prior in (0.5, 1e-6, 0.9)],
    "WeightedLogistic": [{"pos_weight": weight} for weight in (1.0, 0.1, 1e4)],
}
