"""Losses of many classes under attack: ours have nothing to find; what people write, and libraries offer, does."""

import numpy as np
import optax
import pytest
import torch
import torch.nn.functional as F

import losskit as lk
from losskit.domains import Axis, Categories
from losskit.registry import losses
from losskit.rowwise import Rowwise
from tests.rowwise.cases import COUNTS

OF_CLASSES = [name for name, cls in losses(Rowwise).items() if isinstance(cls().domain, Categories)]


def test_many_losses_take_classes_and_some_numbers():
    assert len(OF_CLASSES) > 15
    assert {"CRPSEnsemble", "MultiQuantile", "MixtureNLL"} <= set(losses(Rowwise)) - set(OF_CLASSES)


@pytest.mark.parametrize("name", losses(Rowwise))
def test_nothing_is_found_on_ours(name):
    cls = losses(Rowwise)[name]
    counts = {field: COUNTS[:3] for field in ("counts", "prior") if hasattr(cls, field)}
    found = lk.check_loss(cls(**counts))
    assert found.ok, str(found)
    assert found.library == "losskit"


def test_nothing_is_found_with_weights_of_classes_and_a_wrong_loss_of_ours_is_found():
    assert lk.check_loss(lk.SoftmaxCrossEntropy(class_weight=(1.0, 2.0, 5.0), label_smoothing=0.1)).ok

    class Wrong(lk.Rowwise):
        """A gradient that is half of it, and rows that swallow nan."""

        axis: Axis = -1

        def rows(self, y, f, order):
            r = np.nan_to_num(f) - np.eye(3)[y.astype(int)]
            return (r**2).sum(axis=1), r, np.zeros((len(f), 3, 3))

    assert {"LK002", "LK003", "LK019"} <= set(lk.check_loss(Wrong()).codes)


def scored(y, f):
    z = f - f.max(axis=1, keepdims=True)
    return np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(y)), y]


def mean_over_rows(y, f, sample_weight=None):
    rows = scored(y, f)
    return np.mean(rows if sample_weight is None else sample_weight * rows)


def clipped(y, f):
    p = np.exp(f - f.max(axis=1, keepdims=True))
    p = p / p.sum(axis=1, keepdims=True)
    return -np.mean(np.log(np.clip(p[np.arange(len(y)), y], 1e-7, 1)))


def of_shares(y, f):
    z = f - f.max(axis=1, keepdims=True)
    return -np.sum(y * (z - np.log(np.exp(z).sum(axis=1, keepdims=True))), axis=1)


def on_probabilities(y, p):
    return -np.mean(np.log(p[np.arange(len(y)), y]))


@pytest.mark.parametrize(("thing", "code", "shows"), [
    (scored, "LK023", "which is that of label 2"),
    (scored, "LK009", "true is 2.75345e-15"),
    (mean_over_rows, "LK011", "sum(w L) / N"),
    (clipped, "LK008", "16.1181; true is 34.4741"),
    (of_shares, "LK022", "[0.5, -inf, 1]: nan"),
    (on_probabilities, "LK018", "[2.5, 1.5, 0.3]"),
    (lambda y, f: scored(y, f) * len(y), "LK013", "neither"),
    (lambda y, f: scored(y * 200 // 200, f), "LK015", "uint8"),
], ids=lambda part: getattr(part, "__name__", part))  # fmt: skip
def test_what_is_wrong_is_found(thing, code, shows):
    found = lk.check_loss(thing)
    assert code in found.codes, str(found)
    assert any(shows in each.what + each.where for each in found.findings if each.code == code), str(found)


def test_a_loss_of_ours_is_recognised_and_a_wrong_gradient_found():
    found = lk.check_loss(scored, gradient=lambda y, f: np.zeros_like(f) + 0.1)
    assert (found.same_as, found.order, found.reduction) == ("SoftmaxCrossEntropy()", "target_first", "none")
    assert "LK002" in found.codes
    assert lk.check_loss(lambda f, y: 2 * scored(y, f), order="prediction_first").same_as.endswith("times 2")
    assert lk.check_loss(on_probabilities).same_as == "CategoricalCrossEntropy()"
    assert "labels 0 ... k - 1, k probabilities" in lk.check_loss(on_probabilities).takes
    brier = lk.check_loss(lambda y, f: ((y - f) ** 2).sum(axis=-1), target="shares")
    assert brier.takes.startswith("shares of k classes")
    assert lk.check_loss(lambda y, f: (y - f) ** 2, ignore=("LK010", "LK015")).same_as == "SquaredError()"


def test_functions_of_torch_and_optax():
    found = lk.check_loss(F.cross_entropy)
    assert (found.library, found.order, found.same_as) == ("torch", "prediction_first", "SoftmaxCrossEntropy()")
    assert found.codes == ("LK009",)  # a sure and right prediction costs 0
    assert F.cross_entropy(torch.tensor([[40.0, 0.0, 0.0]], dtype=torch.float64), torch.tensor([0])) == 0.0
    smooth = lk.check_loss(torch.nn.CrossEntropyLoss(label_smoothing=0.1))
    assert (smooth.same_as, smooth.codes) == ("SoftmaxCrossEntropy(label_smoothing=0.1)", ())
    shares = lk.check_loss(optax.softmax_cross_entropy)
    assert (shares.library, shares.same_as) == ("jax", "SoftmaxCrossEntropy()")
    assert set(shares.codes) == {"LK009", "LK022"}


@pytest.mark.slow
def test_a_label_of_minus_one_is_the_last_class_to_optax():
    labels = lk.check_loss(optax.softmax_cross_entropy_with_integer_labels)
    assert set(labels.codes) == {"LK009", "LK023"}
    f = np.array([[1.0, 2.0, 3.0]])
    theirs = optax.softmax_cross_entropy_with_integer_labels(f, np.array([-1]))
    assert theirs == pytest.approx(scored(np.array([2]), f), rel=1e-6)
