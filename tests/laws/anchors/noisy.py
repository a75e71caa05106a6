"""Anchors of the losses for labels some of which are wrong."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
from mpmath import exp, log, mpf
from scipy import special, stats

import losskit as lk
from tests.laws.anchors.samples import BITS, ZERO, R, mean, metric, same, slope, value


def _p(f: Any) -> Any:
    return 1 / (1 + exp(-f))


def _mix(y: Any, one: Any, zero: Any) -> Any:
    return (y * one if y else 0) + ((1 - y) * zero if y != 1 else 0)


def _generalized(y: Any, f: Any, q: Any) -> Any:
    return _mix(y, (1 - _p(f) ** q) / mpf(q), (1 - (1 - _p(f)) ** q) / mpf(q))


def _symmetric(y: Any, f: Any, alpha: Any, beta: Any, a: Any) -> Any:
    p = _p(f)
    return _mix(y, -alpha * log(p) - mpf(beta) * a * (1 - p), -alpha * log(1 - p) - mpf(beta) * a * p)


def _soft(y: Any, f: Any, beta: Any) -> Any:
    p = _p(f)
    target = beta * y + (1 - mpf(beta)) * p
    return -target * log(p) - (1 - target) * log(1 - p)


def _hard(y: Any, f: Any, beta: Any) -> Any:
    p = _p(f)
    target = beta * y + (1 - mpf(beta)) * (p >= mpf(1) / 2)
    return -target * log(p) - (1 - target) * log(1 - p)


def _forward(y: Any, f: Any, one: Any, zero: Any) -> Any:
    seen = (1 - mpf(one)) * _p(f) + zero * (1 - _p(f))
    return _mix(y, -log(seen), -log(1 - seen))


def _backward(y: Any, f: Any, one: Any, zero: Any) -> Any:
    # the inverse of [[1 - one, one], [zero, 1 - zero]] times the losses of classes 1 and 0
    losses = mpmath.matrix([-log(_p(f)), -log(_p(-f))])
    flips = mpmath.matrix([[1 - mpf(one), mpf(one)], [mpf(zero), 1 - mpf(zero)]])
    corrected = flips**-1 * losses
    return _mix(y, corrected[0], corrected[1])


def _bitempered(y: Any, f: Any, t1: Any, t2: Any) -> Any:
    k, a = mpf(t2) - 1, 1 - mpf(t1)
    odds = mpmath.findroot(lambda u: ((1 + exp(u)) ** k - (1 + exp(-u)) ** k) / k - f, f)
    p, q = _p(odds), _p(-odds)
    rest = (1 - p ** (1 + a) - q ** (1 + a)) / (1 + a)
    return _mix(y, (1 - p**a) / a - rest, (1 - q**a) / a - rest)


def _authors(y: Any, f: Any, t1: float, t2: float) -> Any:
    """The loss as its authors' code has it: the normaliser of scores (0, f) by a fixed point."""
    scores = np.stack([np.zeros_like(f), f])
    top = scores.max(axis=0)
    start = scores - top
    held = start
    for _ in range(400):
        total = ((1 + (1 - t2) * held) ** (1 / (1 - t2))).sum(axis=0)
        held = start * total ** (1 - t2)
    normaliser = -((1 / total) ** (1 - t2) - 1) / (1 - t2) + top
    p = (1 + (1 - t2) * (scores - normaliser)) ** (1 / (1 - t2))
    labels = np.stack([1 - y, y])
    first = labels * ((labels + 1e-300) ** (1 - t1) - p ** (1 - t1)) / (1 - t1)
    return (first - (labels ** (2 - t1) - p ** (2 - t1)) / (2 - t1)).sum(axis=0)


def _quadratic(f: Any) -> Any:
    """The tempered probability of class 0 at t = 2, where it solves f q^2 - (f + 2) q + 1 = 0."""
    return 2 / (f + 2 + np.sqrt(f * f + 4))


TEXTBOOK: dict[str, Any] = {
    "BiTempered": _bitempered,
    "GeneralizedCrossEntropy": _generalized,
    "SymmetricCrossEntropy": _symmetric,
    "SoftBootstrap": _soft,
    "HardBootstrap": _hard,
    "ForwardCorrection": _forward,
    "BackwardCorrection": _backward,
}

P = special.expit(R)
LOGISTIC = lk.Logistic()
IDENTITIES: dict[str, Any] = {
    "bi-tempered with both temperatures near 1 is logistic": lambda: same(
        value(lk.BiTempered(1 - 1e-9, 1 + 1e-9), BITS, R), value(LOGISTIC, BITS, R), 1e-5
    ),
    "generalized cross-entropy of a tiny power is logistic": lambda: same(
        value(lk.GeneralizedCrossEntropy(1e-13), BITS, R), value(LOGISTIC, BITS, R), 1e-11
    ),
    "generalized cross-entropy of power 1 is the absolute error": lambda: same(
        value(lk.GeneralizedCrossEntropy(1), BITS, R), np.abs(BITS - P), 1e-9
    ),
    "generalized cross-entropy of power 1 is the sigmoid loss": lambda: same(
        value(lk.GeneralizedCrossEntropy(1), BITS, R), value(lk.Sigmoid(), 2 * BITS - 1, R)
    ),
    "symmetric cross-entropy is a multiple of Poly1": lambda: same(
        value(lk.SymmetricCrossEntropy(0.5, 0.3, -5), BITS, R), 0.5 * value(lk.Poly1(3), BITS, R)
    ),
    "symmetric cross-entropy without its reverse is logistic": lambda: same(
        value(lk.SymmetricCrossEntropy(1, 0, -4), BITS, R), value(LOGISTIC, BITS, R)
    ),
    "soft bootstrap is cross-entropy and entropy": lambda: same(
        value(lk.SoftBootstrap(0.6), BITS, R), 0.6 * value(LOGISTIC, BITS, R) + 0.4 * stats.bernoulli.entropy(P), 1e-9
    ),
    "bootstraps of nearly no own belief are logistic": lambda: [
        same(value(loss, BITS, R), value(LOGISTIC, BITS, R), 1e-11)
        for loss in (lk.SoftBootstrap(1 - 1e-14), lk.HardBootstrap(1 - 1e-14))
    ],
    "corrections for no flips are logistic": lambda: [
        same(value(loss, 0.3 + ZERO, R), value(LOGISTIC, 0.3 + ZERO, R))
        for loss in (lk.ForwardCorrection(0, 0), lk.BackwardCorrection(0, 0))
    ],
    "the mean of the backward correction over flipped labels is the clean loss": lambda: same(
        0.7 * value(lk.BackwardCorrection(0.3, 0.1), 1 + ZERO, R)
        + 0.3 * value(lk.BackwardCorrection(0.3, 0.1), ZERO, R),
        value(LOGISTIC, 1 + ZERO, R),
        1e-9,
    ),
    "the best forward-corrected constant undoes the flips": lambda: same(
        0.7 * special.expit(lk.ForwardCorrection(0.3, 0.1).constant(BITS))
        + 0.1
        - 0.1 * special.expit(lk.ForwardCorrection(0.3, 0.1).constant(BITS)),
        BITS.mean(),
        1e-6,
    ),
}

ANCHORS: dict[str, Any] = {
    "BiTempered": [
        lambda: same(value(lk.BiTempered(), BITS, R), _authors(BITS, R, 0.8, 1.2), 1e-9),
        lambda: same(value(lk.BiTempered(0, 2), [1.0, 0.0], [1.5, 1.5]), [_quadratic(1.5) ** 2, _quadratic(-1.5) ** 2]),
        # at p = 1/2, whatever t2
        lambda: same(value(lk.BiTempered(0.5, 3), [1.0, 0.0], [0.0, 0.0]), [(1 - 0.5**0.5) / (0.5 * 1.5)] * 2),
    ],
    "GeneralizedCrossEntropy": [
        lambda: same(value(lk.GeneralizedCrossEntropy(0.5), [1, 0], np.log([1 / 3, 1 / 3])), [1, 2 - 3**0.5]),
        lambda: same(
            value(lk.GeneralizedCrossEntropy(0.7), BITS, R), -special.boxcox(np.where(BITS == 1, P, 1 - P), 0.7), 1e-9
        ),
        # Keras, CategoricalGeneralizedCrossEntropy(q=0.5): (1 - p^q)/q; p = 0.3, 0.2 gives 0.9046 and 1.1056
        lambda: same(
            value(lk.GeneralizedCrossEntropy(0.5), [1, 1], special.logit([0.3, 0.2])),
            [0.904554884989668, 1.10557280900008],
        ),
    ],
    "SymmetricCrossEntropy": [
        lambda: same(value(lk.SymmetricCrossEntropy(0.1, 1, -4), [1, 0], [0.0, 0.0]), [0.1 * np.log(2) + 2] * 2),
        # its authors clip the label at 1e-4 in the reverse: A = log 1e-4
        lambda: same(
            value(lk.SymmetricCrossEntropy(0.1, 1.0, np.log(1e-4)), BITS, R),
            -0.1 * stats.bernoulli.logpmf(BITS, P)
            - (P * np.log(np.clip(BITS, 1e-4, 1)) + (1 - P) * np.log(np.clip(1 - BITS, 1e-4, 1))),
            1e-9,
        ),
        lambda: same(
            value(lk.SymmetricCrossEntropy(6.0, 0.1, -4), BITS, R),
            6 * value(LOGISTIC, BITS, R) + 0.4 * np.abs(BITS - P),
            1e-9,
        ),
    ],
    "SoftBootstrap": [
        lambda: same(value(lk.SoftBootstrap(), [1, 0, 0.5], [0.0] * 3), [np.log(2)] * 3),
        lambda: same(value(lk.SoftBootstrap(0.7), BITS, R), value(LOGISTIC, 0.7 * BITS + 0.3 * P, R), 1e-9),
        lambda: same(
            value(lk.SoftBootstrap(0.5), [1.0], [np.log(3)]),
            [0.5 * np.log(4 / 3) + 0.5 * special.entr([0.25, 0.75]).sum()],
        ),
    ],
    "HardBootstrap": [
        lambda: same(
            value(lk.HardBootstrap(), [1, 0], [np.log(3)] * 2), [np.log(4 / 3), 0.8 * np.log(4) + 0.2 * np.log(4 / 3)]
        ),
        lambda: same(value(lk.HardBootstrap(0.7), BITS, R), value(LOGISTIC, 0.7 * BITS + 0.3 * (R > 0), R), 1e-9),
        lambda: same(
            mean(lk.HardBootstrap(0.7), BITS, R),
            0.7 * metric("log_loss", BITS, P) - 0.3 * np.log(np.maximum(P, 1 - P)).mean(),
            1e-9,
        ),
    ],
    "ForwardCorrection": [
        lambda: same(value(lk.ForwardCorrection(0.3, 0.1), [1, 0], [0.0, 0.0]), -np.log([0.4, 0.6])),
        lambda: same(
            mean(lk.ForwardCorrection(0.3, 0.1), BITS, R), metric("log_loss", BITS, 0.7 * P + 0.1 * (1 - P)), 1e-9
        ),
        lambda: same(value(lk.ForwardCorrection(0.2, 0), BITS, R), -stats.bernoulli.logpmf(BITS, 0.8 * P), 1e-9),
    ],
    "BackwardCorrection": [
        lambda: same(value(lk.BackwardCorrection(0.3, 0.1), [1, 0], [0.0, 0.0]), [np.log(2)] * 2),
        # Natarajan et al., lemma 1: ((1 - rho_-y) L(y) - rho_y L(-y))/(1 - rho_+1 - rho_-1)
        lambda: same(
            value(lk.BackwardCorrection(0.3, 0.1), BITS, R),
            np.where(
                BITS == 1,
                0.9 * value(LOGISTIC, 1 + ZERO, R) - 0.3 * value(LOGISTIC, ZERO, R),
                0.7 * value(LOGISTIC, ZERO, R) - 0.1 * value(LOGISTIC, 1 + ZERO, R),
            )
            / 0.6,
            1e-8,
        ),
        lambda: same(
            slope(lk.BackwardCorrection(0.25, 0.25), BITS, R),
            P - np.where(BITS == 1, 1.5, -0.5),
            1e-9,
        ),
    ],
}

TELLING = {
    "BiTempered": [{"t1": t1, "t2": t2} for t1, t2 in ((0.0, 2.0), (0.1, 2.5), (0.5, 1.05))],
    "GeneralizedCrossEntropy": [{"q": q} for q in (1.0, 0.05, 1e-9)],
    "SymmetricCrossEntropy": [
        {"alpha": alpha, "beta": beta, "A": a}
        for alpha, beta, a in ((6.0, 0.1, -4.0), (0.4, 0.1, -4.0), (0.01, 1.0, -6.0))
    ],
    "SoftBootstrap": [{"beta": beta} for beta in (0.55, 0.75, 0.3)],
    "HardBootstrap": [{"beta": beta} for beta in (0.5, 0.7)],
    "ForwardCorrection": [
        {"flip_one": one, "flip_zero": zero}
        for one, zero in ((0.0, 0.0), (0.2, 0.0), (0.45, 0.45), (0.01, 0.05))
    ],
    "BackwardCorrection": [
        {"flip_one": one, "flip_zero": zero}
        for one, zero in ((0.0, 0.0), (0.2, 0.0), (0.45, 0.45), (0.01, 0.05))
    ],
}
