"""Row-wise losses under test, with data for each: labels, shares, scores or probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np

import losskit as lk
from losskit.base import Evaluated
from losskit.registry import losses
from losskit.rowwise import Rowwise

ROWWISE = losses(Rowwise)
COUNTS = (5.0, 3.0, 8.0, 1.0)
SETTINGS: tuple[Any, ...] = (
    lk.SoftmaxCrossEntropy(),
    lk.SoftmaxCrossEntropy(class_weight=COUNTS),
    lk.SoftmaxCrossEntropy(label_smoothing=0.1),
    lk.SoftmaxCrossEntropy(label_smoothing=0.2, smoothing="others"),
    lk.SoftmaxCrossEntropy(temperature=2.5),
    lk.SoftmaxCrossEntropy(z_loss=0.01),
    lk.SoftmaxCrossEntropy(class_weight=COUNTS, label_smoothing=0.3, temperature=0.5, z_loss=0.1),
    lk.BalancedSoftmax(COUNTS),
    lk.LogitAdjustedSoftmax((0.1, 0.2, 0.3, 0.4), tau=0.7),
    lk.LDAM(COUNTS, scale=3.0),
    lk.ClassBalanced(COUNTS, beta=0.9),
    lk.FocalSoftmax(),
    lk.FocalSoftmax(gamma=0.5),
    lk.CategoricalCrossEntropy(),
    lk.BrierScore(),
    lk.CrammerSinger(),
    lk.WestonWatkins(),
    lk.Sparsemax(),
    lk.PolySoftmax(epsilon=2.0),
    lk.FenchelYoung(),
    lk.FenchelYoung(alpha=1.0),
    lk.OneVsRest(),
    lk.OneVsRest(lk.SquaredHinge()),
    lk.MultilabelSoftMargin(),
    lk.Ordinal(),
    lk.Coral(),
    lk.KL(),
    lk.KL(on="logits"),
    lk.JensenShannon(on="logits"),
    lk.Hellinger(),
    lk.TotalVariationDistance(),
    lk.Renyi(),
    lk.Wasserstein1(on="logits"),
    lk.FDivergence(),
    lk.Bregman("exp(x)"),
    lk.SphericalScore(),
    lk.MultiQuantile((0.1, 0.3, 0.5, 0.9)),
    lk.MultiQuantile((0.1, 0.3, 0.5, 0.9), non_crossing=True),
    lk.CRPSEnsemble(),
    lk.CRPSEnsemble("energy"),
)
APART = {"ReverseKL", "WeightedIntervalScore", "EnergyScore", "MixtureNLL"}  # infinite at labels, or shaped otherwise
assert {type(loss) for loss in SETTINGS} == {ROWWISE[name] for name in ROWWISE.keys() - APART}  # a new loss joins here


def predictions(loss: Evaluated, rng: np.random.Generator, n: int = 60, k: int = 4) -> np.ndarray:
    """Ordinary predictions of four classes."""
    if loss.prediction_domain.bounded:
        return rng.dirichlet(np.ones(k), n)
    return in_order(loss, rng.normal(size=(n, k)) * 2)


def in_order(loss: Evaluated, f: np.ndarray) -> np.ndarray:
    """`f`, and for a loss of ordered scores so that they fall."""
    return -np.sort(-f, axis=1) - 0.2 * np.arange(f.shape[1]) if isinstance(loss, lk.Ordinal) else f


def labels(rng: np.random.Generator, n: int = 60, k: int = 4) -> np.ndarray:
    """Labels of four classes, each at least once."""
    return np.concatenate([np.arange(k), rng.integers(0, k, n - k)])


def shares_fit(loss: Evaluated) -> bool:
    """Whether shares may stand for labels, and mean the same."""
    return getattr(loss.domain, "shares", False) and not isinstance(loss, lk.LDAM)
