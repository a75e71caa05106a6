"""Losses as scorers of scikit-learn: the numbers of its own metrics, in its own searches."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn import config_context, metrics
from sklearn.datasets import load_iris
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LogisticRegression, PoissonRegressor, QuantileRegressor, Ridge
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.svm import LinearSVC

import losskit as lk

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 3))
REAL = X @ [1.0, -2.0, 0.5] + RNG.normal(size=120)
COUNTS = RNG.poisson(np.exp(0.3 * X[:, 0]))
WORDS = np.where(REAL > 0, "yes", "no")
W = RNG.uniform(0.5, 2.0, 120)


@pytest.mark.parametrize(
    ("loss", "model", "y", "theirs"),
    [
        (lk.SquaredError(), Ridge(), REAL,
         lambda m, y, w: metrics.mean_squared_error(y, m.predict(X), sample_weight=w)),
        (lk.Quantile(0.8), QuantileRegressor(quantile=0.8, alpha=0), REAL,
         lambda m, y, w: metrics.mean_pinball_loss(y, m.predict(X), alpha=0.8, sample_weight=w)),
        (2 * lk.Poisson(), PoissonRegressor(), COUNTS,
         lambda m, y, w: metrics.mean_poisson_deviance(y, m.predict(X), sample_weight=w)),
        (lk.Logistic(), LogisticRegression(), WORDS,
         lambda m, y, w: metrics.log_loss(y, m.predict_proba(X), sample_weight=w)),
        (lk.BinaryCrossEntropy(), LogisticRegression(), WORDS,
         lambda m, y, w: metrics.log_loss(y, m.predict_proba(X), sample_weight=w)),
        (lk.Hinge(), LinearSVC(), WORDS,
         lambda m, y, w: metrics.hinge_loss(y, m.decision_function(X), sample_weight=w)),
    ],
    ids=lambda x: type(x).__name__,
)  # fmt: skip
def test_a_score_is_minus_the_metric(loss, model, y, theirs):
    model.fit(X, y)
    scorer = pickle.loads(pickle.dumps(loss)).to_scorer()
    assert scorer(model, X, y) == pytest.approx(-theirs(model, y, None), rel=1e-10)
    assert scorer(model, X, y, sample_weight=W) == pytest.approx(-theirs(model, y, W), rel=1e-10)


def test_many_classes_and_raw_scores():
    data = load_iris()
    model = LogisticRegression(max_iter=500).fit(data.data, data.target_names[data.target])
    y = data.target_names[data.target]
    want = -metrics.log_loss(y, model.predict_proba(data.data))
    assert lk.SoftmaxCrossEntropy().to_scorer()(model, data.data, y) == pytest.approx(want, rel=1e-9)
    raw = lk.SoftmaxCrossEntropy().to_scorer(response_method="decision_function")
    assert raw(model, data.data, y) == pytest.approx(want, rel=1e-9)
    assert "decision_function" in repr(raw)
    two = y != "setosa"  # a fold may lack a class
    assert np.isfinite(lk.SoftmaxCrossEntropy().to_scorer()(model, data.data[two], y[two]))


def test_in_cross_validation_and_search_with_weights_by_routing():
    scorer = lk.Huber().to_scorer()
    both = {"huber": scorer, "squares": lk.SquaredError().to_scorer()}
    found = cross_validate(Ridge(), X, REAL, scoring=both, cv=KFold(3))
    assert found["test_squares"].mean() == pytest.approx(
        cross_validate(Ridge(), X, REAL, scoring="neg_mean_squared_error", cv=KFold(3))["test_score"].mean()
    )
    search = GridSearchCV(Ridge(), {"alpha": [0.01, 1e5]}, scoring=scorer).fit(X, REAL)
    assert search.best_params_ == {"alpha": 0.01}
    with config_context(enable_metadata_routing=True):
        asked = lk.SquaredError().to_scorer().set_score_request(sample_weight=True)
        model = DummyRegressor().set_fit_request(sample_weight=False)
        weighed = cross_validate(model, X, REAL, scoring=asked, cv=KFold(2), params={"sample_weight": W})
    half = len(REAL) // 2
    want = -np.average((REAL[:half] - REAL[half:].mean()) ** 2, weights=W[:half])
    assert weighed["test_score"][0] == pytest.approx(want, rel=1e-12)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: lk.Logistic().to_scorer()(LinearSVC().fit(X, WORDS), X, WORDS), lk.CapabilityError,
         "LinearSVC has no predict_proba"),
        (lambda: lk.Logistic().to_scorer()(LogisticRegression().fit(X, WORDS), X, np.full(120, "maybe")),
         lk.DomainError, "'maybe'.*120 of 120.*'no', 'yes'"),
        (lambda: lk.Logistic().to_scorer()(LogisticRegression().fit(X, COUNTS % 3), X, COUNTS % 3), lk.CapabilityError,
         "3 classes; use SoftmaxCrossEntropy"),
        (lambda: lk.Huber().to_scorer()(LogisticRegression().fit(X, WORDS), X, WORDS), lk.CapabilityError,
         "loss of numbers"),
        (lambda: lk.Poisson().to_scorer()(Ridge().fit(X, REAL), X, COUNTS), lk.DomainError, "Ridge predicts -.*of 120"),
        (lambda: lk.GaussianNLL().to_scorer()(Ridge().fit(X, REAL), X, REAL), lk.CapabilityError, "2 numbers a row"),
    ],
)  # fmt: skip
def test_what_an_estimator_does_not_give_is_said(call, error, words):
    with pytest.raises(error, match=words):
        call()
