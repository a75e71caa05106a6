"""Calling another library's function with its own arrays; the library is never imported, only used if it is loaded."""

from __future__ import annotations

import functools
import inspect
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np

Array = np.ndarray
_ROOTS = {"torch": "torch", "jax": "jax", "jaxlib": "jax", "optax": "jax", "keras": "keras", "tensorflow": "tensorflow"}


class CallFailed(Exception):
    """The function raised, or gave back no numbers."""


def library_of(thing: Any) -> str:
    """The library whose arrays `thing` works on, by its home or by the modules its code names; "numpy" if unknown."""
    for home in (getattr(thing, "__module__", None), type(thing).__module__):
        if (root := str(home).partition(".")[0]) in _ROOTS:
            return _ROOTS[root]
    for base in type(thing).__mro__:
        if (root := base.__module__.partition(".")[0]) in _ROOTS:
            return _ROOTS[root]
    if isinstance(thing, functools.partial):
        return library_of(thing.func)
    code = plain_function(thing)
    return _named_in(code) if code is not None else "numpy"


def plain_function(thing: Any) -> Any:
    """The Python function behind a callable, if there is one."""
    thing = inspect.unwrap(thing)
    if isinstance(thing, functools.partial):
        return plain_function(thing.func)
    if inspect.ismethod(thing):
        thing = thing.__func__
    if not inspect.isfunction(thing) and not inspect.isclass(thing):
        thing = getattr(type(thing), "forward", None) or getattr(type(thing), "__call__", None)  # noqa: B004
    return thing if inspect.isfunction(thing) else None


def _named_in(function: Any, depth: int = 2) -> str:
    """The library of the modules and functions that the code of `function` names."""
    names = function.__code__.co_names
    cells = (cell.cell_contents for cell in function.__closure__ or () if _filled(cell))
    for used in [*(function.__globals__[n] for n in names if n in function.__globals__), *cells]:
        kin = used.__mro__ if inspect.isclass(used) else type(used).__mro__
        homes = [used.__name__] if inspect.ismodule(used) else [getattr(c, "__module__", "") for c in (used, *kin)]
        for home in homes:
            if (root := str(home).partition(".")[0]) in _ROOTS:
                return _ROOTS[root]
        if depth and inspect.isfunction(used) and (found := _named_in(used, depth - 1)) != "numpy":
            return found
    return "numpy"


def _filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:  # a cell that is still empty
        return False


@contextmanager
def quiet(library: str) -> Iterator[None]:
    """Warnings off, and JAX in double precision."""
    jax = sys.modules.get("jax")
    wide = jax.enable_x64(True) if library == "jax" and jax is not None else nullcontext()
    with warnings.catch_warnings(), np.errstate(all="ignore"), wide:
        warnings.simplefilter("ignore")
        yield


def to_library(x: Any, library: str) -> Any:
    """A NumPy array as an array of `library`, on its own memory."""
    if library == "torch":
        return sys.modules["torch"].as_tensor(np.array(x))
    if library == "jax":
        return sys.modules["jax"].numpy.asarray(x)
    if library == "tensorflow":
        return sys.modules["tensorflow"].constant(x)
    return x


def to_numpy(x: Any) -> Array:
    """What a function gave back, as NumPy numbers.

    Raises
    ------
    CallFailed
        If it is no real number and no array of them.
    """
    if hasattr(x, "detach"):
        x = x.detach().cpu()
    try:
        made = np.asarray(x)
    except Exception as error:
        raise CallFailed(f"gave back {type(x).__name__}, which is no array of numbers: {error}") from None
    if made.dtype.kind not in "biuf" and made.dtype.name not in ("bfloat16", "float8_e4m3fn"):
        raise CallFailed(f"gave back {_shown(x)}, which is no real number")
    return made


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:300].rstrip(".")


def _shown(x: Any) -> str:
    text = repr(x)
    return f"{text if len(text) <= 60 else text[:57] + '...'} of type {type(x).__name__}"


def call(function: Callable[..., Any], library: str, *arrays: Any, **named: Any) -> Any:
    """What `function` gives for NumPy arrays turned into the library's; a pair stays a pair.

    Raises
    ------
    CallFailed
        With the exception's type and text.
    """
    with quiet(library):
        try:
            got = function(
                *(to_library(a, library) for a in arrays), **{k: to_library(v, library) for k, v in named.items()}
            )
        except Exception as error:
            raise CallFailed(f"raised {type(error).__name__}: {_said(error)}") from error
        if isinstance(got, (tuple, list)) and len(got) == 2:
            return tuple(to_numpy(part) for part in got)
        return to_numpy(got)


def autodiff(function: Callable[..., Any], library: str, position: int, *arrays: Array) -> Array | None:
    """The library's own derivative of the summed output by the argument at `position`; None if it has none.

    Raises
    ------
    CallFailed
        If differentiation raised.
    """
    with quiet(library):
        try:
            if library == "torch":
                return _by_torch(function, position, arrays)
            jax = sys.modules["jax"]
            summed = lambda *a: jax.numpy.sum(function(*a))  # noqa: E731
            return np.asarray(jax.grad(summed, argnums=position)(*(to_library(a, library) for a in arrays)))
        except Exception as error:
            raise CallFailed(f"raised {type(error).__name__}: {_said(error)}") from error


def _by_torch(function: Callable[..., Any], position: int, arrays: tuple[Array, ...]) -> Array | None:
    torch = sys.modules["torch"]
    tensors = [torch.as_tensor(np.array(a)) for a in arrays]
    tensors[position].requires_grad_(True)
    with torch.enable_grad():
        total = function(*tensors).sum()
        if not total.requires_grad:
            return None
        (found,) = torch.autograd.grad(total, tensors[position], allow_unused=True)
    return None if found is None else to_numpy(found)
