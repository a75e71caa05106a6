"""What `profile` finds, and what a target is taken for."""

import numpy as np
import pytest

from losskit.errors import DataError, ParameterError, ShapeError
from losskit.selection.findings import profile

N = 200


def rng():
    return np.random.default_rng(0)


def codes(findings, column=None):
    return {item.code for item in findings.items if column is None or item.column == column}


@pytest.mark.parametrize(
    ("y", "problem"),
    [
        (np.array([0, 1] * 50), "binary"),
        (["no", "yes"] * 50, "binary"),
        ([True, False] * 50, "binary"),
        ([1.5, 7.0] * 50, "binary"),
        (["b", "a", "c", "a"] * 25, "multiclass"),
        (np.arange(100) % 7, "count"),
        (1 + np.arange(100) % 7, "real"),
        (np.exp(np.linspace(0, 6, 100)), "amount"),
        (np.linspace(0, 1, 100), "real"),
        (-np.exp(np.linspace(0, 6, 100)), "real"),
    ],
)
def test_the_problem_is_found(y, problem):
    assert profile({"x": np.arange(100.0)}, y).problem == problem


def test_each_finding():
    g = rng()
    x, y = g.normal(size=N), g.normal(size=N)
    y[:3] = 40, -60, 55
    holes = np.where(np.arange(N) < 80, np.nan, x)
    table = {
        "x": x, "holes": holes, "same": np.ones(N), "none": np.full(N, np.nan), "row": np.arange(N),
        "code": [f"c{i}" for i in range(N)], "kind": ["a", "b"] * (N // 2), "copy": 3 - 2 * y, "cube": y**3,
    }  # fmt: skip
    found = profile(table, y)
    assert codes(found, "holes") == {"missing"}
    assert codes(found, "same") == {"constant"}
    assert codes(found, "none") == {"empty"}
    assert codes(found, "row") == codes(found, "code") == {"id"}
    assert codes(found, "kind") == {"text"}
    assert codes(found, "copy") == codes(found, "cube") == {"leak"}
    assert codes(found, "x") == set()
    assert codes(found, "y") == {"outliers", "skewed"} or codes(found, "y") == {"outliers"}
    assert found.facts["outliers"] == 3
    assert all(item.do for item in found.warnings)
    assert found.items[0].level == "warning"


def test_a_text_column_that_names_the_classes_is_a_leak():
    y = ["yes", "no", "no", "yes"] * 10
    found = profile({"answer": ["J" if v == "yes" else "N" for v in y], "x": np.arange(40.0) % 3}, y)
    assert "leak" in codes(found, "answer")


def test_zeros_counts_imbalance_and_few_rows():
    y = np.where(rng().random(N) < 0.5, 0, rng().poisson(3, N))
    assert {"zeros", "counts"} <= codes(profile({"x": np.arange(float(N))}, y))
    assert "imbalance" in codes(profile({"x": np.arange(float(N))}, np.arange(N) < 5))
    assert "few-rows" in codes(profile({"x": np.arange(20.0)}, np.arange(20.0) ** 0.5))


def test_clean_gaussian_data_raises_no_warning():
    g = rng()
    assert profile(g.normal(size=(1000, 3)), g.normal(size=1000)).warnings == ()


@pytest.mark.parametrize(
    ("y", "problem", "words"),
    [
        (np.ones(50), None, "one value only"),
        ([f"row {i}" for i in range(50)], None, "50 different labels in 50 rows, as an identifier has"),
        (np.arange(50.0), "binary", "50 different values"),
        (np.arange(50.0) - 3, "count", "3 values are negative"),
        (["a", "b"] * 25, "real", "holds text"),
        ([1.0, None] * 25, None, "null"),
        ([1.0, np.inf] * 25, None, "infinite"),
    ],
)
def test_targets_that_cannot_be_predicted(y, problem, words):
    with pytest.raises(DataError, match=words):
        profile({"x": np.arange(50.0)}, y, problem)


def test_bad_arguments():
    with pytest.raises(ParameterError, match="problem='real numbers'"):
        profile({"x": [1.0, 2]}, [1.0, 2], "real numbers")
    with pytest.raises(ShapeError, match="3 rows and X has 2"):
        profile({"x": [1.0, 2]}, [1.0, 2, 3])
    with pytest.raises(DataError, match="no column but the target"):
        profile({"x": [1.0, 2]}, "x")
    with pytest.raises(DataError, match="infinite"):
        profile({"x": [1.0, np.inf, 2]}, [1.0, 2, 4])
