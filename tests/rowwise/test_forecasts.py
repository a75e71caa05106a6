"""Scores of quantiles, ensembles and vectors: definitions, ties, propriety, bad input; and the decomposition."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from scipy.optimize import linprog
from sklearn.metrics import mean_pinball_loss

import losskit as lk
from tests.laws.oracle import error

OTHER = 8.0  # ulp
RNG = np.random.default_rng(0)
Y, F = RNG.normal(size=40), RNG.normal(size=(40, 5)) * 2
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


def _crps(y, x, fair):
    """mean |x - y| less half the mean |x - x'|, exactly."""
    m, x, y = len(x), [mpmath.mpf(a) for a in x], mpmath.mpf(y)
    spread = mpmath.fsum(abs(a - b) for a in x for b in x)
    return mpmath.fsum(abs(a - y) for a in x) / m - spread / (2 * m * (m - 1 if fair else m))


@pytest.mark.parametrize("estimator", ["fair", "energy"])
def test_an_ensemble_scores_as_its_definition_says(estimator):
    loss, fair = lk.CRPSEnsemble(estimator), estimator == "fair"
    f = F.copy()
    f[:10] = Y[:10, None] + 1e-9 * F[:10]  # close to the target, and to each other
    f[10:20] *= 10.0 ** RNG.uniform(-30, 30, (10, 5))
    f[20, 1] = f[20, 3] = f[21, 0] = f[21, 4]
    with mpmath.workdps(200):
        for i, got in enumerate(loss(Y, f, reduction="none")):
            true = _crps(Y[i], f[i], fair)
            scale = np.abs(f[i] - Y[i]).max() if fair else None  # a fair score has a root
            assert error(got, true, scale) <= OTHER, (Y[i], f[i], got, true)


def test_members_that_tie_share_their_slopes_and_one_on_the_target_has_none():
    gradient = lk.CRPSEnsemble("energy").gradient([0.0], [[1.0, 1.0, 0.0, -2.0]])
    assert gradient.tolist() == [[2 / 16, 2 / 16, 0.0, -1 / 16]]
    same = lk.CRPSEnsemble().gradient([0.0], [[1.0, 1.0, 1.0]])
    np.testing.assert_allclose(same, 1 / 3)


@pytest.mark.parametrize("estimator", ["fair", "energy"])
@pytest.mark.parametrize(
    ("name", "members", "d"), [("CRPSEnsemble", 2, 1), ("EnergyScore", 2, 3), ("EnergyScore", 5, 2)]
)
def test_claims_about_ensembles_survive_a_search(name, members, d, estimator):
    rng = np.random.default_rng(4)
    loss = getattr(lk, name)(estimator)
    known, shape = loss.traits(), (3000, members, d) if name == "EnergyScore" else (3000, members)
    y, f, other = np.zeros((3000, d) if name == "EnergyScore" else 3000), *rng.normal(size=(2, *shape))
    f[:1000] = 3 + 0.01 * f[:1000]  # all on one side of y
    value = loss(y, f, reduction="none")
    np.testing.assert_allclose(loss(y, -f, reduction="none"), value, rtol=1e-13, atol=1e-15)
    between = loss(y, (f + other) / 2, reduction="none") - (value + loss(y, other, reduction="none")) / 2
    assert (between > 0.01).any() == (not known.convex)
    slopes = np.linalg.norm(loss.gradient(y, f, reduction="none").reshape(3000, -1), axis=1)
    assert slopes.max() <= known.lipschitz * (1 + 1e-12)
    assert slopes.max() > 0.999 * known.lipschitz or members > 2
    assert loss(y, 1e6 * f) > 1e5


@pytest.mark.parametrize("estimator", ["fair", "energy"])
def test_the_energy_score_of_one_number_is_the_crps_and_its_gradient_that_of_its_value(estimator):
    loss = lk.EnergyScore(estimator)
    value, gradient = loss.value_and_gradient(Y[:, None], F[:, :, None], reduction="none")
    np.testing.assert_allclose(value, lk.CRPSEnsemble(estimator)(Y, F, reduction="none"), rtol=1e-12)
    slopes = lk.CRPSEnsemble(estimator).gradient(Y, F, reduction="none")
    np.testing.assert_allclose(gradient[:, :, 0], slopes, atol=1e-15)
    y, f, e = RNG.normal(size=(12, 3)), RNG.normal(size=(12, 4, 3)), 1e-6
    gradient = loss.gradient(y, f, reduction="none")
    for j in np.ndindex(4, 3):
        step = np.zeros_like(f)
        step[:, j[0], j[1]] = e
        up, down = (loss(y, f + s, reduction="none") for s in (step, -step))
        np.testing.assert_allclose((up - down) / (2 * e), gradient[:, j[0], j[1]], rtol=1e-6, atol=1e-9)
    w = RNG.random(12)
    assert loss(y, f, w) == pytest.approx(np.average(loss(y, f, reduction="none"), weights=w), rel=1e-14)
    assert loss.partial(y, f, w).mean == pytest.approx(loss(y, f, w), rel=1e-14)
    assert loss.gradient(y, f.astype(np.float32)).dtype == np.float32
    assert loss([[0.0, 3.0]], [[[4.0, 0.0], [4.0, 0.0]]]) == 5.0


def test_quantiles_at_several_levels_are_their_losses_averaged():
    pinballs = [mean_pinball_loss(Y, F[:, j], alpha=level) for j, level in enumerate(LEVELS)]
    assert lk.MultiQuantile(LEVELS)(Y, F) == pytest.approx(np.mean(pinballs), rel=1e-14)
    single = lk.Quantile(0.25).gradient(Y, F[:, 1])
    np.testing.assert_allclose(lk.MultiQuantile(LEVELS).gradient(Y, F)[:, 1], single / 5, rtol=1e-14)


def test_the_weighted_interval_score_is_bracher_and_others_formula():
    loss, x = lk.WeightedIntervalScore((0.5, 0.9)), np.sort(F, axis=1)
    want = np.abs(Y - x[:, 2]) / 2
    for low, high, alpha in ((0, 4, 1 - 0.9), (1, 3, 0.5)):
        outside = np.maximum(x[:, low] - Y, 0) + np.maximum(Y - x[:, high], 0)
        want += alpha / 2 * (x[:, high] - x[:, low] + 2 / alpha * outside)
    np.testing.assert_allclose(loss(Y, x, reduction="none"), want / 2.5, rtol=1e-13)
    assert loss(Y, x) == pytest.approx(2 * lk.MultiQuantile(LEVELS)(Y, x), rel=1e-14)
    gradient, e = loss.gradient(Y, x, reduction="none"), 1e-7
    for j in range(5):
        step = e * (np.arange(5) == j)
        slope = (loss(Y, x + step, reduction="none") - loss(Y, x - step, reduction="none")) / (2 * e)
        np.testing.assert_allclose(slope, gradient[:, j], rtol=1e-6)


def test_quantiles_that_cannot_cross_rise():
    loss = lk.MultiQuantile(LEVELS, non_crossing=True)
    q = loss.predict(F)
    assert (np.diff(q, axis=1) > 0).all()
    assert loss(Y, F) == pytest.approx(lk.MultiQuantile(LEVELS)(Y, q), rel=1e-14)
    assert lk.MultiQuantile(LEVELS).predict(F).tolist() == F.tolist()


def test_the_spherical_score_keeps_the_promise():
    loss = lk.SphericalScore()
    f = RNG.dirichlet(np.ones(4), 30)
    f[:10] *= 10.0 ** RNG.uniform(-40, 0, (10, 4))
    f[:10] /= f[:10].sum(axis=1, keepdims=True)
    y = RNG.integers(0, 4, 30)
    y[:10] = f[:10].argmax(axis=1)
    value, gradient = loss.value_and_gradient(y, f, reduction="none")
    with mpmath.workdps(200):
        for i in range(30):
            x = [mpmath.mpf(a) for a in f[i]]
            length = mpmath.sqrt(mpmath.fsum(a * a for a in x))
            assert error(value[i], 1 - x[y[i]] / length) <= OTHER
            for j in range(4):
                slope = x[y[i]] * x[j] / length**3 - (j == y[i]) / length
                assert error(gradient[i, j], slope) <= OTHER, (f[i], y[i], j)


def test_the_truth_has_the_least_expected_score():
    rng = np.random.default_rng(2)
    p = np.array([0.6, 0.3, 0.1])
    labels = np.repeat(np.arange(3), (600, 300, 100))
    for loss in (lk.SphericalScore(), lk.BrierScore(), lk.CategoricalCrossEntropy()):
        best = loss(labels, np.tile(p, (1000, 1)))
        assert all(loss(labels, np.tile(q, (1000, 1))) > best for q in rng.dirichlet(np.ones(3), 50))
    y = rng.normal(size=20_000)
    right = lk.CRPSEnsemble()(y, rng.normal(size=(20_000, 4)))
    wrong = [lk.CRPSEnsemble()(y, a + b * rng.normal(size=(20_000, 4))) for a, b in ((0.3, 1), (0, 0.6), (0, 1.6))]
    assert right < min(wrong)
    assert right == pytest.approx(1 / np.sqrt(np.pi), abs=0.02)  # unbiased: E|X - Y|/2 of the normal
    # the plain score of 4 members is what pays them to be too close together
    narrow, true = (lk.CRPSEnsemble("energy")(y, b * rng.normal(size=(20_000, 4))) for b in (0.8, 1.0))
    assert narrow < true
    quantiles = np.quantile(y, LEVELS)
    for loss in (lk.MultiQuantile(LEVELS), lk.WeightedIntervalScore((0.5, 0.9))):
        best = loss(y, np.tile(quantiles, (y.size, 1)))
        for away in rng.normal(size=(10, 5)) * 0.2:
            assert loss(y, np.tile(quantiles + away, (y.size, 1))) > best


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: lk.CRPSEnsemble()([0.0], [[1.0]]), lk.ShapeError, ("two members or more",)),
        (lambda: lk.CRPSEnsemble()([0.0, 1.0], [[1.0, 2.0]]), lk.ShapeError, ("must have shape (1,)",)),
        (lambda: lk.CRPSEnsemble()([np.nan], [[1.0, 2.0]]), lk.DomainError, ("y[0] = nan", "weight 0")),
        (lambda: lk.CRPSEnsemble("plain"), lk.ParameterError, ("'fair', 'energy'",)),
        (lambda: lk.MultiQuantile()([0.0], [[1.0, 2.0]]), lk.ShapeError, ("3 numbers in levels",)),
        (lambda: lk.MultiQuantile((0.5, 0.1)), lk.ParameterError, ("increasing order",)),
        (lambda: lk.MultiQuantile((0.5, 1.0)), lk.ParameterError, ("0 < each of levels < 1",)),
        (lambda: lk.MultiQuantile(non_crossing=1), lk.ParameterError, ("True or False",)),
        (lambda: lk.WeightedIntervalScore()([0.0], [[1.0, 2.0]]), lk.ShapeError, ("5 quantiles a row", "f has 2")),
        (lambda: lk.EnergyScore()([0.0], [[1.0, 2.0]]), lk.ShapeError, ("(n, d) and (n, m, d)",)),
        (lambda: lk.EnergyScore()([[0.0]], [[[1.0]]]), lk.ShapeError, ("two members",)),
        (lambda: lk.EnergyScore().hessian([[0.0]], [[[1.0], [2.0]]]), lk.CapabilityError, ("no Hessian",)),
        (lambda: lk.decomposition(lk.GaussianNLL(), [0.0], [[0.0, 1.0]]), lk.CapabilityError, ("one output",)),
        (lambda: lk.decomposition(lk.Tukey(), [0.0], [0.0]), lk.CapabilityError, ("is convex",)),
        (lambda: lk.decomposition(lk.SquaredError(), [], []), lk.DomainError, ("no rows",)),
        (lambda: lk.decomposition(lk.SquaredError(), [0.0, 1.0], [np.nan, 1.0]), lk.DomainError, ("1 nan of 2",)),
    ],
)
def test_bad_input_is_named_with_its_remedy(call, error, words):
    with pytest.raises(error) as caught:
        call()
    for word in words:
        assert word in str(caught.value), str(caught.value)


def _least(y, f, w, level):
    """The least mean quantile loss of an increasing function of f, by linear programming."""
    steps, place = np.unique(f, return_inverse=True)
    n, k = y.size, steps.size
    under, over = np.eye(n), -np.eye(n)  # y - x = under - over
    equal = np.hstack([np.eye(k)[place], under, over])
    rise = np.hstack([np.eye(k)[:-1] - np.eye(k)[1:], np.zeros((k - 1, 2 * n))])
    cost = np.concatenate([np.zeros(k), level * w, (1 - level) * w])
    bounds = [(None, None)] * k + [(0, None)] * (2 * n)
    return linprog(cost, rise, np.zeros(k - 1), equal, y, bounds).fun / w.sum()


@pytest.mark.parametrize("level", [0.1, 0.5, 0.8])
def test_isotonic_quantiles_are_the_best_there_are(level):
    rng = np.random.default_rng(4)
    for _ in range(2):
        f = np.round(rng.normal(size=30), 1)
        y, w = np.round(f + rng.normal(size=30)), rng.integers(1, 4, 30).astype(float)
        parts = lk.decomposition(lk.Quantile(level), y, f, w)
        assert parts.score - parts.miscalibration == pytest.approx(_least(y, f, w, level), rel=1e-9)


def _pooled(loss, y, f, w):
    """The least mean loss of an increasing function of f: adjacent violators are pooled, each pool solved anew."""
    pools = []
    for step in np.unique(f):
        rows = f == step
        while pools and pools[-1][1] >= loss.constant(y[rows], w[rows]):
            rows |= pools.pop()[0]
        pools.append((rows, loss.constant(y[rows], w[rows])))
    return sum(float(loss(y[rows], np.full(rows.sum(), c), w[rows], reduction="sum")) for rows, c in pools) / w.sum()


@pytest.mark.parametrize("loss", [lk.Expectile(0.8), lk.AsymmetricSquared(1.0, 9.0), lk.Huber(1.0), lk.SquaredHinge(),
                                  lk.DWD()], ids=repr)  # fmt: skip
def test_pools_that_are_halved_together_are_those_of_adjacent_violators(loss):
    rng = np.random.default_rng(6)
    f = np.round(rng.normal(size=40), 1)
    y, w = f + rng.standard_t(3, size=40), rng.integers(1, 4, 40).astype(float)
    y = np.where(y > 0, 1.0, -1.0) if loss.domain.bounded else 1e6 * (y + 5)
    f = f if loss.domain.bounded else 1e6 * (f + 5)
    parts = lk.decomposition(loss, y, f, w)
    assert parts.score - parts.miscalibration == pytest.approx(_pooled(loss, y, f, w), rel=1e-12)


@pytest.mark.parametrize("level", [0.02, 0.5, 0.999])
def test_the_best_constant_of_an_expectile_is_where_the_slopes_cancel(level):
    rng = np.random.default_rng(7)
    for y in (rng.standard_t(2, 200), 1e300 * rng.normal(size=50), 1e9 + rng.normal(size=30), np.full(3, 5.0)):
        w = rng.integers(1, 4, y.size).astype(float)
        c, size = lk.Expectile(level).constant(y, w), np.abs(y).max()
        pulls = w * np.where(y > c, level, 1 - level) * (y / size - c / size)
        assert abs(pulls.sum()) <= 4e-15 * np.abs(pulls).sum() + 2e-15 * w.sum()


@pytest.mark.parametrize("loss", [lk.SquaredError(), lk.Quantile(0.8), lk.Expectile(0.3), lk.Logistic(), lk.Brier(),
                                  lk.Poisson()], ids=repr)  # fmt: skip
def test_the_parts_add_up_and_are_what_they_are_called(loss):
    rng = np.random.default_rng(5)
    f = rng.normal(size=80)
    y = loss.link.to_prediction(f) + rng.normal(size=80)
    if loss.domain.bounded:
        mean = loss.link.to_prediction(f)
        y = rng.poisson(mean).astype(float) if loss.domain.high > 1 else (rng.random(80) < mean).astype(float)
    w = rng.integers(1, 3, 80).astype(float)
    parts, twice = lk.decomposition(loss, y, f, w), np.repeat(np.arange(80), w.astype(int))
    assert parts.score == pytest.approx(loss(y, f, w), rel=1e-14)
    assert parts.score == pytest.approx(parts.miscalibration - parts.discrimination + parts.uncertainty, rel=1e-12)
    assert min(parts.miscalibration, parts.discrimination, parts.uncertainty) >= 0
    again = lk.decomposition(loss, y[twice], f[twice])
    assert parts.miscalibration == pytest.approx(again.miscalibration, rel=1e-9)
    spoilt = lk.decomposition(loss, y, 3 * f + 1, w)  # in the same order: calibration alone is lost
    assert spoilt.discrimination == pytest.approx(parts.discrimination, rel=1e-9)
    assert spoilt.miscalibration > parts.miscalibration
    useless = lk.decomposition(loss, y, np.full(80, 0.3))
    assert useless.discrimination == pytest.approx(0, abs=1e-12)
