"""Findings as data: a code, what it stands for, what was seen and where, why it matters, how to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Code:
    """A kind of finding: its number, its title, and what is the same about every finding of the kind."""

    code: str
    title: str
    why: str
    fix: str


_TABLE = (
    Code("LK001", "cannot be called", "A loss that raises stops the training it is in.",
         "Take a target and a prediction, one number a row each, and return numbers."),
    Code("LK002", "wrong gradient", "A solver or booster walks to where this gradient is 0, which is not where the "
         "loss is least.", "Derive the gradient from the formula again, sign and factor included."),
    Code("LK003", "wrong Hessian", "Newton steps and boosters divide by it: their steps get the wrong length, or "
         "the wrong sign.", "Derive it from the gradient again. If an upper bound is meant, ignore this code."),
    Code("LK004", "nan from finite numbers", "One such row makes the sum, the gradient and then every weight nan.",
         "Find 0 * inf, inf - inf, 0 / 0 or a power of 0; in torch and JAX keep the branch not taken finite too."),
    Code("LK005", "overflow", "The value is infinite where the true one is an ordinary number, so training stops.",
         "Write exponentials of negative numbers only: log1p(exp(-abs(x))) + max(x, 0) for log(1 + exp(x))."),
    Code("LK006", "jump", "The loss is not continuous: line searches fail there, and no gradient knows of the step.",
         "Make the branches of the formula equal where they meet; often a factor 1/2 is missing."),
    Code("LK007", "upside down", "Whoever minimises it moves away from the target.", "Turn the sign."),
    Code("LK008", "clipped", "Past the clip every prediction costs the same and the gradient is 0: the rows that are "
         "most wrong teach nothing, and the metric hides them.",
         "Work on raw scores (losskit.Logistic), where nothing needs a clip; a certain and wrong row costs inf."),
    Code("LK009", "lost accuracy", "Digits are lost to cancellation: small losses and gradients come out as 0 or "
         "noise, and comparisons of good models are random.",
         "Use a spelling without the difference of near equals: log1p, expm1, 2 sinh(x/2)^2."),
    Code("LK010", "broadcasts (N,) with (N, 1)", "A forgotten axis compares every target with every prediction; the "
         "result looks like a loss, and training tends to the mean of y.",
         "Raise unless both shapes are equal."),
    Code("LK011", "weighted mean divides by N", "The number moves with the scale of the weights; batches, folds and "
         "shards of other weights cannot be compared.", "Divide by the sum of the weights."),
    Code("LK012", "weights are not repetitions", "A row of weight 2 does not count as two rows.",
         "Multiply each row's loss by its weight, once, before the reduction."),
    Code("LK013", "rows are coupled", "The value of a batch is no mean or sum of its rows, so it depends on the "
         "batch size, and batches do not add up.",
         "If that is meant, ignore this code; else reduce rows by mean or sum."),
    Code("LK014", "float32 does not stay float32", "Memory and time double behind the back, and mixed-precision "
         "training breaks.", "Use constants of the input's dtype."),
    Code("LK015", "integers wrap", "Labels and pixels come as small integers; arithmetic in their dtype runs "
         "around its end in silence.", "Convert to a float dtype before any arithmetic."),
    Code("LK016", "not deterministic", "The same rows give other numbers: no comparison, search or gradient check "
         "can be trusted.", "Take the random state as an argument, or out of the loss. In torch call eval() first."),
    Code("LK017", "claim refuted", "Solvers and readers rely on what is claimed of a loss.",
         "Correct the claim, or the formula."),
    Code("LK018", "scores pass as probabilities", "Raw scores given by mistake yield a plausible number.",
         "Raise when a prediction lies outside [0, 1]."),
    Code("LK019", "nan is swallowed", "A model that predicts nan scores as if it were right.",
         "Test with where(isnan(f), f, ...); comparisons with nan are false and pick the other branch."),
    Code("LK020", "changes its arguments", "The caller's data differ after the call.", "Work on a copy."),
    Code("LK021", "does not depend on the prediction", "Nothing can be learnt from it.",
         "If it takes several predictions a row (classes, say), say target=\"labels\" or \"shares\"."),
    Code("LK022", "nan at a class left out", "A mask gives classes a score of minus infinity; one of them makes the "
         "row, the sum and then every weight nan.",
         "Leave out what has share 0: where(t > 0, t * log_p, 0), or take the label's own score alone."),
    Code("LK023", "labels that are none pass", "Rows without a label, or with that of another coding, are trained on "
         "as if they were of some class.", "Raise unless 0 <= y < k; name the label of rows to leave out."),
    Code("LK024", "softmax in the wrong place", "Probabilities differ by 1 at most, so their softmax is nearly even: "
         "the loss never comes near 0, and gradients vanish.", "Give raw scores, or take the logarithm of what are "
         "probabilities already."),
    Code("LK025", "no divergence", "Where equal shares are not the least, training does not end at equal shares.",
         "Add what is missing: the entropy of P in a cross-entropy, - p + q where shares do not sum to 1."),
    Code("LK026", "order reversed", "The two orders of KL are two losses: one covers all of the target, the other "
         "settles on a part of it and cannot learn from labels.",
         "Sum p log(p/q) with p the target. If the reverse divergence is meant, ignore this code."),
)  # fmt: skip
CODES = {each.code: each for each in _TABLE}


@dataclass(frozen=True)
class Finding:
    """One thing found: a stable code, what was seen, and the numbers that show it.

    Attributes
    ----------
    code, title : of the kind of finding
    what : one sentence
    where : the numbers that show it
    why, fix : why it matters, and how to mend it
    """

    code: str
    title: str
    what: str
    where: str
    why: str
    fix: str

    def to_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def finding(code: str, what: str, where: str = "", fix: str | None = None) -> Finding:
    """A finding of a kind in the table; `fix` replaces the kind's own advice where more is known."""
    kind = CODES[code]
    return Finding(code, kind.title, what, where, kind.why, kind.fix if fix is None else fix)
