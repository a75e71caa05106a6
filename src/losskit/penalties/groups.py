"""Penalties on groups of coefficients, which leave or enter the model together."""

from __future__ import annotations

from typing import Any

import numpy as np

from losskit.domains import ClosedProbability, GroupLabels, Nonnegative, OptionalGroupWeights
from losskit.errors import ShapeError
from losskit.penalties.base import Array, Penalty, soft


class GroupLasso(Penalty):
    """alpha sum_g weight_g ||coef_g||; DOI 10.1111/j.1467-9868.2005.00532.x.

    `groups` has the group 0, 1 ... of each column, -1 for a column that is not penalised. `weights` has a number a
    group, by default the root of its size.
    """

    groups: GroupLabels
    alpha: Nonnegative = 1.0
    weights: OptionalGroupWeights = None

    separable = False

    def __post_init__(self) -> None:
        super().__post_init__()
        count = max(self.groups) + 1
        if self.weights is not None and len(self.weights) != count:
            raise ShapeError(
                f"{type(self).__name__} has {len(self.weights)} weights and {count} groups; give one a group"
            )

    def value(self, coef: Array) -> float:
        grouped, ratio = self._labels(coef) >= 0, self._ratio()
        plain = ratio * float(np.abs(coef[grouped]).sum())
        return self.alpha * (plain + (1 - ratio) * float(self._hold() @ self._norms(coef)))

    def prox(self, coef: Array, step: Any = 1.0) -> Array:
        labels, ratio = self._labels(coef), self._ratio()
        inner = np.where(labels >= 0, soft(coef, step * self.alpha * ratio), coef)
        norms = self._norms(inner)
        reach = step * self.alpha * (1 - ratio) * self._hold()
        with np.errstate(divide="ignore", invalid="ignore"):
            shrink = np.where(norms > reach, 1.0 - reach / norms, 0.0)
        return np.where(labels >= 0, inner * shrink[labels], coef)

    def alpha_max(self, gradient: Array) -> float:
        """Of each group, where ||soft(gradient, alpha l1_ratio)|| = alpha (1 - l1_ratio) weight."""
        labels, hold = self._labels(gradient), self._hold()
        return max(self._of_group(gradient[labels == g], hold[g]) for g in range(len(hold)))

    def _of_group(self, gradient: Array, hold: float) -> float:
        from scipy.optimize import brentq

        ratio = self._ratio()
        if not gradient.any() or (hold == 0.0 and ratio == 0.0):
            return 0.0

        def over(alpha: float) -> float:
            return float(np.linalg.norm(soft(gradient, alpha * ratio))) - alpha * (1 - ratio) * hold

        high = float(np.linalg.norm(gradient))
        while over(high) > 0:
            high *= 2.0
        return float(brentq(over, 0.0, high, xtol=1e-15 * high, rtol=1e-15))

    def _ratio(self) -> float:
        return 0.0

    def _labels(self, coef: Array) -> Array:
        return np.tile(self.groups, coef.size // len(self.groups))

    def _norms(self, coef: Array) -> Array:
        labels = self._labels(coef)
        grouped = labels >= 0
        return np.sqrt(np.bincount(labels[grouped], coef[grouped] ** 2, max(self.groups) + 1))

    def _hold(self) -> Array:
        if self.weights is not None:
            return np.asarray(self.weights)
        labels = np.asarray(self.groups)
        return np.sqrt(np.bincount(labels[labels >= 0], minlength=max(self.groups) + 1))


class SparseGroupLasso(GroupLasso):
    """alpha (l1_ratio sum |coef| + (1 - l1_ratio) sum_g weight_g ||coef_g||); DOI 10.1080/10618600.2012.681250.

    Parameters as for GroupLasso.
    """

    l1_ratio: ClosedProbability = 0.5

    def _ratio(self) -> float:
        return self.l1_ratio
