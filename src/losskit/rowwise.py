"""The row-wise tier: losses whose row has a vector of predictions, one a class or category."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from losskit.base import Evaluated
from losskit.border import as_arrays, host_of, is_plain, weights_like
from losskit.domains import SHARES_OFF, Categories, Domain
from losskit.errors import CapabilityError, DomainError, ShapeError
from losskit.evaluate import (
    EMPTY,
    REDUCTIONS,
    Reduction,
    check_out,
    given_arrays,
    refuse_empty,
    refuse_options,
    weight_sum,
)
from losskit.links import SOFTMAX, Link

Array = Any
_CHUNK = 1 << 16  # scores of which temporaries are made at a time
_PARTS = ("value", "gradient", "hessian")


@dataclass(frozen=True)
class Rows:
    """A call's arrays as rows: scores (n, k), targets (n,) or (n, k), weights (n,) or None, and how they came."""

    y: np.ndarray
    f: np.ndarray
    w: np.ndarray | None
    shape: tuple[int, ...]  # of the rows as the caller has them
    axis: int

    @property
    def labelled(self) -> bool:
        """Whether the targets are labels, not shares."""
        return self.y.ndim == 1

    def shaped(self, part: str) -> tuple[int, ...]:
        """The shape in which the caller gets a part."""
        k, at = self.f.shape[1], self.axis % (len(self.shape) + 1)
        if part == "gradient":
            return (*self.shape[:at], k, *self.shape[at:])
        return self.shape if part == "value" else (*self.shape, k, k)


class Rowwise(Evaluated):
    """A loss of one row: a label or shares of k classes, and k predictions along `axis`.

    Subclasses write `rows(self, y, f, order)`: the losses (n,) of targets y (labels (n,), or shares (n, k)) and
    predictions f (n, k), with `order` 1 their gradients (n, k) too, with 2 their Hessians (n, k, k) as well.
    """

    link: ClassVar[Link] = SOFTMAX
    domain: ClassVar[Any] = Categories()  # of y
    outputs: ClassVar[tuple[str, ...]] = ("f_1 ... f_k",)
    variables: ClassVar[tuple[str, ...]] = ()
    beyond: ClassVar[int] = 0  # classes that have no score
    written: ClassVar[tuple[str, str, str]] = ("", "", "")  # LaTeX of value, gradient and Hessian
    axis = -1  # a parameter of each loss, its last

    @property
    def prediction_domains(self) -> tuple[Domain, ...]:
        """The domain of each prediction."""
        return (self.prediction_domain,)

    @property
    def links(self) -> tuple[Link, ...]:
        """The link of the row of predictions."""
        return (self.link,)

    def __repr__(self) -> str:
        known = {field.name: field.default for field in dataclasses.fields(self)}
        given = [f"{name}={value!r}" for name, value in self.parameters.items() if value != known[name]]
        return f"{type(self).__name__}({', '.join(given)})"

    def rows(self, y: Array, f: Array, order: int) -> tuple[Array, ...]:
        """Losses, gradients and Hessians of rows, as far as `order` asks."""
        raise CapabilityError(f"{type(self).__name__} has no rows: define rows(self, y, f, order)")

    def __call__(
        self, y: Array, f: Array, sample_weight: Array | None = None, reduction: Reduction = "mean",
        *, out: Array | None = None, empty: str = "nan",
    ) -> Any:
        """The loss of predictions `f` for targets `y`.

        Parameters
        ----------
        y : array_like
            Labels 0 ... k - 1 of any integer dtype, in f's shape without the axis of classes; or shares (one-hot or
            soft targets) in f's shape, each row with sum 1.
        f : array_like
            Predictions, k along `axis`.
        sample_weight : array_like, optional
            Nonnegative, a weight a row, or 1-D along the rows' first axis. A row of weight 0 counts for nothing.
        reduction : {"mean", "sum", "none", "mean_over_rows"}
            sum(w L) / sum(w u), sum(w L), each w L, or sum(w L) / number of rows; u is the row's class weight, 1
            without class weights, 0 for a label that is ignored.
        out : ndarray, optional
            Filled with the rows' losses and returned, for reduction "none".
        empty : {"nan", "zero", "raise"}
            The mean over no weight at all.

        Returns
        -------
        float, or ndarray of the rows' shape for reduction "none"

        Raises
        ------
        DomainError, ShapeError, ParameterError, CapabilityError
        """
        return super().__call__(y, f, sample_weight, reduction, out=out, empty=empty)

    def hessian_diagonal(
        self, y: Array, f: Array, sample_weight: Array | None = None, reduction: Reduction = "mean",
        *, empty: str = "nan",
    ) -> Any:
        """The diagonal of each row's Hessian, of f's shape."""
        hessian = self.hessian(y, f, sample_weight, reduction, empty=empty)
        each = np.arange(hessian.shape[-1])
        return _moved(hessian[..., each, each], -1, self.axis)

    def hvp(
        self, y: Array, f: Array, v: Array, sample_weight: Array | None = None, reduction: Reduction = "mean",
        *, empty: str = "nan",
    ) -> Any:
        """Each row's Hessian times its part of `v`, of f's shape."""
        v = v if host_of(f, v) else as_arrays(v=v)[0]
        if np.shape(v) != np.shape(f):
            raise ShapeError(f"v has shape {np.shape(v)} and f has shape {np.shape(f)}; they must be equal")
        hessian = self.hessian(y, f, sample_weight, reduction, empty=empty)
        product = (hessian * _moved(v, self.axis, -1)[..., None, :]).sum(-1)
        return _moved(product, -1, self.axis)

    def fisher(self, y: Array, f: Array, sample_weight: Array | None = None, reduction: Any = "mean",
               **options: Any) -> Any:
        """The expected Hessian where the prediction is right; refused (CapabilityError) but for log-likelihoods."""
        raise CapabilityError(
            f"{self!r} is no log-likelihood, so it has no Fisher information; use hessian or majorizer"
        )

    def majorizer(self, y: Any, f: Any, sample_weight: Any = None, reduction: Any = "mean", **options: Any) -> Any:
        """A diagonal that no row's Hessian exceeds, of f's shape, with the factors of `hessian`.

        Raises
        ------
        CapabilityError
            If the curvature has no known bound.
        """
        bound = self.traits().curvature
        if not bound or not np.isfinite(bound):
            raise CapabilityError(f"{self!r} has no known finite bound on its curvature; use hessian")
        gradient = self.gradient(y, f, sample_weight, reduction, **options)
        given = self._rows_of(y, f, sample_weight)
        w = np.ones(len(given.f)) if given.w is None else given.w
        rows = np.where(w == 0, 0.0, w * (bound / (self._divisor(given, reduction, "nan") or 1.0)))
        return np.broadcast_to(np.expand_dims(rows.reshape(given.shape), self.axis), gradient.shape).copy()

    def constant(self, y: Array, sample_weight: Array | None = None, *, classes: int | None = None) -> Any:
        """The best constant row of raw scores for `y`: the one that minimises the weighted mean loss.

        Parameters
        ----------
        y : array_like
            Labels, of one axis; or shares, along the loss's axis of classes.
        sample_weight : array_like, optional
            A weight a row.
        classes : int, optional
            How many there are; without, labels are taken to reach the last one.

        Returns
        -------
        ndarray
            A score a class. It may be infinite: minus infinity for a class that has no rows, say.

        Raises
        ------
        DomainError, ShapeError, ParameterError
        """
        y, w = as_arrays(y=y, sample_weight=sample_weight)
        if y.ndim > 1:
            k = y.shape[self.axis]
            f = np.full(y.shape, 1.0 / k)
        else:
            k = (classes or max(2 + self.beyond, int(np.max(y, initial=0)) + 1)) - self.beyond
            f = np.moveaxis(np.full((y.size, k), 1.0 / k), -1, self.axis)
        given = self._rows_of(y, f, w)
        w = np.ones(len(given.f)) if given.w is None else given.w.astype(np.float64)
        self.check_targets(given.y, k, w > 0, 0)
        if not w.any():
            raise DomainError(f"{type(self).__name__}: no rows have no best constant; pass a row of weight above 0")
        kept = given.y[w > 0]
        own = kept[:, None] == np.arange(k + self.beyond) if given.labelled else kept
        return self._best(np.average(own, axis=0, weights=w[w > 0]))

    def predict(self, f: Array) -> Any:
        """The probability of each class, of f's shape."""
        (scores,) = as_arrays(f=f)
        return np.moveaxis(self.link.to_prediction(np.moveaxis(np.asarray(scores), self.axis, -1)), -1, self.axis)

    def latex(self, of: str = "value") -> str:
        """LaTeX of the formula, or of its derivative by the predictions."""
        return self.written[_PARTS.index(of)]

    # -- below: how the above is done

    def _best(self, shares: Array) -> Array:
        """The best constant row where the classes have these shares of the weight."""
        if self.traits().elicits != "mean":
            raise CapabilityError(
                f"{self!r}: its best constant row is not known; fit scores that are intercepts alone"
            )
        return self.link.to_score(shares)

    def _open(self) -> list[str]:
        """The parameters that are still "auto": none."""
        return []

    def _at_scale(self, scale: float) -> Rowwise:
        """This loss with every "auto" at `scale`: itself."""
        return self

    def row_weights(self, given: Rows) -> np.ndarray | None:
        """What each row counts in a mean, its sample weight included; None if every row counts 1."""
        return given.w

    def _counted(self, y: Array, f: Array, sample_weight: Array | None) -> tuple[Array, Array | None]:
        given = self._rows_of(y, f, sample_weight)
        (f,) = as_arrays(f=f)
        f = f.astype(np.promote_types(f.dtype, np.float64), copy=False)  # rows of float32 would be rounded
        rows = self._evaluate(y, f, sample_weight, "none", ("value",), None, "nan")[0]
        w = self.row_weights(given)
        return rows, None if w is None else w.reshape(given.shape)

    def _evaluate(
        self, y: Array, f: Array, sample_weight: Array | None, reduction: str, want: tuple[str, ...], out: Any,
        empty: str, curvature: str | None = None,
    ) -> Any:
        if not is_plain(f) and (host := host_of(y, f, sample_weight)):
            return self._elsewhere(host, y, f, sample_weight, reduction, want, out, empty, curvature)
        if reduction not in REDUCTIONS or empty not in EMPTY:
            refuse_options(reduction, empty)
        given = self._rows_of(y, f, sample_weight)
        divisor = self._divisor(given, reduction, empty)
        summed = reduction != "none" and want[0] == "value"
        parts = want[1:] if summed else want
        targets = _targets(out, parts, given)
        found = {name: _room(given, name, targets.get(name)) for name in parts}
        total = self._fill(given, found, 1.0 / divisor if divisor else 1.0, summed)
        results: dict[str, Any] = {name: self._shaped(given, name, found[name]) for name in parts}
        if summed:
            results["value"] = total / divisor if divisor else 0.0 if empty == "zero" else float("nan")
        for name, target in targets.items():
            if not np.may_share_memory(target, found[name]):
                target[...] = results[name]
            results[name] = target
        return [results[name] for name in want]

    def _shaped(self, given: Rows, name: str, x: np.ndarray) -> np.ndarray:
        shaped = x.reshape(*given.shape, *x.shape[1:])
        return _moved(shaped, -1, self.axis) if name == "gradient" else shaped

    def _divisor(self, given: Rows, reduction: str, empty: str) -> float:
        if reduction not in ("mean", "mean_over_rows"):
            return 1.0
        w = self.row_weights(given) if reduction == "mean" else None
        divisor = float(len(given.f)) if w is None else float(np.sum(w, dtype=np.float64))
        if not divisor and empty == "raise":
            refuse_empty(self)
        return divisor

    def _fill(self, given: Rows, found: dict[str, np.ndarray], scale: float, summed: bool) -> float:
        """The rows of each part into `found`, by `rows` in float64 and in chunks; the sum of the weighted losses."""
        order = max(_PARTS.index(part) for part in (*found, "value"))
        n, k = given.f.shape
        step = max(1, _CHUNK // (k * k if order == 2 else k))
        total = 0.0
        for first in range(0, n, step):
            some = slice(first, first + step)
            w = None if given.w is None else given.w[some].astype(np.float64)
            y, f = given.y[some], given.f[some].astype(np.float64)
            self.check_rows(y, f, w, first)
            with np.errstate(all="ignore"):  # infinities are meant
                made = dict(zip(_PARTS, self.rows(y, f, order), strict=False))
                values = weighted(made["value"], w, 1.0)
                total += float(values.sum())
                for part, target in found.items():
                    target[some] = values if part == "value" else weighted(made[part], w, scale)
        return total

    def check_rows(self, y: np.ndarray, f: np.ndarray, w: np.ndarray | None, first: int) -> None:
        """Raise DomainError naming the first row, counted from `first`, whose target or prediction is none."""
        counts = np.ones(len(f), bool) if w is None else w != 0
        self.check_targets(y, f.shape[1], counts, first)
        if self.prediction_domain.bounded:
            wrong = counts[:, None] & ~(self.prediction_domain.contains(f) | np.isnan(f))
            if wrong.any():
                row, j = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
                raise DomainError(
                    f"{type(self).__name__} needs {self.prediction_domain.describe('f')}; f[{row + first}, {j}] = "
                    f"{float(f[row, j])!r} ({int(wrong.sum())} of {wrong.size} values are outside). If f holds raw "
                    "scores, use SoftmaxCrossEntropy, or turn them into probabilities first"
                )

    def check_targets(self, y: np.ndarray, scores: int, counts: np.ndarray, first: int) -> None:
        """Raise DomainError naming the first row, counted from `first`, that counts and whose target is none."""
        if y.ndim == 1:
            classes = scores + self.beyond
            bad = counts & ~((y >= 0) & (y < classes) & (np.floor(y) == y))
            said = f"labels 0 ... {classes - 1}, for f has {scores} classes{f' and {self.beyond}' * self.beyond}"
        elif self.domain.several:
            bad = counts & ~((y >= 0) & (y <= 1)).all(axis=1)
            said = "rows of shares from 0 to 1"
        else:
            off = np.abs(y.sum(axis=1) - 1.0) > SHARES_OFF
            bad = counts & (off | ~(y >= 0).all(axis=1))
            said = "rows of shares >= 0 that sum to 1"
        if bad.any():
            at = int(np.argmax(bad))
            value = float(y[at]) if y.ndim == 1 else f"{np.array2string(y[at], precision=6, threshold=6)}"
            hint = "Count classes from 0, leave out unlabelled rows by weight 0, or name their label as ignore_index"
            raise DomainError(
                f"{type(self).__name__} needs {said}; y[{at + first}] = {value} ({int(bad.sum())} of {len(bad)} rows "
                f"{'is' if bad.sum() == 1 else 'are'} none). "
                + (hint if y.ndim == 1 else "Divide each row by its sum, if shares are meant")
            )

    def shapes(self, of_y: tuple[int, ...], of_f: tuple[int, ...]) -> tuple[tuple[int, ...], int, bool]:
        """The rows' shape, the number of classes, and whether y has labels; ShapeError if they do not fit."""
        n = len(of_f)
        if not -n <= self.axis < n:
            raise ShapeError(f"f has shape {of_f}: there is no axis {self.axis} of classes")
        shape, k = of_f[: self.axis % n] + of_f[self.axis % n + 1 :], of_f[self.axis]
        if k < 2:
            raise ShapeError(
                f"f has shape {of_f}, {k} along axis {self.axis}: a loss of classes needs two or more; "
                "for one score a row use Logistic"
            )
        if len(of_y) == n and not self.domain.shares:
            raise ShapeError(f"{type(self).__name__} takes labels as y; y has shape {of_y}, which are shares")
        labelled = len(of_y) == n - 1
        if of_y != (shape if labelled else of_f):
            raise ShapeError(
                f"y has shape {of_y} and f has shape {of_f}; y must have shape {shape} (a label a row) or "
                f"{of_f} (a share of each class)"
            )
        return shape, k, labelled

    def _rows_of(self, y: Array, f: Array, sample_weight: Array | None) -> Rows:
        """The border: arrays of one kind, labels or shares, rows first."""
        y, f, w = as_arrays(y=y, f=f, sample_weight=sample_weight)
        shape, k, labelled = self.shapes(y.shape, f.shape)
        moved = _moved(f, self.axis, -1)
        if f.dtype.kind != "f":
            moved = moved.astype(np.float64)
        targets = y.reshape(-1) if labelled else _moved(y, self.axis, -1).reshape(-1, k)
        return Rows(targets, moved.reshape(-1, k), row_weights(w, shape), shape, self.axis)


def _moved(x: Array, source: int, to: int) -> Array:
    """`x` with an axis elsewhere, in NumPy, torch or JAX."""
    if source % x.ndim == to % x.ndim:
        return x
    axes = [i for i in range(x.ndim) if i != source % x.ndim]
    axes.insert(to % x.ndim, source % x.ndim)
    return x.permute(axes) if hasattr(x, "permute") else x.transpose(axes)


def one_hot(y: np.ndarray, classes: int) -> np.ndarray:
    """The share of each class, from labels or as given."""
    return ((y[:, None] == np.arange(classes)) if y.ndim == 1 else y).astype(np.float64)


def row_weights(w: Array | None, shape: tuple[int, ...]) -> Array | None:
    """Checked weights, one a row."""
    if w is not None:
        w = weights_like(w, np.broadcast_to(0, shape)).reshape(-1)
        weight_sum(w)
    return w


def of_classes(loss: Any, name: str, classes: int) -> np.ndarray:
    """The parameter `name`, one number a class."""
    numbers = np.array(getattr(loss, name))
    if len(numbers) != classes:
        raise ShapeError(
            f"{type(loss).__name__} has {len(numbers)} numbers in {name}, and f has {classes} classes; give one a class"
        )
    return numbers


def diagonals(d: np.ndarray, order: int) -> np.ndarray:
    """Diagonal matrices (n, k, k) of the rows of `d`; `d` itself if no Hessian is asked."""
    return np.where(np.eye(d.shape[1], dtype=bool), d[:, :, None], 0.0) if order == 2 else d


def weighted(x: np.ndarray, w: np.ndarray | None, scale: float) -> np.ndarray:
    if w is None:
        return x * scale if scale != 1.0 else x
    w = w.reshape(-1, *[1] * (x.ndim - 1))
    return np.where(w == 0, 0.0, (w * scale) * x)


def _targets(out: Any, parts: tuple[str, ...], given: Rows) -> dict[str, Any]:
    """The caller's arrays for the parts, checked."""
    arrays = {} if out is None else given_arrays(out, parts)
    for name, target in arrays.items():
        check_out(name, target, given.shaped(name), given.f.dtype)
    return arrays


def _room(given: Rows, name: str, target: Any) -> np.ndarray:
    """Where the rows of a part go: the caller's array if its rows lie one after the other and spoil nothing."""
    n, k = given.f.shape
    shape = (n, k, k)[: _PARTS.index(name) + 1]
    if target is not None and target.flags.c_contiguous and target.shape[len(given.shape) :] == shape[1:]:
        read = (given.y, given.f, given.w)
        if not any(x is not None and np.may_share_memory(x, target) for x in read):
            return target.reshape(shape)
    return np.empty(shape, given.f.dtype)
