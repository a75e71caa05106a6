"""Linear models whose penalty's strength, and loss if several are given, are chosen by cross-validation."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from scipy.stats import rankdata
from sklearn.metrics import check_scoring
from sklearn.model_selection import check_cv
from sklearn.utils.validation import _check_sample_weight

from losskit import registry
from losskit.base import Pointwise
from losskit.data.streams import Stream
from losskit.errors import CapabilityError, ConvergenceWarning, ParameterError
from losskit.estimators.fold_paths import Held, Judge, Paths, StreamPaths, validated, validated_streams
from losskit.estimators.linear import LinearClassifier, LinearRegressor
from losskit.labels import loss_of_classes
from losskit.objectives.linear import one_thread_each
from losskit.penalties import L1, L2, Penalty
from losskit.rowwise import Rowwise
from losskit.solvers.over_streams import Rows
from losskit.solvers.posing import border, check_options, offset_of

Array = np.ndarray
_FOLDS, _CRITERIA = ("min", "one_standard_error"), ("aic", "bic")


class _Chosen:
    """What regressor and classifier share: the grid, the folds, the choice."""

    coef_: Any
    intercept_: Any
    loss_: Any
    n_iter_: Any
    penalty_: Any
    solution_: Any
    loss: Any

    def __init__(
        self,
        loss: Any = None,
        *,
        penalty: Penalty | None = None,
        alphas: Any = 50,
        cv: Any = 5,
        rule: str = "min",
        scoring: Any = None,
        fit_intercept: bool = True,
        solver: str = "auto",
        tol: float = 1e-8,
        max_iter: int | None = None,
    ) -> None:
        self.loss = loss
        self.penalty = penalty
        self.alphas = alphas
        self.cv = cv
        self.rule = rule
        self.scoring = scoring
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter

    def _loss(self: Any) -> Any:
        """The loss asked for, or the losses."""
        if not isinstance(self.loss, (list, tuple)):
            return super()._loss()  # type: ignore[misc]
        if not self.loss:
            raise ParameterError("loss is an empty list; name a loss, or several to choose from")
        return [registry.get(each) if isinstance(each, str) else each for each in self.loss]

    def _minimise(self: Any, loss: Any, X: Any, y: Array, sample_weight: Any, offset: Any) -> None:
        """Paths on all rows and without each fold, what the folds say, the choice, and the fit at it."""
        losses = loss if isinstance(loss, list) else [loss]
        for each in losses:
            check_options(each, self.penalty, self.tol, self.max_iter, None)
        self._check_choice(losses)
        if np.ndim(y) == 2 or (isinstance(X, Stream) and X.several):
            raise CapabilityError("a path is one target's; fit a model to each, or the model without CV to all")
        judge, penalty = Judge(self, self._scorer()), self.penalty or self._usual()
        if isinstance(X, Stream):
            if judge.scorer is not None and not hasattr(judge.scorer, "taken"):
                raise CapabilityError(
                    f"scoring={self.scoring!r} wants all rows at once, and {X!r} is read in batches; give a loss, "
                    "such as AbsoluteError(), whose mean adds up"
                )
            with one_thread_each():
                rows = Rows.of(X, losses[0])
                self._settle([StreamPaths(each, penalty, rows, self) for each in losses], self.cv, judge)
            return
        w = None if sample_weight is None else _check_sample_weight(sample_weight, X, dtype=np.float64)
        classifier = isinstance(self, LinearClassifier)
        folds = [test for _, test in check_cv(self.cv, y, classifier=classifier).split(np.zeros(len(y)), y)]
        X, y, w, place = border(X, y, w)
        moved = offset_of(offset, place)
        folds = [at[at >= 0] for at in (place[test] for test in folds)]
        with one_thread_each():
            held = Held(X, y, w, moved, self.fit_intercept)
            self._settle([Paths(each, penalty, held, self) for each in losses], folds, judge)

    def _check_choice(self: Any, losses: list[Any]) -> None:
        if self.rule not in (*_FOLDS, *_CRITERIA):
            known = ", ".join(map(repr, (*_FOLDS, *_CRITERIA)))
            raise ParameterError(f"rule must be one of {known}; got {self.rule!r}")
        if isinstance(self.loss, (list, tuple)) and self.scoring is None:
            raise ParameterError(
                f"{len(losses)} losses need a scoring to be compared by, for each measures errors in a unit of its "
                'own; give scoring=AbsoluteError() or another loss, a name such as "r2", or a scorer of scikit-learn\'s'
            )
        if self.rule in _CRITERIA and (self.scoring is not None or isinstance(self.loss, (list, tuple))):
            raise ParameterError(
                f"{self.rule} is the loss's own likelihood, which no scoring replaces and other losses do not share; "
                'use rule="min"'
            )

    def _scorer(self: Any) -> Any:
        if isinstance(self.scoring, (Pointwise, Rowwise)):
            return self.scoring.to_scorer()
        if not (self.scoring is None or isinstance(self.scoring, str) or callable(self.scoring)):
            raise ParameterError(
                f"scoring must be one: a loss, a name of scikit-learn's, or a scorer(model, X, y); got {self.scoring!r}"
            )
        return None if self.scoring is None else check_scoring(self, self.scoring)

    def _usual(self) -> Penalty:
        return L2() if isinstance(self, LinearClassifier) else L1()

    def _settle(self: Any, works: list[Any], folds: Any, judge: Judge) -> None:
        """The paths, the choice among their fits, and the fit there."""
        if self.rule in _CRITERIA:
            work = works[0]
            whole = work.whole()
            self.criteria_ = work.criteria(whole, 2.0 if self.rule == "aic" else float(np.log(work.n)))
            at = int(np.argmin(self.criteria_))
        else:
            judged = validated_streams if isinstance(works[0], StreamPaths) else validated
            wholes, found = judged(works, folds, judge)
            self.cv_results_ = _results(works, wholes, found)
            best = int(np.argmin([_mean(each).min() for each in found]))
            work, whole, self.cv_losses_ = works[best], wholes[best], found[best]
            at = _chosen(self.cv_losses_, self.rule)
        self.alphas_, self.coef_path_, self.intercept_path_ = whole.alphas, whole.coefs, whole.intercepts
        missed = int(np.sum(whole.certificates > self.tol))
        if missed:
            warnings.warn(
                f"{missed} of {len(whole.alphas)} fits of the path miss tol={self.tol:g} (the worst certificate is "
                f"{whole.certificates.max():.1e}); raise tol or max_iter, or leave out the smallest alphas",
                ConvergenceWarning,
                stacklevel=5,
            )
        self.alpha_ = float(self.alphas_[at])
        self.penalty_ = work.penalty.with_alpha(self.alpha_)
        solution = work.refit(self.penalty_, (self.coef_path_[at], self.intercept_path_[at]))
        self.solution_, self.loss_ = solution, solution.loss
        self.coef_, self.intercept_ = solution.coef, solution.intercept
        self.n_iter_ = max(solution.iterations, 1)


def _mean(losses: Array) -> Array:
    """What the folds say on average, by alpha; inf where a fold's is none."""
    means = losses.mean(axis=1)
    return np.where(np.isfinite(means), means, np.inf)


def _chosen(losses: Array, rule: str) -> int:
    """Which row of (alphas, folds) has the least mean; or the first, the strongest, within a standard error of it."""
    means = _mean(losses)
    best = int(np.argmin(means))
    if rule == "min" or losses.shape[1] < 2:
        return best
    error = float(losses[best].std(ddof=1)) / np.sqrt(losses.shape[1])
    return int(np.argmax(means <= means[best] + error))


def _results(works: list[Any], wholes: list[Any], found: list[Array]) -> dict[str, Any]:
    """Each loss and alpha with what the folds say of it, greater being better, in scikit-learn's words."""
    params = [
        {"loss": work.asked, "alpha": float(alpha)}
        for work, whole in zip(works, wholes, strict=True)
        for alpha in whole.alphas
    ]
    scores = -np.concatenate(found)
    results: dict[str, Any] = {"params": params, "param_alpha": np.array([each["alpha"] for each in params])}
    results["param_loss"] = np.array([each["loss"] for each in params], dtype=object)
    results |= {f"split{i}_test_score": column for i, column in enumerate(scores.T)}
    results["mean_test_score"], results["std_test_score"] = scores.mean(axis=1), scores.std(axis=1)
    results["rank_test_score"] = rankdata(-np.nan_to_num(results["mean_test_score"], nan=-np.inf), "min").astype(int)
    return results


class LinearRegressorCV(_Chosen, LinearRegressor):
    """`LinearRegressor` with the strength of its penalty chosen by cross-validation, and its loss if several are given.

    In every fold and on all rows the fits follow a path from the strongest penalty down. For a squared loss the folds
    share one Gram matrix; several losses share folds, X's units and the passes over a file.

    Parameters
    ----------
    loss : Pointwise, str, or a list of these, optional
        SquaredError() by default; also what the folds are judged by. Of a list the loss with the best `scoring` is
        chosen, with its alpha.
    penalty : Penalty, optional
        Its alpha is replaced. L1() by default.
    alphas : int or array_like
        How many, from the least that leaves no coefficient down to a thousandth of it (a hundredth for more columns
        than rows); or which.
    cv : int, splitter or iterable
        As scikit-learn takes it. The rows of a file are dealt to so many folds in turn.
    rule : {"min", "one_standard_error", "aic", "bic"}
        The alpha of the least mean loss, or the largest within one standard error of it; or without folds that of the
        least information criterion, coefficients counted as in Zou, Hastie and Tibshirani (2007),
        doi:10.1214/009053607000000127.
    scoring : Pointwise, Rowwise, str or callable, optional
        What the folds are judged by in place of the loss: another loss, of the predictions (AbsoluteError()); a name or
        scorer as scikit-learn takes it. A list of losses needs one, for none is measured in the unit of another. Of a
        file it is a loss.
    fit_intercept, solver, tol, max_iter
        As for LinearRegressor; `tol` is kept by each fit of the path.

    Attributes
    ----------
    alpha_ : float
    alphas_ : ndarray of shape (k,), decreasing
    coef_path_, intercept_path_ : ndarray of shape (k, n_features_in_) and (k,), fitted to all rows
    cv_losses_ : ndarray of shape (k, folds), the mean loss of the rows left out, or minus their score
    cv_results_ : dict, each loss and alpha with its scores in the folds, greater being better, as GridSearchCV has it
    criteria_ : ndarray of shape (k,), of the rules "aic" and "bic"
    penalty_ : Penalty, the one chosen
    coef_, intercept_, loss_, solution_, n_iter_ : as for LinearRegressor, at `alpha_`

    Examples
    --------
    >>> from losskit import Huber, L1
    >>> from losskit.estimators.cross_validated import LinearRegressorCV
    >>> model = LinearRegressorCV(Huber(1.0), penalty=L1(), rule="one_standard_error")
    >>> several = LinearRegressorCV(["squared error", Huber("auto")], scoring="neg_median_absolute_error")
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = False
        return tags


class LinearClassifierCV(_Chosen, LinearClassifier):
    """`LinearClassifier` with the strength of its penalty chosen by cross-validation, in stratified folds.

    Parameters and attributes are those of LinearRegressorCV, but that the loss is by default that of LinearClassifier
    and the penalty L2(); `coef_path_` has a matrix for each alpha if the loss is one of several classes.
    """

    def _loss_of_classes(self, asked: Any) -> Any:
        if not isinstance(asked, list):
            return super()._loss_of_classes(asked)
        return [loss_of_classes(self, each) for each in asked]

    def _codes_for(self, loss: Any) -> None:
        return None  # 0, 1 ... whatever the loss: there may be several

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if isinstance(self.loss, (list, tuple)):
            tags.classifier_tags.multi_class = all(isinstance(each, Rowwise) for each in self._loss())
        return tags
