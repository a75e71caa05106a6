"""Penalties on coefficients that form a matrix, as those of several classes or targets do."""

from __future__ import annotations

from typing import Any

import numpy as np

from losskit.domains import FromOne, Nonnegative
from losskit.errors import ShapeError
from losskit.penalties.base import Array, Penalty, soft


class NuclearNorm(Penalty):
    """alpha times the sum of the singular values of the coefficients, read as a matrix of `rows` rows: low rank.

    DOI 10.1137/070697835.
    """

    rows: FromOne
    alpha: Nonnegative = 1.0

    separable = False

    def value(self, coef: Array) -> float:
        return self.alpha * float(np.linalg.svd(self._matrix(coef), compute_uv=False).sum())

    def prox(self, coef: Array, step: Any = 1.0) -> Array:
        left, sizes, right = np.linalg.svd(self._matrix(coef), full_matrices=False)
        return ((left * soft(sizes, step * self.alpha)) @ right).ravel()

    def alpha_max(self, gradient: Array) -> float:
        return float(np.linalg.svd(self._matrix(gradient), compute_uv=False).max(initial=0.0))

    def check(self, columns: int, classes: int = 1) -> None:
        if columns * classes % self.rows:
            raise ShapeError(
                f"NuclearNorm has rows={self.rows}, which does not divide {columns * classes} coefficients"
            )

    def _matrix(self, coef: Array) -> Array:
        return coef.reshape(self.rows, -1)
