"""A loss as an objective of a library's own training code, and when the library's own objective is that loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from losskit.base import Pointwise
from losskit.boosting.curvature import check_name, check_targets, curvature_of, renews
from losskit.boosting.descent import Descent
from losskit.crosswalk import training_options
from losskit.errors import CapabilityError
from losskit.losses.multiclass import SoftmaxCrossEntropy
from losskit.rowwise import Rowwise

Array = np.ndarray


def native_options(
    library: str, loss: Any, kind: str, good: tuple[str, ...], softmax: dict[str, Any]
) -> dict[str, Any] | None:
    """The options that make a library's own objective this loss, if it is one of the `good`; else None."""
    if loss._open():
        return None
    if isinstance(loss, Pointwise):
        return training_options(library, loss, kind) if type(loss).__name__ in good else None
    return dict(softmax) if type(loss) is SoftmaxCrossEntropy and loss == SoftmaxCrossEntropy() else None


class RawObjective:
    """A loss as the objective of a library's own training: the part that all libraries share.

    The library's scores start where it lets them; `intercept` is added so that the first is the loss's best constant.
    `predict(raw)` adds it too, and undoes the link. To predict elsewhere, make the objective anew with the intercept
    that this one found: `loss.to_lightgbm(intercept=objective.intercept)`.

    Attributes
    ----------
    loss : the loss; after training no parameter is "auto"
    intercept : ndarray, or None before training
    name : of the metric: no library takes it for one to maximise
    """

    def __init__(
        self, loss: Any, factor: Callable[[int], float] | None = None, *, intercept: Any = None,
        curvature: str = "auto",
    ) -> None:
        check_name(curvature)
        check_targets(loss)
        if curvature == "auto" and (loss._open() or curvature_of(loss) == "unit") and renews(loss):
            raise CapabilityError(
                f"an objective alone cannot renew leaves, as {loss!r} needs: it would be slow and biased. Use "
                "BoostedRegressor, BoostedClassifier or the library's own objective; or curvature='unit' if meant so"
            )
        self.loss, self.name, self.curvature = loss, f"losskit-{type(loss).__name__}", curvature
        self.intercept = None if intercept is None else np.atleast_1d(np.asarray(intercept, dtype=np.float64))
        self._asked, self._factor, self._given = loss, factor, intercept is not None
        self._descent: Descent | None = None

    def __deepcopy__(self, memo: Any) -> RawObjective:
        """Itself: libraries copy their options, and what training finds must come back."""
        return self

    def derivatives(self, margins: Any, rows: Callable[[], tuple[Any, Any]]) -> tuple[Array, Array]:
        """Gradient and curvature in float32; `rows` gives targets and weights, which a library may copy each time."""
        margins = np.asarray(margins)  # float32 from XGBoost: a copy of its own would cost as much as the loss
        if self._descent is None or _alike(margins):
            y, w = rows()
            self.begin(np.asarray(y, dtype=np.float64), margins, w)
        assert self._descent is not None
        found = self._descent.derivatives(margins)
        self.loss = self._descent.loss
        return found

    def cost(self, y: Any, margins: Any, w: Any) -> float:
        """The weighted mean loss."""
        f = np.asarray(margins, dtype=np.float64) + self._start(margins)
        return float(self.loss(np.asarray(y, dtype=np.float64), f, None if w is None else np.asarray(w, np.float64)))

    def predict(self, raw: Any) -> Any:
        """What the library's raw scores mean: a mean, a quantile, a probability."""
        return self.loss.predict(np.asarray(raw, dtype=np.float64) + self._start(raw))

    def begin(self, y: Array, margins: Array, w: Any) -> None:
        """Take start, scale and curvature from the rows, whose scores are `margins` by now."""
        classes = margins.shape[1] if isinstance(self._asked, Rowwise) else 0
        w = None if w is None else np.asarray(w, dtype=np.float64)
        factor = self._factor(classes) if self._factor else 1.0
        self._descent = Descent(self._asked, y, w, classes=classes, curvature=self.curvature, factor=factor)
        if self._given:
            self._descent.intercept = self.intercept  # type: ignore[assignment]
        elif _alike(margins):
            self._descent.intercept = self._descent.intercept - margins[0]
        else:
            self._descent.intercept = np.zeros_like(self._descent.intercept)  # a start of the caller's own
        self.intercept = self._descent.intercept

    def _start(self, raw: Any) -> Array:
        if self.intercept is None:
            raise CapabilityError("this objective has not been trained with: train first, or make it with intercept=")
        return self.intercept if np.ndim(raw) > 1 else self.intercept[0]


def _alike(margins: Array) -> bool:
    """Whether all rows have one score: a training starts there."""
    return bool((margins[0] == margins[-1]).all() and (margins == margins[0]).all())
