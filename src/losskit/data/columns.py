"""One column of a table: cells of text or of Arrow, or any Python values, as float64, str, bool or moments in time."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from losskit.data.textfiles import shown
from losskit.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

Kind = Literal["numeric", "text", "boolean", "datetime"]


NULLS = ("", "NA", "N/A", "n/a", "NULL", "null", "NaN", "nan")
_INTEGER = r"^[+-]?\d+$"
PATTERNS: dict[Kind, str] = {
    "numeric": r"^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|(?i:inf|infinity))$",
    "boolean": r"^(?i:true|false)$",
    "datetime": r"^\d{4}-\d\d-\d\d(?:[ T]\d\d(?::\d\d(?::\d\d(?:\.\d{1,6})?)?)?(?:Z|[+-]\d\d:?\d\d)?)?$",
}
_MOSTLY = 0.9
_WANTED = "a table holds numbers, text, booleans, dates and times"


@dataclass(frozen=True, eq=False)
class Column:
    """One named column: `values` is read-only; `integers` says that the source held whole numbers only.

    `order` holds the categories of an ordered categorical, lowest first.
    """

    name: str
    kind: Kind
    values: np.ndarray
    integers: bool = False
    order: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        self.values.flags.writeable = False

    def nulls(self) -> np.ndarray:
        """The mask of the rows without a value."""
        if self.kind == "text":
            return np.array([value is None for value in self.values], dtype=bool)
        return np.asarray(np.isnat(self.values) if self.kind == "datetime" else np.isnan(self.values))


@dataclass(frozen=True, eq=False)
class Place:
    """Where the rows come from, for messages."""

    source: str
    rows: np.ndarray
    lines: np.ndarray | None = None

    def __call__(self, i: int) -> str:
        return f"row {self.rows[i]}" + ("" if self.lines is None else f" (line {self.lines[i]})")


def from_text(name: str, cells: pa.ChunkedArray, wanted: Kind | None, place: Place) -> Column:
    """The column that cells of text make: of the kind wanted, or of the first kind that all of them fit."""
    import pyarrow as pa
    import pyarrow.compute as pc

    trimmed, nothing = pc.utf8_trim_whitespace(cells), pa.scalar(None, cells.type)
    null = pc.is_in(trimmed, value_set=pa.array(NULLS, cells.type))
    known = pc.if_else(null, nothing, trimmed)
    count = len(known) - known.null_count
    for kind, pattern in PATTERNS.items() if count else ():
        if wanted not in (None, kind):
            continue
        fits = pc.match_substring_regex(known, pattern)
        share = pc.sum(fits).as_py() / count
        if share == 1 and (values := _cast(known, kind)) is not None:
            integers = kind == "numeric" and pc.all(pc.match_substring_regex(known, _INTEGER)).as_py()
            return replace(_from_arrow(name, values, place), integers=integers)
        if wanted or (kind == "numeric" and 1 > share >= _MOSTLY):
            raise DataError(_strays(name, kind, known, fits.to_numpy(), place))
    return _from_arrow(name, pc.if_else(null, nothing, cells), place)


def _cast(cells: pa.ChunkedArray, kind: Kind) -> pa.ChunkedArray | None:
    """Cells that look like one kind, as that kind; None if they are not after all (month 13, some with a zone)."""
    import pyarrow as pa

    times = [pa.timestamp("us"), pa.timestamp("us", "UTC")]
    for wanted in {"numeric": [pa.float64()], "boolean": [pa.bool_()], "datetime": times}[kind]:
        try:
            return cells.cast(wanted)
        except pa.ArrowInvalid:
            continue
    return None


def _strays(name: str, kind: Kind, cells: pa.ChunkedArray, fits: np.ndarray, place: Place) -> str:
    rows = np.flatnonzero(np.equal(fits, False))
    listed = ", ".join(f"{shown(cells[i].as_py())} in {place(i)}" for i in rows[:3].tolist())
    more = f" and {len(rows) - 3} more" if len(rows) > 3 else ""
    if not len(rows):
        listed = "a day that no calendar has, or zones on some values only"
    marked = any(re.match(r"[<>≤≥]", str(cells[i].as_py())) for i in rows[:3].tolist())
    hint = "values known to lie beyond a bound go in two columns, the bound and whether it is one; " if marked else ""
    cure = hint + f"correct these, leave the unknown ones empty, or say kinds={{{name!r}: 'text'}}"
    return f"{place.source}: column {name!r} is {kind} but for {listed}{more}; {cure}"


def _to_arrow(values: Any) -> Any:
    import pyarrow as pa

    if hasattr(values, "to_arrow"):
        return values.to_arrow()
    return values if isinstance(values, (pa.Array, pa.ChunkedArray)) else pa.array(values, from_pandas=True)


def order_of(values: Any) -> tuple[Any, ...]:
    """The categories of an ordered categorical (pandas, polars' Enum, Arrow), lowest first; nothing of others."""
    import pyarrow as pa

    if isinstance(values, np.ndarray | list | tuple):
        return ()
    try:
        cells = _to_arrow(values)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return ()
    if isinstance(cells, pa.ChunkedArray):
        cells = cells.unify_dictionaries().chunk(0) if cells.num_chunks else pa.array([])
    return tuple(cells.dictionary.to_pylist()) if getattr(cells.type, "ordered", False) else ()


def from_values(name: str, values: Any, place: Place) -> Column:
    import pyarrow as pa

    try:
        values = _to_arrow(values)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return _from_objects(name, list(values), place)
    return _from_arrow(name, values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values]), place)


def _from_arrow(name: str, cells: pa.ChunkedArray, place: Place) -> Column:
    import pyarrow as pa

    if pa.types.is_dictionary(cells.type):
        order = order_of(cells)
        made = _from_arrow(name, cells.cast(cells.type.value_type), place)
        return replace(made, order=order)
    kind, is_ = cells.type, pa.types
    if cells.null_count == len(cells):
        return Column(name, "numeric", np.full(len(cells), np.nan))
    if is_.is_boolean(kind) or is_.is_integer(kind) or is_.is_floating(kind) or is_.is_decimal(kind):
        values = np.array(cells.cast(pa.float64(), safe=False).to_numpy())
        return Column(name, "boolean" if is_.is_boolean(kind) else "numeric", values, is_.is_integer(kind))
    if is_.is_timestamp(kind) or is_.is_date(kind):
        return Column(name, "datetime", np.array(cells.cast(pa.timestamp("us"), safe=False).to_numpy()))
    if is_.is_string(kind) or is_.is_large_string(kind) or is_.is_string_view(kind):
        codes = cells.cast(pa.large_string()).combine_chunks().dictionary_encode()
        levels = np.array([*codes.dictionary.to_pylist(), None], dtype=object)  # equal cells share one str
        return Column(name, "text", levels[codes.indices.fill_null(len(levels) - 1).to_numpy()])
    cure = "convert the column (a duration to seconds, a list to several columns) or leave it out"
    raise DataError(f"{place.source}: column {name!r} holds {kind}; {_WANTED}; {cure}")


def _from_objects(name: str, items: list[Any], place: Place) -> Column:
    """Objects that Arrow refuses: numbers beyond its range are converted, a mixture is refused."""
    families = [_family(item) for item in items]
    known = [i for i, family in enumerate(families) if family != "null"]
    family = families[known[0]] if known else "number"
    odd = next((i for i in known if families[i] != family), None)
    if odd is not None:
        both = " and ".join(f"{families[i]} in {place(i)}, {shown(items[i])}" for i in (known[0], odd))
        raise DataError(f"{place.source}: column {name!r} mixes {both}; make it one kind, with None for unknown values")
    if family != "number":
        raise DataError(f"{place.source}: column {name!r}, {place(known[0])}: {family} cannot be used; {_WANTED}")
    try:
        values = [np.nan if families[i] == "null" else float(item) for i, item in enumerate(items)]
    except OverflowError:
        raise DataError(f"{place.source}: column {name!r} holds an integer beyond 1.8e308; rescale it") from None
    return Column(name, "numeric", np.array(values), all(isinstance(items[i], int) for i in known))


def _family(item: Any) -> str:
    is_nan = isinstance(item, (float, np.floating)) and np.isnan(item)
    if item is None or is_nan or type(item).__name__ in ("NAType", "NaTType"):
        return "null"
    if isinstance(item, (bool, np.bool_)):
        return "boolean"
    if isinstance(item, (Real, Decimal)):
        return "number"
    return "text" if isinstance(item, str) else type(item).__name__
