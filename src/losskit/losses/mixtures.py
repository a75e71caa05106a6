"""Mixtures of densities, whose components are several columns of a row."""

from __future__ import annotations

from math import log, pi
from typing import Any

import numpy as np

from losskit.border import as_arrays
from losskit.domains import Axis
from losskit.errors import CapabilityError, ShapeError
from losskit.forecast import Forecast
from losskit.softmax import probabilities
from losskit.traits import Traits

Array = np.ndarray


class MixtureNLL(Forecast):
    """The negative log density of a mixture of normal distributions.

    Of m components a row of f has first m scores, whose softmax are the weights, then m means, then the logarithms of
    the m scales. The value is a logsumexp in NumPy, right to rounding of its summands.
    """

    source = "Bishop (1994), Mixture density networks, Aston University NCRG/94/004"
    use = "The target of one row may lie in several places: bimodal answers, inverse problems."
    avoid = "One peak is enough (GaussianNLL): components swap places, and a scale may shrink onto a single row."
    of = "numbers (scores, means, log scales)"
    written = (
        r"-\log \sum_{j} w_{j} \, \frac{e^{-z_{j}^{2} / 2}}{\sqrt{2 \, \pi} \, e^{s_{j}}},"
        r" \text{ with } w = \text{softmax}\left(a\right), z_{j} = \left(y - m_{j}\right) \, e^{-s_{j}}",
        r"w_{j} - r_{j} \text{ of } a_{j}, -r_{j} \, z_{j} \, e^{-s_{j}} \text{ of } m_{j},"
        r" r_{j} \, \left(1 - z_{j}^{2}\right) \text{ of } s_{j}, \text{ with } r_{j} \text{ the share in the sum}",
        r"\text{the second derivatives of } \log \sum_{j} e^{a_{j}} - \log \sum_{j} e^{c_{j}},"
        r" \text{ with } c_{j} = a_{j} - s_{j} - z_{j}^{2} / 2",
    )
    axis: Axis = -1

    def rows(self, y: Array, f: Array, order: int) -> tuple[Array, ...]:
        a, mean, s = np.split(f, 3, axis=1)
        narrow = np.exp(-s)
        z = (y[:, None] - mean) * narrow
        weight, _, gap = probabilities(np, a)
        c = -(gap + s + z * z / 2)
        beyond = np.isneginf(c).all(axis=1)  # the squares are infinite: the nearest component has all
        nearest = np.abs(z) == np.abs(z).min(axis=1, keepdims=True)
        share, _, below = probabilities(np, np.where(beyond[:, None], np.where(nearest, 0.0, -np.inf), c))
        top = np.arange(len(c)), np.argmax(c, axis=1)  # where the sum's logarithm has all its digits
        value = np.where(beyond, np.inf, log(2 * pi) / 2 - (c[top] + below[top]))
        slopes = np.where(share[:, None, :] == 0, 0.0, np.stack([np.ones_like(z), z * narrow, z * z - 1.0], axis=1))
        gradient = -share[:, None, :] * slopes
        gradient[:, 0] += weight
        gradient = gradient.reshape(f.shape)
        if order < 2:
            return value, gradient
        return value, gradient, _hessians(weight, share, slopes, z, narrow)

    def predict(self, f: Any) -> Any:
        """The mean of each row's mixture."""
        moved = np.moveaxis(np.asarray(as_arrays(f=f)[0], dtype=float), self.axis, -1)
        a, mean, _ = np.split(moved, 3, axis=-1)
        return (probabilities(np, a)[0] * mean).sum(axis=-1)

    def constant(self, y: Any, sample_weight: Any = None, *, classes: int | None = None) -> Any:
        """Refused (CapabilityError): the best constant mixture has many local optima, and no best scale."""
        raise CapabilityError(f"{self!r} has no best constant row: a scale can shrink onto one y; start from k-means")

    def shapes(self, of_y: tuple[int, ...], of_f: tuple[int, ...]) -> tuple[tuple[int, ...], int, bool]:
        found = super().shapes(of_y, of_f)
        if found[1] % 3:
            raise ShapeError(
                f"f has shape {of_f}, {found[1]} along axis {self.axis}: {type(self).__name__} needs three numbers a "
                "component, all scores first, then all means, then all log scales"
            )
        return found

    def traits(self) -> Traits:
        return Traits(convex=False, strictly_convex=False, differentiable=True, bounded=False, proper=True)


def _hessians(weight: Array, share: Array, slopes: Array, z: Array, narrow: Array) -> Array:
    """Of weights (n, m), shares (n, m) and the slopes (n, 3, m) of each log summand by its own three numbers."""
    n, m = weight.shape
    own = np.eye(m)
    spread = share[:, :, None] * (own - share[:, None, :])
    found = -np.einsum("npi,nij,nqj->npiqj", slopes, spread, slopes)
    found[:, 0, :, 0, :] += weight[:, :, None] * (own - weight[:, None, :])
    for p, q, bend in ((1, 1, narrow * narrow), (1, 2, 2 * z * narrow), (2, 1, 2 * z * narrow), (2, 2, 2 * z * z)):
        found[:, p, :, q, :] += own * (share * bend)[:, :, None]
    return found.reshape(n, 3 * m, 3 * m)
