"""Derivatives by differences of values, with an error estimate that may be believed (Ridders' table)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Array = np.ndarray
_STEPS = 9


def slope(values: Callable[[Array], Array], x: Array, reach: Array, eps: float) -> tuple[Array, Array]:
    """The derivative of `values` at each x, and a bound of its error.

    `values` maps an array of rows to their values; `reach` is the largest step each x allows. Central differences at
    halving steps are extrapolated; of the table's entries the one is taken whose neighbours differ least, rounding of
    the values included, so near a kink or a pole the bound is large instead of the answer wrong.
    """
    steps = reach[None, :] * 0.5 ** np.arange(_STEPS)[:, None]
    up, down = x + steps, x - steps
    flat = values(np.concatenate([up.ravel(), down.ravel()])).reshape(2, _STEPS, x.size)
    with np.errstate(all="ignore"):
        column = (flat[0] - flat[1]) / (up - down)
        rounding = 2 * eps * np.maximum(np.abs(flat[0]), np.abs(flat[1])) / np.abs(steps)
        return _extrapolate(column, rounding)


def bend(values: Callable[[Array], Array], x: Array, reach: Array, eps: float) -> tuple[Array, Array]:
    """The second derivative of `values` at each x, and a bound of its error; as `slope`."""
    steps = reach[None, :] * 0.5 ** np.arange(_STEPS)[:, None]
    flat = values(np.concatenate([(x + steps).ravel(), (x - steps).ravel(), x])).ravel()
    up, down = flat[: _STEPS * x.size].reshape(steps.shape), flat[_STEPS * x.size : -x.size].reshape(steps.shape)
    middle = flat[-x.size :]
    with np.errstate(all="ignore"):
        column = (up - 2 * middle + down) / steps**2
        rounding = 4 * eps * (np.abs(up) + np.abs(down)) / steps**2 + 4 * eps * np.abs(x) * np.abs(up - down) / steps**3
        return _extrapolate(column, rounding)


def _extrapolate(column: Array, rounding: Array) -> tuple[Array, Array]:
    best, error = np.full(column.shape[1], np.nan), np.full(column.shape[1], np.inf)
    factor = 1.0
    while column.shape[0] > 1:
        factor *= 4.0
        further = column[1:] + (column[1:] - column[:-1]) / (factor - 1)
        rounding = rounding[1:] * (factor + 1) / (factor - 1)
        doubt = np.maximum(np.abs(further - column[1:]), np.abs(further - column[:-1])) + rounding
        doubt[~np.isfinite(doubt)] = np.inf
        at = np.argmin(doubt, axis=0), np.arange(best.size)
        better = doubt[at] < error
        best, error = np.where(better, further[at], best), np.where(better, doubt[at], error)
        column = further
    return best, error
