"""Losses as objectives of the libraries' own training code: what a tutorial's lambda gets wrong, and ours does not."""

from __future__ import annotations

import warnings

import catboost
import lightgbm
import numpy as np
import pytest
import xgboost

import losskit as lk
from losskit.boosting.curvature import renews
from losskit.errors import CapabilityError, ParameterError
from losskit.hosts import adapter
from tests.adapters.boosted import PLAIN, ROUNDS, classes, classifier, each_engine, numbers, regressor


@each_engine
def test_a_librarys_own_objective_is_taken_where_its_trees_are_those_of_ours(engine):
    X, y = numbers(200, far=0.0)
    levels, low = {"Quantile": 0.8, "Expectile": 0.8, "Tweedie": 1.5}, (y < np.median(y)).astype(float)
    for name in adapter(engine).NATIVE:
        loss = getattr(lk, name)(*[levels[name]] if name in levels else [])
        make = classifier if loss.link.name == "logit" else regressor
        aim = low if loss.link.name == "logit" else np.exp(y / 8) if loss.link.name == "log" else y
        model = make(loss, engine).set_params(n_estimators=8).fit(X, aim)
        assert model.objective_.startswith("native: ")
        assert (model.curvature_, model.curvature_scale_) == ("native", 1.0)
        if engine == "catboost" and renews(loss):
            continue  # ours cannot set leaves anew there
        ours = make(loss, engine, objective="losskit", curvature="auto" if renews(loss) else "hessian")
        found, native = ours.set_params(n_estimators=8).fit(X, aim).raw_scores(X), model.raw_scores(X)
        if name == "Quantile":  # in a leaf each takes another point between two rows
            assert loss(aim, found) == pytest.approx(loss(aim, native), rel=0.05)
        else:
            np.testing.assert_allclose(found, native, rtol=0, atol=1e-6 * np.ptp(native))
    assert regressor(lk.Poisson(), engine).set_params(n_estimators=2).fit(X, np.exp(y / 8)).objective_ == "losskit"


def test_raw_objective_of_lightgbm_is_the_estimator():
    X, y = numbers()
    w = np.random.default_rng(0).uniform(0.5, 2, len(y))
    params = {"num_threads": 1, "verbosity": -1, "seed": 0, **PLAIN["lightgbm"]}
    for loss in (lk.SquaredError(), lk.Huber("auto"), lk.Gamma()):
        objective = loss.to_lightgbm()
        booster = lightgbm.train(
            {**params, "objective": objective}, lightgbm.Dataset(X, y, weight=w), ROUNDS, feval=objective.metric
        )
        ours = regressor(loss, objective="losskit").fit(X, y, w)
        np.testing.assert_allclose(objective.predict(booster.predict(X)), ours.predict(X), rtol=1e-6)
        again = objective.loss.to_lightgbm(intercept=objective.intercept)
        assert np.array_equal(again.predict(booster.predict(X)), objective.predict(booster.predict(X)))
    in_estimator = lk.SquaredError().to_lightgbm()
    model = lightgbm.LGBMRegressor(objective=in_estimator, n_estimators=ROUNDS, **params).fit(X, y, sample_weight=w)
    ours = regressor(None, objective="losskit").fit(X, y, w)
    np.testing.assert_allclose(in_estimator.predict(model.predict(X)), ours.predict(X), rtol=1e-6)
    X, y = classes(3)
    objective = lk.SoftmaxCrossEntropy().to_lightgbm()
    booster = lightgbm.train({**params, "objective": objective, "num_class": 3}, lightgbm.Dataset(X, y), ROUNDS)
    proba = objective.predict(booster.predict(X))
    np.testing.assert_allclose(proba, classifier(None, objective="losskit").fit(X, y).predict_proba(X), rtol=1e-5)


def test_raw_metric_says_its_direction():
    X, y = numbers(far=20.0)
    objective = lk.PseudoHuber(2.0).to_lightgbm()
    found: dict = {}
    lightgbm.train(
        {"objective": objective, "verbosity": -1, "metric": "none"}, lightgbm.Dataset(X[:300], y[:300]), 10,
        valid_sets=[lightgbm.Dataset(X[300:], y[300:])], feval=objective.metric,
        callbacks=[lightgbm.record_evaluation(found)],
    )  # fmt: skip
    costs = found["valid_0"]["losskit-PseudoHuber"]
    assert costs[-1] < 0.8 * costs[0]
    assert objective.metric(y, np.zeros_like(y))[2] is False


def test_an_objective_without_training_has_no_start():
    with pytest.raises(CapabilityError, match="intercept="):
        lk.Huber().to_lightgbm().predict(np.zeros(3))
    with pytest.raises(CapabilityError, match="Hinge or Logistic"):
        lk.MeanBias().to_lightgbm()
    with pytest.raises(CapabilityError, match="BoostedRegressor"):
        lk.Quantile(0.9).to_lightgbm()
    pairs = lk.CensoredWeibullNLL()
    for call in (pairs.to_xgboost, lambda: regressor(pairs).fit([[1.0]], [[1.0, 2.0]])):
        with pytest.raises(CapabilityError, match=r"2 targets a row \(lower, upper\).*to_torch"):
            call()
    with pytest.raises(CapabilityError, match=r"bounded domain.*use Logistic"):
        classifier(lk.BinaryCrossEntropy()).fit([[1.0], [2.0]], [0, 1])


def test_raw_objective_of_xgboost_is_the_estimator():
    X, y = numbers()
    w = np.random.default_rng(0).uniform(0.5, 2, len(y))
    params = {"nthread": 1, "verbosity": 0, "eta": 0.1, "seed": 0, **PLAIN["xgboost"]}
    data = xgboost.DMatrix(X, y, weight=w)
    wrong = xgboost.train(params, data, ROUNDS, obj=lambda f, rows: (f - rows.get_label(), np.ones_like(f)))
    assert np.sqrt(np.mean((wrong.predict(data) - y) ** 2)) > 50  # its base score stays at 0.5, far from 1000
    for loss in (lk.SquaredError(), lk.Huber("auto")):
        objective = loss.to_xgboost()
        booster = xgboost.train(params, data, ROUNDS, obj=objective, custom_metric=objective.metric)
        ours = regressor(loss, "xgboost", objective="losskit").fit(X, y, w)
        found = objective.predict(booster.predict(data, output_margin=True))
        np.testing.assert_allclose(found, ours.predict(X), rtol=1e-5)
    in_estimator = lk.SquaredError().to_xgboost()
    model = xgboost.XGBRegressor(objective=in_estimator, n_estimators=ROUNDS, learning_rate=0.1, **PLAIN["xgboost"])
    found = in_estimator.predict(model.fit(X, y, sample_weight=w).predict(X, output_margin=True))
    ours = regressor(None, "xgboost", objective="losskit").fit(X, y, w)
    np.testing.assert_allclose(found, ours.predict(X), rtol=1e-5)
    X, y = classes(3)
    data, objective = xgboost.DMatrix(X, y), lk.SoftmaxCrossEntropy().to_xgboost()
    booster = xgboost.train({**params, "num_class": 3}, data, ROUNDS, obj=objective)
    ours = classifier(None, "xgboost", objective="losskit").fit(X, y)
    proba = objective.predict(booster.predict(data, output_margin=True))
    np.testing.assert_allclose(proba, ours.predict_proba(X), rtol=1e-4)


def test_a_metric_called_map_is_maximised_unless_its_name_is_safe():
    X, y = numbers(far=20.0)
    train, held = xgboost.DMatrix(X[:300], y[:300]), xgboost.DMatrix(X[300:], y[300:])
    objective = lk.PseudoHuber(2.0).to_xgboost()

    def rounds(metric):
        stop = xgboost.callback.EarlyStopping(rounds=5)
        booster = xgboost.train(
            {"nthread": 1, "eta": 0.3, "disable_default_eval_metric": True}, train, 60, obj=objective,
            custom_metric=metric, evals=[(held, "held")], callbacks=[stop], verbose_eval=False,
        )  # fmt: skip
        return booster.best_iteration

    def mape(f, data):
        return "map_error", float(np.mean(np.abs(1 - (objective.intercept[0] + f) / data.get_label())))

    assert rounds(mape) == 0  # the first round is the worst, and is taken for the best
    assert rounds(objective.metric) > 5


def test_xgboost_weighs_numbers_that_are_1_if_one_lets_it():
    X, y = numbers(100, far=0.0)
    y[:50] = 1.0
    plain, moved = (
        xgboost.XGBRegressor(n_estimators=5, n_jobs=1, scale_pos_weight=s).fit(X, y).predict(X) for s in (1.0, 9.0)
    )
    assert np.abs(moved - plain).max() > 0.1


def test_an_unsafe_curvature_leaves_xgboost_without_trees():
    X, y = numbers(far=0.0)
    loss = lk.Tukey(c=4.0)

    def tutorial(f, data):
        return loss.gradient(data.get_label(), f, None, "sum"), loss.hessian(data.get_label(), f, None, "sum")

    y = y + 100.0  # from 0, where the library starts, everything is far off
    wrong = xgboost.train({"nthread": 1, "base_score": 0.0}, xgboost.DMatrix(X, y), 10, obj=tutorial)
    assert (wrong.predict(xgboost.DMatrix(X)) == 0).all()
    good = regressor(lk.Tukey("auto"), "xgboost").fit(X, y)
    assert np.abs(good.predict(X) - y).mean() < 4


def test_catboost_wants_the_derivatives_of_minus_the_loss():
    y, w = np.array([3.0, 5.0, 4.0]), np.array([1.0, 2.0, 1.0])
    objective = lk.SquaredError().to_catboost(y, w)
    assert objective.intercept[0] == 4.25
    f = np.array([0.5])
    (pair,) = objective.calc_ders_range(f, y[:1], w[:1])
    assert objective._descent.scale == 2
    assert pair.tolist() == [-(0.5 + 4.25 - 3.0), -1.0]
    X, y = numbers(200)
    options = {"iterations": ROUNDS, "learning_rate": 0.1, "verbose": False, "allow_writing_files": False,
               "thread_count": 1, "random_seed": 0, **PLAIN["catboost"]}  # fmt: skip

    class Plus:
        def calc_ders_range(self, f, y, w):
            return np.column_stack([np.asarray(f) - y, np.ones(len(f))]) if self else None

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        uphill = {"loss_function": Plus(), "eval_metric": "RMSE", "leaf_estimation_method": "Gradient"}
        wrong = catboost.CatBoost({**options, **uphill}).fit(X, y - y.mean())
        objective = lk.Huber(2.0).to_catboost(y)
        model = catboost.CatBoost({**options, "loss_function": objective, "eval_metric": objective.metric}).fit(X, y)
    assert np.std(wrong.predict(X) - y) > np.std(y)
    ours = regressor(lk.Huber(2.0), "catboost").fit(X, y)
    np.testing.assert_allclose(objective.predict(model.predict(X)), ours.predict(X), rtol=1e-5)
    assert model.get_evals_result()["learn"] != {}
    with pytest.raises(ParameterError, match="state the targets"):
        lk.Huber().to_catboost()
    with pytest.raises(CapabilityError, match="row by row"):
        lk.GaussianNLL().to_catboost(y)
