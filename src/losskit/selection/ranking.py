"""Who wins: the loss within each kind of model, the default unless a challenger proves better; then the kind."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from losskit.selection.compare import Fitted, Results, Task
from losskit.selection.outcome import Candidate
from losskit.selection.questions import Contender
from losskit.selection.statistic import Comparison, chances, corrected_t, holm, smallest_difference

Array = np.ndarray
LEVEL, WORTH = 0.05, 0.005  # a challenger wins below this p-value and above this share of the default's metric
_NOTHING = 1e-4  # of the best constant's metric: what is saved below that is the rounding of a perfect fit


@dataclass(frozen=True, eq=False)
class Kinds:
    """Trees against the linear model, each with the loss chosen for it.

    Attributes
    ----------
    linear, boosted : Candidate
    difference : Comparison
        Of the metric of the trees from that of the linear model.
    lower : in how many folds the trees had the lower metric
    proved : whether the trees win; else the linear model, the simpler, is kept
    """

    linear: Candidate
    boosted: Candidate
    difference: Comparison
    lower: int
    proved: bool

    @property
    def gain(self) -> float:
        """The share of the linear model's metric that the trees save."""
        return -self.difference.mean / self.linear.mean if self.linear.mean > 0 else math.nan

    @property
    def least(self) -> float:
        """The smallest such share that could have been told from chance."""
        found = smallest_difference(self.difference.standard_error, self.difference.freedom, 1)
        return found / self.linear.mean if self.linear.mean > 0 else math.nan


def candidates_of(task: Task, results: Results, fitted: dict[int, Fitted]) -> list[Candidate]:
    """The rows of the leaderboard in the order of the contenders, the baseline last, with the tests."""
    found: list[Candidate] = []
    for i, contender in enumerate(task.contenders):
        each, first = fitted.get(i), i == _default_of(task, contender)
        made = Candidate(
            name_of(contender, each), contender.loss.link.name, "default" if first else "challenger",
            failed=results.failed.get(i, ""), model=contender.model,
        )  # fmt: skip
        if each is not None:
            made.loss, made.alpha, made.rounds = each.loss, each.alpha, getattr(each.body, "rounds", 0)
        found.append(made)
    found.append(Candidate("the best constant", task.metric.link.name, "baseline", model="constant"))
    for i, candidate in enumerate(found):
        base = results.costs[0 if candidate.role == "baseline" else _default_of(task, task.contenders[i])]
        if not candidate.failed:
            _measure(candidate, results, i, base)
    costs = np.where([[each.valid] for each in found], results.costs, np.inf)
    for candidate, chance in zip(found, chances(costs, results.test_share), strict=True):
        candidate.chance = float(chance)
    for kind in dict.fromkeys(candidate.model for candidate in found):
        of_kind = [candidate for candidate in found if candidate.model == kind]
        for candidate, p in zip(of_kind, holm([c.p_holm for c in of_kind]), strict=True):
            candidate.p_holm = p
    return found


def _default_of(task: Task, contender: Contender) -> int:
    """The place of the default of a contender's kind: the first of that kind."""
    return next(i for i, each in enumerate(task.contenders) if each.model == contender.model)


def _measure(candidate: Candidate, results: Results, i: int, base: Array) -> None:
    own = corrected_t(results.costs[i], results.test_share)
    candidate.mean, candidate.standard_error = own.mean, own.standard_error
    candidate.folds, candidate.lower = results.costs.shape[1], int((results.costs[i] < base).sum())
    candidate.outside, candidate.scores = int(results.outside[i]), results.first[i]
    if np.isfinite(own.mean) and np.isfinite(base.mean()):
        paired = corrected_t(results.costs[i] - base, results.test_share)
        candidate.difference, candidate.difference_error = paired.mean, paired.standard_error
        candidate.p_holm = paired.p if candidate.role == "challenger" else math.nan


def name_of(contender: Contender, fitted: Fitted | None = None) -> str:
    """The loss as typed; where a number was chosen from a family, with the number chosen on all rows."""
    if contender.turn == "levels":
        return "Quantile at each level"
    loss, family = contender.loss, contender.family
    if fitted is not None and family is not None and contender.loss.parameters[family.name] != "auto":
        loss = fitted.loss
    return f"{loss!r}" + (f" + residual {contender.turn}" if contender.turn in ("quantile", "expectile") else "")


def pick(candidates: list[Candidate]) -> int:
    """The place of the winner: the best challenger that passes both tests, else the default."""
    default, least = candidates[0], _NOTHING * candidates[-1].mean if candidates[-1].role == "baseline" else 0.0
    won = [
        i for i, c in enumerate(candidates)
        if c.role == "challenger" and c.valid and (
            not default.valid or (c.difference < -least and c.p_holm < LEVEL and c.gain(default) > WORTH))
    ]  # fmt: skip
    return min(won, key=lambda i: candidates[i].mean, default=0)


def of_kind(candidates: list[Candidate], kind: str) -> list[Candidate]:
    """The candidates of one kind of model, its default first, and the baseline."""
    return [candidate for candidate in candidates if candidate.model in (kind, "constant")]


def choose(candidates: list[Candidate], results: Results) -> tuple[Candidate, Kinds | None]:
    """The winner: the loss is chosen within each kind, then the kind; and how the kinds compare, if there are two."""
    kinds = list(dict.fromkeys(c.model for c in candidates if c.role != "baseline"))
    won = {kind: of_kind(candidates, kind)[pick(of_kind(candidates, kind))] for kind in kinds}
    if len(won) == 1:
        return won[kinds[0]], None
    linear, boosted = won["linear"], won["boosted"]
    a, b = (results.costs[candidates.index(each)] for each in (linear, boosted))
    with np.errstate(invalid="ignore"):
        difference = corrected_t(b - a, results.test_share)
    least = _NOTHING * candidates[-1].mean
    made = Kinds(linear, boosted, difference, int((b < a).sum()), False)
    proved = boosted.valid and (
        not linear.valid or (difference.mean < -least and difference.p < LEVEL and made.gain > WORTH)
    )
    made = Kinds(linear, boosted, difference, made.lower, proved)
    return boosted if proved else linear, made
