"""Boosted trees as scikit-learn estimators."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import losskit as lk
from losskit.boosted import BoostedClassifier, BoostedRegressor, load
from losskit.boosting.growing import ENGINES
from losskit.errors import CapabilityError, DataError, DomainError, ParameterError
from losskit.expressions import read_loss

FEW = {"n_estimators": 10, "n_jobs": 1}


@parametrize_with_checks([
    BoostedRegressor(**FEW),
    BoostedRegressor(lk.Huber(2.0), **FEW),
    BoostedClassifier(**FEW),
    BoostedClassifier(objective="losskit", **FEW),
    BoostedClassifier(engine="xgboost", objective="losskit", **FEW),
])  # fmt: skip
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("engine", ENGINES)
def test_columns_that_do_not_vary_leave_the_constant(engine, tmp_path):
    y = np.array([1.0, 2.0, 6.0])
    model = BoostedRegressor(engine=engine, **FEW).fit(np.ones((3, 2)), y)
    assert model.predict([[5.0, 7.0]])[0] == pytest.approx(3.0, rel=1e-6)
    assert (model.feature_importances_ == 0).all()
    few = BoostedClassifier(engine=engine, **FEW).fit(np.ones((4, 2)), ["a", "b", "c", "a"])
    few.save(tmp_path / "model")
    np.testing.assert_allclose(load(tmp_path / "model").predict_proba([[5.0, 7.0]]), [[0.5, 0.25, 0.25]], rtol=1e-6)


def data(rows=300):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, 4))
    return X, 5 + 2 * X[:, 0] + X[:, 1] ** 2 + 0.5 * rng.normal(size=rows)


def test_keywords_of_the_engine_are_parameters():
    model = BoostedRegressor(lk.Huber(1.0), num_leaves=7, **FEW)
    assert model.get_params()["num_leaves"] == 7
    assert clone(model).get_params() == model.get_params()
    assert repr(model) == "BoostedRegressor(loss=Huber(delta=1.0), n_estimators=10, n_jobs=1, num_leaves=7)"
    model.set_params(num_leaves=3, min_child_samples=50, learning_rate=0.3)
    assert (model.num_leaves, model.min_child_samples, model.learning_rate) == (3, 50, 0.3)
    X, y = data()
    few = clone(model).fit(X, y)
    assert len(np.unique(few.predict(X))) < len(np.unique(clone(model).set_params(num_leaves=31).fit(X, y).predict(X)))
    for name in ("objective_function", "num_class", "loss_function"):
        if name != "objective_function":
            with pytest.raises(ParameterError, match="follows from the loss"):
                BoostedRegressor(**{name: 3}).fit(X, y)


def test_they_take_part_in_pipelines_and_searches():
    X, y = data()
    piped = make_pipeline(StandardScaler(), BoostedRegressor(lk.Huber("auto"), min_child_samples=5, **FEW))
    assert cross_val_score(piped, X, y, cv=3).mean() > 0.4
    search = GridSearchCV(BoostedRegressor(**FEW), {"num_leaves": [3, 15], "loss": [lk.SquaredError()]}, cv=2)
    assert search.fit(X, y).best_params_["num_leaves"] in (3, 15)


@pytest.mark.parametrize("metric", [None, lk.AbsoluteError(), "neg_mean_absolute_error"], ids=str)
def test_early_stopping_looks_at_the_loss_another_or_a_scorer(metric):
    X, y = data(400)
    model = BoostedRegressor(
        lk.PseudoHuber(1.0), n_estimators=400, early_stopping_rounds=5, eval_metric=metric, random_state=0, n_jobs=1
    )
    model.fit(X[:300], y[:300], eval_set=(X[300:], y[300:]))
    assert 5 < model.n_iter_ < 395
    costs = model.validation_costs_
    assert len(costs) == model.n_iter_ + 5
    assert costs.argmin() == model.n_iter_ - 1
    other = {None: model.loss_, "neg_mean_absolute_error": lk.AbsoluteError()}.get(metric, metric)
    assert other(y[300:], model.predict(X[300:])) == pytest.approx(costs.min(), rel=1e-9)
    drawn = clone(model).fit(X, y)
    assert drawn.n_iter_ < 395
    with pytest.raises(ParameterError, match="early_stopping_rounds"):
        BoostedRegressor(**FEW).fit(X, y, eval_set=(X, y))


def test_a_metric_that_is_maximised_stops_where_it_is_largest():
    X, y = data(400)
    model = BoostedClassifier(n_estimators=200, early_stopping_rounds=5, eval_metric="roc_auc", n_jobs=1)
    labels = np.where(y + np.random.default_rng(1).normal(size=400) > 6, "high", "low")
    model.fit(X[:200], labels[:200], eval_set=(X[200:], labels[200:]))
    assert model.validation_costs_.argmin() == model.n_iter_ - 1
    from sklearn.metrics import roc_auc_score

    auc = roc_auc_score(labels[200:] == "low", model.predict_proba(X[200:])[:, 1])
    assert auc == pytest.approx(-model.validation_costs_.min())
    with pytest.raises(CapabilityError, match="scorer"):
        clone(model).set_params(eval_metric=lk.Poisson()).fit(X, labels)
    with pytest.raises(DomainError, match="'middle'"):
        clone(model).set_params(eval_metric=None).fit(X, labels, eval_set=(X[:2], np.array(["low", "middle"])))


OF_CATEGORIES = {
    "lightgbm": {"min_data_per_group": 5, "cat_smooth": 1.0},
    "xgboost": {"max_cat_to_onehot": 1},
    "catboost": {"one_hot_max_size": 10},
}


@pytest.mark.parametrize(("engine", "frames"), [("lightgbm", "polars"), ("xgboost", "pandas"), ("catboost", "pandas")])
def test_tables_bring_categories_and_missing_values(engine, frames, tmp_path):
    library = pytest.importorskip(frames)
    rng = np.random.default_rng(0)
    town = rng.choice(["a", "b", "c", "d"], 300)
    size = rng.normal(size=300)
    y = size + 10.0 * np.isin(town, ["b", "d"]) + 0.1 * rng.normal(size=300)
    frame = library.DataFrame({"town": town, "size": np.where(rng.random(300) < 0.1, np.nan, size)})
    if frames == "pandas":
        frame["town"] = frame["town"].astype("category")
    model = BoostedRegressor(engine=engine, n_estimators=60, n_jobs=1, **OF_CATEGORIES[engine]).fit(frame, y)
    assert list(model.feature_names_in_) == ["town", "size"]
    assert model.score(frame, y) > 0.93
    assert model.feature_importances_[0] > 0.5
    other = library.DataFrame({"town": ["zz", "b"], "size": [0.0, 0.0]})
    assert model.predict(other)[1] == pytest.approx(10, abs=1.5)
    model.save(tmp_path / "model")
    assert np.array_equal(load(tmp_path / "model").predict(frame), model.predict(frame))
    with pytest.raises(DataError, match="fitted to a table"):
        model.predict(np.zeros((2, 2)))


def test_codes_in_a_matrix_are_categories_if_named():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.integers(0, 6, 300), rng.normal(size=300)])
    y = np.array([0.0, 9, 1, 8, 2, 7])[X[:, 0].astype(int)]
    options = {"num_leaves": 2, "min_data_per_group": 5, "cat_smooth": 1.0, **FEW}
    coded = BoostedRegressor(categorical_features=[0], **options).fit(X, y)
    plain = BoostedRegressor(**options).fit(X, y)
    assert coded.score(X, y) > plain.score(X, y) + 0.2
    for wrong, match in (([7], "position below 2"), (["town"], "position below 2"), ([1], "no codes")):
        with pytest.raises(DataError, match=match):
            BoostedRegressor(categorical_features=wrong, **FEW).fit(X, y)


@pytest.mark.parametrize("engine", ENGINES)
def test_monotone_constraints_pass_through(engine):
    X, y = data()
    grid = np.column_stack([np.linspace(-2, 2, 50), np.zeros((50, 3))])
    model = BoostedRegressor(lk.Huber(1.0), engine=engine, monotone_constraints=[-1, 0, 0, 0], **FEW).fit(X, y)
    assert (np.diff(model.predict(grid)) <= 0).all()  # y rises with the first column


@pytest.mark.parametrize("engine", ["xgboost", "catboost"])
def test_other_engines_stop_early_too(engine):
    X, y = data(400)
    model = BoostedRegressor(
        lk.PseudoHuber(1.0), engine=engine, n_estimators=150, early_stopping_rounds=5, learning_rate=0.3, n_jobs=1
    ).fit(X[:300], y[:300], eval_set=(X[300:], y[300:]))
    assert model.n_iter_ < 145
    assert model.validation_costs_.argmin() == model.n_iter_ - 1
    assert len(model.validation_costs_) == model.n_iter_ + 5
    cost = model.loss_(y[300:], model.predict(X[300:]))
    assert cost == pytest.approx(model.validation_costs_.min(), rel=1e-5)
    if engine == "xgboost":
        renewed = BoostedRegressor(
            lk.EpsilonInsensitive(0.1), engine=engine, n_estimators=100, early_stopping_rounds=3, learning_rate=0.5,
            n_jobs=1,
        ).fit(X[:300], y[:300], eval_set=(X[300:], y[300:]))  # fmt: skip
        cost = renewed.loss_(y[300:], renewed.predict(X[300:]))
        assert cost == pytest.approx(renewed.validation_costs_.min(), rel=1e-5)


def test_losses_of_several_outputs_grow_as_many_trees():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, size=(800, 2))
    y = 3 * X[:, 0] + np.exp(X[:, 1]) * rng.normal(size=800)
    model = BoostedRegressor(lk.GaussianNLL(), n_estimators=60, num_leaves=4, n_jobs=1).fit(X, y)
    mean, log_variance = model.raw_scores(X).T
    assert model.intercept_.shape == (2,)
    assert np.array_equal(model.predict(X), mean)
    assert np.corrcoef(log_variance, 2 * X[:, 1])[0, 1] > 0.9
    assert abs(np.mean(np.abs(y - mean) < np.exp(log_variance / 2)) - 0.683) < 0.06


def test_what_does_not_belong_together_is_refused():
    X, y = data()
    with pytest.raises(CapabilityError, match="BoostedClassifier"):
        BoostedRegressor(lk.Hinge()).fit(X, y)
    with pytest.raises(CapabilityError, match="BoostedRegressor"):
        BoostedClassifier(lk.Huber()).fit(X, y > 5)
    with pytest.raises(DomainError, match="one class"):
        BoostedClassifier().fit(X, np.ones(300))
    with pytest.raises(DomainError, match=r"y\[5\] = -2\.0"):
        BoostedRegressor(lk.Poisson()).fit(X, np.where(np.arange(300) == 5, -2.0, 1.0))
    with pytest.raises(ParameterError, match="'lightgbm', 'xgboost', 'catboost'"):
        BoostedRegressor(engine="sklearn").fit(X, y)
    with pytest.raises(CapabilityError, match="no objective of its own"):
        BoostedRegressor(lk.Linex(), objective="native").fit(X, y)
    with pytest.raises(CapabilityError, match="couples rows"):
        BoostedRegressor(lk.TailRisk(lk.Huber())).fit(X, y)
    with pytest.raises(ParameterError, match="n_estimators"):
        BoostedRegressor(n_estimators=0).fit(X, y)


def test_losses_of_classes_are_read_from_what_they_print():
    for loss in (
        lk.SoftmaxCrossEntropy(class_weight=(1.0, 2.5), label_smoothing=0.1, ignore_index=-100),
        lk.LogitAdjustedSoftmax(prior=(0.25, 0.75)),
        lk.CrammerSinger(axis=0),
    ):
        assert read_loss(repr(loss)) == loss
