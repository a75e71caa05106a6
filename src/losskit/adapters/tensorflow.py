"""Losses on TensorFlow's tensors, for Keras on its backend: the array dialect, eager, in graphs and under XLA.

There is no data in a graph, so a row outside the domain is nan. Tested with TensorFlow 2.21.
"""

from __future__ import annotations

import math
from functools import reduce
from itertools import zip_longest
from typing import Any

import numpy as np
import tensorflow as tf

from losskit.arrayforms import form_of, reduced
from losskit.border import weights_like
from losskit.errors import CapabilityError

_HALF = (tf.float16, tf.bfloat16)


class Names:
    """TensorFlow under NumPy's names, for plain numbers too, which become tensors like `f`."""

    inf = math.inf

    def __init__(self, f: Any):
        self.dtype = f.dtype

    def asarray(self, x: Any, dtype: Any = None) -> Any:
        if tf.is_tensor(x):
            return x if dtype is None else tf.cast(x, tf.int64 if dtype is int else dtype)
        return tf.convert_to_tensor(x, dtype=dtype or self.dtype)

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        if not tf.is_tensor(condition):
            return a if condition else b
        return tf.where(condition, self.asarray(a), self.asarray(b))

    def sum(self, x: Any, axis: int, keepdims: bool = False) -> Any:
        return tf.reduce_sum(x, axis, keepdims)

    def max(self, x: Any, axis: int, keepdims: bool) -> Any:
        return tf.reduce_max(x, axis, keepdims)

    def all(self, x: Any, axis: int) -> Any:
        return tf.reduce_all(x, axis)

    def clip(self, x: Any, low: int, high: int) -> Any:
        return tf.clip_by_value(x, tf.cast(low, x.dtype), tf.cast(high, x.dtype))

    def nan_to_num(self, x: Any) -> Any:
        return tf.where(tf.math.is_nan(x), tf.zeros_like(x), x) if x.dtype.is_floating else x

    def logaddexp(self, a: Any, b: Any) -> Any:
        low, high = tf.minimum(a, b), tf.maximum(a, b)
        return high + tf.math.log1p(tf.exp(tf.where(low == high, tf.zeros_like(low), low - high)))

    def stack(self, parts: list[Any], axis: int) -> Any:
        shape = reduce(tf.broadcast_dynamic_shape, map(tf.shape, parts))
        return tf.stack([tf.broadcast_to(part, shape) for part in parts], axis)

    def reshape(self, x: Any, shape: tuple[Any, ...]) -> Any:
        return tf.reshape(x, [-1 if n is None else n for n in shape])

    def swapaxes(self, x: Any, a: int, b: int) -> Any:
        return tf.experimental.numpy.swapaxes(x, a, b)

    def arange(self, n: int) -> Any:
        return tf.range(n, dtype=tf.int64)

    def eye(self, n: int) -> Any:
        return tf.eye(n, dtype=self.dtype)


for _name, _function in {
    "abs": tf.abs, "arctan": tf.atan, "arctan2": tf.atan2, "cos": tf.cos, "exp": tf.exp, "expm1": tf.math.expm1,
    "log": tf.math.log, "log1p": tf.math.log1p, "sin": tf.sin, "sqrt": tf.sqrt, "tanh": tf.tanh,
}.items():  # fmt: skip
    setattr(Names, _name, lambda self, *given, function=_function: function(*map(self.asarray, given)))
for _name, _function in {
    "argmax": tf.argmax, "broadcast_to": tf.broadcast_to, "floor": tf.floor, "isfinite": tf.math.is_finite,
    "logical_not": tf.logical_not, "ones_like": tf.ones_like, "take": tf.gather,
}.items():  # fmt: skip
    setattr(Names, _name, staticmethod(_function))


def rows(f: Any, y: Any, w: Any, form: Any, order: int) -> Any:
    """The weighted losses of rows, or their gradients (`order` 1), each derived from the one before."""

    @tf.custom_gradient
    def call(f: Any) -> Any:
        def back(g: Any) -> Any:
            if order == 1:
                return form.product(Names(f), y, f, w, g)
            return rows(f, y, w, form, 1) * (g[..., None] if form.several else g)

        return form.rows(Names(f), y, f, w, order), back

    return call(f)


def _check_shapes(form: Any, y: Any, f: Any, w: Any) -> None:
    """Raise ShapeError unless what is known of the shapes belongs together: TensorFlow would broadcast."""
    if any(x is not None and x.shape.rank is None for x in (y, f, w)):
        return
    shape = form.shape(_stand_in(y.shape, f.shape), _stand_in(f.shape, y.shape))
    if w is not None:
        weights_like(_stand_in(w.shape, shape), np.broadcast_to(0.0, shape))


def _stand_in(shape: Any, beside: Any) -> np.ndarray:
    """An array of that shape; a size that is not known is the one beside it, or 1."""
    sizes = [m if n is None else n for n, m in zip_longest(shape, beside)][: len(shape)]
    return np.broadcast_to(0.0, [1 if n is None else n for n in sizes])


@tf.autograph.experimental.do_not_convert
def evaluate(loss: Any, y: Any, f: Any, w: Any, reduction: str, empty: str) -> Any:
    """The loss of tensors, differentiable twice by f; see `losskit.evaluate.evaluate`."""
    form, narrow = form_of(loss), f.dtype if f.dtype in _HALF else None
    if form.axis != -1:
        raise CapabilityError(
            f"on Keras's TensorFlow backend classes lie along the last axis; {loss!r} has them elsewhere: use axis=-1"
        )
    _check_shapes(form, y, f, w)
    f = tf.cast(f, tf.float32) if narrow else f
    y, xp = tf.cast(y, f.dtype), Names(f)
    if w is not None:
        beside = len(f.shape) - form.several - len(w.shape)
        w = tf.cast(w, f.dtype)[(..., *[None] * beside)]
        w = xp.where((w >= 0) & (w < math.inf), w, math.nan)
    each = rows(f, y, w, form, 0)
    counted = form.weights(xp, y, f, w) if reduction == "mean" else None
    if reduction == "sum":
        by: Any = 1.0
    else:  # how many rows a batch has may not be known
        by = tf.cast(tf.size(each), f.dtype) if counted is None else tf.reduce_sum(counted + tf.zeros_like(each))
    found = reduced(xp, each, by, reduction, empty)
    return tf.cast(found, narrow) if narrow else found
