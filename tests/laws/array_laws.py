"""Laws that run on graphs in the array dialect: fast enough to be run again on every mutant."""

from __future__ import annotations

from typing import Any

import numpy as np

from losskit.base import Pointwise, Residual
from losskit.calculus.emit import array_function
from losskit.domains import SIGNS, UNIT
from losskit.tracing import Trace
from losskit.traits import Traits
from tests.laws.textbook import textbook

INF = float("inf")
Evaluate = Any  # (loss, y, f) -> value, gradient, hessian


def by_arrays(trace: Trace, loss: Pointwise) -> Evaluate:
    """The evaluator of `trace`, whose parameters are those of `loss`."""
    names = [n for n, v in loss.parameters.items() if v is not None]
    function = array_function("f", ["y", *loss.outputs, *names], [trace.value, trace.gradient[0], trace.hessian[0]])

    def evaluate(at: Pointwise, y: Any, f: Any) -> tuple[np.ndarray, ...]:
        numbers = [np.float64(v) for v in at.parameters.values() if v is not None]  # a mutant may divide by 0
        y, f = np.broadcast_arrays(np.asarray(y, float), np.asarray(f, float))
        with np.errstate(all="ignore"):
            return tuple(np.broadcast_to(x, y.shape) for x in function(np, y, f, *numbers))

    return evaluate


def examples(loss: Pointwise) -> tuple[np.ndarray, np.ndarray]:
    """A few dozen rows away from kinks."""
    if isinstance(loss, Residual):
        r = np.array([-9.0, -4.5, -2.2, -0.9, -0.3, -1e-3, 1e-3, 0.3, 0.9, 2.2, 4.5, 9.0])
        return np.where(r > 0, 0.5, -0.25), np.where(r > 0, 0.5, -0.25) + r
    if loss.domain is SIGNS:
        f = np.array([-3.0, -0.7, -0.1, 0.2, 0.8, 1.7, 4.0])
        return np.repeat([-1.0, 1.0], f.size), np.tile(f, 2)
    if loss.domain is UNIT:
        f = np.array([-6.0, -0.7, -0.1, 0.2, 0.8, 1.7, 5.0])
        f = 1 / (1 + np.exp(-f)) if loss.prediction_domain is UNIT else f
        return np.repeat([0.0, 0.3, 1.0], f.size), np.tile(f, 3)
    y = np.array([0.4, 1.0, 3.5, 0.0])
    y = y[loss.domain.contains(y)]
    f = np.array([-800.0, -2.5, -0.7, -0.1, 0.2, 0.8, 1.7])
    return np.repeat(y, f.size), np.tile(f, y.size)


def truth(loss: Pointwise) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Rows, and the textbook's value, gradient and Hessian there."""
    y, f = examples(loss)
    name = type(loss).__name__
    wanted = [
        np.array([float(textbook(name, loss.parameters, a, b, k)) for a, b in zip(y, f, strict=True)]) for k in range(3)
    ]
    return y, f, wanted


def departures(loss: Pointwise, evaluate: Evaluate, true: tuple[np.ndarray, np.ndarray, list[np.ndarray]]) -> list[str]:
    """Outputs that differ from the textbook."""
    y, f, wanted = true
    got = evaluate(loss, y, f)
    return [  # beyond float64 the textbook's number is infinite, of its sign
        output
        for output, g, w in zip(("value", "gradient", "hessian"), got, wanted, strict=True)
        if not np.allclose(g, w, rtol=1e-9, atol=1e-12)
    ]


def _ladder(loss: Pointwise) -> tuple[np.ndarray, np.ndarray]:
    """Many rows to search for contradictions."""
    reach = np.concatenate([np.linspace(-6, 6, 4001), *(s * np.logspace(-3, 6, 2000) for s in (-1, 1))])
    scale = next((v for v in loss.parameters.values() if isinstance(v, float) and v > 0), 1.0)
    if isinstance(loss, Residual):
        r = np.sort(np.concatenate([reach, reach * scale, np.linspace(-1.2, 1.2, 4801) * scale]))
        return np.zeros((1, 1)), r[None, :]
    if loss.domain is SIGNS:
        return np.array([[-1.0], [1.0]]), np.sort(np.concatenate([reach, *(s * (1 - scale * reach) for s in (-1, 1))]))[
            None, :
        ]
    if loss.domain is UNIT:
        f = np.linspace(-30, 30, 12001)
        if loss.prediction_domain is not UNIT:
            f = np.concatenate([-np.logspace(6, 1.5, 200), f, np.logspace(1.5, 6, 200)])
        return np.array([[0.0], [0.4], [1.0]]), (1 / (1 + np.exp(-f)) if loss.prediction_domain is UNIT else f)[None, :]
    y = np.array([[0.0], [0.2], [1.0], [5.0], [40.0]])
    return y[loss.domain.contains(y)][:, None], np.linspace(-20, 20, 8001)[None, :]


def contradictions(loss: Pointwise, claimed: Traits, evaluate: Evaluate) -> list[str]:
    """Declared traits that a search refutes. True needs no counterexample, False needs one, a bound must be reached."""
    y, f = _ladder(loss)
    h = evaluate(loss, y, f)[2]
    with np.errstate(invalid="ignore"):  # an infinite curvature
        jump_at = np.nanargmax(np.abs(np.diff(h, axis=1)), axis=1)  # where the curvature changes most: look closely
    f = np.sort(np.concatenate([f[0], *(np.linspace(f[0, i], f[0, i + 1], 60) for i in jump_at)]))[None, :]
    v, g, h = evaluate(loss, y, f)
    if not loss.prediction_domain.bounded:
        seen = np.isfinite(v).all(axis=0) & np.isfinite(h).all(axis=0)
        v, g, h, f = v[:, seen], g[:, seen], h[:, seen], f[:, seen]
    f = np.broadcast_to(f, v.shape)
    size = np.abs(np.log(f[0] / (1 - f[0])) if loss.prediction_domain is UNIT else f[0])
    scale = min([1.0, *(p for p in loss.parameters.values() if isinstance(p, float) and p > 0)])
    middle, half = size < 5 * scale, size <= size.max() / 2
    jump = 3 * np.diff(f, axis=1) * np.maximum(np.abs(h[:, 1:]), np.abs(h[:, :-1]))
    kink = np.abs(np.diff(g, axis=1)) > 0.02 * np.abs(g).max(initial=0, where=np.abs(g) < 2 * scale) + jump
    steepest = np.maximum(np.abs(g[:, 1:]), np.abs(g[:, :-1]))
    step = np.abs(np.diff(v, axis=1)) > 1e-9 * (1 + np.abs(v[:, 1:])) + 3 * np.diff(f, axis=1) * steepest + jump
    rises = (np.diff(g, axis=1) >= -1e-9 * (1 + np.abs(g[:, 1:]))).all()
    convex = bool(rises and (h >= -1e-9).all() and not step.any())
    found = {
        "convex": convex,
        "strictly_convex": convex and bool((h[:, middle] > 0).all() and (h >= 0).all()),
        "symmetric": bool(np.allclose(v, evaluate(loss, y, 2 * y - f)[0], rtol=1e-9)),
        "differentiable": not (kink.any() or step.any()),
        "bounded": bool(v.max() <= 1.001 * v[:, half].max()),
    }
    wrong = [name for name, seen in found.items() if getattr(claimed, name) not in (None, seen)]
    for name, number in (("lipschitz", np.abs(g).max()), ("curvature", h.max()), ("strong", h.min())):
        bound = getattr(claimed, name)
        if bound is None:
            continue
        if bound == INF:
            refuted = number < 1e3
        elif name == "strong":
            refuted = number < bound - 1e-9 or number > bound + 1e-2 * max(1.0, abs(bound))
        else:
            refuted = number > bound * (1 + 1e-9) + 1e-12 or number < bound * (1 - 1e-3)
        if refuted:
            wrong.append(name)
    return wrong + _statistical(loss, claimed, evaluate)


def _statistical(loss: Pointwise, claimed: Traits, evaluate: Evaluate) -> list[str]:
    """What the best prediction is for random samples: against `elicits`, `proper` and `calibrated`."""
    from scipy import stats

    rng = np.random.default_rng(8)
    wrong: list[str] = []
    low, high = (0.0, 1.0) if loss.prediction_domain is UNIT else (-4.0, 4.0)
    grid = np.linspace(low, high, 8001)
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
    level = loss.parameters.get("level", 0.5)
    for _ in range(3):
        y = np.round(rng.gamma(2.0, 0.6, 31) + 0.05, 3)
        best = float(loss.predict(grid[np.argmin(evaluate(loss, y[:, None], grid[None, :])[0].sum(axis=0))]))
        wanted = {
            "mean": lambda y=y: y.mean(),
            "median": lambda y=y: np.median(y),
            "quantile": lambda y=y: np.quantile(y, level, method="inverted_cdf"),
            "expectile": lambda y=y: stats.expectile(y, level),
        }.get(claimed.elicits or "", lambda best=best: best)()
        if abs(best - wanted) > 3 * step * max(1.0, best):
            wrong.append("elicits")
    return wrong
