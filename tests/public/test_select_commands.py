"""`losskit select | profile | fit | predict` as typed: what they leave, and what bad input says."""

import csv
import io
import json

import numpy as np
import pytest

from losskit.cli import main
from losskit.models.table import load_model


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    lines = ["row,x,city,y,label"]
    for i in range(60):
        x = rng.normal()
        city, label = ("Rome", "yes") if x + rng.normal() > 0 else ("Oslo", "no")
        lines.append(f"{i},{x:.4f},{city},{2 * x + rng.normal():.4f},{label}")
    (tmp_path / "good.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def refused(capsys, *arguments):
    assert main(list(arguments)) == 2
    err = capsys.readouterr().err
    assert "Traceback" not in err
    assert err.startswith("losskit: error: ")
    assert err.count("\n") == 1
    return err


def test_select_and_predict(folder, capsys):
    assert main(["select", "good.csv", "--target", "y", "--out", "made/here"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert max(map(len, out.splitlines())) <= 80
    assert out.startswith("For the mean of y, train with ")
    last = out.splitlines()[-1]
    assert last == "next    losskit predict made/here/model.losskit NEW.csv --out predictions.csv"
    assert sorted(p.name for p in (folder / "made/here").iterdir()) == [
        "model.losskit", "report.html", "report.md", "result.json"]  # fmt: skip
    assert json.loads((folder / "made/here/result.json").read_text())["schema"] == "losskit.result/1"
    assert main(["predict", "made/here/model.losskit", "good.csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert list(rows[0]) == ["prediction"]
    model = load_model("made/here/model.losskit")
    assert [float(r["prediction"]) for r in rows] == model.predict(model.read("good.csv")).tolist()
    assert main(["predict", "made/here/model.losskit", "good.csv", "--out", "p.csv"]) == 0
    assert len((folder / "p.csv").read_text().splitlines()) == 61
    assert "exists" in refused(capsys, "predict", "made/here/model.losskit", "good.csv", "--out", "p.csv")
    assert "exists" in refused(capsys, "select", "good.csv", "--target", "y", "--out", "made/here")


def test_select_of_classes_quietly(folder, capsys):
    arguments = ["select", "good.csv", "--target", "label", "--out", "o", "--quiet", "--time-limit", "0.01"]
    assert main(arguments) == 0
    assert len(capsys.readouterr().out.splitlines()) == 5
    assert main([*arguments, "--force"]) == 0
    assert main(["predict", "o/model.losskit", "good.csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out.split("predictions.csv\n")[-1])))
    assert list(rows[0]) == ["probability_no", "probability_yes", "prediction"]
    assert {r["prediction"] for r in rows} <= {"yes", "no"}


def test_fit_and_profile(folder, capsys):
    arguments = ["good.csv", "--target", "y", "--loss", "huber:delta=auto", "--penalty", "l2=0.1", "--out", "m"]
    assert main(["fit", *arguments]) == 0
    assert "Huber(delta=" in capsys.readouterr().out
    assert "exists" in refused(capsys, "fit", "good.csv", "--target", "y", "--loss", "huber", "--out", "m")
    assert main(["profile", "good.csv", "--target", "y"]) == 0
    assert "Column 'row' differs in every row" in capsys.readouterr().out


BAD = {
    "missing.csv": (None, "there is no file"),
    "empty.csv": ("", "empty"),
    "header.csv": ("x,y\n", "no rows"),
    "ragged.csv": ("x,y\n1,2\n3\n", "1 cells where the header has 2"),
    "twice.csv": ("x,x,y\n1,2,3\n", "both named 'x'"),
    "nul.csv": ("x,y\n1,\x002\n", "NUL"),
    "one.csv": ("x,y\n" + "1,5\n2,5\n" * 10, "one value only"),
    "null.csv": ("x,y\n" + "1,5\n2,\n" * 10, "the value is null"),
    "inf.csv": ("x,y\n" + "1,5\n2,inf\n" * 10, "infinite"),
    "id.csv": ("x,y\n" + "".join(f"{i % 7},id{i}\n" for i in range(40)), "as an identifier has"),
    "rare.csv": ("x,y\n" + "1,a\n2,b\n" * 10 + "3,c\n", "only 1 row is 'c'"),
    "stray.csv": ("x,y\n" + "1,5\n2,6\n" * 10 + "two,7\n", "'x' is numeric but for 'two' in row 21"),
    "few.csv": ("x,y\n1,2\n2,3\n3,5\n", "at least 10 are needed"),
    "alone.csv": ("y\n" + "1\n2\n3\n" * 5, "no column but the target"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_tables(folder, capsys, name):
    text, words = BAD[name]
    if text is not None:
        (folder / name).write_text(text)
    assert words in refused(capsys, "select", name, "--target", "y", "--out", "out")
    assert not (folder / "out").exists()


def test_a_byte_order_mark_is_no_part_of_the_first_name(folder, capsys):
    text = "y,x\n" + "".join(f"{i % 7 + i / 10},{i % 5}\n" for i in range(30))
    (folder / "bom.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert main(["select", "bom.csv", "--target", "y", "--out", "o", "--time-limit", "0.01"]) == 0


def test_bad_usage(folder, capsys):
    good = ("select", "good.csv", "--target", "y", "--out")
    assert "no column 'Y'" in refused(capsys, "select", "good.csv", "--target", "Y", "--out", "o")
    assert "is a directory" in refused(capsys, "select", ".", "--target", "y", "--out", "o")
    assert "--out names a folder" in refused(capsys, *good, "good.csv")
    assert "not known" in refused(capsys, *good, "o", "--question", "mode")
    assert "not known" in refused(capsys, *good, "o", "--problem", "survival")
    assert "cannot be asked" in refused(capsys, *good, "o", "--question", "label")
    assert "above 0" in refused(capsys, *good, "o", "--time-limit", "-1")
    assert "at least 0" in refused(capsys, *good, "o", "--seed", "-1")
    assert "cannot be written" in refused(capsys, *good, "/proc/nothing/here")
    assert "--target" in refused(capsys, "select", "good.csv", "--out", "o")
    assert "not a losskit model" in refused(capsys, "predict", "good.csv", "good.csv")
    assert "does not exist" in refused(capsys, "predict", "no.losskit", "good.csv")
    assert not (folder / "o").exists()


def test_prediction_needs_the_columns_of_the_fit(folder, capsys):
    assert main(["fit", "good.csv", "--target", "y", "--loss", "squared_error", "--out", "m"]) == 0
    (folder / "less.csv").write_text("row,city\n1,Rome\n")
    assert "no column 'x'" in refused(capsys, "predict", "m", "less.csv")
    (folder / "text.csv").write_text("row,x,city,label\n1,low,Rome,yes\n")
    assert "numeric" in refused(capsys, "predict", "m", "text.csv")


def test_control_c_leaves_nothing(folder, monkeypatch):
    from losskit.selection import answering

    def stop(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(answering, "cross_validate", stop)
    assert main(["select", "good.csv", "--target", "y", "--out", "o"]) == 130
    assert not (folder / "o").exists()


def test_parquet(folder):
    import pandas as pd

    pd.read_csv("good.csv").to_parquet("good.parquet")
    arguments = ["--target", "y", "--out", "o", "--question", "median", "--time-limit", "0.01"]
    assert main(["select", "good.parquet", *arguments]) == 0
    assert main(["predict", "o/model.losskit", "good.parquet", "--out", "p.csv"]) == 0
