"""Attacks on the shape of the function itself: jumps, and a sign the wrong way round."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from losskit.checking.findings import Finding, finding
from losskit.checking.rows import as_text, targets
from losskit.checking.subject import Subject
from losskit.domains import POSITIVE, UNIT

Array = np.ndarray


def grid(subject: Subject, y: float, points: int) -> Array:
    """Predictions in even steps over where things happen, at no round number."""
    f = subject.kind.f
    if f == UNIT:
        return np.linspace(0.00137, 0.9983, points)
    if subject.kind.variable == "r":
        return y + np.linspace(-12.0137, 12.0241, points)
    if f == POSITIVE:
        return np.linspace(0.0137, 12.0241, points)
    if f.bounded:
        some = np.linspace(-12.0137, 12.0241, 4 * points)
        return some[f.contains(some)][:points]
    width = 8.0 if subject.kind.binary else 4.0
    return np.linspace(-width - 0.0137, width + 0.0241, points)


def jumps(subject: Subject) -> Iterator[Finding]:
    """A step in the value: intervals of the largest change are halved until only a step is left."""
    if subject.booster or subject.kind.several or _excused(subject):
        return
    for y in targets(subject.kind)[[0, -1]]:
        x = grid(subject, y, 241)
        v = subject.value(np.full_like(x, y), x)
        if x.size < 9 or not np.isfinite(v).all():
            continue
        change = np.diff(v)
        odd = np.abs(change - np.convolve(np.pad(change, 1, mode="edge"), [0.5, 0, 0.5], "valid"))
        for i in np.argsort(-odd)[:6]:
            found = _halved(subject, y, x[i], x[i + 1], abs(change[i]))
            if found is not None:
                a, b, before, after = found
                yield finding(
                    "LK006",
                    f"The value jumps by {abs(after - before):.6g} between two neighbouring predictions.",
                    f"{as_text(y, a)}: {before:.8g}; {as_text(y, b)}: {after:.8g}",
                )
                return


def _halved(subject: Subject, y: float, a: float, b: float, change: float) -> tuple[float, float, float, float] | None:
    """The ends of a step between a and b, and the values there; None if the value is continuous."""
    one = np.array([y])
    va, vb = (subject.value(one, np.array([x]))[0] for x in (a, b))
    noise = 1e3 * subject.eps * max(abs(va), abs(vb))
    while b - a > max(1e-9, 64 * subject.eps) * max(1.0, abs(a)):
        middle = (a + b) / 2
        vm = subject.value(one, np.array([middle]))[0]
        if abs(vm - va) >= abs(vb - vm):
            b, vb = middle, vm
        else:
            a, va = middle, vm
        if abs(vb - va) <= max(0.02 * change, noise):
            return None
    return a, b, va, vb


def _excused(subject: Subject) -> bool:
    """Whether a loss of ours says itself that it may jump."""
    if not subject.ours:
        return False
    known = subject.thing.traits()
    return known.differentiable is False and known.lipschitz in (None, np.inf)


def upside_down(subject: Subject) -> Iterator[Finding]:
    """Whether the loss is largest at a perfect fit, or prefers the wrong class."""
    if subject.same is not None and subject.same.factor < 0:
        yield finding("LK007", f"It is {subject.same}: a reward for errors.")
        return
    if subject.kind.several:
        return
    if subject.booster:
        yield from _wrong_pull(subject)
    elif subject.kind.variable == "r":
        yield from _best_far_off(subject)
    elif subject.kind.binary:
        yield from _wrong_class(subject)


def _wrong_pull(subject: Subject) -> Iterator[Finding]:
    if subject.kind.variable != "r":
        return
    r = np.array([-3.1, -1.7, -0.6, 0.7, 1.9, 3.3])
    pull = subject.gradient(np.ones_like(r), 1 + r)
    if pull is not None and (pull * r < 0).all():
        yield finding("LK007", "The gradient points away from the target.", f"{as_text(1, 1.7)}: {pull[3]:.6g}")


def _best_far_off(subject: Subject) -> Iterator[Finding]:
    r = np.array([0.0, -2.9, -1.1, -0.6, 0.7, 1.3, 3.1])
    v = subject.value(np.ones_like(r), 1 + r)
    if (v[0] > v[1:]).all():
        yield finding(
            "LK007",
            "A perfect fit costs more than a miss on either side.",
            f"{as_text(1, 1)}: {v[0]:.6g}; {as_text(1, -1.9)}: {v[1]:.6g}; {as_text(1, 4.1)}: {v[-1]:.6g}",
        )


def _wrong_class(subject: Subject) -> Iterator[Finding]:
    right = np.array([0.6, 0.8, 0.95]) if subject.kind.f == UNIT else np.array([0.5, 2.0, 5.0])
    wrong = 1 - right if subject.kind.f == UNIT else -right
    no, yes = subject.kind.labels
    at = {(y, side): subject.value(np.full(3, y), x) for y in (no, yes) for side, x in (("+", right), ("-", wrong))}
    if (at[yes, "+"] > at[yes, "-"]).all() and (at[no, "+"] < at[no, "-"]).all():
        yield finding(
            "LK007",
            "A prediction of the wrong class costs less than one of the right class.",
            f"{as_text(yes, right[1])}: {at[yes, '+'][1]:.6g}; {as_text(yes, wrong[1])}: {at[yes, '-'][1]:.6g}",
        )


ATTACKS = (upside_down, jumps)
