"""Boosted trees beside linear models: the loss within each kind, then the kind; saved, read back, resumed."""

import csv
import json
from dataclasses import replace

import lightgbm
import numpy as np
import pytest

import losskit as lk
from losskit.adapters.lightgbm import Forest
from losskit.cli import main
from losskit.errors import ModelFileError, ParameterError
from losskit.models import modelfile
from losskit.models.table import load_model
from losskit.models.tree_text import trusted
from losskit.models.trees import read_trees
from losskit.objectives.straight import two_slopes
from losskit.question import parse_question
from losskit.selection.compare import Results, Trainer
from losskit.selection.growing import course
from losskit.selection.outcome import Candidate
from losskit.selection.questions import Contender, Family, as_loss, contract, models_of, shortlist
from losskit.selection.ranking import choose
from losskit.selection.run import select
from losskit.selection.training import Rows, members


def stepped(n=150, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    return X, 3 * (X[:, 0] > 0) + 2 * X[:, 1] * (X[:, 2] > 0) + 0.3 * rng.normal(size=n)


ROBUST = ("huber", "pseudo_huber", "log_cosh", "tukey")


@pytest.fixture(scope="module")
def arguments(tmp_path_factory):
    kept = tmp_path_factory.mktemp("folds")
    return {"model": "both", "folds": 3, "rounds": 1, "exclude": ROBUST[:3], "state": kept}


@pytest.fixture(scope="module")
def found(arguments):
    threads, predict = [], lightgbm.Booster.predict

    def told(*given, **options):
        threads.append(options.get("num_threads"))
        return predict(*given, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lightgbm.Booster, "predict", told)
        made = select(*stepped(), "mean", "real", **arguments)
    assert set(threads) == {1}  # one number for all trees that grow at the same time: another ends the process
    return made


def test_each_kind_has_its_default_and_the_kind_is_a_question_of_its_own(found):
    listed = {(c.name, c.model): c for c in found.candidates}
    assert {name for name, _ in listed} == {"SquaredError()", "Tukey(c='auto')", "the best constant"}
    assert [listed["SquaredError()", kind].role for kind in ("linear", "boosted")] == ["default", "default"]
    tukey, default = listed["Tukey(c='auto')", "boosted"], listed["SquaredError()", "boosted"]
    assert tukey.difference == pytest.approx(tukey.mean - default.mean)
    assert found.verdict.model == found.model.kind == "boosted"
    assert found.verdict.sentence.startswith("For the mean of y, train boosted trees with")
    assert found.verdict.kinds.startswith("Model: boosted trees rather than linear. They lower the squared error by")
    assert found.winner.mean < 0.6 * listed["SquaredError()", "linear"].mean
    result = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert {c["model"] for c in result["candidates"]} == {"linear", "boosted", "constant"}
    assert result["verdict"]["model"] == "boosted"


def test_the_trees_are_in_the_model_file_and_predict_the_same(found, tmp_path):
    X, y = stepped()
    written = found.save(tmp_path / "out")
    again = load_model(written["model"])
    assert (again.predict(X) == found.predict(X)).all()
    assert again.importance() == found.model.importance()
    assert sum(share for _, share in again.importance()) == pytest.approx(1.0)
    assert lk.SquaredError()(y, again.predict(X)) < 0.3 * np.var(y)
    for page in ("report", "text"):
        text = (tmp_path / "out" / f"report.{'html' if page == 'report' else 'md'}").read_text()
        assert "Model: boosted trees rather than linear" in text
        assert "rounds" in text
    payload, arrays = modelfile.load(written["model"])
    fewer = lk.BoostedRegressor(n_estimators=2, random_state=0).fit(X[:, :2], y).forest_.model
    for name, value in (
        ("trees_0", np.frombuffer(fewer, np.uint8)), ("trees_0", arrays["trees_0"][:40]), ("start_0", np.zeros(2)),
        ("start_0", np.array([np.nan])), ("trees_2", arrays["trees_0"]), ("coef", np.zeros(3)),
    ):  # fmt: skip
        modelfile.save(tmp_path / "bad", payload, {**arrays, name: value}, force=True)
        with pytest.raises(ModelFileError):
            load_model(tmp_path / "bad")
    assert read_trees({}, 3, "") is None


def test_forged_trees_never_reach_the_engine(found, tmp_path):
    found.save(tmp_path / "o")
    payload, arrays = modelfile.load(tmp_path / "o/model.losskit")
    text, X = arrays["trees_0"].tobytes(), stepped()[0]
    assert (Forest(trusted(text)).margins(X, 1) == Forest(text).margins(X, 1)).all()
    short = text[: text.index(b"Tree=3")] + b"end of trees\n"
    rng, refused = np.random.default_rng(0), 0
    digits = [i for i, byte in enumerate(short) if byte in b"0123456789-"]
    for i in rng.choice(digits, 200).tolist():
        forged = short[:i] + rng.choice([b"", b"9", b"-", b"77", b"nan", b"e9", b" ", b"\n"]) + short[i + 1 :]
        try:
            read = trusted(forged)
        except ValueError:
            refused += 1
        else:
            assert Forest(read).margins(X, 1).shape == (150,)
    assert 50 < refused < 190
    for old, new, words in (
        (b"split_feature=", b"split_feature=2000000000 ", "numbers, wanted"), (b"num_cat=0", b"num_cat=9", "cat_bound"),
        (b"left_child=1", b"left_child=0", "no tree"), (b"num_leaves=7", b"num_leaves=700000000", "numbers, wanted"),
        (b"split_feature=", b"split_feature=0e", "holds 'e'"),
        (b"tree_per_iteration=1", b"tree_per_iteration=2", "trees"), (b"num_class=1", b"num_class=9", ""),
        (b"max_feature_idx=2", b"max_feature_idx=1", "feature"), (b"tree_sizes=", b"tree_sizes=99999999999999 ", ""),
    ):  # fmt: skip
        forged = {**arrays, "trees_0": np.frombuffer(text.replace(old, new, 1), np.uint8)}
        modelfile.save(tmp_path / "bad", payload, forged, force=True)
        if words:
            with pytest.raises(ModelFileError, match=words):
                load_model(tmp_path / "bad")
        else:  # of lines that are not needed nothing is believed
            assert (load_model(tmp_path / "bad").scores({"x0": [0.5], "x1": [1], "x2": [2]}).shape) == (1,)


def test_trees_of_many_rows_are_grown_again_on_all():
    X, y = stepped(400)
    found = select(X, y, "mean", "real", model="boosted", folds=2, rounds=1, exclude=ROBUST, sample=250)
    again = lk.BoostedRegressor(
        lk.SquaredError(), n_estimators=found.winner.rounds, learning_rate=0.15, num_leaves=7, random_state=0,
        deterministic=True, force_row_wise=True,
    ).fit(found.model.preprocessor.transform(X), y)  # fmt: skip
    assert found.predict(X) == pytest.approx(again.predict(found.model.preprocessor.transform(X)), rel=1e-12)


def test_few_rows_are_left_to_linear_models_unless_asked(found):
    assert models_of(None, 499) == ("linear",)
    assert models_of(None, 500) == models_of("both", 3) == ("linear", "boosted")
    assert models_of("boosted", 3) == ("boosted",)
    with pytest.raises(ParameterError, match="say linear, boosted or both"):
        models_of("forest", 3)
    plain = select(*stepped(60), "mean", "real", rounds=1, exclude=ROBUST)
    assert "fewer than 500 rows; --model both" in plain.verdict.kinds
    assert {c.model for c in plain.candidates} == {"linear", "constant"}


def verdict(linear, boosted, outside=0):
    costs = np.array([linear, boosted, np.full(len(linear), 10.0)])
    made = [Candidate(kind, "identity", "default", lk.SquaredError(), mean=float(np.mean(each)), model=kind)
            for kind, each in (("linear", linear), ("boosted", boosted))]  # fmt: skip
    made[1].outside = outside
    made.append(Candidate("the best constant", "identity", "baseline", mean=10.0, model="constant"))
    return choose(made, Results(costs, np.zeros(3), np.zeros((3, 1)), test_share=0.25))[0].model


def test_trees_need_proof_and_worth_too():
    spread = np.linspace(0.9, 1.1, 25)
    assert verdict(spread, spread * 0.9) == "boosted"
    assert verdict(spread, spread * 0.9, outside=1) == "linear"
    assert verdict(spread, spread) == "linear"
    assert verdict(spread, spread * 0.996) == "linear"
    assert verdict(spread, np.roll(spread, 9) * 0.98) == "linear"


def test_the_best_round_is_that_of_all_folds():
    curves = [np.array([3.0, 1, 5]), np.array([3.0, 2, 1, 0.5, 1])]  # the first stopped, and keeps its last cost
    assert course(curves, np.array([1.0, 1.0])).rounds == 2
    assert course(curves, np.array([1.0, 9.0])).rounds == 4
    assert course([np.zeros(0)], np.ones(1)).rounds == 1


def test_families_are_in_units_of_the_residuals():
    y = np.random.default_rng(0).normal(size=50)
    rows = Rows(y[:, None], y, None)
    huber = Contender(lk.Huber("auto"), family=Family("delta", (0.5, 2.0)))
    first, half, double = members(huber, rows, y, None)
    own = lk.Huber("auto").resolve(y).delta
    assert [each.delta for each in (first, half, double)] == pytest.approx([own, own / 2, 2 * own])
    tweedie = Contender(lk.Tweedie(1.5), family=Family("power", (1.2, 1.8)))
    assert [each.power for each in members(tweedie, rows, y, None)] == [1.5, 1.2, 1.8]
    smooth = Contender(lk.SmoothedQuantile(0.9), family=Family("bandwidth", (0.1,), of_scale=True))
    one, ten = members(smooth, rows, y, None), members(smooth, rows, 10 * y, None)
    assert [each.bandwidth * 10 for each in one] == pytest.approx([each.bandwidth for each in ten])
    mean, quantile = (contract(parse_question(text), "real") for text in ("mean", "quantile:0.9"))
    barron = shortlist(mean, parse_question("mean"), ("barron",), ()).challengers[-1]
    assert [each.alpha for each in members(barron, rows, y, None)] == [1.0, 0.0, -2.0]
    one, ten = members(barron, rows, y, None)[0], members(barron, rows, 10 * y, None)[0]
    assert one.scale * 10 == pytest.approx(ten.scale)
    for text, wanted in (
        ("huber", lk.Huber("auto")), ("huber:delta=1.0", lk.Huber(1.0)), ("Huber(1.0)", lk.Huber(1.0)),
    ):  # fmt: skip
        assert shortlist(mean, parse_question("mean"), (text,), ()).challengers[-1].loss == wanted
    asked = parse_question("quantile:0.9")
    assert shortlist(quantile, asked, ("smoothed_quantile",), ()).challengers[-1].loss.level == 0.9


def test_straight_pieces_are_found_with_the_flat_one_between_them():
    assert two_slopes(lk.EpsilonInsensitive(1e5), np.zeros(3)).dead == 1e5
    assert two_slopes(lk.Quantile(0.9), np.zeros(3)).dead == 0.0
    assert two_slopes(lk.Huber(), np.zeros(3)) is None


CASES = [
    ("mean", "count", ["tweedie"]), ("quantile:0.8", "real", []),
    ("probability", "multiclass", ["focal_softmax", "softmax_cross_entropy"]),
    ("interval:0.8", "real", ["student_t_nll"]), pytest.param("probability", "binary", [], marks=pytest.mark.slow),
    pytest.param("label", "multiclass", [], marks=pytest.mark.slow),
    pytest.param("label", "binary", [], marks=pytest.mark.slow),
    pytest.param("median", "real", [], marks=pytest.mark.slow),
    pytest.param("distribution", "real", [], marks=pytest.mark.slow),
]  # fmt: skip


@pytest.mark.parametrize(("question", "kind", "exclude"), CASES)
def test_every_question_has_trees(question, kind, exclude, tmp_path):
    X, f = stepped(140)
    y = {"real": f, "count": np.random.default_rng(1).poisson(np.exp(f / 2)), "binary": np.where(f > 1.5, "b", "a"),
         "multiclass": np.array(["a", "b", "c"])[np.digitize(f, [0, 2])]}[kind]  # fmt: skip
    found = select(X, y, question, kind, model="boosted", folds=2, rounds=1, exclude=exclude)
    assert all(c.model in ("boosted", "constant") and not c.failed for c in found.candidates)
    assert found.winner.mean < 0.95 * found.baseline.mean
    found.model.save(tmp_path / "m")
    again = load_model(tmp_path / "m")
    for name, column in found.model.table(X).items():
        assert (again.table(X)[name] == column).all()
    assert "gained" in found.to_html()


def test_a_stopped_run_goes_on(found, arguments, monkeypatch):
    trained = []
    train = Trainer.train
    monkeypatch.setattr(Trainer, "train", lambda self, each: trained.append(len(self.rows.y)) or train(self, each))
    sorted(arguments["state"].iterdir())[1].unlink()
    again = select(*stepped(), "mean", "real", **arguments)
    assert trained == [100] * 4 + [150] * 4  # the fold that is missing, and all rows at the end
    assert [c.mean for c in again.candidates] == [c.mean for c in found.candidates]


OWN = """
from losskit import loss

@loss
def lopsided(y, f, a=1.5):
    return a * (f - y) ** 2
"""


def test_a_loss_of_ones_own_competes_and_leaves_no_code_in_a_file(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lossesofmine.py").write_text(OWN)
    X, y = stepped(60)
    with open("t.csv", "w", newline="") as file:
        csv.writer(file).writerows([["a", "b", "c", "y"], *np.column_stack([X, y]).tolist()])
    arguments = ["select", "t.csv", "--target", "y", "--question", "mean", "--time-limit", "0.01", "--out", "o"]
    arguments += [word for name in ROBUST for word in ("--exclude", name)]
    assert main([*arguments, "--include", "lossesofmine:lopsided"]) == 0
    assert "lopsided" in capsys.readouterr().out
    assert main([*arguments, "--force", "--include", "lossesofmine:nothing"]) == 2
    found = select(X, y, "mean", "real", include=lambda y, f: 2 * (f - y) ** 2, rounds=1, exclude=ROBUST)
    assert any("lambda" in c.name for c in found.candidates)
    assert found.can_be_saved
    found.model = replace(found.model, loss=as_loss(lambda r: r**2))
    assert not found.can_be_saved
    written = found.save(tmp_path / "o", force=True)
    assert "model" not in written
    assert not (tmp_path / "o" / "model.losskit").exists()
    assert "holds no code" in (tmp_path / "o" / "report.html").read_text()
    with pytest.raises(ParameterError, match="no loss of rows"):
        select(X, y, "mean", "real", include=[3], rounds=1)
