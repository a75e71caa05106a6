"""The benchmarks measure what they say: both sides agree, and the result has its schema. Nothing here is timed."""

import json
import math

import numpy as np
import pytest

from losskit.bench import boosters
from losskit.bench.kernels import _difference, measure
from losskit.bench.peers import ACTS, CASES, data, numpy_peer, sklearn_peer
from losskit.bench.printing import render
from losskit.bench.timing import SCHEMA, Timing, alternate, paired_ratio
from losskit.errors import LosskitError, ParameterError
from losskit.registry import losses

FIELDS = {"id", "loss", "what", "peer", "n", "unit", "ours", "theirs", "ratio", "target", "met", "error"}


@pytest.fixture(scope="module")
def result():
    return measure(rows=500, losses=["Huber", "Quantile"], repeats=7, startup=False)


def test_every_loss_of_the_catalogue_is_measured():
    assert {case.name for case in CASES} >= {
        "SquaredError", "AbsoluteError", "Huber", "PseudoHuber", "LogCosh", "Quantile", "Expectile", "Tukey", "Poisson",
        "Gamma", "Tweedie", "Logistic", "BinaryCrossEntropy", "Hinge", "SquaredHinge", "BinaryFocal", "Exponential",
    }
    assert {case.name for case in CASES} <= set(losses())


def test_result_has_the_schema(result):
    assert result["schema"] == SCHEMA
    assert {"suite", "machine", "versions", "settings", "rows"} <= set(result)
    assert {row["id"] for row in result["rows"]} == {"P1", "P5"}
    for row in result["rows"]:
        assert set(row) == FIELDS
        assert 0 < row["ours"]["best"] <= row["ours"]["low"] <= row["ours"]["median"] <= row["ours"]["high"]
        assert isinstance(row["met"], bool)
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_each_peer_meets_each_act(result):
    rows = [row for row in result["rows"] if row["id"] == "P1" and row["loss"].startswith("Huber")]
    seen = {(row["what"], row["peer"]) for row in rows}
    whats = {"value+gradient, rows", "value+gradient, mean", "gradient+Hessian, rows"}
    floors = {(what, "memory floor") for what in ("value+gradient, mean", "gradient+Hessian, rows")}
    assert seen == {(w, p) for w in whats for p in ("scikit-learn", "NumPy")} | floors


def test_tables_show_every_row(result):
    from rich.console import Console

    console = Console(width=10_000)
    with console.capture() as captured:
        console.print(*render(result), sep="\n")
    text = captured.get()
    assert text.count("met") == sum(1 for row in result["rows"] if row["met"] is not None)
    assert "P1" in text
    assert "P5" in text


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_peers_agree_with_the_oracle_free_formula(case):
    """The two peers of a loss agree with each other, in scikit-learn's convention."""
    y, f = data(case.data, 400, seed=3)
    mine = numpy_peer(case, y, f)
    assert all(np.isfinite(part).all() for act in ACTS for part in mine[act]())
    if case.sklearn is None:
        return
    theirs = sklearn_peer(case, y, f)
    for act in ACTS:
        count = 1 if act == ACTS[1] and not case.hessian else 2
        for a, b in list(zip(mine[act](), theirs[act](), strict=True))[:count]:
            np.testing.assert_allclose(case.factor * a, b, rtol=1e-11, atol=1e-11)


def test_half_of_the_far_residuals_lie_beyond_delta():
    y, f = data("far", 20_000)
    assert abs(np.mean(np.abs(f - y) > 1) - 0.5) < 0.02
    assert not np.all(np.diff(f) > 0)


def test_sides_that_differ_are_not_timed():
    case = next(case for case in CASES if case.name == "Huber")
    ones = np.ones(5)
    with pytest.raises(LosskitError, match="nothing was timed"):
        _difference(case, "value+gradient, rows", "NumPy", (ones, ones), (ones, ones + 1e-9), 5)


def test_boosters_have_the_schema_and_the_same_trees():
    result = boosters.measure(rows=300, rounds=3, repeats=2)
    assert result["schema"] == SCHEMA
    assert {row["id"] for row in result["rows"]} == {"P7"}
    assert all(set(row) == FIELDS and row["error"] < 1e-5 for row in result["rows"])
    three = [("estimator", "call"), ("our objective", "objective"), ("free objective", "objective")]
    pairs = [(what, f"{library}'s own {peer}") for library in ("lightgbm", "xgboost") for what, peer in three]
    assert [(row["what"], row["peer"]) for row in result["rows"]] == 4 * pairs
    assert [row["met"] is None for row in result["rows"]] == 8 * [False, False, True]  # what the library takes
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_timing_alternates_and_pairs():
    order = []
    times = alternate({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, repeats=7, sample_seconds=1e-9)
    assert "".join(order[-4:]) in ("abba", "baab")
    assert len(times["a"].samples) == 7
    fast, slow = Timing.of([1.0, 2.0, 4.0]), Timing.of([3.0, 6.0, 12.0])
    assert math.isclose(paired_ratio(slow, fast), 3.0)


def test_solvers_are_judged_by_one_objective():
    from losskit.bench import solvers

    found = solvers.measure(scale=0.01, names=["squared hinge"], repeats=1)
    assert (found["schema"], found["suite"]) == (SCHEMA, "solvers")
    assert {row["solver"] for row in found["rows"]} == {"losskit", "LinearSVC primal", "LinearSVC dual"}
    ours = found["rows"][0]
    assert ours["solver"] == "losskit"
    assert ours["violation"] < 1e-6
    assert 0 <= ours["suboptimality"] < 1e-9
    assert set(ours["ratio"]) == set(ours["seconds"]) == {"0.001", "1e-06", "1e-09"}
    assert "squared hinge" in render(found)[0]
    assert json.loads(json.dumps(found)) == found


def test_categories_as_codes_solve_the_problem_of_their_columns():
    from losskit.bench.problems.amounts import amounts

    problem = amounts("Poisson", 400, 1e-4)
    assert problem.judge(problem.ours(1e-12))[1] < 1e-12


def test_names_that_a_suite_does_not_know_are_refused_before_anything_runs():
    from losskit.bench import frameworks, solvers

    for suite, options in (
        (measure, {"losses": ["Huber", "Gaussian"]}), (boosters.measure, {"losses": ["Gaussian"]}),
        (frameworks.measure, {"losses": ["Gaussian"]}), (solvers.measure, {"names": ["P9", "Gaussian"]}),
    ):  # fmt: skip
        with pytest.raises(ParameterError, match="'Gaussian' is not measured by this suite; it knows"):
            suite(**options)


def test_frameworks_agree_before_they_are_timed_and_every_row_has_the_schema():
    from losskit.bench import frameworks

    found = frameworks.measure(rows=500, losses=["Poisson", "Huber"], repeats=7, compiled=False)
    assert {(row["id"], row["peer"], row["n"]) for row in found["rows"]} == {
        ("P2", "PyTorch", 500), ("P2", "PyTorch", 256), ("P3", "optax", 500),
        ("P2", "PyTorch + y log y - y", 500), ("P2", "PyTorch + y log y - y", 256),
    }  # fmt: skip
    assert all(set(row) == FIELDS for row in found["rows"])
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert len(render(found)) == 3
    with pytest.raises(LosskitError, match="differ by"):
        frameworks._difference(frameworks.CASES[0], "PyTorch", 1, "float64", (1.0, np.ones(1)), (1.1, np.ones(1)))


def test_a_contestant_that_never_ends_is_stopped_and_one_that_fails_is_told():
    from losskit.bench import solvers
    from losskit.bench.problems.base import Problem

    def endless(tol):
        while True:
            pass

    def failing(tol):
        raise ValueError("no such solver")

    problem = Problem("P0", "none", (1, 1), lambda coef: (float(coef[0]), 0.0), lambda tol: np.array([1.0]), {})
    assert solvers._contest(problem, endless, 1, 0.0, -np.inf, cold=True) == ([], "stopped")
    assert solvers._contest(problem, failing, 1, 1.0, -np.inf, cold=True) == ([], "ValueError: no such solver")
    runs, end = solvers._contest(problem, problem.ours, 1, 1.0, -np.inf, cold=False)
    assert (len(runs), end, runs[0].value) == (6, "done", 1.0)
