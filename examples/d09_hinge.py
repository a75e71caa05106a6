"""D9: the hinge loss along the margin, unreduced."""

import numpy as np

import losskit as lk


def main() -> dict[str, np.ndarray]:
    """The losses for y = +1 and for y = -1."""
    f = np.linspace(-2, 2, 100)
    loss = lk.Hinge()
    return {"y=+1": loss(np.ones(100), f, reduction="none"), "y=-1": loss(-np.ones(100), f, reduction="none")}


if __name__ == "__main__":
    for label, values in main().items():
        print(label, values[:2], "...", values[-1])
