"""A fitted model with all it needs to predict from a table: preprocessing, loss, coefficients or trees, classes."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from losskit.base import Pointwise
from losskit.data.batches import read_batches
from losskit.data.columns import Kind
from losskit.data.preprocess import Preprocessor
from losskit.data.tables import Table, read_table
from losskit.errors import CapabilityError, LosskitError, ModelFileError
from losskit.expressions import is_known, read_loss
from losskit.labels import is_ordered
from losskit.links import LOGIT
from losskit.models import modelfile
from losskit.models.labelling import Labelling, read_prior
from losskit.models.trees import Trees, read_trees
from losskit.objectives.ordered import log_probabilities
from losskit.question import is_answered
from losskit.rowwise import Rowwise
from losskit.softmax import Softmax
from losskit.softmax import probabilities as softmax_costs

Array = np.ndarray
_SCHEMA = "losskit.linear/3"
_TEXT = {"schema": str, "target": str, "question": str, "loss": str, "classes": list, "preprocess": dict,
         "turn": str, "levels": list, "metric": str, "recalibration": str}  # fmt: skip
_NUMBERS = ("alpha",)
_OF_LEVELS = ("quantile", "levels", "density")
_TURNS = ("link", "quantile", "expectile", "levels", "density", "posterior", "weighted")


@dataclass(frozen=True, eq=False)
class TableModel:
    """A linear model of one column, or boosted trees in place of the coefficients.

    Attributes
    ----------
    preprocessor : Preprocessor, fitted
    loss : Pointwise or Rowwise, no parameter open
    coef, intercept : the model, in units of the preprocessed features; of a row-wise loss (classes, features) and
        (classes,), of one of ordered classes (1, features) and (classes - 1,)
    alpha : the L2 penalty it was fitted with
    shift : added to the raw score, for a quantile made from a mean
    classes : the labels, ordered ones in their order, or nothing for numbers
    target, question : the column predicted, and what of it
    costs : (classes, classes), optional
        What each label (column) costs for rows of each class (row): labels are those of least expected cost.
    levels, turn : of the quantiles of an interval or a distribution, and how they come from the scores
    labelling : Labelling
        The shares of the classes in training, a recalibration, a threshold.
    trees : Trees, optional
        In place of `coef` and `intercept`, which are then empty.
    """

    preprocessor: Preprocessor
    loss: Pointwise | Rowwise
    coef: Array
    intercept: Any
    alpha: float
    shift: Any
    classes: tuple[str, ...]
    target: str
    question: str
    costs: Array | None = None
    levels: tuple[float, ...] = ()
    turn: str = "link"
    labelling: Labelling = field(default_factory=Labelling)
    trees: Trees | None = None

    @property
    def kind(self) -> str:
        """"linear" or "boosted"."""
        return "linear" if self.trees is None else "boosted"

    def scores(self, X: Any) -> Array:
        """The raw scores of the rows of a table, one a row, or several: one a class, level or output."""
        matrix = self.preprocessor.transform(X)
        f = matrix @ self.coef.T + self.intercept if self.trees is None else self.trees.scores(matrix)
        return np.asarray(f if self.levels else f + self.shift)

    def quantiles(self, X: Any) -> Array:
        """The quantiles at `levels`, a column each, in order."""
        if not self.levels:
            raise CapabilityError("this model has one prediction a row; ask for interval:0.9 or distribution")
        return quantiles(self.turn, self.loss, self.scores(X), self.levels, self.shift)

    def crossing(self, X: Any) -> float | None:
        """The share of rows whose quantiles are not in order before they are put so; None of one prediction a row."""
        if not self.levels:
            return None
        return float(self.crossed(self.scores(X)).mean())

    def crossed(self, f: Array) -> Array:
        """Whether the quantiles of each row, from raw scores, are not in order before they are put so."""
        if self.turn != "levels":
            return np.zeros(len(f), dtype=bool)
        return np.asarray((np.diff(f + self.shift, axis=1) < 0).any(axis=1))

    def predict(self, X: Any, prior: dict[str, float] | None = None) -> Array:
        """Numbers, or labels as text; of an interval the middle, of a distribution the median.

        Parameters
        ----------
        X : Table, dataframe or dict of columns
        prior : dict, optional
            The shares of classes where the predictions are for, if they are not those of the training rows.
        """
        if self.levels:
            return self.middle(self.quantiles(X))
        f, shares = self.scores(X), self.read_prior(prior)
        if not self.classes:
            return np.asarray(self.loss.predict(f))
        return np.array(self.classes, dtype=object)[self.codes(f, shares)]

    def middle(self, q: Array) -> Array:
        """One number a row from its quantiles: the middle of an interval, the median of a distribution."""
        return np.asarray(q[:, q.shape[1] // 2] if q.shape[1] % 2 else (q[:, 0] + q[:, -1]) / 2)

    def codes(self, f: Array, prior: Array | None = None) -> Array:
        """The place of each label in `classes`, from raw scores."""
        cut = 0.0
        if self.has_probabilities and self.costs is not None:
            f = cheapest(self.probabilities(f, prior), self.costs)
        elif self.has_probabilities and (self.labelling.adjusts or prior is not None or is_ordered(self.loss)):
            f, cut = self.log_odds(f, prior), self.labelling.cut(prior)
        return np.asarray(f.argmax(axis=1) if f.ndim > 1 else f >= cut, dtype=np.intp)

    @property
    def has_probabilities(self) -> bool:
        """Whether the scores can be turned into probabilities of the classes."""
        return bool(self.classes) and tells_probabilities(self.loss, len(self.classes))

    def predict_proba(self, X: Any, prior: dict[str, float] | None = None) -> Array:
        """The probabilities of the classes, in their order; at other shares of the classes with a `prior`."""
        if not self.has_probabilities:
            raise CapabilityError(f"{self.loss!r} gives no probabilities; ask for question='probability'")
        return self.probabilities(self.scores(X), self.read_prior(prior))

    def probabilities(self, f: Array, prior: Array | None = None) -> Array:
        """The probabilities of the classes from raw scores, a column each."""
        if prior is None and self.labelling.recalibration is None:
            return probabilities(self.loss, f)
        z = self.log_odds(f, prior)
        return np.exp(z) if z.ndim > 1 else np.column_stack([LOGIT.to_prediction(-z), LOGIT.to_prediction(z)])

    def log_odds(self, f: Array, prior: Array | None = None) -> Array:
        """Log-odds of the second of two classes, or log-probabilities of more, from raw scores."""
        return self.labelling.odds(log_odds(self.loss, f), prior)

    def read_prior(self, given: dict[str, float] | None) -> Array | None:
        """Shares by class as an array; those not given share what is left."""
        shares = self.labelling.shares if self.has_probabilities else None
        return None if given is None else read_prior(given, self.classes, shares)

    def table(self, X: Any, prior: dict[str, float] | None = None) -> dict[str, Array]:
        """The columns that `losskit predict` writes: probabilities or quantiles if any, then `prediction`."""
        columns: dict[str, Array] = {}
        if self.has_probabilities:
            each = self.predict_proba(X, prior)
            columns = {f"probability_{label}": each[:, i] for i, label in enumerate(self.classes)}
        if self.levels:
            each = self.quantiles(X)
            names = ("lower", "upper") if len(self.levels) == 2 else [f"quantile_{q:g}" for q in self.levels]
            columns = {name: each[:, i] for i, name in enumerate(names)}
        if self.question == "ranking" and not self.has_probabilities:
            columns = {"score": self.scores(X)}
        return columns | {"prediction": self.predict(X, prior)}

    def read(self, path: str | os.PathLike[str]) -> Table:
        """A file to predict from, its columns read as they were when fitted."""
        return read_table(path, kinds=self.preprocessor.kinds)

    def read_batches(
        self, path: str | os.PathLike[str], more: Mapping[str, Kind] | None = None
    ) -> Iterator[tuple[Table, float]]:
        """The same as one table after another, each with the share of the file that is read; with `more` columns."""
        return read_batches(path, {**(more or {}), **self.preprocessor.kinds})

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
            "turn": self.turn, "levels": list(self.levels), **self.labelling.names(),
            **{name: float(getattr(self, name)) for name in _NUMBERS},
        }  # fmt: skip
        arrays = {
            "coef": self.coef, "intercept": np.atleast_1d(self.intercept), "shift": np.atleast_1d(self.shift),
        }  # fmt: skip
        if self.costs is not None:
            arrays["costs"] = self.costs
        arrays |= self.labelling.arrays()
        made = {name: np.asarray(values, dtype=np.float64) for name, values in arrays.items()}
        made |= {} if self.trees is None else self.trees.arrays()
        modelfile.save(path, payload, made, force=force)

    def importance(self) -> list[tuple[str, float]]:
        """Features and their coefficients a standard deviation, largest first; of many classes, their spread.

        Of trees, the share of a feature in what all splits gained.
        """
        if self.trees is not None:
            weights = self.trees.importance(len(self.preprocessor.feature_names))
            order = np.argsort(-weights, kind="stable")
            return [(self.preprocessor.feature_names[i], float(weights[i])) for i in order]
        each = self.coef.reshape(-1, self.coef.shape[-1])
        weights = each.std(axis=0) if len(each) > 1 and self.classes else each.mean(axis=0)
        order = np.argsort(-np.abs(weights), kind="stable")
        return [(self.preprocessor.feature_names[i], float(weights[i])) for i in order]


def load_model(path: str | os.PathLike[str]) -> TableModel:
    """Read a model that `TableModel.save` wrote.

    Raises
    ------
    ModelFileError
        If the file is missing, damaged, foreign, or holds what no fit makes.
    """
    payload, arrays = modelfile.load(path)
    where = str(path)
    wanted = {**_TEXT, **dict.fromkeys(_NUMBERS, float)}
    modelfile.check_schema(payload, _SCHEMA, where)
    for key in sorted(payload.keys() ^ wanted.keys()):
        raise ModelFileError(
            f"{where}: the key {key!r:.60} is {'missing' if key in wanted else 'unknown'}; save it again"
        )
    for key, kind in wanted.items():
        if type(payload[key]) is not kind:
            raise ModelFileError(f"{where}: {key!r} is a {type(payload[key]).__name__}, wanted {kind.__name__}")
    preprocessor, loss = Preprocessor.from_dict(payload["preprocess"]), _loss(payload["loss"], where)
    classes, levels, turn = tuple(payload["classes"]), tuple(payload["levels"]), payload["turn"]
    good = all(type(q) is float and 0 < q < 1 for q in levels) and list(levels) == sorted(set(levels))
    good = good and turn in _TURNS
    if isinstance(loss, Rowwise):
        several: tuple[int, ...] = (len(classes),)
    else:
        several = (len(levels),) if turn == "levels" else (len(loss.outputs),) if len(loss.outputs) > 1 else ()
    shift = arrays.get("shift", np.zeros(0))
    trees = read_trees(arrays, len(preprocessor.feature_names), where)
    wanted_arrays = {"coef": (*several, len(preprocessor.feature_names)), "intercept": several or (1,)}
    if is_ordered(loss):
        wanted_arrays = {"coef": (1, len(preprocessor.feature_names)), "intercept": (len(classes) - 1,)}
    if trees is not None:
        wanted_arrays = {"coef": (0,), "intercept": (0,)}
    wanted_arrays["shift"] = shift.shape if shift.shape in ((1,), (len(levels),)) else ()
    if "costs" in arrays:
        wanted_arrays["costs"] = (len(classes), len(classes))
    labelling = Labelling.read(payload["metric"], payload["recalibration"], arrays, len(classes))
    wanted_arrays |= {name: arrays[name].shape for name in labelling.arrays()}
    if {name: values.shape for name, values in arrays.items()} != wanted_arrays:
        raise ModelFileError(f"{where}: the coefficients do not fit the features or classes; the model is damaged")
    good = good and all(values.dtype == np.float64 and np.isfinite(values).all() for values in arrays.values())
    good = good and all(math.isfinite(payload[n]) for n in _NUMBERS) and (not levels or turn in _OF_LEVELS)
    good = good and (turn == "density") == (not isinstance(loss, Rowwise) and len(loss.outputs) > 1)
    good = good and (trees is None or (trees.outputs == (*several, 1)[0] and not is_ordered(loss)))
    if not is_answered(payload["question"], loss.traits().elicits or "prediction", bool(classes), levels):
        raise ModelFileError(
            f"{where}: the question {payload['question']!r:.60} is none that {loss!r} of {len(classes)} classes and "
            f"{len(levels)} levels answers; the model is damaged, or from a newer losskit"
        )
    labels = all(type(c) is str for c in classes) and len(set(classes)) == len(classes)
    counts = (2,) if isinstance(loss, Pointwise) else range(2 + is_ordered(loss), len(classes) + 1)
    fits = len(classes) in (counts if loss.link.gives != "number" else (0,))
    if not good or not labels or not fits:
        raise ModelFileError(f"{where}: coefficients, classes and loss contradict each other; the model is damaged")
    return TableModel(
        preprocessor, loss, arrays["coef"], arrays["intercept"] if several or trees else float(arrays["intercept"][0]),
        payload["alpha"], shift if len(shift) > 1 else float(shift[0]), classes, payload["target"],
        payload["question"], arrays.get("costs"), levels, turn, labelling, trees,
    )  # fmt: skip


def quantiles(turn: str, loss: Pointwise | Rowwise, f: Array, levels: tuple[float, ...], shift: Any) -> Array:
    """Quantiles at `levels` from scores, a column each and in order: where two cross, they are exchanged.

    Parameters
    ----------
    turn : {"levels", "density", "quantile"}
        A score each; location and log scale (or log variance) of a density; or one score, moved by `shift`.
    shift : added to each quantile
    """
    if turn == "density":
        half = 0.5 if "variance" in loss.outputs[1] else 1.0
        f = f[:, :1] + np.exp(half * f[:, 1:]) * _standard(loss, levels)
    elif turn == "quantile":
        f = f[:, None]
    return np.sort(f + shift + np.zeros(len(levels)), axis=1)


def _standard(loss: Pointwise | Rowwise, levels: tuple[float, ...]) -> Array:
    """The quantiles of the loss's density at location 0 and scale 1."""
    from scipy.special import ndtri, stdtrit

    degrees = loss.parameters.get("df")
    return np.asarray(ndtri(levels) if degrees is None else stdtrit(degrees, levels))


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
        with np.errstate(all="ignore"):  # of branches not taken, and log 0
            odds = -s - np.log(loss._costs(np)(s)[1])
        certain = np.isposinf(odds)
        odds = np.where(certain.any(axis=1, keepdims=True), np.where(certain, 0.0, -np.inf), odds)
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


def log_odds(loss: Pointwise | Rowwise, f: Array) -> Array:
    """The log-odds of the second of two classes, or log-probabilities of more, for which a raw score stands."""
    if isinstance(loss, Softmax):
        return posterior(loss, f)
    if is_ordered(loss):
        return log_probabilities(f)
    if f.ndim > 1:
        with np.errstate(divide="ignore"):
            return np.log(np.asarray(loss.predict(f)))
    if type(loss).__name__ == "Logistic":
        return f
    return posterior(loss, f) if loss.link is LOGIT else np.asarray(LOGIT.to_score(loss.link.to_prediction(f)))


def decision(loss: Pointwise | Rowwise, f: Array, costs: Array) -> Array:
    """Scores whose label (of two classes the sign, of more the highest) has the least expected cost."""
    return cheapest(probabilities(loss, f), costs)


def cheapest(p: Array, costs: Array) -> Array:
    """The same from probabilities, a column a class."""
    expected = p @ costs
    return np.asarray(expected[:, 0] - expected[:, 1] if p.shape[1] == 2 else -expected)


def _loss(printed: str, where: str) -> Pointwise | Rowwise:
    try:
        loss = read_loss(printed)
    except LosskitError as error:
        raise ModelFileError(f"{where}: the loss {printed[:80]!r} cannot be made: {error}; update losskit") from None
    if not isinstance(loss, Pointwise | Rowwise) or loss._open() or repr(loss) != printed:
        raise ModelFileError(f"{where}: {loss!r} is not what a linear model is fitted with; the model is damaged")
    return loss
