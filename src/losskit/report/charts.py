"""The pictures of the report: SVG drawn from numbers, as wide as a phone and sharp at any size.

How they are drawn, and escaped, is in `drawing`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from losskit.labels import is_ordered
from losskit.report.drawing import Axis, axes, bars, legend, line, picture, pixel
from losskit.rowwise import Rowwise
from losskit.selection.explain import number

if TYPE_CHECKING:
    from losskit.selection.outcome import Candidate, Selection

Array = np.ndarray
_POINTS, _STEPS = 500, 40


def pictures(found: Selection) -> list[tuple[str, str, Markup]]:
    """The charts of a selection, each with a title and a caption."""
    charts = [losses(found), histogram(found)]
    kinds = {
        "probability": calibration, "ordinal": calibration, "label": None, "ranking": None, "interval": coverage,
        "distribution": coverage,
    }  # fmt: skip
    judged = kinds.get(found.question.kind, agreement)
    charts += [judged(found)] if judged else []
    charts += [residuals(found)] if judged is agreement else []
    return [*charts, *([convergence(found)] if any(len(each.values) for each in found.courses) else [])]


def histogram(found: Selection) -> tuple[str, str, Markup]:
    """How the target is distributed."""
    target = found.target
    if target.classes:
        ordered = found.question.kind == "ordinal"
        drawn = _shares(target.y, target.classes, ordered)
        return "The target", f"How many rows are of each class of {target.name}.", drawn
    y, clipped = _without_far_ends(target.y)
    whole = bool((y == np.floor(y)).all()) and np.ptp(y) <= 40
    edges = np.arange(y.min() - 0.5, y.max() + 1) if whole else _edges(y)
    caption = f"How the values of {target.name} are distributed." + (
        f" {_count(clipped, 'far-off value')} beyond the picture." if clipped else ""
    )
    return "The target", caption, bars(y, edges, target.name, caption)


def losses(found: Selection) -> tuple[str, str, Markup]:
    """What each loss charges for a miss."""
    shown = [c for c in found.candidates if c.loss is not None and c.model == found.winner.model][:5]
    grid, wording, target = _view(found)
    curves, names = [], []
    for candidate in shown:
        cost = _cost(candidate, grid, target, len(found.target.classes))
        finite = cost[np.isfinite(cost)]
        curves.append(cost / (finite.max() or 1.0))
        names.append(candidate.label)
    x, h = axes(float(grid[0]), float(grid[-1]), 0.0, 1.05)
    body = Markup("").join(line(grid, curve, x, h, i) for i, curve in enumerate(curves))
    caption = f"What each loss charges a row {wording}, drawn to one height: the shapes are what differs."
    label = "prediction - target" if target is None else _label_of(found, target)
    return "The losses", caption, picture(body, x, h, label, "cost", caption) + legend(names)


def agreement(found: Selection) -> tuple[str, str, Markup]:
    """Predictions of the first round against actual values."""
    scores = found.winner.scores
    assert scores is not None
    prediction = np.asarray(found.metric.link.to_prediction(scores))
    y = found.target.y
    step = max(1, y.size // _POINTS)
    a, b = prediction[::step], y[::step]
    known = np.isfinite(a)
    a, b = a[known], b[known]
    low, high = _ends(np.concatenate([a, b]))
    inside = (a >= low) & (a <= high) & (b >= low) & (b <= high)
    x, h = axes(low, high, low, high)
    dots = "".join(f"M{x(u)} {h(v)}h0" for u, v in zip(a[inside], b[inside], strict=True))
    body = Markup('<path class="guide" d="M{} {}L{} {}"/><path class="dots" d="{}"/>').format(
        x(low), h(low), x(high), h(high), dots
    )
    left_out = int((~inside).sum())
    kind = "Each point is a row predicted by a model that has not seen it; on the line a prediction is exact."
    if found.question.kind == "quantile":
        share = float((y <= prediction)[np.isfinite(prediction)].mean())
        kind = f"About {found.question.level:.0%} of the points should lie below the line: {share:.0%} do."
    caption = kind + (f" {_count(left_out, 'point')} beyond the picture." if left_out else "")
    return "Predicted and actual", caption, picture(body, x, h, "predicted", "actual", caption)


def residuals(found: Selection) -> tuple[str, str, Markup]:
    """How far the rows of the first round lie from their predictions."""
    scores = found.winner.scores
    assert scores is not None
    misses = found.target.y - np.asarray(found.metric.link.to_prediction(scores))
    misses = misses[np.isfinite(misses)]
    kept, clipped = _without_far_ends(misses)
    middle = float(np.median(misses))
    unit = float(np.median(np.abs(misses - middle))) / 0.6745
    caption = f"Half of the rows lie within {number(float(np.median(np.abs(misses))))} of their prediction."
    if unit > 0:
        far = int((np.abs(misses - middle) > 5 * unit).sum())
        lie = "No row lies" if not far else "One row lies" if far == 1 else f"{far:,} rows lie"
        caption += f" {lie} more than 5 robust standard deviations ({number(5 * unit)}) from the middle."
    caption += f" {_count(clipped, 'row')} beyond the picture." if clipped else ""
    return "Residuals", caption, bars(kept, _edges(kept), f"{found.target.name}: actual - predicted", caption)


def convergence(found: Selection) -> tuple[str, str, Markup]:
    """How the training of the winner came to its end: steps of a solver, or rounds of trees."""
    courses, names = found.courses[:5], [f"{level:g}" for level in found.metric.levels[:5]]
    trees = found.winner.model == "boosted"
    told = f"Training: {'; '.join(dict.fromkeys(map(str, courses)))}."
    curves = [each.values if trees else _left_to_go(each.values) for each in courses]
    if max(map(len, curves)) <= 2:
        return "Convergence", f"There is no way to draw: it took one step at most. {told}", Markup("")
    known = np.concatenate([[0.0] * (not trees), *(curve[np.isfinite(curve)] for curve in curves)])
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    margin = 0.05 * (high - low or 1)
    x, h = axes(0, max(max(map(len, curves)) - (not trees), 1), low - margin, high + margin)
    body = Markup("").join(line(np.arange(len(c)) + trees, c, x, h, i) for i, c in enumerate(curves))
    if trees:
        shown = [each for each in courses if each.rounds <= len(each.values)]
        ends = [(x(each.rounds), h(each.values[each.rounds - 1])) for each in shown]
        caption = "The cost of rows held out after each round of trees; the circle is where training stops."
    else:
        ends = [(x(i), h(v)) for c in curves for i, v in enumerate(c) if np.isfinite(v) and len(c) <= _STEPS]
        caption = (
            "How far the objective lies above its end, as a share of what it was at the start: at -3 a thousandth is "
            "left. The last step reaches the end, which has no logarithm."
        )
    body += Markup('<g class="marks">{}</g>').format(
        Markup("").join(Markup('<circle cx="{}" cy="{}" r="3"/>').format(*end) for end in ends)
    )
    labels = ("rounds", "cost") if trees else ("steps", "power of ten left")
    drawn = picture(body, x, h, *labels, caption) + (legend(names) if len(courses) > 1 else "")
    return "Convergence", f"{caption} {told}", drawn


def _left_to_go(values: Array) -> Array:
    """In powers of ten of what the start lies above the end; the end itself has no logarithm."""
    gap = np.maximum(values - values[-1], 1e-16 * abs(values[0]) + 1e-300)
    with np.errstate(invalid="ignore"):
        return np.where(np.arange(values.size) < max(values.size - 1, 1), np.log10(gap / gap[0]), np.nan)


def coverage(found: Selection) -> tuple[str, str, Markup]:
    """For each level the share of rows below its quantile, first round."""
    scores, levels = found.winner.scores, found.metric.levels
    assert scores is not None
    known = np.isfinite(scores).all(axis=1)
    below = (found.target.y[known, None] <= scores[known]).mean(axis=0)
    x, h = axes(0.0, 1.0, 0.0, 1.0)
    marks = Markup("").join(
        Markup('<circle cx="{}" cy="{}" r="4"/>').format(x(q), h(share)) for q, share in zip(levels, below, strict=True)
    )
    body = Markup('<path class="guide" d="M{} {}L{} {}"/><g class="marks">{}</g>').format(x(0), h(0), x(1), h(1), marks)
    caption = "For each quantile the share of rows below it, predicted by models that have not seen them."
    if len(levels) == 2:
        inside, asked = below[1] - below[0], levels[1] - levels[0]
        caption += f" Between the ends lie {inside:.1%} of the rows, where {asked:.0%} were asked."
    return "Do the levels hold?", caption, picture(body, x, h, "level asked", "share below", caption)


def calibration(found: Selection) -> tuple[str, str, Markup]:
    """The share of class 1 among rows of like probability, first round; of many classes, of each in turn."""
    scores, decision = found.winner.scores, found.decision
    assert scores is not None
    several = len(found.target.classes) > 2
    x, h = axes(0.0, 1.0, 0.0, 1.0)
    marks, count = _reliability(found, scores, x, h)
    body = Markup('<path class="guide" d="M{} {}L{} {}"/><g class="marks">{}</g>').format(x(0), h(0), x(1), h(1), marks)
    what = "The probability of each class in each row" if several else "Rows"
    caption = (
        f"{what} in {count} groups of like probability, predicted by models that have not seen them. "
        "On the line, the probability is what happened."
    )
    if decision is not None and decision.mended is not None:
        mended, _ = _reliability(found, decision.mended, x, h)
        body += Markup('<g class="marks mended">{}</g>').format(mended)
        how = f"recalibrated ({decision.applied})" if decision.applied else f"what --recalibrate {decision.best} makes"
        caption += f" Open circles: {how}, on rows not used for it."
    label = "probability of a class" if several else f"probability of {found.target.classes[1]}"
    return "Do the probabilities hold?", caption, picture(body, x, h, label, "share observed", caption)


def _reliability(found: Selection, scores: Array, x: Axis, h: Axis) -> tuple[Markup, int]:
    """A mark with its error for each group of rows of like probability, and how many groups there are."""
    p, y, classes = np.asarray(found.metric.link.to_prediction(scores)), found.target.y, len(found.target.classes)
    if classes > 2:
        p, y = p.ravel(), (y[:, None] == np.arange(classes)).astype(np.float64).ravel()
    known = np.isfinite(p)
    p, y = p[known], y[known]
    groups = np.array_split(np.argsort(p, kind="stable"), min(10, max(2, y.size // 20)))
    marks = []
    for rows in groups:
        share, mean, size = float(y[rows].mean()), float(p[rows].mean()), len(rows)
        error = 1.96 * math.sqrt(max(share * (1 - share), 0.25 / size) / size)
        low, high = max(0.0, share - error), min(1.0, share + error)
        marks.append(
            Markup('<path class="error" d="M{0} {1}V{2}"/><circle cx="{0}" cy="{3}" r="4"/>').format(
                x(mean), h(low), h(high), h(share)
            )
        )
    return Markup("").join(marks), len(groups)


def intervals(found: Selection) -> dict[tuple[str, str], Markup]:
    """For each candidate (loss and model) its difference from the default of its kind, with a 95 % interval."""
    from scipy.special import stdtrit

    ends = {}
    for c in found.candidates:
        default = found.against(c)
        if c.role == "challenger" and c.valid and default.valid and default.mean > 0 and c.folds > 1:
            half = float(stdtrit(c.folds - 1, 0.975)) * c.difference_error
            reached = (c.difference - half, c.difference, c.difference + half)
            ends[c.name, c.model] = tuple(v / default.mean for v in reached)
    reach = min(max((abs(v) for three in ends.values() for v in three), default=0.01) * 1.1 or 0.01, 2.0)
    scale = Axis(-reach, reach, 0, 100)
    drawn = {}
    for c in found.candidates:
        marks = Markup('<path class="zero" d="M50 0V20" vector-effect="non-scaling-stroke"/>')
        if three := ends.get((c.name, c.model)):
            low, middle, high = (min(max(v, -reach), reach) for v in three)
            tone = "better" if three[2] < 0 else "worse" if three[0] > 0 else "level"
            marks += Markup(
                '<path class="{}" d="M{} 10H{}" vector-effect="non-scaling-stroke"/>'
                '<path class="{} dot" d="M{} 10h0" vector-effect="non-scaling-stroke"/>'
            ).format(tone, scale(low), scale(high), tone, scale(middle))
        elif c.role == "default":
            marks += Markup('<path class="level dot" d="M50 10h0" vector-effect="non-scaling-stroke"/>')
        drawn[c.name, c.model] = Markup(
            '<svg class="interval" viewBox="0 0 100 20" preserveAspectRatio="none" aria-hidden="true">{}</svg>'
        ).format(marks)
    return drawn


def _view(found: Selection) -> tuple[Array, str, float | None]:
    """The grid of predictions, what it is, and the target it is drawn for; none where only the residual counts."""
    if found.target.classes:
        others = ", those of the others being 0" if len(found.target.classes) > 2 else ""
        if found.question.kind == "ordinal":
            others = " (of ordered classes the score less thresholds 2 apart; else those of the others being 0)"
        return np.linspace(-4, 4, 161), f"of class {found.target.classes[1]}, by its raw score{others}", 1.0
    scores = found.default.scores
    assert scores is not None
    if found.metric.name.startswith("Poisson"):
        y = float(np.median(found.target.y[found.target.y > 0]))
        return np.linspace(y / 20, 4 * y, 161), f"whose target is {y:.4g}, by the predicted mean", y
    middle = scores if scores.ndim == 1 else scores.mean(axis=1)
    residuals = np.asarray(found.metric.link.to_prediction(middle)) - found.target.y
    reach = 6 * (float(np.median(np.abs(residuals[np.isfinite(residuals)]))) or 1.0)
    return np.linspace(-reach, reach, 161), "by how far the prediction is off", None


def _cost(candidate: Candidate, grid: Array, target: float | None, classes: int) -> Array:
    loss = candidate.loss
    assert loss is not None
    y = np.full_like(grid, 0.0 if target is None else target)
    if len(loss.outputs) > 1:
        return np.asarray(loss(y, np.column_stack([grid, np.zeros_like(grid)]), reduction="none"))
    if isinstance(loss, Rowwise):
        scores = np.zeros((len(grid), classes))
        scores[:, 1] = grid
        if is_ordered(loss):  # around the second class
            scores = grid[:, None] - (2.0 * np.arange(classes - 1) - 1.0)
        return np.asarray(loss(y, scores, reduction="none"))
    score = loss.link.to_score(grid) if loss.link.name == "log" else grid
    return np.asarray(loss(y, np.asarray(score), reduction="none"))


def _label_of(found: Selection, target: float) -> str:
    classes = found.target.classes
    if len(classes) > 2:
        return f"raw score of {classes[1]}"
    return f"raw score (above 0: {classes[1]})" if classes else "predicted mean"


def _shares(y: Array, classes: Sequence[str], ordered: bool) -> Markup:
    """A bar for each class: in their order, or the most frequent first."""
    counts = np.bincount(y.astype(np.intp), minlength=len(classes))
    order = np.argsort(-counts, kind="stable")[:12]
    if ordered:
        order = np.sort(order)
    bar = Markup('<div><span>{}</span><em>{} row{}, {}</em><b style="width:{}%"></b></div>')
    share = counts / y.size
    rows = [
        bar.format(classes[i], f"{counts[i]:,}", "" if counts[i] == 1 else "s", f"{share[i]:.1%}",
                   pixel(100 * counts[i] / counts.max()))
        for i in order
    ]  # fmt: skip
    if (more := len(classes) - len(order)) > 0:
        rows.append(Markup("<div><em>and {} rarer class{}</em></div>").format(more, "" if more == 1 else "es"))
    return Markup('<div class="shares">{}</div>').format(Markup("").join(rows))


def _ends(values: Array) -> tuple[float, float]:
    kept, _ = _without_far_ends(values)
    low, high = float(kept.min()), float(kept.max())
    margin = 0.03 * (high - low) or 1.0
    return low - margin, high + margin


def _without_far_ends(values: Array) -> tuple[Array, int]:
    """Values within reach of the middle half, so that a few far ones do not squeeze the rest; how many are not."""
    low, high = np.quantile(values, [0.02, 0.98])
    reach = 1.0 * (high - low) or np.ptp(values) or 1.0
    kept = values[(values >= low - reach) & (values <= high + reach)]
    return kept, int(values.size - kept.size)


def _edges(values: Array) -> Array:
    return np.histogram_bin_edges(values, min(40, max(8, int(values.size**0.5))))


def _count(many: int, what: str) -> str:
    return f"{many} {what} lies" if many == 1 else f"{many:,} {what}s lie"
