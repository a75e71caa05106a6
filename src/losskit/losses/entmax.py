"""Losses of many classes whose probabilities may be exactly 0: sparsemax, and entmax between it and the softmax."""

from __future__ import annotations

import numpy as np

from losskit.domains import Axis, OneToTwo
from losskit.links import SPARSEMAX, Link, entmax, entmax_link
from losskit.rowwise import Rowwise, diagonals, one_hot
from losskit.traits import Traits

Array = np.ndarray


class Sparsemax(Rowwise):
    """The loss of which the sparsemax, the nearest point of the simplex, is the prediction; some classes get 0."""

    source = "Martins and Astudillo (2016), From softmax to sparsemax, arXiv:1602.02068"
    use = "Probabilities should be exactly 0 for classes that are out of the question."
    avoid = "Logarithmic scores are used: a probability of 0 costs infinity there."
    link = SPARSEMAX
    written = (
        r"\sum_{j} \left(p_{j} - t_{j}\right) \, \left(f_{j} - \frac{p_{j} + t_{j}}{2}\right)",
        r"p_{j} - t_{j}",
        r"\text{projection onto the classes with } p_{j} > 0",
    )
    axis: Axis = -1

    def rows(self, y: Array, f: Array, order: int) -> tuple[Array, ...]:
        return FenchelYoung(2.0).rows(y, f, order)

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=False, differentiable=True, bounded=False, lipschitz=2**0.5,
                      curvature=1.0, strong=0.0, elicits="mean", proper=True, calibrated=True)


class FenchelYoung(Rowwise):
    """The loss of which the alpha-entmax is the prediction: cross-entropy at 1, the sparsemax loss at 2.

    Between them probabilities are sparse, and come smoothly to 0. It is Omega*(f) + Omega(t) - <f, t> with Omega minus
    the Tsallis entropy, sum_j (p_j^alpha - p_j) / (alpha (alpha - 1)).
    """

    source = "Blondel et al. (2020), Learning with Fenchel-Young losses, JMLR 21(35); Peters et al. (2019), " \
             "doi:10.18653/v1/P19-1146"
    use = "Classes that are out of the question should get probability 0, with a smoother edge than the sparsemax has."
    avoid = "Logarithmic scores are used: a probability of 0 costs infinity there."
    written = (
        r"\sum_{j} \left(p_{j} - t_{j}\right) \, f_{j} + \frac{t_{j}^{\alpha} - p_{j}^{\alpha}}"
        r"{\alpha \, \left(\alpha - 1\right)}",
        r"p_{j} - t_{j}",
        r"\text{diag}\left(r\right) - \frac{r_{i} \, r_{j}}{\sum r}, r_{j} = p_{j}^{2 - \alpha}",
    )
    alpha: OneToTwo = 1.5
    axis: Axis = -1

    @property
    def link(self) -> Link:
        return entmax_link(self.alpha)

    def rows(self, y: Array, f: Array, order: int) -> tuple[Array, ...]:
        t = one_hot(y, f.shape[1])
        p, rest, v, power = entmax(f, self.alpha)
        value = _tsallis_gap(t, p, rest, v, power, self.alpha).sum(axis=1)
        gradient = (1.0 - t) * p - t * rest
        if order < 2:
            return value, gradient
        r = p / np.where(p > 0, power, 1.0)
        total = r.sum(axis=1)[:, None, None]
        return value, gradient, diagonals(r, 2) - r[:, :, None] * r[:, None, :] / total

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=False, differentiable=True, bounded=False, lipschitz=2**0.5,
                      curvature=2.0 ** (self.alpha - 2), strong=0.0, elicits="mean", proper=True, calibrated=True)


def _tsallis_gap(t: Array, p: Array, rest: Array, v: Array, power: Array, alpha: float) -> Array:
    """What each class adds to the loss, never negative: its share in the divergence of t from p, and t (v - 1/a).

    The latter where v passes 1/a, which is where p becomes 0. Of a share of 1 the divergence is the integral of
    x (1 - x)^(a - 1) up to 1 - p, which keeps its digits where 1 - p is small.
    """
    a = alpha - 1.0
    inside = np.minimum(v, 1.0 / a) if a else v
    beyond = np.where(v == inside, 0.0, v - inside)
    log = np.log(np.where(t > 0, t, 1.0))
    logs = np.expm1(a * log) / a if a else log
    some = (t * (logs + inside) - power * (t - p)) / alpha + t * beyond
    x, weights = np.polynomial.legendre.leggauss(12)
    x, weights = (x + 1.0) / 2.0, weights / 2.0
    near = np.minimum(rest, 0.5)
    small = near**2 * sum(c * u * (1.0 - near * u) ** (a - 1.0) for u, c in zip(x, weights, strict=True))
    whole = np.where(rest <= 0.5, small, (inside - power * rest) / alpha + beyond)
    return np.where(t == 0, p * power / alpha, np.where(t == 1, whole, some))
