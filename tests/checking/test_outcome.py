"""The forms of a check: truth value, text, data, an error for tests; and the command with its exit codes."""

import json
import subprocess
import sys

import numpy as np
import pytest

import losskit as lk
from losskit import cli
from losskit.checking.differences import bend, slope
from losskit.checking.findings import CODES
from tests.checking import bad

MODULE = """
import numpy as np
def mse(y, f): return np.mean((y - f) ** 2)
def half(y, f): return f - y
class Space:
    @staticmethod
    def inner(y, f): return abs(y - f)
loss = 3
"""


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    (tmp_path / "mylosses.py").write_text(MODULE)
    (tmp_path / "brokenlosses.py").write_text("1 / 0")
    (tmp_path / "leavinglosses.py").write_text("raise SystemExit(5)")
    (tmp_path / "needylosses.py").write_text("import there_is_no_such_thing")

    def act(*arguments):
        code = cli.main(["check", *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    yield act
    for name in ("mylosses", "brokenlosses", "leavinglosses", "needylosses"):
        sys.modules.pop(name, None)


def test_the_forms_of_a_check():
    found = lk.check_loss(bad.huber_without_half)
    assert (found.ok, bool(found)) == (False, False)
    assert found.codes == ("LK006", "LK010", "LK015")
    data = json.loads(found.to_json())
    assert data == found.to_dict()
    assert data["schema"] == "losskit.check/1"
    assert set(data["findings"][0]) == {"code", "title", "what", "where", "why", "fix"}
    assert all(data["findings"][0].values())
    for part in ("huber_without_half", "LK006 jump", "where", "why", "fix", "not checked"):
        assert part in str(found)


def test_a_check_raises_for_tests():
    with pytest.raises(AssertionError, match="LK006 jump") as caught:
        lk.check_loss(bad.huber_without_half).raise_for_findings()
    assert isinstance(caught.value, lk.LosskitError)
    lk.check_loss(bad.good_squared).raise_for_findings()


def test_codes_are_dense_sorted_and_explained():
    assert list(CODES) == [f"LK{n:03d}" for n in range(1, len(CODES) + 1)]
    for each in CODES.values():
        assert each.title
        assert each.why.endswith(".")
        assert each.fix.endswith(".")


def test_a_check_of_ours_from_the_command_line_has_code_0(run):
    code, out, err = run("huber")
    assert (code, err) == (0, "")
    assert "nothing found" in out


def test_findings_have_code_3_and_fit_eighty_columns(run):
    code, out, err = run("mylosses:mse")
    assert (code, err) == (3, "")
    assert "! LK010" in out
    assert max(map(len, out.splitlines())) <= 80


def test_codes_are_ignored_and_derivatives_given(run):
    assert run("mylosses:mse", "--ignore", "LK010", "--ignore", "LK015")[0] == 0
    code, out, _ = run("mylosses:mse", "--gradient", "mylosses:half", "--json")
    assert code == 3
    assert "LK002" in [each["code"] for each in json.loads(out)["findings"]]
    assert json.loads(run("mylosses:Space.inner", "--json")[1])["same_as"] == "AbsoluteError()"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nomodule:loss",), "there is no module 'nomodule'"),
        (("mylosses.sub:loss",), "mylosses"),
        (("mylosses:nothing",), "mylosses has no 'nothing'; it has np, mse"),
        (("mylosses:Space.nothing",), "has no 'Space.nothing'"),
        (("mylosses:loss",), "int, which cannot be called"),
        (("mylosses:",), "not module:object"),
        (("my losses:x",), "not module:object"),
        (("../mylosses:x",), "not module:object"),
        (("hubr",), "did you mean Huber or PseudoHuber? A loss of your own is module:object"),
        (("brokenlosses:x",), "importing brokenlosses raised ZeroDivisionError"),
        (("leavinglosses:x",), "importing leavinglosses raised SystemExit"),
        (("needylosses:x",), "no module 'there_is_no_such_thing'; install it"),
        (("mylosses:mse", "--order", "sideways"), "order='sideways'"),
        (("mylosses:mse", "--ignore", "LK999"), "LK999"),
        ((), "LOSS"),
    ],
)
def test_what_cannot_be_checked_is_told_on_one_line_with_code_2(run, arguments, says):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("losskit: error: ")
    assert err.count("\n") == 1
    assert says in err


def test_the_command_imports_from_the_current_directory(tmp_path):
    (tmp_path / "herelosses.py").write_text(MODULE)
    done = subprocess.run(
        [sys.executable, "-m", "losskit", "check", "herelosses:mse"], cwd=tmp_path, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (3, "")


@pytest.mark.parametrize("eps", [2.0**-52, 2.0**-23])
def test_differences_know_their_error(eps):
    x = np.linspace(-3, 3, 31) + 0.003
    dtype = float if eps < 1e-10 else np.float32
    for function, first, second in (
        (np.sin, np.cos(x), -np.sin(x)),
        (np.exp, np.exp(x), np.exp(x)),
        (lambda z: np.abs(z), np.sign(x), 0 * x),
        (lambda z: z**3, 3 * x**2, 6 * x),
    ):
        values = lambda z, function=function: function(z.astype(dtype)).astype(float)  # noqa: E731
        for method, true in ((slope, first), (bend, second)):
            known, doubt = method(values, x, np.full(x.size, 0.05), eps)
            assert (np.abs(known - true) <= 10 * doubt + 100 * eps).all()
            if function is np.sin and eps < 1e-10:
                assert doubt.max() < 1e-8
