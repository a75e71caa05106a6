"""Attacks on a loss of many classes: numbers, masks, labels, weights, dtypes, probabilities."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from losskit.checking.classes import ClassSubject, truth
from losskit.checking.differences import slope
from losskit.checking.findings import Finding, finding
from losskit.checking.libraries import CallFailed, to_library, to_numpy
from losskit.checking.rows import as_text
from losskit.checking.weights import compared
from losskit.losses.multiclass import SoftmaxCrossEntropy

Array = np.ndarray


def chance(subject: ClassSubject) -> Iterator[Finding]:
    """The same rows, twice."""
    y, f = subject.ordinary()
    first, other = subject.value(y, f), subject.value(y, f)
    differ = ~((first == other) | (np.isnan(first) & np.isnan(other)))
    if differ.any():
        at = int(np.argmax(differ))
        yield finding("LK016", "Two calls with the same row give different numbers.",
                      f"{as_text(y[at], f[at])}: {first[at]:.12g}, then {other[at]:.12g}")  # fmt: skip


def derivatives(subject: ClassSubject) -> Iterator[Finding]:
    """The gradient against differences of the value, and the Hessian of ours against those of the gradient."""
    y, f = subject.ordinary()
    y, f = y[1::3], f[1::3]
    gradient = subject.gradient(y, f)
    if gradient is None:
        return
    hessian, k = subject.hessian(y, f), f.shape[1]
    for j in range(k):
        step = np.arange(k) == j

        def moved(x: Array, step: Array = step, j: int = j) -> tuple[Array, Array]:
            times = len(x) // len(y)
            base = np.tile(f, (times, 1))
            return np.concatenate([y] * times), np.where(step, x[:, None], base)

        reach = np.full(len(y), subject.reach)
        known = slope(lambda x: subject.value(*moved(x)), f[:, j].copy(), reach, subject.eps)
        yield from _disagreement("LK002", "gradient", y, f, gradient[:, j], *known)
        for i in range(0 if hessian is None else k):

            def entry(x: Array, i: int = i, moved: Any = moved) -> Any:
                return np.asarray(subject.gradient(*moved(x)))[:, i]

            assert hessian is not None
            known = slope(entry, f[:, j].copy(), reach, subject.eps)
            yield from _disagreement("LK003", "Hessian", y, f, hessian[:, i, j], *known)


def _disagreement(
    code: str, what: str, y: Array, f: Array, got: Array, known: Array, doubt: Array
) -> Iterator[Finding]:
    size = np.maximum(np.abs(got), np.abs(known))
    usable = np.isfinite(got) & np.isfinite(known) & (doubt < 0.05 * size + 1e-6)
    bad = usable & (np.abs(got - known) > 10 * doubt + 1e-5 * size + 1e-9)
    if bad.any():
        at = int(np.argmax(bad))
        yield finding(code, f"The {what} is not the derivative at {bad.sum()} of {usable.sum()} rows.",
                      f"{as_text(y[at], f[at])}: {what} {got[at]:.8g}, differences give {known[at]:.8g}")  # fmt: skip


def against_truth(subject: ClassSubject) -> Iterator[Finding]:
    """Value and gradient of a known loss against ours, far out, where exponentials overflow and digits are lost."""
    if subject.same is None:
        return
    y, f = subject.hard()
    true = dict(zip(("value", "gradient"), truth(subject.same.loss, y, f), strict=True))
    got: dict[str, Any] = {"value": subject.value(y, f), "gradient": subject.gradient(y, f)}
    seen: dict[str, list[str]] = {}
    for output, numbers in got.items():
        if numbers is None:
            continue
        wanted = subject.same.factor * true[output]
        for i in range(len(y)):
            for a, b in zip(np.atleast_1d(numbers[i]), np.atleast_1d(wanted[i]), strict=True):
                if code := _code(subject, float(a), float(b), output):
                    seen.setdefault(code, []).append(f"{as_text(y[i], f[i])}: {output} {a:.6g}; true is {b:.6g}")
    said = {
        "LK004": "A row of ordinary numbers gives nan or raises",
        "LK005": "A row of ordinary size gives an infinite number",
        "LK008": "Past some prediction the loss stays the same while the true one goes on",
        "LK009": "Digits are lost",
    }
    for code, rows in seen.items():
        yield finding(code, f"{said[code]} ({len(rows)} number{'s' if len(rows) > 1 else ''}).", rows[0])


def _code(subject: ClassSubject, got: float, true: float, output: str) -> str:
    if math.isnan(true) or got == true or abs(got - true) <= max(abs(true) * subject.eps**0.4, 1e-300):
        return ""
    if subject.eps > 1e-10 and abs(true) < 1e-37:
        return ""
    if math.isnan(got):
        return "LK004"
    if math.isinf(got):
        return "LK005"
    if output == "value" and abs(true) > 4 and abs(got) < 0.9 * abs(true):
        return "LK008"
    return "LK008" if output == "gradient" and abs(true) > 1e-3 and abs(got) < 1e-3 * abs(true) else "LK009"


def masked(subject: ClassSubject) -> Iterator[Finding]:
    """A class of score minus infinity, which is not the row's."""
    if subject.probability or (subject.ours and subject.thing.beyond):
        return
    y, f = np.array([0, 0]), np.array([[0.5, -30.0, 1.0], [0.5, -np.inf, 1.0]])
    got, slopes = subject.value(y, f), subject.gradient(y, f)
    if np.isfinite(got[0]) and np.isnan(got[1]):
        yield finding("LK022", "A class of score minus infinity makes the row nan, though the row is of another class.",
                      f"{as_text(y[1], f[1])}: nan; with -30 in its place {got[0]:.6g}")  # fmt: skip
    elif slopes is not None and np.isfinite(slopes[0]).all() and np.isnan(slopes[1]).any():
        yield finding("LK022", "A class of score minus infinity makes the gradient nan.", as_text(y[1], f[1]))


def no_label(subject: ClassSubject) -> Iterator[Finding]:
    """A label of -1, and one too many."""
    if subject.form != "labels":
        return
    _, f = subject.ordinary()
    rows = subject.value(np.arange(subject.labels), f[:1].repeat(subject.labels, axis=0))
    for label in (-1, subject.labels):
        got = subject.value(np.array([label]), f[:1])[0]
        if np.isfinite(got):
            alike = np.flatnonzero(np.isclose(rows, got, rtol=1e-6))
            taken = f", which is that of label {alike[0]}" if alike.size else ""
            yield finding("LK023", f"A label of {label} among {subject.labels} classes has a finite loss{taken}.",
                          f"{as_text(label, f[0])}: {got:.6g}")  # fmt: skip
            return


def small_integers(subject: ClassSubject) -> Iterator[Finding]:
    """Labels of a small unsigned dtype: the same numbers, or an error."""
    if subject.form != "labels":
        return
    y, f = subject.ordinary()
    wide, narrow = subject.value(y, f), subject.value(y.astype(np.uint8), f)
    bad = np.isfinite(narrow) & np.isfinite(wide) & ~np.isclose(wide, narrow, rtol=1e-4)
    if bad.any():
        at = int(np.argmax(bad))
        yield finding("LK015", "With labels of dtype uint8 the value is another.",
                      f"{as_text(y[at], f[at])}: {narrow[at]:.8g}, as int64 {wide[at]:.8g}")  # fmt: skip


def coupled(subject: ClassSubject) -> Iterator[Finding]:
    """Whether a batch is the mean, the sum or the list of its rows."""
    if subject.reduction == "neither":
        y, f = subject.ordinary()
        got = subject.batch(y, f)
        yield finding("LK013", "A batch is neither the list, nor the mean, nor the sum of its rows.",
                      f"{y.size} rows: {np.ravel(got)[0]:.8g}; mean of the rows {subject.value(y, f).mean():.8g}")


def weights(subject: ClassSubject) -> Iterator[Finding]:
    """Integer weights against repeated rows."""
    if subject.weight_name is None or subject.reduction in ("alone", "neither"):
        return
    y, f = (x[:6] for x in subject.ordinary())
    w = np.array([1.0, 2.0, 0.0, 3.0, 1.0, 4.0])
    if subject.ours:  # whose classes may have weights too
        again = np.repeat(np.arange(6), w.astype(int))
        for reduction in ("mean", "sum"):
            found, wanted = (float(subject.batch(*rows, reduction=reduction, **named)) for rows, named in (
                ((y, f), {"sample_weight": w}), ((y[again], f[again]), {})))  # fmt: skip
            if not np.isclose(found, wanted, rtol=1e-9):
                yield finding("LK012", f'The "{reduction}" of weighted rows is not that of the rows repeated.',
                              f"{found:.8g}; wanted {wanted:.8g}")  # fmt: skip
        return
    try:
        got = subject.batch(y, f, **{subject.weight_name: w})
    except CallFailed:
        return
    yield from compared(subject.eps, subject.reduction, got, subject.value(y, f), w)


def swallowed(subject: ClassSubject) -> Iterator[Finding]:
    """A prediction of nan."""
    y, f = subject.ordinary()
    spoilt = np.where(np.arange(f.shape[1]) == 0, np.nan, f[:1])
    got = subject.value(y[:1], spoilt)
    if np.isfinite(got).all():
        yield finding("LK019", "A prediction of nan has a finite loss.", f"{as_text(y[0], spoilt[0])}: {got[0]:.6g}")


def ranges(subject: ClassSubject) -> Iterator[Finding]:
    """Raw scores where probabilities are wanted."""
    if subject.probability and not subject.ours:
        y, f = subject.ordinary()[0][:1], np.array([[2.5, 1.5, 0.3]])
        got = subject.value(y, f)
        if np.isfinite(got).all():
            yield finding("LK018", "It takes probabilities, and a number outside [0, 1] passes.",
                          f"{as_text(y[0], f[0])}: {got[0]:.6g}")  # fmt: skip


def narrow(subject: ClassSubject) -> Iterator[Finding]:
    """float32 in, float32 out."""
    y, f = subject.ordinary()
    if subject.eps > 1e-10:
        return
    try:
        y = y.astype(np.float32) if y.dtype.kind == "f" else y
        got = subject.batch(y[:2], f[:2].astype(np.float32), **({"reduction": "none"} if subject.ours else {}))
    except CallFailed as error:
        yield finding("LK014", f"float32 predictions make it fail: it {error}.")
        return
    if got.dtype == np.float64 and (subject.library != "numpy" or got.ndim):
        yield finding("LK014", "float32 in gives float64 out.", f"f float32: the result is {got.dtype}")


def changed(subject: ClassSubject) -> Iterator[Finding]:
    """Whether the arrays are as they were after a call."""
    if subject.ours:
        return
    y, f = subject.ordinary()
    f = f[:1].copy()
    f[0, 0] = 0.0 if subject.probability else f[0, 0]  # what a clip in place would change
    arrays = [to_library(each.copy(), subject.library) for each in subject.arranged(y[:1], f)]
    try:
        subject.thing(*arrays)
    except Exception:  # whatever a foreign function raises
        return
    for before, after in zip(subject.arranged(y[:1], f), arrays, strict=True):
        if not np.array_equal(to_numpy(after), before):
            said = f"{before.ravel()} became {to_numpy(after).ravel()}"
            yield finding("LK020", "An argument is another after the call.", said)


def softmax_twice(subject: ClassSubject) -> Iterator[Finding]:
    """Probabilities taken for scores: a cross-entropy of the softmax of a softmax."""
    if subject.ours or subject.form != "labels":
        return
    y, f = subject.ordinary()
    got, p = subject.value(y, f), np.exp(f - f.max(axis=1, keepdims=True))
    twice = truth(SoftmaxCrossEntropy(), y, p / p.sum(axis=1, keepdims=True))[0]
    if np.allclose(got, twice, rtol=max(1e-9, 30 * subject.eps)):
        sure = np.array([[1000.0, 0.0, 0.0]])
        yield finding("LK024", "It is the cross-entropy of the softmax of a softmax: a sure and right row costs 0.55.",
                      f"{as_text(0, sure[0])}: {subject.value(np.array([0]), sure)[0]:.6g}")  # fmt: skip
    elif subject.says_probability and subject.same is not None and not subject.probability:
        yield finding("LK024", f"Its argument is called {subject.said[1]}, and is taken for scores: a softmax comes on "
                      "top.", f"{as_text(y[0], f[0])}: {got[0]:.6g}, which is that of {subject.same}")  # fmt: skip


SHARED = (derivatives, against_truth, coupled, weights, swallowed, ranges, narrow, changed)  # of any rows
ATTACKS = (*SHARED, masked, no_label, small_integers, softmax_twice)
