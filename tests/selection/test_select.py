"""`select`: the contract, what must not change a verdict, and verdicts on real data."""

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest

from losskit.errors import DataError, ParameterError
from losskit.losses.counts import Poisson
from losskit.losses.regression import Quantile, SquaredError
from losskit.question import parse_question
from losskit.report.html import details
from losskit.selection.explain import fit_command
from losskit.selection.metrics import error_rate, log_loss, pinball, poisson_deviance, squared_error
from losskit.selection.outcome import Candidate
from losskit.selection.questions import CONTRACT, contract
from losskit.selection.ranking import pick
from losskit.selection.run import select

DATA = Path(__file__).parents[2] / "examples" / "data"


def noisy(n=200, p=3, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    return X, X @ np.arange(1.0, p + 1) + rng.normal(size=n)


def food():
    with (DATA / "food.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) for row in rows] for name in rows[0]}


@pytest.mark.parametrize(
    ("question", "problem", "metric", "default", "challengers"),
    [
        ("mean", "real", "squared error", "SquaredError", "Huber PseudoHuber LogCosh Tukey"),
        ("mean", "count", "Poisson half-deviance", "Poisson", "SquaredError Tweedie Gamma"),
        ("mean", "amount", "Poisson half-deviance", "Poisson", "SquaredError Tweedie Gamma"),
        ("median", "real", "absolute error", "AbsoluteError", "SquaredError Huber LogCosh Tukey"),
        ("median", "count", "absolute error", "AbsoluteError", "SquaredError Huber LogCosh Tukey"),
        ("quantile:0.9", "amount", "pinball loss at 0.9", "Quantile", "SquaredError"),
        ("expectile:0.9", "real", "expectile score at 0.9", "AsymmetricSquared", "SquaredError"),
        ("probability", "binary", "log loss", "Logistic", "BinaryFocal"),
        ("label", "binary", "error rate", "Logistic", "Hinge SquaredHinge BinaryFocal"),
    ],
)
def test_the_contract(question, problem, metric, default, challengers):
    asked = parse_question(question)
    row = contract(asked, problem)
    assert row.metric(asked.level or 0.5).name == metric
    assert type(row.default(asked.level or 0.5)).__name__ == default
    assert [type(c.loss).__name__ for c in row.challengers] == challengers.split()


def test_the_contract_covers_every_question_once():
    pairs = [(row.question, problem) for row in CONTRACT for problem in row.problems]
    assert len(set(pairs)) == len(pairs) == 3 + 3 + 3 + 3 + 2 + 2 + 3 + 3 + 1 + 1
    with pytest.raises(ParameterError, match="cannot be asked of two classes"):
        contract(parse_question("median"), "binary")


@pytest.mark.parametrize("text", ["mode", "quantile", "quantile:1.5", "quantile:x", "quantile:1e", 3])
def test_unknown_questions(text):
    with pytest.raises(ParameterError, match="quantile:LEVEL"):
        parse_question(text)


def test_metrics_are_exact_and_unclipped():
    y = np.array([0.0, 1.0, 3.0])
    assert squared_error().rows(y, y + 2).tolist() == [4, 4, 4]
    assert pinball(0.9).rows(np.array([1.0]), np.array([0.0]))[0] == Quantile(0.9)([1.0], [0.0])
    mu = np.array([0.5, 2.0, 3.0])
    assert poisson_deviance().rows(y, np.log(mu)) == pytest.approx(Poisson()(y, np.log(mu), reduction="none"))
    with np.errstate(divide="ignore", invalid="ignore"):
        assert poisson_deviance().rows(y, np.log(np.array([-1.0, 0.0, 3.0])))[:2].tolist() == [np.inf, np.inf]
    assert log_loss().rows(np.array([1.0, 0.0, 1.0]), np.array([-800.0, np.inf, np.inf])).tolist() == [800, np.inf, 0]
    assert error_rate().rows(np.array([1.0, 0.0]), np.array([0.0, 0.0])).tolist() == [0, 1]


def verdicts(default, **challenger):
    base = Candidate("a", "identity", "default", SquaredError(), mean=default, difference=0.0)
    given = {"p_holm": 0.01, "outside": 0, **challenger}
    other = Candidate("b", "identity", "challenger", SquaredError(), difference=given["mean"] - default, **given)
    return pick([base, other])


def test_a_challenger_needs_proof_and_worth():
    assert verdicts(1.0, mean=0.98) == 1
    assert verdicts(1.0, mean=0.98, p_holm=0.06) == 0
    assert verdicts(1.0, mean=0.996) == 0
    assert verdicts(1.0, mean=1.02) == 0
    assert verdicts(1.0, mean=0.9, outside=1) == 0
    assert verdicts(math.inf, mean=0.9, p_holm=math.nan) == 1


UNITS = {"mean": (1000.0, -5e4), "median": (1e-6, 3.0), "quantile:0.8": (3.0, 0.0)}


@pytest.mark.parametrize(("question", "a", "b"), [
    pytest.param(question, *each, marks=() if each == own else pytest.mark.slow)
    for question, own in UNITS.items() for each in UNITS.values()
])  # fmt: skip
def test_units_of_y_change_no_verdict(question, a, b):
    X, y = noisy(120, 2)
    y[:6] += 30
    one = select(X, y, question, "real", rounds=1)
    two = select(X, a * y + b, question, "real", rounds=1)
    assert [c.name for c in one.candidates] == [c.name for c in two.candidates]
    assert one.verdict.loss == two.verdict.loss
    power = a**one.metric.power
    for c, d in zip(one.candidates, two.candidates, strict=True):
        assert d.mean == pytest.approx(power * c.mean, rel=1e-4)
        assert c.p_holm == pytest.approx(d.p_holm, rel=0.02, nan_ok=True)
    assert two.predict(X) == pytest.approx(a * one.predict(X) + b, rel=1e-3, abs=1e-3 * a)


def test_the_same_seed_gives_the_same_result():
    X, y = noisy(100)
    one, two, other = (select(X, y, rounds=2, seed=seed).to_dict() for seed in (3, 3, 4))
    for each in (one, two, other):
        del each["seconds"]
    assert one == two
    assert one["candidates"] != other["candidates"]


def test_a_time_limit_leaves_whole_rounds():
    X, y = noisy(100)
    full, cut = select(X, y, "mean", rounds=1), select(X, y, "mean", time_limit=1e-3)
    assert cut.rounds == 1
    assert cut.rounds_asked == 5
    assert [c.mean for c in cut.candidates] == [c.mean for c in full.candidates]


def test_a_time_limit_is_kept_by_comparing_fewer_rows(tmp_path):
    X, y = noisy(2500)
    found = select(X, y, "mean", model="linear", time_limit=1e-3, state=tmp_path)
    told = found.to_dict()
    assert (told["rows"], told["rows_compared"], found.rounds) == (2500, 500, 1)
    assert "As many rows were compared as the time limit of 0.001 s seemed to allow." in " ".join(found.verdict.why)
    (tmp_path / "rows-of-2500").write_text("700")  # a run that goes on keeps its rows
    told = select(X, y, "mean", model="linear", time_limit=1e-3, state=tmp_path).to_dict()
    assert told["rows_compared"] == 700


def test_a_weight_of_zero_leaves_a_row_out():
    X, y = noisy(110)
    w = np.ones(110)
    w[100:] = 0
    y[100:] = 1e6
    one, two = select(X, y, "mean", "real", w, rounds=1), select(X[:100], y[:100], "mean", "real", rounds=1)
    assert [c.mean for c in one.candidates] == pytest.approx([c.mean for c in two.candidates], rel=1e-6)


def test_means_of_zero_or_below_rank_last_with_their_count():
    x = np.linspace(0, 6, 120)
    found = select({"x": x}, np.random.default_rng(0).poisson(np.exp(x) / 4), rounds=1)
    last = found.candidates[-1]
    assert last.name == "SquaredError()"
    assert last.outside >= 1
    assert f"{last.outside} test predictions" in " ".join(last.cons)
    assert found.to_dict()["candidates"][-1]["mean"] is None
    assert found.verdict.loss == "Poisson()"


def test_gamma_is_tried_only_for_positive_targets():
    x = np.linspace(1, 3, 60)
    amounts = np.exp(np.random.default_rng(0).normal(x, 1))
    assert any(c.name == "Gamma()" for c in select({"x": x}, amounts, problem="amount", rounds=1).candidates)
    amounts[0] = 0
    assert not any(c.name == "Gamma()" for c in select({"x": x}, amounts, problem="amount", rounds=1).candidates)


def test_missing_values_text_and_rare_levels():
    rng = np.random.default_rng(0)
    n = 150
    x = rng.normal(size=n)
    table = {
        "x": np.where(rng.random(n) < 0.2, np.nan, x),
        "city": rng.choice(["Rome", "Oslo", "Bonn", "Riga"], n, p=[0.6, 0.3, 0.07, 0.03]).tolist(),
    }
    found = select(table, x + rng.normal(size=n) / 5, "mean", "real", rounds=1)
    assert "x is null" in found.model.preprocessor.feature_names
    assert any(name.startswith("city=") for name in found.model.preprocessor.feature_names)
    assert found.winner.mean < found.baseline.mean


def test_outliers_and_no_question_bring_the_median_too():
    X, y = noisy(150, 2)
    y[:5] += 60
    found = select(X, y, rounds=1, exclude="pseudo_huber")  # no challenger for the median
    assert found.also is not None
    assert str(found.also.question) == "median"
    assert "also_median" in found.to_dict()["verdict"]
    assert select(X, y, "mean", rounds=1).also is None


def test_of_many_rows_some_are_compared_and_all_are_learned_from():
    X, y = noisy(300)
    found = select(X, y, "mean", "real", rounds=1, sample=200, exclude=["huber", "tukey", "log_cosh"])
    assert (found.compared, found.findings.rows, found.to_dict()["rows_compared"]) == (200, 300, 200)
    assert any(why.startswith("Losses were compared on 200 of the 300 rows") for why in found.verdict.why)
    assert "200 rows" in dict(details(found))["cross-validation"]
    Z = found.model.preprocessor.transform(X)
    assert Z.std(axis=0) == pytest.approx(1.0)  # of all rows
    ridge = Z.T @ Z + 300 * found.model.alpha / 2 * np.eye(3)
    assert found.model.coef == pytest.approx(np.linalg.solve(ridge, Z.T @ (y - y.mean())), rel=1e-8)
    whole = select(X, y, "mean", "real", rounds=1, sample=300, exclude=["huber", "tukey", "log_cosh"])
    assert whole.compared == 300
    assert not any(why.startswith("Losses were compared on") for why in whole.verdict.why)
    with pytest.raises(ParameterError, match="sample is a whole number"):
        select(X, y, sample=0)


def test_a_loss_that_cannot_be_trained_is_said_to_be_so():
    x = np.arange(90.0)
    y = np.where(np.arange(90) % 9 == 0, 7.5, 2.0)  # more than half are equal, whatever the features
    found = select({"x": np.tile([0.0, 1.0, 2.0], 30), "z": x}, y + 0 * x, "median", "real", rounds=1)
    failed = [c for c in found.candidates if c.failed]
    assert {c.name.partition("(")[0] for c in failed} == {"Huber", "LogCosh", "Tukey"}
    assert all("could not be trained" in c.cons[0] for c in failed)


def test_too_few_rows_are_refused():
    with pytest.raises(DataError, match="at least 10 are needed"):
        select({"x": [1.0, 2, 3]}, [1.0, 2, 4])
    with pytest.raises(DataError, match="only 2 rows are 'yes'"):
        select({"x": np.arange(40.0)}, ["yes"] * 2 + ["no"] * 38)
    with pytest.raises(DataError, match="no feature varies"):
        select({"x": np.ones(40)}, np.arange(40.0))
    with pytest.raises(ParameterError, match="rounds is a whole number"):
        select({"x": [1.0]}, [1.0], rounds=0)


KEYS = ["schema", "question", "question_inferred", "metric", "rows", "rows_compared", "problem", "findings"]
KEYS += ["candidates", "not_compared", "top_group", "verdict", "seed", "asked", "source", "versions", "seconds"]
KEYS += ["scrutiny", "decision", "training", "evaluation", "changes", "final_test"]
EACH = ["loss", "link", "model", "alpha", "mean", "standard_error", "difference", "p_holm", "chance", "source"]
EACH += ["reasons"]


def test_the_result_has_exactly_the_keys_of_the_contract():
    X, y = noisy(60)
    result = json.loads(json.dumps(select(X, y, rounds=1).to_dict(), allow_nan=False))
    assert list(result) == KEYS
    assert result["schema"] == "losskit.result/1"
    assert all(list(candidate) == EACH for candidate in result["candidates"])


def means(found):
    return {c.name.partition("(")[0]: c.mean for c in found.candidates}


def test_diabetes():
    from sklearn.datasets import load_diabetes

    data = load_diabetes(as_frame=True)
    found = select(data.data, data.target)
    assert found.verdict.sentence == (
        "For the mean of target, train with SquaredError() (identity link), the default for this question."
    )
    assert means(found) == pytest.approx(
        {"SquaredError": 3015, "Huber": 3015, "PseudoHuber": 3015, "LogCosh": 3014, "Tukey": 3015,
         "the best constant": 5962}, rel=2e-3,
    )  # fmt: skip
    assert found.verdict.smallest_difference == pytest.approx(0.0082, rel=0.25)
    assert found.findings.warnings == ()


def test_breast_cancer():
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer(as_frame=True)
    found = select(data.data, np.where(data.target == 0, "malignant", "benign"), model="linear")
    assert found.verdict.loss == "Logistic()"
    assert found.target.classes == ("benign", "malignant")
    assert means(found) == pytest.approx(
        {"Logistic": 0.0769, "BinaryFocal": 0.0881, "the best constant": 0.6603}, rel=0.03
    )
    reasons = found.candidates[1].cons
    assert any("no probabilities by themselves" in reason for reason in reasons)
    share = found.model.predict_proba(data.data)
    assert share.sum(axis=1) == pytest.approx(1.0)
    assert ((share[:, 1] >= 0.5) == (found.predict(data.data) == "malignant")).all()


@pytest.mark.slow
def test_doctor_visits_of_the_rand_experiment_keep_poisson():
    import statsmodels.api as sm

    found = select(sm.datasets.randhie.load_pandas().data, "mdvis", model="linear", rounds=1)
    assert found.target.problem == "count"
    assert found.verdict.loss == "Poisson()"
    assert means(found) == pytest.approx(
        {"Poisson": 2.083, "SquaredError": 2.083, "Tweedie": 2.083, "the best constant": 2.289}, rel=0.005
    )
    assert len(found.top_group) > 1  # nothing tells them apart
    assert found.also.verdict.loss == "AbsoluteError()"
    assert {"over-dispersed", "skewed", "duplicates"} <= {item.name for item in found.findings.items}


@pytest.mark.slow
def test_food_of_belgian_households():
    found = select(food(), "food_francs", "median")
    assert found.verdict.loss == "AbsoluteError()"
    assert found.target.problem == "amount"
    assert means(found)["AbsoluteError"] == pytest.approx(76.7, rel=0.02)
    quantile = select(food(), "food_francs", "quantile:0.9", rounds=2)
    assert quantile.verdict.loss == "Quantile(level=0.9)"
    # the largest spread is where incomes are high: one shift for all rows cannot be right
    assert means(quantile)["SquaredError"] > 1.2 * means(quantile)["Quantile"]


def test_food_in_the_mean_keeps_the_default_and_says_what_looks_better():
    found = select(food(), "food_francs")
    assert found.verdict.loss == "Poisson()"
    assert found.candidates[0].name == "SquaredError()"
    assert means(found) == pytest.approx(
        {"Poisson": 38.4, "SquaredError": 8.10, "Tweedie": 39.2, "Gamma": 43.6, "the best constant": 54.3}, rel=0.02
    )
    command = fit_command(found.candidates[0], found.question)
    assert command.startswith("losskit fit --loss squared_error")
    assert any(command in each for each in found.verdict.would_change)
    assert found.verdict.caution.endswith(f"take SquaredError(): {command}.")
    assert "If nothing else speaks for Poisson()" in found.verdict.caution
    assert "too much from fold to fold to be proved" in found.verdict.why[0]
    assert "SquaredError() looks much better: a lower Poisson half-deviance in 25 of 25" in found.verdict.caution
    assert [c.name for c in found.top_group] == ["SquaredError()"]
