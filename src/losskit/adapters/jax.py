"""Losses on JAX arrays: fused kernels for arrays that hold data in the processor's memory, else jax.numpy.

Under a transformation, and on other devices, a row outside the domain is nan: there is no data to look at. Tested with
JAX 0.10.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero

from losskit.arrayforms import PARTS, divisor, fitting, form_of, has_form, options, reduced, scaled
from losskit.border import as_arrays, kind_of
from losskit.errors import CapabilityError

_HALF = (jnp.float16, jnp.bfloat16)
_SERIES = tuple(2.0 / (2 * k + 3) for k in range(20))  # of log((1 + u)/(1 - u)) = 2 u + u^3 (2/3 + 2/5 u^2 ...)


class Names:
    """jax.numpy, for arrays like `f`."""

    def __init__(self, f: Any):
        self.dtype = f.dtype

    def __getattr__(self, name: str) -> Any:
        return getattr(jnp, name)

    def eye(self, n: int) -> Any:
        return jnp.eye(n, dtype=self.dtype)

    def log1p(self, x: Any) -> Any:
        """XLA's own is 100 ulp off in float64."""
        x = jnp.asarray(x)
        if x.dtype != jnp.float64:
            return jnp.log1p(x)
        near = jnp.abs(x) < 0.5
        inside = jnp.where(near, x, 0.0)
        u = inside / (2.0 + inside)
        tail = jnp.full_like(u, _SERIES[-1])
        for c in _SERIES[-2::-1]:
            tail = tail * (u * u) + c
        return jnp.where(near, inside - u * (inside - u * u * tail), jnp.log(1.0 + x))


@partial(jax.custom_jvp, nondiff_argnums=(3, 4))
def rows(f: Any, y: Any, w: Any, form: Any, order: int) -> Any:
    """The weighted losses of rows, their gradients or Hessians (order 0, 1, 2), each derived from the one before."""
    return _compiled(f, y, w, form, order)


@partial(jax.jit, static_argnums=(3, 4))
def _compiled(f: Any, y: Any, w: Any, form: Any, order: int) -> Any:
    return form.rows(Names(f), y, f, w, order)


@partial(rows.defjvp, symbolic_zeros=True)
def _along(form: Any, order: int, primals: Any, tangents: Any) -> Any:
    (f, y, w), (t, of_y, of_w) = primals, tangents
    if not (isinstance(of_y, SymbolicZero) and (of_w is None or isinstance(of_w, SymbolicZero))):
        raise CapabilityError(
            "a derivative by targets or weights was asked for; losses are derived by predictions only: pass the others "
            "through jax.lax.stop_gradient"
        )
    if order == 2:
        raise CapabilityError("loss.hessian(...) is not derived further; take jax.hessian of loss.to_jax() for that")
    value = rows(f, y, w, form, order)
    if isinstance(t, SymbolicZero):
        return value, jnp.zeros_like(value)
    if order == 1:
        return value, form.product(Names(f), y, f, w, t)
    slope = rows(f, y, w, form, 1) * t
    return value, slope.sum(-1) if slope.ndim > value.ndim else slope


def evaluate(
    loss: Any, y: Any, f: Any, w: Any, reduction: str, want: tuple[str, ...], out: Any, empty: str,
    curvature: str | None = None,
) -> list[Any]:
    """The parts of `want` as JAX arrays, derivable by f to second order; see `losskit.evaluate.evaluate`."""
    if out is not None:
        raise CapabilityError("out= takes NumPy arrays; JAX arrays cannot be written to: take what is returned")
    options(reduction, empty)
    if not all(x is None or isinstance(x, jax.Array) for x in (y, f, w)):
        as_arrays(y=y, f=f, sample_weight=w)  # says which is of another kind
    if not jnp.issubdtype(f.dtype, jnp.floating):
        raise CapabilityError(f"f has dtype {f.dtype}; predictions are floating point: pass f.astype(float)")
    given = [x for x in (y, f, w) if x is not None]
    for name, x in (("y", y), ("sample_weight", w)):
        if x is not None and jnp.issubdtype(x.dtype, jnp.complexfloating):
            raise CapabilityError(f"{name} has dtype {x.dtype}; losses take real numbers")
    narrow = f.dtype if f.dtype in _HALF else None
    f = f.astype(jnp.float32) if narrow else f
    y, w = (x if x is None or x.dtype == f.dtype else x.astype(f.dtype) for x in (y, w))
    if any(isinstance(x, jax.core.Tracer) for x in given) or not _in_memory(given):
        form = form_of(loss, curvature)
        found = _by_arrays(form, y, f, w, reduction, empty, [PARTS.index(name) for name in want])
    else:
        views = (x if x is None else np.asarray(x) for x in (y, f, w))
        made = loss._evaluate(*views, reduction, want, None, empty, curvature)
        found = [jnp.asarray(x, dtype=f.dtype) for x in made]
    return found if narrow is None else [x.astype(narrow) for x in found]


def _in_memory(arrays: list[Any]) -> bool:
    return all(device.platform == "cpu" for x in arrays for device in x.devices())


def _by_arrays(form: Any, y: Any, f: Any, w: Any, reduction: str, empty: str, orders: list[int]) -> list[Any]:
    shape, w = fitting(form, y, f, w)
    xp, axis = Names(f), form.axis
    if axis != -1:
        y = jnp.moveaxis(y, axis, -1) if y.ndim == f.ndim else y
        f = jnp.moveaxis(f, axis, -1)
    w = w if w is None else jnp.where((w >= 0) & (w < math.inf), w, math.nan)
    by, found = divisor(xp, form, shape, y, f, w, reduction), []
    for order in orders:
        part = rows(f, y, w, form, order)
        result = reduced(xp, part, by, reduction, empty) if order == 0 else scaled(xp, part, by)
        found.append(jnp.moveaxis(result, -1, axis) if order == 1 and axis != -1 else result)
    return found


def function(loss: Any, reduction: str, empty: str) -> Any:
    """See `loss.to_jax`."""
    options(reduction, empty)
    if has_form(loss):
        form_of(loss)

    def call(prediction: Any, target: Any, weight: Any = None) -> Any:
        named = {"y": target, "f": prediction, "sample_weight": weight}
        if prediction is None or target is None or any(kind_of(x) not in ("numpy", "jax") for x in named.values()):
            as_arrays(**named)  # says which
        f, y, w = (x if x is None else jnp.asarray(x) for x in (prediction, target, weight))
        return evaluate(loss, y, f, w, reduction, ("value",), None, empty)[0]

    call.__name__ = call.__qualname__ = type(loss).__name__
    call.__doc__ = f"{loss!r} of (prediction, target, weight=None), reduction {reduction!r}."
    return call
