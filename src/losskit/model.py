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
from losskit.rowwise import Rowwise
from losskit.softmax import Softmax
from losskit.softmax import probabilities as softmax_costs
from losskit.tables import Table, read_table

Array = np.ndarray
_SCHEMA = "losskit.linear/2"
_TEXT = {"schema": str, "target": str, "question": str, "loss": str, "classes": list, "preprocess": dict}
_NUMBERS = ("alpha", "shift")


@dataclass(frozen=True, eq=False)
class LinearModel:
    """A linear model of one column.

    Attributes
    ----------
    preprocessor : Preprocessor, fitted
    loss : Pointwise or Rowwise, no parameter open
    coef, intercept : the model, in units of the preprocessed features; of a row-wise loss (classes, features) and
        (classes,)
    alpha : the L2 penalty it was fitted with
    shift : added to the raw score, for a quantile made from a mean
    classes : the labels, or nothing for numbers
    target, question : the column predicted, and what of it
    costs : (classes, classes), optional
        What each label (column) costs for rows of each class (row): labels are those of least expected cost.
    """

    preprocessor: Preprocessor
    loss: Pointwise | Rowwise
    coef: Array
    intercept: Any
    alpha: float
    shift: float
    classes: tuple[str, ...]
    target: str
    question: str
    costs: Array | None = None

    def scores(self, X: Any) -> Array:
        """The raw scores of the rows of a table, one a row, or one a row and class."""
        return np.asarray(self.preprocessor.transform(X) @ self.coef.T + (self.intercept + self.shift))

    def predict(self, X: Any) -> Array:
        """Numbers, or labels as text."""
        f = self.scores(X)
        if not self.classes:
            return np.asarray(self.loss.predict(f))
        if self.costs is not None and self.has_probabilities:
            f = decision(self.loss, f, self.costs)
        chosen = f.argmax(axis=1) if f.ndim > 1 else (f >= 0).astype(np.intp)
        return np.array(self.classes, dtype=object)[chosen]

    @property
    def has_probabilities(self) -> bool:
        """Whether the scores can be turned into probabilities of the classes."""
        return bool(self.classes) and tells_probabilities(self.loss, len(self.classes))

    def predict_proba(self, X: Any) -> Array:
        """The probabilities of the classes, in their order."""
        if not self.has_probabilities:
            raise CapabilityError(f"{self.loss!r} gives no probabilities; ask for question='probability'")
        return probabilities(self.loss, self.scores(X))

    def table(self, X: Any) -> dict[str, Array]:
        """The columns that `losskit predict` writes: probabilities if there are any, then `prediction`."""
        columns: dict[str, Array] = {}
        if self.has_probabilities:
            each = self.predict_proba(X)
            columns = {f"probability_{label}": each[:, i] for i, label in enumerate(self.classes)}
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
        arrays = {"coef": self.coef, "intercept": np.atleast_1d(self.intercept)}
        if self.costs is not None:
            arrays["costs"] = self.costs
        made = {name: np.asarray(values, dtype=np.float64) for name, values in arrays.items()}
        modelfile.save(path, payload, made, force=force)

    def importance(self) -> list[tuple[str, float]]:
        """Features and their coefficients a standard deviation, largest first; of many classes, their spread."""
        weights = self.coef if self.coef.ndim == 1 else self.coef.std(axis=0)
        order = np.argsort(-np.abs(weights), kind="stable")
        return [(self.preprocessor.feature_names[i], float(weights[i])) for i in order]


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
    classes = tuple(payload["classes"])
    several = (len(classes),) if isinstance(loss, Rowwise) else ()
    wanted_arrays = {"coef": (*several, len(preprocessor.feature_names)), "intercept": several or (1,)}
    if "costs" in arrays:
        wanted_arrays["costs"] = (len(classes), len(classes))
    if {name: values.shape for name, values in arrays.items()} != wanted_arrays:
        raise ModelFileError(f"{where}: the coefficients do not fit the features or classes; the model is damaged")
    good = all(values.dtype == np.float64 and np.isfinite(values).all() for values in arrays.values())
    good = good and all(math.isfinite(payload[n]) for n in _NUMBERS)
    labels = all(type(c) is str for c in classes) and len(set(classes)) == len(classes)
    counts = (2,) if isinstance(loss, Pointwise) else range(2, len(classes) + 1)
    fits = len(classes) in (counts if loss.link.gives != "number" else (0,))
    if not good or not labels or not fits:
        raise ModelFileError(f"{where}: coefficients, classes and loss contradict each other; the model is damaged")
    intercept = arrays["intercept"] if several else float(arrays["intercept"][0])
    return LinearModel(
        preprocessor, loss, arrays["coef"], intercept, payload["alpha"], payload["shift"], classes, payload["target"],
        payload["question"], arrays.get("costs"),
    )  # fmt: skip


def tells_probabilities(loss: Pointwise | Rowwise, classes: int) -> bool:
    """Whether scores of the loss stand for probabilities; margins and shifts of the classes leave none."""
    if isinstance(loss, Softmax):
        return not loss.setting(classes).table[[0, 3]].any()
    return loss.link.gives == "probability"


def posterior(loss: Pointwise | Rowwise, f: Array) -> Array:
    """The log-odds (of many classes the log-probabilities) at which the score f is the best one could do.

    Of two classes -L'(1, f) p = L'(0, f) (1 - p); of a softmax with loss phi(s), s = -log q, p is in proportion to
    q / phi'(s). For losses whose score is no log-odds by itself: Charoenphakdee et al. (2021), arXiv:2011.09172.
    """
    if isinstance(loss, Softmax):
        s = softmax_costs(np, f)[2]
        with np.errstate(divide="ignore"):
            odds = -s - np.log(loss._costs(np)(s)[1])
        return np.asarray(odds - logsumexp(odds))
    ones = np.ones_like(f)
    for_one, for_zero = -loss.gradient(ones, f, None, "sum"), loss.gradient(0 * ones, f, None, "sum")
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(for_zero) - np.log(for_one))


def logsumexp(z: Array) -> Array:
    """log sum exp of the rows, as a column."""
    top = z.max(axis=1, keepdims=True)
    return np.asarray(top + np.log(np.exp(z - top).sum(axis=1, keepdims=True)))


def probabilities(loss: Pointwise | Rowwise, f: Array) -> Array:
    """The probability of each class, a column each."""
    if f.ndim > 1:
        return np.asarray(np.exp(posterior(loss, f)) if isinstance(loss, Softmax) else loss.predict(f))
    if loss.link is LOGIT and type(loss).__name__ != "Logistic":
        f = posterior(loss, f)
    probability = loss.link.to_prediction
    return np.column_stack([probability(-f), probability(f)])


def decision(loss: Pointwise | Rowwise, f: Array, costs: Array) -> Array:
    """Scores whose label (of two classes the sign, of more the highest) has the least expected cost."""
    expected = probabilities(loss, f) @ costs
    return np.asarray(-expected if f.ndim > 1 else expected[:, 0] - expected[:, 1])


def _loss(printed: str, where: str) -> Pointwise | Rowwise:
    try:
        loss = read_loss(printed)
    except LosskitError as error:
        raise ModelFileError(f"{where}: the loss {printed[:80]!r} cannot be made: {error}; update losskit") from None
    if not isinstance(loss, Pointwise) or len(loss.outputs) != 1 or loss._open() or repr(loss) != printed:
        raise ModelFileError(f"{where}: {loss!r} is not what a linear model is fitted with; the model is damaged")
    return loss
