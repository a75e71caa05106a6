"""Attacks on claims: each is refuted by numbers, or stands."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from losskit.checking.findings import Finding, finding
from losskit.checking.rows import as_text, targets
from losskit.checking.shape import grid
from losskit.checking.subject import Subject
from losskit.errors import ParameterError
from losskit.traits import Traits

Array = np.ndarray


@dataclasses.dataclass
class Scan:
    """Values over a fine even grid of predictions for one target."""

    y: float
    f: Array
    v: Array
    noise: float
    values: Callable[[Array], Array]

    @property
    def step(self) -> float:
        return float(self.f[1] - self.f[0])

    @property
    def slopes(self) -> Array:
        return np.diff(self.v) / self.step

    @property
    def bends(self) -> Array:
        return np.diff(self.v, 2) / self.step**2


def read_claims(claims: Any) -> Traits | None:
    """Claims as Traits.

    Raises
    ------
    ParameterError
        If they are neither Traits nor a dict of its fields.
    """
    if claims is None or isinstance(claims, Traits):
        return claims
    fields = list(Traits.__dataclass_fields__)
    if not isinstance(claims, dict) or not set(claims) <= set(fields):
        unknown = sorted(map(str, set(claims) - set(fields))) if isinstance(claims, dict) else [repr(claims)]
        raise ParameterError(f"claims are Traits or a dict of {', '.join(fields)}; got {', '.join(unknown)}")
    return Traits(**claims)


def claims_of(subject: Subject, claims: Traits | None) -> Iterator[Finding]:
    """Everything claimed of the loss that its values refute."""
    known = claims or (subject.thing.traits() if subject.ours else None)
    if known is None or subject.booster or subject.kind.several:
        return
    scans = [scan for y in targets(subject.kind)[[0, -1]] if (scan := _scan(subject, float(y))) is not None]
    for name, test in _TESTS.items():
        claimed = getattr(known, name)
        if claimed is None or claimed is False or (subject.ours and claims is None and name == "strictly_convex"):
            continue
        for scan in scans:
            if said := test(subject, scan, claimed):
                shown = "" if claimed is True else f" = {claimed}"
                yield finding("LK017", f"It is claimed to be {name.replace('_', ' ')}{shown}, and is not.", said)
                break


def _scan(subject: Subject, y: float) -> Scan | None:
    f = grid(subject, y, 321)
    if f.size < 9 or np.ptp(np.diff(f)) > 1e-9:
        return None
    values = lambda x: subject.value(np.full(x.size, y), x)  # noqa: E731
    v = values(f)
    if not np.isfinite(v).all():
        return None
    return Scan(y, f, v, 16 * subject.eps * float(np.abs(v).max() + np.abs(f).max()), values)


def _convex(subject: Subject, scan: Scan, claimed: Any) -> str:
    bends = np.diff(scan.v, 2)
    at = int(np.argmin(bends))
    if bends[at] >= -4 * scan.noise:
        return ""
    a, b, c = scan.v[at : at + 3]
    return f"{as_text(scan.y, scan.f[at + 1])}: {b:.8g} lies above {(a + c) / 2:.8g}, the middle of its neighbours"


def _strictly_convex(subject: Subject, scan: Scan, claimed: Any) -> str:
    level = np.abs(np.diff(scan.v, 2)) <= 4 * scan.noise
    run = np.convolve(level, np.ones(8), "valid")
    if run.max() < 8:
        return _convex(subject, scan, claimed)
    at = int(np.argmax(run))
    return f"y={scan.y:g}, f from {scan.f[at]:.6g} to {scan.f[at + 9]:.6g}: a straight line"


def _symmetric(subject: Subject, scan: Scan, claimed: Any) -> str:
    if subject.kind.variable != "r":
        return ""
    r = np.array([0.3, 0.9, 2.3, 7.1])
    up, down = scan.values(scan.y + r), scan.values(scan.y - r)
    away = np.abs(up - down)
    at = int(np.argmax(away))
    if away[at] <= 8 * scan.noise + 1e-9 * abs(up[at]):
        return ""
    return f"y={scan.y:g}: r = {r[at]:g} costs {up[at]:.8g}, r = {-r[at]:g} costs {down[at]:.8g}"


def _lipschitz(subject: Subject, scan: Scan, claimed: Any) -> str:
    slopes = np.abs(scan.slopes)
    at = int(np.argmax(slopes))
    if slopes[at] <= float(claimed) * (1 + 1e-6) + 2 * scan.noise / scan.step:
        return ""
    return f"{as_text(scan.y, scan.f[at])}: a slope of {slopes[at]:.8g}"


def _curvature(subject: Subject, scan: Scan, claimed: Any) -> str:
    over = scan.bends > float(claimed) * (1 + 1e-4) + 8 * scan.noise / scan.step**2
    at = int(np.argmax(np.convolve(over, np.ones(4), "valid"))) if over.size >= 4 else 0
    if not over[at : at + 4].all():  # a kink shows at two neighbours at most
        return ""
    return f"{as_text(scan.y, scan.f[at + 2])}: a curvature of {scan.bends[at + 1]:.8g}"


def _strong(subject: Subject, scan: Scan, claimed: Any) -> str:
    under = scan.bends < float(claimed) - 1e-4 * abs(float(claimed)) - 8 * scan.noise / scan.step**2
    at = int(np.argmax(np.convolve(under, np.ones(4), "valid"))) if under.size >= 4 else 0
    if not under[at : at + 4].all():  # nor does a kink bend the other way for long
        return ""
    return f"{as_text(scan.y, scan.f[at + 2])}: a curvature of {scan.bends[at + 1]:.8g}"


def _bounded(subject: Subject, scan: Scan, claimed: Any) -> str:
    if subject.kind.f.bounded:
        return ""
    for side in (1.0, -1.0):
        near, far = scan.values(scan.y + side * np.array([1e3, 1e5]))
        if far > near + 0.1 * abs(near) + 1e-6:
            a, b = (as_text(scan.y, scan.y + side * out) for out in (1e3, 1e5))
            return f"{a}: {near:.6g}; {b}: {far:.6g}"
    return ""


def _differentiable(subject: Subject, scan: Scan, claimed: Any) -> str:
    for at in np.argsort(-np.abs(np.diff(scan.v, 2)))[:4]:
        x, h, turns = float(scan.f[at + 1]), scan.step, [math.inf]
        for _ in range(8):
            h /= 4
            five = x + h * np.arange(-6.0, 7.0)
            bends = np.diff(scan.values(five), 2)
            turn = np.abs(bends[1:] + bends[:-1])  # a kink between two points shows at both
            best = int(np.argmax(turn))
            x = float(five[best + 1 : best + 3].mean())
            turns.append(turn[best] / h)
        if turns[-1] > 0.97 * turns[-2] and turns[-1] > 0.5 * turns[3] and turns[-1] * h > 64 * subject.eps * (
            np.abs(scan.v).max() + abs(x)
        ):
            return f"y={scan.y:g}, f near {x:.8g}: the slope turns by {turns[-1]:.6g} within {h:.1g}"
    return ""


def _elicits(subject: Subject, scan: Scan, claimed: Any) -> str:
    if subject.kind.variable != "r" or claimed not in ("mean", "median"):
        return ""
    y = np.array([0.0, 0.4, 0.5, 1.1, 1.2, 2.9, 6.3])
    f = np.linspace(0, 6.3, 631)
    total = sum(subject.value(np.full(f.size, each), f) for each in y)
    best, wanted = float(f[int(np.argmin(total))]), float(np.mean(y) if claimed == "mean" else np.median(y))
    said = f"the best constant of a sample is {best:.3g}, its {claimed} {wanted:.3g}"
    return "" if abs(best - wanted) < 0.05 else said


_TESTS = {
    "convex": _convex,
    "strictly_convex": _strictly_convex,
    "symmetric": _symmetric,
    "lipschitz": _lipschitz,
    "curvature": _curvature,
    "strong": _strong,
    "bounded": _bounded,
    "differentiable": _differentiable,
    "elicits": _elicits,
}
