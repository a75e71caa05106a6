"""One question asked of one table, from the contract to the verdict and the model that is kept."""

from __future__ import annotations

import os
import platform
import time as clock
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

import numpy as np

from losskit._version import __version__
from losskit.data.preprocess import Preprocessor
from losskit.errors import DataError
from losskit.labels import is_ordered
from losskit.models.labelling import Labelling
from losskit.models.table import TableModel
from losskit.models.trees import Trees
from losskit.question import Costs, Question
from losskit.selection.aims import Aim
from losskit.selection.compare import INNER, Progress, Task, cross_validate
from losskit.selection.decisions import about_costs, decide
from losskit.selection.explain import about_kinds, about_sample, about_top, explain, verdict
from losskit.selection.findings import Findings
from losskit.selection.folds import Plan, round_rng
from losskit.selection.left_out import left_out
from losskit.selection.outcome import Selection, top_group
from losskit.selection.questions import Contender, ModelKind, Row, contract, shortlist
from losskit.selection.ranking import candidates_of, choose, of_kind
from losskit.selection.refit import Part, final_test, on_all, refit
from losskit.selection.scrutiny import look
from losskit.selection.target import Target
from losskit.selection.training import Fitted

Array = np.ndarray
_LEAST = 10


@dataclass(frozen=True, eq=False)
class Inquiry:
    """What the questions asked of one table share."""

    compared: Part
    target: Target
    whole: Part
    findings: Findings
    plan: Plan
    seed: int
    folds: int
    rounds: int
    state: str | os.PathLike[str] | None
    tested: Part | None
    include: tuple[Any, ...]
    exclude: tuple[str, ...]
    aim: Aim
    group_names: list[str]

    def of(self, count: int) -> Inquiry:
        """The same into `count` of the rows, drawn at random."""
        drawn = self.plan.draw(count, len(self.target.y), round_rng(self.seed, 1 << 24))
        plan, target = self.plan.take(drawn), replace(self.target, y=self.target.y[drawn])
        folds = folds_of(target, self.folds, plan)
        return replace(self, compared=self.compared.take(drawn), target=target, plan=plan, folds=folds)

    def answer(
        self, question: Question, models: tuple[ModelKind, ...], deadline: float | None, progress: Progress | None,
        strict: bool = True,
    ) -> Selection:
        """One question, from the contract to the verdict."""
        began, target = clock.monotonic(), self.target
        whole_row, level = contract(question, target.problem), question.level or 0.5
        row = self.aim.row(shortlist(whole_row, question, self.include, self.exclude, strict))
        part, whole = self.compared, self.whole
        contenders = _contenders(row, level, models, positive=bool(whole.y.min() > 0))
        task = Task(part.table, part.y, part.w, len(target.classes), row.metric(level), level, contenders, self.plan)
        results = cross_validate(task, self.folds, self.rounds, self.seed, deadline, progress, self.state)
        if progress is not None:  # of many rows this takes as long as a fold or two
            progress(self.folds * self.rounds, self.folds * self.rounds, "training on all rows")
        fitted = refit(task, results, self.seed)
        candidates = candidates_of(task, results, fitted[1])
        winner, kinds = choose(candidates, results)
        for i, kind in enumerate(models):
            explain(of_kind(candidates, kind)[: None if i == 0 else -1], question, self.findings, task.metric)
        if self.tested is not None:
            final_test(task, self.tested, candidates, fitted)
        aim = replace(self.aim, question=question)
        labels, decision = decide(aim, target, part.w, winner, self.plan, self.seed)
        kept = fitted[0], fitted[1][candidates.index(winner)]
        if whole is not part:
            kept = on_all(task, whole, kept[1])
        made = _model(*kept, target, question, question.costs or aim.costs, labels)
        said = verdict(of_kind(candidates, winner.model), winner, question, self.findings, task.metric, len(models) > 1)
        said = replace(said, kinds=about_kinds(kinds, task.metric)) if kinds else said
        told = [about_top(top)] if (top := top_group(candidates)) else []
        if made.costs is not None and len(target.classes) == 2 and made.has_probabilities:
            told.append(about_costs(made.costs.tolist(), target.classes))
        if whole is not part:
            told.append(about_sample(len(part.y), len(whole.y)))
        said = replace(said, why=(*said.why, *told))
        ranked = sorted(candidates, key=lambda c: (not c.valid, c.mean))
        return Selection(
            question, False, task.metric, target, self.findings, ranked, said, made, self.seed, self.folds,
            results.rounds, self.rounds, clock.monotonic() - began, _versions("boosted" in models), part.table.source,
            tested=0 if self.tested is None else len(self.tested.y), plan=self.plan.kind,
            numbers=part.table.numbers, decision=decision, courses=kept[1].courses, crossing=made.crossing(part.table),
            scrutiny=look(part.table, target, part.w, task.metric, candidates, winner, results.by_round,
                          None if self.plan.groups is None else (self.plan.groups, self.group_names)),
            left_out=left_out(whole_row, question, target.problem, whole.y, contenders, self.exclude),
        )  # fmt: skip


def _model(
    preprocessor: Preprocessor, chosen: Fitted, target: Target, question: Question, costs: Costs | None,
    labels: Labelling,
) -> TableModel:  # fmt: skip
    """The winner as the model that is kept."""
    trees = chosen.body if isinstance(chosen.body, Trees) else None
    coef, intercept = (np.zeros(0), np.zeros(0)) if isinstance(chosen.body, Trees) else chosen.body
    return TableModel(
        preprocessor, chosen.loss, coef, intercept, 0.0 if trees else chosen.alpha, chosen.shift, target.classes,
        target.name, str(question), None if costs is None else np.array(costs), question.levels,
        chosen.contender.turn, labels, trees,
    )  # fmt: skip


def _contenders(row: Row, level: float, models: tuple[ModelKind, ...], positive: bool) -> tuple[Contender, ...]:
    """Who is compared: of each kind of model the default first."""
    challengers = [c for c in row.challengers if positive or not c.positive]
    listed = (Contender(row.default(level), row.turn), *challengers)
    able = {"linear": listed, "boosted": [each for each in listed if not is_ordered(each.loss)]}
    return tuple(replace(each, model=kind) for kind in models for each in able[kind])


def folds_of(target: Target, folds: int, plan: Plan) -> int:
    """The number of folds these rows allow: in each, training rows of both classes for the inner folds too."""
    n = len(target.y)
    if n < _LEAST:
        raise DataError(f"there are {n} rows; at least {_LEAST} are needed to compare losses (losskit fit takes fewer)")
    if not target.classes or plan.kind:
        return min(folds, n // 2)
    counts = np.bincount(target.y.astype(np.intp), minlength=len(target.classes))
    few = int(counts.min())
    if few < INNER + 1:
        rare = [target.classes[i] for i in np.flatnonzero(counts <= INNER)]
        also = f" (and {len(rare) - 1} other classes are as rare)" if len(rare) > 1 else ""
        raise DataError(
            f"only {few} row{'s are' if few > 1 else ' is'} {target.classes[int(counts.argmin())]!r}{also}; at least "
            f"{INNER + 1} of each class are needed to compare losses: merge rare classes, or leave their rows out"
        )
    return min(folds, few)


def _versions(trees: bool) -> dict[str, str]:
    import scipy

    return {
        "losskit": __version__, "numpy": np.__version__, "scipy": scipy.__version__,
        **({"lightgbm": version("lightgbm")} if trees else {}), "python": platform.python_version(),
    }  # fmt: skip
