"""Losses of a softmax: a formula of the cross-entropy s of the row's own class, and a setting of the classes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import Any

import numpy as np

from losskit.base import Reduction
from losskit.border import as_arrays, host_of
from losskit.calculus.emit import array_function
from losskit.calculus.graph import Node, nodes_of, symbol
from losskit.calculus.tex import latex
from losskit.errors import ShapeError
from losskit.rowwise import Rows, Rowwise, weighted
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

    @cached_property
    def shared(self) -> bool:
        """Whether a label stands for shares of several classes."""
        return bool(self.kept != 1.0 or self.table[2].any())

    @cached_property
    def plain(self) -> bool:
        """Whether scores stay what they are, and every class counts 1."""
        return self.rate == 1.0 and not self.weighted and not self.table[[0, 3]].any()

    @cached_property
    def weighted(self) -> bool:
        """Whether a class counts other than 1."""
        return bool((self.table[1] != 1.0).any())


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

    def hvp(
        self, y: Any, f: Any, v: Any, sample_weight: Any = None, reduction: Reduction = "mean", *, empty: str = "nan"
    ) -> Any:
        """Each row's Hessian times its part of `v`, of f's shape; no Hessian is made."""
        if host_of(y, f, v):
            return super().hvp(y, f, v, sample_weight, reduction, empty=empty)
        (v,) = as_arrays(v=v)
        if v.shape != np.shape(f):
            raise ShapeError(f"v has shape {v.shape} and f has shape {np.shape(f)}; they must be equal")
        gradient = self.gradient(y, f, sample_weight, reduction, empty=empty)  # and looks at the data
        given = self._rows_of(y, f, sample_weight)
        rows = np.moveaxis(v, self.axis, -1).reshape(given.f.shape).astype(np.float64)
        with np.errstate(all="ignore"):
            (product,) = self.rows_in(np, given.y, given.f.astype(np.float64), 1, rows)
        found = weighted(product, given.w, 1.0 / (self._divisor(given, reduction, empty) or 1.0))
        return self._shaped(given, "gradient", found.astype(gradient.dtype))

    def latex(self, of: str = "value") -> str:
        """LaTeX of the formula in s, or of its derivative by s."""
        node = costs_of(self._structure())[("value", "gradient", "hessian").index(of)]
        return latex(node)

    def row_weights(self, given: Rows) -> Array | None:
        own = self.class_weights(np, given.y, given.f.shape[1], given.labelled, np.float64)
        if own is None:
            return given.w
        return own if given.w is None else np.where(given.w == 0, 0.0, own * given.w)

    def class_weights(self, xp: Any, y: Any, classes: int, labelled: bool, dtype: Any) -> Any:
        """What each row counts by its classes, its label or shares in `y`; None if all count 1."""
        setting = _ready(self, classes)[0]
        if not setting.weighted:
            return None
        weights = setting.table[1]
        smoothed, weights = float(weights @ setting.table[2]), xp.asarray(weights, dtype=dtype)
        own = xp.take(weights, _labels(xp, y, classes)) if labelled else xp.sum(y * weights, axis=-1)
        return setting.kept * own + smoothed

    def rows(self, y: Array, f: Array, order: int) -> tuple[Array, ...]:
        return self.rows_in(np, y, f, order)

    def rows_in(self, xp: Any, y: Any, f: Any, order: int, v: Any = None) -> tuple[Any, ...]:
        """`rows` in the namespace `xp`, classes along the last axis; with `v`, the Hessians' products with it alone."""
        classes = int(f.shape[-1])  # never a symbol, inside torch.compile
        setting = self.setting(classes)
        table = xp.asarray(setting.table, dtype=f.dtype)
        shift, weight, smooth, margin = (table[i] for i in range(4))
        z = (f + shift) * setting.rate
        if len(y.shape) < len(f.shape):
            own = xp.arange(classes) == _labels(xp, y, classes)[..., None]
            z = xp.where(own, z - margin * setting.rate, z)
            share = xp.where(own, setting.kept, 0.0) + smooth
        else:
            share = setting.kept * y + smooth
        return _rows(xp, z, share * weight, setting, self._costs(xp), order, v)

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
        costs, margin = self._costs(np), setting.table[3] * setting.rate

        def at(part: Array) -> tuple[float, Array]:
            z = np.full((len(seen), len(shares)), -np.inf)
            z[:, seen] = part
            z[np.arange(len(seen)), seen] -= margin[seen]
            own = np.eye(len(shares))[seen]
            value, gradient = _rows(np, z, own, Setting(setting.table), costs, 1)
            return float(shares[seen] @ value), (shares[seen] @ gradient)[seen]

        z = start.copy()
        z[seen] = minimize(at, start[seen], jac=True, method="BFGS", options={"gtol": 1e-11}).x
        return z

    def _structure(self) -> Structure:
        plain = {n for n, v in self.parameters.items() if not isinstance(v, float)}
        return Structure(type(self), tuple(plain))

    def _numbers(self) -> tuple[float, ...]:
        return tuple(v for v in self.parameters.values() if isinstance(v, float))

    def _costs(self, xp: Any) -> Any:
        """phi and its first two derivatives at s, for arrays of `xp`."""
        function = _cost_function(self._structure())
        return lambda s: [xp.broadcast_to(xp.asarray(x), s.shape) for x in function(xp, s, *self._numbers())]

    def _fill(self, given: Rows, found: dict[str, Array], scale: float, summed: bool) -> float:
        from losskit.kernels.rows import run_rows

        if "hessian" in found:
            return super()._fill(given, found, scale, summed)
        v, g = found.get("value"), found.get("gradient")
        setting, program, numbers = _ready(self, given.f.shape[1])
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


@lru_cache(maxsize=64)
def _ready(loss: Softmax, classes: int) -> tuple[Setting, Any, tuple[float, ...]]:
    """For k classes the setting, the kernel's program and its numbers."""
    program = program_of(loss._structure())
    return loss.setting(classes), program, tuple(getattr(loss, name) for name in program.parameters)


@cache
def costs_of(structure: Structure) -> tuple[Node, Node, Node]:
    """phi(s) and its first two derivatives, in symbols."""
    s = symbol("s")
    trace = graphs_of(twin_of(structure), (s,), (s,))
    return trace.value, trace.gradient[0], trace.hessian[0]


@cache
def program_of(structure: Structure) -> Any:
    """The kernel's program of phi; it has the parameters that phi names, so all plain cross-entropies share one."""
    from losskit.kernels.rows import CostProgram

    value, slope, _ = costs_of(structure)
    named = {node.value for node in nodes_of([value, slope]) if node.op == "symbol"}
    return CostProgram(value, slope, tuple(name for name in structure.parameters if name in named))


@cache
def _cost_function(structure: Structure) -> Any:
    return array_function("costs", ["s", *structure.parameters], costs_of(structure))


def _labels(xp: Any, y: Any, classes: int) -> Any:
    """Labels as integers; what is none is made one, for it is refused elsewhere."""
    return xp.asarray(xp.clip(xp.nan_to_num(y), 0, classes - 1), dtype=int)


def probabilities(xp: Any, z: Any) -> tuple[Any, Any, Any]:
    """Of rows of scores the probabilities, 1 minus them without a difference with 1, and the cross-entropy of each."""
    m = xp.max(z, axis=-1, keepdims=True)
    below = xp.where(z == m, 0.0, z - m)
    part = below - z
    lost = (z - (below - part)) - (m + part)  # by rounding, in below
    lost = xp.where(xp.isfinite(lost), lost, 0.0)
    e = xp.exp(below) * (1.0 + lost)
    first = xp.arange(z.shape[-1]) == xp.argmax(z, axis=-1)[..., None]
    others = xp.sum(xp.where(first, 0.0, e), axis=-1, keepdims=True)
    total = 1.0 + others
    rest = xp.where(first, others, 1.0 + (others - e))
    return e / total, rest / total, (xp.log1p(others) - lost) - below


def _rows(
    xp: Any, z: Any, share: Any, setting: Setting, costs: Any, order: int, v: Any = None
) -> tuple[Any, ...]:
    p, rest, s = probabilities(xp, z)
    cost, slope, bend = costs(s)
    lse = xp.max(s + z, axis=-1, keepdims=True) if setting.zeta else 0.0
    value = xp.sum(xp.where(share == 0, 0.0, share * cost), axis=-1, keepdims=True)
    found = [(value + setting.zeta * lse**2)[..., 0]]
    q = xp.where(share == 0, 0.0, share * slope)
    total = xp.sum(q, axis=-1, keepdims=True)
    pull = 2.0 * setting.zeta * lse
    found.append(((total - q + pull) * p - q * rest) * setting.rate)
    r = xp.where(share == 0, 0.0, share * bend)
    if v is not None:
        return (_product(xp, p, rest, total + pull, r, setting, v),)
    if order == 2:
        found.append(_hessians(xp, p, rest, (total + pull)[..., None], r, setting))
    return tuple(found)


def _product(xp: Any, p: Any, rest: Any, total: Any, r: Any, setting: Setting, v: Any) -> Any:
    """`_hessians` times `v`, by (e_j - p)' v = sum_i p_i (v_j - v_i), which is taken apart at the likeliest class."""
    top = xp.arange(p.shape[-1]) == xp.argmax(p, axis=-1)[..., None]
    away = v - xp.sum(xp.where(top, v, 0.0), axis=-1, keepdims=True)
    u = away - xp.sum(p * away, axis=-1, keepdims=True)
    ru = r * u
    found = total * p * u + ru * rest - p * (xp.sum(ru, axis=-1, keepdims=True) - ru)
    return (found + 2.0 * setting.zeta * p * xp.sum(p * v, axis=-1, keepdims=True)) * setting.rate**2


def _hessians(xp: Any, p: Any, rest: Any, total: Any, r: Any, setting: Setting) -> Any:
    """total (diag p - p p') + sum_j r_j (e_j - p)(e_j - p)' + 2 zeta p p', by the square of the rate."""
    diagonal = xp.eye(p.shape[-1])
    across, down = p[..., None, :], p[..., :, None]
    found = total * (down * (diagonal * rest[..., None, :] - (1.0 - diagonal) * across))
    cross = r[..., :, None] * across
    ends = xp.sum(r, axis=-1, keepdims=True)[..., None] * down * across
    found = found + (diagonal * r[..., None, :] - cross - xp.swapaxes(cross, -1, -2) + ends)
    return (found + 2.0 * setting.zeta * down * across) * setting.rate**2
