"""A fitted linear model with all it needs to predict from a table: preprocessing, loss, coefficients, classes."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from losskit import modelfile, registry
from losskit.base import Pointwise
from losskit.errors import CapabilityError, LosskitError, ModelFileError
from losskit.preprocess import Preprocessor
from losskit.tables import Table, read_table

Array = np.ndarray
_SCHEMA = "losskit.linear/1"
_LOWEST = "-inf"  # a parameter that is minus infinity
_TEXT = {"schema": str, "target": str, "question": str, "loss": dict, "classes": list, "preprocess": dict}
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
        return bool(self.classes) and self.loss.link.name == "logit"

    def predict_proba(self, X: Any) -> Array:
        """The probabilities of the two classes, in the order of `classes`."""
        if not self.has_probabilities:
            raise CapabilityError(f"{self.loss!r} gives no probabilities; ask for question='probability'")
        f = self.scores(X)
        odds = f if type(self.loss).__name__ == "Logistic" else posterior(self.loss, f)
        logit = self.loss.link.to_prediction
        return np.column_stack([logit(-odds), logit(odds)])

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
        """Write a model file; `load_model` is the way back."""
        payload = {
            "schema": _SCHEMA, "target": self.target, "question": self.question, "classes": list(self.classes),
            "loss": {"name": type(self.loss).__name__, "parameters": _to_plain(self.loss.parameters)},
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
    if not good or not labels or bool(classes) != (loss.link.name in ("logit", "sign")):
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


def _to_plain(parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters for JSON, which knows no infinity."""
    return {name: _LOWEST if value == -math.inf else value for name, value in parameters.items()}


def _loss(described: dict[str, Any], where: str) -> Pointwise:
    name, parameters = described.get("name"), described.get("parameters")
    if (
        not isinstance(name, str)
        or name not in registry.losses()
        or not isinstance(parameters, dict)
        or len(described) != 2
    ):
        raise ModelFileError(f"{where}: the loss {str(described)[:60]} is not known to this losskit; update it")
    parameters = {each: -math.inf if value == _LOWEST else value for each, value in parameters.items()}
    try:
        loss = registry.get(name, **parameters)
    except (LosskitError, TypeError) as error:
        raise ModelFileError(f"{where}: the loss {name} cannot be made ({error}); the model is damaged") from None
    if len(loss.outputs) != 1 or loss._open() or loss.parameters != parameters:
        raise ModelFileError(f"{where}: {loss!r} is not what a linear model is fitted with; the model is damaged")
    return loss
