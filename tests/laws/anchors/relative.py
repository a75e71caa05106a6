"""Anchors of the losses that measure an error against something."""

from __future__ import annotations

from typing import Any

import numpy as np
from mpmath import log, mpf

import losskit as lk
from tests.laws.anchors.samples import AMOUNTS, COUNTS, SIGNS, ZERO, R, mean, metric, same, slope, value

F = np.abs(R) + 0.1  # forecasts above 0
BOTH = SIGNS * AMOUNTS  # targets of both signs

TEXTBOOK: dict[str, Any] = {
    "MAPE": lambda y, f: abs((y - f) / y),
    "SymmetricMAPE": lambda y, f: 2 * abs(y - f) / (abs(y) + abs(f)) if y or f else mpf(0),
    "MSLE": lambda y, f: (log(1 + y) - log(1 + f)) ** 2,
    "MASE": lambda y, f, scale: abs(y - f) / mpf(scale),
}

IDENTITIES: dict[str, Any] = {
    "MAPE is the absolute error weighted by 1/|y|": lambda: same(
        value(lk.MAPE(), BOTH, R), lk.AbsoluteError()(BOTH, R, 1 / AMOUNTS, "none")
    ),
    "the symmetric MAPE of wrong signs is 2": lambda: same(value(lk.SymmetricMAPE(), BOTH, -3 * BOTH), 2 + ZERO),
    "the symmetric MAPE does not change when target and forecast do": lambda: same(
        value(lk.SymmetricMAPE(), BOTH, R), value(lk.SymmetricMAPE(), R, BOTH)
    ),
    "MSLE is the squared error of log(1 + y)": lambda: same(
        value(lk.MSLE(), AMOUNTS, F), value(lk.SquaredError(), np.log1p(AMOUNTS), np.log1p(F)), 1e-9
    ),
    "MASE of scale 1 is the absolute error": lambda: same(
        value(lk.MASE(), COUNTS, R), value(lk.AbsoluteError(), COUNTS, R)
    ),
}

SERIES = np.array([10.0, 12.0, 11.0, 15.0, 14.0])
ANCHORS: dict[str, Any] = {
    "MAPE": [
        lambda: same(value(lk.MAPE(), [100.0, -50.0], [110.0, -40.0]), [0.1, 0.2]),
        lambda: same(mean(lk.MAPE(), BOTH, R), metric("mean_absolute_percentage_error", BOTH, R)),
        # Gneiting (2011): the best constant is the median weighted by 1/|y|; 1 outweighs 1/2 + 1/4 + 1/5
        lambda: same(lk.MAPE().constant([1.0, 2.0, 4.0, 5.0]), 1.0),
    ],
    "SymmetricMAPE": [
        # Makridakis (1993): 100 against 150 and 150 against 100 are both 40 %
        lambda: same(value(lk.SymmetricMAPE(), [100.0, 150.0], [150.0, 100.0]), [0.4, 0.4]),
        lambda: same(value(lk.SymmetricMAPE(), BOTH, R), 2 * np.abs(BOTH - R) / (np.abs(BOTH) + np.abs(R))),
        lambda: same(value(lk.SymmetricMAPE(), [0.0, 0.0, 3.0], [0.0, 2.0, 0.0]), [0.0, 2.0, 2.0]),
    ],
    "MSLE": [
        lambda: same(value(lk.MSLE(), [np.e - 1], [0.0]), [1.0]),
        # scikit-learn's documentation
        lambda: same(mean(lk.MSLE(), [3, 5, 2.5, 7], [2.5, 5, 4, 8]), 0.03973012298459379),
        lambda: same(mean(lk.MSLE(), COUNTS, F), metric("mean_squared_log_error", COUNTS, F)),
    ],
    "MASE": [
        # naive errors of the series 2, 1, 4, 1: scale 2
        lambda: same(mean(lk.MASE(np.abs(np.diff(SERIES)).mean()), [16.0, 13.0], [14.0, 14.0]), 0.75),
        lambda: same(mean(lk.MASE(2.5), COUNTS, R), metric("mean_absolute_error", COUNTS, R) / 2.5),
        lambda: same(slope(lk.MASE(3.0), ZERO[1:3], R[1:3]), np.sign(R[1:3]) / 3),
    ],
}

INSTANCES = {"MASE": [{"scale": 1.7}]}
