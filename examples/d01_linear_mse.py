"""A linear model with squared error; its mean squared error on rows it has not seen."""

from sklearn.datasets import make_regression
from sklearn.model_selection import train_test_split

from losskit import SquaredError
from losskit.estimators import LinearRegressor


def main() -> float:
    X, y = make_regression(n_samples=100, n_features=1, noise=10, random_state=42)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)
    model = LinearRegressor(SquaredError()).fit(X_train, y_train)
    return SquaredError()(y_test, model.predict(X_test))


if __name__ == "__main__":
    print(f"mean squared error: {main()}")
