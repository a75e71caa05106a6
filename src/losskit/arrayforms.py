"""A loss in any array namespace, derivatives to second order included: what hosts of other arrays compute with.

Nothing here looks at data: a row outside the domain, or of a weight that is none, is nan, and so is what it adds to.
`xp` is a namespace with NumPy's names; a form's `rows` are weighted and not yet divided by anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from losskit.base import Pointwise
from losskit.border import same_shape, weights_like
from losskit.calculus.emit import array_function
from losskit.domains import SHARES_OFF
from losskit.errors import CapabilityError, FormulaError, ParameterError
from losskit.evaluate import EMPTY, REDUCTIONS, refuse_options
from losskit.kernels.program import Program
from losskit.kernels.source import carry_nan
from losskit.softmax import Softmax
from losskit.tracing import program_of, with_parameters

Array = Any
PARTS = ("value", "gradient", "hessian")


class PointForm:
    """The rows of a pointwise loss; parameters named in `learn` are predictions too, behind the loss's own."""

    axis = -1

    def __init__(self, loss: Pointwise, learn: tuple[str, ...] = (), curvature: str | None = None):
        loss._closed()
        program = program_of(loss._structure(not learn), loss.domain, loss.prediction_domains, curvature)
        self.learn, self._made_of = learn, (loss, curvature, learn)
        own = dict(zip(program.parameters, loss._numbers(not learn), strict=True))
        self._program = _learning(loss, program, learn) if learn else program
        self._numbers = tuple(own[name] for name in self._program.parameters)
        self._targets, self._predictions = len(program.targets), len(self._program.predictions)
        self.several = self._predictions > 1
        self._functions: dict[int, Callable[..., Any]] = {}
        self._inside = _emitted_condition(self._program)

    def __reduce__(self) -> Any:
        return form_of, self._made_of

    def prepare(self) -> PointForm:
        """Make all functions now: they cannot be made while a graph is traced."""
        for order in range(3):
            self._function(order)
        return self

    def rows(self, xp: Any, y: Array, f: Array, w: Array | None, order: int) -> Array:
        """The losses of rows, their gradients (`order` 1) or Hessians (2)."""
        k, given = self._predictions, self._given(y, f)
        # a row that may not be has no prediction: every output carries its nan, and outputs share what it costs
        given[self._targets] = xp.where(self._inside(xp, *given), given[self._targets], math.nan)
        parts = self._function(order)(xp, *given)
        if w is not None:
            parts = [xp.where(w == 0, 0.0, w * part) for part in parts]
        if not self.several or order == 0:
            return parts[0]
        stacked = xp.stack(parts, -1)
        return stacked if order == 1 else xp.reshape(stacked, (*f.shape, k))

    def shape(self, y: Array, f: Array) -> tuple[int, ...]:
        """The rows' shape; ShapeError if y and f have no rows in common."""
        same_shape(_of_shape(y), _of_shape(f), self._predictions, self._targets)
        return tuple(y.shape if self._targets == 1 else y.shape[:-1])

    def product(self, xp: Any, y: Array, f: Array, w: Array | None, v: Array) -> Array:
        """The rows' Hessians times `v`."""
        hessian = self.rows(xp, y, f, w, 2)
        return xp.sum(hessian * v[..., None, :], axis=-1) if self.several else hessian * v

    def inside(self, xp: Any, y: Array, f: Array) -> Array:
        """Whether each row may be: its target, and its prediction where that is bounded."""
        return self._inside(xp, *self._given(y, f))

    def weights(self, xp: Any, y: Array, f: Array, w: Array | None) -> Array | None:
        """What each row counts in a mean; None if every row counts 1."""
        return w

    def _given(self, y: Array, f: Array) -> list[Any]:
        """Targets, predictions and parameters, one by one."""
        counted = ((y, self._targets), (f, self._predictions))
        columns = [x if k == 1 else x[..., j] for x, k in counted for j in range(k)]
        return [*columns, *self._numbers]

    def _function(self, order: int) -> Callable[..., Any]:
        if order not in self._functions:
            self._functions[order] = _emitted(self._program, order)
        return self._functions[order]


def _learning(loss: Pointwise, program: Program, learn: tuple[str, ...]) -> Program:
    try:
        return with_parameters(program, learn)
    except FormulaError as error:
        raise CapabilityError(
            f"{type(loss).__name__} cannot be derived by {', '.join(learn)}: {error}"
        ) from None


@cache
def _emitted(program: Program, order: int) -> Callable[..., Any]:
    """The function of y, predictions and parameters that returns the parts of an order."""
    parts = ((program.value,), program.gradient, program.hessian)[order]
    function = array_function("rows", _names(program), [carry_nan(part, program.predictions) for part in parts])
    return function if len(parts) > 1 else lambda xp, *given: (function(xp, *given),)


@cache
def _emitted_condition(program: Program) -> Callable[..., Any]:
    """The function of the same that says whether a row may be."""
    return array_function("inside", _names(program), [program.inside])


def _names(program: Program) -> list[str]:
    return [*program.targets, *program.predictions, *program.parameters]


class SoftmaxForm:
    """The rows of a loss of a softmax, its classes along the last axis."""

    learn, several = (), True

    def __init__(self, loss: Softmax):
        self._loss, self.axis = loss, loss.axis

    def rows(self, xp: Any, y: Array, f: Array, w: Array | None, order: int) -> Array:
        """As `PointForm.rows`; a row of f has k numbers, its Hessian k * k."""
        found = self._loss.rows_in(xp, y, f, order)[order]
        return self._weighed(xp, found, y, f, w)

    def product(self, xp: Any, y: Array, f: Array, w: Array | None, v: Array) -> Array:
        """The rows' Hessians times `v`."""
        return self._weighed(xp, self._loss.rows_in(xp, y, f, 1, v)[0], y, f, w)

    def shape(self, y: Array, f: Array) -> tuple[int, ...]:
        """As `PointForm.shape`."""
        return self._loss.shapes(tuple(y.shape), tuple(f.shape))[0]

    def inside(self, xp: Any, y: Array, f: Array) -> Array:
        """Whether each row has a target, one that is ignored included."""
        if len(y.shape) == len(f.shape):
            return xp.all(y >= 0, axis=-1) & (xp.abs(xp.sum(y, axis=-1) - 1.0) <= SHARES_OFF)
        known = (y >= 0) & (y < f.shape[-1]) & (xp.floor(y) == y)
        return known if self._ignored is None else known | (y == self._ignored)

    def weights(self, xp: Any, y: Array, f: Array, w: Array | None) -> Array | None:
        """As `PointForm.weights`."""
        labelled = len(y.shape) < len(f.shape)
        own = self._loss.class_weights(xp, y, f.shape[-1], labelled, f.dtype)
        w = self._kept(xp, y, f, w)
        if own is None or w is None:
            return w if own is None else own
        return xp.where(w == 0, 0.0, own * w)

    @property
    def _ignored(self) -> int | None:
        return getattr(self._loss, "ignore_index", None)

    def _kept(self, xp: Any, y: Array, f: Array, w: Array | None) -> Array | None:
        """The weights, 0 for rows whose label is ignored."""
        if self._ignored is None or len(y.shape) == len(f.shape):
            return w
        return xp.where(y == self._ignored, 0.0, xp.ones_like(f[..., 0]) if w is None else w)

    def _weighed(self, xp: Any, found: Array, y: Array, f: Array, w: Array | None) -> Array:
        beside = (..., *[None] * (len(found.shape) - len(f.shape) + 1))
        found = xp.where(self.inside(xp, y, f)[beside], found, math.nan)
        w = self._kept(xp, y, f, w)
        return found if w is None else xp.where(w[beside] == 0, 0.0, w[beside] * found)


@cache
def form_of(loss: Any, curvature: str | None = None, learn: tuple[str, ...] = ()) -> Any:
    """The form of `loss` with a curvature in the Hessian's place.

    Raises
    ------
    CapabilityError
        If the loss has kernels and NumPy code alone.
    ParameterError
        If it has no such parameter to learn, or one is still "auto".
    """
    numbers = [name for name, value in loss.parameters.items() if isinstance(value, float)]
    if still := [name for name in learn if loss.parameters.get(name) == "auto"]:
        raise ParameterError(f"{loss!r}: {still[0]} is learned from a number on; give one in place of \"auto\"")
    if unknown := [name for name in learn if not isinstance(loss, Pointwise) or name not in numbers]:
        raise ParameterError(
            f"{loss!r} has no parameter {unknown[0]!r} that can be learned; "
            f"{', '.join(numbers) if numbers and isinstance(loss, Pointwise) else 'none of its parameters'} can"
        )
    if isinstance(loss, Pointwise):
        return PointForm(loss, learn, curvature).prepare()
    if isinstance(loss, Softmax):
        if curvature is not None:
            raise CapabilityError(f"{type(loss).__name__} has its {curvature} for NumPy arrays and CPU tensors alone")
        return SoftmaxForm(loss)
    raise CapabilityError(
        f"{type(loss).__name__} has no form for other arrays than those in the processor's memory, nor inside jit, "
        "vmap or compile; move the arrays to the CPU, or use SoftmaxCrossEntropy"
    )


def has_form(loss: Any) -> bool:
    """Whether `form_of(loss)` is there."""
    return isinstance(loss, (Pointwise, Softmax))


def options(reduction: str, empty: str) -> None:
    """Raise ParameterError for an option that is not known."""
    if reduction not in REDUCTIONS or empty not in EMPTY:
        refuse_options(reduction, empty)


def fitting(form: Any, y: Array, f: Array, w: Array | None) -> tuple[tuple[int, ...], Array | None]:
    """The rows' shape, and the weights beside them; ShapeError unless the shapes belong together."""
    shape = form.shape(y, f)
    if w is None or tuple(w.shape) == shape:
        return shape, w
    weights_like(_of_shape(w), np.broadcast_to(0, shape))  # raises if they do not fit
    return shape, w.reshape((-1, *(1,) * (len(shape) - 1)))


def _of_shape(x: Array) -> Any:
    return np.broadcast_to(0, tuple(x.shape))


def divisor(
    xp: Any, form: Any, rows: tuple[int, ...], y: Array, f: Array, w: Array | None, reduction: str
) -> Any:
    """What a sum of `rows`, the rows' shape, is divided by: a number, or an array of one."""
    if reduction in ("sum", "none"):
        return 1.0
    counted = form.weights(xp, y, f, w) if reduction == "mean" else None
    return float(math.prod(rows)) if counted is None else xp.broadcast_to(counted, rows).sum()


def reduced(xp: Any, rows: Array, by: Any, reduction: str, empty: str) -> Array:
    """The value that `rows` come to."""
    if reduction == "none":
        return rows
    nothing = math.nan if empty == "nan" else 0.0
    total = xp.sum(rows, axis=None)
    if isinstance(by, float):  # divided as an array: by a number, torch's forward mode makes tangents of float64
        return total if by == 1.0 else total / xp.asarray(by) if by else total + nothing
    return total / xp.where(by == 0, 1.0, by) + xp.where(by == 0, nothing, 0.0)


def scaled(xp: Any, rows: Array, by: Any) -> Array:
    """Gradients or Hessians of the value that `rows` belong to."""
    if isinstance(by, float):
        return rows / by if by not in (0.0, 1.0) else rows
    return rows / xp.where(by == 0, 1.0, by)
