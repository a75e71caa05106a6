"""Tables and model files as bad as they come: a right answer, a stated rule, or one line that says what is wanted."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest

import losskit as lk
from losskit.cli import main
from losskit.cli.fitting import fit_table
from losskit.data.tables import read_table
from losskit.models import modelfile
from losskit.selection.run import select
from tests.public.test_select_commands import refused

EVIL = "<img src=x onerror=alert(1)>"
FORMULA = '=HYPERLINK("http://x",1)'


def write(path, columns):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([list(columns), *zip(*columns.values(), strict=True)])


def test_names_with_html_and_formulas_stay_text(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    x = rng.normal(size=80)
    label = np.where(x + rng.normal(size=80) > 0, FORMULA, EVIL)
    write(tmp_path / "t.csv", {EVIL: x.tolist(), FORMULA: rng.choice([EVIL, "Rome"], 80).tolist(), "y": label.tolist()})
    arguments = ["--exclude", "binary_focal", "--time-limit", "0.01", "--json"]
    assert main(["select", "t.csv", "--target", "y", "--out", "o", *arguments]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 80
    page, text = ((tmp_path / "o" / name).read_text() for name in ("report.html", "report.md"))
    assert "<img" not in page
    assert "&lt;img" in page
    assert "<img" not in text.replace(r"\<img", "")
    assert main(["profile", "t.csv", "--target", "y"]) == 0
    capsys.readouterr()
    assert main(["predict", "o/model.losskit", "t.csv", "--out", "p.csv"]) == 0
    with (tmp_path / "p.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [f"probability_{EVIL}", f"probability_{FORMULA}", "prediction"]
    assert {row["prediction"] for row in rows} <= {EVIL, FORMULA}  # written as they came, byte by byte


def test_columns_without_a_value_are_left_out_and_said(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    data = {"x": rng.normal(size=60).tolist(), "none": [""] * 60, "one": ["a"] * 60}
    data["y"] = (np.array(data["x"]) + rng.normal(size=60)).tolist()
    write(tmp_path / "t.csv", data)
    found = select(read_table(tmp_path / "t.csv"), "y", "mean", rounds=1, exclude=["huber", "tukey", "log_cosh"])
    assert found.findings.has("empty")
    assert found.model.preprocessor.feature_names == ("x",)
    assert found.model.predict({"x": [0.5]}).shape == (1,)  # they are not needed to predict
    for name in ("x", "y"):
        data.pop(name)
    write(tmp_path / "nothing.csv", data | {"y": list(range(60))})
    assert "no feature varies" in refused(capsys, "select", "nothing.csv", "--target", "y", "--out", "o")
    assert "no feature varies" in refused(
        capsys, "fit", "nothing.csv", "--target", "y", "--loss", "huber", "--out", "m")  # fmt: skip
    assert not (tmp_path / "o").exists()


def test_targets_that_are_none(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    x = list(range(60))
    for name, y, words in (
        ("id", [f"id{i}" for i in x], "60 different labels in 60 rows, as an identifier has"),
        ("alone", ["a"] * 30 + ["b"] * 29 + ["c"], "only 1 row is 'c'; at least 4 of each class are needed"),
        ("missing", [""] * 60, "the value is null (60 of 60 rows)"),
        ("dates", ["2024-01-01"] * 30 + ["2024-01-02"] * 30, "holds dates"),
    ):
        write(tmp_path / f"{name}.csv", {"x": x, "y": y})
        assert words in refused(capsys, "select", f"{name}.csv", "--target", "y", "--out", "o")
        assert not (tmp_path / "o").exists()


def test_a_numeric_identifier_as_target_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    write(tmp_path / "t.csv", {"x": rng.normal(size=60).tolist(), "row": list(range(1000, 1060))})
    assert main(["profile", "t.csv", "--target", "row", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert "LK128" in [item["code"] for item in found["findings"] if item["column"] == "row"]
    data = {"x": rng.normal(size=60).tolist(), "y": rng.permutation(900)[:60].tolist()}
    assert not any(item.column == "y" and item.code == "LK128" for item in lk.profile(data, "y").items)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("model")
    x = np.arange(40.0)
    y = np.where(x + 12 * np.sin(x) > 20, "b", "a").tolist()
    fit_table({"x": x, "y": y}, "y", lk.Logistic(), 0.1)[0].save(path / "m")
    write(path / "t.csv", {"x": x.tolist()})
    return path


def test_model_files_of_another_making_are_refused(saved, tmp_path, capsys):
    whole, data = (saved / "m").read_bytes(), str(saved / "t.csv")
    payload, arrays = modelfile.load(saved / "m")
    bad = tmp_path / "bad"

    def told(content):
        bad.write_bytes(content)
        return refused(capsys, "predict", str(bad), data, "--out", str(tmp_path / "p.csv"))

    assert "is cut short" in told(whole[:-1])
    assert "is cut short" in told(whole[:20])
    assert "is empty" in told(b"")
    assert "it looks like a pickle" in told(b"\x80\x04\x95")
    assert "reads format 1: update losskit" in told(whole.replace(b"LOSSKIT1", b"LOSSKIT2", 1))
    assert "is damaged: the checksum" in told(whole[:-8] + b"\0" * 8)
    assert "is damaged: the checksum" in told(whole.replace(b'"alpha":0.1', b'"alpha":0.2'))
    for changes, words in (
        ({"schema": "losskit.linear/99"}, "from a newer losskit: update losskit"),
        ({"schema": "losskit.linear/1"}, "from an older losskit: fit it again"),
        ({"schema": "other"}, "name a file that losskit fit or select wrote"),
        ({"loss": "__import__('os').system('touch hacked')"}, "cannot be made"),
        ({"classes": ["a"]}, "contradict each other"), ({"extra": 1}, "unknown"),
        ({"question": "the meaning of life"}, "none that Logistic() of 2 classes"),
        ({"question": "median"}, "or from a newer losskit"),
        ({"recalibration": "beta"}, "contradict each other"), ({"metric": "f1"}, "contradict each other"),
    ):  # fmt: skip
        modelfile.save(bad, {**payload, **changes}, arrays, force=True)
        assert words in refused(capsys, "predict", str(bad), data, "--out", str(tmp_path / "p.csv"))
    forged = {**arrays, "shares": np.array([0.5, np.nan])}
    modelfile.save(bad, payload, forged, force=True)
    assert "contradict each other" in refused(capsys, "evaluate", str(bad), data)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad"]


@pytest.mark.slow
def test_ten_thousand_columns_and_a_million_rows(tmp_path):
    rng = np.random.default_rng(0)
    wide = {f"c{j}": rng.normal(size=100) for j in range(10_000)}
    wide["y"] = wide["c0"] + rng.normal(size=100)
    found = select(wide, "y", "mean", rounds=1, folds=2)
    assert found.model.coef.shape == (10_000,)
    assert len(found.to_html().encode()) < 2_000_000
    tall = {f"c{j}": rng.normal(size=1_000_000) for j in range(5)}
    tall["y"] = tall["c0"] + rng.normal(size=1_000_000)
    found = select(tall, "y", "mean", rounds=1, folds=2)
    assert found.findings.rows == 1_000_000
    assert len(found.to_html().encode()) < 2_000_000


def test_a_command_ends_with_its_code(saved):
    command = [sys.executable, "-m", "losskit", "predict", str(saved / "m"), "nowhere.csv"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("losskit: error: there is no file nowhere.csv")
