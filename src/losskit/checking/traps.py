"""Attacks on the border: shapes, dtypes, nan, ranges, arguments changed, chance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from losskit.checking.findings import Finding, finding
from losskit.checking.libraries import CallFailed, quiet, to_library, to_numpy
from losskit.checking.rows import as_text, ordinary
from losskit.checking.subject import Subject
from losskit.domains import REAL, SIGNS, UNIT

Array = np.ndarray


def chance(subject: Subject) -> Iterator[Finding]:
    """The same rows, three times."""
    y, f = ordinary(subject.kind)
    what = subject.gradient if subject.booster else subject.value
    first, *others = (what(y[:9].copy(), f[:9].copy()) for _ in range(3))
    assert first is not None
    for other in others:
        assert other is not None
        differ = ~((first == other) | (np.isnan(first) & np.isnan(other)))
        if differ.any():
            at = int(np.argmax(differ))
            yield finding(
                "LK016", "Three calls with the same row give different numbers.",
                f"{as_text(y[at], f[at])}: {first[at]:.12g}, then {other[at]:.12g}",
            )  # fmt: skip
            return


def constant(subject: Subject) -> Iterator[Finding]:
    """Whether the prediction matters at all."""
    y, f = ordinary(subject.kind)
    rows = subject.gradient(y, f) if subject.booster else subject.value(y, f)
    assert rows is not None
    if np.isnan(rows).all():
        yield finding("LK004", "Every row tried gives nan or raises.", as_text(y[0], f[0]))
        return
    alike = [(y == each).reshape(len(y), -1).all(axis=1) & np.isfinite(rows.reshape(len(y), -1)[:, 0]) for each in y]
    spread = [np.ptp(rows[those]) for those in alike if those.any()]
    if not any(spread) and not (subject.booster and rows.any()):
        yield finding("LK021", "Every prediction tried costs the same.",
                      f"{as_text(y[0], f[0])}: {rows[0]:.6g}; {as_text(y[1], f[1])}: {rows[1]:.6g}")  # fmt: skip


def coupled(subject: Subject) -> Iterator[Finding]:
    """Whether a batch is the mean, the sum or the list of its rows."""
    if subject.reduction != "neither":
        return
    y, f = some_rows(subject)
    rows = subject.value(y, f)
    got = subject.batch(*subject.rows(y, f))
    said = f"{float(got.ravel()[0]):.8g}" if got.size == 1 else f"an array of shape {got.shape}"
    yield finding(
        "LK013",
        "A batch is neither the list, nor the mean, nor the sum of its rows.",
        f"{y.size} rows: {said}; mean of the rows {rows.mean():.8g}, sum {rows.sum():.8g}",
    )


def some_rows(subject: Subject) -> tuple[Array, Array]:
    """Six rows whose values are finite and differ."""
    y, f = ordinary(subject.kind)
    rows = subject.gradient(y, f) if subject.booster else subject.value(y, f)
    assert rows is not None
    keep = np.flatnonzero(np.isfinite(rows.reshape(len(y), -1)[:, 0]))
    keep = keep[np.unique(np.linspace(0, keep.size - 1, 6).round().astype(int))] if keep.size else keep
    return y[keep], f[keep]


def broadcasting(subject: Subject) -> Iterator[Finding]:
    """Targets (N,) with predictions (N, 1), and the other way round."""
    several = subject.kind.several
    if subject.reduction == "alone" or subject.residual or (several and (subject.ours or subject.form == "column")):
        return
    y, f = some_rows(subject)
    if len(y) < 3:
        return
    paired = _total(_tried(subject, *subject.rows(y, f)))
    for a, b in ((y.reshape(-1, 1), f),) if several else ((y, f.reshape(-1, 1)), (y.reshape(-1, 1), f)):
        got = _tried(subject, a, b)
        if got is None or (got.size in (1, y.size) and np.isclose(_total(got), paired, rtol=1e-4, equal_nan=True)):
            continue
        said = f"shape {got.shape}" if got.size > 1 else f"{_total(got):.6g}; the rows paired give {paired:.6g}"
        yield finding(
            "LK010",
            f"{y.size} targets and {y.size} predictions are taken as {y.size * y.size} pairs.",
            f"y of shape {a.shape}, f of shape {b.shape}: {said}",
        )
        return


def _tried(subject: Subject, y: Any, f: Any) -> Array | None:
    try:
        got = subject.batch(y, f)
    except CallFailed:
        return None
    return np.asarray(got[0] if isinstance(got, tuple) else got)


def _total(got: Array | None) -> float:
    return float("nan") if got is None else float(np.sum(got))


def _raw(subject: Subject, y: Array, f: Array) -> Any:
    """What the function itself gives, in its library's arrays; raises CallFailed."""
    if subject.ours:
        return subject.thing.value_gradient_and_hessian(y, f, reduction="none")[0]
    with quiet(subject.library):
        try:
            return subject.thing(*(to_library(a, subject.library) for a in subject._arranged(y, f)))
        except Exception as error:
            raise CallFailed(f"raised {type(error).__name__}: {' '.join(str(error).split())[:200]}") from error


def float32(subject: Subject) -> Iterator[Finding]:
    """float32 in, float32 out."""
    if subject.form == "scalar" or subject.eps > 1e-10:
        return
    y, f = some_rows(subject)
    if not y.size:
        return
    if not subject.ours:
        y, f = subject.rows(y[:1], f[:1])
    try:
        got = _raw(subject, y.astype(np.float32), f.astype(np.float32))
    except CallFailed as error:
        yield finding("LK014", f"float32 arrays make it fail: it {error}.")
        return
    part = got[0] if isinstance(got, tuple) else got
    if type(part) in (float, int):  # a Python number has no other width
        return
    made = to_numpy(part).dtype
    if made == np.float64:
        yield finding("LK014", "float32 in gives float64 out.", f"y and f float32: the result is {made}")


def integers(subject: Subject) -> Iterator[Finding]:
    """Targets and predictions as small integers: the same numbers, or a clear error."""
    if subject.booster or subject.form == "scalar" or subject.kind.several:
        return
    f = np.array([0.7, 0.2]) if subject.kind.f == UNIT else np.array([1.75, 0.5])
    y = np.array(subject.kind.labels if subject.kind.binary else (1.0, 7.0))
    cases = [(y, f, "int8", "float64")]
    if subject.kind.y != SIGNS:
        cases.append((y, f, "uint8", "float64"))
    if subject.kind.y == REAL and subject.kind.f == REAL:
        cases.append((np.array([10.0, 200.0]), np.array([200.0, 10.0]), "uint8", "uint8"))
    for y, f, of_y, of_f in cases:
        for a, b in zip(y[subject.kind.y.contains(y)], f, strict=False):
            wide = _one_row(subject, np.array([a]), np.array([b]))
            narrow = _one_row(subject, np.array([a], of_y), np.array([b], of_f))
            # small integers may be computed in half precision
            if wide is None or narrow is None or np.isclose(wide, narrow, rtol=1e-2, atol=1e-6, equal_nan=True):
                continue
            types = f"y {of_y}" + (f" and f {of_f}" if of_f == of_y else "")
            yield finding("LK015", f"With {types} the value is another.",
                          f"{as_text(a, b)}: {narrow:.8g} as integers, {wide:.8g} as floats")  # fmt: skip
            return


def _one_row(subject: Subject, y: Array, f: Array) -> float | None:
    if subject.form == "column" and not subject.ours:
        y, f = y.reshape(-1, 1), f.reshape(-1, 1)
    try:
        got = to_numpy(_raw(subject, y, f))
    except CallFailed:
        return None
    return float(got.ravel()[0]) if got.size == 1 else None


def swallowed(subject: Subject) -> Iterator[Finding]:
    """A prediction of nan."""
    y, f = some_rows(subject)
    if not y.size or subject.booster:
        return
    f = np.full_like(f[:1], np.nan)
    got = subject.value(y[:1], f)
    if np.isfinite(got).all():
        yield finding("LK019", "A prediction of nan has a finite loss.", f"{as_text(y[0], f[0])}: {got[0]:.6g}")


def ranges(subject: Subject) -> Iterator[Finding]:
    """Raw scores where probabilities are wanted."""
    if subject.kind.f != UNIT or subject.ours or subject.booster:
        return
    y, f = np.array([1.0, 0.0]), np.array([2.5, -1.5])
    got = subject.value(y, f)
    if np.isfinite(got).any():
        at = int(np.argmax(np.isfinite(got)))
        yield finding(
            "LK018", "It takes probabilities, and a number outside [0, 1] passes.",
            f"{as_text(y[at], f[at])}: {got[at]:.6g}",
        )  # fmt: skip


def changed(subject: Subject) -> Iterator[Finding]:
    """Whether the arrays are as they were after a call."""
    y, f = some_rows(subject)
    if subject.ours or subject.form == "scalar" or subject.residual or not y.size:
        return
    f = f.copy()
    f[0] = np.where(subject.kind.f == UNIT, 0.0, f[0])  # what a clip in place would change
    with quiet(subject.library):
        arrays = [to_library(a.copy(), subject.library) for a in subject.rows(y[:1], f[:1])]
        try:
            subject.thing(*subject._arranged(*arrays))
        except Exception:
            return
        for name, array, was in (("y", arrays[0], y[:1]), ("f", arrays[1], f[:1])):
            now = to_numpy(array).ravel()
            if not np.array_equal(now, was.ravel()):
                said = f"{name} = {was.ravel()[0]:.6g} became {now[0]:.6g}"
                yield finding("LK020", f"{name} is another after the call.", said)


ATTACKS = (constant, coupled, broadcasting, float32, integers, swallowed, ranges, changed)
