"""D13: the mean categorical cross-entropy of three rows of probabilities, each of a class of its own."""

import numpy as np

import losskit as lk


def main() -> float:
    """The mean."""
    p = [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.2, 0.3, 0.5]]
    return lk.CategoricalCrossEntropy()(np.eye(3), p)


if __name__ == "__main__":
    print(main())
