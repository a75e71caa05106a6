"""Linear models as scikit-learn estimators: any loss, any penalty, and a certificate for every fit."""

from losskit.estimators.cross_validated import LinearClassifierCV, LinearRegressorCV
from losskit.estimators.linear import LinearClassifier, LinearRegressor, load

__all__ = ["LinearClassifier", "LinearClassifierCV", "LinearRegressor", "LinearRegressorCV", "load"]
