"""Boosted trees as scikit-learn estimators: any loss on LightGBM, XGBoost or CatBoost."""

from losskit.boosted.estimators import BoostedClassifier, BoostedRegressor, load
from losskit.boosted.quantiles import BoostedQuantiles
