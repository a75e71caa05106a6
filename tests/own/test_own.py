"""A loss of one's own: as a function, as a text; the same powers as ours, and nothing executed."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest

import losskit as lk
from losskit.calculus import log1p, where
from losskit.domains import NONNEGATIVE, Positive
from losskit.errors import FormulaError
from losskit.expressions import read_loss
from losskit.links import LOG

Y, F = np.array([10.0, 10.0, 3.0]), np.array([8.0, 12.0, 3.0])


@lk.loss
def asymmetric(y, f, a: Positive = 2.0):
    """Over-prediction costs `a` times as much."""
    return where(f > y, a, 1) * abs(f - y)


@lk.loss
def cauchy(r, c=2.0):
    return c**2 / 2 * log1p((r / c) ** 2)


@lk.loss(domain=NONNEGATIVE, link=LOG)
def poisson(y, f):
    return np.exp(f) - y * f


def test_a_function_becomes_a_loss_as_ours_are():
    loss = asymmetric(a=3.0)
    assert repr(loss) == "asymmetric(a=3.0)"
    assert loss == pickle.loads(pickle.dumps(loss)) != asymmetric()
    assert "Over-prediction" in asymmetric.__doc__
    np.testing.assert_array_equal(loss(Y, F, None, "none"), [2.0, 6.0, 0.0])
    np.testing.assert_array_equal(loss.gradient(Y, F, None, "none"), [-1.0, 3.0, 0.0])
    assert r"\left|f - y\right|" in loss.latex()
    with pytest.raises(lk.ParameterError, match="a > 0"):
        asymmetric(a=-1)
    assert issubclass(cauchy, lk.Residual)
    np.testing.assert_allclose(cauchy().gradient(0 * F, F, None, "none"), F / (1 + F**2 / 4))


def test_the_domain_and_link_of_a_function_are_kept():
    assert poisson().predict([0.0]) == [1.0]
    with pytest.raises(lk.DomainError, match="y >= 0"):
        poisson()([-1.0], [0.0])
    fitted = lk.minimise(poisson(), None, np.arange(20.0)[:, None] / 10, np.arange(20.0) % 5)
    ours = lk.minimise(lk.Poisson(), None, np.arange(20.0)[:, None] / 10, np.arange(20.0) % 5)
    assert fitted.coef == pytest.approx(ours.coef, rel=1e-6)


def test_numpys_functions_are_understood():
    @lk.loss
    def mine(y, f, w=2):
        return np.where(f > y, w, 1.0) * np.square(f - y) + np.float64(0.5) * np.abs(f - y)

    np.testing.assert_allclose(mine()(Y, F, None, "none"), [5.0, 9.0, 0.0])


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda y, f: np.sin(f - y), r"np\.sin has no formula"),
        (lambda y, f: np.sum(f), "no formula"),
        (lambda y, f: max(f - y, 0), r"cannot branch.*where"),
        (lambda y, f: f if f > y else y, r"cannot branch.*where"),
        (lambda y, f: [f], "cannot stand in a formula"),
        (lambda y, f: f > y, "condition"),
        (lambda y, f: y * y, "does not depend on the prediction"),
        (lambda a, b: a, r"\(y, f\)"),
        (lambda y, f, q: q, "parameters with defaults"),
        (lambda *args: args[0], r"\(y, f\)"),
        (lambda y, f: np.array([1.0, 2.0]) * f, "cannot stand in a formula"),
    ],
)
def test_a_function_that_is_no_formula_is_told_why(function, said):
    with pytest.raises(FormulaError, match=said):
        lk.loss(function)


def test_a_text_becomes_a_loss_that_prints_and_travels_as_written():
    stock = lk.from_formula("where(f < y, 5, 1) * abs(f - y)")
    np.testing.assert_array_equal(stock(Y, F, None, "none"), [10.0, 2.0, 0.0])
    np.testing.assert_array_equal(stock.gradient(Y, F, None, "none"), [-5.0, 1.0, 0.0])
    for loss in (
        stock,
        lk.from_formula("a*max(r, 0)**2 + (b if r > -1 and not r > 5 or r == 7 else -r)", a=2.0, b=3),
        lk.from_formula("exp(f) - y*f", domain=NONNEGATIVE, link=LOG),
        2 * stock + lk.from_formula("abs(r)"),
    ):
        names = vars(lk) | {"NONNEGATIVE": NONNEGATIVE, "LOG": LOG}
        assert eval(repr(loss), names) == loss == pickle.loads(pickle.dumps(loss)) == read_loss(repr(loss))
    assert lk.from_formula("abs(r)").variables == ("r",)
    assert lk.from_formula("max(1 - m, 0)").domain == lk.Hinge().domain


REFUSED = [
    "__import__('os').system('x')", "y.f", "lambda: 1", "f - z", "abs(f - y", "r + y", "sin(r)", "abs", "max(r)", "'a'",
    "9e999*r", "9" * 400 + "*r", "r" * 3000, "(" * 50 + "r" + ")" * 50, "[r]", "r:=1", "True*r", "r if", "r in y",
    "1 < r", "f'{r}'", "abs(r, 1)", "r @ r", "where(r, 1, 2)", "2", "y + 0", "", "r; r", "r\n+r)", "r if r else 1",
    "exec(r)", "eval(r)", "abs(*r)", "abs(x=r)", "r**r**r" + "**r" * 200, "{r}", "r[0]", "~r", "+" * 1500 + "r",
    "1j*r", "r//2", "r%2", "é*r", "ab\x00s(r)", "(y for y in f)", "-" * 1990 + "r",
]  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_a_text_that_is_no_formula_is_refused_with_its_place(text):
    with pytest.raises(FormulaError) as caught:
        lk.from_formula(text)
    assert len(str(caught.value)) > 25


@pytest.mark.parametrize("thing", [5, None, b"abs(r)", abs])
def test_what_is_no_text_is_refused(thing):
    with pytest.raises(FormulaError, match="a formula is a text"):
        lk.from_formula(thing)


def test_parameters_and_names_of_a_text_must_match():
    with pytest.raises(FormulaError, match=r"name 'a'.*a=1\.0"):
        lk.from_formula("a * abs(r)")
    with pytest.raises(FormulaError, match="does not use the parameter 'b'"):
        lk.from_formula("abs(r)", b=2.0)


@pytest.mark.parametrize(
    "text",
    ["", "os.system('x')", "Huber", "Hubber()", "Huber(delta=-1)", "Huber(x=1)", "Huber() * Huber()", "1",
     "Huber(**{})", "lambda: 1", "__import__('os')", "Huber(delta=open('x'))", "x" * 6000, "Huber() - 1", "Sum(1, 2)",
     "'Huber'"],
)  # fmt: skip
def test_a_text_that_is_no_loss_is_refused(text):
    with pytest.raises((lk.ParameterError, lk.CapabilityError)):
        read_loss(text)


def test_a_loss_of_ones_own_is_compiled_once_for_all_processes(tmp_path):
    code = "import losskit as lk, sys; lk.from_formula('abs(r) ** 3')([0.0], [2.0]); print('numba' in sys.modules)"
    told = [
        subprocess.run([sys.executable, "-c", code], env={"LOSSKIT_CACHE_DIR": str(tmp_path), "PATH": ""},
                       capture_output=True, text=True, check=True).stdout.strip()
        for _ in range(2)
    ]  # fmt: skip
    assert told == ["True", "False"]


def test_a_model_file_holds_a_formula_but_no_class_of_ones_own(tmp_path):
    from losskit.cli.fitting import fit_table
    from losskit.expressions import parse_loss
    from losskit.models.table import load_model

    table, y = {"x": np.arange(30.0)}, np.arange(30.0) * 2 + 1
    model, _ = fit_table(table, y, parse_loss("formula: where(f < y, 5, 1) * (f - y)**2"))
    model.save(tmp_path / "a.losskit")
    assert load_model(tmp_path / "a.losskit").loss == model.loss
    model, _ = fit_table(table, y, parse_loss("0.5 * SquaredError() + Huber(delta=2.0)"))
    model.save(tmp_path / "b.losskit")
    assert load_model(tmp_path / "b.losskit").loss == model.loss
    model, _ = fit_table(table, y, cauchy())
    with pytest.raises(lk.CapabilityError, match="from_formula"):
        model.save(tmp_path / "c.losskit")
