"""The array laws for losses of several outputs: where they look, and searches that refute declared traits."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from scipy.optimize import minimize

from losskit.base import Pointwise
from losskit.domains import INTERVALS, OPEN_UNIT, REAL, UNIT
from losskit.links import IDENTITY
from losskit.traits import Traits
from tests.laws.anchors import collected

INF = float("inf")
_TARGETS = {"real": (-1.5, 0.4, 2.0), "unit": (0.1, 0.45, 0.8), "whole": (0.0, 1.0, 4.0), "positive": (0.4, 1.0, 3.5)}


def targets(loss: Pointwise) -> np.ndarray:
    """A few targets of the loss's domain."""
    domain = loss.domain
    kind = "whole" if domain.whole else "real" if domain is REAL else "unit" if domain.high == 1.0 else "positive"
    return np.array(_TARGETS[kind])


def examples(loss: Pointwise) -> tuple[np.ndarray, np.ndarray]:
    """A few dozen rows away from kinks, some of them far out."""
    columns = []
    for domain, link in zip(loss.prediction_domains, loss.links, strict=True):
        ordinary = {REAL: (-2.3, 0.2, 1.1), UNIT: (0.15, 0.5, 0.85)}.get(domain, (0.3, 1.2, 4.0))
        columns.append((*ordinary, -400.0, 300.0) if domain is REAL and link is not IDENTITY else ordinary)
    f = np.stack(np.meshgrid(*columns, indexing="ij"), axis=-1).reshape(-1, len(columns))
    y = targets(loss)
    return np.repeat(y, len(f)), np.tile(f, (y.size, 1))


def _box(loss: Pointwise, rng: np.random.Generator, n: int, reach: float) -> np.ndarray:
    """Random predictions of a size up to `reach`."""
    columns = []
    for domain in loss.prediction_domains:
        x = rng.uniform(-1, 1, n) * reach * 10.0 ** rng.uniform(-2, 0, n)
        columns.append(x if not domain.bounded else np.exp(x) if domain.high == INF else 1 / (1 + np.exp(-x)))
    return np.stack(columns, axis=-1)


def contradictions(loss: Pointwise, claimed: Traits, evaluate: Any) -> list[str]:
    """Declared traits that a search refutes: True needs no counterexample, False needs one, a bound must be reached."""
    rng = np.random.default_rng(17)
    y = rng.choice(targets(loss), 4000)
    boxes = [_box(loss, rng, 4000, reach) for reach in (3, 12, 12)]
    near = y * (1 + rng.normal(size=y.size) * 10.0 ** rng.uniform(-9, 0, y.size))
    boxes[2][:, 0] = np.where(loss.prediction_domains[0].contains(near), near, boxes[2][:, 0])
    g, h = (np.concatenate(parts) for parts in zip(*(evaluate(loss, y, f)[1:] for f in boxes), strict=True))
    wide = evaluate(loss, y, _box(loss, rng, 4000, 600))[0]
    seen = np.isfinite(h).all(axis=(1, 2)) & (np.abs(h).max(axis=(1, 2)) < 1e12)
    ends = np.linalg.eigvalsh(h[seen])
    size = np.abs(ends).max(axis=1)
    convex = bool((ends[:, 0] >= -1e-9 * size).all())
    kinked = _kinked(loss, evaluate)
    found = {
        "convex": convex,
        "strictly_convex": convex and bool((ends[:, 0] > 0).all()),
        "differentiable": not kinked,
        "bounded": bool(np.nanmax(wide) < 100),
        "symmetric": _symmetric(loss, evaluate),
        "proper": (_proper if type(loss).__name__ in collected("FORECAST") else normalised)(loss, evaluate),
    }
    wrong = [name for name, is_so in found.items() if getattr(claimed, name) not in (None, is_so)]
    if claimed.kinks is not None and bool(claimed.kinks) != kinked:
        wrong.append("kinks")
    for name, number in (("lipschitz", np.abs(g).max()), ("curvature", ends.max())):
        bound = getattr(claimed, name)
        if bound is not None and (number < 1e3 if bound == INF else not 0.999 * bound <= number <= bound * (1 + 1e-9)):
            wrong.append(name)
    if claimed.strong is not None and not -1e-9 <= ends.min() - claimed.strong <= 1e-3 * max(1.0, abs(claimed.strong)):
        wrong.append("strong")
    return wrong + _elicited(loss, claimed, evaluate)


def _kinked(loss: Pointwise, evaluate: Any) -> bool:
    """Whether the gradient jumps where the first output meets the target: a jump does not shrink with the step."""
    y = targets(loss)
    y = y[loss.prediction_domains[0].contains(y) & (y != 0)]
    f = np.repeat(examples(loss)[1][:1], y.size, axis=0)

    def jump(step: float) -> np.ndarray:
        sides = [evaluate(loss, y, np.column_stack([y * (1 + s * step), f[:, 1:]]))[1] for s in (-1, 1)]
        return np.abs(sides[1] - sides[0])

    return bool((jump(1e-9) > 0.5 * jump(1e-6) + 1e-7).any())


def _symmetric(loss: Pointwise, evaluate: Any) -> bool:
    y, f = examples(loss)
    mirrored = np.column_stack([2 * y - f[:, 0], f[:, 1:]])
    inside = loss.prediction_domains[0].contains(mirrored[:, 0])
    here, there = evaluate(loss, y, f)[0], evaluate(loss, y, mirrored)[0]
    return bool(np.allclose(here[inside], there[inside], rtol=1e-9))


def everywhere(loss: Pointwise) -> tuple[np.ndarray, np.ndarray]:
    """All targets of the domain, or a fine grid of it, and what each stands for: a sum or an integral over it."""
    t = np.linspace(-36, 36, 72_001)
    step = t[1] - t[0]
    if loss.domain is INTERVALS:  # each seen as it happens
        return np.exp(3 * np.stack([t, t], axis=-1)), 3 * np.exp(3 * t) * step
    if loss.domain.whole:
        return np.arange(20_000.0), np.ones(20_000)
    if loss.domain is REAL:
        return np.sinh(t), np.cosh(t) * step
    if loss.domain.high == INF:
        return np.exp(t), np.exp(t) * step
    inner = 10 * t[t < 3.4]  # nearer to 1 there are too few doubles
    y = 1 / (1 + np.exp(-inner))
    return y, y / (1 + np.exp(inner)) * 10 * step


def mass(loss: Pointwise, evaluate: Any, f: np.ndarray) -> float:
    """The sum or integral of exp(-loss) over all targets, at one prediction."""
    y, weight = everywhere(loss)
    values = evaluate(loss, y, np.broadcast_to(f, (y.size, f.size)) if f.size > 1 else f[0])[0]
    return float(np.sum(np.exp(-values) * weight))


def normalised(loss: Pointwise, evaluate: Any) -> bool:
    """Whether exp(-loss) is a density for every prediction: then the loss is proper."""
    f = _box(loss, np.random.default_rng(18), 6, 1.5)
    f = f + 2.5 * (np.arange(f.shape[1]) * (loss.domain is OPEN_UNIT))  # little of the density next to 1
    return all(abs(mass(loss, evaluate, row) - 1) < 1e-5 for row in f)


def _proper(loss: Pointwise, evaluate: Any) -> bool:
    """Whether a forecast of where the targets are is best for them: the score of the anchors' distributions."""
    forecast = collected("FORECAST")[type(loss).__name__]
    rng = np.random.default_rng(20)
    truth = np.array([0.4, 0.3]) if loss.links[1] is not IDENTITY else np.array([-0.7, 1.9])
    y = forecast(loss, truth)

    def mean(f: np.ndarray) -> float:
        return float(evaluate(loss, y, np.broadcast_to(f, (y.size, 2)))[0].mean())

    return all(mean(truth + away) > mean(truth) for away in rng.normal(size=(20, 2)) * 0.2)


def _elicited(loss: Pointwise, claimed: Traits, evaluate: Any) -> list[str]:
    if claimed.elicits is None:
        return []
    y, best = _best(loss, evaluate)
    wanted = {"mean": y.mean(), "median": np.median(y)}[claimed.elicits]
    return [] if abs(best - wanted) < 1e-4 * wanted else ["elicits"]


@lru_cache(maxsize=1)  # every claim of a loss is asked in turn
def _best(loss: Pointwise, evaluate: Any) -> tuple[np.ndarray, float]:
    """A skewed sample, and the best prediction of it."""
    rng = np.random.default_rng(19)
    y = rng.gamma(2.0, 0.6, 31) + 0.05
    y = np.ceil(2 * y) if loss.domain.whole else y / (1 + y) if loss.domain.high == 1.0 else y

    def total(f: np.ndarray) -> float:
        inside = all(not d.bounded or d.contains(x) for d, x in zip(loss.prediction_domains, f, strict=True))
        return float(evaluate(loss, y, np.broadcast_to(f, (y.size, f.size)))[0].sum()) if inside else INF

    best = _box(loss, rng, 1, 0.5)[0]
    for _ in range(4):
        options = {"xatol": 1e-10, "fatol": 1e-12, "maxiter": 4000}
        best = minimize(total, best, method="Nelder-Mead", options=options).x
    return y, float(loss.predict(best))
