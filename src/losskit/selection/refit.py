"""Training once the comparison is done: every candidate for a look, the winner for keeps."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np

from losskit.data.preprocess import Preprocessor
from losskit.data.tables import Table
from losskit.errors import ConvergenceWarning
from losskit.models.trees import Trees
from losskit.objectives.linear import one_thread_each
from losskit.selection.compare import Results, Task, Trainer, train_all
from losskit.selection.course import Course
from losskit.selection.folds import round_rng
from losskit.selection.growing import Grower, budget_of
from losskit.selection.outcome import Candidate
from losskit.selection.training import Fitted, central, fit_lines, weighed

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Part:
    """Rows of a table: those set apart for the final test, or all of a table of which some were compared."""

    table: Table
    y: Array
    w: Array | None

    def take(self, at: Array) -> Part:
        """These rows of it."""
        return Part(self.table.take(at), self.y[at], None if self.w is None else self.w[at])


def refit(task: Task, results: Results, seed: int) -> tuple[Preprocessor, dict[int, Fitted]]:
    """The preprocessor of the rows compared, and every contender trained on them."""
    fitted: dict[int, Fitted] = {}
    with one_thread_each(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        trainer = Trainer(task, np.arange(task.table.n_rows), round_rng(seed, 1 << 20), keep=True)
        train_all(trainer, results.failed, fitted.__setitem__)
    return trainer.preprocessor, dict(sorted(fitted.items()))


def on_all(task: Task, whole: Part, chosen: Fitted) -> tuple[Preprocessor, Fitted]:
    """The winner trained on a whole table, with what was chosen on a part of it: parameters, penalty, rounds, shift."""
    contender, loss, budget = chosen.contender, chosen.loss, budget_of(len(task.y))
    task = replace(task, table=whole.table, y=whole.y, w=whole.w)
    everything = np.arange(task.table.n_rows)
    learned = task.learn(everything)
    rows = task.rows(learned, everything)
    if isinstance(chosen.body, Trees):
        return learned, replace(chosen, body=Grower(task, rows, budget=budget).grow(contender, loss, chosen.rounds))
    given = weighed(rows, contender, task.metric)
    constant = central(loss, given.code(loss), given.w, given.classes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        went: list[Course] = []
        line = fit_lines(contender, loss, task.metric.levels, given, [chosen.alpha], constant, None, True, went)[0]
    return learned, replace(chosen, body=line, courses=tuple(went))


def final_test(
    task: Task, part: Part, candidates: list[Candidate], made: tuple[Preprocessor, dict[int, Fitted]]
) -> None:
    """The metric on the rows set apart, of each candidate trained on the rows compared."""
    X = made[0].transform(part.table)
    constant = task.metric.constant(task.y, task.w, task.classes)
    for i, candidate in enumerate(candidates):
        if i in made[1]:
            scores = made[1][i].metric_score(task.metric, X)
        elif candidate.role == "baseline":
            scores = np.broadcast_to(constant, (len(part.y), *task.width)).copy()
        else:
            continue
        candidate.tested = float(np.average(task.metric.rows(part.y, scores, part.w), weights=part.w))
