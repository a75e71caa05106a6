"""XGBoost: a loss as its objective and metric, and its trees grown for the boosted estimators."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import xgboost

from losskit.boosting.growing import Grown, Task, grow
from losskit.boosting.raw import RawObjective, native_options
from losskit.errors import CapabilityError
from losskit.rowwise import Rowwise

Array = np.ndarray

# its own objective is the same loss, and as good or better. Not PseudoHuber, whose curvature vanishes far off; not
# Poisson, whose curvature is twice too large, which halves the learning rate
NATIVE = ("SquaredError", "AbsoluteError", "Quantile", "Logistic", "WeightedLogistic", "Gamma", "Tweedie")

_NEUTRAL = {"logit": 0.5, "log": 1.0}  # the base score that adds nothing, by link of the native objective


def factor(classes: int) -> float:
    """What XGBoost multiplies p (1 - p) with, up to 3.2: by 2 the diagonal alone bounds the Hessian."""
    return 2.0 if classes else 1.0


def native(loss: Any, kind: str, classes: int) -> dict[str, Any] | None:
    """The options that make XGBoost's own objective this loss, or None."""
    return native_options("xgboost", loss, kind, NATIVE, {"objective": "multi:softprob", "num_class": classes})


def name_of(options: dict[str, Any]) -> str:
    """What the library calls its own objective."""
    return str(options["objective"])


class Objective(RawObjective):
    """A loss for `xgboost.train(params, data, rounds, obj=this, custom_metric=this.metric)`, or for its estimators.

    See `losskit.boosting.raw.RawObjective` for start, weights and prediction; raw scores come by
    ``booster.predict(data, output_margin=True)``. The metric's name begins with none of those that XGBoost maximises.
    """

    def __call__(self, first: Any, second: Any, sample_weight: Any = None) -> tuple[Array, Array]:
        """Gradient and curvature of (predictions, DMatrix) in `train`, else of (targets, predictions, weights)."""
        if isinstance(second, xgboost.DMatrix):
            return self.derivatives(first, lambda: (second.get_label(), _weights(second)))
        return self.derivatives(second, lambda: (first, sample_weight))

    def metric(self, predictions: Any, data: Any) -> tuple[str, float]:
        """Name and mean loss."""
        return self.name, self.cost(data.get_label(), predictions, _weights(data))


def objective(loss: Any, **options: Any) -> Objective:
    """See `Evaluated.to_xgboost`."""
    return Objective(loss, factor if isinstance(loss, Rowwise) else None, **options)


class Trees:
    """A training that grows round by round."""

    def __init__(self, task: Task) -> None:
        self.task = task
        k, options = task.descent.outputs, task.options
        if options.get("num_parallel_tree", 1) != 1 or options.get("booster", "gbtree") != "gbtree":
            raise CapabilityError("boosted estimators grow one gbtree a round; leave num_parallel_tree and booster out")
        params = {
            "verbosity": 0, "eta": task.rate, "nthread": task.threads, "base_score": _NEUTRAL.get(task.link, 0.0),
            "num_class": k if k > 1 else 0, **({} if task.seed is None else {"seed": task.seed}),
            **(task.native or {}), **options,
        }  # fmt: skip
        if isinstance(signs := params.get("monotone_constraints"), list):
            params["monotone_constraints"] = tuple(signs)  # the one sequence that a Booster takes
        self.data = _matrix(task.X, task.categorical)
        self.data.set_info(label=task.label if task.native else np.zeros(len(task.y)), weight=task.w)
        if not task.centred:
            self.data.set_base_margin(np.tile(task.descent.intercept, (len(task.y), 1)).reshape(len(task.y), -1))
        self.booster = xgboost.Booster(params, [self.data])
        self.rounds = 0
        self.renewed: list[Array] = []
        self.held: Any = None  # the validation rows, once they are asked for

    def grow(self, derivatives: Callable[[Array], tuple[Array, Array]] | None) -> bool:
        """One round more."""
        objective = None if derivatives is None else lambda margins, _: derivatives(margins)
        self.booster.update(self.data, self.rounds, objective)
        self.rounds += 1
        return True

    def margins(self, X: Any, round_: int) -> Array:
        """What the trees of one round add to rows."""
        if self.held is None:
            self.held = _matrix(X, self.task.categorical)
        if self.renewed:
            return self.renewed[round_ - 1][self._leaves(self.held)]
        return np.asarray(self.booster.predict(self.held, output_margin=True, iteration_range=(round_ - 1, round_)))

    def leaves(self) -> Array:
        """The node that each training row came to in the last tree."""
        return self._leaves(self.data)

    def _leaves(self, data: Any) -> Array:
        last = self.booster[self.rounds - 1 : self.rounds]
        return np.asarray(last.predict(data, pred_leaf=True), dtype=np.intp).ravel()

    def set_leaves(self, values: Array) -> None:
        """New values for those leaves, to be written into the model when it is complete."""
        self.renewed.append(values)

    def to_bytes(self, rounds: int) -> bytes:
        """The model of that many rounds."""
        whole = self.booster[:rounds]
        if self.renewed:
            model = json.loads(whole.save_raw("json"))
            trees = model["learner"]["gradient_booster"]["model"]["trees"]
            for tree, values in zip(trees, self.renewed, strict=False):
                for node, value in enumerate(values.astype(np.float32).tolist()):
                    if tree["left_children"][node] == -1:
                        tree["split_conditions"][node] = tree["base_weights"][node] = value
            whole = xgboost.Booster(model_file=bytearray(json.dumps(model).encode()))
        return bytes(whole.save_raw("ubj"))


def train(task: Task) -> Grown:
    """Grow the trees of a task."""
    return grow(Trees(task), task)


class Forest:
    """Grown trees, read back from XGBoost's own binary JSON."""

    def __init__(self, model: bytes) -> None:
        self.model = model
        self.booster = xgboost.Booster(model_file=bytearray(model))
        self.categorical = tuple(i for i, kind in enumerate(self.booster.feature_types or ()) if kind == "c")

    def margins(self, X: Any, threads: int) -> Array:
        """What the trees add up to, without the intercept."""
        self.booster.set_param({"nthread": threads})
        found = self.booster.predict(_matrix(X, self.categorical), output_margin=True)
        return np.asarray(found, dtype=np.float64)

    def importance(self) -> Array:
        """The total gain of each feature's splits."""
        gains = self.booster.get_score(importance_type="total_gain")
        return np.array([gains.get(f"f{i}", 0.0) for i in range(self.booster.num_features())])

    def __reduce__(self) -> Any:
        return Forest, (self.model,)


def _matrix(X: Array, categorical: tuple[int, ...]) -> Any:
    kinds = ["c" if i in categorical else "float" for i in range(X.shape[1])]
    names = [f"f{i}" for i in range(X.shape[1])]
    return xgboost.DMatrix(X, feature_names=names, feature_types=kinds, enable_categorical=True)


def _weights(data: Any) -> Array | None:
    weights = data.get_weight()
    return weights if weights.size else None
