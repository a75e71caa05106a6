"""A loss over the rows of a training set, as trees descend it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from losskit.boosting.curvature import check_name, curvature_of, is_level, is_unknown, parts
from losskit.constants import best_scores
from losskit.domains import SIGNS
from losskit.errors import CapabilityError, DomainError, ParameterError

Array = np.ndarray
_HALVINGS = 48  # of a leaf's bracket
_FARTHEST = 64.0  # shift of a margin


class Descent:
    """A loss over the rows of a training set, as trees descend it.

    Parameters
    ----------
    loss : Pointwise or Rowwise
        A parameter "auto" is set from the residuals: at first about the median, then after 1, 2, 4, 8 ... rounds.
    y, w : ndarray of float64, shape (n,); w may be None
    classes : int
        Of a row-wise loss.
    curvature : "auto" or one of `CURVATURES`
    factor : float
        What the curvature is multiplied with: trees of several classes grow at once, each as if the others stood still.

    Attributes
    ----------
    intercept : ndarray of shape (outputs,)
        The best constant scores.
    curvature, scale : the curvature's name, and the number that g and h were divided by
    open : whether the loss takes its scale from the residuals
    """

    def __init__(
        self, loss: Any, y: Array, w: Array | None = None, *, classes: int = 0, curvature: str = "auto",
        factor: float = 1.0,
    ) -> None:
        check_name(curvature)
        self._asked, self.y, self.w, self.factor = loss, y, w, factor
        self.open = bool(loss._open())
        self.loss = _resolved(loss, y, None, w) if self.open else loss
        self.outputs = classes or len(self.loss.outputs)
        self.curvature = curvature_of(self.loss) if curvature == "auto" else curvature
        self._unsure = self.curvature == "hessian" and is_unknown(self.loss)
        self.intercept = np.atleast_1d(np.asarray(best_scores(self.loss, y, w, classes), dtype=np.float64))
        if not np.isfinite(self.intercept).all() and (y != y[0]).any() and self.loss.domain is SIGNS:
            self.intercept = np.zeros(1)  # losses bounded for both classes: the larger takes all
        if not np.isfinite(self.intercept).all():
            raise DomainError(
                f"the best constant score of {self.loss!r} for these targets is {self.intercept.tolist()}: they lie at "
                "an end of what it predicts (all of them 0, say), and trees have nothing to learn"
            )
        shape = y.shape if self.outputs == 1 else (y.size, self.outputs)
        self._f = np.empty(shape)
        self._room = np.empty(shape), np.empty(shape)
        self._single = np.empty(shape, np.float32), np.empty(shape, np.float32)
        self._round, self._next = 0, 1
        # whether the curvature that the first round leaves in `_single` is that of every round
        self._level = self.outputs == 1 and not self.open and is_level(self.loss, self.curvature)
        self.scale = self._mean_curvature()

    @property
    def weight(self) -> float:
        """The sum of the weights."""
        return float(self.y.size if self.w is None else self.w.sum())

    def scores(self, margins: Array) -> Array:
        """The raw scores of rows, from what the trees add up to."""
        return np.add(margins, self.intercept, out=self._f if margins.shape == self._f.shape else None)

    def derivatives(self, margins: Array) -> tuple[Array, Array]:
        """Gradient and curvature of the next round in float32, divided by `scale`; good until the next call."""
        f = self.scores(margins)
        if self._round == self._next and self.open:
            self.rescale(margins)
            self._next *= 2
        self._round += 1
        if self._level and self._round > 1:
            return self._scaled(self.loss.gradient(self.y, f, self.w, "sum", out=self._room[0]), None, self._single)
        g, h = parts(self.loss, self.curvature, self.y, f, self.w, self._room)
        if self._unsure and not h.min(initial=0.0) >= 0:
            raise CapabilityError(
                f"the Hessian of {self.loss!r} is {h.min():g} in round {self._round}, first at row "
                f"{int((h < 0).argmax())}: trees would go uphill; use curvature='absolute', or a convex loss"
            )
        return self._scaled(g, h, self._single)

    def at(self, y: Array, f: Array, w: Array | None) -> tuple[Array, Array]:
        """The same for any rows, at raw scores f, in float64."""
        return self._scaled(*parts(self.loss, self.curvature, y, f, w), (np.empty(f.shape), np.empty(f.shape)))

    def rescale(self, margins: Array) -> None:
        """Take the loss's scale from the residuals at these margins."""
        self.loss = _resolved(self._asked, self.y, self.scores(margins), self.w, self.loss)

    def _scaled(self, g: Array, h: Array | None, out: tuple[Array, Array]) -> tuple[Array, Array]:
        """Both in `out`, divided by `scale`; without h the curvature that is there stays."""
        np.multiply(g, 1.0 / self.scale, out=out[0], casting="same_kind")
        if h is not None:
            np.multiply(h, self.factor / self.scale, out=out[1], casting="same_kind")
        if not math.isfinite(float(np.vdot(out[0], out[1]))):  # one number that is not is enough, in either
            self._mend(*out)
        return out

    def _mean_curvature(self) -> float:
        start = np.broadcast_to(self.intercept if self.outputs > 1 else self.intercept[0], self._f.shape)
        h = parts(self.loss, self.curvature, self.y, np.array(start), self.w)[1]
        h = h[np.isfinite(h)]
        mean = float(h.sum()) * self.factor / (self.weight * self.outputs)
        if not (mean > 0 and (h >= 0).all()):
            raise CapabilityError(
                f"the curvature {self.curvature!r} of {self.loss!r} is not positive at the start (mean {mean:g}); use "
                f"curvature={'absolute' if self._unsure else curvature_of(self.loss)!r}"
            )
        return mean

    def _mend(self, g: Array, h: Array) -> None:
        """Let an infinite curvature, |r|^1.5 at 0, count as the largest finite one; refuse an infinite gradient."""
        if not np.isfinite(g).all():
            row = int(np.argmin(np.isfinite(g.reshape(len(g), -1)).all(axis=1)))
            raise DomainError(
                f"the gradient of {self.loss!r} is no longer finite in round {self._round}, first at row {row}; lower "
                "the learning rate, or use curvature='absolute', which bounds the steps"
            )
        finite = np.isfinite(h)
        h[~finite] = h[finite].max(initial=1.0)


def _resolved(loss: Any, y: Array, f: Array | None, w: Array | None, before: Any = None) -> Any:
    """The loss at the scale of its residuals; as `before` if that is 0."""
    start = np.full_like(y, np.median(y)) if f is None else f
    try:
        return loss.resolve(start - y, w)
    except ParameterError:
        if before is None:
            raise
        return before


def best_shifts(loss: Any, y: Array, f: Array, w: Array | None, leaf: Array, leaves: int) -> Array:
    """For each leaf the c that minimises the sum of L(y, f + c) over its rows; the middle where several do."""

    def slopes(c: Array) -> Array:
        g = loss.gradient(y, f + c[leaf], w, "sum")
        sums = np.bincount(leaf, g, leaves)
        return np.where(np.abs(sums) <= 1e-12 * np.bincount(leaf, np.abs(g), leaves), 0.0, sums)

    if loss.variables == ("r",):
        reach = np.full(leaves, 1e-300)
        np.maximum.at(reach, leaf, 2.0 * np.abs(y - f))
    else:
        reach = np.full(leaves, _FARTHEST)
    ends = []
    for past in (False, True):
        low, high = -reach, reach.copy()
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            slope = slopes(middle)
            up = slope > 0 if past else slope >= 0
            low, high = np.where(up, low, middle), np.where(up, middle, high)
        ends.append((low + high) / 2)
    first, last = ends
    first, last = np.where(first < -0.99 * reach, last, first), np.where(last > 0.99 * reach, first, last)
    found = np.where(first > 0.99 * reach, 0.0, np.where(last < -0.99 * reach, 0.0, (first + last) / 2))
    return np.where(np.bincount(leaf, minlength=leaves) > 0, found, 0.0)
