"""Rows that come in batches and are read anew as often as asked: files larger than memory, or a function's iterators.

A Parquet, Feather or CSV file, a folder of Parquet files, or a function that starts an iterator of batches: pairs
(X, y), triples (X, y, weights), or frames with named columns. At any time two batches are held, the one at work and
the next, which is read meanwhile.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from losskit.border import as_real
from losskit.data.batchfiles import arrow_batches, as_batch, text_batches
from losskit.data.categories import Coding, coding_of, is_category, numbers_of
from losskit.data.coded import Coded, stacked
from losskit.data.tables import SEPARATORS, ending_of
from losskit.errors import CapabilityError, DataError, ParameterError, ShapeError, nearest

if TYPE_CHECKING:
    import pyarrow as pa

Array = np.ndarray
Progress = Callable[[int], object]
_BATCH_BYTES = 1 << 25
_LEAST, _MOST = 1 << 12, 1 << 18  # rows of a batch
_SAMPLE_BYTES, _LEAST_SAMPLE, _MOST_SAMPLE = 1 << 26, 1 << 14, 1 << 17  # of X; rows
_HEAVY = 1e100  # a weight: sums of w x^2 would leave the range of doubles
_LABELS = 1000
_SPOTS = 16  # places of a file that a sample is taken from


@dataclass(frozen=True, eq=False)
class Batch:
    """Some rows: `start` is the number of the first, from 0; weights and offset are None where there are none."""

    X: Any  # an array, or Coded
    y: Any
    weights: Array | None
    offset: Array | None
    start: int
    groups: Any = None  # which rows belong together, if a column was named

    def at(self, rows: Any) -> Batch:
        """Some of its rows: where a mask is true, or by their places."""
        parts = (self.y, self.weights, self.offset, self.groups)
        y, w, offset, groups = (None if part is None else part[rows] for part in parts)
        return Batch(self.X[rows], y, w, offset, self.start, groups)

    def of_target(self, k: int) -> Batch:
        """The same rows with one of several targets."""
        return replace(self, y=self.y[:, k])


class Stream:
    """Rows too many for memory, as X of `minimise` and of the linear estimators' `fit` and `predict`.

    Parameters
    ----------
    source : path, or callable
        A .parquet, .pq, .feather, .arrow, .csv or .tsv file (the latter two also .gz) or a folder of Parquet files.
        Or a function without arguments that returns an iterator of batches: (X, y), (X, y, weights), (X, y, weights,
        offset), where y may have a column for each of several targets, or frames (pandas, polars, pyarrow, dicts). It
        is called once a pass, and each time gives the same rows.
    target : str or sequence of str, optional
        The column to predict, or several for LinearRegressor; not for batches that are tuples.
    columns : sequence of str, optional
        The features; all other columns by default. One of text or categories has a coefficient for each of its
        levels but the most frequent; a level unknown when fitted is refused.
    sample_weight, offset : str, optional
        Columns of weights and offsets.
    batch_rows : int, optional
        About 32 MB of X by default.
    progress : callable, optional
        Called as progress(rows) after each batch, with the rows read so far in this pass.

    Examples
    --------
    >>> import losskit as lk
    >>> rows = lk.Stream("claims.parquet", "claims", offset="log_exposure")
    >>> lk.minimise(lk.Poisson(), lk.L2(1e-3), rows)
    """

    def __init__(
        self, source: Any, target: str | Sequence[str] | None = None, *, columns: Sequence[str] | None = None,
        sample_weight: str | None = None, offset: str | None = None, batch_rows: int | None = None,
        progress: Progress | None = None,
    ) -> None:  # fmt: skip
        if not is_streamed(source) or isinstance(source, Stream):
            once = ", which can be read once only: pass the function making it" if hasattr(source, "__next__") else ""
            kind = type(source).__name__
            raise CapabilityError(f"a Stream reads a path, or a function that starts an iterator; got {kind}{once}")
        if batch_rows is not None and not (isinstance(batch_rows, int) and batch_rows >= 1):
            raise ParameterError(f"batch_rows must be a whole number of at least 1; got {batch_rows!r}")
        self.source = source if callable(source) else _path(source)
        self.targets = [] if target is None else [target] if isinstance(target, str) else list(target)
        self.sample_weight, self.offset = sample_weight, offset
        self.batch_rows, self.progress = batch_rows, progress
        self._code: Callable[[Any], Array] | None = None
        self.groups: str | None = None  # a column
        self.classes: int | None = None  # if the targets are coded as such
        self._row: tuple[int, ...] | None = None  # the shape of a row's targets, by the first batch
        self.columns = None if columns is None else list(columns)
        self.coding: Coding | None = None  # how columns are taken, once they are settled
        self.rows: int | None = None  # known after a pass, and of Parquet files before

    def __repr__(self) -> str:
        name = str(self.source) if isinstance(self.source, Path) else getattr(self.source, "__name__", "a function")
        return f"Stream({name!r})"

    def batches(self) -> Iterator[Batch]:
        """One pass over the rows, those of weight 0 left out; the next batch is read while one is worked on."""
        self.look()
        start = 0
        with closing(self._raw()) as raw, ThreadPoolExecutor(1) as reader:
            ahead = reader.submit(next, raw, None)
            while (frame := ahead.result()) is not None:
                batch = self._batch(frame, start)
                ahead = reader.submit(next, raw, None)
                start += _length(frame)
                if len(batch.X):
                    yield batch
                if self.progress is not None:
                    self.progress(start)
        if not start:
            raise DataError(f"{self!r} has no rows; at least one is needed")
        self.rows = start

    def coded(self, code: Callable[[Any], Array], classes: int | None = None) -> Stream:
        """The same rows with `code(y)` for their targets, of so many classes."""
        other = copy.copy(self)
        other._code, other.classes = code, classes
        return other

    def sample(self) -> Batch:
        """Rows from all over that fit into memory: of Parquet files from places in them, else by a pass over all."""
        self.look()
        found = self._spots() if self._is_parquet() else self._every()
        parts = [part for part in found if len(part.X)]
        if not parts:
            raise DataError(f"{self!r} has no rows of weight above 0")

        def joined(name: str) -> Any:
            each = [getattr(part, name) for part in parts]
            return None if each[0] is None else np.concatenate(each)

        each = [part.X for part in parts]
        X: Any = stacked(each) if isinstance(each[0], Coded) else np.concatenate(each)
        if not isinstance(X, Coded) and not (X.flags.c_contiguous or X.flags.f_contiguous):
            X = np.ascontiguousarray(X)
        return Batch(X, joined("y"), joined("weights"), joined("offset"), 0)

    @property
    def several(self) -> int | None:
        """How many targets a row has, if it is not one."""
        self.look()
        return self._row[0] if self._row else None

    @property
    def features(self) -> list[str]:
        """The names of X's columns, once they are settled."""
        return list(self.columns or ()) if self.coding is None else self.coding.features

    def look(self) -> None:
        """Settle the columns, by the first batch, and the levels of those that hold text, by a pass over these."""
        if self.coding is not None:
            return
        texts: list[str] = []
        with closing(self._raw()) as raw:
            frame = next(raw, None)
        if isinstance(frame, (tuple, np.ndarray)):
            self._of_arrays(frame)
        elif frame is not None:
            schema = as_batch(frame).schema
            self._wanted(schema)
            self._row = (len(self.targets),) if len(self.targets) > 1 else ()
            texts = [name for name in self.columns or () if is_category(schema.field(name).type)]
        self.coding = coding_of(self._frames(texts), self.columns or [], texts, repr(self))

    def labels(self) -> Array:
        """The distinct targets, sorted."""
        if self.several:
            raise CapabilityError(f"{self!r}: labels are of one target; name one, and fit a model to each")
        found: Array | None = None
        for y in self._targets():
            new = np.unique(y)
            found = new if found is None else np.union1d(found, new)
            if len(found) > _LABELS:
                raise DataError(f"{self!r}: the target has over {_LABELS} distinct values; use LinearRegressor")
        if found is None:
            raise DataError(f"{self!r} has no rows; at least one is needed")
        return found

    # -- below: how the above is done

    def _frames(self, names: list[str]) -> Iterator[Any]:
        """A pass over these columns, of Parquet files over these alone."""
        if not self._is_parquet():
            yield from self._raw()
            return
        for file in self._files():
            self._wanted(file.schema_arrow)
            yield from file.iter_batches(_MOST, columns=names)

    def _targets(self) -> Iterator[Array]:
        if not self._is_parquet():
            yield from (batch.y for batch in self.batches())
            return
        for frame in self._frames(self.targets):
            yield frame.column(0).drop_null().to_numpy(zero_copy_only=False)

    def _sample_rows(self) -> int:
        return min(max(_SAMPLE_BYTES // (8 * max(len(self.features), 1)), _LEAST_SAMPLE), _MOST_SAMPLE)

    def _every(self) -> list[Batch]:
        """Every k-th row, k doubled whenever there are twice as many as asked for."""
        stride, held, found = 1, 0, []
        for batch in self.batches():
            found.append(_thinned(batch, -batch.start % stride, stride))
            held += len(found[-1].X)
            while held > 2 * self._sample_rows():
                stride *= 2
                found = [_thinned(part, 0, 2) for part in found]
                held = sum(len(part.X) for part in found)
        return found

    def _spots(self) -> Iterator[Batch]:
        files = self._files()
        groups = [(f, g) for f, file in enumerate(files) for g in range(file.num_row_groups)]
        chosen = [groups[i] for i in np.unique(np.linspace(0, len(groups) - 1, _SPOTS).astype(int))]
        for f, g in chosen:
            size = files[f].metadata.row_group(g).num_rows
            columns = self._wanted(files[f].schema_arrow)
            wanted = -(-self._sample_rows() // len(chosen))
            part = next(files[f].iter_batches(wanted, row_groups=[g], columns=columns), None)
            if part is not None and size:
                yield self._batch(part, 0)

    def _raw(self) -> Generator[Any, None, None]:
        if not isinstance(self.source, Path):
            yield from self.source()
        elif self._is_parquet():
            for file in self._files():
                yield from file.iter_batches(self._size(file.schema_arrow), columns=self._wanted(file.schema_arrow))
        else:
            separator = SEPARATORS.get(ending_of(self.source))
            if separator is None:
                yield from arrow_batches(self.source, self._size)
            else:
                yield from text_batches(self.source, separator, self._wanted, _BATCH_BYTES // 4)

    def _is_parquet(self) -> bool:
        path = self.source
        return isinstance(path, Path) and (path.is_dir() or path.suffix.lower() in (".parquet", ".pq"))

    def _files(self) -> list[Any]:
        import pyarrow as pa
        from pyarrow.parquet import ParquetFile

        paths = sorted(self.source.glob("*.p*q*")) if self.source.is_dir() else [self.source]
        if not paths:
            raise DataError(f"{self.source} holds no Parquet files; name a file or another folder")
        try:
            files = [ParquetFile(path, memory_map=False, pre_buffer=False) for path in paths]
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"{self.source} cannot be read as Parquet ({str(error)[:120]}); write it again") from error
        self.rows = sum(file.metadata.num_rows for file in files)
        return files

    def _wanted(self, schema: pa.Schema) -> list[str]:
        """The columns to read; the features are settled by the first look at a schema."""
        others = [*self.targets, *filter(None, (self.sample_weight, self.offset, self.groups))]
        if self.columns is None:
            self.columns = [name for name in schema.names if name not in others]
        for name in [*others, *self.columns]:
            if name not in schema.names:
                raise DataError(f"{self!r} has no column {name!r}; {nearest(name, schema.names)}")
        if not self.columns:
            raise DataError(f"{self!r} has no column besides the target; at least one feature is needed")
        return list(dict.fromkeys([*self.columns, *others]))

    def _size(self, schema: pa.Schema) -> int:
        return self.batch_rows or min(max(_BATCH_BYTES // (8 * len(schema.names)), _LEAST), _MOST)

    def _batch(self, frame: Any, start: int) -> Batch:
        if isinstance(frame, (tuple, np.ndarray)):
            X, y, w, offset = self._of_arrays(frame)
            batch = Batch(X, y, w, offset, start)
        else:
            frame = as_batch(frame)
            self._wanted(frame.schema)
            batch = Batch(*self._of_columns(frame, start))
        w = batch.weights
        if w is not None:
            if not ((w >= 0) & (w <= _HEAVY)).all():
                raise DataError(f"{self!r}: near row {start} a weight is none from 0 to {_HEAVY:g}; divide all alike")
            batch = batch if w.all() else batch.at(w > 0)
        if batch.offset is not None and not np.isfinite(batch.offset).all():
            raise DataError(f"{self!r}: near row {start} an offset is not finite; give rows of no exposure weight 0")
        return batch if self._code is None else replace(batch, y=self._code(batch.y))

    def _of_arrays(self, frame: Any) -> tuple[Any, ...]:
        frame = frame if isinstance(frame, tuple) else (frame, np.zeros(len(frame)))
        if not 2 <= len(frame) <= 4 or self.targets:
            raise ShapeError(
                "a batch is a pair (X, y), with weights and offset after them if there are, and then targets have no "
                f"names; got {len(frame)} parts and target={self.targets!r}"
            )
        X, y, w, offset = (*frame, None, None)[:4]
        X = np.asarray(as_real("X", X))
        X = X if X.dtype in (np.float32, np.float64) else X.astype(np.float64)
        y = np.asarray(y)
        y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
        w, offset = (None if part is None else np.asarray(part, dtype=np.float64) for part in (w, offset))
        rows = X.shape[:1]
        if X.ndim != 2 or y.shape[:1] != rows or any(part is not None and part.shape != rows for part in (w, offset)):
            shapes = [np.shape(part) for part in frame]
            raise ShapeError(f"a batch has X (rows, columns), y (rows[, targets]) and the rest (rows,); got {shapes}")
        self._row = y.shape[1:] if self._row is None else self._row
        if y.shape[1:] != self._row:
            most = self._row[0] if self._row else 1
            raise ShapeError(f"a batch has y of shape {y.shape}, the first one {most} targets a row; all need as many")
        if self.columns is None:
            self.columns = [f"x{j}" for j in range(X.shape[1])]
        if X.shape[1] != len(self.columns):
            raise ShapeError(f"a batch has {X.shape[1]} columns and should have {len(self.columns)}, as all others")
        X = X if X.flags.c_contiguous or X.flags.f_contiguous else np.ascontiguousarray(X)
        return X, y, w, offset

    def _of_columns(self, frame: pa.RecordBatch, start: int) -> tuple[Any, ...]:
        assert self.columns is not None
        coding = self.coding or Coding(self.columns, {})
        X = coding.matrix(frame, repr(self), start)
        found = {name: frame.column(name) for name in filter(None, (*self.targets, self.groups))}
        for name, cells in found.items():
            if cells.null_count:
                what = "group" if name == self.groups else "target"
                raise DataError(f"{self!r}: the {what} {name!r} is null near row {start}; leave out such rows")
        w, offset = (
            None if name is None else numbers_of(frame, name, repr(self), start).astype(np.float64, copy=False)
            for name in (self.sample_weight, self.offset)
        )
        cells = {name: each.to_numpy(zero_copy_only=False) for name, each in found.items()}
        ys = [cells[name] for name in self.targets]
        y = np.column_stack(ys) if len(ys) > 1 else ys[0] if ys else None
        return X, y, w, offset, start, None if self.groups is None else cells[self.groups]


def is_streamed(X: Any) -> bool:
    """Whether X is read in batches: a path, a function, or a Stream."""
    return isinstance(X, (str, os.PathLike, Stream)) or (callable(X) and not hasattr(X, "__array__"))


def as_stream(X: Any, y: Any, sample_weight: Any, offset: Any) -> Stream:
    """The Stream of a path and the names of its columns, or X itself if it is one."""
    for name, value in (("y", y), ("sample_weight", sample_weight), ("offset", offset)):
        names = value if name == "y" and isinstance(value, (list, tuple)) and value else [value]
        if not all(each is None or isinstance(each, str) for each in names):
            raise CapabilityError(f"{name} of a file is the name of its column; got {type(value).__name__}")
    if not isinstance(X, Stream):
        return Stream(X, y, sample_weight=sample_weight, offset=offset)
    if any(value is not None for value in (y, sample_weight, offset)):
        raise CapabilityError("a Stream names its target, weights and offset itself: Stream(source, target, ...)")
    return X


def _path(source: Any) -> Path:
    path = Path(source)
    if not path.is_dir():
        ending_of(path)
    return path


def _length(frame: Any) -> int:
    if isinstance(frame, dict):
        return len(next(iter(frame.values())))
    return len(frame[0] if isinstance(frame, tuple) else frame)


def _thinned(batch: Batch, first: int, stride: int) -> Batch:
    y, w, offset = (None if x is None else x[first::stride].copy() for x in (batch.y, batch.weights, batch.offset))
    X = batch.X[first::stride]
    return Batch(X if isinstance(X, Coded) else X.copy(), y, w, offset, batch.start)
