"""The table of the crosswalk: which spelling of which library is which of our losses, and by what factor.

A row is a line. `Row("Huber", "torch.nn.HuberLoss(delta={delta})", delta=1.0)` says that what a user types there, our
parameters in braces, is our `Huber`; keywords are their options with their defaults. An option that the code does not
name must be at that default. The first row of a loss in a library is the one `equivalent` gives. A test compares every
row with the library itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from losskit.crosswalk import class_rows as many
from losskit.crosswalk import density_rows as dense
from losskit.crosswalk.row import Library, Row
from losskit.domains import POSITIVE, Domain

_CONFIG = 'Keras leaves it out of get_config(); add {"delta": ...} to the configuration, or say delta=...'
_HUBER = "delta is fixed, whatever the scale of the residuals is"
_MOVING = "GradientBoostingRegressor finds its own threshold at every step, and HuberRegressor a scale"
_CATBOOST_MEAN = "the best constant is the starting value only if boost_from_average is true"
_BELOW_2 = Domain(1.0, 2.0, closed_high=False)
_INSIDE_1_2 = Domain(1.0, 2.0, closed_low=False, closed_high=False)
_UNIT_SCALE = {"scale": 1.0}
_MEAN = "(y, exp(f))"
_DEVIANCE = "a mean of 0 or below raises or is clipped; here the log of the mean is any number"
_CLIPPED = "predicted probabilities are clipped; here a certain and wrong one costs infinity"
_KERAS_BINARY: dict[str, Any] = {"from_logits": False, "label_smoothing": 0.0, "axis": -1}
_LABELS = "labels of 0 are taken as -1; here y must be -1 or 1"
_MEAN_AND_VARIANCE = "(f[..., 0], y, f[..., 1])"
_LEAST_VARIANCE = "variances below eps count as eps; here a variance of 0 raises"
_BOOSTED_BINARY: dict[str, Any] = {"scale_pos_weight": 1.0}


def _sklearn() -> Iterator[Row]:
    hist, boost = "sklearn.ensemble.HistGradientBoostingRegressor", "sklearn.ensemble.GradientBoostingRegressor"
    sgd = "sklearn.linear_model.SGDRegressor"
    deviance, without = "sklearn.metrics.mean_{}_deviance", "constants of y are left out"
    yield Row("SquaredError", f'{hist}(loss="squared_error")', 0.5)
    yield Row("SquaredError", f'{boost}(loss="squared_error")', 0.5, also=("ls",))
    yield Row("SquaredError", f'{sgd}(loss="squared_error")', 0.5)
    yield Row("SquaredError", "sklearn.metrics.mean_squared_error(y, f)", reduction="mean")
    yield Row("AbsoluteError", f'{hist}(loss="absolute_error")', also=("lad",))
    yield Row("AbsoluteError", f'{boost}(loss="absolute_error")')
    yield Row("AbsoluteError", "sklearn.metrics.mean_absolute_error(y, f)", reduction="mean")
    yield Row("Huber", f'{sgd}(loss="huber", epsilon={{delta}})', epsilon=0.1, note=_HUBER, must={"epsilon": _MOVING})
    yield Row("EpsilonInsensitive", f'{sgd}(loss="epsilon_insensitive", epsilon={{epsilon}})', epsilon=0.1)
    yield Row("SquaredEpsilonInsensitive", f'{sgd}(loss="squared_epsilon_insensitive", epsilon={{epsilon}})',
              epsilon=0.1)  # fmt: skip
    yield Row("MAPE", "sklearn.metrics.mean_absolute_percentage_error(y, f)", reduction="mean",
              note="a target of 0 counts as 2.2e-16; here it raises")  # fmt: skip
    yield Row("MSLE", "sklearn.metrics.mean_squared_log_error(y, f)", reduction="mean")
    yield Row("Quantile", f'{hist}(loss="quantile", quantile={{level}})', quantile=None,
              must={"quantile": "there is no default for it"})  # fmt: skip
    yield Row("Quantile", f'{boost}(loss="quantile", alpha={{level}})', alpha=0.9)
    yield Row("Quantile", "sklearn.metrics.mean_pinball_loss(y, f, alpha={level})", reduction="mean",
              alpha=0.5)  # fmt: skip
    yield Row("Poisson", f'{hist}(loss="poisson")', offset="y - xlogy(y, y)", note=without)
    yield Row("Poisson", "sklearn.linear_model.PoissonRegressor()", offset="y - xlogy(y, y)", note=without)
    yield Row("Poisson", f"{deviance.format('poisson')}(y, exp(f))", 2.0, reduction="mean", note=_DEVIANCE)
    yield Row("Gamma", f'{hist}(loss="gamma")', offset="1 + log(y)", note=without)
    yield Row("Gamma", "sklearn.linear_model.GammaRegressor()", offset="1 + log(y)", note=without)
    yield Row("Gamma", f"{deviance.format('gamma')}(y, exp(f))", 2.0, reduction="mean", note=_DEVIANCE)
    yield Row("Tweedie", "sklearn.linear_model.TweedieRegressor(power={power})", power=0.0, link="auto",
              note=without, offset="a constant of y", only={"power": Domain(1.0)})  # fmt: skip
    yield Row("Tweedie", 'sklearn.linear_model.TweedieRegressor(power={power}, link="log")', power=0.0, link="auto",
              offset="a constant of y", note=without)  # fmt: skip
    yield Row("Tweedie", f"{deviance.format('tweedie')}(y, exp(f), power={{power}})", 2.0, reduction="mean",
              note=_DEVIANCE, power=0.0)  # fmt: skip


def _sklearn_binary() -> Iterator[Row]:
    sgc = "sklearn.linear_model.SGDClassifier"
    yield Row("Logistic", 'sklearn.ensemble.HistGradientBoostingClassifier(loss="log_loss")', also=("deviance",))
    yield Row("Logistic", f'{sgc}(loss="log_loss")', class_weight=None)
    yield Row("Logistic", "sklearn.linear_model.LogisticRegression()", also=("LogisticRegressionCV",),
              class_weight=None, note="summed over rows times C, beside half the squared coefficients")  # fmt: skip
    yield Row("BinaryCrossEntropy", "sklearn.metrics.log_loss(y, f)", reduction="mean", note=_CLIPPED)
    yield Row("Hinge", f'{sgc}(loss="hinge")', note="labels are encoded as -1 and 1")
    yield Row("Hinge", "sklearn.metrics.hinge_loss(y, f)", reduction="mean")
    yield Row("SquaredHinge", f'{sgc}(loss="squared_hinge")', note="labels are encoded as -1 and 1")
    yield Row("ModifiedHuber", f'{sgc}(loss="modified_huber")', note="labels are encoded as -1 and 1")
    yield Row("Perceptron", f'{sgc}(loss="perceptron")', note="labels are encoded as -1 and 1")


_TORCH = (
    Row("SquaredError", "torch.nn.MSELoss()", also=("mse_loss",), note="(n,) against (n, 1) is broadcast"),
    Row("AbsoluteError", "torch.nn.L1Loss()", also=("l1_loss",), note="(n,) against (n, 1) is broadcast"),
    Row("Huber", "torch.nn.HuberLoss(delta={delta})", delta=1.0),
    Row("SmoothL1", "torch.nn.SmoothL1Loss(beta={beta})", beta=1.0, also=("smooth_l1_loss",)),
    Row("Huber", "torch.nn.SmoothL1Loss(beta={delta})", lambda loss: 1 / loss.delta, beta=1.0,
        note="beta scales the tails to slope 1"),
    Row("Poisson", "torch.nn.PoissonNLLLoss(log_input=True)", offset="y - xlogy(y, y)", log_input=True, full=False,
        eps=1e-8, also=("poisson_nll_loss",), note="constants of y are left out; y < 0 is not refused"),
    Row("Logistic", "torch.nn.BCEWithLogitsLoss()", weight=None, pos_weight=None,
        also=("binary_cross_entropy_with_logits",), note="labels outside 0 and 1 are not refused"),
    Row("WeightedLogistic", "torch.nn.BCEWithLogitsLoss(pos_weight=torch.tensor({pos_weight}))", weight=None,
        pos_weight=None, must={"pos_weight": "without it, it is Logistic"}),
    Row("PoissonMean", "torch.nn.PoissonNLLLoss(log_input=False)", offset="y - xlogy(y, y)", log_input=True, full=False,
        eps=1e-8, note="constants of y are left out; eps is added to the mean inside the logarithm"),
    Row("Logistic", "torch.nn.SoftMarginLoss()", call="(f, 2 * y - 1)", note="overflows to inf beyond a margin of -88 "
        "in float32"),
    Row("GaussianVarianceNLL", "torch.nn.GaussianNLLLoss(full=True)", call=_MEAN_AND_VARIANCE, full=False, eps=1e-6,
        note=_LEAST_VARIANCE),
    Row("GaussianVarianceNLL", "torch.nn.GaussianNLLLoss()", offset="-log(2 * 3.141592653589793) / 2",
        call=_MEAN_AND_VARIANCE, full=False, eps=1e-6, also=("gaussian_nll_loss",), note=_LEAST_VARIANCE),
    Row("BinaryCrossEntropy", "torch.nn.BCELoss()", weight=None, also=("binary_cross_entropy",),
        note="the logarithm is cut at -100; here a certain and wrong probability costs infinity"),
)
_KERAS = (
    Row("SquaredError", "keras.losses.MeanSquaredError()", also=("mse",), note="the last axis is averaged first"),
    Row("AbsoluteError", "keras.losses.MeanAbsoluteError()", also=("mae",), note="the last axis is averaged first"),
    Row("Huber", "keras.losses.Huber(delta={delta})", delta=1.0, must={"delta": _CONFIG}),
    Row("LogCosh", "keras.losses.LogCosh()", only=_UNIT_SCALE),
    Row("PoissonMean", "keras.losses.Poisson()", offset="y - xlogy(y, y)",
        note="constants of y are left out; 1e-7 is added to the mean inside the logarithm"),
    Row("MAPE", "keras.losses.MeanAbsolutePercentageError()", 100.0,
        note="a target near 0 counts as 1e-7; here 0 raises"),
    Row("MSLE", "keras.losses.MeanSquaredLogarithmicError()", note="values below 1e-7 count as 1e-7"),
    Row("Poisson", "keras.losses.Poisson()", call=_MEAN, offset="y - xlogy(y, y)",
        note="constants of y are left out; 1e-7 is added to the mean inside the logarithm"),
    Row("Logistic", "keras.losses.BinaryCrossentropy(from_logits=True)", **_KERAS_BINARY),
    Row("BinaryCrossEntropy", "keras.losses.BinaryCrossentropy()", note=_CLIPPED + " (at 1e-7)", **_KERAS_BINARY),
    Row("BinaryFocal", "keras.losses.BinaryFocalCrossentropy(gamma={gamma}, from_logits=True)", gamma=2.0, alpha=...,
        only={"alpha": None}, apply_class_balancing=False, **_KERAS_BINARY,
        note="differs for labels between 0 and 1; " + _CLIPPED + " (at 1e-7)"),
    Row("BinaryFocal", "keras.losses.BinaryFocalCrossentropy(apply_class_balancing=True, alpha={alpha}, gamma={gamma}, "
        "from_logits=True)", gamma=2.0, alpha=0.25, only={"alpha": Domain(0, 1)}, apply_class_balancing=False,
        **_KERAS_BINARY, note="differs for labels between 0 and 1; " + _CLIPPED + " (at 1e-7)"),
    Row("Hinge", "keras.losses.Hinge()", note=_LABELS),
    Row("SquaredHinge", "keras.losses.SquaredHinge()", note=_LABELS),
)
_OPTAX = (
    Row("SquaredError", "optax.losses.squared_error(f, y)"),
    Row("SquaredError", "optax.losses.l2_loss(f, y)", 0.5),
    Row("Huber", "optax.losses.huber_loss(f, y, delta={delta})", delta=1.0),
    Row("LogCosh", "optax.losses.log_cosh(f, y)", only=_UNIT_SCALE),
    Row("Logistic", "optax.losses.sigmoid_binary_cross_entropy(f, y)"),
    Row("BinaryFocal", "optax.losses.sigmoid_focal_loss(f, y, alpha={alpha}, gamma={gamma})", alpha=None, gamma=2.0,
        note="differs for labels between 0 and 1"),
    Row("Hinge", "optax.losses.hinge_loss(f, y)", note="y = 0 is not refused"),
    Row("Perceptron", "optax.losses.perceptron_loss(f, y)", note="y = 0 is not refused"),
)
_DEVIANCES: dict[str, Any] = {"reduction": "sum", "note": "means are clipped away from the ends of their range"}
_STATSMODELS = (
    Row("SquaredError", "statsmodels.robust.norms.LeastSquares()", 0.5, call=".rho(f - y)"),
    Row("SquaredError", "statsmodels.genmod.families.Gaussian()", call=".deviance(y, f)", reduction="sum", link=None),
    Row("Huber", "statsmodels.robust.norms.HuberT(t={delta})", call=".rho(f - y)", t=1.345,
        note="RLM applies it to residuals divided by their scale"),
    Row("Tukey", "statsmodels.robust.norms.TukeyBiweight(c={c})", call=".rho(f - y)", c=4.685,
        note="RLM applies it to residuals divided by their scale"),
    Row("Hampel", "statsmodels.robust.norms.Hampel(a={a}, b={b}, c={c})", call=".rho(f - y)", a=2.0, b=4.0, c=8.0),
    Row("Andrews", "statsmodels.robust.norms.AndrewWave(a={c})", call=".rho(f - y)", a=1.339),
    Row("TrimmedSquares", "statsmodels.robust.norms.TrimmedMean(c={c})", call=".rho(f - y)", c=2.0),
    Row("InverseGaussian", "statsmodels.genmod.families.InverseGaussian()", 2.0, call=".deviance(y, exp(f))", link=None,
        **_DEVIANCES),
    Row("NegativeBinomial", "statsmodels.genmod.families.NegativeBinomial(alpha={alpha})", 2.0,
        call=".deviance(y, exp(f))", link=None, alpha=1.0, **_DEVIANCES),
    Row("Poisson", "statsmodels.genmod.families.Poisson()", 2.0, call=".deviance(y, exp(f))", link=None, **_DEVIANCES),
    Row("Gamma", "statsmodels.genmod.families.Gamma()", 2.0, call=".deviance(y, exp(f))", link=None, **_DEVIANCES),
    Row("Tweedie", "statsmodels.genmod.families.Tweedie(var_power={power})", 2.0, call=".deviance(y, exp(f))",
        link=None, var_power=1.0, eql=False, only={"power": Domain(1.0, 2.0)}, **_DEVIANCES),
    Row("Logistic", "statsmodels.genmod.families.Binomial()", 2.0, call=".deviance(y, 1 / (1 + exp(-f)))", link=None,
        offset="2 * (xlogy(y, y) + xlogy(1 - y, 1 - y))", **_DEVIANCES),
)
_XGBOOST = (
    Row("SquaredError", 'xgboost.XGBRegressor(objective="reg:squarederror")', 0.5, also=("reg:linear",)),
    Row("MSLE", 'xgboost.XGBRegressor(objective="reg:squaredlogerror")', 0.5,
        note="the Hessian is at least 1e-6; predictions at or below -1 count as just above it"),
    Row("WeightedLogistic", 'xgboost.XGBClassifier(objective="binary:logistic", scale_pos_weight={pos_weight})',
        scale_pos_weight=None, must={"scale_pos_weight": "without it, it is Logistic"}),
    Row("AbsoluteError", 'xgboost.XGBRegressor(objective="reg:absoluteerror")',
        note="leaves are set to medians afterwards"),
    Row("PseudoHuber", 'xgboost.XGBRegressor(objective="reg:pseudohubererror", huber_slope={delta})', huber_slope=1.0),
    Row("Quantile", 'xgboost.XGBRegressor(objective="reg:quantileerror", quantile_alpha={level})',
        quantile_alpha=None, must={"quantile_alpha": "XGBoost has no default for it"},
        note="leaves are set to quantiles afterwards"),
    Row("Poisson", 'xgboost.XGBRegressor(objective="count:poisson")',
        note="the Hessian is multiplied by exp(max_delta_step), by default exp(0.7)"),
    Row("Gamma", 'xgboost.XGBRegressor(objective="reg:gamma")', note="the Hessian is y exp(-f), as ours"),
    Row("Tweedie", 'xgboost.XGBRegressor(objective="reg:tweedie", tweedie_variance_power={power})',
        only={"power": _BELOW_2}, tweedie_variance_power=1.5),
    Row("Logistic", 'xgboost.XGBClassifier(objective="binary:logistic")', also=("binary:logitraw",), **_BOOSTED_BINARY,
        note="the Hessian is at least 1e-16"),
    Row("Logistic", 'xgboost.XGBRegressor(objective="reg:logistic")', **_BOOSTED_BINARY,
        note="labels between 0 and 1 are allowed; the Hessian is at least 1e-16"),
    Row("Hinge", 'xgboost.XGBClassifier(objective="binary:hinge")',
        note="the Hessian is 1 where the margin is below 1"),
)
_LIGHTGBM_BINARY: dict[str, Any] = {"sigmoid": 1.0, "is_unbalance": False, **_BOOSTED_BINARY}
_LIGHTGBM = (
    Row("SquaredError", 'lightgbm.LGBMRegressor(objective="regression")', 0.5, reg_sqrt=False, also=(
        "regression_l2", "l2", "mean_squared_error", "mse", "l2_root", "root_mean_squared_error", "rmse")),
    Row("AbsoluteError", 'lightgbm.LGBMRegressor(objective="regression_l1")', reg_sqrt=False,
        also=("l1", "mean_absolute_error", "mae"), note="leaves are set to medians afterwards"),
    Row("Huber", 'lightgbm.LGBMRegressor(objective="huber", alpha={delta})', alpha=0.9, reg_sqrt=False,
        note="the Hessian is 1 in the tails too; " + _HUBER),
    Row("Fair", 'lightgbm.LGBMRegressor(objective="fair", fair_c={c})', fair_c=1.0),
    Row("WeightedLogistic", 'lightgbm.LGBMClassifier(objective="binary", scale_pos_weight={pos_weight})',
        scale_pos_weight=None, sigmoid=1.0, is_unbalance=False,
        must={"scale_pos_weight": "without it, it is Logistic"}),
    Row("Quantile", 'lightgbm.LGBMRegressor(objective="quantile", alpha={level})', alpha=0.9,
        note="leaves are set to quantiles afterwards"),
    Row("Poisson", 'lightgbm.LGBMRegressor(objective="poisson")',
        note="the Hessian is multiplied by exp(poisson_max_delta_step), by default exp(0.7)"),
    Row("Gamma", 'lightgbm.LGBMRegressor(objective="gamma")'),
    Row("Tweedie", 'lightgbm.LGBMRegressor(objective="tweedie", tweedie_variance_power={power})',
        only={"power": _BELOW_2}, tweedie_variance_power=1.5),
    Row("Logistic", 'lightgbm.LGBMClassifier(objective="binary")', **_LIGHTGBM_BINARY),
    Row("Logistic", 'lightgbm.LGBMRegressor(objective="cross_entropy")', also=("xentropy",)),
)
_CATBOOST = (
    Row("SquaredError", 'catboost.CatBoostRegressor(loss_function="RMSE")', 0.5,
        note="the metric of the same name is the root of the mean; the gradient is that of half the square"),
    Row("AbsoluteError", 'catboost.CatBoostRegressor(loss_function="MAE")', 0.5,
        note="it is Quantile at 0.5, so half the gradient; the metric of the same name is not halved"),
    Row("Huber", 'catboost.CatBoostRegressor(loss_function="Huber:delta={delta}")', delta=None,
        must={"delta": "CatBoost has no default for it"}),
    Row("LogCosh", 'catboost.CatBoostRegressor(loss_function="LogCosh")', only=_UNIT_SCALE),
    Row("Quantile", 'catboost.CatBoostRegressor(loss_function="Quantile:alpha={level}")', alpha=0.5, delta=1e-6),
    Row("Expectile", 'catboost.CatBoostRegressor(loss_function="Expectile:alpha={level}")', alpha=0.5),
    Row("Poisson", 'catboost.CatBoostRegressor(loss_function="Poisson")', note=_CATBOOST_MEAN),
    Row("Tweedie", 'catboost.CatBoostRegressor(loss_function="Tweedie:variance_power={power}")', variance_power=None,
        only={"power": _INSIDE_1_2}, must={"variance_power": "CatBoost has no default for it"}),
    Row("LpError", 'catboost.CatBoostRegressor(loss_function="Lq:q={p}")', q=None,
        must={"q": "CatBoost has no default for it"}),
    Row("Logistic", 'catboost.CatBoostClassifier(loss_function="Logloss")', border=0.5, **_BOOSTED_BINARY,
        note="labels are made 0 and 1 at the border"),
    Row("Logistic", 'catboost.CatBoostClassifier(loss_function="CrossEntropy")', **_BOOSTED_BINARY,
        note="labels between 0 and 1 are allowed"),
    Row("BinaryFocal", 'catboost.CatBoostClassifier(loss_function="Focal:focal_alpha={alpha};focal_gamma={gamma}")',
        focal_alpha=None, focal_gamma=None, only={"alpha": Domain(0, 1), "gamma": POSITIVE},
        must={"focal_alpha": "CatBoost has no default for it", "focal_gamma": "CatBoost has no default for it"},
        note=_CLIPPED),
)

_SUM = "sum of gradients in a leaf"
LIBRARIES = {
    "sklearn": Library("scikit-learn", "", "mean", (*_sklearn(), *_sklearn_binary(), *many.SKLEARN), training=True),
    "torch": Library("PyTorch", "(f, y)", "mean", (*_TORCH, *many.TORCH), ("reduction", "reduce", "size_average")),
    "keras": Library("Keras", "(y, f)", "sum_over_batch_size", (*_KERAS, *many.KERAS),
                     ("reduction", "name", "dtype")),
    "optax": Library("optax", "", "none", (*_OPTAX, *many.OPTAX)),
    "scipy": Library("SciPy", "", "none", (*many.SCIPY, *dense.SCIPY)),
    "statsmodels": Library("statsmodels", "", "none", _STATSMODELS),
    "scoringrules": Library("scoringrules", "", "none", dense.SCORINGRULES),
    "xgboost": Library("XGBoost", "", _SUM, (*_XGBOOST, *many.XGBOOST, *dense.XGBOOST), training=True),
    "lightgbm": Library("LightGBM", "", _SUM, (*_LIGHTGBM, *many.LIGHTGBM), training=True),
    "catboost": Library("CatBoost", "", _SUM, (*_CATBOOST, *many.CATBOOST), training=True),
}
