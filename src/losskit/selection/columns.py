"""What a single feature says of itself: empty, constant, an identifier, far-off values, a copy of the target."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from losskit.data.tables import Column
from losskit.selection.codes import Finding
from losskit.selection.target import Target

Array = np.ndarray
OUTLIER = 5.0  # robust standard deviations from the median: one row in two million under a normal distribution
_FAR = 10.0  # of a feature, whose distribution nobody promised
_SAME = 0.9999


def robust_z(y: Array) -> Array | None:
    """Distances from the median in robust standard deviations; None where more than half of the values are equal."""
    middle = np.median(y)
    mad = np.median(np.abs(y - middle))
    return np.abs(y - middle) / (mad / 0.6745) if mad > 0 else None


def of_feature(column: Column, target: Target) -> Iterator[Finding]:
    """The findings of one feature."""
    nulls, name = column.nulls(), column.name
    share = float(nulls.mean())
    if share == 1:
        yield Finding("empty", "warning", f"Column {name!r} has no value at all.", name)
        return
    if share:
        level, count = "warning" if share > 0.3 else "note", int(nulls.sum())
        yield Finding("missing", level, f"{share:.1%} of column {name!r} is missing.", name, count, share)  # type: ignore[arg-type]
    values = column.values[~nulls]
    levels = np.unique(values.astype(str) if column.kind == "text" else values)
    if len(levels) == 1:
        yield Finding("constant", "note", f"Column {name!r} has one value only.", name)
        return
    if _is_id(column, values, levels):
        what = f"Column {name!r} differs in every row, as an identifier does."
        yield Finding("id", "warning", what, name, len(levels), len(levels))
    elif column.kind == "text":
        what = f"Column {name!r} is text with {len(levels)} values."
        yield Finding("text", "note", what, name, len(levels), len(levels))
    if column.kind == "numeric" and len(levels) > 10:
        yield from _far_off(name, values)
    if not nulls.any() and (found := _tells_target(column, target)):
        what = f"Column {name!r} determines the target all but exactly."
        yield Finding("leak", "warning", what, name, found, found)


def _far_off(name: str, values: Array) -> Iterator[Finding]:
    z = robust_z(values)
    if z is not None and (z > _FAR).any():
        count = int((z > _FAR).sum())
        lie = "One value lies" if count == 1 else f"{count} values lie"
        what = f"{lie} more than {_FAR:g} robust standard deviations from the median of column {name!r}."
        yield Finding("feature-outliers", "note", what, name, count, float(z.max()))


def _is_id(column: Column, values: Array, levels: Array) -> bool:
    whole = column.kind == "text" or (column.kind == "numeric" and bool((values == np.floor(values)).all()))
    return whole and len(levels) == len(values) >= 20


def _tells_target(column: Column, target: Target) -> float:
    """The correlation of a feature that is the target, up to a line, a monotone change or new names; else 0."""
    y = target.y
    if len(target.classes) > 2 or column.kind == "text":
        values = column.values.astype(str) if column.kind == "text" else column.values
        found, codes = np.unique(values, return_inverse=True)
        ends, places = np.unique(y, return_inverse=True)
        pairs = np.unique(np.stack([codes, places]), axis=1).shape[1]
        return float(pairs == len(ends) == len(found) <= len(y) / 2)
    if column.kind == "datetime":
        return 0.0
    straight = correlation(column.values, y)
    ranked = correlation(ranks(column.values), ranks(y)) if len(y) >= 20 else 0.0
    return max((r for r in (straight, ranked) if r > _SAME), default=0.0)


def correlation(a: Array, b: Array) -> float:
    """The size of the correlation of two columns; 0 where one does not vary."""
    a, b = a - a.mean(), b - b.mean()
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return abs(float(a @ b)) / size if np.isfinite(size) and size > 0 else 0.0


def ranks(values: Array) -> Array:
    """The mean rank of each value."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - counts / 2)[places]
