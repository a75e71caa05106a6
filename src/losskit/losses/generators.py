"""Divergences by a text: of a generator of p/q, or of a potential. Near P = Q their terms are remainders of Taylor's.

phi(p) - phi(q) - phi'(q) (p - q) is (p - q)^2 times the mean of phi'' between q and p, with weights that fall to 0 at
p. Sixteen of Gauss's nodes give it to rounding where phi'' is smooth enough for half of them to give four digits;
elsewhere, and where the formula has kinks, the difference itself is taken, which is right to rounding of its terms.
"""

from __future__ import annotations

from functools import cache, reduce
from math import inf, isfinite
from operator import add
from typing import Annotated, Any

import numpy as np

from losskit.calculus import where
from losskit.calculus.derive import derivative
from losskit.calculus.emit import array_function
from losskit.calculus.graph import Node, nodes_of, substitute, symbol
from losskit.calculus.tex import latex
from losskit.divergence import Divergence
from losskit.domains import RealOrInfinite
from losskit.errors import ParameterError
from losskit.reading import FormulaOf, read_formula
from losskit.traits import Traits

Array = np.ndarray
Generator = Annotated[str, FormulaOf("t")]
Potential = Annotated[str, FormulaOf("x")]
_KINKS = {"abs", "where", "maximum", "minimum"}
_FEW = [0, 2, 5, 7, 8, 10, 13, 15]  # of 16 nodes
_FOUR_DIGITS = 5e-5  # with 16 nodes 5e-16, for 1/x, 1/x^2 and 1/x^3 between ends as far apart as 4 to 1


@cache
def _derivatives(text: str, name: str) -> tuple[Node, ...]:
    """A formula of `name` and its first three derivatives."""
    found = [read_formula(text, **{name: symbol(name)})]
    for _ in range(3):
        found.append(derivative(found[-1], symbol(name)))
    return tuple(found)


def _at(text: str, name: str, place: Any, less: Any = None) -> tuple[Any, ...]:
    """A formula of `name` and its first three derivatives, at `place`; `less` is place - 1, to more digits."""
    x = symbol(name)
    given = {x: place} if less is None else {x - 1: less, 1 - x: -less, x: place}
    return tuple(substitute(node, given) for node in _derivatives(text, name))


def _smooth(text: str, name: str) -> bool:
    return not any(node.op in _KINKS for node in nodes_of([_derivatives(text, name)[0]]))


@cache
def _rules(falling: bool) -> tuple[list[float], list[float], list[float]]:
    """Nodes on [0, 1] and two lines of weights, of all nodes and of a few, for means that count 1 - t, or all alike."""
    x, w = np.polynomial.legendre.leggauss(16)
    w = w / 2 * ((1 - x) / 2 if falling else 1)
    powers = np.polynomial.legendre.legvander(x, len(_FEW) - 1).T
    few = np.linalg.solve(powers[:, _FEW], powers @ w)
    return ((1 + x) / 2).tolist(), w.tolist(), few.tolist()


def _integral(of: Any, start: Any, width: Any, falling: bool) -> tuple[Any, Any]:
    """The mean of `of` between start and start + width, and whether fewer nodes give nearly the same."""
    nodes, weights, few = _rules(falling)
    values = [of(start + t * width) for t in nodes]
    whole = _sum([w * v for w, v in zip(weights, values, strict=True)])
    rough = _sum([w * values[place] for w, place in zip(few, _FEW, strict=True)])
    return whole, abs(whole - rough) < _FOUR_DIGITS * abs(whole)


def _sum(terms: list[Any]) -> Any:
    """The sum, by pairs."""
    while len(terms) > 2:
        terms = [reduce(add, terms[i : i + 2]) for i in range(0, len(terms), 2)]
    return reduce(add, terms)


@cache
def _tangent(generator: str) -> float:
    """The slope of a generator at 1, where it must be 0.

    Raises
    ------
    ParameterError
        If it is not.
    """
    value, slope = map(float, array_function("at", ["t"], _derivatives(generator, "t")[:2])(np, np.ones(())))
    if not abs(value) < 1e-15:
        raise ParameterError(
            f"generator={generator!r} is {value:.6g} at t = 1; it must be 0 there, or equal shares would cost "
            "something. Subtract that number"
        )
    return slope if isfinite(slope) else 0.0


class FDivergence(Divergence):
    """The f-divergence of Csiszar of a `generator` f, a convex formula of t with f(1) = 0: sum_j q_j f(p_j/q_j).

    `far_slope` is the limit of f(t)/t, what a share p costs where q is 0. On masses it is the generalised divergence,
    with - f'(1) (p_j - q_j) in each term.
    """

    source = "Csiszar (1967); Liese and Vajda (2006), doi:10.1109/TIT.2006.881731"
    use = "A divergence is wanted that has no name of its own here, such as chi-squared: (t - 1)**2."
    avoid = "It has one: KL, ReverseKL, JensenShannon, Hellinger, TotalVariationDistance are exact far from P = Q too."
    generator: Generator = "(t - 1)**2"
    far_slope: RealOrInfinite = inf

    def __post_init__(self) -> None:
        super().__post_init__()
        _tangent(self.generator)

    @property
    def tilt(self) -> tuple[float, float]:
        """What the formula has beside the excess: f'(1) (p - q), unless it has kinks."""
        slope = _tangent(self.generator) if _smooth(self.generator, "t") else 0.0
        return slope, -slope

    def formula(self, p: Any, q: Any) -> Any:
        beyond = where(p > 0, self.far_slope * p, 0)
        return where(q > 0, q * self._at_quotient(p, q)[0], beyond)

    def derivative(self, p: Any, q: Any) -> Any:
        return self.excess_derivative(p, q) + self.tilt[1]

    def second_derivative(self, p: Any, q: Any) -> Any:
        bend = self._at_quotient(p, q)[2]
        return where(p > 0, where(q > 0, (p / q) ** 2 * bend / q, where(self.far_slope < inf, 0, inf)), 0)

    def excess(self, p: Any, q: Any) -> Any:
        slope, d = self.tilt[0], (p - q) / q
        plain = self.formula(p, q) - slope * (p - q)
        if not _smooth(self.generator, "t"):
            return plain
        mean, known = _integral(lambda t: _at(self.generator, "t", t)[2], 1.0, d, True)
        return where(p == q, 0, where(known, (p - q) * (d * mean), plain))

    def excess_derivative(self, p: Any, q: Any) -> Any:
        """By q: that of the formula and f'(1), which is -(t - 1) times the mean of t f''(t) between 1 and p/q."""
        plain = self._slope(p, q) + self.tilt[0]
        if not _smooth(self.generator, "t"):
            return plain
        d = (p - q) / q
        mean, known = _integral(lambda t: t * _at(self.generator, "t", t)[2], 1.0, d, False)
        return where(p == q, 0, where(known, -d * mean, plain))

    def latex(self, of: str = "value") -> str:
        """LaTeX of the sum, or of its derivatives by q_j where P and Q have shares."""
        if of != "gradient":
            return super().latex(of)
        return latex(self._twin(*self._key())._slope(symbol("p"), symbol("q")), {"p": "p_j", "q": "q_j"})

    def _slope(self, p: Any, q: Any) -> Any:
        value, slope, _, _ = self._at_quotient(p, q)
        beyond = where(p > 0, where(self.far_slope < inf, 0, -inf), 0)
        return where(q > 0, where(p > 0, value - p / q * slope, value), beyond)

    def _at_quotient(self, p: Any, q: Any) -> tuple[Any, ...]:
        return _at(self.generator, "t", p / q, (p - q) / q)

    def traits(self) -> Traits:
        return Traits(convex=True if self.on in ("probabilities", "masses") else None)


class Bregman(Divergence):
    """The Bregman divergence of a `potential` phi, a convex formula of x: phi(p) - phi(q) - phi'(q) (p - q), summed."""

    source = "Bregman (1967), doi:10.1016/0041-5553(67)90040-7; Banerjee et al. (2005), doi:10.1109/TIT.2005.850145"
    use = "A proper score of one's own: the mean of the targets is its best prediction, whatever the potential."
    avoid = "It has a name: the potential x**2 is BrierScore, xlogy(x, x) is KL, exact far from P = Q too."
    potential: Potential = "x**2"

    def formula(self, p: Any, q: Any) -> Any:
        value, slope, _, _ = _at(self.potential, "x", q)
        return where(p == q, 0, _at(self.potential, "x", p)[0] - value - slope * (p - q))

    def derivative(self, p: Any, q: Any) -> Any:
        return where(p == q, 0, _at(self.potential, "x", q)[2] * (q - p))

    def second_derivative(self, p: Any, q: Any) -> Any:
        _, _, bend, turn = _at(self.potential, "x", q)
        return where(p == q, bend, turn * (q - p) + bend)

    def excess(self, p: Any, q: Any) -> Any:
        plain = self.formula(p, q)
        if not _smooth(self.potential, "x"):
            return plain
        mean, known = _integral(lambda x: _at(self.potential, "x", x)[2], q, p - q, True)
        return where(p == q, 0, where(known, (p - q) * ((p - q) * mean), plain))

    def excess_derivative(self, p: Any, q: Any) -> Any:
        """By q."""
        return self.derivative(p, q)

    def traits(self) -> Traits:
        return Traits(elicits="mean", proper=True, calibrated=True)
