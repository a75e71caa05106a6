"""Dual coordinate descent for the hinge and its square under L2, without an intercept: support vectors, row by row.

Each row's dual variable b is minimised exactly while the coefficients follow; see `kernels/loops/hinge_descent`. With
m = y f the duality gap is a sum of o (L(m) - b (1 - m) + square b^2 / 2) >= 0 over the rows. An intercept would tie all
b by an equation that single rows cannot keep.
"""

from __future__ import annotations

import numpy as np

from losskit.domains import SIGNS
from losskit.kernels.loops import loop
from losskit.objectives.linear import Array, Objective
from losskit.penalties import L2
from losskit.solvers.control import Control, Outcome
from losskit.solvers.duality import row_shares

_PASSES = 5  # in one order of the rows
_LARGEST = 1 << 27  # numbers of a sparse X held dense


def solve(objective: Objective, start: Array | None, control: Control) -> Outcome:
    """Minimise from b = 0; an iteration is five passes over the rows."""
    design, y, alpha = objective.design, objective.y, objective.penalty.strong
    square = 0.5 if type(objective.loss).__name__ == "SquaredHinge" else 0.0
    X = np.ascontiguousarray(design.X.toarray() if design.sparse else design.X, dtype=np.float64)
    share = row_shares(objective)
    per, b, c = share / alpha, np.zeros(len(y)), np.zeros(design.columns)
    bend = per * np.einsum("ij,ij->i", X, X)
    descend, rng = loop("hinge_descent"), np.random.default_rng(0)
    while True:
        c = X.T @ (per * b * y)  # what rounding has added since
        m = y * (X @ c)
        rows = np.asarray(objective.loss(y, y * m, None, "none"))
        value = float(share @ rows) + objective.penalty.value(c)
        gap = float(share @ np.maximum(rows - b * (1 - m) + square / 2 * b**2, 0.0))
        certificate = gap / max(value, 1e-300)
        reason = control.stop(value, certificate)
        if reason is not None:
            return Outcome(objective.from_user(c, 0.0), value, certificate, "gap", reason)
        order = rng.permutation(len(y)).astype(np.float64)
        descend(X, y, b, c, per, bend, order, square, len(y), _PASSES, design.columns)


def objection(objective: Objective) -> str | None:
    """Why another solver is needed, or None."""
    if objective.loss.domain is not SIGNS or type(objective.loss).__name__ not in ("Hinge", "SquaredHinge"):
        return 'it is neither Hinge nor SquaredHinge; use solver="auto"'
    if objective.design.intercept:
        return 'single rows cannot keep the dual\'s equation for an intercept; use solver="auto" or fit_intercept=False'
    if not isinstance(objective.penalty, L2) or not objective.penalty.alpha > 0 or objective.penalty.weights:
        return f'its dual needs L2(alpha > 0) without weights, not {objective.penalty!r}; use solver="auto"'
    if objective.design.sparse and objective.design.rows * objective.design.columns > _LARGEST:
        return 'X would have to be held dense; use solver="lbfgs" with SquaredHinge'
    return None
