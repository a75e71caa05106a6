"""The best constant of a sample against brute force, and the scale of residuals by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

import losskit as lk
from tests.border.test_weights import every_loss, rows

INF = math.inf


def brute(loss: lk.Pointwise, y: np.ndarray, w: np.ndarray | None) -> tuple[float, float]:
    """The lowest mean loss of a constant, and where: a grid, narrowed around its best ten times."""
    residual = loss.variables == ("r",)
    low, high = (
        (y.min(), y.max()) if residual else (1e-9, 1 - 1e-9) if loss.prediction_domain.bounded else (-12.0, 12.0)
    )
    for _ in range(10):
        grid = np.linspace(low, high, 401)
        table = loss(np.broadcast_to(y, (401, *y.shape)), np.repeat(grid[:, None], len(y), 1), reduction="none")
        values = np.average(table, axis=1, weights=w)
        best = int(np.argmin(values))
        low, high = grid[max(best - 1, 0)], grid[min(best + 1, 400)]
    return float(values.min()), float(grid[best])


def brute_of_several(loss: lk.Pointwise, y: np.ndarray, w: np.ndarray | None, c: np.ndarray) -> float:
    """The lowest mean loss of constants all around `c`, near and far."""
    rng = np.random.default_rng(0)
    away = rng.normal(size=(20_000, c.size)) * 10.0 ** rng.uniform(-7, 1, (20_000, 1))
    tried = np.where(rng.random((20_000, 1)) < 0.5, c + away, c * (1 + away))
    inside = np.all([d.contains(x) for d, x in zip(loss.prediction_domains, tried.T, strict=True)], axis=0)
    tried = tried[inside]
    shape = (len(tried), y.size, c.size)
    table = loss(np.broadcast_to(y, shape[:2]), np.broadcast_to(tried[:, None], shape), reduction="none")
    return float(np.average(table, axis=1, weights=w).min())


@every_loss
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("weighted", [False, True])
def test_no_constant_is_better_than_the_best_constant(loss, seed, weighted):
    y, _, w = rows(loss, 30 + seed, 41)
    w = w if weighted else None
    c = loss.constant(y, w)
    if len(loss.outputs) > 1:
        value = loss(y, np.broadcast_to(c, (y.size, c.size)), w)
        assert value <= brute_of_several(loss, y, w, c) + 1e-12 * abs(value)
        slope = loss.gradient(y, np.broadcast_to(c, (y.size, c.size)), w).sum(axis=0)
        assert loss.traits().differentiable is False or np.abs(slope).max() < 1e-9
        return
    lowest, where = brute(loss, y, w)
    # a loss that falls for ever is compared far out: at infinity its rows may be infinite of both signs
    value = loss(y, np.full(len(y), c if math.isfinite(c) else math.copysign(1e6, c)), w)
    assert value <= lowest + 1e-12 * abs(lowest)
    if loss.traits().strictly_convex:
        assert c == pytest.approx(where, rel=1e-5, abs=1e-5)


@every_loss
def test_a_best_constant_ignores_the_shape_the_order_and_rows_of_no_weight(loss):
    y, _, w = rows(loss, 40, 24)
    c = loss.constant(y, w)
    order = np.random.default_rng(41).permutation(24)
    assert loss.constant(y[order], w[order]) == pytest.approx(c, rel=1e-7, abs=1e-7)
    assert np.array_equal(loss.constant(y.reshape(4, 6, *y.shape[1:]), w.reshape(4, 6)), c)
    odd = y.copy()
    odd[w == 0] = math.nan
    assert np.array_equal(loss.constant(odd, w), c)
    assert loss.constant(np.repeat(y, 2, axis=0), np.repeat(w, 2)) == pytest.approx(c, rel=1e-7, abs=1e-7)


@pytest.mark.parametrize(
    ("loss", "y", "w", "want"),
    [
        (lk.SquaredError(), [1, 2, 6], None, 3.0),
        (lk.SquaredError(), [1, 2, 6], [1, 1, 2], 3.75),
        (lk.AbsoluteError(), [1, 2, 6], None, 2.0),
        (lk.AbsoluteError(), [1, 2, 6, 9], None, 4.0),
        (lk.AbsoluteError(), [1, 2, 6], [1, 1, 2], 4.0),
        (lk.AbsoluteError(), [1, 2, 6], [1, 1, 3], 6.0),
        (lk.Quantile(0.25), [1, 2, 6, 9], None, 1.5),
        (lk.Quantile(0.25), [1, 1, 1, 1], None, 1.0),
        (lk.Quantile(0.9), np.arange(1, 11), None, 9.5),
        (lk.Quantile(0.1), np.arange(1, 11), None, 1.5),
        (lk.Quantile(0.3), np.arange(1, 11), None, 3.5),
        (lk.Quantile(0.31), np.arange(1, 11), None, 4.0),
        (lk.Expectile(0.5), [1, 2, 6], None, 3.0),
        (lk.Poisson(), [0, 0, 0], None, -INF),
        (lk.Poisson(), [0, 7, 0], [1, 0, 1], -INF),
        (lk.Poisson(), [2, 4], None, math.log(3)),
        (lk.Gamma(), [2, 4], None, math.log(3)),
        (lk.Tweedie(), [0, 0], None, -INF),
        (lk.Logistic(), [1, 1], None, INF),
        (lk.Logistic(), [0, 0], None, -INF),
        (lk.Logistic(), [0, 1, 1, 1], None, math.log(3)),
        (lk.BinaryCrossEntropy(), [0, 1, 1, 1], None, 0.75),
        (lk.BinaryCrossEntropy(), [1, 1], None, 1.0),
        (lk.Hinge(), [1, 1, -1], None, 1.0),
        (lk.Hinge(), [-1, 1, -1], None, -1.0),
        (lk.SquaredHinge(), [1, 1, -1], None, 1 / 3),
        (lk.Huber(1.0), [0, 0, 0, 100], None, 1 / 3),
        (lk.LogCosh(), [5, 5], None, 5.0),
        (lk.Tweedie(0), [-1, -2], None, -INF),
        (lk.Tweedie(0), [1, 3], None, math.log(2)),
        (lk.SquaredError(), [1e308, 1e308], None, 1e308),
        (lk.AbsoluteError(), [-1.7e308, 1.7e308], None, 0.0),
        (lk.BinaryFocal(), [1, 1], None, INF),
        (lk.HurdlePoisson(), [0, 0, 1, 3], None, [math.log(1.5936242600400403), 0.0]),
        (lk.HurdlePoisson(), [1, 1], None, [-INF, -INF]),
        (lk.HurdlePoisson(), [0, 0], None, [-INF, INF]),
        (lk.ZeroInflatedPoisson(), [1, 2, 3], None, [math.log(2), -INF]),
        (lk.NegativeBinomialNLL(), [2, 2, 2], None, [math.log(2), -INF]),
        (lk.NegativeBinomialNLL(), [0, 0], None, [-INF, 0.0]),
    ],
    ids=repr,
)
def test_best_constants_known_by_hand(loss, y, w, want):
    assert loss.constant(y, w) == pytest.approx(want, rel=1e-12, abs=1e-12)


# -- "auto"


@pytest.mark.parametrize(
    ("loss", "name", "tuning"),
    [
        (lk.Huber("auto"), "delta", 1.345),
        (lk.PseudoHuber("auto"), "delta", 1.2871),
        (lk.LogCosh("auto"), "scale", 1.205),
        (lk.Tukey("auto"), "c", 4.685),
    ],
)
def test_auto_is_the_tuning_constant_times_the_mad_over_0_6745(loss, name, tuning):
    # median of (1, 2, 4, 8, 100) is 4; deviations 3, 2, 0, 4, 96 have median 3
    closed = loss.resolve([1.0, 2.0, 4.0, 8.0, 100.0])
    assert closed == type(loss)(tuning * (3 / 0.6745))
    # weights 1, 1, 1, 1, 3: median 8 (half of 7 is 3.5); deviations 7, 6, 4, 0, 92: 0, 4, 6 of weight 3, so 7 at 3.5
    assert loss.resolve([1, 2, 4, 8, 100], [1, 1, 1, 1, 3]).parameters[name] == pytest.approx(
        tuning * 7 / 0.6745, rel=1e-15
    )
    assert loss.resolve([1, 2, 4, 8, 100, math.nan], [1, 1, 1, 1, 1, 0]) == closed
    assert closed.resolve([0.0]) is closed
    assert loss.resolve(np.array([[1, 2], [4, 4]]) * 3.0).parameters[name] == pytest.approx(
        3 * loss.resolve([1, 2, 4, 4]).parameters[name], rel=1e-15
    )


def test_an_open_loss_says_so_when_it_is_called():
    for act in ("gradient", "hessian", "value_and_gradient", "partial"):
        with pytest.raises(lk.ParameterError, match=r"delta is still \"auto\".*resolve"):
            getattr(lk.Huber("auto"), act)([1.0], [2.0])


def test_a_closed_loss_gives_the_values_of_the_formula():
    closed = lk.Huber("auto").resolve([1.0, 2.0, 4.0, 8.0, 100.0])
    assert closed([0.0], [100.0]) == pytest.approx(closed.delta * (100 - closed.delta / 2), rel=1e-15)
