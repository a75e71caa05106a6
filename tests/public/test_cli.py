"""The command line: what it prints, and its exit codes."""

import json
import os
import subprocess
import sys

import pytest

import losskit as lk
from losskit import cli
from losskit.registry import losses
from tests.families import EACH_NAME


@pytest.fixture
def run(capsys, monkeypatch):
    def act(*arguments, columns=None):
        if columns:
            monkeypatch.setenv("COLUMNS", str(columns))
        else:
            monkeypatch.delenv("COLUMNS", raising=False)
        code = cli.main(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return act


def test_version(run):
    assert run("--version") == (0, f"{lk.__version__}\n", "")


def test_help_names_the_commands(run):
    code, out, _ = run("--help")
    assert code == 0
    assert all(command in out for command in ("list", "show", "bench"))


def test_list_has_one_line_a_loss_in_a_pipe(run):
    code, out, _ = run("list")
    rows = out.splitlines()[1:]
    assert code == 0
    assert [row.partition("(")[0] for row in rows] == list(losses())
    assert all(row == row.rstrip() for row in rows)
    assert "\x1b" not in out


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_list_at_narrow_widths_loses_nothing(run, columns):
    _, out, _ = run("list", columns=columns)
    assert max(map(len, out.splitlines())) <= columns
    assert "…" not in out
    assert all(name in out for name in losses())


def test_list_filters(run):
    _, out, _ = run("list", "--family", "robust", "--no-convex", "--json")
    found = json.loads(out)
    assert found["schema"] == "losskit.list/1"
    assert {each["family"] for each in found["losses"]} == {"robust"}
    assert "Tukey" in [each["name"] for each in found["losses"]]
    assert "Fair" not in [each["name"] for each in found["losses"]]


@pytest.mark.parametrize("name", EACH_NAME)
def test_show_tells_all_of_every_loss(run, name):
    code, out, _ = run("show", name, "--latex", "--code")
    assert code == 0
    for part in ("formula", "target y", "prediction f", "parameters", "traits", "use when", "avoid when", "source",
                 f"lk.{name}(", "def point(y, f", lk.get(name).latex()):
        assert part in out


def test_show_takes_parameters(run):
    _, out, _ = run("show", "binary_focal", "--param", "gamma=1.5", "--param", "alpha=none", "--json")
    assert [p["value"] for p in json.loads(out)["parameters"]] == [1.5, None]
    assert 'delta = \'auto\'' in run("show", "huber", "--param", "delta=auto")[1]


def test_show_fits_eighty_columns(run):
    _, out, _ = run("show", "binaryfocal", columns=80)
    assert max(map(len, out.splitlines())) <= 80


def test_show_writes_a_plot(run, tmp_path):
    path = tmp_path / "huber.png"
    code, out, _ = run("show", "huber", "--png", str(path))
    assert code == 0
    assert path.exists()
    assert str(path) in out


@pytest.mark.parametrize(("arguments", "says"), [
    (("show", "hubr"), "did you mean Huber"),
    (("show", "huber", "--param", "delta=-1"), "delta > 0"),
    (("show", "huber", "--param", "delta"), "name=value"),
    (("show", "huber", "--param", "dela=2"), "no parameter 'dela'"),
    (("show", "huber", "--png", "/nowhere/at/all.png"), "cannot write"),
    (("show",), "NAME"),
    (("lst",), "list"),
    (("list", "--famly", "x"), "--family"),
    (("list", "--family", "x"), "families:"),
    (("bench", "kernels", "--repeats", "3"), "--repeats"),
])
def test_bad_input_is_told_on_one_line_with_code_2(run, arguments, says):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("losskit: error: ")
    assert err.count("\n") == 1
    assert says in err


def test_our_own_fault_has_code_1_and_no_traceback(run, monkeypatch):
    def broken(*args, **kwargs):
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("losskit.registry.get", broken)
    monkeypatch.delenv("LOSSKIT_DEBUG", raising=False)
    code, _, err = run("show", "huber")
    assert code == 1
    assert "ZeroDivisionError: oh" in err
    assert "Traceback" not in err
    monkeypatch.setenv("LOSSKIT_DEBUG", "1")
    assert "Traceback" in run("show", "huber")[2]


def test_interruption_has_code_130(run, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("losskit.registry.get", interrupted)
    assert run("show", "huber")[0] == 130


def test_a_reader_that_leaves_is_no_error():
    done = subprocess.run(
        f"set -o pipefail; {sys.executable} -m losskit.cli list | head -n 1", shell=True, executable="/bin/bash",
        capture_output=True, text=True, check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_importing_the_command_line_is_light():
    heavy = ["numba", "matplotlib", "sklearn", "torch", "scipy"]
    code = f"import sys, losskit.cli; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout == "[]\n"
