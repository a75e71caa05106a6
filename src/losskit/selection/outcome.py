"""What `select` returns: candidates in order, the verdict, the model, and how to write and read all of it."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from losskit.base import Pointwise
from losskit.expressions import is_known
from losskit.models.table import TableModel
from losskit.question import Question
from losskit.rowwise import Rowwise
from losskit.selection.evaluation import Evaluation, of_selection
from losskit.selection.findings import Findings
from losskit.selection.metrics import Metric
from losskit.selection.target import Target

if TYPE_CHECKING:
    from losskit.selection.course import Course
    from losskit.selection.decisions import Decision
    from losskit.selection.left_out import LeftOut
    from losskit.selection.scrutiny import Scrutiny

Array = np.ndarray
SCHEMA = "losskit.result/1"
TOP = 0.8


@dataclass(eq=False)
class Candidate:
    """One row of the leaderboard.

    Attributes
    ----------
    name, link : the loss as typed (and what is added to it), and its link
    role : "default", "challenger" or "baseline", the best constant
    loss : Pointwise or Rowwise, parameters set on all rows; None for the baseline and for what failed
    model : "linear", "boosted", or "constant" for the baseline
    alpha, rounds : the L2 penalty chosen on all rows, or the rounds of trees
    mean, standard_error : of the metric over the test folds, the error corrected for overlapping folds
    difference, difference_error : of the metric from that of the default of its kind of model, negative where it is
        better; of the baseline, from that of the first default
    p_holm : of the difference, corrected for the number of challengers of its kind
    gain : the share of the default's metric that it saves
    folds, lower : how many test folds were counted, and in how many of them it was below the default
    outside : test predictions for which the metric is infinite
    chance : the probability that it is the best of all, by the same folds
    tested : the metric on the rows set apart, trained on the rows compared; nan if none are
    failed : why it could not be trained, or ""
    pros, cons : reasons in words
    """

    name: str
    link: str
    role: Literal["default", "challenger", "baseline"]
    loss: Pointwise | Rowwise | None = None
    alpha: float = math.nan
    mean: float = math.inf
    standard_error: float = math.nan
    difference: float = math.nan
    difference_error: float = math.nan
    p_holm: float = math.nan
    folds: int = 0
    lower: int = 0
    outside: int = 0
    failed: str = ""
    pros: list[str] = field(default_factory=list)
    cons: list[str] = field(default_factory=list)
    tested: float = math.nan
    chance: float = 0.0
    model: str = "linear"
    rounds: int = 0
    scores: Array | None = None  # the metric's scores in the first round, each row predicted from the others

    @property
    def valid(self) -> bool:
        """Whether every prediction has a finite cost."""
        return not self.failed and not self.outside and math.isfinite(self.mean)

    @property
    def label(self) -> str:
        """The name with parameters as set on all rows, in few digits."""
        if self.loss is None:
            return self.name
        if isinstance(self.loss, Rowwise) or self.name.startswith(("Quantile at", "from_formula")):
            return self.name.removesuffix("()")
        listed = [f"{k}={v:.3g}" for k, v in self.loss.parameters.items() if v is not None]
        shift = "".join(self.name.partition(" + residual")[1:])
        return type(self.loss).__name__ + (f"({', '.join(listed)})" if listed else "") + shift

    @property
    def source(self) -> str:
        """Where the loss is from."""
        return "" if self.loss is None else type(self.loss).source

    @property
    def title(self) -> str:
        """The name, with the kind of model where it is not the linear one."""
        return self._of_kind(self.name)

    @property
    def label_with_kind(self) -> str:
        """The label likewise."""
        return self._of_kind(self.label)

    def _of_kind(self, name: str) -> str:
        return f"{name}, boosted" if self.model == "boosted" else name

    @property
    def promising(self) -> bool:
        """Whether it does much better than the default without having proved it."""
        return self.valid and self.lower >= 0.7 * self.folds and self.difference < -0.05 * (self.mean - self.difference)

    def gain(self, default: Candidate) -> float:
        """The share of the default's metric that this one saves; negative where it loses."""
        return -self.difference / default.mean if default.mean > 0 else math.nan

    def to_dict(self) -> dict[str, Any]:
        """As `result.json` has it."""
        numbers = {k: _plain(getattr(self, k)) for k in ("alpha", "mean", "standard_error", "difference", "p_holm")}
        reasons = {"for": self.pros, "against": self.cons}
        told = {"loss": self.name, "link": self.link, "model": self.model}
        return {**told, **numbers, "chance": self.chance, "source": self.source, "reasons": reasons}


@dataclass(frozen=True)
class Verdict:
    """The answer, why, what it means and what would change it."""

    loss: str
    link: str
    sentence: str
    why: tuple[str, ...]
    meaning: str
    would_change: tuple[str, ...]
    smallest_difference: float  # as a share of the default's metric
    model: str = "linear"
    kinds: str = ""  # which kind of model, and how that was decided
    caution: str = ""  # what looks much better without having proved it


@dataclass(eq=False)
class Selection:
    """What `select` found.

    Attributes
    ----------
    question, metric, target : what was asked, what judged, what of
    question_inferred : whether the question was not given
    findings : Findings
    candidates : list of Candidate, best first, those that cannot be ranked last
    verdict : Verdict
    model : TableModel, the winner fitted to all rows
    also : Selection or None
        The same with the median asked, where outliers were found and no question was given.
    seed, rounds, rounds_asked, folds, seconds : how it was run
    tested : how many rows were set apart for the final test
    plan : "groups" or "time" if the folds heed them
    numbers : the number of each row in the source, from 1
    scrutiny : Scrutiny, which rows carry the loss, which the choice moves, and on what the verdict hangs
    decision : Decision or None, whether probabilities hold and how labels are made of them
    courses : of Course, how the training of the winner went, one a level of quantiles
    crossing : the share of the rows compared whose quantiles the model had to put in order; None for other questions
    left_out : of LeftOut, the losses of the catalogue that were not compared, by reason
    asked : the arguments of `select` that were not left at their defaults, in plain JSON types
    """

    question: Question
    question_inferred: bool
    metric: Metric
    target: Target
    findings: Findings
    candidates: list[Candidate]
    verdict: Verdict
    model: TableModel
    seed: int
    folds: int
    rounds: int
    rounds_asked: int
    seconds: float
    versions: dict[str, str]
    source: str = ""
    also: Selection | None = None
    tested: int = 0
    plan: str = ""
    numbers: Array | None = None
    scrutiny: Scrutiny | None = None
    decision: Decision | None = None
    courses: tuple[Course, ...] = ()
    crossing: float | None = None
    left_out: tuple[LeftOut, ...] = ()
    asked: dict[str, Any] = field(default_factory=dict)

    @property
    def default(self) -> Candidate:
        """The loss the contract names for this question, with the verdict's kind of model."""
        return self.against(self.winner)

    def against(self, candidate: Candidate) -> Candidate:
        """The default that a candidate's `difference` is from."""
        defaults = {c.model: c for c in self.candidates if c.role == "default"}
        return defaults.get(candidate.model) or defaults.get("linear") or defaults["boosted"]

    @property
    def baseline(self) -> Candidate:
        """The best constant."""
        return next(c for c in self.candidates if c.role == "baseline")

    @property
    def winner(self) -> Candidate:
        """The candidate of the verdict."""
        return next(c for c in self.candidates if (c.name, c.model) == (self.verdict.loss, self.verdict.model))

    @property
    def top_group(self) -> list[Candidate]:
        """The fewest candidates that hold the best of all with a probability of 80 %, the likeliest first."""
        return top_group(self.candidates)

    @cached_property
    def evaluated(self) -> tuple[Evaluation, dict[str, float]]:
        """The winner's figures on rows it has not seen, and how far its predictions are from the default's."""
        return of_selection(self)

    @property
    def compared(self) -> int:
        """How many rows were compared: all but those set apart, or those drawn of many."""
        return len(self.target.y)

    @property
    def loss(self) -> Pointwise | Rowwise:
        """The loss of the verdict, its parameters set on all rows."""
        return self.model.loss

    @property
    def can_be_saved(self) -> bool:
        """Whether a model file can hold the model: not if the loss is a class of your own, for it holds no code."""
        return is_known(self.loss)

    def predict(self, X: Any) -> Array:
        """The model's predictions for the rows of a table."""
        return self.model.predict(X)

    def to_dict(self) -> dict[str, Any]:
        """`result.json`, in plain JSON types; what has no finite value is None."""
        made, changes = self.evaluated
        verdict = {k: list(v) if isinstance(v, tuple) else v for k, v in vars(self.verdict).items()}
        verdict["smallest_difference"] = _plain(self.verdict.smallest_difference)
        if self.also is not None:
            verdict["also_median"] = {
                "sentence": self.also.verdict.sentence,
                "loss": self.also.verdict.loss,
                "link": self.also.verdict.link,
                "model": self.also.verdict.model,
            }
        return {
            "schema": SCHEMA, "question": str(self.question), "question_inferred": self.question_inferred,
            "metric": self.metric.name, "rows": self.findings.rows,
            "rows_compared": self.compared, "problem": self.target.problem,
            "findings": [item.to_dict() for item in self.findings.items],
            "candidates": [c.to_dict() for c in self.candidates],
            "not_compared": [{"losses": list(each.losses), "reason": each.reason} for each in self.left_out],
            "top_group": [{"loss": c.name, "model": c.model} for c in self.top_group],
            "verdict": verdict, "seed": self.seed, "asked": self.asked, "source": self.source,
            "versions": self.versions, "seconds": round(self.seconds, 3),
            "scrutiny": None if self.scrutiny is None else self.scrutiny.to_dict(),
            "decision": None if self.decision is None else self.decision.to_dict(),
            "training": [course.to_dict() for course in self.courses],
            "evaluation": made.to_dict(), "changes": {k: _plain(v) for k, v in changes.items()},
            "final_test": {"rows": self.tested, **{c.title: _plain(c.tested) for c in self.candidates if self.tested}},
        }  # fmt: skip

    def to_html(self) -> str:
        """The report: one page without scripts or network."""
        from losskit.report.html import page

        return page(self)

    def to_markdown(self) -> str:
        """The numbers of the report as Markdown."""
        from losskit.report.markdown import page

        return page(self)

    def save(self, folder: str | os.PathLike[str], *, force: bool = False) -> dict[str, str]:
        """Write report.html, report.md, result.json and model.losskit into a folder, which is made if need be.

        Without a model file where the verdict's loss is a class of your own (`can_be_saved`).

        Returns
        -------
        dict of str
            The paths.

        Raises
        ------
        DataError
            If the folder cannot be written, or a file is there and `force` is False.
        """
        from losskit.selection.files import save_selection

        return save_selection(self, folder, force)

    def __str__(self) -> str:
        return " ".join([self.verdict.sentence, *self.verdict.why])


def top_group(candidates: list[Candidate]) -> list[Candidate]:
    """The fewest that hold the best with a probability of `TOP`, the likeliest first; nobody where none is valid."""
    ranked = sorted((c for c in candidates if c.chance > 0), key=lambda c: -c.chance)
    held = np.cumsum([c.chance for c in ranked])
    return ranked[: int(np.searchsorted(held, TOP)) + 1]


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
