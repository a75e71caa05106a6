"""Solvers side by side: all that fit are run, their curves are whole, and the figure is written."""

import pytest

import losskit as lk
from losskit.errors import CapabilityError, DataError
from losskit.solvers.choose import METHODS
from tests.solvers.data import problem


def test_every_solver_that_fits_has_a_curve_and_every_other_a_reason(tmp_path):
    X, y = problem(lk.Logistic())
    found = lk.compare_solvers(lk.Logistic(), X, y, lk.L2(0.01), time_limit=1.0)
    assert set(found.solutions) | set(found.refused) == set(METHODS)
    assert set(found.refused) == {"smoothing", "irls", "dual_descent"}
    for name, solution in found.solutions.items():
        assert len(found.seconds[name]) == len(solution.curve)
        assert sorted(found.seconds[name]) == list(found.seconds[name])
    there = [solution.value for solution in found.solutions.values() if solution.reason == "tol"]
    assert there
    assert there == pytest.approx([found.best] * len(there), rel=1e-9)
    assert all(name in str(found) for name in found.solutions)
    figure = found.plot(tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 10_000
    assert len(figure.axes[0].lines) == len(found.solutions)
    with pytest.raises(DataError, match="ending"):
        found.plot("curves.doc")


def test_solvers_asked_for_that_do_not_fit_are_told():
    X, y = problem(lk.Hinge())
    with pytest.raises(CapabilityError, match=r"no solver fits .* kinks"):
        lk.compare_solvers(lk.Hinge(), X, y, lk.L1(1), solvers=["newton", "lbfgs"])
