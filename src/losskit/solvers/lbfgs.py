"""L-BFGS: quasi-Newton steps from the last ten changes of gradient, for many columns and little known losses.

Of a model of many classes the steps begin with the Hessian of the null model, which one Gram matrix tells.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from losskit.objectives.linear import Array, Objective, Point
from losskit.solvers.control import Control, Outcome, falls_enough, wolfe_step
from losskit.solvers.newton import long_step

_MEMORY = 10

Pairs = deque[tuple[Array, Array, float]]
Unit = Callable[[Array], Array]


def solve(objective: Objective, start: Array | None, control: Control) -> Outcome:
    """Minimise a differentiable objective from `start` (in standard units); one pass over X an iteration, mostly."""
    point = objective.evaluate(objective.null if start is None else start)
    pairs: Pairs = deque(maxlen=_MEMORY)
    unit: Unit | None = getattr(objective, "null_inverse", lambda: None)()
    while True:
        certificate = objective.kkt(point.gradient)
        reason = control.stop(point.value, certificate)
        if reason is not None:
            note = long_step(objective, pairs[-1][0]) if reason == "tol" and pairs else ""
            return Outcome(point.theta, point.value, certificate, "kkt", reason, note)
        ahead = stepped(objective, point, quasi_newton(pairs, point.gradient, unit))
        if ahead is None and pairs:
            pairs.clear()
            ahead = stepped(objective, point, quasi_newton(pairs, point.gradient, unit))
        if ahead is None:
            return Outcome(point.theta, point.value, certificate, "kkt", "no progress")
        s, z = ahead.theta - point.theta, ahead.gradient - point.gradient
        if s @ z > 1e-12 * np.sqrt((s @ s) * (z @ z)):
            pairs.append((s, z, float(s @ z)))
        point = ahead


def quasi_newton(pairs: Pairs, gradient: Array, unit: Unit | None = None) -> Array:
    """The two-loop recursion: minus the inverse Hessian that the pairs imply, times the gradient.

    `unit` multiplies by the inverse that the pairs correct, but for its size; the identity by default.
    """
    q = gradient.copy()
    shares = []
    for s, z, product in reversed(pairs):
        shares.append(float(s @ q) / product)
        q -= shares[-1] * z
    if unit is not None:
        q = unit(q)
    if pairs:
        _, z, product = pairs[-1]
        q *= product / float(z @ (z if unit is None else unit(z)))
    for (s, z, product), share in zip(pairs, reversed(shares), strict=True):
        q += (share - float(z @ q) / product) * s
    return -q


def stepped(objective: Objective, point: Point, step: Array) -> Point | None:
    """Where a step leads, or as much of it as is well taken; None if it is not downhill."""
    slope = float(point.gradient @ step)
    if not slope < 0:
        return None
    ahead = objective.evaluate(point.theta + step)
    rise = float(ahead.gradient @ step)
    if falls_enough(ahead.value, rise, point.value, slope, 1.0, 1e-14 * abs(point.value)) and rise >= 0.9 * slope:
        return ahead
    t = wolfe_step(objective.along(point.theta, step, point.scores), point.value, slope)
    return objective.evaluate(point.theta + t * step) if t > 0 else None
