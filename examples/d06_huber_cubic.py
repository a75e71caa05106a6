"""A cubic through data with every tenth row fifty too high: Huber's loss with its scale fitted jointly (see d05)."""

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures

from losskit import Huber, SquaredError
from losskit.estimators import LinearRegressor
from losskit.penalties import L2
from losskit.solvers.joint_scale import JointScale


def main() -> float:
    rng = np.random.RandomState(42)
    X = np.sort(5 * rng.rand(100, 1), axis=0)
    y = (X**3 + 10 * rng.randn(100, 1)).ravel()
    y[::10] += 50
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)
    robust = LinearRegressor(JointScale(Huber(delta=1.35)), penalty=L2(2e-4 / len(y_train)), tol=1e-13)
    model = make_pipeline(PolynomialFeatures(3, include_bias=False), robust)
    return SquaredError()(y_test, model.fit(X_train, y_train).predict(X_test))


if __name__ == "__main__":
    print(f"mean squared error: {main():.10f}")
