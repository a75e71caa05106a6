"""Columns of a table as a linear model takes them: numbers as they are, text and categories by codes.

A category has a coefficient for each of its levels but the most frequent, whose rows are the baseline. A level that was
not there when the model was fitted has none, and is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from losskit.data.batchfiles import as_batch
from losskit.data.coded import Array, Coded
from losskit.errors import DataError

_MOST = 1000  # levels of text


@dataclass(frozen=True)
class Coding:
    """The columns of a model.

    Attributes
    ----------
    columns : of the table
    levels : of each that holds text or categories, the most frequent last
    """

    columns: list[str]
    levels: dict[str, list[str]]

    @property
    def features(self) -> list[str]:
        """What the coefficients belong to."""
        found: list[str] = []
        for name in self.columns:
            levels = self.levels.get(name)
            found += [name] if levels is None else [f"{name}={level}" for level in levels[:-1]]
        return found

    def matrix(self, frame: Any, source: str, start: int = 0) -> Array | Coded:
        """The rows of a record batch, the first of which is number `start` of its source."""
        plain = [name for name in self.columns if name not in self.levels]
        parts = [numbers_of(frame, name, source, start) for name in plain]
        dtype = np.float32 if parts and all(part.dtype == np.float32 for part in parts) else np.float64
        numbers = np.empty((len(plain), frame.num_rows), dtype).T if not self.levels else np.empty(
            (frame.num_rows, len(plain)), dtype
        )
        for j, part in enumerate(parts):
            numbers[:, j] = part
        if not self.levels:
            return numbers
        sizes = [len(self.levels[name]) - 1 if name in self.levels else 1 for name in self.columns]
        first = dict(zip(self.columns, np.cumsum([0, *sizes[:-1]]).tolist(), strict=True))
        total, before = sum(sizes) - len(plain), 0
        codes, at = np.empty((len(self.levels), frame.num_rows), np.int32), [first[name] for name in plain]
        for code, (name, levels) in zip(codes, self.levels.items(), strict=True):
            k = len(levels) - 1
            code[:] = np.append(before + np.arange(k), total)[self._known(frame, name, source, start)]
            at += range(first[name], first[name] + k)
            before += k
        return Coded(numbers, codes, np.array(at, dtype=np.intp))

    def _known(self, frame: Any, name: str, source: str, start: int) -> Array:
        """Which of the levels each row has."""
        import pyarrow as pa

        cells, levels = frame.column(name), self.levels[name]
        _refuse_null(cells, name, source, start)
        if not pa.types.is_dictionary(cells.type):
            cells = cells.dictionary_encode()
        where = {level: i for i, level in enumerate(levels)}
        table = np.array([where.get(str(value), -1) for value in cells.dictionary.to_pylist()], dtype=np.int64)
        found = table[cells.indices.to_numpy(zero_copy_only=False)] if len(table) else np.empty(0, np.int64)
        if (strange := found < 0).any():
            i = int(np.argmax(strange))
            raise DataError(
                f"{source}: column {name!r}, row {start + i}: {cells[i].as_py()!r} is a level that the model was not "
                f"fitted to ({int(strange.sum())} of {len(found)} rows hold such); leave these rows out, or give them "
                f"a level that is known: {levels[-1]!r}, the most frequent one, is the baseline"
            )
        return found


def coding_of(frames: Iterator[Any], columns: Sequence[str], names: Sequence[str], source: str) -> Coding:
    """The columns, with the levels found in those of text and categories: by value, the most frequent last."""
    counts: dict[str, Counter[Any]] = {name: Counter() for name in names}
    for frame in map(as_batch, frames) if names else ():
        for name, found in counts.items():
            for pair in frame.column(name).drop_null().value_counts():
                found[pair["values"].as_py()] += pair["counts"].as_py()
            if len(found) > _MOST:
                raise DataError(
                    f"{source}: column {name!r} has over {_MOST} distinct levels, as an identifier has; leave it out, "
                    "or merge them"
                )
    levels = {}
    for name, found in counts.items():
        often = max(found, key=found.__getitem__, default="")
        others = [level for level in found if level != often]
        kinds = {type(level) for level in others}
        levels[name] = [str(level) for level in (*sorted(others, key=None if len(kinds) == 1 else str), often)]
    return Coding(list(columns), levels)


def is_category(kind: Any) -> bool:
    """Whether a column of an Arrow type holds text, or categories of any kind."""
    import pyarrow as pa

    is_ = pa.types
    return any(test(kind) for test in (is_.is_dictionary, is_.is_string, is_.is_large_string, is_.is_string_view))


def numbers_of(frame: Any, name: str, source: str, start: int = 0) -> Array:
    """A column of a record batch as floats."""
    import pyarrow as pa

    cells, is_ = frame.column(name), pa.types
    kinds = (is_.is_integer, is_.is_floating, is_.is_boolean, is_.is_decimal, is_.is_null)
    if not any(kind(cells.type) for kind in kinds):
        raise DataError(
            f"{source}: column {name!r} holds {cells.type}; write it as numbers, or leave it out by columns=[...]"
        )
    _refuse_null(cells, name, source, start)
    kind = pa.float32() if cells.type == pa.float32() else pa.float64()
    return np.asarray(cells.cast(kind, safe=False).to_numpy(zero_copy_only=False))


def categories_of(X: Any) -> list[str]:
    """The columns of text and categories of a frame of pandas, polars or pyarrow; none of anything else.

    Raises
    ------
    DataError
        If the frame is a lazy one.
    """
    if hasattr(X, "collect_schema") and hasattr(X, "lazy") and hasattr(X, "collect"):
        raise DataError(f"a {type(X).__name__} holds no rows yet; pass what its collect() returns, or fit its file")
    if isinstance(X, (np.ndarray, list, tuple)) or hasattr(X, "nnz") or not hasattr(X, "columns"):
        return []
    import narwhals as nw

    frame = nw.from_native(X, eager_only=True, pass_through=True)
    if not isinstance(frame, nw.DataFrame):
        return []
    kinds = (nw.Categorical, nw.Enum, nw.String)
    return [str(name) for name, kind in frame.schema.items() if isinstance(kind, kinds) or kind in kinds]


def _refuse_null(cells: Any, name: str, source: str, start: int) -> None:
    if cells.null_count:
        at = start + int(np.argmax(cells.is_null().to_numpy(zero_copy_only=False)))
        raise DataError(f"{source}: column {name!r}, row {at}: the value is null; fill it in, or drop such rows")
