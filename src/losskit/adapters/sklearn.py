"""Losses as scikit-learn scorers: greater is better. Tested with scikit-learn 1.9."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.metrics._scorer import _BaseScorer

from losskit.base import Pointwise
from losskit.domains import SIGNS, UNIT
from losskit.errors import CapabilityError, DomainError


class LossScorer(_BaseScorer):
    """Minus the mean loss of an estimator's predictions, `scorer(estimator, X, y, sample_weight=None)`."""

    def __init__(self, loss: Any, response_method: str | None):
        self.loss, self._raw = loss, response_method

        def mean_loss(y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
            return loss(y_true, y_pred, sample_weight)

        super().__init__(mean_loss, -1, {}, response_method or "predict")

    def _score(self, method_caller: Any, estimator: Any, X: Any, y_true: Any, **options: Any) -> float:
        self._warn_overlap("sample_weight was given twice.", options)
        return -float(self._score_func(*self.taken(estimator, X, y_true), **options))

    def taken(self, estimator: Any, X: Any, y_true: Any) -> tuple[Any, Any]:
        """Targets and raw scores as the loss takes them."""
        if is_classifier(estimator):
            return self._of_classifier(estimator, X, y_true)
        f = self._response(estimator, X, "predict")
        return y_true, f if self._raw else self._inside(estimator, f)

    def _of_classifier(self, estimator: Any, X: Any, y_true: Any) -> tuple[Any, Any]:
        """Labels as the loss codes them, by the estimator's own order of classes, and raw scores."""
        loss, classes = self.loss, np.asarray(estimator.classes_)
        codes = np.searchsorted(classes, y_true)
        unknown = classes[np.minimum(codes, len(classes) - 1)] != np.asarray(y_true)
        if unknown.any():
            first = np.asarray(y_true)[unknown][0]
            raise DomainError(
                f"y holds {first!r} ({int(unknown.sum())} of {len(codes)} rows), which the fitted estimator does not "
                f"know; its classes: {', '.join(map(repr, classes[:20].tolist()))}"
            )
        if isinstance(loss, Pointwise):
            if len(classes) != 2 or loss.domain not in (UNIT, SIGNS):
                raise CapabilityError(
                    f"{loss!r} cannot score a classifier of {len(classes)} classes"
                    + ("; use SoftmaxCrossEntropy" if loss.domain in (UNIT, SIGNS) else "; it is a loss of numbers")
                )
            codes = 2.0 * codes - 1.0 if loss.domain is SIGNS else codes.astype(float)
        raw = self._raw or ("decision_function" if loss.link.gives == "label" else None)
        if raw:
            return codes, self._response(estimator, X, raw)
        p = self._response(estimator, X, "predict_proba")
        return codes, self._scores(p[:, 1] if isinstance(loss, Pointwise) else p)

    def _inside(self, estimator: Any, predictions: Any) -> Any:
        """The raw scores of a regressor's predictions, each of which must be one that the loss's link can give."""
        scores = self._scores(predictions)
        if (bad := np.isnan(scores) & ~np.isnan(predictions)).any():
            first = predictions[bad][0].item()
            raise DomainError(
                f"{type(estimator).__name__} predicts {first!r} ({int(bad.sum())} of {bad.size} predictions), which "
                f"{self.loss!r} has no score for; score with a loss of any number (SquaredError), or fit a model whose "
                "predictions keep to its domain"
            )
        return scores

    def _response(self, estimator: Any, X: Any, usual: str) -> Any:
        name = self._raw or usual
        if not hasattr(estimator, name):
            raise CapabilityError(
                f"{self.loss!r} scores what {name} gives, and {type(estimator).__name__} has no {name}; use a loss "
                "that takes what it has, or name another response_method, whose numbers are then taken as raw scores"
            )
        return np.asarray(getattr(estimator, name)(X), dtype=float)

    def _scores(self, predictions: Any) -> Any:
        """The raw scores that mean `predictions`."""
        loss = self.loss
        columns = len(loss.outputs) if isinstance(loss, Pointwise) else 1
        if columns > 1 and predictions.shape[-1:] != (columns,):
            raise CapabilityError(
                f"{loss!r} takes {columns} numbers a row ({', '.join(loss.outputs)}); the estimator predicts one"
            )
        if columns > 1:
            return np.stack([link.to_score(predictions[..., j]) for j, link in enumerate(loss.links)], axis=-1)
        return loss.link.to_score(predictions)

    def __repr__(self) -> str:
        named = f", response_method={self._raw!r}" if self._raw else ""
        return f"{self.loss!r}.to_scorer({named.removeprefix(', ')})"
