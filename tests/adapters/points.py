"""Where the frameworks are held to the oracle: hard points that stay clear of both ends of the exponent's range."""

from __future__ import annotations

import math
import zlib
from typing import Any

import numpy as np

from losskit.base import Pointwise
from tests.laws.allowances import excess, promise
from tests.laws.oracle import OUTPUTS, elements, exact
from tests.laws.points import rows

Array = np.ndarray
# ulp more: this array body takes the mass of a narrow interval as a difference, which the kernel does not
NARROW = {"CensoredLogNormalNLL": 200.0}


def ordinary(loss: Pointwise, most: int) -> tuple[Array, Array]:
    """Up to `most` hard points with no number beyond 40 in size, nor below 1e-20 but 0."""
    rng = np.random.default_rng(zlib.crc32(type(loss).__name__.encode()))
    y, f = rows(loss, rng, 12)
    numbers = np.column_stack([y, f])
    with np.errstate(all="ignore"):
        kept = ((np.abs(numbers) <= 40) & ((np.abs(numbers) >= 1e-20) | (numbers == 0))).all(axis=1)
    y, f = y[kept], f[kept]
    pick = rng.permutation(len(y))[:most]
    return y[pick], f[pick]


def truth(loss: Pointwise, y: Array, f: Array) -> list[tuple[str, tuple[int, ...], list[Any]]]:
    """The oracle's numbers by output and element."""
    return [
        (output, by, [exact(loss, a, b, output, by) for a, b in zip(y.tolist(), f.tolist(), strict=True)])
        for output in OUTPUTS for by in elements(loss, output)
    ]  # fmt: skip


def beyond_promise(
    loss: Pointwise, y: Array, f: Array, true: Any, parts: Any, dialect: bool = True
) -> list[str]:
    """The numbers among value, gradients and Hessians that are further from the truth than they may be.

    The array `dialect` has the promise of the kernels, but that a number e^x carries the rounding of its exponent x,
    twice: those of x and of what x is made of.
    """
    found, allowed = [], promise(loss) + (NARROW.get(type(loss).__name__, 0.0) if dialect else 0.0)
    for output, by, numbers in true:
        column = np.asarray(parts[OUTPUTS.index(output)], float)
        column = column[(..., *by)] if len(loss.outputs) > 1 else column
        for yi, fi, number, wanted in zip(y.tolist(), f.tolist(), column.tolist(), numbers, strict=True):
            away = excess(loss, yi, fi, output, number, wanted, by)
            exponent = abs(math.log(abs(float(wanted)))) if dialect and float(wanted) else 0.0
            if not away <= allowed + 2 * exponent:
                found.append(f"{loss!r} {output}{by} at y={yi!r}, f={fi!r}: {number!r} is {away:.3g} ulp off")
    return found
