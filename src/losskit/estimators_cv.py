"""Linear models whose penalty's strength is chosen by cross-validation, over a path of fits in every fold."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.model_selection import check_cv
from sklearn.utils.validation import _check_sample_weight

from losskit.errors import CapabilityError, ConvergenceWarning, DomainError, ParameterError
from losskit.estimators import LinearClassifier, LinearRegressor
from losskit.inference.goodness import log_likelihood
from losskit.memory import refuse_beyond
from losskit.objective import one_thread_each
from losskit.penalties import L1, L2, Penalty
from losskit.rowwise import Rowwise
from losskit.solvers import over_streams
from losskit.solvers.choose import is_proximal
from losskit.solvers.control import Control
from losskit.solvers.joint_scale import JointScale
from losskit.solvers.minimise import minimise, solution_of
from losskit.solvers.over_streams import Rows
from losskit.solvers.path import Path, SharedGram, alpha_grid, follow, has_gram, posed
from losskit.solvers.posing import border, resolved
from losskit.solvers.streamed_path import fold_losses, points, shared_fits, shared_grams
from losskit.streams import Stream

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

    def __init__(
        self,
        loss: Any = None,
        *,
        penalty: Penalty | None = None,
        alphas: Any = 50,
        cv: Any = 5,
        rule: str = "min",
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
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter

    def _minimise(self: Any, loss: Any, X: Any, y: Array, sample_weight: Any, offset: Any) -> None:
        """Paths on all rows and without each fold, the losses of the folds, the choice, and the fit at it."""
        if self.rule not in (*_FOLDS, *_CRITERIA):
            known = ", ".join(map(repr, (*_FOLDS, *_CRITERIA)))
            raise ParameterError(f"rule must be one of {known}; got {self.rule!r}")
        if isinstance(loss, JointScale):
            raise CapabilityError('JointScale has no path; use its loss with a scale of "auto", such as Huber("auto")')
        if np.ndim(y) == 2 or (isinstance(X, Stream) and X.several):
            raise CapabilityError("a path is one target's; fit a model to each, or the model without CV to all")
        if isinstance(X, Stream):
            with one_thread_each():
                self._settle(_StreamPaths(loss, self.penalty or self._usual(), X, self), None)
            return
        if offset is not None:
            raise CapabilityError("cross-validation takes no offset; use GridSearchCV over the model without CV")
        w = None if sample_weight is None else _check_sample_weight(sample_weight, X, dtype=np.float64)
        classifier = isinstance(self, LinearClassifier)
        folds = [test for _, test in check_cv(self.cv, y, classifier=classifier).split(np.zeros(len(y)), y)]
        X, y, w, kept = border(X, y, w)
        folds = [place[place >= 0] for place in (kept[test] for test in folds)]
        with one_thread_each():
            loss = resolved(loss, X, y, w, self.fit_intercept)
            self._settle(_Paths(loss, self.penalty or self._usual(), X, y, w, self), folds)

    def _usual(self) -> Penalty:
        return L2() if isinstance(self, LinearClassifier) else L1()

    def _settle(self: Any, work: Any, folds: list[Array] | None) -> None:
        """The paths, the choice among their fits, and the fit there."""
        if self.rule in _CRITERIA:
            whole = work.whole()
            self.criteria_ = work.criteria(whole, 2.0 if self.rule == "aic" else float(np.log(work.n)))
            at = int(np.argmin(self.criteria_))
        else:
            whole, self.cv_losses_ = work.validated(folds)
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


class _Paths:
    """The paths of one data set and of what is left of it without a fold."""

    def __init__(self, loss: Any, penalty: Penalty, X: Any, y: Array, w: Array | None, options: Any) -> None:
        _refuse_kinks(loss)
        self.loss, self.penalty, self.X, self.y, self.w, self.options = loss, penalty, X, y, w, options
        self.n = float(len(y) if w is None else w.sum())
        self.classes = int(y.max()) + 1 if isinstance(loss, Rowwise) else 1
        self.solver = options.solver
        problem = posed(loss, penalty, X, y, w, options.fit_intercept, self.classes)
        self.alphas = _grid(options.alphas, problem)
        count = 1 if options.rule in _CRITERIA else 2
        refuse_beyond(
            8.0 * count * len(self.alphas) * problem.size, f"the coefficients of {len(self.alphas)} fits of a path",
            "use fewer alphas",
        )  # fmt: skip
        self.problem: Any = problem
        rows, columns = X.shape
        shared = has_gram(loss, penalty, rows, columns)
        self.shared = SharedGram(loss, X, y, w, options.fit_intercept, problem.smooth.base) if shared else None

    def whole(self) -> Path:
        """The path of all rows."""
        return self.follow(None)[0]

    def validated(self, folds: list[Array]) -> tuple[Path, Array]:
        """The path of all rows, and the losses of each fold's rows at the fits without it, (alphas, folds)."""
        return self.whole(), np.column_stack([self.follow(test)[1] for test in folds])

    def refit(self, penalty: Penalty, start: Any) -> Any:
        """The Solution at one penalty."""
        o = self.options
        return minimise(
            self.loss, penalty, self.X, self.y, self.w, fit_intercept=o.fit_intercept, solver=o.solver, tol=o.tol,
            max_iter=o.max_iter, start=start,
        )  # fmt: skip

    def follow(self, left_out: Array | None) -> tuple[Path, Array]:
        """The path without some rows, and their mean loss at each of its fits."""
        o = self.options
        if left_out is None:
            if self.shared is not None:
                return self.shared.follow(self.penalty, self.alphas, o.tol), np.empty(0)
            return follow(self.problem, self.alphas, self.solver, o.tol, o.max_iter), np.empty(0)
        if not len(left_out) or len(left_out) == len(self.y):
            raise DomainError("a fold holds no rows of weight above 0, or all of them; use fewer folds (cv)")
        if self.shared is not None:
            path = self.shared.without(left_out).follow(self.penalty, self.alphas, o.tol)
        else:
            kept = np.setdiff1d(np.arange(len(self.y)), left_out)
            w = None if self.w is None else self.w[kept]
            part = posed(self.loss, self.penalty, self.X[kept], self.y[kept], w, o.fit_intercept, self.classes)
            path = follow(part, self.alphas, self.solver, o.tol, o.max_iter)
        return path, self._losses(path, left_out)

    def criteria(self, path: Path, price: float) -> Array:
        """-2 log likelihood + price times what the coefficients count as, at each fit of the path."""
        if self.classes > 1 or not (self.penalty.smooth or _by_pieces(self.penalty)):
            raise CapabilityError(
                f"{self.options.rule} needs to know what coefficients count as, which it does for one score a row "
                f'and sums over coefficients; with {self.loss!r} and {self.penalty!r} use rule="min"'
            )
        found: list[float] = []
        for alpha, point in zip(path.alphas, self.points(path), strict=True):
            likelihood = log_likelihood(self.loss, point.value * self.n, self.n, self.summed, None)
            if likelihood is None:
                raise CapabilityError(f'{self.loss!r} has no likelihood without more being known; use rule="min"')
            problem = self.problem.with_penalty(self.penalty.with_alpha(float(alpha)))
            found.append(-2 * likelihood + price * _freedom(problem, point))
        return np.array(found)

    def points(self, path: Path) -> list[Any]:
        """Value and derivatives of the mean loss at each fit of a path."""
        at = (self.problem.from_user(coef, b) for coef, b in zip(path.coefs, path.intercepts, strict=True))
        return [self.problem.smooth.evaluate(theta, order=2) for theta in at]

    def summed(self, term: Any) -> float:
        """The weighted sum of a function of y."""
        return float((np.ones(len(self.y)) if self.w is None else self.w) @ term(self.y))

    def _losses(self, path: Path, rows: Array) -> Array:
        X, y, w = self.X[rows], self.y[rows], None if self.w is None else self.w[rows]
        scores = [X @ c.T + b for c, b in zip(path.coefs, path.intercepts, strict=True)]
        return np.array([self.loss(y, f, w) for f in scores])


class _StreamPaths(_Paths):
    """The same of rows that are read in batches, a pass for all fits that wait for one."""

    def __init__(self, loss: Any, penalty: Penalty, stream: Stream, options: Any) -> None:
        _refuse_kinks(loss)
        self.rows = Rows.of(stream, loss)
        problem = self.rows.posed(loss, penalty, options.fit_intercept, True)
        self.problem, self.loss, self.penalty, self.options = problem, problem.loss, penalty, options
        self.classes, self.alphas = problem.classes, _grid(options.alphas, problem)
        self.n = problem.smooth.total = self._weight()
        self.quadratic = has_gram(self.loss, penalty, problem.design.rows, problem.design.columns)

    def _weight(self) -> float:
        return float(self.summed(np.ones_like))

    def whole(self) -> Path:
        """The path of all rows."""
        return self._paths(0)[0]

    def validated(self, folds: Any) -> tuple[Path, Array]:
        """The path of all rows, and the losses of each fold's rows at the fits without it, (alphas, folds)."""
        count = self.options.cv
        if not isinstance(count, (int, np.integer)) or count < 2:
            raise CapabilityError(
                f"the rows of {self.rows.stream!r} are dealt to folds in turn, so cv is their number; got {count!r}"
            )
        whole, *others = self._paths(int(count))
        return whole, fold_losses(self.problem, others)

    def _paths(self, folds: int) -> list[Path]:
        if self.quadratic:
            each = shared_grams(self.problem, folds)
            return [gram.follow(self.penalty, self.alphas, self.options.tol) for gram in each]
        return shared_fits(self.problem, self.rows, self.alphas, folds, self.options)

    def refit(self, penalty: Penalty, start: Any) -> Any:
        """The Solution at one penalty."""
        o = self.options
        control = Control(o.tol, o.max_iter or 0)
        problem = self.rows.posed(self.loss, penalty, o.fit_intercept, is_proximal(penalty, o.solver))
        return solution_of(*over_streams.solve(problem, o.solver, start, control))

    def points(self, path: Path) -> list[Any]:
        """Value and derivatives of the mean loss at each fit of a path."""
        return points(self.problem, self.rows, path)

    def summed(self, term: Any) -> float:
        """The weighted sum of a function of y, in a pass."""
        total = 0.0

        def show(_: Any, part: Any) -> None:
            nonlocal total
            total += float((np.ones(len(part.y)) if part.weights is None else part.weights) @ term(part.y))

        self.problem.smooth.visit(show)
        return total


def _refuse_kinks(loss: Any) -> None:
    if loss.traits().differentiable is False:
        raise CapabilityError(
            f"{loss!r} has kinks, and a path needs a smooth loss; use Smoothed({loss!r}, width=0.01), or "
            "GridSearchCV over the model without CV"
        )


def _grid(given: Any, problem: Any) -> Array:
    if isinstance(given, (int, np.integer)) and not isinstance(given, bool) and given >= 1:
        return alpha_grid(problem, int(given), None)
    alphas = np.sort(np.asarray(given, dtype=np.float64), axis=-1)[..., ::-1] if np.ndim(given) else np.empty(0)
    if alphas.ndim != 1 or not alphas.size or not (np.isfinite(alphas) & (alphas >= 0)).all():
        raise ParameterError(f"alphas must be a count >= 1 or numbers >= 0; got {given!r}")
    return alphas


def _by_pieces(penalty: Penalty) -> bool:
    return penalty.separable and type(penalty).pieces is not Penalty.pieces


def _freedom(problem: Any, point: Any) -> float:
    """What the coefficients count as: those that are not held at 0 (Zou et al. 2007), less under a ridge."""
    theta, H = point.theta, point.hessian
    if problem.penalty.smooth:
        free, bend = np.arange(problem.size), np.zeros(problem.size)
        bend[problem.at] = problem.penalty.hessian_diagonal(problem.coef(theta)) / problem.scale**2
    else:
        pieces = problem.pieces(theta)
        free, bend = np.flatnonzero((theta != 0) | (pieces.l1 == 0)), pieces.l2
    part = H[np.ix_(free, free)]
    return float(np.trace(np.linalg.lstsq(part + np.diag(bend[free]), part, rcond=1e-12)[0]))


def _chosen(losses: Array, rule: str) -> int:
    """Which row of (alphas, folds) has the least mean; or the first, the strongest, within a standard error of it."""
    means = losses.mean(axis=1)
    means = np.where(np.isfinite(means), means, np.inf)
    best = int(np.argmin(means))
    if rule == "min" or losses.shape[1] < 2:
        return best
    error = float(losses[best].std(ddof=1)) / np.sqrt(losses.shape[1])
    return int(np.argmax(means <= means[best] + error))


class LinearRegressorCV(_Chosen, LinearRegressor):
    """`LinearRegressor` with the strength of its penalty chosen by cross-validation.

    In every fold and on all rows the fits follow a path from the strongest penalty down. For a squared loss the folds
    share one Gram matrix.

    Parameters
    ----------
    loss : Pointwise or str, optional
        SquaredError() by default; also what the folds are judged by.
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
    fit_intercept, solver, tol, max_iter
        As for LinearRegressor; `tol` is kept by each fit of the path.

    Attributes
    ----------
    alpha_ : float
    alphas_ : ndarray of shape (k,), decreasing
    coef_path_, intercept_path_ : ndarray of shape (k, n_features_in_) and (k,), fitted to all rows
    cv_losses_ : ndarray of shape (k, folds), the mean loss of the rows left out
    criteria_ : ndarray of shape (k,), of the rules "aic" and "bic"
    penalty_ : Penalty, the one chosen
    coef_, intercept_, loss_, solution_, n_iter_ : as for LinearRegressor, at `alpha_`

    Examples
    --------
    >>> from losskit import Huber, L1
    >>> from losskit.estimators_cv import LinearRegressorCV
    >>> model = LinearRegressorCV(Huber(1.0), penalty=L1(), rule="one_standard_error")
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = False
        return tags


class LinearClassifierCV(_Chosen, LinearClassifier):
    """`LinearClassifier` with the strength of its penalty chosen by cross-validation, in stratified folds.

    Parameters and attributes are those of LinearRegressorCV, but that the penalty is L2() by default; `coef_path_` has
    a matrix for each alpha if the loss is one of several classes.
    """
