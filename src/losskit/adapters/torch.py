"""Losses on PyTorch tensors: by the fused kernels in the processor's memory, by torch's own functions elsewhere.

Elsewhere is another device, and where there is no data yet: inside torch.compile, torch.func and forward mode. There
a row outside the domain is nan instead of an error. Tested with PyTorch 2.13.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.forward_ad import unpack_dual

from losskit.arrayforms import PARTS, divisor, fitting, form_of, has_form, options, reduced, scaled
from losskit.base import Pointwise
from losskit.border import as_arrays
from losskit.errors import CapabilityError
from losskit.parameters import parameter_domains

_HALF = (torch.float16, torch.bfloat16)
_THIRD = "losses are differentiable twice by their predictions; a third derivative was asked for"
_TARGETS = "{} has requires_grad: losses are derived by predictions only; pass {}.detach()"


class Names:
    """torch under NumPy's names, for plain numbers too, which become tensors like `f`."""

    inf = math.inf

    def __init__(self, f: Tensor):
        self.dtype, self.device = f.dtype, f.device

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        if not isinstance(condition, Tensor):
            return a if condition else b
        if not isinstance(a, Tensor) and not isinstance(b, Tensor):
            a = torch.full((), a, dtype=self.dtype, device=self.device)
        return torch.where(condition, a, b)

    def asarray(self, x: Any, dtype: Any = None) -> Tensor:
        if isinstance(x, Tensor):
            return x if dtype is None else x.to(torch.int64 if dtype is int else dtype)
        return torch.as_tensor(x, dtype=dtype or self.dtype, device=self.device)

    def stack(self, parts: list[Tensor], axis: int) -> Tensor:
        return torch.stack(torch.broadcast_tensors(*parts), axis)

    def max(self, x: Tensor, axis: int, keepdims: bool) -> Tensor:
        return torch.amax(x, axis, keepdims)

    def arange(self, n: int) -> Tensor:
        return torch.arange(n, device=self.device)

    def eye(self, n: int) -> Tensor:
        return torch.eye(n, dtype=self.dtype, device=self.device)


def _named(name: str) -> Any:
    function = getattr(torch, name)
    return lambda self, *given: function(*map(self.asarray, given))


for _name in ("abs", "arctan", "arctan2", "cos", "exp", "expm1", "log", "log1p", "logaddexp", "logical_not", "sin",
              "sqrt", "tanh"):  # fmt: skip
    setattr(Names, _name, _named(_name))
for _name in ("argmax", "broadcast_to", "clip", "floor", "isfinite", "nan_to_num", "ones_like", "sum", "swapaxes",
              "take"):  # fmt: skip
    setattr(Names, _name, staticmethod(getattr(torch, _name)))


class Kernels:
    """A call by compiled kernels, on NumPy views of the tensors."""

    __slots__ = ("curvature", "empty", "loss", "reduction")

    def __init__(self, loss: Any, reduction: str, empty: str, curvature: str | None = None):
        self.loss, self.reduction, self.empty, self.curvature = loss, reduction, empty, curvature

    @property
    def axis(self) -> int:
        return getattr(self.loss, "axis", -1)

    def parts(self, f: Tensor, y: Tensor, w: Tensor | None, *want: str) -> list[Tensor]:
        yn, fn, wn = _viewed(y, f, w)
        found = self.loss._evaluate(yn, fn, wn, self.reduction, want, None, self.empty, self.curvature)
        return [torch.from_numpy(x if isinstance(x, np.ndarray) else np.array(x, fn.dtype)) for x in found]

    def part(self, f: Tensor, y: Tensor, w: Tensor | None, order: int) -> Tensor:
        return self.parts(f, y, w, PARTS[order])[0]

    def times(self, f: Tensor, y: Tensor, w: Tensor | None, v: Tensor) -> Tensor:
        yn, fn, wn, vn = _viewed(y, f, w, v)
        return Last.apply(torch.from_numpy(self.loss.hvp(yn, fn, vn, wn, self.reduction, empty=self.empty)), f, v)


@dataclasses.dataclass(frozen=True)
class Arrays:
    """The rows of a call by torch's functions."""

    form: Any
    axis = -1

    def part(self, f: Tensor, y: Tensor, w: Tensor | None, order: int) -> Tensor:
        return self.form.rows(Names(f), y, f, w, order)

    def times(self, f: Tensor, y: Tensor, w: Tensor | None, v: Tensor) -> Tensor:
        return self.form.product(Names(f), y, f, w, v)


def _viewed(*tensors: Tensor | None) -> list[Any]:
    return [x if x is None else (x.detach() if x.requires_grad else x).numpy() for x in tensors]


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
            raise CapabilityError(_THIRD)
        if ctx.order == 1:
            return ctx.call.times(f, y, w, g), None, None, None, None
        return _spread(g, part(f, y, w, ctx.call, 1), ctx.call.axis), None, None, None, None


class Dual(Rows):
    """The same with forward mode, which torch.compile does not trace."""

    @staticmethod
    def jvp(ctx: Any, t: Any, of_y: Any, of_w: Any, *rest: Any) -> Any:
        if of_y is not None or of_w is not None:
            raise CapabilityError(_TARGETS.format("a target or weight", "it"))
        f, y, w = ctx.saved_tensors
        if ctx.order == 2:
            raise CapabilityError(_THIRD)
        if ctx.order == 1:
            return ctx.call.times(f, y, w, t)
        slope = t * part(f, y, w, ctx.call, 1)
        return slope.sum(-1) if ctx.call.form.several else slope  # kernels are not asked: they have no duals


def part(f: Tensor, y: Tensor, w: Tensor | None, call: Any, order: int) -> Tensor:
    return (Rows if torch.compiler.is_compiling() else Dual).apply(f, y, w, call, order)


def _spread(g: Tensor, slope: Tensor, axis: int) -> Tensor:
    """`slope` times the cotangents of the rows, or of their sum."""
    return slope * (g.unsqueeze(axis) if 0 < g.dim() < slope.dim() else g)


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
        kept, ctx.gradient = ctx.gradient, None
        if kept is None or torch.is_grad_enabled():  # asked for again, or a graph of it is wanted
            f, y, w = ctx.saved_tensors
            kept = part(f, y, w, ctx.call, 1)
        elif not g.dim() and g.item() == 1.0:
            return kept, None, None, None
        return _spread(g, kept, ctx.call.axis), None, None, None


class Last(Function):
    """`result`, which is not derived further by its sources."""

    @staticmethod
    def forward(ctx: Any, result: Tensor, *sources: Tensor) -> Tensor:
        return result.view_as(result)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        raise CapabilityError(_THIRD)


def evaluate(
    loss: Any, y: Any, f: Any, w: Any, reduction: str, want: tuple[str, ...], out: Any, empty: str,
    curvature: str | None = None, form: Any = None,
) -> list[Tensor]:
    """The parts of `want` as tensors, derivable by f to second order; see `losskit.evaluate.evaluate`.

    A `form` that learns parameters has them as the last columns of f.
    """
    if out is not None:
        raise CapabilityError("out= takes NumPy arrays; with tensors leave it out and take what is returned")
    options(reduction, empty)
    _check(y, f, w)
    narrow = f.dtype if f.dtype in _HALF and not torch.is_autocast_enabled(f.device.type) else None
    f = f.float() if f.dtype in _HALF else f
    if y.dtype is not f.dtype or (w is not None and w.dtype is not f.dtype):
        y, w = (x if x is None or (x.is_floating_point() and x.dtype not in _HALF) else x.to(f.dtype) for x in (y, w))
    orders = [PARTS.index(name) for name in want]
    if not getattr(form, "learn", ()) and _in_memory(f, y, w):
        call = Kernels(loss, reduction, empty, curvature)
        found = _derived(call, f, y, w, orders) if f.requires_grad and torch.is_grad_enabled() else (
            call.parts(f, y, w, *want)
        )
    else:
        found = _by_arrays(loss, form or form_of(loss, curvature), y, f, w, reduction, empty, orders)
    return found if narrow is None else [x.to(narrow) for x in found]


def _check(y: Any, f: Any, w: Any) -> None:
    if not isinstance(y, Tensor) or not isinstance(f, Tensor) or not (w is None or isinstance(w, Tensor)):
        as_arrays(y=y, f=f, sample_weight=w)  # says which is of another kind
    if not f.is_floating_point():
        raise CapabilityError(
            f"f has dtype {f.dtype}; predictions that losses are derived by are floating point: pass f.float()"
        )
    for name, x in (("y", y), ("sample_weight", w)):
        if x is None:
            continue
        if x.requires_grad or _is_dual(x):
            raise CapabilityError(_TARGETS.format(name, name))
        if x.device != f.device:
            raise CapabilityError(
                f"{name} is on {x.device} and f on {f.device}; move one: {name}.to({str(f.device)!r})"
            )
        if x.is_complex():
            raise CapabilityError(f"{name} has dtype {x.dtype}; losses take real numbers")


def _has_data(x: Tensor) -> bool:
    transformed = torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active()
    return not transformed and type(x) in (Tensor, nn.Parameter) and x.device.type != "meta"


def _is_dual(x: Tensor) -> bool:
    return not torch.compiler.is_compiling() and unpack_dual(x).tangent is not None


def _in_memory(*tensors: Tensor | None) -> bool:
    """Whether kernels can read all of them as they lie."""
    if torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active():
        return False
    return all(
        x is None or (x.is_cpu and type(x) in (Tensor, nn.Parameter) and x.layout is torch.strided and not _is_dual(x))
        for x in tensors
    )


def _derived(call: Kernels, f: Tensor, y: Tensor, w: Tensor | None, orders: list[int]) -> list[Tensor]:
    return [
        Fused.apply(f, y, w, call) if order == 0 else part(f, y, w, call, 1) if order == 1
        else Last.apply(call.part(f, y, w, 2), f)
        for order in orders
    ]  # fmt: skip


def _by_arrays(
    loss: Any, form: Any, y: Tensor, f: Tensor, w: Tensor | None, reduction: str, empty: str, orders: list[int]
) -> list[Tensor]:
    xp, axis = Names(f), form.axis
    shape, w = fitting(form, y, f, w)
    seen = all(map(_has_data, (y, f))) and (w is None or _has_data(w))
    if axis != -1:
        y = y.movedim(axis, -1) if y.dim() == f.dim() else y
        f = f.movedim(axis, -1)
    by = divisor(xp, form, shape, y, f, w, reduction)
    if seen:
        _look(loss, form, y, f, w, reduction, empty, by)
    elif w is not None:
        w = xp.where((w >= 0) & (w < math.inf), w, math.nan)
    call, found = Arrays(form), []
    for order in orders:
        rows = part(f, y, w, call, order)
        result = reduced(xp, rows, by, reduction, empty) if order == 0 else scaled(xp, rows, by)
        found.append(result.movedim(-1, axis) if order == 1 and axis != -1 else result)
    return found


def _look(
    loss: Any, form: Any, y: Tensor, f: Tensor, w: Tensor | None, reduction: str, empty: str, by: Any
) -> None:
    """Raise the error that NumPy arrays would get: for a row outside the domain, a bad weight, or nothing to count."""
    fine = form.inside(Names(f), y, f)
    if w is not None:
        fine = (fine | (w == 0)) & (w >= 0) & (w < math.inf)
    if bool(fine.all()) and (empty != "raise" or by):
        return
    if form.learn:
        f = f[..., 0] if len(loss.outputs) == 1 else f[..., : len(loss.outputs)]
    moved = (x if x is None or x.dim() < f.dim() else x.movedim(-1, form.axis) for x in (y, f))
    arrays = (x if x is None else x.detach().cpu().numpy() for x in (*moved, w))
    loss._evaluate(*arrays, reduction, ("value",), None, empty)


class LossModule(nn.Module):
    """A loss as a module of torch's argument order, `module(input, target, weight=None)`; see `loss.to_torch`."""

    def __init__(self, loss: Any, reduction: str, learn: tuple[str, ...], empty: str, distributed: bool):
        super().__init__()
        options(reduction, empty)
        self.given, self.reduction, self.learn = loss, reduction, learn
        self.empty, self.distributed = empty, distributed
        self._form = form_of(loss, None, learn) if learn or has_form(loss) else None
        for name in learn:
            low, high, value = *_ends(loss, name), getattr(loss, name)
            self.register_parameter(f"raw_{name}", nn.Parameter(torch.tensor(_to_line(value, low, high))))

    def forward(self, input: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        return (self._value if isinstance(self.given, Pointwise) else self._untraced)(input, target, weight)

    def _value(self, input: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
        if self.learn:
            input = self._with_parameters(input)
        reduction = "sum" if self.distributed and self.reduction == "mean" else self.reduction
        form = self._form
        value = evaluate(self.given, target, input, weight, reduction, ("value",), None, self.empty, None, form)[0]
        return value / self._share(input, target, weight) if reduction != self.reduction else value

    _untraced = torch.compiler.disable(_value)  # which cannot trace what NumPy makes of classes

    def learned(self, name: str) -> Tensor:
        """The parameter `name` as it is now, inside its domain."""
        return _from_line(getattr(self, f"raw_{name}"), *_ends(self.given, name))

    @property
    def loss(self) -> Any:
        """The loss, with its learned parameters as they are now."""
        return dataclasses.replace(self.given, **{name: self.learned(name).item() for name in self.learn})

    def partial(self, input: Tensor, target: Tensor, weight: Tensor | None = None) -> Any:
        """The `Partial` of this batch: partials of shards and of micro-batches add up to the whole."""
        arrays = (x if x is None else x.detach().cpu().numpy() for x in (target, input, weight))
        return self.loss.partial(*arrays)

    def extra_repr(self) -> str:
        return f"{self.given!r}, reduction={self.reduction!r}"

    def _with_parameters(self, f: Tensor) -> Tensor:
        """The predictions with a column for each parameter that is learned."""
        f = f.unsqueeze(-1) if len(self.given.outputs) == 1 else f
        learned = [self.learned(name).to(f.dtype).expand(f.shape[:-1]) for name in self.learn]
        return torch.cat([f, torch.stack(learned, -1)], -1)

    def _share(self, f: Tensor, y: Tensor, w: Tensor | None) -> Tensor:
        """This process's share of the weight of all: gradients averaged over processes are then those of the mean."""
        total = f.new_tensor(self.partial(f, y, w).weight, dtype=torch.float64)
        if not torch.distributed.is_available() or not torch.distributed.is_initialized():
            return total.to(f.dtype)
        torch.distributed.all_reduce(total)
        return (total / torch.distributed.get_world_size()).to(f.dtype)


def _ends(loss: Any, name: str) -> tuple[float, float]:
    domain = parameter_domains(loss.__class__)[name][0]
    return domain.low, domain.high


def _to_line(x: float, low: float, high: float) -> float:
    """A number between two ends as one of the whole line: what is learned has no wall to run into."""
    if math.isinf(low):
        return x if math.isinf(high) else -math.log(high - x)
    return math.log(x - low) if math.isinf(high) else math.log((x - low) / (high - x))


def _from_line(x: Tensor, low: float, high: float) -> Tensor:
    if math.isinf(low):
        return x if math.isinf(high) else high - torch.exp(-x)
    return low + torch.exp(x) if math.isinf(high) else low + (high - low) * torch.sigmoid(x)
