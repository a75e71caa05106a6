"""What the data tell of a linear fit's coefficients: standard errors, tests, intervals, and how well the fit does."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from losskit.errors import CapabilityError, DataError, ParameterError, ShapeError
from losskit.inference.covariance import KINDS, Fit, spread
from losskit.inference.goodness import deviance, log_likelihood, vanishes
from losskit.losses.regression import SquaredError
from losskit.objectives.classes import ClassObjective
from losskit.objectives.linear import one_thread_each
from losskit.penalties import NoPenalty
from losskit.solvers.minimise import minimise
from losskit.solvers.posing import border, offset_of, posed_as

Array = np.ndarray
_AWAY = 1e-3  # a relative gradient beyond which coefficients are no minimum of these rows


@dataclass(frozen=True, eq=False)
class Inference:
    """Estimates of a linear model with their uncertainty. Prints as a table, in notebooks too.

    Attributes
    ----------
    loss, names : the loss, and what each estimate belongs to; the intercept first
    estimates, covariance : shapes (k,) and (k, k), in the units of the data
    kind, level : of the covariance ("HC3", "cluster", "model" ...), and of the intervals
    rows : how many rows, each counted by its weight
    freedom : how many coefficients the fit amounts to; under L2 the trace of (H + P)^-1 H
    degrees : of the t distribution; inf for the normal
    value, null_value : the mean loss at the fit, and of the best constant score
    deviance, null_deviance, log_likelihood, dispersion : None where the loss has none. The dispersion is that of
        kind "model": the error's variance of SquaredError, Pearson's of GLMs, 1 where counts or classes leave none
    """

    loss: Any
    names: tuple[str, ...]
    estimates: Array
    covariance: Array
    kind: str
    level: float
    rows: float
    freedom: float
    degrees: float
    value: float
    null_value: float
    deviance: float | None
    null_deviance: float | None
    log_likelihood: float | None
    dispersion: float | None

    @property
    def standard_errors(self) -> Array:
        """The square roots of the covariance's diagonal."""
        return np.sqrt(np.maximum(self.covariance.diagonal(), 0.0))

    @property
    def statistics(self) -> Array:
        """Estimate over standard error: z, or t where `degrees` is finite."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.estimates / self.standard_errors

    @property
    def p_values(self) -> Array:
        """Of the hypothesis that a coefficient is 0, two-sided."""
        return np.asarray(2 * self._distribution().sf(np.abs(self.statistics)))

    @property
    def intervals(self) -> Array:
        """Confidence intervals at `level`, shape (k, 2)."""
        reach = self._distribution().ppf((1 + self.level) / 2) * self.standard_errors
        return np.column_stack([self.estimates - reach, self.estimates + reach])

    @property
    def explained(self) -> float | None:
        """1 - value / null_value: R^2 of SquaredError, McFadden's of Logistic, Koenker and Machado's of quantiles."""
        return 1.0 - self.value / self.null_value if vanishes(self.loss) and self.null_value > 0 else None

    @property
    def aic(self) -> float | None:
        """-2 log likelihood + 2 freedom."""
        return None if self.log_likelihood is None else -2 * self.log_likelihood + 2 * self.freedom

    @property
    def bic(self) -> float | None:
        """-2 log likelihood + log(rows) freedom."""
        if self.log_likelihood is None:
            return None
        return -2 * self.log_likelihood + float(np.log(self.rows)) * self.freedom

    def _distribution(self) -> Any:
        from scipy import stats

        return stats.norm if np.isinf(self.degrees) else stats.t(self.degrees)

    def table(self) -> dict[str, Sequence[Any]]:
        """The columns of the printed table, by name: for pandas.DataFrame or polars.DataFrame."""
        letter = "z" if np.isinf(self.degrees) else "t"
        low, high = self.intervals.T
        edge = (1 - self.level) / 2
        return {
            "name": self.names, "estimate": self.estimates, "std error": self.standard_errors,
            letter: self.statistics, f"P>|{letter}|": self.p_values, f"{edge:.3g}": low, f"{1 - edge:.3g}": high,
        }  # fmt: skip

    def _facts(self) -> list[tuple[str, str]]:
        numbers = {
            "rows": self.rows, "coefficients": self.freedom, "mean loss": self.value, "of a constant": self.null_value,
            "explained": self.explained, "deviance": self.deviance, "null deviance": self.null_deviance,
            "log likelihood": self.log_likelihood, "AIC": self.aic, "BIC": self.bic, "dispersion": self.dispersion,
        }  # fmt: skip
        known = [(name, f"{value:.6g}") for name, value in numbers.items() if value is not None]
        return [("loss", repr(self.loss)), ("covariance", self.kind), *known]

    def _cells(self) -> list[list[str]]:
        forms = ["{}", "{:.5g}", "{:.4g}", "{:.3f}", "{:.3g}", "{:.5g}", "{:.5g}"]
        rows = zip(*self.table().values(), strict=True)
        return [[form.format(x) for form, x in zip(forms, row, strict=True)] for row in rows]

    def __str__(self) -> str:
        facts = self._facts()
        width = max(len(name) for name, _ in facts) + 2
        rows = [list(self.table()), *self._cells()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [f"{name:{width}}{value}" for name, value in facts] + [""]
        for name, *cells in rows:
            lines.append("  ".join([f"{name:{widths[0]}}", *map(str.rjust, cells, widths[1:])]).rstrip())
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        facts = "".join(f"<tr><th>{a}</th><td>{html.escape(b)}</td></tr>" for a, b in self._facts())
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.table())
        body = "".join(f"<tr>{''.join(f'<td>{html.escape(c)}</td>' for c in row)}</tr>" for row in self._cells())
        return f"<table>{facts}</table><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


@dataclass(frozen=True, eq=False)
class Question:
    """A fitted linear model as `infer` takes it: what was minimised, and where that ended."""

    loss: Any
    penalty: Any
    fit_intercept: bool
    coef: Any
    intercept: Any
    names: Sequence[str]
    classes: Sequence[Any] = ()


def infer(
    fitted: Question, X: Any, y: Array, sample_weight: Any = None, covariance: str = "robust", groups: Any = None,
    weights: str = "frequency", dispersion: float | str | None = None, level: float = 0.95, offset: Any = None,
) -> Inference:  # fmt: skip
    """The inference about a model from the rows it was fitted to; `LinearRegressor.inference` has the parameters."""
    penalty = fitted_penalty(fitted)
    check_asked(penalty, covariance, weights, dispersion, level)
    X, y, w, place = border(X, y, sample_weight)
    offset = offset_of(offset, place)
    groups = None if groups is None else _coded(groups, place)
    counts = np.ones(len(y)) if w is None or weights == "sampling" else w
    with one_thread_each():
        objective = posed_as(fitted.loss, penalty, X, y, w, fitted.fit_intercept, False, offset)
        theta = objective.from_user(np.asarray(fitted.coef), fitted.intercept)
        fit = Fit(objective, theta, counts)
        null = _null_value(fitted, objective)
        y = objective.y  # less the offset where the loss is of the residual
        every = np.ones(len(y)) if w is None else w
        sums = None if groups is None else partial(fit.group_sums, groups)
        return concluded(fitted, fit, covariance, sums, dispersion, level, null, lambda term: float(every @ term(y)))


def concluded(
    fitted: Question, fit: Any, covariance: str, grouped: Any, dispersion: Any, level: float, null: float, summed: Any
) -> Inference:
    """The inference from a fit, or what stands for one over a stream; null is the mean loss of the best constant."""
    objective, loss = fit.objective, fitted.loss
    names = _names(fitted, objective)
    point = objective.evaluate(fit.theta)
    if not fit.kinked:
        _check_rows(objective.kkt(point.gradient))
    found = spread(fit, covariance, grouped, dispersion, _in_blocks(names, objective))
    estimates, turned = _in_units(objective, fit.theta, found.covariance)
    total = objective.total
    value = point.value - fitted_penalty(fitted).value(np.ravel(fitted.coef))
    exact = covariance == "model" and isinstance(loss, SquaredError)
    return Inference(
        loss, tuple(names), estimates, turned, found.kind, level, fit.n, found.freedom,
        fit.n - found.freedom if exact else np.inf, value, null, deviance(loss, value * total),
        deviance(loss, null * total), log_likelihood(loss, value * total, total, summed, found.dispersion),
        found.dispersion,
    )  # fmt: skip


def fitted_penalty(fitted: Question) -> Any:
    """The penalty, or none as such."""
    return fitted.penalty or NoPenalty()


def check_asked(penalty: Any, covariance: str, weights: str, dispersion: Any, level: float) -> None:
    """Raise unless these go together."""
    if not penalty.smooth:
        raise CapabilityError(
            f"the penalty {penalty!r} has kinks: it holds some coefficients at 0 and bends the rest, so estimates are "
            "not near normal and a standard error would mislead; refit without it or with L2, or use the bootstrap"
        )
    if covariance not in KINDS:
        raise ParameterError(f"covariance must be one of {', '.join(map(repr, KINDS))}; got {covariance!r}")
    if weights not in ("frequency", "sampling"):
        raise ParameterError(f'weights must be "frequency" (a row of weight 2 is two) or "sampling"; got {weights!r}')
    if not 0 < level < 1:
        raise ParameterError(f"level must lie between 0 and 1; got {level!r}")
    if dispersion is not None and covariance != "model":
        raise ParameterError(f'dispersion belongs to covariance="model"; got covariance={covariance!r}')
    number = isinstance(dispersion, (int, float)) and dispersion > 0
    if not (dispersion is None or dispersion == "pearson" or number):
        raise ParameterError(f'dispersion must be None, "pearson" or a number above 0; got {dispersion!r}')


def _coded(groups: Any, place: Array) -> Array:
    groups = np.asarray(groups)
    if groups.shape != place.shape:
        raise ShapeError(f"groups has shape {groups.shape}; it must be {place.shape}, one name a row")
    return np.unique(groups[place >= 0], return_inverse=True)[1]


def _check_rows(away: float) -> None:
    if not away <= _AWAY:
        raise DataError(
            f"the model is no minimum on these rows (relative gradient {away:.1e}); pass the X, y, sample_weight and "
            "offset it was fitted with, and fit it to a smaller tol if it stopped early"
        )


def _names(fitted: Question, objective: Any) -> list[str]:
    """The names of the estimates, in the user's order: by score, the intercept first."""
    one = ["intercept", *fitted.names] if fitted.fit_intercept else list(fitted.names)
    if not isinstance(objective, ClassObjective):
        return one
    of = fitted.classes if len(fitted.classes) else fitted.loss.outputs
    return [f"{name} [{which}]" for which in of for name in one]


def _in_blocks(names: list[str], objective: Any) -> list[str]:
    """The names in the order of `theta`: the intercept last."""
    q = objective.design.size
    return [name for a in range(0, len(names), q) for name in _turned(names[a : a + q], objective)]


def _turned(names: list[str], objective: Any) -> list[str]:
    return [*names[1:], names[0]] if objective.design.intercept else names


def _in_units(objective: Any, theta: Array, covariance: Array) -> tuple[Array, Array]:
    """Estimates and covariance in the user's units, the intercept of each score first."""
    design = objective.design
    p, q = design.columns, design.size
    turn = np.zeros((q, q))  # the user's numbers from theta
    first = int(design.intercept)
    turn[first:, :p] = np.diag(1 / design.scale)
    if first:
        turn[0, :p], turn[0, -1] = -design.shift / design.scale, 1.0
    whole = np.kron(np.eye(len(theta) // q), turn)
    estimates = whole @ theta
    if first:
        estimates[0] += getattr(objective, "base", 0.0)
    return estimates, whole @ covariance @ whole.T


def _null_value(fitted: Question, objective: Any) -> float:
    """The mean loss of the best constant score; of no score at all without an intercept."""
    loss, y, w = fitted.loss, objective.y, objective.weights
    offset = getattr(objective, "offset", None)
    at = np.zeros((len(y), *np.shape(fitted.intercept))) if offset is None else offset
    if not fitted.fit_intercept:
        return float(loss(y, at, w))
    if offset is None:
        return float(loss(y, at + np.asarray(loss.constant(y, w)), w))
    return float(minimise(loss, None, np.zeros((len(y), 1)), y, w, offset=offset, tol=1e-8).value)
