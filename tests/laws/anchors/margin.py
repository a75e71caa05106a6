"""Anchors of the losses of the margin."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
from mpmath import atan, exp, mpf, tanh
from scipy import special

import losskit as lk
from tests.laws.anchors.samples import BITS, SIGNS, R, mean, metric, same, sklearn_loss, value


def _smoothed_hinge(y: Any, f: Any, gamma: Any) -> Any:
    m, gamma = y * f, mpf(gamma)
    return mpf(0) if m >= 1 else (1 - m - gamma / 2 if m <= 1 - gamma else (1 - m) ** 2 / (2 * gamma))


def _dwd(y: Any, f: Any, q: Any) -> Any:
    u, q = y * f, mpf(q)
    return 1 - u if u <= q / (q + 1) else u**-q * q**q / (q + 1) ** (q + 1)


TEXTBOOK: dict[str, Any] = {
    "Hinge": lambda y, f: max(mpf(0), 1 - y * f),
    "SquaredHinge": lambda y, f: max(mpf(0), 1 - y * f) ** 2,
    "SmoothedHinge": _smoothed_hinge,
    "ModifiedHuber": lambda y, f: -4 * y * f if y * f < -1 else max(mpf(0), 1 - y * f) ** 2,
    "LeastSquaresMargin": lambda y, f: (1 - y * f) ** 2,
    "Exponential": lambda y, f: exp(-y * f),
    "Perceptron": lambda y, f: max(mpf(0), -y * f),
    "ZeroOne": lambda y, f: (1 - mpmath.sign(y * f)) / 2,
    "Ramp": lambda y, f, s: max(mpf(0), 1 - y * f) - max(mpf(0), s - y * f),
    "Sigmoid": lambda y, f: (1 - tanh(y * f / 2)) / 2,
    "Savage": lambda y, f: 1 / (1 + exp(2 * y * f)) ** 2,
    "Tangent": lambda y, f: (2 * atan(y * f) - 1) ** 2,
    "DWD": _dwd,
    "Unhinged": lambda y, f: 1 - y * f,
}

M = SIGNS * R
IDENTITIES: dict[str, Any] = {
    "squared hinge is the square of the hinge": lambda: same(
        value(lk.SquaredHinge(), SIGNS, R), value(lk.Hinge(), SIGNS, R) ** 2
    ),
    "smoothed hinge of a tiny gamma is the hinge": lambda: same(
        value(lk.SmoothedHinge(1e-14), SIGNS, R), value(lk.Hinge(), SIGNS, R), 1e-11
    ),
    "smoothed hinge of a huge gamma is a squared hinge": lambda: same(
        1e9 * 2 * value(lk.SmoothedHinge(1e9), SIGNS, R), value(lk.SquaredHinge(), SIGNS, R)
    ),
    "smoothed hinge is Huber's loss of what is missing to margin 1": lambda: same(
        1.3 * value(lk.SmoothedHinge(1.3), SIGNS, R), value(lk.Huber(1.3), np.zeros_like(M), np.maximum(1 - M, 0))
    ),
    "modified Huber is the squared hinge from margin -1 on": lambda: same(
        value(lk.ModifiedHuber(), SIGNS[M >= -1], R[M >= -1]), value(lk.SquaredHinge(), SIGNS[M >= -1], R[M >= -1])
    ),
    "least squares of the margin are those of the label": lambda: same(
        value(lk.LeastSquaresMargin(), SIGNS, R), value(lk.SquaredError(), SIGNS, R)
    ),
    "the ramp is the difference of two hinges": lambda: same(
        value(lk.Ramp(-0.5), SIGNS, R), np.maximum(1 - M, 0) - np.maximum(-0.5 - M, 0)
    ),
    "the ramp of a far s is the hinge": lambda: same(value(lk.Ramp(-1e6), SIGNS, R), value(lk.Hinge(), SIGNS, R)),
    "sigmoid of a large margin is nearly the zero-one loss": lambda: same(
        value(lk.Sigmoid(), SIGNS, 1e5 * R), value(lk.ZeroOne(), SIGNS, R)
    ),
    "Savage is the square of sigmoid at twice the margin": lambda: same(
        value(lk.Savage(), SIGNS, R), value(lk.Sigmoid(), SIGNS, 2 * R) ** 2
    ),
    "both labels together cost Unhinged 2 and Sigmoid 1": lambda: [
        same(value(loss, SIGNS, R) + value(loss, -SIGNS, R), total + 0 * R)
        for loss, total in ((lk.Unhinged(), 2), (lk.Sigmoid(), 1), (lk.ZeroOne(), 1))
    ],
    "the hinge is Unhinged above 0": lambda: same(
        value(lk.Hinge(), SIGNS, R), np.maximum(value(lk.Unhinged(), SIGNS, R), 0)
    ),
    "DWD of a huge power is the hinge": lambda: same(
        value(lk.DWD(1e7), SIGNS, R)[M < 0.99], value(lk.Hinge(), SIGNS, R)[M < 0.99]
    ),
    "links tell the probability at the best score": lambda: [
        same(loss.predict(loss.constant(SIGNS)), BITS.mean(), 1e-12)
        for loss in (lk.Exponential(), lk.Savage(), lk.Tangent(), lk.ModifiedHuber(), lk.LeastSquaresMargin())
    ],
}

ANCHORS: dict[str, Any] = {
    "Hinge": [
        lambda: same(value(lk.Hinge(), [1, 1, -1], [0.5, 2.0, 1.0]), [0.5, 0, 2]),
        lambda: same(mean(lk.Hinge(), SIGNS, R), metric("hinge_loss", SIGNS, R)),
        lambda: same(value(lk.Hinge(), SIGNS, R), np.clip(1 - SIGNS * R, 0, None)),
    ],
    "SquaredHinge": [
        lambda: same(value(lk.SquaredHinge(), [1, 1, -1], [0.5, 2.0, 1.0]), [0.25, 0, 4]),
        lambda: same(value(lk.SquaredHinge(), SIGNS, R), np.clip(1 - SIGNS * R, 0, None) ** 2),
        lambda: same(lk.SquaredHinge().constant(BITS * 2 - 1), 2 * BITS.mean() - 1, 1e-9),
    ],
    "SmoothedHinge": [
        lambda: same(value(lk.SmoothedHinge(0.5), [1, 1, 1, -1], [1.0, 0.75, 0.5, 1.0]), [0, 1 / 16, 1 / 4, 1.75]),
        # Rennie's smooth hinge, 1/2 - m below 0 and (1 - m)^2/2 up to 1, is that of gamma 1
        lambda: same(
            value(lk.SmoothedHinge(1.0), SIGNS, R),
            np.where(M <= 0, 0.5 - M, np.where(M < 1, (1 - M) ** 2 / 2, 0)),
        ),
        lambda: same(value(lk.SmoothedHinge(0.8), SIGNS, R), special.huber(0.8, np.maximum(1 - M, 0)) / 0.8),
    ],
    "ModifiedHuber": [
        lambda: same(value(lk.ModifiedHuber(), [1, 1, 1, -1], [-1.0, -2.0, 0.5, -3.0]), [4, 8, 0.25, 0]),
        lambda: same(
            value(lk.ModifiedHuber(), SIGNS, R), [_sgd_modified_huber(*row) for row in zip(SIGNS, R, strict=True)]
        ),
        lambda: same(value(lk.ModifiedHuber(), SIGNS, R), 2 * special.huber(2, np.maximum(1 - M, 0))),
    ],
    "LeastSquaresMargin": [
        lambda: same(value(lk.LeastSquaresMargin(), [1, -1], [3.0, 1.0]), [4, 4]),
        lambda: same(mean(lk.LeastSquaresMargin(), SIGNS, R), metric("mean_squared_error", SIGNS, R)),
        lambda: same(lk.LeastSquaresMargin().constant(SIGNS), SIGNS.mean()),
    ],
    "Exponential": [
        lambda: same(value(lk.Exponential(), [1, -1], [np.log(2)] * 2), [0.5, 2.0]),
        lambda: same(value(lk.Exponential(), SIGNS, R), sklearn_loss("ExponentialLoss", BITS, R)),
        lambda: same(lk.Exponential().constant(SIGNS), special.logit(BITS.mean()) / 2),
    ],
    "Perceptron": [
        lambda: same(value(lk.Perceptron(), [1, 1, -1], [2.0, -2.0, 3.0]), [0, 2, 3]),
        lambda: same(value(lk.Perceptron(), SIGNS, R), value(lk.Hinge(), SIGNS, R + SIGNS), 1e-9),
        lambda: same(2 * value(lk.Perceptron(), SIGNS, R), np.abs(M) - M),
    ],
    "ZeroOne": [
        lambda: same(value(lk.ZeroOne(), [1, 1, -1, 1], [2.0, -2.0, 1e-300, 0.0]), [0, 1, 1, 0.5]),
        lambda: same(  # R[0] is 0
            mean(lk.ZeroOne(), SIGNS[1:], R[1:]), metric("zero_one_loss", SIGNS[1:], np.sign(R[1:]))
        ),
        lambda: same(value(lk.ZeroOne(), SIGNS, R), np.heaviside(-M, 0.5)),
    ],
    "Ramp": [
        lambda: same(value(lk.Ramp(), [1, 1, 1, -1], [0.5, -1.0, -9.0, -2.0]), [0.5, 2, 2, 0]),
        lambda: same(value(lk.Ramp(0), SIGNS, R), np.clip(1 - M, 0, 1)),
        lambda: same(value(lk.Ramp(-0.3), SIGNS, R), np.minimum(value(lk.Hinge(), SIGNS, R), 1.3)),
    ],
    "Sigmoid": [
        lambda: same(value(lk.Sigmoid(), [1, -1], [np.log(3)] * 2), [0.25, 0.75]),
        lambda: same(value(lk.Sigmoid(), SIGNS, R), special.expit(-M)),
        lambda: same(2 * value(lk.Sigmoid(), SIGNS, 2 * R), 1 - np.tanh(M), 1e-9),  # Mason et al. with lambda 1
    ],
    "Savage": [
        lambda: same(value(lk.Savage(), [1, -1, 1], [0.0, 0.0, np.log(3) / 2]), [0.25, 0.25, 1 / 16]),
        lambda: same(mean(lk.Savage(), SIGNS, R), metric("brier_score_loss", BITS, special.expit(2 * R))),
        lambda: same(lk.Savage().constant(SIGNS), special.logit(BITS.mean()) / 2),
    ],
    "Tangent": [
        lambda: same(value(lk.Tangent(), [1, -1, 1], [0.0, 0.0, 1.0]), [1, 1, (np.pi / 2 - 1) ** 2]),
        lambda: same(value(lk.Tangent(), SIGNS, R), (2 * np.arctan(M) - 1) ** 2, 1e-9),
        lambda: same(lk.Tangent().constant(SIGNS), np.tan(BITS.mean() - 0.5)),
    ],
    "DWD": [
        # 1 - u up to 1/2, then 1/(4 u): the loss of R's kerndwd with qval = 1
        lambda: same(value(lk.DWD(), SIGNS, R), np.where(M <= 0.5, 1 - M, 0.25 / np.maximum(M, 0.5))),
        lambda: same(value(lk.DWD(2.0), [1, 1, -1], [2 / 3, 2.0, 1.0]), [1 / 3, 1 / 27, 2.0]),
        # it is the best d of 1/(q d^q) - m + d, up to a factor: Marron's sum of inverse distances, with q = 1
        lambda: same(value(lk.DWD(), [1.0], [0.9]), [min(0.25 / (0.9 + s) + s for s in np.linspace(0, 3, 30001))]),
    ],
    "Unhinged": [
        lambda: same(value(lk.Unhinged(), [1, -1], [3.0, 1.0]), [-2, 2]),
        lambda: same(value(lk.Unhinged(), SIGNS, R), 1 - M),
        lambda: same(mean(lk.Unhinged(), SIGNS, R / 99), metric("hinge_loss", SIGNS, R / 99)),  # no margin reaches 1
    ],
}


def _sgd_modified_huber(y: float, f: float) -> float:
    from sklearn.linear_model._sgd_fast import ModifiedHuber

    return float(ModifiedHuber().py_loss(f, y))


TELLING = {
    "SmoothedHinge": [{"gamma": gamma} for gamma in (2.0, 0.1, 1e-3, 1e-9, 17.0, 300.7)],
    "Ramp": [{"s": s} for s in (0.0, -0.3, -1e-9, -25.0)],
    "DWD": [{"q": q} for q in (0.5, 3.0, 0.01, 40.0)],
}
