"""What boosted regressors and classifiers share: a loss, an engine, and the contract between them."""

from __future__ import annotations

import inspect
import os
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, column_or_1d

from losskit import registry
from losskit.base import Evaluated, Pointwise
from losskit.boosted import files
from losskit.boosted.columns import Columns
from losskit.boosted.stopping import validation
from losskit.boosting.curvature import check_targets, renews
from losskit.boosting.descent import Descent
from losskit.boosting.growing import ENGINES, Task
from losskit.errors import CapabilityError, DataError, ParameterError
from losskit.hosts import adapter
from losskit.models.trees import raw_scores
from losskit.rowwise import Rowwise

Array = np.ndarray
# options of engines that weigh classes: what they stand for here
_OF_CLASSES = ("scale_pos_weight", "is_unbalance", "unbalance", "class_weights", "auto_class_weights")
_OURS = ("objective", "loss_function", "num_class", "base_score", "boost_from_average")


class Boosted(BaseEstimator):
    """The part that regressor and classifier share."""

    _default: type[Pointwise]
    _kind: str
    forest_: Any

    def __init__(
        self,
        loss: Any = None,
        *,
        engine: str = "lightgbm",
        n_estimators: int = 100,
        learning_rate: float = 0.1,
        objective: str = "auto",
        curvature: str = "auto",
        categorical_features: Any = None,
        early_stopping_rounds: int | None = None,
        validation_fraction: float = 0.1,
        eval_metric: Any = None,
        random_state: Any = None,
        n_jobs: int | None = None,
        **options: Any,
    ) -> None:
        self.loss = loss
        self.engine = engine
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.objective = objective
        self.curvature = curvature
        self.categorical_features = categorical_features
        self.early_stopping_rounds = early_stopping_rounds
        self.validation_fraction = validation_fraction
        self.eval_metric = eval_metric
        self.random_state = random_state
        self.n_jobs = n_jobs
        for name, value in options.items():
            setattr(self, name, value)

    def _options(self) -> dict[str, Any]:
        """The keywords that go to the engine as they are."""
        own = inspect.signature(Boosted.__init__).parameters
        return {n: v for n, v in vars(self).items() if n not in own and not n.startswith("_") and not n.endswith("_")}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters, those of the engine included."""
        return super().get_params(deep) | self._options()

    def set_params(self, **params: Any) -> Self:
        """Set parameters; a new name is one of the engine's."""
        for name in [n for n in params if n not in self.get_params() and "__" not in n]:
            setattr(self, name, params.pop(name))
        return super().set_params(**params)

    def _loss(self) -> Any:
        """The loss asked for, by value or by name."""
        if self.loss is None:
            return self._default()
        loss = registry.get(self.loss) if isinstance(self.loss, str) else self.loss
        if not isinstance(loss, Evaluated):
            raise ParameterError(f"loss is a loss such as Huber() or its name; got {self.loss!r}")
        if not isinstance(loss, Pointwise | Rowwise):
            raise CapabilityError(
                f"{loss!r} couples rows; trees ask for a gradient and a Hessian of each row alone: use the loss inside"
            )
        check_targets(loss)
        return loss

    def _train(self, loss: Any, X: Array, y: Array, w: Array | None, eval_set: Any, classes: int) -> Self:
        """Fit to a matrix and coded targets; `eval_set` is (matrix, targets as the user has them, weights)."""
        self._check()
        if w is not None:
            X, y, w = X[w > 0], y[w > 0], w[w > 0]
        host = adapter(self.engine)
        k = classes if isinstance(loss, Rowwise) else 0
        options = {n: v for n, v in self._options().items() if n != "scale_pos_weight"}
        native = None if self.objective == "losskit" else host.native(loss, self._kind, k)
        if self.objective == "native" and native is None:
            raise CapabilityError(f"{self.engine} has no objective of its own that equals {loss!r}; use 'auto'")
        if native is not None and self.curvature != "auto":
            native = None  # a curvature asked for is ours
        descent = Descent(loss, y, w, classes=k, curvature=self.curvature, factor=host.factor(k))
        if "monotone_constraints" in options and (native is not None or descent.curvature == "unit") and renews(loss):
            smooth = "HuberQuantile with curvature='majorizer'" if loss.variables == ("r",) else "Logistic"
            raise CapabilityError(
                f"leaves of {type(loss).__name__} are set anew, which breaks monotone_constraints; use {smooth}"
            )
        self.intercept_ = descent.intercept
        task = Task(
            X, y, w, descent, native, self.n_estimators, self.learning_rate, options, tuple(self.columns_.levels),
            self.seed(), _threads(self.n_jobs), validation(self, descent, eval_set),
        )  # fmt: skip
        grown = host.train(task)
        self.forest_ = host.Forest(grown.model)
        self.loss_ = descent.loss
        self.objective_ = "losskit" if native is None else f"native: {host.name_of(native)}"
        known = (descent.curvature, descent.scale) if native is None else ("native", 1.0)
        self.curvature_, self.curvature_scale_ = known
        self.n_iter_, self.validation_costs_ = grown.rounds, np.array(grown.costs)
        return self

    def _check(self) -> None:
        """Refuse options that are not meant, or not here."""
        if self.engine not in ENGINES:
            raise ParameterError(f"engine is one of {', '.join(map(repr, ENGINES))}; got {self.engine!r}")
        if self.objective not in ("auto", "native", "losskit"):
            raise ParameterError(f"objective is 'auto', 'native' or 'losskit'; got {self.objective!r}")
        if not (isinstance(self.n_estimators, (int, np.integer)) and self.n_estimators >= 1):
            raise ParameterError(f"n_estimators is a whole number of at least 1; got {self.n_estimators!r}")
        for name in _OURS:
            if name in self._options():
                raise ParameterError(f"{name} follows from the loss; leave it out, and state the loss")
        for name in _OF_CLASSES:
            if name in self._options() and not (name == "scale_pos_weight" and self._kind == "Classifier"):
                raise CapabilityError(
                    f"{name} weighs rows by their label, and XGBoost would weigh every number that is 1; use "
                    "sample_weight"
                )

    def seed(self) -> int | None:
        """The engine's seed; None leaves it at its own."""
        if self.random_state is None:
            return None
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def coded(self, loss: Any, y: Array) -> Array:
        """Targets as a loss wants them."""
        return y

    def _split(self, X: Any, y: Array, w: Array | None, eval_set: Any) -> tuple[Any, Array, Array | None, Any]:
        """Rows to train on, and the rows to stop by: those given, or a fraction drawn."""
        if self.early_stopping_rounds is None:
            if eval_set is not None:
                raise ParameterError("eval_set is looked at by early stopping only; give early_stopping_rounds too")
            return X, y, w, None
        if eval_set is not None:
            held_X, held_y, *rest = eval_set
            held_w = rest[0] if rest else None
            held = self.columns_.matrix(self, held_X), column_or_1d(held_y), held_w
            if len(held[0]) != len(held[1]):
                raise DataError(f"eval_set has {len(held[0])} rows of X and {len(held[1])} targets")
            return X, y, w, held
        rows = np.arange(len(y))
        strata = y if self._kind == "Classifier" else None
        train, test = train_test_split(
            rows, test_size=self.validation_fraction, random_state=self.seed(), stratify=strata
        )
        return X[train], y[train], None if w is None else w[train], (X[test], y[test], None if w is None else w[test])

    def _prepared(self, X: Any, sample_weight: Any) -> tuple[Array, Array | None]:
        self.columns_, matrix = Columns.learn(self, X, self.categorical_features)
        if sample_weight is None:
            return matrix, None
        return matrix, _check_sample_weight(sample_weight, matrix, dtype=np.float64, ensure_non_negative=True)

    def margins(self, X: Any) -> Array:
        """What the trees add up to, without the intercept."""
        check_is_fitted(self)
        return np.asarray(self.forest_.margins(self.columns_.matrix(self, X), _threads(self.n_jobs)))

    def raw_scores(self, X: Any) -> Array:
        """The raw scores of rows, (n,) or (n, k): the intercept and what the trees add to it."""
        return raw_scores(self.margins(X), self.intercept_)

    @property
    def feature_importances_(self) -> Array:
        """The gain of each feature's splits, of sum 1."""
        check_is_fitted(self)
        gain = np.zeros(self.n_features_in_)
        found = np.asarray(self.forest_.importance(), dtype=np.float64)
        gain[: found.size] = found
        return gain / gain.sum() if gain.sum() > 0 else gain

    def save(self, path: str | os.PathLike[str], *, force: bool = False) -> None:
        """Write a model file; `losskit.boosted.load` is the way back.

        Raises
        ------
        CapabilityError
            If the loss is a class of your own, which the file cannot hold.
        """
        files.save(self, path, force)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _threads(n_jobs: int | None) -> int:
    """What the engines take: 0 for as many as they see fit."""
    return 0 if n_jobs is None or n_jobs < 1 else int(n_jobs)
