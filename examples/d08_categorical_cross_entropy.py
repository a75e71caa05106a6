"""D8: categorical cross-entropy of ten rows, whose own class has probability 0.01 to 0.99, unreduced."""

import numpy as np

import losskit as lk


def main() -> np.ndarray:
    """The loss of each row."""
    p = np.linspace(0.01, 0.99, 10)
    one_hot, predicted = np.tile([1.0, 0.0], (10, 1)), np.stack([p, 1 - p], axis=1)
    return lk.CategoricalCrossEntropy()(one_hot, predicted, reduction="none")


if __name__ == "__main__":
    print(", ".join(f"{each:.8f}" for each in main()))
