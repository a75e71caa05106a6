"""Targets whose classes have an order: the order, the score, the comparison, the model."""

import csv

import numpy as np
import pandas as pd
import pytest

from losskit.cli import main
from losskit.cli.fitting import fit_table
from losskit.data.tables import as_table, read_table
from losskit.errors import DataError, ModelFileError, ParameterError
from losskit.losses.ordinal import Ordinal
from losskit.models import modelfile
from losskit.models.table import load_model
from losskit.selection.evaluation import evaluate
from losskit.selection.metrics import ranked_probability_score
from losskit.selection.run import select

ORDER = ["poor", "fair", "good"]


def graded(n=150, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2))
    return X, np.array(ORDER)[np.digitize(X @ [1.5, -1.0] + rng.logistic(size=n), [-1.0, 1.0])]


@pytest.fixture(scope="module")
def found():
    X, y = graded()
    return select(X, pd.Series(pd.Categorical(y, ORDER, ordered=True), name="grade"), rounds=1)


def test_the_score_is_the_sum_over_cuts_and_lowest_for_honest_probabilities():
    metric, p = ranked_probability_score(), np.array([[0.2, 0.5, 0.3], [0.0, 0.0, 1.0]])
    with np.errstate(divide="ignore"):
        scores = np.log(p)
    assert metric.rows(np.array([0.0, 0.0]), scores) == pytest.approx([0.8**2 + 0.3**2, 2.0])
    assert metric.rows(np.array([1.0, 2.0]), scores) == pytest.approx([0.2**2 + 0.3**2, 0.0])
    assert metric.rows(np.array([1.0]), np.array([[np.nan, 0.0, 0.0]]))[0] == np.inf
    y = np.repeat([0.0, 1.0, 2.0], [5, 2, 3])
    best = metric.constant(y, None, 3)
    assert np.exp(best) == pytest.approx([0.5, 0.2, 0.3])
    for other in np.random.default_rng(0).dirichlet(100 * np.exp(best), 20):
        assert metric.rows(y, np.tile(np.log(other), (10, 1))).mean() > metric.rows(y, np.tile(best, (10, 1))).mean()


def test_ordered_categories_ask_the_ordinal_question_by_themselves(found):
    assert (str(found.question), found.question_inferred, found.verdict.loss) == ("ordinal", True, "Ordinal()")
    assert {c.name: c.role for c in found.candidates} == {
        "Ordinal()": "default", "Coral()": "challenger", "SoftmaxCrossEntropy()": "challenger",
        "the best constant": "baseline"}  # fmt: skip
    assert found.target.classes == tuple(ORDER)
    assert all(c.valid and c.pros for c in found.candidates)
    assert found.winner.mean < 0.7 * found.baseline.mean
    assert "the probabilities of the ordered classes of grade" in found.verdict.sentence
    page = found.to_html()
    assert "proportional odds" in page
    assert "Do the probabilities hold?" in page


def test_the_model_is_read_back_and_judged_by_the_same_score(found, tmp_path):
    X, y = graded()
    found.model.save(tmp_path / "m")
    again, p = load_model(tmp_path / "m"), found.model.predict_proba(X)
    assert (again.predict_proba(X) == p).all()
    assert (again.predict(X) == np.array(ORDER, dtype=object)[p.argmax(axis=1)]).all()
    columns = again.table(X)
    assert list(columns) == ["probability_poor", "probability_fair", "probability_good", "prediction"]
    told = again.predict_proba(X, {"good": 0.5})
    assert told[:, 2].mean() > p[:, 2].mean()
    assert told.sum(axis=1) == pytest.approx(1.0)
    judged = evaluate(again, as_table({"x0": X[:, 0], "x1": X[:, 1], "grade": y}))
    assert judged.metric == "ranked probability score"
    assert judged.figures["mean distance in classes"] >= judged.figures["error rate"]
    payload, arrays = modelfile.load(tmp_path / "m")
    for changed, other in (
        ({"classes": ORDER[:2]}, arrays),
        ({"loss": "SoftmaxCrossEntropy()"}, arrays),
        ({}, arrays | {"coef": np.zeros((3, 2))}),
    ):
        modelfile.save(tmp_path / "bad", {**payload, **changed}, other, force=True)
        with pytest.raises(ModelFileError):
            load_model(tmp_path / "bad")


def test_the_order_is_told_by_name_or_by_numbers_and_asked_for_otherwise():
    X, y = graded(60)
    with pytest.raises(ParameterError, match=r"needs the order of the labels of 'y'.*--order low,mid,high"):
        select(X, y, "ordinal")
    with pytest.raises(DataError, match="holds 'good', which the order"):
        select(X, y, order="poor,fair")
    with pytest.raises(ParameterError, match="each once"):
        select(X, y, order="poor,poor,fair,good")
    with pytest.raises(ParameterError, match="asked of numbers"):
        select(X, X[:, 0], "ordinal")
    with pytest.raises(ParameterError, match="ask for ranked_probability_score"):
        select(X, y, "ordinal", order=ORDER, metric="log_loss")
    numbers = fit_table(X, np.array([2, 10, 1])[np.unique(y, return_inverse=True)[1]], Ordinal())[0]
    named = fit_table(X, y, Ordinal(), order=ORDER)[0]
    assert (numbers.classes, named.classes) == (("1", "2", "10"), tuple(ORDER))
    assert named.intercept == pytest.approx(numbers.intercept)


def test_parquet_keeps_the_order(tmp_path):
    pd.DataFrame({"g": pd.Categorical(["b", "a"], ["b", "a"], ordered=True)}).to_parquet(tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet").column("g").order == ("b", "a")


def test_the_command_line_takes_an_order(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    X, y = graded(80)
    with open("t.csv", "w", newline="") as file:
        csv.writer(file).writerows([["a", "b", "grade"], *([*row, label] for row, label in zip(X, y, strict=True))])
    given = ["t.csv", "--target", "grade", "--order", "poor,fair,good"]
    assert main(["select", *given, "--time-limit", "0.01", "--out", "o"]) == 0
    assert "the probabilities of the ordered classes of grade" in " ".join(capsys.readouterr().out.split())
    assert main(["fit", *given, "--loss", "ordinal", "--penalty", "l2=0.1", "--out", "m"]) == 0
    for model in ("o/model.losskit", "m"):
        assert main(["evaluate", model, "t.csv"]) == 0
        assert "ranked probability score" in capsys.readouterr().out
    assert main(["fit", "t.csv", "--target", "grade", "--loss", "ordinal", "--out", "n"]) == 2
