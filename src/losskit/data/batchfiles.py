"""Batches of rows as Arrow has them, from text files, Arrow files and frames of any library."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from losskit.data.columns import NULLS
from losskit.errors import DataError


def text_batches(path: Path, separator: str, wanted: Callable[[Any], list[str]], size: int) -> Iterator[Any]:
    """The batches of a text file, about `size` bytes each, of the columns that are wanted of its schema."""
    import pyarrow as pa
    from pyarrow import csv

    parse = csv.ParseOptions(delimiter=separator)
    nulls = {"null_values": list(NULLS), "strings_can_be_null": True}
    try:
        with csv.open_csv(path, parse_options=parse, convert_options=csv.ConvertOptions(**nulls)) as first:
            schema = first.schema  # by the first block; whole numbers there may be followed by fractions
        kinds = {f.name: pa.float64() for f in schema if pa.types.is_integer(f.type) or pa.types.is_null(f.type)}
        options = csv.ConvertOptions(column_types=kinds, include_columns=wanted(schema), **nulls)
        read = csv.ReadOptions(block_size=size, use_threads=True)
        with csv.open_csv(path, read, parse, options) as reader:
            yield from reader
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{path} cannot be read ({str(error)[:160]}); correct it, or leave the column out") from None


def arrow_batches(path: Path, size_of: Callable[[Any], int]) -> Iterator[Any]:
    """The batches of an Arrow file or stream, of as many rows as `size_of` says of its schema."""
    import pyarrow as pa
    from pyarrow import ipc

    try:
        with pa.memory_map(str(path)) as file:
            is_file = file.read(6) == b"ARROW1"
            file.seek(0)
            reader = (ipc.open_file if is_file else ipc.open_stream)(file)
            size = size_of(reader.schema)
            parts = map(reader.get_batch, range(reader.num_record_batches)) if is_file else reader
            for whole in parts:
                yield from (whole.slice(a, size) for a in range(0, whole.num_rows, size))
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read ({str(error)[:120]}); write the file again") from error


def as_batch(frame: Any) -> Any:
    """A record batch of one chunk from a frame of any library."""
    import pyarrow as pa

    if isinstance(frame, pa.RecordBatch):
        return frame
    if isinstance(frame, dict):
        frame = pa.table({name: np.asarray(values) for name, values in frame.items()})
    elif not isinstance(frame, pa.Table):
        import narwhals as nw

        try:
            frame = nw.from_native(frame, eager_only=True).to_arrow()
        except TypeError:
            raise DataError(f"a batch is a tuple of arrays or a frame; got {type(frame).__name__}") from None
    chunks = frame.combine_chunks().to_batches()
    return chunks[0] if chunks else pa.RecordBatch.from_pylist([], schema=frame.schema)
