"""Losses of a set of rows: what the call returns, its derivative, weights as repetitions, limits, refusals."""

from __future__ import annotations

import copy
import pickle

import mpmath
import numpy as np
import pytest

import losskit as lk

WEIGHTED = lk.SoftmaxCrossEntropy(class_weight=(1.0, 2.0, 0.5))
INNER = (lk.Huber(), WEIGHTED, lk.SoftmaxCrossEntropy(axis=0), lk.GaussianNLL())
RISKS = (
    lambda loss: lk.TailRisk(loss, 0.73), lambda loss: lk.TailRisk(loss, 0.0), lambda loss: lk.TopK(loss, 5),
    lambda loss: lk.Tilted(loss, 1.5), lambda loss: lk.Tilted(loss, -2.0), lambda loss: lk.Tilted(loss, 1e-9),
    lambda loss: lk.GroupDRO(loss), lambda loss: lk.GroupDRO(loss, 2.0),
)  # fmt: skip
every = pytest.mark.parametrize("risk", [make(loss) for loss in INNER for make in RISKS], ids=repr)
H = lk.Huber()


def rows_of(loss, rng, n=30):
    """Targets, predictions, and a function that takes some of the rows of the latter."""
    if isinstance(loss, lk.SoftmaxCrossEntropy):
        y, f = rng.integers(0, 3, n), rng.normal(size=(n, 3)) * 2
        return (y, f.T, lambda f, some: f[:, some]) if loss.axis == 0 else (y, f, lambda f, some: f[some])
    shape = (n, len(loss.outputs)) if len(loss.outputs) > 1 else n
    return rng.normal(size=n), rng.normal(size=shape), lambda f, some: f[some]


def named(risk, groups):
    return {"groups": groups} if risk.grouped else {}


@every
def test_the_gradient_is_that_of_the_call_and_a_weight_repeats_a_row(risk):
    rng = np.random.default_rng(1)
    y, f, take = rows_of(risk.loss, rng)
    w, groups, e = rng.integers(0, 4, 30), rng.integers(0, 3, 30), 1e-6
    value, gradient = risk.value_and_gradient(y, f, w, **named(risk, groups))
    assert value == risk(y, f, w, **named(risk, groups))
    np.testing.assert_array_equal(gradient, risk.gradient(y, f, w, **named(risk, groups)))
    for at in list(np.ndindex(f.shape))[::3]:
        up, down = f.copy(), f.copy()
        up[at], down[at] = f[at] + e, f[at] - e
        slope = (risk(y, up, w, **named(risk, groups)) - risk(y, down, w, **named(risk, groups))) / (2 * e)
        assert gradient[at] == pytest.approx(slope, rel=1e-5, abs=2e-9)
    again = np.repeat(np.arange(30), w)
    assert risk(y[again], take(f, again), **named(risk, groups[again])) == pytest.approx(value, rel=1e-14)
    mixed = rng.permutation(30)
    moved = risk.value_and_gradient(y[mixed], take(f, mixed), w[mixed], **named(risk, groups[mixed]))
    assert moved[0] == pytest.approx(value, rel=1e-14)
    np.testing.assert_allclose(moved[1], take(gradient, mixed), rtol=1e-13, atol=1e-17)


@every
def test_a_row_of_no_weight_counts_for_nothing_and_nan_is_not_swallowed(risk):
    rng = np.random.default_rng(2)
    y, f, take = rows_of(risk.loss, rng)
    groups, w = rng.integers(0, 3, 30), np.ones(30)
    w[[3, 7]] = 0
    spoilt, bad = np.moveaxis(f.copy(), getattr(risk.loss, "axis", -1) if f.ndim > 1 else 0, -1), y.astype(float)
    spoilt[[3, 7]], bad[[3, 7]] = np.nan, np.nan
    spoilt = np.moveaxis(spoilt, -1, getattr(risk.loss, "axis", -1)) if f.ndim > 1 else spoilt
    value, gradient = risk.value_and_gradient(bad, spoilt, w, **named(risk, groups))
    kept = np.flatnonzero(w)
    assert value == pytest.approx(risk(y[kept], take(f, kept), **named(risk, groups[kept])), rel=1e-14)
    assert (take(gradient, [3, 7]) == 0).all()
    assert np.isfinite(gradient).all()
    value, gradient = risk.value_and_gradient(y, spoilt, **named(risk, groups))
    assert np.isnan(value)
    assert np.isnan(gradient).all()


def exact(risk, losses, w):
    """By the definition, with the digits that t takes."""
    with mpmath.workdps(700 if isinstance(risk, lk.Tilted) and abs(risk.t) < 1e-100 else 60):
        losses, w = [mpmath.mpf(x) for x in losses.tolist()], [mpmath.mpf(x) for x in w.tolist()]
        total = mpmath.fsum(w)
        if isinstance(risk, lk.Tilted):
            t = mpmath.mpf(risk.t)
            return mpmath.log(mpmath.fsum(a * mpmath.exp(t * x) for a, x in zip(w, losses, strict=True)) / total) / t
        mass = (1 - mpmath.mpf(risk.level)) * total if isinstance(risk, lk.TailRisk) else min(risk.k, total)
        # Rockafellar and Uryasev: min over c of c + E max(0, L - c) / (1 - level); the minimum is at a loss
        return min(c + mpmath.fsum(a * max(x - c, 0) for a, x in zip(w, losses, strict=True)) / mass for c in losses)


@pytest.mark.parametrize("risk", [
    *(lk.TailRisk(H, level) for level in (0.0, 0.1, 0.5, 0.9, 0.999)), *(lk.TopK(H, k) for k in (1, 7, 10**6)),
    *(lk.Tilted(H, sign * t) for t in (1e-300, 1e-12, 1e-3, 1.0, 30.0, 1e4) for sign in (-1, 1)),
], ids=repr)  # fmt: skip
def test_values_are_those_of_the_definition(risk):
    rng = np.random.default_rng(3)
    for scale in (1e-3, 1.0, 300.0):
        y, f, w = np.zeros(40), rng.normal(size=40) * scale, rng.random(40) * 3
        f[5:9] = f[4]  # ties
        got = risk(y, f, w)
        assert got == pytest.approx(float(exact(risk, H(y, f, reduction="none"), w)), rel=2e-14)


def test_limits_are_the_mean_and_the_ends():
    rng = np.random.default_rng(4)
    y, f, w, groups = rng.normal(size=50), rng.normal(size=50), rng.random(50), rng.integers(0, 4, 50)
    mean, losses = H(y, f, w), H(y, f, reduction="none")
    for risk in (lk.TailRisk(H, 0.0), lk.TopK(H, 50), lk.Tilted(H, 0.0), lk.Tilted(H, 1e-17)):
        assert risk(y, f, w) == pytest.approx(mean, rel=1e-15)
        np.testing.assert_allclose(risk.gradient(y, f, w), H.gradient(y, f, w), rtol=1e-14)
    for risk in (lk.TailRisk(H, 1 - 1e-12), lk.TopK(H, 1), lk.Tilted(H, 1e8)):
        assert risk(y, f) == pytest.approx(losses.max(), rel=1e-6)
    assert lk.Tilted(H, -1e8)(y, f) == pytest.approx(losses.min(), abs=1e-6)
    means = [H(y[groups == g], f[groups == g], w[groups == g]) for g in range(4)]
    assert lk.GroupDRO(H)(y, f, w, groups=groups) == pytest.approx(max(means), rel=1e-14)
    assert lk.GroupDRO(H, 0.0)(y, f, w, groups=groups.astype(str)) == pytest.approx(np.mean(means), rel=1e-14)
    assert lk.GroupDRO(H)(y, f, w, groups=np.full(50, "one")) == pytest.approx(mean, rel=1e-14)
    tied = lk.TopK(lk.AbsoluteError(), 1).gradient([0.0] * 4, [2.0, -2.0, 1.0, 2.0])
    np.testing.assert_allclose(tied, [1 / 3, -1 / 3, 0, 1 / 3], rtol=1e-15)


def test_infinite_losses_are_the_worst_and_never_nan():
    loss, y, f = lk.BinaryCrossEntropy(), [1.0, 1.0, 0.0], [0.5, 0.0, 0.5]
    for risk in (lk.TailRisk(loss, 0.9), lk.TopK(loss, 1), lk.Tilted(loss, 1.0)):
        assert risk(y, f) == np.inf
    assert lk.Tilted(loss, -1.0)(y, f) == pytest.approx(np.log(2) + np.log(1.5))
    np.testing.assert_allclose(lk.Tilted(loss, -1.0).gradient(y, f), [-1, 0, 1], rtol=1e-15)


@pytest.mark.parametrize("risk", [lk.TailRisk(H, 0.8), lk.TopK(lk.SquaredError(), 4), lk.Tilted(lk.Logistic(), 3.0),
                                  lk.GroupDRO(H), lk.GroupDRO(lk.SquaredError(), 1.0)], ids=repr)  # fmt: skip
def test_claims_survive_a_search(risk):
    rng = np.random.default_rng(5)
    groups, known = rng.integers(0, 3, 20), risk.traits()
    y = rng.integers(0, 2, 20).astype(float)
    assert known.convex
    for _ in range(60):
        a, b = rng.normal(size=(2, 20)) * 10.0 ** rng.uniform(-2, 1)
        t = rng.random()
        value = [risk(y, f, **named(risk, groups)) for f in (a, b, t * a + (1 - t) * b)]
        assert value[2] <= t * value[0] + (1 - t) * value[1] + 1e-12 * (1 + abs(value[0]) + abs(value[1]))
        if known.lipschitz is not None:
            assert np.linalg.norm(risk.gradient(y, a, **named(risk, groups))) <= known.lipschitz * (1 + 1e-12)
    assert lk.Tilted(H, -1.0).traits().convex is None


@pytest.mark.parametrize(("act", "error", "words"), [
    (lambda: lk.TailRisk(H)([0.0], [1.0], reduction="none"), lk.CapabilityError, ("one number for the set", "'none'")),
    (lambda: lk.TailRisk(H)([0.0], [1.0], reduction="sum"), lk.CapabilityError, ("'sum'", "the loss inside")),
    (lambda: lk.Tilted(H).hessian([0.0], [1.0]), lk.CapabilityError, ("couples rows", "hessian")),
    (lambda: lk.Tilted(H).partial([0.0], [1.0]), lk.CapabilityError, ("do not add up",)),
    (lambda: lk.Tilted(H).to_lightgbm(), lk.CapabilityError, ("couples rows", "lightgbm")),
    (lambda: lk.check_loss(lk.Tilted(H)), lk.CapabilityError, ("couples rows", "the loss inside")),
    (lambda: lk.TopK(H, 1)([0.0], [1.0], out=np.empty(1)), lk.CapabilityError, ("no rows to fill",)),
    (lambda: lk.GroupDRO(H)([0.0], [1.0]), lk.ParameterError, ("needs groups",)),
    (lambda: lk.TopK(H, 1)([0.0], [1.0], groups=[0]), lk.ParameterError, ("takes no groups",)),
    (lambda: lk.GroupDRO(H)([0.0], [1.0], groups=[0, 1]), lk.ShapeError, ("(2,)", "(1,)", "a label a row")),
    (lambda: lk.GroupDRO(H)([0.0], [1.0], groups=[np.nan]), lk.DomainError, ("1 nan",)),
    (lambda: lk.TailRisk(H)([0.0], [1.0], [-1.0]), lk.DomainError, ("sample_weight[0]",)),
    (lambda: lk.TailRisk(H)([0.0], [1.0], [0.0], empty="raise"), lk.DomainError, ("no weight",)),
    (lambda: lk.TailRisk(H, 1.0), lk.ParameterError, ("level < 1", "1.0")),
    (lambda: lk.TopK(H, 0), lk.ParameterError, ("k a whole number >= 1", "0")),
    (lambda: lk.Tilted(H, np.inf), lk.ParameterError, ("finite", "inf")),
    (lambda: lk.TailRisk(lk.Tilted(H)), lk.ParameterError, ("the loss of a row", "Tilted")),
    (lambda: lk.TailRisk("huber"), lk.ParameterError, ("the loss of a row", "'huber'")),
])  # fmt: skip
def test_what_it_cannot_do_is_said(act, error, words):
    with pytest.raises(error) as caught:
        act()
    for word in words:
        assert word in str(caught.value)


def test_a_risk_is_a_value_and_fills_out():
    risk = lk.TailRisk(lk.Huber(2.0), 0.5)
    assert eval(repr(risk), {"TailRisk": lk.TailRisk, "Huber": lk.Huber}) == risk == copy.copy(risk)
    assert pickle.loads(pickle.dumps(risk)) == risk
    assert hash(risk) == hash(lk.TailRisk(lk.Huber(2.0), 0.5)) != hash(lk.TailRisk(lk.Huber(2.0), 0.6))
    out = np.empty(3)
    assert risk.gradient([0.0, 1.0, 2.0], [1.0, 1.0, 9.0], out=out) is out
    assert risk.predict([1.0]).tolist() == [1.0]
    assert np.isnan(risk([0.0], [1.0], [0.0]))
    assert risk.gradient([0.0], [1.0], [0.0]).tolist() == [0.0]
    narrow = risk.value_and_gradient(np.zeros(3, np.float32), np.ones(3, np.float32))
    assert narrow[1].dtype == np.float32


def test_labels_are_smoothed_as_targets_would_be():
    rng = np.random.default_rng(6)
    y, f = rng.integers(0, 2, 40).astype(float), rng.normal(size=40) * 3
    smooth = lk.SmoothedLabels(lk.Logistic(), 0.2)
    for got, want in zip(smooth.value_gradient_and_hessian(y, f, reduction="none"),
                         lk.Logistic().value_gradient_and_hessian(0.8 * y + 0.1, f, reduction="none"), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-14)
    signs, hinge = 2 * y - 1, lk.SmoothedLabels(lk.Hinge(), 0.2)
    both = [lk.Hinge()(s, f, reduction="none") for s in (signs, -signs)]
    np.testing.assert_allclose(hinge(signs, f, reduction="none"), 0.9 * both[0] + 0.1 * both[1], rtol=1e-14)
    with pytest.raises(lk.CapabilityError, match="two classes"):
        lk.SmoothedLabels(lk.Huber())


def test_partials_along_an_axis_are_means_over_the_tokens_that_count():
    rng = np.random.default_rng(7)
    loss, y, f = lk.SoftmaxCrossEntropy(ignore_index=-1), rng.integers(-1, 4, (6, 50)), rng.normal(size=(6, 50, 4))
    rows, kept = loss(y, f, reduction="none"), y >= 0
    part = sum(loss.partial(y[:, a : a + 7], f[:, a : a + 7], axis=1) for a in range(0, 50, 7))
    np.testing.assert_array_equal(part.weight, kept.sum(axis=1))
    np.testing.assert_allclose(part.mean, rows.sum(axis=1) / kept.sum(axis=1), rtol=1e-15)
    whole = loss.partial(y, f, axis=1)
    np.testing.assert_array_equal(part.mean, whole.mean)
    np.testing.assert_array_equal(loss.partial(y.T, np.swapaxes(f, 0, 1), axis=0).mean, whole.mean)
    assert loss.partial(y, f).mean == pytest.approx(loss(y, f), rel=1e-15)
    none = loss.partial(np.array([[0, 1], [-1, -1]]), f[:2, :2], axis=-1)
    assert np.isnan(none.mean).tolist() == [False, True]
    y, f, w = rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), rng.random((3, 4))
    np.testing.assert_allclose(lk.SquaredError().partial(y, f, w, axis=0).mean,
                               np.average((f - y) ** 2, axis=0, weights=w), rtol=1e-15)
    f[0, 0], f[1, 1] = np.inf, np.nan
    found = lk.SquaredError().partial(y, f, axis=0) + lk.SquaredError().partial(y, f, axis=0)
    assert found.sum[0] == np.inf
    assert np.isnan(found.sum[1])
    assert found.weight.tolist() == [6.0] * 4
    with pytest.raises(lk.ShapeError, match="no axis 2"):
        lk.SquaredError().partial(y, f, axis=2)
