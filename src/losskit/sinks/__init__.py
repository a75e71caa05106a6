"""Where a selection can be written down besides its folder: the records that other tools keep of runs."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from losskit.errors import DataError, MissingExtra, ParameterError

if TYPE_CHECKING:
    from losskit.selection.outcome import Selection

KINDS = {
    "mlflow": "mlflow:sqlite:///runs.db", "optuna": "optuna:sqlite:///studies.db", "tensorboard": "tensorboard:FOLDER",
}  # fmt: skip


def sink(text: str) -> Callable[[Selection], str]:
    """What writes a selection to a place such as "mlflow:sqlite:///runs.db", and says where it is then found.

    Raises
    ------
    ParameterError
        If there is no such kind, or no place.
    MissingExtra
        If its library is not installed.
    DataError
        By the function returned, if the place cannot be written to.
    """
    kind, _, where = text.partition(":")
    if kind not in KINDS or not where:
        raise ParameterError(f"log={text!r} is no place to write a selection to; use {' or '.join(KINDS.values())}")
    try:
        module = import_module(f"losskit.sinks.{kind}")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("losskit"):
            raise
        raise MissingExtra(f"{error.name} is not installed; pip install 'losskit[{kind}]' brings it") from error

    def write(found: Selection) -> str:
        try:
            return str(module.write(found, where))
        except Exception as error:  # of whatever stands behind the place
            raise DataError(
                f"the selection could not be written to {text} ({type(error).__name__}: {error}); what else was to be "
                "written is there: check the place, and log it again"
            ) from error

    return write
