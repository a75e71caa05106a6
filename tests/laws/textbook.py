"""Each loss as the textbooks write it, in mpmath: no text shared with the package, derivatives numerical."""

from __future__ import annotations

from typing import Any

import mpmath

from tests.laws.anchors import collected


def textbook(name: str, parameters: dict[str, Any], y: Any, f: Any, by: tuple[int, ...]) -> Any:
    """The derivative by the outputs numbered in `by` at a point away from kinks, to 25 digits or more."""
    with mpmath.workdps(80):
        targets = list(map(mpmath.mpf, y if isinstance(y, list) else [y]))
        place = tuple(map(mpmath.mpf, f if isinstance(f, list) else [f]))
        orders = tuple(by.count(j) for j in range(len(place)))
        return mpmath.diff(
            lambda *x: collected("TEXTBOOK")[name](*targets, *x, *parameters.values()),
            place,
            orders,
            h=mpmath.mpf(10) ** -25,
        )
