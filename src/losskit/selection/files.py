"""A selection as three files in a folder, each written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from losskit.data.tables import read_table
from losskit.errors import DataError
from losskit.models.modelfile import atomic_write, to_json
from losskit.selection.resume import begin_writing, clear, is_unfinished

if TYPE_CHECKING:
    from losskit.selection.outcome import Selection

NAMES = {"report": "report.html", "text": "report.md", "result": "result.json", "model": "model.losskit"}


def check_folder(folder: str | os.PathLike[str], force: bool) -> Path:
    """The folder, if results can be written to it; nothing is made yet.

    Raises
    ------
    DataError
        If it is a file, its parent is missing or not writable, or it exists with more in it than the finished folds of
        a run that was stopped, and `force` is False.
    """
    path = Path(folder)
    if path.exists() and not path.is_dir():
        raise DataError(f"{path} is a file; --out names a folder")
    if path.exists() and not force and not is_unfinished(path, NAMES.values()):
        raise DataError(f"{path} exists; choose another folder, or write into it with --force")
    nearest = path.absolute()
    while not nearest.exists():
        nearest = nearest.parent
    try:
        with tempfile.TemporaryDirectory(prefix=".losskit-", dir=nearest):
            pass  # the only sure way to know, and hours may lie between now and the writing
    except OSError as error:
        raise DataError(f"{path} cannot be written: {nearest}: {error.strerror}; check its permissions") from None
    taken = [path / name for name in NAMES.values() if (path / name).exists() and not (path / name).is_file()]
    if taken:
        raise DataError(f"{taken[0]} is no regular file; move it away")
    return path


def save_selection(selection: Selection, folder: str | os.PathLike[str], force: bool) -> dict[str, str]:
    """See `Selection.save`."""
    path = check_folder(folder, force)
    force = force or path.is_dir()  # what lies there is of the same run, stopped while it wrote
    page, text, result = selection.to_html(), selection.to_markdown(), to_json(selection.to_dict(), indent=2) + "\n"
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{path} cannot be made ({error.strerror}); check the folder above it") from None
    begin_writing(path)
    names = dict(NAMES)
    if selection.can_be_saved:
        selection.model.save(path / NAMES["model"], force=force)
    else:
        (path / names.pop("model")).unlink(missing_ok=True)  # one of an earlier run would be taken for this one's
    atomic_write(path / NAMES["result"], result, force=force)
    atomic_write(path / NAMES["text"], text, force=force)
    atomic_write(path / NAMES["report"], page, force=force)
    clear(path)
    return {kind: str(path / name) for kind, name in names.items()}


def read_costs(path: str) -> dict[str, dict[str, float]]:
    """A matrix of costs from a file whose first column names the actual and whose others the predicted classes."""
    table = read_table(path)
    first, *others = table.names
    actual = [str(name) for name in table.column(first).values]
    numbers = [table.column(name) for name in others]
    if any(column.kind != "numeric" or column.nulls().any() for column in numbers):
        raise DataError(f"{path}: costs are numbers, with the name of the actual class in the first column of each row")
    return {label: {c.name: float(c.values[i]) for c in numbers} for i, label in enumerate(actual)}
