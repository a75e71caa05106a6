"""From what a caller passes to the matrix that trees split: numbers, nan where missing, categories as codes."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data

from losskit.data.tables import Table, as_table
from losskit.errors import DataError

Array = np.ndarray


class Columns:
    """The columns a model was fitted on, and the levels of those that hold categories.

    A table may hold text, categories and booleans; text and categories become codes in the order of their levels, a
    level unseen when fitted is missing. In a plain matrix, columns named as categorical must hold whole numbers >= 0.

    Attributes
    ----------
    levels : dict of int to list of str
        By the column's position. A matrix's categorical column has no names, so an empty list.
    """

    def __init__(self, levels: dict[int, list[str]]) -> None:
        self.levels = levels

    @classmethod
    def learn(cls, owner: Any, X: Any, categorical: Any) -> tuple[Columns, Array]:
        """The columns of X, and its matrix; `owner` gets scikit-learn's `n_features_in_` and `feature_names_in_`."""
        table = _table(X)
        if table is None or all(table.column(name).kind == "numeric" for name in table.names):
            matrix = validate_data(owner, X, dtype=np.float64, ensure_all_finite="allow-nan")
            named = cls({_position(owner, name): [] for name in categorical or ()})
            return named, named._checked(matrix)
        validate_data(owner, X, skip_check_array=True)
        wanted = {_position(owner, name) for name in categorical or ()}
        levels = {}
        for i, name in enumerate(table.names):
            column = table.column(name)
            if column.kind == "text" or i in wanted:
                values = column.values if column.kind == "text" else column.values[~column.nulls()]
                levels[i] = sorted({str(v) for v in values.tolist() if v is not None})
        made = cls(levels)
        return made, made._coded(table)

    def matrix(self, owner: Any, X: Any) -> Array:
        """The matrix of rows to predict."""
        table = _table(X)
        named = any(self.levels.values())
        if table is None or not (named or any(table.column(name).kind != "numeric" for name in table.names)):
            if named:
                raise DataError("the model was fitted to a table with categories; give a table with the same columns")
            matrix = validate_data(owner, X, reset=False, dtype=np.float64, ensure_all_finite="allow-nan")
            return self._checked(matrix)
        validate_data(owner, X, reset=False, skip_check_array=True)
        return self._coded(table)

    def _checked(self, matrix: Array) -> Array:
        for i in self.levels:
            known = matrix[~np.isnan(matrix[:, i]), i]
            if not ((known >= 0) & (known == np.floor(known))).all():
                raise DataError(f"column {i} is categorical and holds numbers that are no codes; code it 0, 1, 2 ...")
        return matrix

    def _coded(self, table: Any) -> Array:
        out = np.empty((table.n_rows, len(table.names)))
        for i, name in enumerate(table.names):
            column = table.column(name)
            if i in self.levels:
                codes = {level: code for code, level in enumerate(self.levels[i])}
                gone = column.nulls()
                values = zip(column.values.tolist(), gone.tolist(), strict=True)
                out[:, i] = [np.nan if null else codes.get(str(v), np.nan) for v, null in values]
            elif column.kind == "text":
                raise DataError(f"{table.source}: column {name!r} holds text, and numbers when fitted; give numbers")
            elif column.kind == "datetime":
                raise DataError(f"{table.source}: column {name!r} holds dates; turn them into numbers first")
            else:
                table.refuse_infinite(column)
                out[:, i] = column.values
        return out


def _table(X: Any) -> Table | None:
    """The table that a frame is; None for anything else."""
    return as_table(X) if hasattr(X, "columns") and hasattr(X, "shape") else None


def _position(owner: Any, name: Any) -> int:
    names = list(getattr(owner, "feature_names_in_", ()))
    count = owner.n_features_in_
    if isinstance(name, str) and name in names:
        return names.index(name)
    if isinstance(name, (int, np.integer)) and 0 <= name < count:
        return int(name)
    known = f"one of {', '.join(names[:20])}" if names else f"a position below {count}"
    raise DataError(f"categorical_features holds {name!r}; wanted is {known}")
