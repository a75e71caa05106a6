"""D10: the Kullback-Leibler divergence of (0.5, 0.5) from (0.4, 0.6), in nats: the target P first, as y everywhere."""

import losskit as lk


def main() -> float:
    """KL(P, Q)."""
    return lk.KL()([[0.4, 0.6]], [[0.5, 0.5]])


if __name__ == "__main__":
    print(main())
