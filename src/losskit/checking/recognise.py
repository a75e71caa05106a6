"""Which loss of ours a foreign function is, up to a factor and a term of y alone: found by values."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np

from losskit.base import Pointwise
from losskit.calculus.emit import array_function
from losskit.checking.reference import Reference
from losskit.checking.rows import Kind, ordinary
from losskit.domains import SIGNS
from losskit.errors import LosskitError
from losskit.parameters import parameter_domains
from losskit.registry import losses

Array = np.ndarray
Rows = Callable[[Array, Array], Array]
_GRID = (0.1, 0.2, 0.25, 0.3, 0.5, 0.7, 0.75, 0.8, 0.9, 0.95, 1.0, 1.345, 1.5, 2.0, 2.5, 3.0, 4.0, 4.685, 5.0, 10.0)
_MOST = 120  # parameter sets tried of one class
_NICE = sorted({a / b for a in range(1, 13) for b in (1, 2, 3, 4, 5, 6, 8, 10, 12, 20, 100)}, key=lambda x: abs(x - 1))


def recognise(rows: Rows, order: int, eps: float, outputs: int = 1) -> Reference | None:
    """The simplest loss of ours that `rows` (values for order 0, gradients for 1) is a multiple of, or None."""
    seen: dict[Kind, tuple[Array, Array]] = {}
    found: list[tuple[Any, Reference]] = []
    # a squared error is Brier's on [0, 1], and a margin's at -1 and 1
    shifts = outputs == 1 and _of_the_residual(rows, eps)
    signs = outputs == 1 and (shifts or _of_signs(rows, eps))
    for place, cls in enumerate(losses().values()):
        if (shifts and cls.variables != ("r",)) or (cls.domain == SIGNS and not signs):
            continue
        if len(cls.targets) > 1 or len(cls.outputs) != outputs:
            continue
        for tried, (kind, settings, wanted) in enumerate(_candidates(cls, order)):
            if kind not in seen:
                y, f = ordinary(kind)
                seen[kind] = y, rows(y, f)
            y, got = seen[kind]
            if np.isfinite(got).mean() < 0.7:
                break
            fit = _first_fit(y, got, wanted, order, eps)
            if fit is not None:
                at, factor, offset = fit
                later = tried + at > 0  # not as it comes
                plain = (offset, factor < 0, abs(factor) not in _NICE[:40], later, len(cls().parameters), place)
                found.append((plain, Reference(settings[at], factor, offset)))
                break
    return min(found, key=lambda pair: pair[0])[1] if found else None


def _of_the_residual(rows: Rows, eps: float) -> bool:
    """Whether `rows` takes any numbers, and only their difference counts."""
    y, f = (np.concatenate([x, x[::-1] / 3]) for x in (np.linspace(-7, 6, 24), np.linspace(5, -9, 24)))
    try:
        here, there = np.asarray(rows(y, f), float), np.asarray(rows(y + 0.5, f + 0.5), float)
    except Exception:  # whatever a foreign function raises
        return False
    return bool(np.isfinite(here).all() and np.allclose(here, there, rtol=1e3 * eps, atol=1e3 * eps))


def _of_signs(rows: Rows, eps: float) -> bool:
    """Whether `rows` sees of a target its sign or y f alone: at -1 and 1 many a loss is a margin's by chance."""
    f = np.linspace(-3, 2.5, 12)
    try:
        one, same, scaled = (np.asarray(rows(np.full(12, y), f / s), float) for y, s in ((1.0, 1), (2.0, 1), (2.0, 2)))
    except Exception:  # whatever a foreign function raises: it takes -1 and 1 alone
        return True
    close = partial(np.allclose, one, rtol=1e3 * eps, atol=1e3 * eps, equal_nan=True)
    return bool(close(same) or close(scaled) or not np.isfinite(same).any())


@cache
def _candidates(cls: type[Pointwise], order: int) -> list[tuple[Kind, list[Pointwise], Array]]:
    """The settings of a class that follow each other and take the same, and their numbers at its ordinary rows."""
    found = []
    for kind, group in itertools.groupby(_settings(cls), Kind.of):
        settings, (y, f) = list(group), ordinary(kind)
        found.append((kind, settings, np.array([_reference_rows(loss, y, f, order) for loss in settings])))
    return found


def _settings(cls: type[Pointwise]) -> Iterator[Pointwise]:
    """The loss as it comes, then over a grid of its parameters."""
    default = cls()
    first = default._at_scale(1.0)
    yield first
    domains = parameter_domains(cls)  # type: ignore[arg-type]
    pools = [[v for v in _GRID if domain.contains(v)] or [1.0] for domain, _ in domains.values()]
    if len(pools) > 1:  # one at a time first, then together, within reason
        for name, pool in zip(domains, pools, strict=True):
            yield from _made(first, [{name: value} for value in pool])
    together = (dict(zip(domains, values, strict=True)) for values in itertools.product(*pools))
    yield from _made(first, list(itertools.islice(together, _MOST)) if domains else [])


def _made(loss: Pointwise, settings: list[dict[str, float]]) -> Iterator[Pointwise]:
    for setting in settings:
        try:
            yield replace(loss, **setting)
        except LosskitError:  # parameters that do not go together
            continue


def _reference_rows(loss: Pointwise, y: Array, f: Array, order: int) -> Array:
    names = [name for name, value in loss.parameters.items() if value is not None]
    key = (type(loss), tuple(names), order)
    if key not in _compiled:
        trace = loss.trace()
        _compiled[key] = array_function("f", ["y", *loss.outputs, *names], [(trace.value, trace.gradient[0])[order]])
    with np.errstate(all="ignore"):
        columns = f.T if len(loss.outputs) > 1 else [f]
        found = _compiled[key](np, y, *columns, *(loss.parameters[name] for name in names))
    return np.broadcast_to(np.asarray(found, dtype=float), y.shape)


_compiled: dict[Any, Any] = {}


def _first_fit(y: Array, got: Array, wanted: Array, order: int, eps: float) -> tuple[int, float, bool] | None:
    """Of the first line of `wanted` that `got` is a multiple of: place, factor, whether a term of y alone is left."""
    usable = np.isfinite(got) & np.isfinite(wanted)
    within = max(1e-9, 30 * eps)
    g, w = np.where(usable, got, 0.0), np.where(usable, wanted, 0.0)
    with np.errstate(all="ignore"):
        varied = np.where(usable, wanted, -np.inf).max(1) > np.where(usable, wanted, np.inf).min(1)
        known = varied & (usable.sum(1) >= 6)
        factors, plain = _multiples(g, w, within, 1e-3 * within)
        fits, offset = known & plain & (factors != 0), np.zeros(len(w), bool)
        if not order:
            same = (y[:, None] == y) & usable[:, None, :]
            first = np.argmax(same, axis=2)  # the first usable row of the same target
            a, b = (np.where(usable, x - np.take_along_axis(x, first, 1), 0.0) for x in (g, w))
            others, close = _multiples(a, b, within, within)
            offset = known & ~plain & close & (others != 0)
            factors = np.where(offset, others, factors)
    places = np.flatnonzero(fits | offset)
    if not places.size:
        return None
    at = int(places[0])
    return at, _nice(float(factors[at]), within), bool(offset[at])


def _multiples(got: Array, wanted: Array, rtol: float, atol: float) -> tuple[Array, Array]:
    """The factor of each line by least squares, and whether `got` is that multiple of it."""
    factors = (got * wanted).sum(1) / (wanted * wanted).sum(1)
    nearest = factors[:, None] * wanted
    return factors, np.isclose(got, nearest, rtol, atol * np.abs(got).max(1, keepdims=True)).all(1)


def _nice(factor: float, within: float) -> float:
    near = next((n for n in _NICE if abs(abs(factor) - n) <= within * n), None)
    return float(np.copysign(near, factor)) if near is not None else factor
