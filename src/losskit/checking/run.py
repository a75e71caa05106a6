"""`check_loss`: every attack on one loss."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

from losskit.checking import numbers, shape, traps
from losskit.checking import weights as weighing
from losskit.checking.adapt import adapt, library_name
from losskit.checking.claims import claims_of, read_claims
from losskit.checking.class_attacks import ATTACKS as CLASS_ATTACKS
from losskit.checking.class_attacks import SHARED
from losskit.checking.class_attacks import chance as class_chance
from losskit.checking.classes import ClassSubject, of_classes
from losskit.checking.findings import CODES, Finding, finding
from losskit.checking.libraries import CallFailed, library_of, quiet
from losskit.checking.outcome import Check
from losskit.checking.subject import Ours, Subject
from losskit.checking.vectors import (
    DIVERGENCE_ATTACKS,
    ForecastSubject,
    ShareSubject,
    divergence_of_ours,
    forecast_of_ours,
    of_shares,
)
from losskit.errors import CapabilityError, ParameterError
from losskit.traits import Traits

Order = Literal["target_first", "prediction_first"]


def check_loss(
    thing: Any,
    *,
    gradient: Callable[..., Any] | None = None,
    hessian: Callable[..., Any] | None = None,
    order: Order | None = None,
    target: str | None = None,
    prediction: str | None = None,
    claims: Traits | dict[str, Any] | None = None,
    ignore: Iterable[str] = (),
    outputs: int | None = None,
) -> Check:
    """Attack a loss, ours or anyone's, and say what is wrong with it.

    Parameters
    ----------
    thing : a loss of losskit, a function or object of NumPy, PyTorch, JAX or Keras, or a booster's objective
        Called with a target and a prediction, in either order, or with the residual f - y alone. An objective gives
        a pair: gradient and Hessian.
    gradient, hessian : callable, optional
        The function's own first and second derivative by the prediction, called as it is. Without, PyTorch and JAX
        differentiate.
    order : {"target_first", "prediction_first"}, optional
        Found from the arguments' names or by trial if None.
    target : {"real", "nonnegative", "positive", "binary", "signs", "labels", "shares", "divergence"}, optional
        The targets it is meant for; found by trial if None. The last three are for losses of many classes: labels of
        shape (n,) or shares of shape (n, k), with k predictions a row; a divergence is 0 where both are equal.
    prediction : {"score", "probability", "positive"}, optional
        The predictions it is meant for; found by trial if None.
    claims : Traits or dict, optional
        What is claimed of it, such as `{"convex": True, "lipschitz": 1.0}`; a loss of losskit makes its own.
    ignore : iterable of str
        Codes that are not reported, such as `("LK010",)`.
    outputs : int, optional
        How many predictions a row has, for y of shape (n,) and f of shape (n, outputs): a mean and a scale, quantiles,
        members of an ensemble. Tried if it takes no single one.

    Returns
    -------
    Check
        True if nothing was found; `raise_for_findings()` is for tests.

    Raises
    ------
    CapabilityError
        If `thing` is nothing that can be called with targets and predictions.
    ParameterError
        If an option is not known.
    """
    ignored = {ignore} if isinstance(ignore, str) else set(ignore)
    if unknown := sorted(ignored - set(CODES)):
        raise ParameterError(f"ignore: there is no code {unknown[0]!r}; codes are LK001 to {max(CODES)}")
    claimed = read_claims(claims)
    with quiet(library_of(thing)):
        of_rows = _of_rows(thing, order, target, gradient, outputs)
    if of_rows is not None:
        return _check_rows(of_rows, ignored)
    try:
        subject = adapt(thing, order, gradient, hessian, target, prediction, outputs)
    except CallFailed as error:
        found = [finding("LK001", f"It {error}.", "y=1, f=0.5, as arrays (1,), (1, 1) and as numbers")]
        name = str(getattr(thing, "__name__", type(thing).__name__))
        return Check(name, "not known", order or "not known", "", "not known", "not known", "", (), (),
                     tuple(each for each in found if each.code not in ignored))  # fmt: skip
    if subject.same is None and not subject.ours and target is None and not subject.kind.several:
        with quiet(subject.library):
            shares = of_shares(thing, order, gradient, False)
        if shares is not None:
            return _check_rows(shares, ignored)
    with quiet(subject.library):
        tried, found = _attacked(subject, claimed)
    kept = sorted((each for each in found if each.code not in ignored), key=lambda each: each.code)
    return _check(subject, tried, kept, claimed)


def _of_rows(thing: Any, order: str | None, target: str | None, gradient: Any, outputs: int | None) -> Any:
    """A loss of labels, shares or forecasts as a subject; None if it is none of these."""
    if target in ("divergence", "shares"):
        found: ClassSubject | None = of_shares(thing, order, gradient, target == "divergence")
        if found is None and target == "divergence":
            raise CapabilityError(
                f"{library_name(thing)} gives no finite number a row for shares p and q of shape (n, k), as "
                "probabilities, their logarithms or scores; a divergence takes both and nothing else"
            )
        if found is not None:
            return found
    if outputs is not None:
        return None
    shares = divergence_of_ours(thing)
    if shares is not None and shares.space not in ("probabilities", "logits"):  # what a label's rows are made of
        return shares
    found = of_classes(thing, order, target, gradient)
    if found is not None and found.form == "shares" and target is None:  # labels do not tell KL from a cross-entropy
        found = of_shares(thing, order, gradient, False) or found
    return found or forecast_of_ours(thing)


def _check_rows(subject: ClassSubject, ignored: set[str]) -> Check:
    by_kind: dict[type, tuple[Any, ...]] = {ShareSubject: DIVERGENCE_ATTACKS, ForecastSubject: SHARED}
    attacks = by_kind.get(type(subject), CLASS_ATTACKS)
    with quiet(subject.library):
        found = list(class_chance(subject))
        tried: list[Any] = [class_chance] if found else [class_chance, *attacks]
        for attack in tried[1:]:
            found += attack(subject)
        if not found and (shares := divergence_of_ours(subject.thing)):  # it takes labels, and shares
            found = [each for attack in DIVERGENCE_ATTACKS for each in attack(shares)]
            tried += DIVERGENCE_ATTACKS[len(SHARED) :]
    kept = sorted((each for each in _once(found) if each.code not in ignored), key=lambda each: each.code)
    skipped = ["claims and jumps (several predictions a row)"]
    if subject.weight_name is None:
        skipped.append("weights of rows (it takes none)")
    if subject.same is None and not subject.ours:
        skipped.append("exact values (it is none of the losses losskit knows)")
    return Check(
        subject.name, subject.library, subject.order, subject.order_from, _takes(subject), subject.reduction,
        str(subject.same or ""), tuple(each.__name__ for each in tried), tuple(skipped), tuple(kept),
    )  # fmt: skip


def _takes(subject: ClassSubject) -> str:
    if isinstance(subject, ForecastSubject):
        return "numbers, several predictions a row"
    if isinstance(subject, ShareSubject):
        return f"shares of k classes, k {subject.space.replace('_', '-')} a row"
    shares = "shares of k classes" if subject.form == "shares" else "labels 0 ... k - 1"
    return f"{shares}, k {'probabilities' if subject.probability else 'scores'} a row"


def _attacked(subject: Subject, claimed: Traits | None) -> tuple[list[str], list[Finding]]:
    found = list(traps.chance(subject))
    if found:  # chance makes every other number doubtful
        return ["chance"], found
    attacks: list[Callable[[Subject], Iterator[Finding]]] = [
        *traps.ATTACKS, *weighing.ATTACKS, *numbers.ATTACKS, *shape.ATTACKS,
    ]  # fmt: skip
    for attack in attacks:
        found += attack(subject)
        if attack is traps.constant and found:
            return ["chance", "constant"], found
    found += claims_of(subject, claimed)
    return ["chance", *(attack.__name__ for attack in attacks), "claims"], _once(found)


def _once(found: list[Finding]) -> list[Finding]:
    """Each thing once: two attacks may see the same."""
    seen: dict[tuple[str, str], Finding] = {}
    for each in found:
        once = each.code in ("LK001", "LK002", "LK003")
        seen.setdefault((each.code, "" if once else each.what.partition("(")[0]), each)
    return list(seen.values())


def _check(subject: Subject, tried: list[str], found: list[Finding], claimed: Traits | None) -> Check:
    skipped = []
    if not subject.ours:
        if subject.weight_name is None:
            skipped.append("weights (it takes none)")
        if not subject.booster and subject.own_gradient is None and subject.library not in ("torch", "jax"):
            skipped.append("gradient (pass gradient=)")
        if not subject.booster and subject.own_hessian is None:
            skipped.append("Hessian (pass hessian=)")
        if claimed is None:
            skipped.append("claims (pass claims=)")
        if subject.same is None:
            skipped.append("exact values (it is none of the losses losskit knows)")
    if subject.kind.several:
        many = "predictions" if subject.kind.outputs > 1 else "targets"
        skipped.append(f"shape and claims (several {many} a row)")
    same = "" if isinstance(subject, Ours) or subject.same is None else str(subject.same)
    words = {"alone": "one row a call", "none": "a value a row", "neither": "neither mean nor sum"}
    return Check(
        subject.name, subject.library, subject.order, subject.order_from, str(subject.kind),
        words.get(subject.reduction, subject.reduction), same, tuple(tried), tuple(skipped), tuple(found),
    )  # fmt: skip
