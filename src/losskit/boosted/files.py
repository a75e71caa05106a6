"""Model files of boosted models: loss, intercept and columns; the trees in the engine's own format."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from losskit.boosted.columns import Columns
from losskit.boosting.growing import ENGINES
from losskit.errors import CapabilityError, LosskitError, ModelFileError
from losskit.expressions import is_known, read_loss
from losskit.hosts import adapter
from losskit.models import modelfile
from losskit.models.tree_text import trusted

_SCHEMA = "losskit.boosted/1"

_WANTED = {
    "schema": str, "estimator": str, "parameters": dict, "asked": (str, type(None)), "loss_": str, "objective_": str,
    "curvature_": str, "curvature_scale_": float, "n_iter_": int, "n_features_in_": int,
    "names": (list, type(None)), "labels": (list, type(None)), "levels": dict,
}  # fmt: skip


def save(model: Any, path: str | os.PathLike[str], force: bool) -> None:
    """See `BoostedRegressor.save`."""
    parameters = model.get_params(deep=False)
    asked = parameters.pop("loss")
    for loss in (model.loss_, asked):
        if not (loss is None or isinstance(loss, str) or is_known(loss)):
            raise CapabilityError(
                f"{loss!r} is a class of your own, and a model file holds no code; write it as a text with "
                "losskit.from_formula, or combine losses of the catalogue"
            )
    names, classes = getattr(model, "feature_names_in_", None), getattr(model, "classes_", None)
    arrays = {"intercept": model.intercept_, "trees": np.frombuffer(model.forest_.model, np.uint8)}
    labels = None
    if classes is not None:
        if classes.dtype.kind in "OU":
            labels = [_label(each) for each in classes.tolist()]
        else:
            arrays["classes"] = classes
    payload = {
        "schema": _SCHEMA, "estimator": type(model).__name__,
        "parameters": {n: _plain(v) for n, v in parameters.items() if _plain(v) is not None or v is None},
        "asked": None if asked is None else asked if isinstance(asked, str) else repr(asked),
        "loss_": repr(model.loss_), "objective_": model.objective_, "curvature_": model.curvature_,
        "curvature_scale_": float(model.curvature_scale_), "n_iter_": int(model.n_iter_),
        "n_features_in_": int(model.n_features_in_), "names": None if names is None else [str(n) for n in names],
        "labels": labels, "levels": {str(i): levels for i, levels in model.columns_.levels.items()},
    }  # fmt: skip
    modelfile.save(path, payload, arrays, force=force)


def read(path: str | os.PathLike[str], kinds: tuple[type, ...]) -> Any:
    """See `losskit.boosted.load`."""
    payload, arrays = modelfile.load(path)
    where = str(path)
    known: dict[str, Any] = {kind.__name__: kind for kind in kinds}
    _check(payload, arrays, where)
    if payload["estimator"] not in known:
        raise ModelFileError(f"{where}: an estimator {payload['estimator']!r:.60}; update losskit")
    for name in payload["parameters"]:
        if not name.isidentifier() or name.startswith("_") or hasattr(known[payload["estimator"]], name):
            raise ModelFileError(f"{where}: {name!r:.60} is no parameter; the model is damaged")
    parameters = payload["parameters"]
    made = known[payload["estimator"]](_loss(payload["asked"], where), **parameters)
    made.loss_ = _loss(payload["loss_"], where)
    for name in ("objective_", "curvature_", "curvature_scale_", "n_iter_", "n_features_in_"):
        setattr(made, name, payload[name])
    made.intercept_ = arrays["intercept"]
    if payload["names"] is not None:
        made.feature_names_in_ = np.array(payload["names"], dtype=object)
    labels = payload["labels"]
    if labels is not None or "classes" in arrays:
        made.classes_ = arrays["classes"] if labels is None else np.array(labels)
    made.columns_ = Columns({int(i): levels for i, levels in payload["levels"].items()})
    try:
        text = arrays["trees"].tobytes()
        made.forest_ = adapter(made.engine).Forest(trusted(text) if made.engine == "lightgbm" else text)
    except LosskitError:
        raise
    except Exception as error:  # of the engine, whose errors have no common class
        raise ModelFileError(f"{where}: {made.engine} cannot read its trees ({str(error)[:80]})") from None
    return made


def _check(payload: dict[str, Any], arrays: dict[str, Any], where: str) -> None:
    if payload.get("schema") != _SCHEMA:
        raise ModelFileError(f"{where}: schema {payload.get('schema')!r:.60}, wanted {_SCHEMA!r}; update losskit")
    for key in sorted(payload.keys() ^ _WANTED.keys()):
        raise ModelFileError(f"{where}: the key {key!r:.60} is {'missing' if key in _WANTED else 'unknown'}")
    for key, kind in _WANTED.items():
        if not isinstance(payload[key], kind) or isinstance(payload[key], bool):  # type: ignore[arg-type]
            raise ModelFileError(f"{where}: {key!r} is a {type(payload[key]).__name__}; save the model again")
    classifier = payload["estimator"] == "BoostedClassifier"
    levels = payload["levels"]
    good = (
        payload["parameters"].get("engine") in ENGINES
        and {"intercept", "trees"} <= arrays.keys() <= {"intercept", "trees", "classes"}
        and arrays["intercept"].dtype == np.float64 and arrays["intercept"].ndim == 1
        and arrays["trees"].dtype == np.uint8
        and (payload["labels"] is not None or "classes" in arrays) == classifier
        and all(i.isdecimal() and isinstance(v, list) and all(type(x) is str for x in v) for i, v in levels.items())
    )  # fmt: skip
    if not good:
        raise ModelFileError(f"{where}: its parts contradict each other; the model is damaged, save it again")


def _loss(printed: str | None, where: str) -> Any:
    if printed is None or "(" not in printed:
        return printed
    try:
        loss = read_loss(printed)
    except LosskitError as error:
        raise ModelFileError(f"{where}: the loss {printed[:80]!r} cannot be made: {error}; update losskit") from None
    if repr(loss) != printed:
        raise ModelFileError(f"{where}: the loss {printed[:80]!r} reads as {loss!r}; the model is damaged")
    return loss


def _label(label: Any) -> str:
    if not isinstance(label, str):
        raise CapabilityError(f"the class {label!r} is a {type(label).__name__}; a model file holds text and numbers")
    return label


def _plain(value: Any) -> Any:
    """A parameter in JSON types; None for what has no such form."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (np.integer, np.floating)):
        return value.item()
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _plain(each) for key, each in value.items()}
    return None
