"""Profiling: what a table holds that bears on the choice of a loss, each finding with what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from losskit.selection.target import Target, are_counts, read_target, skewness, split_target
from losskit.tables import Column, Table

Array = np.ndarray
OUTLIER = 5.0  # robust standard deviations from the median: one row in two million under a normal distribution
_SAME = 0.9999
_FEW = 50


@dataclass(frozen=True)
class Finding:
    """One thing found: a stable code, how grave it is, what it is and what to do."""

    code: str
    level: Literal["note", "warning"]
    what: str
    do: str = ""
    column: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As `result.json` has it."""
        return {"code": self.code, "level": self.level, "column": self.column, "what": self.what, "do": self.do}


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

    def has(self, code: str) -> bool:
        """Whether something of this code was found."""
        return any(item.code == code for item in self.items)

    def __str__(self) -> str:
        lines = [f"{self.rows} rows, {self.columns} columns; target {self.target!r} ({self.problem})"]
        lines += [f"{item.level}: {item.what}" + (f" {item.do}" if item.do else "") for item in self.items]
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
        items += _of_feature(table.column(name), target)
    items.sort(key=lambda item: item.level != "warning")
    return Findings(table.n_rows, len(table.names), target.name, target.problem, facts, tuple(items))


def robust_z(y: Array) -> Array | None:
    """Distances from the median in robust standard deviations; None where more than half of the values are equal."""
    middle = np.median(y)
    mad = np.median(np.abs(y - middle))
    return np.abs(y - middle) / (mad / 0.6745) if mad > 0 else None


def _facts(target: Target) -> dict[str, float]:
    y = target.y
    if target.classes:
        counts = np.bincount(y.astype(np.intp), minlength=len(target.classes))
        return {"share": float(counts[1] / y.size), "smallest": float(counts.min()), "rare": float(counts.min() / y.size)}
    z = robust_z(np.sqrt(y) if target.problem in ("count", "amount") else y)
    quantiles = np.quantile(y, [0.25, 0.5, 0.75])
    return {
        "mean": float(y.mean()), "deviation": float(y.std()), "minimum": float(y.min()), "maximum": float(y.max()),
        "lower_quartile": float(quantiles[0]), "median": float(quantiles[1]), "upper_quartile": float(quantiles[2]),
        "skewness": skewness(y), "zeros": float((y == 0).mean()), "negative": float((y < 0).mean()),
        "outliers": 0.0 if z is None else float((z > OUTLIER).sum()), "integers": float((y == np.floor(y)).all()),
    }  # fmt: skip


def _of_size(table: Table) -> Iterator[Finding]:
    if table.n_rows < _FEW:
        yield Finding(
            "few-rows",
            "warning",
            f"There are {table.n_rows} rows only.",
            "Losses can hardly be told apart on so few; gather more, or stay with the default.",
        )


def _of_target(target: Target, facts: dict[str, float]) -> Iterator[Finding]:
    name, y = target.name, target.y
    if target.classes:
        share = facts["rare"]
        rare = target.classes[int(np.bincount(y.astype(np.intp), minlength=len(target.classes)).argmin())]
        if share < 0.2 / len(target.classes):
            yield Finding(
                "imbalance",
                "warning",
                f"Only {share:.1%} of the rows are {rare!r}.",
                "Ask for probabilities and choose the threshold by costs; the error rate hides the rare class.",
                name,
            )
        return
    if facts["outliers"]:
        scale = "on the scale of square roots " if target.problem != "real" else ""
        yield Finding(
            "outliers",
            "warning",
            f"{_values(int(facts['outliers']))} {scale}more than {OUTLIER:g} robust "
            "standard deviations from the median.",
            "If they are errors, mend them; if they are real, decide "
            "whether the mean (which they move) or the median (which they do not) is wanted.",
            name,
        )
    if abs(facts["skewness"]) > 1:
        side = "right" if facts["skewness"] > 0 else "left"
        yield Finding(
            "skewed",
            "note",
            f"The target has a long tail to the {side} (skewness {facts['skewness']:.1f}).",
            "Its mean and its median are different things; say which one is wanted.",
            name,
        )
    if are_counts(y):
        yield Finding(
            "counts",
            "note",
            "The target holds whole numbers from 0 up: counts, as far as can be told.",
            "If they are codes or ratings, say --problem real.",
            name,
        )
    if facts["zeros"] > 0.3:
        yield Finding(
            "zeros",
            "note",
            f"{facts['zeros']:.0%} of the target values are 0.",
            "A mean answers for both the zeros and the rest; consider a model of each.",
            name,
        )
    if np.unique(y).size <= 10:
        yield Finding(
            "few-values",
            "note",
            f"The target has {np.unique(y).size} different values only.",
            "If they are classes without an order, they are no numbers: say --problem multiclass.",
            name,
        )


def _values(count: int) -> str:
    return "One target value lies" if count == 1 else f"{count} target values lie"


def _of_feature(column: Column, target: Target) -> Iterator[Finding]:
    nulls = column.nulls()
    name, share = column.name, float(nulls.mean())
    if share == 1:
        yield Finding("empty", "warning", f"Column {name!r} has no value at all.", "It is left out.", name)
        return
    if share:
        yield Finding(
            "missing",
            "warning" if share > 0.3 else "note",
            f"{share:.1%} of column {name!r} is missing.",
            _cure(column),
            name,
        )
    values = column.values[~nulls]
    levels = np.unique(values.astype(str) if column.kind == "text" else values)
    if len(levels) == 1:
        yield Finding("constant", "note", f"Column {name!r} has one value only.", "It tells nothing.", name)
        return
    if _is_id(column, values, levels):
        yield Finding(
            "id",
            "warning",
            f"Column {name!r} differs in every row, as an identifier does.",
            "Remove it unless its size means something: it does not help on new rows.",
            name,
        )
    elif column.kind == "text":
        yield Finding(
            "text",
            "note",
            f"Column {name!r} is text with {len(levels)} values.",
            "Each frequent value becomes a yes-or-no feature.",
            name,
        )
    if not nulls.any() and _tells_target(column, target):
        yield Finding(
            "leak",
            "warning",
            f"Column {name!r} determines the target all but exactly.",
            "If it is a copy, or known only after the target, remove it: the scores below would be an illusion.",
            name,
        )


def _cure(column: Column) -> str:
    if column.kind == "text":
        return "Missing counts as a value of its own."
    return "The median of the training rows is put in, with a feature that says where."


def _is_id(column: Column, values: Array, levels: Array) -> bool:
    whole = column.kind == "text" or (column.kind == "numeric" and bool((values == np.floor(values)).all()))
    return whole and len(levels) == len(values) >= 20


def _tells_target(column: Column, target: Target) -> bool:
    """Whether a feature is the target, up to a line, a monotone change or new names."""
    y = target.y
    if column.kind == "text":
        _, codes = np.unique(column.values.astype(str), return_inverse=True)
        ends, places = np.unique(y, return_inverse=True)
        pairs = np.unique(np.stack([codes, places]), axis=1).shape[1]
        return bool(pairs == len(ends) == codes.max() + 1 <= len(y) / 2)
    if column.kind == "datetime":
        return False
    if _correlation(column.values, y) > _SAME:
        return True
    return len(y) >= 20 and _correlation(_ranks(column.values), _ranks(y)) > _SAME


def _correlation(a: Array, b: Array) -> float:
    a, b = a - a.mean(), b - b.mean()
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return abs(float(a @ b)) / size if np.isfinite(size) and size > 0 else 0.0


def _ranks(values: Array) -> Array:
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - counts / 2)[places]
