"""Model files of linear estimators: losses and penalties as they print, numbers as arrays, no code and no pickle."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import numpy as np

import losskit.penalties
from losskit.data.categories import Coding
from losskit.errors import CapabilityError, LosskitError, ModelFileError
from losskit.expressions import is_known, read_loss
from losskit.models import modelfile
from losskit.penalties import Penalty
from losskit.solvers.joint_scale import JointScale
from losskit.solvers.minimise import Solution

_SCHEMA = "losskit.estimator/1"
_OPTIONS = {"fit_intercept": bool, "solver": str, "tol": float, "max_iter": (int, type(None))}
_TOLD = ("value", "certificate", "certificate_kind", "iterations", "reason", "solver", "why", "scale")
_WANTED = {
    "schema": str, "estimator": str, "options": dict, "asked": (str, type(None)), "loss": str, "penalty": list,
    "labels": (list, type(None)), "names": (list, type(None)), "features": int, "iterations": int, "levels": dict,
    "solutions": list, "several": bool,
}  # fmt: skip


def save(model: Any, path: str | os.PathLike[str], force: bool) -> None:
    """See `LinearRegressor.save`."""
    chosen = isinstance(model.loss, (JointScale, list, tuple))  # which have no form to be read from
    asked = model.loss_ if chosen else model.loss
    if not all(each is None or isinstance(each, str) or is_known(each) for each in (model.loss_, asked)):
        raise CapabilityError(
            f"{model.loss_!r} is a class of your own, and a model file holds no code; write it as a text with "
            "losskit.from_formula, or combine losses of the catalogue"
        )
    coding, classes = getattr(model, "_coding_", None), getattr(model, "classes_", None)
    names, several = getattr(model, "feature_names_in_", None), isinstance(model.solution_, tuple)
    found = model.solution_ if several else (model.solution_,)
    arrays = {"coef": np.asarray(model.coef_), "intercept": np.atleast_1d(model.intercept_)}
    arrays |= {f"curve{i}": np.asarray(each.curve, dtype=np.float64) for i, each in enumerate(found)}
    labels = None
    if classes is not None and classes.dtype.kind in "OU":
        if not all(isinstance(label, str) for label in classes.tolist()):
            raise CapabilityError(f"the classes {classes.tolist()[:4]} are no texts or numbers, all a model file holds")
        labels = classes.tolist()
    elif classes is not None:
        arrays["classes"] = classes
    options = {name: getattr(model, name) for name in _OPTIONS}
    payload = {
        "schema": _SCHEMA, "estimator": type(model).__name__.removesuffix("CV"),
        "options": options | {"tol": float(model.tol)},
        "asked": asked if asked is None or isinstance(asked, str) else repr(asked), "loss": repr(model.loss_),
        "penalty": _written(getattr(model, "penalty_", model.penalty)), "labels": labels,
        "names": None if names is None else [str(name) for name in names], "features": int(model.n_features_in_),
        "iterations": int(model.n_iter_), "levels": {} if coding is None else coding.levels,
        "solutions": [{name: _plain(getattr(each, name)) for name in _TOLD} for each in found], "several": several,
    }  # fmt: skip
    modelfile.save(path, payload, arrays, force=force)


def read(path: str | os.PathLike[str], kinds: tuple[type, ...]) -> Any:
    """See `losskit.estimators.load`."""
    payload, arrays = modelfile.load(path)
    where = str(path)
    _check(payload, arrays, where, {kind.__name__ for kind in kinds})
    kind: Any = next(kind for kind in kinds if kind.__name__ == payload["estimator"])
    asked, loss = (None if text is None else _loss(text, where) for text in (payload["asked"], payload["loss"]))
    model = kind(asked, penalty=_penalty(payload["penalty"], where), **payload["options"])
    model.loss_, model.coef_, model.intercept_ = loss, arrays["coef"], arrays["intercept"]
    if model.coef_.ndim == 1:
        model.intercept_ = float(arrays["intercept"][0])
    model.n_features_in_, model.n_iter_ = payload["features"], payload["iterations"]
    if payload["names"] is not None:
        model.feature_names_in_ = np.array(payload["names"], dtype=object)
        model._coding_ = Coding(payload["names"], payload["levels"])
    if payload["labels"] is not None or "classes" in arrays:
        model.classes_ = arrays["classes"] if payload["labels"] is None else np.array(payload["labels"])
    found = []
    for i, told in enumerate(payload["solutions"]):
        coef, intercept = (each[i] if payload["several"] else each for each in (model.coef_, model.intercept_))
        told = {name: float(value) if value in _UNBOUNDED else value for name, value in told.items()}
        found.append(Solution(coef, intercept, curve=tuple(arrays[f"curve{i}"].tolist()), loss=loss, **told))
    model.solution_ = tuple(found) if payload["several"] else found[0]
    return model


def _check(payload: dict[str, Any], arrays: dict[str, Any], where: str, known: set[str]) -> None:
    modelfile.check_schema(payload, _SCHEMA, where, by="LinearRegressor.save or LinearClassifier.save")
    for key in sorted(payload.keys() ^ _WANTED.keys()):
        raise ModelFileError(f"{where}: the key {key!r:.60} is {'missing' if key in _WANTED else 'unknown'}")
    typed = all(isinstance(payload[key], kind) for key, kind in _WANTED.items())  # type: ignore[arg-type]
    good = (
        typed and payload["estimator"] in known and payload["options"].keys() == _OPTIONS.keys()
        and {"coef", "intercept"} <= arrays.keys() and arrays["coef"].ndim in (1, 2)
        and arrays["intercept"].ndim == 1
        and len(payload["solutions"]) > 0 and all(each.keys() == set(_TOLD) for each in payload["solutions"])
        and all(f"curve{i}" in arrays for i in range(len(payload["solutions"])))
        and all(isinstance(v, list) and all(type(x) is str for x in v) for v in payload["levels"].values())
        and (payload["labels"] is not None or "classes" in arrays) == (payload["estimator"] == "LinearClassifier")
    )  # fmt: skip
    if not good:
        raise ModelFileError(f"{where}: its parts contradict each other; the model is damaged, save it again")


def _loss(text: str, where: str) -> Any:
    if "(" not in text:
        return text
    try:
        return read_loss(text)
    except LosskitError as error:
        raise ModelFileError(f"{where}: the loss {text[:80]!r} cannot be made: {error}; update losskit") from None


_UNBOUNDED = ("inf", "-inf", "nan")


def _plain(value: Any) -> Any:
    """A value in JSON types, which know no infinity."""
    if isinstance(value, (tuple, list, np.ndarray)):
        return [_plain(each) for each in value]
    if isinstance(value, (float, np.floating)):
        return float(value) if np.isfinite(value) else str(float(value))
    return value.item() if isinstance(value, np.generic) else value


def _written(penalty: Penalty | None) -> list[Any]:
    """A penalty's name and parameters."""
    if penalty is None:
        return []
    if getattr(losskit.penalties, type(penalty).__name__, None) is not type(penalty):
        raise CapabilityError(f"{penalty!r} is a class of your own, and a model file holds no code")
    return [type(penalty).__name__, {name: _plain(value) for name, value in penalty.parameters.items()}]


def _penalty(written: list[Any], where: str) -> Penalty | None:
    if not written:
        return None

    def value(given: Any) -> Any:
        if isinstance(given, list):
            return tuple(map(value, given))
        return float(given) if given in _UNBOUNDED else given

    kind: Any = getattr(losskit.penalties, str(written[0]), None)
    known = isinstance(kind, type) and issubclass(kind, Penalty) and dataclasses.is_dataclass(kind)
    if len(written) != 2 or not known:
        raise ModelFileError(f"{where}: there is no penalty {written[:1]!r:.60}; update losskit")
    try:
        return kind(**{name: value(given) for name, given in written[1].items()})
    except (LosskitError, TypeError) as error:
        raise ModelFileError(f"{where}: the penalty {written!r:.80} cannot be made: {error}") from None
