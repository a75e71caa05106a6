"""LightGBM: a loss as its objective and metric, and its trees grown for the boosted estimators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightgbm
import numpy as np

from losskit.boosting.growing import Grown, Task, grow, varies
from losskit.boosting.raw import RawObjective, native_options
from losskit.rowwise import Rowwise

Array = np.ndarray

# its own objective is the same loss, and as good or better. Not Huber: its curvature of 1 creeps where delta is small.
# Not Poisson: its curvature is twice too large, which halves the learning rate
NATIVE = ("SquaredError", "AbsoluteError", "Quantile", "Logistic", "WeightedLogistic", "Gamma", "Tweedie")


def factor(classes: int) -> float:
    """What LightGBM multiplies p (1 - p) with since 3.0.0, for `classes` trees that grow at once."""
    return classes / (classes - 1) if classes else 1.0


def native(loss: Any, kind: str, classes: int) -> dict[str, Any] | None:
    """The options that make LightGBM's own objective this loss, or None."""
    return native_options("lightgbm", loss, kind, NATIVE, {"objective": "multiclass", "num_class": classes})


def name_of(options: dict[str, Any]) -> str:
    """What the library calls its own objective."""
    return str(options["objective"])


class Objective(RawObjective):
    """A loss for `lightgbm.train(params | {"objective": this}, ..., feval=this.metric)`, or for its estimators.

    See `losskit.boosting.raw.RawObjective` for start, weights and prediction.
    """

    def __call__(self, first: Any, second: Any, weight: Any = None) -> tuple[Array, Array]:
        """Gradient and curvature of (predictions, Dataset) in `train`, else of (targets, predictions, weights)."""
        if isinstance(second, lightgbm.Dataset):
            return self.derivatives(first, lambda: (second.get_label(), second.get_weight()))
        return self.derivatives(second, lambda: (first, weight))

    def metric(self, first: Any, second: Any, weight: Any = None) -> tuple[str, float, bool]:
        """Name, mean loss, and that lower is better."""
        if isinstance(second, lightgbm.Dataset):
            return self.name, self.cost(np.asarray(second.get_label()), first, second.get_weight()), False
        return self.name, self.cost(first, second, weight), False


def objective(loss: Any, **options: Any) -> Objective:
    """See `Evaluated.to_lightgbm`."""
    return Objective(loss, factor if isinstance(loss, Rowwise) else None, **options)


class Trees:
    """A training that grows round by round."""

    def __init__(self, task: Task) -> None:
        self.task, self.X = task, task.X
        self._barren = not varies(task.X)  # LightGBM stops with an error
        k = task.descent.outputs
        params = {
            "objective": "none", "boost_from_average": False, "feature_pre_filter": False, "verbosity": -1,
            "learning_rate": task.rate, "num_threads": task.threads,
            **({"num_class": k} if k > 1 else {}), **({} if task.seed is None else {"seed": task.seed}),
            **(task.native or {}), **task.options,
        }  # fmt: skip
        start = None
        if not task.centred:
            start = np.repeat(task.descent.intercept, len(task.y))  # a class after the other
        data = lightgbm.Dataset(
            task.X, task.label if task.native else np.zeros(len(task.y)), weight=task.w, init_score=start,
            categorical_feature=list(task.categorical), params=params, free_raw_data=False,
        )  # fmt: skip
        self.booster = lightgbm.Booster(params, data)

    def grow(self, derivatives: Callable[[Array], tuple[Array, Array]] | None) -> bool:
        """One round more; False if no tree could split."""
        if self._barren:
            return False
        if derivatives is None:
            return not self.booster.update()
        return not self.booster.update(fobj=lambda margins, _: derivatives(margins))

    def margins(self, X: Any, round_: int) -> Array:
        """What the trees of one round add to rows."""
        return self._predict(X, round_, raw_score=True)

    def leaves(self) -> Array:
        """The leaf that each training row came to in the last tree."""
        return self._predict(self.X, self.booster.current_iteration(), pred_leaf=True).astype(np.intp).ravel()

    def _predict(self, X: Any, round_: int, **asked: bool) -> Array:
        """By one round, with the threads of the training.

        Their number is one for the whole process: another one here would end the process, where trees grow at the same
        time in other threads, for LightGBM keeps a buffer for each thread it counted.
        """
        threads = self.task.threads
        return np.asarray(
            self.booster.predict(X, start_iteration=round_ - 1, num_iteration=1, num_threads=threads, **asked)
        )

    def set_leaves(self, values: Array) -> None:
        """New values for the leaves of the last tree."""
        last = self.booster.current_iteration() - 1
        for leaf, value in enumerate(values.tolist()):
            self.booster.set_leaf_output(last, leaf, value)

    def to_bytes(self, rounds: int) -> bytes:
        """The model of that many rounds."""
        return str(self.booster.model_to_string(num_iteration=rounds)).encode()


def train(task: Task) -> Grown:
    """Grow the trees of a task."""
    return grow(Trees(task), task)


class Forest:
    """Grown trees, read back from LightGBM's own text."""

    def __init__(self, model: bytes) -> None:
        self.model = model
        self.booster = lightgbm.Booster(model_str=model.decode())

    @property
    def features(self) -> int:
        """How many columns the trees were grown on."""
        return int(self.booster.num_feature())

    @property
    def outputs(self) -> int:
        """How many scores a row has."""
        return int(self.booster.num_model_per_iteration())

    def margins(self, X: Any, threads: int) -> Array:
        """What the trees add up to, without the intercept."""
        return np.asarray(self.booster.predict(X, raw_score=True, num_threads=threads), dtype=np.float64)

    def importance(self) -> Array:
        """The total gain of each feature's splits."""
        return np.asarray(self.booster.feature_importance("gain"))

    def __reduce__(self) -> Any:
        return Forest, (self.model,)
