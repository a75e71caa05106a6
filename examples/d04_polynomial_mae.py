"""The parabola of d02, judged by its mean absolute error."""

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures

from losskit import AbsoluteError, SquaredError
from losskit.estimators import LinearRegressor


def main() -> float:
    rng = np.random.RandomState(42)
    X = np.sort(5 * rng.rand(80, 1), axis=0)
    y = (0.5 * X**2 - X + 0.5 * rng.randn(80, 1)).ravel()
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)
    model = make_pipeline(PolynomialFeatures(2, include_bias=False), LinearRegressor(SquaredError()))
    return AbsoluteError()(y_test, model.fit(X_train, y_train).predict(X_test))


if __name__ == "__main__":
    print(f"mean absolute error: {main()}")
