"""Losses of many classes behind one interface: rows of labels and predictions to values and gradients."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from losskit.checking.adapt import ORDERS, by_names, library_name, made, parameters, weight_name
from losskit.checking.libraries import CallFailed, autodiff, call, library_of, to_numpy
from losskit.checking.subject import PREDICTION_FIRST, TARGET_FIRST
from losskit.domains import UNIT, Categories
from losskit.errors import CapabilityError, LosskitError
from losskit.losses import entmax, multiclass
from losskit.rowwise import Rowwise

Array = np.ndarray
FORMS = ("labels", "shares")
_PROBABILITIES = {"p", "prob", "probs", "proba", "probability", "probabilities"}
CLASSES = 3


@dataclass
class Known:
    """`factor` times a loss of ours."""

    loss: Rowwise
    factor: float = 1.0

    def __str__(self) -> str:
        return f"{self.loss!r}" + ("" if self.factor == 1 else f" times {self.factor:.10g}")


@dataclass
class ClassSubject:
    """A loss of many classes under attack; it is asked with labels, and given shares if it takes those."""

    name: str
    thing: Any
    library: str = "numpy"
    order: str = TARGET_FIRST
    order_from: str = ""
    form: str = "labels"
    reduction: str = ""
    eps: float = 2.0**-52
    same: Known | None = None
    weight_name: str | None = None
    own_gradient: Callable[..., Any] | None = None
    said: tuple[str, ...] = ()  # the names of its two arguments, target first
    differentiable = True

    @property
    def ours(self) -> bool:
        """Whether it is a loss of losskit."""
        return isinstance(self.thing, Rowwise)

    @property
    def probability(self) -> bool:
        """Whether predictions are probabilities."""
        loss = self.thing if self.ours else self.same.loss if self.same else None
        return loss is not None and loss.prediction_domain == UNIT

    @property
    def labels(self) -> int:
        """How many classes three predictions a row stand for."""
        return CLASSES + (self.thing.beyond if self.ours else 0)

    @property
    def says_probability(self) -> bool:
        """Whether its argument's name says that predictions are probabilities."""
        return len(self.said) == 2 and any(word in _PROBABILITIES for word in self.said[1].lower().split("_"))

    @property
    def reach(self) -> float:
        """How far a prediction is moved by differences."""
        return 0.004 if self.probability else 0.04

    def ordinary(self) -> tuple[Array, Array]:
        """Rows where every loss has an ordinary value."""
        return ordinary(self.probability, self.labels)

    def hard(self) -> tuple[Array, Array]:
        """Rows that are sure, rightly and wrongly."""
        return hard_rows(self.probability)

    def hessian(self, y: Array, f: Array) -> Array | None:
        """The second derivatives of each row of a loss of ours; None if there are none."""
        try:
            return np.asarray(self.thing.hessian(*self.arranged(y, f), reduction="none")) if self.ours else None
        except CapabilityError:
            return None

    def arranged(self, y: Array, f: Array) -> tuple[Array, Array]:
        """The two arguments in their order and form."""
        target = y if self.form == "labels" else np.eye(f.shape[1], dtype=f.dtype)[y]
        return (target, f) if self.order == TARGET_FIRST else (f, target)

    def batch(self, y: Array, f: Array, **named: Any) -> Array:
        """The call as a user makes it; raises CallFailed."""
        if self.ours:
            try:
                return to_numpy(self.thing(*self.arranged(y, f), **named))
            except LosskitError as error:
                raise CallFailed(f"raised {type(error).__name__}: {error}") from error
        got = call(self.thing, self.library, *self.arranged(y, f), **named)
        if isinstance(got, tuple):
            raise CallFailed("gave a pair where the loss is wanted")
        return got

    def value(self, y: Array, f: Array) -> Array:
        """The loss of each row, asked one at a time; nan where the call fails."""
        found = np.full(len(y), math.nan)
        if self.ours or self.reduction == "none":
            try:
                return self.batch(y, f, **({"reduction": "none"} if self.ours else {})).reshape(len(y)).astype(float)
            except (CallFailed, ValueError):
                if self.ours:
                    return found
        for i in range(len(y)):
            try:
                got = self.batch(y[i : i + 1], f[i : i + 1])
            except CallFailed:
                continue
            found[i] = got.item() if got.size == 1 else math.nan
        return found

    def gradient(self, y: Array, f: Array) -> Array | None:
        """The derivative of each row, by the loss itself, the function given or the library; None if there is none."""
        if self.ours:
            try:
                return np.asarray(self.thing.gradient(*self.arranged(y, f), reduction="none")).reshape(f.shape)
            except LosskitError:  # shifted probabilities do not sum to 1
                return np.full(f.shape, math.nan)
        if self.own_gradient is None and (self.library not in ("torch", "jax") or not self.differentiable):
            return None
        found = np.full(f.shape, math.nan)
        position = int(self.order == TARGET_FIRST)
        if self.own_gradient is None and self.reduction in ("none", "mean", "sum"):
            try:
                got = autodiff(self.thing, self.library, position, *self.arranged(y, f))
            except CallFailed:
                got = found
            if got is None:
                self.differentiable = False
                return None
            if np.isfinite(got).all():
                return got * (len(y) if self.reduction == "mean" else 1)
        for i in range(len(y)):
            row = self.arranged(y[i : i + 1], f[i : i + 1])
            try:
                if self.own_gradient is not None:
                    got = call(self.own_gradient, self.library, *row)
                else:
                    got = autodiff(self.thing, self.library, position, *row)
            except CallFailed:
                continue
            if got is None:
                self.differentiable = False
                return None
            found[i] = np.reshape(got, -1)
        return found


def of_classes(thing: Any, order: str | None, target: str | None, gradient: Any) -> ClassSubject | None:
    """`thing` as a loss of many classes, None if it is none; `target` may say that it is."""
    if target not in (None, *FORMS):
        return None
    thing = made(thing)
    if isinstance(thing, Rowwise):
        if not isinstance(thing.domain, Categories):
            return None
        return ClassSubject(repr(thing), thing, "losskit", order_from="losskit's order", reduction="mean",
                            weight_name="sample_weight")  # fmt: skip
    names = parameters(thing) if callable(thing) and not isinstance(thing, str) else None
    if not callable(thing) or isinstance(thing, str) or (names is not None and len(names) != 2):
        return None
    subject = ClassSubject(library_name(thing), thing, library_of(thing), own_gradient=gradient)
    said = order or by_names(names)
    custom = PREDICTION_FIRST if subject.library in ("torch", "jax") else TARGET_FIRST
    orders = (said,) if said else (custom, *(each for each in ORDERS if each != custom))
    subject.order_from = "as you said" if order else f"its arguments are called {' and '.join(names)}" if (
        said and names) else "found by trial"
    for subject.form in (target,) if target else FORMS:
        for subject.order in orders:
            subject.said = tuple(names or ())[:: 1 if subject.order == TARGET_FIRST else -1]
            if _answers(subject) and (_known(subject) or target or (subject.form == "labels" and _whole(subject))):
                find_reduction(subject)
                subject.weight_name = weight_name(thing) if subject.library != "torch" else None  # of classes, there
                return subject
    return None


def ordinary(probability: bool, labels: int = CLASSES) -> tuple[Array, Array]:
    """Rows where every loss has an ordinary value; scores fall along the row in some, and are far apart in none."""
    rng = np.random.default_rng(8)
    p = rng.dirichlet(np.full(CLASSES, 2.0), 12) * 0.97 + 0.01
    f = p if probability else np.concatenate([p[:4], -np.sort(-rng.normal(size=(8, CLASSES)) * 1.7, axis=1)])
    return np.arange(12) % labels, f


_NEAR = (0.0, 1e-300, 1e-50, 1e-20, 1e-12, 1e-9, 1e-6, 1e-3)


def hard_rows(probability: bool) -> tuple[Array, Array]:
    """Rows that are sure, rightly and wrongly."""
    if probability:
        rows = [[near, 1 - near, 0.0] for near in _NEAR] + [[1 - near, near, 0.0] for near in _NEAR]
    else:
        far = (5.0, 17.0, 34.0, 40.0, 100.0, 700.0, 1000.0)
        rows = [[gap, 0.0, -0.5] for gap in far] + [[-gap, 0.0, -0.5] for gap in far] + [[800.0, 800.5, 0.0]]
    return np.zeros(len(rows), int), np.array(rows)


def _answers(subject: ClassSubject) -> bool:
    """Whether two rows of three predictions give one finite number or two that depend on both arguments."""
    y, f = ordinary(True)
    try:
        first, other = subject.batch(y[:2], f[:2]), subject.batch(y[1:3], f[:2])
    except CallFailed:
        return False
    if first.dtype.kind == "f" and first.dtype.itemsize < 8:
        subject.eps = float(np.finfo(first.dtype).eps)
    return bool(first.size in (1, 2) and np.isfinite(first).all() and not np.array_equal(first, other))


def _whole(subject: ClassSubject) -> bool:
    """Whether targets between labels fail: a loss of any numbers and several predictions takes them."""
    between = subject.arranged(np.array([0.5, 1.5]), ordinary(True)[1][:2])
    try:
        return not np.isfinite(call(subject.thing, subject.library, *between)).all()
    except (CallFailed, TypeError):  # the latter of a pair
        return True


def truth(loss: Rowwise, y: Array, f: Array) -> tuple[Array, ...]:
    """Values and gradients of a loss of ours by its array body, which needs no compiler."""
    with np.errstate(all="ignore"):  # infinities are meant
        return loss.rows(y.astype(float), f, 1)[:2]


def _candidates() -> Iterator[Rowwise]:
    known = multiclass
    yield known.SoftmaxCrossEntropy()
    yield known.CategoricalCrossEntropy()
    yield from (known.SoftmaxCrossEntropy(label_smoothing=rate) for rate in (0.05, 0.1, 0.2, 0.3))
    yield from (known.FocalSoftmax(gamma=gamma) for gamma in (0.5, 1.0, 2.0, 3.0, 5.0))
    yield from (known.PolySoftmax(epsilon=epsilon) for epsilon in (1.0, 2.0))
    yield from (entmax.Sparsemax(), entmax.FenchelYoung(), known.WestonWatkins(), known.CrammerSinger())


def _known(subject: ClassSubject) -> bool:
    """Whether it is a multiple of a loss of ours; of one that takes shares, the loss itself."""
    seen = {}
    for loss in _candidates():
        probability = loss.prediction_domain == UNIT
        if probability not in seen:
            y, f = ordinary(probability)
            seen[probability] = y, f, subject.value(y, f)
        y, f, got = seen[probability]
        wanted = truth(loss, y, f)[0]
        if not np.isfinite(got).all():
            continue
        factor = float(got @ wanted / (wanted @ wanted))
        near = np.allclose(got, factor * wanted, rtol=max(1e-9, 30 * subject.eps), atol=1e-6 * subject.eps**0.5)
        if near and factor and (subject.form == "labels" or abs(factor - 1) < 1e3 * subject.eps):
            subject.same = Known(loss, 1.0 if abs(factor - 1) < 1e3 * subject.eps else factor)
            return True
    return False


def find_reduction(subject: ClassSubject) -> None:
    """What the function does with many rows."""
    y, f = subject.ordinary()
    rows, subject.reduction = subject.value(y, f), "neither"
    try:
        got = subject.batch(y, f)
    except CallFailed:
        subject.reduction = "alone"
        return
    for name, wanted in {"none": rows, "mean": rows.mean(), "sum": rows.sum()}.items():
        if got.size == np.size(wanted) and np.allclose(got.ravel(), wanted, rtol=max(1e-9, 50 * subject.eps)):
            subject.reduction = name
            return
