"""From anything callable to a `Subject`: which library, which argument is the target, what it is a function of."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from losskit.base import Pointwise
from losskit.checking.behaviour import kind_by_behaviour, looks_like_label
from losskit.checking.libraries import CallFailed, call, library_of, plain_function
from losskit.checking.recognise import recognise
from losskit.checking.reference import Reference
from losskit.checking.rows import kind_named
from losskit.checking.several import find_reduction, of_several, several_by_trial
from losskit.checking.subject import PREDICTION_FIRST, TARGET_FIRST, Ours, Subject
from losskit.errors import CapabilityError, ParameterError
from losskit.setwise import Setwise

ORDERS = (TARGET_FIRST, PREDICTION_FIRST)
_TARGETS = {
    "y", "t", "target", "targets", "true", "y_true", "ytrue", "y_test", "label", "labels", "actual", "actuals",
    "observed", "obs", "truth", "ground_truth", "gt",
}  # fmt: skip
_PREDICTIONS = {
    "f", "p", "q", "z", "x", "input", "inputs", "pred", "preds", "predicted", "prediction", "predictions", "y_pred",
    "ypred", "yhat", "y_hat", "y_score", "y_prob", "y_proba", "logit", "logits", "log_input", "score", "scores", "raw",
    "raw_score", "prob", "probs", "probability", "output", "outputs", "estimate", "forecast", "mu",
}  # fmt: skip
_WEIGHTS = ("sample_weight", "sample_weights", "weight", "weights")


def adapt(
    thing: Any, order: str | None, gradient: Any, hessian: Any, target: str | None, prediction: str | None,
    outputs: int | None = None,
) -> Subject:
    """`thing` as a Subject.

    Raises
    ------
    CapabilityError, ParameterError
        If it is nothing that can be called with targets and predictions, or an option is not known.
    CallFailed
        If every call of it fails.
    """
    if order is not None and order not in ORDERS:
        raise ParameterError(f"order={order!r} is not known; use one of {', '.join(map(repr, ORDERS))}")
    thing = made(thing)
    for name, one in (("the loss", thing), ("gradient", gradient), ("hessian", hessian)):
        if one is not None or name == "the loss":
            _refuse(name, one)
    if isinstance(thing, Pointwise):
        if gradient is not None or hessian is not None:
            raise ParameterError(f"{thing!r} has its own derivatives; leave out gradient= and hessian=")
        return Ours(thing)
    subject = Subject(library_name(thing), thing, library_of(thing), own_gradient=gradient, own_hessian=hessian)
    names = parameters(thing)
    subject.residual = names is not None and len(names) == 1
    subject.weight_name = weight_name(thing)
    if outputs is not None and outputs > 1:
        return of_several(subject, order or by_names(names), target, outputs)
    try:
        _find_form(subject, order, [subject.library])
    except CallFailed as error:
        if (found := several_by_trial(subject, order or by_names(names), target)) is not None:
            return found
        others = ["torch", "jax"] if library_of(thing) == "numpy" else []
        others = [name for name in others if name in sys.modules]
        _find_form(subject, order, others, str(error))
    subject.rowwise = not subject.booster and _gives_rows(subject)
    _find_order(subject, order, names)
    if target is not None or prediction is not None or subject.same is None:
        subject.kind = kind_named(target, prediction, subject.same.kind if subject.same else kind_by_behaviour(subject))
        if subject.same is not None and subject.same.kind != subject.kind:
            subject.same = None
    else:
        subject.kind = subject.same.kind
    find_reduction(subject)
    return subject


def made(thing: Any) -> Any:
    """An instance of a class that needs no argument; a loss of ours with its open parameters closed."""
    if inspect.isclass(thing):
        try:
            thing = thing()
        except Exception as error:
            raise CapabilityError(
                f"{thing.__name__} is a class and cannot be made without arguments ({error}); pass an instance"
            ) from None
    if isinstance(thing, Setwise):
        raise CapabilityError(f"{thing!r} couples rows, which check_loss cannot attack; check the loss inside")
    return thing._at_scale(1.0) if isinstance(thing, Pointwise) else thing


def _refuse(name: str, thing: Any) -> None:
    if isinstance(thing, str):
        raise CapabilityError(f"{name} is the text {thing!r}; pass the function itself, or losskit.get({thing!r})")
    if not callable(thing):
        raise CapabilityError(
            f"{name} is {type(thing).__name__}, which cannot be called; pass a function of target and prediction"
        )
    function = plain_function(thing)
    if inspect.iscoroutinefunction(thing) or inspect.iscoroutinefunction(function):
        raise CapabilityError(f"{name} is an async function; a loss is computed at once: pass a plain function")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise CapabilityError(f"{name} is a generator, which gives no number; pass a plain function")
    if len(parameters(thing) or ()) > 2:
        wanted = ", ".join(parameters(thing) or ())
        raise CapabilityError(
            f"{name} needs the arguments {wanted}; a loss takes a target and a prediction. Fix the others first, as "
            "functools.partial or lambda y, f: ... does"
        )


def library_name(thing: Any) -> str:
    name = getattr(thing, "__name__", None)
    text = " ".join(repr(thing).split())
    return str(name) if name else type(thing).__name__ if " at 0x" in text else text[:60]


def _signature(thing: Any) -> inspect.Signature | None:
    function = getattr(type(thing), "forward", None) if not inspect.isroutine(thing) else None
    try:
        if function is not None:
            bound = inspect.signature(function)
            return bound.replace(parameters=list(bound.parameters.values())[1:])
        return inspect.signature(thing)
    except (TypeError, ValueError):
        return None


def parameters(thing: Any) -> list[str] | None:
    """The names of the positional arguments without default (two at most expected); None if not known."""
    signature = _signature(thing)
    if signature is None:
        return None
    positional = [p for p in signature.parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = [p.name for p in positional if p.default is p.empty]
    if any(p.kind is p.VAR_POSITIONAL for p in signature.parameters.values()):
        return None if len(needed) < 2 else needed
    if len(needed) == 1 and len(positional) > 1 and positional[1].name.lower() in _TARGETS | _PREDICTIONS:
        return [p.name for p in positional[:2]]
    return needed


def weight_name(thing: Any) -> str | None:
    signature = _signature(thing)
    return next((n for n in _WEIGHTS if signature is not None and n in signature.parameters), None)


def _trials(libraries: list[str]) -> Iterator[tuple[str, str]]:
    for library in libraries:
        # Keras takes the mean over the last axis for the loss of a row
        for form in ("column", "flat", "scalar") if library == "keras" else ("flat", "column", "scalar"):
            yield library, form


def _find_form(subject: Subject, order: str | None, libraries: list[str], said: str = "") -> None:
    """The library and the shape that the function takes one row in; raises CallFailed if there is none."""
    for subject.library, subject.form in _trials(libraries):
        for subject.order in (order,) if order else ORDERS:
            try:
                if subject.library == "jax" and subject.form == "column":  # its arrays have no index beyond the last
                    call(subject.thing, "numpy", *subject._arranged(*subject.rows(1.0, 0.5)))
                got = subject.batch(subject.shaped(1.0), subject.shaped(0.5))
            except CallFailed as error:
                said = said or str(error)
                continue
            subject.booster = isinstance(got, tuple)
            part = got[0] if isinstance(got, tuple) else got
            if part.size != 1:
                said = said or f"gave {part.size} numbers for one row"
                continue
            if part.dtype.kind == "f" and part.dtype.itemsize < 8:
                subject.eps = float(np.finfo(part.dtype).eps)
            if subject.library == "numpy" and _is_jax(subject):
                subject.library = "jax"
            return
    raise CallFailed(said)


def _gives_rows(subject: Subject) -> bool:
    """Whether two rows give two numbers, each that of the row alone."""
    y, f = np.array([1.0, 1.0]), np.array([0.5, 0.75])
    if subject.form == "scalar":
        return False
    try:
        got = subject.batch(subject.shaped(y), subject.shaped(f))
    except CallFailed:
        return False
    return bool(np.size(got) == 2 and np.allclose(np.ravel(got), subject.value(y, f), rtol=1e-6, equal_nan=True))


def _is_jax(subject: Subject) -> bool:
    try:
        got = subject.thing(*subject._arranged(subject.shaped(1.0), subject.shaped(0.5)))
    except Exception:
        return False
    return type(got).__module__.partition(".")[0] in ("jax", "jaxlib")


def _find_order(subject: Subject, order: str | None, names: list[str] | None) -> None:
    said = order or by_names(names)
    custom = {"torch": PREDICTION_FIRST, "jax": PREDICTION_FIRST, "keras": TARGET_FIRST}.get(subject.library)
    if subject.residual:
        said, subject.order_from = TARGET_FIRST, "it takes the residual f - y alone"
    elif order:
        subject.order_from = "as you said"
    elif said:
        subject.order_from = f"its arguments are called {names[0]} and {names[1]}"  # type: ignore[index]
    if said:
        subject.order = said
        subject.same = recognise(_rows_of(subject), int(subject.booster), subject.eps)
        return
    preferred = custom or TARGET_FIRST
    found: dict[str, Reference] = {}
    for subject.order in (preferred, *(o for o in ORDERS if o != preferred)):
        if (same := recognise(_rows_of(subject), int(subject.booster), subject.eps)) is not None:
            found[subject.order] = same
    if found:  # a term of y alone on top may be chance: y and f swapped, cross-entropy is linear in f
        subject.order = min(found, key=lambda order: found[order].offset)
        subject.same, subject.order_from = found[subject.order], "found by trial"
        return
    _by_label(subject, preferred, custom)


def _by_label(subject: Subject, preferred: str, custom: str | None) -> None:
    """The order by which argument acts like a label, else by custom."""
    labels = []
    for subject.order in ORDERS:
        if looks_like_label(subject):
            labels.append(subject.order)
    subject.order = labels[0] if len(labels) == 1 else preferred
    subject.order_from = (
        "found by trial" if len(labels) == 1 else f"the custom of {subject.library}" if custom else "assumed"
    )


def _rows_of(subject: Subject) -> Callable[[Any, Any], Any]:
    if not subject.booster:
        return subject.value
    return lambda y, f: subject.gradient(y, f)


def by_names(names: list[str] | None) -> str | None:
    if names is None or len(names) != 2:
        return None
    first, second = (name.lower().strip("_") for name in names)
    if first in _TARGETS and second in _PREDICTIONS:
        return TARGET_FIRST
    if first in _PREDICTIONS and second in _TARGETS:
        return PREDICTION_FIRST
    return None
