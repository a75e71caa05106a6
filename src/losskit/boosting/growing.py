"""Growing trees round by round, for engines that can: renewing leaves, stopping early."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from losskit.boosting.curvature import renews
from losskit.boosting.descent import Descent, best_shifts

Array = np.ndarray
ENGINES = ("lightgbm", "xgboost", "catboost")


@dataclass
class Validation:
    """Rows held out to stop by: `cost(margins)` is lower for better ones."""

    X: Any
    cost: Callable[[Array], float]
    patience: int


@dataclass
class Task:
    """One training: data, the loss as it is descended, and what the engine is to be told."""

    X: Any
    y: Array
    w: Array | None
    descent: Descent
    native: dict[str, Any] | None
    rounds: int
    rate: float
    options: dict[str, Any] = field(default_factory=dict)
    categorical: tuple[int, ...] = ()
    seed: int | None = None
    threads: int = 1
    validation: Validation | None = None

    @property
    def link(self) -> str:
        """The name of the link of the library's own objective, if that is used."""
        return "" if self.native is None else str(self.descent.loss.link.name)

    @property
    def label(self) -> Array:
        """What a native objective sees: residuals need no start, and float32 then costs no digits."""
        return self.y - self.descent.intercept[0] if self.centred else self.y

    @property
    def centred(self) -> bool:
        """Whether the trees start from 0: the intercept is in the label, or ours to add."""
        return self.native is None or getattr(self.descent.loss, "variables", ()) == ("r",)


@dataclass
class Grown:
    """What came of a training: the model in the engine's own format, its rounds, and the cost after each."""

    model: bytes
    rounds: int
    costs: list[float]


class Trees(Protocol):
    """An engine that grows one round at a time."""

    def grow(self, derivatives: Callable[[Array], tuple[Array, Array]] | None) -> bool:
        """One round more; False if it brought nothing."""

    def margins(self, X: Any, rounds: int) -> Array:
        """What the trees of round `rounds` add to the validation rows, the same X every time."""

    def leaves(self) -> Array:
        """The leaf that each training row came to in the last tree."""

    def set_leaves(self, values: Array) -> None:
        """New values for those leaves."""

    def to_bytes(self, rounds: int) -> bytes:
        """The model of that many rounds."""


def grow(trees: Trees, task: Task) -> Grown:
    """Grow round by round, renew leaves where the loss asks for it, and stop where the cost stops falling."""
    descent, held = task.descent, task.validation
    renewing = task.native is None and renews(descent.loss) and descent.curvature == "unit"
    margins = np.zeros(task.y.shape) if renewing else None
    ahead: Any = 0.0
    costs: list[float] = []
    best, rounds = 0, 0
    for rounds in range(1, task.rounds + 1):
        if task.native is not None:
            grew = trees.grow(None)
        elif margins is not None:
            now = margins
            grew = trees.grow(lambda _, now=now: descent.derivatives(now))  # type: ignore[misc]
        else:
            grew = trees.grow(descent.derivatives)
        if margins is not None and grew:
            leaf = trees.leaves()
            shifts = best_shifts(descent.loss, task.y, descent.scores(margins), task.w, leaf, int(leaf.max()) + 1)
            values = task.rate * shifts
            trees.set_leaves(values)
            margins += values[leaf]
        if not grew:
            rounds -= 1
            break
        if held is not None:
            ahead = ahead + trees.margins(held.X, rounds)
            costs.append(held.cost(ahead))
            best = stopped_at(costs, held.patience)[0]
            if rounds - best >= held.patience:
                break
    kept = best if costs else rounds
    return Grown(trees.to_bytes(kept), kept, costs)


def stopped_at(costs: list[float], patience: int) -> tuple[int, list[float]]:
    """The best round before `patience` rounds brought nothing better, and the costs that were looked at."""
    best = 0
    for i, cost in enumerate(costs):
        if cost < costs[best]:
            best = i
        elif i - best >= patience:
            return best + 1, costs[: i + 1]
    return best + 1, costs


def varies(X: Array) -> bool:
    """Whether any column has two values to split between, of which missing is one."""
    return any((np.isnan(x).any() and not np.isnan(x).all()) or np.nanmin(x) < np.nanmax(x)
               for x in X.T if not np.isnan(x).all())  # fmt: skip
