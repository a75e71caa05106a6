"""Profiling: what a table holds that bears on the choice of a loss, each finding with what to do about it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from losskit.data.tables import Table
from losskit.selection.codes import Finding, plain
from losskit.selection.columns import OUTLIER, of_feature, robust_z
from losskit.selection.residuals import of_rows
from losskit.selection.target import Target, are_counts, read_target, skewness, split_target

Array = np.ndarray
_FEW = 50
_PERCENT = re.compile(r"percent|pct|share|ratio|rate|%", re.IGNORECASE)
_CYCLE = re.compile(r"\b(?:hour|weekday|month|angle|bearing|heading|direction|azimuth)\b", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Findings:
    """What `profile` found.

    Attributes
    ----------
    rows, columns : of the features
    target, problem : the target's name, and the kind of problem it makes
    facts : numbers about the target: mean, median, skewness, zeros, outliers ... or the classes' shares
    items : the findings, warnings first
    """

    rows: int
    columns: int
    target: str
    problem: str
    facts: dict[str, float]
    items: tuple[Finding, ...]

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings that need a look before the result is used."""
        return tuple(item for item in self.items if item.level == "warning")

    def has(self, name: str) -> bool:
        """Whether something of this name or code was found."""
        return any(name in (item.name, item.code) for item in self.items)

    def to_dict(self) -> dict[str, Any]:
        """In plain JSON types."""
        return {
            "schema": "losskit.findings/1", "target": self.target, "problem": self.problem, "rows": self.rows,
            "columns": self.columns, "facts": {k: plain(v) for k, v in self.facts.items()},
            "findings": [item.to_dict() for item in self.items],
        }  # fmt: skip

    def __str__(self) -> str:
        lines = [f"{self.rows} rows, {self.columns} columns; target {self.target!r} ({self.problem})"]
        for item in self.items:
            rows = f" Rows {', '.join(map(str, item.rows))}." if item.rows else ""
            lines.append(f"{item.code} {item.level}: {item.what}{rows} {item.why} {item.do}")
        return "\n".join(lines)


def profile(X: Any, y: Any, problem: str | None = None) -> Findings:
    """What in a table bears on the choice of a loss.

    Parameters
    ----------
    X : Table, dataframe, dict of columns or 2-D array
    y : array_like, or the name of a column of X
    problem : {"real", "count", "amount", "binary", "multiclass"}, optional
        Found if None.

    Returns
    -------
    Findings

    Raises
    ------
    DataError
        If the target cannot be predicted at all: one value, nulls, as many labels as an identifier has.
    """
    table, column = split_target(X, y)
    return profile_table(table, read_target(column, problem))


def profile_table(table: Table, target: Target) -> Findings:
    """`profile` of a table of features and a target already read."""
    facts = _facts(target)
    items = [*_of_size(table), *_of_target(target, facts)]
    for name in table.names:
        table.refuse_infinite(table.column(name))
        items += of_feature(table.column(name), target)
    items += of_rows(table, target)
    items.sort(key=lambda item: item.level != "warning")
    return Findings(table.n_rows, len(table.names), target.name, target.problem, facts, tuple(items))


def _facts(target: Target) -> dict[str, float]:
    y = target.y
    if target.classes:
        counts = np.bincount(y.astype(np.intp), minlength=len(target.classes))
        least = float(counts.min())
        return {"share": float(counts[1] / y.size), "smallest": least, "rare": least / y.size}
    z = robust_z(np.sqrt(y) if target.problem in ("count", "amount") else y)
    quantiles = np.quantile(y, [0.25, 0.5, 0.75])
    return {
        "mean": float(y.mean()), "deviation": float(y.std()), "minimum": float(y.min()), "maximum": float(y.max()),
        "lower_quartile": float(quantiles[0]), "median": float(quantiles[1]), "upper_quartile": float(quantiles[2]),
        "skewness": skewness(y), "zeros": float((y == 0).mean()), "negative": float((y < 0).mean()),
        "outliers": 0.0 if z is None else float((z > OUTLIER).sum()), "integers": float((y == np.floor(y)).all()),
        "farthest": 0.0 if z is None else float(z.max()),
    }  # fmt: skip


def _of_size(table: Table) -> Iterator[Finding]:
    n = table.n_rows
    if n < _FEW:
        yield Finding("few-rows", "warning", f"There are {n} rows only.", None, n, n)


def _of_target(target: Target, facts: dict[str, float]) -> Iterator[Finding]:
    name = target.name
    if target.classes:
        share = facts["rare"]
        rare = target.classes[int(np.bincount(target.y.astype(np.intp), minlength=len(target.classes)).argmin())]
        if share < 0.2 / len(target.classes):
            what = f"Only {share:.1%} of the rows are {rare!r}."
            yield Finding("imbalance", "warning", what, name, facts["smallest"], share)
        return
    if facts["outliers"]:
        scale = " on the scale of square roots" if target.problem != "real" else ""
        count = int(facts["outliers"])
        lie = "One target value lies" if count == 1 else f"{count} target values lie"
        what = f"{lie} more than {OUTLIER:g} robust standard deviations from the median{scale}."
        yield Finding("outliers", "warning", what, name, count, facts["farthest"])
    skew = facts["skewness"]
    if abs(skew) > 1:
        what = f"The target has a long tail to the {'right' if skew > 0 else 'left'} (skewness {skew:.1f})."
        yield Finding("skewed", "note", what, name, skew, skew)
    if are_counts(target.y):
        what = "The target holds whole numbers from 0 up: counts, as far as can be told."
        yield Finding("counts", "note", what, name)
    if facts["zeros"] > 0.3:
        zeros = facts["zeros"]
        yield Finding("zeros", "note", f"{zeros:.0%} of the target values are 0.", name, zeros, zeros)
    yield from _of_range(target, facts)


def _of_range(target: Target, facts: dict[str, float]) -> Iterator[Finding]:
    """Few values, bounds, ends at which rows pile up, and cycles."""
    name, y, low, high = target.name, target.y, facts["minimum"], facts["maximum"]
    values, counts = np.unique(y, return_counts=True)
    cycle = _CYCLE.search(name)
    if cycle and low >= 0 and high <= 366:
        article = "an" if cycle[0].lower() in ("hour", "angle", "azimuth") else "a"
        what = f"By its name the target is {article} {cycle[0]}, which runs round."
        yield Finding("cyclic", "note", what, name, low, high)
    if values.size <= 10:
        yield Finding("few-values", "note", f"The target has {values.size} different values only.", name, values.size)
        return
    whole = bool(facts["integers"])
    if whole and values.size == y.size >= 20 and high - low < 1.1 * y.size:
        what = f"The target counts the rows: whole numbers from {low:g} to {high:g}, none of them twice."
        yield Finding("target-id", "warning", what, name, y.size, y.size)
    top = 1.0 if high <= 1 else 100.0
    if low >= 0 and high <= top and high - low > 0.5 * top and not (whole and target.problem == "count") and (
        top == 1.0 or high == 100.0 or _PERCENT.search(name)
    ):  # fmt: skip
        what = f"All target values lie between 0 and {top:g}, as shares do."
        yield Finding("bounded", "note", what, name, 0.0, top)
    for end, count in ((low, counts[0]), (high, counts[-1])):
        usual = float(np.median(counts))
        if count >= 10 and count > 0.02 * y.size and count > 10 * usual and not (end == 0 and whole):
            side = "lowest" if end == low else "highest"
            what = f"{count} rows ({count / y.size:.1%}) have the {side} value {end:g}, where others differ."
            yield Finding("censored", "note", what, name, count, count / y.size)
