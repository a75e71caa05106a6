"""Identities and limits between losses, and published or independent numbers for each: anchors of the formulas."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

import losskit as lk
from losskit.registry import losses
from tests.families import EACH_NAME
from tests.laws.anchors import collected
from tests.laws.anchors.samples import AMOUNTS, BITS, RNG, SIGNS, R, same

P = special.expit(R)
IDENTITIES, ANCHORS = collected("IDENTITIES"), collected("ANCHORS")


@pytest.mark.parametrize("name", IDENTITIES)
def test_identity(name):
    IDENTITIES[name]()


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


@pytest.mark.parametrize("name", EACH_NAME)
def test_the_majorizer_is_never_below_the_hessian_or_says_why_there_is_none(name):
    loss = losses()[name]()
    samples = (BITS, SIGNS, AMOUNTS, AMOUNTS / (1 + AMOUNTS), np.stack([AMOUNTS, 2 * AMOUNTS], axis=-1))
    y = next(sample for sample in samples if loss.domain.contains(sample).all())
    columns = [P if domain.bounded else R for domain in loss.prediction_domains]
    f = columns[0] if len(columns) == 1 else np.stack(columns, axis=-1)
    bound = loss.traits().curvature
    if bound and np.isfinite(bound):
        assert len(columns) == 1, "the law of a bounded curvature knows one output"
        assert (loss.majorizer(y, f, reduction="none") >= loss.hessian(y, f, reduction="none") * (1 - 1e-15)).all()
        same(loss.majorizer(y, f), np.full(R.size, bound / R.size))
    else:
        with pytest.raises(TypeError, match="no positive finite bound"):
            loss.majorizer(y, f)
    if not hasattr(loss, "information"):
        with pytest.raises(lk.CapabilityError, match="no log-likelihood"):
            loss.fisher(y, f)
