"""`losskit bench boosters`: P7, our objective inside LightGBM and XGBoost beside the library's own of the same loss.

Both sides train on one data set in memory, with one thread and no limit on a leaf's curvature, so that the trees are
the same and only the objectives differ. Nothing is timed before both reach the same mean loss.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightgbm
import numpy as np
import xgboost

import losskit as lk
from losskit.bench.timing import SCHEMA, alternate, answer, machine, paired_ratio, versions
from losskit.crosswalk import training_options
from losskit.errors import LosskitError

Array = np.ndarray
TARGET = 1.1  # of the native objective's wall time
AGREE = 1e-3  # relative, of the mean losses
_LOSSES = (lk.SquaredError(), lk.Logistic(), lk.Gamma(), lk.Tweedie(1.5))
_LIGHTGBM = {"verbosity": -1, "num_threads": 1, "seed": 0, "min_sum_hessian_in_leaf": 0.0}
_XGBOOST = {"verbosity": 0, "nthread": 1, "seed": 0, "min_child_weight": 0.0, "reg_lambda": 0.0, "eta": 0.1}


def measure(
    rows: int = 100_000, rounds: int = 50, repeats: int = 7, tell: Callable[[str], None] = lambda text: None
) -> dict[str, Any]:
    """Run the suite in this process; `tell` gets a word on each part."""
    found = []
    for loss in _LOSSES:
        X, y = data(loss, rows)
        for library, sides in (("lightgbm", _lightgbm), ("xgboost", _xgboost)):
            tell(f"{loss!r} in {library}")
            found.append(_row(loss, library, sides(loss, X, y, rounds), y, repeats))
    return {
        "schema": SCHEMA, "suite": "boosters", "machine": machine(),
        "versions": versions("losskit", "numpy", "lightgbm", "xgboost", "xgboost-cpu"),
        "settings": {"rows": rows, "rounds": rounds, "repeats": repeats}, "rows": found,
    }  # fmt: skip


def data(loss: Any, rows: int, columns: int = 20, seed: int = 0) -> tuple[Array, Array]:
    """Normal features of which three matter, and targets in the domain of the loss."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, columns))
    score = X[:, 0] + X[:, 1] * X[:, 2] / 2
    if loss.link.name == "logit":
        return X, (score + rng.logistic(size=rows) > 0).astype(np.float64)
    return X, rng.gamma(2.0, np.exp(score / 2)) if loss.link.name == "log" else score + rng.normal(size=rows)


def _lightgbm(loss: Any, X: Array, y: Array, rounds: int) -> tuple[Callable[[], Array], Callable[[], Array]]:
    """Ours and theirs: a training each, that returns raw scores of the training rows when asked."""
    held = lightgbm.Dataset(X, y, params=_LIGHTGBM, free_raw_data=False).construct()
    native = training_options("lightgbm", loss, "Regressor")

    def ours() -> Any:
        objective = loss.to_lightgbm(curvature="hessian")
        booster = lightgbm.train({**_LIGHTGBM, "objective": objective}, held, rounds)
        return lambda: booster.predict(X, raw_score=True, num_threads=1) + objective.intercept[0]

    def theirs() -> Any:
        booster = lightgbm.train({**_LIGHTGBM, **(native or {})}, held, rounds)
        return lambda: booster.predict(X, raw_score=True, num_threads=1)

    return ours, theirs


def _xgboost(loss: Any, X: Array, y: Array, rounds: int) -> tuple[Callable[[], Array], Callable[[], Array]]:
    held = xgboost.DMatrix(X, y, nthread=1)
    native = training_options("xgboost", loss, "Regressor")

    def ours() -> Any:
        objective = loss.to_xgboost(curvature="hessian")
        booster = xgboost.train({**_XGBOOST, "base_score": 0.0}, held, rounds, obj=objective)
        return lambda: booster.predict(held, output_margin=True).astype(np.float64) + objective.intercept[0]

    def theirs() -> Any:
        booster = xgboost.train({**_XGBOOST, **(native or {})}, held, rounds)
        return lambda: booster.predict(held, output_margin=True).astype(np.float64)

    return ours, theirs


def _row(loss: Any, library: str, sides: Any, y: Array, repeats: int) -> dict[str, Any]:
    """One comparison: milliseconds a training."""
    ours, theirs = sides
    mine, other = float(loss(y, ours()())), float(loss(y, theirs()()))
    error = abs(mine - other) / other
    if error > AGREE:
        raise LosskitError(f"{loss!r} in {library}: mean loss {mine:g} by ours, {other:g} by its own: not timed")
    times = alternate({"ours": ours, "theirs": theirs}, repeats, sample_seconds=1e-9)
    ratio = paired_ratio(times["ours"], times["theirs"])
    return {
        "id": "P7", "loss": repr(loss), "what": "training", "peer": f"{library}'s own objective", "n": y.size,
        "unit": "ms", "ours": times["ours"].scaled(1e3), "theirs": times["theirs"].scaled(1e3), "ratio": ratio,
        "target": f"<= {TARGET}x", "met": ratio <= TARGET, "error": error,
    }  # fmt: skip


if __name__ == "__main__":
    answer(measure)
