"""A robust loss with its scale fitted jointly: Newton over coefficients, intercept and scale at once.

The objective is sum(w (s + 2 s H(r / s))) / sum(w) + penalty(coef), H being the given convex loss: the perspective of a
convex function, hence convex in coefficients and scale together, and the same fit whatever the units of y. With
z = r / s and H's derivatives at z, a row contributes

    by r:  2 H'        by s:  1 + 2 (H - z H')        second derivatives:  2 H'' / s  times  (1, -z; -z, z^2).

HuberRegressor and others write sum(s + h(r / s) s) + a ||coef||^2 with h = 2 H: that is this objective times sum(w),
with the penalty L2(2 a / sum(w)).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

import numpy as np

from losskit.base import Pointwise
from losskit.combine import Scaled
from losskit.data.sparse_rows import columns_summed, product
from losskit.errors import CapabilityError, ParameterError
from losskit.losses.regression import Huber
from losskit.objectives.design import Gram
from losskit.objectives.linear import Array, Objective
from losskit.solvers.control import Control, Outcome, falls_enough
from losskit.solvers.newton import STRIDE, direction, is_many

WHY = "the scale is fitted jointly with the coefficients: one convex problem, solved by Newton"
_FAST = 0.2  # of the gradient is left by a step whose Hessian serves once more, corrected
_VANISHED = 1e-12  # a scale this small against that of y is 0


@dataclass(frozen=True)
class JointScale:
    """A loss in units of a scale that is fitted together with the coefficients (Huber's proposal 2, convex form).

    Minimised is sum(w (s + 2 s H(r / s))) / sum(w) + penalty(coef) over coefficients, intercept and s > 0, where H is
    `loss`. The prediction does not depend on the units of y. It is not a loss of one row, so it has no value(y, f):
    it is something to fit with.

    Parameters
    ----------
    loss : Pointwise
        Of the residual, convex and smooth, its parameters numbers in units of the scale: Huber(1.35) keeps 95 %
        efficiency at the normal. r H'(r) - H(r) must pass 1/2 far out, or the scale is 0; for Huber, delta > 1.

    Raises
    ------
    CapabilityError
        If the loss is not convex and smooth in the residual: those that redescend take their scale by "auto".
    ParameterError
        If the scale would always be 0.

    Examples
    --------
    HuberRegressor's sum(s + h(r / s) s) + 1e-4 ||coef||^2 over n rows is ``JointScale(Huber(1.35))`` with the penalty
    ``L2(2e-4 / n)``.
    """

    loss: Pointwise = field(default_factory=lambda: Huber(delta=1.35))

    def __post_init__(self) -> None:
        residual = isinstance(self.loss, Pointwise) and self.loss.variables == ("r",)
        known = self.loss.traits() if residual else None
        if known is None or not (known.convex and known.differentiable):
            raise CapabilityError(
                "JointScale takes a convex, smooth loss of the residual, such as Huber(1.35) or LogCosh(); got "
                f'{self.loss!r}. A loss that redescends takes its scale from the data: c="auto"'
            )
        if self.loss._open():
            raise ParameterError(f"JointScale needs numbers, in units of the scale; got {self.loss!r}")
        far = np.array([-1e6, 1e6])
        value, slope = self.loss.value_and_gradient(np.zeros(2), far, None, "none")
        if not (far * slope - value > 0.5).all():
            raise ParameterError(
                f"{self.loss!r} grows too little for a scale to be fitted: it would always be 0. Huber's delta must "
                "pass 1; scale others up, or use a fixed scale"
            )

    def at(self, scale: float) -> Pointwise:
        """The loss of one row that the fit amounts to once the scale is known."""
        if isinstance(self.loss, Huber):
            return Huber(self.loss.delta * scale)  # type: ignore[operator]
        return Scaled(self.loss, scale)


def solve(objective: Objective, start: Array | None, control: Control) -> tuple[Outcome, float]:
    """Minimise over `theta` and the scale; the objective's loss is in units of the scale."""
    state, hessian = _start(objective, start)
    state, reason = _descend(state, hessian, control)
    note = _NO_SCALE if reason == "no scale" else ""
    return Outcome(state.theta, state.value, state.certificate, "kkt", reason, note), state.s


def _descend(state: _State, hessian: Array | None, control: Control) -> tuple[_State, str]:
    """Newton's steps, and why they ended. A Hessian serves for as long as the gradient falls fast."""
    damping = 0.0
    floor = _VANISHED * (float(np.abs(state.objective.y).max(initial=0.0)) + 1e-300)
    while True:
        reason = control.stop(state.value, state.certificate)
        if reason is None and state.s <= floor:
            reason = "no scale"
        if reason is not None:
            return state, reason
        kept = hessian is not None
        if hessian is None:
            hessian = state.hessian()
        step, used = direction(hessian, state.gradient, damping)
        ahead, t = _search(state, step)
        if ahead is None and not kept:
            return state, "no progress"
        if ahead is None or ahead.certificate > _FAST * state.certificate:
            hessian = None
        else:
            hessian = _corrected(hessian, t * step, ahead.gradient - state.gradient)
        damping = 100 * used if t < 0.1 and not kept else used / 10 if used > 1e-11 else 0.0
        state = ahead or state


def _corrected(hessian: Array, step: Array, change: Array) -> Array:
    """The Hessian with the change of the gradient along a step as it was found (the BFGS formula)."""
    foretold, rise = hessian @ step, float(change @ step)
    if not rise > 0:
        return hessian
    return hessian + np.outer(change, change) / rise - np.outer(foretold, foretold) / float(foretold @ step)


_NO_SCALE = (
    "most rows are fitted exactly, so the scale is 0 and there is nothing to measure residuals with; "
    "use a loss with a fixed scale, or SquaredError"
)


class _State:
    """Coefficients and scale, with residuals and derivatives there: one pass over X."""

    def __init__(self, objective: Objective, theta: Array, s: float) -> None:
        self.objective, self.theta, self.s = objective, theta, s
        design, total = objective.design, objective.total
        coef, constant = design._on_columns(theta)
        self.z, self._perfect = np.empty(design.rows), np.zeros(min(design._step, design.rows))

        def task(first: int, last: int) -> tuple[float, float, Array]:
            value, across, sums = 0.0, 0.0, np.zeros(design.columns + 1)
            for rows, block in design._blocks(first, last):
                z = self.z[rows]
                product(block, coef, constant, z)
                z -= objective.y[rows]
                z /= s
                part, g = objective.loss.value_and_gradient(*self._at(rows), "sum")
                value += part
                across += float(z @ g)
                sums[:-1] += columns_summed(block, g)
                sums[-1] += g.sum()
            return value, across, sums

        value, across, sums = (sum(parts) for parts in zip(*design._each_chunk(task), strict=True))
        user = theta[: design.columns] / design.scale
        self.value = s * (1 + 2 * value / total) + objective.penalty.value(user)
        self.gradient = np.append(2 / total * design._standard(sums), 1 + 2 * (value - across) / total)
        self.gradient[: design.columns] += objective.penalty.gradient(user) / design.scale
        self.certificate = float(np.abs(self.gradient).max())  # of a loss without units, so of the order of 1

    def _at(self, rows: slice) -> tuple[Array, Array, Array | None]:
        """What the loss is asked of these rows: a target of 0, and residuals in units of the scale."""
        z, w = self.z[rows], self.objective.weights
        return self._perfect[: z.size], z, None if w is None else w[rows]

    def hessian(self) -> Array:
        """Second derivatives by theta and scale."""
        design, loss, share = self.objective.design, self.objective.loss, 2 / (self.s * self.objective.total)

        def task(first: int, last: int) -> tuple[Array, Array, float]:
            gram, sums, twice = Gram(design), np.zeros(design.columns + 1), 0.0
            for rows, block in design._blocks(first, last):
                z, bend = self.z[rows], share * loss.gradient_and_hessian(*self._at(rows), "sum")[1]
                gram.add(block, bend)
                along = -z * bend
                sums[:-1] += columns_summed(block, along)
                sums[-1] += along.sum()
                twice -= float(z @ along)
            return gram.sum, sums, twice

        grams, sums, twice = (sum(parts) for parts in zip(*design._each_chunk(task), strict=True))
        q = design.size
        out = np.empty((q + 1, q + 1))
        out[:q, :q] = design._standard_gram(grams) + np.diag(self.objective.ridge())
        out[q, :q] = out[:q, q] = design._standard(sums)
        out[q, q] = twice
        return out


def _start(objective: Objective, start: Array | None) -> tuple[_State, Array | None]:
    """The fit of fewer rows if there are many and its Hessian, else least squares, or `start`; and a scale near."""
    design, weights = objective.design, objective.weights
    if start is None and is_many(objective):
        found, reason = _descend(_start(_every(objective, STRIDE), None)[0], None, Control(1e-2, 30))
        if reason != "no scale":
            return _State(objective, found.theta, found.s), found.hessian()
        start = found.theta
    theta = objective.null if start is None else start
    r = design.scores(theta) - objective.y
    if start is None:
        share = np.full(design.rows, 1 / objective.total) if weights is None else weights / objective.total
        theta = theta + direction(design.gram(share) + np.diag(objective.ridge()), design.adjoint(share * r))[0]
        r = design.scores(theta) - objective.y
    s = float(np.sqrt(np.average(r**2, weights=weights)))
    return _State(objective, theta, s or 1e-300), None


def _every(objective: Objective, stride: int) -> Objective:
    """The same over every `stride`-th row, in the same units."""
    few = copy.copy(objective)
    few.design, few.y = objective.design.thinned(stride), objective.y[::stride].copy()
    few.weights = None if objective.weights is None else objective.weights[::stride].copy()
    few.total = float(few.y.size) if few.weights is None else float(few.weights.sum())
    return few


def _search(state: _State, step: Array) -> tuple[_State | None, float]:
    """The first of the steps 1, 1/2, 1/4 ... that keeps the scale positive and lowers the objective enough."""
    slope = float(state.gradient @ step)
    if not slope < 0:
        return None, 0.0
    t = 1.0 if step[-1] >= 0 else min(1.0, -0.9 * state.s / float(step[-1]))
    while t > 1e-12:
        ahead = _State(state.objective, state.theta + t * step[:-1], state.s + t * float(step[-1]))
        if falls_enough(ahead.value, float(ahead.gradient @ step), state.value, slope, t, 1e-14 * abs(state.value)):
            return ahead, t
        t /= 2
    return None, 0.0
