"""A loss in three panels: value, gradient and Hessian against the prediction."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from losskit.base import Evaluated, Pointwise
from losskit.calculus.emit import array_function
from losskit.domains import SIGNS, UNIT, Intervals
from losskit.errors import CapabilityError, DataError, DomainError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from losskit.base import Evaluated, Pointwise

Array = np.ndarray
_STEPS = 1200  # grid steps on each side of the middle
_FORMATS = (".png", ".svg", ".pdf")
COLOURS = ("#1f5fa8", "#d1495b", "#3b8a56", "#8c5fb0", "#c98a1b")
DASHES = ("-", (0, (5, 2)), (0, (1.5, 1.5)), "-.", "-")
_SHARP = 4.0  # a step this many times its neighbours' is looked at more closely


@dataclasses.dataclass(frozen=True)
class View:
    """What is drawn: the grid on the horizontal axis, and a curve for each (y, label)."""

    grid: Array
    predictions: Array
    targets: tuple[tuple[Any, str], ...]
    variable: str
    label: str


def is_drawn(loss: Any) -> bool:
    """Whether a loss has a picture: one prediction a row."""
    return isinstance(loss, Pointwise) and len(loss.outputs) == 1


def plot_loss(loss: Evaluated, y: float | None = None, path: str | os.PathLike[str] | None = None) -> Figure:
    """Value, gradient and Hessian of `loss`, side by side.

    Parameters
    ----------
    loss : Pointwise
        Of one output. A parameter "auto" is drawn at its tuning constant, that is for residuals of scale 1.
    y : float, optional
        Draw against f for this target. By default against the residual or margin where the loss is one of that, else
        against f with a curve for each of a few targets.
    path : path-like, optional
        Where to write the figure: .png, .svg or .pdf. An existing file is replaced, never half written.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    CapabilityError
        If the loss has several outputs.
    DomainError
        If `y` is outside the loss's domain.
    DataError
        If the path's ending is not known or its folder cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    target = None if path is None else figure_path(path)
    if not isinstance(loss, Pointwise) or not is_drawn(loss):
        raise CapabilityError(f"{loss!r} predicts several numbers a row; only losses of one are drawn")
    shown = loss._at_scale(1.0)
    view = view_of(shown, y)
    figure = Figure(figsize=(11, 3.7), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 3)
    for order, (panel, name) in enumerate(zip(panels, ("value", "gradient", "Hessian"), strict=True)):
        _draw(panel, shown, view, order)
        panel.set_title(name, fontsize=10)
    if view.targets[0][1]:
        panels[0].legend(frameon=False, fontsize=9)
    figure.suptitle(_title(loss), fontsize=12)
    if target is not None:
        write_figure(figure, target)
    return figure


def _title(loss: Pointwise) -> str:
    formula = _mathtext(loss.latex())
    return repr(loss) if formula is None else f"{loss!r}\n{formula}"


def _mathtext(tex: str) -> str | None:
    """`tex` as matplotlib can set it, or None where it cannot (it knows no cases)."""
    from matplotlib.mathtext import MathTextParser

    text = "$" + tex.replace(r"\left|", "|").replace(r"\right|", "|") + "$"
    try:
        MathTextParser("path").parse(text)
    except ValueError:
        return None
    return text


def view_of(loss: Pointwise, y: Any) -> View:
    """What to draw of a closed loss."""
    steps = np.arange(-_STEPS, _STEPS + 1) / _STEPS
    if y is not None and not loss.domain.contains(y):
        raise DomainError(f"{type(loss).__name__} needs {loss.domain.describe('y')}; got y = {y!r}")
    if loss.prediction_domain.bounded:
        low, high = max(loss.prediction_domain.low, -4.0), min(loss.prediction_domain.high, 4.0)
        grid = low + (high - low) * (steps + 1) / 2
        return View(grid, grid, _targets(loss, y), "f", "probability f" if (low, high) == (0, 1) else "prediction f")
    if loss.variables == ("r",):
        grid = steps * _reach(loss)
        if y is None:
            return View(grid, grid, ((0.0, ""),), "r", "residual r = f − y")  # noqa: RUF001
        return View(y + grid, y + grid, ((y, f"y = {y:g}"),), "f", "prediction f")
    if loss.variables == ("m",) and y is None:
        return View(3 * steps, 3 * steps, ((1.0, ""),), "m", "margin m = y f")
    middle = float(loss.link.to_score(y)) if np.ndim(y) == 0 and y is not None and loss.link.name == "log" else 0.0
    grid = (middle if np.isfinite(middle) else 0.0) + steps * {"logit": 5.0, "log": 2.5}.get(loss.link.name, 3.0)
    meaning = {"logit": "raw score f, the logit", "log": "raw score f, the log of the mean"}
    return View(grid, grid, _targets(loss, y), "f", meaning.get(loss.link.name, "prediction f"))


def _reach(loss: Pointwise) -> float:
    scales = [float(loss.parameters[name]) for name in loss.tuning]
    return max((2.0 if scale > 3 else 3.0) * scale for scale in scales) if scales else 3.0


def _targets(loss: Pointwise, y: Any) -> tuple[tuple[Any, str], ...]:
    """A few targets that the loss may meet, each with its label."""
    chosen: tuple[Any, ...]
    if isinstance(loss.domain, Intervals):
        some = ((1.0, 1.0), (1.0, np.inf), (0.0, 1.0), (0.5, 2.0)) if y is None else (y,)
        return tuple((t, f"y = ({t[0]:g}, {t[1]:g})") for t in some)
    if y is not None:
        chosen = (float(y),)
    elif loss.domain == UNIT:
        chosen = (0.0, 1.0)
    elif loss.domain == SIGNS:
        chosen = (-1.0, 1.0)
    else:
        chosen = tuple(t for t in (-1.0, 0.0, 1.0, 3.0) if loss.domain.contains(t))
        chosen = chosen or (float(np.median(loss.domain.sample(np.random.default_rng(0), 101))),)
    return tuple((t, f"y = {t:g}") for t in chosen)


def _draw(panel: Axes, loss: Pointwise, view: View, order: int) -> None:
    curves = []
    for number, (y, label) in enumerate(view.targets):
        x, values, points = curve_of(evaluator(loss, y, order), view.predictions)
        colour = COLOURS[number % len(COLOURS)]
        dash: Any = DASHES[number % len(DASHES)]
        panel.plot(x, values, linestyle=dash, linewidth=1.9, label=label, zorder=3, color=colour)
        panel.plot(*points, marker="o", markersize=4.5, linestyle="none", zorder=4, color=colour)
        curves.append(values)
    low, high = limits_of(np.concatenate(curves))
    panel.set_ylim(low, high)
    panel.set_xlim(view.grid[0], view.grid[-1])
    panel.set_xlabel(view.label)
    panel.set_ylabel(f"L{chr(8242) * order}({view.variable})" if view.variable != "f" else
                     ("L(y, f)", "∂L / ∂f", "∂²L / ∂f²")[order])
    panel.axhline(0, color="0.55", linewidth=0.8, zorder=1)
    if view.grid[0] < 0 < view.grid[-1]:
        panel.axvline(0, color="0.85", linewidth=0.8, zorder=1)
    panel.spines[["top", "right"]].set_visible(False)


def evaluator(loss: Pointwise, y: Any, order: int) -> Any:
    """f -> the loss's derivative of that order at target y, as arrays, by the array dialect: nothing is compiled."""
    trace = loss.trace()
    node = (trace.value, trace.gradient[0], trace.hessian[0])[order]
    numbers = {name: value for name, value in loss.parameters.items() if value is not None}
    function = array_function("curve", (*loss.targets, "f", *numbers), [node])

    def evaluate(f: Array) -> Array:
        with np.errstate(all="ignore"):
            values = function(np, *(np.full_like(f, t) for t in np.ravel(y)), f, *map(np.float64, numbers.values()))
        return np.array(np.broadcast_to(values, f.shape), dtype=float)

    return evaluate


def curve_of(evaluate: Any, x: Array) -> tuple[Array, Array, tuple[Array, Array]]:
    """A curve with gaps where it jumps, and the lone points between two gaps."""
    values = evaluate(x)
    jumps = _jumps(evaluate, x, values)
    for at, left, right in reversed(jumps):
        ends = evaluate(np.array([left, right]))
        x = np.insert(x, at + 1, [left, right, right])
        values = np.insert(values, at + 1, [ends[0], np.nan, ends[1]])
    finite = np.isfinite(values)
    values = np.where(finite, values, np.nan)
    points = [], []  # type: tuple[list[float], list[float]]
    runs = np.flatnonzero(np.diff(np.r_[False, finite, False]))
    for first, last in zip(runs[::2], runs[1::2], strict=True):
        if x[last - 1] - x[first] < 1e-9 * (x[-1] - x[0]):
            points[0].append(x[first])
            points[1].append(values[first])
    return x, values, (np.array(points[0]), np.array(points[1]))


def _jumps(evaluate: Any, x: Array, values: Array) -> list[tuple[int, float, float]]:
    """Where the curve jumps: the grid step, and the two neighbouring numbers it jumps between."""
    with np.errstate(invalid="ignore"):
        steps = np.abs(np.diff(values))
    finite = steps[np.isfinite(steps)]
    if not finite.size or not finite.any():
        return []
    around = np.maximum(np.r_[0.0, 0.0, steps[:-2]], np.r_[steps[2:], 0.0, 0.0])
    found = []
    for at in np.flatnonzero((steps > _SHARP * around) & (steps > 1e-3 * np.ptp(values[np.isfinite(values)]))):
        left, right = float(x[at]), float(x[at + 1])
        for _ in range(100):
            middle = left + (right - left) / 2
            if not left < middle < right:
                break
            a, b, c = evaluate(np.array([left, middle, right]))
            left, right = (left, middle) if abs(b - a) > abs(c - b) else (middle, right)
        ends = evaluate(np.array([left, right]))
        if abs(ends[1] - ends[0]) > 0.3 * steps[at]:
            found.append((int(at), left, right))
    return found


def limits_of(values: Array) -> tuple[float, float]:
    """Limits that hold zero and the curves, cut where a few values run away."""
    finite = values[np.isfinite(values)]
    if not finite.size or not finite.any():
        return -0.1, 1.0
    low, high = float(min(finite.min(), 0.0)), float(max(finite.max(), 0.0))
    below, above = np.quantile(finite, [0.1, 0.9])
    most = max(-below, above, 0.0)
    if most > 0 and max(-low, high) > 10 * most:
        low, high = max(low, -3 * most), min(high, 3 * most)
    margin = 0.06 * (high - low)
    return low - margin, high + margin


def figure_path(path: str | os.PathLike[str]) -> Path:
    """Where a figure is to be written, if its ending is known."""
    target = Path(path)
    if target.suffix.lower() not in _FORMATS:
        raise DataError(f"a figure is written as {', '.join(_FORMATS)}; got {str(path)!r}: change its ending")
    return target


def write_figure(figure: Figure, target: Path) -> None:
    """Write a figure whole or not at all."""
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.stem}-", suffix=target.suffix)
        os.close(handle)
        figure.savefig(temporary, format=target.suffix[1:].lower())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, target)
    except OSError as error:
        raise DataError(f"cannot write {target}: {error.strerror or error}; name another file") from None
    finally:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
