"""Losses of ordered classes: k scores for k + 1 classes, each the log-odds of lying above one of the first k."""

from __future__ import annotations

from math import inf

import numpy as np

from losskit.domains import Axis, Categories
from losskit.links import CUMULATIVE, LOGIT
from losskit.rowwise import Rowwise
from losskit.traits import Traits

Array = np.ndarray


class Ordinal(Rowwise):
    """Minus the log-probability of a row's class among ordered ones: the proportional odds model's loss.

    f_j is the log-odds that the class is above j = 0 ... k - 1, such as score - threshold_j with ordered thresholds: f
    falls along the axis. Where it does not, a class has no probability, and costs infinity.
    """

    source = "McCullagh (1980), doi:10.1111/j.2517-6161.1980.tb01109.x"
    use = "Classes have an order (grades, stages), and probabilities of each are wanted."
    avoid = "Nothing keeps the thresholds in order: Coral has a finite loss there."
    domain, link, beyond = Categories(shares=False), CUMULATIVE, 1
    outputs = ("f_1 > ... > f_k",)
    written = (
        r"-\log\left(\frac{1}{1 + e^{-a}} - \frac{1}{1 + e^{-b}}\right), a = f \text{ before } y, b = f_{y}",
        r"-\frac{1}{1 + e^{a}} - \frac{1}{e^{a - b} - 1} \text{ before } y, "
        r"\frac{1}{1 + e^{-b}} + \frac{1}{e^{a - b} - 1} \text{ at } y",
        r"\frac{e^{-a}}{\left(1 + e^{-a}\right)^{2}} + c, \frac{e^{-b}}{\left(1 + e^{-b}\right)^{2}} + c, "
        r"-c \text{ between}, c = \frac{e^{a - b}}{\left(e^{a - b} - 1\right)^{2}}",
    )
    axis: Axis = -1

    def rows(self, y: Array, f: Array, order: int) -> tuple[Array, ...]:
        n, k = f.shape
        at, place = np.clip(np.where(y == y, y, 0), 0, k).astype(np.intp), np.arange(n)
        edge = np.full((n, 1), inf)
        wide = np.concatenate([edge, f, -edge], axis=1)
        a, b = wide[place, at], wide[place, at + 1]  # log-odds above the class below, and above this one
        gap = np.where((a == b) | (a < b), 0.0, a - b)
        bad = np.where(np.isnan(f), f, 0.0)
        steep = 1.0 / np.expm1(gap)
        value = np.logaddexp(0.0, -a) + np.logaddexp(0.0, b) - np.log(-np.expm1(-gap)) + bad.sum(axis=1)
        ends = np.zeros((n, k + 2))
        ends[place, at], ends[place, at + 1] = -LOGIT.to_prediction(-a) - steep, LOGIT.to_prediction(b) + steep
        if order < 2:
            return value, ends[:, 1:-1] + bad
        bend = np.where(gap == 0, inf, steep / -np.expm1(-gap))
        hessian = np.zeros((n, k + 2, k + 2))
        for i, x in ((0, a), (1, b)):
            hessian[place, at + i, at + i] = LOGIT.to_prediction(x) * LOGIT.to_prediction(-x) + bend
            hessian[place, at + i, at + 1 - i] = -bend
        return value, ends[:, 1:-1] + bad, hessian[:, 1:-1, 1:-1] + bad[:, :, None]

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=False, differentiable=True, bounded=False, lipschitz=inf,
                      curvature=inf, strong=0.0, elicits="mean", proper=True, calibrated=True)


class Coral(Rowwise):
    """The sum of logistic losses of lying above each class: finite whatever the order of the scores."""

    source = "Cao, Mirjalili and Raschka (2020), doi:10.1016/j.patrec.2020.11.008; Li and Lin (2007)"
    use = "Classes have an order, in networks: one score less thresholds, whose order comes out by itself."
    avoid = "Each row's likelihood is wanted: Ordinal has it."
    domain, link, beyond = Categories(shares=False), CUMULATIVE, 1
    written = (
        r"\sum_{j} \log\left(1 + e^{f_{j}}\right) - \sum_{j < y} f_{j}",
        r"\frac{1}{1 + e^{-f_{j}}} - \text{1 if } y > j",
        r"\frac{e^{-f_{j}}}{\left(1 + e^{-f_{j}}\right)^{2}}",
    )
    axis: Axis = -1

    def rows(self, y: Array, f: Array, order: int) -> tuple[Array, ...]:
        sign = np.where(y[:, None] > np.arange(f.shape[1]), -1.0, 1.0)
        value = np.logaddexp(0.0, sign * f).sum(axis=1)
        p, rest = LOGIT.to_prediction(sign * f), LOGIT.to_prediction(-sign * f)
        return value, sign * p, (p * rest)[:, :, None] * np.eye(f.shape[1]) if order == 2 else p

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=True, differentiable=True, bounded=False, lipschitz=inf,
                      curvature=0.25, strong=0.0, elicits="mean", calibrated=True)
