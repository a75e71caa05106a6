"""The Hessian of a quadratic loss over a working set of columns that only grows: each pair of columns is met once."""

from __future__ import annotations

import numpy as np

from losskit.objectives.linear import Array, Objective


class WorkingGram:
    """The mean loss's Hessian over some columns, the intercept last, in standard units.

    Attributes
    ----------
    columns : in the order they came
    """

    def __init__(self, smooth: Objective) -> None:
        self.smooth = smooth
        self.columns = np.empty(0, dtype=np.intp)
        self._part: Objective | None = None
        self._bend = float(smooth.loss.traits().curvature) / smooth.total
        self._root = None if smooth.weights is None else np.sqrt(smooth.weights)
        ones = np.ones(smooth.design.rows) if self._root is None else self._root
        self._pieces = [ones[:, None]] if smooth.design.intercept else []  # in standard units, by the roots of weights
        self._gram = np.full((len(self._pieces),) * 2, smooth.total * self._bend)  # of the ones and what follows

    def grow(self, columns: Array) -> Array:
        """The Hessian over the columns so far and these."""
        new = np.setdiff1d(columns, self.columns)
        self.columns = np.append(self.columns, new)
        design = self.smooth.design
        if design.sparse:
            self._part = self.smooth.part(self.columns)
            return self._part.hessian_alone()
        if new.size:
            self._extend(new)
        return np.roll(self._gram, -1, axis=(0, 1)) if design.intercept else self._gram

    def scores(self, theta: Array) -> Array | None:
        """Of the rows, from these columns alone if X is sparse."""
        return None if self._part is None else self._part.scores(theta)

    def _extend(self, new: Array) -> None:
        design, root, old = self.smooth.design, self._root, len(self._gram)
        piece, center = design.columns_of(new), design.center[new]
        if center.any():
            piece -= center
        piece *= 1 / design.scale[new]
        if root is not None:
            piece *= root[:, None]
        piece[:, np.isin(new, design._idle)] = 0.0

        def task(first: int, last: int) -> Array:
            part, between, at = piece[first:last], np.empty((old + len(new), len(new))), 0
            for held in (*self._pieces, piece):
                np.matmul(held[first:last].T, part, out=between[at : at + held.shape[1]])
                at += held.shape[1]
            return between

        first, *others = design._each_chunk(task)
        between = first * self._bend
        for each in others:
            between += each * self._bend
        gram = np.empty((old + len(new),) * 2)
        gram[:old, :old] = self._gram
        gram[:, old:] = between
        gram[old:, :old] = between[:old].T
        self._gram = gram
        self._pieces.append(piece)
