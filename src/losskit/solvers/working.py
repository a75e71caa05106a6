"""The Hessian of a quadratic loss over a working set of columns that only grows: each pair of columns is met once."""

from __future__ import annotations

import numpy as np

from losskit.objective import Array, Objective
from losskit.solvers.duality import row_shares


class WorkingGram:
    """The mean loss's Hessian over some columns, the intercept last, in standard units.

    Attributes
    ----------
    columns : in the order they came
    """

    def __init__(self, smooth: Objective) -> None:
        self.smooth = smooth
        self.columns = np.empty(0, dtype=np.intp)
        share = row_shares(smooth) * float(smooth.loss.traits().curvature)
        self._root = np.sqrt(share)
        self._pieces: list[Array] = []  # their values in standard units, each row times the root of its share
        self._gram = np.full((1, 1), share.sum())  # of the ones and what follows

    def grow(self, columns: Array) -> Array:
        """The Hessian over the columns so far and these."""
        new = np.setdiff1d(columns, self.columns)
        self.columns = np.append(self.columns, new)
        design = self.smooth.design
        if design.sparse:
            return self.smooth.hessian_alone(self.columns)
        if new.size:
            self._extend(new)
        return np.roll(self._gram, -1, axis=(0, 1)) if design.intercept else self._gram[1:, 1:].copy()

    def _extend(self, new: Array) -> None:
        design, root, old = self.smooth.design, self._root, len(self._gram)
        idle = np.isin(new, design._idle)
        piece = np.array(design.X[:, new], dtype=np.float64, order="F")

        def task(first: int, last: int) -> Array:
            part, weight = piece[first:last], root[first:last]
            part -= design.center[new]
            part *= weight[:, None] / design.scale[new]
            part[:, idle] = 0.0
            return np.vstack([weight @ part, *(held[first:last].T @ part for held in self._pieces), part.T @ part])

        between = sum(design._each_chunk(task))
        gram = np.empty((old + len(new),) * 2)
        gram[:old, :old] = self._gram
        gram[:, old:] = between
        gram[old:, :old] = between[:old].T
        self._gram = gram
        self._pieces.append(piece)
