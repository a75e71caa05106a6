"""Repeated cross-validation of all candidates on the same folds, each tuned by inner folds: penalty, rounds, parameter.

Nothing of a test fold is seen in training: medians, levels, means and deviations of the features, the scale of robust
losses, what is tuned and the shift of a quantile all come from the training rows. What candidates share, the fold's
matrices, is made once.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from losskit.data.preprocess import Preprocessor
from losskit.data.tables import Table
from losskit.errors import DataError, LosskitError
from losskit.kernels.run import thread_count
from losskit.objectives.linear import one_thread_each
from losskit.selection.course import Course
from losskit.selection.folds import Plan, round_rng
from losskit.selection.growing import Grower
from losskit.selection.metrics import Metric
from losskit.selection.questions import Contender
from losskit.selection.resume import Shelf
from losskit.selection.training import (
    STEPS,
    Fitted,
    Line,
    Loss,
    Rows,
    central,
    fit_lines,
    members,
    metric_score,
    residual_quantile,
    score,
    unit_of_penalty,
    weighed,
    widening,
)

Array = np.ndarray
Progress = Callable[[int, int, str], object]
INNER = 3
MANY = 20_000  # rows from which one round of folds and one inner fold tell enough of trees


@dataclass(frozen=True, eq=False)
class Task:
    """What is compared: a table, a target coded as numbers, a metric, and contenders, the default first."""

    table: Table
    y: Array
    w: Array | None
    classes: int
    metric: Metric
    level: float
    contenders: tuple[Contender, ...]
    plan: Plan

    @property
    def width(self) -> tuple[int, ...]:
        """How many scores a row has, if it has more than one."""
        return (self.classes,) if self.classes > 2 else (len(self.metric.levels),) if self.metric.levels else ()

    def rows(self, preprocessor: Preprocessor, at: Array) -> Rows:
        """The rows `at` as a fitted preprocessor makes them."""
        X = preprocessor.transform(self.table.take(at))
        return Rows(X, self.y[at], None if self.w is None else self.w[at], self.classes)

    def learn(self, at: Array) -> Preprocessor:
        """A preprocessor that has seen the rows `at` only."""
        made = Preprocessor().fit(self.table, at, self.w)
        if not made.feature_names:
            raise DataError(
                f"{self.table.source}: no feature varies over {len(at)} training rows; nothing to learn from; "
                "add a column that does"
            )
        return made

    def folds(self, at: Array, count: int, rng: np.random.Generator) -> list[tuple[Array, Array]]:
        """Training and test rows of `count` folds of the rows `at`."""
        return self.plan.split(at, count, rng)


@dataclass(eq=False)
class Results:
    """What cross-validation found; arrays have one row a contender, the baseline being the last.

    Attributes
    ----------
    costs : (contenders + 1, folds): the metric of each test fold; whole rounds only
    outside : (contenders + 1,): test rows whose prediction cost infinity
    first : (contenders + 1, rows), and classes if they are more than two: the metric's scores of the first round, each
        row predicted from the others
    failed : contender -> why it could not be trained
    test_share : n_test / n_train
    """

    costs: Array
    outside: Array
    first: Array
    failed: dict[int, str] = field(default_factory=dict)
    rounds: int = 0
    test_share: float = 0.25

    @property
    def by_round(self) -> Array:
        """The metric of each round, a row a round."""
        return self.costs.reshape(len(self.costs), self.rounds, -1).mean(axis=2).T


@dataclass(frozen=True, eq=False)
class _Trial:
    """The penalty of the lowest metric for one loss, its place among the steps, and its lines, one an inner fold."""

    loss: Loss
    alpha: float
    place: int
    cost: float
    constant: Any
    lines: list[Line]


class Trainer:
    """Trains every contender on the same rows; keeps the matrices of the inner folds."""

    def __init__(self, task: Task, at: Array, rng: np.random.Generator, keep: bool = False) -> None:
        self.task, self.keep = task, keep
        self.preprocessor = task.learn(at)
        self.rows = task.rows(self.preprocessor, at)
        self.inner: list[tuple[Rows, Rows]] = []
        for train, test in task.folds(at, INNER, rng):
            learned = task.learn(train)
            self.inner.append((task.rows(learned, train), task.rows(learned, test)))
        self._lines: dict[str, tuple[Line, list[Line]]] = {}  # by class: on all rows, and on each inner fold
        self._residuals: Array | None = None

    def train(self, contender: Contender) -> Fitted:
        """Choose the penalty and the member of the family by the inner folds, then fit all rows."""
        if contender.model == "boosted":
            return self.grower.train(contender)
        task, rows = self.task, weighed(self.rows, contender, self.task.metric)
        losses = members(contender, self.rows, self._residuals, self.rows.w)
        outer, inner = self._lines.get(contender.start or "", (None, [None] * INNER))
        first = self._trial(contender, losses[0], STEPS, inner)
        step = (STEPS[first.place],)
        others = [self._trial(contender, loss, step, first.lines) for loss in losses[1:]]
        best = min([first, *others], key=lambda trial: trial.cost)
        start = outer or (None if contender.turn == "levels" else best.lines[0])
        levels = task.metric.levels
        went: list[Course] = []
        line = fit_lines(contender, best.loss, levels, rows, [best.alpha], best.constant, start, self.keep, went)[0]
        self._lines.setdefault(type(contender.loss).__name__, (line, best.lines))
        if self._residuals is None and not task.classes:
            self._residuals = rows.y - score(line, rows.X) if line[0].ndim == 1 else None
        shift = self._shift(contender, rows, line) + self._widening(contender, best.loss, best.lines)
        return Fitted(contender, best.loss, best.alpha, line, shift, courses=tuple(went))

    @cached_property
    def grower(self) -> Grower:
        """What trains trees on the same rows; of many rows by one inner fold."""
        return Grower(self.task, self.rows, self.inner[: 1 if self.task.table.n_rows > MANY else INNER])

    def _trial(self, contender: Contender, loss: Loss, steps: Sequence[float], starts: list[Any]) -> _Trial:
        """Fit the inner folds with each penalty, and find the one of the lowest metric."""
        rows = weighed(self.rows, contender, self.task.metric)
        constant = central(loss, rows.code(loss), rows.w, rows.classes)
        unit = unit_of_penalty(loss, rows.code(loss), rows.w, constant)
        alphas, metric = [c * unit for c in steps], self.task.metric
        paths = [
            fit_lines(contender, loss, metric.levels, weighed(train, contender, metric), alphas, constant, start)
            for (train, _), start in zip(self.inner, starts, strict=True)
        ]
        costs = self._costs(contender, loss, paths)
        k = int(np.argmin(costs))
        return _Trial(loss, alphas[k], k, float(costs[k]), constant, [path[k] for path in paths])

    def _shift(self, contender: Contender, rows: Rows, line: Line) -> Any:
        """The quantiles of the residuals, one for each level asked."""
        if contender.turn == "expectile":
            return self.task.metric.constant(rows.y - score(line, rows.X), rows.w)
        if contender.turn != "quantile":
            return 0.0
        if not self.task.metric.levels:
            return residual_quantile(rows, line, self.task.level)
        return np.array([residual_quantile(rows, line, level) for level in self.task.metric.levels])

    def _widening(self, contender: Contender, loss: Loss, lines: list[Line]) -> Any:
        """What makes the ends of an interval hold the share asked."""
        task = self.task
        if len(task.metric.levels) != 2:
            return 0.0
        held = []
        for (train, test), line in zip(self.inner, lines, strict=True):
            shift = self._shift(contender, train, line)
            ends = metric_score(contender, loss, task.metric, score(line, test.X), shift)
            held.append((test.y, ends, np.ones(len(test.y)) if test.w is None else test.w))
        return widening(task.metric.levels, *map(np.concatenate, zip(*held, strict=True)))

    def _costs(self, contender: Contender, loss: Loss, paths: list[list[Line]]) -> Array:
        """The metric over the inner folds for each penalty; of equal ones the first, the stronger, is taken."""
        task, totals, weight = self.task, np.zeros(len(paths[0])), 0.0
        for (train, test), path in zip(self.inner, paths, strict=True):
            weight += len(test.y) if test.w is None else float(test.w.sum())
            for k, line in enumerate(path):
                shift = self._shift(contender, train, line)
                scores = metric_score(contender, loss, task.metric, score(line, test.X), shift)
                costs = task.metric.rows(test.y, scores, test.w)
                totals[k] += costs.sum() if test.w is None else float(test.w @ costs)
        return totals / weight


def cross_validate(
    task: Task,
    folds: int,
    rounds: int,
    seed: int,
    deadline: float | None,
    progress: Progress | None,
    state: str | os.PathLike[str] | None = None,
) -> Results:
    """Compare the contenders over `rounds` rounds of `folds` folds; fewer rounds where the deadline comes first.

    The first round is always finished. Folds found in the folder `state` are not done again.
    """
    shelf = Shelf(state, task, (seed, folds, rounds))
    n, lines = task.table.n_rows, len(task.contenders) + 1
    results = Results(
        np.empty((lines, 0)), np.zeros(lines, dtype=np.int64), np.full((lines, n, *task.width), np.nan)
    )
    total = folds * rounds
    with one_thread_each():
        for number in range(rounds):
            costs, outside = np.full((lines, folds), np.inf), np.zeros(lines, dtype=np.int64)
            splits = task.folds(np.arange(n), folds, round_rng(seed, number))
            for k, (train, test) in enumerate(splits):
                done = shelf.find(number, k, results.failed)
                if done is None:
                    if number and deadline is not None and time.monotonic() > deadline:
                        return results
                    trainer = Trainer(task, train, round_rng(seed, number, k))
                    scores = _test(trainer, test, results.failed)
                    done = (*_judge(task, test, scores), scores)
                    shelf.keep(number, k, results.failed, *done)
                costs[:, k], bad, scores = done
                outside += bad
                if number == 0:
                    results.first[:, test] = scores
                if progress is not None:
                    progress(number * folds + k + 1, total, f"round {number + 1} of {rounds}")
            results.test_share = float(np.mean([len(test) / len(train) for train, test in splits]))
            results.costs = np.hstack([results.costs, costs])
            results.outside += outside
            results.rounds = number + 1
    return results


def train_all(trainer: Trainer, failed: dict[int, str], then: Callable[[int, Fitted], None]) -> None:
    """Train every contender that has not failed, and call `then` with its place; what fails now is written down.

    Trees with different losses have nothing to do with each other but the residuals of the default, so they grow at the
    same time, one a core, as LightGBM's own threads would wait for each other.
    """
    contenders = trainer.task.contenders

    def run(i: int) -> None:
        try:
            then(i, trainer.train(contenders[i]))
        except LosskitError as error:
            if i == 0:
                raise
            failed[i] = str(error)

    left = [i for i in range(len(contenders)) if i not in failed]
    first = next((i for i in left if contenders[i].model == "boosted"), len(contenders))
    for i in left:
        if i <= first:
            run(i)
    with ThreadPoolExecutor(thread_count()) as pool:
        list(pool.map(run, (i for i in left if i > first)))


def _test(trainer: Trainer, test: Array, failed: dict[int, str]) -> Array:
    """The metric's scores of the test rows, one line a contender, the baseline last; nan where one failed."""
    task = trainer.task
    scores = np.full((len(task.contenders) + 1, len(test), *task.width), np.nan)
    X = trainer.preprocessor.transform(task.table.take(test))

    def judge(i: int, fitted: Fitted) -> None:
        scores[i] = fitted.metric_score(task.metric, X)

    train_all(trainer, failed, judge)
    scores[-1] = task.metric.constant(trainer.rows.y, trainer.rows.w, task.classes)
    return scores


def _judge(task: Task, test: Array, scores: Array) -> tuple[Array, Array]:
    """The metric over the test rows of each line of scores, and how many rows cost infinity."""
    y, w = task.y[test], None if task.w is None else task.w[test]
    costs = np.array([task.metric.rows(y, line, w) for line in scores])
    if w is None:
        return costs.mean(axis=1), np.isinf(costs).sum(axis=1)
    counted = w > 0
    return costs[:, counted] @ w[counted] / w.sum(), np.isinf(costs[:, counted]).sum(axis=1)
