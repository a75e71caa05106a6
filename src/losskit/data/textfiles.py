"""Delimited text files as cells of text: bytes checked, rows of one width, every fault named by row and line."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from losskit.errors import DataError, ParameterError

if TYPE_CHECKING:
    import pyarrow as pa

_BLOCK = 1 << 24
_END = "end of the table"


def utf8_of(path: Path, encoding: str) -> bytes:
    """The text of a file as checked UTF-8, without a byte order mark or blank lines at its end."""
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix.lower() == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as e:
        raise DataError(f"{path} cannot be read ({e}); check that the file is whole and may be read") from e
    return checked_text(data, str(path), encoding)


def checked_text(data: bytes, source: str, encoding: str, lines: int = 0) -> bytes:
    """Bytes of a file, after so many lines of it, as UTF-8 without a byte order mark or blank lines at the end."""
    if encoding == "utf-8" and not lines and data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError(f"{source} is UTF-16; save it as UTF-8, or say encoding='utf-16'")
    try:
        text = data.decode(encoding)
    except LookupError:
        raise ParameterError(f"encoding {encoding!r} is not known; wanted one of Python's, as 'latin-1'") from None
    except UnicodeDecodeError as e:
        line = lines + data.count(b"\n", 0, e.start) + 1
        bad = f"{source}, line {line}: byte 0x{data[e.start]:02x} is not {encoding}"
        raise DataError(f"{bad}; save the file as UTF-8, or say what it is, such as encoding='cp1252'") from None
    data = (text if lines else text.removeprefix("\ufeff")).encode()
    if (nul := data.find(b"\0")) >= 0:
        line = lines + data.count(b"\n", 0, nul) + 1
        raise DataError(f"{source}, line {line}: a NUL byte; this is not plain text, export the table again")
    return data.rstrip(b"\r\n")


def header_of(data: bytes, separator: str, source: str) -> list[str]:
    """The cells of the first line."""
    if not data.strip():
        raise DataError(f"{source} is empty (blank lines only); a header and at least one row are needed")
    start = io.StringIO(data[:_BLOCK].decode(errors="ignore"), newline="")
    try:
        cells = next(row for row in csv.reader(start, delimiter=separator) if row)
    except csv.Error as e:
        raise DataError(f"{source}, line 1: the names cannot be read ({e}); does a quote stay open?") from None
    other = next((c for c in ";\t|," if len(cells) == 1 and c in cells[0]), None)
    if other:
        wanted = f"separate columns by {separator!r}, not {other!r}, or name the file .tsv for tabs and .csv for commas"
        raise DataError(f"{source}, line 1: one name, {shown(cells[0])}; {wanted}")
    return cells


def cells_of(data: bytes, width: int, separator: str, source: str, before: tuple[int, int] = (0, 0)) -> pa.Table:
    """Every cell below the header, as text; a last row of our own tells whether a quote stayed open."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    ragged: list[Any] = []

    def keep(row: Any) -> str:
        ragged.append(row)
        return "skip"

    names = [str(i) for i in range(width)]
    try:
        cells = arrow_csv.read_csv(
            io.BytesIO(data + f"\n{_END}{separator * (width - 1)}".encode()),
            arrow_csv.ReadOptions(column_names=names, use_threads=False, block_size=_BLOCK),
            arrow_csv.ParseOptions(delimiter=separator, newlines_in_values=True, invalid_row_handler=keep),
            arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.large_string())),
        )
    except pa.ArrowInvalid as e:
        raise DataError(f"{source} cannot be read ({str(e)[:120]}); look for a quote that never closes") from None
    if ragged or cells[0][-1].as_py() != _END:
        raise DataError(_broken(ragged[0] if ragged else None, len(cells) - 1, data, separator, source, before))
    if len(cells) == 2:
        raise DataError(f"{source} has a header and no rows; at least one row is needed")
    return cells.slice(1, len(cells) - 2)


def _broken(ragged: Any, last: int, data: bytes, separator: str, source: str, before: tuple[int, int]) -> str:
    """What is wrong with the first row of another width, or with the last row, whose quote stayed open."""
    row, lines = ragged.number - 1 if ragged else last, lines_of(data, separator, None)
    line = f" (line {lines[row] + before[1]})" if lines is not None and row < len(lines) else ""
    where = f"{source}, row {row + before[0]}{line}"
    if ragged is None:
        return f"{where}: a quote opens and never closes; close it, or double it if it is part of the text"
    hint = "look for a quote that never closes" if "\n" in ragged.text else f"put text with {separator!r} in quotes"
    counts = f"{ragged.actual_columns} cells where the header has {ragged.expected_columns}"
    text = ragged.text.split(f"\n{_END}")[0]
    return f"{where}: {counts}: {shown(text)}; {hint}"


def lines_of(data: bytes, separator: str, records: int | None) -> np.ndarray | None:
    """The line on which each record starts, header first; None where that cannot be told."""
    if records == data.count(b"\n") + 1:
        return np.arange(1, records + 1)
    reader, starts, line = csv.reader(io.StringIO(data.decode(), newline=""), delimiter=separator), [], 1
    try:
        for cells in reader:
            starts += [line] if cells else []
            line = reader.line_num + 1
    except csv.Error:
        return None
    return np.array(starts) if records in (None, len(starts)) else None


def shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
