"""D7: binary cross-entropy on probabilities, unreduced, from p = 0 to p = 1: nothing is clipped."""

import numpy as np

import losskit as lk


def main() -> dict[str, np.ndarray]:
    """The losses for y = 1 and for y = 0."""
    p = np.linspace(0, 1, 10)
    loss = lk.BinaryCrossEntropy()
    return {"y=1": loss(np.ones(10), p, reduction="none"), "y=0": loss(np.zeros(10), p, reduction="none")}


if __name__ == "__main__":
    for label, values in main().items():
        print(label, values)
