"""Linear models as scikit-learn estimators: any loss, any penalty, and a certificate for every fit."""

from __future__ import annotations

import os
from functools import partial
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, column_or_1d

from losskit import registry
from losskit.base import Pointwise
from losskit.data.columns import order_of
from losskit.data.streams import Stream, as_stream, is_streamed
from losskit.errors import CapabilityError
from losskit.estimators import files
from losskit.estimators.data import checked, features_of, question_of, rows_of, scores_of, streamed
from losskit.inference import Inference, infer
from losskit.inference.streamed import infer_streamed
from losskit.labels import (
    classes_of,
    coded,
    counted,
    has_probabilities,
    is_ordered,
    loss_of_classes,
    refuse_classes,
    refuse_missing,
)
from losskit.losses.binary import Logistic
from losskit.losses.regression import SquaredError
from losskit.losses.scores import MultiQuantile
from losskit.objectives.ordered import log_probabilities
from losskit.penalties import Penalty
from losskit.rowwise import Rowwise
from losskit.solvers.joint_scale import JointScale
from losskit.solvers.minimise import TOLERANCE, minimise
from losskit.solvers.several import minimise_each, minimise_levels

Array = np.ndarray


class _Linear(BaseEstimator):
    """The part that regressor and classifier share."""

    _default: type[Pointwise]
    coef_: Any
    intercept_: Any
    solution_: Any

    def __init__(
        self,
        loss: Pointwise | Rowwise | JointScale | str | None = None,
        *,
        penalty: Penalty | None = None,
        fit_intercept: bool = True,
        solver: str = "auto",
        tol: float = TOLERANCE,
        max_iter: int | None = None,
    ) -> None:
        self.loss = loss
        self.penalty = penalty
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter

    def _loss(self) -> Pointwise | Rowwise | JointScale:
        """The loss asked for, by value or by name."""
        if self.loss is None:
            return self._default()
        return registry.get(self.loss) if isinstance(self.loss, str) else self.loss

    def _minimise(
        self, loss: Pointwise | Rowwise | JointScale, X: Any, y: Any, sample_weight: Any, offset: Any
    ) -> None:
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=np.float64)
        if np.ndim(y) == 2 or (isinstance(X, Stream) and X.several):
            self._minimise_each(loss, X, y, sample_weight, offset)
            return
        solve: Any = minimise_levels if isinstance(loss, MultiQuantile) else minimise
        solution = solve(
            loss, self.penalty, X, y, sample_weight, fit_intercept=self.fit_intercept, solver=self.solver, tol=self.tol,
            max_iter=self.max_iter, offset=offset,
        )  # fmt: skip
        self.solution_ = solution
        self.loss_ = solution.loss
        self.coef_, self.intercept_ = solution.coef, solution.intercept
        self.n_iter_ = max(solution.iterations, 1)

    def _minimise_each(self, loss: Any, X: Any, Y: Array, sample_weight: Any, offset: Any) -> None:
        found = minimise_each(
            loss, self.penalty, X, Y, sample_weight, fit_intercept=self.fit_intercept, solver=self.solver, tol=self.tol,
            max_iter=self.max_iter, offset=offset,
        )  # fmt: skip
        self.solution_, self.loss_ = tuple(found), loss
        self.coef_ = np.array([solution.coef for solution in found])
        self.intercept_ = np.array([solution.intercept for solution in found])
        self.n_iter_ = max(1, *(solution.iterations for solution in found))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _scores(self, X: Any, offset: Any = None) -> Array:
        check_is_fitted(self)
        return scores_of(self, X, offset)

    @property
    def feature_names_out_(self) -> Array:
        """What the coefficients belong to: columns, and for one of text or categories "column=level", but for one."""
        check_is_fitted(self)
        return np.array(features_of(self), dtype=object)

    def save(self, path: str | os.PathLike[str], *, force: bool = False) -> None:
        """Write a model file without pickle; `losskit.estimators.load` is the way back.

        A model chosen by cross-validation is saved as the one at its alpha.

        Raises
        ------
        CapabilityError
            If the loss or the penalty is a class of your own, which the file cannot hold.
        """
        check_is_fitted(self)
        files.save(self, path, force)

    def _coded(self, y: Array) -> Array:
        """The targets as the loss takes them."""
        return np.asarray(y, dtype=np.float64)

    def inference(
        self, X: Any, y: Any = None, sample_weight: Any = None, *, covariance: str = "robust", groups: Any = None,
        weights: str = "frequency", dispersion: float | str | None = None, level: float = 0.95, offset: Any = None,
    ) -> Inference:  # fmt: skip
        """Standard errors, tests, intervals and criteria, from the rows the model was fitted to.

        The loss's scale and the penalty's strength are taken as known, even where they were found on the data.

        Parameters
        ----------
        X, y, sample_weight, offset
            As given to `fit`; of a file the names of columns, as `groups` is.
        covariance : {"robust", "model", "HC0", "HC1", "HC2", "HC3", "cluster"}
            "robust" holds whatever the distribution of y: "cluster" if groups are given, else "HC3" ("HC1" for several
            scores a row; of quantiles Powell's kernel estimate). "model" trusts the loss's distribution, and for
            losses of the residual that errors are alike in all rows. `losskit.inference.covariance` has the formulas.
        groups : array_like of shape (rows,), optional
            Which rows belong together: errors may depend on each other within a group.
        weights : {"frequency", "sampling"}
            Whether a row of weight 2 is two rows, or one that counts double (survey and precision weights).
        dispersion : float or "pearson", optional
            For "model". By default 1 where classes or counts leave none open, else Pearson's; "pearson" makes a
            quasi-Poisson.
        level : float
            Of the intervals.

        Returns
        -------
        Inference

        Raises
        ------
        CapabilityError
            If the penalty has kinks, or the loss has some and is no quantile's.
        DataError
            If these are not the rows of the fit, or do not tell coefficients apart.
        """
        check_is_fitted(self)
        fitted = question_of(self)
        if is_streamed(X):
            stream = rows_of(self, as_stream(X, y, sample_weight, offset))
            stream = stream.coded(self._coded, len(fitted.classes) or None)
            return infer_streamed(fitted, stream, covariance, groups, weights, dispersion, level)
        X, y = checked(self, X, y, reset=False)
        return infer(fitted, X, self._coded(y), sample_weight, covariance, groups, weights, dispersion, level, offset)


class LinearRegressor(RegressorMixin, _Linear):
    """A linear model of the mean, median, quantile ... of numbers, whichever the loss elicits.

    Minimises sum(w L(y, X coef + b)) / sum(w) + penalty(coef).

    Parameters
    ----------
    loss : Pointwise, MultiQuantile, JointScale or str, optional
        SquaredError() by default; a name such as "huber" means its default parameters. A parameter "auto" is set from
        the residuals of a median fit. Of k outputs (GaussianNLL) or levels (MultiQuantile) each has its coefficients.
    penalty : Penalty, optional
        None by default; L2(alpha=...), L1(alpha=...), ElasticNet, GroupLasso and others.
    fit_intercept : bool
        The intercept is not penalised.
    solver : {"auto", "newton", "newton_cg", "lbfgs", "proximal_newton", "coordinate_descent", "proximal_gradient",
        "smoothing", "irls", "dual_descent", "gradient_descent", "momentum", "nesterov", "sgd", "adam"}
    tol : float
        The certificate (duality gap or relative gradient) to reach.
    max_iter : int, optional
        The solver's own default if None.

    Attributes
    ----------
    coef_, intercept_ : ndarray of shape (n_features_in_,), float; of t targets, outputs or levels (t, n_features_in_)
        and (t,)
    loss_ : Pointwise
        The loss minimised, no parameter open; for JointScale, its loss at the scale found.
    solution_ : Solution
        Value, certificate, solver, the reason for it, and the curve; of several targets a tuple.
    n_iter_, n_features_in_, feature_names_in_ : as in scikit-learn
    feature_names_out_ : what each coefficient belongs to: a column, or "column=level"

    Examples
    --------
    >>> from losskit import Huber
    >>> from losskit.estimators.linear import LinearRegressor
    >>> model = LinearRegressor(Huber(delta="auto")).fit([[0.0], [1.0], [2.0], [3.0]], [0.1, 0.9, 2.1, 9.0])
    """

    _default = SquaredError

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, offset: Any = None) -> Self:
        """Fit to rows X and numbers y; a row of weight 2 counts as two.

        A frame's columns of text and categories have a coefficient for each level but the most frequent.
        `offset`, one number a row, is added to the scores: the logarithm of the exposure for losses of a log link. Of a
        file, fit("rows.parquet", "y"), y, sample_weight and offset are names of columns; it is read in batches. Several
        targets are columns of y, or of a file fit("rows.parquet", ["a", "b"]), where a pass serves all of them.

        Raises
        ------
        DomainError
            If a target lies outside the loss's domain, naming the row.
        CapabilityError
            If the loss is one of classes, or the solver does not fit the loss.
        """
        loss = self._loss()
        for each in loss if isinstance(loss, list) else [loss]:
            refuse_classes(each)
        if is_streamed(X):
            self._minimise(loss, streamed(self, X, y, sample_weight, offset), None, None, None)
            return self
        X, y = checked(self, X, y, y_numeric=True, multi_output=True)
        if np.ndim(y) == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        self._minimise(loss, X, y, sample_weight, offset)
        return self

    def __sklearn_tags__(self) -> Any:
        tags, loss = super().__sklearn_tags__(), self._loss()
        tags.target_tags.multi_output = isinstance(loss, Pointwise) and len(loss.outputs) == 1 and not loss._open()
        return tags

    def predict(self, X: Any, offset: Any = None) -> Array:
        """What the loss elicits, on the scale of y: exp of the score for losses of log means; a column a quantile.

        Without an `offset` it is 0: of a model of counts by exposure, the rate.
        """
        score = self._scores(X, offset)
        return np.asarray(self.loss_.predict(score))

    def score(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None) -> float:
        """R^2 of the predictions at this offset, the mean over several targets."""
        from sklearn.metrics import r2_score

        return float(r2_score(y, self.predict(X, offset), sample_weight=sample_weight))


class LinearClassifier(ClassifierMixin, _Linear):
    """A linear model of two classes or more, with labels of any kind.

    Minimises sum(w L(y, X coef + b)) / sum(w) + penalty(coef), the labels coded as the loss wants them: -1 and +1 for
    losses of the margin, 0 and 1 for others of two classes, 0 ... k - 1 for row-wise losses of k classes.

    With Ordinal() or Coral() the classes are ordered: numbers by value, ordered categoricals (pandas, a polars Enum) by
    their categories. All share one score, cut by k - 1 thresholds; Ordinal() is the proportional odds model.

    Parameters
    ----------
    loss : Pointwise, Rowwise or str, optional
        By default Logistic() for two classes, SoftmaxCrossEntropy() for more. Ordinal() for ordered classes.
    penalty, fit_intercept, solver, tol, max_iter
        As for LinearRegressor.

    Attributes
    ----------
    classes_ : ndarray of shape (k,)
    coef_ : ndarray of shape (1, n_features_in_), or (k, n_features_in_) for a row-wise loss, the classes' sum 0; of
        ordered classes (1, n_features_in_)
    intercept_ : ndarray of shape (1,) or (k,); of ordered classes (k - 1,)
    thresholds_ : ndarray of shape (k - 1,), minus the intercepts, rising; of ordered classes
    loss_, solution_, n_iter_, n_features_in_, feature_names_in_ : as for LinearRegressor
    """

    _default = Logistic

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, offset: Any = None) -> Self:
        """Fit to rows X and labels y; a row of weight 2 counts as two, and `offset` is added to the scores.

        Of a file, fit("rows.parquet", "label"), all but X are names of columns; it is read in batches.

        Raises
        ------
        DomainError
            If there is one class, or more classes than the loss has, or text whose order an ordered loss cannot know.
        CapabilityError
            If the loss is one of numbers, or the solver does not fit the loss.
        DataError
            If a value is missing, in X or y.
        """
        asked = None if self.loss is None else self._loss()
        if is_streamed(X):
            stream = streamed(self, X, y, sample_weight, offset)
            self.classes_ = stream.labels()
            loss = self._loss_of_classes(asked)
            code = partial(coded, classes=self.classes_, loss=self._codes_for(loss))
            self._minimise(loss, stream.coded(code, len(self.classes_)), None, None, None)
        else:
            order = order_of(y) if is_ordered(asked) else ()
            X, y = checked(self, X, y)
            refuse_missing(y)
            check_classification_targets(y)
            if sample_weight is not None:
                sample_weight = _check_sample_weight(sample_weight, X, dtype=np.float64)
                y = counted(y, sample_weight)
            self.classes_ = classes_of(y, asked, order)
            loss = self._loss_of_classes(asked)
            self._minimise(loss, X, coded(y, self.classes_, self._codes_for(loss)), sample_weight, offset)
        if isinstance(self.loss_, Pointwise):
            self.coef_, self.intercept_ = self.coef_[None, :], np.array([self.intercept_])
        return self

    def _loss_of_classes(self, asked: Any) -> Any:
        return loss_of_classes(self, asked)

    def _codes_for(self, loss: Any) -> Any:
        return loss

    def _coded(self, y: Array) -> Array:
        return coded(y, self.classes_, self.loss_)

    @property
    def thresholds_(self) -> Array:
        """Of ordered classes, the score X coef' at which the odds of lying above each but the last are even."""
        if not is_ordered(self._loss()):
            raise AttributeError(f"thresholds_ are of ordered classes; {self._loss()!r} has none, use Ordinal()")
        return -np.asarray(self.intercept_)

    def decision_function(self, X: Any, offset: Any = None) -> Array:
        """The raw score of each row (positive means `classes_[1]`), or for more than two classes of each class.

        Of more than two ordered classes, whose scores lie between them, their log-probabilities. An `offset`, 0 by
        default, is for losses of one score a row.
        """
        scores = self._scores(X, offset)
        if is_ordered(self.loss_):
            return log_probabilities(scores)
        return scores[:, 1] - scores[:, 0] if scores.ndim == 2 and len(self.classes_) == 2 else scores

    def predict(self, X: Any, offset: Any = None) -> Array:
        """The label of each row: the likeliest, where the loss tells probabilities."""
        scores = self.decision_function(X, offset)
        return np.asarray(self.classes_[scores.argmax(axis=1) if scores.ndim == 2 else (scores > 0).astype(np.intp)])

    @available_if(has_probabilities)
    def predict_proba(self, X: Any, offset: Any = None) -> Array:
        """The probability of each class, for losses whose score tells it."""
        score = self._scores(X, offset)
        if score.ndim == 2:
            return np.asarray(self.loss_.predict(score))
        # each from its own side, so that neither is rounded to 0 early
        return np.column_stack([self.loss_.predict(-score), self.loss_.predict(score)])

    def score(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None) -> float:
        """The share of right labels at this offset."""
        from sklearn.metrics import accuracy_score

        return float(accuracy_score(y, self.predict(X, offset), sample_weight=sample_weight))

    def _scores(self, X: Any, offset: Any = None) -> Array:
        check_is_fitted(self)
        if offset is not None and not isinstance(self.loss_, Pointwise):
            raise CapabilityError(f"an offset is for losses of one score a row such as Logistic; got {self.loss_!r}")
        return super()._scores(X, offset)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = self.loss is None or isinstance(self._loss(), Rowwise)
        tags.classifier_tags.poor_score = is_ordered(self._loss())  # of classes without an order
        return tags


def load(path: str | os.PathLike[str]) -> LinearRegressor | LinearClassifier:
    """Read a linear estimator that `save` wrote.

    Raises
    ------
    ModelFileError
        If the file is missing, damaged, foreign, or holds what no fit makes.
    """
    found: LinearRegressor | LinearClassifier = files.read(path, (LinearRegressor, LinearClassifier))
    return found
