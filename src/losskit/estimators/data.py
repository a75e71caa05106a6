"""What a linear estimator is given, as its solvers take it: arrays, sparse matrices, frames with categories, files."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from sklearn.utils.validation import check_X_y, validate_data

from losskit.data.batchfiles import as_batch
from losskit.data.categories import Coding, categories_of, coding_of
from losskit.data.memory import refuse_beyond, refuse_copy
from losskit.data.moments import refuse_unfinite
from losskit.data.sparse_rows import is_sparse
from losskit.data.streams import Stream, as_stream, is_streamed
from losskit.errors import CapabilityError, DataError, ShapeError
from losskit.inference import Question
from losskit.labels import is_ordered, refuse_missing
from losskit.losses.scores import MultiQuantile
from losskit.solvers.joint_scale import JointScale
from losskit.solvers.posing import offset_of

Array = np.ndarray
_NONE = "no y"


def checked(model: Any, X: Any, y: Any = _NONE, **options: Any) -> Any:
    """X, or X and y, by scikit-learn's checks; a frame with text or categories becomes `Coded`.

    Without `y` X is to be predicted, and must have the columns of the fit; else they are noted, but if reset=False.

    Raises
    ------
    DataError
        If a level was not there in the fit, a value is missing, or a copy as floats would not fit into memory.
    """
    reset = options.pop("reset", not isinstance(y, str) or y is not _NONE)
    coding: Any = getattr(model, "_coding_", None)
    names = categories_of(X)
    if not (names if reset else coding is not None and coding.levels):
        if names:
            raise DataError(f"columns {names[:6]} hold text or categories, and the model was fitted to numbers")
        refuse_copy(X)
        given = {"accept_sparse": "csr", "dtype": [np.float64, np.float32], "reset": reset, **options}
        try:
            found = validate_data(model, X, **given) if y is _NONE else validate_data(model, X, y, **given)
        except ValueError as error:
            _say_where(X, y, str(error))
            raise
        if reset:
            model.__dict__.pop("_coding_", None)
        return found
    source = f"the {type(X).__name__}"
    if not hasattr(X, "columns"):
        raise DataError(
            f"the model was fitted to a table with categories ({', '.join(list(coding.levels)[:6])}), and {source} has "
            "no named columns; pass a frame with the columns of the fit"
        )
    validate_data(model, X, reset=reset, skip_check_array=True)
    frame = as_batch(X)
    if not frame.num_rows:
        raise DataError(f"{source} has no rows; at least one is needed")
    if reset:
        coding = model._coding_ = coding_of(iter([frame]), frame.schema.names, names, source)
    matrix = coding.matrix(frame, source)
    if y is _NONE:
        return matrix
    asked = {name: options.get(name, False) for name in ("multi_output", "y_numeric")}
    return matrix, check_X_y(np.zeros((frame.num_rows, 1)), y, **asked)[1]


def _say_where(X: Any, y: Any, said: str) -> None:
    """Raise DataError naming the first number that is not finite, if that is what scikit-learn complains of."""
    if said.startswith("Input X contains"):
        refuse_unfinite(X if is_sparse(X) else np.asarray(X, dtype=np.float64), list(getattr(X, "columns", ())))
    if said.startswith("Input y contains"):
        refuse_missing(np.asarray(y, dtype=np.float64))


def features_of(model: Any) -> list[str]:
    """The names of a fitted model's coefficients."""
    coding = getattr(model, "_coding_", None)
    if coding is not None:
        return list(coding.features)
    return list(getattr(model, "feature_names_in_", [f"x{j}" for j in range(model.n_features_in_)]))


def question_of(model: Any) -> Question:
    """What inference asks of a fitted model.

    Raises
    ------
    CapabilityError
        If it has several targets or quantiles, thresholds, or a scale that is not to be taken as known.
    """
    penalty = getattr(model, "penalty_", model.penalty)
    if penalty is not None and isinstance(model._loss(), JointScale):
        raise CapabilityError("inference takes the scale as known, which a penalty beside JointScale forbids")
    if isinstance(model.solution_, tuple):
        raise CapabilityError("inference is about one target; fit a model to each")
    if isinstance(model.loss_, MultiQuantile):
        raise CapabilityError("inference is about one quantile; fit LinearRegressor(Quantile(level)) for each")
    if is_ordered(model.loss_):
        raise CapabilityError("inference knows no thresholds; use the bootstrap, or statsmodels' OrderedModel")
    flat = np.shape(model.coef_)[0] == 1 and isinstance(model.intercept_, np.ndarray)
    coef, intercept = (model.coef_[0], float(model.intercept_[0])) if flat else (model.coef_, model.intercept_)
    classes = getattr(model, "classes_", ())
    return Question(model.loss_, penalty, model.fit_intercept, coef, intercept, features_of(model), classes)


def streamed(model: Any, X: Any, y: Any, sample_weight: Any, offset: Any) -> Stream:
    """The rows of a path or function to fit, whose columns are noted as scikit-learn has it."""
    stream = as_stream(X, y, sample_weight, offset)
    stream.look()
    model._coding_ = stream.coding
    model.feature_names_in_ = np.array(stream.columns, dtype=object)
    model.n_features_in_ = len(model.feature_names_in_)
    return stream


def rows_of(model: Any, X: Any) -> Stream:
    """Rows of a file to predict, with the columns of the fit."""
    coding = getattr(model, "_coding_", None) or Coding(features_of(model), {})
    stream = copy.copy(X) if isinstance(X, Stream) else Stream(X, columns=coding.columns)
    if stream.columns is not None and len(stream.columns) != len(coding.columns):
        raise ShapeError(
            f"{stream!r} has {len(stream.columns)} columns, the model {len(coding.columns)}; name them by "
            "Stream(source, columns=[...])"
        )
    if coding.levels or stream.columns is None:
        stream.columns = coding.columns
    stream.coding = Coding(stream.columns, coding.levels)
    return stream


def scores_of(model: Any, X: Any, offset: Any = None) -> Array:
    """The scores of the rows of an array, a frame or a file, (rows,) or (rows, scores)."""
    if is_streamed(X):
        if offset is not None:
            raise CapabilityError("of a file the offset is a column: predict(Stream(path, offset=...))")
        return np.concatenate([_linear(model, batch.X, batch.offset) for batch in rows_of(model, X).batches()])
    X = checked(model, X)
    return _linear(model, X, None if offset is None else offset_of(offset, np.arange(X.shape[0])))


def _linear(model: Any, X: Any, offset: Array | None) -> Array:
    coef = np.atleast_2d(model.coef_)
    refuse_beyond(
        16.0 * X.shape[0] * len(coef), f"the scores of {X.shape[0]} rows",
        "predict fewer rows at a time, or those of a file",
    )  # fmt: skip
    scores = X @ coef.T + model.intercept_
    scores = np.asarray(scores[:, 0] if scores.shape[1] == 1 else scores, dtype=np.float64)
    if not np.isfinite(scores).all():
        refuse_unfinite(X)
    if offset is None:
        return scores
    return scores + (offset[:, None] if scores.ndim == 2 else offset)
