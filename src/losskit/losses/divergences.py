"""Divergences of the distribution Q, the prediction, from P, the target: order (P, Q), as (y, f) everywhere."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np

from losskit.calculus import (
    expm1,
    expm1mx,
    log,
    log1p,
    log1pmx,
    poisson_deviance,
    poisson_deviance_of_mean,
    sqrt,
    where,
    xdivy,
    xlogy,
)
from losskit.divergence import Divergence
from losskit.domains import OptionalPositions, PositiveButOne
from losskit.errors import CapabilityError
from losskit.rowwise import of_classes
from losskit.traits import Traits

Array = np.ndarray


def _log_quotient(a: Any, b: Any) -> Any:
    """log(a/b), 0 where both are 0."""
    return where(a == b, 0, where(abs(a - b) < b / 2, log1p((a - b) / b), log(a / b)))


def _below_the_mean(p: Any, q: Any) -> Any:
    """p log(p/m) - p + m at m = (p + q)/2, which is not rounded."""
    return where(p <= q * 2.0**-60, q / 2, -p * log1pmx((q - p) / (2 * p)))


class KL(Divergence):
    """The Kullback-Leibler divergence of Q, the prediction f, from P, the target y: sum_j p_j log(p_j/q_j), in nats.

    A class without a share in P adds nothing; one without a share in Q alone costs infinity. On masses it is the
    generalised divergence, with - p_j + q_j in each term.
    """

    source = "Kullback and Leibler (1951), doi:10.1214/aoms/1177729694"
    use = "Soft targets, such as the probabilities of a teacher: Q shall cover all of P. 0 says that they are equal."
    avoid = "Targets are labels (SoftmaxCrossEntropy), or Q may miss a part of P: that costs infinity."
    tilt = (1.0, -1.0)

    def formula(self, p: Any, q: Any) -> Any:
        return xlogy(p, p / q)

    def derivative(self, p: Any, q: Any) -> Any:
        return -xdivy(p, q)

    def second_derivative(self, p: Any, q: Any) -> Any:
        return xdivy(xdivy(p, q), q)

    def excess(self, p: Any, q: Any) -> Any:
        return poisson_deviance_of_mean(p, q)

    def formula_of_log(self, p: Any, l: Any) -> Any:  # noqa: E741
        return xlogy(p, p) - p * l

    def excess_of_log(self, p: Any, l: Any) -> Any:  # noqa: E741
        return poisson_deviance(p, l)

    def traits(self) -> Traits:
        return Traits(convex=True, differentiable=True, bounded=False, lipschitz=_steep(self), elicits="mean",
                      curvature=0.5 if self.on == "logits" else None, proper=True, calibrated=True)


def _steep(loss: Divergence) -> float | None:
    """The bound on the norm of a row's gradient."""
    return {"logits": 2**0.5, "log_probabilities": 1.0}.get(loss.on, inf)


def _bowl(loss: Divergence) -> bool:
    """Whether a sum that is convex in q is so in f: concave in log q far below P, and bounded in logits."""
    return loss.on in ("probabilities", "masses")


class ReverseKL(Divergence):
    """The Kullback-Leibler divergence of P, the target y, from Q, the prediction f: sum_j q_j log(q_j/p_j), in nats.

    Q must stay where P has shares: a share of Q on a class without any in P costs infinity. On masses it is the
    generalised divergence, with - q_j + p_j in each term.
    """

    source = "Kullback and Leibler (1951), doi:10.1214/aoms/1177729694"
    use = "Q shall settle on a part of P rather than spread over all of it: distillation, variational inference."
    avoid = "P has classes without a share, labels above all: any share of Q there costs infinity. KL has no such wall."
    tilt = (-1.0, 1.0)

    def formula(self, p: Any, q: Any) -> Any:
        return xlogy(q, q / p)

    def derivative(self, p: Any, q: Any) -> Any:
        return where(q > 0, _log_quotient(q, p) + 1, where(p > 0, -inf, 0))

    def second_derivative(self, p: Any, q: Any) -> Any:
        return 1 / q

    def excess(self, p: Any, q: Any) -> Any:
        return poisson_deviance_of_mean(q, p)

    def excess_derivative(self, p: Any, q: Any) -> Any:
        return _log_quotient(q, p)

    def traits(self) -> Traits:
        return Traits(convex=_bowl(self), differentiable=True, bounded=False, lipschitz=inf, proper=False)


class JensenShannon(Divergence):
    """Half the sum of the Kullback-Leibler divergences of M from P and from Q, M being their mean: at most log 2.

    Its square root is a metric.
    """

    source = "Lin (1991), doi:10.1109/18.61115"
    use = "P and Q may each have classes the other lacks: the divergence is finite, bounded and symmetric."
    avoid = "Probabilities are learned from labels: it is not proper, and its best prediction is not their share."

    def formula(self, p: Any, q: Any) -> Any:
        return (xlogy(p, 2 * p / (p + q)) + xlogy(q, 2 * q / (p + q))) / 2

    def derivative(self, p: Any, q: Any) -> Any:
        near = where(2 * q < p, log(2 * q / (p + q)), log1p((q - p) / (p + q)))
        return where(p == 0, log(2.0), near) / 2

    def second_derivative(self, p: Any, q: Any) -> Any:
        return xdivy(xdivy(p, p + q), q) / 2

    def excess(self, p: Any, q: Any) -> Any:
        return (_below_the_mean(p, q) + _below_the_mean(q, p)) / 2

    def excess_derivative(self, p: Any, q: Any) -> Any:
        return self.derivative(p, q)

    def traits(self) -> Traits:
        return Traits(convex=_bowl(self), differentiable=True, bounded=self.on != "masses",
                      proper=False)


class Hellinger(Divergence):
    """The squared Hellinger distance: half the sum of (sqrt(p_j) - sqrt(q_j))^2, at most 1."""

    source = "Le Cam (1986), doi:10.1007/978-1-4612-4946-7; Liese and Vajda (2006), doi:10.1109/TIT.2006.881731"
    use = "A bounded, symmetric divergence that weighs rare classes more than total variation does."
    avoid = "Probabilities are learned from labels: it is not proper."

    def formula(self, p: Any, q: Any) -> Any:
        return (sqrt(p) - sqrt(q)) ** 2 / 2

    def derivative(self, p: Any, q: Any) -> Any:
        return where(p == 0, 1, (q - p) / (sqrt(q) * (sqrt(p) + sqrt(q)))) / 2

    def second_derivative(self, p: Any, q: Any) -> Any:
        return xdivy(xdivy(sqrt(p), sqrt(q)), q) / 4

    def excess(self, p: Any, q: Any) -> Any:
        return xdivy(p - q, sqrt(p) + sqrt(q)) ** 2 / 2

    def excess_derivative(self, p: Any, q: Any) -> Any:
        return self.derivative(p, q)

    def traits(self) -> Traits:
        return Traits(convex=_bowl(self), differentiable=True, bounded=self.on != "masses",
                      proper=False)


class TotalVariationDistance(Divergence):
    """Half the sum of |p_j - q_j|: the most by which the probabilities of an event can differ."""

    source = "Liese and Vajda (2006), doi:10.1109/TIT.2006.881731"
    use = "Differences in probability count as they are, in rare classes no more than in common ones."
    avoid = "Probabilities are learned from labels (it elicits the mode), or a solver needs a curvature: it has none."

    def formula(self, p: Any, q: Any) -> Any:
        return abs(p - q) / 2

    def traits(self) -> Traits:
        return Traits(convex=_bowl(self), differentiable=False, bounded=self.on != "masses",
                      elicits="mode", proper=False)


class Renyi(Divergence):
    """The Renyi divergence of order `alpha` of Q from P: log(sum_j p_j^alpha q_j^(1 - alpha)) / (alpha - 1), in nats.

    At order 1 it is KL, at 1/2 it is -2 log(1 - Hellinger).
    """

    source = "Renyi (1961); van Erven and Harremoes (2014), doi:10.1109/TIT.2014.2320500"
    use = "How much P may exceed Q where Q is small shall cost more (alpha > 1) or less (alpha < 1) than in KL."
    avoid = "Sums of rows shall have a meaning: only KL adds up so. alpha is near 0: the loss then sees supports alone."
    alpha: PositiveButOne = 0.5
    weighs = False

    @property
    def tilt(self) -> tuple[Any, Any]:
        """What the formula has beside the excess: alpha/(alpha - 1) of p, and -q."""
        return self.alpha / (self.alpha - 1), -1.0

    def formula(self, p: Any, q: Any) -> Any:
        return where(p == 0, 0, p * (p / q) ** (self.alpha - 1)) / (self.alpha - 1)

    def derivative(self, p: Any, q: Any) -> Any:
        return -(xdivy(p, q) ** self.alpha)

    def second_derivative(self, p: Any, q: Any) -> Any:
        return xdivy(self.alpha * xdivy(p, q) ** self.alpha, q)

    def excess(self, p: Any, q: Any) -> Any:
        c = 1 - self.alpha
        d = _log_quotient(q, p)
        near = poisson_deviance_of_mean(p, q) - p * expm1mx(c * d) / c
        far = self.formula(p, q) + (self.alpha / c * p + q)
        return where(p == 0, q, where(abs(c * d) < 1, near, far))

    def excess_derivative(self, p: Any, q: Any) -> Any:
        return -expm1(-self.alpha * _log_quotient(q, p))

    def of_sum(self, s: Any, plain: Any) -> tuple[Any, Any, Any]:
        """log(1 + c s)/c at c = alpha - 1, and its derivatives; 1 + c s is c times the sum of the formula."""
        c = self.alpha - 1.0
        whole = c * plain
        return np.where(np.abs(c * s) < 0.5, np.log1p(c * s), np.log(whole)) / c, 1.0 / whole, -c / whole / whole

    def traits(self) -> Traits:
        convex = self.on == "probabilities" or self.alpha > 1  # van Erven and Harremoes, theorem 12
        return Traits(convex=convex, differentiable=True, bounded=False, lipschitz=_steep(self), proper=False)


class Wasserstein1(Divergence):
    """The Wasserstein distance of order 1 between distributions on ordered bins: what has to be moved, and how far.

    `positions` are the bins' places, 0, 1 ... if not given.
    """

    source = "Villani (2009), doi:10.1007/978-3-540-71050-9; Hou, Yu and Samaras (2016), arXiv:1611.05916"
    use = "Classes are ordered, such as grades or age groups, and a near miss shall cost less than a far one."
    avoid = "Classes have no order, or a solver needs a curvature: on probabilities it has none."
    positions: OptionalPositions = None
    weighs = False

    def formula(self, p: Any, q: Any) -> Any:
        raise CapabilityError("Wasserstein1 is no sum over the bins of a formula of their shares")

    def latex(self, of: str = "value") -> str:
        gap = r"\sum_{i \le j} \left(q_{i} - p_{i}\right)"
        value = rf"\sum_{{j < k}} \left(x_{{j + 1}} - x_{{j}}\right) \, \left|{gap}\right|"
        slope = r"\sum_{i \ge j} \left(x_{i + 1} - x_{i}\right) \, \operatorname{sgn}\left(G_{i} - F_{i}\right)"
        return {"value": value, "gradient": slope, "hessian": "0"}[of]

    def summed(self, p: Array, at: Array, q: Array, order: int) -> tuple[Array, ...]:
        k = p.shape[1]
        places = np.arange(k) if self.positions is None else np.array(of_classes(self, "positions", k))
        gap, width = np.cumsum(q - p, axis=1)[:, :-1], np.diff(places)
        slope = np.zeros_like(p)
        slope[:, :-1] = np.cumsum((width * np.sign(gap))[:, ::-1], axis=1)[:, ::-1]
        by_log = at is not q
        slope = q * slope if by_log else slope
        return ((width * np.abs(gap)).sum(axis=1), slope, slope if by_log else np.zeros_like(p))[: order + 1]

    def traits(self) -> Traits:
        return Traits(convex=_bowl(self), differentiable=False, bounded=True,
                      elicits="median", proper=False)
