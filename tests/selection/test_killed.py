"""A run of the command killed at any moment goes on where it was, and its answer hangs on nothing but the seed."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

KILLS = 5


def command(out):
    return [sys.executable, "-m", "losskit.cli", "select", "t.csv", "--target", "y", "--out", out, "--quiet"]


def kept(folder):
    """The finished folds and which writing of them lies there."""
    found = {}
    for path in (folder / "unfinished").glob("*.fold"):
        try:
            found[path.name] = path.stat().st_ino, path.stat().st_mtime_ns
        except FileNotFoundError:
            continue  # taken away: the results are written
    return found


def result(folder):
    told = json.loads((folder / "result.json").read_text())
    told.pop("seconds")
    return json.dumps(told)


def write(path, x, y):
    names = [*(f"x{j}" for j in range(x.shape[1])), "y"]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([names, *np.column_stack([x, y]).round(4).tolist()])


@pytest.mark.slow
def test_a_seed_gives_the_same_answer_on_one_thread_and_on_two(tmp_path):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(550, 4))
    write(tmp_path / "t.csv", x, x[:, 0] * x[:, 1] + rng.normal(size=550))
    for threads in "12":
        for out in "ab":
            subprocess.run(
                [*command(threads + out), "--time-limit", "0.01"], cwd=tmp_path, check=True, stdout=subprocess.DEVNULL,
                env={**os.environ, "LOSSKIT_NUM_THREADS": threads, "OMP_NUM_THREADS": threads},
            )  # fmt: skip
    made = [tmp_path / name for name in ("1a", "1b", "2a", "2b")]
    assert len({result(each) for each in made}) == 1
    assert len({(each / "model.losskit").read_bytes() for each in made}) == 1


@pytest.mark.slow
def test_a_run_killed_five_times_ends_as_if_it_had_not_been(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3000, 6))
    y = x[:, 0] + np.sin(3 * x[:, 1]) + rng.standard_t(2.5, 3000)
    write(tmp_path / "t.csv", x, y)
    began = time.monotonic()
    subprocess.run(command("whole"), cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    lasted, folds = time.monotonic() - began, {}
    for moment in rng.uniform(0.1, 0.9, KILLS) * lasted / 2:
        running = subprocess.Popen(command("o"), cwd=tmp_path, stdout=subprocess.DEVNULL)
        until, least = time.monotonic() + moment, len(folds)
        while running.poll() is None and (time.monotonic() < until or len(kept(tmp_path / "o")) == least):
            time.sleep(0.01)
        if running.poll() is not None:
            break
        os.kill(running.pid, signal.SIGKILL)
        assert running.wait() == -signal.SIGKILL
        found = kept(tmp_path / "o")
        assert folds.items() <= found.items()  # as they were written the first time
        folds = found
    assert len(folds) >= KILLS
    running = subprocess.Popen(command("o"), cwd=tmp_path, stdout=subprocess.DEVNULL)
    while running.poll() is None:
        found = kept(tmp_path / "o")
        assert len(found) < len(folds) or folds.items() <= found.items()
        time.sleep(0.02)
    assert running.returncode == 0
    assert sorted(p.name for p in (tmp_path / "o").iterdir()) == sorted(p.name for p in (tmp_path / "whole").iterdir())
    assert result(tmp_path / "o") == result(tmp_path / "whole")
    assert (tmp_path / "o/model.losskit").read_bytes() == (tmp_path / "whole/model.losskit").read_bytes()
