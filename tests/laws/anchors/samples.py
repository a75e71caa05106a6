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


def _rows(loss, y, f, order):
    """Value, gradient or Hessian by the kernel of all three, which the laws in ulp compile too."""
    if len(loss.outputs) > 1 and order == 0:  # there it takes long
        return loss(y, f, reduction="none")
    return loss.value_gradient_and_hessian(y, f, reduction="none")[order]


def value(loss, y, f):
    return _rows(loss, y, f, 0)


def slope(loss, y, f):
    return _rows(loss, y, f, 1)


def bend(loss, y, f):
    return _rows(loss, y, f, 2)


def mean(loss, y, f):
    return np.mean(value(loss, y, f))


def same(a, b, rel=1e-12):
    np.testing.assert_allclose(a, b, rtol=rel, atol=1e-15)


def sklearn_loss(name, y, f, **options):
    from sklearn._loss import loss as peers

    peer = getattr(peers, name)(**options)
    return peer.loss(y, f) + (peer.constant_to_optimal_zero(y) if hasattr(peer, "constant_to_optimal_zero") else 0)


def metric(name, y, f, **options):
    from sklearn import metrics

    return getattr(metrics, name)(y, f, **options)
