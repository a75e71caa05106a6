"""Several fits over one X: a target each, sharing X's units and a quadratic loss's Gram matrix, or a quantile each.

Over a stream all that wait for a pass share it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from losskit.base import Pointwise
from losskit.data.memory import refuse_beyond
from losskit.data.streams import Stream, as_stream, is_streamed
from losskit.errors import CapabilityError
from losskit.losses.regression import Quantile
from losskit.losses.scores import MultiQuantile
from losskit.objectives.linear import Array, one_thread_each
from losskit.objectives.passes import SharedPasses
from losskit.penalties import NoPenalty, Penalty
from losskit.solvers import over_streams
from losskit.solvers.choose import is_proximal
from losskit.solvers.composite import Composite
from losskit.solvers.control import Control
from losskit.solvers.minimise import Solution, minimise, solution_of, solved
from losskit.solvers.posing import border, check_options, offset_of, posed_as


def minimise_each(
    loss: Any, penalty: Penalty | None, X: Any, Y: Array, sample_weight: Any, *, fit_intercept: bool, solver: str,
    tol: float, max_iter: int | None, offset: Any = None,
) -> list[Solution]:  # fmt: skip
    """A Solution for each column of Y, or for each target of a Stream; parameters as for `minimise`."""
    check_options(loss, penalty, tol, max_iter, None)
    penalty = penalty or NoPenalty()
    if not isinstance(loss, Pointwise) or len(loss.outputs) > 1 or loss._open():
        raise CapabilityError(
            f"{loss!r} is not fitted to several targets at once, which takes a loss of one score a row and no open "
            "parameter; fit a model to each, as sklearn.multioutput.MultiOutputRegressor does of arrays"
        )
    if isinstance(X, Stream):

        def posed(rows: Any, passes: Any) -> list[Any]:
            return rows.posed_each(loss, penalty, fit_intercept, is_proximal(penalty, solver), passes)

        return _together(X, loss, posed, solver, tol, max_iter)
    X, y, w, place = border(X, Y[:, 0], sample_weight)
    Y = np.asarray(Y, dtype=np.float64)[place >= 0]
    with one_thread_each():
        moved = offset_of(offset, place, solver)
        first = posed_as(loss, penalty, X, y, w, fit_intercept, is_proximal(penalty, solver), moved)
        if moved is not None and first_offset(first) is None:
            Y = Y - moved[:, None]  # as posed: a loss of the residual has it in y
        smooth = first.smooth if isinstance(first, Composite) else first
        smooth.keep_gram()
        found = []
        for y in Y.T:
            own = smooth.with_targets(np.ascontiguousarray(y))
            problem = first.over(own) if isinstance(first, Composite) else own
            found.append(solved(problem, solver, None, Control(tol, max_iter or 0)))
            smooth = own  # which knows the Gram matrix by now
    return found


def minimise_levels(
    loss: MultiQuantile, penalty: Penalty | None, X: Any, y: Any, sample_weight: Any, **options: Any
) -> Solution:
    """The Solution of MultiQuantile, coefficients (levels, columns): a quantile regression a level.

    Their mean is the loss, so that beside it each has the penalty times the number of levels. Parameters as for
    `minimise`.
    """
    if loss.non_crossing:
        raise CapabilityError(
            f"{loss!r} is not convex, and gaps between quantiles are no linear model's; use it without that, and "
            "np.sort the predictions of a row"
        )
    k = len(loss.levels)
    if isinstance(penalty, Penalty):
        if "alpha" not in penalty.parameters:
            raise CapabilityError(f"{penalty!r} has no alpha to share out among {k} levels; use L2")
        penalty = penalty.with_alpha(k * penalty.parameters["alpha"])
    each = [(Quantile(level), penalty) for level in loss.levels]
    if is_streamed(X):
        found = minimise_over(as_stream(X, y, sample_weight, options.pop("offset")), each, **options)
    else:
        found = [minimise(*pair, X, y, sample_weight, **options) for pair in each]
    values, gaps = (np.array([getattr(each, name) for each in found]) for name in ("value", "certificate"))
    worst = found[int(np.argmax(gaps))]
    return replace(
        worst, coef=np.array([each.coef for each in found]), intercept=np.array([each.intercept for each in found]),
        value=float(values.mean()), certificate=float(np.average(gaps, weights=values if values.any() else None)),
        iterations=sum(each.iterations for each in found), loss=loss,
    )  # fmt: skip


def minimise_over(
    stream: Stream, problems: list[tuple[Any, Penalty | None]], *, fit_intercept: bool, solver: str, tol: float,
    max_iter: int | None,
) -> list[Solution]:  # fmt: skip
    """The Solution of each loss and penalty over a stream; one pass serves all that wait for one."""
    for loss, penalty in problems:
        check_options(loss, penalty, tol, max_iter, None)

    def posed(rows: Any, passes: Any) -> list[Any]:
        closed = [(loss, penalty or NoPenalty()) for loss, penalty in problems]
        return [rows.posed(*each, fit_intercept, is_proximal(each[1], solver), passes) for each in closed]

    return _together(stream, problems[0][0], posed, solver, tol, max_iter)


def _together(
    stream: Stream, loss: Any, posed: Callable[..., list[Any]], solver: str, tol: float, max_iter: int | None
) -> list[Solution]:
    """The Solution of each problem that is posed over the stream's rows and passes."""
    with one_thread_each():
        rows = over_streams.Rows.of(stream, loss)
        passes = SharedPasses(rows.stream)
        problems = posed(rows, passes)
        refuse_beyond(
            8.0 * problems[0].size ** 2 * len(problems) * 3, f"Hessians of {len(problems)} fits at a time",
            'fit fewer at a time, or use solver="lbfgs"',
        )  # fmt: skip
        tasks = [partial(over_streams.solve, each, solver, None, Control(tol, max_iter or 0)) for each in problems]
        return [solution_of(*found) for found in passes.each(tasks)]


def first_offset(problem: Any) -> Array | None:
    """The offset that an objective adds to its scores."""
    return getattr(problem.smooth if isinstance(problem, Composite) else problem, "offset", None)
