"""Training one contender as boosted trees: inner folds say how many rounds, then all rows are fitted.

Every contender has the same budget: so many rounds at most, stopped where some more brought nothing on the rows held
out, and the round that is best over the inner folds together. A round is judged by the question's metric; of labels,
whose error rate is too coarse for single rounds, by the loss itself. What a linear model takes from the residuals of
its training rows (the scale of robust losses, the shift of a quantile) is taken from rows held out here, for trees
leave little of what they have seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from losskit.constants import weighted_quantile
from losskit.losses.regression import Quantile
from losskit.models.trees import ENGINE, Trees
from losskit.selection.course import Course
from losskit.selection.questions import Contender
from losskit.selection.training import Fitted, Loss, Rows, members, metric_score, weighed, widening

if TYPE_CHECKING:
    from losskit.selection.compare import Task

Array = np.ndarray


@dataclass(frozen=True)
class Budget:
    """How trees are grown: rounds at most, rounds without a gain to stop after, learning rate, leaves a tree."""

    rounds: int
    patience: int
    rate: float
    leaves: int


def budget_of(rows: int) -> Budget:
    """Of few rows small trees, and fewer of them: measured to be as good there, in half the time."""
    return Budget(200, 12, 0.15, 7) if rows < 10_000 else Budget(300, 20, 0.1, 31)


@dataclass(frozen=True, eq=False)
class Found:
    """What the inner folds tell of one loss: the courses, one a level; scores of the rows held out; the mean metric."""

    loss: Loss
    courses: list[Course]
    scores: Array
    cost: float

    @property
    def rounds(self) -> list[int]:
        """The best rounds, one a level."""
        return [course.rounds for course in self.courses]


class Grower:
    """Trains contenders as trees on the same rows and inner folds.

    Parameters
    ----------
    task : Task
    rows : Rows
        All training rows.
    inner : sequence of (Rows, Rows)
        To grow on, and held out.
    budget : Budget, optional
        By default that of so many rows.
    """

    def __init__(
        self, task: Task, rows: Rows, inner: Sequence[tuple[Rows, Rows]] = (), budget: Budget | None = None
    ) -> None:
        self.task, self.rows, self.inner, self.budget = task, rows, inner, budget or budget_of(len(rows.y))
        held = [test for _, test in inner]
        self.y = np.concatenate([np.zeros(0), *(test.y for test in held)])
        self.w = np.concatenate([np.zeros(0), *(np.ones(len(t.y)) if t.w is None else t.w for t in held)])
        self._begun = False
        self._residuals: Array | None = None

    def train(self, contender: Contender) -> Fitted:
        """Choose the member of the family and the rounds by the inner folds, then fit all rows."""
        begun, self._begun = self._begun, True
        losses = members(contender, self.rows, self._residuals, self.w)
        found = min((self._search(contender, loss) for loss in losses), key=lambda each: each.cost)
        if not begun and not self.task.classes and found.scores.ndim == 1:  # the default, which comes first
            self._residuals = self.y - found.scores
        trees = self.grow(contender, found.loss, found.rounds)
        shift = self._shift(contender, found.scores)
        levels = self.task.metric.levels
        if len(levels) == 2:
            again = self._again(contender, found)
            ends = metric_score(contender, found.loss, self.task.metric, again, self._shift(contender, again))
            shift = shift + widening(levels, self.y, ends, self.w)
        return Fitted(contender, found.loss, float("nan"), trees, shift, tuple(found.rounds), tuple(found.courses))

    def grow(self, contender: Contender, loss: Loss, rounds: Sequence[int]) -> Trees:
        """Trees of all training rows, so many rounds for each part of the loss."""
        grown = [
            self._model(part, count).fit(*_given(weighed(self.rows, contender, self.task.metric)))
            for part, count in zip(self._parts(contender, loss), rounds, strict=True)
        ]
        forests = tuple(model.forest_ for model in grown)
        return Trees(forests, tuple(model.intercept_ for model in grown), round(float(np.mean(rounds))))

    def _search(self, contender: Contender, loss: Loss) -> Found:
        """The rounds that are best over the inner folds together."""
        metric, courses, columns = self.task.metric, [], []
        weights = np.array([len(test.y) if test.w is None else test.w.sum() for _, test in self.inner])
        for part in self._parts(contender, loss):
            grown = []
            for train, test in self.inner:
                X, y, w = _given(weighed(test, contender, metric))
                model = self._model(part, self.budget.rounds, self._judge(contender, loss))
                held = (X, y) if w is None else (X, y, w)
                grown.append(model.fit(*_given(weighed(train, contender, metric)), eval_set=held))
            courses.append(course([model.validation_costs_ for model in grown], weights))
            columns.append(np.concatenate([
                model.raw_scores(test.X) for model, (_, test) in zip(grown, self.inner, strict=True)
            ]))  # fmt: skip
        scores = columns[0] if len(columns) == 1 else np.column_stack(columns)
        judged = metric_score(contender, loss, metric, scores, self._shift(contender, scores))
        return Found(loss, courses, scores, float(np.average(metric.rows(self.y, judged, self.w), weights=self.w)))

    def _again(self, contender: Contender, found: Found) -> Array:
        """Scores of the rows held out by trees of the rounds chosen for all folds.

        Each fold's own best trees were chosen by the very rows held out: their ends lie too near to these.
        """
        columns = []
        for part, rounds in zip(self._parts(contender, found.loss), found.rounds, strict=True):
            each = []
            for train, test in self.inner:
                model = self._model(part, rounds).fit(*_given(weighed(train, contender, self.task.metric)))
                each.append(model.raw_scores(test.X))
            columns.append(np.concatenate(each))
        return columns[0] if len(columns) == 1 else np.column_stack(columns)

    def _parts(self, contender: Contender, loss: Loss) -> list[Loss]:
        """The losses to grow a forest by: one, or one a level."""
        return [Quantile(level) for level in self.task.metric.levels] if contender.turn == "levels" else [loss]

    def _model(self, loss: Loss, rounds: int, judge: Any = None) -> Any:
        """The estimator; with a `judge` it stops early, by the judge or by the loss itself where that is "loss"."""
        from losskit.boosted import BoostedClassifier, BoostedRegressor  # scikit-learn, for those who want trees

        patience = None if judge is None else self.budget.patience
        kind = BoostedClassifier if self.task.classes else BoostedRegressor
        return kind(
            loss, engine=ENGINE, n_estimators=rounds, learning_rate=self.budget.rate, num_leaves=self.budget.leaves,
            random_state=0, n_jobs=1, eval_metric=None if judge == "loss" else judge, deterministic=True,
            force_row_wise=True, early_stopping_rounds=patience,
        )  # fmt: skip

    def _judge(self, contender: Contender, loss: Loss) -> Callable[..., float] | str:
        """A scorer by the metric, of which greater is better; or "loss"."""
        metric = self.task.metric
        shifted = ("levels", "quantile", "expectile", "weighted")
        if contender.turn in shifted or (metric.loss is None and not metric.levels):
            return "loss"

        def scorer(model: Any, X: Array, y: Array, sample_weight: Array | None = None) -> float:
            scores = metric_score(contender, loss, metric, model.raw_scores(X), 0.0)
            return -float(np.average(metric.rows(y, scores), weights=sample_weight))

        return scorer

    def _shift(self, contender: Contender, scores: Array) -> Any:
        """The quantiles of the residuals of rows held out, one for each level asked."""
        if contender.turn == "expectile":
            return self.task.metric.constant(self.y - scores, self.w)
        if contender.turn != "quantile":
            return 0.0
        levels = self.task.metric.levels
        each = [weighted_quantile(self.y - scores, level, self.w) for level in levels or (self.task.level,)]
        return np.array(each) if levels else each[0]


def course(curves: Sequence[Array], weights: Array) -> Course:
    """The mean cost over folds after each round, and the round of the lowest; a fold that stopped keeps its last."""
    length = max(map(len, curves))
    if not length:
        return Course("", np.zeros(0), 1)  # no tree could split
    padded = [np.pad(curve, (0, length - len(curve)), mode="edge" if len(curve) else "constant") for curve in curves]
    mean = weights @ np.array(padded) / weights.sum()
    return Course("", mean, int(np.argmin(mean)) + 1)


def _given(rows: Rows) -> tuple[Array, Array, Array | None]:
    return rows.X, rows.y, rows.w
