"""Numbers from other libraries, for the crosswalk: values where they give them, else gradients from what they train.

A row's code is run as a user would type it. Boosters do not show their gradients: XGBoost's and LightGBM's follow from
the leaves of a tree and from their Hessians, CatBoost's is a leaf of one gradient step.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np

PARTS = [slice(0, 60), slice(0, 25), slice(10, 40), slice(33, 60)]  # rows whose mean or sum is compared
_HOMES = {
    "sklearn": ("sklearn.ensemble", "sklearn.linear_model", "sklearn.metrics"),
    "statsmodels": ("statsmodels.robust.norms", "statsmodels.genmod.families"),
    "keras": ("keras.losses",),
    "optax": ("optax.losses",),
    "scipy": ("scipy.special", "scipy.spatial.distance", "scipy.stats"),
}


@dataclass(frozen=True)
class Seen:
    """Numbers of a kind: "value" or "gradient" a row, "mean" or "sum" of each part."""

    kind: str
    numbers: Any
    rtol: float


def measure(same: Any, y: Any, f: Any) -> Seen:
    """What the library gives for the code of an equivalent."""
    for home in _HOMES.get(same.library, (same.library,)):
        importlib.import_module(home)
    return globals()[f"_{same.library}"](same, y, f)


def one_hot(y: Any) -> Any:
    """Labels of three classes as shares, or shares as they are."""
    return np.eye(3)[y] if y.ndim == 1 else y


def _run(code: str, **names: Any) -> Any:
    root = code.partition(".")[0]
    return eval(code, {root: importlib.import_module(root), "exp": np.exp, "array": np.array, **names})


def _torch(same: Any, y: Any, f: Any) -> Seen:
    import torch

    module = _run(same.code, torch=torch).double()
    module.reduction = "none"
    names = {"y": torch.tensor(y), "f": torch.tensor(f), "one_hot": lambda y: torch.tensor(one_hot(y))}
    values = eval(f"module{same.call}", {"module": module, **names})
    rough = "log_input=False" in same.code or "(weight=" in same.code  # it adds 1e-8 to the mean; weights are float32
    values = values.sum(-1) if values.ndim > 1 else values  # a divergence's, a share each
    return Seen("value", values.numpy(), 1e-6 if rough else 1e-10)


def _keras(same: Any, y: Any, f: Any) -> Seen:
    thing = _run(same.code)
    thing.reduction = None
    many = f.ndim > 1
    columns = {"y": y if many else y[:, None].astype("float32"), "f": (f if many else f[:, None]).astype("float32")}
    names = {"thing": thing, "exp": np.exp, "one_hot": one_hot, **columns}
    return Seen("value", np.asarray(eval(f"thing{same.call}", names)), 3e-5)


def _optax(same: Any, y: Any, f: Any) -> Seen:
    y = y if f.ndim > 1 else y.astype("float32")
    return Seen("value", np.asarray(_run(same.code, y=y, f=f.astype("float32"), one_hot=one_hot)), 3e-5)


def _scipy(same: Any, y: Any, f: Any) -> Seen:
    import scipy

    names = {"scipy": scipy, "y": y, "f": f, "one_hot": one_hot, "exp": np.exp}
    return Seen("value", eval(same.code, names), 1e-10)


def _scoringrules(same: Any, y: Any, f: Any) -> Seen:
    return Seen("value", _run(same.code, y=y, f=f), 1e-10)


def _statsmodels(same: Any, y: Any, f: Any) -> Seen:
    if same.reduction == "none":
        return Seen("value", _run(same.code + same.call, y=y, f=f), 1e-10)
    return Seen("sum", [_run(same.code + same.call, y=y[part], f=f[part]) for part in PARTS], 1e-10)


def _sklearn(same: Any, y: Any, f: Any) -> Seen:
    if same.code.startswith("sklearn.metrics"):
        return Seen("mean", [_run(same.code, y=y[part], f=f[part]) for part in PARTS], 1e-10)
    model = _run(same.code)
    if type(model).__name__ == "LogisticRegression":
        return _stationary(model, same, y, f)
    if hasattr(model, "_get_loss_function"):
        theirs = model._get_loss_function(model.loss)
        if hasattr(theirs, "py_loss"):
            return Seen("value", [theirs.py_loss(p, t) for t, p in zip(y, f, strict=True)], 1e-10)
        values = np.empty_like(y)
        theirs.loss(y, f, None, values, 1)
        return Seen("value", values, 1e-10)
    model.n_trees_per_iteration_ = 1 if f.ndim == 1 else f.shape[1]  # a classifier of two classes, or of many
    theirs = model._get_loss(sample_weight=None) if hasattr(model, "loss") else model._get_loss()
    values = theirs.loss(y.astype(float), f)
    if same.offset == "a constant of y":
        values = values - theirs.loss(y, np.zeros_like(f))
    return Seen("value", values, 1e-10)


def _stationary(model: Any, same: Any, y: Any, f: Any) -> Seen:
    """`model` minimises C sum L + |coef|^2 / 2: there the gradient of the sum is -coef / C. Checked, not returned."""
    X = np.c_[f, np.cos(f)]
    fitted = model.set_params(tol=1e-10, max_iter=10_000).fit(X, y)
    gradient = X.T @ same.loss.gradient(y, fitted.decision_function(X), reduction="none")
    np.testing.assert_allclose(-fitted.coef_[0], model.C * same.factor * gradient, rtol=1e-4, atol=1e-5)
    return Seen("gradient", same.factor * same.loss.gradient(y, f, reduction="none"), 1e-10)


def _xgboost(same: Any, y: Any, f: Any) -> Seen:
    import xgboost

    options = _run(same.code).get_xgb_params()
    options = {name: value for name, value in options.items() if value is not None}
    if options["objective"] in ("reg:absoluteerror", "reg:quantileerror"):  # their leaves are not from gradients
        metric = {"reg:absoluteerror": "mae", "reg:quantileerror": "quantile"}[options["objective"]]
        return Seen("mean", [_xgboost_metric(options | {"eval_metric": metric}, y[p], f[p]) for p in PARTS], 1e-5)
    if f.ndim > 1:
        options["num_class"] = f.shape[1]
    labels = (y + 1) / 2 if options["objective"] == "binary:hinge" else y
    found = []
    for target, start in zip(labels, f, strict=True):
        row = xgboost.DMatrix(np.zeros((1, 1)), base_margin=np.array([start]))
        if np.ndim(target):
            row.set_float_info("label_lower_bound", target[:1])
            row.set_float_info("label_upper_bound", target[1:])
        else:
            row.set_label([target])
        tree = {"reg_lambda": 0, "eta": 1, "max_depth": 1, "min_child_weight": 0, "max_delta_step": 0, "nthread": 1}
        booster = xgboost.train({**options, **tree}, row, 1)
        leaves = booster.trees_to_dataframe()  # a leaf a class
        found.append(-(leaves["Gain"] * leaves["Cover"]).to_numpy())  # minus gradient / Hessian, and the Hessian
    return Seen("gradient", np.reshape(found, f.shape), 1e-4)


def _xgboost_metric(options: dict[str, Any], y: Any, f: Any) -> float:
    import xgboost

    rows = xgboost.DMatrix(np.zeros((len(y), 1)), label=y, base_margin=f)
    booster = xgboost.train({**options, "eta": 0.0, "nthread": 1}, rows, 1)
    return float(booster.eval(rows).rpartition(":")[2])


def _lightgbm(same: Any, y: Any, f: Any) -> Seen:
    options = {n: v for n, v in _run(same.code).get_params().items() if v is not None and n in (
        "objective", "alpha", "tweedie_variance_power", "fair_c", "scale_pos_weight")}
    if f.ndim > 1:
        options |= {"metric": "multi_logloss", "num_class": f.shape[1]}
        return Seen("mean", [_lightgbm_metric(options, y[p], f[p].T.ravel()) for p in PARTS], 1e-5)
    if options["objective"] in ("regression_l1", "quantile"):
        metric = {"regression_l1": "l1"}.get(options["objective"], "quantile")
        return Seen("mean", [_lightgbm_metric(options | {"metric": metric}, y[p], f[p]) for p in PARTS], 1e-5)
    found = np.full_like(y, np.nan)  # where it sees no gain in parting a pair, there is nothing to see
    order = np.argsort(same.loss.gradient(y, f, reduction="none"))
    for i in range(len(y) // 2):
        pair = order[[i, -1 - i]]
        leaves = _lightgbm_leaves(options, y[pair], f[pair])
        if len(leaves):
            found[pair] = -leaves["value"] * leaves["weight"] / 20  # -gradient / Hessian, and 20 Hessians
    return Seen("gradient", found, 1e-3)


def _lightgbm_leaves(options: dict[str, Any], y: Any, f: Any) -> Any:
    """The leaves of a stump that parts 20 rows of each of two kinds."""
    import lightgbm

    X, tree = np.repeat([[0.0], [1.0]], 20, axis=0), {
        "learning_rate": 1.0, "num_leaves": 2, "min_data_in_leaf": 1, "min_sum_hessian_in_leaf": 0, "verbose": -1,
        "boost_from_average": False, "feature_pre_filter": False, "min_data_in_bin": 1, "num_threads": 1}
    rows = lightgbm.Dataset(X, np.repeat(y, 20), init_score=np.repeat(f, 20), params=tree)
    frame = lightgbm.train({**options, **tree}, rows, 1).trees_to_dataframe()
    return frame[frame["node_depth"] == 2]  # in the order of the feature


def _lightgbm_metric(options: dict[str, Any], y: Any, f: Any) -> float:
    import lightgbm

    rows = lightgbm.Dataset(np.zeros((len(y), 1)), y, init_score=f, params={"verbose": -1})
    booster = lightgbm.Booster({**options, "verbose": -1, "num_threads": 1}, rows)
    return float(booster.eval_train()[0][2])


def _catboost(same: Any, y: Any, f: Any) -> Seen:
    from catboost import CatBoost, Pool, utils

    options = _run(same.code).get_params()
    if f.ndim > 1:
        kind = options["loss_function"]
        return Seen("mean", [utils.eval_metric(y[p], f[p], kind)[0] for p in PARTS], 1e-5)
    step = {
        "iterations": 1, "depth": 1, "learning_rate": 1.0, "l2_leaf_reg": 0.0, "leaf_estimation_method": "Gradient",
        "leaf_estimation_iterations": 1, "boost_from_average": False, "logging_level": "Silent", "thread_count": 1,
        "allow_writing_files": False, "bootstrap_type": "No", "random_strength": 0}
    found, order = np.empty_like(y), np.argsort(y - 1e-3 * f)
    for i in range(len(y) // 2):
        pair = order[[i, -1 - i]]
        X = np.repeat([[0.0], [1.0]], 5, axis=0)
        rows = Pool(X, np.repeat(y[pair], 5), baseline=np.repeat(f[pair], 5))
        found[pair] = -CatBoost({**step, **options}).fit(rows).predict([[0.0], [1.0]])
    return Seen("gradient", found, 1e-5)
