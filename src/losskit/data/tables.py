"""Files and dataframes in: one small `Table` of typed columns, or a DataError that says which row and column.

Every source
    Names     unique, not empty, trimmed. A table has at least one column and one row.
    Numeric   float64, null is nan. Integers of 2^53 and more are rounded to the nearest float64 (relative error below
              1.2e-16) in a feature and refused in a target. Infinities are kept, and refused in a target and in a
              feature that is fitted or predicted from.
    Text      object array of str, null is None.    Boolean: 0.0 and 1.0, null is nan.
    Datetime  datetime64[us] in UTC, null is NaT; a time without a zone is taken as UTC.
    All null  a column without one value is kept, as numeric.
    Rows      messages count the source's data rows from 1, even after `take`; for text files they add the line.

Text files: .csv, .tsv, either with .gz
    Bytes     UTF-8, a byte order mark is stripped; other encodings by name. NUL and undecodable bytes are refused.
    Layout    names first; every row has as many values; blank lines are skipped (write a lone null as ""). Ragged rows
              and quotes that never close are refused.
    Nulls     "", NA, N/A, n/a, NULL, null, NaN, nan, with any whitespace around.
    Kinds     found from every cell of a column, never from a sample: numeric, else boolean (true, false in any case),
              else datetime (ISO 8601), else text. `kinds` states one instead.
    Numbers   1, -2.5, .5, 1e-3, inf, with any whitespace around. Thousands separators and decimal commas make text.
    Strays    a column of at least 90 % numbers, but not all, is refused with the first values that are none.
    Text      kept as written, whitespace included.

Typed sources: .parquet, .pq, .feather (version 2), .arrow, dataframes, dicts of columns, 2-D arrays
    Columns keep their type: text that looks like numbers stays text, only null and nan are null. Dictionary-encoded
    columns count as their values; pandas row indexes are left out. Mixed, nested, binary, time-of-day and duration
    columns are refused.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from losskit.data.columns import PATTERNS, Column, Kind, Place, from_text, from_values
from losskit.data.textfiles import cells_of, header_of, lines_of, shown, utf8_of
from losskit.errors import DataError, ParameterError, ShapeError

if TYPE_CHECKING:
    import pyarrow as pa

SEPARATORS = {".csv": ",", ".csv.gz": ",", ".tsv": "\t", ".tsv.gz": "\t"}
TYPED = (".parquet", ".pq", ".feather", ".arrow")
_PANDAS_INDEX = r"__index_level_\d+__$"


@dataclass(frozen=True, eq=False, repr=False)
class Table:
    """Columns of one length, as `read_table` and `as_table` make them. A table never changes."""

    _columns: dict[str, Column]
    _place: Place

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(self._columns)

    @property
    def n_rows(self) -> int:
        """The number of rows."""
        return len(self._place.rows)

    @property
    def source(self) -> str:
        """The file the table came from, or what it was made of."""
        return self._place.source

    @property
    def numbers(self) -> np.ndarray:
        """The number of each row in the source, from 1."""
        return self._place.rows

    def where(self, row: int) -> str:
        """Say where a row, counted from 0, lies in the source: "row 3 (line 4)"."""
        return self._place(row)

    def column(self, name: str) -> Column:
        """One column; DataError with the nearest names if there is none of that name."""
        if name not in self._columns:
            check_known([name], self.names, self.source)
        return self._columns[name]

    def target(self, name: str) -> Column:
        """The column to predict: no nulls, dates or infinities, and no integers that float64 cannot hold."""
        column = self.column(name)
        if column.kind == "datetime":
            raise DataError(f"{self.source}: the target {name!r} holds dates; write numbers, such as days since a date")
        self._refuse(column, column.nulls(), "null", "remove these rows or fill them in")
        self.refuse_infinite(column)
        if column.integers:
            large = np.abs(column.values) >= 2.0**53
            self._refuse(column, large, "an integer of 2^53 or more, which float64 rounds", "rescale the target")
        return column

    def refuse_infinite(self, column: Column) -> None:
        """Raise DataError if a numeric column holds inf, naming the first row and the count."""
        if column.kind == "numeric":
            self._refuse(column, np.isinf(column.values), "infinite", "leave unknown values empty")

    def _refuse(self, column: Column, bad: np.ndarray, what: str, cure: str) -> None:
        if bad.any():
            where, count = self.where(int(bad.argmax())), f"{bad.sum()} of {self.n_rows} rows"
            raise DataError(f"{self.source}: column {column.name!r}, {where}: the value is {what} ({count}); {cure}")

    def select(self, names: Iterable[str]) -> Table:
        """The table of these columns, in this order."""
        return Table({name: self.column(name) for name in names}, self._place)

    def drop(self, names: Iterable[str]) -> Table:
        """The table without these columns."""
        left_out = {self.column(name).name for name in names}
        return self.select(name for name in self.names if name not in left_out)

    def take(self, rows: Any) -> Table:
        """The table of these rows: positions from 0, which may repeat, or a boolean mask."""
        at, place = np.asarray(rows), self._place
        if at.dtype == bool and at.shape != (self.n_rows,):
            raise ShapeError(f"a mask of rows has one entry a row, here {self.n_rows}; got shape {at.shape}")
        at = np.flatnonzero(at) if at.dtype == bool else at
        if at.ndim != 1 or (at.size and (at.dtype.kind not in "iu" or at.min() < 0 or at.max() >= self.n_rows)):
            raise ParameterError(f"rows are positions from 0 to {self.n_rows - 1}, or a mask; got {shown(rows)}")
        at = at.astype(np.intp)
        lines = None if place.lines is None else place.lines[at]
        columns = {name: replace(column, values=column.values[at]) for name, column in self._columns.items()}
        return Table(columns, Place(place.source, place.rows[at], lines))

    def __repr__(self) -> str:
        columns = ", ".join(f"{c.name!r} {c.kind}" for c in self._columns.values())
        return f"Table({self.source}: {self.n_rows} rows; {columns})"


def read_table(
    path: str | os.PathLike[str],
    *,
    kinds: Mapping[str, Kind] | None = None,
    ignore: Sequence[str] = (),
    encoding: str = "utf-8",
) -> Table:
    """Read a file as a `Table`; the module states the rules.

    Parameters
    ----------
    path : path of a .csv, .tsv (either with .gz), .parquet, .pq, .feather or .arrow file
    kinds : mapping of names to kinds, optional
        Text files: what a column holds, where its cells shall not decide. Prediction passes the kinds of the
        fitted columns, so that one row is read as the whole file was.
    ignore : sequence of str
        Columns to leave out, unread.
    encoding : str
        Of a text file.

    Raises
    ------
    DataError
        If the file cannot be read as a table: which row and column, and what to do.
    """
    kinds = dict(kinds or {})
    if unknown := [kind for kind in kinds.values() if kind not in (*PATTERNS, "text")]:
        raise ParameterError(f"a kind is {', '.join(PATTERNS)} or text; got {unknown[0]!r}")
    path, source = Path(path), str(path)
    ending = ending_of(path)
    if ending in TYPED:
        return typed_table(_read_typed(path), source, ignore)
    separator, data = SEPARATORS[ending], utf8_of(path, encoding)
    names = names_of(header_of(data, separator, source), source)
    check_known([*ignore, *kinds], names, source)
    left_out = set(ignore)
    left = [name for name in names if name not in left_out]
    return text_table(data, names, left, kinds, separator, source)


def text_table(
    data: bytes, names: list[str], kept: Sequence[str], kinds: Mapping[str, Kind | None], separator: str, source: str,
    before: tuple[int, int] = (0, 0),
) -> Table:  # fmt: skip
    """The columns `kept` of checked text that begins with the names; `before` it came so many data rows and lines."""
    cells = cells_of(data, len(names), separator, source, before)
    lines = lines_of(data, separator, len(cells) + 1)
    place = Place(
        source, np.arange(1, len(cells) + 1) + before[0], None if lines is None else lines[1:] + before[1]
    )
    at = {name: i for i, name in enumerate(names)}
    return Table({name: from_text(name, cells.column(at[name]), kinds.get(name), place) for name in kept}, place)


def as_table(X: Any) -> Table:
    """Make a `Table` of a pandas, polars or pyarrow frame, a dict of columns, or a 2-D array (columns x0, x1 ...).

    Raises
    ------
    DataError
        If X is none of these, or one of its columns cannot be used.
    """
    if isinstance(X, Table):
        return X
    pairs: list[tuple[str, Any]]
    if isinstance(X, np.ndarray) and X.ndim == 2 and X.dtype.names is None:
        pairs = [(f"x{j}", X[:, j]) for j in range(X.shape[1])]
    elif isinstance(X, Mapping):
        pairs = [(str(name), values) for name, values in X.items()]
    else:
        pairs = _frame_columns(X)
    return typed_table(pairs, f"the {type(X).__name__}", ())


def _frame_columns(X: Any) -> list[tuple[str, Any]]:
    import narwhals as nw

    try:
        frame = nw.from_native(X, eager_only=True)
    except nw.exceptions.DuplicateError as e:
        raise DataError(f"two columns of the {type(X).__name__} have one name ({e}); rename one") from None
    except TypeError:
        shape = f" of shape {X.shape}" if hasattr(X, "shape") else ""
        raise DataError(
            f"got {type(X).__name__}{shape}; a table is a pandas, polars or pyarrow frame, a dict of columns or a 2-D"
            " NumPy array: collect() a lazy frame, to_frame() a series, np.asarray() a list, toarray() a sparse matrix"
        ) from None
    return [(str(series.name), series) for series in frame.iter_columns()]


def ending_of(path: Path) -> str:
    """The known ending of a file that is there."""
    known = (*SEPARATORS, *TYPED)
    if path.is_dir():
        raise DataError(f"{path} is a directory; name one file in it")
    if not path.exists():
        raise DataError(f"there is no file {path} (in {path.absolute().parent}); check the spelling and the folder")
    ending = next((e for e in known if path.name.lower().endswith(e)), None)
    if ending is None:
        raise DataError(f"{path}: the ending {path.suffix!r} is not known; write one of {', '.join(known)}")
    if not path.stat().st_size:
        raise DataError(f"{path} is empty (0 bytes); a header and at least one row are needed")
    return ending


def _read_typed(path: Path) -> list[tuple[str, pa.ChunkedArray]]:
    import pyarrow as pa
    from pyarrow import ipc, parquet

    try:
        with path.open("rb") as file:
            if path.suffix.lower() in (".parquet", ".pq"):
                frame = parquet.ParquetFile(file).read()
            else:
                is_file = file.read(6) == b"ARROW1"
                file.seek(0)
                frame = (ipc.open_file if is_file else ipc.open_stream)(file).read_all()
    except (pa.ArrowException, OSError) as e:
        raise DataError(f"{path} cannot be read as its ending says ({str(e)[:120]}); write the file again") from e
    pairs = zip(frame.column_names, frame.columns, strict=True)
    return [(name, cells) for name, cells in pairs if not re.match(_PANDAS_INDEX, name)]


def typed_table(pairs: Sequence[tuple[str, Any]], source: str, ignore: Sequence[str], before: int = 0) -> Table:
    """Typed columns as a table, but those to ignore; `before` it came so many rows."""
    names = names_of([name for name, _ in pairs], source)
    check_known(ignore, names, source)
    columns = dict(zip(names, (values for _, values in pairs), strict=True))
    for name, values in columns.items():
        is_listing = hasattr(values, "__getitem__") and not isinstance(values, (str, bytes, Mapping))
        if not is_listing or getattr(values, "ndim", 1) != 1:
            raise DataError(f"{source}: column {name!r} is a {type(values).__name__}; wanted a list or 1-D array")
        if len(values) != len(columns[names[0]]):
            lengths = f"{names[0]!r} has {len(columns[names[0]])} rows, {name!r} has {len(values)}"
            raise DataError(f"{source}: {lengths}; the columns of a table have one length")
    if not len(columns[names[0]]):
        raise DataError(f"{source} has no rows; at least one is needed")
    place = Place(source, np.arange(1, len(columns[names[0]]) + 1) + before)
    return Table({n: from_values(n, values, place) for n, values in columns.items() if n not in ignore}, place)


def names_of(names: Sequence[str], source: str) -> list[str]:
    """The names, trimmed, once each is there and they differ."""
    names = [name.strip() for name in names]
    if not names:
        raise DataError(f"{source} has no columns; at least one is needed")
    found: dict[str, int] = {}
    for j, name in enumerate(names, 1):
        if not name:
            hint = "; pandas writes its row index so, use to_csv(index=False)" if j == 1 else ""
            raise DataError(f"{source}: column {j} has no name; name it in the first line, or remove it{hint}")
        if (first := found.setdefault(name, j)) < j:
            raise DataError(f"{source}: columns {first} and {j} are both named {name!r}; rename one")
    return names


def check_known(asked: Iterable[str], names: Sequence[str], source: str) -> None:
    """Raise DataError, with the nearest names, unless every name asked for is there."""
    known = set(names)
    for name in asked:
        if name not in known:
            close = difflib.get_close_matches(str(name), names, n=3)
            meant = f"did you mean {' or '.join(map(repr, close))}? " if close else ""
            some = ", ".join(map(repr, names[:20])) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
            raise DataError(f"{source} has no column {name!r}; {meant}its columns are {some}")
