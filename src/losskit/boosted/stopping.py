"""What early stopping looks at: the loss, another loss, or a scorer."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from sklearn.metrics import get_scorer

from losskit.base import Evaluated
from losskit.boosting.descent import Descent
from losskit.boosting.growing import Validation
from losskit.errors import CapabilityError
from losskit.links import IDENTITY

Array = np.ndarray


def validation(model: Any, descent: Descent, held: Any) -> Validation | None:
    """The rows `held` out, (matrix, targets as the user has them, weights), with their cost by the model's metric."""
    if held is None or model.early_stopping_rounds is None:
        return None
    X, y, w = held
    asked = model.eval_metric
    cost = _by_loss(model, descent, y, w) if asked is None or isinstance(asked, Evaluated) else None
    return Validation(X, cost or _by_scorer(model, descent, X, y, w), model.early_stopping_rounds)


def _by_loss(model: Any, descent: Descent, y: Array, w: Array | None) -> Any:
    # a loss that takes its scale from the data stays as it is at the start: costs of one scale are compared
    metric = descent.loss if model.eval_metric is None else model.eval_metric
    coded = model.coded(metric, y)
    on_scores = metric.link is descent.loss.link
    if not on_scores and metric.link is not IDENTITY:
        raise CapabilityError(f"{metric!r} takes other scores than {descent.loss!r} gives; use a scorer's name")

    def cost(margins: Array) -> float:
        f = margins + (descent.intercept if descent.outputs > 1 else descent.intercept[0])
        return float(metric(coded, f if on_scores else descent.loss.predict(f), w))

    return cost


def _by_scorer(model: Any, descent: Descent, X: Array, y: Array, w: Array | None) -> Any:
    """Minus what scikit-learn's scorer gives to the model as far as it has grown: of scorers greater is better."""
    scorer, staged = get_scorer(model.eval_metric), copy.copy(model)
    weights = {} if w is None else {"sample_weight": w}
    staged.loss_ = descent.loss

    def cost(margins: Array) -> float:
        staged.margins = lambda _: margins
        return -float(scorer(staged, X, y, **weights))

    return cost
