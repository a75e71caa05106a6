"""A line through data with every tenth row ten too high: Huber's loss with its scale fitted jointly.

Minimised is sum(s + H(r / s) s) + 1e-4 ||coef||^2 over coefficients, intercept and s, with H(z) = z^2 inside 1.35 and
2.7 |z| - 1.35^2 outside. losskit divides the sum by the number of rows and halves the penalty's square, so that
the same penalty is L2(2e-4 / rows).
"""

import numpy as np
from sklearn.model_selection import train_test_split

from losskit import AbsoluteError, Huber
from losskit.estimators import LinearRegressor
from losskit.penalties import L2
from losskit.solvers.joint_scale import JointScale


def main() -> float:
    rng = np.random.RandomState(42)
    X = np.sort(5 * rng.rand(100, 1), axis=0)
    y = (2 * X + 1 + rng.randn(100, 1)).ravel()
    y[::10] += 10
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)
    model = LinearRegressor(JointScale(Huber(delta=1.35)), penalty=L2(2e-4 / len(y_train)), tol=1e-13)
    return AbsoluteError()(y_test, model.fit(X_train, y_train).predict(X_test))


if __name__ == "__main__":
    print(f"mean absolute error: {main():.10f}")
