"""D12: the mean binary cross-entropy of four probabilities."""

import losskit as lk


def main() -> float:
    """The mean loss."""
    return lk.BinaryCrossEntropy()([1.0, 0.0, 1.0, 1.0], [0.9, 0.1, 0.8, 0.4])


if __name__ == "__main__":
    print(f"{main():.8f}")
