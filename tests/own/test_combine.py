"""Losses made of losses: identities with losses that exist, slopes by differences, printing, travelling, refusals."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import losskit as lk
from losskit.combine import Combined
from losskit.expressions import combinators, read_loss
from tests.laws.array_laws import by_arrays, contradictions

RNG = np.random.default_rng(11)
R = np.concatenate([[0.0, 1.0, -1.0, 2.0], RNG.normal(size=40) * 3])
ZERO = np.zeros_like(R)
BITS = (RNG.random(R.size) < 0.4).astype(float)

SAME = {
    "a multiple": (2 * lk.SquaredError(), lambda y, f: 2 * (f - y) ** 2),
    "a quotient": (lk.SquaredError() / 2, lk.Huber(1e9)),
    "a sum": (lk.Huber() + lk.AbsoluteError(), lambda y, f: lk.Huber()(y, f, None, "none") + abs(f - y)),
    "sum() of several": (sum([lk.Huber()] * 3), 3 * lk.Huber()),
    "a sum of one loss at two parameters": (
        lk.Quantile(0.2) + lk.Quantile(0.8),
        lambda y, f: lk.Quantile(0.2)(y, f, None, "none") + lk.Quantile(0.8)(y, f, None, "none"),
    ),
    "an asymmetric square": (lk.Asymmetric(lk.SquaredError(), 0.3), lk.Expectile(0.3)),
    "an asymmetric absolute": (lk.Asymmetric(lk.AbsoluteError(), 0.3), lk.Quantile(0.3)),
    "Huber in units": (lk.Scaled(lk.Huber(1.3), 2.0), lk.Huber(2.6)),
    "Tukey in units": (lk.Scaled(lk.Tukey(2.0), 3.0), lk.Tukey(6.0)),
    "a smoothed absolute": (lk.Smoothed(lk.AbsoluteError(), 0.5), 2 * lk.Huber(0.5)),
    "a smoothed pinball of the median": (lk.Smoothed(lk.Quantile(0.5), 2.0), lk.Huber(1.0) / 2),
    "a clipped square": (lk.Clipped(lk.SquaredError(), 4.0), lambda y, f: np.minimum((f - y) ** 2, 4.0)),
}


def _weighted(y, f):
    return (0.5 + 2.5 * y) * np.log1p(np.exp(f * (1 - 2 * y)))


SAME_CLASSES = {
    "focal": (lk.Focal(lk.Logistic(), 2.0), lk.BinaryFocal(2.0)),
    "weighted": (lk.Weighted(lk.Logistic(), 3.0, 0.5), _weighted),
    "a prior of one half": (lk.PriorAdjusted(lk.Logistic(), 0.5), lk.Logistic()),
    "a prior": (lk.PriorAdjusted(lk.Logistic(), 0.2), lambda y, f: lk.Logistic()(y, f - np.log(4), None, "none")),
    "labels that never flip": (lk.NoiseCorrected(lk.Logistic()), lk.Logistic()),
}
ALL = {name: (*pair, ZERO) for name, pair in SAME.items()} | {n: (*p, BITS) for n, p in SAME_CLASSES.items()}
LOSSES = [pair[0] for pair in ALL.values()] + [
    lk.Smoothed(lk.Hinge(), 0.5), lk.NoiseCorrected(lk.Hinge(), 0.1, 0.2), lk.Weighted(lk.Hinge(), 2.0),
    lk.Scaled(lk.LogCosh()), 0.5 * (lk.Huber() + (lk.Quantile(0.9) + 2 * lk.Expectile(0.1))),
]  # fmt: skip


@pytest.mark.parametrize("name", ALL)
def test_it_is_what_it_stands_for(name):
    loss, other, y = ALL[name]
    want = other(y, R, None, "none") if isinstance(other, lk.Pointwise) else other(y, R)
    np.testing.assert_allclose(loss(y, R, None, "none"), want, rtol=1e-12, atol=1e-14)
    if isinstance(other, lk.Pointwise):
        for method in ("gradient", "hessian"):
            got, wanted = getattr(loss, method)(y, R, None, "none"), getattr(other, method)(y, R, None, "none")
            np.testing.assert_allclose(got, wanted, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_its_gradient_is_the_slope_of_its_value(loss):
    if loss._open():
        loss = loss.resolve(R)
    y = 2 * BITS - 1 if loss.domain.only else BITS if loss.domain.high == 1 else ZERO
    f, h = R + 0.0123, 1e-5
    slope = (loss(y, f + h, None, "none") - loss(y, f - h, None, "none")) / (2 * h)
    np.testing.assert_allclose(loss.gradient(y, f, None, "none"), slope, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_it_prints_compares_travels_and_is_read_back(loss):
    assert eval(repr(loss), vars(lk)) == loss == pickle.loads(pickle.dumps(loss)) == read_loss(repr(loss))
    assert hash(loss) == hash(read_loss(repr(loss)))
    assert loss != 2 * loss
    assert loss.latex()


@pytest.mark.parametrize("loss", [loss for loss in LOSSES if not loss._open()], ids=repr)
def test_no_search_refutes_its_traits(loss):
    # what a combination says of bounds are bounds, not always the least ones
    found = contradictions(loss, loss.traits(), by_arrays(loss.trace(), loss))
    assert set(found) <= {"lipschitz", "curvature", "strong"}
    y = np.array([[-1.0], [1.0]]) if loss.domain.only else np.array([[0.0], [1.0]])
    f = np.linspace(-30, 30, 20001)[None, :] + np.zeros_like(y)
    _, g, h = by_arrays(loss.trace(), loss)(loss, y, f)
    known = loss.traits()
    for bound, reached in ((known.lipschitz, abs(g).max()), (known.curvature, h.max())):
        assert bound is None or reached <= bound * (1 + 1e-9) + 1e-12
    assert known.strong is None or h.min() >= known.strong - 1e-9


def test_noise_correction_is_unbiased_for_flipped_labels():
    loss = lk.NoiseCorrected(lk.Logistic(), 0.3, 0.1)
    seen_as_it_is, seen_flipped = loss(ZERO + 1, R, None, "none"), loss(ZERO, R, None, "none")
    np.testing.assert_allclose(0.7 * seen_as_it_is + 0.3 * seen_flipped, lk.Logistic()(ZERO + 1, R, None, "none"))


def test_a_scale_from_the_data_is_taken_by_any_loss_inside():
    open_loss = lk.Scaled(lk.Tukey(4.685))
    residuals = RNG.standard_normal(1001) * 7
    closed = open_loss.resolve(residuals)
    assert closed == lk.Scaled(lk.Tukey(4.685), closed.sigma)
    assert closed.sigma == pytest.approx(7, rel=0.2)
    assert (lk.Huber("auto") + lk.AbsoluteError()).resolve(residuals).first.delta == pytest.approx(1.345 * closed.sigma)
    with pytest.raises(lk.ParameterError, match=r"open.*auto"):
        (2 * open_loss)(ZERO, R)


def test_solvers_take_a_combination():
    X = RNG.normal(size=(300, 3))
    y = X @ [1.0, -2.0, 0.5] + RNG.normal(size=300)
    both = lk.LinearRegressor(loss=lk.Huber(1.0) + 0.1 * lk.SquaredError()).fit(X, y)
    assert both.coef_ == pytest.approx([1, -2, 0.5], abs=0.2)
    assert lk.LinearRegressor(loss=lk.Scaled(lk.Huber(1.345))).fit(X, y).loss_.sigma == pytest.approx(1, rel=0.2)


REFUSED = {
    "two links": lambda: lk.Huber() + lk.Poisson(),
    "two domains": lambda: lk.Logistic() + lk.Hinge(),
    "a negative factor": lambda: -1 * lk.Huber(),
    "a factor that is nan": lambda: float("nan") * lk.Huber(),
    "no loss inside": lambda: lk.Clipped("huber"),
    "a curved loss to smooth": lambda: lk.Smoothed(lk.SquaredError()),
    "a margin to scale": lambda: lk.Scaled(lk.Hinge()),
    "two scales from the data": lambda: lk.Scaled(lk.Huber("auto")),
    "labels that are numbers": lambda: lk.Weighted(lk.Huber()),
    "a focal margin": lambda: lk.Focal(lk.Hinge()),
    "too many flips": lambda: lk.NoiseCorrected(lk.Logistic(), 0.5, 0.5),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused(name):
    with pytest.raises((lk.ParameterError, lk.CapabilityError)) as caught:
        REFUSED[name]()
    assert len(str(caught.value)) > 30


@pytest.mark.parametrize("act", [lambda: lk.Huber() + 1, lambda: lk.Huber() * "2", lambda: 1 - lk.Huber()])
def test_arithmetic_with_what_is_no_loss_is_a_type_error(act):
    with pytest.raises(TypeError):
        act()


def test_every_combinator_is_public():
    assert {cls.__name__ for cls in Combined.__subclasses__()} == combinators().keys() <= set(lk.__all__)
