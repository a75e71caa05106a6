"""Each loss as the textbooks write it, in mpmath: no text shared with the package, derivatives numerical."""

from __future__ import annotations

from typing import Any

import mpmath

from tests.laws.anchors import collected


def textbook(name: str, parameters: dict[str, Any], y: float, f: float, order: int) -> Any:
    """The `order`-th derivative by f at a point away from kinks, to 25 digits or more."""
    with mpmath.workdps(80):
        y_exact = mpmath.mpf(y)
        return mpmath.diff(
            lambda x: collected("TEXTBOOK")[name](y_exact, x, *parameters.values()),
            mpmath.mpf(f),
            order,
            h=mpmath.mpf(10) ** -25,
        )
