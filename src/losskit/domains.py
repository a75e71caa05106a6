"""Domains of parameters, targets and predictions: each checks, samples test values and prints itself.

A parameter's domain is its annotation, `delta: Positive = 1.0`; `Scale` also takes "auto".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Annotated, Any, ClassVar, Literal

import numpy as np

from losskit.calculus.graph import Node, constant


def powers_of_ten(rng: np.random.Generator, low: float, high: float, size: int) -> np.ndarray:
    """10 to powers drawn from [low, high).

    By C's `pow`: the last bits of NumPy's depend on the processor, and with them what a search finds.
    """
    return np.array([10.0**power for power in rng.uniform(low, high, size).tolist()])


@dataclass(frozen=True)
class Each:
    """A parameter of one number a class, or of something else: so many numbers or more, each of a domain."""

    domain: Domain
    of: str = "class"
    least: int = 2

    def checked(self, value: Any) -> tuple[float, ...] | None:
        """`value` as a tuple of floats of the domain, or None if it is none."""
        try:
            numbers = np.asarray(value)
            inside = numbers.ndim == 1 and numbers.size >= self.least and numbers.dtype.kind in "biuf"
            return tuple(map(float, numbers)) if inside and self.domain.contains(numbers).all() else None
        except ValueError:
            return None

    def describe(self, name: str) -> str:
        """The domain in words."""
        return f"{self.domain.describe(f'each of {name}')}, one number a {self.of}"


@dataclass(frozen=True)
class Words:
    """A parameter that is one of a few words."""

    words: tuple[str, ...]

    def checked(self, value: Any) -> str | None:
        """`value` if it is one of the words, else None."""
        return value if isinstance(value, str) and value in self.words else None

    def describe(self, name: str) -> str:
        """The words as a condition on `name`."""
        return f"{name} in {{{', '.join(map(repr, self.words))}}}"


@dataclass(frozen=True)
class Increasing:
    """A parameter of increasing numbers of a domain: `least` of them or more."""

    domain: Domain
    least: int = 1

    def checked(self, value: Any) -> tuple[float, ...] | None:
        """`value` as a tuple of floats, or None if it is none."""
        try:
            numbers = np.asarray(value)
            inside = numbers.ndim == 1 and numbers.size >= self.least and numbers.dtype.kind in "iuf"
            rises = inside and self.domain.contains(numbers).all() and (numbers[1:] > numbers[:-1]).all()
        except ValueError:
            return None
        return tuple(map(float, numbers)) if rises else None

    def describe(self, name: str) -> str:
        """The domain in words."""
        return f"{self.domain.describe(f'each of {name}')}, in increasing order"


@dataclass(frozen=True)
class Whole:
    """A parameter that is a whole number, from `low` on if given."""

    low: int | None = None

    def checked(self, value: Any) -> int | None:
        """`value` as an int, or None if it is none."""
        whole = isinstance(value, Integral) and not isinstance(value, bool)
        return int(value) if whole and (self.low is None or value >= self.low) else None

    def describe(self, name: str) -> str:
        """The domain in words."""
        return f"{name} a whole number" + ("" if self.low is None else f" >= {self.low}")


@dataclass(frozen=True)
class Groups:
    """A parameter that names the group of each coefficient: 0, 1 ..., and -1 for one that belongs to none."""

    def checked(self, value: Any) -> tuple[int, ...] | None:
        """`value` as a tuple of ints, or None if it is none."""
        labels = np.asarray(value if isinstance(value, (list, tuple, np.ndarray)) else ())
        good = labels.ndim == 1 and labels.size > 0 and labels.dtype.kind in "iu" and labels.min() >= -1
        return tuple(map(int, labels)) if good and labels.max() >= 0 else None

    def describe(self, name: str) -> str:
        """The domain in words."""
        return f"{name} a whole number a coefficient, 0 ... for its group or -1 for none"


@dataclass(frozen=True)
class Flag:
    """A parameter that is true or false."""

    def checked(self, value: Any) -> bool | None:
        """`value` as a bool, or None if it is none."""
        return bool(value) if isinstance(value, (bool, np.bool_)) else None

    def describe(self, name: str) -> str:
        """The domain in words."""
        return f"{name} True or False"


@dataclass(frozen=True)
class Domain:
    """Numbers from `low` to `high`; the flags say whether the ends belong. Infinite ends never do, for data."""

    low: float = -math.inf
    high: float = math.inf
    closed_low: bool = True
    closed_high: bool = True
    only: tuple[float, ...] = ()  # if given: just these numbers, and from low to high
    without: tuple[float, ...] = ()  # numbers between low and high that do not belong
    whole: bool = False  # integers alone

    @property
    def bounded(self) -> bool:
        """Whether anything but nan and the infinities lies outside."""
        return math.isfinite(self.low) or math.isfinite(self.high) or bool(self.only or self.without)

    def condition(self, x: Node) -> Node:
        """The boolean node "x is a finite number of this domain"; false for nan."""
        inside: Node | None = None
        if self.low <= self.high:
            above = (x >= self.low) if self.closed_low and math.isfinite(self.low) else (x > self.low)
            below = (x <= self.high) if self.closed_high and math.isfinite(self.high) else (x < self.high)
            symmetric = math.isinf(self.low) and math.isinf(self.high)
            inside = abs(x) < math.inf if symmetric else above & below
            for value in self.without:
                inside = inside & (x != value)
            if self.whole:
                inside = inside & (((x + _WHOLE) - _WHOLE == x) | (x >= _WHOLE))
        for value in self.only:
            inside = x == value if inside is None else inside | (x == value)
        return constant(1.0) < 0.0 if inside is None else inside

    def checked(self, value: Any) -> float | None:
        """`value` as a float of this domain, or None if it is none."""
        if not isinstance(value, Real) or isinstance(value, (bool, np.bool_, np.timedelta64)):
            return None
        try:
            number = float(value)
        except OverflowError:  # an integer no float holds
            number = math.inf
        return number if self.contains(number) else None

    def contains(self, x: Any) -> Any:
        """Elementwise "x is a finite number of this domain", for NumPy arrays and numbers."""
        x = np.asarray(x, dtype=float)
        inside = np.isfinite(x)
        inside &= (x >= self.low) if self.closed_low else (x > self.low)
        inside &= (x <= self.high) if self.closed_high else (x < self.high)
        for value in self.without:
            inside &= x != value
        if self.whole:
            inside &= x == np.floor(x)
        for value in self.only:
            inside |= x == value
        return inside

    def sample(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """Log-uniform draws that reach towards both ends; for tests and searches."""
        if self.only and self.low > self.high:
            return rng.choice(self.only, size)
        if math.isfinite(self.low) and math.isfinite(self.high):
            near = powers_of_ten(rng, -9, 0, size) / 2
            width = self.high - self.low
            draws = np.where(rng.random(size) < 0.5, self.low + width * near, self.high - width * near)
        elif math.isfinite(self.low):
            draws = self.low + powers_of_ten(rng, -6, 3, size)
        elif math.isfinite(self.high):
            draws = self.high - powers_of_ten(rng, -6, 3, size)
        else:
            draws = rng.choice([-1.0, 1.0], size) * powers_of_ten(rng, -9, 4, size)
        if self.whole:
            draws = np.floor(draws)
        if self.without:
            draws = np.resize(draws[~np.isin(draws, self.without)], size)
        if self.only:
            draws = np.where(rng.random(size) < 0.2, rng.choice(self.only, size), draws)
        return draws

    def describe(self, name: str) -> str:
        """The domain as an inequality in `name`: "delta > 0"."""
        return _describe(self, name)

    def __str__(self) -> str:
        return self.describe("x")


def _describe(domain: Domain, name: str) -> str:
    low, high = (f"{domain.low:g}", f"{domain.high:g}")
    parts = []
    if domain.only:
        parts.append(f"{name} in {{{', '.join(f'{v:+g}' if v else '0' for v in domain.only)}}}")
    if domain.low <= domain.high:
        left, right = "<=" if domain.closed_low else "<", "<=" if domain.closed_high else "<"
        if math.isfinite(domain.low) and math.isfinite(domain.high):
            parts.append(f"{low} {left} {name} {right} {high}")
        elif math.isfinite(domain.low):
            parts.append(f"{'whole ' * domain.whole}{name} {'>=' if domain.closed_low else '>'} {low}")
        elif math.isfinite(domain.high):
            parts.append(f"{name} {right} {high}")
        else:
            parts.append(f"{name} a finite number")
        if domain.without:
            parts[-1] += f" other than {', '.join(f'{v:g}' for v in domain.without)}"
    return " or ".join(parts)


_WHOLE = 2.0**52  # doubles from here on are integers; adding it rounds the lesser ones to integers

SHARES_OFF = 1e-5  # how far from 1 the sum of a row's shares may be


@dataclass(frozen=True)
class Intervals:
    """Two targets a row, the bounds of a positive number: 0 <= lower <= upper, of which `upper` may be infinite."""

    whole: ClassVar[bool] = False

    def condition(self, lower: Node, upper: Node) -> Node:
        """The boolean node "these are such bounds"; false for nan."""
        return (lower >= 0.0) & (lower <= upper) & (lower < math.inf) & (upper > 0.0)

    def contains(self, x: Any) -> Any:
        """Row by row "these are such bounds", for arrays of pairs; what is no pair is none."""
        x = np.asarray(x, dtype=float)
        if x.shape[-1:] != (2,):
            return np.zeros(x.shape, bool)
        lower, upper = x[..., 0], x[..., 1]
        return (lower >= 0) & (lower <= upper) & (lower < math.inf) & (upper > 0)

    def sample(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """Points seen, open and half-open intervals, log-uniform; for tests and searches."""
        lower, width = powers_of_ten(rng, -6, 3, size), powers_of_ten(rng, -9, 3, size)
        kind = rng.integers(0, 4, size)
        upper = np.where(kind == 0, lower, np.where(kind == 1, math.inf, lower * (1 + width)))
        return np.stack([np.where(kind == 2, 0.0, lower), upper], axis=-1)

    def describe(self, name: str) -> str:
        """The bounds in words."""
        return f"{name} = (lower, upper) with 0 <= lower <= upper, lower finite and upper > 0"


@dataclass(frozen=True)
class Categories:
    """Targets of several classes: labels 0, 1 ..., or a share for each class."""

    shares: bool = True
    several: bool = False  # a row may be of several classes, or of none: shares are free from 0 to 1

    def contains(self, x: Any) -> Any:
        """Elementwise "x is a label of some number of classes"."""
        x = np.asarray(x, dtype=float)
        return np.isfinite(x) & (x >= 0) & (np.floor(x) == x)

    def describe(self, name: str) -> str:
        """The targets in words."""
        shares = f", or k shares {'from 0 to 1' if self.several else 'that sum to 1'}"
        return f"{name} a label 0 ... k - 1" + (shares if self.shares else "")


REAL = Domain()
POSITIVE = Domain(low=0.0, closed_low=False)
NONNEGATIVE = Domain(low=0.0)
COUNTS = Domain(low=0.0, whole=True)
UNIT = Domain(0.0, 1.0)
OPEN_UNIT = Domain(0.0, 1.0, closed_low=False, closed_high=False)
OPEN_LOW_UNIT = Domain(0.0, 1.0, closed_low=False)
LOWER_HALF = Domain(0.0, 0.5, closed_high=False)
NEGATIVE = Domain(high=0.0, closed_high=False)
NONPOSITIVE = Domain(high=0.0)
FROM_MINUS_ONE = Domain(low=-1.0)
SIGNS = Domain(math.inf, -math.inf, only=(-1.0, 1.0))
NONZERO = Domain(without=(0.0,))
AT_LEAST_ONE = Domain(low=1.0)
INTERVALS = Intervals()
ABOVE_ONE = Domain(low=1.0, closed_low=False)
ABOVE_TWO = Domain(low=2.0, closed_low=False)
ABOVE_MINUS_ONE = Domain(low=-1.0, closed_low=False)
REAL_OR_MINUS_INFINITY = Domain(only=(-math.inf,))
POSITIVE_BUT_ONE = Domain(low=0.0, closed_low=False, without=(1.0,))
TWEEDIE_POWER = Domain(low=1.0, only=(0.0,))

# what a parameter is annotated with
Positive = Annotated[float, POSITIVE]
Nonnegative = Annotated[float, NONNEGATIVE]
Nonzero = Annotated[float, NONZERO]
AtLeastOne = Annotated[float, AT_LEAST_ONE]
AboveOne = Annotated[float, ABOVE_ONE]
RealOrMinusInfinity = Annotated[float, REAL_OR_MINUS_INFINITY]
Probability = Annotated[float, OPEN_UNIT]
Rate = Annotated[float, Domain(0.0, 1.0, closed_high=False)]
TweediePower = Annotated[float, TWEEDIE_POWER]
OptionalProbability = Annotated[float | None, OPEN_UNIT]
PositiveShare = Annotated[float, OPEN_LOW_UNIT]
FlipRate = Annotated[float, LOWER_HALF]
BelowHalf = Annotated[float, LOWER_HALF]
Negative = Annotated[float, NEGATIVE]
Nonpositive = Annotated[float, NONPOSITIVE]
FromMinusOne = Annotated[float, FROM_MINUS_ONE]
Scale = Annotated[float | Literal["auto"], POSITIVE]
Finite = Annotated[float, REAL]
OptionalFinite = Annotated[float | None, REAL]
OneToTwo = Annotated[float, Domain(1.0, 2.0)]
Axis = Annotated[int, Whole()]
FromOne = Annotated[int, Whole(1)]
OptionalLabel = Annotated[int | None, Whole()]
OptionalPositives = Annotated[tuple[float, ...] | None, Each(POSITIVE)]
Positives = Annotated[tuple[float, ...], Each(POSITIVE)]
OptionalMask = Annotated[tuple[float, ...] | None, Each(Domain(math.inf, -math.inf, only=(0.0, 1.0)))]
Smoothing = Annotated[str, Words(("all", "others"))]
ClosedProbability = Annotated[float, UNIT]
AboveTwo = Annotated[float, ABOVE_TWO]
RealOrInfinite = Annotated[float, Domain(only=(-math.inf, math.inf))]
OptionalColumnWeights = Annotated[tuple[float, ...] | None, Each(NONNEGATIVE, "coefficient", 1)]
OptionalGroupWeights = Annotated[tuple[float, ...] | None, Each(NONNEGATIVE, "group", 1)]
GroupLabels = Annotated[tuple[int, ...], Groups()]
OnOff = Annotated[bool, Flag()]
PositiveButOne = Annotated[float, POSITIVE_BUT_ONE]
OptionalPositions = Annotated[tuple[float, ...] | None, Increasing(REAL, 2)]
Levels = Annotated[tuple[float, ...], Increasing(OPEN_UNIT)]
Estimator = Annotated[str, Words(("fair", "energy"))]
Space = Annotated[str, Words(("probabilities", "log_probabilities", "logits", "masses"))]
