"""D11: the mean squared error of four rows, and its gradient by each prediction."""

import numpy as np

import losskit as lk


def main() -> tuple[float, np.ndarray]:
    """Value and gradient of the mean."""
    y, f = np.array([3, -0.5, 2, 7]), np.array([2.5, 0, 2, 8])
    return lk.SquaredError().value_and_gradient(y, f)


if __name__ == "__main__":
    value, gradient = main()
    print(f"value {value}, gradient {gradient}")
