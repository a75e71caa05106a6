"""Metrics by name, thresholds and recalibration of a selection, and the closer look at its verdict."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

import losskit as lk
from losskit.cli import main
from losskit.errors import ParameterError
from losskit.models.table import load_model
from losskit.question import parse_question
from losskit.report.terminal import render
from losskit.selection.aims import parse_aim
from losskit.selection.evaluation import evaluate
from losskit.selection.metrics import ranking_error
from losskit.selection.run import select


def uneven(n=600, seed=0):
    """Log-odds that are no line: two kinds of rows of unlike slope; a third of the rows is 'yes'."""
    rng = np.random.default_rng(seed)
    x, kind = rng.normal(size=n), rng.choice(["a", "b", "c"], n)
    y = np.where(rng.random(n) < 1 / (1 + np.exp(1.5 - np.where(kind == "c", 4 * x, 0.2 * x))), "yes", "no")
    return {"x": x, "kind": kind.tolist(), "y": y.tolist()}


@pytest.fixture(scope="module")
def found():
    return select(uneven(), "y", model="linear", metric="f1", recalibrate="auto", rounds=1,
                  exclude=["binary_focal"])  # fmt: skip


def test_the_threshold_and_the_map_hold_on_fresh_rows(found):
    made = found.decision
    assert str(found.question) == "probability"
    assert made.p < 0.001
    assert made.applied == made.best == min(made.after, key=made.after.get)
    assert made.after[made.applied] < made.before
    assert made.value > made.at_half
    fresh = uneven(20000, 1)
    told = evaluate(found.model, fresh)
    assert told.figures["f1"] == pytest.approx(made.value, abs=0.06)
    plain = select(uneven(), "y", "probability", model="linear", rounds=1, exclude=["binary_focal"])
    before = evaluate(plain.model, fresh)
    assert told.figures["log loss"] < before.figures["log loss"]
    assert plain.decision.applied == ""
    assert plain.decision.best == made.best
    assert any(f"--recalibrate {made.best}" in line for line in plain.decision.sentences())
    labels = found.model.predict(fresh) == "yes"
    assert (labels == (found.model.predict_proba(fresh)[:, 1] >= made.threshold)).mean() > 0.999


def test_the_report_shows_both(found):
    page, text, shown = found.to_html(), found.to_markdown(), render(found, 80)
    for each in found.decision.sentences():
        assert re.sub(r"[^\w ]", "", each)[:40] in re.sub(r"[^\w ]", "", page)
    assert "Labels are made for f1" in " ".join(shown.split())
    assert 'class="marks mended"' in page
    assert "## Probabilities and labels" in text
    made = found.to_dict()["decision"]
    assert made["metric"] == "f1"
    assert 0 < made["threshold"] < 1
    json.dumps(found.to_dict(), allow_nan=False)


def test_where_the_loss_is_and_what_the_choice_moves():
    # five of 300 rows are far off, all of one kind: they carry the loss, and the verdict
    rng = np.random.default_rng(0)
    x, kind = rng.normal(size=300), np.repeat(["plain", "odd"], [270, 30])
    y = x + 0.3 * rng.normal(size=300)
    y[295:] += 60
    found = select({"x": x, "kind": kind.tolist(), "y": y}, "y", "median", rounds=2, include=["squared_error"],
                   exclude=["huber", "log_cosh", "tukey"])  # fmt: skip
    told = found.scrutiny
    first = told.groups[0]
    assert first["part"] == "kind: odd"
    assert first["rows"] == 30
    assert first["share"] > 0.5
    assert set(told.to_dict()["moved_rows"][0]) == {"row", "target", "default", "rival"}
    assert len(told.by_round) == 2
    assert told.left_out == 3
    rival = next(c for c in found.candidates if c.label == told.rival)
    own, other = found.metric.rows(y, rival.scores), found.metric.rows(y, found.default.scores)
    assert told.saved == pytest.approx(1 - own.mean() / other.mean())
    kept = np.sort(np.maximum(own, other))[-3]
    left = np.maximum(own, other) < kept
    assert told.saved_without == pytest.approx(1 - own[left].mean() / other[left].mean())
    assert "rounds, each with other folds" in told.sentences()[0]


def test_metrics_are_held_to_the_question():
    def aim(metric, question=None, costs=None, recalibrate=None):
        return parse_aim(question, metric, costs, recalibrate)

    assert str(aim("mae").question) == "median"
    assert str(aim("pinball", "quantile:0.9").question) == "quantile:0.9"
    assert aim("fbeta:2").labels == "fbeta:2"
    for arguments, words in (
        (("absolute_error", "mean"), "lowest for the median.*squared_error or poisson_deviance"),
        (("squared_error", "median"), "lowest for the mean"), (("f1", "mean"), "judges labels"),
        (("pinball",), "needs a level"), (("auc", "mean"), "lowest for the ranking"), (("mape",), "too low"),
        (("r2",), "squared_error"), (("f2",), "not known"), (("fbeta:0",), "not known"),
        (("f1", None, "fp=1,fn=2"), "not from both"), ((None, "mean", "fp=1,fn=2"), "costs are of labels"),
        ((None, "label", None, "beta"), "recalibrate is of probabilities"), ((None, None, None, "x"), "not known"),
    ):  # fmt: skip
        with pytest.raises(ParameterError, match=words):
            aim(*arguments)
    with pytest.raises(ParameterError, match="counts and amounts"):
        select({"x": list(range(20)), "y": [(-1) ** i * i / 2 for i in range(20)]}, "y", metric="poisson_deviance")
    assert parse_question(aim("crps").question).kind == "distribution"


def test_a_metric_takes_the_place_of_the_contracts():
    rng = np.random.default_rng(0)
    x = rng.normal(size=120)
    data = {"x": x, "y": rng.poisson(np.exp(x)).astype(float)}
    found = select(data, "y", metric="squared_error", rounds=1, exclude=["tweedie"])
    assert found.metric.name == "squared error"
    assert found.default.name == "Poisson()"
    y, p = data["y"], np.exp(found.default.scores) if found.default.scores.min() < 0 else found.default.scores
    assert found.default.mean == pytest.approx(np.mean((y - p) ** 2), rel=1e-6)


def test_costs_decide_for_probabilities_too(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    data = uneven(200)
    rows = zip(*data.values(), strict=True)
    (tmp_path / "t.csv").write_text("x,kind,y\n" + "\n".join(",".join(map(str, row)) for row in rows) + "\n")
    options = ["--question", "probability", "--costs", "fp=1,fn=4", "--exclude", "binary_focal", "--time-limit", "0.01"]
    assert main(["select", "t.csv", "--target", "y", "--out", "o", *options, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["metric"] == "log loss"
    assert main(["predict", "o/model.losskit", "t.csv", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["prediction"] == "yes" for line in lines if line["probability_yes"] > 0.2001} == {True}
    assert {line["prediction"] == "yes" for line in lines if line["probability_yes"] < 0.1999} == {False}
    assert main(["evaluate", "o/model.losskit", "t.csv", "--prior", '{"yes": 0.1}', "--json"]) == 0
    assert "log loss" in json.loads(capsys.readouterr().out)["figures"]
    assert main(["select", "t.csv", "--target", "y", "--out", "p", "--metric", "absolute_error"]) == 2
    assert "cannot be asked of two classes" in capsys.readouterr().err


def test_balanced_accuracy_of_more_classes_is_costs():
    rng = np.random.default_rng(0)
    x = rng.normal(size=240)
    y = np.where(x > 1, "c", np.where(x + rng.normal(size=240) > 0.5, "b", "a"))
    found = select({"x": x, "y": y.tolist()}, "y", metric="balanced_accuracy", rounds=1,
                   exclude=["focal_softmax"])  # fmt: skip
    shares = np.array([np.mean(y == label) for label in "abc"])
    assert np.array(found.model.costs) == pytest.approx((1 - np.eye(3)) / shares[:, None])
    with pytest.raises(ParameterError, match="is of two classes"):
        select({"x": x, "y": y.tolist()}, "y", metric="mcc")


def spread(n=400, seed=0):
    """The noise's deviation grows with x: the quantiles and expectiles are no shifts of the mean."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 3, n)
    return {"x": x, "y": x + (0.2 + x) * rng.normal(size=n)}


def test_expectiles_are_a_question(tmp_path):
    found = select(spread(300), "y", "expectile:0.8", model="linear", folds=2, rounds=1)
    assert found.winner.label == "AsymmetricSquared(under=1.6, over=0.4)"
    shifted = next(c for c in found.candidates if c.label == "SquaredError + residual expectile")
    assert any("the expectile is the mean moved by one number" in each for each in shifted.cons)
    model = load_model(found.save(tmp_path / "o")["model"])
    told, fresh = evaluate(model, spread(5000, 1)), spread(5000, 1)
    assert told.metric == "expectile score at 0.8"
    gap = fresh["y"] - model.predict(fresh)
    assert -gap[gap < 0].sum() / np.abs(gap).sum() == pytest.approx(0.8, abs=0.03)
    moved = select(spread(120), "y", "expectile:0.8", model="linear", exclude=["squared_error"],
                   include=["huber"], folds=2, rounds=1)  # fmt: skip
    assert "residual expectile" in moved.candidates[1].name
    moved.to_html()


def test_the_order_of_two_classes_is_judged_by_pairs():
    rng = np.random.default_rng(0)
    y, w = (rng.random(60) < 0.3).astype(float), rng.integers(1, 4, 60).astype(float)
    f = np.round(rng.normal(size=60) + y, 1)
    metric = ranking_error()
    assert metric.rows(y, f).mean() == pytest.approx(1 - roc_auc_score(y, f))
    assert np.average(metric.rows(y, f, w), weights=w) == pytest.approx(1 - roc_auc_score(y, f, sample_weight=w))
    assert (metric.rows(np.ones(3), f[:3]) == 0.5).all()
    table = {"x": f, "y": np.where(y > 0, "b", "a").tolist()}
    found = select(table, "y", metric="auc", rounds=1, exclude=["binary_focal"])
    assert (str(found.question), found.metric.name, found.baseline.mean) == ("ranking", "ranking error", 0.5)
    assert [c.name for c in found.candidates if c.role == "default"] == ["Logistic()"]
    judged = evaluate(found.model, table).figures["ranking error"]
    assert judged == pytest.approx(1 - roc_auc_score(y, found.model.predict_proba(table)[:, 1]))
    margins = replace(found.model, loss=lk.SquaredHinge())  # tells no probabilities
    assert list(margins.table(table)) == ["score", "prediction"]
    with pytest.raises(ParameterError, match="numbers come in the order of their mean"):
        select({"x": f, "y": f + 0.5}, "y", "ranking")


@pytest.mark.slow
def test_trees_answer_for_expectiles():
    found = select(spread(300), "y", "expectile:0.8", model="boosted", folds=2, rounds=1)
    assert {c.label for c in found.candidates if c.valid} >= {"SquaredError + residual expectile"}
    assert evaluate(found.model, spread(5000, 1)).mean < found.baseline.mean


def test_prices_of_too_much_and_too_little_ask_for_a_quantile(tmp_path, monkeypatch, capsys):
    aim = parse_aim(None, None, "over=1, under=5", None)
    assert aim.question.level == 5 / 6
    assert parse_question(str(aim.question)) == aim.question  # exactly, by way of a model file too
    assert parse_aim("quantile:0.75", None, {"over": 1, "under": 3}, None).question.level == 0.75
    for question, costs in (("mean", "over=1,under=2"), (None, "over=1"), (None, "over=0,under=1")):
        with pytest.raises(ParameterError, match="costs="):
            parse_aim(question, None, costs, None)
    with pytest.raises(ParameterError, match="recalibrate is of probabilities"):
        parse_aim(None, None, "over=1,under=3", "platt")
    assert parse_aim(None, None, {"over": {"over": 0, "under": 1}}, None).question.kind == "label"  # names of classes
    found = select(spread(120), "y", costs={"over": 1, "under": 3}, model="linear", rounds=1)
    assert str(found.question) == "quantile:0.75"
