"""Several targets over one X: a fit for each, which share X's units and, of a quadratic loss, its Gram matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

from losskit.base import Pointwise
from losskit.errors import CapabilityError
from losskit.objective import Array, one_thread_each
from losskit.penalties import NoPenalty, Penalty
from losskit.solvers.choose import is_proximal
from losskit.solvers.composite import Composite
from losskit.solvers.control import Control
from losskit.solvers.minimise import Solution, border, check_options, offset_of, posed_as, solved


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


def first_offset(problem: Any) -> Array | None:
    """The offset that an objective adds to its scores."""
    return getattr(problem.smooth if isinstance(problem, Composite) else problem, "offset", None)
