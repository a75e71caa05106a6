"""Paths of penalties and their folds over a stream: fits wait for each other, so that a pass serves all of them.

Rows are dealt to the folds in turn. A quadratic loss takes one pass, for the Gram matrix of each fold, and one for the
losses of the rows left out. Other smooth losses begin with the sample's path; each pass then is a step of every fit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from losskit.data.memory import refuse_beyond
from losskit.data.streams import Batch
from losskit.objectives.linear import Array
from losskit.objectives.passes import Passes, SharedPasses
from losskit.objectives.streamed import View
from losskit.solvers.choose import METHODS, choose
from losskit.solvers.control import Control
from losskit.solvers.over_streams import SOLVERS
from losskit.solvers.path import Path, SharedGram, follow, posed_at

_NEAR = 1e-3  # of the sample's path, from which all fits begin


def in_fold(fold: int, count: int) -> Callable[[Batch], Array]:
    """From a batch to the rows that are in a fold: every `count`-th."""
    return lambda batch: (batch.start + np.arange(len(batch.X))) % count == fold


def without_fold(fold: int | None, count: int) -> View | None:
    """From a batch to its rows that are not in a fold; None for all rows."""
    if fold is None:
        return None
    inside = in_fold(fold, count)
    return lambda batch: batch.at(~inside(batch))


def shared_grams(problem: Any, folds: int) -> list[SharedGram]:
    """What a quadratic loss asks of all rows, and of those without each fold, in one pass."""
    sums: list[Any] = [0.0] * max(folds, 1)

    def show(batch: Batch, part: Any) -> None:
        w = np.ones(len(part.y)) if part.weights is None else part.weights
        for fold in range(len(sums)):
            own = np.where(in_fold(fold, len(sums))(batch), w, 0.0)
            each = part.design.gram(own), part.design.adjoint(own * part.y), own.sum()
            before = sums[fold]
            sums[fold] = each if isinstance(before, float) else [a + b for a, b in zip(before, each, strict=True)]

    problem.smooth.visit(show)
    gram, cross, weight = (sum(parts) for parts in zip(*sums, strict=True))
    whole = SharedGram.of(problem.loss, problem.design, gram, cross, weight, problem.smooth.base)
    return [whole, *(whole.less(*each) for each in sums[:folds])]


def tasks_of_fits(
    problem: Any, passes: Passes, alphas: Array, folds: int, options: Any
) -> list[Callable[[], tuple[Any, float, int]]]:
    """The fits of all rows, and of those without each fold, as tasks that share passes; `paths_of` takes their ends."""
    penalty, q = problem.penalty, problem.size
    fits = len(alphas) * (folds + 1)
    refuse_beyond(
        8.0 * q**2 * fits * 2, f"Hessians of {fits} fits of {q} coefficients at a time",
        "use fewer alphas or folds",
    )  # fmt: skip
    near = problem.over(problem.smooth.sample)
    solver, _ = choose(posed_at(problem, penalty, options.solver), options.solver)
    starts = follow(near, alphas, options.solver, _NEAR, None)

    def fit(fold: int | None, at: int) -> tuple[Any, float, int]:
        own = problem.over(problem.smooth.again(passes, without_fold(fold, folds)))
        now = posed_at(own, penalty.with_alpha(float(alphas[at])), solver)
        control = Control(options.tol, options.max_iter or METHODS[solver].max_iter)
        start = now.from_user(starts.coefs[at], starts.intercepts[at])
        outcome = SOLVERS[solver](now, start, control)
        return now.to_user(outcome.theta), outcome.certificate, control.iterations

    return [partial(fit, fold, at) for fold in (None, *range(folds)) for at in range(len(alphas))]


def paths_of(found: list[Any], alphas: Array) -> list[Path]:
    """The paths of all rows, and of those without each fold, from what the tasks of their fits ended with."""
    paths = []
    for first in range(0, len(found), len(alphas)):
        own = found[first : first + len(alphas)]
        coefs, intercepts = zip(*(each[0] for each in own), strict=True)
        certificates, iterations = np.array([each[1] for each in own]), sum(each[2] for each in own)
        paths.append(Path(alphas, np.array(coefs), np.array(intercepts), certificates, iterations))
    return paths


def fold_losses(passes: Passes, judge: Callable[..., Any], paths: list[Path]) -> Array:
    """What the rows of each fold say of each fit without it, (alphas, folds), in one pass.

    `judge(y, f, w)` has the sums of such rows.
    """
    folds = len(paths)
    sums = np.zeros((2, len(paths[0].alphas), folds))

    def show(batch: Batch) -> None:
        for fold, path in enumerate(paths):
            own = batch.at(np.flatnonzero(in_fold(fold, folds)(batch)))
            for at, (coef, intercept) in enumerate(zip(path.coefs, path.intercepts, strict=True)):
                f = own.X @ coef.T + intercept
                found = judge(own.y, f if own.offset is None else f + own.offset, own.weights)
                sums[:, at, fold] += found.sum, found.weight

    passes.run(show)
    return np.asarray(sums[0] / sums[1])


def points(problem: Any, path: Path) -> list[Any]:
    """Value and derivatives of the mean loss at each fit of a path, in one pass."""
    passes = SharedPasses(problem.smooth.stream)
    own = problem.smooth.again(passes)
    tasks = [
        partial(own.evaluate, own.from_user(coef, intercept), 2)
        for coef, intercept in zip(path.coefs, path.intercepts, strict=True)
    ]
    return passes.each(tasks)
