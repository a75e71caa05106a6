"""Every row of the crosswalk against the library itself; and the way there and back."""

from __future__ import annotations

import dataclasses
import importlib.util
import re
import warnings

import numpy as np
import pytest
from scipy.special import xlogy

import losskit as lk
from losskit.base import Evaluated
from losskit.crosswalk import equivalents
from losskit.crosswalk.rows import LIBRARIES
from losskit.divergence import Divergence
from losskit.domains import COUNTS, REAL, Domain, Each, Increasing
from losskit.forecast import Forecast
from losskit.parameters import parameter_domains
from losskit.registry import losses
from tests.public import peers

ROWS = [(name, row) for name, home in LIBRARIES.items() for row in home.rows if row.ours in losses(Evaluated)]
CASES = [pytest.param(name, row, id=f"{name}-{row.ours}-{row.names[0]}-{i}") for i, (name, row) in enumerate(ROWS)]


def losses_of(row):
    """The loss of a row at its default and at two other parameters that the row allows."""
    rng = np.random.default_rng(7)
    cls = losses(Evaluated)[row.ours]
    for attempt in range(3):
        chosen = {}
        for name, (domain, _) in parameter_domains(cls).items():
            wanted = row.only.get(name, domain)
            if isinstance(wanted, Increasing):
                chosen[name] = tuple(np.sort(rng.uniform(0.05, 0.95, 3)).round(3).tolist())
            elif isinstance(wanted, Each):
                chosen[name] = tuple(rng.uniform(0.5, 2.0, 3).round(3).tolist())
            elif not isinstance(wanted, Domain):
                chosen[name] = wanted
            elif attempt or cls().parameters[name] is None or not wanted.contains(cls().parameters[name]):
                if wanted.whole:
                    chosen[name] = attempt
                    continue
                low, high = max(wanted.low, 0.2), min(wanted.high, 3.0)
                chosen[name] = round(float(rng.uniform(low + 0.1 * (high - low), high - 0.1 * (high - low))), 3)
        yield cls(**chosen)
        if not chosen or chosen == row.only:
            return


def data(loss, rows=60):
    """Targets and predictions that both take: labels 0 and 1 or signs, amounts, or any number."""
    rng = np.random.default_rng(3)
    if isinstance(loss, lk.Pointwise) and len(loss.targets) > 1:
        t, after = rng.gamma(2.0, size=(2, rows))
        kinds = np.arange(rows) % 4  # seen, later, earlier, between
        bounds = np.choose(kinds, [t, t, 0 * t, t]), np.choose(kinds, [t, t * np.inf, t, t + after])
        return np.stack(bounds, axis=-1), rng.normal(size=rows) / 3
    if isinstance(loss, lk.EnergyScore):
        return rng.normal(size=(rows, 2)), rng.normal(size=(rows, 4, 2))
    if isinstance(loss, Forecast):
        levels = len(loss.parameters.get("levels", (0.0,) * 4))
        width = 2 * levels + 1 if isinstance(loss, lk.WeightedIntervalScore) else levels
        return rng.normal(size=rows), np.sort(rng.normal(size=(rows, width)), axis=-1)
    if len(loss.outputs) > 1:
        draws = [rng.gamma(2.0, size=rows) if d.bounded else rng.normal(size=rows) for d in loss.prediction_domains]
        if loss.domain == COUNTS:
            return rng.poisson(2.0, rows).astype(float), np.stack(draws, axis=-1)
        y = draws[0] + rng.normal(size=rows) if loss.domain == REAL else loss.domain.sample(rng, rows)
        return y, np.stack(draws, axis=-1)
    bounded = loss.prediction_domain.bounded
    if isinstance(loss, Divergence):
        p, q = rng.dirichlet(np.ones(3), (2, rows))
        return p, np.log(q) if loss.on == "log_probabilities" else q
    if isinstance(loss, lk.Rowwise):
        return rng.integers(0, 3, rows), rng.dirichlet(np.ones(3), rows) if bounded else rng.normal(size=(rows, 3))
    f = rng.uniform(0.05, 0.95, rows) if bounded else rng.normal(scale=1.5, size=rows)
    if isinstance(loss, lk.Margin):
        return rng.permutation(2 * (np.arange(rows) % 2.0) - 1), f
    if loss.link.name == "logit" or (bounded and loss.prediction_domain.high == 1):
        return rng.permutation(np.arange(rows) % 2.0), f
    if loss.domain == COUNTS:
        return rng.poisson(2.0, rows).astype(float), f
    if bounded:
        return rng.gamma(2.0, size=rows), rng.gamma(2.0, size=rows)
    if loss.link.name == "log":
        return rng.gamma(2.0, size=rows), f
    return f + rng.normal(scale=2.0, size=rows), f


@pytest.mark.parametrize(("library", "row"), [
    pytest.param(*case.values, id=case.id, marks=pytest.mark.slow if case.values[0] == "scoringrules" else ())
    for case in CASES  # scoringrules compiles for five seconds when it is imported
])  # fmt: skip
def test_a_row_is_what_the_library_computes(library, row):
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    for loss in losses_of(row):
        y, f = data(loss)
        same = next(each for each in equivalents(loss) if each.code == _code(row, loss) and each.library == library)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            seen = peers.measure(same, y, f)
        factor = same.factor / 3 if same.per_class else same.factor
        if seen.kind == "gradient":
            ours = factor * loss.gradient(y, f, reduction="none")
        else:
            ours = factor * loss(y, f, reduction="none")
            if seen.kind == "value" and same.offset == "a constant of y":  # compared at two predictions
                ours = ours - same.factor * loss(y, np.zeros_like(f), reduction="none")
            elif same.offset:
                ours = ours + eval(same.offset, {"xlogy": xlogy, "log": np.log, "y": y})
            if seen.kind in ("mean", "sum"):
                ours = [getattr(ours[rows], seen.kind)() for rows in peers.PARTS]
        there = np.isfinite(seen.numbers)
        assert there.mean() > 0.5
        np.testing.assert_allclose(np.array(seen.numbers)[there], np.array(ours)[there], rtol=seen.rtol, atol=seen.rtol)


def _code(row, loss):
    return row.code.format(**{name: repr(value) for name, value in loss.parameters.items()})


@pytest.mark.parametrize(("library", "row"), CASES)
def test_a_row_leads_there_and_back(library, row):
    for loss in losses_of(row):
        written = re.findall(r'(\w+)=("[^"]*"|[^,()]+)', _code(row, loss))
        told = {name: _read(text) for name, text in written if name in row.fixed}
        told |= {name: loss.parameters[ours] for name, ours in row.holes.items()}
        told |= {name: (1 - np.array(told[name])).tolist() for name in row.complements}
        own = row.callee if "metrics" in row.code else row.names[0]
        name = dict(written).get("loss_function", own).strip('"')
        back = lk.from_config(library, name, **told)
        assert back.loss == loss or any(each.code == _code(row, loss) for each in equivalents(back.loss))
        if back.code == _code(row, loss):
            assert back.factor == (row.factor(loss) if callable(row.factor) else row.factor)


def _read(text):
    return {"True": True, "False": False, "None": None}.get(text, text.strip('"') if text[0] == '"' else None) if (
        not text[0].isdigit()) else float(text)


def test_the_rows_name_losses_and_options_that_exist():
    for name, row in ROWS:
        fields = {field.name for field in dataclasses.fields(losses(Evaluated)[row.ours])}
        assert set(row.holes.values()) | set(row.only) <= fields, (name, row.code)
        assert fields <= set(row.holes.values()) | set(row.only), (name, row.code)
        assert set(row.holes) <= set(row.options), (name, row.code)
        assert set(row.must) <= set(row.holes)


def test_an_equivalent_says_what_to_type_and_by_what_factor():
    same = lk.equivalent("pytorch", lk.Huber(1.5))
    assert (same.code, same.call) == ("torch.nn.HuberLoss(delta=1.5)", "(f, y)")
    assert (same.factor, same.reduction) == (1.0, "mean")
    assert str(lk.equivalent("catboost", lk.SquaredError())).endswith('"RMSE") = 0.5 * SquaredError()')
    assert lk.equivalent("torch", lk.Poisson()).offset == "y - xlogy(y, y)"
    assert lk.equivalent("keras", lk.Poisson()).takes == "mean"
    assert [lk.equivalent("keras", each()).takes for each in (lk.Logistic, lk.BinaryCrossEntropy)] == [
        "logit", "probability"]
    assert hash(same) == hash(dataclasses.replace(same))


@pytest.mark.parametrize(("library", "config", "loss", "factor"), [
    ("torch", "HuberLoss", lk.Huber(1.0), 1.0),
    ("torch", "torch.nn.HuberLoss", lk.Huber(1.0), 1.0),
    ("torch", "nn.functional.mse_loss", lk.SquaredError(), 1.0),
    ("sklearn", "metrics.log_loss", lk.BinaryCrossEntropy(), 1.0),
    ("sklearn", "log_loss", lk.Logistic(), 1.0),
    ("lightgbm", {"objective": "huber", "alpha": 2, "num_leaves": 31}, lk.Huber(2.0), 1.0),
    ("lightgbm", {"objective": "rmse"}, lk.SquaredError(), 0.5),
    ("xgboost", {"objective": "reg:tweedie", "max_depth": 3, "huber_slope": None}, lk.Tweedie(1.5), 1.0),
    ("catboost", {"loss_function": "Focal:focal_alpha=0.3;focal_gamma=2", "depth": 4}, lk.BinaryFocal(2.0, 0.3), 1.0),
    ("sklearn", {"loss": "quantile", "quantile": 0.3, "max_iter": 9}, lk.Quantile(0.3), 1.0),
    ("sklearn", {"loss": "quantile", "alpha": 0.3}, lk.Quantile(0.3), 1.0),
    ("scikit-learn", "squared_error", lk.SquaredError(), 0.5),
    ("keras", "mse", lk.SquaredError(), 1.0),
    ("scipy", "beta", lk.BetaNLL(), -1.0),
    ("scipy", "stats.norm.logpdf", lk.GaussianNLL(), -1.0),
    ("scoringrules", "crps_ensemble", lk.CRPSEnsemble("energy"), 1.0),
    ("xgboost", {"objective": "survival:aft", "aft_loss_distribution": "extreme", "aft_loss_distribution_scale": 0.7},
     lk.CensoredWeibullNLL(0.7), 1.0),
    ("xgboost", "survival:aft", lk.CensoredLogNormalNLL(1.0), 1.0),
    ("keras", {"module": "keras.losses", "class_name": "BinaryCrossentropy", "registered_name": None, "config": {
        "name": "b", "reduction": "sum", "from_logits": True, "label_smoothing": 0.0, "axis": -1}}, lk.Logistic(), 1.0),
])
def test_a_configuration_is_read(library, config, loss, factor):
    back = lk.from_config(library, config)
    assert (back.loss, back.factor) == (loss, factor)


def test_a_factor_may_hang_on_a_parameter_and_a_reduction_is_kept():
    factors = {each.code: each.factor for each in equivalents(lk.Huber(0.25))}
    assert factors["torch.nn.SmoothL1Loss(beta=0.25)"] == 4.0
    back = lk.from_config("torch", "HuberLoss", delta=0.25, reduction="sum")
    assert (back.loss, back.factor, back.reduction) == (lk.Huber(0.25), 1.0, "sum")


@pytest.mark.parametrize(("act", "error", "says"), [
    (lambda: lk.equivalent("tensorflow", lk.Huber()), lk.ParameterError, "no library 'tensorflow'; known: sklearn"),
    (lambda: lk.equivalent("troch", lk.Huber()), lk.ParameterError, "did you mean torch"),
    (lambda: lk.equivalent(None, lk.Huber()), lk.ParameterError, "no library None"),
    (lambda: lk.equivalent("torch", lk.Huber), lk.ParameterError, "takes a loss such as"),
    (lambda: lk.equivalent("torch", lk.Huber("auto")), lk.ParameterError, "delta is still"),
    (lambda: lk.equivalent("torch", lk.Expectile()), lk.CapabilityError, "no loss equal to Expectile; catboost has it"),
    (lambda: lk.equivalent("xgboost", lk.Tweedie(2.0)), lk.CapabilityError, "only for 1 <= power < 2; got Tweedie"),
    (lambda: lk.from_config("torch", "HuberLos"), lk.ParameterError, "did you mean HuberLoss"),
    (lambda: lk.from_config("torch", "HuberLoss", beta=1), lk.ParameterError, "no option 'beta'.*it knows: delta"),
    (lambda: lk.from_config("torch", "HuberLoss", delta=-1), lk.ParameterError, "delta > 0"),
    (lambda: lk.from_config("torch", "BCEWithLogitsLoss", weight=3.0), lk.CapabilityError, "only with weight=None"),
    (lambda: lk.from_config("catboost", "Huber"), lk.ParameterError, "needs delta: CatBoost has no default"),
    (lambda: lk.from_config("keras", {"class_name": "Huber", "config": {}}), lk.ParameterError, "get_config"),
    (lambda: lk.from_config("keras", {"from_logits": True}), lk.ParameterError, "names its loss by class_name"),
    (lambda: lk.from_config("keras", 3), lk.ParameterError, "a name or a configuration in a dict; got int"),
    (lambda: lk.from_config("lightgbm", {"objective": "binary", "sigmoid": 2.0}), lk.CapabilityError, "sigmoid=1.0"),
    (lambda: lk.from_config("sklearn", {"loss": "huber", "alpha": 0.9}), lk.ParameterError, "finds its own threshold"),
])
def test_what_it_cannot_do_is_said(act, error, says):
    with pytest.raises(error, match=says):
        act()
