"""The command line: what it prints, and its exit codes."""

import json
import os
import re
import subprocess
import sys
import xml.dom.minidom

import pytest

import losskit as lk
from losskit import cli
from losskit.base import Evaluated
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
    assert [row.partition("(")[0] for row in rows] == list(losses(Evaluated))
    assert all(row == row.rstrip() for row in rows)
    assert "\x1b" not in out


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_list_at_narrow_widths_loses_nothing(run, columns):
    _, out, _ = run("list", columns=columns)
    assert max(map(len, out.splitlines())) <= columns
    assert "…" not in out
    assert all(name in out for name in losses(Evaluated))


def test_list_filters(run):
    _, out, _ = run("list", "--family", "robust", "--no-convex", "--json")
    found = json.loads(out)
    assert found["schema"] == "losskit.list/1"
    assert {each["family"] for each in found["losses"]} == {"robust"}
    assert "Tukey" in [each["name"] for each in found["losses"]]
    assert "Fair" not in [each["name"] for each in found["losses"]]


@pytest.mark.parametrize(("arguments", "found"), [
    (("pinball",), ["Quantile"]),
    (("mse",), ["SquaredError"]),
    (("--library", "torch", "--target", "-1", "--no-lipschitz"), ["SquaredError"]),
    (("--elicits", "quantile"), ["Quantile"]),
    (("logit", "--proper"), ["Logistic"]),
    (("--symmetric", "--strong"), ["SquaredError"]),
])
def test_list_filters_by_words_targets_libraries_and_traits(run, arguments, found):
    _, out, _ = run("list", *arguments, "--json")
    assert set(found) <= {each["name"] for each in json.loads(out)["losses"]}
    assert len(json.loads(out)["losses"]) < len(losses(Evaluated)) / 2


def test_list_says_that_nothing_is_like_that(run):
    assert run("list", "xyzzy") == (0, "", "no loss is like that; ask for less, or see all with: losskit list\n")


@pytest.mark.parametrize("name", EACH_NAME)
def test_show_tells_all_of_every_loss(run, name):
    code, out, _ = run("show", name, "--latex", "--code")
    assert code == 0
    for part in ("formula", "target y", "prediction f", "parameters", "traits", "use when", "avoid when", "source",
                 f"lk.{name}(", f"def point({lk.get(name).targets[0]}, ", lk.get(name).latex()):
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


def test_show_draws_in_dots(run):
    _, out, _ = run("show", "huber", columns=80)
    dots = [line for line in out.splitlines() if any("\u2800" < c < "\u2900" for c in line)]
    assert 6 <= len(dots) <= 8
    assert "\u28c0" not in run("show", "huber", "--no-plot")[1]
    assert max(map(len, run("show", "binary_focal", columns=120)[1].splitlines())) <= 120


def test_show_names_other_libraries(run):
    _, out, _ = run("show", "squared_error")
    assert 'catboost.CatBoostRegressor(loss_function="RMSE") = 0.5 ours' in out


@pytest.mark.parametrize("name", EACH_NAME)
def test_show_writes_a_page_that_needs_nothing_else(run, tmp_path, name):
    path = tmp_path / "page.html"
    code, out, _ = run("show", name, "--html", str(path), "--no-plot")
    text = path.read_text()
    assert (code, str(path) in out) == (0, True)
    assert text.count("<math") >= 3
    assert "<script" not in text
    assert not re.findall(r"""(?:src|href)=["'](?!#)|url\((?!#)""", text)
    if len(lk.get(name).outputs) == 1:
        xml.dom.minidom.parseString(text[text.index("<svg") : text.index("</svg>") + 6])
    for formula in re.findall(r"<math.*?</math>", text):
        xml.dom.minidom.parseString(formula)


def test_a_page_escapes_what_it_is_told(run, tmp_path):
    run("show", "binary_focal", "--html", str(tmp_path / "page.html"), "--no-plot")
    assert "focal_alpha=..." not in (text := (tmp_path / "page.html").read_text())
    assert "(1 - p)^gamma; alpha weighs" in text
    assert "&lt;" in text
    assert "BinaryFocal(gamma=2.0, alpha=None)" in text


def test_show_does_without_dots_where_they_cannot_be_printed():
    done = subprocess.run(
        [sys.executable, "-m", "losskit", "show", "huber"], capture_output=True, check=False,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(("arguments", "says"), [
    (("show", "hubr"), "did you mean Huber"),
    (("show", "huber", "--param", "delta=-1"), "delta > 0"),
    (("show", "huber", "--param", "delta"), "name=value"),
    (("show", "huber", "--param", "dela=2"), "no parameter 'dela'"),
    (("show", "huber", "--png", "/nowhere/at/all.png"), "cannot write"),
    (("show",), "NAME"),
    (("show", "huber", "--html", "/nowhere/at/all.html"), "cannot be written"),
    (("list", "--library", "torhc"), "did you mean torch"),
    (("lst",), "list"),
    (("list", "--famly", "x"), "--family"),
    (("list", "--family", "x"), "families:"),
    (("bench", "kernels", "--repeats", "3"), "--repeats"),
    (("bench", "solvers", "--problem", "nosuch"), "'nosuch' is not measured by this suite; it knows P8; P9; P10;"),
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


def test_an_error_is_json_too(run):
    code, out, err = run("show", "hubr", "--json")
    told = json.loads(out)
    assert (code, told["schema"], told["error"], told["exit_code"]) == (2, "losskit.error/1", "ParameterError", 2)
    assert err == f"losskit: error: {told['message']}\n"


def test_every_option_is_explained(run):
    commands = ["select", "profile", "fit", "predict", "evaluate", "check", "show", "bench kernels", "bench frameworks",
                "bench boosters", "bench solvers"]  # fmt: skip
    for command in commands:
        code, out, _ = run(*command.split(), "--help", columns=200)
        option = r"│ [* ]*(?:--[a-z-]+|[A-Z]{3,})(?: --no-\w+)?(?: STR| INT| FLOAT)?(?:\.{3})? *(.*?) *│"
        rows = re.findall(option, out)
        assert code == 0
        assert len(rows) >= 2
        assert all(words and not words.startswith("[") for words in rows), (command, rows)


def test_existing_files_are_kept(run, tmp_path):
    for command, name in ((("show", "huber", "--png"), "a.png"), (("show", "huber", "--html"), "a.html"),
                          (("bench", "kernels", "--out"), "a.json")):  # fmt: skip
        (tmp_path / name).write_text("mine")
        code, _, err = run(*command, str(tmp_path / name))
        assert code == 2
        assert "--force" in err
        assert (tmp_path / name).read_text() == "mine"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
@pytest.mark.parametrize(("where", "code", "says"), [("> /dev/full", 2, "No space left"), (">&- 2>&-", 0, "")])
def test_a_full_disk_is_not_our_fault_and_a_closed_output_is_none(where, code, says):
    done = subprocess.run(
        f"{sys.executable} -m losskit --version {where}", shell=True, capture_output=True, text=True, check=False
    )
    assert done.returncode == code
    assert says in done.stderr
    assert done.stderr.count("\n") == (1 if code else 0)


def test_interruption_has_code_130(run, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("losskit.registry.get", interrupted)
    assert run("show", "huber")[0] == 130


def test_a_reader_that_leaves_is_no_error():
    done = subprocess.run(
        f"set -o pipefail; {sys.executable} -m losskit list | head -n 1", shell=True, executable="/bin/bash",
        capture_output=True, text=True, check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_importing_the_command_line_is_light():
    heavy = ["numba", "matplotlib", "sklearn", "torch", "scipy"]
    code = f"import sys, losskit.cli; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout == "[]\n"
