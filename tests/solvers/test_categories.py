"""Categories are fitted by their codes: the same answers as with columns of 0 and 1, which are never written."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import losskit as lk
from losskit.data.coded import Coded
from losskit.errors import DataError
from losskit.solvers.minimise import minimise

N = 600
RNG = np.random.default_rng(0)
TOWN, CAR = RNG.choice(["Aa", "Bo", "Ur"], N, p=[0.2, 0.5, 0.3]), RNG.choice([3, 20, 100], N, p=[0.6, 0.3, 0.1])
X = RNG.standard_normal((N, 2)) * [1.0, 5.0] + [0.0, 300.0]
SCORE = 0.5 * X[:, 0] + (TOWN == "Ur") - 0.7 * (TOWN == "Aa") + 0.4 * (CAR == 20)
NAMES = ["a", "town=Aa", "town=Ur", "car=20", "car=100", "b"]
WRITTEN = np.column_stack([X[:, 0], TOWN == "Aa", TOWN == "Ur", CAR == 20, CAR == 100, X[:, 1]]).astype(float)
Y = {
    "real": SCORE + RNG.standard_t(3, N), "count": RNG.poisson(np.exp(SCORE)).astype(float),
    "label": (RNG.logistic(size=N) < SCORE).astype(int), "kind": np.digitize(SCORE + RNG.logistic(size=N), [-1.0, 1.0]),
}  # fmt: skip


def pandas():
    return pd.DataFrame({"a": X[:, 0], "town": TOWN, "car": pd.Categorical(CAR), "b": X[:, 1]})


def coded(rows=slice(None)):
    model = lk.LinearRegressor().fit(pandas(), SCORE)
    return model._coding_.matrix(pa.RecordBatch.from_pandas(pandas()[rows]), "here")


def test_products_are_those_of_the_columns_written_out():
    matrix, rng = coded(), np.random.default_rng(1)
    assert isinstance(matrix, Coded)
    assert matrix.entries == 4 * N
    np.testing.assert_array_equal(matrix.toarray(), WRITTEN)
    for columns in ([4, 0, 1], [2, 3], [5], []):
        np.testing.assert_array_equal(matrix.columns_of(np.array(columns, int)).toarray(), WRITTEN[:, columns])
    for c in (rng.standard_normal(6), rng.standard_normal((6, 3))):
        np.testing.assert_allclose(matrix @ c, WRITTEN @ c, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(c.T @ matrix.T if c.ndim < 1 else matrix.T @ (matrix @ c), WRITTEN.T @ (WRITTEN @ c))
    g = rng.standard_normal((3, N))
    np.testing.assert_allclose(g @ matrix, g @ WRITTEN, rtol=1e-9, atol=1e-9)


FITS = [
    (lk.LinearRegressor(), "real"), (lk.LinearRegressor(penalty=lk.L1(0.02)), "real"),
    (lk.LinearRegressor(lk.Poisson(), penalty=lk.L2(0.01)), "count"),
    (lk.LinearRegressor(lk.Poisson(), penalty=lk.L1(0.02)), "count"),
    (lk.LinearRegressor(lk.Poisson(), fit_intercept=False, solver="lbfgs"), "count"),
    (lk.LinearRegressor(lk.Quantile(0.7)), "real"), (lk.LinearRegressor(lk.Huber("auto")), "real"),
    (lk.LinearRegressor(lk.GaussianNLL()), "real"), (lk.LinearClassifier(lk.Ordinal()), "kind"),
    (lk.LinearClassifier(), "kind"), (lk.LinearClassifier(penalty=lk.L2(0.01)), "kind"),
    (lk.LinearClassifier(lk.Hinge(), penalty=lk.L2(0.1)), "label"),
    (lk.LinearRegressorCV(alphas=4, cv=3), "real"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "target"), FITS, ids=[str(model) for model, _ in FITS])
def test_a_fit_is_that_of_the_columns_written_out(model, target):
    y, w = Y[target], np.random.default_rng(2).integers(0, 3, N).astype(float)
    model.fit(WRITTEN, y, w)
    known = np.asarray(model.predict(WRITTEN)), model.coef_, np.sum(np.atleast_1d([model.solution_.value]))
    model.fit(pandas(), y, w)
    assert model.feature_names_out_.tolist() == NAMES
    assert model.feature_names_in_.tolist() == ["a", "town", "car", "b"]
    assert model.solution_.value == pytest.approx(known[2], rel=1e-8)
    np.testing.assert_allclose(model.coef_, known[1], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model.predict(pandas()), known[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["polars", "enum", "arrow", "file"])
def test_frames_of_any_library_and_files_lead_to_the_same_fit(kind, tmp_path):
    known = lk.LinearRegressor(lk.Poisson()).fit(pandas(), Y["count"])
    if kind == "file":
        pandas().assign(y=Y["count"], car=CAR.astype(str)).to_parquet(tmp_path / "rows.parquet")
        model = lk.LinearRegressor(lk.Poisson()).fit(tmp_path / "rows.parquet", "y")
    else:
        frame = pl.from_pandas(pandas().assign(car=CAR.astype(str)))
        cars = pl.Enum(["3", "20", "100", "7"]) if kind == "enum" else pl.Categorical
        frame = frame.with_columns(pl.col("car").cast(cars))
        model = lk.LinearRegressor(lk.Poisson()).fit(frame.to_arrow() if kind == "arrow" else frame, Y["count"])
    by_name = dict(zip(model.feature_names_out_, model.coef_, strict=True))
    np.testing.assert_allclose([by_name[name] for name in known.feature_names_out_], known.coef_, rtol=1e-8)
    np.testing.assert_allclose(model.predict(pandas()), known.predict(pandas()), rtol=1e-8)


def test_standard_errors_name_the_level():
    found = lk.LinearRegressor().fit(pandas(), Y["real"]).inference(pandas(), Y["real"])
    known = lk.LinearRegressor().fit(WRITTEN, Y["real"]).inference(WRITTEN, Y["real"])
    assert found.names == ("intercept", *NAMES)
    np.testing.assert_allclose(found.standard_errors, known.standard_errors, rtol=1e-8)


def test_memory_is_that_of_codes():
    import tracemalloc

    many, rng = 50_000, np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.standard_normal(many), "c": pd.Categorical(rng.integers(0, 500, many))})
    y = rng.poisson(1.0, many).astype(float)
    lk.LinearRegressor(lk.Poisson(), penalty=lk.L2(0.1)).fit(frame, y)
    tracemalloc.start()
    lk.LinearRegressor(lk.Poisson(), penalty=lk.L2(0.1)).fit(frame, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.5 * 8 * 501 * many  # half of what the indicators would be


BAD = [
    (lambda m: m.predict(pandas().assign(town="Oz")), "'town', row 0: 'Oz'.*not fitted to .600 of 600.*'Bo'"),
    (lambda m: m.predict(WRITTEN[:, :4]), "no named columns"),
    (lambda m: m.fit(pandas().assign(town=None).astype({"town": "str"}).assign(b=np.nan), SCORE), "'b', row 0.*null"),
    (lambda m: m.fit(pandas().assign(town=["Aa", None] * (N // 2)), SCORE), "'town', row 1.*null"),
    (lambda m: m.fit(pandas().assign(town=[f"id {i % 1500}" for i in range(N * 3)][:N]), SCORE), None),
    (lambda m: lk.LinearRegressor().fit(WRITTEN[:, :4], SCORE).predict(pandas()), "was fitted to numbers"),
    (lambda m: minimise(lk.SquaredError(), None, pandas(), SCORE), "LinearRegressor or LinearClassifier, which take"),
    (lambda m: m.fit(pl.from_pandas(pandas()).lazy(), SCORE), r"holds no rows yet.*collect\(\)"),
]  # fmt: skip


@pytest.mark.parametrize(("act", "says"), BAD, ids=[str(says) for _, says in BAD])
def test_what_has_no_code_is_said(act, says):
    model = lk.LinearRegressor(penalty=lk.L2(0.1)).fit(pandas(), SCORE)
    if says is None:
        act(model)
        return
    with pytest.raises(DataError, match=says):
        act(model)


def test_a_category_of_one_level_and_a_lone_category_are_fitted():
    alone = lk.LinearRegressor().fit(pandas()[["town"]], SCORE)
    means = [SCORE[t == TOWN].mean() - SCORE[TOWN == "Bo"].mean() for t in ("Aa", "Ur")]
    np.testing.assert_allclose(alone.coef_, means, rtol=1e-9)
    one = lk.LinearRegressor().fit(pandas()[["a"]].assign(c="same"), SCORE)
    assert one.coef_.shape == (1,)
    assert minimise(lk.SquaredError(), None, coded(), SCORE).value < SCORE.var()
