"""Losses of rows that may be of several classes, and of one class against the rest: a loss of two classes for each."""

from __future__ import annotations

from math import inf

import numpy as np

from losskit.base import Pointwise
from losskit.domains import SIGNS, UNIT, Axis, Categories, Domain
from losskit.errors import ParameterError
from losskit.links import LOGIT, Link
from losskit.losses.binary import Logistic
from losskit.rowwise import Rowwise, diagonals, one_hot
from losskit.traits import Traits

Array = np.ndarray


class OneVsRest(Rowwise):
    """The sum over the classes of `loss`, which is one of two classes: this class against all others.

    A row may be of several classes, or of none, by shares of 0 and 1. Predictions are those of `loss` (by default
    Logistic()), class by class: their sum is not 1.
    """

    source = "Rifkin and Klautau (2004), In defense of one-vs-all classification, JMLR 5:101-141"
    use = "Rows may have several labels; or a margin loss of two classes is wanted for many."
    avoid = "Classes exclude each other and probabilities are wanted: those of SoftmaxCrossEntropy sum to 1."
    written = (
        r"\sum_{j} L\left(t_{j}, f_{j}\right)",
        r"L'\left(t_{j}, f_{j}\right)",
        r"L''\left(t_{j}, f_{j}\right)",
    )
    loss: Pointwise = Logistic()
    axis: Axis = -1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (isinstance(self.loss, Pointwise) and self.loss.domain in (UNIT, SIGNS) and len(self.loss.outputs) == 1):
            raise ParameterError(f"OneVsRest needs a loss of two classes, such as Logistic(); got {self.loss!r}")

    @property
    def domain(self) -> Categories:
        return Categories(shares=self.loss.domain == UNIT, several=True)

    @property
    def prediction_domain(self) -> Domain:
        return self.loss.prediction_domain

    @property
    def link(self) -> Link:
        return self.loss.link

    def rows(self, y: Array, f: Array, order: int) -> tuple[Array, ...]:
        t = one_hot(y, f.shape[1])
        t = 2.0 * t - 1.0 if self.loss.domain == SIGNS else np.where((t >= 0) & (t <= 1), t, 0.0)
        if self.prediction_domain.bounded:  # what lies outside here has weight 0
            f = np.where(self.prediction_domain.contains(f), f, np.nan)
        value, gradient, hessian = self.loss.value_gradient_and_hessian(t, f, reduction="none")
        return value.sum(axis=1), gradient, diagonals(hessian, order)

    def _best(self, shares: Array) -> Array:
        labels = np.array([-1.0 if self.loss.domain == SIGNS else 0.0, 1.0])
        return np.array([self.loss.constant(labels, [1.0 - share, share]) for share in shares])

    def traits(self) -> Traits:
        known = self.loss.traits()
        return Traits(convex=known.convex, strictly_convex=known.strictly_convex, differentiable=known.differentiable,
                      lipschitz=inf, curvature=known.curvature, strong=known.strong, elicits=known.elicits)


class MultilabelSoftMargin(Rowwise):
    """The mean over the classes of the logistic loss of each against the rest: `OneVsRest()` over their number."""

    source = "Read et al. (2011), Classifier chains for multi-label classification, doi:10.1007/s10994-011-5256-5"
    use = "Rows may have several labels, or none."
    avoid = "Classes exclude each other: SoftmaxCrossEntropy knows that their probabilities sum to 1."
    domain, link = Categories(several=True), LOGIT
    written = (
        r"\frac{1}{k} \, \sum_{j} \log\left(1 + e^{f_{j}}\right) - t_{j} \, f_{j}",
        r"\frac{1}{k} \, \left(\frac{1}{1 + e^{-f_{j}}} - t_{j}\right)",
        r"\frac{1}{k} \, \frac{e^{-f_{j}}}{\left(1 + e^{-f_{j}}\right)^{2}}",
    )
    axis: Axis = -1

    def rows(self, y: Array, f: Array, order: int) -> tuple[Array, ...]:
        return tuple(part / f.shape[1] for part in OneVsRest().rows(y, f, order))

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=True, differentiable=True, bounded=False, lipschitz=2**-0.5,
                      curvature=0.125, strong=0.0, elicits="mean", proper=True, calibrated=True)
