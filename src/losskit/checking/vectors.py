"""Divergences, and forecasts of ours, as subjects: rows of shares or numbers and of several predictions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from losskit.checking.adapt import ORDERS, by_names, library_name, made, parameters, weight_name
from losskit.checking.class_attacks import SHARED
from losskit.checking.classes import ClassSubject, Known, find_reduction
from losskit.checking.findings import Finding, finding
from losskit.checking.libraries import library_of
from losskit.checking.rows import as_text
from losskit.checking.subject import PREDICTION_FIRST, TARGET_FIRST
from losskit.divergence import Divergence
from losskit.domains import Categories
from losskit.losses import divergences
from losskit.rowwise import Rowwise

Array = np.ndarray
SPACES = ("probabilities", "logits", "log_probabilities")  # what takes scores takes logarithms too


@dataclass
class ForecastSubject(ClassSubject):
    """A row-wise loss of ours whose targets are numbers: quantiles, ensembles, mixtures."""

    form: str = "numbers"

    @property
    def reach(self) -> float:
        """How far a prediction is moved by differences."""
        return 0.01

    def arranged(self, y: Array, f: Array) -> tuple[Array, Array]:
        """The arguments; of vectors the members are a second axis."""
        return (y, f.reshape(len(f), -1, y.shape[1])) if y.ndim > 1 else (y, f)

    def ordinary(self) -> tuple[Array, Array]:
        """Rows off the kinks."""
        rng, loss = np.random.default_rng(8), self.thing
        levels, name = len(getattr(loss, "levels", ())), type(loss).__name__
        k = {"MultiQuantile": levels, "WeightedIntervalScore": 2 * levels + 1, "MixtureNLL": 6, "EnergyScore": 8}
        y = rng.normal(size=(12, 2)) if name == "EnergyScore" else rng.normal(size=12)
        return y, rng.normal(size=(12, k.get(name, 4))) * 2


@dataclass
class ShareSubject(ClassSubject):
    """A divergence of shares from shares; `space` is what its predictions are."""

    form: str = "shares"
    space: str = "probabilities"

    @property
    def probability(self) -> bool:
        """Whether predictions are probabilities."""
        return self.space == "probabilities"

    @property
    def reach(self) -> float:
        """How far a prediction is moved by differences."""
        return 0.004

    def arranged(self, y: Array, f: Array) -> tuple[Array, Array]:
        """The two arguments in their order."""
        return (y, f) if self.order == TARGET_FIRST else (f, y)

    def ordinary(self) -> tuple[Array, Array]:
        """Rows of shares above 0."""
        p, q = np.random.default_rng(8).dirichlet(np.full(3, 2.0), (2, 12)) * 0.94 + 0.02
        return p, self.of_shares(q)

    def of_shares(self, q: Array) -> Array:
        """Predictions that mean these shares."""
        with np.errstate(divide="ignore"):
            return np.log(q) + 0.5 * (self.space == "logits") if self.space in SPACES[1:] else q

    def hard(self) -> tuple[Array, Array]:
        """Rows near P = Q, where shares are told apart, and rows with shares that are small."""
        small = [[1.0 - 2.0**-20, 2.0**-21, 2.0**-21], [0.25, 0.75 - 2.0**-40, 2.0**-40]]
        near = [[0.5 + 2.0**-k, 0.25 - 2.0**-k, 0.25] for k in (8, 16, 30)] if self.probability else []
        q = np.array([*small, *near])
        return np.tile([0.5, 0.25, 0.25], (len(q), 1)), self.of_shares(q)


def forecast_of_ours(thing: Any) -> ForecastSubject | None:
    """A row-wise loss of ours that takes no classes as a subject, else None."""
    thing = made(thing)
    if not isinstance(thing, Rowwise) or isinstance(thing.domain, Categories):
        return None
    return ForecastSubject(repr(thing), thing, "losskit", order_from="losskit's order", reduction="mean",
                           weight_name="sample_weight")  # fmt: skip


def divergence_of_ours(loss: Any) -> ShareSubject | None:
    """A divergence of ours on shares, else None."""
    loss = made(loss)
    if not isinstance(loss, Divergence):
        return None
    return ShareSubject(repr(loss), loss, "losskit", order_from="losskit's order", reduction="mean",
                        weight_name="sample_weight", space=loss.on)  # fmt: skip


def of_shares(thing: Any, order: str | None, gradient: Any, declared: bool) -> ShareSubject | None:
    """A function as a divergence: one that is a multiple of a divergence of ours, or is `declared` to be one."""
    thing = made(thing)
    names = parameters(thing) if callable(thing) and not isinstance(thing, str) else None
    if isinstance(thing, Rowwise) or not callable(thing) or (names is not None and len(names) != 2):
        return None
    subject = ShareSubject(library_name(thing), thing, library_of(thing), own_gradient=gradient)
    said = order or by_names(names)
    custom = PREDICTION_FIRST if subject.library in ("torch", "jax") else TARGET_FIRST
    subject.order_from = "as you said" if order else "by the names of its arguments" if said else "found by trial"
    found = None
    for each in (said,) if said else (custom, *(other for other in ORDERS if other != custom)):
        for space in SPACES:
            tried = replace(subject, order=each, space=space)
            tried.same = _known(tried)
            if found is None and declared and np.isfinite(tried.value(*tried.ordinary())).all():
                found = tried
            if tried.same is not None:
                found = tried if found is None or found.same is None else min(found, tried, key=_plainness)
    if found is None:
        return None
    find_reduction(found)
    found.weight_name = weight_name(thing) if found.library != "torch" else None
    return found


def _plainness(subject: ShareSubject) -> int:
    """0 for KL, which may be had in another order as ReverseKL."""
    return int(subject.same is None or not isinstance(subject.same.loss, divergences.KL))


def _known(subject: ShareSubject) -> Known | None:
    y, f = subject.ordinary()
    got = subject.value(y, f)
    q = np.exp(f) / np.exp(f).sum(axis=1, keepdims=True) if subject.space != "probabilities" else f
    if not np.isfinite(got).all():
        return None
    for cls, wanted in _textbook(y, q):
        factor = float(got @ wanted / (wanted @ wanted))
        plain = next((n for n in (1.0, 1 / 3, 2.0, 0.5, 1 / np.log(2)) if abs(factor / n - 1) < 1e3 * subject.eps), 0.0)
        if plain and np.allclose(got, factor * wanted, rtol=max(1e-9, 30 * subject.eps), atol=30 * subject.eps):
            return Known(cls(on=subject.space), plain)
    return None


def _textbook(p: Array, q: Array) -> Iterator[tuple[Any, Array]]:
    m, log = (p + q) / 2, np.log
    yield divergences.KL, (p * log(p / q)).sum(axis=1)
    yield divergences.ReverseKL, (q * log(q / p)).sum(axis=1)
    yield divergences.JensenShannon, (p * log(p / m) + q * log(q / m)).sum(axis=1) / 2


def equal(subject: ShareSubject) -> Iterator[Finding]:
    """P = Q costs nothing, and nothing costs less."""
    y, f = subject.ordinary()
    got, away = subject.value(y, subject.of_shares(y)), subject.value(y, f)
    noise = 64 * subject.eps * float(np.nanmax(np.abs(away)) + 1)
    if not (np.abs(got) <= noise).all():
        yield finding("LK025", "Equal shares cost something.",
                      f"{as_text(y[0], subject.of_shares(y)[0])}: {got[0]:.6g}")  # fmt: skip
    elif (away < -noise).any():
        at = int(np.argmin(away))
        yield finding("LK025", "Shares that differ cost less than equal ones.",
                      f"{as_text(y[at], f[at])}: {away[at]:.6g}")  # fmt: skip


def zeros(subject: ShareSubject) -> Iterator[Finding]:
    """A class without a share in P, in Q, or in both."""
    half = np.array([0.5, 0.5, 0.0])
    cases = {"in P": (half, [0.25, 0.25, 0.5]), "in P and Q": (half, [0.75, 0.25, 0.0]),
             "in Q": ([0.25, 0.25, 0.5], half)}  # fmt: skip
    for where, (p, q) in cases.items():
        y, f = np.array([p], dtype=float), subject.of_shares(np.array([q], dtype=float))
        got = subject.value(y, f)[0]
        slopes = subject.gradient(y, f)
        if np.isnan(got) or (slopes is not None and np.isnan(slopes).any()):
            what = "row" if np.isnan(got) else "gradient"
            yield finding("LK022", f"A class without a share {where} makes the {what} nan.", as_text(y[0], f[0]))
            return


def order(subject: ShareSubject) -> Iterator[Finding]:
    """A label as P, all of it on one class; and KL with target and prediction swapped."""
    if subject.ours:
        return
    y, f = np.eye(3)[:1], subject.of_shares(np.array([[0.7, 0.2, 0.1]]))
    got = subject.value(y, f)[0]
    if subject.same and isinstance(subject.same.loss, divergences.ReverseKL):
        yield finding("LK026", "It is KL with target and prediction swapped: a share on a class that the target leaves "
                      "out costs infinity.", f"{as_text(y[0], f[0])}: {got:.6g}")  # fmt: skip
    elif np.isinf(got):
        yield finding("LK026", "Any prediction costs infinity where the target is a label.",
                      f"{as_text(y[0], f[0])}: {got:.6g}")  # fmt: skip


DIVERGENCE_ATTACKS: tuple[Any, ...] = (*SHARED, equal, zeros, order)
