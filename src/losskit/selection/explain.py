"""Reasons in words: for and against each candidate, from its traits, the data's findings and the measured figures."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterator

from losskit.question import Question
from losskit.selection.findings import Findings
from losskit.selection.metrics import Metric
from losskit.selection.outcome import Candidate, Verdict
from losskit.selection.ranking import Kinds
from losskit.selection.statistic import smallest_difference
from losskit.traits import Traits

_MEANING = {
    "mean": "A prediction is a mean: it may miss on every single row, and its sum over many rows comes out right.",
    "median": "A prediction is a median: as many rows lie above it as below. Sums need not come out right.",
    "quantile": "A prediction is a quantile: about {level:.0%} of rows like it lie below.",
    "expectile": "A prediction is an expectile: of the distances of targets to it, {level:.0%} is of those below it.",
    "probability": "A prediction is a probability: of all rows given 30%, about 30% should turn out so.",
    "interval": "About {level:.0%} of rows like it lie between the ends, which were moved until {level:.0%} of rows "
    "not seen in training did.",
    "distribution": "A prediction is a row of quantiles: of all rows, a tenth should lie below the one called 0.1.",
    "ordinal": "A prediction is a probability of each class, judged with regard to their order; the label is the "
    "likeliest class.",
    "label": "A prediction is a label, the likeliest class; it says nothing of how sure it is.",
    "ranking": "A prediction puts rows in order: the second class should come out above the first. How high it is says "
    "nothing more.",
    "costs": "A prediction is the label of least expected cost, which need not be the likeliest class.",
}
Reason = tuple[bool, str]  # for or against, and the words


def explain(candidates: list[Candidate], question: Question, findings: Findings, metric: Metric) -> None:
    """Fill in `pros` and `cons` of every candidate; the default comes first in the list."""
    default = candidates[0]
    for candidate in candidates:
        for good, words in _reasons(candidate, default, question, findings, metric):
            (candidate.pros if good else candidate.cons).append(words)


def _reasons(
    candidate: Candidate, default: Candidate, question: Question, findings: Findings, metric: Metric
) -> Iterator[Reason]:
    if candidate.failed:
        yield False, f"It could not be trained: {candidate.failed}."
        return
    if candidate.role == "baseline":
        yield True, "What needs no features; a model that does not beat it has learned nothing."
    elif candidate.loss is not None:
        traits = candidate.loss.traits()
        yield from _of_aim(candidate, traits, question, findings)
        yield from _of_outliers(traits, question, findings)
        yield from _of_shape(candidate, traits)
    yield from _measured(candidate, default, metric)


def _of_aim(candidate: Candidate, traits: Traits, question: Question, findings: Findings) -> Iterator[Reason]:
    asked = question.kind
    if asked == "probability":
        if traits.proper:
            yield True, "It is a proper score: only honest probabilities minimise it."
        else:
            what = "the probability at which that score is the best one could do"
            yield False, f"Its scores are no probabilities by themselves: each is turned into {what}."
    elif asked == "ordinal":
        if candidate.link == "cumulative":
            yield True, "One score and rising thresholds: a coefficient a feature, whatever the number of classes."
            yield False, "It takes each feature to shift the odds of lying above any class alike (proportional odds)."
        else:
            yield True, "Each class has a score of its own: a feature may raise the middle classes, or the ends."
            yield False, "It does not know that the classes have an order."
    elif asked == "label":
        if traits.calibrated:
            yield True, "With enough data it finds the likeliest class."
        if candidate.link == "sign":
            yield False, "It gives labels only; probabilities cannot be had from it later."
    elif asked == "ranking":
        yield True, "Its best score rises with the probability, so with enough data the order is the best there is."
    elif asked in ("interval", "distribution") and "NLL" in candidate.name:
        yield True, "It learns the centre and the spread of each row together, from all rows."
        yield False, "It trusts one shape of density; where the data have another, its quantiles are off."
    elif asked in ("interval", "distribution") and candidate.name.startswith("Quantile"):
        yield True, "Each quantile is fitted for itself: no shape of the noise is assumed."
        yield False, "Quantiles in the tails are learned from the few rows there, and may cross."
    elif " + residual" in candidate.name:
        if asked == "quantile":
            yield True, "It uses all rows for the slope, where a quantile loss uses mostly those near the quantile."
        yield False, f"It assumes that the spread is the same everywhere: the {asked} is the mean moved by one number."
    elif traits.elicits == asked:
        yield True, f"Its best prediction is the {asked}, which is what is asked."
    else:
        aim = f"is the {traits.elicits}, not" if traits.elicits else "is not known to be"
        if traits.symmetric and not traits.elicits:
            aim = "is something between median and mean, not"
        yield False, f"Its best prediction {aim} the {asked}; the two agree only where errors are symmetric."
        if findings.has("skewed"):
            yield False, f"Here they should differ: the target's skewness is {findings.facts['skewness']:.1f}."
    yield from _of_scale(candidate, findings)


def _of_scale(candidate: Candidate, findings: Findings) -> Iterator[Reason]:
    if findings.problem not in ("count", "amount"):
        return
    if candidate.link == "log":
        yield True, "Log link: effects multiply, and a predicted mean is always above 0."
        spread = {"Poisson": "like the mean", "Tweedie": "faster than the mean", "Gamma": "like the square of the mean"}
        grows = spread.get(candidate.name.split("(")[0])
        if grows:
            yield True, f"It is made for a variance that grows {grows}."
    elif candidate.name == "SquaredError()":
        if candidate.model == "linear":
            yield True, "Identity link: right where each feature adds its share instead of multiplying."
        yield False, "It can predict a mean of 0 or below, and rows of large values weigh most."


def _of_outliers(traits: Traits, question: Question, findings: Findings) -> Iterator[Reason]:
    if not findings.has("outliers"):
        return
    count = int(findings.facts["outliers"])
    each = f"Each of the {count} far-off target values" if count > 1 else "The one far-off target value"
    all_lose = f"The {count} far-off target values lose" if count > 1 else "The one far-off target value loses"
    if traits.bounded:
        yield True, f"{all_lose} all pull on it."
    elif traits.lipschitz is not None and math.isfinite(traits.lipschitz):
        yield True, f"{each} pulls with a bounded force."
    else:
        yield False, f"{each} pulls with the full size of its residual."


def _of_shape(candidate: Candidate, traits: Traits) -> Iterator[Reason]:
    if candidate.model == "boosted":
        if traits.convex is False:
            yield False, "It is not convex: trees go down by a bound of its curvature, and may end in a local minimum."
    elif traits.convex is False:
        yield False, "It is not convex: a fit may end in a local minimum. Here it starts from a convex relative."
    elif traits.strictly_convex:
        yield True, "It is strictly convex: one minimum, reached from anywhere."
    elif traits.differentiable is False:
        yield False, "It has kinks: exact solutions take longer than for a smooth loss."


def _measured(candidate: Candidate, default: Candidate, metric: Metric) -> Iterator[Reason]:
    if candidate.outside:
        yield (
            False,
            (
                f"{candidate.outside} test predictions lie outside what {metric.name} is defined for or are certain "
                "and wrong, which costs infinity: it cannot be ranked."
            ),
        )
        return
    if candidate is default or not math.isfinite(candidate.difference):
        return
    gain = candidate.gain(default)
    chance = "" if math.isnan(candidate.p_holm) else f" ({shown(candidate.p_holm)} after Holm)"
    if abs(gain) < 5e-5:
        yield False, f"Measured: the same {metric.name} as {default.name}{chance}."
    else:
        side = "lower" if gain > 0 else "higher"
        yield gain > 0, f"Measured: {percent(abs(gain))} {side} {metric.name} than {default.name}{chance}."


def verdict(
    candidates: list[Candidate], winner: Candidate, question: Question, findings: Findings, metric: Metric,
    several: bool = False,
) -> Verdict:
    """The answer in a sentence, why, what it means, and what would change it.

    Parameters
    ----------
    candidates : those of the winner's kind of model, the default first, the baseline last
    several : whether other kinds of models were compared
    """
    default, baseline = candidates[0], candidates[-1]
    challengers = [c for c in candidates if c.role == "challenger" and c.valid]
    rival = winner if winner is not default else min(challengers, key=lambda c: c.mean, default=None)
    least = _smallest(rival, default, len(challengers))
    asked = asked_for(question, findings.target)
    named = f"{winner.name} ({winner.link} link)"
    kind = "boosted trees " if winner.model == "boosted" else "a linear model " if several else ""
    if winner is default:
        sentence = f"For {asked}, train {kind}with {named}, the default for this question."
    else:
        sentence = f"For {asked}, train {kind}with {named} rather than {default.name}."
    changes = tuple(_changes(winner, rival, question, findings))
    return Verdict(
        winner.name, winner.link, sentence, tuple(_why(winner, default, baseline, challengers, metric, least)),
        _MEANING["costs" if question.costs else question.kind].format(level=question.level or 0), changes, least,
        winner.model, caution=_caution(winner, rival, question, metric),
    )  # fmt: skip


def _caution(winner: Candidate, rival: Candidate | None, question: Question, metric: Metric) -> str:
    """What a reader who goes no further should know of a challenger that falls short of proof."""
    if rival is None or rival is winner or not rival.promising:
        return ""
    command = fit_command(rival, question)
    return (
        f"{rival.name} looks much better: a lower {metric.name} in {rival.lower} of {rival.folds} folds, and the best "
        f"of all with a probability of {rival.chance:.0%}. How much better changes too much from fold to fold to be "
        f"proved, and without proof the default stays. If nothing else speaks for {winner.name}, take "
        f"{rival.name}{command and f': {command}'}."
    )


def about_kinds(kinds: Kinds, metric: Metric) -> str:
    """Which kind of model, and how that was decided."""
    linear, boosted, folds = kinds.linear, kinds.boosted, kinds.difference.freedom + 1
    p = shown(kinds.difference.p)
    if not (linear.valid and boosted.valid):
        lost, kept = ("Linear models", "boosted trees") if kinds.proved else ("Boosted trees", "linear")
        return f"Model: {kept}. {lost} cannot be ranked: some predictions cost infinity, or none could be made."
    if kinds.proved:
        return (
            f"Model: boosted trees rather than linear. They lower the {metric.name} by {percent(kinds.gain)}, from "
            f"{number(linear.mean)} ({linear.name}) to {number(boosted.mean)} ({boosted.name}; {p}), in "
            f"{kinds.lower} of {folds} folds."
        )
    told = f" {_visible(kinds.least, 'of one kind over the other')}" if math.isfinite(kinds.least) else ""
    if kinds.gain > 0:
        return (
            f"Model: linear, the simpler. Boosted trees ({boosted.name}) come out {percent(kinds.gain)} lower in "
            f"{metric.name} ({p}), where p < 0.05 and more than 0.5% are needed.{told}"
        )
    higher = percent(-kinds.gain)
    return f"Model: linear. Boosted trees ({boosted.name}) come out {higher} higher in {metric.name}.{told}"


def about_top(top: list[Candidate]) -> str:
    """Which candidates may be the best of all."""
    held = sum(c.chance for c in top)
    sure = "over 99%" if held > 0.99 else f"{held:.0%}"
    names = [f"{c.name} (boosted)" if c.model == "boosted" else c.name for c in top]
    if len(top) == 1:
        return f"Top group: by the same folds {names[0]} is the best of all with a probability of {sure}."
    named = f"{', '.join(names[:-1])} and {names[-1]}"
    return f"Top group: by the same folds the best of all is among {named} with a probability of {sure}."


def about_sample(compared: int, rows: int) -> str:
    """What was done where there are more rows than are compared."""
    return (
        f"Losses were compared on {compared:,} of the {rows:,} rows, drawn at random; the model is trained on all of "
        "them, with what was chosen there."
    )


def asked_for(question: Question, target: str = "") -> str:
    """The question as the object of a sentence."""
    of, costs = f" of {target}" if target else "", " under these costs" if question.costs else ""
    if question.kind == "interval":
        return f"the {question.level:.0%} interval{of}"
    if question.kind == "ordinal":
        return f"the probabilities of the ordered classes{of}"
    return f"the {question.level:g} {question.kind}{of}" if question.level else f"the {question.kind}{of}{costs}"


def _smallest(rival: Candidate | None, default: Candidate, tests: int) -> float:
    """The share of the default's metric that the best challenger would have had to save at least."""
    if rival is None or not default.valid or not default.mean > 0:
        return math.nan
    return smallest_difference(rival.difference_error, rival.folds - 1, tests) / default.mean


def _why(
    winner: Candidate, default: Candidate, baseline: Candidate, challengers: list[Candidate], metric: Metric,
    least: float,
) -> Iterator[str]:  # fmt: skip
    if winner is default and challengers:
        best = min(challengers, key=lambda c: c.mean)
        gain = best.gain(default)
        if 0 < gain < 5e-5:
            yield f"{_best(len(challengers))} {best.name}, and its {metric.name} is the same."
        elif gain > 0:
            small = "is too little to matter" if best.p_holm < 0.05 else "may be chance"
            if best.promising and best.p_holm >= 0.05:
                small = "differs in size too much from fold to fold to be proved"
            yield (
                f"{_best(len(challengers))} {best.name}: its {metric.name} is {percent(gain)} lower (in "
                f"{best.lower} of {best.folds} folds), which {small}: {shown(best.p_holm)} after Holm, where p < 0.05 "
                "and more than 0.5% are needed."
            )
        else:
            yield f"{_none(len(challengers))} had a lower {metric.name} in cross-validation."
    elif winner is default:
        yield "No other loss was compared, or none could be ranked."
    elif default.valid:
        yield (
            f"It lowers the {metric.name} by {percent(winner.gain(default))}, from {number(default.mean)} to "
            f"{number(winner.mean)} ({shown(winner.p_holm)} after Holm), in {winner.lower} of {winner.folds} folds."
        )
    else:
        yield f"The default cannot be ranked: {default.outside} of its test predictions cost infinity."
    if math.isfinite(least):
        yield _visible(least)
    yield from _over_constant(winner, baseline, challengers, metric)
    if math.isfinite(winner.tested):
        against = "" if winner is default else f", of {default.name} {number(default.tested)}"
        yield (
            f"On rows set apart for a last look its {metric.name} is {number(winner.tested)}{against}, of the best "
            f"constant {number(baseline.tested)}."
        )


def _visible(least: float, what: str = "over the default") -> str:
    """How small a gain the test can see."""
    if least >= 1:
        return f"With these rows no gain {what} could have been told from chance."
    share = percent(max(least, 0.005))
    return f"With these rows only a gain {what} of {share} or more could have been told from chance."


def _over_constant(
    winner: Candidate, baseline: Candidate, challengers: list[Candidate], metric: Metric
) -> Iterator[str]:
    if not winner.valid:
        yield "Its own predictions cannot be ranked either; look at the findings."
        return
    saved = [1 - c.mean / baseline.mean if baseline.mean > 0 else 0.0 for c in (winner, *challengers)]
    constant = f"the best constant ({number(baseline.mean)})"
    if saved[0] > 0.005:
        yield f"Against {constant} the model saves {saved[0]:.0%} of the {metric.name}."
    elif max(saved) > 0.005:
        best = challengers[saved.index(max(saved)) - 1]
        yield f"It is no better than {constant}, of whose {metric.name} {best.name} saves {max(saved):.0%}."
    else:
        yield f"It is no better than {constant}: these features hardly tell the target."


def _changes(winner: Candidate, rival: Candidate | None, question: Question, findings: Findings) -> Iterator[str]:
    others = {
        "mean": "Another question, such as --question median or --question quantile:0.9, is judged by another metric.",
        "median": "If totals matter, ask for the mean (--question mean).",
        "interval": "Another level (--question interval:0.5) may suit another loss.",
        "distribution": "If one number a row is enough, ask for the mean or the median.",
        "expectile": "If misses cost by their size, not its square, ask for a quantile (--question quantile:0.9).",
        "quantile": "If one number a row is enough, ask for the median or the mean.",
        "probability": "If only labels count, ask for them (--question label); for totals, probabilities are right.",
        "ordinal": "If the order does not matter, ask for the probability (--question probability); if only labels "
        "count, for these (--question label).",
        "label": "If errors cost differently, say so (--costs); if probabilities are wanted, --question probability.",
        "ranking": "If the probabilities themselves are used, ask for them (--question probability); if labels, for "
        "these (--question label).",
        "costs": "Other costs move the threshold, and may change the loss.",
    }
    yield others["costs" if question.costs else question.kind]
    if findings.problem == "multiclass" and question.kind != "ordinal":
        yield "If the classes have an order, ask for it (--question ordinal): losses and metric then heed it."
    if findings.has("outliers"):
        yield "If the far-off target values are errors, mend or remove them and run again."
    if findings.has("leak"):
        yield "A feature that determines the target makes every figure here an illusion, if it is not known in time."
    if rival is not None and rival is not winner and rival.promising:
        command = fit_command(rival, question)
        yield f"More rows may prove that {rival.name} is better." + (f" To have it now: {command}" if command else "")
    elif rival is not winner:
        yield "More rows make smaller differences visible."
    if findings.problem in ("count", "amount") and question.kind == "mean":
        yield "If misses cost the same at large and small values, say --problem real."


def fit_command(candidate: Candidate, question: Question) -> str:
    """The command that trains a candidate's model; nothing where `losskit fit` has none like it."""
    name, _, rest = candidate.name.partition("(")
    if candidate.model != "linear" or rest[-1:] != ")" or question.levels or question.costs:
        return ""
    loss = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower() if rest == ")" else shlex.quote(candidate.name)
    penalty = f" --penalty l2={candidate.alpha:.4g}" if candidate.alpha > 0 else ""
    return f"losskit fit --loss {loss}{penalty}"


def number(value: float) -> str:
    """Four digits, zeros included."""
    if not math.isfinite(value):
        return "-"
    return f"{value:#.4g}".removesuffix(".") if abs(value) < 1e4 or abs(value) >= 1e9 else f"{value:,.0f}"


def percent(share: float) -> str:
    """A share as a percentage with as many digits as mean something."""
    return f"{share:.2%}" if abs(share) < 0.00995 else f"{share:.1%}" if abs(share) < 0.0995 else f"{share:.0%}"


def shown(p: float) -> str:
    """A p-value with as many digits as mean something."""
    return "p unknown" if math.isnan(p) else "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def _none(count: int) -> str:
    return f"None of {count} challengers" if count > 1 else "No challenger"


def _best(count: int) -> str:
    return f"Of {count} challengers the best is" if count > 1 else "The challenger is"
