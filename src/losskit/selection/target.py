"""The column to predict: numbers or classes, and what kind of problem that makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from losskit.data.tables import Column, Table, as_table
from losskit.errors import DataError, ParameterError, ShapeError
from losskit.selection.questions import CLASSES, PROBLEMS, Problem

Array = np.ndarray
MOST_CLASSES = 100


@dataclass(frozen=True, eq=False)
class Target:
    """The target as numbers.

    Attributes
    ----------
    y : float64; for classes 0, 1 ...
    problem : "real", "count", "amount", "binary" or "multiclass"
    classes : the labels as text, sorted or in the order told; empty for numbers
    inferred : whether the problem was found rather than told
    """

    name: str
    y: Array
    problem: Problem
    classes: tuple[str, ...]
    inferred: bool


def split_target(X: Any, y: Any) -> tuple[Table, Column]:
    """The features and the target column of X and y; y may be the name of a column of X."""
    table = as_table(X)
    if isinstance(y, str):
        column, features = table.target(y), [name for name in table.names if name != y]
        if not features:
            raise DataError(f"{table.source} has no column but the target {y!r}; at least one feature is needed")
        return table.select(features), column
    name = str(getattr(y, "name", None) or "y")
    if isinstance(y, list | tuple):
        y = np.asarray(y)
    if getattr(y, "ndim", 1) != 1:
        raise ShapeError(f"y has shape {np.shape(y)}; it must be one number or label a row")
    column = as_table({name: y}).target(name)
    if len(column.values) != table.n_rows:
        raise ShapeError(f"y has {len(column.values)} rows and X has {table.n_rows}; they must be equal")
    return table, column


def order_of_labels(column: Column, told: Any, needed: bool = False) -> tuple[str, ...]:
    """The labels in their order, lowest first: as told, or by the categories of the column; nothing if not known.

    Parameters
    ----------
    column : the target
    told : "low,mid,high", or a sequence of labels
    needed : whether the question is one of ordered classes

    Raises
    ------
    ParameterError
        If labels are told twice, or are text whose order is needed and not known.
    """
    if told is not None:
        labels = tuple(part.strip() for part in told.split(",")) if isinstance(told, str) else tuple(map(str, told))
        if len(set(labels)) < max(len(labels), 2):
            raise ParameterError(f"order={told!r} is none; name two labels or more, each once, such as 'low,mid,high'")
        return labels
    if needed and column.kind == "text" and not column.order:
        raise ParameterError(
            f"question='ordinal' needs the order of the labels of {column.name!r}, which are text; say "
            "order='low,mid,high' (--order low,mid,high), or give an ordered categorical or numbers"
        )
    return tuple(label_of(column, value) for value in column.order)


def read_target(column: Column, problem: str | None = None, order: tuple[str, ...] = ()) -> Target:
    """The target of a column, its problem found or as told, its classes in an order if there is one.

    Raises
    ------
    DataError
        If there is one value only, or so many labels that they are identifiers, or values the problem told does not
        take.
    ParameterError
        If there is no such problem.
    """
    if problem is not None and problem not in PROBLEMS:
        raise ParameterError(f"problem={problem!r} is not known; use one of {', '.join(map(repr, PROBLEMS))}")
    distinct = np.unique(column.values.astype(str) if column.kind == "text" else column.values)
    if len(distinct) < 2:
        raise DataError(
            f"the target {column.name!r} has one value only, {label_of(column, distinct[0])!r}; nothing to predict"
        )
    few = column.kind == "text" or len(distinct) == 2 or order
    if problem in CLASSES or (problem is None and few):
        return _classes(column, distinct, problem, order)
    if column.kind == "text":
        some = ", ".join(repr(label_of(column, value)) for value in distinct[:3])
        raise DataError(f"the target {column.name!r} holds text ({some}); a problem of numbers needs numbers")
    y = np.array(column.values, dtype=np.float64)
    _check_sign(column.name, y, problem)
    return Target(column.name, y, problem or _infer(y), (), problem is None)


def skewness(y: Array) -> float:
    """The third standardised moment; 0 for a constant."""
    far = np.abs(y - y.mean()).max()
    if not far:
        return 0.0
    z = (y - y.mean()) / far
    return float((z**3).mean() / (z**2).mean() ** 1.5)


def are_counts(y: Array) -> bool:
    """Whether all are integers of at least 0, some of them 0."""
    return bool(y.min() == 0 and (y == np.floor(y)).all())


def _infer(y: Array) -> Problem:
    if are_counts(y):
        return "count"
    return "amount" if y.min() >= 0 and skewness(y) > 1 else "real"


def label_of(column: Column, value: Any) -> str:
    """A value of a column as the text of a label."""
    if column.kind == "boolean":
        return "true" if value else "false"
    return str(value) if column.kind == "text" else f"{float(value):.17g}" if value % 1 else f"{int(value)}"


def _classes(column: Column, distinct: Array, problem: str | None, order: tuple[str, ...] = ()) -> Target:
    """The target as codes of its labels."""
    count, rows = len(distinct), len(column.values)
    if count > 2 and problem == "binary":
        some = ", ".join(repr(label_of(column, value)) for value in distinct[:3])
        raise DataError(
            f"the target {column.name!r} has {count} different values ({some} ...); problem 'binary' takes two: "
            "use problem 'multiclass', or predict one class against the rest"
        )
    if count > 2 and count > min(MOST_CLASSES, rows / 4):
        raise DataError(
            f"the target {column.name!r} has {count} different labels in {rows} rows, as an identifier has; a target "
            f"of classes repeats each, and has at most {MOST_CLASSES}: merge rare labels, or choose another column"
        )
    codes = np.searchsorted(distinct, column.values.astype(str) if column.kind == "text" else column.values)
    labels = tuple(label_of(column, value) for value in distinct)
    if order:
        if unknown := [label for label in labels if label not in order]:
            raise DataError(
                f"the target {column.name!r} holds {unknown[0]!r}, which the order ({', '.join(order)}) leaves out; "
                "name every label in it"
            )
        places = np.argsort([order.index(label) for label in labels])
        codes, labels = np.argsort(places)[codes], tuple(labels[i] for i in places)
    return Target(
        column.name, codes.astype(np.float64), "binary" if count == 2 else "multiclass", labels, problem is None
    )


def _check_sign(name: str, y: Array, problem: str | None) -> None:
    if problem in ("count", "amount") and (y < 0).any():
        row = int(np.argmax(y < 0))
        raise DataError(
            f"the target {name!r} holds {y[row]:g} in row {row + 1} ({int((y < 0).sum())} values are negative); "
            f"{problem}s are at least 0: look for a sentinel such as -1, or use problem 'real'"
        )
    if problem in ("count", "amount") and not y.any():
        raise DataError(f"the target {name!r} is 0 throughout; nothing to predict")
