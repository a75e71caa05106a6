"""Value, gradient and Hessian as functions that torch can derive: each is the derivative of the one before."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from losskit.adapters.torch.names import Names
from losskit.arrayforms import PARTS
from losskit.errors import CapabilityError

THIRD = "losses are differentiable twice by their predictions; a third derivative was asked for"
TARGETS = "{} has requires_grad: losses are derived by predictions only; pass {}.detach()"


class Kernels:
    """A call by compiled kernels, on NumPy views of the tensors."""

    __slots__ = ("curvature", "empty", "loss", "reduction")

    def __init__(self, loss: Any, reduction: str, empty: str, curvature: str | None = None):
        self.loss, self.reduction, self.empty, self.curvature = loss, reduction, empty, curvature

    @property
    def axis(self) -> int:
        return getattr(self.loss, "axis", -1)

    def parts(self, f: Tensor, y: Tensor, w: Tensor | None, *want: str) -> list[Tensor]:
        made = self.loss._evaluate(
            view(y), view(f), None if w is None else view(w), self.reduction, want, None, self.empty, self.curvature
        )
        return [
            torch.scalar_tensor(x, dtype=f.dtype) if isinstance(x, float) else torch.from_numpy(x) for x in made
        ]

    def part(self, f: Tensor, y: Tensor, w: Tensor | None, order: int) -> Tensor:
        return self.parts(f, y, w, PARTS[order])[0]

    def times(self, f: Tensor, y: Tensor, w: Tensor | None, v: Tensor) -> Tensor:
        seen = None if w is None else view(w)
        product = self.loss.hvp(view(y), view(f), view(v), seen, self.reduction, empty=self.empty)
        return Last.apply(torch.from_numpy(product), f, v)


@dataclasses.dataclass(frozen=True)
class Arrays:
    """The rows of a call by torch's functions."""

    form: Any
    axis = -1

    def part(self, f: Tensor, y: Tensor, w: Tensor | None, order: int) -> Tensor:
        return self.form.rows(Names(f), y, f, w, order)

    def times(self, f: Tensor, y: Tensor, w: Tensor | None, v: Tensor) -> Tensor:
        return self.form.product(Names(f), y, f, w, v)


def view(x: Tensor) -> Any:
    """The tensor's own memory as a NumPy array."""
    return (x.detach() if x.requires_grad else x).resolve_neg().numpy()


class Rows(Function):
    """Value, gradient or Hessian of a call (order 0, 1, 2), each the derivative of the one before."""

    generate_vmap_rule = True

    @staticmethod
    def forward(f: Tensor, y: Tensor, w: Tensor | None, call: Any, order: int) -> Tensor:
        return call.part(f, y, w, order)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        f, y, w, ctx.call, ctx.order = inputs
        ctx.save_for_backward(f, y, w)
        ctx.save_for_forward(f, y, w)
        ctx.set_materialize_grads(False)  # a tangent that is not there is None

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        f, y, w = ctx.saved_tensors
        if g is None:
            return (None,) * 5
        if ctx.order == 2:
            raise CapabilityError(THIRD)
        if ctx.order == 1:
            return ctx.call.times(f, y, w, g), None, None, None, None
        slope = part(f, y, w, ctx.call, 1)
        return slope * _beside(g, slope, ctx.call.axis), None, None, None, None


class Dual(Rows):
    """The same with forward mode, which torch.compile does not trace."""

    @staticmethod
    def jvp(ctx: Any, t: Any, of_y: Any, of_w: Any, *rest: Any) -> Any:
        if of_y is not None or of_w is not None:
            raise CapabilityError(TARGETS.format("a target or weight", "it"))
        f, y, w = ctx.saved_tensors
        if ctx.order == 2:
            raise CapabilityError(THIRD)
        if ctx.order == 1:
            return ctx.call.times(f, y, w, t)
        slope = t * part(f, y, w, ctx.call, 1)
        return slope.sum(-1) if ctx.call.form.several else slope  # kernels are not asked: they have no duals


def part(f: Tensor, y: Tensor, w: Tensor | None, call: Any, order: int) -> Tensor:
    """One of the three, as a function of f."""
    return (Rows if torch.compiler.is_compiling() else Dual).apply(f, y, w, call, order)


def _beside(g: Tensor, slope: Tensor, axis: int) -> Tensor:
    """The cotangents of rows, or of their sum, in a shape that `slope` can be multiplied with."""
    return g.unsqueeze(axis) if 0 < g.dim() < slope.dim() else g


class Fused(Function):
    """The value by kernels, its gradient found in the same pass and kept until it is asked for."""

    @staticmethod
    def forward(ctx: Any, f: Tensor, y: Tensor, w: Tensor | None, call: Kernels) -> Tensor:
        ctx.call = call
        ctx.save_for_backward(f, y, w)
        value, ctx.gradient = call.parts(f, y, w, "value", "gradient")
        return value

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        kept = vars(ctx).pop("gradient", None)  # whoever takes it has it alone
        if kept is None or torch.is_grad_enabled():  # asked for again, or a graph of it is wanted
            f, y, w = ctx.saved_tensors
            slope = part(f, y, w, ctx.call, 1)
            return slope * _beside(g, slope, ctx.call.axis), None, None, None
        if g.dim() or g.item() != 1.0:
            kept.mul_(_beside(g, kept, ctx.call.axis))
        return kept, None, None, None


class Last(Function):
    """`result`, which is not derived further by its sources."""

    @staticmethod
    def forward(ctx: Any, result: Tensor, *sources: Tensor) -> Tensor:
        return result.view_as(result)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        raise CapabilityError(THIRD)
