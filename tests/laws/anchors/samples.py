"""Samples and comparisons that the anchors share."""

from __future__ import annotations

import numpy as np

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


def sklearn_loss(name, y, f, **options):
    from sklearn._loss import loss as peers

    peer = getattr(peers, name)(**options)
    return peer.loss(y, f) + (peer.constant_to_optimal_zero(y) if hasattr(peer, "constant_to_optimal_zero") else 0)


def metric(name, y, f, **options):
    from sklearn import metrics

    return getattr(metrics, name)(y, f, **options)
