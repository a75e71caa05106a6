"""Finished folds on disk: a run that was killed goes on where it was. Each fold is a file, whole or not there."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from losskit._version import __version__
from losskit.errors import ModelFileError
from losskit.models import modelfile

if TYPE_CHECKING:
    from losskit.selection.compare import Task

Array = np.ndarray
FOLDER = "unfinished"
_WRITING = "writing"  # in that folder while the results of this run are written beside it


class Shelf:
    """The finished folds of one comparison.

    Parameters
    ----------
    folder : path, or None to keep nothing
    task : Task
    settings : what else decides the numbers: seed, folds, rounds
    """

    def __init__(self, folder: str | os.PathLike[str] | None, task: Task, settings: tuple[int, ...]) -> None:
        self.folder = None if folder is None else Path(folder)
        self.key = "" if folder is None else _key(task, settings)

    def find(self, number: int, k: int, failed: dict[int, str]) -> tuple[Array, Array, Array] | None:
        """Costs, rows that cost infinity and scores of a fold, if it was finished; `failed` is filled in."""
        path = self._path(number, k)
        if path is None or not path.exists():
            return None
        try:
            payload, arrays = modelfile.load(path)
            failed.update({int(i): str(why) for i, why in payload["failed"].items()})
            return arrays["costs"], arrays["outside"], arrays["scores"]
        except (ModelFileError, KeyError, ValueError):
            return None  # not ours, or damaged: the fold is done again

    def keep(self, number: int, k: int, failed: dict[int, str], costs: Array, outside: Array, scores: Array) -> None:
        """Write down a finished fold; scores are needed of the first round alone."""
        path = self._path(number, k)
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays = {"costs": costs, "outside": outside, "scores": scores if number == 0 else scores[:, :0]}
        modelfile.save(path, {"failed": {str(i): why for i, why in failed.items()}}, arrays, force=True)

    def _path(self, number: int, k: int) -> Path | None:
        return None if self.folder is None else self.folder / f"{self.key}-{number}-{k}.fold"


def clear(folder: str | os.PathLike[str]) -> None:
    """Remove the finished folds once their result is written, and what a killed run had half written."""
    with contextlib.suppress(OSError):
        shutil.rmtree(Path(folder) / FOLDER)
        for path in Path(folder).glob(".losskit-*.tmp"):
            path.unlink()


def begin_writing(folder: Path) -> None:
    """Say that what is written from now on is of the run whose folds are kept here, if any are."""
    with contextlib.suppress(OSError):
        (folder / FOLDER / _WRITING).touch()


def is_unfinished(folder: Path, names: Collection[str]) -> bool:
    """Whether a folder holds finished folds, and besides them at most what their run had begun to write.

    Parameters
    ----------
    names : of the files of a result
    """
    held = {path.name for path in folder.iterdir() if not path.name.startswith(".losskit-")}
    return FOLDER in held and held <= {FOLDER, *(names if (folder / FOLDER / _WRITING).exists() else ())}


def _key(task: Task, settings: tuple[int, ...]) -> str:
    """A name of all that decides the numbers: the data, what is compared, the settings, the versions."""
    found = hashlib.sha256(repr((__version__, np.__version__, settings, task.contenders, task.metric)).encode())
    plan = task.plan
    for name in task.table.names:
        column = task.table.column(name)
        found.update(repr((name, column.kind)).encode())
        if column.kind == "text":
            found.update("\0".join(map(repr, column.values)).encode())
        else:
            found.update(np.ascontiguousarray(column.values).tobytes())
    for part in (task.y, task.w, plan.groups, plan.times):
        found.update(b"-" if part is None else np.ascontiguousarray(part).tobytes())
    return found.hexdigest()[:24]
