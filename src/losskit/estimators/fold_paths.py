"""Paths of a penalty's strength on all rows and without each fold, for one loss or several that share all they can.

Rows at hand: the folds' copies of X, the units of its columns, and of a quadratic loss the Gram matrix of all folds.
Rows that are read in batches: the passes.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import is_classifier

from losskit.base import Pointwise
from losskit.data.memory import refuse_beyond
from losskit.data.sparse_rows import is_sparse
from losskit.data.streams import Batch
from losskit.domains import SIGNS
from losskit.errors import CapabilityError, DomainError, ParameterError
from losskit.inference.goodness import log_likelihood
from losskit.objectives.design import Design
from losskit.objectives.linear import Array
from losskit.objectives.passes import Passes, SharedPasses
from losskit.penalties import Penalty
from losskit.rowwise import Rowwise
from losskit.solvers import over_streams
from losskit.solvers.control import Control
from losskit.solvers.joint_scale import JointScale
from losskit.solvers.minimise import minimise, solution_of
from losskit.solvers.over_streams import Rows
from losskit.solvers.path import Path, SharedGram, alpha_grid, follow, has_gram, posed_at
from losskit.solvers.posing import posed_as
from losskit.solvers.streamed_path import fold_losses, paths_of, points, shared_grams, tasks_of_fits


class Judge:
    """What rows left out say of a model's scores: the loss itself, or minus a scorer's verdict; less is better."""

    def __init__(self, model: Any, scorer: Any) -> None:
        self.model, self.scorer = model, scorer

    def __call__(self, loss: Any, y: Array, f: Array, w: Array | None) -> float:
        """For rows with these targets, numbers or codes of classes, and scores."""
        if self.scorer is None:
            return float(loss(coded_for(loss, y), f, w))
        weights = {} if w is None else {"sample_weight": w}
        return -float(self.scorer(self._fitted(loss), f, self._labels(y), **weights))

    def partial(self, loss: Any, y: Array, f: Array, w: Array | None) -> Any:
        """The same as sums that add up over batches, which a loss has and another score may not."""
        if self.scorer is None:
            return loss.partial(coded_for(loss, y), f, w)
        return self.scorer.loss.partial(*self.scorer.taken(self._fitted(loss), f, self._labels(y)), w)

    def _fitted(self, loss: Any) -> Any:
        """A model under this loss whose X are scores."""
        model = copy.copy(self.model)
        model.loss_ = loss
        model._scores = lambda scores, offset=None: scores
        return model

    def _labels(self, y: Array) -> Array:
        return np.asarray(self.model.classes_[y.astype(np.intp)]) if is_classifier(self.model) else y


def coded_for(loss: Any, y: Array) -> Array:
    """Targets as a loss takes them: codes 0 and 1 as -1 and +1 for losses of the margin."""
    return 2.0 * y - 1.0 if isinstance(loss, Pointwise) and loss.domain is SIGNS else y


@dataclass(eq=False)
class Held:
    """Rows at hand, and the units of their columns once they are known: one scale for all, or a scale each."""

    X: Any
    y: Array  # numbers, or codes of classes
    w: Array | None
    offset: Array | None
    intercept: bool
    units: dict[bool, Design] = field(default_factory=dict)

    def without(self, rows: Array) -> Held:
        """The other rows."""
        X = self.X
        size = X.nbytes if isinstance(X, np.ndarray) else 12.0 * (X.nnz if is_sparse(X) else X.entries)
        refuse_beyond(size, "a copy of X without a fold", "fit a Parquet file, which is read in batches")
        kept = np.setdiff1d(np.arange(len(self.y)), rows)
        w, offset = (None if part is None else part[kept] for part in (self.w, self.offset))
        return Held(X[kept], self.y[kept], w, offset, self.intercept)

    def posed(self, loss: Any, penalty: Penalty, classes: int | None) -> Any:
        """Loss and penalty apart, so that the penalty can change."""
        uniform = not penalty.separable
        problem = posed_as(
            loss, penalty, self.X, coded_for(loss, self.y), self.w, self.intercept, True, self.offset, classes,
            self.units.get(uniform),
        )  # fmt: skip
        self.units[uniform] = problem.design
        return problem


class Paths:
    """The paths of one loss over rows at hand."""

    def __init__(self, loss: Any, penalty: Penalty, rows: Held, options: Any) -> None:
        refuse_pathless(loss)
        self.asked, self.penalty, self.rows, self.options = loss, penalty, rows, options
        self.n = float(len(rows.y) if rows.w is None else rows.w.sum())
        self.problem: Any = rows.posed(loss, penalty, int(rows.y.max()) + 1 if isinstance(loss, Rowwise) else None)
        self.loss, self.classes = self.problem.loss, self.problem.classes
        self.alphas = _grid(options.alphas, self.problem)
        refuse_beyond(
            16.0 * len(self.alphas) * self.problem.size, f"the coefficients of {len(self.alphas)} fits of a path",
            "use fewer alphas",
        )  # fmt: skip
        self.shared: SharedGram | None = None
        if has_gram(self.loss, penalty, *rows.X.shape):
            smooth = self.problem.smooth
            self.shared = SharedGram(self.loss, self.problem.design, smooth.y, rows.w, smooth.base)

    def whole(self) -> Path:
        """The path of all rows."""
        o = self.options
        if self.shared is not None:
            return self.shared.follow(self.penalty, self.alphas, o.tol)
        return follow(self.problem, self.alphas, o.solver, o.tol, o.max_iter)

    def left_out(self, test: Array, others: Held | None, judge: Judge) -> Array:
        """What a fold's rows say of each fit to the others, which a Gram matrix needs no copy of."""
        o = self.options
        if self.shared is not None:
            path = self.shared.without(test).follow(self.penalty, self.alphas, o.tol)
        else:
            assert others is not None
            part = others.posed(self.loss, self.penalty, self.classes)
            path = follow(part, self.alphas, o.solver, o.tol, o.max_iter)
        rows = self.rows
        X, y = rows.X[test], rows.y[test]
        w, offset = (None if part is None else part[test] for part in (rows.w, rows.offset))
        scores = (_scores(X, *fit, offset) for fit in zip(path.coefs, path.intercepts, strict=True))
        return np.array([judge(self.loss, y, f, w) for f in scores])

    def refit(self, penalty: Penalty, start: Any) -> Any:
        """The Solution at one penalty."""
        o, rows = self.options, self.rows
        return minimise(
            self.loss, penalty, rows.X, coded_for(self.loss, rows.y), rows.w, fit_intercept=o.fit_intercept,
            solver=o.solver, tol=o.tol, max_iter=o.max_iter, start=start, offset=rows.offset,
        )  # fmt: skip

    def criteria(self, path: Path, price: float) -> Array:
        """-2 log likelihood + price times what the coefficients count as, at each fit of the path."""
        if self.classes > 1 or not (self.penalty.smooth or _by_pieces(self.penalty)):
            raise CapabilityError(
                f"{self.options.rule} needs to know what coefficients count as, which it does for one score a row "
                f'and sums over coefficients; with {self.loss!r} and {self.penalty!r} use rule="min"'
            )
        found: list[float] = []
        for alpha, point in zip(path.alphas, self.points(path), strict=True):
            likelihood = log_likelihood(self.loss, point.value * self.n, self.n, self.summed, None)
            if likelihood is None:
                raise CapabilityError(f'{self.loss!r} has no likelihood without more being known; use rule="min"')
            problem = self.problem.with_penalty(self.penalty.with_alpha(float(alpha)))
            found.append(-2 * likelihood + price * _freedom(problem, point))
        return np.array(found)

    def points(self, path: Path) -> list[Any]:
        """Value and derivatives of the mean loss at each fit of a path."""
        at = (self.problem.from_user(coef, b) for coef, b in zip(path.coefs, path.intercepts, strict=True))
        return [self.problem.smooth.evaluate(theta, order=2) for theta in at]

    def summed(self, term: Any) -> float:
        """The weighted sum of a function of y."""
        w = self.rows.w
        return float((np.ones(len(self.rows.y)) if w is None else w) @ term(coded_for(self.loss, self.rows.y)))


def validated(works: Sequence[Any], folds: list[Array], judge: Judge) -> tuple[list[Path], list[Array]]:
    """Each loss's path of all rows, and what each fold says of the fits without it, (alphas, folds)."""
    wholes, columns = [work.whole() for work in works], []
    rows, copied = works[0].rows, any(work.shared is None for work in works)
    for test in folds:
        if not len(test) or len(test) == len(rows.y):
            raise DomainError("a fold holds no rows of weight above 0, or all of them; use fewer folds (cv)")
        others = rows.without(test) if copied else None
        columns.append([work.left_out(test, others, judge) for work in works])
    return wholes, [np.column_stack(each) for each in zip(*columns, strict=True)]


class StreamPaths(Paths):
    """The same over rows that are read in batches, a pass for all fits that wait for one."""

    def __init__(self, loss: Any, penalty: Penalty, rows: Rows, options: Any) -> None:
        refuse_pathless(loss)
        view = partial(_batch_for, loss)
        self.asked, self.penalty, self.options, self.stream = loss, penalty, options, rows.stream
        rows = replace(rows, sample=view(rows.sample))
        self.problem = rows.posed(loss, penalty, options.fit_intercept, True)
        self.problem = self.over(Passes(rows.stream), view)
        self.loss, self.classes = self.problem.loss, self.problem.classes
        self.alphas = _grid(options.alphas, self.problem)
        self.n = self.problem.smooth.total = float(self.summed(np.ones_like))
        design = self.problem.design
        self.quadratic = has_gram(self.loss, penalty, design.rows, design.columns)

    def over(self, passes: Passes, view: Any = None) -> Any:
        """The problem by other passes."""
        return self.problem.over(self.problem.smooth.again(passes, view))

    def tasks(self, passes: Passes, folds: int) -> list[Any]:
        """What is to be done in shared passes for the paths of all rows and without each fold."""
        if self.quadratic:
            return [partial(shared_grams, self.over(passes), folds)]
        return tasks_of_fits(self.problem, passes, self.alphas, folds, self.options)

    def paths(self, found: list[Any]) -> list[Path]:
        """The paths, from what the tasks ended with."""
        if self.quadratic:
            return [gram.follow(self.penalty, self.alphas, self.options.tol) for gram in found[0]]
        return paths_of(found, self.alphas)

    def whole(self) -> Path:
        """The path of all rows."""
        passes = SharedPasses(self.stream)
        return self.paths(passes.each(self.tasks(passes, 0)))[0]

    def refit(self, penalty: Penalty, start: Any) -> Any:
        """The Solution at one penalty."""
        o = self.options
        problem = posed_at(self.problem, penalty, o.solver)
        return solution_of(*over_streams.solve(problem, o.solver, start, Control(o.tol, o.max_iter or 0)))

    def points(self, path: Path) -> list[Any]:
        """Value and derivatives of the mean loss at each fit of a path."""
        return points(self.problem, path)

    def summed(self, term: Any) -> float:
        """The weighted sum of a function of y, in a pass."""
        total = 0.0

        def show(_: Any, part: Any) -> None:
            nonlocal total
            total += float((np.ones(len(part.y)) if part.weights is None else part.weights) @ term(part.y))

        self.problem.smooth.visit(show)
        return total


def validated_streams(works: Sequence[StreamPaths], folds: Any, judge: Judge) -> tuple[list[Path], list[Array]]:
    """As `validated`: the fits of all losses share passes, and so do the looks at the rows left out."""
    stream = works[0].stream
    if not isinstance(folds, (int, np.integer)) or folds < 2:
        raise CapabilityError(
            f"the rows of {stream!r} are dealt to folds in turn, so cv is their number; got {folds!r}"
        )
    passes = SharedPasses(stream)
    tasks = [work.tasks(passes, int(folds)) for work in works]
    found = iter(passes.each([task for each in tasks for task in each]))
    paths = [work.paths([next(found) for _ in each]) for work, each in zip(works, tasks, strict=True)]
    looks = [
        partial(fold_losses, passes, partial(judge.partial, work.loss), each[1:])
        for work, each in zip(works, paths, strict=True)
    ]
    return [each[0] for each in paths], passes.each(looks)


def _batch_for(loss: Any, batch: Batch) -> Batch:
    return replace(batch, y=coded_for(loss, batch.y))


def _scores(X: Any, coef: Array, intercept: Any, offset: Array | None) -> Array:
    f = np.asarray(X @ coef.T + intercept)
    return f if offset is None else f + offset


def refuse_pathless(loss: Any) -> None:
    """Raise if fits along a path are not for this loss, saying what is."""
    if isinstance(loss, JointScale):
        raise CapabilityError('JointScale has no path; use its loss with a scale of "auto", such as Huber("auto")')
    if isinstance(loss, Pointwise) and len(loss.outputs) > 1:
        raise CapabilityError(
            f"{loss!r} has no path, which is for one score a row; use GridSearchCV over the model without CV"
        )
    if loss.traits().differentiable is False:
        raise CapabilityError(
            f"{loss!r} has kinks, and a path needs a smooth loss; use Smoothed({loss!r}, width=0.01), or "
            "GridSearchCV over the model without CV"
        )


def _grid(given: Any, problem: Any) -> Array:
    if isinstance(given, (int, np.integer)) and not isinstance(given, bool) and given >= 1:
        return alpha_grid(problem, int(given), None)
    alphas = np.sort(np.asarray(given, dtype=np.float64), axis=-1)[..., ::-1] if np.ndim(given) else np.empty(0)
    if alphas.ndim != 1 or not alphas.size or not (np.isfinite(alphas) & (alphas >= 0)).all():
        raise ParameterError(f"alphas must be a count >= 1 or numbers >= 0; got {given!r}")
    return alphas


def _by_pieces(penalty: Penalty) -> bool:
    return penalty.separable and type(penalty).pieces is not Penalty.pieces


def _freedom(problem: Any, point: Any) -> float:
    """What the coefficients count as: those that are not held at 0 (Zou et al. 2007), less under a ridge."""
    theta, H = point.theta, point.hessian
    if problem.penalty.smooth:
        free, bend = np.arange(problem.size), np.zeros(problem.size)
        bend[problem.at] = problem.penalty.hessian_diagonal(problem.coef(theta)) / problem.scale**2
    else:
        pieces = problem.pieces(theta)
        free, bend = np.flatnonzero((theta != 0) | (pieces.l1 == 0)), pieces.l2
    part = H[np.ix_(free, free)]
    return float(np.trace(np.linalg.lstsq(part + np.diag(bend[free]), part, rcond=1e-12)[0]))
