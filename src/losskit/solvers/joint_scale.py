"""A robust loss with its scale fitted jointly: Newton over coefficients, intercept and scale at once.

The objective is sum(w (s + 2 s H(r / s))) / sum(w) + penalty(coef), H being the given convex loss: the perspective of a
convex function, hence convex in coefficients and scale together, and the same fit whatever the units of y. With
z = r / s and H's derivatives at z, a row contributes

    by r:  2 H'        by s:  1 + 2 (H - z H')        second derivatives:  2 H'' / s  times  (1, -z; -z, z^2).

HuberRegressor and others write sum(s + h(r / s) s) + a ||coef||^2 with h = 2 H: that is this objective times sum(w),
with the penalty L2(2 a / sum(w)).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from losskit.base import Pointwise
from losskit.combine import Scaled
from losskit.errors import CapabilityError, ParameterError
from losskit.losses.regression import Huber
from losskit.objective import Array, Objective
from losskit.solvers.control import Control, Outcome, falls_enough
from losskit.solvers.newton import STRIDE, direction, is_many

WHY = "the scale is fitted jointly with the coefficients: one convex problem, solved by Newton"
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
    state = _start(objective, start)
    damping = 0.0
    floor = _VANISHED * (float(np.abs(objective.y).max(initial=0.0)) + 1e-300)
    while True:
        certificate = float(np.abs(state.gradient).max())  # of a loss without units, so of the order of 1
        reason = control.stop(state.value, certificate)
        if reason is None and state.s <= floor:
            reason = "no scale"
        if reason is not None:
            note = _NO_SCALE if reason == "no scale" else ""
            return Outcome(state.theta, state.value, certificate, "kkt", reason, note), state.s
        step, used = direction(state.hessian(), state.gradient, damping)
        ahead, t = _search(state, step)
        if ahead is None:
            reason = "no progress"
            return Outcome(state.theta, state.value, certificate, "kkt", reason), state.s
        damping = 100 * used if t < 0.1 else used / 10 if used > 1e-11 else 0.0
        state = ahead


_NO_SCALE = (
    "most rows are fitted exactly, so the scale is 0 and there is nothing to measure residuals with; "
    "use a loss with a fixed scale, or SquaredError"
)


class _State:
    """Coefficients and scale, with residuals and derivatives there."""

    def __init__(self, objective: Objective, theta: Array, s: float, r: Array) -> None:
        self.objective, self.theta, self.s, self.r = objective, theta, s, r
        design = objective.design
        coef = theta[: design.columns] / design.scale
        self.z = r / s
        parts = objective.loss.value_gradient_and_hessian(np.zeros_like(r), self.z, objective.weights, "sum")
        sums, self._slope, self._curve = parts
        self.value = s * (1 + 2 * sums / objective.total) + objective.penalty.value(coef)
        by_s = 1 + 2 * (sums - float(self.z @ self._slope)) / objective.total
        self.gradient = np.append(design.adjoint(2 / objective.total * self._slope), by_s)
        self.gradient[: design.columns] += objective.penalty.gradient(coef) / design.scale

    def hessian(self) -> Array:
        """Second derivatives by theta and scale."""
        design = self.objective.design
        bend = 2 / (self.s * self.objective.total) * self._curve
        q = design.size
        out = np.empty((q + 1, q + 1))
        out[:q, :q] = design.gram(bend) + np.diag(self.objective.ridge())
        out[q, :q] = out[:q, q] = design.adjoint(-self.z * bend)
        out[q, q] = float(bend @ self.z**2)
        return out


def _start(objective: Objective, start: Array | None) -> _State:
    """The fit of fewer rows if there are many, else least squares, or `start`; a scale near that of its residuals."""
    design, weights = objective.design, objective.weights
    theta, s = objective.null if start is None else start, 0.0
    if start is None and is_many(objective):
        fewer = objective.thinned(STRIDE)
        found, s = solve(fewer, None, Control(tol=1e-3, max_iter=30))
        theta, s = objective.adopt(fewer, found.theta), 0.0 if found.note else s
    elif start is None:
        share = np.full(design.rows, 1 / objective.total) if weights is None else weights / objective.total
        r = design.scores(theta) - objective.y
        theta = theta + direction(design.gram(share) + np.diag(objective.ridge()), design.adjoint(share * r))[0]
    r = design.scores(theta) - objective.y
    s = s or float(np.sqrt(np.average(r**2, weights=weights)))
    return _State(objective, theta, s or 1e-300, r)


def _search(state: _State, step: Array) -> tuple[_State | None, float]:
    """The first of the steps 1, 1/2, 1/4 ... that keeps the scale positive and lowers the objective enough."""
    slope = float(state.gradient @ step)
    if not slope < 0:
        return None, 0.0
    dr = state.objective.design.scores(step[:-1])
    t = 1.0 if step[-1] >= 0 else min(1.0, -0.9 * state.s / float(step[-1]))
    while t > 1e-12:
        ahead = _State(state.objective, state.theta + t * step[:-1], state.s + t * float(step[-1]), state.r + t * dr)
        if falls_enough(ahead.value, float(ahead.gradient @ step), state.value, slope, t, 1e-14 * abs(state.value)):
            return ahead, t
        t /= 2
    return None, 0.0
