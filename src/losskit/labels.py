"""Labels of classes: their order, their codes, and which loss a classifier takes for so many."""

from __future__ import annotations

from numbers import Number
from typing import Any, TypeGuard

import numpy as np

from losskit.base import Pointwise
from losskit.domains import SIGNS
from losskit.errors import CapabilityError, DataError, DomainError
from losskit.forecast import Forecast
from losskit.losses.binary import Logistic
from losskit.losses.multiclass import SoftmaxCrossEntropy
from losskit.losses.scores import MultiQuantile
from losskit.rowwise import Rowwise

Array = np.ndarray


def is_ordered(loss: Any) -> TypeGuard[Rowwise]:
    """Whether a loss is one of ordered classes, with scores between them."""
    return isinstance(loss, Rowwise) and loss.beyond > 0


def classes_of(y: Array, loss: Any, order: tuple[Any, ...] = ()) -> Array:
    """The classes there are, by value; for losses of ordered classes in the order of the categories, if it is known.

    Raises
    ------
    DomainError
        If such a loss meets more than two classes of text whose order nobody said.
    """
    found = np.unique(y)
    if not is_ordered(loss):
        return found
    if order:
        there = set(found.tolist())
        return np.array([each for each in order if each in there], dtype=found.dtype)
    if len(found) > 2 and not all(isinstance(each, Number) for each in found.tolist()):
        listed = ", ".join(map(repr, found[:3].tolist()))
        raise DomainError(
            f"{type(loss).__name__} needs the order of the classes, and y holds text ({listed} ...); give y as an "
            "ordered categorical, such as pandas.Categorical(y, categories=[lowest, ..., highest], ordered=True) or a "
            "polars Enum, or code the classes as 0, 1, 2 ..."
        )
    return found


def refuse_missing(y: Array) -> None:
    """Raise DataError naming the first row without a target: None, nan or an infinite number."""
    if y.dtype.kind == "O":
        bad = np.array([each is None or each != each for each in y.reshape(-1).tolist()]).reshape(y.shape)
    else:
        bad = ~np.isfinite(y) if y.dtype.kind == "f" else np.zeros(y.shape, bool)
    rows = bad.reshape(len(y), -1).any(axis=1)
    if rows.any():
        at = int(np.argmax(rows))
        came = y[at].tolist() if y.dtype.kind == "f" else y[at]
        raise DataError(
            f"y[{at}] = {came!r} ({int(rows.sum())} of {len(y)} rows have no finite target); drop these rows, or give "
            "them a target"
        )


def counted(y: Array, w: Array | None) -> Array:
    """The labels, a row of weight 0 with one of another row: what it holds does not make a class."""
    return y if w is None or w.all() or not w.any() else np.where(w > 0, y, y[np.argmax(w > 0)])


def loss_of_classes(model: Any, asked: Any) -> Pointwise | Rowwise:
    """The loss to fit a classifier with, if it is one of as many classes as it has; by default a cross-entropy.

    Of two classes there is one threshold, and losses of ordered classes are Logistic.
    """
    name, count = type(model).__name__, len(model.classes_)
    if count < 2:
        raise DomainError(f"{name} needs two classes; y holds only one class, {model.classes_.tolist()[0]!r}")
    loss = asked or (SoftmaxCrossEntropy() if count > 2 else Logistic())
    if is_ordered(loss) and count == 2:
        return Logistic()
    if isinstance(loss, Pointwise) and any(domain.bounded for domain in loss.prediction_domains):
        raise CapabilityError(
            f"{loss!r} takes predictions of a bounded domain, and the scores of {name} keep to none; use Logistic or "
            "Hinge"
        )
    if not isinstance(loss, Rowwise) and (not isinstance(loss, Pointwise) or loss.link.gives == "number"):
        other = name.replace("Classifier", "Regressor")
        raise CapabilityError(f"{loss!r} is a loss of numbers; use {other}, or Logistic or Hinge here")
    if count > 2 and isinstance(loss, Pointwise):
        # scikit-learn's checks look for this very sentence
        raise DomainError(
            f"Only binary classification is supported. The type of the target is multiclass: y holds {count} "
            f"classes, and {type(loss).__name__} is a loss of two. Use SoftmaxCrossEntropy, or wrap the model in "
            "sklearn.multiclass.OneVsRestClassifier"
        )
    return loss


def refuse_classes(loss: Any) -> None:
    """Raise CapabilityError if a loss is not one to fit numbers by."""
    if isinstance(loss, Forecast) and not isinstance(loss, MultiQuantile):
        raise CapabilityError(f"{loss!r} judges forecasts; use MultiQuantile or GaussianNLL here")
    of_classes = isinstance(loss, Rowwise) and not isinstance(loss, Forecast)
    if of_classes or (isinstance(loss, Pointwise) and loss.domain is SIGNS):
        raise CapabilityError(f"{type(loss).__name__} is a loss of classes; use LinearClassifier, or SquaredError here")


def coded(y: Array, classes: Array, loss: Any) -> Array:
    """The numbers of labels: -1 and +1 for losses of the margin, else 0, 1 ..."""
    order = np.argsort(classes)
    codes = order[np.minimum(np.searchsorted(classes, y, sorter=order), len(classes) - 1)]
    if (strange := classes[codes] != y).any():
        at = int(np.argmax(strange))
        raise DomainError(f"y[{at}] = {y[at]!r} is none of the classes fitted, {classes.tolist()}")
    signs = isinstance(loss, Pointwise) and loss.domain is SIGNS
    return 2.0 * codes - 1.0 if signs else codes.astype(np.float64)


def has_probabilities(model: Any) -> bool:
    """Whether a classifier's loss tells probabilities; AttributeError if not, as scikit-learn wants it."""
    loss = getattr(model, "loss_", None) or model._loss()
    if isinstance(loss, (Pointwise, Rowwise)) and loss.link.gives == "probability":
        return True
    raise AttributeError(f"{type(loss).__name__} gives scores, not probabilities; use Logistic for predict_proba")
