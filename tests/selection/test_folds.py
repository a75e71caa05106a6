"""Folds by class, by group and by time, the final test, and runs that were stopped."""

import numpy as np
import pytest

from losskit.cli import main
from losskit.errors import DataError, ParameterError, ShapeError
from losskit.models import modelfile
from losskit.selection import compare, files
from losskit.selection.folds import Plan, round_rng
from losskit.selection.run import select

N = 120


def rows(n=N, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    return x, x + rng.normal(size=n)


def test_groups_are_kept_whole_and_folds_are_of_like_size():
    groups = np.random.default_rng(0).integers(0, 13, 200)
    for number in range(3):
        splits = Plan(groups=groups).split(np.arange(200), 5, round_rng(0, number))
        assert sorted(np.concatenate([test for _, test in splits])) == list(range(200))
        for train, test in splits:
            assert not set(groups[train]) & set(groups[test])
            assert 25 <= len(test) <= 55
    with pytest.raises(DataError, match="13 groups"):
        Plan(groups=groups).split(np.arange(200), 20, round_rng(0))


def test_training_rows_are_earlier_than_test_rows():
    times = np.random.default_rng(0).integers(0, 50, 200)
    splits = Plan(times=times).split(np.arange(200), 10, round_rng(0))
    assert len(splits) == 10
    for train, test in splits:
        assert times[train].max() < times[test].min()
    kept, late = Plan(times=times).last(0.2, 200, round_rng(0))
    assert times[kept].max() < times[late].min()
    assert 25 <= len(late) <= 55
    teams = np.arange(200) // 20
    for train, test in Plan(groups=teams, times=np.arange(200)).split(np.arange(200), 4, round_rng(0)):
        assert train.max() < test.min()
        assert not set(teams[train]) & set(teams[test])
    with pytest.raises(DataError, match="run through all time"):
        Plan(groups=np.arange(200) % 5, times=times).split(np.arange(200), 4, round_rng(0))
    with pytest.raises(DataError, match="moments"):
        Plan(times=np.zeros(200)).split(np.arange(200), 10, round_rng(0))


def test_rows_drawn_of_many_keep_the_classes():
    classes = np.r_[np.zeros(900), np.ones(80), np.full(20, 2.0)]
    drawn = Plan(classes).draw(500, 1000, round_rng(0))
    assert (np.diff(drawn) > 0).all()
    assert np.bincount(classes[drawn].astype(int)).tolist() == [450, 40, 10]
    assert np.bincount(classes[Plan(classes).draw(100, 1000, round_rng(0))].astype(int)).min() == 10
    plain = Plan().draw(100, 1000, round_rng(0))
    assert len(set(plain)) == 100
    assert 300 < plain.mean() < 700


def test_groups_show_what_random_folds_hide():
    rng = np.random.default_rng(0)
    shop = np.repeat(np.arange(30), 6)
    level = rng.normal(size=30)[shop]
    noise = rng.normal(size=(180, 6))
    table = {f"mark{i}": np.sin((i + 1) * 17.0 * shop) + 0.01 * noise[:, i] for i in range(6)}
    table["shop"] = [f"s{i}" for i in shop]
    y = 3 * level + 0.3 * rng.normal(size=180)
    fair = select(table, y, "mean", groups="shop", rounds=1)
    assert fair.plan == "groups"
    assert "shop" not in fair.model.preprocessor.kinds
    assert fair.winner.mean > 0.7 * fair.baseline.mean
    assert select(table, y, "mean", rounds=1).winner.mean < 0.5 * fair.winner.mean


def test_time_by_column_or_array_gives_the_same():
    x, y = rows()
    when = np.datetime64("2024-01-01") + np.random.default_rng(1).permutation(N)
    found = select({"x": x, "when": when}, y, "mean", time="when")
    assert (found.plan, found.folds, found.rounds) == ("time", 10, 1)
    assert np.isnan(found.winner.scores).sum() >= N // 11
    other = select({"x": x}, y, "mean", time=when)
    assert [c.mean for c in other.candidates] == [c.mean for c in found.candidates]
    assert "predicted" in found.to_html()


def test_the_final_part_decides_nothing():
    x, y = rows()
    found = select({"x": x}, y, "mean", rounds=1, holdout=0.25)
    assert found.tested == 30
    assert all(np.isfinite(c.tested) for c in found.candidates)
    assert "set apart" in " ".join(found.verdict.why)
    moved = y.copy()
    moved[Plan().last(0.25, N, round_rng(0, 1 << 21))[1]] += 100
    again = select({"x": x}, moved, "mean", rounds=1, holdout=0.25)
    assert [c.mean for c in again.candidates] == [c.mean for c in found.candidates]
    assert again.winner.tested > 100 * found.winner.tested


def test_a_run_that_was_stopped_goes_on(tmp_path, monkeypatch):
    x, y = rows()
    whole = select({"x": x}, y, rounds=2)
    trained = []
    judge = compare._judge

    def stopping(task, test, scores):
        trained.append(1)
        if len(trained) == 8:
            raise KeyboardInterrupt
        return judge(task, test, scores)

    monkeypatch.setattr(compare, "_judge", stopping)
    with pytest.raises(KeyboardInterrupt):
        select({"x": x}, y, rounds=2, state=tmp_path / "s")
    assert len(list((tmp_path / "s").iterdir())) == 7
    (tmp_path / "s" / sorted(p.name for p in (tmp_path / "s").iterdir())[0]).write_bytes(b"cut short")
    again = select({"x": x}, y, rounds=2, state=tmp_path / "s")
    assert len(trained) == 8 + 4  # three folds were left, and one was damaged
    assert [c.mean for c in again.candidates] == [c.mean for c in whole.candidates]
    assert (again.winner.scores == whole.winner.scores).all()
    select({"x": x}, y + 1, rounds=1, state=tmp_path / "s")
    assert len(trained) == 12 + 5  # other data are other folds


def interrupted(*arguments, **options):
    raise KeyboardInterrupt


def test_the_command_goes_on_and_leaves_no_folds_behind(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    x, y = rows(60)
    lines = [f"{a},{b},{i % 12},2024-01-{1 + i % 28:02}" for i, (a, b) in enumerate(zip(x, y, strict=True))]
    (tmp_path / "t.csv").write_text("x,y,shop,day\n" + "\n".join(lines) + "\n")
    command = ["select", "t.csv", "--target", "y", "--out", "o", "--time-limit", "0.01", "--quiet"]
    judge = compare._judge

    def stop_at_third(*arguments, seen=[]):  # noqa: B006
        seen.append(1)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return judge(*arguments)

    monkeypatch.setattr(compare, "_judge", stop_at_third)
    assert main(command) == 130
    assert len(list((tmp_path / "o/unfinished").iterdir())) == 2
    monkeypatch.setattr(files, "atomic_write", interrupted)  # while the results are written: the model is there
    assert main(command) == 130
    monkeypatch.setattr(files, "atomic_write", modelfile.atomic_write)
    assert (tmp_path / "o/model.losskit").exists()
    (tmp_path / "o/.losskit-0.tmp").write_text("of a process that was killed")
    assert main(command) == 0
    left = sorted(p.name for p in (tmp_path / "o").iterdir())
    assert left == ["model.losskit", "report.html", "report.md", "result.json"]
    assert main([*command, "--force", "--groups", "shop", "--holdout", "0.2"]) == 0
    assert main([*command, "--force", "--time", "day"]) == 0
    assert "set apart" not in capsys.readouterr().err


def test_bad_groups_times_and_holdouts():
    x, y = rows(40)
    with pytest.raises(DataError, match="no column 'shop'"):
        select({"x": x}, y, groups="shop")
    with pytest.raises(ShapeError, match="groups has 3 rows"):
        select({"x": x}, y, groups=[1, 2, 3])
    with pytest.raises(DataError, match="is text"):
        select({"x": x, "t": ["a"] * 40}, y, time="t")
    with pytest.raises(DataError, match="1 rows are null"):
        select({"x": x, "t": [None, *range(39)]}, y, groups="t")
    with pytest.raises(DataError, match="no feature but 't'"):
        select({"t": np.arange(40.0)}, y, time="t")
    with pytest.raises(ParameterError, match="holdout is a share"):
        select({"x": x}, y, holdout=0.9)
