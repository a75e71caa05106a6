"""Losses of two straight pieces that meet at f = y: AbsoluteError, Quantile, and Hinge, whose y is -1 or +1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from losskit.base import Pointwise

Array = np.ndarray
_PROBES = (1e-3, 1.0, 1e3)


@dataclass(frozen=True)
class Slopes:
    """The slopes of each row's two pieces."""

    low: Array
    high: Array


def two_slopes(loss: Pointwise, y: Array) -> Slopes | None:
    """The slopes of `loss` below and above f = y if it is just those two pieces, found by trying; else None."""
    traits = loss.traits()
    if traits.differentiable is not False or not traits.convex or traits.curvature != 0:
        return None
    signs = loss.variables == ("m",)
    kinds, rows = (np.array([-1.0, 1.0]), (y > 0).astype(np.intp)) if signs else (y, slice(None))
    low, high = (np.asarray(loss.gradient(kinds, kinds + side, None, "sum")) for side in (-1.0, 1.0))
    if np.any(low > 0) or np.any(high < 0) or not np.any(high > low):  # flat: a kink lies further off
        return None
    probe = kinds[: min(kinds.size, 8)]
    for size in _PROBES:
        for side, slope in ((-size, low), (size, high)):
            there = loss(probe, probe + side, None, "none")
            if not np.allclose(there, slope[: probe.size] * side, rtol=1e-6, atol=1e-9 * np.abs(probe).max()):
                return None
    return Slopes(low[rows], high[rows])
