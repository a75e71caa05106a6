"""Proximal Newton: the loss's quadratic model plus the penalty itself, minimised exactly on its Gram matrix.

`quadratic` says how. Of many columns only a working set is looked at: those that are not 0, and those whose slopes most
exceed what the penalty holds. A Gram matrix of few columns is cheap, be X dense or sparse. When the working set is
solved, one pass over all columns says whether it was large enough. Of a concave penalty every step sees the tangent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from losskit.objectives.linear import Array, Point
from losskit.penalties import Penalty, Pieces
from losskit.solvers.composite import Composite
from losskit.solvers.control import CertificateKind, Control, Outcome
from losskit.solvers.quadratic import solve_quadratic
from losskit.solvers.working import WorkingGram

WHOLE = 30  # columns up to which all are worked on
_FIRST = 8.0  # of more, how many at first: the root of so many times the columns, whose Gram matrix is cheap to make,
_FIRST_OF_MANY = 4.0  # or of so many where it is made again and again
_STRIDE = 16
_MANY = 50_000  # rows from which a start from fewer rows pays
_INNER = 8  # Newton steps on one working set
_ENOUGH = 0.2  # of the violation of the columns outside may be left on a working set
_EXACT = 0.01  # of the tolerance is what is left at least
_STEEP = 0.01  # of the tolerance's root may be violated where a model's slopes tell the gap, for coefficients' sake
_SURE = 0.1  # of the tolerance: a gap foretold to be so small will be
_ROUNDED = 1e-3  # of a tolerance: a violation this small is none
_FALLS = 1e-9  # of a value: a round that takes off less is none
_FAST = 0.03  # of the violation is left by a step whose Hessian serves once more
_LEFT = 0.02  # of the violation that is good enough may be left of a model's
_SHORT = 1e-20  # of a step: those of a loss that is straight but for a few rows are as long
_DAMPED = 1e-9  # of a mean diagonal: keeps the model's minimum in reach where the loss is straight

Minimised = Callable[[Array, Array, Array, Pieces, float], tuple[Array, Array, float]]  # as `solve_quadratic`


@dataclass
class Warm:
    """What a fit leaves to the next one along a path: where it ended and under which penalty, and its columns."""

    point: Point | None = None
    penalty: Penalty | None = None
    gram: WorkingGram | None = None
    part: Part | None = None


def solve(objective: Composite, start: Array | None, control: Control, warm: Warm | None = None) -> Outcome:
    """Minimise from `start` (in standard units), or from where the last fit of a path ended."""
    whole = objective.size <= min(WHOLE, objective.design.rows) or objective.classes > 1
    warm = warm or Warm()
    if not whole and objective.quadratic and warm.gram is None:
        warm.gram = WorkingGram(objective.smooth)
    part = None if warm.part is None else warm.part.under(objective.penalty)
    point = warm.point or objective.smooth.evaluate(_first(objective) if start is None else start)
    screened = None if warm.penalty is None else _screened(objective, point, warm.penalty)
    idle = Idle()
    while True:
        violations = objective.violations(point.theta, point.gradient)
        kind, certificate, kkt = certify(objective, point, violations, control.tol)
        value = objective.value(point)
        reason = control.stop(value, certificate)
        if reason is None and idle.no_progress(kkt, value):
            reason = "no progress"
        ahead = None
        if reason is None:
            columns = working(objective, point, violations if screened is None else screened)
            screened = None
            if whole:
                ahead = _newton_step(objective, point, _hessian(objective, point), solve_quadratic)
            elif warm.gram is not None:
                ahead = _solved_exactly(objective, point, columns, warm.gram)
            else:
                ahead, part = solved_part(objective, point, violations, columns, part, control.tol)
            reason = "no progress" if ahead is None else None
        if reason is not None or ahead is None:
            warm.point, warm.penalty, warm.part = point, objective.penalty, part
            return ended(point.theta, value, (kind, certificate, kkt), reason or "no progress", control.tol)
        point = ahead


class Idle:
    """Whether violations or values still fall."""

    def __init__(self) -> None:
        self._best, self._least, self._rounds = np.inf, np.inf, 0

    def no_progress(self, kkt: float, value: float) -> bool:
        """Whether no violation is left, or neither has fallen for a while."""
        falls = kkt < 0.7 * self._best or value < self._least - _FALLS * abs(self._least)
        self._rounds = 0 if falls or np.isinf(self._least) else self._rounds + 1
        self._best, self._least = min(self._best, kkt), min(self._least, value)
        return kkt == 0.0 or self._rounds > _INNER


Certificate = tuple[CertificateKind, float, float]  # as of `certify`


def ended(theta: Array, value: float, certified: Certificate, reason: str, tol: float) -> Outcome:
    """Where a solver ended: where no gap was in reach, with the violation."""
    kind, certificate, kkt = certified
    if np.isfinite(certificate):
        return Outcome(theta, value, certificate, kind, reason)
    return Outcome(theta, value, kkt, "kkt", "tol" if reason == "no progress" and kkt <= tol else reason)


def certify(objective: Composite, point: Point, violations: Array, tol: float) -> Certificate:
    """The certificate's kind and size (inf while a gap of `tol` is out of reach), and the relative violation."""
    kkt = float(violations.max(initial=0.0)) / objective.smooth._reference
    if objective.kind == "kkt":
        return "kkt", kkt, kkt
    near = kkt <= max(1e3 * tol, 10 * np.sqrt(tol))  # a gap is about a violation, or its square
    gap = objective.relative_gap(point, tol, kkt <= _STEEP * np.sqrt(tol)) if near else np.inf
    if gap > tol and kkt <= _ROUNDED * min(tol, 1e-10):  # beside the loss the penalty is less than rounding
        return "kkt", kkt, kkt
    return "gap", gap, kkt


def _first(objective: Composite) -> Array:
    """The null model, or the solution of fewer rows if there are many."""
    many = objective.design.rows >= max(_MANY, 20 * _STRIDE * objective.size)
    if many and objective.classes == 1 and not objective.quadratic:
        fewer = objective.thinned(_STRIDE)
        found = solve(fewer, None, Control(tol=1e-3, max_iter=20))
        return objective.adopt(fewer, found.theta)
    return objective.null


def working(objective: Composite, point: Point, violations: Array) -> Array:
    """The columns to work on: what is not 0, and as many again of the most violated."""
    p = objective.design.columns
    used = point.theta[:p] != 0.0
    once = objective.quadratic
    count = min(p, max(int(np.sqrt((_FIRST if once else _FIRST_OF_MANY) * p)), 2 * int(used.sum())))
    rank = np.where(used, np.inf, violations[:p])
    chosen = np.argpartition(-rank, count - 1)[:count] if count < p else np.arange(p)
    return np.sort(chosen[rank[chosen] > 0])


@dataclass(frozen=True)
class Model:
    """How the mean loss curves: its Hessian, and for a gap the second derivative of each row."""

    hessian: Array
    bend: Array | None

    @classmethod
    def at(cls, objective: Composite, point: Point) -> Model:
        """Where the mean loss was evaluated."""
        bend = None
        if objective.kind == "gap":
            bend = objective.loss.gradient_and_hessian(objective.y, objective.scores_at(point), None, "sum")[1]
        return cls(_hessian(objective, point), bend)


@dataclass
class Part:
    """Some columns, the objective over them, and a quadratic model for as long as one serves."""

    columns: Array
    problem: Composite
    model: Model | None = None

    @classmethod
    def of(cls, objective: Composite, columns: Array, last: Part | None) -> Part:
        """These columns, or the last ones with them if they are not many more."""
        if last is None or not np.isin(columns, last.columns).all():
            return cls(columns, objective.part(columns))
        if 2 * len(columns) > len(last.columns):
            return last
        return cls(columns, last.problem.part(np.searchsorted(last.columns, columns)))

    def under(self, penalty: Penalty) -> Part:
        """The same columns under another penalty."""
        return Part(self.columns, self.problem.with_penalty(penalty.part(self.columns)), self.model)


def _screened(objective: Composite, point: Point, last: Penalty) -> Array | None:
    """Violations under 2 alpha less the last alpha: the sequential strong rule, doi:10.1111/j.1467-9868.2011.01004.x.

    It looks ahead: a slope seldom moves by more than alpha does. What it leaves out is looked at again in the end.
    """
    alpha, before = objective.penalty.parameters["alpha"], last.parameters["alpha"]
    if not alpha < before < 2 * alpha:
        return None
    ahead = objective.with_penalty(objective.penalty.with_alpha(2 * alpha - before))
    return ahead.violations(point.theta, point.gradient)


def _outside(objective: Composite, violations: Array, held: Part | None) -> float:
    """The largest relative violation of the columns that were not worked on."""
    if held is None:
        return float(violations.max(initial=0.0)) / objective.smooth._reference
    others = violations.copy()
    others[entries_of(objective, held.columns)] = 0.0
    return float(others.max(initial=0.0)) / objective.smooth._reference


def solved_part(
    objective: Composite, point: Point, violations: Array, columns: Array, last: Part | None, tol: float,
    minimised: Minimised = solve_quadratic,
) -> tuple[Point | None, Part]:  # fmt: skip
    """The objective minimised over some columns as far as what lies outside deserves, and their part for the next."""
    enough = max(_ENOUGH * _outside(objective, violations, last), _EXACT * tol)
    held = Part.of(objective, columns, last)
    return _solved_on(objective, point, held, enough, minimised, tol), held


def _solved_on(
    objective: Composite, point: Point, held: Part, enough: float, minimised: Minimised, tol: float
) -> Point | None:
    """The objective minimised over some columns and the intercept, until their relative violation is small `enough`.

    Or until their share of the gap is.
    """
    theta, part = point.theta, held.problem
    entries, out = entries_of(objective, held.columns), theta.copy()
    inner, moved = Point(theta[entries], point.value, point.gradient[entries], scores=point.scores), False
    for _ in range(_INNER):
        ahead = _step(held, inner, minimised, _LEFT * enough)
        if ahead is None:
            break
        inner, moved = ahead, True
        left = _kkt(part, inner)
        if left <= enough or (left <= _STEEP * np.sqrt(tol) and part.foretold_gap(inner) <= _SURE * tol):
            break
    out[entries] = inner.theta
    return replace(objective.smooth.evaluate(out, scores=inner.scores), model=inner.model) if moved else None


def _solved_exactly(objective: Composite, point: Point, columns: Array, gram: WorkingGram) -> Point | None:
    """A quadratic loss minimised over these columns, those before them and the intercept."""
    theta, H = point.theta, gram.grow(columns)
    entries = entries_of(objective, gram.columns)
    pieces, tol = Pieces(*(part[entries] for part in objective.pieces(theta))), 1e-16 * objective.smooth._reference
    out = theta.copy()
    out[entries] = solve_quadratic(H, point.gradient[entries], theta[entries], pieces, tol)[0]
    return None if np.array_equal(out, theta) else objective.smooth.evaluate(out, scores=gram.scores(out[entries]))


def entries_of(objective: Composite, columns: Array) -> Array:
    """Where `theta` has these columns and the intercept."""
    return np.append(columns, objective.size - 1) if objective.design.intercept else columns


def _step(held: Part, point: Point, minimised: Minimised, left: float) -> Point | None:
    """Where a step by the last model leads, or by a new one if there is none that serves; None if nowhere.

    `left` is the relative violation that the model's minimum may have.
    """
    problem, kept = held.problem, held.model is not None
    model = held.model = held.model or Model.at(problem, point)
    ahead = _newton_step(problem, point, model.hessian, minimised, left)
    slow = ahead is None or not _kkt(problem, ahead) <= _FAST * _kkt(problem, point)
    if slow and not problem.quadratic:
        held.model = None
        if ahead is None and kept:
            return _step(held, point, minimised, left)
    if ahead is None or model.bend is None:
        return ahead
    return replace(ahead, model=(problem.scores_at(point), model.bend))


def _kkt(objective: Composite, point: Point) -> float:
    return objective.kkt(point.theta, point.gradient)


def _hessian(objective: Composite, point: Point) -> Array:
    """Of the mean loss where it was evaluated, so that a quadratic model has a minimum."""
    H = objective.smooth.hessian_at(point)
    if not objective.loss.traits().convex:
        H = convex(H)
    if not objective.quadratic:
        H = np.array(H) if H is point.hessian else H
        H[np.diag_indices_from(H)] += _DAMPED * (float(np.mean(np.diagonal(H))) or objective.smooth.bend)
    return H


def _newton_step(
    objective: Composite, point: Point, H: Array, minimised: Minimised, left: float = 0.0
) -> Point | None:
    """The objective at the model's minimum, or nearer if it does not fall enough there; None if nowhere."""
    theta, smooth = point.theta, objective.smooth
    pieces = objective.pieces(theta)
    new = minimised(H, point.gradient, theta, pieces, max(left, 1e-16) * smooth._reference)[0]
    step = new - theta
    if not step.any():
        return None
    ahead = smooth.evaluate(new)
    if objective.quadratic:
        return ahead

    def tangent(x: Array) -> float:
        return float(pieces.l1 @ np.abs(x) + pieces.l2 @ x**2 / 2)

    fall, value = float(point.gradient @ step) + tangent(new) - tangent(theta), objective.value(point)
    noise = 1e-14 * abs(value)
    if not fall < noise:
        return None
    if objective.value(ahead) <= value + 1e-4 * fall + noise:
        return ahead
    line, t = smooth.along(theta, step, point.scores), 0.5
    while t > _SHORT:
        new = theta + t * step
        if line(t)[0] + objective.penalty.value(objective.coef(new)) <= value + 1e-4 * t * fall + noise:
            return smooth.evaluate(new)
        t /= 2
    return None


def convex(H: Array) -> Array:
    """H with the sizes of its eigenvalues, so that the model has a minimum."""
    values, vectors = np.linalg.eigh(H)
    return np.asarray((vectors * np.abs(values)) @ vectors.T)
