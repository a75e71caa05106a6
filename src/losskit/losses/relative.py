"""Losses that measure an error against the size of the target, of prediction and target, or of a naive forecast."""

from __future__ import annotations

from math import inf
from typing import Any

from losskit.base import Pointwise, Residual
from losskit.calculus import div_square, log1p_ratio, where
from losskit.domains import ABOVE_MINUS_ONE, NONZERO, Positive
from losskit.traits import Traits


def _vast(y: Any, f: Any) -> Any:
    """Whether their sum or difference may overflow."""
    return (abs(y) > 2.0**1000) | (abs(f) > 2.0**1000)


class MAPE(Pointwise):
    """The error as a fraction of the target, not in percent. Targets of 0 are refused, not replaced by a small one."""

    source = "Makridakis (1993), doi:10.1016/0169-2070(93)90079-3; Gneiting (2011), doi:10.1198/jasa.2011.r10138"
    use = "Errors are judged in percent of the target, which is never near 0; rows with target 0 take weight 0."
    avoid = "Targets may be 0 or tiny: those rows rule all; and low forecasts are favoured. MASE has no such trouble."
    domain = NONZERO

    def formula(self, y: Any, f: Any) -> Any:
        return where(_vast(y, f), abs(f / 4 - y / 4) / abs(y / 4), abs(f - y) / abs(y))

    def derivative(self, y: Any, f: Any) -> Any:
        return where(f > y, 1, where(f < y, -1, 0)) / abs(y)

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=False, symmetric=True, differentiable=False, bounded=False,
                      lipschitz=inf, curvature=0.0, strong=0.0, elicits="(-1)-median", redescending=False)


class SymmetricMAPE(Pointwise):
    """Twice the error as a share of |y| + |f|, from 0 to 2. Both 0 is a perfect forecast: 0. One of them 0 costs 2."""

    source = "Makridakis (1993), doi:10.1016/0169-2070(93)90079-3; the M4 competition (2018)"
    use = "A competition or contract asks for it (the M4 form, as a fraction; some halve it, some take percent)."
    avoid = "Training or choosing: it is not symmetric in over and under, and wrong signs all cost the same 2."

    def formula(self, y: Any, f: Any) -> Any:
        same = (((y > 0) & (f > 0)) | ((y < 0) & (f < 0))) & (abs(f) < inf)
        ratio = where(_vast(y, f), abs(f / 4 - y / 4) / abs(f / 4 + y / 4), abs(f - y) / abs(f + y))
        return where(same, 2 * ratio, where(f == y, 0, 2))

    def derivative(self, y: Any, f: Any) -> Any:
        same = ((y > 0) & (f > 0)) | ((y < 0) & (f < 0))
        slope = where(_vast(y, f), div_square(abs(y) / 16, f / 4 + y / 4), div_square(abs(y), f + y))
        return where(same & (f != y), where(f > y, 4, -4) * slope, 0)

    def traits(self) -> Traits:
        return Traits(convex=False, strictly_convex=False, symmetric=False, differentiable=False, bounded=True,
                      lipschitz=inf, curvature=inf, redescending=True)


class MSLE(Pointwise):
    """The square of log(1 + f) - log(1 + y), for y and f above -1; 0 is an ordinary value."""

    source = "The RMSLE of forecasting contests; scikit-learn 0.19 (2017), mean_squared_log_error"
    use = "Amounts from 0 over many magnitudes are judged by their ratio; rows below 1 count about as they are."
    avoid = "Training: predictions must stay above -1. Fit SquaredError to log(1 + y) instead, it is the same."
    domain, prediction_domain = ABOVE_MINUS_ONE, ABOVE_MINUS_ONE

    def formula(self, y: Any, f: Any) -> Any:
        return log1p_ratio(f, y) ** 2

    def second_derivative(self, y: Any, f: Any) -> Any:
        return 2 * (1 - log1p_ratio(f, y)) / (1 + f) / (1 + f)

    def traits(self) -> Traits:
        return Traits(convex=False, strictly_convex=False, symmetric=False, differentiable=True, bounded=False,
                      lipschitz=inf, curvature=inf, elicits="log1p mean", redescending=True)


class MASE(Residual):
    """The absolute error over `scale`, the mean absolute error of the naive forecast on the training series.

    For period m that is `np.abs(y[m:] - y[:-m]).mean()`, m = 1 without seasons. A constant series has scale 0, refused.
    """

    source = "Hyndman and Koehler (2006), doi:10.1016/j.ijforecast.2006.03.001"
    use = "Forecasts of series of different size are compared or averaged; below 1 beats the naive forecast."
    avoid = "The scale is taken from the test period: it is then not comparable, and may be 0."
    scale: Positive = 1.0

    def formula(self, r: Any) -> Any:
        return abs(r) / self.scale

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=False, symmetric=True, differentiable=False, bounded=False,
                      lipschitz=1 / self.scale, curvature=0.0, strong=0.0, elicits="median", redescending=False,
                      breakdown=0.5, kinks=(0.0,))
