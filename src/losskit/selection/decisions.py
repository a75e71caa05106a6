"""Whether the winner's probabilities hold, what would mend them, and the threshold for labels.

All of it on the first round of cross-validation: each row was predicted by a model that had not seen it. What a map or
a threshold is worth is measured on rows that it was not fitted to.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from losskit.links import LOGIT
from losskit.models.labelling import (
    KINDS,
    Labelling,
    Recalibration,
    curve_of,
    log_loss,
    miscalibration,
    recalibrate,
    shares_of,
    worth,
)
from losskit.question import Costs
from losskit.selection.aims import Aim
from losskit.selection.folds import Plan, round_rng
from losskit.selection.outcome import Candidate
from losskit.selection.target import Target

Array = np.ndarray
LEVEL, WORTH = 0.05, 0.005  # a map is offered below this p-value and above this share of the log loss
_PARTS = 5


@dataclass(frozen=True, eq=False)
class Decision:
    """What was found of the probabilities of a selection's winner.

    Attributes
    ----------
    p : of the likelihood ratio test of "they hold"
    before : their log loss
    after : the log loss after each map, on rows it was not fitted to
    best : the map of the lowest, if the test finds something and it saves enough; or nothing
    applied : the map in the model, or nothing
    mended : log-odds or log-probabilities after the map that is applied or offered, on rows it was not fitted to
    metric, threshold : what labels are made for, and the probability of the second class from which on they are so
    positive : the second class, which the metric is of
    value, at_half : the metric with thresholds of other rows, and with one half
    """

    p: float
    before: float
    after: dict[str, float]
    best: str
    applied: str
    mended: Array | None = None
    metric: str = ""
    threshold: float = math.nan
    value: float = math.nan
    at_half: float = math.nan
    positive: str = ""

    def to_dict(self) -> dict[str, Any]:
        """In plain JSON types."""
        told: dict[str, Any] = {
            "p_they_hold": self.p, "log_loss": self.before, "log_loss_after": self.after, "best": self.best,
            "applied": self.applied,
        }  # fmt: skip
        if self.metric:
            told |= {
                "metric": self.metric, "of": self.positive, "threshold": self.threshold, "value": self.value,
                "at_one_half": self.at_half,
            }  # fmt: skip
        return told

    def sentences(self) -> list[str]:
        """In words."""
        how = f"(test of calibration: p {'< 0.001' if self.p < 0.001 else f'= {self.p:.2g}'})"
        lines = []
        if self.applied:
            lines.append(
                f"The probabilities were recalibrated ({self.applied}): on rows not used for it the log loss went from "
                f"{self.before:.4g} to {self.after[self.applied]:.4g} {how}."
            )
        elif self.best:
            lines.append(
                f"The probabilities are off {how}: recalibrated on other rows their log loss falls from "
                f"{self.before:.4g} to {self.after[self.best]:.4g}. To have it: --recalibrate {self.best}."
            )
        elif self.p < LEVEL:
            lines.append(f"The probabilities are slightly off {how}; no recalibration makes them better by 0.5%.")
        else:
            lines.append(f"Nothing says that the probabilities are off {how}.")
        if self.metric:
            lines.append(
                f"Labels are made for {self.metric} of class {self.positive}: it is the label from a probability of "
                f"{self.threshold:.3g} on. With thresholds chosen on other rows the metric is {self.value:.3g}, with "
                f"one half {self.at_half:.3g}."
            )
        return lines


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows predicted by models that had not seen them, in parts."""

    z: Array
    y: Array
    w: Array | None
    parts: list[tuple[Array, Array]] = field(default_factory=list)

    def take(self, at: Array) -> _Rows:
        return _Rows(self.z[at], self.y[at], None if self.w is None else self.w[at])

    def crossed(self, learn: Callable[[_Rows], Callable[[Array], Array]]) -> Array:
        """What is learned on the other parts, applied to each."""
        out = np.empty_like(self.z)
        for train, test in self.parts:
            out[test] = learn(self.take(train))(self.z[test])
        return out


def about_costs(costs: Costs, classes: tuple[str, ...]) -> str:
    """From which probability on a row of two classes is labelled as the second: Bayes' rule under these costs."""
    (right, false_alarm), (miss, hit) = costs
    threshold = (false_alarm - right) / (false_alarm - right + miss - hit)
    return f"Labels: {classes[1]!r} from a probability of {threshold:.3g} on, which costs least."


def decide(
    aim: Aim, target: Target, w: Array | None, winner: Candidate, plan: Plan, seed: int
) -> tuple[Labelling, Decision | None]:
    """The labelling of the model, and what was found of its probabilities where the question is of these."""
    y, classes = target.y, len(target.classes)
    made = Labelling(shares_of(y, classes, w))
    if aim.question is None or aim.question.kind != "probability" or winner.scores is None or not winner.valid:
        return made, None
    z = winner.scores
    at = np.flatnonzero(np.isfinite(z) if z.ndim == 1 else np.isfinite(z).all(axis=1))
    counts = np.bincount(y[at].astype(np.intp), minlength=classes)
    if counts.min() < 2 * _PARTS:
        return made, None
    dealt = replace(plan.take(at), times=None).split(np.arange(len(at)), _PARTS, round_rng(seed, 1 << 22))
    rows = _Rows(z[at], y[at], None if w is None else w[at], dealt)
    found, mended = _calibration(rows, aim.recalibrate)
    if found.applied:
        made = replace(made, recalibration=_mend(found.applied, rows))
    if aim.labels:
        made, found = _threshold(aim.labels, made, rows, replace(found, positive=target.classes[1]))
    if mended is not None:
        whole = np.full_like(z, np.nan)
        whole[at] = mended
        found = replace(found, mended=whole)
    return made, found


def _calibration(rows: _Rows, asked: str) -> tuple[Decision, Array | None]:
    """The test, each map on rows it has not seen, and what the chosen one makes of them."""
    kinds = KINDS[3:] if rows.z.ndim > 1 else KINDS[:3]
    before, p = log_loss(rows.z, rows.y, rows.w), miscalibration(rows.z, rows.y, rows.w)
    mended = {kind: rows.crossed(partial(_mend, kind)) for kind in kinds}
    after = {kind: log_loss(z, rows.y, rows.w) for kind, z in mended.items()}
    best = min(after, key=lambda kind: after[kind])
    if not (p < LEVEL and after[best] < (1 - WORTH) * before):
        best = ""
    applied = best if asked == "auto" else asked
    if applied and applied not in after:
        _mend(applied, rows)  # says what is wanted
    return Decision(p, before, after, best, applied), mended.get(applied or best)


def _mend(kind: str, rows: _Rows) -> Recalibration:
    return recalibrate(kind, rows.z, rows.y, rows.w)


def _threshold(metric: str, made: Labelling, rows: _Rows, found: Decision) -> tuple[Labelling, Decision]:
    """The curve from which the threshold follows, and what thresholds of other rows are worth."""
    z = made.odds(rows.z)
    curve = curve_of(z, rows.y, rows.w)
    made = replace(made, metric=metric, curve=curve)

    def learn(part: _Rows) -> Callable[[Array], Array]:
        own = Labelling(shares_of(part.y, 2, part.w), None, metric, curve_of(part.z, part.y, part.w))
        return lambda values: (values >= own.cut()).astype(np.float64)

    chosen = replace(rows, z=z).crossed(learn)
    threshold, at_half = float(LOGIT.to_prediction(made.cut())), _worth(metric, z >= 0, rows)
    return made, replace(
        found, metric=metric, threshold=threshold, value=_worth(metric, chosen, rows), at_half=at_half
    )


def _worth(metric: str, called: Array, rows: _Rows) -> float:
    one = rows.y > 0.5
    w = np.ones(len(one)) if rows.w is None else rows.w
    hits, alarms = (float(w[own] @ called[own] / w[own].sum()) for own in (one, ~one))
    return float(worth(metric, hits, alarms, float(w[one].sum() / w.sum())))
