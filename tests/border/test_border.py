"""Bad input: a right answer, or an error of our own tree that says what came, where, what is wanted and what to do.

Every message is kept in tests/public/snapshots/messages.json; LOSSKIT_SNAPSHOTS=write rewrites it.
"""

from __future__ import annotations

import datetime
import json
import math
import os
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

import losskit as lk
from losskit.border import kind_of
from tests.border.test_weights import depth, width
from tests.families import EACH_LOSS

SNAPSHOT = Path(__file__).parents[1] / "public" / "snapshots" / "messages.json"
NAN, INF = math.nan, math.inf
S, ONE, TWO = lk.SquaredError(), np.array([1.0]), np.array([1.0, 2.0])
C = lk.CensoredWeibullNLL()
FROZEN = np.zeros(1)
FROZEN.flags.writeable = False


def bad(name, call, error, *words):
    return pytest.param(name, call, error, words, id=name)


CASES = [
    # labels
    bad(
        "negative count",
        lambda: lk.Poisson()([3, -1, 0, -2], np.zeros(4)),
        lk.DomainError,
        "Poisson needs y >= 0",
        "y[1] = -1.0",
        "2 of 4",
        "sentinel",
        "SquaredError",
    ),
    bad("zero amount", lambda: lk.Gamma()([3, 0], np.zeros(2)), lk.DomainError, "y > 0", "y[1] = 0.0", "1 of 2"),
    bad(
        "label 2",
        lambda: lk.Logistic()([0, 1, 2], np.zeros(3)),
        lk.DomainError,
        "0 <= y <= 1",
        "y[2] = 2.0",
        "1 of 3",
        "0 and 1",
    ),
    bad(
        "label 0 for a margin",
        lambda: lk.Hinge()([0, 1, 1], np.zeros(3)),
        lk.DomainError,
        "y in {-1, +1}",
        "y[0] = 0.0",
        "1 of 3",
        "2 * y - 1",
    ),
    bad("label nan", lambda: S([1, NAN, NAN], np.zeros(3)), lk.DomainError, "y[1] = nan", "2 of 3", "weight 0"),
    bad("label inf", lambda: S([[1, 2], [INF, 3]], np.zeros((2, 2))), lk.DomainError, "y[1, 0] = inf", "1 of 4"),
    bad("label of a derivative", lambda: lk.Poisson().gradient([-1.0], [0.0]), lk.DomainError, "y[0] = -1.0"),
    bad("label of a scalar", lambda: lk.Poisson()(-1.0, 0.0), lk.DomainError, "y = -1.0", "1 of 1"),
    bad(
        "probability beyond 1",
        lambda: lk.BinaryCrossEntropy()([0, 1], [0.5, 1.5]),
        lk.DomainError,
        "0 <= f <= 1",
        "f[1] = 1.5",
        "1 of 2",
        "Logistic",
    ),
    bad("probability inf", lambda: lk.BinaryCrossEntropy()([0, 1], [0.5, INF]), lk.DomainError, "f[1] = inf"),
    bad("Tweedie at 0", lambda: lk.Tweedie(2.5)([0.0], [0.0]), lk.DomainError, "y > 0", "y[0] = 0.0"),
    bad(
        "probability beyond 1, out=f",
        lambda: (lambda f: lk.BinaryCrossEntropy().gradient([1.0, 0.0], f, out=f))(np.array([0.25, 1.5])),
        lk.DomainError,
        "f[1] = 1.5",
        "1 of 2",
    ),
    bad(
        "label -1, out=y",
        lambda: (lambda y: lk.Logistic().gradient(y, np.zeros(2), out=y))(np.array([1.0, -1.0])),
        lk.DomainError,
        "y[1] = -1.0",
        "1 of 2",
    ),
    # shapes
    bad(
        "column against row",
        lambda: S(np.zeros(3), np.zeros((3, 1))),
        lk.ShapeError,
        "(3,)",
        "(3, 1)",
        "nothing is broadcast",
        "reshape",
    ),
    bad("other length", lambda: S(np.zeros(3), np.zeros(4)), lk.ShapeError, "(3,)", "(4,)", "equal"),
    bad("scalar against row", lambda: S(1.0, np.zeros(3)), lk.ShapeError, "()", "(3,)"),
    bad("ragged", lambda: S([[1], [1, 2]], np.zeros(2)), lk.ShapeError, "y is not a rectangular array"),
    bad("weights too long", lambda: S(TWO, TWO, np.ones(3)), lk.ShapeError, "sample_weight", "(3,)", "(2,)"),
    bad("weights as a column", lambda: S(TWO, TWO, np.ones((2, 1))), lk.ShapeError, "(2, 1)", "(2,)"),
    bad(
        "weights of the other axis",
        lambda: S(np.ones((3, 2)), np.ones((3, 2)), np.ones(2)),
        lk.ShapeError,
        "(2,)",
        "(3, 2)",
        "1-D of length 3",
    ),
    bad("weight a scalar", lambda: S(TWO, TWO, 2.0), lk.ShapeError, "sample_weight has shape ()"),
    bad("hvp of another shape", lambda: S.hvp(TWO, TWO, np.ones(3)), lk.ShapeError, "v has shape (3,)", "(2,)"),
    # weights
    bad(
        "negative weight",
        lambda: S(TWO, TWO, [1, -0.5]),
        lk.DomainError,
        "sample_weight[1] = -0.5",
        "1 of 2",
        "negative",
        ">= 0",
        "0 to leave a row out",
    ),
    bad("nan weight", lambda: S(TWO, TWO, [NAN, 1]), lk.DomainError, "sample_weight[0] = nan", "1 of 2"),
    bad("infinite weight", lambda: S(TWO, TWO, [1, INF]), lk.DomainError, "sample_weight[1] = inf"),
    bad("negative weight, none", lambda: S(TWO, TWO, [1, -1], "none"), lk.DomainError, "sample_weight[1] = -1.0"),
    bad(
        "negative weight, 2-D",
        lambda: S(np.ones((2, 2)), np.ones((2, 2)), np.array([[1, 1], [1, -2.0]])),
        lk.DomainError,
        "sample_weight[1, 1] = -2.0",
        "1 of 4",
    ),
    bad("weights in words", lambda: S(TWO, TWO, "balanced"), lk.CapabilityError, "sample_weight has dtype"),
    bad("no weight", lambda: S(TWO, TWO, [0, 0], empty="raise"), lk.DomainError, "no weight", "empty"),
    # kinds
    bad("y None", lambda: S(None, TWO), lk.CapabilityError, "y", "None"),
    bad("f None", lambda: S(TWO, None), lk.CapabilityError, "f", "None"),
    bad("strings", lambda: S(["a", "b"], TWO), lk.CapabilityError, "y has dtype <U1", "real numbers"),
    bad(
        "numbers as strings",
        lambda: S(np.array(["1", "2"], object), TWO),
        lk.CapabilityError,
        "'1'",
        "str",
        "position 0",
    ),
    bad("objects", lambda: S([1.0, object], TWO), lk.CapabilityError, "position 1", "type"),
    bad("None among floats", lambda: S(TWO, [None, 1.0]), lk.CapabilityError, "f", "None", "position 0"),
    bad("integers no float holds", lambda: S([10**400, 1], TWO), lk.CapabilityError, "y", "2**53"),
    bad("integers beyond 2**64", lambda: S([2**64, 1], TWO), lk.CapabilityError, "y", "2**53"),
    bad("integers beyond 2**53", lambda: S([2**53 + 1, 1], TWO), lk.CapabilityError, "y holds integers", "2**53"),
    bad("negative integers beyond 2**53", lambda: S(TWO, [-(2**60), 1]), lk.CapabilityError, "f holds integers"),
    bad("complex", lambda: S(TWO, TWO + 1j), lk.CapabilityError, "f has dtype complex128", "real numbers"),
    bad("dates", lambda: S(np.array(["2020-01-01"], "M8[D]"), ONE), lk.CapabilityError, "datetime64[D]"),
    bad("a date", lambda: S([datetime.date(2020, 1, 1)], ONE), lk.CapabilityError, "datetime.date"),
    bad("durations", lambda: S(np.array([1], "m8[s]"), ONE), lk.CapabilityError, "timedelta64[s]"),
    bad("masked", lambda: S(np.ma.array([1.0], mask=[True]), ONE), lk.CapabilityError, "masked", "weight 0"),
    bad(
        "masked weights",
        lambda: S(ONE, ONE, np.ma.array([1.0], mask=[True])),
        lk.CapabilityError,
        "sample_weight is a masked",
    ),
    bad("dict", lambda: S({1: 2}, ONE), lk.CapabilityError, "dict"),
    bad("records", lambda: S(np.zeros(1, [("a", float)]), ONE), lk.CapabilityError, "dtype"),
    # out
    bad("out a number", lambda: S.gradient(ONE, ONE, out=5), lk.CapabilityError, "out", "NumPy array"),
    bad("out a list", lambda: S.gradient(ONE, ONE, out=[1.0]), lk.CapabilityError, "writable NumPy array", "float"),
    bad("out read-only", lambda: S.gradient(ONE, ONE, out=FROZEN), lk.CapabilityError, "writable"),
    bad("out of another shape", lambda: S.gradient(TWO, TWO, out=np.zeros(3)), lk.ShapeError, "(3,)", "(2,)"),
    bad(
        "out of another dtype",
        lambda: S.gradient(TWO, TWO, out=np.zeros(2, np.float32)),
        lk.CapabilityError,
        "float32",
        "float64",
    ),
    bad("out integers", lambda: S(TWO, TWO, reduction="none", out=np.zeros(2, int)), lk.CapabilityError, "int64"),
    bad("out for a mean", lambda: S(TWO, TWO, out=np.zeros(2)), lk.ShapeError, "1 arrays", "fills 0"),
    bad(
        "out too few",
        lambda: S.gradient_and_hessian(TWO, TWO, out=np.zeros(2)),
        lk.ShapeError,
        "fills 2",
        "gradient, hessian",
    ),
    bad(
        "out twice the same",
        lambda: (lambda g: S.gradient_and_hessian(TWO, TWO, out=(g, g)))(np.zeros(2)),
        lk.CapabilityError,
        "out",
        "memory",
    ),
    # options
    bad(
        "reduction avg",
        lambda: S(TWO, TWO, reduction="avg"),
        lk.ParameterError,
        "'avg'",
        "'mean', 'sum', 'none', 'mean_over_rows'",
    ),
    bad("reduction None", lambda: S.gradient(TWO, TWO, reduction=None), lk.ParameterError, "reduction=None"),
    bad("empty skip", lambda: S(TWO, TWO, empty="skip"), lk.ParameterError, "'skip'", "'nan', 'zero', 'raise'"),
    bad("open parameter", lambda: lk.Huber("auto")(TWO, TWO), lk.ParameterError, "auto", "delta", "resolve"),
    bad("open parameter's constant", lambda: lk.Tukey("auto").constant(TWO), lk.ParameterError, "auto", "c"),
    # parameters
    bad("delta negative", lambda: lk.Huber(-1), lk.ParameterError, "Huber needs delta > 0", "'auto'", "delta=-1"),
    bad("delta nan", lambda: lk.Huber(NAN), lk.ParameterError, "delta > 0", "nan"),
    bad("delta inf", lambda: lk.Huber(INF), lk.ParameterError, "delta > 0", "inf"),
    bad("delta True", lambda: lk.Huber(True), lk.ParameterError, "delta=True"),
    bad("delta np.True", lambda: lk.Huber(np.True_), lk.ParameterError, "True"),
    bad("delta text", lambda: lk.Huber("big"), lk.ParameterError, "'auto'", "'big'"),
    bad("delta None", lambda: lk.Huber(None), lk.ParameterError, "delta=None"),
    bad("delta complex", lambda: lk.Huber(np.complex128(1 + 2j)), lk.ParameterError, "delta"),
    bad("delta a duration", lambda: lk.Huber(np.timedelta64(3, "s")), lk.ParameterError, "delta"),
    bad("delta 10**400", lambda: lk.Huber(10**400), lk.ParameterError, "delta"),
    bad("level 1", lambda: lk.Quantile(1), lk.ParameterError, "0 < level < 1", "level=1"),
    bad("power 0.5", lambda: lk.Tweedie(0.5), lk.ParameterError, "power in {0} or power >= 1", "0.5"),
    bad("alpha 1", lambda: lk.BinaryFocal(alpha=1.0), lk.ParameterError, "alpha", "None", "1.0"),
    # constants
    bad("constant of no rows", lambda: S.constant([]), lk.DomainError, "no rows"),
    bad(
        "constant of a bad label", lambda: lk.Poisson().constant([5.0, -2.0], [0.0, 1.0]), lk.DomainError, "y[1] = -2.0"
    ),
    bad("constant of both infinities", lambda: S.constant([INF, -INF]), lk.DomainError, "y[0] = inf"),
    bad("constant, weights too long", lambda: S.constant(TWO, np.ones(3)), lk.ShapeError, "(3,)", "(2,)"),
    bad("scale of equal residuals", lambda: lk.Huber("auto").resolve(np.zeros(3)), lk.ParameterError, "MAD", "number"),
    bad("scale of nan", lambda: lk.Huber("auto").resolve([1, NAN]), lk.ParameterError, "1 nan or infinite"),
    # registry
    bad("a loss unknown", lambda: lk.get("hubber"), lk.ParameterError, "'hubber'", "did you mean Huber"),
    bad("a loss without a name", lambda: lk.get(3), lk.ParameterError, "3", "Logistic"),
    bad("a parameter unknown", lambda: lk.get("huber", d=3), lk.ParameterError, "'d'", "parameters: delta"),
    bad("not a parameter", lambda: lk.get("huber", outputs=("a",)), lk.ParameterError, "'outputs'"),
    bad(
        "a family unknown",
        lambda: lk.find_losses("ranking"),
        lk.ParameterError,
        "'ranking'",
        "binary, counts, distributions, ",
        "durations, ",
    ),
    bad(
        "bounds the wrong way round", lambda: C([[1, 2], [3, 2]], TWO), lk.DomainError, "lower <= upper",
        "y[1] = [3.0, 2.0]", "1 of 2 rows is outside", "after t (t, inf)",
    ),
    bad("one target where a row has two", lambda: C(TWO, TWO), lk.ShapeError, "2 targets a row", "(2, 2)"),
    bad("rows of one target for a constant", lambda: C.constant(np.ones(3)), lk.ShapeError, "2 targets a row", "(3,)"),
    bad("a linear model of two targets", lambda: lk.minimise(C, None, [[1.0], [2.0]], [[1, 2], [2, 3]]),
        lk.CapabilityError, "2 targets a row"),
    bad("a trait unknown", lambda: lk.find_losses(smooth=True), lk.ParameterError, "'smooth'", "convex"),
    bad("a trait that is a method", lambda: lk.find_losses(__init__=True), lk.ParameterError, "__init__"),
]


def _said(call, error) -> str:
    with pytest.raises(lk.LosskitError) as caught:
        call()
    assert type(caught.value) is error
    return str(caught.value)


@pytest.mark.parametrize(("name", "call", "error", "words"), CASES)
def test_bad_input_is_named_with_its_place_and_its_remedy(name, call, error, words):
    message = _said(call, error)
    for word in words:
        assert word in message
    assert len(message) > 30
    if "rectangular" in message:  # the rest is NumPy's
        message = message[:40]
    kept = json.loads(SNAPSHOT.read_text()) if SNAPSHOT.exists() else {}
    said = f"{error.__name__}: {message}"
    if os.environ.get("LOSSKIT_SNAPSHOTS") == "write":
        SNAPSHOT.write_text(json.dumps(kept | {name: said}, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    elif name in kept:
        assert said == kept[name]
    else:
        pytest.fail(f"no snapshot of {name!r}: run once with LOSSKIT_SNAPSHOTS=write and no -n")


@pytest.mark.parametrize("loss", EACH_LOSS)
@pytest.mark.parametrize("method", ["__call__", "gradient", "hessian", "value_and_gradient"])
def test_every_loss_refuses_labels_outside_its_domain(loss, method):
    y, f = np.ones((9000, *depth(loss))), np.full((9000, *width(loss)), 0.5)
    y[[5000, 8000]] = math.nan
    there = r"\[nan, nan\] \(2 of 9000 rows" if depth(loss) else r"nan \(2 of 9000 values"
    with pytest.raises(lk.DomainError, match=rf"{type(loss).__name__} needs .*y\[5000\] = {there} are outside\)"):
        getattr(loss, method)(y, f)


# -- containers that count as NumPy


def _containers():
    pandas, polars, arrow = (pytest.importorskip(m) for m in ("pandas", "polars", "pyarrow"))
    yield "list", list
    yield "tuple", tuple
    yield "object array", lambda x: np.array(x, dtype=object)
    yield "decimals", lambda x: [Decimal(v) for v in x]
    yield "NumPy scalars", lambda x: [np.float64(v) for v in x]
    yield "pandas", lambda x: pandas.Series(x, index=[7, 7, 3])
    yield "pandas nullable", lambda x: pandas.Series(x, dtype="Float64")
    yield "pandas arrow", lambda x: pandas.Series(x, dtype="double[pyarrow]")
    yield "polars", polars.Series
    yield "arrow", arrow.array
    yield "arrow chunks", lambda x: arrow.chunked_array([x[:1], x[1:]])


def test_lists_and_columns_of_every_library_are_numbers():
    y, f, w = [1.0, 2.0, 4.0], [1.5, 2.0, 2.0], [1.0, 1.0, 0.5]
    want = S.value_and_gradient(np.array(y), np.array(f), np.array(w))
    for name, make in _containers():
        value, gradient = S.value_and_gradient(make(y), make(f), make(w))
        assert value == want[0], name
        assert gradient.tolist() == want[1].tolist(), name


def test_missing_values_of_every_library_are_refused_in_targets():
    pandas, polars, arrow = (pytest.importorskip(m) for m in ("pandas", "polars", "pyarrow"))
    missing = [
        pandas.Series([1, None], dtype="Int64"),
        pandas.Series([True, None], dtype="boolean"),
        pandas.Series([1, None], dtype="int64[pyarrow]"),
        polars.Series([1, None]),
        arrow.array([1, None]),
    ]
    for y in missing:
        with pytest.raises((lk.DomainError, lk.CapabilityError), match=r"y\[1\] = nan|position 1"):
            S(y, [1.0, 1.0])


def test_text_columns_of_pandas_are_not_read_as_numbers():
    pandas = pytest.importorskip("pandas")
    with pytest.raises(lk.CapabilityError, match="str"):
        S(pandas.Series(["1", "2"]), TWO)


def test_python_scalars_and_0d_arrays_are_one_row():
    for y, f in ((1, 3), (1.0, np.float32(3)), (np.array(1.0), np.array(3.0)), (True, 3)):
        assert S(y, f) == S(y, f, 2.0) == 4.0
        assert (S.gradient(y, f).shape, float(S.gradient(y, f))) == ((), 4.0)
        assert S(y, f, reduction="none").shape == ()


def test_a_long_double_is_refused_where_it_is_longer_than_a_double():
    if np.dtype(np.longdouble).itemsize == 8:
        pytest.skip("long double is double here")
    with pytest.raises(lk.CapabilityError, match="up to 64 bits"):
        S(np.ones(1, np.longdouble), ONE)


def test_tensors_and_arrays_do_not_mix():
    torch = pytest.importorskip("torch")
    assert kind_of(torch.zeros(1)) == "torch"
    with pytest.raises(lk.CapabilityError, match=r"one kind; y is torch, f is numpy"):
        S(torch.zeros(1), ONE)


def test_none_of_the_subclasses_of_ndarray_but_masked_ones_are_another_kind(tmp_path):
    on_disk = np.memmap(tmp_path / "f", np.float64, "w+", shape=(2,))
    on_disk[:] = 3.0
    assert S(np.ones(2), on_disk) == 4.0
    assert S(np.rec.array(np.ones(2)), np.asarray(on_disk)) == 4.0


def test_weights_of_mixed_kinds_of_numbers_are_fine_together():
    assert S([True, False], np.array([2, 3], np.uint8), (Decimal(1), Decimal(1))) == 5.0
