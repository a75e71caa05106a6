"""The set-wise tier: losses that couple rows, so that there is one number for the set and none for a row."""

from __future__ import annotations

from typing import Any

from losskit.base import Array, Evaluated, Reduction
from losskit.errors import CapabilityError, ParameterError
from losskit.evaluate import EMPTY, refuse_empty, refuse_options


class Setwise(Evaluated):
    """A loss of all rows together.

    Subclasses write `_whole`: the value of the set and, if asked for, its derivative by each prediction.
    """

    grouped = False  # whether the call needs groups

    def __call__(
        self, y: Array, f: Array, sample_weight: Array | None = None, reduction: Reduction = "mean",
        *, groups: Array | None = None, out: Array | None = None, empty: str = "nan",
    ) -> Any:
        """The loss of the set of predictions `f` for targets `y`.

        Parameters
        ----------
        y, f : array_like
            As the loss of a row takes them.
        sample_weight : array_like, optional
            A weight a row: a row of weight 2 is that row twice, one of weight 0 counts for nothing.
        reduction : {"mean"}
            There is no other: rows have no loss of their own here.
        groups : array_like, optional
            Each row's group, any labels, of the rows' shape or 1-D along their first axis; for losses of groups alone.
        out : None
            There are no rows to fill.
        empty : {"nan", "zero", "raise"}
            The loss of no weight at all.

        Returns
        -------
        float

        Raises
        ------
        DomainError, ShapeError, ParameterError, CapabilityError
        """
        if out is not None:
            raise CapabilityError(f"{self!r} is one number for the set: there are no rows to fill out with")
        return self._set(y, f, sample_weight, reduction, groups, False, None, empty)[0]

    def gradient(
        self, y: Array, f: Array, sample_weight: Array | None = None, reduction: Reduction = "mean",
        *, groups: Array | None = None, out: Array | None = None, empty: str = "nan",
    ) -> Any:
        """The derivative by each element of `f` of exactly what the call returns; parameters as there."""
        return self._set(y, f, sample_weight, reduction, groups, True, out, empty)[1]

    def value_and_gradient(
        self, y: Array, f: Array, sample_weight: Array | None = None, reduction: Reduction = "mean",
        *, groups: Array | None = None, out: Any = None, empty: str = "nan",
    ) -> tuple[Any, Any]:
        """The call's value and its gradient; `out` is the gradient's."""
        return self._set(y, f, sample_weight, reduction, groups, True, out, empty)

    def _counted(self, y: Array, f: Array, sample_weight: Array | None) -> tuple[Array, Array | None]:
        raise CapabilityError(
            f"{self!r} couples rows, so parts of a set do not add up to the whole; call it on all rows"
        )

    def _evaluate(self, y: Any, f: Any, sample_weight: Any, reduction: str, want: tuple[str, ...], out: Any, empty: str,
                  curvature: str | None = None) -> Any:
        raise CapabilityError(
            f"{self!r} couples rows, so its {curvature or want[-1]} is no number a row; call it, or "
            "value_and_gradient, with NumPy arrays"
        )

    def _framework(self, library: str) -> Any:
        raise CapabilityError(
            f"{self!r} couples rows, and has code for NumPy arrays alone; hand the loss inside to {library}, or call "
            "value_and_gradient"
        )

    def _to_booster(self, library: str, **options: Any) -> Any:
        raise CapabilityError(f"{self!r} couples rows; {library} asks for a gradient and a Hessian of each row alone")

    def _set(
        self, y: Any, f: Any, sample_weight: Any, reduction: str, groups: Any, graded: bool, out: Any, empty: str
    ) -> tuple[Any, Any]:
        if empty not in EMPTY:
            refuse_options("mean", empty)
        if reduction != "mean":
            raise CapabilityError(
                f"{self!r} couples rows: it is one number for the set, reduction=\"mean\"; got {reduction!r}. For the "
                "losses of rows call the loss inside"
            )
        if self.grouped != (groups is not None):
            needs = "needs groups, a label a row: loss(y, f, groups=...)" if self.grouped else "takes no groups"
            raise ParameterError(f"{type(self).__name__} {needs}")
        value, gradient = self._whole(y, f, sample_weight, groups, graded, out)
        if value is None:
            if empty == "raise":
                refuse_empty(self)
            value = 0.0 if empty == "zero" else float("nan")
        return value, gradient

    def _whole(
        self, y: Any, f: Any, sample_weight: Any, groups: Any, graded: bool, out: Any
    ) -> tuple[float | None, Any]:
        """The value of the set, None if nothing counts, and its gradient if `graded`."""
        raise CapabilityError(f"{type(self).__name__} has no value of a set: define _whole")
