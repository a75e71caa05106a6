"""The report of a selection: one page, no scripts, nothing from the network, every text escaped by the template."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from losskit.report import scrutinised
from losskit.report.charts import intervals, pictures
from losskit.report.console import printable
from losskit.report.evaluated import carried, in_unit
from losskit.report.profiled import grouped
from losskit.report.terminal import change
from losskit.selection.compare import MANY
from losskit.selection.explain import asked_for, number, percent, shown
from losskit.selection.growing import budget_of
from losskit.selection.options import repeated

if TYPE_CHECKING:
    from losskit.models.table import TableModel
    from losskit.selection.evaluation import Evaluation
    from losskit.selection.outcome import Candidate, Selection

_PIECE = re.compile(r"[^(_]{1,20}[(_]*|[(_]+")
REPEATS = (
    "With the same table and versions this gives the same files, byte for byte but for the seconds in result.json, "
    "whatever the number of threads; unless a time limit left out rows or rounds."
)


def page(found: Selection) -> str:
    """The page as text."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("losskit.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"whole": whole, "breakable": breakable}
    return printable(environment.get_template("select.html.j2").render(_content(found)))


def whole(text: str) -> Markup:
    """A text whose options, as --question, are not broken after their hyphens."""
    parts = re.split(r"(--[a-z][a-z-]*)", text)
    return Markup("").join(Markup("<code>{}</code>").format(p) if i % 2 else p for i, p in enumerate(parts))


def breakable(text: str) -> Markup:
    """A name, which may go on a new line after a parenthesis or an underscore, and inside what is very long."""
    return Markup(" ").join(Markup("<wbr>").join(_PIECE.findall(word)) for word in text.split(" "))


def _content(found: Selection) -> dict[str, Any]:
    made, changes = found.evaluated
    verdict, winner, baseline = found.verdict, found.winner, found.baseline
    saved = 1 - winner.mean / baseline.mean if winner.valid and baseline.mean > 0 else None
    least = verdict.smallest_difference
    return {
        "found": found, "verdict": verdict, "winner": winner, "rows": _leaderboard(found), "pictures": pictures(found),
        "saved": None if saved is None else f"{abs(saved):.0%}", "lost": saved is not None and saved < 0,
        "metric_value": number(winner.mean),
        "unit": in_unit(found),
        "least": percent(least) if math.isfinite(least) else None,
        "importance": _importance(found), "file": PurePath(found.source).name, "facts": details(found),
        "scrutiny": scrutinised.content(found), "snippet": _snippet(found), "question": asked_for(found.question),
        "asked": asked_for(found.question, found.target.name), "again": repeated(found), "repeats": REPEATS,
        "decomposed": decomposed(made),
        "figures": [(k, number(v)) for k, v in {**made.figures, **changes}.items()], "carried": carried(made),
        "findings": grouped(found.findings.items),
        "headings": part_headings(found),
        "parts": [{k: v if isinstance(v, str) else f"{v:,}" if isinstance(v, int) else number(v)
                   for k, v in part.items()} for part in made.parts],
    }  # fmt: skip


def decomposed(made: Evaluation) -> str:
    """What the parts of a score are, where it has parts."""
    if "lost by miscalibration" not in made.figures:
        return ""
    return (
        f"The {made.metric} is that of the best constant, plus what is lost because predictions are not what happens "
        "in the mean (miscalibration), less what is gained because they tell rows apart (discrimination)."
    )


def _leaderboard(found: Selection) -> list[dict[str, Any]]:
    drawn = intervals(found)
    return [
        {
            "c": c, "bar": drawn[c.name, c.model], "chosen": c is found.winner, "mean": number(c.mean),
            "error": number(c.standard_error), "p": "" if c.p_holm != c.p_holm else shown(c.p_holm),
            "change": "default" if c.role == "default" else change(-c.gain(found.against(c))) if c.valid
            else "not ranked",
            "how": how(c), "chance": f"top group, {c.chance:.0%}" if c in found.top_group else "",
        }
        for c in found.candidates
    ]  # fmt: skip


def part_headings(found: Selection) -> tuple[str, ...]:
    """The columns of the table of parts."""
    classes = found.target.classes
    if len(classes) > 2:
        return ("class", "rows", found.metric.name, "share called so", "share that is")
    if classes:
        told = "mean probability" if found.metric.loss is not None else "share called so"
        return ("predictions", "rows", found.metric.name, f"{told}: {classes[1]}", f"share that is {classes[1]}")
    return ("predictions", "rows", found.metric.name, "mean prediction", "mean target")


def how(candidate: Candidate) -> str:
    """The kind of model and what was chosen for it."""
    if candidate.model == "boosted":
        return f"boosted, {candidate.rounds} rounds" if candidate.rounds else "boosted"
    return f"linear, L2 {number(candidate.alpha)}" if candidate.loss is not None else ""


def _importance(found: Selection) -> list[dict[str, Any]]:
    listed = found.model.importance()[:10]
    several = found.model.kind == "boosted" or found.model.coef.ndim > 1 < len(found.model.coef)
    largest = max((abs(value) for _, value in listed), default=0.0) or 1.0
    return [
        {
            "name": name, "value": f"{value:.3g}" if several else f"{value:+.3g}",
            "width": f"{100 * abs(value) / largest:.1f}", "up": value >= 0,
        }
        for name, value in listed
    ]  # fmt: skip


def details(found: Selection) -> list[tuple[str, str]]:
    """Label and value pairs of how it was done."""
    full = (
        "" if found.rounds == found.rounds_asked else f" (the time limit left out {found.rounds_asked - found.rounds})"
    )
    inferred = ", found from the values" if found.target.inferred else ", as told"
    return [
        (
            "question",
            f"{found.question}" + (", taken because none was given" if found.question_inferred else ", as asked"),
        ),
        ("problem", found.target.problem + inferred),
        ("metric", f"{found.metric.name}: {found.metric.words}"),
        (
            "cross-validation",
            f"{found.compared:,} rows, {found.folds} folds, {found.rounds} round{'s' * (found.rounds > 1)}{full}"
            f"{_once(found)}{_heeded(found)}; penalties and rounds of trees chosen by inner folds",
        ),
        *_tuned(found),
        *([("costs", _costs(found.model))] if found.model.costs is not None else []),
        (
            "test",
            "one-sided corrected resampled t-test (Nadeau and Bengio 2003), Holm; p < 0.05 and over 0.5% win",
        ),
        *([("training", "; ".join(dict.fromkeys(map(str, found.courses))))] if found.courses else []),
        ("seed", str(found.seed)),
        ("versions", ", ".join(f"{k} {v}" for k, v in found.versions.items())),
    ]


def _costs(model: TableModel) -> str:
    """What each wrong label costs."""
    assert model.costs is not None
    return "; ".join(
        f"{actual} called {called} costs {cost:g}"
        for actual, row in zip(model.classes, model.costs, strict=True)
        for called, cost in zip(model.classes, row, strict=True) if called != actual
    )  # fmt: skip


def _once(found: Selection) -> str:
    """Why there is one round, where the number of rows decided that."""
    trees = any(candidate.model == "boosted" for candidate in found.candidates)
    many = found.compared > MANY and found.rounds_asked == 1 and not found.plan
    return f" (with trees, one of more than {MANY:,} rows)" if many and trees else ""


def _tuned(found: Selection) -> Iterator[tuple[str, str]]:
    """What is chosen for each candidate, of each kind of model that was compared."""
    kinds, many = {c.model for c in found.candidates}, found.compared > MANY
    if "linear" in kinds:
        yield (
            "penalty",
            "L2 on standardised features, alpha = c h; c from 0, 0.001, 0.01, 0.1, 1; h the loss's mean curvature; 3 "
            "inner folds",
        )
    if "boosted" in kinds:
        grown = budget_of(found.compared * (found.folds - 1) // found.folds)
        yield (
            "trees",
            f"LightGBM, learning rate {grown.rate:g}, {grown.leaves} leaves, at most {grown.rounds} rounds; the best "
            "round over " + (f"1 inner fold, for there are more than {MANY:,} rows" if many else "3 inner folds"),
        )
    yield "parameters", "of robust, focal and Tweedie losses: three values, by the same inner folds"


def _heeded(found: Selection) -> str:
    """What the folds heed."""
    kinds = {"groups": ", groups kept whole", "time": ", training rows earlier than test rows"}
    apart = f"; {found.tested:,} rows set apart for the final test" if found.tested else ""
    return kinds.get(found.plan, "") + apart


def _snippet(found: Selection) -> str:
    lines = ["from losskit.models.table import load_model", "", 'model = load_model("model.losskit")']
    lines += ["# of a dataframe, or a dict of columns", "model.predict(table)"]
    if found.model.has_probabilities:
        lines += ["# probabilities of the classes", "model.predict_proba(table)"]
        lines += ["# where a class has this share", f"model.predict(table, {{{found.model.classes[-1]!r}: 0.02}})"]
    return "\n".join(lines)
