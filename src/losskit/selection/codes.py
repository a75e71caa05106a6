"""What `profile` can find, as one table: number, name, title, what it means for the loss, what to do; and a finding."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

ALARMS = "Of clean simulated tables of 100 to 1000 rows fewer than two in a hundred raise a suspicion"


@dataclass(frozen=True)
class Code:
    """A kind of finding.

    Attributes
    ----------
    code, name, title : its number, its word, and its heading
    why : what it does to losses and to the models trained by them
    do : what helps
    measure : what `statistic` and `effect` of such a finding are
    """

    code: str
    name: str
    title: str
    why: str
    do: str
    measure: str = ""

    def paragraphs(self) -> list[str]:
        """The help page of the code, heading apart."""
        figures = [f"In figures (statistic; effect): {self.measure}."] if self.measure else []
        ask = f"`losskit profile DATA --target COLUMN` reports it, as `{self.name}` in JSON."
        return [self.why, *figures, f"What helps. {self.do}", ask]


_TABLE = (
    Code("LK101", "outliers", "Far-off target values",
         "A mean follows them, squared error most of all: each pulls with the full size of its residual.",
         "If they are errors, mend them; if they are real, decide whether the mean (which they move) or the median "
         "(which they do not) is wanted.", "rows beyond 5 robust standard deviations; the farthest, in these units"),
    Code("LK102", "feature-outliers", "Far-off values in a feature",
         "In a linear model such rows have leverage: they bend the fit wherever their target lies, under any loss.",
         "Look for wrong units and sentinels such as 999; else take logarithms, or cut the column off.",
         "rows beyond 10 robust standard deviations; the farthest, in these units"),
    Code("LK103", "heavy-tails", "Errors with heavy tails",
         "The mean of squares is ruled by few rows, and its comparisons are noisy; bounded losses use the rest better.",
         "Huber, LogCosh or Student's t give the same centre with less noise, if errors are symmetric.",
         "excess kurtosis of residuals over its standard error; the excess kurtosis"),
    Code("LK104", "skewed", "A skewed target",
         "Its mean and its median are different things.", "Say which one is wanted.", "skewness; the same"),
    Code("LK105", "heteroscedastic", "Noise of changing size",
         "Squared error gives noisy regions most say; one interval for all rows is too wide here and too narrow there.",
         "Ask for quantiles or intervals, or take a loss whose variance grows with the mean.",
         "Breusch-Pagan chi-square of two terms; noise in the fifth of highest over that of lowest predictions"),
    Code("LK106", "counts", "Counts", "Their noise grows with their mean, and a mean of 0 or below is none.",
         "Poisson and kin; if they are codes or ratings, say --problem real.", ""),
    Code("LK107", "over-dispersed", "Counts that vary more than Poisson",
         "The mean of a Poisson fit is still right; its standard errors and intervals are too small, by the root.",
         "Keep Poisson for the mean; the negative binomial for probabilities and intervals.",
         "score test of Dean; variance over mean given the features"),
    Code("LK108", "excess-zeros", "More zeros than the counts explain",
         "Two kinds of rows give zeros; one mean for both fits neither.",
         "Model whether and how many apart: a hurdle, or a zero-inflated density.",
         "observed zeros less those of a negative binomial of the same mean and variance, over the standard error; the "
         "excess as a share of rows"),
    Code("LK109", "zeros", "Many zeros", "A mean answers for both the zeros and the rest.",
         "Consider a model of each.", "share of zeros; the same"),
    Code("LK110", "bounded", "A bounded target", "A linear model predicts beyond the bounds.",
         "Rescale to [0, 1] and take a loss with a logit link, such as BinaryCrossEntropy, which takes shares.",
         "lower bound; upper bound"),
    Code("LK111", "censored", "A pile of rows at the end of the range",
         "If the true values lie beyond, every loss of plain numbers is biased towards the end.",
         "Use a censored loss (accelerated failure time, Tobit), or say what the end means.",
         "rows at the end; their share"),
    Code("LK112", "few-values", "Few different values",
         "If they are ratings, distances between them may mean little; if they are classes, they are no numbers.",
         "For ratings ask for --question ordinal; for classes say --problem multiclass.", "how many; the same"),
    Code("LK113", "cyclic", "A cyclic target",
         "The end of the range lies next to its start, and no loss of numbers knows.",
         "Predict sine and cosine, or take a loss of directions such as VonMises.", "smallest; largest"),
    Code("LK114", "imbalance", "A rare class", "The error rate hides it: a model that never names it looks good.",
         "Ask for probabilities and choose the threshold by costs (--costs).", "rows of the rarest class; their share"),
    Code("LK115", "label-noise", "Labels that look wrong",
         "A confident error costs a log loss without bound: few wrong labels can move the whole fit.",
         "Look at the rows listed; if labels cannot be mended, a loss with a bounded pull helps.",
         "likelihood ratio against no wrong label (of many classes the square of a standard score); their share"),
    Code("LK116", "duplicates", "Rows that are there twice",
         "Copies fall into training and test rows alike, so scores look better than they are.",
         "Remove them, or keep copies in one fold (--groups).", "rows that repeat an earlier one; their share"),
    Code("LK117", "leak", "A feature that is the target", "The scores are an illusion if it is not known in time.",
         "If it is a copy, or known only after the target, remove it.", "correlation with the target; the same"),
    Code("LK118", "groups", "Rows that belong together",
         "Rows of one group in training and test alike make scores look better than they are on new groups.",
         "If new rows will come from new groups, say --groups with this column.",
         "F of residuals between groups; share of their variance"),
    Code("LK119", "time-order", "Rows in order of time",
         "Neighbouring rows are alike, so folds drawn at random test on what is all but known.",
         "If the future is to be predicted, say --time with the column of dates, or put the rows in order of one.",
         "correlation of neighbours' residuals over its standard error; the correlation"),
    Code("LK120", "exposure", "A column the counts are proportional to",
         "Counts over longer times or larger areas are larger for that alone; as a feature it is bent by the link.",
         "Predict the rate: divide the target by it, and give it as the sample weight.",
         "slope by its logarithm less 1, over its standard error; the slope"),
    Code("LK121", "few-rows", "Few rows", "Losses can hardly be told apart.",
         "Gather more, or stay with the default.", "rows; the same"),
    Code("LK122", "missing", "Missing values", "What is put in for them is a guess.",
         "Find out why they are missing; that they are is kept as a feature.", "rows; their share"),
    Code("LK123", "empty", "An empty column", "It tells nothing.", "Such a column is left out.", ""),
    Code("LK124", "constant", "A constant column", "It tells nothing.", "Such a column is left out.", ""),
    Code("LK125", "id", "An identifier", "It does not help on new rows.", "Remove it unless its size means something.",
         "different values; the same"),
    Code("LK126", "text", "A column of text", "Each frequent value becomes a yes-or-no feature.",
         "Nothing need be done, unless it holds numbers or dates in a form of its own.", "different values; the same"),
    Code("LK127", "hard-rows", "Rows no model explains",
         "They carry much of the loss; a squared error mostly learns them.",
         "Look at the rows listed: they may be errors.", "largest residual in robust standard deviations; rows listed"),
    Code("LK128", "target-id", "A target like an identifier", "Numbers dealt out one a row say nothing of the row.",
         "Choose another column to predict, unless the order of the rows is what is wanted.", "rows; the same"),
)  # fmt: skip
CODES = {each.name: each for each in _TABLE}


@dataclass(frozen=True)
class Finding:
    """One thing found.

    Attributes
    ----------
    name : what kind, a key of `CODES`
    level : "warning" for what needs a look before the result is used, else "note"
    what : what was seen, in a sentence
    column : the column it is of
    statistic, effect : the figures that show it, and how large it is; what they are stands in the table of codes
    rows : numbers of the rows to look at, worst first, from 1
    """

    name: str
    level: Literal["note", "warning"]
    what: str
    column: str | None = None
    statistic: float | None = None
    effect: float | None = None
    rows: tuple[int, ...] = ()

    @property
    def code(self) -> str:
        """The stable code, LK101 and on."""
        return CODES[self.name].code

    @property
    def why(self) -> str:
        """What it means for losses and models."""
        return CODES[self.name].why

    @property
    def do(self) -> str:
        """What helps."""
        return CODES[self.name].do

    def to_dict(self) -> dict[str, Any]:
        """As `result.json` has it."""
        return {
            "code": self.code, "name": self.name, "level": self.level, "column": self.column, "what": self.what,
            "why": self.why, "do": self.do, "statistic": plain(self.statistic), "effect": plain(self.effect),
            "rows": list(self.rows),
        }  # fmt: skip


def plain(number: float | None) -> float | None:
    """A number for JSON: None where it is not finite."""
    return float(number) if number is not None and math.isfinite(number) else None
