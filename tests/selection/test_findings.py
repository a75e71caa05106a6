"""What `profile` finds, and what a target is taken for."""

import numpy as np
import pytest

from losskit.errors import DataError, ParameterError, ShapeError
from losskit.selection.codes import CODES
from losskit.selection.findings import profile

N = 200


def rng():
    return np.random.default_rng(0)


def codes(findings, column=None):
    return {item.name for item in findings.items if column is None or item.column == column}


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
    assert codes(found, "copy") == codes(found, "cube") == {"leak", "feature-outliers"}
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


def flat(g, n=N):
    X = g.normal(size=(n, 2))
    return {"a": X[:, 0], "b": X[:, 1]}, X @ [1.0, -1.0]


def made(name):
    """A table that has what `name` says, and a column or target that shows it."""
    g = rng()
    X, line = flat(g, 400)
    noise, n = g.normal(size=400), 400
    match name:
        case "heavy-tails":
            return X, line + g.standard_t(3, size=n)
        case "heteroscedastic":
            return X, line + np.exp(line / 2) * noise
        case "hard-rows":
            return X, line + np.where(np.arange(n) == 7, 15.0, noise)
        case "over-dispersed":
            return X, g.poisson(np.exp(1 + line / 4) * g.gamma(1.0, 1.0, n))
        case "excess-zeros":
            return X, np.where(g.random(n) < 0.3, 0, g.poisson(np.exp(1.5 + line / 4)))
        case "exposure":
            days = g.integers(1, 30, n)
            return {**X, "days": days}, g.poisson(0.5 * days)
        case "bounded":
            return X, 1 / (1 + np.exp(-line - noise))
        case "censored":
            return X, np.minimum(line + noise, 1.0)
        case "label-noise":
            y = line > 0
            y[:20] = ~y[:20]
            return X, y
        case "duplicates":
            return {k: np.r_[v, v[:9]] for k, v in X.items()}, np.r_[line + noise, (line + noise)[:9]]
        case "groups":
            shop = g.integers(0, 40, n)
            return {**X, "store_id": shop}, line + noise + 2 * g.normal(size=40)[shop]
        case "time-order":
            when = np.datetime64("2020-01-01") + np.arange(n)
            walk = np.zeros(n)
            for i in range(1, n):
                walk[i] = 0.9 * walk[i - 1] + noise[i]
            back = g.permutation(n)
            return {**{k: v[back] for k, v in X.items()}, "when": when[back]}, (line + walk)[back]
    raise AssertionError(name)


@pytest.mark.parametrize(
    "name",
    ["heavy-tails", "heteroscedastic", "hard-rows", "over-dispersed", "excess-zeros", "exposure", "bounded", "censored",
     "label-noise", "duplicates", "groups", "time-order"],
)  # fmt: skip
def test_what_is_there_is_found_with_its_size(name):
    found = next(item for item in profile(*made(name)).items if item.name == name)
    assert found.code == CODES[name].code
    assert found.statistic is not None
    assert found.effect is not None
    if name == "hard-rows":
        assert found.rows == (8,)
    if name == "label-noise":
        assert len(set(found.rows) & set(range(1, 21))) >= 9
    if name == "duplicates":
        assert set(found.rows) == set(range(401, 410))
    if name == "exposure":
        assert found.effect == pytest.approx(1, abs=0.1)


def test_a_target_that_runs_round_is_known_by_its_name():
    import pandas as pd

    assert profile({"x": np.arange(200.0)}, pd.Series(rng().random(200) * 360, name="wind direction")).has("LK113")


def clean(kind, seed):
    g = np.random.default_rng([7, seed])
    n = (100, 300, 1000)[seed % 3]
    X = g.normal(size=(n, 3))
    line = X @ [1.0, -1.0, 0.5]
    return X, {
        "real": lambda: line + g.normal(size=n),
        "binary": lambda: line + g.logistic(size=n) > 0,
        "count": lambda: g.poisson(np.exp(0.5 + line / 3)),
        "multiclass": lambda: np.array(list("abc"))[(X + g.gumbel(size=(n, 3))).argmax(axis=1)],
    }[kind]()


SHAPE = {"counts", "skewed", "zeros", "few-values", "text"}  # what a target is, no suspicion


def alarms(kind, seeds):
    return sum(bool({i.name for i in profile(*clean(kind, seed)).items} - SHAPE) for seed in seeds)


@pytest.mark.parametrize("kind", ["real", "binary", "count", "multiclass"])
def test_clean_tables_raise_no_suspicion(kind):
    assert alarms(kind, range(6)) == 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["real", "binary", "count", "multiclass"])
def test_clean_tables_raise_a_suspicion_in_two_of_a_hundred_at_most(kind):
    assert alarms(kind, range(200)) <= 4


def test_the_table_of_codes_is_in_order_and_says_all():
    assert [each.code for each in CODES.values()] == [f"LK{101 + i}" for i in range(len(CODES))]
    assert all(each.title and each.why.endswith(".") and each.do.endswith(".") for each in CODES.values())
