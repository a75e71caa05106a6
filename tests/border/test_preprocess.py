"""What a fitted preprocessor learns, and what it never looks at."""

import copy
import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from losskit.data.preprocess import Preprocessor
from losskit.data.tables import as_table, read_table
from losskit.errors import (
    CapabilityError,
    DataError,
    DomainError,
    ModelFileError,
    ParameterError,
    ShapeError,
)
from losskit.models.modelfile import load, save

NAN = float("nan")


def raw(preprocessor, X):
    """The matrix before it was standardised."""
    state = preprocessor.to_dict()
    features = [feature for column in state["columns"] for feature in column["features"]]
    means, deviations = (np.array([f[key] for f in features]) for key in ("mean", "deviation"))
    return preprocessor.transform(X) * deviations + means


def check_raw(preprocessor, X, want):
    np.testing.assert_allclose(raw(preprocessor, X), np.array(want, float), rtol=1e-12, atol=1e-10)


def test_numeric_nulls_become_the_median_and_an_indicator():
    fitted = Preprocessor().fit({"x": [1, None, 3, 10], "full": [1, 2, 3, 5]})
    assert fitted.feature_names == ("x", "x is null", "full")
    check_raw(fitted, {"x": [1, None], "full": [None, 7]}, [[1, 0, 2.5], [3, 1, 7]])


def test_booleans_and_datetimes():
    X = as_table({"b": [True, None, False], "t": np.array(["2024-01-01T06", "2024-02-29T18", "NaT"], "M8[s]")})
    fitted = Preprocessor().fit(X)
    assert fitted.feature_names == (
        "b",
        "b is null",
        "t.days",
        "t.month",
        "t.weekday",
        "t.hour",
        "t is null",
    )
    want = [[1, 0, 19723.25, 1, 0, 6, 0], [0.5, 1, 19782.75, 2, 3, 18, 0], [0, 0, 19753, 1.5, 1.5, 12, 1]]
    check_raw(fitted, X, want)
    before = {"b": [False], "t": np.array(["1969-12-31T23:59"], "M8[s]")}
    check_raw(fitted, before, [[0, 0, -1 / 1440, 12, 2, 23, 0]])


def test_text_becomes_indicators_of_all_levels_but_the_most_frequent():
    X = {"c": ["red"] * 3 + ["blue"] * 2 + [None] * 2 + ["a", "b"]}
    fitted = Preprocessor(min_count=2).fit(X)
    assert fitted.feature_names == ("c=blue", "c=(null)", "c=(other)")
    cases = {"c": ["red", "blue", None, "a", "unseen"]}
    check_raw(fitted, cases, [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]])


def test_an_unseen_level_is_the_baseline_where_nothing_was_pooled():
    fitted = Preprocessor(min_count=1).fit({"c": ["b", "a", "b", "c"]})
    assert fitted.feature_names == ("c=a", "c=c")
    check_raw(fitted, {"c": ["b", "unseen", None, "a"]}, [[0, 0], [0, 0], [0, 0], [1, 0]])


def test_at_most_max_levels_are_kept_apart():
    fitted = Preprocessor(min_count=1, max_levels=2).fit({"c": list("aaaabbbccd")})
    assert fitted.feature_names == ("c=b", "c=(other)")
    many = Preprocessor().fit({"id": [f"id{i}" for i in range(100)], "x": np.arange(100)})
    assert (many.feature_names, many.dropped, many.kinds) == (("x",), ("id",), {"x": "numeric"})


def test_constants_are_dropped_and_named():
    X = {"k": [2, 2, 2], "x": [1, 2, 3], "n": [None] * 3, "half": [1, None, 1], "tiny": [0, 5e-324, 0], "s": ["a"] * 3}
    fitted = Preprocessor(min_count=1).fit(X)
    assert fitted.feature_names == ("x", "half is null")
    assert fitted.dropped == ("k", "n", "n is null", "half", "tiny", "s")
    assert fitted.transform({"x": [2, 3], "half": [1, 1]}).shape == (2, 2)
    assert Preprocessor().fit({"k": [1, 1]}).transform({"other": [1, 2, 3]}).shape == (3, 0)


def test_the_matrix_is_standardised_and_c_ordered():
    rng = np.random.default_rng(0)
    X = {"x": rng.normal(5, 3, 200), "big": rng.uniform(-1, 1, 200) * 1.7e308, "c": rng.choice(list("abc"), 200)}
    X["small"] = rng.normal(size=200) * 1e-290
    matrix = Preprocessor().fit(X).transform(X)
    assert matrix.dtype == np.float64
    assert matrix.flags.c_contiguous
    np.testing.assert_allclose(matrix.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(matrix.std(axis=0), 1, rtol=1e-12)


columns = st.fixed_dictionaries(
    {
        "x": st.none() | st.integers(-3, 3).map(float),
        "c": st.none() | st.sampled_from("abcd"),
        "b": st.none() | st.booleans(),
    }
)
frames = st.lists(columns, min_size=4, max_size=15)
settled = settings(max_examples=80, deadline=None)


def frame(rows):
    return as_table({name: [row[name] for row in rows] for name in ("x", "c", "b")})


@settled
@given(rows=frames, data=st.data())
def test_fit_on_rows_is_fit_on_the_table_of_these_rows(rows, data):
    table = frame(rows)
    at = data.draw(st.lists(st.integers(0, len(rows) - 1), min_size=1, max_size=12))
    options = {"min_count": 2}
    state = Preprocessor(**options).fit(table, rows=at).to_dict()
    assert state == Preprocessor(**options).fit(table.take(at)).to_dict()
    mask = np.isin(np.arange(len(rows)), at)
    assert Preprocessor().fit(table, rows=mask).to_dict() == Preprocessor().fit(table, np.flatnonzero(mask)).to_dict()


@settled
@given(rows=frames, others=frames, data=st.data())
def test_rows_outside_the_fitted_ones_are_never_looked_at(rows, others, data):
    """Whatever stands in the other rows, what is learned and what the fitted rows become is the same."""
    at = np.arange(len(rows))
    alone = Preprocessor(min_count=2).fit(frame(rows))
    together = frame(rows + others)
    among = Preprocessor(min_count=2).fit(together, rows=at)
    weighted = Preprocessor(min_count=2).fit(together, sample_weight=np.arange(together.n_rows) < len(rows))
    assert kindless(alone) == kindless(among) == kindless(weighted)
    want = alone.transform(frame(rows))
    np.testing.assert_array_equal(among.transform(together)[at], want)
    for i in range(len(rows)):
        np.testing.assert_array_equal(among.transform(together.take([i]))[0], want[i])


def kindless(preprocessor):
    """The state, but for the names of dropped features: a column of nulls is numeric alone, not among others."""
    return {key: value for key, value in preprocessor.to_dict().items() if key != "dropped"}


@settled
@given(rows=frames, data=st.data())
def test_integer_weights_are_repeated_rows(rows, data):
    weights = data.draw(st.lists(st.integers(0, 3), min_size=len(rows), max_size=len(rows)).filter(any))
    table = frame(rows).select(["x", "b"])
    weighted = Preprocessor().fit(table, sample_weight=weights)
    repeated = Preprocessor().fit(table, rows=np.repeat(np.arange(len(rows)), weights))
    assert weighted.feature_names == repeated.feature_names
    np.testing.assert_allclose(weighted.transform(table), repeated.transform(table), atol=1e-12)
    scaled = Preprocessor().fit(table, sample_weight=np.array(weights) * 2.0**-1000)
    assert scaled.to_dict() == weighted.to_dict()


@settled
@given(rows=frames)
def test_a_state_comes_back_equal_through_json(rows):
    table = frame(rows)
    fitted = Preprocessor(min_count=2, max_levels=3).fit(table)
    state = json.loads(json.dumps(fitted.to_dict(), allow_nan=False))
    again = Preprocessor.from_dict(state)
    assert again.to_dict() == fitted.to_dict() == state
    assert (again.kinds, again.dropped) == (fitted.kinds, fitted.dropped)
    np.testing.assert_array_equal(again.transform(table), fitted.transform(table))


def test_a_state_comes_back_equal_through_a_model_file(tmp_path):
    X = {"x": [0.1, None, 3], "c": ["é", None, "</script>"]}
    fitted = Preprocessor(min_count=1).fit(X)
    save(tmp_path / "m", {"preprocess": fitted.to_dict()})
    again = Preprocessor.from_dict(load(tmp_path / "m")[0]["preprocess"])
    np.testing.assert_array_equal(again.transform(X), fitted.transform(X))


def test_one_row_of_a_file_is_read_as_the_whole_was(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("code,x\nA1,1\n7,2\n07,3\n")
    fitted = Preprocessor(min_count=1).fit(read_table(path))
    want = fitted.transform(read_table(path))[1:2]
    path.write_text("x,code\n2,7\n")
    np.testing.assert_array_equal(fitted.transform(read_table(path, kinds=fitted.kinds)), want)
    with pytest.raises(
        DataError, match=r"column 'code' is numeric, and was text when fitted; .*kinds=preprocessor.kinds"
    ):
        fitted.transform(read_table(path))
    path.write_text("x,code\n2,\n")
    assert fitted.transform(read_table(path)).shape == want.shape


def test_columns_that_are_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("price,y\n1,1\ninf,2\n3,inf\n")
    table = read_table(path)
    infinite = r"column 'price', row 2 \(line 3\): the value is infinite \(1 of 3 rows\)"
    with pytest.raises(DataError, match=infinite):
        Preprocessor().fit(table)
    fitted = Preprocessor().fit(table.drop(["y"]), rows=[0, 2])
    with pytest.raises(DataError, match=infinite):
        fitted.transform(table)
    with pytest.raises(DataError, match="has no column 'price'; did you mean 'prise'"):
        fitted.transform({"prise": [1]})
    with pytest.raises(DataError, match="column 'price' is boolean, and was numeric when fitted"):
        fitted.transform({"price": [True]})
    with pytest.raises(DataError, match="row 2: the value is too far from the fitted ones"):
        Preprocessor().fit({"x": [1e-300, 2e-300]}).transform({"x": [0, 1e300]})


def test_columns_and_levels_of_one_name_stay_apart():
    fitted = Preprocessor(min_count=1).fit({"c": ["a", "b", "b"], "c=a": [1, 2, 3], "c is null": [1, 0, 5]})
    assert fitted.feature_names == ("c=a", "c=a'", "c is null")
    assert Preprocessor.from_dict(fitted.to_dict()).feature_names == fitted.feature_names


def test_arguments_that_are_refused():
    with pytest.raises(CapabilityError, match="not fitted; call fit"):
        Preprocessor().transform({"x": [1]})
    for options in ({"min_count": 0}, {"max_levels": 1.5}, {"min_count": True}):
        with pytest.raises(ParameterError, match="is a whole number of at least 1"):
            Preprocessor(**options)
    X = {"x": [1, 2, 3]}
    for rows in ([], np.zeros(3, bool)):
        with pytest.raises(DataError, match="no row to fit"):
            Preprocessor().fit(X, rows=rows)
    with pytest.raises(DataError, match="no row to fit"):
        Preprocessor().fit(X, sample_weight=[0, 0, 0])
    with pytest.raises(ShapeError, match=r"here 3; got shape \(2,\)"):
        Preprocessor().fit(X, sample_weight=[1, 1])
    for bad in (-1, NAN, np.inf):
        with pytest.raises(DomainError, match=r"sample_weight\[1\] ="):
            Preprocessor().fit(X, sample_weight=[1, bad, 1])


def at(state, *path):
    for key in path:
        state = state[key]
    return state


DAMAGE = [
    (lambda s: s.pop("dropped"), "preprocess: the key 'dropped' is missing"),
    (lambda s: s.update(extra=1), "preprocess: the key 'extra' is unknown"),
    (lambda s: s.update(schema="losskit.preprocess/2"), "schema 'losskit.preprocess/2'"),
    (lambda s: s.update(min_count="5"), "preprocess.min_count: '5' where a int is wanted"),
    (lambda s: s.update(min_count=0), "no fit makes"),
    (lambda s: s.update(max_levels=True), "preprocess.max_levels: True where a int"),
    (lambda s: s.update(dropped=[1]), "preprocess.dropped[0]: 1 where a str"),
    (lambda s: s.update(columns=[3]), "preprocess.columns[0]: 3 where a dict"),
    (lambda s: s["columns"].append(s["columns"][0]), "no fit makes"),
    (lambda s: at(s, "columns", 0).pop("medians"), "preprocess.columns[0]: the key 'medians' is missing"),
    (lambda s: at(s, "columns", 0).update(kind="text"), "preprocess.columns[0]: the key"),
    (lambda s: at(s, "columns", 0).update(kind="money"), "preprocess.columns[0] ('x') contradicts itself"),
    (lambda s: at(s, "columns", 0).update(kind="datetime"), "contradicts itself"),
    (lambda s: at(s, "columns", 0).update(medians=[NAN]), "preprocess.columns[0].medians[0]: nan"),
    (lambda s: at(s, "columns", 0).update(nulls=False), "contradicts itself"),
    (lambda s: at(s, "columns", 0).update(features=[]), "contradicts itself"),
    (lambda s: at(s, "columns", 0, "features", 0).update(deviation=0.0), "contradicts itself"),
    (lambda s: at(s, "columns", 0, "features", 0).update(position=1), "contradicts itself"),
    (lambda s: at(s, "columns", 0, "features", 0).update(mean="0"), "columns[0].features[0].mean: '0' where a float"),
    (lambda s: at(s, "columns", 0, "features", 0).update(name="c=a"), "no fit makes"),
    (lambda s: at(s, "columns", 1).update(levels=["b", "a"]), "contradicts itself"),
    (lambda s: at(s, "columns", 1).update(baseline=9), "contradicts itself"),
]


@pytest.mark.parametrize(("damage", "message"), DAMAGE)
def test_damaged_states_are_refused(damage, message):
    state = Preprocessor(min_count=1).fit({"x": [1, 2, None], "c": ["a", "b", "b"]}).to_dict()
    damaged = copy.deepcopy(state)
    damage(damaged)
    with pytest.raises(ModelFileError, match=re.escape(message)):
        Preprocessor.from_dict(damaged)
    for other in (None, [], "x"):
        with pytest.raises(ModelFileError, match="where a dict is wanted"):
            Preprocessor.from_dict(other)
