"""A loss in three small panels of braille dots, for a terminal: two dots across and four down in a character."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from losskit.report.plots import curve_of, evaluator, is_drawn, limits_of, view_of

if TYPE_CHECKING:
    from rich.text import Text

    from losskit.base import Pointwise

_HEIGHT = 7  # lines of a panel
_GAP = 3
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_COLOURS = ("blue", "red", "green", "magenta")


def text_plot(loss: Pointwise, width: int) -> list[Text]:
    """Lines, at most `width` wide, with value, gradient and Hessian side by side; none if the loss has several outputs.

    A parameter "auto" is drawn at its tuning constant.
    """
    from rich.text import Text

    if not is_drawn(loss):
        return []
    shown = loss._at_scale(1.0)
    view = view_of(shown, None)
    across = min((width - 2 * _GAP) // 3, 40)
    panels = [_panel(shown, view, order, name, across) for order, name in enumerate(("value", "gradient", "Hessian"))]
    space = " " * _GAP
    lines = [Text(space).join(parts) for parts in zip(*panels, strict=True)]
    if view.targets[0][1]:
        key = [Text(f"{chr(0x2500) * 2} {label}", _COLOURS[i]) for i, (_, label) in enumerate(view.targets)]
        lines.append(Text("   ").join(key))
    return [*lines, Text(f"against the {view.label}" if " " in view.label else view.label, "dim")]


def _panel(loss: Pointwise, view: Any, order: int, name: str, across: int) -> list[Text]:
    """A title with the limits, the dots, and the ends of the horizontal axis."""
    from rich.text import Text

    curves = [curve_of(evaluator(loss, y, order), view.predictions)[:2] for y, _ in view.targets]
    low, high = limits_of(np.concatenate([values for _, values in curves]))
    cells = np.zeros((_HEIGHT, across), dtype=int)
    owner = np.zeros((_HEIGHT, across), dtype=int)
    ends = float(view.grid[0]), float(view.grid[-1])
    for number, (x, values) in enumerate(curves):
        for column, row in _dots(x, values, ends, (low, high), across):
            cells[row // 4, column // 2] |= _DOTS[column % 2][row % 4]
            owner[row // 4, column // 2] = number
    axis = int((high - 0.0) / (high - low) * (_HEIGHT * 4 - 1)) // 4
    lines = [Text.assemble((name, "bold"), f"{f'{low:.3g} to {high:.3g}':>{across - len(name)}}"[: across - len(name)])]
    for row in range(_HEIGHT):
        line = Text()
        for cell, number in zip(cells[row], owner[row], strict=True):
            if cell:
                line.append(chr(0x2800 + int(cell)), _COLOURS[number % len(_COLOURS)])
            else:
                line.append("\u2500" if row == axis else " ", "dim")
        lines.append(line)
    left, right = f"{ends[0]:.3g}", f"{ends[1]:.3g}"
    return [*lines, Text(f"{left}{right:>{across - len(left)}}", "dim")]


def _dots(x: Any, values: Any, ends: tuple[float, float], limits: tuple[float, float], across: int) -> Any:
    """The (column, row) of each dot of a curve; neighbours are joined, gaps are not."""
    last, before = (2 * across - 1, 4 * _HEIGHT - 1), None
    for at, value in zip(x, values, strict=True):
        if not (limits[0] <= value <= limits[1]):
            before = None
            continue
        column = round((at - ends[0]) / (ends[1] - ends[0]) * last[0])
        row = round((limits[1] - value) / (limits[1] - limits[0]) * last[1])
        for between in range(min(before, row) if before is not None else row, (max(before, row) if before is not None
                             else row) + 1):
            yield column, between
        before = row
