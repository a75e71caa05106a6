"""Traits: what is known of a loss, with numbers; solvers choose by them, and a test attacks every one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from losskit.calculus.emit import array_function
from losskit.calculus.graph import Node, nodes_of


@dataclass(frozen=True)
class Traits:
    """What is known of a loss as a function of the prediction. None means unknown, which is not False.

    Attributes
    ----------
    convex, strictly_convex, symmetric, differentiable, bounded : bool or None
        Symmetric: L(y, y + r) = L(y, y - r), or for margins unknown. Differentiable everywhere, that is without kinks.
    lipschitz, curvature : float or None
        The least upper bounds of |L'| and of L'' (for Quantile and kin 0, kinks aside); inf where there is none.
    strong : float or None
        The largest lower bound of L''; positive for a strongly convex loss.
    elicits : str or None
        The functional of y given x that the best prediction is: "mean", "median", "quantile", "expectile" ...
    proper, calibrated : bool or None
        A proper scoring rule; consistent for classification.
    redescending : bool or None
        |L'| falls to 0 as the prediction goes to infinity on either side: gross outliers lose all pull.
    breakdown : float or None
        The share of targets that may be arbitrarily wrong before the best constant prediction is: the asymptotic
        breakdown point of location, at a known scale.
    kinks : tuple of float, or None
        Where in the loss's own variable (r, m or f) it is not differentiable; empty if `differentiable`.
    """

    convex: bool | None = None
    strictly_convex: bool | None = None
    symmetric: bool | None = None
    differentiable: bool | None = None
    bounded: bool | None = None
    lipschitz: Any = None
    curvature: Any = None
    strong: Any = None
    elicits: str | None = None
    proper: bool | None = None
    calibrated: bool | None = None
    redescending: bool | None = None
    breakdown: Any = None
    kinks: tuple[Any, ...] | None = None

    def __post_init__(self) -> None:
        if self.kinks is None and self.differentiable:
            object.__setattr__(self, "kinks", ())
        for name in ("lipschitz", "curvature", "strong", "breakdown"):
            bound = getattr(self, name)
            if isinstance(bound, Node) and not any(node.op == "symbol" for node in nodes_of([bound])):
                object.__setattr__(self, name, float(array_function("bound", (), [bound])(np)))
            open_still = isinstance(bound, str) or (isinstance(bound, float) and math.isnan(bound))
            if open_still:
                object.__setattr__(self, name, None)
