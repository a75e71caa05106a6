"""A linear model with squared error, judged by its mean absolute error."""

import numpy as np
from sklearn.model_selection import train_test_split

from losskit import AbsoluteError, SquaredError
from losskit.estimators import LinearRegressor


def main() -> float:
    rng = np.random.RandomState(42)
    X = 2 * rng.rand(100, 1)
    y = (4 + 3 * X + rng.randn(100, 1)).ravel()
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)
    model = LinearRegressor(SquaredError()).fit(X_train, y_train)
    return AbsoluteError()(y_test, model.predict(X_test))


if __name__ == "__main__":
    print(f"mean absolute error: {main()}")
