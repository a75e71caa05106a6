"""A loss bent to another shape: asymmetric, scaled, smoothed, clipped."""

from __future__ import annotations

import dataclasses
import itertools
import math

from losskit.base import Pointwise
from losskit.calculus import constant, maximum, minimum, symbol, where
from losskit.calculus.graph import Node, as_node, substitute
from losskit.combine.base import Combined, bounds_times, times
from losskit.domains import Positive, Probability, Scale
from losskit.errors import ParameterError
from losskit.tracing import Trace, in_place_of
from losskit.traits import Traits


class Asymmetric(Combined):
    """A loss of the residual, times `level` where the target is above the prediction, times 1 - level where below.

    Of SquaredError it is `Expectile(level)`, of AbsoluteError `Quantile(level)`.
    """

    loss: Pointwise
    level: Probability = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        self._need(self.loss.variables == ("r",), "a loss of the residual", "Weighted weighs classes")

    def derived(self, variables: tuple[Node, ...], predictions: tuple[Node, ...]) -> Trace:
        (r,) = variables
        weight = where(r > 0, 1 - self.level, self.level)
        return times(weight, self.loss.derived(variables, predictions))

    def traits(self) -> Traits:
        known = self.loss.traits()
        most, least = maximum(self.level, 1 - self.level), minimum(self.level, 1 - self.level)
        scaled = bounds_times(known, most, most, least if known.convex else most)
        return dataclasses.replace(scaled, symmetric=None, elicits=None, breakdown=None)


class Scaled(Combined):
    """sigma^2 L(r / sigma): a loss of the residual in units of `sigma`, with its curvature kept.

    `Scaled(Huber(1.345), sigma)` is `Huber(1.345 * sigma)`. With sigma="auto" the scale comes from the data: MAD/0.6745
    of the residuals.
    """

    tuning = {"sigma": 1.0}
    loss: Pointwise
    sigma: Scale = "auto"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._need(self.loss.variables == ("r",), "a loss of the residual", "Divide y and f yourself")
        if self.loss._open():
            raise ParameterError(f"{self.loss!r} takes its scale from the data already; give its parameter a number")

    def derived(self, variables: tuple[Node, ...], predictions: tuple[Node, ...]) -> Trace:
        (r,) = variables
        own = symbol("_in_units")
        trace = in_place_of(self.loss.derived((own,), (own,)), own, r / self.sigma)
        return Trace(
            self.sigma * (self.sigma * trace.value), tuple(self.sigma * g for g in trace.gradient), trace.hessian
        )

    def traits(self) -> Traits:
        known = self.loss.traits()
        sigma = math.nan if isinstance(self.sigma, str) else self.sigma
        kinks = None if known.kinks is None else tuple(sigma * k for k in known.kinks)
        return dataclasses.replace(bounds_times(known, sigma, 1.0), kinks=kinks)


class Smoothed(Combined):
    """The Moreau envelope of a piecewise-linear convex loss: kinks become parabolas of curvature 1/width.

    `Smoothed(AbsoluteError(), width)` is `Huber(width)` divided by the width.
    """

    loss: Pointwise
    width: Positive = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        known = self.loss.traits()
        fits = bool(known.convex and known.curvature == 0 and known.kinks) and bool(self.loss.variables)
        self._need(fits, "a convex loss made of straight lines, with its kinks known", "Others are smooth already")

    @property
    def source(self) -> str:  # type: ignore[override]
        return f"Moreau (1965), doi:10.24033/bsmf.1625; {self.loss.source}"

    def derived(self, variables: tuple[Node, ...], predictions: tuple[Node, ...]) -> Trace:
        (x,) = variables
        own = symbol("_own")
        inner, w = self.loss.derived((own,), (own,)), as_node(self.width)
        kinks = [as_node(k) for k in self.loss.traits().kinks or ()]
        between = [kinks[0] - 1, *((a + b) / 2 for a, b in itertools.pairwise(kinks)), kinks[-1] + 1]
        slopes = [substitute(inner.gradient[0], {own: place}) for place in between]
        # left of all kinks the envelope is the line, lower by width/2 slope^2; each kink adds a ramp that bends up
        value = substitute(inner.value, {own: kinks[0]}) + slopes[0] * (x - kinks[0]) - w * slopes[0] ** 2 / 2
        gradient, hessian = slopes[0], constant(0.0)
        for kink, (left, right) in zip(kinks, itertools.pairwise(slopes), strict=True):
            past = x - kink - w * left  # how far into the parabola, which ends at width times the jump
            rise = minimum(maximum(past, 0.0), w * (right - left))
            value = value + rise / w * (past - rise / 2)
            gradient = gradient + rise / w
            hessian = hessian + where(past >= 0, where(past <= w * (right - left), 1 / w, 0.0), 0.0)
        return Trace(value, (gradient,), (hessian,))

    def traits(self) -> Traits:
        known = self.loss.traits()
        return Traits(
            convex=True, symmetric=known.symmetric, differentiable=True, bounded=False, lipschitz=known.lipschitz,
            curvature=1 / self.width, strong=0.0, calibrated=known.calibrated, redescending=False,
        )  # fmt: skip


class Clipped(Combined):
    """A loss that stops at `ceiling`: rows that cost more lose all pull."""

    loss: Pointwise
    ceiling: Positive = 1.0

    def derived(self, variables: tuple[Node, ...], predictions: tuple[Node, ...]) -> Trace:
        trace = self.loss.derived(variables, predictions)
        below = trace.value < self.ceiling
        gradient, hessian = (tuple(where(below, d, 0.0) for d in parts) for parts in (trace.gradient, trace.hessian))
        return Trace(minimum(trace.value, self.ceiling), gradient, hessian)

    def traits(self) -> Traits:
        known = self.loss.traits()
        return Traits(symmetric=known.symmetric, bounded=True, curvature=known.curvature)
