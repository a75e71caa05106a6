"""Penalty: a frozen value, as a loss is, whose parameters are annotated with their domains.

Most penalties are a sum over coefficients, and most of those have one shape (`Pieces`), which solvers know how to
minimise exactly; the concave ones have such a shape for a tangent. The rest say their proximal step alone.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self, dataclass_transform

import numpy as np

from losskit.errors import CapabilityError, ShapeError
from losskit.parameters import checked, parameter_domains

Array = np.ndarray
_EDGE = 1e-12  # of a bound's size: a coefficient this near to it is at it


class Pieces(NamedTuple):
    """sum_j l1_j |c_j| + l2_j/2 c_j^2, and infinite outside low_j <= c_j <= high_j."""

    l1: Array
    l2: Array
    low: Array
    high: Array

    @property
    def bounded(self) -> bool:
        """Whether there is a bound anywhere."""
        return self.low.max(initial=-np.inf) > -np.inf or self.high.min(initial=np.inf) < np.inf

    def value(self, coef: Array) -> float:
        """The sum."""
        low, high = self.low, self.high
        if self.bounded and np.any(
            (coef < low * (1.0 - _EDGE * np.sign(low))) | (coef > high * (1.0 + _EDGE * np.sign(high)))
        ):
            return float("inf")
        used = np.flatnonzero(coef)
        few = coef[used]
        return float(self.l1[used] @ np.abs(few) + self.l2[used] @ few**2 / 2)

    def prox(self, coef: Array, step: Any = 1.0) -> Array:
        """As a penalty's."""
        return np.clip(soft(coef, step * self.l1) / (1.0 + step * self.l2), self.low, self.high)

    def slopes(self, coef: Array) -> tuple[Array, Array]:
        """The least and the greatest slope at each coefficient."""
        l1, l2, low, high = self
        down, up, used = -l1, l1.copy(), np.flatnonzero(coef)
        down[used] = up[used] = l2[used] * coef[used] + l1[used] * np.sign(coef[used])
        if self.bounded:
            down[coef <= low * (1.0 + _EDGE * np.sign(low))] = -np.inf
            up[coef >= high * (1.0 - _EDGE * np.sign(high))] = np.inf
        return down, up

    def conjugate(self, slope: Array) -> float:
        """The largest slope @ coef - value(coef)."""
        l1, l2, low, high = self
        over = np.abs(slope) - l1
        over[over <= 4e-16 * l1] = 0.0  # rounding of a slope at the end of its range
        free = np.flatnonzero((over > 0) | (low > 0) | (high < 0))  # elsewhere 0 is best
        slope, l1, l2, pull = slope[free], l1[free], l2[free], np.sign(slope[free]) * over[free]
        with np.errstate(divide="ignore", invalid="ignore"):
            best = np.clip(np.where(pull == 0.0, 0.0, pull / l2), low[free], high[free])
        if not np.isfinite(best).all():
            return float("inf")
        return float(np.sum(slope * best - l1 * np.abs(best) - l2 * best**2 / 2))


@dataclass_transform(frozen_default=True)
class Penalty:
    """Base of every penalty. The objective is sum(w L) / sum(w) + penalty(coef).

    A subclass annotates its parameters with domains and writes the methods below as far as they apply; it becomes a
    frozen dataclass by itself. All of them take the coefficients in the user's own units, without the intercept.

    Attributes
    ----------
    convex : whether it is
    smooth : whether it has `gradient` and `hessian_diagonal` everywhere
    separable : whether it is a sum over coefficients, and so has `slopes`, `pieces` and a step a coefficient in `prox`
    """

    convex: ClassVar[bool] = True
    smooth: ClassVar[bool] = False
    separable: ClassVar[bool] = True

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        dataclass(frozen=True, repr=False)(cls)

    def __post_init__(self) -> None:
        for name, rule in parameter_domains(type(self)).items():  # type: ignore[arg-type]
            object.__setattr__(self, name, checked(self, name, getattr(self, name), rule))

    def __repr__(self) -> str:
        default = {field.name: field.default for field in dataclasses.fields(self)}  # type: ignore[arg-type]
        shown = [
            f"{name}={value!r}"
            for name, value in self.parameters.items()
            if not (default[name] is None or default[name] is False) or value != default[name]
        ]
        return f"{type(self).__name__}({', '.join(shown)})"

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters by name, in the order of the signature."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}  # type: ignore[arg-type]

    @property
    def strong(self) -> float:
        """The largest m for which penalty(coef) - m/2 ||coef||^2 is convex; 0 if none is known."""
        return 0.0

    def value(self, coef: Array) -> float:
        """The penalty of these coefficients."""
        raise self._cannot("has no value: define value(self, coef)")

    def gradient(self, coef: Array) -> Array:
        """Its derivative by each coefficient."""
        raise self._cannot("has kinks, so it has no gradient; use slopes or prox")

    def hessian_diagonal(self, coef: Array) -> Array:
        """Its second derivative by each coefficient; the mixed ones are 0."""
        raise self._cannot("has kinks, so it has no Hessian; use slopes or prox")

    def prox(self, coef: Array, step: Any = 1.0) -> Array:
        """The c that minimises penalty(c) + sum((c - coef)^2 / (2 step)); `step` may be an array if separable."""
        raise self._cannot("has no proximal step: define prox(self, coef, step)")

    def slopes(self, coef: Array) -> tuple[Array, Array]:
        """The least and the greatest slope at each coefficient: the ends of the subdifferential."""
        raise self._cannot("is no sum over coefficients, so it has no slopes; use prox")

    def pieces(self, coef: Array) -> Pieces:
        """The penalty as a function of each coefficient, or for concave ones its tangent at |coef|."""
        raise self._cannot("is no sum over coefficients; use prox")

    def conjugate(self, slope: Array) -> float:
        """The largest slope @ coef - penalty(coef) over all coefficients: what a dual bound pays."""
        raise self._cannot("has no conjugate here")

    def alpha_max(self, gradient: Array) -> float:
        """The least `alpha` at which coefficients of 0 are stationary, given the mean loss's gradient there."""
        raise self._cannot("keeps no coefficient at 0 by its alpha")

    def with_alpha(self, alpha: float) -> Self:
        """The same penalty at another strength."""
        if "alpha" not in self.parameters:
            raise self._cannot("has no alpha")
        return dataclasses.replace(self, alpha=float(alpha))  # type: ignore[type-var]

    def part(self, columns: Array) -> Self:
        """The same penalty of these columns alone, if it is separable."""
        weights = self.parameters.get("weights")
        if weights is None:
            return self
        return dataclasses.replace(self, weights=tuple(np.asarray(weights)[columns]))  # type: ignore[type-var]

    def check(self, columns: int, classes: int = 1) -> None:
        """Raise ShapeError if a parameter has not one number for each of the columns."""
        for name in ("weights", "groups"):
            given = self.parameters.get(name)
            if given is not None and len(given) != columns and not (name == "weights" and "groups" in self.parameters):
                raise ShapeError(
                    f"{type(self).__name__} has {len(given)} {name} and X has {columns} columns; give one a column"
                )

    def _cannot(self, why: str) -> CapabilityError:
        return CapabilityError(f"{type(self).__name__} {why}")

    def _by_column(self, numbers: tuple[float, ...] | None, coef: Array) -> Array:
        """One number a coefficient; of several classes the columns' numbers repeat."""
        if numbers is None:
            return np.ones_like(coef)
        return np.tile(numbers, coef.size // len(numbers))


class PiecewisePenalty(Penalty):
    """A penalty that is `Pieces` everywhere: subclasses say which."""

    def value(self, coef: Array) -> float:
        return self.pieces(coef).value(coef)

    def prox(self, coef: Array, step: Any = 1.0) -> Array:
        return self.pieces(coef).prox(coef, step)

    def slopes(self, coef: Array) -> tuple[Array, Array]:
        return self.pieces(coef).slopes(coef)

    def conjugate(self, slope: Array) -> float:
        return self.pieces(slope).conjugate(slope)

    def alpha_max(self, gradient: Array) -> float:
        unit = self.with_alpha(1.0)
        low, high = unit.slopes(np.zeros_like(gradient))
        return largest_ratio(np.maximum(-gradient, 0.0), high, np.maximum(gradient, 0.0), -low)


def soft(x: Array, t: Any) -> Array:
    """x moved towards 0 by t, no further than 0."""
    return np.sign(x) * np.maximum(np.abs(x) - t, 0.0)


def largest_ratio(*pairs: Array) -> float:
    """The largest of pull / hold over arrays (pull, hold, pull, hold ...); a hold of 0 belongs to nothing penalised."""
    ratios = [pull[hold > 0] / hold[hold > 0] for pull, hold in zip(pairs[::2], pairs[1::2], strict=True)]
    return float(max((r.max(initial=0.0) for r in ratios), default=0.0))
