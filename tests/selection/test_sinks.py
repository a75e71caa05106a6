"""Selections in the records of other tools, read back by these tools. Slow: they bring dozens of packages along."""

import json

import numpy as np
import pytest

from losskit.cli import main
from losskit.errors import MissingExtra, ParameterError
from losskit.selection.run import select
from losskit.sinks import sink


@pytest.fixture(scope="module")
def found():
    x = np.random.default_rng(0).normal(size=60)
    data = {"x": x, "y": x + np.random.default_rng(1).normal(size=60)}
    return select(data, "y", "mean", rounds=1, exclude=["huber", "tukey", "log_cosh"])


def test_places_that_are_none_are_refused_before_the_work(tmp_path, monkeypatch, capsys):
    with pytest.raises(ParameterError, match="no place to write"):
        sink("wandb:here")
    with pytest.raises(ParameterError, match="tensorboard:FOLDER"):
        sink("tensorboard")
    import sys

    monkeypatch.setitem(sys.modules, "mlflow", None)
    monkeypatch.delitem(sys.modules, "losskit.sinks.mlflow", raising=False)
    with pytest.raises(MissingExtra, match=r"losskit\[mlflow\]"):
        sink("mlflow:sqlite:///runs.db")
    (tmp_path / "t.csv").write_text("x,y\n" + "1,2\n3,4\n" * 10)
    assert main(["select", str(tmp_path / "t.csv"), "--target", "y", "--out", str(tmp_path / "o"), "--log", "x"]) == 2
    assert "no place to write" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_mlflow_reads_the_run(found, tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    pytest.importorskip("sqlalchemy")
    monkeypatch.chdir(tmp_path)
    where = f"sqlite:///{tmp_path / 'runs.db'}"
    assert where in sink(f"mlflow:{where}")(found)
    client = mlflow.MlflowClient(tracking_uri=where)
    (run,) = client.search_runs([client.get_experiment_by_name("losskit select").experiment_id])
    assert run.data.params["loss"] == found.winner.name
    assert run.data.metrics["squared error/SquaredError"] == found.default.mean
    assert {file.path for file in client.list_artifacts(run.info.run_id)} == {"report.html", "result.json"}
    assert run.info.status == "FINISHED"


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_optuna_reads_the_study(found, tmp_path):
    optuna = pytest.importorskip("optuna")
    where = f"sqlite:///{tmp_path / 'studies.db'}"
    names = [sink(f"optuna:{where}")(found) for _ in range(2)]
    assert len(set(names)) == 2
    study = optuna.load_study(study_name="y: mean", storage=where)
    assert {t.params["loss"]: t.value for t in study.trials} == {c.name: c.mean for c in found.candidates if c.valid}
    assert study.best_value == min(c.mean for c in found.candidates if c.valid)
    json.dumps(study.trials[0].user_attrs)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_tensorboard_reads_the_scalars(found, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = sink(f"tensorboard:{tmp_path}")(found)
    read = EventAccumulator(f"{folder}/SquaredError").Reload()
    assert read.Scalars("squared error")[0].value == pytest.approx(found.default.mean, rel=1e-6)
