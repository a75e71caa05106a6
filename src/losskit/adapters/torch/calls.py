"""One call on tensors: what they may be, and whether kernels can read them as they lie."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from losskit.adapters.torch.derived import TARGETS, Arrays, Fused, Kernels, Last, part
from losskit.adapters.torch.names import Names
from losskit.arrayforms import PARTS, divisor, fitting, form_of, options, reduced, scaled
from losskit.border import as_arrays
from losskit.errors import CapabilityError

_HALF = (torch.float16, torch.bfloat16)
_WIDE = (torch.float32, torch.float64)
_PLAIN = (Tensor, nn.Parameter)
_DENSE = {
    False: "losses take dense ones: pass x.to_dense()",
    True: "losses take dense ones: pass x.to_padded_tensor(0.0) with weight 0 for what is padding",
}


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
    learns, narrow = form is not None and form.learn, None
    kernels = not learns and _is_ready(y, f, w)
    if not kernels:
        _check(y, f, w)
        if f.dtype in _HALF:
            narrow = None if torch.is_autocast_enabled(f.device.type) else f.dtype
            f = f.float()
        y, w = (x if x is None or x.dtype in _WIDE else x.to(f.dtype) for x in (y, w))
        kernels = not learns and _in_memory(f, y, w)
    if not kernels:
        orders = [PARTS.index(name) for name in want]
        found = _by_arrays(loss, form or form_of(loss, curvature), y, f, w, reduction, empty, orders)
    else:
        call = Kernels(loss, reduction, empty, curvature)
        derived = f.requires_grad and torch.is_grad_enabled()
        found = _derived(call, f, y, w, want) if derived else call.parts(f, y, w, *want)
    return found if narrow is None else [x.to(narrow) for x in found]


def _is_ready(y: Any, f: Any, w: Any) -> bool:
    """Whether these are what most calls bring: tensors in memory, of one float type, with nothing to refuse."""
    if _transformed() or forward_ad._current_level >= 0 or not (type(f) is Tensor or type(f) is nn.Parameter):
        return False
    dtype = f.dtype
    if dtype not in _WIDE or not f.is_cpu or f.layout is not torch.strided or not _beside(y, dtype):
        return False
    return w is None or _beside(w, dtype)


def _beside(x: Any, dtype: torch.dtype) -> bool:
    return (
        type(x) is Tensor and x.dtype is dtype and x.is_cpu and not x.requires_grad and x.layout is torch.strided
    )


def _check(y: Any, f: Any, w: Any) -> None:
    if not isinstance(y, Tensor) or not isinstance(f, Tensor) or not (w is None or isinstance(w, Tensor)):
        as_arrays(y=y, f=f, sample_weight=w)  # says which is of another kind
        raise CapabilityError("a module takes tensors: pass torch.as_tensor(x), or call the loss itself with arrays")
    for name, x in (("f", f), ("y", y), ("sample_weight", w)):
        if x is not None and (x.layout is not torch.strided or x.is_nested):
            raise CapabilityError(f"{name} is a {'nested' if x.is_nested else 'sparse'} tensor; {_DENSE[x.is_nested]}")
    if f.dtype not in _HALF and f.dtype not in _WIDE:
        raise CapabilityError(
            f"f has dtype {f.dtype}; predictions that losses are derived by are floating point, of 16 to 64 bits: pass "
            "f.float()"
        )
    for name, x in (("y", y), ("sample_weight", w)):
        if x is None:
            continue
        if x.requires_grad or _is_dual(x):
            raise CapabilityError(TARGETS.format(name, name))
        if x.device != f.device:
            raise CapabilityError(
                f"{name} is on {x.device} and f on {f.device}; move one: {name}.to({str(f.device)!r})"
            )
        if x.is_complex():
            raise CapabilityError(f"{name} has dtype {x.dtype}; losses take real numbers")


def _transformed() -> bool:
    return torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active()


def _is_dual(x: Tensor) -> bool:
    return not torch.compiler.is_compiling() and forward_ad.unpack_dual(x).tangent is not None


def _holds_data(x: Tensor) -> bool:
    """Whether a look at the data costs nothing: on a device it would wait for all that is under way."""
    return type(x) in _PLAIN and x.is_cpu


def _in_memory(*tensors: Tensor | None) -> bool:
    """Whether kernels can read all of them as they lie."""
    return not _transformed() and all(
        x is None or (_holds_data(x) and x.layout is torch.strided and not _is_dual(x)) for x in tensors
    )


def _derived(call: Kernels, f: Tensor, y: Tensor, w: Tensor | None, want: tuple[str, ...]) -> list[Tensor]:
    return [
        Fused.apply(f, y, w, call) if name == "value" else part(f, y, w, call, 1) if name == "gradient"
        else Last.apply(call.part(f, y, w, 2), f)
        for name in want
    ]  # fmt: skip


def _by_arrays(
    loss: Any, form: Any, y: Tensor, f: Tensor, w: Tensor | None, reduction: str, empty: str, orders: list[int]
) -> list[Tensor]:
    xp, axis = Names(f), form.axis
    shape, w = fitting(form, y, f, w)
    seen = not _transformed() and all(x is None or _holds_data(x) for x in (y, f, w))
    y, f = classes_last(form, y, f)
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


def classes_last(form: Any, y: Tensor, f: Tensor) -> tuple[Tensor, Tensor]:
    """Targets and predictions with the classes along the last axis, as forms take them."""
    if form.axis == -1:
        return y, f
    return y.movedim(form.axis, -1) if y.dim() == f.dim() else y, f.movedim(form.axis, -1)


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
    arrays = (x if x is None else x.detach().numpy() for x in (*moved, w))
    loss._evaluate(*arrays, reduction, ("value",), None, empty)
