"""One loss, one penalty, one table: a linear model without any choosing, for `losskit fit`."""

from __future__ import annotations

from typing import Any

from losskit.base import Pointwise
from losskit.data.preprocess import Preprocessor
from losskit.domains import SIGNS
from losskit.errors import DataError, ParameterError
from losskit.labels import is_ordered
from losskit.models.labelling import Labelling, shares_of
from losskit.models.table import TableModel
from losskit.penalties import L2
from losskit.rowwise import Rowwise
from losskit.selection.target import order_of_labels, read_target, split_target
from losskit.solvers.minimise import Solution, minimise


def parse_penalty(text: str | None) -> float:
    """The alpha that "l2=0.1" states; 0 for none."""
    if text is None:
        return 0.0
    name, _, value = text.partition("=")
    try:
        alpha = float(value) if name.strip().lower() == "l2" else -1.0
    except ValueError:
        alpha = -1.0
    if not 0 <= alpha < float("inf"):
        raise ParameterError(f"--penalty takes l2=ALPHA with ALPHA >= 0, such as l2=0.1; got {text!r}")
    return alpha


def fit_table(
    X: Any, y: Any, loss: Pointwise | Rowwise, alpha: float = 0.0, order: Any = None
) -> tuple[TableModel, Solution]:
    """Fit a table: features are standardised, so alpha/2 ||coef||^2 counts coefficients a standard deviation.

    `order` holds labels that are text from the lowest to the highest, as "low,mid,high" or a list.

    Raises
    ------
    DataError
        If the target is not what the loss takes, or no feature varies.
    """
    table, column = split_target(X, y)
    classes = loss.link.gives != "number"
    several = isinstance(loss, Rowwise)
    ordered = is_ordered(loss)
    labels = order_of_labels(column, order, ordered)
    target = read_target(column, "multiclass" if several else "binary" if classes else "real", labels)
    preprocessor = Preprocessor().fit(table)
    if not preprocessor.feature_names:
        raise DataError(f"{table.source}: no feature varies; nothing to learn from")
    coded = 2 * target.y - 1 if loss.domain is SIGNS else target.y
    solution = minimise(loss, L2(alpha), preprocessor.transform(table), coded)
    model = TableModel(
        preprocessor,
        solution.loss,
        solution.coef,
        solution.intercept,
        alpha,
        0.0,
        target.classes,
        target.name,
        "ordinal" if ordered else _question(solution.loss),
        labelling=Labelling(shares_of(target.y, len(target.classes))),
    )
    return model, solution


def _question(loss: Pointwise | Rowwise) -> str:
    return "label" if loss.link.gives == "label" else loss.traits().elicits or "prediction"
