"""Any distribution of scipy.stats as a loss: the negative logarithm of its density, by its own parameters."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from losskit.base import Pointwise
from losskit.calculus import exp, log, log1p, shape_normaliser, softplus, stirling, where, xlog1py, xlogy
from losskit.domains import COUNTS, OPEN_UNIT, POSITIVE, REAL, Domain
from losskit.errors import CapabilityError, DomainError
from losskit.evaluate import (
    EMPTY,
    REDUCTIONS,
    check_out,
    first_bad,
    given_arrays,
    refuse_empty,
    refuse_options,
    weight_sum,
)
from losskit.traits import Traits

_HALF_LOG_2PI = math.log(2 * math.pi) / 2


def _log_gamma(x: Any) -> Any:
    return shape_normaliser(log(x)) + x * log(x) - x


def _log_factorial(y: Any) -> Any:
    return stirling(y) + xlogy(y, y) - y


def _student(z: Any, df: Any) -> Any:
    normaliser = _log_gamma(df / 2) - _log_gamma((df + 1) / 2) + log(df * math.pi) / 2
    return (df + 1) / 2 * log1p(z * z / df) + normaliser


def _beta(z: Any, a: Any, b: Any) -> Any:
    return _log_gamma(a) + _log_gamma(b) - _log_gamma(a + b) - xlogy(a - 1, z) - xlog1py(b - 1, -z)


def _negative_binomial(y: Any, n: Any, p: Any) -> Any:
    return _log_gamma(n) + _log_factorial(y) - _log_gamma(y + n) - n * log(p) - xlog1py(y, -p)


# of z = (y - loc)/scale and the shapes, and of z the least and the largest that there are
CONTINUOUS: dict[str, tuple[Callable[..., Any], float, float]] = {
    "beta": (_beta, 0.0, 1.0),
    "cauchy": (lambda z: log1p(z * z) + math.log(math.pi), -math.inf, math.inf),
    "expon": (lambda z: z, 0.0, math.inf),
    "gamma": (lambda z, a: _log_gamma(a) - xlogy(a - 1, z) + z, 0.0, math.inf),
    "gumbel_l": (lambda z: exp(z) - z, -math.inf, math.inf),
    "gumbel_r": (lambda z: exp(-z) + z, -math.inf, math.inf),
    "halfnorm": (lambda z: z * z / 2 + (_HALF_LOG_2PI - math.log(2)), 0.0, math.inf),
    "laplace": (lambda z: abs(z) + math.log(2), -math.inf, math.inf),
    "logistic": (lambda z: softplus(z) + softplus(-z), -math.inf, math.inf),
    "lognorm": (lambda z, s: (log(z) / s) ** 2 / 2 + log(z) + log(s) + _HALF_LOG_2PI, 0.0, math.inf),
    "norm": (lambda z: z * z / 2 + _HALF_LOG_2PI, -math.inf, math.inf),
    "pareto": (lambda z, b: (b + 1) * log(z) - log(b), 1.0, math.inf),
    "rayleigh": (lambda z: z * z / 2 - log(z), 0.0, math.inf),
    "t": (_student, -math.inf, math.inf),
    "weibull_min": (lambda z, c: z**c - xlogy(c - 1, z) - log(c), 0.0, math.inf),
}
DISCRETE: dict[str, Callable[..., Any]] = {
    "nbinom": _negative_binomial,
    "poisson": lambda y, mu: mu - xlogy(y, mu) + _log_factorial(y),
}


@dataclass(frozen=True)
class ScipyDistribution:
    """A parameter that is a distribution of scipy.stats, given as itself or by its name; kept as its name."""

    def checked(self, value: Any) -> str | None:
        """The name of the distribution, or None if it is none."""
        from scipy import stats

        name = value if isinstance(value, str) else getattr(value, "name", None)
        found = getattr(stats, name, None) if isinstance(name, str) else None
        known = isinstance(found, stats.rv_continuous | stats.rv_discrete)
        return name if known and value in (name, found) else None

    def describe(self, name: str) -> str:
        """The choice in words."""
        return f"{name} a distribution of scipy.stats, such as scipy.stats.gamma or its name, without parameters"


class NegativeLogLikelihood(Pointwise):
    """The negative log density (or mass) of a distribution of scipy.stats; outputs are its parameters.

    `f` has one column a parameter, in the order of `scipy.stats`: shapes, then loc and scale; of a discrete
    distribution the shapes alone. The value is infinite where y lies outside the support. Derivatives follow from the
    formula where it is written here; of other distributions there is the value alone, by `logpdf` or `logpmf`.

    The parameters are on their own scale, so a scale must be positive: to learn one, GaussianNLL and the other
    densities of this package take logarithms, and are exact to the last digits where these plain formulas cancel.

    Parameters
    ----------
    distribution : scipy.stats distribution or str

    Examples
    --------
    >>> import losskit as lk
    >>> from scipy import stats
    >>> loss = lk.NegativeLogLikelihood(stats.gamma)
    >>> loss.outputs
    ('a', 'loc', 'scale')
    >>> round(loss([1.0], [[2.0, 0.0, 1.0]]), 6)
    1.0
    """

    source = "SciPy, scipy.stats, doi:10.1038/s41592-019-0686-2"
    use = "A distribution without a loss of its own, or predictions that are its parameters as scipy.stats has them."
    avoid = "A loss of its own takes logarithms of scales and keeps every digit: GaussianNLL, GammaNLL and kin."
    distribution: Annotated[str, ScipyDistribution()] = "norm"

    @property
    def _law(self) -> Any:
        from scipy import stats

        return getattr(stats, self.distribution)

    @property
    def _discrete(self) -> bool:
        from scipy import stats

        return isinstance(self._law, stats.rv_discrete)

    @property
    def outputs(self) -> tuple[str, ...]:  # type: ignore[override]
        """The distribution's parameters."""
        shapes = tuple(s.strip() for s in self._law.shapes.split(",")) if self._law.shapes else ()
        return shapes if self._discrete else (*shapes, "loc", "scale")

    @property
    def domain(self) -> Domain:  # type: ignore[override]
        """Of y: counts, or any number; what lies outside the support costs infinity."""
        return COUNTS if self.distribution in DISCRETE else REAL

    @property
    def prediction_domains(self) -> tuple[Domain, ...]:
        """The domain of each parameter, as far as it is known here."""
        known = self.distribution in CONTINUOUS or self.distribution in DISCRETE
        own = {"loc": REAL, "scale": POSITIVE, "p": OPEN_UNIT if known else REAL}
        return tuple(own.get(name, POSITIVE if known else REAL) for name in self.outputs)

    def formula(self, y: Any, *parameters: Any) -> Any:
        if self.distribution in DISCRETE:
            return DISCRETE[self.distribution](y, *parameters)
        if self.distribution not in CONTINUOUS:
            raise CapabilityError(
                f"the log density of scipy.stats.{self.distribution} is not written here as a formula, so it has a "
                f"value but no derivatives; there are formulas of {', '.join(sorted({**CONTINUOUS, **DISCRETE}))}. "
                "Write yours as a Pointwise loss, of which derivatives follow"
            )
        written, low, high = CONTINUOUS[self.distribution]
        *shapes, loc, scale = parameters
        z = (y - loc) / scale
        value = written(z, *shapes) + log(scale)
        if low > -math.inf:
            value = where(z >= low, value, math.inf)
        return value if high == math.inf else where(z <= high, value, math.inf)

    def traits(self) -> Traits:
        return Traits(proper=True)

    def _evaluate(
        self, y: Any, f: Any, sample_weight: Any, reduction: str, want: tuple[str, ...], out: Any, empty: str,
        curvature: str | None = None,
    ) -> Any:
        if self.distribution in CONTINUOUS or self.distribution in DISCRETE or want != ("value",):
            return super()._evaluate(y, f, sample_weight, reduction, want, out, empty, curvature)
        if reduction not in REDUCTIONS or empty not in EMPTY:
            refuse_options(reduction, empty)
        y, f, w = self._border(y, f, sample_weight)
        rows = self._by_scipy(y, f, w)
        if w is not None:
            weight = weight_sum(w) if reduction == "mean" else float(rows.size)
            rows = np.where(w == 0, 0.0, w * rows)
        else:
            weight = float(rows.size)
        if reduction == "none":
            return [_into(out, rows)]
        divisor = 1.0 if reduction == "sum" else weight
        if not divisor and empty == "raise":
            refuse_empty(self)
        return [math.fsum(rows.ravel()) / divisor if divisor else 0.0 if empty == "zero" else math.nan]

    def _by_scipy(self, y: Any, f: Any, w: Any) -> Any:
        """Minus the distribution's own log density, of rows that have one."""
        columns = [f] if len(self.outputs) == 1 else list(np.moveaxis(f, -1, 0))
        with np.errstate(all="ignore"):
            rows = -np.asarray(getattr(self._law, "logpmf" if self._discrete else "logpdf")(y, *columns), dtype=float)
        counts = np.ones(y.shape, bool) if w is None else w != 0
        given = ~np.isnan(np.sum(columns, axis=0))  # nan is a prediction's own affair: it passes through
        for bad, what in (
            (~np.isfinite(np.asarray(y, dtype=float)) & counts, "finite targets"),
            (np.isnan(rows) & given & counts, f"parameters that {self.distribution} takes"),
        ):
            if bad.any():
                index, first, count = first_bad(y, bad)
                at = ", ".join(f"{n} = {float(c[bad].flat[0])!r}" for n, c in zip(self.outputs, columns, strict=True))
                raise DomainError(
                    f"{self!r} needs {what}; row {index} has y = {first!r}, {at} ({count} of {y.size} rows). See the "
                    f"documentation of scipy.stats.{self.distribution}"
                )
        return rows


def _into(out: Any, rows: Any) -> Any:
    """The rows, in the caller's array if there is one."""
    if out is None:
        return rows
    target = given_arrays(out, ("value",))["value"]
    check_out("value", target, rows.shape, rows.dtype)
    target[...] = rows
    return target
