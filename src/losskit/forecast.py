"""Forecasts of one number a row by several: quantiles, or the members of an ensemble."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from losskit.domains import REAL
from losskit.errors import CapabilityError, DomainError, ShapeError
from losskit.links import IDENTITY
from losskit.rowwise import Rowwise

Array = np.ndarray


class Forecast(Rowwise):
    """A loss of one row: a real target y, and several predictions of it along `axis`.

    Subclasses write `rows(self, y, f, order)`, as for any row-wise loss, with y of shape (n,).
    """

    link = IDENTITY
    domain = REAL
    of: ClassVar[str] = "predictions"  # what the predictions of a row are called in messages

    def shapes(self, of_y: tuple[int, ...], of_f: tuple[int, ...]) -> tuple[tuple[int, ...], int, bool]:
        n = len(of_f)
        if not -n <= self.axis < n:
            raise ShapeError(f"f has shape {of_f}: there is no axis {self.axis} of {self.of}")
        shape, k = of_f[: self.axis % n] + of_f[self.axis % n + 1 :], of_f[self.axis]
        if k < 2:
            raise ShapeError(
                f"f has shape {of_f}, {k} along axis {self.axis}: {type(self).__name__} needs two {self.of} or more; "
                "for one use AbsoluteError or Quantile"
            )
        if of_y != shape:
            raise ShapeError(
                f"y has shape {of_y} and f has shape {of_f}, with {k} {self.of} along axis {self.axis}; y must have "
                f"shape {shape}"
            )
        return shape, k, True

    def constant(self, y: Any, sample_weight: Any = None, *, classes: int | None = None) -> Any:
        """The best constant row of predictions; known for quantiles alone (else CapabilityError)."""
        raise CapabilityError(f"{self!r}: its best constant row is not known; take quantiles of y")

    def check_rows(self, y: Array, f: Array, w: Array | None, first: int) -> None:
        bad = ~np.isfinite(y).reshape(len(y), -1).all(axis=1) & (True if w is None else w != 0)
        if bad.any():
            at = int(np.argmax(bad))
            raise DomainError(
                f"{type(self).__name__} needs {self.domain.describe('y')}; y[{at + first}] = {y[at].tolist()!r} "
                f"({int(bad.sum())} of {len(bad)} rows). Remove such rows, or give them weight 0"
            )
