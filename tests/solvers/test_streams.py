"""Fits over rows that are read in batches end where fits of the same rows in memory do, in few passes."""

import time

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import feather, parquet

import losskit as lk
from losskit.errors import CapabilityError, ConvergenceWarning, DataError, DomainError, ParameterError, ShapeError

N = 12_000
NAMES = list("abcd")


def rows():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N, 4)) * [1, 10, 0.1, 5] + [0, 100, 3, 1e4]
    score = 0.3 * X[:, 0] + 0.02 * (X[:, 1] - 100) + 2 * (X[:, 2] - 3)
    frame = pd.DataFrame(X, columns=NAMES)
    frame["real"] = score + rng.standard_t(3, N)
    frame["count"] = rng.poisson(np.exp(score))
    frame["label"] = np.where(rng.logistic(size=N) < score, "yes", "no")
    frame["w"] = rng.integers(0, 3, N).astype(float)
    frame["o"] = rng.uniform(size=N)
    return frame


ROWS = rows()
X = ROWS[NAMES].to_numpy()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    home = tmp_path_factory.mktemp("streams")
    ROWS.to_parquet(home / "rows.parquet", row_group_size=2500)
    ROWS.to_csv(home / "rows.csv.gz", index=False)
    feather.write_feather(pa.Table.from_pandas(ROWS), home / "rows.feather")
    (home / "parts").mkdir()
    for i in range(3):
        ROWS[i * 4000 : (i + 1) * 4000].to_parquet(home / "parts" / f"{i}.parquet")
    return home


class Passes:
    """How many passes a fit took."""

    def __init__(self):
        self.count = 0

    def __call__(self, done):
        self.count += done == N


@pytest.mark.parametrize("file", ["rows.parquet", "rows.csv.gz", "rows.feather", "parts"])
def test_a_file_of_any_kind_leads_to_the_fit_in_memory(folder, file):
    passes = Passes()
    stream = lk.Stream(
        folder / file, "count", columns=NAMES, sample_weight="w", offset="o", batch_rows=1000, progress=passes
    )
    found = lk.minimise(lk.Poisson(), lk.L2(1e-3), stream)
    known = lk.minimise(lk.Poisson(), lk.L2(1e-3), X, ROWS["count"], ROWS["w"], offset=ROWS["o"])
    assert abs(found.value / known.value - 1) < 1e-12
    np.testing.assert_allclose(found.coef, known.coef, rtol=1e-9)
    assert found.certificate <= 1e-10
    assert found.reason == "tol"
    assert passes.count <= 8
    assert "a pass over Stream" in found.why


@pytest.mark.parametrize(
    ("loss", "penalty", "target", "solver"),
    [
        (lk.SquaredError(), None, "real", "auto"),
        (lk.SquaredError(), lk.L1(0.05), "real", "auto"),
        (lk.Poisson(), lk.ElasticNet(0.02), "count", "auto"),
        (lk.Huber(1.0), lk.MCP(0.01), "real", "auto"),
        (lk.Huber(1.0), None, "real", "lbfgs"),
        (lk.Tukey(4.0), None, "real", "auto"),
    ],
)
def test_losses_and_penalties_end_where_they_do_in_memory(folder, loss, penalty, target, solver):
    passes = Passes()
    stream = lk.Stream(folder / "rows.parquet", target, columns=NAMES, offset="o", batch_rows=5000, progress=passes)
    found = lk.minimise(loss, penalty, stream, solver=solver)
    known = lk.minimise(loss, penalty, X, ROWS[target].astype(float), offset=ROWS["o"], solver=solver)
    assert abs(found.value / known.value - 1) < 1e-9
    np.testing.assert_allclose(found.coef, known.coef, rtol=1e-5, atol=1e-9)
    if isinstance(loss, lk.SquaredError):  # one pass tells all; another certifies
        assert passes.count <= 2
    assert passes.count < 40


def test_batches_and_their_size_are_not_seen_in_the_answer(folder):
    def pairs(size):
        return lambda: ((X[i : i + size], ROWS["real"][i : i + size]) for i in range(0, N, size))

    def frames():
        return (ROWS[[*NAMES, "real"]][i : i + 5000] for i in range(0, N, 5000))

    one = lk.minimise(lk.Huber(1.0), None, pairs(N))
    for other in (lk.minimise(lk.Huber(1.0), None, pairs(777)), lk.minimise(lk.Huber(1.0), None, frames, "real")):
        np.testing.assert_allclose(other.coef, one.coef, rtol=1e-11)
    narrow = lambda: ((X[i : i + 999].astype(np.float32), ROWS["real"][i : i + 999]) for i in range(0, N, 999))  # noqa: E731
    known = lk.minimise(lk.Huber(1.0), None, X.astype(np.float32), ROWS["real"])
    np.testing.assert_allclose(lk.minimise(lk.Huber(1.0), None, narrow).coef, known.coef, rtol=1e-9)


def test_a_bad_start_is_led_back_by_a_line_search(folder):
    stream = lk.Stream(folder / "rows.parquet", "count", columns=NAMES, batch_rows=5000)
    start = (np.array([3.0, 0.0, -3.0, 0.0]), -5.0)
    found = lk.minimise(lk.Poisson(), lk.L2(1e-3), stream, start=start)
    known = lk.minimise(lk.Poisson(), lk.L2(1e-3), X, ROWS["count"])
    assert abs(found.value / known.value - 1) < 1e-12


def test_estimators_fit_and_predict_files(folder):
    file = folder / "rows.parquet"
    keep = folder / "kept.parquet"
    ROWS[[*NAMES, "label", "w"]].to_parquet(keep)
    model = lk.LinearClassifier().fit(keep, "label", "w")
    known = lk.LinearClassifier().fit(ROWS[NAMES], ROWS["label"], ROWS["w"])
    np.testing.assert_allclose(model.coef_, known.coef_, rtol=1e-9)
    assert model.classes_.tolist() == ["no", "yes"]
    assert model.feature_names_in_.tolist() == NAMES
    assert (model.predict(file) == known.predict(ROWS[NAMES])).all()
    np.testing.assert_allclose(model.predict_proba(ROWS[NAMES]), known.predict_proba(ROWS[NAMES]))
    regressor = lk.LinearRegressor(lk.Poisson()).fit(lk.Stream(file, "count", columns=NAMES, offset="o"))
    whole = lk.LinearRegressor(lk.Poisson()).fit(X, ROWS["count"], offset=ROWS["o"])
    to_predict = lk.Stream(file, columns=NAMES, offset="o")
    np.testing.assert_allclose(regressor.predict(to_predict), whole.predict(X, ROWS["o"]), rtol=1e-9)
    np.testing.assert_allclose(regressor.predict(str(file)), whole.predict(X), rtol=1e-9)


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_text_becomes_indicators_of_all_levels_but_the_most_frequent(tmp_path, ending):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": X[:900, 0], "town": rng.choice(["Aa", "Bo", "Ur"], 900, p=[0.2, 0.5, 0.3])})
    frame["y"] = frame["x"] + (frame["town"] == "Ur") - 2.0 * (frame["town"] == "Aa")
    write = {"parquet": pd.DataFrame.to_parquet, "csv": pd.DataFrame.to_csv}[ending]
    write(frame, tmp_path / f"rows.{ending}", index=False)
    model = lk.LinearRegressor().fit(tmp_path / f"rows.{ending}", "y")
    assert model.feature_names_in_.tolist() == ["x", "town"]
    assert model.feature_names_out_.tolist() == ["x", "town=Aa", "town=Ur"]
    np.testing.assert_allclose(model.coef_, [1.0, -2.0, 1.0], atol=1e-9)
    new = lambda: iter([{"x": [0.0, 0.0], "town": ["Aa", "Bo"]}])  # noqa: E731
    np.testing.assert_allclose(model.predict(new), [-2.0, 0.0], atol=1e-9)
    with pytest.raises(DataError, match=r"'town', row 1: 'Never seen'.*'Bo'"):
        model.predict(lambda: iter([{"x": [0.0, 0.0], "town": ["Aa", "Never seen"]}]))
    np.testing.assert_allclose(model.predict(tmp_path / f"rows.{ending}"), frame["y"], atol=1e-9)


def test_what_is_asked_of_a_fit_is_asked_of_a_stream(folder):
    stream = lk.Stream(folder / "rows.parquet", "count", columns=NAMES)
    seen = []
    found = lk.minimise(lk.Poisson(), None, stream, callback=lambda *state: seen.append(state) or len(seen) == 2)
    assert found.reason == "callback"
    assert found.iterations == 1
    with pytest.warns(ConvergenceWarning, match="time_limit"):
        found = lk.minimise(lk.Poisson(), None, stream, time_limit=1e-9, tol=1e-14)
    assert found.reason == "time_limit"


def test_separated_classes_are_said(folder):
    file = folder / "separated.parquet"
    pd.DataFrame({"x": X[:, 0], "y": (X[:, 0] > 0).astype(float)}).to_parquet(file)
    with pytest.warns(ConvergenceWarning, match="separated"):
        lk.minimise(lk.Logistic(), None, file, "y")


def broken(folder, **columns):
    file = folder / "broken.parquet"
    pd.DataFrame({"x": np.arange(100.0), "y": np.arange(100.0)} | columns).to_parquet(file)
    return file


def hole(at):
    values = np.arange(100.0)
    values[at] = np.nan
    return pa.array(values).to_numpy()


IDENTIFIERS = {"t": [f"id {i}" for i in range(2000)], "y": np.arange(2000.0)}
REFUSED = [
    (lambda f: lk.minimise(lk.SquaredError(), None, f / "none.parquet", "y"), DataError, "there is no file"),
    (lambda f: lk.minimise(lk.SquaredError(), None, f / "rows.parquet", "reel"), DataError, "did you mean.*real"),
    (lambda f: lk.minimise(lk.SquaredError(), None, broken(f, d=pd.to_datetime(["2020"] * 100)), "y"), DataError,
     "'d' holds.*columns="),
    (lambda f: lk.minimise(lk.SquaredError(), None, broken(f, t=["a", None] * 50), "y"), DataError, "'t', row 1.*null"),
    (lambda f: lk.minimise(lk.SquaredError(), None, lambda: iter([IDENTIFIERS]), "y"), DataError, "an identifier"),
    (lambda f: lk.minimise(lk.Poisson(), None, broken(f, y=np.arange(100.0) - 3), "y"), DomainError, "broken.*y >= 0"),
    (lambda f: lk.minimise(lk.SquaredError(), None, broken(f, x=hole(7)), "y"), DataError, "'x', row 7.*null"),
    (lambda f: lk.minimise(lk.SquaredError(), None, broken(f, y=hole(7)), "y"), DataError, "target 'y' is null"),
    (lambda f: lk.minimise(lk.SquaredError(), None, broken(f, x=[np.inf] * 100), "y"), DataError, "infinite"),
    (lambda f: lk.minimise(lk.SquaredError(), None, broken(f, w=-np.ones(100)), "y", "w"), DataError, "weight"),
    (lambda f: lk.minimise(lk.SquaredError(), None, broken(f, w=np.zeros(100)), "y", "w"), DataError, "no rows of w"),
    (lambda f: lk.minimise(lk.SquaredError(), None, f / "rows.parquet", ROWS["real"]), CapabilityError, "name of its"),
    (lambda f: lk.minimise(lk.Quantile(0.5), lk.L1(), broken(f), "y"), CapabilityError, "Smoothed"),
    (lambda f: lk.minimise(lk.SquaredError(), lk.GroupLasso((0,), 0.1), broken(f), "y"), CapabilityError, "at hand"),
    (lambda f: lk.minimise(lk.SquaredError(), None, broken(f), "y", solver="sgd"), CapabilityError, "batches"),
    (lambda f: lk.minimise(lk.JointScale(lk.Huber(1.35)), None, broken(f), "y"), CapabilityError, "set on a sample"),
    (lambda f: lk.minimise(lk.SquaredError(), None, iter([(X, X[:, 0])])), CapabilityError, "real numbers"),
    (lambda f: lk.Stream(iter([])), CapabilityError, "read once only"),
    (lambda f: lk.Stream(f / "rows.parquet", batch_rows=0), ParameterError, "at least 1"),
    (lambda f: lk.minimise(lk.SquaredError(), None, lambda: iter([])), DataError, "no rows"),
    (lambda f: lk.minimise(lk.SquaredError(), None, lambda: iter([(X, X[:9])])), ShapeError, "a batch has X"),
    (lambda f: lk.minimise(lk.SquaredError(), None, lambda: iter([(X,)])), ShapeError, "a pair"),
    (lambda f: lk.minimise(lk.SquaredError(), None, lambda: iter(["rows"]), "y"), DataError, "got str"),
    (lambda f: lk.LinearRegressorCV(cv=[1, 2]).fit(broken(f), "y"), CapabilityError, "dealt to folds in turn"),
    (lambda f: lk.LinearRegressor().fit(broken(f), "y").predict(lambda: iter([X])), ShapeError, "should have 1"),
    (lambda f: lk.LinearClassifier().fit(lk.Stream(f / "rows.parquet", "real", columns=NAMES)), DataError, "distinct"),
]  # fmt: skip


@pytest.mark.parametrize(("act", "error", "says"), REFUSED, ids=[f"{i}: {each[2]}" for i, each in enumerate(REFUSED)])
def test_what_cannot_be_read_or_fitted_says_why(folder, act, error, says):
    with pytest.raises(error, match=says):
        act(folder)


def test_a_csv_whose_numbers_change_kind_is_read_or_refused(tmp_path):
    file = tmp_path / "late.csv"
    file.write_text("x,y\n" + "".join(f"{i},{i}\n" for i in range(1000)) + "0.5,3\n")
    assert abs(lk.minimise(lk.SquaredError(), None, file, "y").coef[0] - 1) < 1e-3
    file.write_text("x,y\n" + "".join(f"{i},{i}\n" for i in range(200_000)) + "oops,3\n")
    with pytest.raises(DataError, match="oops"):
        lk.minimise(lk.SquaredError(), None, file, "y")


def test_reading_goes_on_while_a_batch_is_worked_on():
    def slow():
        for i in range(4):
            time.sleep(0.1)
            yield X[i : i + 1], ROWS["real"][i : i + 1]

    begin = time.perf_counter()
    for _ in lk.Stream(slow).batches():
        time.sleep(0.1)
    assert time.perf_counter() - begin < 0.75


def test_memory_stays_within_a_few_batches(tmp_path):
    """The traced peak of a fit of 38 MB of numbers; Arrow's own buffers, of a row group, are not traced."""
    import tracemalloc

    file = tmp_path / "long.parquet"
    rng = np.random.default_rng(0)
    with parquet.ParquetWriter(file, pa.schema([(n, pa.float64()) for n in "abcdefgy"])) as writer:
        for _ in range(12):
            part = rng.standard_normal((8, 50_000))
            writer.write_table(pa.table(list(part), names=list("abcdefgy")), row_group_size=10_000)
    stream = lk.Stream(file, "y", batch_rows=10_000)
    tracemalloc.start()
    lk.minimise(lk.SquaredError(), None, stream)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    sample = 8 * 7 * (1 << 17)
    assert peak < 3 * sample + 10 * 8 * 8 * 10_000


def test_streams_of_arrow_and_labels_of_categories(tmp_path):
    table = pa.table({"x": X[:300, 0], "y": pa.array(ROWS["label"][:300]).dictionary_encode()})
    with pa.OSFile(str(tmp_path / "s.arrow"), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)
    parquet.write_table(table, tmp_path / "s.parquet")
    known = lk.LinearClassifier().fit(X[:300, :1], ROWS["label"][:300]).coef_
    for name in ("s.arrow", "s.parquet"):
        np.testing.assert_allclose(lk.LinearClassifier().fit(tmp_path / name, "y").coef_, known, rtol=1e-9)
