"""Proximal gradient with momentum and restarts: any smooth loss with any penalty whose proximal step is known.

A step of 1 / bound where the curvature is bounded, else one found by backtracking. Momentum is dropped whenever it
points uphill (O'Donoghue and Candes 2015, DOI 10.1007/s10208-013-9150-3): convergence is then linear near most minima.
"""

from __future__ import annotations

import numpy as np

from losskit.objectives.linear import Array, Point
from losskit.solvers.composite import Composite
from losskit.solvers.control import Control, Outcome
from losskit.solvers.proximal_newton import certify

_CHECK = 10  # iterations between two certificates


def solve(objective: Composite, start: Array | None, control: Control) -> Outcome:
    """Minimise from `start` (in standard units); an iteration is a few steps, one or two passes over X each."""
    smooth = objective.smooth
    point = smooth.evaluate(objective.null if start is None else start)
    curve = smooth.curvature_bound() if hasattr(smooth, "curvature_bound") and smooth.size <= 1000 else np.inf
    fixed = bool(np.isfinite(curve))
    bend = float(curve) if fixed else objective._curvature
    ahead, momentum, before = point, 1.0, point.theta
    best, stalled = np.inf, 0
    while True:
        violations = objective.violations(point.theta, point.gradient)
        kind, certificate, kkt = certify(objective, point, violations, control.tol)
        reason = control.stop(objective.value(point), certificate)
        stalled = 0 if kkt < 0.99 * best else stalled + 1
        best = min(best, kkt)
        if reason is None and (kkt == 0.0 or stalled > 20 * _CHECK):
            reason = "no progress"
        if reason is not None:
            if not np.isfinite(certificate):
                kind, certificate = "kkt", kkt
            return Outcome(point.theta, objective.value(point), certificate, kind, reason)
        for _ in range(_CHECK):
            point, bend = _step(objective, ahead, bend, fixed)
            move = point.theta - before
            if float((ahead.theta - point.theta) @ move) > 0:  # uphill
                momentum = 1.0
            later = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
            before, push = point.theta, (momentum - 1) / later
            momentum = later
            ahead = smooth.evaluate(point.theta + push * move) if push else point


def _step(objective: Composite, ahead: Point, bend: float, fixed: bool) -> tuple[Point, float]:
    """One proximal step from `ahead`, and the curvature it took."""
    bend = bend if fixed else bend * 0.9
    while True:
        theta = objective.prox(ahead.theta - ahead.gradient / bend, 1.0 / bend)
        point = objective.smooth.evaluate(theta)
        if fixed:
            return point, bend
        move = theta - ahead.theta
        model = ahead.value + float(ahead.gradient @ move) + bend / 2 * float(move @ move)
        if point.value <= model + 1e-14 * abs(model) or bend > 1e300:
            return point, bend
        bend *= 2.0
