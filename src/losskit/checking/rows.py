"""Where the checks look: what targets and predictions a loss takes, ordinary rows, and hard ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from losskit.base import Margin, Pointwise, Residual
from losskit.domains import NONNEGATIVE, POSITIVE, REAL, SIGNS, UNIT, Domain, Intervals
from losskit.errors import ParameterError

Array = np.ndarray
TARGETS = {"real": REAL, "nonnegative": NONNEGATIVE, "positive": POSITIVE, "binary": UNIT, "signs": SIGNS}
PREDICTIONS = {"score": REAL, "probability": UNIT, "positive": POSITIVE}
_RESIDUALS = (-11.3, -4.1, -2.6, -1.3, -0.7, -0.31, -0.052, 0.047, 0.33, 0.68, 1.4, 2.7, 4.3, 11.9)
_SCORES = (-6.3, -2.9, -1.6, -0.72, -0.21, 0.043, 0.37, 0.81, 1.9, 3.1, 6.7)
_HARD_RESIDUALS = (1e-9, 1e-6, 1e-3, 19.7, 51.3, 403.0, 801.0, 1e4, 1e8, 1e160)
_HARD_SCORES = (1e-9, 1e-3, 5.1, 17.3, 34.0, 40.0, 100.0, 401.0, 700.0, 1000.0)
_HARD_SHARES = (0.0, 1e-300, 1e-50, 1e-20, 1e-12, 1e-9, 1e-6, 1e-3)


@dataclass(frozen=True)
class Kind:
    """What a loss is a function of: targets of `y`, predictions of `f`, through r = f - y, m = y f or both freely.

    Of several outputs `columns` has the domain of each, where they differ.
    """

    y: Domain | Intervals = REAL
    f: Domain = REAL
    variable: str = ""
    outputs: int = 1
    columns: tuple[Domain, ...] = ()
    targets: int = 1

    @classmethod
    def of(cls, loss: Pointwise) -> Kind:
        """The kind of a loss of ours."""
        variable = "r" if isinstance(loss, Residual) else "m" if isinstance(loss, Margin) else ""
        several = len(loss.outputs), loss.prediction_domains, len(loss.targets)
        return cls(loss.domain, loss.prediction_domain, variable, *several)

    @property
    def several(self) -> bool:
        """Whether a row has several targets or predictions."""
        return self.outputs > 1 or self.targets > 1

    @property
    def binary(self) -> bool:
        """Whether the targets are two classes."""
        return self.y == UNIT or self.y == SIGNS

    @property
    def labels(self) -> tuple[float, float]:
        """The two classes."""
        return (-1.0, 1.0) if self.y == SIGNS else (0.0, 1.0)

    def __str__(self) -> str:
        columns = enumerate(self.columns if self.outputs > 1 else ())
        parts = [domain.describe(f"f[{j}]") for j, domain in columns if domain != REAL]
        f = ", ".join(parts) or ("any f" if self.f == REAL else self.f.describe("f"))
        y = "any y" if self.y == REAL else self.y.describe("y")
        return f"{y}, {f}" + {"r": " through f - y", "m": " through y f"}.get(self.variable, "")


def kind_named(target: str | None, prediction: str | None, found: Kind) -> Kind:
    """`found` with what the caller said in place of what was found.

    Raises
    ------
    ParameterError
        If the name is not known.
    """
    for name, value, known in (("target", target, TARGETS), ("prediction", prediction, PREDICTIONS)):
        if value is not None and value not in known:
            raise ParameterError(f"{name}={value!r} is not known; use one of {', '.join(map(repr, known))}")
    if target is not None and TARGETS[target] != found.y:
        found = replace(found, y=TARGETS[target], variable="")
    if prediction is not None and PREDICTIONS[prediction] != found.f:
        found = replace(found, f=PREDICTIONS[prediction], variable="")
    return found


def targets(kind: Kind) -> Array:
    """A handful of targets of the domain."""
    if kind.binary:
        return np.array(kind.labels)
    pool = np.array([-1.5, -1.0, -0.4, 0.0, 0.3, 0.75, 1.0, 2.0, 3.25, 7.0, 40.0])
    inside = pool[kind.y.contains(pool)]
    if not inside.size:
        inside = kind.y.sample(np.random.default_rng(0), 8 if kind.targets > 1 else 4)
    return inside[np.unique(np.linspace(0, len(inside) - 1, 5).round().astype(int))]


def ordinary(kind: Kind) -> tuple[Array, Array]:
    """Rows where every loss has an ordinary value, off the usual kinks; f has a column an output if there are many."""
    y = targets(kind)
    if kind.variable == "r":
        r = np.array(_RESIDUALS)
        pairs = np.repeat(y[: min(3, y.size)], r.size)
        return pairs, pairs + np.tile(r, min(3, y.size))
    if kind.outputs > 1:
        rows, rng = np.repeat(y, 6), np.random.default_rng(2)
        pools = [_pool(domain, 3.0) for domain in kind.columns or (kind.f,) * kind.outputs]
        return rows, np.stack([rng.choice(pool, rows.size) for pool in pools], axis=-1)
    pool = _pool(kind.f, np.inf if kind.binary else 4.0)
    return np.repeat(y, pool.size, axis=0), np.tile(pool, len(y))


def _pool(f: Domain, reach: float) -> Array:
    """A handful of predictions of a domain; scores up to `reach`."""
    pool = np.array(_SCORES)
    if f == UNIT:
        return np.round(1 / (1 + np.exp(-pool)), 4)
    if not f.bounded:
        return pool[np.abs(pool) < reach]
    pool = np.concatenate([pool, [0.03, 0.27, 0.62, 1.3, 4.4]])
    pool = pool[f.contains(pool)]
    return pool if pool.size else f.sample(np.random.default_rng(1), 8)


def hard(kind: Kind) -> tuple[Array, Array]:
    """Rows near a perfect fit and far out, where digits are lost and exponentials overflow."""
    if kind.outputs > 1:
        return _hard_of_several(kind)
    if kind.variable == "r" and kind.y.contains(0.0):
        f = np.array([s * r for r in _HARD_RESIDUALS for s in (-1, 1)])
        return np.zeros_like(f), f
    if kind.f == UNIT:
        near = np.array(_HARD_SHARES)
        f = np.concatenate([near, 1 - near[near != 1e-300]])
    elif kind.binary:
        f = np.array([s * x for x in _HARD_SCORES for s in (-1, 1)])
    elif kind.f == REAL:
        f = np.array([-40.0, -7.5, 1e-9, 12.0, 30.0])
    else:
        f = np.array([1e-12, 1e-6, 1e3, 1e6])
        f = f[kind.f.contains(f)]
    y = targets(kind)
    return np.repeat(y, f.size, axis=0), np.tile(f, len(y))


def _hard_of_several(kind: Kind) -> tuple[Array, Array]:
    """Rows of which one prediction is far out or near the target, the others ordinary."""
    y, f, size = [], [], (1e-9, 1e-3, 1e3, 1e6)
    for target in targets(kind)[[0, 1, -1]]:
        for j, domain in enumerate(kind.columns):
            near = [target, target * (1 + 1e-9)] if not np.ndim(target) and kind.y == REAL and j == 0 else []
            pool = np.array([*near, -34.0, -7.0, 7.0, 34.0] if domain == REAL else [1e-12, 1e-8, *size])
            for value in pool[domain.contains(pool)]:
                others = [0.7 if other.bounded else -0.4 for other in kind.columns]
                y.append(target)
                f.append([*others[:j], value, *others[j + 1 :]])
    return np.array(y), np.array(f).reshape(-1, kind.outputs)


def far(kind: Kind) -> tuple[Array, Array]:
    """Rows of several predictions of which one goes from ordinary to far beyond every exponential."""
    reach, y = ladder(kind), targets(kind)[[0, -1]]
    rows = []
    for j, domain in enumerate(kind.columns):
        for side in (1.0, -1.0) if not domain.bounded else (1.0,):
            row = np.full((reach.size, kind.outputs), 0.7)
            row[:, j] = side * reach
            rows.append(row)
    f = np.concatenate(rows)
    return np.repeat(y, len(f)), np.tile(f, (2, 1))


def perfect(kind: Kind) -> tuple[Array, Array]:
    """Rows at their perfect fit or kink, as far as the kind says where."""
    y = targets(kind)
    if kind.variable == "r":
        return y, y.copy()
    if kind.binary and kind.f == REAL:
        return y, np.zeros_like(y)
    return np.empty(0), np.empty(0)


def ladder(kind: Kind) -> Array:
    """Distances that double, from ordinary to far beyond every exponential."""
    return 2.0 ** np.arange(2, 14) * 0.99


def as_text(y: Any, f: Any) -> str:
    """A row as text: y=1, f=-40."""
    numbers = (np.asarray(x, float) for x in (y, f))
    shown = [f"{x:.10g}" if x.ndim == 0 else f"[{', '.join(f'{each:.6g}' for each in x)}]" for x in numbers]
    return f"y={shown[0]}, f={shown[1]}"
