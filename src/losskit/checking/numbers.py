"""Attacks on the numbers: derivatives against differences or the truth, nan, overflow, clips, lost digits."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np

from losskit.checking.differences import bend, slope
from losskit.checking.findings import Finding, finding
from losskit.checking.libraries import CallFailed
from losskit.checking.rows import as_text, far, hard, ladder, ordinary, perfect, targets
from losskit.checking.subject import Subject
from losskit.domains import POSITIVE, REAL, UNIT, Domain

Array = np.ndarray
_ORDER = {"value": 0, "gradient": 1, "hessian": 2}


@dataclass(frozen=True)
class Departure:
    """A number that is not the truth: of which output, where, what came, what is true."""

    output: str
    y: Any
    f: Any
    got: float
    true: Any

    def __str__(self) -> str:
        true = f"; true is {mpmath.nstr(self.true, 6)}" if self.true is not None else ""
        return f"{as_text(self.y, self.f)}: {self.output} {self.got:.6g}{true}"


def outputs_of(subject: Subject, y: Array, f: Array) -> dict[str, Array]:
    """What the subject has of value, gradient and Hessian for these rows."""
    parts = {"gradient": subject.gradient(y, f), "hessian": subject.hessian(y, f)}
    if not subject.booster:
        parts = {"value": subject.value(y, f), **parts}
    return {
        name: part
        for name, part in parts.items()
        if part is not None and (name != "gradient" or subject.differentiable)
    }


# -- derivatives against differences


def derivatives(subject: Subject) -> Iterator[Finding]:
    """The gradient against differences of the value, the Hessian against differences of the gradient."""
    if subject.ours:
        return
    if subject.kind.outputs > 1:
        yield from _partial_derivatives(subject)
        return
    y, f = ordinary(subject.kind)
    reach = _reach(subject.kind.f, f)
    gradient, hessian = subject.gradient(y, f), subject.hessian(y, f)
    if not subject.booster and gradient is not None:
        known = slope(lambda x: _repeated(subject, "value", y, x), f, reach, subject.eps)
        yield from _disagreement("LK002", "gradient", y, f, gradient, *known)
    if hessian is not None:
        if gradient is not None:
            known = slope(lambda x: _repeated(subject, "gradient", y, x), f, reach, subject.eps)
        else:
            known = bend(lambda x: _repeated(subject, "value", y, x), f, reach, subject.eps)
        yield from _disagreement("LK003", "Hessian", y, f, hessian, *known)


def _partial_derivatives(subject: Subject) -> Iterator[Finding]:
    """The derivative by each of several predictions against differences."""
    y, f = (x[::2] for x in ordinary(subject.kind))
    gradient = subject.gradient(y, f)
    if gradient is None or not subject.differentiable:
        return
    for j in range(subject.kind.outputs):

        def moved(x: Array, j: int = j) -> Array:
            rows = np.tile(f, (x.size // len(y), 1))
            rows[:, j] = x.ravel()
            return subject.value(np.tile(y, x.size // len(y)), rows)

        known = slope(moved, f[:, j].copy(), _reach(subject.kind.columns[j], f[:, j]), subject.eps)
        yield from _disagreement("LK002", f"gradient by f[{j}]", y, f, gradient[:, j], *known)


def _repeated(subject: Subject, what: str, y: Array, x: Array) -> Array:
    found: Array = getattr(subject, what)(np.tile(y, x.size // y.size), x.ravel())
    return found


def _reach(domain: Domain, f: Array) -> Array:
    if domain == UNIT:
        return np.minimum(f, 1 - f) / 2
    if domain == POSITIVE:
        return f / 3
    return 0.04 * np.maximum(1.0, np.abs(f))


def _disagreement(
    code: str, what: str, y: Array, f: Array, got: Array, known: Array, doubt: Array
) -> Iterator[Finding]:
    size = np.maximum(np.abs(got), np.abs(known))
    usable = np.isfinite(got) & np.isfinite(known) & (doubt < 0.05 * size + 1e-6)
    bad = usable & (np.abs(got - known) > 10 * doubt + 1e-5 * size + 1e-9)
    if not bad.any():
        return
    at = int(np.argmax(np.where(bad, np.abs(got - known) / (size + 1e-12), 0)))
    ratio = got[bad] / np.where(known[bad] == 0, np.nan, known[bad])
    factor = ""
    if bad.sum() > 0.8 * usable.sum() and np.ptp(ratio) < 1e-4 * abs(ratio[0]):
        factor = f": it is {ratio[0]:.6g} times the true one"
    yield finding(
        code,
        f"The {what} is not the derivative at {bad.sum()} of {usable.sum()} rows{factor}.",
        f"{as_text(y[at], f[at])}: {what} {got[at]:.8g}, differences give {known[at]:.8g} +- {doubt[at]:.1g}",
    )


# -- against the truth, where the loss is known


def against_truth(subject: Subject) -> Iterator[Finding]:
    """Value and derivatives of a known loss against exact numbers, near a perfect fit and far out."""
    if subject.same is None:
        return
    departures: list[Departure] = []
    for where in (ordinary, hard):
        y, f = where(subject.kind)
        if where is ordinary:  # of another's, differences have seen them all
            pick = slice(None, None, 2 if subject.ours else 3)
            y, f = y[pick], f[pick]
        if subject.eps > 1e-10:  # it computes in float32, so it is asked about what that holds
            f = f.astype(np.float32).astype(float)
            held = (np.abs(f) < 1e15).reshape(len(f), -1).all(axis=1)
            y, f = y[held], f[held]
        for output, rows in outputs_of(subject, y, f).items():
            if output == "value" and subject.same.offset:
                continue
            departures += _departures(subject, output, y, f, rows)
    yield from _sorted_out(subject, departures)


def _departures(subject: Subject, output: str, y: Array, f: Array, rows: Array) -> list[Departure]:
    assert subject.same is not None
    found = []
    k = subject.kind.outputs
    orders: list[tuple[int, ...]] = list(itertools.product(range(k), repeat=_ORDER[output]))
    for place, one in enumerate(y.tolist()):
        at = f[place] if k > 1 else float(f[place])
        for by in orders:
            got = float(rows[place][by] if k > 1 else rows[place])
            true = subject.same.departs(got, one, at, by, subject.eps)
            if true is not None:
                found.append(Departure(output, one, at, got, true))
    return found


def _sorted_out(subject: Subject, departures: list[Departure]) -> Iterator[Finding]:
    kinds: dict[str, list[Departure]] = {}
    for each in departures:
        kinds.setdefault(_code(subject, each, departures), []).append(each)
    said = {
        "LK001": "A valid row makes it raise",
        "LK002": "The gradient is not the derivative of the formula",
        "LK003": "The Hessian is not the second derivative of the formula",
        "LK004": "A row of ordinary numbers gives nan",
        "LK005": "A row of ordinary size gives an infinite number",
        "LK008": "Past some prediction the loss stays the same, or its gradient is 0, while the true one goes on",
        "LK009": "Digits are lost",
    }
    for code, rows in kinds.items():
        outputs = " and ".join(dict.fromkeys(each.output for each in rows))
        what = f"{said[code]} ({outputs}; {len(rows)} row{'s' if len(rows) > 1 else ''})"
        reason = ""
        if code == "LK001":
            reason = ": " + why_not(subject, rows[0].y, rows[0].f)
        elif code == "LK008" and (clip := _clip(subject)):
            reason = f": {clip}"
        yield finding(code, f"{what}{reason}.", "; ".join(map(str, _telling(subject, rows))))


def _telling(subject: Subject, rows: list[Departure]) -> list[Departure]:
    """One row an output, the mildest: where trouble begins."""

    def strength(each: Departure) -> float:
        f = np.abs(each.f)
        ends = float(np.min(np.minimum(f, 1 - f)) if subject.kind.f == UNIT else np.max(f))
        return abs(math.log(ends + 1e-300))

    first: dict[str, Departure] = {}
    for each in sorted(rows, key=strength):
        first.setdefault(each.output, each)
    return list(first.values())


def _code(subject: Subject, each: Departure, others: list[Departure]) -> str:
    size = abs(subject.same.factor) if subject.same else 1.0
    if math.isnan(each.got):
        return "LK001" if each.output == "value" and why_not(subject, each.y, each.f) else "LK004"
    if math.isinf(each.got):
        return "LK005"
    if each.output == "value":
        level = [o.true for o in others if (o.output, o.y, o.got) == ("value", each.y, each.got) and each.got]
        flat = len({mpmath.nstr(true, 4) for true in level}) > 1
        return "LK008" if flat or (abs(each.true) > 4 * size and abs(each.got) < 0.9 * abs(each.true)) else "LK009"
    if abs(each.true) <= 1e-6 * size or abs(each.got - each.true) <= 1e-2 * abs(each.true):
        return "LK009"
    if abs(each.got) < 1e-3 * abs(each.true):
        return "LK008"
    return "LK002" if each.output == "gradient" else "LK003"


def why_not(subject: Subject, y: Any, f: Any) -> str:
    """The exception of a row's value; empty if it does not raise."""
    try:
        subject.batch(*((np.asarray([y]), np.asarray([f])) if subject.ours else subject.rows(y, f)))
    except CallFailed as error:
        return str(error)
    return ""


def _clip(subject: Subject) -> str:
    """Below which probability of the true class the loss stays the same, as text."""
    if subject.kind.f != UNIT or subject.booster:
        return ""
    low, high = -320.0, -2.0
    flat = subject.value(np.ones(1), np.array([5e-324]))[0]
    if not np.isfinite(flat) or subject.value(np.ones(1), np.array([0.01]))[0] == flat:
        return ""
    for _ in range(40):
        middle = (low + high) / 2
        same = abs(subject.value(np.ones(1), np.array([10.0**middle]))[0] - flat) <= 1e-9 * abs(flat)
        low, high = (middle, high) if same else (low, middle)
    return f"clipped at {flat:.5g}, from a probability of {10.0**low:.2g} down"


# -- where the loss is not known


def extremes(subject: Subject) -> Iterator[Finding]:
    """nan, overflow and clips of a loss that is none of ours."""
    if subject.same is not None or subject.ours:
        return
    if subject.kind.f == UNIT:
        y, f = hard(subject.kind)
        yield from _nans(subject, y, f)
        deep = subject.value(np.ones(3), np.array([1e-20, 1e-30, 1e-2])) if not subject.booster else np.zeros(3)
        if deep[0] == deep[1] != deep[2] and np.isfinite(deep).all() and (clip := _clip(subject)):
            yield finding("LK008", f"The loss is {clip}.", f"y=1, f=1e-20 and y=1, f=1e-30: both {deep[0]:.6g}")
        return
    if subject.kind.outputs > 1:
        yield from _nans(subject, *far(subject.kind))
        return
    reach = ladder(subject.kind)
    sides = (1.0, -1.0) if subject.kind.f == REAL else (1.0,)
    y = np.repeat(targets(subject.kind)[[0, -1]], reach.size * len(sides))
    f = np.tile(np.concatenate([s * reach for s in sides]), 2)
    f = f + y if subject.kind.variable == "r" else f
    yield from _nans(subject, y, f)
    if not subject.booster:
        yield from _overflow(y, f, subject.value(y, f), reach.size)


def _nans(subject: Subject, y: Array, f: Array) -> Iterator[Finding]:
    for output, rows in outputs_of(subject, y, f).items():
        bad = np.flatnonzero(np.isnan(rows).reshape(len(rows), -1).any(axis=1))
        if not bad.size:
            continue
        at = min(bad, key=lambda i: np.max(np.abs(f[i])))
        reason = why_not(subject, y[at], f[at])
        many = f"{bad.size} of {len(rows)} rows far out"
        if output == "value" and reason:
            yield finding("LK001", f"It {reason} ({many}).", as_text(y[at], f[at]))
        elif not reason:
            yield finding("LK004", f"The {output} is nan ({many}).", f"{as_text(y[at], f[at])}: {output} nan")


def _overflow(y: Array, f: Array, value: Array, length: int) -> Iterator[Finding]:
    """Infinite after a doubling, though the doublings before made it no more than eight times as large."""
    for start in range(0, value.size, length):
        v = value[start : start + length]
        for i in range(2, length):
            if np.isinf(v[i]) and np.isfinite(v[i - 2 : i]).all():
                if abs(v[i - 1]) <= 8 * abs(v[i - 2]) and abs(v[i - 2]) > 0:
                    at = start + i
                    yield finding(
                        "LK005",
                        "The value is infinite where it had been growing slowly.",
                        f"{as_text(y[at - 1], f[at - 1])}: {v[i - 1]:.6g}; {as_text(y[at], f[at])}: {v[i]}",
                    )
                    return
                break


# -- ties and kinks


def ties(subject: Subject) -> Iterator[Finding]:
    """At a perfect fit or tie: no nan, and a gradient between the slopes of the two sides."""
    y, f = perfect(subject.kind)
    if not y.size or subject.kind.several:
        return
    for output, rows in outputs_of(subject, y, f).items():
        if np.isnan(rows).any():
            at = int(np.argmax(np.isnan(rows)))
            place = "a perfect fit" if subject.kind.variable == "r" else "a score of 0"
            yield finding("LK004", f"The {output} is nan at {place}.", f"{as_text(y[at], f[at])}: {output} nan")
    gradient = subject.gradient(y, f)
    if subject.booster or gradient is None:
        return
    h = subject.eps**0.4 * np.maximum(1.0, np.abs(f))
    low, middle, high = (subject.value(y, f + s * h) for s in (-1, 0, 1))
    left, right = (middle - low) / h, (high - middle) / h
    room = 1e-3 * (1 + np.abs(left) + np.abs(right))
    bad = (gradient < np.minimum(left, right) - room) | (gradient > np.maximum(left, right) + room)
    bad &= np.abs(high - middle) + np.abs(middle - low) < 1e-3 * (1 + np.abs(middle))  # a step has no slopes
    if bad.any():
        at = int(np.argmax(bad))
        yield finding(
            "LK002",
            "At a tie the gradient lies outside the slopes of the two sides.",
            f"{as_text(y[at], f[at])}: gradient {gradient[at]:.6g}, slopes {left[at]:.6g} and {right[at]:.6g}",
        )


ATTACKS = (derivatives, against_truth, extremes, ties)
