"""Boosted trees as scikit-learn estimators, with any loss on any engine."""

from __future__ import annotations

import os
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from losskit.boosted import files
from losskit.boosted.base import Boosted
from losskit.domains import SIGNS
from losskit.errors import CapabilityError, DomainError
from losskit.labels import has_probabilities, is_ordered, loss_of_classes, refuse_missing
from losskit.losses.binary import Logistic
from losskit.losses.regression import SquaredError
from losskit.rowwise import Rowwise

Array = np.ndarray


class BoostedRegressor(RegressorMixin, Boosted):
    """Boosted trees for the mean, median, quantile ... of numbers, whichever the loss elicits.

    Parameters
    ----------
    loss : Pointwise or str, optional
        SquaredError() by default. A parameter "auto" is set from the residuals and set again after 1, 2, 4, 8 ...
        rounds. A loss of several outputs grows as many trees a round.
    engine : {"lightgbm", "xgboost", "catboost"}
    n_estimators, learning_rate : int, float
        Rounds, and the factor of each tree.
    objective : {"auto", "native", "losskit"}
        "auto" takes the engine's own objective where it is the same loss, else ours; `objective_` says which.
    curvature : {"auto", "hessian", "fisher", "majorizer", "irls", "absolute", "unit"}
        See `losskit.boosting`; a name other than "auto" means our objective.
    categorical_features : list of names or positions, optional
        Columns of text or categories are found by themselves.
    early_stopping_rounds : int, optional
        Stop after so many rounds without a better cost on `eval_set`, or on `validation_fraction` of the rows.
    eval_metric : Loss, str or scorer, optional
        What is looked at: by default the loss, at the scale it has at the start; another loss; or a scorer of
        scikit-learn, of which greater is better.
    random_state, n_jobs : as in scikit-learn; without n_jobs the engine decides
    **options
        Go to the engine as they are: num_leaves, max_depth, monotone_constraints, reg_lambda ...

    Attributes
    ----------
    intercept_ : ndarray of shape (outputs,)
        The best constant, where the trees start.
    loss_ : the loss, no parameter open
    objective_ : str
        "native: " and the engine's name for it, or "losskit".
    curvature_, curvature_scale_ : str, float
        The curvature's name, and its mean at the start, by which gradient and curvature are divided; "native" and 1 for
        an objective of the engine.
    n_iter_, validation_costs_, feature_importances_, n_features_in_, feature_names_in_

    Examples
    --------
    >>> from losskit import BoostedRegressor, Huber
    >>> model = BoostedRegressor(Huber(delta="auto"), n_estimators=20, num_leaves=7, n_jobs=1)
    """

    _default, _kind = SquaredError, "Regressor"

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, eval_set: Any = None) -> Self:
        """Fit to rows X and numbers y; a row of weight 2 counts as two. `eval_set` is (X, y) or (X, y, weights).

        Raises
        ------
        DomainError
            If a target lies outside the loss's domain, naming the row.
        CapabilityError
            If the loss is one of classes or nothing that trees can descend, or an option weighs classes.
        """
        loss = self._loss()
        if isinstance(loss, Rowwise) or loss.domain is SIGNS:
            raise CapabilityError(
                f"{type(loss).__name__} is a loss of classes; use BoostedClassifier, or SquaredError here"
            )
        matrix, w = self._prepared(X, sample_weight)
        y = _numbers(y, len(matrix))
        matrix, y, w, held = self._split(matrix, y, w, eval_set)
        return self._train(loss, matrix, y, w, held, 0)

    def predict(self, X: Any) -> Array:
        """What the loss elicits, on the scale of y: exp of the score for losses of log means."""
        scores = self.raw_scores(X)
        return np.asarray(self.loss_.predict(scores))


class BoostedClassifier(ClassifierMixin, Boosted):
    """Boosted trees for two classes or more, with labels of any kind.

    Parameters
    ----------
    loss : Pointwise, Rowwise or str, optional
        By default Logistic() for two classes, SoftmaxCrossEntropy() for more.
    engine, n_estimators, learning_rate, objective, curvature, categorical_features, early_stopping_rounds, eval_metric
        As for BoostedRegressor.
    random_state, n_jobs, **options
        As for BoostedRegressor; `scale_pos_weight` multiplies the weights of `classes_[1]`, of two classes.

    Attributes
    ----------
    classes_ : ndarray of shape (k,)
    intercept_, loss_, objective_, curvature_, curvature_scale_, n_iter_, validation_costs_, feature_importances_
        As for BoostedRegressor.
    """

    _default, _kind = Logistic, "Classifier"

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, eval_set: Any = None) -> Self:
        """Fit to rows X and labels y; a row of weight 2 counts as two. `eval_set` is (X, y) or (X, y, weights).

        Raises
        ------
        DomainError
            If there is one class, or more classes than the loss has.
        CapabilityError
            If the loss is one of numbers, or nothing that trees can descend.
        """
        matrix, w = self._prepared(X, sample_weight)
        y = column_or_1d(y, warn=True)
        check_consistent_length(matrix, y)
        refuse_missing(y)
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        loss = loss_of_classes(self, None if self.loss is None else self._loss())
        if is_ordered(loss):
            raise CapabilityError(
                f"{loss!r} has scores between classes, and trees here have one a class; use SoftmaxCrossEntropy, or "
                "LinearClassifier for ordered classes"
            )
        if w is not None and len(np.unique(y[w > 0])) < len(self.classes_):
            raise DomainError("a class has only rows of weight 0; leave it out, or give it weight")
        matrix, y, w, held = self._split(matrix, y, w, eval_set)
        factor = self._options().get("scale_pos_weight", 1.0)
        if factor != 1.0:
            if len(self.classes_) != 2:
                raise CapabilityError("scale_pos_weight weighs one of two classes; use sample_weight for more")
            w = np.where(y == self.classes_[1], factor, 1.0) * (1.0 if w is None else w)
        return self._train(loss, matrix, self.coded(loss, y), w, held, len(self.classes_))

    def coded(self, loss: Any, y: Array) -> Array:
        """Labels as a loss wants them: 0, 1 ..., or -1 and 1."""
        if (unknown := ~np.isin(y, self.classes_)).any():
            raise DomainError(f"the label {y[unknown][0]!r} is not among the classes fitted, {self.classes_.tolist()}")
        codes = np.searchsorted(self.classes_, y).astype(np.float64)
        return 2.0 * codes - 1.0 if getattr(loss, "domain", None) is SIGNS else codes

    def decision_function(self, X: Any) -> Array:
        """The raw score of each row (positive means `classes_[1]`), or for more than two classes of each class."""
        scores = self.raw_scores(X)
        return scores[:, 1] - scores[:, 0] if scores.ndim == 2 and len(self.classes_) == 2 else scores

    def predict(self, X: Any) -> Array:
        """The label of each row."""
        scores = self.raw_scores(X)
        return np.asarray(self.classes_[scores.argmax(axis=1) if scores.ndim == 2 else (scores > 0).astype(np.intp)])

    @available_if(has_probabilities)
    def predict_proba(self, X: Any) -> Array:
        """The probability of each class, (n, k), rows of sum 1; for losses whose score tells it."""
        scores = self.raw_scores(X)
        if scores.ndim == 2:
            return np.asarray(self.loss_.predict(scores))
        # each from its own side, so that neither is rounded to 0 early
        return np.column_stack([self.loss_.predict(-scores), self.loss_.predict(scores)])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = self.loss is None or isinstance(self._loss(), Rowwise)
        return tags


def _numbers(y: Any, rows: int) -> Array:
    y = column_or_1d(y, warn=True)
    refuse_missing(y)
    y = check_array(y, dtype=np.float64, ensure_2d=False, input_name="y")
    if len(y) != rows:
        raise ValueError(f"Found input variables with inconsistent numbers of samples: [{rows}, {len(y)}]")
    return np.asarray(y)


def load(path: str | os.PathLike[str]) -> Any:
    """Read a model that `BoostedRegressor.save` or `BoostedClassifier.save` wrote; it predicts the same bits.

    Parameters
    ----------
    path : path of the file

    Returns
    -------
    BoostedRegressor or BoostedClassifier
        Parameters that JSON cannot hold (a scorer, a random state) are back at their defaults.

    Raises
    ------
    ModelFileError
        If the file is missing, damaged, foreign, or holds what no fit makes.
    MissingExtra
        If its engine is not installed.
    """
    return files.read(path, (BoostedRegressor, BoostedClassifier))
