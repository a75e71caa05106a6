"""What a model is worth on rows with known targets, and which losses are compared."""

import json

import numpy as np
import pytest

import losskit as lk
from losskit.cli import main
from losskit.cli.fitting import fit_table
from losskit.data import batches
from losskit.data.tables import read_table
from losskit.errors import DataError, ParameterError
from losskit.selection import tally
from losskit.selection.evaluation import evaluate, evaluate_file, metric_of, of_selection
from losskit.selection.run import select


def table(n=120, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    return {"x": x, "city": rng.choice(["Rome", "Oslo"], n).tolist(), "y": (x + rng.normal(size=n)).tolist()}


def test_figures_of_numbers_are_what_they_say():
    data = table()
    model = fit_table(data, "y", lk.SquaredError())[0]
    found = evaluate(model, data, "city")
    y, p = np.array(data["y"]), model.predict(data)
    assert found.figures["root mean squared error"] == pytest.approx(np.sqrt(np.mean((y - p) ** 2)))
    assert found.figures["predictions over targets"] == pytest.approx(p.sum() / y.sum())
    assert found.metric == "squared error"
    assert found.worst[0] == int(np.argmax((y - p) ** 2)) + 1
    rome = np.array(data["city"]) == "Rome"
    kept = found.figures
    apart = kept["lost by miscalibration"] - kept["gained by discrimination"] + kept["of the best constant"]
    assert apart == pytest.approx(found.mean)
    assert kept["of the best constant"] == pytest.approx(np.var(y))
    part = next(each for each in found.parts if each["part"] == "Rome")
    assert part["rows"] == rome.sum()
    assert part["metric"] == pytest.approx(np.mean((y - p)[rome] ** 2))
    assert sum(each["rows"] for each in evaluate(model, data).parts) == 120


def test_figures_of_classes():
    data = table()
    data["y"] = np.where(np.array(data["y"]) > 0, "up", "down").tolist()
    model = fit_table(data, "y", lk.Logistic())[0]
    found = evaluate(model, data)
    p = model.predict_proba(data)[:, 1]
    up = np.array(data["y"]) == "up"
    assert found.metric == "log loss"
    assert found.mean == pytest.approx(-np.mean(np.log(np.where(up, p, 1 - p))))
    assert found.figures["found of up"] == pytest.approx((p[up] >= 0.5).mean())
    data["y"][5] = "sideways"
    with pytest.raises(DataError, match="'sideways' in row 6, and the model knows down, up"):
        evaluate(model, data)
    with pytest.raises(DataError, match="no column 'y'"):
        evaluate(model, {"x": [1.0], "city": ["Rome"]})


def test_each_question_has_its_metric():
    data = table()
    names = {loss: metric_of(fit_table(data, "y", loss)[0]).name for loss in (
        lk.AbsoluteError(), lk.Quantile(0.9), lk.Huber(1.0))}  # fmt: skip
    assert names[lk.AbsoluteError()] == "absolute error"
    assert "Huber" in names[lk.Huber(1.0)]


def same(a, b, rel):
    assert a.keys() == b.keys()
    for name, value in a.items():
        assert b[name] == (pytest.approx(value, rel=rel, abs=1e-12) if isinstance(value, float) else value), name


@pytest.mark.parametrize("loss", [lk.Logistic(), lk.Expectile(0.8), lk.SoftmaxCrossEntropy()],
                         ids=lambda loss: type(loss).__name__)  # fmt: skip
def test_a_file_is_judged_batch_by_batch(loss, tmp_path, monkeypatch):
    data = table(600)
    data["code"] = np.arange(600).tolist()
    y = np.array(data["y"])
    if loss.link.gives != "number":
        data["y"] = np.digitize(y, [0] if isinstance(loss, lk.Logistic) else [-1, 1]).tolist()
    model = fit_table({"x": data["x"], "y": [str(v) if loss.link.gives != "number" else v for v in data["y"]]},
                      "y", loss, 0.1)[0]  # fmt: skip
    rows = [",".join(map(str, row)) for row in zip(*data.values(), strict=True)]
    (tmp_path / "t.csv").write_text("\n".join([",".join(data), *rows]) + "\n")
    monkeypatch.setattr(batches, "_BLOCK", 8000)
    for by in (None, "city", "x", "code"):
        whole, parts = evaluate(model, read_table(tmp_path / "t.csv"), by), evaluate_file(model, tmp_path / "t.csv", by)
        same(whole.figures, parts.figures, 1e-12)
        for one, other in zip(whole.parts, parts.parts, strict=True):
            same(one, other, 1e-12)
        assert (whole.worst, whole.notes) == (parts.worst, ())
        assert whole.share_of_worst == pytest.approx(parts.share_of_worst)
    whole = evaluate(model, read_table(tmp_path / "t.csv"))
    monkeypatch.setattr(tally, "MOST", 100)  # in groups of neighbours
    parts = evaluate_file(model, tmp_path / "t.csv")
    apart = ("lost by miscalibration", "gained by discrimination", "of the best constant")
    grouped = (*apart, "ranking error")
    same(*({k: v for k, v in each.figures.items() if k not in grouped} for each in (whole, parts)), 1e-12)
    assert parts.figures.get("ranking error") == pytest.approx(whole.figures.get("ranking error"), rel=0.01)
    told = loss.traits().elicits == "mean" and len(model.classes) < 3
    assert [name in parts.figures for name in apart] == [told] * 3
    assert len(parts.notes) == (apart[0] in whole.figures) + (len(model.classes) == 2)
    if told:
        lost, gained, constant = (parts.figures[name] for name in apart)
        assert lost - gained + constant == pytest.approx(parts.mean, rel=1e-12)
        assert constant == pytest.approx(whole.figures[apart[2]], rel=1e-12)
        assert 0 <= lost <= whole.figures[apart[0]]  # fewer steps fit less
        assert gained == pytest.approx(whole.figures[apart[1]], rel=0.05)
    for one, other in zip(whole.parts, parts.parts, strict=True):
        assert other["metric"] == pytest.approx(one["metric"], rel=0.2)


def test_the_choice_is_set_beside_the_default():
    rng = np.random.default_rng(0)
    x = rng.random((150, 2))
    found = select(x, rng.poisson(5 + 15 * x.sum(axis=1)).astype(float), "mean", "count", rounds=1)
    made, changes = of_selection(found)
    assert made.figures["predictions over targets"] == pytest.approx(1, abs=0.05)
    assert len(made.parts) == 5
    assert bool(changes) == (found.winner is not found.default)
    if changes:
        assert 0 < changes["median change of a prediction"] < changes["largest change"]


def test_losses_are_added_and_left_out():
    data = table(60)
    found = select(data, "y", "mean", rounds=1, include=["absolute_error", lk.from_formula("abs(f - y)**1.5")],
                   exclude=["tukey", "LogCosh"])  # fmt: skip
    names = {c.name.partition("(")[0] for c in found.candidates}
    assert {"AbsoluteError", "Huber"} <= names
    assert not {"Tukey", "LogCosh"} & names
    assert len(names) == 1 + 2 + 2 + 1
    with pytest.raises(ParameterError, match="is no challenger here"):
        select(data, "y", "mean", exclude=["poisson"])
    with pytest.raises(ParameterError, match="does not answer the question"):
        select(data, "y", "mean", include=["hinge"])
    with pytest.raises(ParameterError, match="there is no loss"):
        select(data, "y", "mean", include=["nothing"])


def test_evaluate_and_json_as_typed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    data = table(60)
    rows = zip(*data.values(), strict=True)
    (tmp_path / "t.csv").write_text("x,city,y\n" + "\n".join(",".join(map(str, row)) for row in rows) + "\n")
    command = ["select", "t.csv", "--target", "y", "--out", "o", "--time-limit", "0.01", "--exclude", "tukey"]
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads((tmp_path / "o/result.json").read_text())
    assert main(["evaluate", "o/model.losskit", "t.csv", "--by", "city"]) == 0
    out = capsys.readouterr().out
    assert "Rome" in out
    assert max(map(len, out.splitlines())) <= 80
    assert main(["evaluate", "o/model.losskit", "t.csv", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["schema"] == "losskit.evaluation/1"
    assert main(["profile", "t.csv", "--target", "y", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["schema"] == "losskit.findings/1"
    text = (tmp_path / "o/report.md").read_text()
    assert text.startswith("# Which loss for y?")
    assert "## Candidates" in text


def test_a_name_with_markup_stays_text_in_markdown():
    data = {"<b>|x*": table(60)["x"], "y": table(60)["y"]}
    text = select(data, "y", "mean", rounds=1).to_markdown()
    assert "<b>" not in text.replace(r"\<b\>", "")
