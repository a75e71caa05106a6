"""A fitted model in a file, and what a damaged one says."""

import numpy as np
import pytest

from losskit.cli.fitting import fit_table, parse_penalty
from losskit.errors import CapabilityError, DataError, ModelFileError, ParameterError
from losskit.expressions import parse_loss
from losskit.losses.binary import BinaryFocal, Logistic
from losskit.losses.margin import Hinge
from losskit.losses.multiclass import FocalSoftmax
from losskit.losses.regression import Huber
from losskit.losses.robust import Barron
from losskit.models import modelfile
from losskit.models.table import load_model, posterior


def table(n=80):
    rng = np.random.default_rng(0)
    return {"x": rng.normal(size=n), "kind": rng.choice(["a", "b"], n).tolist()}


def classes(n=80):
    return np.where(table(n)["x"] + np.random.default_rng(1).normal(size=n) > 0, "yes", "no")


@pytest.fixture
def model():
    return fit_table(table(), classes(), Logistic(), 0.1)[0]


def test_a_model_is_read_back_as_it_was(model, tmp_path):
    model.save(tmp_path / "m.losskit")
    again = load_model(tmp_path / "m.losskit")
    assert again.loss == model.loss
    assert (again.coef == model.coef).all()
    assert (again.predict_proba(table()) == model.predict_proba(table())).all()
    assert again.classes == ("no", "yes")
    with pytest.raises(DataError, match="exists"):
        model.save(tmp_path / "m.losskit")


def test_a_parameter_of_minus_infinity_is_read_back(tmp_path):
    fitted = fit_table(table(), np.random.default_rng(2).normal(size=80), Barron(-np.inf, 3.0), 0.1)[0]
    fitted.save(tmp_path / "m.losskit")
    assert load_model(tmp_path / "m.losskit").loss == Barron(-np.inf, 3.0)


def test_predictions_have_probabilities_before_them(model):
    found = model.table(table())
    assert list(found) == ["probability_no", "probability_yes", "prediction"]
    assert found["probability_no"] + found["probability_yes"] == pytest.approx(1.0)
    labels = fit_table(table(), classes(), Hinge(), 0.1)[0]
    assert list(labels.table(table())) == ["prediction"]
    with pytest.raises(CapabilityError, match="gives no probabilities"):
        labels.predict_proba(table())


def damaged(model, path, **changes):
    model.save(path)
    payload, arrays = modelfile.load(path)
    extra = changes.pop("coef", None)
    payload = {k: v for k, v in {**payload, **changes}.items() if v != "gone"}
    modelfile.save(path, payload, arrays if extra is None else {"coef": extra}, force=True)
    return load_model(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": "losskit.linear/1"}, {"schema": "losskit.linear/99"}, {"metric": "f1"},
        {"target": "gone"}, {"also": 1}, {"shift": "0"}, {"alpha": 1},
        {"classes": ["no", "no"]}, {"classes": []}, {"classes": ["a", "b", "c"]}, {"loss": "os.system(1.0)"},
        {"loss": {"name": "Logistic"}}, {"loss": "Huber(delta=-1.0)"},
        {"loss": "Huber(delta='auto')"}, {"coef": np.zeros(5)}, {"preprocess": {}},
        {"loss": "Huber(delta=1.0)"}, {"coef": np.array([np.nan, 1.0])},
    ],
)  # fmt: skip
def test_what_no_fit_makes_is_refused(model, tmp_path, changes):
    with pytest.raises(ModelFileError):
        damaged(model, tmp_path / "m.losskit", **changes)


def test_focal_scores_become_the_probabilities_they_stand_for():
    # at a share p of class 1, the score that minimises the expected focal loss must be turned back into p
    loss = BinaryFocal(gamma=2.0)
    for p in (0.03, 0.3, 0.5, 0.9, 0.999):
        score = loss.constant(np.array([0.0, 1.0]), np.array([1 - p, p]))
        assert 1 / (1 + np.exp(-posterior(loss, np.array([score]))[0])) == pytest.approx(p, rel=1e-4)
    f = np.linspace(-30, 30, 61)
    assert posterior(Logistic(), f) == pytest.approx(f, abs=1e-12)


def test_a_score_so_far_ahead_that_nothing_is_lost_is_certain():
    # s of the first class is 0, and phi'(0) of a focal loss too: q / phi'(s) is infinite, and the others are nothing
    for f in ([[2000.0, 0.0, 1.0]], [[800.0, 0.0, 800.0 - 1e-13]]):
        found = np.exp(posterior(FocalSoftmax(), np.array(f)))
        assert found.sum() == pytest.approx(1)
        assert found[0, 1] == 0
    assert np.exp(posterior(FocalSoftmax(), np.array([[2000.0, 0.0, 1.0]]))).tolist() == [[1.0, 0.0, 0.0]]
    for gamma in (0.5, 2.0):  # s of 1e-149 and of 0: a solver needs numbers there
        f = np.array([[0.0, 340.0, -10.0], [0.0, 2000.0, 0.0]])
        assert np.isfinite(FocalSoftmax(gamma).hessian(np.array([1, 1]), f)).all()


def test_losses_and_penalties_by_name():
    assert parse_loss("huber:delta=2") == Huber(2.0)
    assert parse_loss("huber:delta=auto") == Huber("auto")
    assert parse_loss("binary_focal:gamma=1,alpha=none") == BinaryFocal(1.0, None)
    assert parse_penalty("l2=0.5") == 0.5
    assert parse_penalty(None) == 0.0
    for text in ("l1=1", "l2", "l2=-1", "l2=x", "l2=inf"):
        with pytest.raises(ParameterError, match="l2=ALPHA"):
            parse_penalty(text)
    for text in ("nothing", "huber:2", "huber:width=1"):
        with pytest.raises(ParameterError):
            parse_loss(text)
