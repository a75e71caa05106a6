"""Densities, forecasts and divergences under attack: what people write, and torch has, is wrong in known ways."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import losskit as lk
from losskit.domains import Axis
from losskit.forecast import Forecast


def gaussian(y, f):
    """Mean and log variance."""
    r = y - f[:, 0]
    return np.mean(f[:, 1] + r**2 * np.exp(-f[:, 1]) + np.log(2 * np.pi)) / 2


def turned(y, f):
    r, w = y - f[:, 0], np.exp(-f[:, 1])
    return np.stack([-r * w, (r**2 * w - 1) / 2], axis=-1)


def clipped(f, y):
    return F.gaussian_nll_loss(f[..., 0], y, f[..., 1], full=True, eps=1e-6)


def overflowing(y, f):
    """A spread of softplus, as it is often written."""
    spread = np.log(1 + np.exp(f[:, 1]))
    return np.log(spread) + np.abs(y - f[:, 0]) / spread


def per_row(y, f, sample_weight=None):
    rows = f[:, 1] + np.abs(y - f[:, 0]) * np.exp(-f[:, 1]) + np.log(2)
    return np.mean(rows if sample_weight is None else sample_weight * rows)


def ensemble(y, f):
    return np.abs(f - y[:, None]).mean(axis=1) - np.abs(f[:, :, None] - f[:, None]).mean(axis=(1, 2)) / 2


@pytest.mark.parametrize(("thing", "options", "same", "code", "shows"), [
    (gaussian, {}, "GaussianNLL()", "LK010", "36 pairs"),
    (gaussian, {"gradient": turned}, "GaussianNLL()", "LK002", "-1 times the true one"),
    (clipped, {}, "GaussianVarianceNLL()", "LK008", "value 604994; true is 6.05e+11"),
    (overflowing, {}, "", "LK004", "f=[0.7, -63.36]: value nan"),
    (per_row, {}, "LaplaceNLL()", "LK011", "sum(w L) / N"),
], ids=lambda part: getattr(part, "__name__", None))  # fmt: skip
def test_what_is_wrong_with_a_density_is_found(thing, options, same, code, shows):
    found = lk.check_loss(thing, **options)
    assert found.same_as == same
    assert any(each.code == code and shows in each.what + each.where for each in found.findings), str(found)


def test_how_many_predictions_a_row_has_is_found_or_said():
    found = lk.check_loss(ensemble, outputs=5)
    assert (found.takes, found.reduction, found.ok) == ("any y, any f", "a value a row", True)
    assert lk.check_loss(clipped).takes == "any y, f[1] > 0"
    counts = lk.check_loss(lambda y, f: torch.lgamma(y + 1) - y * f[:, 0] + torch.exp(f[:, 0] + 0 * f[:, 1]))
    assert counts.has("LK001")  # one prediction is of no consequence
    with pytest.raises(lk.ParameterError, match="target='label'"):
        lk.check_loss(gaussian, outputs=2, target="label")
    assert lk.check_loss(lambda y, f: f[:, 7], outputs=2).codes == ("LK001",)


def kl(y_true, y_pred):
    return (y_true * np.log(y_true / y_pred)).sum(axis=-1)


def swapped(y_true, y_pred):
    return (y_pred * np.log(y_pred / y_true)).sum(axis=-1)


def cross_entropy(y, f):
    return -(y * np.log(f)).sum(axis=-1)


def twice(y, z):
    for _ in range(2):
        z = np.exp(z - z.max(axis=1, keepdims=True))
        z = z / z.sum(axis=1, keepdims=True)
    return -np.log(z[np.arange(len(y)), y])


def named(y, probs):
    return F.cross_entropy(probs, y)


def naive(y, f):
    return np.log(np.exp(f).sum(axis=1)) - f[np.arange(len(y)), y]


@pytest.mark.parametrize(("thing", "options", "same", "code", "shows"), [
    (kl, {}, "KL()", "LK022", "without a share in P"),
    (kl, {}, "KL()", "LK009", "true is 2.60209e-18"),
    (swapped, {}, "ReverseKL()", "LK026", "swapped"),
    (cross_entropy, {"target": "divergence"}, "", "LK025", "Equal shares cost something"),
    (F.kl_div, {}, "KL(on='log_probabilities') times 0.3333333333", "LK022", "in P and Q"),
    (twice, {}, "", "LK024", "0.551445"),
    (named, {}, "SoftmaxCrossEntropy()", "LK024", "called probs"),
    (naive, {}, "SoftmaxCrossEntropy()", "LK005", "[1000, 0, -0.5]: value inf; true is 0"),
], ids=lambda part: getattr(part, "__name__", None))  # fmt: skip
def test_what_is_wrong_with_shares_and_scores_is_found(thing, options, same, code, shows):
    found = lk.check_loss(thing, **options)
    assert found.same_as == same
    assert any(each.code == code and shows in each.what + each.where for each in found.findings), str(found)


def test_what_is_right_stays_so():
    def good(logits, y):
        return torch.special.entr(y).neg().sum(-1) - (y * torch.log_softmax(logits, -1)).sum(-1)

    found = lk.check_loss(good)
    assert (found.same_as, found.takes) == ("KL(on='logits')", "shares of k classes, k logits a row")
    assert not {"LK002", "LK024", "LK025", "LK026"} & set(found.codes)
    assert lk.check_loss(lk.KL(on="masses")).ok
    assert lk.check_loss(lk.KL(on="logits")).checks[-1] == "order"
    assert not lk.check_loss(F.cross_entropy).has("LK024")
    with pytest.raises(lk.CapabilityError, match="no finite number a row for shares"):
        lk.check_loss(lambda y, f: f[:, 9], target="divergence")


def test_a_wrong_forecast_and_a_wrong_divergence_of_ones_own_are_found():
    class Middle(Forecast):
        """The distance from the middle, with half a gradient."""

        axis: Axis = -1

        def rows(self, y, f, order):
            r = f - y[:, None]
            return (r**2).sum(axis=1), r, np.zeros((len(f), f.shape[1], f.shape[1]))

    class Late(lk.Divergence):
        """Not 0 at P = Q."""

        axis: Axis = -1

        def formula(self, p, q):
            return (p - q) ** 2 + p / 10

    assert {"LK002", "LK003"} <= set(lk.check_loss(Middle()).codes)
    assert lk.check_loss(Late()).codes == ("LK025",)
