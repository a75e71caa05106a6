"""Where the laws look: hard points of each family, neighbours of thresholds, and seeded draws.

Powers, exponentials and logarithms are C's: the last bits of NumPy's depend on the processor.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from losskit.base import Margin, Pointwise, Residual
from losskit.domains import UNIT, powers_of_ten
from losskit.links import IDENTITY
from tests.laws.anchors import collected

MAX = np.finfo(float).max
TINY = np.finfo(float).tiny
HARD = np.array(
    [
        0.0,
        5e-324,
        1e-320,
        TINY,
        1e-300,
        1e-160,
        1e-155,
        1e-100,
        1e-30,
        1e-16,
        1e-12,
        1e-9,
        1e-8,
        1e-5,
        1e-3,
        0.01,
        0.1,
        0.25,
        0.3,
        0.45,
        0.5,
        0.55,
        0.6,
        0.7,
        0.9,
        1.0,
        1.1,
        1.25,
        1.5,
        1.9,
        2.0,
        2.5,
        3.0,
        4.685,
        5.0,
        8.0,
        12.0,
        17.0,
        20.0,
        30.0,
        34.0,
        36.7,
        37.5,
        40.0,
        50.0,
        88.0,
        100.0,
        200.0,
        350.0,
        354.9,
        372.0,
        700.0,
        709.0,
        709.7,
        709.8,
        710.5,
        744.0,
        745.0,
        745.2,
        746.0,
        1000.0,
        1e4,
        1e5,
        1e8,
        1e10,
        1e16,
        1e50,
        1e100,
        1e150,
        1e153,
        1.3e154,
        1e155,
        1e200,
        1e300,
        1e307,
        MAX,
    ]
)
EDGES = np.array([0.5, 0.6, 1.0, 1.5, 2.0])  # thresholds of stable bodies


def _neighbours(x: np.ndarray) -> np.ndarray:
    return np.concatenate([x, np.nextafter(x, np.inf), np.nextafter(x, -np.inf)])


def reals(rng: np.random.Generator, draws: int, thresholds: list[float]) -> np.ndarray:
    """Hard real numbers of both signs, with `draws` log-uniform ones."""
    near = _neighbours(np.array([*EDGES, *thresholds]))
    wide = powers_of_ten(rng, -20, 3, draws)
    full = powers_of_ten(rng, -307, 307, draws // 4)
    positive = np.concatenate([HARD, near, wide, full])
    return np.concatenate([positive, -positive])


def units(rng: np.random.Generator, draws: int) -> np.ndarray:
    small = np.concatenate([HARD[HARD <= 0.5], powers_of_ten(rng, -20, -0.3, draws)])
    return np.concatenate([small, 1.0 - small[small > 1e-16], [1.0, 0.5, np.nextafter(1, 0)]])


def parameter_sets(cls: type[Pointwise], rng: np.random.Generator, draws: int) -> Iterator[Pointwise]:
    """The loss as it comes, at telling parameters, and at seeded draws."""
    from losskit.parameters import parameter_domains

    yield cls()
    domains = parameter_domains(cls)
    for settings in collected("TELLING").get(cls.__name__, ()):
        yield cls(**settings)
    if cls.__name__ in collected("TELLING"):
        return
    for _ in range(draws if domains else 0):
        yield cls(**{name: float(domain.sample(rng, 1)[0]) for name, (domain, _) in domains.items()})


def rows(loss: Pointwise, rng: np.random.Generator, draws: int) -> tuple[np.ndarray, np.ndarray]:
    """Targets and predictions for `loss`: finite, inside the domains; of several outputs one column each."""
    thresholds = [abs(v) for v in loss.parameters.values() if isinstance(v, float) and 0 < abs(v) < np.inf]
    if len(loss.targets) > 1:
        return _rows_of_bounds(loss, rng, draws)
    if len(loss.outputs) > 1:
        return _rows_of_several(loss, rng, draws)
    if isinstance(loss, Residual):
        r = reals(rng, draws, thresholds)
        y = np.zeros_like(r)
        some = rng.normal(size=draws) * powers_of_ten(rng, -3, 3, draws)
        return np.concatenate([y, some]), np.concatenate([r, some + rng.normal(size=draws)])
    if isinstance(loss, Margin):
        f = reals(rng, draws, thresholds)
        return rng.choice([-1.0, 1.0], f.size), f
    if loss.domain is UNIT:
        f = units(rng, draws) if loss.prediction_domain is UNIT else reals(rng, draws, thresholds)
        y = np.repeat([0.0, 1.0, 0.25], f.size)
        return y, np.tile(f, 3)
    targets = np.array([0.0, 5e-324, 1e-300, 1e-30, 0.01, 0.5, 0.7, 1.0, 2.0, 3.0, 17.0, 1e5, 1e12, 1e300])
    targets = targets[loss.domain.contains(targets)]
    if loss.domain.contains(-1.0):
        targets = np.concatenate([targets, [-2.5, -1e-8]])
    f = reals(rng, draws, thresholds)
    if loss.link is not IDENTITY:
        f = f[np.abs(f) < 1e4]
    y = np.concatenate([np.repeat(targets, f.size), *[np.full(24, t) for t in targets[targets > 0]]])
    near = [
        loss.link.to_score(t)
        + (t if loss.link is IDENTITY else 1.0)
        * np.concatenate([[0.0], rng.choice([-1, 1], 23) * powers_of_ten(rng, -17, 0.5, 23)])
        for t in targets[targets > 0]
    ]
    f = np.concatenate([np.tile(f, targets.size), *near])
    inside = np.isfinite(f) & (loss.prediction_domain.contains(f) | (not loss.prediction_domain.bounded))
    return y[inside], f[inside]


def _rows_of_bounds(loss: Pointwise, rng: np.random.Generator, draws: int) -> tuple[np.ndarray, np.ndarray]:
    """Durations seen, right- and left-censored, and intervals of every width; scores near, far off and hard."""
    n = 60 * draws
    spread = loss.parameters["sigma"]
    far = rng.choice([5e-324, 1e-300, 1e-30, 1e30, 1e300], n)
    t = np.where(rng.random(n) < 0.8, powers_of_ten(rng, -4, 4, n), far)
    factor = [math.exp(x) if x < 709.0 else np.inf for x in (spread * powers_of_ten(rng, -17, 2, n)).tolist()]
    with np.errstate(over="ignore"):
        wider = np.maximum(t * factor, np.nextafter(t, np.inf))
    kind = rng.random(n)
    lower = np.where((kind > 0.4) & (kind < 0.6), 0.0, t)
    upper = np.where(kind < 0.2, t, np.where(kind < 0.4, np.inf, wider))
    near = [math.log(x) for x in t.tolist()] + spread * rng.normal(size=n) * powers_of_ten(rng, -3, 1.7, n)
    hard = rng.choice([-1.0, 1.0], n) * rng.choice(HARD[np.abs(HARD) < 1e4], n)
    f = np.where(rng.random(n) < 0.75, near, hard)
    y = np.stack([lower, upper], axis=-1)
    inside = loss.domain.contains(y)
    return y[inside], f[inside]


def _column(loss: Pointwise, j: int, y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Scores of output `j` beside the targets `y`: half of them ordinary, others at all sizes, near y and hard."""
    domain, link, n = loss.prediction_domains[j], loss.links[j], y.size
    wide = rng.choice([-1.0, 1.0], n) * powers_of_ten(rng, -20, 3, n)
    hard = rng.choice(HARD, n) * rng.choice([-1.0, 1.0], n)
    if link is IDENTITY:
        with np.errstate(over="ignore"):
            near = y * (1 + rng.choice([-1.0, 1.0], n) * powers_of_ten(rng, -16, 0, n))
            wide, hard = np.where(rng.random(n) < 0.5, near, wide), np.where(rng.random(n) < 0.5, y + wide, hard)
    else:
        hard = np.where(np.abs(hard) < 1e3, hard, rng.uniform(-700, 700, n))
    kind = rng.random(n)
    f = np.where(kind < 0.5, rng.normal(size=n) * 3, np.where(kind < 0.8, wide, hard))
    return np.where(domain.contains(f), f, domain.sample(rng, n)) if domain.bounded else f


def _rows_of_several(loss: Pointwise, rng: np.random.Generator, draws: int) -> tuple[np.ndarray, np.ndarray]:
    n = 60 * draws
    hard = rng.choice(HARD, n) * rng.choice([-1.0, 1.0], n)
    y = np.where(rng.random(n) < 0.3, hard, rng.normal(size=n) * powers_of_ten(rng, -3, 3, n))
    y = np.where(loss.domain.contains(y), y, loss.domain.sample(rng, n))
    f = np.stack([_column(loss, j, y, rng) for j in range(len(loss.outputs))], axis=-1)
    with np.errstate(over="ignore"):
        inside = np.isfinite(f).all(axis=-1) & np.isfinite(y[:, None] - f).all(axis=-1)
    return y[inside], f[inside]
