"""Predictions of a file of any size: read, predicted and written batch by batch, whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from losskit.models.modelfile import atomic_file

if TYPE_CHECKING:
    from losskit.models.table import TableModel

Columns = dict[str, np.ndarray]
Write = Callable[[Columns], object]
Progress = Callable[[int, float], object]


def predict_file(
    model: TableModel,
    data: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    prior: dict[str, float] | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> int:
    """Write the predictions for a file to another, which is there when it is complete.

    Neither file need fit into memory: a batch of rows is held at a time.

    Parameters
    ----------
    model : TableModel
    data : path of a table with the columns of the fit; others are not looked at
    out : path
        Parquet if it ends in .parquet or .pq, else CSV.
    prior : dict, optional
        The shares of classes where the predictions are for, if they are not those of training.
    force : bool
        Replace an existing file.
    progress : callable, optional
        Called as progress(rows so far, share of the file read).

    Returns
    -------
    int
        The number of rows.

    Raises
    ------
    DataError
        If the file cannot be predicted from, naming the first row, or `out` cannot be written.
    """
    with atomic_file(out, force=force) as file:
        if str(out).lower().endswith((".parquet", ".pq")):
            return _to_parquet(model, data, file, prior, progress)
        text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
        rows = predict_batches(model, data, csv_writer(text), prior, progress)
        text.detach()
    return rows


def predict_batches(
    model: TableModel, data: str | os.PathLike[str], write: Write, prior: dict[str, float] | None = None,
    progress: Progress | None = None,
) -> int:  # fmt: skip
    """Hand the columns of each batch to `write`; the number of rows."""
    rows = 0
    for table, share in model.read_batches(data):
        write(model.table(table, prior))
        rows += table.n_rows
        if progress is not None:
            progress(rows, share)
    return rows


def csv_writer(file: IO[str]) -> Write:
    """Writes columns as CSV, the names first; numbers read back equal."""
    writer, begun = csv.writer(file, lineterminator="\n"), False

    def write(columns: Columns) -> None:
        nonlocal begun
        if not begun:
            writer.writerow(columns)
            begun = True
        writer.writerows(zip(*(values.tolist() for values in columns.values()), strict=True))

    return write


def json_writer(file: IO[str]) -> Write:
    """Writes rows as lines of JSON; what is not finite is null."""

    def plain(value: Any) -> Any:
        return None if isinstance(value, float) and not math.isfinite(value) else value

    def write(columns: Columns) -> None:
        for row in zip(*(values.tolist() for values in columns.values()), strict=True):
            file.write(json.dumps(dict(zip(columns, map(plain, row), strict=True)), allow_nan=False) + "\n")

    return write


def _to_parquet(
    model: TableModel, data: str | os.PathLike[str], file: IO[bytes], prior: dict[str, float] | None,
    progress: Progress | None,
) -> int:  # fmt: skip
    import pyarrow as pa
    from pyarrow import parquet

    opened: list[Any] = []

    def write(columns: Columns) -> None:
        batch = pa.table({name: pa.array(values.tolist() if values.dtype == object else values)
                          for name, values in columns.items()})  # fmt: skip
        if not opened:
            opened.append(parquet.ParquetWriter(file, batch.schema))
        opened[0].write_table(batch)

    try:
        return predict_batches(model, data, write, prior, progress)
    finally:
        for writer in opened:
            writer.close()
