"""Folds: which rows train and which test, the same for every candidate, decided by the seed alone."""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def deal(codes: Array | None, rows: int, folds: int, rng: np.random.Generator) -> Array:
    """The fold of each row, sizes differing by at most one; with `codes` each class is dealt out evenly too."""
    fold = np.empty(rows, dtype=np.intp)
    order = rng.permutation(rows)
    if codes is not None:
        order = order[np.argsort(codes[order], kind="stable")]
    fold[order] = np.arange(rows) % folds
    return fold


def round_rng(seed: int, *where: int) -> np.random.Generator:
    """The generator of one round (and fold): it does not depend on what ran before."""
    return np.random.default_rng([seed, *where])
