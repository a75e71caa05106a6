"""Choose a loss for a table, look at the reasons, keep the model: `python examples/choose_a_loss.py`."""

from pathlib import Path

from losskit.data.tables import read_table
from losskit.selection.run import select

DATA = Path(__file__).parent / "data"


def main() -> None:
    """The typical food expenditure of a household, by its income."""
    table = read_table(DATA / "food.csv")
    for question in ("median", "quantile:0.9"):
        found = select(table, "food_francs", question, rounds=2)
        print(found.verdict.sentence)
        for why in found.verdict.why:
            print(" -", why)
        for candidate in found.candidates:
            print(f"   {candidate.label:40} {candidate.mean:8.2f}")
    incomes = {"income_francs": [400.0, 1000.0, 2000.0]}
    bounds = ", ".join(f"{value:.0f}" for value in found.predict(incomes))
    print(f"at incomes of 400, 1000 and 2000 francs nine of ten spend less than {bounds} on food")


if __name__ == "__main__":
    main()
