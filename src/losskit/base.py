"""Loss and its tiers: a frozen value whose formula is traced once; value, derivatives and kernels follow."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar, Literal, dataclass_transform

import numpy as np

from losskit.border import are_plain, as_arrays, host_of, is_plain, rows_of, same_shape, weights_like
from losskit.calculus.graph import Node, as_node, symbol
from losskit.calculus.tex import latex, matrix
from losskit.domains import REAL, SIGNS, Domain, Intervals
from losskit.errors import CapabilityError, ParameterError, ShapeError
from losskit.evaluate import EMPTY, REDUCTIONS, Reduction, evaluate, evaluate_plain
from losskit.exports import Exports
from losskit.links import IDENTITY, Link
from losskit.parameters import checked, parameter_domains
from losskit.partial import Partial
from losskit.tracing import Structure, Trace, compiled_of, graphs_of, in_place_of, trace_of, twin_of
from losskit.traits import Traits

Array = Any


@dataclass_transform(frozen_default=True)
class Loss:
    """Base of every loss: parameters, printing, validation.

    A subclass annotates its parameters with domains and writes `formula`; it becomes a frozen dataclass by itself.
    """

    domain: ClassVar[Domain | Intervals] = REAL  # of y
    prediction_domain: ClassVar[Domain] = REAL  # of f; checked only where bounded
    link: ClassVar[Link] = IDENTITY  # of f
    source: ClassVar[str] = ""
    use: ClassVar[str] = ""
    avoid: ClassVar[str] = ""
    tuning: ClassVar[dict[str, float]] = {}  # parameters that may be "auto": their multiple of the residuals' scale
    special: ClassVar[dict[str, float]] = {}  # numbers of parameters at which the formula has a cheaper spelling

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        dataclass(frozen=True, repr=False)(cls)

    def __post_init__(self) -> None:
        cls: Any = type(self)
        for name, domain in parameter_domains(cls).items():
            object.__setattr__(self, name, checked(self, name, getattr(self, name), domain))

    def __repr__(self) -> str:
        listed = ", ".join(f"{name}={value!r}" for name, value in self.parameters.items())
        return f"{type(self).__name__}({listed})"

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters by name, in the order of the signature."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}  # type: ignore[arg-type]

    def traits(self) -> Traits:
        """What is known of this loss; numbers where they depend on parameters."""
        return Traits()


class Evaluated(Exports, Loss):
    """What every loss that can be evaluated offers; its tiers say how, by `_evaluate`."""

    def __call__(
        self,
        y: Array,
        f: Array,
        sample_weight: Array | None = None,
        reduction: Reduction = "mean",
        *,
        out: Array | None = None,
        empty: str = "nan",
    ) -> Any:
        """The loss of predictions `f` for targets `y`.

        Parameters
        ----------
        y, f : array_like of one shape, each element a row
            Targets, in `domain`, and raw predictions. With several outputs `f` has one more axis, with several
            targets `y` has.
        sample_weight : array_like, optional
            Nonnegative, of y's shape or 1-D along its first axis. A row of weight 0 counts for nothing.
        reduction : {"mean", "sum", "none", "mean_over_rows"}
            sum(w L) / sum(w), sum(w L), each w L, or sum(w L) / number of rows.
        out : ndarray, optional
            Filled with the rows' losses and returned, for reduction "none".
        empty : {"nan", "zero", "raise"}
            The mean over no weight at all.

        Returns
        -------
        float, or ndarray of y's shape for reduction "none"

        Raises
        ------
        DomainError, ShapeError, ParameterError, CapabilityError
        """
        return self._evaluate(y, f, sample_weight, reduction, ("value",), out, empty)[0]

    def gradient(
        self, y: Array, f: Array, sample_weight: Array | None = None, reduction: Reduction = "mean",
        *, out: Array | None = None, empty: str = "nan",
    ) -> Any:
        """The derivative by each element of `f` of exactly what the call returns; parameters as there.

        For "mean" w_i L'_i / sum(w), for "none" w_i L'_i. Has f's shape; `out` is filled if given.
        """
        return self._evaluate(y, f, sample_weight, reduction, ("gradient",), out, empty)[0]

    def hessian(
        self, y: Array, f: Array, sample_weight: Array | None = None, reduction: Reduction = "mean",
        *, out: Array | None = None, empty: str = "nan",
    ) -> Any:
        """The second derivative of exactly what the call returns: one number a row, or (k, k) for k outputs."""
        return self._evaluate(y, f, sample_weight, reduction, ("hessian",), out, empty)[0]

    def value_and_gradient(
        self, y: Array, f: Array, sample_weight: Array | None = None, reduction: Reduction = "mean",
        *, out: Any = None, empty: str = "nan",
    ) -> tuple[Any, Any]:
        """The call's value and its gradient, in one pass; `out` is the gradient's, or (values, gradient) for "none"."""
        return self._evaluate(y, f, sample_weight, reduction, ("value", "gradient"), out, empty)

    def gradient_and_hessian(
        self, y: Array, f: Array, sample_weight: Array | None = None, reduction: Reduction = "mean",
        *, out: Any = None, empty: str = "nan",
    ) -> tuple[Any, Any]:
        """Gradient and Hessian in one pass; `out` is a pair of arrays."""
        return self._evaluate(y, f, sample_weight, reduction, ("gradient", "hessian"), out, empty)

    def value_gradient_and_hessian(
        self, y: Array, f: Array, sample_weight: Array | None = None, reduction: Reduction = "mean",
        *, out: Any = None, empty: str = "nan",
    ) -> tuple[Any, Any, Any]:
        """Value, gradient and Hessian in one pass; `out` as for the parts, in that order."""
        return self._evaluate(y, f, sample_weight, reduction, ("value", "gradient", "hessian"), out, empty)

    def fisher(
        self, y: Array, f: Array, sample_weight: Array | None = None, reduction: Reduction = "mean",
        *, out: Array | None = None, empty: str = "nan",
    ) -> Any:
        """The expected Hessian where the prediction is right, never negative, with the shape and factors of `hessian`.

        Raises
        ------
        CapabilityError
            If the loss is no log-likelihood, or the expectation has no closed form.
        """
        return self._evaluate(y, f, sample_weight, reduction, ("hessian",), out, empty, "fisher")[0]

    def partial(
        self, y: Array, f: Array, sample_weight: Array | None = None, *, axis: int | None = None
    ) -> Partial:
        """Sum and weight of these rows; partials of micro-batches or shards add up to the full batch.

        With an `axis` of the rows, of y's shape, they are arrays: one sum and weight, and so one mean, for each place
        along the other axes.
        """
        rows, weights = self._counted(y, f, sample_weight)
        return Partial.of(rows, weights, axis)

    def plot(self, y: float | None = None, path: Any = None) -> Any:
        """A figure of value, gradient and Hessian against the prediction; written to `path` if given."""
        from losskit.report.plots import plot_loss

        return plot_loss(self, y=y, path=path)

    def _counted(self, y: Array, f: Array, sample_weight: Array | None) -> tuple[Array, Array | None]:
        """Each row's weighted loss in float64, and what it counts in a mean: None if every row counts 1."""
        raise CapabilityError(f"{type(self).__name__} has no loss a row: derive it from Pointwise or Rowwise")

    def _evaluate(
        self, y: Array, f: Array, sample_weight: Array | None, reduction: str, want: tuple[str, ...], out: Any,
        empty: str, curvature: str | None = None,
    ) -> Any:
        """The parts of `want` ("value", "gradient", "hessian"); a curvature takes the Hessian's place."""
        raise CapabilityError(f"{type(self).__name__} cannot be evaluated: derive it from Pointwise or Rowwise")


class Pointwise(Evaluated):
    """A loss of one row: y and one prediction f, or several (then `outputs` names them and f is (..., k)).

    Subclasses write `formula(self, y, f)`, or `formula(self, y, mean, log_variance)` for several outputs; then they may
    name `prediction_domains` and `links` by output. A subclass may state `derivative(self, y, f)` and
    `second_derivative(self, y, f)` where a spelling is better conditioned than the derived one, for several outputs
    the tuples of the gradient and of the Hessian's upper triangle, row by row; and `spelling(self, y, f)`, the formula
    in fewer operations. The tests prove them equal.
    A row may have several targets too: then `targets` names them, y is (..., t), `domain` is one of such rows, and the
    formula takes them in y's place, as `formula(self, lower, upper, f)`.
    """

    targets: ClassVar[tuple[str, ...]] = ("y",)
    outputs: ClassVar[tuple[str, ...]] = ("f",)
    variables: ClassVar[tuple[str, ...]] = ()  # symbols the formula is written in; targets and outputs if empty

    @property
    def prediction_domains(self) -> tuple[Domain, ...]:
        """The domain of each output."""
        return (self.prediction_domain,) * len(self.outputs)

    @property
    def links(self) -> tuple[Link, ...]:
        """The link of each output."""
        return (self.link,) * len(self.outputs)

    def formula(self, y: Any, f: Any) -> Any:
        """The loss of one row, in symbols."""
        raise CapabilityError(f"{type(self).__name__} has no formula: define formula(self, y, f)")

    def hessian_diagonal(
        self, y: Array, f: Array, sample_weight: Array | None = None, reduction: Reduction = "mean",
        *, empty: str = "nan",
    ) -> Any:
        """The diagonal of the Hessian, of f's shape."""
        hessian = self.hessian(y, f, sample_weight, reduction, empty=empty)
        each = np.arange(len(self.outputs))
        return hessian if len(self.outputs) == 1 else hessian[..., each, each]

    def hvp(
        self, y: Array, f: Array, v: Array, sample_weight: Array | None = None, reduction: Reduction = "mean",
        *, empty: str = "nan",
    ) -> Any:
        """The Hessian times `v`, of f's shape."""
        hessian = self.hessian(y, f, sample_weight, reduction, empty=empty)
        v = v if host_of(f, v) else as_arrays(v=v)[0]
        if np.shape(v) != np.shape(f):
            raise ShapeError(f"v has shape {np.shape(v)} and f has shape {np.shape(f)}; they must be equal")
        return hessian * v if len(self.outputs) == 1 else (hessian * v[..., None, :]).sum(-1)

    def majorizer(
        self, y: Array, f: Array, sample_weight: Array | None = None, reduction: Reduction = "mean",
        *, out: Array | None = None, empty: str = "nan",
    ) -> Any:
        """A bound that the Hessian never exceeds, `traits().curvature`, with the shape and factors of `hessian`.

        Raises
        ------
        CapabilityError
            If the curvature has no bound, or is all in kinks.
        """
        bound = self.traits().curvature
        if not bound or not math.isfinite(bound):
            raise CapabilityError(
                f"{self!r} has no positive finite bound on its curvature ({bound}); use hessian, or fisher where "
                "there is one"
            )
        return self._evaluate(y, f, sample_weight, reduction, ("hessian",), out, empty, "majorizer")[0]

    def constant(self, y: Array, sample_weight: Array | None = None) -> Any:
        """The best constant raw score for `y`: the f that minimises the weighted mean loss; k of them for k outputs.

        Closed where the loss elicits mean, median or quantile; else solved. Where every f between two ends is as good,
        the middle. May be infinite (the logit of 0, say).
        """
        from losskit.constants import best_constant

        return best_constant(self, y, sample_weight)

    def _score_of_mean(self, mean: float) -> float:
        """The raw score that says the mean of the targets is `mean`."""
        return float(self.link.to_score(mean))

    def _point(self, *f: Array) -> Any:
        """The one number that several outputs predict."""
        return self.links[0].to_prediction(f[0])

    def _best(self, y: Array, w: Array | None) -> list[float] | None:
        """The best constants of several outputs where they are known in closed form."""

    def _start(self, y: Array, w: Array | None) -> list[float]:
        """Where the search for them begins: the mean, and other scores of 0."""
        return [float(self.links[0].to_score(np.average(y, weights=w))), *(0.0 for _ in self.outputs[1:])]

    def predict(self, f: Array) -> Any:
        """What the raw scores `f` mean: a mean, probability, quantile or label, through `link`.

        Of several outputs it is one number a row too: the mean, or what stands in its place (the first output's).
        """
        scores: Any = as_arrays(f=f)[0]
        if len(self.outputs) == 1:
            return self.link.to_prediction(scores)
        same_shape(scores[..., 0] if scores.ndim else scores, scores, len(self.outputs))
        return self._point(*np.moveaxis(np.asarray(scores, dtype=float), -1, 0))

    def resolve(self, residuals: Array, sample_weight: Array | None = None) -> Pointwise:
        """This loss with every parameter "auto" set from the residuals: tuning constant times MAD / 0.6745.

        Raises
        ------
        ParameterError
            If the scale of the residuals is 0 or not finite.
        """
        from losskit.constants import robust_scale

        return self._at_scale(robust_scale(residuals, sample_weight)) if self._open() else self

    def latex(self, of: Literal["value", "gradient", "hessian"] = "value") -> str:
        """LaTeX of the formula, or of its derivative by the prediction: for several outputs a vector or a matrix."""
        if of == "value":
            return latex(self.written())
        own = tuple(map(symbol, self.variables))
        parts = twin_of(self._structure()).derived(own, own) if own else self.trace()
        entries, k = getattr(parts, of), len(self.outputs)
        return latex(entries[0]) if k == 1 else matrix(entries, 1 if of == "gradient" else k)

    def __add__(self, other: Any) -> Pointwise:
        from losskit.combine import Sum

        return Sum(self, other) if isinstance(other, Pointwise) else NotImplemented

    def __radd__(self, other: Any) -> Pointwise:
        return self if isinstance(other, int) and other == 0 else NotImplemented  # the 0 that sum() starts from

    def __mul__(self, factor: Any) -> Pointwise:
        from losskit.combine import Multiple

        return Multiple(float(factor), self) if isinstance(factor, Real) else NotImplemented

    __rmul__ = __mul__

    def __truediv__(self, divisor: Any) -> Pointwise:
        return self * (1 / divisor) if isinstance(divisor, Real) and divisor else NotImplemented

    # -- below: how the above is done

    def _open(self) -> list[str]:
        """The parameters that are still "auto", those of losses inside included."""
        inner = [name for part in self.parameters.values() if isinstance(part, Pointwise) for name in part._open()]
        return [name for name, value in self.parameters.items() if isinstance(value, str) and value == "auto"] + inner

    def _closed(self) -> None:
        """Raise ParameterError if a parameter is still "auto"."""
        if unset := self._open():
            raise ParameterError(
                f'{self!r} is open: {unset[0]} is still "auto". Close it with '
                "loss.resolve(residuals, sample_weight), give a number, or pass the loss to an estimator, which "
                "resolves it on the training rows"
            )

    def _at_scale(self, scale: float) -> Pointwise:
        """This loss with every "auto" at its tuning constant times `scale`."""
        closed = {
            name: value._at_scale(scale) if isinstance(value, Pointwise) else self.tuning[name] * scale
            for name, value in self.parameters.items()
            if isinstance(value, Pointwise) or (isinstance(value, str) and value == "auto")
        }
        return dataclasses.replace(self, **closed) if closed else self

    def _kernel(self, curvature: str | None = None) -> tuple[Any, tuple[float, ...]]:
        """The compiled kernel, a named curvature in the gradient's place; and its parameters' numbers."""
        ready = self.__dict__.get("_ready")
        if ready is None:
            ready = {}
            object.__setattr__(self, "_ready", ready)
        if curvature not in ready:
            self._closed()
            kernel = compiled_of(self._structure(special=True), self.domain, self.prediction_domains, curvature)
            ready[curvature] = (kernel, tuple(self._numbers(special=True)))
        return ready[curvature]

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), tuple(self.parameters.values())

    def _structure(self, special: bool = False) -> Structure:
        """What decides the graphs; `special` numbers may be part of the formula too."""
        given = self.parameters.items()
        absent = tuple(name for name, value in given if value is None)
        fixed = tuple((name, value) for name, value in given if self._is_fixed(name, value, special))
        parts = tuple((name, value._structure(special)) for name, value in given if isinstance(value, Pointwise))
        return Structure(type(self), absent, parts, fixed)

    def _is_fixed(self, name: str, value: Any, special: bool) -> bool:
        if isinstance(value, float):
            return special and value == self.special.get(name)
        return isinstance(value, str | int) and value != "auto"

    def _numbers(self, special: bool = False) -> Iterator[float]:
        """The numbers among the parameters, those of losses inside included, in the order of the kernel's."""
        for name, value in self.parameters.items():
            if isinstance(value, Pointwise):
                yield from value._numbers(special)
            elif isinstance(value, float) and not self._is_fixed(name, value, special):
                yield value  # None, words and whole numbers are part of the formula

    def trace(self) -> Trace:
        """The graphs of this loss: value, gradient and Hessian in the symbols of targets, outputs and parameters."""
        return trace_of(self._structure())

    def written(self) -> Node:
        """The formula as written, in its own variables (`r`, `m`, or targets and outputs)."""
        twin = twin_of(self._structure())
        return as_node(twin.formula(*map(symbol, self.variables or (*self.targets, *self.outputs))))

    def derived(self, variables: tuple[Node, ...], predictions: tuple[Node, ...]) -> Trace:
        """Value, gradient and Hessian in the formula's variables, by `predictions` among them."""
        return graphs_of(self, variables, predictions)

    def graphs(self, y: tuple[Node, ...], f: tuple[Node, ...]) -> Trace:
        """Value, gradient and Hessian in the targets y and the outputs f."""
        if not self.variables:
            return self.derived((*y, *f), f)
        own = symbol(self.variables[0])
        trace = self.derived((own,), (own,))
        if self.variables == ("r",):
            return in_place_of(trace, own, f[0] - y[0])
        trace = in_place_of(trace, own, y[0] * f[0])
        return Trace(trace.value, (y[0] * trace.gradient[0],), trace.hessian)  # y * y is 1

    def _counted(self, y: Array, f: Array, sample_weight: Array | None) -> tuple[Array, Array | None]:
        y, f, w = self._border(y, f, sample_weight)
        f = f.astype(np.promote_types(f.dtype, np.float64), copy=False)  # rows of float32 would be rounded
        return self._evaluate(y, f, w, "none", ("value",), None, "nan")[0], w

    def _border(self, y: Array, f: Array, sample_weight: Array | None) -> tuple[Any, Any, Any]:
        if not (are_plain(y, f) and (sample_weight is None or is_plain(sample_weight))):
            y, f, sample_weight = as_arrays(y=y, f=f, sample_weight=sample_weight)
        targets = len(self.targets)
        if y.shape != f.shape or len(self.outputs) != 1 or targets != 1:
            same_shape(y, f, len(self.outputs), targets)
        return y, f, None if sample_weight is None else weights_like(sample_weight, rows_of(y, targets))

    def _evaluate(
        self, y: Array, f: Array, sample_weight: Array | None, reduction: str, want: tuple[str, ...], out: Any,
        empty: str, curvature: str | None = None,
    ) -> Any:
        one = len(self.outputs) == len(self.targets) == 1
        if sample_weight is None and one and are_plain(y, f) and y.shape == f.shape:
            usual = curvature is None and reduction in REDUCTIONS and empty in EMPTY
            if usual and y.size and y.flags.carray and f.flags.carray:
                done = evaluate_plain(self, y, f, reduction, want, out)
                if done is not None:
                    return done
            return evaluate(self, y, f, None, reduction, want, out, empty, curvature)
        if not is_plain(f) and (host := host_of(y, f, sample_weight)):
            return self._elsewhere(host, y, f, sample_weight, reduction, want, out, empty, curvature)
        y, f, w = self._border(y, f, sample_weight)
        return evaluate(self, y, f, w, reduction, want, out, empty, curvature)


class Residual(Pointwise):
    """A loss of the residual r = f - y: write `formula(self, r)`."""

    variables = ("r",)

    def formula(self, r: Any) -> Any:  # type: ignore[override]
        raise CapabilityError(f"{type(self).__name__} has no formula: define formula(self, r)")


class Margin(Pointwise):
    """A loss of the margin m = y f, y being -1 or +1: write `formula(self, m)`."""

    variables = ("m",)
    domain = SIGNS

    def formula(self, m: Any) -> Any:  # type: ignore[override]
        raise CapabilityError(f"{type(self).__name__} has no formula: define formula(self, m)")

    def _score_of_mean(self, mean: float) -> float:
        """The raw score that says the mean of the labels is `mean`, which lies between -1 and 1."""
        return float(self.link.to_score((1 + mean) / 2))
