"""How a training went: the objective step by step, or the metric of rows held out tree by tree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from losskit.selection.codes import plain
from losskit.solvers.control import CertificateKind

Array = np.ndarray
_KINDS = {"gap": "relative duality gap", "kkt": "relative gradient"}


@dataclass(frozen=True, eq=False)
class Course:
    """The training of one score.

    Attributes
    ----------
    solver : of a linear model; "" of trees
    values : the objective at the start and after each step; of trees the mean cost of rows held out after each round
    rounds : of trees, how many were kept
    certificate, kind, reason : of a linear model, what was reached, what that is, and why it stopped there
    """

    solver: str
    values: Array
    rounds: int = 0
    certificate: float = 0.0
    kind: CertificateKind = "kkt"
    reason: str = "tol"

    @property
    def reached(self) -> bool:
        """Whether what was asked of the solver was reached."""
        return self.reason == "tol"

    def __str__(self) -> str:
        if not self.solver:
            return f"{self.rounds} of {len(self.values)} rounds kept, the best on rows held out"
        steps = len(self.values) - 1
        told = f"{self.solver}, {steps} step{'s' * (steps != 1)}, {_KINDS[self.kind]} {self.certificate:.1g}"
        return told if self.reached else f"{told}, stopped by {self.reason} before what was asked"

    def to_dict(self) -> dict[str, Any]:
        """In plain JSON types."""
        told = {"solver": self.solver or "boosting", "values": [plain(v) for v in self.values]}
        if not self.solver:
            return {**told, "rounds": self.rounds}
        return {**told, "certificate": plain(self.certificate), "kind": self.kind, "stopped_by": self.reason}


def about_time(limit: float, seconds: float, done: int, rounds: int, fewer: bool) -> str:
    """What a time limit has left out, rows or rounds, and what takes less where it was passed."""
    said = [f"As many rows were compared as the time limit of {limit:g} s seemed to allow."] if fewer else []
    if seconds > limit:
        said.append(f"The time limit of {limit:g} s came after {done} of {rounds} rounds of folds.")
    if seconds > 1.2 * limit:
        said.append(
            "One round and the training on all rows are always finished; fewer rows (--sample 5000) or one kind of "
            "model (--model linear) take less."
        )
    return " ".join(said)
