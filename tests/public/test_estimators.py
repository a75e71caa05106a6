import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

import losskit as lk
from losskit.errors import CapabilityError, ConvergenceWarning, DomainError
from losskit.estimators import LinearClassifier, LinearRegressor
from losskit.penalties import L2
from losskit.solvers.joint_scale import JointScale
from tests.solvers.data import problem

ESTIMATORS = [
    LinearRegressor(),
    LinearRegressor(lk.Huber(1.35), penalty=L2(0.1)),
    LinearRegressor(lk.AbsoluteError()),
    LinearRegressor(JointScale(lk.Huber(1.35))),
    LinearClassifier(),
    LinearClassifier(penalty=L2(0.01)),
    LinearClassifier(lk.Hinge(), penalty=L2(0.1)),
    LinearClassifier("squared_hinge"),
    LinearClassifier(lk.SoftmaxCrossEntropy(), penalty=L2(0.01)),
    LinearClassifier(lk.Ordinal(), penalty=L2(0.01)),
    LinearRegressor(penalty=lk.L1(0.1)),
    LinearClassifier(penalty=lk.ElasticNet(0.1)),
    lk.LinearRegressorCV(alphas=[1.0, 0.1], cv=2),
    lk.LinearClassifierCV(alphas=[0.1, 0.01], cv=2),
]


def not_meant(estimator):
    text = {"check_classifiers_classes": "its labels are text without an order, which ordered classes need"}
    return text if isinstance(estimator.loss, lk.Ordinal) else {}


@pytest.mark.filterwarnings("ignore::losskit.errors.ConvergenceWarning")
@parametrize_with_checks(ESTIMATORS, expected_failed_checks=not_meant)
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


def test_squared_error_is_least_squares():
    X, y = problem(lk.SquaredError())
    model = LinearRegressor().fit(X, y)
    beta = np.linalg.lstsq(np.column_stack([X, np.ones(len(y))]), y, rcond=None)[0]
    np.testing.assert_allclose(model.coef_, beta[:-1], rtol=1e-9)
    assert model.intercept_ == pytest.approx(beta[-1], rel=1e-9)


def test_a_name_is_a_loss_with_its_defaults():
    X, y = problem(lk.Huber())
    assert LinearRegressor("huber").fit(X, y).loss_ == lk.Huber()
    assert LinearRegressor("absolute error").fit(X, y).solution_.solver == "smoothing"


def test_auto_is_resolved_on_the_training_rows():
    X, y = problem(lk.Huber())
    model = LinearRegressor(lk.Huber(delta="auto")).fit(X, y)
    assert model.loss_.delta == pytest.approx(1.345 * 1.1, rel=0.25)  # Student's t with 3 degrees of freedom
    assert model.loss == lk.Huber(delta="auto")
    larger = LinearRegressor(lk.Huber(delta="auto")).fit(X, 10 * y)
    np.testing.assert_allclose(larger.coef_, 10 * model.coef_, rtol=1e-6)


def test_log_links_predict_the_mean():
    X, y = problem(lk.Poisson())
    model = LinearRegressor(lk.Poisson()).fit(X, y)
    np.testing.assert_allclose(model.predict(X), np.exp(X @ model.coef_ + model.intercept_), rtol=1e-12)
    assert model.predict(X).sum() == pytest.approx(y.sum(), rel=1e-9)


def test_logistic_agrees_with_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    X, y = problem(lk.Logistic())
    X, alpha = X / X.std(0), 0.01
    model = LinearClassifier(penalty=L2(alpha)).fit(X, y)
    theirs = LogisticRegression(C=1 / (alpha * len(y)), tol=1e-12, solver="newton-cholesky").fit(X, y)
    np.testing.assert_allclose(model.coef_, theirs.coef_, rtol=1e-6)
    np.testing.assert_allclose(model.predict_proba(X), theirs.predict_proba(X), rtol=1e-5)


@pytest.mark.parametrize("labels", [("no", "yes"), (False, True), (3, 8)], ids=str)
@pytest.mark.parametrize("loss", [None, lk.Hinge(), lk.SquaredHinge(), lk.BinaryFocal()], ids=str)
def test_labels_of_any_kind_come_back(loss, labels):
    X, y = problem(lk.Logistic())
    named = np.array(labels)[y.astype(int)]
    model = LinearClassifier(loss, penalty=L2(0.1)).fit(X, named)
    assert list(model.classes_) == list(labels)
    assert set(model.predict(X)) <= set(labels)
    assert model.score(X, named) > 0.6
    assert np.array_equal(model.decision_function(X) > 0, model.predict(X) == labels[1])


def test_probabilities_only_where_the_score_is_a_logit():
    X, y = problem(lk.Logistic())
    proba = LinearClassifier(penalty=L2(0.1)).fit(X, y).predict_proba(X)
    np.testing.assert_allclose(proba.sum(1), 1)
    hinge = LinearClassifier("hinge", penalty=L2(0.1)).fit(X, y)
    assert not hasattr(hinge, "predict_proba")


def test_what_does_not_belong_together_is_refused():
    X, y = problem(lk.Logistic())
    with pytest.raises(CapabilityError, match="LinearClassifier"):
        LinearRegressor(lk.Hinge()).fit(X, y)
    with pytest.raises(CapabilityError, match="LinearRegressor"):
        LinearClassifier(lk.Huber()).fit(X, y)
    with pytest.raises(DomainError, match="OneVsRest"):
        LinearClassifier(lk.Logistic()).fit(X, np.arange(len(y)) % 3)
    with pytest.raises(DomainError, match="one class"):
        LinearClassifier().fit(X, np.ones(len(y)))
    with pytest.raises(DomainError, match=r"y\[5\] = -2\.0"):
        LinearRegressor(lk.Poisson()).fit(X, np.where(np.arange(len(y)) == 5, -2.0, 1.0))


def test_separated_classes_are_said_by_the_estimator():
    X = np.linspace(-1, 1, 30)[:, None]
    with pytest.warns(ConvergenceWarning, match="separat"):
        LinearClassifier().fit(X, X[:, 0] > 0)


def test_clones_keep_loss_and_penalty_and_print_as_typed():
    model = LinearRegressor(JointScale(lk.Huber(1.5)), penalty=L2(0.1))
    assert clone(model).get_params() == model.get_params()
    assert repr(LinearRegressor(lk.Huber(delta=2.0))) == "LinearRegressor(loss=Huber(delta=2.0))"


def test_column_names_are_kept():
    pandas = pytest.importorskip("pandas")
    X, y = problem(lk.Huber())
    frame = pandas.DataFrame(X, columns=list("abcd"))
    assert list(LinearRegressor().fit(frame, y).feature_names_in_) == list("abcd")


@pytest.mark.parametrize(
    ("loss", "penalty"), [(lk.SquaredError(), L2(0.1)), (lk.SquaredError(), lk.L1(0.1)), (lk.AbsoluteError(), None)]
)
def test_several_targets_are_a_fit_each(loss, penalty):
    X, y = problem(loss)
    Y, w, offset = np.column_stack([y, -2 * y, y[::-1]]), np.arange(len(y)) % 3.0, 0.1 * X[:, 1]
    model = LinearRegressor(loss, penalty=penalty).fit(X, Y, w, offset)
    for j, solution in enumerate(model.solution_):
        alone = LinearRegressor(loss, penalty=penalty).fit(X, Y[:, j], w, offset)
        np.testing.assert_allclose(model.coef_[j], alone.coef_, rtol=1e-9, atol=1e-12)
        assert solution.certificate <= 1e-10
    assert model.predict(X).shape == Y.shape
    with pytest.raises(CapabilityError, match="one target"):
        model.inference(X, Y)
    with pytest.raises(CapabilityError, match="MultiOutputRegressor"):
        LinearRegressor(lk.Huber("auto")).fit(X, Y)


def test_the_gram_matrix_of_several_targets_is_made_once(monkeypatch):
    from losskit.objectives.linear import Gram

    made = []
    before = Gram.__init__
    monkeypatch.setattr(Gram, "__init__", lambda self, design: (made.append(1), before(self, design))[1])
    X, y = problem(lk.SquaredError())
    one = LinearRegressor().fit(X, y) and len(made)
    made.clear()
    LinearRegressor().fit(X, np.column_stack([y, y**2, -y]))
    assert len(made) == one


def test_predictions_and_scores_take_the_offset_of_the_fit():
    X, y = problem(lk.Logistic())
    offset = 3.0 * X[:, 1]
    labels = np.where(y > 0, "yes", "no")
    model = LinearClassifier().fit(X, labels, offset=offset)
    full = LinearClassifier().fit(np.column_stack([X, X[:, 1]]), labels)  # the same column free: the same fit
    np.testing.assert_allclose(model.predict_proba(X, offset), full.predict_proba(np.column_stack([X, X[:, 1]])))
    np.testing.assert_allclose(model.decision_function(X, offset), X @ model.coef_[0] + model.intercept_ + offset)
    assert model.score(X, labels, offset=offset) == np.mean(model.predict(X, offset) == labels) > 0.6
    both = LinearRegressor().fit(X, np.column_stack([offset + X[:, 0], offset]), offset=offset)
    assert both.score(X, np.column_stack([offset + X[:, 0], offset]), offset=offset) == pytest.approx(1.0)
    with pytest.raises(CapabilityError, match="one score a row"):
        LinearClassifier(lk.SoftmaxCrossEntropy(), penalty=L2(0.1)).fit(X, labels).predict(X, offset)


def test_weights_and_offsets_are_routed_by_name():
    import sklearn
    from sklearn.model_selection import cross_validate

    X, y = problem(lk.Poisson())
    w, offset = np.arange(len(y)) % 2.0, np.linspace(0, 1, len(y))
    with sklearn.config_context(enable_metadata_routing=True):
        model = LinearRegressor(lk.Poisson()).set_fit_request(sample_weight=True, offset=True)
        model.set_predict_request(offset=True).set_score_request(sample_weight=False)
        found = cross_validate(
            model, X, y, params={"sample_weight": w, "offset": offset}, cv=2, return_estimator=True, scoring=_score
        )
    half = slice(len(y) // 2, None)
    alone = LinearRegressor(lk.Poisson()).fit(X[half], y[half], w[half], offset[half])
    np.testing.assert_allclose(found["estimator"][0].coef_, alone.coef_, rtol=1e-9)
    assert "LinearRegressor" in alone._repr_html_()


def _score(model, X, y):
    return 0.0


SAVED = [
    LinearRegressor(lk.Huber("auto"), penalty=lk.ElasticNet(0.01, 0.3)), LinearRegressor(JointScale(lk.Huber(1.35))),
    LinearRegressor(penalty=lk.Box(-np.inf, 1.0)), LinearRegressor(lk.MultiQuantile((0.2, 0.8))),
    lk.LinearRegressorCV(alphas=[0.1, 0.01], cv=2), LinearClassifier(penalty=L2(0.1)),
    LinearClassifier("squared_hinge"),
    lk.LinearRegressorCV(["squared error", lk.Huber(1.0)], scoring="r2", alphas=[0.1], cv=2),
]  # fmt: skip


@pytest.mark.parametrize("model", SAVED, ids=str)
def test_a_model_file_holds_the_model_and_no_code(model, tmp_path):
    import pandas as pd

    from losskit.estimators import load
    from losskit.models.table import load_model

    X, y = problem(lk.SquaredError())
    frame = pd.DataFrame(X, columns=list("abcd")).assign(town=np.where(X[:, 0] > X[0, 0], "Aa", "Bo"))
    y = np.where(y > 0, "yes", "no") if isinstance(model, LinearClassifier) else y
    model.fit(frame, y)
    model.save(tmp_path / "model.losskit")
    with pytest.raises(lk.errors.ModelFileError, match="name a file that losskit fit or select wrote"):
        load_model(tmp_path / "model.losskit")
    again = load(tmp_path / "model.losskit")
    np.testing.assert_array_equal(again.predict(frame), model.predict(frame))
    assert again.loss_ == model.loss_
    assert again.penalty == getattr(model, "penalty_", model.penalty)
    assert again.solution_.value == model.solution_.value
    assert again.feature_names_out_.tolist() == model.feature_names_out_.tolist()
    assert isinstance(clone(again).fit(frame, y), type(again))
    (tmp_path / "model.losskit").write_bytes((tmp_path / "model.losskit").read_bytes()[:-9])
    with pytest.raises(lk.errors.ModelFileError):
        load(tmp_path / "model.losskit")


def test_targets_and_labels_of_numbers_are_kept_too(tmp_path):
    from losskit.estimators import load

    X, y = problem(lk.SquaredError())
    both = LinearRegressor().fit(X, np.column_stack([y, -y]))
    both.save(tmp_path / "both")
    np.testing.assert_array_equal(load(tmp_path / "both").predict(X), both.predict(X))
    three = LinearClassifier(penalty=L2(0.1)).fit(X, np.digitize(y, [-1, 1]))
    three.save(tmp_path / "three")
    np.testing.assert_array_equal(load(tmp_path / "three").predict_proba(X), three.predict_proba(X))
