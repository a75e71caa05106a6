"""Predicting files batch by batch: the same as all at once, whole or not at all."""

import csv
import gzip
import io
import json
from datetime import date

import numpy as np
import pytest

import losskit as lk
from losskit.cli import main
from losskit.cli.fitting import fit_table
from losskit.data import batches
from losskit.data.tables import as_table, read_table
from losskit.errors import DataError
from losskit.models import predicting
from losskit.models.table import TableModel, load_model


def frame(n=240):
    rng = np.random.default_rng(0)
    x = rng.normal(size=n)
    city = rng.choice(["Rome", "a, b", 'the "old"\ntown', "5 o'clock"], n).tolist()
    day = rng.choice(["2024-01-31", "2024-02-01", ""], n).tolist()
    return {"x": x.tolist(), "city": city, "day": day, "y": np.where(x + rng.normal(size=n) > 0, "yes", "no").tolist()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path, data = tmp_path_factory.mktemp("big"), frame()
    with (path / "t.csv").open("w", newline="") as file:
        csv.writer(file).writerows([list(data), *zip(*data.values(), strict=True)])
    fit_table(read_table(path / "t.csv"), "y", lk.Logistic())[0].save(path / "m")
    return path


def told(text):
    return list(csv.DictReader(io.StringIO(text)))


def values(column):
    """As text, nulls as None: a batch of nulls is numeric, whatever the whole column is."""
    pairs = zip(column.values.tolist(), column.nulls(), strict=True)
    return [None if null else str(value) for value, null in pairs]


def refused(capsys, *arguments):
    assert main(list(arguments)) == 2
    err = capsys.readouterr().err
    assert err.startswith("losskit: error: ")
    assert err.count("\n") == 1
    return err


def test_blocks_of_any_size_give_the_table(folder, monkeypatch):
    whole = read_table(folder / "t.csv")
    kinds = {name: whole.column(name).kind for name in ("day", "x", "city")}
    text = (folder / "t.csv").read_bytes()
    (folder / "t.tsv.gz").write_bytes(gzip.compress(text.replace(b"a, b", b"ab").replace(b",", b"\t")))
    (folder / "stray.csv").write_bytes(b"\xef\xbb\xbf\n" + text.replace(b"5 o'clock", b'5" pipe').rstrip())
    for name in ("t.csv", "stray.csv", "t.tsv.gz"):
        whole = read_table(folder / name)
        for block in (60, 1 << 20):
            monkeypatch.setattr(batches, "_BLOCK", block)
            parts = [part for part, _ in batches.read_batches(folder / name, kinds)]
            assert len(parts) > 50 or block > 60
            for column in kinds:
                found = [value for part in parts for value in values(part.column(column))]
                assert found == values(whole.column(column))
            where = [part.where(i) for part in parts for i in range(part.n_rows)]
            assert where == [whole.where(i) for i in range(whole.n_rows)]


def test_typed_files_come_in_batches_too(folder, monkeypatch):
    import pyarrow as pa
    from pyarrow import feather, parquet

    model, monkey = load_model(folder / "m"), monkeypatch.setattr
    day = [date.fromisoformat(text) if text else None for text in frame()["day"]]
    made = pa.table({" x ": frame()["x"], "city": frame()["city"], "day": day, "other": [[1, 2]] * 240})
    parquet.write_table(made, folder / "t.parquet", row_group_size=50)
    feather.write_feather(made, str(folder / "t.feather"), chunksize=60)
    monkey(batches, "_CELLS", 90)
    whole = model.predict_proba(model.read(folder / "t.csv"))
    for name in ("t.parquet", "t.feather"):
        parts = list(model.read_batches(folder / name))
        assert len(parts) > 2
        assert [share for _, share in parts] == sorted(share for _, share in parts)
        assert parts[-1][1] <= 1
        assert np.concatenate([model.predict_proba(part) for part, _ in parts]) == pytest.approx(whole, rel=1e-12)
        assert parts[-1][0].where(0).startswith("row ")
        assert np.concatenate([part.numbers for part, _ in parts]).tolist() == list(range(1, 241))


def test_predictions_of_a_file(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(batches, "_BLOCK", 500)
    model = load_model("m")
    table = model.table(model.read("t.csv"), {"yes": 0.02})
    seen = []
    rows = predicting.predict_file(model, "t.csv", "a.csv", prior={"yes": 0.02}, progress=lambda *at: seen.append(at))
    assert rows == 240
    assert seen[-1] == (240, 1.0)
    found = told((folder / "a.csv").read_text())
    assert list(found[0]) == ["probability_no", "probability_yes", "prediction"]
    assert [float(r["probability_yes"]) for r in found] == pytest.approx(table["probability_yes"].tolist(), rel=1e-12)
    command = ["predict", "m", "t.csv", "--prior", '{"yes": 0.02}']
    assert main([*command, "--out", "a.parquet", "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert (done["schema"], done["rows"], done["out"]) == ("losskit.prediction/1", 240, "a.parquet")
    again = as_table({name: read_table("a.parquet").column(name).values for name in found[0]})
    assert [r["prediction"] for r in found] == again.column("prediction").values.tolist()
    assert main(command) == 0
    assert capsys.readouterr().out == (folder / "a.csv").read_text()
    assert main([*command, "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[7]["probability_yes"] == float(found[7]["probability_yes"])
    assert main([*command, "--out", "b.csv"]) == 0
    assert capsys.readouterr().out == "240 rows predicted: b.csv\n"


def test_a_fault_in_a_late_row_leaves_nothing(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(batches, "_BLOCK", 100)
    text = "x,city,day\n" + "1,Rome,2024-01-31\n" * 200
    for name, last, words in (
        ("inf.csv", "inf,Rome,\n", "row 201 (line 202)"), ("short.csv", "3\n", "row 201 (line 202): 1 cells"),
        ("open.csv", '3,"Rome\n', "row 201 (line 202): 2 cells where the header has 3"),
        ("word.csv", "low,Rome,\n", "'low' in row 201"), ("nul.csv", "3,R\0ome,\n", "line 202: a NUL byte"),
    ):  # fmt: skip
        (tmp_path / name).write_text(text + last)
        assert words in refused(capsys, "predict", str(folder / "m"), name, "--out", "p.csv")
        assert sorted(p.name for p in tmp_path.iterdir()) == [name]
        (tmp_path / name).unlink()
    (tmp_path / "less.csv").write_text("x,day\n1,2024-01-31\n")
    assert "no column 'city'" in refused(capsys, "predict", str(folder / "m"), "less.csv")
    (tmp_path / "p.csv").write_text("mine")
    (tmp_path / "less.csv").write_text(text)
    assert "exists" in refused(capsys, "predict", str(folder / "m"), "less.csv", "--out", "p.csv")
    assert (tmp_path / "p.csv").read_text() == "mine"
    assert "as JSON" in refused(capsys, "predict", str(folder / "m"), "less.csv", "--prior", "yes=0.1")
    assert "no class of the model" in refused(capsys, "predict", str(folder / "m"), "less.csv", "--prior", '{"x": 0.1}')


def test_control_c_leaves_nothing(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(batches, "_BLOCK", 500)
    monkeypatch.chdir(tmp_path)
    calls, table = [], TableModel.table

    def stop(self, *arguments):
        calls.append(list(tmp_path.iterdir()))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return table(self, *arguments)

    monkeypatch.setattr(TableModel, "table", stop)
    for name in ("p.csv", "p.parquet"):
        calls.clear()
        assert main(["predict", str(folder / "m"), str(folder / "t.csv"), "--out", name]) == 130
        assert len(calls[-1]) == 1  # the file in the making
        assert list(tmp_path.iterdir()) == []


def test_unseen_categories_and_missing_values_follow_the_stated_rule(folder):
    # a level unseen when fitted counts as the baseline, or (other); a null number as the median; nothing is lost
    model = load_model(folder / "m")
    new = {"x": [0.5, None, 0.5], "city": ["Atlantis", "Rome", None], "day": [None, None, None]}
    table = model.table(new)
    assert len(table["prediction"]) == 3
    assert np.isfinite(table["probability_yes"]).all()
    step = next(s for s in model.preprocessor.to_dict()["columns"] if s["name"] == "city")
    assert not step["other"]
    base = {"x": [0.5], "city": [step["levels"][step["baseline"]]], "day": [None]}
    X = model.preprocessor.transform(as_table({name: new[name] + base[name] for name in new}))
    assert (X[0] == X[2]).all()
    assert (X[0] == X[3]).all()
    # the same features, which BLAS may add up in another order from row to row
    np.testing.assert_allclose(table["probability_yes"][[0, 2]], model.table(base)["probability_yes"][0], rtol=1e-15)


def test_an_empty_table_is_refused(folder, tmp_path):
    for name, text in (("a.csv", ""), ("b.csv", "x,city,day\n"), ("c.csv", "\n\n")):
        (tmp_path / name).write_text(text)
        with pytest.raises(DataError, match=r"empty|no rows"):
            list(load_model(folder / "m").read_batches(tmp_path / name))
