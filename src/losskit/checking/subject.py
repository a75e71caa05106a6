"""Any loss behind one interface: rows of values, gradients and Hessians for rows of targets and predictions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from losskit.base import Pointwise
from losskit.checking.libraries import CallFailed, autodiff, call, to_numpy
from losskit.checking.reference import Reference
from losskit.checking.rows import Kind
from losskit.errors import LosskitError

Array = np.ndarray
_PIECE = 64
TARGET_FIRST, PREDICTION_FIRST = "target_first", "prediction_first"


@dataclass
class Subject:
    """A loss under attack.

    Attributes
    ----------
    form : the shape it takes rows in: "flat" (n,), "column" (n, 1) or "scalar", a number at a time
    eps : the spacing at 1 of the numbers it computes with
    same : the loss of ours it is a multiple of, if it is one
    booster : whether it gives a gradient and a Hessian instead of a value
    weight_name : its keyword for weights, if it has one
    """

    name: str
    thing: Any
    library: str = "numpy"
    order: str = TARGET_FIRST
    order_from: str = ""
    form: str = "flat"
    kind: Kind = field(default_factory=Kind)
    reduction: str = "none"
    eps: float = 2.0**-52
    same: Reference | None = None
    booster: bool = False
    weight_name: str | None = None
    own_gradient: Callable[..., Any] | None = None
    own_hessian: Callable[..., Any] | None = None
    residual: bool = False  # takes f - y alone
    rowwise: bool = False  # gives a number a row for many rows, so they may be asked for together

    ours = False
    differentiable = True  # by its library; false once that has been tried in vain

    def batch(self, y: Array, f: Array, **named: Any) -> Any:
        """The call as a user makes it, all rows at once; raises CallFailed."""
        return self._call(self.thing, y, f, **named)

    def rows(self, y: Any, f: Any) -> tuple[Any, Any]:
        """Targets and predictions in the form the function takes."""
        return self.shaped(y), self.shaped_predictions(f)

    def value(self, y: Array, f: Array) -> Array:
        """The loss of each row; nan where the call fails."""
        if self.rowwise and not self.booster:
            return self._together(lambda a, b: self._call(self.thing, a, b), y, f, self._value_of_one)
        return self._each(self._value_of_one, y, f)

    def gradient(self, y: Array, f: Array) -> Array | None:
        """The derivative of each row, by the function given or by the library; None if there is neither."""
        if self.booster:
            return self._each(lambda a, b: self._part(0, a, b), y, f)
        if self.own_gradient is not None:
            own = self.own_gradient
            return self._each(lambda a, b: self._number(own, a, b), y, f)
        if self.library not in ("torch", "jax") or not self.differentiable:
            return None
        if self.rowwise:
            return self._together(self._automatic, y, f, self._gradient_of_one)
        return self._each(self._gradient_of_one, y, f)

    def hessian(self, y: Array, f: Array) -> Array | None:
        """The second derivative of each row, by the function given; None if there is none."""
        if self.booster:
            return self._each(lambda a, b: self._part(1, a, b), y, f)
        if self.own_hessian is None:
            return None
        own = self.own_hessian
        return self._each(lambda a, b: self._number(own, a, b), y, f)

    # -- below: how

    def _arranged(self, y: Any, f: Any) -> tuple[Any, ...]:
        if self.residual:
            return (f - y,)
        return (y, f) if self.order == TARGET_FIRST else (f, y)

    def _call(self, function: Any, y: Array, f: Array, **named: Array) -> Any:
        return call(function, self.library, *self._arranged(y, f), **named)

    def shaped(self, x: Any) -> Any:
        """Rows in the form the function takes."""
        x = np.asarray(x, dtype=float)
        return x.reshape(-1, 1) if self.form == "column" else x.reshape(-1) if self.form == "flat" else float(x.item())

    def shaped_predictions(self, f: Any) -> Any:
        """Predictions in the form the function takes: several a row as (n, k)."""
        return np.asarray(f, dtype=float).reshape(-1, self.kind.outputs) if self.kind.outputs > 1 else self.shaped(f)

    def _number(self, function: Any, y: float, f: Any) -> Any:
        """The number a row, or the k numbers of a derivative by k predictions."""
        got = self._call(function, *self.rows(y, f))
        return _one(got, self.kind.outputs if function is not self.thing else 1)

    def _part(self, place: int, y: float, f: float) -> float:
        got = self.batch(*self.rows(y, f))
        if not isinstance(got, tuple):
            raise CallFailed("gave one array where a gradient and a Hessian are wanted")
        return _one(got[place])

    def _value_of_one(self, y: float, f: float) -> float:
        return self._number(self.thing, y, f)

    def _gradient_of_one(self, y: float, f: Any) -> Any:
        return _one(self._automatic(*self.rows(y, f)), self.kind.outputs)

    def _automatic(self, y: Any, f: Any) -> Array:
        position = 0 if self.residual else int(self.order == TARGET_FIRST)
        arrays = (np.asarray(a, dtype=float) for a in self._arranged(y, f))
        found = autodiff(self.thing, self.library, position, *arrays)
        if found is None:
            self.differentiable = False
            return np.full(np.shape(f), math.nan)
        return found

    def _together(
        self, many: Callable[[Array, Array], Any], y: Array, f: Array, one: Callable[[float, Any], Any]
    ) -> Array:
        """Rows in pieces of one size (JAX compiles for every new one); a piece that fails is asked row by row."""
        found = np.full(self._size(y, f, one), math.nan)
        for start in range(0, len(y), _PIECE):
            some, place = slice(start, start + _PIECE), np.arange(start, start + _PIECE) % len(y)
            try:
                got = np.asarray(many(*self.rows(y[place], f[place])), dtype=float).reshape(_PIECE, *found.shape[1:])
                found[some] = got[: len(found[some])]
            except (CallFailed, ValueError):
                found[some] = self._each(one, y[some], f[some])
        return found

    def _size(self, y: Array, f: Array, one: Any) -> tuple[int, ...]:
        return f.shape if self.kind.outputs > 1 and one != self._value_of_one else (len(y),)

    def _each(self, one: Callable[[float, Any], Any], y: Array, f: Array) -> Array:
        found = np.full(self._size(y, f, one), math.nan)
        for place, (a, b) in enumerate(zip(y.tolist(), f.tolist(), strict=True)):
            try:
                found[place] = one(a, b)
            except CallFailed:
                continue
        return found


class Ours(Subject):
    """A loss of losskit under attack."""

    ours = True

    def __init__(self, loss: Pointwise) -> None:
        super().__init__(
            repr(loss), loss, "losskit", order_from="losskit's order", kind=Kind.of(loss), same=Reference(loss),
            reduction="mean", weight_name="sample_weight",
        )  # fmt: skip
        self._last: tuple[Any, Any] = (None, None)

    def batch(self, y: Array, f: Array, **named: Any) -> Any:
        try:
            return to_numpy(self.thing(y, f, **named))
        except (LosskitError, TypeError, ValueError) as error:
            raise CallFailed(f"raised {type(error).__name__}: {' '.join(str(error).split())[:300]}") from error

    def value(self, y: Array, f: Array) -> Array:
        return self._all(y, f)[0]

    def gradient(self, y: Array, f: Array) -> Array | None:
        return self._all(y, f)[1]

    def hessian(self, y: Array, f: Array) -> Array | None:
        return self._all(y, f)[2]

    def _all(self, y: Array, f: Array) -> Any:
        key = (y.tobytes(), f.tobytes())
        if self._last[0] != key:
            try:
                got = self.thing.value_gradient_and_hessian(y, f, reduction="none")
            except LosskitError:
                wide = f.shape if self.kind.outputs == 1 else (*f.shape, self.kind.outputs)
                got = (np.full(len(y), math.nan), np.full(f.shape, math.nan), np.full(wide, math.nan))
            self._last = (key, got)
        return self._last[1]


def _one(got: Any, wanted: int = 1) -> Any:
    """The number of a row; of several wanted, their list."""
    if isinstance(got, tuple) or np.size(got) != wanted:
        raise CallFailed(f"gave {np.size(got)} numbers for one row")
    numbers = np.asarray(got, dtype=float).reshape(-1).tolist()
    return numbers if wanted > 1 else numbers[0]
