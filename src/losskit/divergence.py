"""Divergences of one distribution from another: the sum over the classes of a formula of their shares p and q."""

from __future__ import annotations

from dataclasses import KW_ONLY
from functools import cache
from typing import Any, ClassVar

import numpy as np

from losskit.calculus import constant, exp, symbol, where
from losskit.calculus.derive import derivative
from losskit.calculus.graph import Node, as_node, substitute
from losskit.calculus.tex import latex
from losskit.domains import NONNEGATIVE, NONPOSITIVE, REAL, UNIT, Axis, Domain, Space
from losskit.errors import CapabilityError, DomainError, ParameterError
from losskit.links import IDENTITY, LOG, SOFTMAX, Link
from losskit.partial import folded
from losskit.rowwise import Rowwise, diagonals, one_hot
from losskit.softmax import probabilities

Array = np.ndarray
_TINY = 2.0**-1022  # shares below it are rounded
_OFF = 0.02  # how far from 1 the sum of predicted shares may be: derivatives by one of them are had by moving it
_P, _Q, _L = symbol("p"), symbol("q"), symbol("l")
_DOMAINS = {"probabilities": UNIT, "log_probabilities": NONPOSITIVE, "logits": REAL, "masses": NONNEGATIVE}
_LINKS = {"probabilities": IDENTITY, "log_probabilities": LOG, "logits": SOFTMAX, "masses": IDENTITY}


class Divergence(Rowwise):
    """A loss sum_j d(p_j, q_j) of the shares p of P, the target y, and q of Q, the prediction f: write `formula(p, q)`.

    `on` says what f holds: probabilities, their logarithms, logits (the scores of a softmax) or masses, which need not
    sum to 1 on either side; a label as target stands for all of P on its class. Subclasses may state

    - `derivative(p, q)` and `second_derivative(p, q)`, by q;
    - `excess(p, q)` and `tilt`: the formula is excess + tilt[0] p + tilt[1] q, and the excess is never negative and 0
      at p = q alone. The sum is taken of the excess, so that nothing cancels near P = Q, and masses have no tilt;
    - `formula_of_log(p, l)` and `excess_of_log(p, l)` at l = log q;
    - `of_sum(s, plain)`: a function, with its first two derivatives, of the sum s of the excess and of the tilt of
      p - 1 and q - 1; `plain` is the sum of the formula.
    """

    variables = ("p",)
    tilt: ClassVar[Any] = (0.0, 0.0)
    weighs: ClassVar[bool] = True  # whether P and Q may be masses
    _: KW_ONLY
    on: Space = "probabilities"
    axis: Axis = -1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.on == "masses" and not self.weighs:
            raise ParameterError(
                f"{type(self).__name__} compares shares that sum to 1 and is not defined on masses; divide each row by "
                'its sum and say on="probabilities"'
            )

    @property
    def prediction_domain(self) -> Domain:  # type: ignore[override]
        """The domain of each prediction."""
        return _DOMAINS[self.on]

    @property
    def link(self) -> Link:  # type: ignore[override]
        """The link from the predictions to probabilities."""
        return _LINKS[self.on]

    def formula(self, p: Any, q: Any) -> Any:
        """What a class adds, in symbols."""
        raise CapabilityError(f"{type(self).__name__} has no formula: define formula(self, p, q)")

    def latex(self, of: str = "value") -> str:
        """LaTeX of the sum, or of its derivatives by q_j where P and Q have shares."""
        value, slope, bend = _plain(self._twin(*self._key()))
        names = {"p": "p_j", "q": "q_j"}
        inner = latex({"value": value, "gradient": slope, "hessian": bend}[of], names)
        return rf"\sum_{{j}} \left({inner}\right)" if of == "value" else inner

    def rows(self, y: Array, f: Array, order: int) -> tuple[Array, ...]:
        p, at, q = one_hot(y, f.shape[1]), f, f
        if self.on == "logits":
            q, _, s = probabilities(np, f)
            at = -s
        elif self.on == "log_probabilities":
            q = np.exp(f)
        found = list(self.summed(p, at, q, order))
        if self.on == "logits":
            found = list(_through_softmax(q, *found))
        elif order == 2:
            found[2] = diagonals(found[2], 2)
        of_sum = getattr(self, "of_sum", None)
        if of_sum is None:
            return tuple(found)
        return self._outer(of_sum, p, at, found)

    def _outer(self, of_sum: Any, p: Array, at: Array, found: list[Array]) -> tuple[Array, ...]:
        """`of_sum` of the rows found; where the sum is infinite only slopes that are so themselves count."""
        plain = np.empty(p.shape)
        self._run("formula", p, at, {"value": plain})
        total = _total(plain)
        beyond = np.isinf(total)
        value, slope, bend = of_sum(found[0], total)
        if len(found) == 1:
            return (value,)
        g = found[1]
        steep = np.where(np.isinf(g), g, 0.0)
        gradient = np.where(beyond[:, None], steep, slope[:, None] * g)
        if len(found) == 2:
            return value, gradient
        hessian = slope[:, None, None] * found[2] + bend[:, None, None] * (g[:, :, None] * g[:, None, :])
        return value, gradient, np.where(beyond[:, None, None], diagonals(np.abs(steep), 2), hessian)

    def summed(self, p: Array, at: Array, q: Array, order: int) -> tuple[Array, ...]:
        """The sum of each row, its derivatives by `at` (q or log q) and, with `order` 2, its second derivatives."""
        parts = ("value", "gradient", "hessian")[: 3 if order == 2 else 2]  # two kernels will do
        found: dict[str, Array] = {part: np.empty(p.shape) for part in parts}
        self._run("excess", p, at, found)
        total = _total(found["value"])
        if self.on != "masses":
            for rate, shares in zip(self.tilt, (p, q), strict=True):
                if rate and not (shares is q and self.on == "logits"):  # a softmax sums to 1
                    total = total + rate * _total(np.column_stack([shares, np.full(len(shares), -1.0)]))
        return (total, *(found[part] for part in parts[1 : order + 1]))

    # -- below: how the above is done

    def _run(self, what: str, p: Array, at: Array, found: dict[str, Array]) -> None:
        """Fill the arrays of `found` by the kernel of the excess, or of the formula."""
        from losskit.kernels.run import run

        numbers = tuple(v for v in self.parameters.values() if isinstance(v, float))
        cls: Any = type(self)
        kernel = _compiled(cls, self._key(), what)
        v, g, h = (found.get(part) for part in ("value", "gradient", "hessian"))
        run(kernel, p.size, np.ascontiguousarray(p), np.ascontiguousarray(at), None, 1.0, v, g, h, numbers, False)

    def _key(self) -> tuple[tuple[str, Any], ...]:
        """The parameters as the graphs see them: numbers by name alone."""
        return tuple((n, ... if isinstance(v, float) else v) for n, v in self.parameters.items())

    @classmethod
    def _twin(cls, *key: tuple[str, Any]) -> Any:
        """A loss of these parameters, its numbers as symbols."""
        twin = object.__new__(cls)
        for name, value in key:
            object.__setattr__(twin, name, symbol(name) if value is ... else value)
        return twin

    def check_rows(self, y: Array, f: Array, w: Array | None, first: int) -> None:
        counts = np.ones(len(f), bool) if w is None else w != 0
        if self.on == "masses" and y.ndim == 2:
            self._check(y, counts, first, "y", NONNEGATIVE, False)
        else:
            self.check_targets(y, f.shape[1], counts, first)
        if self.on != "logits":
            self._check(f, counts, first, "f", self.prediction_domain, self.on != "masses")

    def _check(self, x: Array, counts: Array, first: int, name: str, domain: Domain, shares: bool) -> None:
        """Raise DomainError naming a number of `x` outside the domain, or a row of shares that do not sum to 1."""
        passes = np.isnan(x) if name == "f" else np.zeros(x.shape, bool)
        if domain is NONPOSITIVE:
            passes |= x == -np.inf
        wrong = counts[:, None] & ~(domain.contains(x) | passes)
        if wrong.any():
            row, j = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
            raise DomainError(
                f"{self!r} needs {domain.describe(name)}; {name}[{row + first}, {j}] = {float(x[row, j])!r} "
                f"({int(wrong.sum())} of {wrong.size} values {'is' if wrong.sum() == 1 else 'are'} outside). "
                f'If {name} holds raw scores, say on="logits"; nonnegative numbers of any sum are on="masses"'
            )
        if not shares:
            return
        total = (np.exp(x) if domain is NONPOSITIVE else x).sum(axis=1)
        off = counts & (np.abs(total - 1.0) > _OFF)
        if off.any():
            at = int(np.argmax(off))
            what = "probabilities" if domain is UNIT else "exp(f)"
            raise DomainError(
                f"{self!r} needs {what} that sum to 1 in a row; those of f[{at + first}] sum to {float(total[at]):.6g} "
                f'({int(off.sum())} of {len(off)} rows are off). Divide each row by its sum, say on="masses" if they '
                'need not sum to 1, or on="logits" for raw scores'
            )


def _plain(twin: Any) -> tuple[Node, Node, Node]:
    """The formula and its first two derivatives by q."""
    value = as_node(twin.formula(_P, _Q))
    slope = as_node(twin.derivative(_P, _Q)) if hasattr(twin, "derivative") else derivative(value, _Q)
    stated = hasattr(twin, "second_derivative")
    return value, slope, as_node(twin.second_derivative(_P, _Q)) if stated else derivative(slope, _Q)


def _excess(twin: Any) -> tuple[Node, Node, Node]:
    """The excess and its first two derivatives by q: those of the formula, but for the tilt."""
    value, slope, bend = _plain(twin)
    if hasattr(twin, "excess"):
        value = as_node(twin.excess(_P, _Q))
        stated = hasattr(twin, "excess_derivative")
        slope = as_node(twin.excess_derivative(_P, _Q)) if stated else derivative(value, _Q)
    return value, slope, bend


def _by_logarithm(twin: Any, parts: tuple[Node, Node, Node], name: str) -> tuple[Node, Node, Node]:
    """Value and derivatives by l = log q, as the loss states its value in l, or by the chain rule."""
    if hasattr(twin, name):
        value = as_node(getattr(twin, name)(_P, _L))
        slope = derivative(value, _L)
        return value, slope, derivative(slope, _L)
    q = exp(_L)
    value, slope, bend = (substitute(node, {_Q: q}) for node in parts)
    seen = q >= _TINY
    return value, where(seen, q * slope, 0.0), where(seen, q * (slope + q * bend), 0.0)


@cache
def _compiled(cls: Any, key: tuple[tuple[str, Any], ...], what: str) -> Any:
    """The kernel of the formula, or of the excess with its derivatives, which on shares are those of the formula."""
    from losskit.kernels.compile import compiled
    from losskit.kernels.program import Program

    twin = cls._twin(*key)
    formula, excess, at = _plain(twin), _excess(twin), _Q
    if twin.on in ("log_probabilities", "logits"):
        at = _L
        formula = _by_logarithm(twin, formula, "formula_of_log")
        excess = _by_logarithm(twin, excess, "excess_of_log")
    tilted = twin.on in ("probabilities", "log_probabilities") or hasattr(twin, "of_sum")
    slopes = formula if tilted else excess
    names = tuple(name for name, value in key if value is ...)
    always = constant(0.0) < 1.0
    value = formula[0] if what == "formula" else excess[0]
    return compiled(Program(value, (slopes[1],), (slopes[2],), ("p",), (str(at.value),), names, always))


def _total(x: Array) -> Array:
    """The sum of each row as if computed in twice the digits; infinite or nan where the plain sum is."""
    return np.asarray(folded(np.moveaxis(x, -1, 0))[0])


def _through_softmax(q: Array, value: Array, a: Array | None = None, b: Array | None = None) -> tuple[Array, ...]:
    """Value and derivatives by logits z, given those by the logarithms l = z - log sum exp z of the shares q.

    With A and B the sums of a and b: a - A q, and diag(b) - b q' - q b' + B q q' - A (diag(q) - q q').
    """
    if a is None:
        return (value,)
    total = _total(a)[:, None]
    gradient = a - q * total
    if b is None:
        return value, gradient
    cross = b[:, :, None] * q[:, None, :]
    spread = q[:, :, None] * q[:, None, :]
    hessian = diagonals(b - total * q, 2) - cross - cross.swapaxes(1, 2)
    return value, gradient, hessian + (b.sum(axis=1)[:, None, None] + total[:, :, None]) * spread
