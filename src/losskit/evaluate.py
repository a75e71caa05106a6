"""One public call: options checked, weights summed, the kernel run, a row outside the domain named."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from losskit.border import rows_of
from losskit.domains import Domain, Intervals
from losskit.errors import CapabilityError, DomainError, ParameterError, ShapeError
from losskit.kernels.program import BLOCK, Shape

if TYPE_CHECKING:
    from losskit.base import Pointwise

Array = np.ndarray
Reduction = Literal["mean", "sum", "none", "mean_over_rows"]
REDUCTIONS = get_args(Reduction)
EMPTY = ("nan", "zero", "raise")
_FLOAT64 = np.dtype(np.float64)
_TINY = 2.0**-1000


def evaluate(
    loss: Pointwise, y: Array, f: Array, w: Array | None, reduction: str, want: tuple[str, ...], out: Any, empty: str,
    curvature: str | None = None,
) -> tuple[Any, ...]:
    """The parts of `want` ("value", "gradient", "hessian") at rows that have passed the border, in one pass.

    A `curvature` ("fisher", "majorizer") takes the place of the Hessian.
    """
    if reduction not in REDUCTIONS or empty not in EMPTY:
        refuse_options(reduction, empty)
    kernel, numbers = loss._kernel(curvature)
    shape = y.shape if len(loss.targets) == 1 else y.shape[:-1]
    rows = y.size // len(loss.targets)
    divisor = 1.0
    if w is not None:
        weight = weight_sum(w)
        if reduction == "mean":
            if 0.0 < weight < _TINY:  # 1/weight would be infinite
                w, weight = w * 2.0**600, weight * 2.0**600
            divisor = weight
    elif reduction == "mean":
        divisor = rows
    if reduction == "mean_over_rows":
        divisor = rows
    if not divisor and empty == "raise":
        refuse_empty(loss)
    summed = reduction != "none" and want[0] == "value"
    parts = want[1:] if summed else want
    given = {} if out is None else given_arrays(out, parts)
    results = _targets(loss, shape, y, f, w, parts, given)
    scale = 1.0 / divisor if divisor else 1.0
    asked = results.get
    outside, total = _runner().run(
        kernel, rows, y, f, w, scale, asked("value"), asked("gradient"), asked("hessian"), numbers, summed
    )
    if outside:
        raise_outside(loss, y, f, w)
    for name, target in given.items():
        if results[name] is not target:  # the kernel could not write to it
            target[...] = results[name]
            results[name] = target
    if not summed:
        return (*results.values(),)
    return (total / divisor if divisor else 0.0 if empty == "zero" else math.nan, *results.values())


def evaluate_plain(
    loss: Pointwise, y: Array, f: Array, reduction: str, want: tuple[str, ...], out: Any
) -> tuple[Any, ...] | None:
    """`evaluate` of plain rows by their values alone: the same numbers in fewer steps.

    These count in a small call, and after a large one, whose rows have driven Python's own code from the caches. None
    where a kernel cannot write straight to `out`.
    """
    plans = loss.__dict__.get("_plans")
    if plans is None:
        plans = {}
        object.__setattr__(loss, "_plans", plans)
    rows, shape, dtype, empty = y.size, y.shape, f.dtype, np.empty
    plan = plans.get(key := (reduction, want, f.itemsize))
    if plan is None:
        plan = plans[key] = _plan(loss, reduction, want, dtype is not _FLOAT64)
    function, numbers, summed, averaged, valued, graded, curved = plan
    if out is None:
        v = empty(shape, dtype) if valued else None
        g = empty(shape, dtype) if graded else None
        h = empty(shape, dtype) if curved else None
    else:
        given = out if type(out) is tuple else (out,)
        if len(given) != valued + graded + curved or not _are_plain_outs(loss, given, y, f):
            return None
        place = iter(given)
        v = next(place) if valued else None
        g = next(place) if graded else None
        h = next(place) if curved else None
    scale = 1.0 / rows if averaged else 1.0
    if rows <= BLOCK:
        state = empty(2)
        function(y, f, None, state, v, g, h, scale, rows, 0, 1, *numbers)
        total, outside = state.tolist()
    else:
        outside, total = _runner().run_plain(function, rows, y, f, None, scale, v, g, h, numbers)
    if outside:
        raise_outside(loss, y, f, None)
    first = (total / rows if averaged else total,) if summed else () if v is None else (v,)
    return (*first, *(() if g is None else (g,)), *(() if h is None else (h,)))


def _are_plain_outs(loss: Pointwise, given: tuple[Any, ...], y: Array, f: Array) -> bool:
    """Whether a kernel can write rows to the arrays `given`, and nothing is left to say about them."""
    for i, out in enumerate(given):
        if type(out) is not np.ndarray or out.dtype is not f.dtype or out.shape != y.shape or not out.flags.carray:
            return False
        if not _may_fill(loss, out, y, f, None) or any(not _are_apart(out, other) for other in given[:i]):
            return False
    return True


def _plan(loss: Pointwise, reduction: str, want: tuple[str, ...], narrow: bool) -> tuple[Any, ...]:
    """The machine code, its numbers, and what the call wants: the sum, an average, and rows of each output."""
    kernel, numbers = loss._kernel()
    summed = reduction != "none" and want[0] == "value"
    valued, graded, curved = want[0] == "value" and not summed, "gradient" in want, "hessian" in want
    averaged = reduction.startswith("mean")
    scaled = (graded or curved) and (summed or averaged)
    function = kernel.function(Shape(narrow, False, summed, valued, graded, curved, scaled))
    return function, numbers, summed, averaged, valued, graded, curved


@cache
def _runner() -> Any:
    """`kernels.run`, imported at the first call: it is the door to the compiler."""
    from losskit.kernels import run

    return run


def weight_sum(w: Array) -> float:
    """The sum of the weights in float64.

    Raises
    ------
    DomainError
        If a weight is negative, nan or infinite.
    """
    total = float(np.add.reduce(w, axis=None, dtype=np.float64))
    if not math.isfinite(total) or (w.size and not np.minimum.reduce(w, axis=None) >= 0):
        bad = ~(np.isfinite(w) & (w >= 0))
        if not bad.any():
            raise DomainError(f"the sum of {w.size} sample weights overflows float64; divide them by their largest")
        index, first, count = first_bad(w, bad)
        raise DomainError(
            f"sample_weight{index} = {first!r} ({count} of {w.size} weights {_are(count)} negative, nan or infinite); "
            "weights must be finite and >= 0. Use 0 to leave a row out"
        )
    return total


def refuse_options(reduction: str, empty: str) -> None:
    """Raise ParameterError for the one of the two that is not known."""
    if reduction not in REDUCTIONS:
        raise ParameterError(f"reduction={reduction!r} is not known; use one of {', '.join(map(repr, REDUCTIONS))}")
    raise ParameterError(f"empty={empty!r} is not known; use one of {', '.join(map(repr, EMPTY))}")


def refuse_empty(loss: Any) -> None:
    """Raise DomainError: there is no weight to divide by."""
    raise DomainError(
        f"{type(loss).__name__}: a mean over no rows or no weight; give at least one row a weight above 0, "
        'or ask for empty="zero" or reduction="sum"'
    )


def _targets(
    loss: Pointwise, of_rows: tuple[int, ...], y: Array, f: Array, w: Array | None, rows: tuple[str, ...],
    given: dict[str, Any],
) -> dict[str, Any]:
    """Where the parts of `rows` go: fresh arrays, or the caller's where a kernel can write to them."""
    k = len(loss.outputs)
    dtype = f.dtype
    if dtype is not _FLOAT64:
        dtype = dtype.newbyteorder("=") if dtype.kind == "f" else _FLOAT64
    if k == 1 and not given:
        return {name: np.empty(of_rows, dtype) for name in rows}
    targets: dict[str, Any] = {}
    for name in rows:
        shape = of_rows if name == "value" else f.shape if name == "gradient" or k == 1 else (*f.shape, k)
        target = given.get(name)
        if target is not None:
            check_out(name, target, shape, dtype)
            if not (target.flags.carray and _may_fill(loss, target, y, f, w)):
                target = None
        targets[name] = np.empty(shape, dtype) if target is None else target
    return targets


def given_arrays(out: Any, rows: tuple[str, ...]) -> dict[str, Any]:
    """The caller\'s arrays by the parts they are for, none in the memory of another."""
    arrays = tuple(out) if isinstance(out, (tuple, list)) else (out,)
    if len(arrays) != len(rows):
        raise ShapeError(f"out holds {len(arrays)} arrays; this call fills {len(rows)}: {', '.join(rows) or 'none'}")
    for i, one in enumerate(arrays):
        if any(np.may_share_memory(one, other) for other in arrays[:i]):
            raise CapabilityError("two arrays of out share memory; each part of the result needs its own")
    return dict(zip(rows, arrays, strict=True))


def check_out(name: str, target: Any, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Raise ShapeError or CapabilityError for an array that cannot take a part."""
    if not isinstance(target, np.ndarray) or not target.flags.writeable:
        raise CapabilityError(f"out for the {name} must be a writable NumPy array; got {type(target).__name__}")
    if target.shape != shape:
        raise ShapeError(f"out for the {name} has shape {target.shape}; it must have shape {shape}")
    if target.dtype != dtype:
        raise CapabilityError(f"out for the {name} has dtype {target.dtype}; it must be {dtype}, as f has it")


def _may_fill(loss: Pointwise, target: Array, y: Array, f: Array, w: Array | None) -> bool:
    """Whether writing to `target` spoils nothing still to be read, be it to name a row outside the domain."""
    if not _are_apart(target, y) or (w is not None and not _are_apart(target, w)):
        return False
    return _are_apart(target, f) or (target is f and not any(d.bounded for d in loss.prediction_domains))


def _are_apart(a: Array, b: Array) -> bool:
    """Whether two arrays share no memory: surely those that own theirs, which is quicker to see."""
    return (a is not b and a.flags.owndata and b.flags.owndata) or not np.may_share_memory(a, b)


def raise_outside(loss: Pointwise, y: Array, f: Array | None, w: Array | None) -> None:
    """Raise DomainError naming the first row outside the loss's domain and how many there are, if there is one."""
    counts = np.ones(rows_of(y, len(loss.targets)).shape, bool) if w is None else w != 0
    several = len(loss.outputs) > 1
    checks: list[tuple[str, Any, Domain | Intervals, tuple[int, ...]]] = [("y", y, loss.domain, ())]
    for j, (name, own) in enumerate(zip(loss.outputs, loss.prediction_domains, strict=True)):
        if f is not None and own.bounded:
            checks.append((name, f[..., j] if several else f, own, (j,) if several else ()))
    for name, values, domain, column in checks:
        bad = counts & ~domain.contains(values)
        if name != "y":
            bad &= ~np.isnan(values)  # a nan prediction passes through
        if bad.any():
            index, first, count = first_bad(values, bad, column)
            unit = "rows" if isinstance(domain, Intervals) else "values"
            raise DomainError(
                f"{type(loss).__name__} needs {domain.describe(name)}; {'y' if name == 'y' else 'f'}{index} = {first!r}"
                f" ({count} of {bad.size} {unit} {_are(count)} outside). {_advice(domain, name, first)}"
            )


def _advice(domain: Domain | Intervals, name: str, first: Any) -> str:
    if isinstance(domain, Intervals):
        return "What happened at t is (t, t), after t (t, inf), before t (0, t), between a and b (a, b)"
    if not math.isfinite(first):
        return "Remove such rows, or give them weight 0"
    if name not in ("y", "f"):
        return f"Make {name} keep to it, or use the form of the loss that takes its logarithm or its logit"
    if name == "f" and not math.isfinite(domain.high):
        return "Predictions must stay inside: clip them knowingly, or fit SquaredError to a transform of y"
    if name == "f":
        return "If f is a raw score, turn it into a probability first, or use the loss on scores (Logistic)"
    if domain.without:
        return "Give such rows weight 0, or use a loss that is defined there (MASE, SymmetricMAPE, AbsoluteError)"
    if domain.whole and first >= 0:
        return "If these are rates or amounts, use Poisson or Gamma: deviances take any number that a mean can be"
    if domain.low > domain.high:
        return "Code the two classes as -1 and +1 (2 * y - 1 for labels 0 and 1)"
    if math.isfinite(domain.high):
        return "Code the two classes as 0 and 1 ((y + 1) / 2 for labels -1 and +1)"
    return "If these are counts or amounts, look for a sentinel such as -1; for signed data use SquaredError or Huber"


def first_bad(values: Array, bad: Array, column: tuple[int, ...] = ()) -> tuple[str, Any, int]:
    """The first place where `bad` holds, as "[i, j]" with its column; what is there; and how many there are."""
    at = np.unravel_index(int(np.argmax(bad)), bad.shape) if bad.ndim else ()
    place = [str(int(i)) for i in at] + [str(j) for j in column]
    index = f"[{', '.join(place)}]" if place else ""
    return index, np.asarray(values[at], float).tolist(), int(np.count_nonzero(bad))


def _are(count: int) -> str:
    return "is" if count == 1 else "are"

