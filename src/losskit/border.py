"""The border: what a caller passes becomes NumPy arrays of one kind and shape, or a clear error."""

from __future__ import annotations

from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np

from losskit.errors import CapabilityError, ShapeError

Array = np.ndarray
_TENSORS = {"torch": "torch", "jax": "jax", "jaxlib": "jax", "tensorflow": "tensorflow", "cupy": "cupy"}
_HOSTS = {"torch", "jax"}
_REAL_KINDS = "biuf"
_TOO_LARGE = (
    "{} holds integers beyond 2**53, which float64 cannot tell apart; scale them, or convert to float yourself if the "
    "rounding is meant"
)
_FLOAT64, _FLOAT32 = np.dtype(np.float64), np.dtype(np.float32)


def kind_of(x: Any) -> str:
    """The library an array belongs to: "torch", "jax", "tensorflow", "cupy", or "numpy" for everything else."""
    if type(x) is np.ndarray:
        return "numpy"
    return _TENSORS.get(type(x).__module__.partition(".")[0], "numpy")


def is_plain(x: Any) -> bool:
    """Whether `x` is a NumPy array of floats that needs no further look."""
    return type(x) is np.ndarray and (x.dtype is _FLOAT64 or x.dtype is _FLOAT32)


def are_plain(y: Any, f: Any) -> bool:
    """Whether both are NumPy arrays of one type of float, as in nearly every call."""
    return type(y) is np.ndarray and is_plain(f) and y.dtype is f.dtype


def host_of(*arrays: Any) -> str | None:
    """The library that all arrays of a call belong to, if it is one that an adapter takes: "torch" or "jax"."""
    kinds = {kind_of(x) for x in arrays if x is not None}
    return kinds.pop() if len(kinds) == 1 and kinds <= _HOSTS else None


def as_arrays(**named: Any) -> list[Array | None]:
    """Each named argument as a NumPy array of real numbers; `sample_weight` may be None and stays it.

    Raises
    ------
    CapabilityError
        Mixed array kinds, a kind this build has no adapter for, masked arrays, or values that are not real numbers.
    """
    for name, x in named.items():
        if x is None and name != "sample_weight":
            raise CapabilityError(f"{name} is None; pass an array of numbers")
    kinds = {name: kind_of(x) for name, x in named.items() if x is not None}
    if len(set(kinds.values())) > 1:
        listed = ", ".join(f"{name} is {kind}" for name, kind in kinds.items())
        raise CapabilityError(f"the arrays of one call must be of one kind; {listed}. Convert them to one first")
    kind = next(iter(kinds.values()), "numpy")
    if kind != "numpy":
        raise CapabilityError(
            f"{', '.join(kinds)} came as {kind} arrays, which this version does not take; pass NumPy arrays "
            f"({'x.detach().cpu().numpy()' if kind == 'torch' else 'numpy.asarray(x)'})"
        )
    return [None if x is None else as_real(name, x) for name, x in named.items()]


def as_real(name: str, x: Any) -> Array:
    """`x` as a NumPy array of booleans, integers or floats; other types raise CapabilityError."""
    if isinstance(x, np.ma.MaskedArray):
        raise CapabilityError(f"{name} is a masked array, whose mask would be lost; give masked rows weight 0")
    if type(x) is not np.ndarray:
        try:
            x = np.asarray(x)
        except ValueError as error:
            raise ShapeError(f"{name} is not a rectangular array of numbers: {error}") from None
    if x.dtype.kind == "O":
        x = _from_objects(name, x)
    if x.dtype.kind not in _REAL_KINDS or x.dtype.itemsize > 8:
        raise CapabilityError(f"{name} has dtype {x.dtype}; losses take real numbers of up to 64 bits")
    if x.dtype.kind in "iu" and x.dtype.itemsize == 8 and x.size and max(int(x.max()), -int(x.min())) > 2**53:
        raise CapabilityError(_TOO_LARGE.format(name))
    return x


def _from_objects(name: str, x: Array) -> Array:
    for position, item in enumerate(x.ravel()):
        if not isinstance(item, (Real, Decimal)) or isinstance(item, np.timedelta64):
            raise CapabilityError(
                f"{name} holds Python objects that are not real numbers: {name_of(item)} at position {position}; "
                "convert it to floats, with missing values removed or of weight 0"
            )
        if isinstance(item, int) and abs(item) > 2**53:
            raise CapabilityError(_TOO_LARGE.format(name))
    return x.astype(np.float64)


def name_of(item: Any) -> str:
    text = repr(item)
    return f"{text if len(text) <= 40 else text[:37] + '...'} of type {type(item).__name__}"


def same_shape(y: Array, f: Array, outputs: int, targets: int = 1) -> None:
    """Raise ShapeError unless `y` and `f` have one shape, but for a last axis of the targets or outputs of a row.

    Either has that axis where a row holds several.
    """
    if targets != 1:
        rows = f.shape if outputs == 1 else f.shape[:-1]
        if y.shape != (*rows, targets):
            raise ShapeError(
                f"y has shape {y.shape} and f has shape {f.shape}; this loss takes {targets} targets a row, so y must "
                f"have shape {(*rows, targets)}"
            )
        y = y[..., 0]
    if outputs == 1:
        if y.shape == f.shape:
            return
        hint = "nothing is broadcast: reshape one of them"
        if y.size == f.size:
            hint = f"nothing is broadcast: use f.reshape({y.shape}) if its rows are those of y"
        raise ShapeError(f"y has shape {y.shape} and f has shape {f.shape}; they must be equal, {hint}")
    if f.shape != (*y.shape, outputs):
        raise ShapeError(
            f"y has shape {y.shape} and f has shape {f.shape}; this loss predicts {outputs} numbers a row, so f must "
            f"have shape {(*y.shape, outputs)}"
        )


def rows_of(y: Array, targets: int) -> Array:
    """One element a row: `y` itself, or the first of its several targets."""
    return y if targets == 1 else y[..., 0]


def weights_like(w: Array, y: Array) -> Array:
    """Weights in the shape of `y`; 1-D weights count along its first axis."""
    if w.shape == y.shape:
        return w
    if w.ndim == 1 and y.ndim > 1 and w.shape[0] == y.shape[0]:
        return np.broadcast_to(w.reshape(-1, *[1] * (y.ndim - 1)), y.shape)
    raise ShapeError(
        f"sample_weight has shape {w.shape} and y has shape {y.shape}; it must have that shape"
        + (f" or be 1-D of length {y.shape[0]}" if y.ndim > 1 else "")
    )
