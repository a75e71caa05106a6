"""How many rows a time limit allows: a few are compared for the clock, and the seconds a row that takes are scaled."""

from __future__ import annotations

import time as clock
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from losskit.selection.answering import Inquiry

FEW, MORE = 500, 4000  # rows compared for the clock; the second where there are many rows and much time
_SPARE = 0.8  # of the time left is planned with
_FITS = 60  # fits that a round makes of each row, at the least; training on all rows is one


def within(inquiry: Inquiry, ask: Callable[[Inquiry], Any], ends: float) -> Inquiry:
    """The inquiry into as many of its rows as can be compared before `ends` (of the monotonic clock), at least `FEW`.

    The number is kept beside the finished folds, so that a run which was killed goes on with the same rows.
    """
    rows = len(inquiry.target.y)
    if rows < 4 * FEW:
        return inquiry
    place = None if inquiry.state is None else Path(inquiry.state) / f"rows-of-{rows}"
    allowed = _kept(place)
    if allowed is None:
        allowed = _allowed(inquiry, ask, ends)
        if place is not None:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(str(allowed))
    return inquiry if allowed >= rows else inquiry.of(allowed)


def _allowed(inquiry: Inquiry, ask: Callable[[Inquiry], Any], ends: float) -> int:
    rows = len(inquiry.target.y)
    a_row = 0.0
    for few in (FEW, MORE):
        began, small = clock.monotonic(), inquiry.of(few)
        ask(replace(small, whole=small.compared, rounds=1, state=None, tested=None))
        a_row = (clock.monotonic() - began) / few  # too much: what does not grow with the rows is in it
        if rows < 8 * MORE or 4 * MORE * a_row > ends - clock.monotonic():
            break
    left = _SPARE * (ends - clock.monotonic()) - a_row * len(inquiry.whole.y) / _FITS
    return min(rows, max(FEW, int(left / a_row)))


def _kept(place: Path | None) -> int | None:
    try:
        return None if place is None else int(place.read_text())
    except (OSError, ValueError):
        return None
