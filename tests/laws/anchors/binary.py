"""Anchors of the losses for two classes."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
from mpmath import exp, log
from scipy import special, stats

import losskit as lk
from tests.laws.anchors.samples import BITS, SIGNS, ZERO, R, metric, same, sklearn_loss, value


def _focal(y: Any, f: Any, gamma: Any, alpha: Any) -> Any:
    p = 1 / (1 + exp(-f))
    one, zero = -((1 - p) ** gamma) * log(p), -(p**gamma) * log(1 - p)
    if alpha is not None:
        one, zero = alpha * one, (1 - alpha) * zero
    return y * one + (1 - y) * zero


TEXTBOOK: dict[str, Any] = {
    "Logistic": lambda y, f: log(1 + exp(f)) - y * f,
    "BinaryCrossEntropy": lambda y, f: -(y * log(f) if y else 0) - ((1 - y) * log(1 - f) if y != 1 else 0),
    "Hinge": lambda y, f: max(mpmath.mpf(0), 1 - y * f),
    "SquaredHinge": lambda y, f: max(mpmath.mpf(0), 1 - y * f) ** 2,
    "BinaryFocal": _focal,
}

IDENTITIES: dict[str, Any] = {
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

P = special.expit(R)
ANCHORS: dict[str, Any] = {
    "Logistic": [
        lambda: same(value(lk.Logistic(), [0, 1], [0.0, 0.0]), [np.log(2)] * 2),
        lambda: same(lk.Logistic()(BITS, R), metric("log_loss", BITS, P)),
        lambda: same(value(lk.Logistic(), BITS, R), sklearn_loss("HalfBinomialLoss", BITS, R)),
    ],
    "BinaryCrossEntropy": [
        lambda: same(lk.BinaryCrossEntropy()([1.0, 0, 1, 1], [0.9, 0.1, 0.8, 0.4]), 0.33753883, 1e-7),
        lambda: same(lk.BinaryCrossEntropy()(BITS, P), metric("log_loss", BITS, P)),
        lambda: same(value(lk.BinaryCrossEntropy(), BITS, P), -stats.bernoulli.logpmf(BITS, P)),
    ],
    "Hinge": [
        lambda: same(value(lk.Hinge(), [1, 1, -1], [0.5, 2.0, 1.0]), [0.5, 0, 2]),
        lambda: same(lk.Hinge()(SIGNS, R), metric("hinge_loss", SIGNS, R)),
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

TELLING = {  # beyond gamma 20, a power of the sigmoid loses an ulp with each further 25
    "BinaryFocal": [
        {"gamma": gamma, "alpha": alpha}
        for gamma, alpha in ((0.0, None), (0.5, None), (1.0, 0.25), (5.0, 0.9), (0.016, 1e-3), (20.0, None))
    ],
}
