"""Losses of many classes: on raw scores through the softmax, on probabilities, and by margins."""

from __future__ import annotations

import dataclasses
from math import inf
from typing import Any

import numpy as np

from losskit.calculus import exp, expm1, where
from losskit.domains import (
    UNIT,
    Axis,
    Categories,
    Nonnegative,
    OptionalLabel,
    OptionalMask,
    OptionalPositives,
    Positive,
    Positives,
    Rate,
    Smoothing,
)
from losskit.errors import ParameterError
from losskit.links import IDENTITY
from losskit.rowwise import Rows, Rowwise, diagonals, of_classes, one_hot
from losskit.softmax import Setting, Softmax, plain_table
from losskit.traits import Traits

Array = np.ndarray


_LIKELIHOOD = Traits(convex=True, strictly_convex=False, differentiable=True, bounded=False, strong=0.0,
                     lipschitz=2**0.5, curvature=0.5, calibrated=True)  # by the norm of a row's gradient and Hessian


class SoftmaxCrossEntropy(Softmax):
    """Cross-entropy of the softmax of raw scores: minus the logarithm of the probability of the row's class.

    `class_weight` counts rows by their class. `label_smoothing` spreads that share of a row over "all" classes or the
    "others", those of `mask` 0 left out; a class of mask 0 has probability 0. Rows of label `ignore_index` count for
    nothing. Scores are divided by `temperature`; `z_loss` times the square of log sum exp comes on top.
    """

    source = "Bridle (1990), doi:10.1007/978-3-642-76153-9_28; Szegedy et al. (2016), doi:10.1109/CVPR.2016.308"
    use = "Probabilities of several classes are wanted; the first choice for linear models, boosters and networks."
    avoid = "Some labels are plainly wrong (a confident error costs without bound), or a row may have several classes."
    class_weight: OptionalPositives = None
    label_smoothing: Rate = 0.0
    smoothing: Smoothing = "all"
    ignore_index: OptionalLabel = None
    mask: OptionalMask = None
    temperature: Positive = 1.0
    z_loss: Nonnegative = 0.0
    axis: Axis = -1

    def setting(self, classes: int) -> Setting:
        table, kept = plain_table(classes), 1.0
        open_ = np.ones(classes) if self.mask is None else of_classes(self, "mask", classes)
        if open_.sum() < 2:
            raise ParameterError(f"{type(self).__name__} needs a mask with two classes or more of 1; got {self.mask}")
        table[0] = np.where(open_ == 1, 0.0, -inf)
        if self.class_weight is not None:
            table[1] = of_classes(self, "class_weight", classes)
        if self.label_smoothing:
            spread = self.label_smoothing / (open_.sum() - (self.smoothing == "others"))
            table[2], kept = spread * open_, 1.0 - self.label_smoothing
            kept -= spread if self.smoothing == "others" else 0.0
        return Setting(table, 1.0 / self.temperature, self.z_loss, kept)

    def traits(self) -> Traits:
        plain = not self.z_loss
        most = max(self.class_weight or (1.0,))
        return Traits(convex=True if plain else None, strictly_convex=False, differentiable=True, bounded=False,
                      strong=0.0 if plain else None, lipschitz=most * 2**0.5 / self.temperature if plain else None,
                      curvature=most / 2 / self.temperature**2 if plain else None, elicits="mean",
                      proper=plain and not self.label_smoothing and self.class_weight is None, calibrated=plain)

    def _rows_of(self, y: Any, f: Any, sample_weight: Any) -> Rows:
        given = super()._rows_of(y, f, sample_weight)
        if self.ignore_index is None or not given.labelled:
            return given
        kept = given.y != self.ignore_index
        w = kept.astype(np.float64) if given.w is None else np.where(kept, given.w, 0.0)
        return dataclasses.replace(given, w=w)


class BalancedSoftmax(Softmax):
    """Softmax cross-entropy whose scores are shifted by the logarithms of the classes' `counts` in training."""

    source = "Ren et al. (2020), Balanced Meta-Softmax, arXiv:2007.10740"
    use = "Training rows are imbalanced and the use will not be: the unshifted scores are those of even classes."
    avoid = "Use has the imbalance of training: plain cross-entropy has its probabilities."
    counts: Positives = (1.0, 1.0)
    axis: Axis = -1

    def setting(self, classes: int) -> Setting:
        table = plain_table(classes)
        table[0] = np.log(of_classes(self, "counts", classes))
        return Setting(table)

    def traits(self) -> Traits:
        return _LIKELIHOOD


class LogitAdjustedSoftmax(Softmax):
    """Softmax cross-entropy whose scores are shifted by `tau` times the logarithms of the classes' `prior`."""

    source = "Menon et al. (2021), Long-tail learning via logit adjustment, arXiv:2007.07314"
    use = "The balanced error counts, and classes are rare: every class gets the same say."
    avoid = "Plain accuracy or probabilities of the training mix are wanted."
    prior: Positives = (0.5, 0.5)
    tau: Nonnegative = 1.0
    axis: Axis = -1

    def setting(self, classes: int) -> Setting:
        table = plain_table(classes)
        table[0] = self.tau * np.log(of_classes(self, "prior", classes))
        return Setting(table)

    def traits(self) -> Traits:
        return _LIKELIHOOD


class LDAM(Softmax):
    """Softmax cross-entropy with a margin for the row's class, larger for rare ones: proportional to counts^(-1/4)."""

    source = "Cao et al. (2019), Label-distribution-aware margin loss, arXiv:1906.07413"
    use = "Long-tailed classes in deep networks with normalised features."
    avoid = "Probabilities are wanted: margins and scale distort them."
    counts: Positives = (1.0, 1.0)
    max_margin: Positive = 0.5
    scale: Positive = 30.0
    axis: Axis = -1

    def setting(self, classes: int) -> Setting:
        table = plain_table(classes)
        margins = of_classes(self, "counts", classes) ** -0.25
        table[3] = self.max_margin * (margins / margins.max())
        return Setting(table, self.scale)

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=False, differentiable=True, bounded=False, strong=0.0,
                      lipschitz=self.scale * 2**0.5, curvature=self.scale**2 / 2)


class ClassBalanced(Softmax):
    """Softmax cross-entropy with rows weighted by the inverse of their class's effective number.

    That of n rows is (1 - beta^n)/(1 - beta); the weights have mean 1 over the classes.
    """

    source = "Cui et al. (2019), doi:10.1109/CVPR.2019.00949"
    use = "Many rows of a large class say the same again: weights between none and the inverse of the counts."
    avoid = "Probabilities of the training mix are wanted."
    counts: Positives = (1.0, 1.0)
    beta: Rate = 0.999
    axis: Axis = -1

    def setting(self, classes: int) -> Setting:
        table = plain_table(classes)
        weights = (1.0 - self.beta) / -np.expm1(of_classes(self, "counts", classes) * np.log(max(self.beta, 1e-300)))
        table[1] = weights * (classes / weights.sum())
        return Setting(table)

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=False, differentiable=True, bounded=False, strong=0.0)


class FocalSoftmax(Softmax):
    """Softmax cross-entropy with rows turned down by (1 - p)^gamma, p the probability of their own class."""

    source = "Lin et al. (2017), doi:10.1109/ICCV.2017.324"
    use = "A flood of easy rows, where the ranking of the hard ones matters."
    avoid = "Probabilities are wanted: they come out too even and need recalibration."
    gamma: Nonnegative = 2.0
    axis: Axis = -1

    def formula(self, s: Any) -> Any:
        return (-expm1(-s)) ** self.gamma * s

    def derivative(self, s: Any) -> Any:
        ratio = where(s < 1e-100, 1, -s / expm1(-s))  # 1 + s/2; its own slope divides by expm1 squared
        # at s = 0 the row is certain: what phi'' is multiplied by is 0, and below gamma = 1 it would be infinite
        power = where(s > 0, (-expm1(-s)) ** self.gamma, where(self.gamma > 0, 0, 1))
        return power * (1 + self.gamma * where(s < inf, ratio * exp(-s), 0))

    def traits(self) -> Traits:
        return Traits(convex=self.gamma == 0, differentiable=True, bounded=False, proper=self.gamma == 0,
                      calibrated=True)


class PolySoftmax(Softmax):
    """Softmax cross-entropy plus epsilon (1 - p), p the probability of the row's class: its leading term reweighed."""

    source = "Leng et al. (2022), PolyLoss, arXiv:2204.12511"
    use = "A network trained by cross-entropy is to be tuned by one number more, epsilon."
    avoid = "Probabilities are wanted: with epsilon above 0 they come out too extreme."
    epsilon: Nonnegative = 1.0
    axis: Axis = -1

    def formula(self, s: Any) -> Any:
        return s - self.epsilon * expm1(-s)

    def traits(self) -> Traits:
        e = self.epsilon
        steep = 1.0 if e <= 1 else (1 + e) ** 2 / (4 * e)  # (1 + e p)(1 - p) at its highest
        return Traits(convex=True if e == 0 else None, differentiable=True, bounded=False, lipschitz=steep * 2**0.5,
                      proper=e == 0, calibrated=True)


class CategoricalCrossEntropy(Rowwise):
    """The log score, or cross-entropy on probabilities: minus the logarithm of that of the row's class, not clipped."""

    source = "Good (1952), doi:10.1111/j.2517-6161.1952.tb00104.x"
    use = "Probabilities made elsewhere are to be judged; a certain and wrong one costs infinity, as it should."
    avoid = "Training: keep the raw scores and use SoftmaxCrossEntropy, which cannot saturate."
    link, prediction_domain = IDENTITY, UNIT
    written = (r"-\log\left(f_{y}\right)", r"-\frac{1}{f_{y}}", r"\frac{1}{{f_{y}}^{2}}")
    axis: Axis = -1

    def rows(self, y: Array, f: Array, order: int) -> tuple[Array, ...]:
        t = one_hot(y, f.shape[1])
        off = np.where(np.isnan(f), f, 0.0)  # a share of 0 counts nothing, but nan stays
        value = np.where(t == 0, off, -t * np.log(f)).sum(axis=1)
        return value, np.where(t == 0, off, -t / f), diagonals(np.where(t == 0, off, t / f / f), order)

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=False, differentiable=True, bounded=False, lipschitz=inf,
                      curvature=inf, strong=0.0, elicits="mean", proper=True, calibrated=True)


class BrierScore(Rowwise):
    """The squared distance of probabilities from the shares: sum over the classes, without a half."""

    source = "Brier (1950), doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2"
    use = "Probabilities are to be judged, and a certain error shall cost no more than 2."
    avoid = "Rare classes matter: small probabilities hardly show in it."
    link, prediction_domain = IDENTITY, UNIT
    written = (r"\sum_{j} {\left(f_{j} - t_{j}\right)}^{2}", r"2 \, \left(f_{j} - t_{j}\right)", r"2")
    axis: Axis = -1

    def rows(self, y: Array, f: Array, order: int) -> tuple[Array, ...]:
        r = f - one_hot(y, f.shape[1])
        return (r * r).sum(axis=1), 2.0 * r, diagonals(np.full_like(r, 2.0), order)

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=True, differentiable=True, lipschitz=8**0.5, curvature=2.0,
                      strong=2.0, elicits="mean", proper=True, calibrated=True)


class CrammerSinger(Rowwise):
    """By how much the best other class comes within 1 of the row's own: the multiclass hinge of one violation."""

    source = "Crammer and Singer (2001), Journal of Machine Learning Research 2:265-292"
    use = "Labels alone are wanted, with few support rows."
    avoid = "Probabilities are wanted, or no class has more than half of the rows: it is not consistent there."
    domain = Categories(shares=False)
    written = (
        r"\max\left(0, 1 + \max_{j \ne y} f_{j} - f_{y}\right)",
        r"\text{1 at the highest violation}, -1 \text{ at } y",
        r"0",
    )
    axis: Axis = -1

    def rows(self, y: Array, f: Array, order: int) -> tuple[Array, ...]:
        own, gap = _gaps(y, f)
        most = gap.max(axis=1, keepdims=True)
        tied = (gap == most) & (most > 0)
        pull = np.where(tied, 1.0, 0.0) / np.maximum(tied.sum(axis=1, keepdims=True), 1)
        pull = np.where(own, -pull.sum(axis=1, keepdims=True), pull)
        return np.maximum(most[:, 0], 0.0), np.where(np.isnan(most), most, pull), diagonals(np.zeros_like(f), order)

    def _best(self, shares: Array) -> Array:
        return np.where(shares > 0.5, 1.0, 0.0)  # 0 for all costs 1, a winner by 1 twice the share of the others

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=False, differentiable=False, bounded=False, lipschitz=2**0.5,
                      curvature=0.0, strong=0.0, elicits="mode", proper=False, calibrated=False)


class WestonWatkins(Rowwise):
    """By how much the other classes come within 1 of the row's own: the multiclass hinge summed over violations."""

    source = "Weston and Watkins (1999), Support vector machines for multi-class pattern recognition, ESANN"
    use = "Labels alone are wanted, and every rival class should be kept off."
    avoid = "Probabilities are wanted; it is not consistent for the most likely class."
    domain = Categories(shares=False)
    written = (r"\sum_{j \ne y} \max\left(0, 1 + f_{j} - f_{y}\right)", r"\text{1 at each violation}", r"0")
    axis: Axis = -1

    def rows(self, y: Array, f: Array, order: int) -> tuple[Array, ...]:
        own, gap = _gaps(y, f)
        cost = np.where(own, 0.0, np.maximum(gap, 0.0))
        pull = np.where(own, 0.0, np.where(np.isnan(gap), gap, np.where(gap > 0, 1.0, 0.0)))
        pull = np.where(own, -pull.sum(axis=1, keepdims=True), pull)
        return cost.sum(axis=1), pull, diagonals(np.zeros_like(f), order)

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=False, differentiable=False, bounded=False, lipschitz=inf,
                      curvature=0.0, strong=0.0, elicits="mode", proper=False, calibrated=False)


def _gaps(y: Array, f: Array) -> tuple[Array, Array]:
    """Which class is the row's own, and 1 + f_j - f_y (minus infinity for the own)."""
    own = one_hot(y, f.shape[1]) == 1
    mine = np.where(own, f, -inf).max(axis=1, keepdims=True)
    return own, np.where(own, np.where(np.isnan(mine), mine, -inf), 1.0 + (f - mine))
