"""Losses of a softmax: a formula of the cross-entropy s of the row's own class, and a setting of the classes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from losskit.calculus.emit import array_function
from losskit.calculus.graph import Node, nodes_of, symbol
from losskit.calculus.tex import latex
from losskit.rowwise import Rows, Rowwise
from losskit.tracing import Structure, graphs_of, twin_of

Array = np.ndarray


@dataclass(frozen=True)
class Setting:
    """What a loss does to k classes; `table` has rows shift, weight, smoothing and margin.

    Scores are rate (f_j + shift_j - margin_j [j is the row's own label]); the share of class j is `kept` times the
    target's plus smoothing_j, and counts weight_j times; zeta lse^2 comes on top.
    """

    table: Array
    rate: float = 1.0
    zeta: float = 0.0
    kept: float = 1.0

    @property
    def shared(self) -> bool:
        """Whether a label stands for shares of several classes."""
        return bool(self.kept != 1.0 or self.table[2].any())


class Softmax(Rowwise):
    """A loss phi(s) of s = log sum_j exp f_j - f_y, the cross-entropy of a row's own class.

    Subclasses write `formula(self, s)`, and `setting(self, classes)` where classes are shifted, weighted or smoothed.
    Shares t make it sum_j t_j phi(s_j).
    """

    variables = ("s",)

    def formula(self, s: Any) -> Any:
        """The loss in the cross-entropy s of the row's own class."""
        return s

    def setting(self, classes: int) -> Setting:
        """What is done to the classes."""
        return Setting(plain_table(classes))

    def fisher(self, y: Any, f: Any, sample_weight: Any = None, reduction: Any = "mean", **options: Any) -> Any:
        """The expected Hessian where the prediction is right, (k, k) a row, with the factors of `hessian`.

        Raises
        ------
        CapabilityError
            If the loss is no log-likelihood.
        """
        if self.formula(symbol("s")) is not symbol("s") or getattr(self, "class_weight", None) is not None:
            return super().fisher(y, f, sample_weight, reduction)
        return self.hessian(y, f, sample_weight, reduction, **options)

    def latex(self, of: str = "value") -> str:
        """LaTeX of the formula in s, or of its derivative by s."""
        node = costs_of(self._structure())[("value", "gradient", "hessian").index(of)]
        return latex(node)

    def row_weights(self, given: Rows) -> Array | None:
        setting = self.setting(given.f.shape[1])
        weights = setting.table[1]
        if (weights == 1.0).all():
            return given.w
        smoothed = float(weights @ setting.table[2])
        if given.labelled:
            inside = np.clip(np.nan_to_num(given.y.astype(np.float64)), 0, len(weights) - 1).astype(np.intp)
            own = setting.kept * weights[inside] + smoothed
        else:
            own = setting.kept * (given.y @ weights) + smoothed
        return own if given.w is None else np.where(given.w == 0, 0.0, own * given.w)

    def rows(self, y: Array, f: Array, order: int) -> tuple[Array, ...]:
        setting = self.setting(f.shape[1])
        shift, weight, smooth, margin = setting.table
        n, k = f.shape
        z = (f + shift) * setting.rate
        if y.ndim == 1:
            labels = np.clip(y, 0, k - 1).astype(np.intp)
            z[np.arange(n), labels] -= margin[labels] * setting.rate
            share = setting.kept * (labels[:, None] == np.arange(k)) + smooth
        else:
            share = setting.kept * y + smooth
        return _rows(z, share * weight, setting, self._costs(), order)

    # -- below: how the above is done

    def _best(self, shares: Array) -> Array:
        k = len(shares)
        setting = self.setting(k)
        shift, weight, smooth, margin = setting.table
        pull = weight * (setting.kept * shares + smooth)
        z = np.log(pull, out=np.full(k, -np.inf), where=pull > 0)
        if self.formula(symbol("s")) is not symbol("s") or margin.any():
            z = self._solved(pull, z)
        z -= np.logaddexp.reduce(z)
        return np.where(shift == -np.inf, -np.inf, z / setting.rate - np.where(shift == -np.inf, 0.0, shift))

    def _solved(self, shares: Array, start: Array) -> Array:
        """The best scores of the classes that have a share, from those of cross-entropy; shifts are undone."""
        from scipy.optimize import minimize

        seen = np.flatnonzero(shares)
        setting = self.setting(len(shares))
        costs, margin = self._costs(), setting.table[3] * setting.rate

        def at(part: Array) -> tuple[float, Array]:
            z = np.full((len(seen), len(shares)), -np.inf)
            z[:, seen] = part
            z[np.arange(len(seen)), seen] -= margin[seen]
            own = np.eye(len(shares))[seen]
            value, gradient = _rows(z, own, Setting(setting.table), costs, 1)
            return float(shares[seen] @ value), (shares[seen] @ gradient)[seen]

        z = start.copy()
        z[seen] = minimize(at, start[seen], jac=True, method="BFGS", options={"gtol": 1e-11}).x
        return z

    def _structure(self) -> Structure:
        plain = {n for n, v in self.parameters.items() if not isinstance(v, float)}
        return Structure(type(self), tuple(plain))

    def _numbers(self) -> tuple[float, ...]:
        return tuple(v for v in self.parameters.values() if isinstance(v, float))

    def _costs(self) -> Any:
        """phi and its first two derivatives at s, for arrays."""
        function = _array_costs(self._structure())
        return lambda s: [np.broadcast_to(x, s.shape) for x in function(np, s, *self._numbers())]

    def _fill(self, given: Rows, found: dict[str, Array], scale: float, summed: bool) -> float:
        from losskit.kernels.rows import run_rows

        if "hessian" in found:
            return super()._fill(given, found, scale, summed)
        v, g = found.get("value"), found.get("gradient")
        setting, program = self.setting(given.f.shape[1]), program_of(self._structure())
        numbers = tuple(getattr(self, name) for name in program.parameters)
        outside, total = run_rows(program, given.y, given.f, given.w, scale, v, g, setting, numbers, summed)
        if outside:
            w = None if given.w is None else given.w.astype(np.float64)
            self.check_rows(given.y, given.f, w, 0)
        return total


def plain_table(classes: int) -> Array:
    """A setting's table that does nothing."""
    table = np.zeros((4, classes))
    table[1] = 1.0
    return table


@cache
def costs_of(structure: Structure) -> tuple[Node, Node, Node]:
    """phi(s) and its first two derivatives, in symbols."""
    s = symbol("s")
    trace = graphs_of(twin_of(structure), (s,), (s,))
    return trace.value, trace.gradient[0], trace.hessian[0]


@cache
def _array_costs(structure: Structure) -> Any:
    return array_function("costs", ["s", *structure.parameters], costs_of(structure))


@cache
def program_of(structure: Structure) -> Any:
    """The kernel's program of phi; it has the parameters that phi names, so all plain cross-entropies share one."""
    from losskit.kernels.rows import CostProgram

    value, slope, _ = costs_of(structure)
    named = {node.value for node in nodes_of([value, slope]) if node.op == "symbol"}
    return CostProgram(value, slope, tuple(name for name in structure.parameters if name in named))


def probabilities(z: Array) -> tuple[Array, Array, Array]:
    """Of rows of scores the probabilities, 1 minus them without a difference with 1, and the cross-entropy of each."""
    m = z.max(axis=1, keepdims=True)
    below = np.where(z == m, 0.0, z - m)
    e = np.exp(below)
    first = np.arange(z.shape[1]) == z.argmax(axis=1)[:, None]
    others = np.where(first, 0.0, e).sum(axis=1, keepdims=True)
    total = 1.0 + others
    rest = np.where(first, others, 1.0 + (others - e))
    return e / total, rest / total, np.log1p(others) - below


def _rows(z: Array, share: Array, setting: Setting, costs: Any, order: int) -> tuple[Array, ...]:
    p, rest, s = probabilities(z)
    cost, slope, bend = costs(s)
    lse = (s + z).max(axis=1) if setting.zeta else np.zeros(len(z))
    found = [np.where(share == 0, 0.0, share * cost).sum(axis=1) + setting.zeta * lse**2]
    q = np.where(share == 0, 0.0, share * slope)
    total = q.sum(axis=1, keepdims=True)
    pull = 2.0 * setting.zeta * lse[:, None]
    found.append(((total - q + pull) * p - q * rest) * setting.rate)
    if order == 2:
        diagonal = np.eye(z.shape[1])
        spread = p[:, :, None] * (diagonal * rest[:, None, :] - (1.0 - diagonal) * p[:, None, :])
        found.append((total + pull)[:, :, None] * spread)
        r = np.where(share == 0, 0.0, share * bend)
        if r.any():  # sum_j r_j (e_j - p)(e_j - p)'
            cross = r[:, :, None] * p[:, None, :]
            ends = r.sum(axis=1)[:, None, None] * p[:, :, None] * p[:, None, :]
            found[2] += diagonal * r[:, None, :] - cross - cross.swapaxes(1, 2) + ends
        if setting.zeta:
            found[2] += 2.0 * setting.zeta * p[:, :, None] * p[:, None, :]
        found[2] *= setting.rate**2
    return tuple(found)
