"""TensorBoard: a run for each candidate, with its metric, its error and what it saves; no TensorFlow is needed."""

from __future__ import annotations

import re
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

if TYPE_CHECKING:
    from losskit.selection.outcome import Selection

_ODD = re.compile(r"[^\w\-.=(), ]")  # what no name of a folder should hold


def write(found: Selection, where: str) -> str:
    """Record the selection below a folder, beside those that are there; its name."""
    base = Path(where) / _ODD.sub("_", f"{found.target.name}-{found.question}")
    folder = next(f for i in count(1) if not (f := base if i == 1 else base.with_name(f"{base.name}-{i}")).exists())
    for candidate in found.candidates:
        if not candidate.valid:
            continue
        figures = {found.metric.name: candidate.mean, "standard error": candidate.standard_error}
        if candidate.role == "challenger":
            figures["saved"] = candidate.gain(found.against(candidate))
        writer = EventFileWriter(str(folder / _ODD.sub("_", candidate.label_with_kind)))
        values = [Summary.Value(tag=name, simple_value=value) for name, value in figures.items()]
        writer.add_event(Event(step=0, summary=Summary(value=values)))
        writer.close()
    return str(folder)
