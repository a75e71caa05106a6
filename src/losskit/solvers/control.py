"""What every solver shares: when to stop, what it reports, and the line search."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from losskit.objectives.linear import Array

CertificateKind = Literal["gap", "kkt"]
Callback = Callable[[int, float, float], object]


@dataclass
class Control:
    """The stopping rule of one run and the curve it leaves behind.

    Attributes
    ----------
    tol : the certificate to reach
    max_iter : iterations allowed
    deadline : `time.monotonic()` beyond which no iteration is begun, or None
    callback : called as callback(iteration, value, certificate); a true answer stops the run
    curve : the objective at the start and after each iteration
    """

    tol: float
    max_iter: int
    deadline: float | None = None
    callback: Callback | None = None
    curve: list[float] = field(default_factory=list)

    def stop(self, value: float, certificate: float) -> str | None:
        """Note a point of the curve; the reason to stop there, or None."""
        self.curve.append(value)
        if self.callback is not None and self.callback(self.iterations, value, certificate):
            return "callback"
        if certificate <= self.tol:
            return "tol"
        if self.iterations >= self.max_iter:
            return "max_iter"
        if self.deadline is not None and time.monotonic() > self.deadline:
            return "time_limit"
        return None

    @property
    def iterations(self) -> int:
        """Iterations done so far."""
        return max(len(self.curve) - 1, 0)


@dataclass(frozen=True)
class Outcome:
    """Where a solver ended, in the objective's units, and what it can prove of it."""

    theta: Array
    value: float
    certificate: float
    kind: CertificateKind
    reason: str
    note: str = ""  # what is wrong with the problem itself, for a warning


def wolfe_step(line: Callable[[float], tuple[float, float]], value: float, slope: float) -> float:
    """A step t along a line at which the value has fallen enough and the slope has flattened, by bracketing.

    Near the minimum, where differences of values drown in rounding, a flatter slope alone is enough. 0.0 if there is no
    such step.
    """
    low, high, t = 0.0, np.inf, 1.0
    noise = 1e-14 * abs(value)
    for _ in range(80):
        now, rise = line(t)
        if falls_enough(now, rise, value, slope, t, noise):
            if rise >= 0.9 * slope:
                return t
            low = t
        else:
            high = t
        t = 4 * t if np.isinf(high) else (low + high) / 2
    return low


def falls_enough(now: float, rise: float, value: float, slope: float, t: float, noise: float) -> bool:
    """Armijo's rule, or within rounding of the value a slope that rules out having gone too far."""
    if now <= value + 1e-4 * t * slope:
        return True
    return now <= value + noise and abs(rise) <= -0.9 * slope
