"""A smooth mean loss plus a penalty with kinks: what proximal solvers see, in standard units.

Certificates. For a loss that is convex and smooth and a penalty held up by |c| or c^2 in every column, the duality gap:
with o = w / sum(w), every d with a sum(o d) of 0 and u = X'(o d) bounds the objective from below by

    -sum(o L*(d)) - penalty*(-u),     L*(d) = d f' - L(f') for the f' at which L'(f') = d.

Candidates are the slopes at hand, d = s L'(f), shrunk by the s <= 1 at which penalty* is finite; and those that the
last quadratic model foretold, d = s (L'(f0) + L''(f0) (f - f0)), which hold on its columns exactly: their gap is the
square of what the model missed, where that of L'(f) is as large as a violation. The gap is a sum of
o (L(f) + L*(d) - d f) >= 0 over rows and penalty(c) + penalty*(-u) + u c >= 0 over columns: exact to rounding even
where it is tiny. Else the certificate is the distance of minus the gradient to the penalty's subdifferential, or the
length of a proximal step.
"""

from __future__ import annotations

import copy
from functools import cached_property
from typing import Any

import numpy as np

from losskit.errors import CapabilityError
from losskit.objectives.classes import ClassObjective
from losskit.objectives.design import Design
from losskit.objectives.linear import Array, Objective, Point, is_quadratic
from losskit.penalties import NoPenalty, Penalty, Pieces
from losskit.penalties.base import PiecewisePenalty
from losskit.rowwise import Rowwise
from losskit.solvers.control import CertificateKind
from losskit.solvers.duality import row_shares


class Composite:
    """sum(w L) / sum(w) + penalty(coef), the two apart.

    Attributes
    ----------
    smooth : the mean loss alone, an objective of `theta`
    at, scale : which entries of `theta` are coefficients, and theta = scale coef there
    """

    def __init__(
        self, loss: Any, penalty: Penalty, X: Any, y: Array, weights: Array | None, fit_intercept: bool,
        classes: int = 1, offset: Array | None = None, design: Design | None = None,
    ) -> None:  # fmt: skip
        if isinstance(loss, Rowwise) and loss.beyond:
            raise CapabilityError(
                f"{loss!r}: the one score of ordered classes is fitted by newton or lbfgs with the penalty L2 or none; "
                f"{penalty!r}, proximal solvers and paths are for losses of a score each (GridSearchCV finds an alpha)"
            )
        penalty.check(X.shape[1], classes)
        uniform = not penalty.separable
        smooth: Any = (
            ClassObjective(loss, NoPenalty(), X, y, weights, fit_intercept, classes, uniform, design)
            if isinstance(loss, Rowwise)
            else Objective(loss, NoPenalty(), X, y, weights, fit_intercept, uniform, offset, design)
        )
        if isinstance(smooth, ClassObjective):
            smooth.centred = penalty.smooth
        self._set(smooth, penalty, classes)

    def _set(self, smooth: Any, penalty: Penalty, classes: int) -> None:
        self.smooth, self.penalty, self.classes = smooth, penalty, classes
        self.loss, self.y, self.weights, self.design = smooth.loss, smooth.y, smooth.weights, smooth.design
        entries = np.arange(smooth.size).reshape(classes, -1)
        self.at = entries[:, : self.design.columns].ravel()
        self.scale = np.tile(self.design.scale, classes)
        self.size = smooth.size

    def with_penalty(self, penalty: Penalty) -> Composite:
        """The same data and loss under another penalty."""
        other = object.__new__(Composite)
        other._set(self.smooth, penalty, self.classes)
        return other

    def over(self, smooth: Any) -> Composite:
        """The same penalty with another mean loss, of the same columns."""
        other = object.__new__(Composite)
        other._set(smooth, self.penalty, self.classes)
        return other

    def as_one(self) -> Any:
        """The same as one objective, if the penalty is smooth; its units are its own."""
        one = copy.copy(self.smooth)
        one.penalty, one.centred = self.penalty, True
        if not hasattr(one, "stream"):  # whose batches are in the units of the sample
            extra = self.penalty.hessian_diagonal(np.zeros(self.design.columns)) / one.bend
            one.design = self.design.eased(extra)
        return one

    def thinned(self, stride: int) -> Composite:
        """The same over every `stride`-th row."""
        return self.over(self.smooth.thinned(stride))

    def part(self, columns: Array) -> Composite:
        """The same over these columns alone; of a penalty with a number a column, their numbers."""
        other = object.__new__(Composite)
        other._set(self.smooth.part(columns), self.penalty.part(columns), self.classes)
        return other

    def adopt(self, other: Composite, theta: Array) -> Array:
        """`theta` of what `thinned` made, in the units of this one."""
        return np.asarray(self.smooth.adopt(other.smooth, theta))

    def coef(self, theta: Array) -> Array:
        """The coefficients in the user's units."""
        return theta[self.at] / self.scale

    def value(self, point: Point) -> float:
        """The objective where the mean loss was evaluated."""
        return point.value + self.rule.value(self.coef(point.theta))

    @cached_property
    def rule(self) -> Any:
        """The penalty, or its pieces by coefficient where these are the same everywhere."""
        fixed = isinstance(self.penalty, PiecewisePenalty)
        return self.penalty.pieces(np.zeros(self.at.size)) if fixed else self.penalty

    def pieces(self, theta: Array) -> Pieces:
        """The penalty's pieces by entry of `theta`; none for intercepts."""
        return self._standard(self.penalty.pieces(self.coef(theta))) if self.rule is self.penalty else self._fixed

    @cached_property
    def _fixed(self) -> Pieces:
        return self._standard(self.rule)

    def _standard(self, pieces: Pieces) -> Pieces:
        l1, l2, low, high = pieces
        s, whole = self.scale, np.zeros(self.size)
        found = Pieces(whole, whole.copy(), whole - np.inf, whole + np.inf)
        for part, given in zip(found, (l1 / s, l2 / s**2, low * s, high * s), strict=True):
            part[self.at] = given
        return found

    def prox(self, theta: Array, step: float) -> Array:
        """The penalty's proximal step in standard units; of one scale for all columns if it is not separable."""
        out = theta.copy()
        by_column = step / self.scale**2
        steps = by_column if self.penalty.separable else float(by_column[0])
        out[self.at] = self.rule.prox(theta[self.at] / self.scale, steps) * self.scale
        return out

    def violations(self, theta: Array, gradient: Array) -> Array:
        """By entry, how far minus the gradient is from the penalty's slopes; or the proximal step's length."""
        if not self.penalty.separable:
            size = 1.0 / max(self._curvature, 1e-300)
            return np.abs(theta - self.prox(theta - size * gradient, size)) / size
        low, high = self.rule.slopes(self.coef(theta))
        found = np.abs(gradient)
        g = gradient[self.at]
        found[self.at] = np.maximum(np.maximum(low / self.scale + g, -(high / self.scale + g)), 0.0)
        return found

    @cached_property
    def _curvature(self) -> float:
        """Of the mean loss at the null model, on average: a unit for steps."""
        point = self.smooth.evaluate(self.smooth.null, order=2)
        return float(np.abs(point.hessian.diagonal()).max())

    def kkt(self, theta: Array, gradient: Array) -> float:
        """The largest violation over the mean size of L' with no coefficients."""
        return float(self.violations(theta, gradient).max(initial=0.0)) / self.smooth._reference

    @cached_property
    def null(self) -> Array:
        """The smooth part's null model, moved inside the penalty's bounds."""
        theta = self.smooth.null.copy()
        if self.penalty.separable and self.penalty.convex:
            theta[self.at] = self.penalty.prox(theta[self.at], 0.0) * self.scale
        return theta

    @cached_property
    def quadratic(self) -> bool:
        """Whether the loss has the same curvature everywhere, and the penalty is convex."""
        return is_quadratic(self.loss) and self.penalty.convex

    @property
    def null_value(self) -> float:
        """The mean loss at the null model."""
        return float(self.smooth.null_value)

    def scores(self, theta: Array) -> Array:
        """The score of each row."""
        return np.asarray(self.smooth.scores(theta))

    def to_user(self, theta: Array) -> tuple[Any, Any]:
        """Coefficients and intercept in the user's units."""
        return self.smooth.to_user(theta)

    def from_user(self, coef: Array, intercept: Any) -> Array:
        """The inverse of `to_user`, moved inside the penalty's bounds."""
        theta = self.smooth.from_user(coef, intercept)
        if self.penalty.separable and self.penalty.convex:
            theta[self.at] = self.penalty.prox(theta[self.at] / self.scale, 0.0) * self.scale
        return np.asarray(theta)

    @cached_property
    def kind(self) -> CertificateKind:
        """Which certificate there is."""
        traits = self.loss.traits()
        if self.classes > 1 or not (traits.convex and traits.differentiable and self.penalty.convex):
            return "kkt"
        if not self.penalty.separable or not hasattr(self.penalty, "pieces"):
            return "kkt"
        l1, l2, low, high = self.pieces(self.null)
        held = (l1 > 0) | (l2 > 0) | (np.isfinite(low) & np.isfinite(high))
        return "gap" if held[self.at].all() else "kkt"

    def relative_gap(self, point: Point, enough: float = np.inf, foretold: bool = False) -> float:
        """(value - lower bound) / value where the mean loss was evaluated; inf if no bound is found there.

        Also inf if the columns' part of it, which is had at once, is more than `enough`.
        """
        size = self._size(point)
        gap = self._gap(point, enough * size)[0]
        if foretold and gap > enough * size and self.foretold_gap(point) <= enough:
            gap = min(gap, self._gap(point, enough * size, self._foretold(point))[0])
        return gap / size

    def gap_of(self, point: Point, d: Array) -> float:
        """The relative gap with these slopes of the rows."""
        return self._gap(point, np.inf, d)[0] / self._size(point)

    def told(self, scores: Array) -> tuple[Array, Array]:
        """Targets and scores as the loss is asked of them: of a loss of the residual 0 and that.

        Of targets of 1e12 no double near them is a score whose residual is known to better than 1e-4.
        """
        if self.loss.variables == ("r",):
            return np.zeros_like(self.y), scores - self.y
        return self.y, scores

    def foretold_gap(self, point: Point) -> float:
        """About the relative gap with the slopes that the last model foretold, if no column but its own is felt.

        inf if there was no model.
        """
        if point.model is None or self.kind != "gap":
            return np.inf
        g, h = self.loss.gradient_and_hessian(self.y, self.scores_at(point), None, "sum")
        off = self._foretold(point) - g
        with np.errstate(divide="ignore", invalid="ignore"):
            rows = np.where(off == 0.0, 0.0, off**2 / (2.0 * h))
        return float(row_shares(self.smooth) @ rows) / self._size(point)

    def _foretold(self, point: Point) -> Array:
        """The slopes of rows that a model foretold for where it led."""
        assert point.model is not None, "asked of points that a model led to"
        f0, bend = point.model
        return np.asarray(self.loss.gradient(self.y, f0, None, "sum") + bend * (self.scores_at(point) - f0))

    def scores_at(self, point: Point) -> Array:
        """The scores of the rows where the mean loss was evaluated."""
        return np.asarray(self.smooth.scores(point.theta)) if point.scores is None else point.scores

    def _size(self, point: Point) -> float:
        """What a gap is relative to."""
        return max(self.value(point), 1e-5 * self.null_value, 1e-300)

    def safely_zero(self, point: Point) -> Array:
        """Columns whose coefficients are 0 at the minimum, as the gap at a point proves (arXiv 1611.05780).

        Where L'' <= k the dual is strongly concave: its maximum lies within sqrt(2 k gap) of the slopes at hand, in the
        norm by o, and X'(o d) within that times a column's norm. No column is told where there is no such k.
        """
        p, bend = self.design.columns, self.loss.traits().curvature
        if self.kind != "gap" or not bend or not np.isfinite(bend):
            return np.zeros(p, dtype=bool)
        gap, pull = self._gap(point, np.inf)
        low, high = self.rule.slopes(np.zeros(p))
        reach = self._norms * np.sqrt(2.0 * bend * gap)
        return np.asarray((low + pull < -reach) & (high + pull > reach))

    @cached_property
    def _norms(self) -> Array:
        """Of the columns, by o, about a middle if there is an intercept."""
        return self.scale * np.sqrt(self.design.squares(row_shares(self.smooth))[self.at])

    def _gap(self, point: Point, enough: float, slopes: Array | None = None) -> tuple[float, Array]:
        """Value less lower bound, inf once it is known to be more than `enough`; and the dual's X'(o d) by column.

        The candidate is the slopes at the point, or those given.
        """
        share = row_shares(self.smooth)
        y, f0 = self.told(self.scores_at(point))
        f, u = f0, point.gradient
        if slopes is not None:
            dual = scores_of_slopes(self.loss, y, f0, slopes)
            if dual is None:
                return np.inf, u[self.at]
            f, u = dual[1], self.design.adjoint(share * dual[0])
        if self.design.intercept and abs(u[-1]) > 1e-15 * self.smooth._reference:
            f, u = self._balanced(y, f, share)
        pull, coef = u[self.at] * self.scale, self.coef(point.theta)
        shrink = self._shrink(pull)
        pull = shrink * pull
        gap = max(self.rule.value(coef) + self.rule.conjugate(-pull) + float(pull @ coef), 0.0)
        shrunk = self._shrunk(y, f, shrink) if gap <= enough else None
        if shrunk is None:
            return np.inf, pull
        d, at = shrunk
        rows = self.loss(y, f0, None, "none") - self.loss(y, at, None, "none") - d * (f0 - at)
        return gap + float(share @ np.maximum(rows, 0.0)), pull

    def _balanced(self, y: Array, f: Array, share: Array) -> tuple[Array, Array]:
        """Scores shifted until the slopes' weighted sum is 0, and X'(o L') there."""
        loss, shift = self.loss, 0.0
        for _ in range(20):
            g, h = loss.gradient_and_hessian(y, f + shift, None, "sum")
            off, bend = float(share @ g), float(share @ h)
            if not bend > 0 or abs(off) <= 1e-17 * self.smooth._reference:
                break
            shift -= off / bend
            if abs(off / bend) <= 1e-15 * (1.0 + abs(shift)):
                break
        f = f + shift
        return f, self.design.adjoint(share * loss.gradient(y, f, None, "sum"))

    def _shrink(self, pull: Array) -> float:
        """The largest s up to 1 for which s times this pull is within the penalty's reach."""
        l1, l2, low, high = self.rule if isinstance(self.rule, Pieces) else self.penalty.pieces(np.zeros_like(pull))
        open_ = (l2 == 0) & ~(np.isfinite(low) & np.isfinite(high))
        up = np.where(np.isfinite(high), 0.0, np.maximum(-pull, 0.0))  # -pull = slope by c; bounds absorb one side
        down = np.where(np.isfinite(low), 0.0, np.maximum(pull, 0.0))
        over = np.maximum(up, down)[open_] / l1[open_]
        return 1.0 / max(1.0, float(over.max(initial=0.0)))

    def _shrunk(self, y: Array, f: Array, shrink: float) -> tuple[Array, Array] | None:
        """Slopes d = shrink L'(f), and scores at which L' is d."""
        d = np.asarray(self.loss.gradient(y, f, None, "sum"))
        return (d, f) if shrink == 1.0 else scores_of_slopes(self.loss, y, f, shrink * d)


def scores_of_slopes(loss: Any, y: Array, f: Array, target: Array) -> tuple[Array, Array] | None:
    """Slopes that are `target` to rounding, and scores where the loss has them; None if there are none near f."""
    at, size = f.copy(), float(np.abs(target).max(initial=0.0))
    for _ in range(8):
        g, h = loss.gradient_and_hessian(y, at, None, "sum")
        off = np.where(h > 0, g - target, 0.0)
        if np.abs(off).max() <= 1e-15 * size:
            break
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            at = at - np.where(off == 0.0, 0.0, off / h)
        if not np.isfinite(at).all():
            return None
    g = np.asarray(loss.gradient(y, at, None, "sum"))
    off = np.abs(g - target)
    missed = np.flatnonzero(off > 1e-14 * size)
    if missed.size and loss.variables == ("r",):  # where the loss is straight: between y, where the slope is 0, and f
        low, high = y[missed], f[missed]
        for _ in range(60):
            middle = (low + high) / 2
            short = np.abs(loss.gradient(y[missed], middle, None, "sum")) < np.abs(target[missed])
            low, high = np.where(short, middle, low), np.where(short, high, middle)
        at[missed] = high
        g[missed] = loss.gradient(y[missed], high, None, "sum")
        off = np.abs(g - target)
    return (g, at) if off.max() <= 1e-13 * size else None
