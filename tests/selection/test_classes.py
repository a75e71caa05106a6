"""Targets of several classes, and labels under costs."""

import csv

import numpy as np
import pytest
from scipy.optimize import minimize

from losskit.cli import main
from losskit.cli.fitting import fit_table
from losskit.errors import DataError, ModelFileError, ParameterError
from losskit.expressions import parse_loss
from losskit.losses.multiclass import LDAM, FocalSoftmax, SoftmaxCrossEntropy
from losskit.models import modelfile
from losskit.models.table import load_model, posterior
from losskit.selection.metrics import log_loss_of_classes, mean_cost
from losskit.selection.questions import parse_costs
from losskit.selection.run import select

COSTS = [[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [30.0, 30.0, 0.0]]


def three(n=150, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2))
    scores = np.column_stack([X[:, 0], X[:, 1], -X.sum(axis=1)]) + rng.gumbel(size=(n, 3))
    return X, np.array(["ant", "bee", "cat"])[scores.argmax(axis=1)]


@pytest.fixture(scope="module")
def found():
    return select(*three(), rounds=1)


def test_probabilities_are_taken_and_the_default_kept_on_a_softmax_truth(found):
    assert (found.target.problem, str(found.question), found.verdict.loss) == (
        "multiclass", "probability", "SoftmaxCrossEntropy()")  # fmt: skip
    assert [c.name.partition("(")[0] for c in sorted(found.candidates, key=lambda c: c.name)] == [
        "FocalSoftmax", "SoftmaxCrossEntropy", "SoftmaxCrossEntropy", "the best constant"]  # fmt: skip
    assert any(c.name == "SoftmaxCrossEntropy(label_smoothing=0.05)" for c in found.candidates)
    assert all(c.folds == 5 and np.isfinite(c.mean) for c in found.candidates)
    assert found.winner.mean < found.baseline.mean
    assert found.baseline.mean == pytest.approx(np.log(3), abs=0.03)


def test_the_model_writes_a_probability_a_class_and_is_read_back(found, tmp_path):
    X, _ = three()
    columns = found.model.table(X)
    assert list(columns) == ["probability_ant", "probability_bee", "probability_cat", "prediction"]
    p = found.model.predict_proba(X)
    assert p.sum(axis=1) == pytest.approx(1.0)
    assert (np.array(found.target.classes, dtype=object)[p.argmax(axis=1)] == columns["prediction"]).all()
    found.model.save(tmp_path / "m")
    again = load_model(tmp_path / "m")
    assert (again.predict_proba(X) == p).all()
    payload, arrays = modelfile.load(tmp_path / "m")
    for changed in ({"classes": ["a", "b"]}, {"classes": []}, {"loss": "Logistic()"}):
        modelfile.save(tmp_path / "bad", {**payload, **changed}, arrays, force=True)
        with pytest.raises(ModelFileError):
            load_model(tmp_path / "bad")


def test_focal_scores_become_the_probabilities_they_stand_for():
    loss, rng = FocalSoftmax(gamma=2.0), np.random.default_rng(0)
    for p in rng.dirichlet(np.full(4, 5.0), 3):
        best = minimize(lambda f, p=p: (loss(p, f), loss.gradient(p, f)), np.log(p), jac=True, tol=1e-12).x
        assert np.exp(posterior(loss, best[None]))[0] == pytest.approx(p, abs=1e-5)
    f = rng.normal(size=(3, 4))
    assert np.exp(posterior(SoftmaxCrossEntropy(), f)).sum(axis=1) == pytest.approx(1.0)


def test_metrics_of_classes():
    y, f = np.array([0.0, 2.0]), np.log([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])
    assert log_loss_of_classes().rows(y, f) == pytest.approx([-np.log(0.5), -np.log(0.8)])
    with np.errstate(divide="ignore"):
        assert log_loss_of_classes().rows(y[:1], np.log([[0.0, 0.5, 0.5]]))[0] == np.inf
    metric = mean_cost(tuple(map(tuple, COSTS)))
    assert metric.rows(np.array([2.0, 2.0, 0.0]), np.eye(3)[[0, 2, 1]]).tolist() == [30, 0, 1]
    assert metric.constant(np.array([0.0] * 9 + [2.0]), None, 3).argmax() == 2


def test_costs_move_the_decision():
    X, y = three()
    plain = select(X, y, "label", rounds=1)
    dear = select(X, y, costs=COSTS, rounds=1)
    assert dear.metric.name == "mean cost"
    assert (dear.predict(X) == "cat").sum() > 1.5 * (plain.predict(X) == "cat").sum()
    assert {c.name for c in plain.candidates} >= {"LDAM(scale=1.0)"}
    p, costs = dear.model.predict_proba(X), np.array(COSTS)
    assert (np.array(dear.target.classes, object)[(p @ costs).argmin(axis=1)] == dear.predict(X)).all()


def test_costs_of_two_classes_are_a_threshold_and_weights_of_losses_without_probabilities(tmp_path):
    X = np.random.default_rng(0).normal(size=(200, 2))
    sick = np.where(X.sum(axis=1) + 0.5 * np.random.default_rng(1).normal(size=200) > 1, "sick", "fine")
    found = select(X, sick, costs="fp=1,fn=4", rounds=1)
    assert any("from a probability of 0.2 on" in why for why in found.verdict.why)
    assert {c.name for c in found.candidates} >= {"Hinge()", "SquaredHinge()", "Logistic()"}
    threshold = found.model.predict_proba(X)[:, 1] >= 0.2
    if found.model.has_probabilities:
        assert ((found.predict(X) == "sick") == threshold).all()
    hinge = next(c for c in found.candidates if c.name == "Hinge()")
    assert hinge.mean < 0.7 * found.baseline.mean
    assert (hinge.scores > 0).mean() > 1.2 * (sick == "sick").mean()  # it calls more sick than there are
    found.model.save(tmp_path / "m")
    assert (load_model(tmp_path / "m").predict(X) == found.predict(X)).all()


def test_costs_are_read_and_checked():
    assert parse_costs("fp=1, fn=5", ("no", "yes")) == ((0.0, 1.0), (5.0, 0.0))
    named = {"b": {"a": 2, "b": 0}, "a": {"a": 0, "b": 1}}
    assert parse_costs(named, ("a", "b")) == ((0.0, 1.0), (2.0, 0.0))
    for bad in ("fp=1", "fp=x,fn=1", "fp=1,fn=-1", [[0, 1]], [[1, 1], [1, 0]], [[0, np.inf], [1, 0]], 5, "what"):
        with pytest.raises(ParameterError):
            parse_costs(bad, ("no", "yes"))
    with pytest.raises(ParameterError, match="a row for each actual"):
        parse_costs("fp=1,fn=5", ("a", "b", "c"))
    with pytest.raises(ParameterError, match="costs are of labels"):
        select({"x": [1.0, 2]}, [1.5, 2.5], "mean", costs="fp=1,fn=2")


def test_whole_numbers_are_classes_where_probabilities_are_asked():
    X, y = three(60)
    codes = np.unique(y, return_inverse=True)[1] + 1
    found = select(X, codes, "label", rounds=1)
    assert found.target.classes == ("1", "2", "3")


def test_a_class_of_one_row_is_refused_by_name():
    X, y = three(60)
    y[0] = "dog"
    with pytest.raises(DataError, match="only 1 row is 'dog'; at least 4 of each class"):
        select(X, y)


def test_fit_of_classes_by_name(tmp_path):
    X, y = three(60)
    model = fit_table(X, y, parse_loss("softmax_cross_entropy"), 0.1)[0]
    assert model.coef.shape == (3, 2)
    assert LDAM(scale=1.0, counts=(3.0, 4.0, 5.0)) == parse_loss("LDAM(counts=(3.0, 4.0, 5.0), scale=1.0)")


def test_the_command_line_takes_classes_and_a_file_of_costs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    X, y = three(80)
    with open("t.csv", "w", newline="") as file:
        csv.writer(file).writerows([["a", "b", "kind"], *([*row, label] for row, label in zip(X, y, strict=True))])
    with open("c.csv", "w", newline="") as file:
        rows = [["actual", "cat", "ant", "bee"], ["ant", 1, 0, 1], ["bee", 1, 1, 0], ["cat", 0, 30, 30]]
        csv.writer(file).writerows(rows)
    arguments = ["select", "t.csv", "--target", "kind", "--time-limit", "0.01", "--out", "o", "--costs", "c.csv"]
    assert main(arguments) == 0
    assert "under these costs" in capsys.readouterr().out
    assert main(["predict", "o/model.losskit", "t.csv", "--out", "p.csv"]) == 0
    with open("p.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["probability_ant", "probability_bee", "probability_cat", "prediction"]
    page = (tmp_path / "o" / "report.html").read_text()
    assert "For the label" not in page
    assert main([*arguments[:-1], "t.csv", "--force"]) == 2
