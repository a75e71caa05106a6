"""Losses of several predictions a row, by another library: what they take, found by trial; and what becomes of rows."""

from __future__ import annotations

from copy import copy
from dataclasses import replace

import numpy as np

from losskit.checking.libraries import CallFailed, library_of
from losskit.checking.recognise import recognise
from losskit.checking.rows import TARGETS, Kind, ordinary
from losskit.checking.subject import PREDICTION_FIRST, TARGET_FIRST, Subject
from losskit.domains import COUNTS, NONNEGATIVE, POSITIVE, REAL, Domain
from losskit.errors import ParameterError

_Y = np.array([1.0, 2.0, 3.0])


def several_by_trial(subject: Subject, order: str | None, target: str | None) -> Subject | None:
    """A copy of `subject` as a loss of four, three or two predictions a row, the most of which each one counts."""
    for outputs in (4, 3, 2):
        try:
            return of_several(copy(subject), order, target, outputs)  # a trial that fails leaves nothing behind
        except CallFailed:
            continue
    return None


def of_several(subject: Subject, order: str | None, target: str | None, outputs: int) -> Subject:
    """`subject` as a loss of so many predictions a row, y of shape (n,) or (n, 1) and f of shape (n, outputs).

    Raises
    ------
    CallFailed
        If it takes no such rows, or one of the predictions does not count.
    ParameterError
        If `target` is not known.
    """
    if target is not None and target not in TARGETS:
        raise ParameterError(f"target={target!r} is not known; use one of {', '.join(map(repr, TARGETS))}")
    custom = {"torch": PREDICTION_FIRST, "jax": PREDICTION_FIRST}.get(subject.library, TARGET_FIRST)
    both = (custom, TARGET_FIRST if custom == PREDICTION_FIRST else PREDICTION_FIRST)
    said, subject.library = "", library_of(subject.thing)
    subject.kind, subject.residual, subject.booster = Kind(outputs=outputs, columns=(REAL,) * outputs), False, False
    for subject.order in (order,) if order else both:
        for subject.form in ("flat", "column"):
            if said := _why_not(subject):
                continue
            subject.order_from = "as you said, or its arguments are called" if order else "found by trial"
            subject.rowwise = _gives_rows(subject)
            subject.kind = _kind(subject, TARGETS[target] if target else None)
            subject.same = recognise(subject.value, 0, subject.eps, outputs)
            if subject.same is not None:
                subject.kind = subject.same.kind
            find_reduction(subject)
            return subject
    raise CallFailed(said)


def _rows(outputs: int) -> np.ndarray:
    """Rows of positive predictions."""
    return 0.35 + np.random.default_rng(5).random((3, outputs)) * np.linspace(1.0, 1.6, outputs)


def _why_not(subject: Subject) -> str:
    """Why the subject is no loss of such rows; empty if it is one."""
    f = _rows(subject.kind.outputs)
    try:
        first = subject.batch(*subject.rows(_Y[:1], f[:1]))
    except CallFailed as error:
        return str(error)
    if isinstance(first, tuple) or first.size != 1:
        return "gave no number for one row of several predictions"
    if first.dtype.kind == "f" and first.dtype.itemsize < 8:
        subject.eps = float(np.finfo(first.dtype).eps)
    value = subject.value(_Y, f)
    if not np.isfinite(value).all() or np.array_equal(value, subject.value(_Y[::-1], f)):
        return "gave no finite number, or one that does not hang on the target"
    for j in range(f.shape[1]):
        moved = f.copy()
        moved[:, j] *= 1.25
        if np.array_equal(subject.value(_Y, moved), value):
            return f"does not hang on prediction {j} of {f.shape[1]}"
    return ""


def _gives_rows(subject: Subject) -> bool:
    f = _rows(subject.kind.outputs)
    try:
        got = subject.batch(*subject.rows(_Y, f))
    except CallFailed:
        return False
    return bool(np.size(got) == 3 and np.allclose(np.ravel(got), subject.value(_Y, f), rtol=1e-6, equal_nan=True))


def _kind(subject: Subject, y: Domain | None) -> Kind:
    """The kind, its domains by whether numbers below 0, 0 and fractions give finite values."""
    f = _rows(subject.kind.outputs)

    def holds(target: float) -> bool:
        return bool(np.isfinite(subject.value(np.full(3, target), f)).all())

    if y is None:
        y = REAL if holds(-1.3) else POSITIVE if not holds(0.0) else NONNEGATIVE if holds(0.5) else COUNTS
    columns = []
    for j in range(f.shape[1]):
        moved = f.copy()
        moved[:, j] = -0.7
        columns.append(REAL if np.isfinite(subject.value(_Y, moved)).all() else POSITIVE)
    return replace(subject.kind, y=y, columns=tuple(columns))


def find_reduction(subject: Subject) -> None:
    """What the function does with many rows; "alone" if it takes them one at a time only."""
    y, f = ordinary(subject.kind)
    value = (subject.gradient if subject.booster else subject.value)(y, f)
    assert value is not None
    keep = np.flatnonzero(np.isfinite(value))[1::3][:7]
    subject.reduction = "alone"
    if subject.form == "scalar" or keep.size < 3:
        return
    try:
        got = subject.batch(*subject.rows(y[keep], f[keep]))
    except CallFailed:
        return
    got = got[0] if isinstance(got, tuple) else got
    within = max(1e-9, 50 * subject.eps)
    candidates = {"none": value[keep], "mean": value[keep].mean(), "sum": value[keep].sum()}
    subject.reduction = "neither"
    for name, wanted in candidates.items():
        if got.size == np.size(wanted) and np.allclose(got.ravel(), wanted, rtol=within, atol=within):
            subject.reduction = name
            return
