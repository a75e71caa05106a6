"""What the pictures of the report are drawn with: scales, axes, lines and numbers as SVG.

Every text passes through `Markup.format`, which escapes it; numbers are written by `pixel`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

Array = np.ndarray
WIDTH, HEIGHT = 360, 236
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 10, 40
COLOURS = tuple(f"var(--c{i})" for i in range(5))  # of the page, which has them for paper and for the dark
_LETTERS = 52  # of both names beside each other below a picture
DASHES = ("none", "6 3", "2 2", "8 3 2 3", "4 4")


@dataclass(frozen=True)
class Axis:
    """A linear scale from numbers to pixels, with round ticks."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, x: float) -> str:
        return pixel(self.start + (x - self.low) / (self.high - self.low) * (self.end - self.start))

    def ticks(self, count: int = 5) -> list[float]:
        """Round numbers inside the scale."""
        raw = (self.high - self.low) / count
        unit = 10.0 ** math.floor(math.log10(raw))
        step = unit * next((m for m in (1, 2, 2.5, 5) if raw <= m * unit), 10)
        first = math.ceil(self.low / step - 1e-9)
        return [k * step for k in range(first, math.floor(self.high / step + 1e-9) + 1)]


def axes(x_low: float, x_high: float, y_low: float, y_high: float) -> tuple[Axis, Axis]:
    """The scales of a picture."""
    across = Axis(float(x_low), float(x_high), LEFT, WIDTH - RIGHT)
    return across, Axis(float(y_low), float(y_high), HEIGHT - BOTTOM, TOP)


def picture(body: Markup, x: Axis, y: Axis, x_label: str, y_label: str, caption: str) -> Markup:
    """A body with its axes, their ticks and names."""
    foot, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = [Markup('<path class="axis" d="M{0} {1}V{2}H{3}"/>').format(LEFT, TOP, foot, right)]
    below = Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>')
    parts += [below.format(x(tick), foot + 15, tick_label(tick)) for tick in x.ticks(4)]
    beside = Markup('<path class="grid" d="M{0} {1}H{2}"/><text x="{3}" y="{1}" dy="4" text-anchor="end">{4}</text>')
    parts += [beside.format(LEFT, y(tick), right, LEFT - 5, tick_label(tick)) for tick in y.ticks(4)]
    name = Markup('<text class="name" x="{}" y="{}" text-anchor="{}">{}</text>')
    upwards = f"{y_label} (upwards)"
    parts.append(name.format(right, HEIGHT - 6, "end", short(x_label, _LETTERS - len(upwards))))
    parts.append(name.format(4, HEIGHT - 6, "start", upwards))
    return Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}</svg>').format(
        WIDTH, HEIGHT, caption, Markup("").join(parts), body
    )


def line(grid: Array, values: Array, x: Axis, y: Axis, i: int) -> Markup:
    """The i-th curve of a picture."""
    known = np.isfinite(values)
    points = "L".join(f"{x(a)} {y(b)}" for a, b in zip(grid[known], values[known], strict=True))
    return Markup('<path class="curve" style="stroke:{};stroke-dasharray:{}" d="M{}"/>').format(
        COLOURS[i], DASHES[i], points
    )


def legend(names: Sequence[str]) -> Markup:
    """Which curve is which: each name beside a piece of its line."""
    each = Markup(
        '<span><svg viewBox="0 0 26 8" aria-hidden="true"><path class="curve" style="stroke:{};stroke-dasharray:{}" '
        'd="M0 4H26"/></svg>{}</span>'
    )
    return Markup('<div class="legend">{}</div>').format(
        Markup("").join(each.format(COLOURS[i], DASHES[i], name) for i, name in enumerate(names))
    )


def bars(values: Array, edges: Array, x_label: str, caption: str) -> Markup:
    """How many values lie between neighbouring edges."""
    heights, _ = np.histogram(values, edges)
    x, h = axes(edges[0], edges[-1], 0.0, float(heights.max()) * 1.05)
    each = Markup('<rect x="{}" y="{}" width="{}" height="{}"/>')
    drawn = Markup("").join(
        each.format(
            x(a), h(count), pixel(max(float(x(b)) - float(x(a)) - 0.7, 0.5)), pixel(HEIGHT - BOTTOM - float(h(count)))
        )
        for a, b, count in zip(edges[:-1], edges[1:], heights, strict=True) if count
    )  # fmt: skip
    return picture(Markup('<g class="bars">{}</g>').format(drawn), x, h, x_label, "rows", caption)


def short(text: str, most: int) -> str:
    """At most so many characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def pixel(value: float) -> str:
    """A place in the picture, to a tenth."""
    return f"{value:.1f}".rstrip("0").rstrip(".")


def tick_label(value: float) -> str:
    """A number beside an axis."""
    size = abs(value)
    if size >= 1e6 or 0 < size < 1e-3:
        return f"{value:.3g}"
    return f"{value / 1000:.4g}k" if size >= 1e4 else f"{value:.4g}"
