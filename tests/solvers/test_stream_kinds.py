"""Over files: losses of several scores, quantiles, cross-validation and inference end where they do in memory."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

import losskit as lk
from losskit.data import streams
from losskit.errors import DataError
from losskit.objectives.passes import SharedPasses
from losskit.solvers import streamed_vertex

N = 6_000


def rows():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"a": rng.standard_normal(N), "b": rng.standard_normal(N) * 10 + 100})
    frame["town"] = rng.choice(["Aa", "Bo", "Ur"], N, p=[0.2, 0.5, 0.3])
    score = 0.5 * frame["a"] + 0.02 * (frame["b"] - 100) + 0.7 * (frame["town"] == "Ur")
    frame["real"] = score + rng.standard_t(3, N) * (1 + 0.3 * (frame["town"] == "Aa"))
    frame["count"] = rng.poisson(np.exp(score)).astype(float)
    frame["kind"] = np.array(["low", "mid", "top"])[np.digitize(score + rng.logistic(size=N), [-1.0, 1.0])]
    frame["grade"] = np.digitize(score + rng.logistic(size=N), [-1.0, 1.0])
    frame["sign"] = np.where(score + rng.logistic(size=N) > 0, "yes", "no")
    frame["w"], frame["o"] = rng.integers(0, 3, N).astype(float), rng.uniform(size=N)
    frame["g"] = rng.integers(0, 50, N)
    return frame


ROWS, NAMES = rows(), ["a", "b", "town"]
X = ROWS[NAMES]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("kinds") / "rows.parquet"
    ROWS.to_parquet(path, row_group_size=1500)
    return path


@pytest.fixture(autouse=True)
def small_samples(monkeypatch):
    monkeypatch.setattr(streams, "_MOST_SAMPLE", 1200)


def stream(file, target, **options):
    return lk.Stream(file, target, **{"columns": NAMES, "sample_weight": "w", "batch_rows": 2000} | options)


class Passes:
    def __init__(self):
        self.count = 0

    def __call__(self, done):
        self.count += done == N


FITS = [
    (lk.LinearClassifier(), "kind", 9), (lk.LinearClassifier(penalty=lk.L2(1e-3)), "kind", 9),
    (lk.LinearClassifier(lk.SoftmaxCrossEntropy(), penalty=lk.L1(3e-3)), "kind", 12),
    (lk.LinearClassifier(lk.Ordinal()), "grade", 9), (lk.LinearRegressor(lk.GaussianNLL()), "real", 12),
    (lk.LinearRegressor(lk.Quantile(0.8)), "real", 5), (lk.LinearRegressor(lk.MultiQuantile((0.1, 0.5))), "real", 5),
    (lk.LinearRegressor(lk.AbsoluteError(), penalty=lk.L2(0.01)), "real", 5),
    (lk.LinearClassifier(lk.Hinge(), penalty=lk.L2(0.1)), "sign", 5),
]  # fmt: skip


@pytest.mark.parametrize(("model", "target", "most"), FITS, ids=[str(model) for model, *_ in FITS])
def test_a_file_leads_to_the_fit_in_memory(file, model, target, most, monkeypatch):
    monkeypatch.setattr(streamed_vertex, "_KEPT_BYTES", 1 << 15)
    monkeypatch.setattr(streamed_vertex, "_LEAST", 500)  # of 6000 rows
    passes = Passes()
    model.fit(X, ROWS[target], ROWS["w"])
    known, labels = (model.coef_, model.intercept_, model.solution_.value), model.predict(X)
    model.fit(stream(file, target, progress=passes))
    assert model.solution_.value == pytest.approx(known[0] is not None and known[2], rel=1e-9)
    np.testing.assert_allclose(model.coef_, known[0], rtol=1e-3, atol=2e-5)
    np.testing.assert_allclose(model.intercept_, known[1], rtol=1e-3, atol=2e-3)
    assert model.solution_.certificate <= 1e-10
    assert passes.count <= most
    assert np.mean(model.predict(file) == labels) > 0.999 or target == "real"


TARGETS = [
    (lk.SquaredError(), None, 2), (lk.SquaredError(), lk.L1(0.02), 2), (lk.Huber(1.0), None, 12),
    (lk.AbsoluteError(), None, 4),
]  # fmt: skip


@pytest.mark.parametrize(("loss", "penalty", "most"), TARGETS, ids=str)
def test_several_targets_of_a_file_share_its_passes(file, loss, penalty, most):
    passes, names = Passes(), ["real", "count", "a"]
    model = lk.LinearRegressor(loss, penalty=penalty)
    options = {"columns": ["b", "town"], "offset": "o", "progress": passes}
    found = model.fit(stream(file, names, **options)).coef_, model.intercept_, model.predict(file)
    model.fit(X[["b", "town"]], ROWS[names], ROWS["w"], ROWS["o"])
    np.testing.assert_allclose(found[0], model.coef_, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(found[1], model.intercept_, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found[2], model.predict(X[["b", "town"]]), atol=1e-5)
    assert passes.count <= most


def test_several_targets_in_batches_of_arrays_and_where_they_are_refused():
    table, many = ROWS[["a", "b"]].to_numpy(), ROWS[["real", "count"]].to_numpy()
    pairs = lambda: ((table[i : i + 2500], many[i : i + 2500]) for i in range(0, N, 2500))  # noqa: E731
    known = lk.LinearRegressor().fit(table, many).coef_
    np.testing.assert_allclose(lk.LinearRegressor().fit(pairs).coef_, known, rtol=1e-9)
    for act, says in [
        (lambda: lk.minimise(lk.SquaredError(), None, pairs), "2 targets; LinearRegressor"),
        (lambda: lk.LinearClassifier().fit(pairs), "labels are of one target"),
        (lambda: lk.LinearRegressorCV().fit(pairs), "one target's"),
    ]:
        with pytest.raises(lk.CapabilityError, match=says):
            act()
    uneven = lambda: iter([(table, many), (table, many[:, 0])])  # noqa: E731
    with pytest.raises(lk.ShapeError, match="first one 2 targets a row"):
        lk.LinearRegressor().fit(uneven)


def test_rows_tied_at_the_fit_are_said(file, monkeypatch):
    monkeypatch.setattr(streamed_vertex, "_LEAST", 50)
    monkeypatch.setattr(streamed_vertex, "_KEPT_BYTES", 1 << 10)
    with pytest.raises(DataError, match="lie exactly on the fit"):
        lk.minimise(lk.AbsoluteError(), None, lambda: iter([(np.ones((N, 1)), ROWS["count"].to_numpy())]))


FOLDS = [
    (lk.LinearRegressorCV(alphas=6, cv=3, tol=1e-11), "real", 6),
    (lk.LinearRegressorCV(lk.Poisson(), alphas=4, cv=3, tol=1e-11), "count", 12),
    (lk.LinearRegressorCV(lk.Poisson(), penalty=lk.L2(), alphas=5, rule="bic", tol=1e-11), "count", 14),
    (lk.LinearClassifierCV(alphas=2, cv=2, tol=1e-11), "kind", 12),
]  # fmt: skip


@pytest.mark.parametrize(("model", "target", "most"), FOLDS, ids=[str(model) for model, *_ in FOLDS])
def test_folds_of_a_file_are_those_in_memory(file, model, target, most):
    passes, whole = Passes(), model.cv
    dealt = np.arange(N) % whole
    model.fit(stream(file, target, sample_weight=None, batch_rows=5000, progress=passes))
    found, assigned = model.alphas_, [(np.flatnonzero(dealt != k), np.flatnonzero(dealt == k)) for k in range(whole)]
    kept = model.coef_path_, model.alpha_, getattr(model, "cv_losses_", None), getattr(model, "criteria_", None)
    assert passes.count <= most
    model.set_params(alphas=found, cv=assigned).fit(X, ROWS[target])
    np.testing.assert_allclose(kept[0], model.coef_path_, rtol=1e-4, atol=1e-6)
    assert kept[1] == model.alpha_
    np.testing.assert_allclose(model.predict(file), model.predict(X)) if target != "kind" else None
    if kept[2] is not None:
        np.testing.assert_allclose(kept[2], model.cv_losses_, rtol=1e-7)
    else:
        np.testing.assert_allclose(kept[3], model.criteria_, rtol=1e-8)


JUDGED = [
    (lk.LinearRegressorCV([lk.SquaredError(), lk.Huber(1.0)], scoring=lk.AbsoluteError()), "real"),
    (lk.LinearClassifierCV([lk.SquaredHinge(), lk.Logistic()], scoring=lk.Hinge()), "sign"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "target"), JUDGED, ids=["real", "sign"])
def test_several_losses_over_a_file_share_its_passes(file, model, target):
    passes = Passes()
    model.set_params(alphas=[0.3, 0.03], cv=2, tol=1e-11)
    rows = stream(file, target, sample_weight=None, columns=["a", "town"], batch_rows=5000, progress=passes)
    found = model.fit(rows).cv_results_["mean_test_score"]
    alone = Passes()
    rows.progress = alone
    clone(model).set_params(loss=model.loss[1]).fit(rows)
    assert passes.count <= alone.count + 2
    fold = np.arange(N) % 2
    model.set_params(cv=[(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in (0, 1)])
    known = model.fit(X[["a", "town"]], ROWS[target]).cv_results_["mean_test_score"]
    np.testing.assert_allclose(found, known, rtol=1e-6)
    with pytest.raises(lk.CapabilityError, match="wants all rows at once"):
        model.set_params(scoring="r2").fit(rows)


INFERENCES = [
    (lk.LinearRegressor(lk.Poisson()), "count", {}), (lk.LinearRegressor(), "real", {"covariance": "model"}),
    (lk.LinearRegressor(lk.Huber(1.0)), "real", {"covariance": "model"}),
    (lk.LinearRegressor(lk.Poisson()), "count", {"groups": "g"}),
    (lk.LinearRegressor(lk.Poisson(), penalty=lk.L2(1e-3)), "count", {"covariance": "model", "dispersion": "pearson"}),
    (lk.LinearClassifier(), "kind", {"weights": "sampling"}), (lk.LinearRegressor(lk.Quantile(0.8)), "real", {}),
]  # fmt: skip


@pytest.mark.parametrize(("model", "target", "options"), INFERENCES, ids=[f"{m} {o}" for m, _, o in INFERENCES])
def test_standard_errors_from_a_file_are_those_in_memory(file, model, target, options):
    model.fit(X, ROWS[target], ROWS["w"])
    groups = {"groups": ROWS["g"]} if "groups" in options else {}
    known = model.inference(X, ROWS[target], ROWS["w"], **options | groups)
    found = model.inference(stream(file, target), **options)
    assert found.names == known.names
    near = 2e-2 if isinstance(model.loss, lk.Quantile) else 1e-7  # the kernel's width is that of a sample
    np.testing.assert_allclose(found.standard_errors, known.standard_errors, rtol=near)
    for name in ("value", "null_value", "log_likelihood", "freedom", "rows", "dispersion", "deviance"):
        mine, theirs = getattr(found, name), getattr(known, name)
        assert mine == (theirs if theirs is None else pytest.approx(theirs, rel=1e-6)), name


def test_one_reading_serves_all_that_wait_and_an_error_is_its_own():
    reads = []

    def batches():
        reads.append(1)
        return ((np.full((10, 1), i), np.ones(10)) for i in range(3))

    passes = SharedPasses(lk.Stream(batches))

    def task(times):
        seen = [0]
        for _ in range(times):
            passes.run(lambda batch: seen.__setitem__(0, seen[0] + int(batch.X.sum())))
        return seen[0]

    assert passes.each([lambda: task(1), lambda: task(3), lambda: task(0)]) == [30, 90, 0]
    assert len(reads) <= 5  # three passes, and looks at the first batch
    with pytest.raises(ZeroDivisionError):
        passes.each([lambda: task(2), lambda: passes.run(lambda batch: 1 / 0)])
