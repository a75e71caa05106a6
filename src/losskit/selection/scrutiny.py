"""A closer look at a choice: which rows carry the loss, which the choice moves, and on what the verdict hangs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from losskit.data.tables import Table
from losskit.errors import DataError
from losskit.selection.evaluation import middle, plain_value
from losskit.selection.metrics import Metric
from losskit.selection.outcome import Candidate
from losskit.selection.tally import ByValue
from losskit.selection.target import Target

Array = np.ndarray
_SHOWN, _CLEAR, _LEAST = 8, 4.0, 20
_MOVED = 5


@dataclass(frozen=True, eq=False)
class Scrutiny:
    """What lies behind a verdict; all of it of rows predicted by models that had not seen them.

    Attributes
    ----------
    rival : the loss that the default is set against: the winner, or the best challenger where the default won
    groups : parts of the rows, by a feature, that cost clearly more a row than the others, the most costly first: part,
        rows, metric there, share of the metric, and the metric of `rival` (or the default) there
    by_group : the groups that the folds keep whole, the most costly first, likewise
    costliest : the rows that cost most: row, target, prediction (of two classes the probability of the second, where
        probabilities are judged) and metric
    moved : rows whose prediction the choice moves most: row, target, and both predictions
    by_round : the share of the default's metric that the rival saves in each round, by other folds each time
    saved, saved_without : that share in the first round, and without the hundredth of rows that cost most
    left_out : how many rows these are
    """

    rival: str
    groups: tuple[dict[str, Any], ...]
    moved: tuple[dict[str, Any], ...]
    by_round: tuple[float, ...]
    saved: float
    saved_without: float
    left_out: int
    by_group: tuple[dict[str, Any], ...] = ()
    costliest: tuple[dict[str, Any], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """In plain JSON types."""
        return {
            "rival": self.rival,
            "groups": [{k: plain_value(v) for k, v in each.items()} for each in self.groups],
            "by_group": [{k: plain_value(v) for k, v in each.items()} for each in self.by_group],
            "costliest_rows": [{k: plain_value(v) for k, v in each.items()} for each in self.costliest],
            "moved_rows": list(self.moved),
            "saved_by_round": [plain_value(v) for v in self.by_round], "saved": plain_value(self.saved),
            "saved_without_worst": plain_value(self.saved_without), "worst_left_out": self.left_out,
        }  # fmt: skip

    def sentences(self) -> list[str]:
        """How firm the verdict is, in words."""
        if not self.by_round or not math.isfinite(self.saved):
            return []
        better = sum(v > 0 for v in self.by_round)
        low, high = (_signed(-v) for v in (max(self.by_round), min(self.by_round)))
        lines = [
            f"Over {len(self.by_round)} rounds, each with other folds, {self.rival} was better than the default in "
            f"{better}: the difference goes from {low} to {high}." if len(self.by_round) > 1 else
            f"In its one round {self.rival} was {'better' if better else 'no better'} than the default: the difference "
            f"is {low}."
        ]  # fmt: skip
        if not math.isfinite(self.saved_without):
            return lines
        rows = f"the {self.left_out} rows that cost most" if self.left_out > 1 else "the row that costs most"
        hangs = self.saved * self.saved_without <= 0 or abs(self.saved_without) < abs(self.saved) / 2
        end = ": a few rows decide" if hangs and abs(self.saved) > 0.005 else ""
        lines.append(
            f"Over all rows of the first round the difference is {_signed(-self.saved)}; without {rows} it is "
            f"{_signed(-self.saved_without)}{end}."
        )
        return lines


def _signed(share: float) -> str:
    """A relative change with its sign, none for what rounds to nothing."""
    text = f"{share:+.2%}"
    return text[1:] if text[1:] == "0.00%" else text


def look(
    table: Table, target: Target, w: Array | None, metric: Metric, candidates: list[Candidate], chosen: Candidate,
    costs: Array, groups: tuple[Array, list[str]] | None = None,
) -> Scrutiny:  # fmt: skip
    """The closer look at the candidates of the winner's kind of model.

    Parameters
    ----------
    costs : (rounds, candidates): the metric of each round
    groups : of the rows that the folds keep together: a code a row, and the names
    """
    kin = [c for c in candidates if c.model == chosen.model]
    default = next(c for c in kin if c.role == "default")
    able = [c for c in kin if c.role == "challenger" and c.valid]
    won = chosen is not default
    rival = chosen if won else min(able, key=lambda c: c.mean, default=None)
    if chosen.scores is None or not chosen.valid:
        return Scrutiny("", (), (), (), math.nan, math.nan, 0)
    known = _known(chosen.scores)
    if rival is not None and default.valid and default.scores is not None and rival.scores is not None:
        known &= _known(default.scores) & _known(rival.scores)
    else:
        rival = None
    at = np.flatnonzero(known)
    y, weights = target.y[at], None if w is None else w[at]
    own = metric.rows(y, chosen.scores[at])
    other = chosen if rival is None else default if won else rival
    against = metric.rows(y, other.scores[at])  # type: ignore[index]
    dear = tuple(_groups(table.take(at), own, against, weights))
    kept = () if groups is None else tuple(_by_group(groups[0][at], groups[1], own, against, weights))
    costliest = tuple(_costliest(table.numbers[at], y, metric, target, chosen.scores[at], own))
    if rival is None:
        return Scrutiny("", dear, (), (), math.nan, math.nan, 0, kept, costliest)
    first, second = (own, against) if won else (against, own)  # of the rival, of the default
    few = max(1, len(at) // 100)
    left = np.argsort(-np.maximum(own, against), kind="stable")[few:]
    rounds, base = (costs[:, candidates.index(c)] for c in (rival, default))
    by_round = tuple(float(v) for v in 1 - rounds / base) if (base > 0).all() else ()
    without = _saved(first[left], second[left], None if weights is None else weights[left])
    moved = _moved(table, target, metric, at, default, rival)
    saved = _saved(first, second, weights)
    return Scrutiny(rival.label, dear, moved, by_round, saved, without, few, kept, costliest)


def _known(scores: Array) -> Array:
    return np.isfinite(scores) if scores.ndim == 1 else np.isfinite(scores).all(axis=1)


def _saved(first: Array, second: Array, w: Array | None) -> float:
    base = float(np.average(second, weights=w))
    return 1 - float(np.average(first, weights=w)) / base if base > 0 else math.nan


def _groups(table: Table, own: Array, against: Array, w: Array | None) -> list[dict[str, Any]]:
    """Values, or fifths, of each feature whose rows cost more than the others by four standard errors."""
    w = np.ones(len(own)) if w is None else w
    total, rows, found = float(w @ own), float(w.sum()), []
    if not total > 0:
        return []
    spread = float(w @ (own - total / rows) ** 2) / rows
    for name in table.names:
        values = ByValue(name)
        with suppress(DataError):  # an identifier has no parts
            values.add(table.column(name), w, w * own, w * against)
        for part, sums in values.parts():
            count, size = float(sums[0]), float(sums[1])
            rest = rows - size
            if count < _LEAST or size < _LEAST or rest < _LEAST:
                continue
            there = _told(f"{name}: {part}", sums, total)
            gap = there["metric"] - (total - size * there["metric"]) / rest
            if gap > _CLEAR * math.sqrt(spread * (1 / size + 1 / rest)):
                found.append((total * size / rows - size * there["metric"], there))
    return [there for _, there in sorted(found, key=lambda each: each[0])[:_SHOWN]]


def _by_group(codes: Array, names: list[str], own: Array, against: Array, w: Array | None) -> list[dict[str, Any]]:
    """The groups that carry most of the metric, the most costly a row first."""
    w = np.ones(len(own)) if w is None else w
    sums = np.array([np.bincount(codes, each, len(names)) for each in (np.ones(len(w)), w, w * own, w * against)])
    most = np.argsort(-sums[2], kind="stable")[: 2 * _SHOWN]
    found = [_told(names[i], sums[:, i], float(w @ own)) for i in most if sums[1, i]]
    return sorted(found, key=lambda each: -each["metric"])


def _told(name: str, sums: Array, total: float) -> dict[str, Any]:
    """A part of the rows, from how many they are and the sums of their weights, costs and costs by the other loss."""
    count, size, cost, other = map(float, sums)
    return {
        "part": name, "rows": int(count), "metric": cost / size, "share": cost / total if total > 0 else math.nan,
        "other": other / size,
    }  # fmt: skip


def _costliest(
    numbers: Array, y: Array, metric: Metric, target: Target, scores: Array, costs: Array
) -> Iterator[dict[str, Any]]:
    """The rows that cost most, each with what was predicted."""
    names, predicted = target.classes, middle(metric, scores)
    called = bool(names) and (metric.loss is None or scores.ndim > 1)
    for i in np.argsort(-costs, kind="stable")[:_SHOWN]:
        yield {
            "row": int(numbers[i]), "target": names[int(y[i])] if names else float(y[i]),
            "prediction": names[int(predicted[i])] if called else float(predicted[i]), "metric": float(costs[i]),
        }  # fmt: skip


def _moved(
    table: Table, target: Target, metric: Metric, at: Array, default: Candidate, rival: Candidate
) -> tuple[dict[str, Any], ...]:
    """The rows between whose two predictions most lies; nothing where labels or several scores are predicted."""
    assert default.scores is not None
    assert rival.scores is not None
    if default.scores.ndim > 1 or metric.loss is None:
        return ()
    before, after = middle(metric, default.scores[at]), middle(metric, rival.scores[at])
    gap = np.abs(after - before)
    return tuple(
        {"row": int(table.numbers[at[i]]), "target": target.classes[int(target.y[at[i]])] if target.classes
         else float(target.y[at[i]]), "default": float(before[i]),
         "rival": float(after[i])}
        for i in np.argsort(-gap, kind="stable")[:_MOVED] if gap[i] > 0
    )  # fmt: skip
