"""Recalibration, other shares of the classes, and thresholds: against truths that can be written down."""

import numpy as np
import pytest

import losskit as lk
from losskit.cli.fitting import fit_table
from losskit.errors import CapabilityError, DataError, ModelFileError, ParameterError
from losskit.models.labelling import (
    Labelling,
    Recalibration,
    curve_of,
    log_loss,
    miscalibration,
    recalibrate,
    shifted,
    worth,
)
from losskit.models.table import load_model
from losskit.selection.evaluation import evaluate


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def draw(n, seed, truth=lambda z: z):
    rng = np.random.default_rng(seed)
    z = rng.normal(scale=1.5, size=n)
    return z, (rng.random(n) < sigmoid(truth(z))).astype(float)


def test_maps_find_the_truth():
    z, y = draw(20000, 0, lambda z: 2 * z + 1)
    slope, intercept = recalibrate("platt", z, y).numbers
    assert slope == pytest.approx(2, abs=0.08)
    assert intercept == pytest.approx(1, abs=0.08)
    fresh, there = draw(20000, 1, lambda z: 2 * z + 1)
    best = log_loss(2 * fresh + 1, there)
    assert log_loss(fresh, there) > best + 0.05
    for kind in ("platt", "beta", "isotonic"):
        assert log_loss(recalibrate(kind, z, y)(fresh), there) == pytest.approx(best, abs=0.004)


def test_a_map_keeps_the_order_and_never_says_never():
    z, y = draw(300, 2)
    y = np.where(np.abs(z) > 1, z > 0, y).astype(float)
    grid = np.array([-np.inf, -50.0, -1.0, 0.0, 0.3, 2.0, 50.0, np.inf])
    for kind in ("platt", "beta", "isotonic"):
        there = recalibrate(kind, z, y)(grid)
        assert (np.diff(there) >= 0).all()
        assert np.isfinite(there[1:-1]).all()
    y = (z > 0).astype(float)  # separable
    assert np.isfinite(recalibrate("platt", z, y).numbers).all()
    assert np.isfinite(recalibrate("isotonic", z, y)(grid)).all()


def test_weights_are_repetitions():
    z, y = draw(60, 3)
    w = np.random.default_rng(0).integers(1, 4, 60)
    again, twice = np.repeat(z, w), np.repeat(y, w)
    for kind in ("platt", "beta", "isotonic"):
        one, other = recalibrate(kind, z, y, w.astype(float)), recalibrate(kind, again, twice)
        assert one(z) == pytest.approx(other(z), abs=1e-5)
    assert miscalibration(z, y, w.astype(float)) == pytest.approx(miscalibration(again, twice), rel=1e-4)
    assert curve_of(z, y, w.astype(float)) == pytest.approx(curve_of(again, twice))


def test_the_test_of_calibration_keeps_its_level_and_has_power():
    alarms = sum(miscalibration(*draw(400, seed)) < 0.05 for seed in range(200))
    assert 2 <= alarms <= 20  # 10 expected
    found = sum(miscalibration(*draw(400, seed, lambda z: 1.6 * z)) < 0.05 for seed in range(20))
    assert found >= 15


def test_other_shares_are_bayes_rule():
    # classes N(-1, 1) and N(1, 1): log-odds 2 x at equal shares, 2 x + logit(p) at share p
    x = np.linspace(-3, 3, 7)
    moved = shifted(2 * x, np.array([0.5, 0.5]), np.array([0.98, 0.02]))
    assert moved == pytest.approx(2 * x + np.log(0.02 / 0.98))
    p = np.array([[0.2, 0.3, 0.5]])
    shares, prior = np.array([0.5, 0.25, 0.25]), np.array([0.1, 0.1, 0.8])
    by_hand = p * prior / shares
    assert np.exp(shifted(np.log(p), shares, prior)) == pytest.approx(by_hand / by_hand.sum())


@pytest.mark.parametrize("metric", ["f1", "fbeta:2", "balanced_accuracy", "mcc"])
def test_a_threshold_is_the_best_of_all(metric):
    z, y = draw(200, 5, lambda z: 1.2 * z - 1)
    shares = np.array([1 - y.mean(), y.mean()])
    cut = Labelling(shares, None, metric, curve_of(z, y)).cut()

    def value(at):
        called = z >= at
        tp, fp, fn = (called & (y == 1)).sum(), (called & (y == 0)).sum(), (~called & (y == 1)).sum()
        tn = len(y) - tp - fp - fn
        if metric == "balanced_accuracy":
            return (tp / (tp + fn) + tn / (tn + fp)) / 2
        if metric == "mcc":
            below = float((tp + fp) * (tp + fn)) * float((tn + fp) * (tn + fn))
            return (tp * tn - fp * fn) / below**0.5 if below else 0.0
        beta = 1 if metric == "f1" else 2
        return (1 + beta**2) * tp / ((1 + beta**2) * tp + beta**2 * fn + fp)

    assert value(cut) == pytest.approx(max(value(at) for at in z))
    rates = ((z >= cut)[y == 1].mean(), (z >= cut)[y == 0].mean())
    assert worth(metric, *rates, y.mean()) == pytest.approx(value(cut))


def test_a_thinned_curve_holds_the_best_threshold_at_any_shares():
    z, y = draw(3000, 6, lambda z: z - 1)
    whole, thin = curve_of(z, y, points=10**6), curve_of(z, y, points=40)
    assert len(thin) < 200 < len(whole)
    for metric in ("f1", "fbeta:0.5", "balanced_accuracy"):
        for share in (0.01, 0.2, 0.7):
            best = [worth(metric, *curve.T[1:], share).max() for curve in (whole, thin)]
            assert best[0] == pytest.approx(best[1], rel=1e-12)


def table(n=300):
    rng = np.random.default_rng(0)
    x = rng.normal(size=n)
    return {"x": x, "y": np.where(x - 1 + rng.logistic(size=n) > 0, "yes", "no").tolist()}


def test_a_model_file_holds_map_threshold_and_shares(tmp_path):
    data = table()
    model = fit_table(data, "y", lk.Logistic())[0]
    y = np.array(data["y"]) == "yes"
    z = model.scores(data)
    for kind in ("platt", "beta", "isotonic"):
        made = recalibrate(kind, 0.5 * z, y.astype(float))
        own = Labelling(model.labelling.shares, made, "f1", curve_of(made(z), y.astype(float)))
        other = type(model)(**{**vars(model), "labelling": own})
        other.save(tmp_path / "m", force=True)
        again = load_model(tmp_path / "m")
        for prior in (None, {"yes": 0.02}):
            assert (again.predict_proba(data, prior) == other.predict_proba(data, prior)).all()
            assert (again.predict(data, prior) == other.predict(data, prior)).all()
        assert again.predict_proba(data).sum(axis=1) == pytest.approx(1)
        assert (again.predict(data) == np.where(made(z) >= own.cut(), "yes", "no")).all()
    bad = Labelling(own.shares, Recalibration("platt", np.zeros(3)), "f1", own.curve)
    type(model)(**{**vars(model), "labelling": bad}).save(tmp_path / "m", force=True)
    with pytest.raises(ModelFileError, match="contradict each other"):
        load_model(tmp_path / "m")


def test_a_prior_moves_probabilities_and_labels():
    data = table()
    model = fit_table(data, "y", lk.Logistic())[0]
    share = np.mean(np.array(data["y"]) == "yes")
    p, q = model.predict_proba(data)[:, 1], model.predict_proba(data, {"yes": 0.02})[:, 1]
    odds = p / (1 - p) * (0.02 / 0.98) / (share / (1 - share))
    assert q == pytest.approx(odds / (1 + odds))
    assert (model.predict(data, {"yes": 0.02}) == np.where(q >= 0.5, "yes", "no")).all()
    assert model.predict_proba(data, {"no": 0.98}) == pytest.approx(model.predict_proba(data, {"yes": 0.02}))
    # rows of these shares are predicted better with the prior than without
    y = np.array(data["y"])
    kept = np.r_[np.flatnonzero(y == "no"), np.flatnonzero(y == "yes")[:3]]
    rare = {name: np.array(values)[kept] for name, values in data.items()}
    told, plain = (evaluate(model, rare, prior=prior).mean for prior in ({"yes": 0.015}, None))
    assert told < 0.5 * plain


def test_priors_that_are_none_are_refused():
    data = table()
    model = fit_table(data, "y", lk.Logistic())[0]
    for prior, words in (
        ({"maybe": 0.1}, "'maybe' is no class of the model; they are no, yes"), ({"yes": 1.5}, "between 0 and 1"),
        ({"yes": 0.4, "no": 0.4}, "sum to 0.8; they must sum to 1"), ({}, "such as"), (0.02, "such as"),
    ):  # fmt: skip
        with pytest.raises(ParameterError, match=words):
            model.predict(data, prior)
    for loss in (lk.Hinge(), lk.SquaredError()):
        told = {"x": data["x"], "y": data["y"] if loss == lk.Hinge() else data["x"].tolist()}
        with pytest.raises(CapabilityError, match="tells no probabilities"):
            fit_table(told, "y", loss)[0].predict(told, {"yes": 0.1})


def test_more_classes_have_a_temperature():
    rng = np.random.default_rng(0)
    z = rng.normal(scale=2, size=(4000, 3))
    z -= np.log(np.exp(z).sum(axis=1, keepdims=True))
    q = np.exp(0.5 * z)
    y = (rng.random(4000)[:, None] > np.cumsum(q / q.sum(axis=1, keepdims=True), axis=1)).sum(axis=1).astype(float)
    made = recalibrate("temperature", z, y)
    assert made.numbers[0] == pytest.approx(0.5, abs=0.05)
    assert np.exp(made(z)).sum(axis=1) == pytest.approx(1)
    assert miscalibration(z, y) < 1e-6
    with pytest.raises(ParameterError, match="use temperature"):
        recalibrate("platt", z, y)


def test_an_unknown_row_stops_a_model_of_classes():
    with pytest.raises(DataError, match="no column 'x'"):
        fit_table(table(), "y", lk.Logistic())[0].predict({"z": [1.0]}, {"yes": 0.1})
