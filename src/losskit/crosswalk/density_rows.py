"""The crosswalk's rows of densities, forecasts and censored durations; see `rows`. `exp` and `array` are NumPy's."""

from __future__ import annotations

from typing import Any

from losskit.crosswalk.row import Row

_BETA = "exp(f[..., 1]) / (1 + exp(-f[..., 0])), exp(f[..., 1]) / (1 + exp(f[..., 0]))"  # both shapes
_COUNT = "exp(-f[..., 1]), 1 / (1 + exp(f[..., 0] + f[..., 1]))"  # how many successes, of which probability
_PLACE_AND_SCALE = "f[..., 0], exp(f[..., 1])"
_DIGITS = "digits cancel at large shapes and means"

_DF: dict[str, Any] = {"df": "{df}", "must": {"df": "there is no default for it"}}

SCIPY = (
    Row("GaussianNLL", "scipy.stats.norm.logpdf(y, f[..., 0], exp(f[..., 1] / 2))", -1.0),
    Row("LaplaceNLL", f"scipy.stats.laplace.logpdf(y, {_PLACE_AND_SCALE})", -1.0),
    Row("GammaNLL", "scipy.stats.gamma.logpdf(y, exp(f[..., 1]), 0, exp(f[..., 0] - f[..., 1]))", -1.0, note=_DIGITS),
    Row("BetaNLL", f"scipy.stats.beta.logpdf(y, {_BETA})", -1.0, note=_DIGITS),
    Row("PoissonNLL", "scipy.stats.poisson.logpmf(y, exp(f))", -1.0, note=_DIGITS),
    Row("StudentTNLL", f"scipy.stats.t.logpdf(y, {{df}}, {_PLACE_AND_SCALE})", -1.0, **_DF),
    Row("NegativeBinomialNLL", f"scipy.stats.nbinom.logpmf(y, {_COUNT})", -1.0, note=_DIGITS),
)

_MIDDLE = "f.shape[-1] // 2"
_MEMBERS: dict[str, Any] = {"axis": -1}
_SORTED = "the decomposition by quantiles, the same number as energy"
SCORINGRULES = (
    Row("CRPSGaussian", f"scoringrules.crps_normal(y, {_PLACE_AND_SCALE})"),
    Row("CRPSLogistic", f"scoringrules.crps_logistic(y, {_PLACE_AND_SCALE})"),
    Row("CRPSLaplace", f"scoringrules.crps_laplace(y, {_PLACE_AND_SCALE})"),
    Row("CRPSEnsemble", 'scoringrules.crps_ensemble(y, f, estimator="fair")', only={"estimator": "fair", **_MEMBERS},
        estimator="qd", m_axis=-1),
    Row("CRPSEnsemble", "scoringrules.crps_ensemble(y, f)", only={"estimator": "energy", **_MEMBERS}, estimator="qd",
        m_axis=-1, note=_SORTED),
    Row("CRPSEnsemble", 'scoringrules.crps_ensemble(y, f, estimator="nrg")', only={"estimator": "energy", **_MEMBERS},
        estimator="qd", m_axis=-1),
    Row("EnergyScore", 'scoringrules.energy_score(y, f, estimator="fair")', only={"estimator": "fair"},
        also=("es_ensemble",), estimator="nrg"),
    Row("EnergyScore", "scoringrules.energy_score(y, f)", only={"estimator": "energy"}, also=("es_ensemble",),
        estimator="nrg"),
    Row("IntervalScore", "scoringrules.interval_score(y, f[..., 0], f[..., 1], alpha=1 - {level})", alpha=None,
        must={"alpha": "there is no default for it"}),
    Row("WeightedIntervalScore", f"scoringrules.weighted_interval_score(y, f[..., {_MIDDLE}], "
        f"f[..., :{_MIDDLE}][..., ::-1], f[..., {_MIDDLE} + 1 :], alpha=1 - array({{levels}}))", alpha=None,
        must={"alpha": "there is no default for it"}, only=_MEMBERS, w_median=None, w_alpha=None),
    Row("Quantile", "scoringrules.quantile_score(y, f, alpha={level})", alpha=None,
        must={"alpha": "there is no default for it"}),
    Row("MultiQuantile", "scoringrules.crps_quantile(y, f, alpha=array({levels}))", 2.0, alpha=None,
        must={"alpha": "there is no default for it"}, only={"non_crossing": False, **_MEMBERS}, m_axis=-1),
    Row("BrierProbability", "scoringrules.brier_score(y, f)"),
    Row("GaussianNLL", "scoringrules.logs_normal(y, f[..., 0], exp(f[..., 1] / 2))"),
    Row("LaplaceNLL", f"scoringrules.logs_laplace(y, {_PLACE_AND_SCALE})"),
    Row("GammaNLL", "scoringrules.logs_gamma(y, exp(f[..., 1]), exp(f[..., 1] - f[..., 0]))", note=_DIGITS),
    Row("BetaNLL", f"scoringrules.logs_beta(y, {_BETA})", note=_DIGITS),
    Row("StudentTNLL", f"scoringrules.logs_t(y, {{df}}, {_PLACE_AND_SCALE})", **_DF),
    Row("PoissonNLL", "scoringrules.logs_poisson(y, exp(f))", note=_DIGITS),
)


def _aft(ours: str, distribution: str) -> Row:
    code = f'xgboost.XGBRegressor(objective="survival:aft", aft_loss_distribution="{distribution}", '
    return Row(
        ours, code + "aft_loss_distribution_scale={sigma})", aft_loss_distribution="normal",
        aft_loss_distribution_scale=1.0, note="bounds go in by DMatrix.set_float_info and xgboost.train; the metric "
        "aft-nloglik takes the scale for 1; gradient and Hessian are kept within 15 and above 1e-16",
    )  # fmt: skip


XGBOOST = (
    _aft("CensoredLogNormalNLL", "normal"), _aft("CensoredLogLogisticNLL", "logistic"),
    _aft("CensoredWeibullNLL", "extreme"),
)  # fmt: skip
