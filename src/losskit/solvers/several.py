"""Several fits over one X: a target each, sharing X's units and a quadratic loss's Gram matrix, or a quantile each.

Over a stream fits of several losses share its passes.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from losskit.base import Pointwise
from losskit.errors import CapabilityError
from losskit.losses.regression import Quantile
from losskit.losses.scores import MultiQuantile
from losskit.objective import Array, one_thread_each
from losskit.passes import SharedPasses
from losskit.penalties import NoPenalty, Penalty
from losskit.solvers import over_streams
from losskit.solvers.choose import is_proximal
from losskit.solvers.composite import Composite
from losskit.solvers.control import Control
from losskit.solvers.minimise import Solution, minimise, solution_of, solved
from losskit.solvers.posing import border, check_options, offset_of, posed_as
from losskit.streams import Stream, as_stream, is_streamed


def minimise_each(
    loss: Any, penalty: Penalty | None, X: Any, Y: Array, sample_weight: Any, *, fit_intercept: bool, solver: str,
    tol: float, max_iter: int | None, offset: Any = None,
) -> list[Solution]:  # fmt: skip
    """A Solution for each column of Y; parameters as for `minimise`."""
    check_options(loss, penalty, tol, max_iter, None)
    if not isinstance(loss, Pointwise) or len(loss.outputs) > 1 or loss._open():
        raise CapabilityError(
            f"{loss!r} is not fitted to several targets at once, which takes a loss of one score a row and no open "
            "parameter; use sklearn.multioutput.MultiOutputRegressor"
        )
    X, y, w, place = border(X, Y[:, 0], sample_weight)
    Y, penalty = np.asarray(Y, dtype=np.float64)[place >= 0], penalty or NoPenalty()
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
    with one_thread_each():
        rows = over_streams.Rows.of(stream, problems[0][0])
        passes = SharedPasses(rows.stream)

        def task(loss: Any, penalty: Penalty | None) -> Any:
            control = Control(tol, max_iter or 0)
            return over_streams.solve(
                loss, penalty or NoPenalty(), rows, fit_intercept, solver, None, control, passes
            )  # fmt: skip

        return [solution_of(*found) for found in passes.each([partial(task, *pair) for pair in problems])]


def first_offset(problem: Any) -> Array | None:
    """The offset that an objective adds to its scores."""
    return getattr(problem.smooth if isinstance(problem, Composite) else problem, "offset", None)
