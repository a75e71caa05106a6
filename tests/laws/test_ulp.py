"""Value, gradient and Hessian of every loss against the oracle, in ulp, over the whole range of float64.

The worst error of each (loss, output) is a table in this folder that may not rise; `python -m tests.laws.test_ulp`
measures it anew. The table says which points it is of; where others were drawn, as another C library's powers and
logarithms may do, only the promise is asked.
"""

from __future__ import annotations

import json
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

from losskit.base import Pointwise
from losskit.registry import losses
from tests.families import one_of_each_kind
from tests.laws.allowances import excess, promise
from tests.laws.oracle import OUTPUTS, elements, exact
from tests.laws.points import parameter_sets, rows

TABLE = Path(__file__).parent / "worst_ulp.json"
FAST, FULL = (1, 12, 300), (4, 120, 60_000)  # parameter draws, value draws, rows over all parameter sets


Worst = dict[str, tuple[float, str]]


def worst(cls: type[Pointwise], effort: tuple[int, int, int]) -> tuple[Worst, int]:
    """The worst error of each output, after allowances and relative to the promise's unit, and where it is.

    Also a check sum of the points looked at.
    """
    parameter_draws, draws, most = effort
    rng = np.random.default_rng(zlib.crc32(cls.__name__.encode()))
    found: Worst = dict.fromkeys(OUTPUTS, (0.0, ""))
    points = 0
    settings = list(parameter_sets(cls, rng, parameter_draws))
    most = max(40, most // len(settings))
    for loss in settings:
        y, f = rows(loss, rng, draws)
        if len(y) > most:
            pick = rng.permutation(len(y))[:most]
            y, f = y[pick], f[pick]
        points = zlib.crc32(repr(loss).encode() + y.tobytes() + f.tobytes(), points)
        got = dict(zip(OUTPUTS, loss.value_gradient_and_hessian(y, f, reduction="none"), strict=True))
        each = [(output, by) for output in OUTPUTS for by in elements(loss, output)]
        columns = [(got[output][(..., *by)] if len(loss.outputs) > 1 else got[output]).tolist() for output, by in each]
        for yi, fi, *numbers in zip(y.tolist(), f.tolist(), *columns, strict=True):  # by rows, as the oracle likes it
            for (output, by), number in zip(each, numbers, strict=True):
                away = excess(loss, yi, fi, output, number, exact(loss, yi, fi, output, by), by)
                if away * 1.0 > found[output][0]:
                    found[output] = (away, f"{loss!r} at y={yi!r}, f={fi!r}: {number!r}, {away:.2f} ulp")
                assert away <= promise(loss), (
                    f"{loss!r} {output} {by} at y={yi!r}, f={fi!r}: {number!r} is {away:.4g} ulp off"
                )
    return found, points


def _quick(name: str) -> bool:
    """Of several outputs or targets one of each kind: their Hessians take the oracle long."""
    loss = losses()[name]
    return len(loss.outputs) * len(loss.targets) == 1 or name in one_of_each_kind()


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if _quick(name) else pytest.mark.slow) for name in losses()]
)
def test_value_gradient_and_hessian_keep_the_promise_and_no_worst_case_rises(name):
    recorded = json.loads(TABLE.read_text())[name]
    found, points = worst(losses()[name], FAST)
    if points != recorded["points"]:
        pytest.skip("the promise holds; this system draws other points than the table's")
    for output, (away, text) in found.items():
        assert away <= recorded[output] + 0.005, text


@pytest.mark.slow
@pytest.mark.parametrize("name", losses())
def test_the_promise_holds_over_many_more_points(name):
    worst(losses()[name], FULL)


FOUND = [  # by wider draws than a test has time for
    ("MSLE", 1e300, 2.1994409076796378e300),
    ("SymmetricMAPE", 5e-324, 5.319374734020694e-05),
    ("GaussianNLL", -1.3e154, [-709.7, -0.3]),
    ("GaussianNLL", -1.0881285809584866, [-2.789011373474857, -709.0]),
    ("NegativeBinomialNLL", 7.0, [2.9075459139254587, -1.3018314618443432]),
    ("Tukey", 0.0, 3.224276264215538),
]


@pytest.mark.parametrize(("name", "y", "f"), FOUND)
def test_the_promise_holds_where_it_once_did_not(name, y, f):
    loss = losses()[name]()
    got = loss.value_gradient_and_hessian(y, f, reduction="none")
    for output, array in zip(OUTPUTS, got, strict=True):
        for by in elements(loss, output):
            number = float(array[by] if len(loss.outputs) > 1 else array)
            assert excess(loss, y, f, output, number, exact(loss, y, f, output, by), by) <= promise(loss)


@pytest.mark.slow  # tests/border has it at ordinary points
@pytest.mark.parametrize("name", losses())
def test_float32_is_the_double_rounded_once(name):
    loss = losses()[name]()
    with np.errstate(over="ignore"):
        y, f = (x.astype(np.float32) for x in rows(loss, np.random.default_rng(3), 40))
    keep = loss.domain.contains(y)
    for domain, column in zip(loss.prediction_domains, f.reshape(len(y), -1).T, strict=True):
        keep &= np.isfinite(column) & (domain.contains(column) | (not domain.bounded))
    y, f = y[keep], f[keep]
    wide = loss.value_gradient_and_hessian(y.astype(float), f.astype(float), reduction="none")
    for narrow, double in zip(loss.value_gradient_and_hessian(y, f, reduction="none"), wide, strict=True):
        assert narrow.dtype == np.float32
        with np.errstate(over="ignore"):
            np.testing.assert_array_equal(narrow, double.astype(np.float32))


def main() -> None:
    """Measure the table anew and print it."""
    table = {}
    for name, cls in losses().items():
        if len(sys.argv) > 1 and name not in sys.argv[1:]:
            continue
        found, points = worst(cls, FAST)
        errors = {output: round(away + 0.0005, 3) for output, (away, _) in found.items()}
        table[name] = {**errors, "points": points}
        print(f"{name:20}", "  ".join(f"{o} {v:6.3f}" for o, v in errors.items()), flush=True)
    old = json.loads(TABLE.read_text()) if TABLE.exists() else {}
    TABLE.write_text(json.dumps(old | table, indent=1) + "\n")


if __name__ == "__main__":
    main()
