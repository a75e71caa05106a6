"""A fitted linear model with all it needs to predict from a table: preprocessing, loss, coefficients, classes."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from losskit import modelfile
from losskit.base import Pointwise
from losskit.errors import CapabilityError, LosskitError, ModelFileError
from losskit.expressions import is_known, read_loss
from losskit.links import LOGIT
from losskit.preprocess import Preprocessor
from losskit.tables import Table, read_table

Array = np.ndarray
_SCHEMA = "losskit.linear/1"
_TEXT = {"schema": str, "target": str, "question": str, "loss": str, "classes": list, "preprocess": dict}
_NUMBERS = ("alpha", "intercept", "shift")


@dataclass(frozen=True, eq=False)
class LinearModel:
    """A linear model of one column.

    Attributes
    ----------
    preprocessor : Preprocessor, fitted
    loss : Pointwise, no parameter open
    coef, intercept : the model, in units of the preprocessed features
    alpha : the L2 penalty it was fitted with
    shift : added to the raw score, for a quantile made from a mean
    classes : the two labels, or nothing for numbers
    target, question : the column predicted, and what of it
    """

    preprocessor: Preprocessor
    loss: Pointwise
    coef: Array
    intercept: float
    alpha: float
    shift: float
    classes: tuple[str, ...]
    target: str
    question: str

    def scores(self, X: Any) -> Array:
        """The raw scores of the rows of a table."""
        return np.asarray(self.preprocessor.transform(X) @ self.coef + (self.intercept + self.shift))

    def predict(self, X: Any) -> Array:
        """Numbers, or labels as text."""
        f = self.scores(X)
        if not self.classes:
            return np.asarray(self.loss.predict(f))
        return np.array(self.classes, dtype=object)[(f >= 0).astype(np.intp)]

    @property
    def has_probabilities(self) -> bool:
        """Whether the scores can be turned into probabilities of the classes."""
        return bool(self.classes) and self.loss.link.gives == "probability"

    def predict_proba(self, X: Any) -> Array:
        """The probabilities of the two classes, in the order of `classes`."""
        if not self.has_probabilities:
            raise CapabilityError(f"{self.loss!r} gives no probabilities; ask for question='probability'")
        f = self.scores(X)
        if self.loss.link is LOGIT and type(self.loss).__name__ != "Logistic":
            f = posterior(self.loss, f)
        probability = self.loss.link.to_prediction
        return np.column_stack([probability(-f), probability(f)])

    def table(self, X: Any) -> dict[str, Array]:
        """The columns that `losskit predict` writes: probabilities if there are any, then `prediction`."""
        columns: dict[str, Array] = {}
        if self.has_probabilities:
            both = self.predict_proba(X)
            columns = {f"probability_{label}": both[:, i] for i, label in enumerate(self.classes)}
        return columns | {"prediction": self.predict(X)}

    def read(self, path: str | os.PathLike[str]) -> Table:
        """A file to predict from, its columns read as they were when fitted."""
        return read_table(path, kinds=self.preprocessor.kinds)

    def save(self, path: str | os.PathLike[str], *, force: bool = False) -> None:
        """Write a model file; `load_model` is the way back.

        Raises
        ------
        CapabilityError
            If the loss is a class of your own, which the file cannot hold.
        """
        if not is_known(self.loss):
            raise CapabilityError(
                f"{self.loss!r} is a class of your own, and a model file holds no code; write it as a text with "
                "losskit.from_formula, or combine losses of the catalogue"
            )
        payload = {
            "schema": _SCHEMA, "target": self.target, "question": self.question, "classes": list(self.classes),
            "loss": repr(self.loss),
            "preprocess": self.preprocessor.to_dict(),
            **{name: float(getattr(self, name)) for name in _NUMBERS},
        }  # fmt: skip
        modelfile.save(path, payload, {"coef": np.asarray(self.coef, dtype=np.float64)}, force=force)

    def importance(self) -> list[tuple[str, float]]:
        """Features and their coefficients a standard deviation, largest first."""
        order = np.argsort(-np.abs(self.coef), kind="stable")
        return [(self.preprocessor.feature_names[i], float(self.coef[i])) for i in order]


def load_model(path: str | os.PathLike[str]) -> LinearModel:
    """Read a model that `LinearModel.save` wrote.

    Raises
    ------
    ModelFileError
        If the file is missing, damaged, foreign, or holds what no fit makes.
    """
    payload, arrays = modelfile.load(path)
    where = str(path)
    wanted = {**_TEXT, **dict.fromkeys(_NUMBERS, float)}
    if payload.get("schema") != _SCHEMA:
        raise ModelFileError(f"{where}: schema {payload.get('schema')!r:.60}, wanted {_SCHEMA!r}; update losskit")
    for key in sorted(payload.keys() ^ wanted.keys()):
        raise ModelFileError(
            f"{where}: the key {key!r:.60} is {'missing' if key in wanted else 'unknown'}; save it again"
        )
    for key, kind in wanted.items():
        if type(payload[key]) is not kind:
            raise ModelFileError(f"{where}: {key!r} is a {type(payload[key]).__name__}, wanted {kind.__name__}")
    preprocessor, loss = Preprocessor.from_dict(payload["preprocess"]), _loss(payload["loss"], where)
    coef, classes = arrays.get("coef"), payload["classes"]
    if arrays.keys() != {"coef"} or coef is None or coef.shape != (len(preprocessor.feature_names),):
        raise ModelFileError(f"{where}: the coefficients do not fit the features; the model is damaged")
    good = coef.dtype == np.float64 and np.isfinite(coef).all() and all(math.isfinite(payload[n]) for n in _NUMBERS)
    labels = len(classes) in (0, 2) and all(type(c) is str for c in classes) and len(set(classes)) == len(classes)
    if not good or not labels or bool(classes) != (loss.link.gives != "number"):
        raise ModelFileError(f"{where}: coefficients, classes and loss contradict each other; the model is damaged")
    numbers = {name: payload[name] for name in _NUMBERS}
    return LinearModel(
        preprocessor,
        loss,
        coef,
        classes=tuple(classes),
        target=payload["target"],
        question=payload["question"],
        **numbers,
    )


def posterior(loss: Pointwise, f: Array) -> Array:
    """The log-odds at which the score f is the best one could do: -L'(1, f) p = L'(0, f) (1 - p).

    For losses of two classes whose score is no log-odds by itself: Charoenphakdee et al. (2021), arXiv:2011.09172.
    """
    ones = np.ones_like(f)
    for_one, for_zero = -loss.gradient(ones, f, None, "sum"), loss.gradient(0 * ones, f, None, "sum")
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(for_zero) - np.log(for_one))


def _loss(printed: str, where: str) -> Pointwise:
    try:
        loss = read_loss(printed)
    except LosskitError as error:
        raise ModelFileError(f"{where}: the loss {printed[:80]!r} cannot be made: {error}; update losskit") from None
    if not isinstance(loss, Pointwise) or len(loss.outputs) != 1 or loss._open() or repr(loss) != printed:
        raise ModelFileError(f"{where}: {loss!r} is not what a linear model is fitted with; the model is damaged")
    return loss
