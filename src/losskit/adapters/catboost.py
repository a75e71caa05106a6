"""CatBoost: a loss as its objective and metric, and its trees grown for the boosted estimators.

CatBoost calls an objective for blocks of rows, or of several scores for single rows, which takes milliseconds a row;
and it never hands out its trees between rounds. So losses of several scores are refused but for its own, leaves are
not renewed, a scale is taken from the residuals of a first training, and early stopping looks back over a whole one.
"""

from __future__ import annotations

import warnings
from typing import Any

import catboost
import numpy as np

from losskit.base import Pointwise
from losskit.boosting.curvature import curvature_of, renews
from losskit.boosting.descent import Descent
from losskit.boosting.growing import Grown, Task, stopped_at, varies
from losskit.boosting.raw import RawObjective, native_options
from losskit.errors import CapabilityError, ParameterError

Array = np.ndarray

NATIVE = ("SquaredError", "AbsoluteError", "Quantile", "Expectile", "Logistic", "Tweedie")


def factor(classes: int) -> float:
    """1: CatBoost's own objective of several classes takes the whole Hessian of a row."""
    return 1.0


def native(loss: Any, kind: str, classes: int) -> dict[str, Any] | None:
    """The options that make CatBoost's own objective this loss, or None."""
    return native_options("catboost", loss, kind, NATIVE, {"loss_function": "MultiClass", "classes_count": classes})


def name_of(options: dict[str, Any]) -> str:
    """What the library calls its own objective."""
    return str(options["loss_function"])


class _Derivatives:
    """What CatBoost asks an objective for; it wants the derivatives of minus the loss."""

    def __init__(self, descent: Descent, start: float) -> None:
        self.descent, self.start = descent, start

    def calc_ders_range(self, approxes: Any, targets: Any, weights: Any) -> Array:
        """(-g, -h) of a block of rows with one score each."""
        f = np.asarray(approxes, dtype=np.float64) + self.start
        return -np.column_stack(self.descent.at(_array(targets), f, _array(weights)))


class Metric:
    """The mean loss; lower is better."""

    def __init__(self, objective: Objective) -> None:
        self.objective = objective

    def is_max_optimal(self) -> bool:
        """That lower is better."""
        return False

    def evaluate(self, approxes: Any, target: Any, weight: Any) -> tuple[float, float]:
        """The sum of the weighted losses, and of the weights."""
        y, w = _array(target), _array(weight)
        total = float(y.size if w is None else w.sum())
        return self.objective.cost(y, approxes[0], w) * total, total

    def get_final_error(self, error: float, weight: float) -> float:
        """The mean."""
        return error / (weight or 1.0)


class Objective(RawObjective):
    """A loss for ``CatBoost({"loss_function": this, "eval_metric": this.metric})``.

    CatBoost never shows all rows at once, so the targets are stated when it is made: ``loss.to_catboost(y, weights)``,
    or an `intercept` instead, for prediction alone. See `losskit.boosting.raw.RawObjective` for prediction.
    """

    def __init__(self, loss: Any, y: Any = None, sample_weight: Any = None, **options: Any) -> None:
        super().__init__(loss, **options)
        _refuse(loss, curvature_of(loss) if self.curvature == "auto" else self.curvature)
        if y is None and self.intercept is None:
            raise ParameterError("CatBoost shows an objective no whole; state the targets: to_catboost(y, weights)")
        if y is not None:
            y = np.asarray(y, dtype=np.float64)
            self.begin(y, np.zeros(y.shape), sample_weight)
        self.metric = Metric(self)

    def calc_ders_range(self, approxes: Any, targets: Any, weights: Any) -> Array:
        """(-g, -h) of a block of rows."""
        if self._descent is None or self.intercept is None:
            raise CapabilityError("this objective was made to predict with; train with to_catboost(y, weights)")
        derivatives = _Derivatives(self._descent, float(self.intercept[0]))
        return derivatives.calc_ders_range(approxes, targets, weights)


def objective(loss: Any, y: Any = None, sample_weight: Any = None, **options: Any) -> Objective:
    """See `Evaluated.to_catboost`."""
    return Objective(loss, y, sample_weight, **options)


def train(task: Task) -> Grown:
    """Grow the trees of a task: twice, if the loss takes its scale from the residuals."""
    descent = task.descent
    if task.native is None:
        _refuse(descent.loss, descent.curvature)
    if not varies(task.X):
        return Grown(b"", 0, [])  # it refuses to grow no tree
    model = _trained(task)
    if descent.open:
        descent.rescale(np.asarray(model.predict(_rows(task.X, task.categorical), "RawFormulaVal")))
        model = _trained(task)
    rounds, costs = model.tree_count_, []
    if task.validation is not None:
        staged = model.staged_predict(_rows(task.validation.X, task.categorical), "RawFormulaVal")
        costs = [task.validation.cost(np.asarray(margins)) for margins in staged]
        rounds, costs = stopped_at(costs, task.validation.patience)
        model.shrink(max(rounds, 1))
    return Grown(bytes(model._serialize_model()), rounds, costs)


def _refuse(loss: Any, curvature: str) -> None:
    """Raise CapabilityError for what this engine cannot do."""
    kind = type(loss).__name__
    if not isinstance(loss, Pointwise) or len(loss.outputs) > 1:
        raise CapabilityError(
            f"CatBoost calls an objective of several scores row by row, far too slowly for {kind}; use "
            "engine='lightgbm' or 'xgboost', or SoftmaxCrossEntropy() with its own objective"
        )
    if curvature == "unit" and renews(loss):
        raise CapabilityError(
            f"CatBoost cannot renew leaves, as {kind} needs; use engine='lightgbm' or 'xgboost', or AbsoluteError or "
            "Quantile with its own objective"
        )


def _trained(task: Task) -> Any:
    descent, residual = task.descent, getattr(task.descent.loss, "variables", ()) == ("r",)
    label = task.y - descent.intercept[0] if residual else task.y  # CatBoost keeps it in float32
    start = None if task.centred else np.tile(descent.intercept, (len(task.y), 1))
    ders = _Derivatives(descent, 0.0 if residual else float(descent.intercept[0]))
    ours = {"loss_function": ders, "eval_metric": "RMSE", "leaf_estimation_method": "Newton"}
    options = {
        "iterations": task.rounds, "learning_rate": task.rate, "thread_count": task.threads or -1,
        "logging_level": "Silent", "allow_writing_files": False,
        **({} if task.seed is None else {"random_seed": task.seed}),
        **(ours if task.native is None else {"boost_from_average": False, **task.native}), **task.options,
    }  # fmt: skip
    pool = catboost.Pool(
        _rows(task.X, task.categorical), label, cat_features=list(task.categorical), weight=task.w, baseline=start
    )
    model = catboost.CatBoost(options)
    with warnings.catch_warnings():  # that it cannot compile a Python objective: ours is compiled
        warnings.filterwarnings("ignore", message="(Can't optimi?ze|Failed to optimize) method")
        model.fit(pool)
    return model


class Forest:
    """Grown trees, read back from CatBoost's own binary format."""

    def __init__(self, model: bytes) -> None:
        self.model = model
        self.booster = catboost.CatBoost()
        if model:
            self.booster.load_model(blob=model)

    def margins(self, X: Any, threads: int) -> Array:
        """What the trees add up to, without the intercept."""
        if not self.model:
            return np.zeros(len(X))
        rows = _rows(X, tuple(self.booster.get_cat_feature_indices()))
        return np.asarray(self.booster.predict(rows, "RawFormulaVal", thread_count=threads or -1), dtype=np.float64)

    def importance(self) -> Array:
        """The share of the predictions' change that each feature makes."""
        return np.asarray(self.booster.get_feature_importance() if self.model else [])

    def __reduce__(self) -> Any:
        return Forest, (self.model,)


def _rows(X: Array, categorical: tuple[int, ...]) -> Any:
    """Categories as whole numbers, a missing one as -1."""
    if not categorical:
        return X
    rows = X.astype(object)
    for i in categorical:
        rows[:, i] = np.where(np.isnan(X[:, i]), -1, X[:, i]).astype(np.int64)
    return rows


def _array(x: Any) -> Any:
    return None if x is None or len(x) == 0 else np.asarray(x, dtype=np.float64)
