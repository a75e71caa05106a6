"""The booster contract: in each test the naive adapter does wrong, and ours does not."""

from __future__ import annotations

import pickle
import warnings

import lightgbm
import numpy as np
import pytest
import xgboost
from sklearn.base import clone

import losskit as lk
from losskit.base import Evaluated
from losskit.boosted import BoostedQuantiles, BoostedRegressor, load
from losskit.boosting.curvature import CURVATURES, curvature_of, parts
from losskit.boosting.descent import Descent, best_shifts
from losskit.errors import CapabilityError, DomainError, ParameterError
from losskit.models import modelfile
from losskit.registry import losses
from tests.adapters.boosted import (
    ENGINES,
    PLAIN,
    ROUNDS,
    classes,
    classifier,
    each_engine,
    naive,
    numbers,
    regressor,
    squared,
)

# -- intercept


@each_engine
def test_boosting_starts_from_the_best_constant(engine):
    X, y = numbers()
    wrong = naive(**squared(), X=X, y=y).predict(X)
    assert np.sqrt(np.mean((wrong - y) ** 2)) > 50
    for loss in (lk.SquaredError(), lk.AbsoluteError())[: 1 if engine == "catboost" else 2]:
        native, ours = (regressor(loss, engine, objective=kind).fit(X, y) for kind in ("native", "losskit"))
        assert native.objective_.startswith("native: ")
        assert ours.objective_ == "losskit"
        assert ours.intercept_[0] == loss.constant(y)
        np.testing.assert_allclose(ours.predict(X), native.predict(X), rtol=3e-6)


def test_the_intercept_is_that_of_the_link():
    X, y = numbers(far=5.0)
    y = np.round(np.abs(y))
    for loss, link in ((lk.Poisson(), np.log), (lk.Gamma(), np.log)):
        model = regressor(loss, objective="losskit").fit(X, y + 1)
        assert model.intercept_[0] == pytest.approx(link(np.mean(y + 1)), rel=1e-12)


# -- weights


@each_engine
@pytest.mark.parametrize("loss", [lk.SquaredError(), lk.Huber(2.0), lk.Quantile(0.8)], ids=repr)
def test_weight_2_is_the_row_twice(engine, loss):
    X, y = numbers(200)
    w = np.where(X[:, 1] > 2, 2.0, 1.0)
    once, alike = (naive(**squared(), X=X, y=y, weight=weight).predict(X) for weight in (None, w))
    assert np.array_equal(once, alike)  # two arguments: the weights were dropped in silence
    options = {"min_child_samples": 1, "num_leaves": 4} if engine == "lightgbm" else {}
    model = regressor(loss, engine, objective="losskit", **options).set_params(n_estimators=8)
    if engine == "catboost" and loss == lk.Quantile(0.8):
        with pytest.raises(CapabilityError, match="cannot renew leaves"):
            model.fit(X, y)
        return
    weighted = clone(model).fit(X, y, w)
    twice = np.repeat(np.arange(len(y)), w.astype(int))
    repeated = clone(model).fit(X[twice], y[twice])
    assert weighted.intercept_[0] == pytest.approx(repeated.intercept_[0])
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-6)


def test_weight_0_is_no_row():
    X, y = numbers(100)
    w = np.r_[np.zeros(20), np.ones(80)]
    a = regressor(lk.Gamma()).fit(X, np.r_[np.full(20, -5.0), y[20:]], w)
    b = regressor(lk.Gamma()).fit(X[20:], y[20:])
    assert np.array_equal(a.predict(X), b.predict(X))


# -- link


@each_engine
@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("kind", ["native", "losskit"])
def test_probabilities_are_probabilities(engine, k, kind):
    X, y = classes(k)
    if k == 2:
        raw = lightgbm.LGBMClassifier(
            objective=lambda y, f: (1 / (1 + np.exp(-f)) - y, np.exp(-f) / (1 + np.exp(-f)) ** 2), n_estimators=5,
            verbosity=-1, n_jobs=1,
        ).fit(X, y)  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns, and returns margins all the same
            wrong = raw.predict_proba(X)
        assert wrong.ndim == 1
        assert wrong.min() < 0
    model = classifier(None, engine, objective=kind)
    if engine == "catboost" and k == 3 and kind == "losskit":
        with pytest.raises(CapabilityError, match="row by row"):
            model.fit(X, y)
        return
    model.fit(X, np.array(["b", "a", "c"])[y])
    proba = model.predict_proba(X)
    assert proba.shape == (len(y), k)
    assert (proba >= 0).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    shares = [np.mean(np.array(["b", "a", "c"])[y] == label) for label in model.classes_]
    np.testing.assert_allclose(proba.mean(axis=0), shares, atol=0.03)
    assert np.array_equal(model.predict(X), model.classes_[proba.argmax(axis=1)])
    assert model.score(X, np.array(["b", "a", "c"])[y]) > 0.7


def test_means_are_means():
    X, y = numbers(far=0.0)
    y = np.exp(y / 8)
    for loss in (lk.Poisson(), lk.Gamma(), lk.Tweedie(1.5)):
        model = regressor(loss, objective="losskit").fit(X, y)
        assert model.predict(X).mean() == pytest.approx(y.mean(), rel=0.1)
        np.testing.assert_allclose(model.predict(X), np.exp(model.raw_scores(X)))


# -- curvature


@each_engine
def test_a_redescending_loss_has_a_positive_curvature(engine):
    X, y = numbers(far=0.0)
    y[::6] += 60.0
    loss = lk.Tukey(c=15.0)
    start = np.full_like(y, loss.constant(y))
    assert (loss.hessian(y, start, reduction="none") <= 0).mean() > 0.15  # what a naive adapter hands over
    model = regressor(loss, engine).fit(X, y)
    assert model.curvature_ == "majorizer"
    assert model.loss_(y, model.predict(X)) < 0.8 * loss(y, start)
    pulled = regressor(lk.SquaredError(), engine).fit(X, y)
    good = y < 40
    assert np.abs(model.predict(X) - y)[good].mean() < 0.3 * np.abs(pulled.predict(X) - y)[good].mean()


def every_loss():
    return [cls() for cls in losses(Evaluated).values()]


@pytest.mark.parametrize("loss", every_loss(), ids=lambda loss: type(loss).__name__)
def test_every_loss_has_a_curvature_or_says_what_to_use_instead(loss):
    bounded = any(domain.bounded for domain in loss.prediction_domains)
    known = loss.traits()
    bent = known.curvature != 0 or not known.differentiable
    bent = bent and (len(loss.outputs) == 1 or hasattr(loss, "information"))  # corners of several outputs have no step
    if isinstance(loss, lk.Pointwise) and not bounded and known.convex and bent:
        assert curvature_of(loss) in CURVATURES
        return
    try:
        found = curvature_of(loss)
    except CapabilityError as error:
        found = str(error)
    assert found in CURVATURES or "use " in found
    assert found not in CURVATURES or not bounded


KINDS = [lk.Logistic(), lk.Poisson(), lk.Huber(1.0), lk.BinaryFocal()]


@pytest.mark.parametrize("loss", KINDS, ids=repr)
def test_curvatures_are_positive_and_of_mean_1_at_the_start(loss):
    rng = np.random.default_rng(0)
    y = loss.domain.sample(rng, 50) if loss.domain.bounded else rng.normal(size=50)
    descent = Descent(loss, y, rng.uniform(0.5, 2, 50))
    _, h = descent.derivatives(np.zeros(50))
    assert h.sum() / descent.weight == pytest.approx(1, rel=1e-5)
    for margins in (rng.normal(size=50), np.full(50, 3.0)):
        g, h = descent.derivatives(margins)
        assert np.isfinite(g).all()
        assert (h > 0).all()


@pytest.mark.parametrize("loss", [lk.Huber(0.7), lk.PseudoHuber(0.7), lk.Fair(0.7)])
def test_the_parabola_of_irls_lies_above_the_loss(loss):
    assert curvature_of(loss) == "irls"
    r = np.linspace(-5, 5, 101)
    y = np.zeros_like(r)
    g, h = parts(loss, "irls", y, r, None)
    value = loss(y, r, reduction="none")
    for s in (-4.0, -0.3, 0.0, 0.1, 2.0):
        there = loss(y, np.full_like(r, s), reduction="none")
        assert (value + g * (s - r) + h * (s - r) ** 2 / 2 >= there - 1e-12).all()


def test_a_fixed_small_delta_does_not_creep():
    X, y = numbers()
    model = regressor(lk.Huber(0.01), objective="losskit").fit(X, y)
    steady = regressor(lk.Huber(0.01), curvature="majorizer").fit(X, y)
    assert steady.loss_(y, steady.predict(X)) > 2 * model.loss_(y, model.predict(X))


def test_a_loss_of_ones_own_is_descended_by_its_hessian_and_stopped_where_that_is_negative():
    X, y = numbers(200)
    own = lk.from_formula("where(f > y, 3, 1) * (f - y) ** 2")
    model = regressor(own).fit(X, y)
    assert (model.objective_, model.curvature_) == ("losskit", "hessian")
    stated = regressor(lk.AsymmetricSquared(under=1.0, over=3.0), curvature="hessian").fit(X, y)
    np.testing.assert_allclose(model.predict(X), stated.predict(X), rtol=1e-6)
    with pytest.raises(CapabilityError, match="nothing says that it is convex"):
        regressor(lk.from_formula("where(f > y, 3, 1) * abs(f - y)")).fit(X, y)
    with pytest.raises(CapabilityError, match=r"Hessian .* in round .*, first at row .*'absolute'"):
        regressor(lk.from_formula("(f - y) ** 2 - where(abs(f - 1018) < 2, 2, 0) * (f - 1016) ** 2")).fit(X, y)


def test_names_of_curvatures_are_checked_and_asking_for_a_wrong_one_says_so():
    X, y = numbers(100, far=0.0)
    assert set(CURVATURES) >= {"hessian", "fisher", "majorizer"}
    with pytest.raises(ParameterError, match="'majorizer'"):
        regressor(None, curvature="gauss").fit(X, y)
    with pytest.raises(ParameterError, match="'majorizer'"):
        lk.Huber().to_xgboost(curvature="gauss")
    with pytest.raises(CapabilityError, match="not positive at the start"):
        regressor(lk.Tukey(c=2.0), curvature="hessian").fit(X, y)


# -- scale


@each_engine
def test_units_of_y_change_no_tree(engine):
    X, y = numbers()
    plain = lightgbm.LGBMRegressor(objective="huber", n_estimators=ROUNDS, verbosity=-1, n_jobs=1)
    wrong = plain.fit(X, 1000 * y).predict(X)
    constant = np.abs(1000 * y - np.median(1000 * y)).mean()
    assert np.abs(wrong - 1000 * y).mean() > 0.98 * constant
    for loss in (lk.Huber("auto"), lk.Tukey("auto"), lk.PseudoHuber("auto")):
        small, large = regressor(loss, engine).fit(X, y), regressor(loss, engine).fit(X, 1000 * y)
        np.testing.assert_allclose(large.predict(X), 1000 * small.predict(X), rtol=1e-6)
        number = next(iter(small.loss_.parameters))
        assert getattr(large.loss_, number) == pytest.approx(1000 * getattr(small.loss_, number), rel=1e-3)
        assert np.abs(small.predict(X) - y).mean() < 0.8 * constant / 1000


def test_the_scale_is_estimated_again_as_residuals_shrink():
    X, y = numbers()
    descent = Descent(lk.Huber("auto"), y)
    first = descent.loss.delta
    model = regressor(lk.Huber("auto")).fit(X, y)
    assert model.loss_.delta < 0.6 * first
    assert model.loss == lk.Huber("auto")


# -- piecewise-linear losses


@pytest.mark.parametrize("engine", [e for e in ENGINES if e != "catboost"])
def test_leaves_of_piecewise_linear_losses_are_renewed(engine):
    X, y = numbers()
    loss = lk.AbsoluteError()
    wrong = naive(lambda y, f: np.sign(f - y), lambda y, f: np.ones_like(f), X, y - np.median(y))
    creeping = np.abs(wrong.predict(X) + np.median(y) - y).mean()
    native = regressor(loss, engine, objective="native").fit(X, y)
    ours = regressor(loss, engine, objective="losskit").fit(X, y)
    assert loss(y, native.predict(X)) < 0.7 * creeping
    np.testing.assert_allclose(ours.predict(X), native.predict(X), rtol=1e-6)
    for other in (lk.EpsilonInsensitive(0.5), lk.AsymmetricAbsolute(3, 1), lk.HuberQuantile(0.8, 0.1)):
        model = regressor(other, engine).fit(X, y)
        assert model.objective_ == "losskit"
        start = np.full_like(y, other.constant(y))
        assert model.loss_(y, model.predict(X)) < 0.5 * other(y, start)


def test_renewed_leaves_are_at_their_optimum():
    rng = np.random.default_rng(0)
    y, leaf = rng.normal(size=90), np.repeat([0, 1, 3], 30)
    for loss in (lk.AbsoluteError(), lk.Quantile(0.9), lk.EpsilonInsensitive(0.3)):
        found = best_shifts(loss, y, np.zeros(90), None, leaf, 4)
        for i in (0, 1, 3):
            mine = y[leaf == i]
            best = loss(mine, np.full(30, loss.constant(mine)))
            assert loss(mine, np.full(30, found[i])) == pytest.approx(best, rel=1e-9)
        assert found[2] == 0
    signs = np.r_[np.ones(30), -np.ones(30), np.resize([1.0, -1.0], 30)]
    found = best_shifts(lk.Hinge(), signs, np.zeros(90), None, leaf, 4)
    np.testing.assert_allclose(found, [1, -1, 0, 0], atol=1e-9)  # no farther than the loss asks, for pure leaves


def test_renewed_leaves_and_monotone_constraints_exclude_each_other():
    X, y = numbers(100)
    with pytest.raises(CapabilityError, match="HuberQuantile"):
        regressor(lk.Quantile(0.9), monotone_constraints=[1, 0, 0, 0]).fit(X, y)
    regressor(lk.HuberQuantile(0.9), curvature="majorizer", monotone_constraints=[1, 0, 0, 0]).fit(X, y)


# -- several classes


@pytest.mark.parametrize("engine", ["lightgbm", "xgboost"])
def test_several_classes_have_the_librarys_own_trees(engine):
    # K/(K - 1) p (1 - p) in LightGBM since 3.0.0, before 2 p (1 - p), which XGBoost has up to 3.2
    if engine == "xgboost" and tuple(map(int, xgboost.__version__.split(".")[:2])) > (3, 2):
        pytest.skip("XGBoost's own curvature became |p - y| after 3.2 (dmlc/xgboost#12537)")
    X, y = classes(3)
    native, ours = (classifier(None, engine, objective=kind).fit(X, y) for kind in ("native", "losskit"))
    assert ours.objective_ == "losskit"
    np.testing.assert_allclose(ours.predict_proba(X), native.predict_proba(X), rtol=2e-4)


def test_a_naive_factor_for_several_classes_is_another_model():
    X, y = classes(3)
    loss = lk.SoftmaxCrossEntropy()

    def plain(y, f):
        f = np.asarray(f, dtype=float).reshape(len(y), -1)
        return loss.gradient(y.astype(float), f, None, "sum"), loss.hessian_diagonal(y.astype(float), f, None, "sum")

    naive_model = lightgbm.LGBMClassifier(
        objective=plain, num_class=3, n_estimators=ROUNDS, verbosity=-1, n_jobs=1, **PLAIN["lightgbm"]
    ).fit(X, y)
    wrong = loss.predict(naive_model.booster_.predict(X, raw_score=True))
    native = classifier(None, objective="native").fit(X, y).predict_proba(X)
    assert np.abs(wrong - native).max() > 0.02


# -- options of classes


@each_engine
def test_scale_pos_weight_is_refused_outside_classification(engine):
    X, y = numbers(100)
    for name in ("scale_pos_weight", "is_unbalance", "auto_class_weights"):
        with pytest.raises(CapabilityError, match="sample_weight"):
            regressor(None, engine, **{name: 2.0}).fit(X, y)
    X, y = classes(2)
    for kind in ("native", "losskit"):
        weighted = classifier(None, engine, objective=kind, scale_pos_weight=3.0).fit(X, y)
        same = classifier(None, engine, objective=kind).fit(X, y, np.where(y == 1, 3.0, 1.0))
        assert np.array_equal(weighted.predict_proba(X), same.predict_proba(X))
    with pytest.raises(CapabilityError, match="two classes"):
        classifier(None, engine, scale_pos_weight=3.0).fit(*classes(3))


# -- quantiles


def test_quantiles_do_not_cross_and_reach_their_level():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 6))
    y = X[:, 0] + (0.5 + np.abs(X[:, 1])) * rng.normal(size=2000)
    levels = (0.05, 0.5, 0.55, 0.95)
    train, test = np.arange(800), np.arange(800, 2000)
    options = {"min_child_samples": 5, "num_leaves": 31, "n_jobs": 1, "verbosity": -1, "n_estimators": 60}
    raw = np.column_stack([
        lightgbm.LGBMRegressor(objective="quantile", alpha=a, **options).fit(X[train], y[train]).predict(X[test])
        for a in levels
    ])  # fmt: skip
    covered = (raw[:, 0] <= y[test]) & (y[test] <= raw[:, -1])
    assert covered.mean() < 0.82
    assert (np.diff(raw, axis=1) < 0).any(axis=1).mean() > 0.04
    del options["verbosity"]
    model = BoostedQuantiles(levels, BoostedRegressor(**options), random_state=0).fit(X[train], y[train])
    found = model.predict(X[test])
    assert (np.diff(found, axis=1) >= 0).all()
    covered = (found[:, 0] <= y[test]) & (y[test] <= found[:, -1])
    assert 0.87 < covered.mean() < 0.97  # 160 rows calibrate: a standard deviation of 2.4 %
    assert model.score(X[test], y[test]) > BoostedQuantiles(
        levels, BoostedRegressor(**options), calibration_fraction=0
    ).fit(X[train], y[train]).score(X[test], y[test])


def test_too_few_rows_cannot_tell_an_outer_quantile():
    X, y = numbers(60)
    with pytest.raises(lk.DataError, match="at least 99 are needed"):
        BoostedQuantiles((0.01, 0.99), regressor(None), random_state=0).fit(X, y)
    with pytest.raises(ParameterError, match="increasing"):
        BoostedQuantiles((0.9, 0.1)).fit(X, y)


# -- saving


@each_engine
@pytest.mark.parametrize("case", ["huber", "logistic", "softmax"])
def test_models_are_saved_whole(engine, case, tmp_path):
    X, y = numbers() if case == "huber" else classes(2 if case == "logistic" else 3)
    wrong = naive(**squared(), X=X, y=y)
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(wrong)
    smoothing = 0.0 if engine == "catboost" else 0.1
    model = {
        "huber": lambda: regressor(lk.Huber("auto"), engine),
        "logistic": lambda: classifier(lk.Logistic(), engine, objective="losskit"),
        "softmax": lambda: classifier(lk.SoftmaxCrossEntropy(label_smoothing=smoothing), engine),
    }[case]().fit(X, y)
    model.save(tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert np.array_equal(loaded.raw_scores(X), model.raw_scores(X))
    assert np.array_equal(loaded.predict(X), model.predict(X))
    assert repr(loaded) == repr(model)
    assert (loaded.loss_, loaded.objective_, loaded.n_iter_) == (model.loss_, model.objective_, model.n_iter_)
    assert np.array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))


def test_a_damaged_model_is_refused(tmp_path):
    X, y = numbers(100)
    model = regressor(lk.Huber(1.0)).fit(X, y)
    model.save(tmp_path / "good")
    payload, arrays = modelfile.load(tmp_path / "good")
    for key, value in (
        ("loss_", "Huber(delta=-1.0)"), ("schema", "losskit.boosted/9"), ("estimator", "LinearRegressor"),
        ("n_iter_", 1.5), ("parameters", {**payload["parameters"], "predict": 1}), ("parameters", {"engine": "os"}),
        ("labels", ["a"]),
    ):  # fmt: skip
        modelfile.save(tmp_path / "changed", {**payload, key: value}, arrays, force=True)
        with pytest.raises(lk.ModelFileError):
            load(tmp_path / "changed")
    model.forest_.model = b"tree\nno"
    model.save(tmp_path / "bad")
    with pytest.raises(lk.ModelFileError):
        load(tmp_path / "bad")
    with pytest.raises(lk.ModelFileError):
        load(tmp_path / "none")


# -- what trees cannot do


@pytest.mark.parametrize("loss", [lk.BinaryCrossEntropy(), lk.PoissonMean(), lk.GaussianVarianceNLL()], ids=repr)
def test_bounded_predictions_are_refused(loss):
    with pytest.raises(CapabilityError, match="raw scores"):
        curvature_of(loss)


def test_targets_at_the_end_of_the_domain_have_no_start():
    X, _ = numbers(50)
    with pytest.raises(DomainError, match="an end of what it predicts"):
        regressor(lk.Poisson()).fit(X, np.zeros(50))
