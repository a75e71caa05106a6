"""Several quantiles at once: they do not cross, and rows held out bring each to its level."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from losskit.boosted.estimators import BoostedRegressor
from losskit.errors import DataError, ParameterError
from losskit.losses.regression import Quantile

Array = np.ndarray


class BoostedQuantiles(RegressorMixin, BaseEstimator):
    """Boosted trees for several quantiles of numbers.

    A model a level, its predictions sorted in each row (rearrangement: never worse by the pinball loss). Trees fit the
    rows they saw too well, so intervals between raw quantiles cover too little; each level is therefore shifted by what
    rows held out tell: of n of them, a share of level of new rows lies below to within 1/(n + 1), whatever the model
    (split conformal prediction; the rows must be exchangeable).

    Parameters
    ----------
    levels : sequence of float
        Increasing, each between 0 and 1.
    regressor : BoostedRegressor, optional
        Its options; its loss is replaced.
    calibration_fraction : float
        Of the rows, held out; 0 leaves the shift out.
    random_state : as in scikit-learn

    Attributes
    ----------
    models_ : list of BoostedRegressor
    shifts_ : ndarray of shape (levels,)
        Added to each model's predictions.

    References
    ----------
    Chernozhukov, Fernandez-Val and Galichon (2010), doi:10.3982/ECTA7880. Romano, Patterson and Candes (2019),
    Conformalized quantile regression, arXiv:1905.03222.

    Examples
    --------
    >>> from losskit import BoostedQuantiles, BoostedRegressor
    >>> model = BoostedQuantiles((0.05, 0.95), BoostedRegressor(engine="xgboost", max_depth=3))
    """

    def __init__(
        self, levels: Any = (0.05, 0.5, 0.95), regressor: BoostedRegressor | None = None, *,
        calibration_fraction: float = 0.2, random_state: Any = None,
    ) -> None:  # fmt: skip
        self.levels = levels
        self.regressor = regressor
        self.calibration_fraction = calibration_fraction
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit to rows X and numbers y; a row of weight 2 counts as two.

        Raises
        ------
        ParameterError
            If the levels are not increasing probabilities.
        DataError
            If too few rows are held out for the outer levels.
        """
        levels = np.asarray(self.levels, dtype=np.float64)
        inside = levels.ndim == 1 and levels.size and (levels > 0).all() and (levels < 1).all()
        if not (inside and (np.diff(levels) > 0).all()):
            raise ParameterError(f"levels are increasing numbers between 0 and 1; got {self.levels!r}")
        if not 0 <= self.calibration_fraction < 1:
            raise ParameterError(f"calibration_fraction is from 0 to below 1; got {self.calibration_fraction!r}")
        y = np.asarray(y, dtype=np.float64)
        w = None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        some: Any = np.arange(len(y))
        held: Any = some[:0]
        if self.calibration_fraction:
            seed = int(check_random_state(self.random_state).randint(2**31 - 1))
            some, held = train_test_split(some, test_size=self.calibration_fraction, random_state=seed)
        given = (self.regressor or BoostedRegressor()).get_params(deep=False)
        self.models_, self.shifts_ = [], np.zeros(levels.size)
        for i, level in enumerate(levels.tolist()):
            model = BoostedRegressor(**{**given, "loss": Quantile(level)})
            model.fit(_rows(X, some), y[some], None if w is None else w[some])
            if held.size:
                excess = y[held] - model.predict(_rows(X, held))
                self.shifts_[i] = conformal_shift(excess, level, None if w is None else w[held])
            self.models_.append(model)
        self.n_features_in_ = self.models_[0].n_features_in_
        if hasattr(self.models_[0], "feature_names_in_"):
            self.feature_names_in_ = self.models_[0].feature_names_in_
        return self

    def predict(self, X: Any) -> Array:
        """The quantiles of each row, (n, levels), increasing along each row."""
        check_is_fitted(self)
        raw = np.column_stack([model.predict(X) for model in self.models_]) + self.shifts_
        return np.sort(raw, axis=1)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Minus the mean pinball loss over levels and rows: greater is better."""
        y, found = np.asarray(y, dtype=np.float64), self.predict(X)
        costs = [
            Quantile(level)(y, np.ascontiguousarray(f), sample_weight)
            for level, f in zip(np.asarray(self.levels, dtype=np.float64).tolist(), found.T, strict=True)
        ]
        return -float(np.mean(costs))


def conformal_shift(excess: Array, level: float, weights: Array | None = None) -> float:
    """What to add to a quantile so that a share of `level` of new rows lies below; `excess` is y less the quantile.

    Of n rows the ceil((n + 1) level)-th smallest above the median, the floor below it: intervals err on the wide side.

    Raises
    ------
    DataError
        If n rows cannot tell the level.
    """
    order = np.argsort(excess, kind="stable")
    counts = np.ones(excess.size) if weights is None else np.asarray(weights)[order]
    reached = np.cumsum(counts)
    total = float(reached[-1]) + 1.0
    wanted = total * level
    if weights is None:
        wanted = math.ceil(wanted - 1e-9) if level > 0.5 else math.floor(wanted + 1e-9) if level < 0.5 else wanted
    if not 1 <= wanted <= reached[-1]:
        need = math.ceil(1 / min(level, 1 - level)) - 1
        raise DataError(
            f"{excess.size} rows held out cannot tell the quantile of level {level}; at least {need} are needed: raise "
            "calibration_fraction, or take a level nearer the middle"
        )
    return float(excess[order][int(np.searchsorted(reached, wanted - 1e-9))])


def _rows(X: Any, rows: Array) -> Any:
    """Some rows of a matrix or a frame."""
    if hasattr(X, "iloc"):
        return X.iloc[rows]
    return X[rows] if hasattr(X, "shape") else np.asarray(X)[rows]
