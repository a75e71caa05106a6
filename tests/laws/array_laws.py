"""Laws that run on graphs in the array dialect: fast enough to be run again on every mutant."""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import Any

import numpy as np

from losskit.base import Pointwise
from losskit.calculus.emit import array_function
from losskit.domains import SIGNS, UNIT
from losskit.links import IDENTITY, LOG
from losskit.tracing import Trace
from losskit.traits import Traits
from tests.laws import several
from tests.laws.textbook import textbook

INF = float("inf")
# durations seen, right- and left-censored, and in intervals: narrow, wide and very wide
BOUNDS = np.array([[0.7, 0.7], [3.5, 3.5], [0.7, INF], [3.5, INF], [0.0, 0.7], [0.0, 3.5], [0.7, 0.9], [0.7, 3.5],
                   [1e-3, 40.0]])  # fmt: skip
Evaluate = Any  # (loss, y, f) -> value, gradient, hessian


def by_arrays(trace: Trace, loss: Pointwise) -> Evaluate:
    """The evaluator of `trace`, whose parameters are those of `loss`; of several outputs each on a last axis of f."""
    names = loss._structure().parameters
    if len(loss.outputs) > 1:
        return _by_arrays_of_several(trace, loss, names)
    inputs = [*loss.targets, *loss.outputs, *names]
    function = array_function("f", inputs, [trace.value, trace.gradient[0], trace.hessian[0]])

    def evaluate(at: Pointwise, y: Any, f: Any) -> tuple[np.ndarray, ...]:
        numbers = [np.float64(v) for v in at._numbers()]  # a mutant may divide by 0
        y = np.asarray(y, float)
        targets = np.moveaxis(y, -1, 0) if len(loss.targets) > 1 else [y]
        columns = np.broadcast_arrays(*targets, np.asarray(f, float))
        with np.errstate(all="ignore"):
            return tuple(np.broadcast_to(x, columns[0].shape) for x in function(np, *columns, *numbers))

    return evaluate


def remembered(evaluate: Evaluate) -> Evaluate:
    """`evaluate`, keeping what it found: a search for contradictions asks anew for every claim."""
    known: dict[Any, tuple[np.ndarray, ...]] = {}

    def recall(at: Pointwise, y: Any, f: Any) -> tuple[np.ndarray, ...]:
        key = (at, *((np.shape(x), np.asarray(x, float).tobytes()) for x in (y, f)))
        if key not in known:
            known[key] = evaluate(at, y, f)
        return known[key]

    return recall

def _by_arrays_of_several(trace: Trace, loss: Pointwise, names: tuple[str, ...]) -> Evaluate:
    k = len(loss.outputs)
    outputs = [trace.value, *trace.gradient, *trace.hessian]
    function = array_function("f", ["y", *loss.outputs, *names], outputs)

    def evaluate(at: Pointwise, y: Any, f: Any) -> tuple[np.ndarray, ...]:
        numbers = [np.float64(v) for v in at._numbers()]
        with np.errstate(all="ignore"):
            found = function(np, y, *np.moveaxis(f, -1, 0), *numbers)
        rows = np.stack([np.broadcast_to(x, y.shape) for x in found], axis=-1)
        return rows[..., 0], rows[..., 1 : 1 + k], rows[..., 1 + k :].reshape(*y.shape, k, k)

    return evaluate


def examples(loss: Pointwise) -> tuple[np.ndarray, np.ndarray]:
    """A few dozen rows away from kinks."""
    if len(loss.outputs) > 1:
        return several.examples(loss)
    if len(loss.targets) > 1:
        f = np.array([-6.0, -2.5, -0.7, -0.1, 0.2, 0.8, 1.7, 6.0])
        return np.repeat(BOUNDS, f.size, axis=0), np.tile(f, len(BOUNDS))
    if loss.variables == ("r",):
        r = np.array([-9.0, -4.5, -2.2, -0.9, -0.3, -1e-3, 1e-3, 0.3, 0.9, 2.2, 4.5, 9.0])
        return np.where(r > 0, 0.5, -0.25), np.where(r > 0, 0.5, -0.25) + r
    if loss.domain is SIGNS:
        f = np.array([-3.0, -0.7, -0.1, 0.2, 0.8, 1.7, 4.0])
        return np.repeat([-1.0, 1.0], f.size), np.tile(f, 2)
    if loss.domain is UNIT:
        f = np.array([-6.0, -0.7, -0.1, 0.2, 0.8, 1.7, 5.0])
        f = 1 / (1 + np.exp(-f)) if loss.prediction_domain is UNIT else f
        return np.repeat([0.0, 0.3, 1.0], f.size), np.tile(f, 3)
    y = np.array([0.4, 1.0, 3.5, 0.0, *([-1.5] if loss.domain.contains(-1.5) else [])])
    y = y[loss.domain.contains(y)]
    f = np.array([-800.0, -2.5, -0.7, -0.1, 0.2, 0.8, 1.7, 305.0])
    f = f[loss.prediction_domain.contains(f)]
    return np.repeat(y, f.size), np.tile(f, y.size)


def truth(loss: Pointwise) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Rows, and the textbook's value, gradient and Hessian there."""
    y, f = examples(loss)
    name, k = type(loss).__name__, len(loss.outputs)

    def column(by: tuple[int, ...]) -> np.ndarray:
        places = zip(y.tolist(), f.tolist(), strict=True)
        return np.array([float(textbook(name, loss.parameters, a, b, by)) for a, b in places])

    if k == 1:
        return y, f, [column((0,) * order) for order in range(3)]
    gradient = np.stack([column((i,)) for i in range(k)], axis=-1)
    upper = {by: column(by) for by in combinations_with_replacement(range(k), 2)}
    hessian = np.stack([upper[min(i, j), max(i, j)] for i in range(k) for j in range(k)], axis=-1)
    return y, f, [column(()), gradient, hessian.reshape(-1, k, k)]


def departures(loss: Pointwise, evaluate: Evaluate, true: tuple[np.ndarray, np.ndarray, list[np.ndarray]]) -> list[str]:
    """Outputs that differ from the textbook."""
    y, f, wanted = true
    got = evaluate(loss, y, f)
    return [  # beyond float64 the textbook's number is infinite, of its sign
        output
        for output, g, w in zip(("value", "gradient", "hessian"), got, wanted, strict=True)
        if not np.allclose(g, w, rtol=1e-9, atol=1e-12)
    ]


def _scales(loss: Pointwise) -> list[float]:
    """1 and the parameters that may be scales."""
    return [1.0, *(p for p in loss._numbers() if 0 < p < INF)]


def _ladder(loss: Pointwise) -> tuple[np.ndarray, np.ndarray]:
    """Many rows to search for contradictions."""
    reach = np.concatenate([np.linspace(-6, 6, 4001), *(s * np.logspace(-3, 6, 2000) for s in (-1, 1))])
    if loss.variables == ("r",):
        scales = _scales(loss)
        near = np.linspace(-1.2, 1.2, 4801)
        r = np.concatenate([reach, *(reach * s for s in scales[1:2]), *(near * s for s in scales)])
        return np.zeros((1, 1)), np.unique(r)[None, :]
    if loss.domain is SIGNS:
        scale = next((v for v in loss.parameters.values() if isinstance(v, float) and v > 0), 1.0)
        f = np.sort(np.concatenate([reach, *(s * (1 - scale * reach) for s in (-1, 1))]))
        return np.array([[-1.0], [1.0]]), f[None, :]
    if loss.domain is UNIT:
        f = np.linspace(-30, 30, 12001)
        if loss.prediction_domain is not UNIT:
            f = np.concatenate([-np.logspace(6, 1.5, 200), f, np.logspace(1.5, 6, 200)])
        return np.array([[0.0], [0.4], [1.0]]), (1 / (1 + np.exp(-f)) if loss.prediction_domain is UNIT else f)[None, :]
    if len(loss.targets) > 1:
        every = np.concatenate([BOUNDS, [[0.0, INF]]])
        return every[:, None, :], np.linspace(-20, 20, 8001)[None, :]
    y = np.array([[-1.0], [-0.3], [0.0], [1e-4], [0.2], [1.0], [5.0], [40.0]])
    f = np.linspace(-20, 20, 8001)
    if loss.link is IDENTITY:
        ends = np.concatenate([np.logspace(1.4, 12, 300), np.logspace(-6, -2.4, 100)])
        f = np.sort(np.concatenate([-ends, f, ends]))
    if loss.prediction_domain.bounded:
        f = np.concatenate([f, loss.prediction_domain.low + np.logspace(-6, 0, 200)])
        f = np.unique(f[loss.prediction_domain.contains(f)])
    return y[loss.domain.contains(y)][:, None], f[None, :]


def contradictions(loss: Pointwise, claimed: Traits, evaluate: Evaluate) -> list[str]:
    """Declared traits that a search refutes. True needs no counterexample, False needs one, a bound must be reached."""
    if len(loss.outputs) > 1:
        return several.contradictions(loss, claimed, evaluate)
    y, f = _ladder(loss)
    h = evaluate(loss, y, f)[2]
    with np.errstate(invalid="ignore"):  # an infinite curvature
        jump_at = np.nanargmax(np.abs(np.diff(h, axis=1)), axis=1)  # where the curvature changes most: look closely
    f = np.sort(np.concatenate([f[0], *(np.linspace(f[0, i], f[0, i + 1], 60) for i in jump_at)]))[None, :]
    v, g, h = evaluate(loss, y, f)
    every_v, every_g, every_h = v, g, h
    if not loss.prediction_domain.bounded:
        seen = np.isfinite(v).all(axis=0) & np.isfinite(h).all(axis=0)
        v, g, h, f = v[:, seen], g[:, seen], h[:, seen], f[:, seen]
    f = np.broadcast_to(f, v.shape)
    size = np.abs(np.log(f[0] / (1 - f[0])) if loss.prediction_domain is UNIT else f[0])
    scale = min(_scales(loss))
    middle, half = size < 5 * scale, size <= size.max() / 2
    with np.errstate(all="ignore"):
        steps = np.diff(g, axis=1)
        steps = np.where(np.isfinite(steps), steps, np.nan)  # between infinite gradients no step is known
        jump = 3 * np.diff(f, axis=1) * np.maximum(np.abs(h[:, 1:]), np.abs(h[:, :-1])) + 1e-10 * np.abs(g[:, 1:])
        steepest = np.maximum(np.abs(g[:, 1:]), np.abs(g[:, :-1]))
        rise = np.abs(np.diff(v, axis=1))
        step = rise > 1e-9 * (1 + np.abs(v[:, 1:])) + 3 * np.diff(f, axis=1) * steepest + jump
    kink = np.abs(steps) > 0.02 * np.abs(g).max(initial=0, where=np.abs(g) < 2 * scale) + jump
    bent = (h >= 0).all() and ((h[:, middle] > 0).all() or _rising(loss, evaluate, 5 * scale))
    convex = bool((h >= -1e-9).all() and not (steps < -1e-9 * (1 + np.abs(g[:, 1:]))).any() and not step.any())
    found = {
        "convex": convex,
        "strictly_convex": convex and bool(bent),
        "symmetric": len(loss.targets) == 1 and bool(np.allclose(v, evaluate(loss, y, 2 * y - f)[0], rtol=1e-9)),
        "differentiable": not (kink.any() or step.any()),
        "bounded": bool(np.isfinite(every_v).all() and v.max() <= 1.001 * v[:, half].max()),
    }
    wrong = [name for name, seen in found.items() if getattr(claimed, name) not in (None, seen)]
    far = _far(loss, evaluate)
    for name, number in (
        ("lipschitz", np.nanmax(np.abs([np.nanmax(every_g), np.nanmin(every_g), *far[1].ravel()]))),
        ("curvature", np.nanmax([np.nanmax(every_h), *far[2].ravel()])),
        ("strong", np.nanmin([h.min(), *far[2].ravel()])),
    ):
        bound = getattr(claimed, name)
        if bound is None:
            continue
        if bound == INF:
            refuted = number < 1e3
        elif name == "strong":
            refuted = number < bound - 1e-9 * max(1.0, abs(bound)) or number > bound + 1e-3 * max(1.0, abs(bound))
        else:
            refuted = number > bound * (1 + 1e-9) + 1e-12 or number < bound * (1 - 1e-3)
        if refuted:
            wrong.append(name)
    searches = (_kinks, _robust, _statistical)
    return wrong + [name for search in searches for name in search(loss, claimed, evaluate)]


def _rising(loss: Pointwise, evaluate: Evaluate, reach: float) -> bool:
    """Whether the gradient by the residual rises strictly: a second derivative may be 0 in a point."""
    if loss.variables != ("r",):
        return False
    return bool((np.diff(evaluate(loss, 0.0, np.linspace(-reach, reach, 101))[1]) > 0).all())


def _far(loss: Pointwise, evaluate: Evaluate) -> tuple[np.ndarray, ...]:
    """Value, gradient and Hessian of residuals, or of targets and logarithms of means, beyond all scales."""
    if loss.link is LOG:
        size = np.concatenate([np.linspace(0, 10, 40), np.logspace(1, 4, 60)])
        y = np.array([[1e-7], [1e7]])
        y = np.stack([y, y], axis=-1) if len(loss.targets) > 1 else y
        return evaluate(loss, y, np.concatenate([-size, size])[None, :])
    if loss.variables != ("r",):
        return (np.empty(0),) * 3
    size = np.logspace(8, 100, 93)
    return evaluate(loss, 0.0, np.concatenate([-size, size]))


def _kinks(loss: Pointwise, claimed: Traits, evaluate: Evaluate) -> list[str]:
    """Jumps of the gradient by the loss's own variable: at the declared kinks and nowhere else."""
    if claimed.kinks is None:
        return []
    if claimed.differentiable is not None and claimed.differentiable != (not claimed.kinks):
        return ["kinks"]
    labels = loss.domain is UNIT and loss.prediction_domain is not UNIT
    if loss.variables not in (("r",), ("m",)) and not labels:
        return []
    y = 0.3 if labels else 0.0 if loss.variables == ("r",) else 1.0

    def gradient(x: Any) -> np.ndarray:
        return evaluate(loss, y, x)[1]

    unit = min(_scales(loss))
    _, f = _ladder(loss)
    x = f.ravel()
    g, h = evaluate(loss, y, x)[1:]
    with np.errstate(all="ignore"):
        steps = np.abs(np.diff(g))
        steps = np.where(np.isfinite(steps), steps, np.nan)
        smooth = 3 * np.diff(x) * np.maximum(np.abs(h[1:]), np.abs(h[:-1])) + 1e-10 * np.abs(g[1:])
    near = np.abs(g[np.abs(x) < 5 * max(_scales(loss))])
    most = near[np.isfinite(near)].max()
    jumps: list[float] = []
    for at in np.flatnonzero(steps > smooth + 1e-2 * min(most, 1.0)):
        low, high = x[at], x[at + 1]
        for _ in range(200):
            middle = low + (high - low) / 2
            if not low < middle < high or high - low < 1e-12 * unit:
                break
            a, b, c = gradient(np.array([low, middle, high]))
            low, high = (low, middle) if abs(b - a) > abs(c - b) else (middle, high)
        a, c = gradient(np.array([low, high]))
        if abs(c - a) > 0.3 * steps[at]:
            jumps.append(low)
    unknown = [j for j in jumps if not any(abs(j - k) <= 1e-9 * (unit + abs(k)) for k in claimed.kinks)]
    sides = [gradient(np.array([k - 1e-9 * (unit + abs(k)), k + 1e-9 * (unit + abs(k))])) for k in claimed.kinks]
    none = [s for s in sides if not abs(s[1] - s[0]) > 1e-6 * np.abs(s).max()]
    return ["kinks"] if unknown or none else []


def _robust(loss: Pointwise, claimed: Traits, evaluate: Evaluate) -> list[str]:
    """`redescending` by the gradient far out; `breakdown` by samples of which a share is corrupted."""
    wrong = []
    if claimed.redescending is not None and loss.prediction_domain is not UNIT:
        y, f = _ladder(loss)
        ends = np.array([-1e100, 1e100])
        ends = ends[loss.prediction_domain.contains(ends)] if loss.prediction_domain.bounded else ends
        near, far = evaluate(loss, y, f)[1], evaluate(loss, y, ends[None, :])[1]
        if bool((np.abs(far) < 1e-3 * np.nanmax(np.abs(near))).all()) != claimed.redescending:
            wrong.append("redescending")
    if claimed.breakdown is None:
        return wrong
    if not (loss.variables == ("r",) and 0 <= claimed.breakdown <= 0.5):
        return [*wrong, "breakdown"]
    convex = not (evaluate(loss, *_ladder(loss))[2] < 0).any()
    below, above = round(100 * (claimed.breakdown - 0.04)), round(100 * (claimed.breakdown + 0.04))
    stays = below <= 0 or not _carried_away(loss, evaluate, below, convex and claimed.convex is not False)
    goes = _carried_away(loss, evaluate, above, convex and claimed.convex is not False)
    return wrong if stays and goes else [*wrong, "breakdown"]


def _carried_away(loss: Pointwise, evaluate: Evaluate, bad: int, convex: bool) -> bool:
    """Whether `bad` of 100 targets, at a huge number of either sign, take the best constant with them."""
    scales = _scales(loss)
    good = np.linspace(-1, 1, 100 - bad) * 0.05 * min(scales)
    limit = 1e4 * max(scales)
    for side in (-1.0, 1.0):
        if convex:  # the slope at the limit says on which side of it the minimum is
            y = np.concatenate([good, np.full(bad, side * 1e60 * limit)])
            if side * np.sum(evaluate(loss, y, np.full(100, side * limit))[1]) < 0:
                return True
            continue
        y = np.concatenate([good, np.full(bad, side * 1e5 * limit)])
        between = side * np.geomspace(min(scales), 1e5 * limit, 400)
        grid = np.concatenate([np.linspace(-1, 1, 401) * 2 * min(scales), between])
        total = evaluate(loss, y[:, None], grid[None, :])[0].sum(axis=0)
        if abs(grid[np.argmin(total)]) > limit:
            return True
    return False


def _statistical(loss: Pointwise, claimed: Traits, evaluate: Evaluate) -> list[str]:
    """What the best prediction is for random samples: against `elicits`, `proper` and `calibrated`."""
    from scipy import stats

    rng = np.random.default_rng(8)
    wrong: list[str] = []
    low, high = (0.0, 1.0) if loss.prediction_domain is UNIT else (-4.0, 4.0)
    grid = np.linspace(low, high, 8001)
    grid = grid[loss.prediction_domain.contains(grid)]
    step = grid[1] - grid[0]
    if loss.domain in (SIGNS, UNIT):
        codes = np.array([[-1.0], [1.0]]) if loss.domain is SIGNS else np.array([[0.0], [1.0]])
        rows = evaluate(loss, codes, grid[None, :])[0]
        shares = np.array([0.1, 0.3, 0.45, 0.49, 0.51, 0.55, 0.8, 0.95])
        best = np.array([grid[np.nanargmin(p * rows[1] + (1 - p) * rows[0])] for p in shares])
        prediction = np.asarray(loss.predict(best))
        middle = 0.5 if loss.prediction_domain is UNIT else 0.0
        proper = bool(np.allclose(prediction, shares, atol=3 * step))
        calibrated = bool(((best > middle) == (shares > 0.5)).all())
        wrong += [
            n for n, seen in (("proper", proper), ("calibrated", calibrated)) if getattr(claimed, n) not in (None, seen)
        ]
        if claimed.elicits not in (None, "most probable class") and (claimed.elicits == "mean") != proper:
            wrong.append("elicits")
        if claimed.elicits == "most probable class" and not (np.sign(prediction) == np.sign(shares - 0.5)).all():
            wrong.append("elicits")
        return wrong
    if claimed.proper is not None and claimed.proper != several.normalised(loss, evaluate):
        wrong.append("proper")
    if len(loss.targets) > 1:
        return wrong
    level = getattr(loss, "level", 0.5)
    for _ in range(3):
        y = np.round(np.minimum(rng.gamma(2.0, 0.6, 31) + 0.05, 3.5), 3)
        best = float(loss.predict(grid[np.argmin(evaluate(loss, y[:, None], grid[None, :])[0].sum(axis=0))]))
        wanted = {
            "mean": lambda y=y: y.mean(),
            "median": lambda y=y: np.median(y),
            "quantile": lambda y=y: np.quantile(y, level, method="inverted_cdf"),
            "expectile": lambda y=y: stats.expectile(y, level),
            "exponential mean": lambda y=y: -np.log(np.mean(np.exp(-loss.a * y))) / loss.a,
            "log1p mean": lambda y=y: np.expm1(np.mean(np.log1p(y))),
            "(-1)-median": lambda y=y: np.sort(y)[np.searchsorted(np.cumsum(1 / np.sort(y)), np.sum(1 / y) / 2)],
        }.get(claimed.elicits or "", lambda best=best: best)()
        if abs(best - wanted) > 3 * step * max(1.0, best):
            wrong.append("elicits")
    return wrong
