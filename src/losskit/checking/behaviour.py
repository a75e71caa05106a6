"""What an unknown loss takes, from how it behaves: shifts, products, labels, ranges."""

from __future__ import annotations

from typing import Any

import numpy as np

from losskit.checking.rows import Kind
from losskit.checking.subject import Subject
from losskit.domains import NONNEGATIVE, POSITIVE, REAL, SIGNS, UNIT

Array = np.ndarray


def rows(subject: Subject, y: Any, f: Any) -> Array:
    """Values, or gradients of a booster's objective, of rows broadcast together."""
    y, f = (np.array(a, dtype=float) for a in np.broadcast_arrays(y, f))
    found = subject.gradient(y, f) if subject.booster else subject.value(y, f)
    assert found is not None
    return found


def looks_like_label(subject: Subject) -> bool:
    """Whether the value is a straight line in y between 0 and 1, or has a step in between: y is a label or a count."""
    found = []
    for f in (0.3, 0.7):
        low, quarter, middle, high = rows(subject, [0.0, 0.25, 0.5, 1.0], f)
        straight = _same(middle, (low + high) / 2) and _same(quarter, 0.75 * low + 0.25 * high)
        step = middle == quarter and middle in (low, high)
        found.append(bool(straight or step) and not _same(low, high))
    return all(found)


def kind_by_behaviour(subject: Subject) -> Kind:
    """The kind of loss, of the few that can be told apart."""
    if subject.residual or _by_residual(subject):
        return Kind(variable="r")
    if _by_margin(subject):
        return Kind(SIGNS, REAL, "m")
    probability = _wants_probability(subject)
    if looks_like_label(subject):
        grows = rows(subject, 0.0, [30.0])[0]
        return Kind(UNIT, UNIT) if probability else Kind(NONNEGATIVE if grows > 1e6 else UNIT, REAL)
    below, zero = rows(subject, [-1.3, 0.0], 0.6)
    y = REAL if np.isfinite(below) else NONNEGATIVE if np.isfinite(zero) else POSITIVE
    f = REAL if np.isfinite(rows(subject, 0.8, [-1.3])[0]) else POSITIVE
    return Kind(y, UNIT if probability and y != REAL else f)


def _by_residual(subject: Subject) -> bool:
    r = np.array([-3.0, -0.5, 0.25, 2.0, 8.0])
    here, there = rows(subject, 1.0, 1.0 + r), rows(subject, -4.0, -4.0 + r)
    return bool(np.isfinite(here).all() and np.allclose(here, there, rtol=1e-9, atol=64 * subject.eps))


def _by_margin(subject: Subject) -> bool:
    f = np.array([-3.0, -0.5, 0.25, 0.75, 2.0])
    one, other = rows(subject, 1.0, f), rows(subject, -1.0, -f)
    sign = -1.0 if subject.booster else 1.0
    if not np.allclose(one, sign * other, rtol=1e-9, atol=64 * subject.eps):
        return False
    return bool(subject.booster or np.allclose(rows(subject, 2.0, f / 2), one, rtol=1e-9, atol=64 * subject.eps))


def _wants_probability(subject: Subject) -> bool:
    """Whether predictions outside [0, 1] fail, are nan, or are taken as the nearest end."""
    inside = rows(subject, [0.0, 1.0], 0.4)
    outside = rows(subject, [0.0, 0.0, 1.0, 1.0], [1.7, 2.9, -0.7, -1.9])
    if not np.isfinite(inside).all():
        return False
    flat = outside[0] == outside[1] and outside[2] == outside[3] and np.isfinite(outside).all()
    lost = np.isnan(outside).all() or bool(np.isnan(outside[:2]).all() and np.isnan(outside[2:]).all())
    return bool(lost or (flat and not _same(*rows(subject, 0.0, [0.4, 0.6]))))


def _same(a: float, b: float) -> bool:
    return bool(np.isclose(a, b, rtol=1e-9, atol=1e-12))
