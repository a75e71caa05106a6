"""Folds: which rows train and which test, the same for every candidate, decided by the seed alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from losskit.errors import DataError

Array = np.ndarray
_LEAST = 10  # training rows left where time and groups are both to be kept apart


@dataclass(frozen=True, eq=False)
class Plan:
    """How rows are dealt: each class evenly, groups whole, or in order of time. All are of the rows of the table.

    Attributes
    ----------
    classes : the class of each row, or None
    groups : the group of each row: a group is never in training and test rows at once
    times : when each row was: training rows are earlier than test rows, and of other groups if both are given
    """

    classes: Array | None = None
    groups: Array | None = None
    times: Array | None = None

    @property
    def kind(self) -> str:
        """"time", "groups", or nothing for rows dealt at random."""
        return "time" if self.times is not None else "groups" if self.groups is not None else ""

    def split(self, at: Array, count: int, rng: np.random.Generator) -> list[tuple[Array, Array]]:
        """Training and test rows of `count` folds of the rows `at`.

        Raises
        ------
        DataError
            If there are too few groups or moments.
        """
        if self.times is not None:
            blocks = _blocks(self.times[at], count + 1)
            return [(self._apart(at[blocks < k], at[blocks == k]), at[blocks == k]) for k in range(1, count + 1)]
        if self.groups is not None:
            fold = deal_groups(self.groups[at], count, rng)
        else:
            fold = deal(None if self.classes is None else self.classes[at], len(at), count, rng)
        return [(at[fold != k], at[fold == k]) for k in range(count)]

    def last(self, share: float, rows: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """The rows to work with, and a share of about `share` for the final test: the latest, or drawn at random."""
        count = max(2, round(1 / share))
        at = np.arange(rows)
        if self.times is None:
            return self.split(at, count, rng)[0]
        late = _blocks(self.times, count) == count - 1
        return self._apart(at[~late], at[late]), at[late]

    def _apart(self, train: Array, test: Array) -> Array:
        """The training rows whose groups are not among the test rows."""
        if self.groups is None:
            return train
        kept = train[~np.isin(self.groups[train], self.groups[test])]
        if len(kept) < _LEAST:
            raise DataError(
                f"of {len(train)} earlier rows {len(kept)} are of groups that no later test row is of: groups that run "
                "through all time cannot be kept apart too; give time or groups, not both"
            )
        return kept

    def draw(self, count: int, rows: int, rng: np.random.Generator) -> Array:
        """Of so many rows `count` in their order, drawn at random: of each class its share, of the rarest 10 or all.

        Rows of a group may be left out: those kept still are in training or in test rows together.
        """
        order = rng.permutation(rows)
        if self.classes is not None:
            order = order[np.argsort(self.classes[order], kind="stable")]
            rarest = int(np.unique(self.classes, return_counts=True)[1].min())
            count = max(count, -(-rows * min(10, rarest) // rarest))
        return np.sort(order[np.arange(count) * rows // count])

    def take(self, rows: Array) -> Plan:
        """The plan of these rows of the table."""
        parts = (self.classes, self.groups, self.times)
        return Plan(*(None if part is None else part[rows] for part in parts))


def deal(codes: Array | None, rows: int, folds: int, rng: np.random.Generator) -> Array:
    """The fold of each row, sizes differing by at most one; with `codes` each class is dealt out evenly too."""
    fold = np.empty(rows, dtype=np.intp)
    order = rng.permutation(rows)
    if codes is not None:
        order = order[np.argsort(codes[order], kind="stable")]
    fold[order] = np.arange(rows) % folds
    return fold


def deal_groups(groups: Array, folds: int, rng: np.random.Generator) -> Array:
    """The fold of each row, groups kept whole: the largest first, each to the fold of fewest rows so far."""
    _, codes, counts = np.unique(groups, return_inverse=True, return_counts=True)
    if len(counts) < folds:
        raise DataError(f"there are {len(counts)} groups, and {folds} are needed, one a fold; give a finer grouping")
    order = rng.permutation(len(counts))
    order = order[np.argsort(-counts[order], kind="stable")]
    fold, size = np.empty(len(counts), dtype=np.intp), np.zeros(folds)
    for group in order:
        fold[group] = size.argmin()
        size[fold[group]] += counts[group]
    return fold[codes]


def _blocks(times: Array, count: int) -> Array:
    """The block of each row, of like sizes in order of time; rows of one moment stay together."""
    moments, codes, counts = np.unique(times, return_inverse=True, return_counts=True)
    if len(moments) < count:
        raise DataError(f"there are {len(moments)} moments in time, and {count} are needed; give a finer time")
    middle = np.cumsum(counts) - counts / 2
    blocks = np.minimum((middle * count / len(times)).astype(np.intp), count - 1)
    if len(np.unique(blocks)) < count:
        raise DataError(f"so many rows are of one moment that no {count} blocks can be made; give a finer time")
    return blocks[codes]


def round_rng(seed: int, *where: int) -> np.random.Generator:
    """The generator of one round (and fold): it does not depend on what ran before."""
    return np.random.default_rng([seed, *where])
