"""A file as one table after another, so that it need not fit into memory; rows and lines are counted through."""

from __future__ import annotations

import gzip
import re
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from losskit.data.columns import Kind
from losskit.data.tables import SEPARATORS, Table, check_known, ending_of, names_of, text_table, typed_table
from losskit.data.textfiles import checked_text, header_of
from losskit.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

Wanted = Mapping[str, Kind | None]  # what a column holds; None where each batch's cells decide
_BLOCK = 1 << 23  # bytes of text read at once
_LONGEST = 1 << 28  # bytes without the end of a row: a quote that never closes
_CELLS = 1 << 20  # of a batch of typed columns


def read_batches(path: Any, kinds: Wanted) -> Iterator[tuple[Table, float]]:
    """The tables of the columns in `kinds`, as `read_table` would read them, and how much of the file is done by each.

    Parameters
    ----------
    path : path of a file that `read_table` takes
    kinds : what each column holds, or None where each batch's cells decide; other columns are not looked at

    Raises
    ------
    DataError
        As `read_table`, when the row is reached.
    """
    path = Path(path)
    ending = ending_of(path)
    if ending in SEPARATORS:
        return _of_text(path, SEPARATORS[ending], kinds)
    return _of_types(path, ending in (".parquet", ".pq"), kinds)


def kind_in(path: Any, name: str) -> Kind:
    """What a column of a file holds: of a text file, by the cells of all its batches."""
    kinds = {
        table.column(name).kind
        for table, _ in read_batches(path, {name: None})
        if not table.column(name).nulls().all()
    }
    return kinds.pop() if len(kinds) == 1 else "text" if kinds else "numeric"


def _of_text(path: Path, separator: str, kinds: Wanted) -> Iterator[tuple[Table, float]]:
    source, names, head, rows, lines = str(path), [], b"", 0, 0
    for chunk, share in _chunks(path, separator):
        data = checked_text(chunk, source, "utf-8", lines)
        if not head:
            names = names_of(header_of(data, separator, source), source)
            check_known(kinds, names, source)
            head = data[: _ends(data, separator)[0]]
            table = text_table(data, names, list(kinds), kinds, separator, source)
        elif data.strip():
            before = (rows, lines - head.count(b"\n"))
            table = text_table(head + data, names, list(kinds), kinds, separator, source, before)
        else:
            continue
        rows, lines = rows + table.n_rows, lines + chunk.count(b"\n")
        yield table, share


def _chunks(path: Path, separator: str) -> Iterator[tuple[bytes, float]]:
    """Bytes of whole rows, about as many as a block, and the share of the file read; the names come with a row."""
    size, rest, begun = path.stat().st_size, b"", False
    try:
        with path.open("rb") as raw:
            opened: Any = gzip.GzipFile(fileobj=raw) if path.suffix.lower() == ".gz" else raw
            while block := opened.read(_BLOCK):
                data = rest + block if rest or begun else block.removeprefix(BOM_UTF8)
                first, last = _ends(data, separator)
                if last == 0 and len(data) > _LONGEST:
                    raise DataError(f"{path}: {len(data)} bytes without the end of a row; does a quote never close?")
                cut = last if begun or last > first else 0
                rest = data[cut:]
                if cut:
                    begun = True
                    yield data[:cut], raw.tell() / size
    except (OSError, EOFError, zlib.error) as e:
        raise DataError(f"{path} cannot be read ({e}); check that the file is whole and may be read") from e
    if rest:
        yield rest, 1.0


def _ends(data: bytes, separator: str) -> tuple[int, int]:
    """Where the first row that is not blank ends, and the last; 0 where none does. Lines in quotes are no ends."""
    lines = _line_ends(data, separator)
    first = lines[lines >= len(data) - len(data.lstrip(b"\r\n"))]
    return (int(first[0]) + 1, int(lines[-1]) + 1) if len(first) else (0, 0)


def _line_ends(data: bytes, separator: str) -> np.ndarray:
    """Where lines end that are not in quotes."""
    letters = np.frombuffer(data, np.uint8)
    lines = np.flatnonzero(letters == ord("\n"))
    quotes = np.flatnonzero(letters == ord('"'))
    opening = quotes[::2]
    if np.isin(letters[opening[opening > 0] - 1], [ord(c) for c in f'{separator}\r\n"']).all():
        return lines[np.searchsorted(quotes, lines) % 2 == 0]
    # a quote in the middle of a cell is a letter: only cells that begin with one are quoted
    cells = re.finditer(rb'(?:\A|[\r\n%s])"([^"]*(?:""[^"]*)*)("|\Z)' % re.escape(separator.encode()), data)
    spans = [(m.start(), m.end() if m[2] else len(data) + 1) for m in cells if not m[2] or b"\n" in m[1]]
    for start, end in spans:
        lines = lines[(lines <= start) | (lines >= end)]
    return lines


def _of_types(path: Path, parquet: bool, kinds: Wanted) -> Iterator[tuple[Table, float]]:
    import pyarrow as pa

    rows, source = 0, str(path)
    try:
        with path.open("rb") as file:
            for batch, share in (_of_parquet if parquet else _of_arrow)(file, source, kinds):
                if batch.num_rows:
                    cells = [(name, pa.chunked_array([batch.column(i)])) for i, name in enumerate(kinds)]
                    yield typed_table(cells, source, (), rows), share
                    rows += batch.num_rows
    except (pa.ArrowException, OSError) as e:
        raise DataError(f"{path} cannot be read as its ending says ({str(e)[:120]}); write the file again") from e
    if not rows:
        raise DataError(f"{source} has no rows; at least one is needed")


def _of_parquet(file: BinaryIO, source: str, kinds: Wanted) -> Iterator[tuple[pa.RecordBatch, float]]:
    from pyarrow import parquet

    opened = parquet.ParquetFile(file, pre_buffer=False)
    kept, done = _kept(opened.schema_arrow.names, source, kinds), 0
    batches = opened.iter_batches(max(1, _CELLS // max(len(kept), 1)), columns=kept, use_threads=False)
    for batch in batches:
        done += batch.num_rows
        yield batch.select(kept), done / opened.metadata.num_rows


def _of_arrow(file: BinaryIO, source: str, kinds: Wanted) -> Iterator[tuple[pa.RecordBatch, float]]:
    from pyarrow import ipc

    size, is_file = Path(source).stat().st_size, file.read(6) == b"ARROW1"
    file.seek(0)
    opened = (ipc.open_file if is_file else ipc.open_stream)(file)
    kept = _kept(opened.schema.names, source, kinds)
    for batch in map(opened.get_batch, range(opened.num_record_batches)) if is_file else opened:
        yield batch.select(kept), file.tell() / size


def _kept(names: list[str], source: str, kinds: Wanted) -> list[str]:
    """The columns in `kinds`, as the file spells their names."""
    trimmed = names_of(names, source)
    check_known(kinds, trimmed, source)
    spelled = dict(zip(trimmed, names, strict=True))
    return [spelled[name] for name in kinds]
