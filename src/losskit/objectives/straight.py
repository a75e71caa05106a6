"""Losses of straight pieces: two that meet at f = y (AbsoluteError, Quantile, and Hinge, whose y is -1 or +1), or two
beside a flat one about f = y (EpsilonInsensitive)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from losskit.base import Pointwise

Array = np.ndarray
_PROBES = (1e-3, 1.0, 1e3)


@dataclass(frozen=True)
class Slopes:
    """The slopes of each row's two pieces, and half the width of the flat one between them."""

    low: Array
    high: Array
    dead: float = 0.0

    def cost(self, r: Array) -> Array:
        """The loss of each row at f - y = r."""
        if not self.dead:
            return np.maximum(self.low * r, self.high * r)
        return np.maximum(np.maximum(self.low * (r + self.dead), self.high * (r - self.dead)), 0.0)

    def bound(self, d: Array, r: Array) -> Array:
        """The line of slope d, in [low, high], that touches the loss of each row from below, at f - y = r."""
        return d * r - self.dead * np.abs(d) if self.dead else d * r


def two_slopes(loss: Pointwise, y: Array) -> Slopes | None:
    """The slopes of `loss` below and above f = y if it is just those two pieces, found by trying; else None."""
    traits = loss.traits()
    if traits.differentiable is not False or not traits.convex or traits.curvature != 0:
        return None
    signs, kinks = loss.variables == ("m",), traits.kinks or ()
    dead = float(kinks[1]) if loss.variables == ("r",) and len(kinks) == 2 and kinks[0] == -kinks[1] else 0.0
    kinds, rows = (np.array([-1.0, 1.0]), (y > 0).astype(np.intp)) if signs else (y, slice(None))
    beyond = dead + 1.0
    low, high = (np.asarray(loss.gradient(kinds, kinds + side, None, "sum")) for side in (-beyond, beyond))
    if np.any(low > 0) or np.any(high < 0) or not np.any(high > low):  # flat: a kink lies further off
        return None
    probe = kinds[: min(kinds.size, 8)]
    for size in (0.0, *_PROBES):
        for side, slope in ((-1.0, low), (1.0, high)):
            there = loss(probe, probe + side * (dead + size), None, "none")
            if not np.allclose(there, slope[: probe.size] * side * size, rtol=1e-6, atol=1e-9 * np.abs(probe).max()):
                return None
    return Slopes(low[rows], high[rows], dead)
