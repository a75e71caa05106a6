"""Intervals and distributions: they reach their levels, and losses of several outputs are fitted."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize

import losskit as lk
from losskit.data.tables import as_table
from losskit.errors import CapabilityError, ModelFileError, ParameterError
from losskit.estimators import LinearRegressor
from losskit.models import modelfile
from losskit.models.table import load_model, quantiles
from losskit.question import parse_question
from losskit.selection.compare import Task, Trainer
from losskit.selection.evaluation import evaluate
from losskit.selection.folds import Plan, round_rng
from losskit.selection.metrics import interval_score, quantile_score
from losskit.selection.questions import Contender, contract
from losskit.selection.run import select


def noisy(n, seed, spread=0.5):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2))
    return X, X @ [1.0, 2.0] + np.exp(spread * X[:, 0]) * rng.normal(size=n)


def test_a_gaussian_of_changing_spread_is_fitted_as_by_another_optimiser():
    X, y = noisy(400, 0)
    loss, model = lk.GaussianNLL(), LinearRegressor(lk.GaussianNLL()).fit(*noisy(400, 0))

    def at(theta):
        f = np.column_stack([X @ theta[:2] + theta[2], X @ theta[3:5] + theta[5]])
        value, g = loss.value_and_gradient(y, f)
        return value, np.concatenate([[*X.T @ column, column.sum()] for column in g.T])

    found = minimize(at, np.zeros(6), jac=True, method="BFGS", options={"gtol": 1e-9})
    ours = np.column_stack([model.coef_, model.intercept_]).ravel()
    assert ours == pytest.approx(found.x, abs=1e-6)
    assert model.solution_.certificate <= 1e-10
    assert model.predict(X) == pytest.approx(X @ model.coef_[0] + model.intercept_[0])
    heavy = LinearRegressor(lk.StudentTNLL(df=4.0), penalty=lk.L2(0.01)).fit(X, y, sample_weight=np.ones(400))
    assert heavy.coef_.shape == (2, 2)
    twice = LinearRegressor(lk.GaussianNLL()).fit(np.r_[X, X], np.r_[y, y])
    assert twice.coef_ == pytest.approx(LinearRegressor(lk.GaussianNLL()).fit(X, y, np.full(400, 2.0)).coef_, abs=1e-8)


def test_what_no_line_of_several_outputs_fits_is_refused():
    X, y = noisy(40, 0)
    with pytest.raises(CapabilityError, match="has kinks"):
        LinearRegressor(lk.LaplaceNLL()).fit(X, y)
    with pytest.raises(lk.errors.DomainError, match="runs to infinity"):
        LinearRegressor(lk.GaussianNLL()).fit(X, np.ones(40))


def test_scores_of_quantiles():
    y, q = np.array([0.0, 3.0]), np.array([[-1.0, 1.0], [-1.0, 1.0]])
    assert interval_score(0.9).rows(y, q) == pytest.approx([2.0, 2.0 + 20 * 2.0])
    assert quantile_score((0.5,)).rows(y, q[:, :1]) == pytest.approx([1.0, 4.0])
    assert interval_score(0.5).rows(y[:1], np.array([[np.nan, 1.0]]))[0] == np.inf
    crossed = quantiles("levels", lk.SquaredError(), np.array([[2.0, 1.0]]), (0.1, 0.9), 0.0)
    assert crossed.tolist() == [[1.0, 2.0]]
    normal = quantiles("density", lk.GaussianNLL(), np.array([[1.0, np.log(4.0)]]), (0.025, 0.5, 0.975), 0.0)
    assert normal[0] == pytest.approx([1 - 2 * 1.959964, 1, 1 + 2 * 1.959964])


def covered(contender, seed, n, level=0.8):
    """The share of fresh rows in the interval of a contender trained on n rows."""
    X, y = noisy(n, seed)
    row = contract(parse_question(f"interval:{level}"), "real")
    task = Task(as_table(X), y, None, 0, row.metric(level), level, (contender,), Plan())
    trainer = Trainer(task, np.arange(n), round_rng(seed))
    fresh, actual = noisy(2000, 10_000 + seed)
    low, high = trainer.train(contender).metric_score(task.metric, trainer.preprocessor.transform(as_table(fresh))).T
    return float(((low <= actual) & (actual <= high)).mean())


KINDS = [
    Contender(lk.Quantile(0.5), turn="levels"), Contender(lk.SquaredError(), turn="quantile"),
    Contender(lk.GaussianNLL(), turn="density"),
]  # fmt: skip


@pytest.mark.parametrize("contender", KINDS, ids=lambda c: c.turn)
def test_intervals_reach_their_level(contender):
    shares = [covered(contender, seed, 60) for seed in range(6)]
    assert 0.76 < np.mean(shares) < 0.88  # six draws of 60 rows: a standard error of 0.02


def reached(shares, level):
    """Whether mean coverage is at least the level, within two standard errors of the draws, and not far above."""
    return level - 2 * np.std(shares, ddof=1) / len(shares) ** 0.5 <= np.mean(shares) < level + 0.05


@pytest.mark.slow
@pytest.mark.parametrize("contender", KINDS, ids=lambda c: c.turn)
def test_intervals_of_trees_reach_their_level_in_forty_draws(contender):
    assert reached([covered(replace(contender, model="boosted"), seed, 120) for seed in range(40)], 0.8)


@pytest.mark.slow
@pytest.mark.parametrize("contender", KINDS, ids=lambda c: c.turn)
def test_intervals_reach_their_level_in_a_hundred_draws(contender):
    for level in (0.5, 0.8, 0.9):
        assert reached([covered(contender, seed, 60, level) for seed in range(100)], level)


@pytest.mark.slow
def test_the_interval_of_the_verdict_reaches_its_level_in_a_hundred_draws():
    shares = []
    for seed in range(100):
        found, (fresh, actual) = select(*noisy(60, seed), "interval:0.8", rounds=1), noisy(2000, 10_000 + seed)
        low, high = found.model.quantiles(fresh).T
        shares.append(float(((low <= actual) & (actual <= high)).mean()))
    assert reached(shares, 0.8)


def test_select_answers_for_intervals():
    X, y = noisy(100, 1, spread=0.8)
    found = select(X, y, "interval:0.8", rounds=1)
    assert found.metric.name == "interval score at 0.8"
    assert {c.name for c in found.candidates} >= {"Quantile at each level", "GaussianNLL()"}
    assert found.winner.mean < found.baseline.mean
    columns = found.model.table(X)
    assert list(columns) == ["lower", "upper", "prediction"]
    assert (columns["lower"] <= columns["upper"]).all()
    assert "Between the ends lie" in found.to_html()


@pytest.mark.slow
def test_select_answers_for_distributions(tmp_path):
    X, y = noisy(100, 1, spread=0.8)
    wide = select(X, y, "distribution", rounds=1)
    assert wide.verdict.loss == "GaussianNLL()"
    q = wide.model.quantiles(X)
    assert (np.diff(q, axis=1) >= 0).all()
    assert (wide.predict(X) == q[:, 3]).all()
    wide.model.save(tmp_path / "m")
    assert (load_model(tmp_path / "m").quantiles(X) == q).all()
    payload, arrays = modelfile.load(tmp_path / "m")
    for changed in ({"turn": "link"}, {"turn": "what"}, {"levels": [2.0] * 7}):
        modelfile.save(tmp_path / "bad", {**payload, **changed}, arrays, force=True)
        with pytest.raises(ModelFileError):
            load_model(tmp_path / "bad")
    with pytest.raises(ParameterError, match="between 0 and 1"):
        parse_question("interval:1.5")
    with pytest.raises(CapabilityError, match="one prediction a row"):
        select(X, y, "mean", rounds=1).model.quantiles(X)


def test_rows_whose_levels_cross_are_counted():
    X, y = noisy(80, 0)
    table = {"a": X[:, 0], "b": X[:, 1], "y": y}
    found = select(table, "y", "interval:0.5", rounds=1, exclude=["gaussian_nll", "student_t_nll", "squared_error"])
    assert evaluate(found.model, table).figures["rows whose levels cross"] == found.crossing
    ends = found.model.coef
    apart = replace(found.model, coef=ends[:1].repeat(2, axis=0))  # in parallel
    assert apart.crossing(table) == 0.0
    turned = replace(found.model, coef=np.stack([ends[0] + 9.0, ends[1]]))
    q = turned.scores(table) + turned.shift
    assert 0.2 < turned.crossing(table) == np.mean(q[:, 0] > q[:, 1])
    assert (np.diff(turned.quantiles(table)) >= 0).all()
