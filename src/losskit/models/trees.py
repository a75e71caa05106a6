"""Boosted trees as part of a model of a table: forests that an engine wrote in its own text, and where they start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from losskit.errors import LosskitError, ModelFileError
from losskit.models.tree_text import trusted

Array = np.ndarray
ENGINE = "lightgbm"


@dataclass(frozen=True, eq=False)
class Trees:
    """One forest, or one for each quantile.

    Attributes
    ----------
    forests : the engine's, with `margins(X, threads)`, `importance()`, `features` and their text as `model`
    starts : for each the intercept, an array of one entry an output
    rounds : how many rounds they were grown, in the mean over forests
    """

    forests: tuple[Any, ...]
    starts: tuple[Array, ...]
    rounds: int = 0

    def scores(self, X: Array) -> Array:
        """The raw scores of rows, (n,) or (n, outputs): a column a forest where there are several."""
        each = [raw_scores(f.margins(X, 1), start) for f, start in zip(self.forests, self.starts, strict=True)]
        return each[0] if len(each) == 1 else np.column_stack(each)

    @property
    def outputs(self) -> int:
        """How many scores a row has."""
        return sum(start.size for start in self.starts)

    def importance(self, count: int) -> Array:
        """The share of each of `count` features in what all splits gained."""
        gain = np.zeros(count)
        for forest in self.forests:
            found = np.asarray(forest.importance(), dtype=np.float64)
            gain[: found.size] += found
        return gain / gain.sum() if gain.sum() > 0 else gain

    def arrays(self) -> dict[str, Array]:
        """What a model file holds of them; `read_trees` is the way back."""
        text = {f"trees_{i}": np.frombuffer(forest.model, np.uint8) for i, forest in enumerate(self.forests)}
        return {**text, **{f"start_{i}": start for i, start in enumerate(self.starts)}}


def raw_scores(margins: Array, start: Array) -> Array:
    """What trees add up to, with where they start; of several outputs a column each, even if no tree has grown."""
    if margins.ndim == 1 and start.size > 1:
        margins = margins[:, None]
    return np.asarray(margins + (start if margins.ndim > 1 else start[0]))


def read_trees(arrays: dict[str, Array], features: int, where: str) -> Trees | None:
    """Take the trees out of the arrays of a model file; None if it holds none.

    Raises
    ------
    ModelFileError
        If they are of other features, or the engine cannot read them.
    MissingExtra
        If the engine is not installed.
    """
    from losskit.hosts import adapter

    count = sum(name.startswith("trees_") for name in arrays)
    if not count:
        return None
    damaged = ModelFileError(f"{where}: the trees do not fit the features; the model is damaged, save it again")
    none = np.zeros(0)
    texts = [arrays.pop(f"trees_{i}", none) for i in range(count)]
    starts = tuple(arrays.pop(f"start_{i}", none) for i in range(count))
    good = all(text.dtype == np.uint8 and text.ndim == 1 for text in texts)
    good = good and all(start.dtype == np.float64 and start.ndim == 1 and start.size for start in starts)
    if not good or not all(np.isfinite(start).all() for start in starts):
        raise damaged
    try:
        forests = tuple(adapter(ENGINE).Forest(trusted(text.tobytes())) for text in texts)
    except LosskitError:
        raise
    except Exception as error:  # of the engine, whose errors have no common class
        raise ModelFileError(f"{where}: {ENGINE} cannot read its trees ({str(error)[:80]})") from None
    pairs = zip(forests, starts, strict=True)
    if not all(forest.features == features and forest.outputs == start.size for forest, start in pairs):
        raise damaged
    return Trees(forests, starts)
