"""`losskit bench boosters`: P7, our losses in LightGBM and XGBoost beside the library's own of the same loss.

Three figures a loss and library, with one thread and no limit on a leaf's curvature, so that the trees are the same:

* the boosted estimator as a user calls it, beside the library's own call; both read the matrix anew,
* our objective in the library's training beside its own objective, on data that it has read before,
* there too an objective that costs nothing, handed the gradients of ours: what the library takes for any objective
  that is not its own, below which no such objective comes.

Nothing is timed before all sides reach the same mean loss.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import lightgbm
import numpy as np
import xgboost

import losskit as lk
from losskit.bench.timing import SCHEMA, alternate, answer, machine, paired_ratio, refuse_unknown, versions
from losskit.crosswalk import training_options
from losskit.errors import LosskitError

Array = np.ndarray
Side = Callable[[], Callable[[], Array]]
TARGET = 1.1  # of the native objective's wall time
AGREE = 1e-3  # relative, of the mean losses
_LOSSES = {type(loss).__name__: loss for loss in (lk.SquaredError(), lk.Logistic(), lk.Gamma(), lk.Tweedie(1.5))}
_LIGHTGBM = {"verbosity": -1, "num_threads": 1, "seed": 0, "min_sum_hessian_in_leaf": 0.0}
_XGBOOST = {"verbosity": 0, "nthread": 1, "seed": 0, "min_child_weight": 0.0, "reg_lambda": 0.0, "eta": 0.1}


def measure(
    rows: int = 100_000, rounds: int = 50, losses: Sequence[str] = (), repeats: int = 7,
    tell: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Run the suite in this process; `tell` gets a word on each part."""
    refuse_unknown("--loss", losses, list(_LOSSES))
    found = []
    for name in losses or _LOSSES:
        loss = _LOSSES[name]
        X, y = data(loss, rows)
        for library, sides in (("lightgbm", _lightgbm), ("xgboost", _xgboost)):
            tell(f"{loss!r} in {library}")
            found += _compared(loss, library, sides(loss, X, y, rounds), y, repeats)
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


def _kept(objective: Any, rounds: list[Any]) -> Callable[[Any, Any], Any]:
    """The objective, which leaves what it finds in `rounds`; copied, as it uses its memory again."""

    def call(first: Any, second: Any) -> Any:
        rounds.append(tuple(map(np.copy, objective(first, second))))
        return rounds[-1]

    return call


def _handed(rounds: list[Any]) -> Callable[[Any, Any], Any]:
    """An objective that costs nothing: what another one found, round by round."""
    again = iter(rounds)
    return lambda first, second: next(again)


def _started(raw: Callable[[], Array], objective: Any) -> Callable[[], Array]:
    """Raw scores from the objective's own start."""
    return lambda: raw() + objective.intercept[0]


def _lightgbm(loss: Any, X: Array, y: Array, rounds: int) -> dict[str, Side]:
    """Trainings, each of which returns raw scores of the training rows when asked."""
    held = lightgbm.Dataset(X, y, params=_LIGHTGBM, free_raw_data=False).construct()
    native = training_options("lightgbm", loss, "Regressor") or {}

    def train(options: dict[str, Any], data: Any = held) -> Any:
        booster = lightgbm.train({**_LIGHTGBM, **options}, data, rounds)
        return lambda: booster.predict(X, raw_score=True, num_threads=1)

    def ours() -> Any:
        objective = loss.to_lightgbm(curvature="hessian")
        return _started(train({"objective": objective}), objective)

    found: list[Any] = []
    first = loss.to_lightgbm(curvature="hessian")
    train({"objective": _kept(first, found)})
    return {
        "estimator": _estimator(loss, "lightgbm", X, y, rounds, min_sum_hessian_in_leaf=0.0),
        "call": lambda: train(native, lightgbm.Dataset(X, y, params=_LIGHTGBM)),
        "ours": ours, "own": lambda: train(native),
        "free": lambda: _started(train({"objective": _handed(found)}), first),
    }  # fmt: skip


def _xgboost(loss: Any, X: Array, y: Array, rounds: int) -> dict[str, Side]:
    held = xgboost.DMatrix(X, y, nthread=1)
    native = training_options("xgboost", loss, "Regressor") or {}

    def train(options: dict[str, Any], objective: Any = None, data: Any = held) -> Any:
        booster = xgboost.train({**_XGBOOST, **options}, data, rounds, obj=objective)
        return lambda: booster.predict(held, output_margin=True).astype(np.float64)

    def ours() -> Any:
        objective = loss.to_xgboost(curvature="hessian")
        return _started(train({"base_score": 0.0}, objective), objective)

    found: list[Any] = []
    first = loss.to_xgboost(curvature="hessian")
    train({"base_score": 0.0}, _kept(first, found))
    return {
        "estimator": _estimator(loss, "xgboost", X, y, rounds, min_child_weight=0.0, reg_lambda=0.0),
        "call": lambda: train(native, data=xgboost.DMatrix(X, y, nthread=1)),
        "ours": ours, "own": lambda: train(native),
        "free": lambda: _started(train({"base_score": 0.0}, _handed(found)), first),
    }  # fmt: skip


def _estimator(loss: Any, engine: str, X: Array, y: Array, rounds: int, **options: Any) -> Side:
    model = lk.BoostedRegressor(loss, engine=engine, n_estimators=rounds, n_jobs=1, random_state=0, **options)

    def fit() -> Any:
        model.fit(X, y)
        return lambda: model.raw_scores(X)

    return fit


def _compared(loss: Any, library: str, sides: dict[str, Side], y: Array, repeats: int) -> list[dict[str, Any]]:
    """Three comparisons: milliseconds a training."""
    costs = {name: float(loss(y, train()())) for name, train in sides.items()}
    error = max(abs(cost - costs["own"]) for cost in costs.values()) / costs["own"]
    if error > AGREE:
        raise LosskitError(f"{loss!r} in {library}: the mean losses differ, so nothing was timed: {costs}")
    times = alternate(sides, repeats, sample_seconds=1e-9)
    pairs = (
        ("estimator", "estimator", "call", f"{library}'s own call"),
        ("our objective", "ours", "own", f"{library}'s own objective"),
        ("free objective", "free", "own", f"{library}'s own objective"),
    )
    ratios = {what: paired_ratio(times[mine], times[peer]) for what, mine, peer, _ in pairs}
    return [
        {
            "id": "P7", "loss": repr(loss), "what": what, "peer": name, "n": y.size, "unit": "ms",
            "ours": times[mine].scaled(1e3), "theirs": times[peer].scaled(1e3), "ratio": ratios[what],
            **({"target": None, "met": None} if mine == "free" else
               {"target": f"<= {TARGET}x", "met": ratios[what] <= TARGET}),
            "error": error,
        }
        for what, mine, peer, name in pairs
    ]  # fmt: skip


if __name__ == "__main__":
    answer(measure)
