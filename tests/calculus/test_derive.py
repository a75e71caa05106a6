"""The table's derivative rules, by differencing exact values; its stable array bodies, against the faces."""

from __future__ import annotations

import itertools

import mpmath
import numpy as np
import pytest

from losskit.base import Pointwise
from losskit.calculus import arrays, maximum, symbol, where
from losskit.calculus.derive import derivative
from losskit.calculus.emit import array_function, functions_used
from losskit.calculus.exact import evaluate
from losskit.calculus.graph import BOOLEAN, build
from losskit.calculus.table import TABLE
from losskit.errors import FormulaError
from losskit.kernels.primitives import homes_of
from losskit.registry import losses

INF = float("inf")
_STUDENT = ("student_log", "student_pull", "student_share", "student_bend", "student_cross", "student_spread")
_POINTS = ("aft_z", "aft_exp", "aft_softplus", "aft_exp_times", "aft_sigmoid", "aft_sigmoid_slope")
_INTERVALS = (
    "aft_gap", "weibull_mass", "weibull_pull", "weibull_bend", "normal_mass", "normal_mean", "normal_bend",
)  # fmt: skip
_DISPERSED = ("dispersed_deviance", "dispersed_pull", "dispersed_bend", "dispersed_cross", "dispersed_sag",
              "dispersed_sway")
_BETA = ("beta_energy", "beta_pull", "beta_bend")
_BETA_SHAPES = ("beta_floor", "beta_lift", "beta_flex", "beta_tilt", "beta_curve", "beta_sway")
_FLOOR = ("dispersed_floor", "dispersed_floor_slope", "dispersed_floor_bend")
# where arguments may lie, by primitive; elsewhere (-2.5, 0.3, 1.7)
PLACES = {
    "log": (0.2, 1.0, 7.5),
    "sqrt": (0.2, 1.0, 7.5),
    "log1p": (-0.7, 0.3, 4.0),
    "log1pmx": (-0.7, 0.3, 4.0),
    "power": (0.4, 1.7, 3.0),
    "xlogy": (0.2, 1.7, 3.0),
    "xlog1py": (0.2, 1.7),
    "xdivy": (0.7, 2.0),
    **dict.fromkeys(
        ("sech2", "log_cosh", "log_cosh_slope", "pseudo_huber", "pseudo_huber_slope", "pseudo_huber_bend"),
        (0.3, 1.7, 4.0),
    ),
    "poisson_deviance": (0.2, 1.7, 3.0),
    **dict.fromkeys(("tweedie_deviance", "tweedie_slope", "tweedie_bend"), (0.2, 1.4, 3.0)),
    **dict.fromkeys(
        ("gamma_deviance", "mean_ratio", "inverse_gaussian", "weibull_deviance", "ratio_power",
         "negative_binomial_deviance", "poisson_deviance_of_mean"),
        (0.2, 1.4, 3.0),
    ),
    **dict.fromkeys(("abs_power", "sign_power"), (-2.5, 0.3, 1.7)),
    **dict.fromkeys(("fair", "mul_log1p", "log1p_ratio"), (0.3, 1.7, 4.0)),
    **dict.fromkeys(("smoothed_pinball", "smoothed_step"), (-0.4, 0.3, 1.7)),
    **dict.fromkeys(("barron", "barron_slope", "barron_bend"), (0.3, 1.7, 4.0)),
    "sigmoid_gap": (0.3, 1.0, 2.5),
    **dict.fromkeys(("softplus_scaled", "sigmoid_scaled"), (0.4, 1.7, 3.0)),
    "dwd_power": (0.1, 0.7, 1.7, 3.0),
    **dict.fromkeys(("flip_loss", "flip_slope", "flip_bend"), (0.1, 0.2, 0.45)),
    **dict.fromkeys(("above_power", "above_rate", "above_cost"), (0.1, 0.3, 0.45)),
    **dict.fromkeys(("bitempered", "bitempered_slope"), (1.2, 1.7, 2.6)),
    **dict.fromkeys(("gaussian_variance_nll", "poisson_nll", *_STUDENT), (0.2, 1.4, 3.0)),
    **dict.fromkeys(("gamma_energy", "gamma_excess", "gamma_pull"), (0.2, 1.4, 3.0)),
    **dict.fromkeys(("binet", "stirling", "student_constant", *_POINTS, *_INTERVALS), (0.2, 1.4, 3.0)),
    **dict.fromkeys(("zero_nll", "zero_share", "zero_rest"), (-2.5, 0.3, 1.0)),
    **dict.fromkeys(_BETA, (0.1, 0.8)),
    **dict.fromkeys(_BETA_SHAPES, (-0.6, 1.7)),
    **dict.fromkeys(("truncated_poisson_nll", *_DISPERSED, *_FLOOR), (1.0, 2.0, 5.0)),
}
# and wide enough to part the branches of the array bodies
BODY_PLACES = PLACES | {
    "sech2": (-450.0, -0.3, 1e-9, 2.5),
    "log_cosh": (-800.0, -0.3, 1e-9, 2.5),
    "log_cosh_slope": (-800.0, -0.3, 2.5),
    **dict.fromkeys(("pseudo_huber", "pseudo_huber_slope", "pseudo_huber_bend"), (1e75, -1e75, -0.3, 1e-9, 2.5)),
    "poisson_deviance": (0.0, 0.2, 1.7, 3.0, 40.0),
    "tweedie_deviance": (0.0, 0.2, 1.0, 1.4, 2.0, 3.0, 9.0),
    **dict.fromkeys(("tweedie_slope", "tweedie_bend"), (-720.0, 0.0, 0.25, 1.0, 1.25, 2.0, 3.0, 380.0)),
    **dict.fromkeys(("gamma_deviance", "mean_ratio"), (-2.5, 0.3, 1.7, 6.0)),
    **dict.fromkeys(("inverse_gaussian", "weibull_deviance", "ratio_power"), (-2.5, 0.3, 1.7, 6.0)),
    "negative_binomial_deviance": (-30.0, 0.0, 0.2, 1.4, 3.0, 40.0, 800.0),
    "poisson_deviance_of_mean": (0.0, 0.2, 1.4, 1.4000001, 3.0, 40.0),
    "sigmoid_power": (-30.0, -2.5, 0.3, 1.7, 25.0),
    "mul_exp": (-30.0, -2.5, 0.0, 0.3, 1.7, 25.0),
    "xlogy": (0.0, 0.2, 1.7),
    "xlog1py": (0.0, 0.2, 1.7),
    "xdivy": (0.0, 0.7, 2.0),
    "power": (0.4, 1.7, 3.0),
    "log1pmx": (-0.9, -0.3, 1e-6, 0.3, 4.0),
    "tangent_gap": (-1e9, -2.5, -0.3, 0.1, 0.5, 0.7, 3.0, 1e12),
    "tangent_slope": (-1e12, -2.5, 0.3, 1e12),
    "sigmoid_gap": (-20.0, -2.5, 1e-20, 0.3, 1.0, 25.0),
    "softplus_less_sigmoid": (-700.0, -2.5, -1e-3, 0.3, 25.0, 800.0),
    "logit_entropy": (-700.0, -2.5, 0.3, 25.0),
    "softplus_tilted": (-30.0, -0.3, 0.0, 0.45, 1.0, 25.0),
    **dict.fromkeys(("softplus_times", "sigmoid_times"), (-30.0, -0.3, 0.0, 1.7)),
    **dict.fromkeys(("softplus_scaled", "sigmoid_scaled"), (1e-3, 0.4, 1.7, 800.0)),
    "dwd_power": (0.1, 0.6, 1.7, 3.0, 1e6),
    **dict.fromkeys(("flip_loss", "flip_slope", "flip_bend"), (0.0, 0.1, 0.2, 0.45)),
    **dict.fromkeys(("above_power", "above_rate", "above_cost"), (-30.0, -2.5, 0.0, 0.05, 0.3, 2.5, 25.0)),
    **dict.fromkeys(("bitempered", "bitempered_slope", "bitempered_bend"), (-30.0, -2.5, 0.0, 0.3, 0.8, 1.2, 2.5, 1e4)),
    "expm1mx": (-800.0, -2.5, -0.3, 1e-6, 0.4, 20.0, 800.0),
    **dict.fromkeys(("abs_power", "sign_power"), (-2.0, -0.5, 0.0, 0.5, 1.0, 3.0)),
    **dict.fromkeys(("log1p_square", "damped", "inverse_square"), (-1e75, -2.5, 1e-9, 0.3, 1.7)),
    **dict.fromkeys(("fair", "welsch", "mul_gauss"), (-1e3, -2.5, 1e-9, 0.5, 2.0)),
    "linex": (-30.0, -2.5, 1e-6, 0.25, 1.5),
    "linex_slope": (-30.0, -2.5, 1e-6, 0.25, 1.5),
    **dict.fromkeys(("scaled_sin", "scaled_cos"), (-1.5, 1e-9, 0.3, 1.2)),
    **dict.fromkeys(("smoothed_pinball", "smoothed_step", "logistic_density"), (-25.0, -2.5, 0.25, 1.0, 16.0)),
    "mul_log1p": (1e-9, 0.3, 1.7, 25.0),
    "log1p_ratio": (-0.75, 0.25, 0.2500001, 1.7, 40.0),
    **dict.fromkeys(("gamma_energy", "gamma_excess", "gamma_pull"), (-2.5, 0.3, 1.7, 6.0)),
    **dict.fromkeys(("shape_normaliser", "shape_slope", "shape_bend"),
                    (-700.0, -30.0, -2.5, -0.9, -0.3, 0.3, 1.7, 25.0)),
    "gaussian_nll": (-30.0, -2.5, 0.3, 1.7),
    "gaussian_variance_nll": (-30.0, -2.5, 1e-6, 0.3, 1.7, 25.0),
    "poisson_nll": (-30.0, -2.5, 0.0, 1.0, 1.1, 3.0, 17.0),
    **dict.fromkeys(("binet", "stirling", "student_constant"), (1e-9, 0.3, 1.0, 1.7, 3.9, 4.1, 1e9)),
    "zero_rest": (-30.0, -2.5, 0.0, 1.0, 2.0, 5.0),
    "truncated_poisson_nll": (-60.0, -30.0, -2.5, 0.0, 1.0, 1.1, 3.0, 17.0),
    "truncated_excess": (-60.0, -30.0, -2.5, 0.3, 1.7, 25.0),
    "truncated_bend": (-60.0, -30.0, -2.5, 0.3, 1.7, 3.8, 4.1, 25.0),
    **dict.fromkeys(_DISPERSED, (-30.0, -2.0, 0.0, 0.45, 1.0, 3.0, 17.0)),
    **dict.fromkeys(_FLOOR, (-30.0, -2.5, 0.0, 0.7, 1.0, 3.0, 17.0)),
    **dict.fromkeys(_BETA, (-60.0, -2.5, -0.8, 1e-19, 1e-9, 0.3, 0.5, 4.0)),
    **dict.fromkeys(_BETA_SHAPES, (-8.0, -0.3, 1.3, 1.7, 25.0)),
    **dict.fromkeys(_STUDENT, (-400.0, -2.5, 1e-5, 0.3, 1.7, 25.0)),
    "student_log": (-1500.0, -400.0, -2.5, 1e-5, 0.3, 1.7, 25.0),
    **dict.fromkeys(("barron", "barron_slope", "barron_bend"), (-INF, -2.0, -1e-3, 0.0, 0.5, 1.7, 2.0, 3.0)),
}
BODY_PLACES |= dict.fromkeys(_POINTS, (0.3, 1.7, 4.0, 25.0))
BODY_PLACES |= dict.fromkeys(_INTERVALS, (0.0, 0.3, 0.31, 1.7, 25.0, INF))
# which combinations of them the body is defined for
BODY_WHERE = {
    **dict.fromkeys(("inverse_gaussian", "gamma_deviance", "mean_ratio"), lambda y, f: y > 0),
    "weibull_deviance": lambda y, f, k: (y > 0) & (k > 0),
    "ratio_power": lambda c, y, f, k: (y > 0) & (k > 0),
    "negative_binomial_deviance": lambda y, f, a: (y >= 0) & (a > 0),
    "poisson_deviance_of_mean": lambda y, f: (y >= 0) & (f >= 0),
    "tweedie_deviance": lambda y, f, p: (y > 0) | (p < 2),
    **dict.fromkeys(("tweedie_slope", "tweedie_bend"), lambda y, f, p: (y >= 0) & ((p == 0) | (p >= 1)) & (p <= 3)),
    "gaussian_variance_nll": lambda r, v: v > 0,
    **dict.fromkeys(("decay", "bell", "half_decay", "half_bell"), lambda y, m, t: np.abs(y - m) * np.exp(-t) < 8),
    **dict.fromkeys(("gamma_energy", "gamma_excess", "gamma_pull"), lambda y, f, a: y > 0),
    "poisson_nll": lambda y, f: (y >= 0) & (y == np.floor(y)),
    "zero_rest": lambda f, z, k: (k == 0) | (k == 1) | (k == 2),
    "truncated_poisson_nll": lambda y, f: (y >= 1) & (y == np.floor(y)),
    **dict.fromkeys(_DISPERSED, lambda y, f, a: (y >= 0) & (y == np.floor(y))),
    **dict.fromkeys(_FLOOR, lambda y, a: (y >= 0) & (y == np.floor(y))),
    **dict.fromkeys(_BETA, lambda y, f, s: (y > 0) & (y < 1)),
    **dict.fromkeys(_STUDENT, lambda r, s, n: n > 0),
    "abs_power": lambda c, r, a: (r != 0) | (a > 0),
    "sign_power": lambda c, r, a: (r != 0) | (a > 0),
    **dict.fromkeys(("log1p_square", "damped", "inverse_square"), lambda k, r, c: (c > 0) & (np.abs(k) < 1e9)),
    **dict.fromkeys(("fair", "one_minus_square", "welsch"), lambda r, c: c > 0),
    "mul_gauss": lambda k, r, c: c > 0,
    **dict.fromkeys(("scaled_sin", "scaled_cos"), lambda r, c: (c > 0.1) & (np.abs(r / c) < 1.5)),
    **dict.fromkeys(("smoothed_pinball", "smoothed_step"), lambda r, q, h: (q > 0) & (q < 1) & (h > 0)),
    "logistic_density": lambda r, h: h > 0,
    "above_power": lambda x, m, g: (m >= 0) & (m < 0.5) & (g >= 0),
    "above_rate": lambda c, x, m: (m >= 0) & (m < 0.5),
    "above_cost": lambda x, m: (m >= 0) & (m < 0.5),
    **dict.fromkeys(("bitempered", "bitempered_slope", "bitempered_bend"),
                    lambda x, a, b: (a >= 0) & (a < 1) & (b > 1) & (b < 5)),
    **dict.fromkeys(("barron", "barron_slope", "barron_bend"), lambda r, a, c: (c > 0) & (np.abs(r) < 1e3)),
}
BODY_WHERE |= dict.fromkeys(_POINTS, lambda t, f, s, c=1.0: (f < 5) & (s < 5) & (c < 5))
BODY_WHERE |= dict.fromkeys(_INTERVALS, lambda a, b, f, s, c=0.3: (a < b) & (f < 5) & (s > 0) & (s < 5) & (c == 0.3))
BODY_WHERE["aft_gap"] = lambda a, b, s: (a < b) & (s > 0) & (s < 5)
BODY_WHERE |= {  # and a rise of e^z to 20 at most, or without end
    name: lambda a, b, f, s, c=0.3, most=most: (a < b) & (c == 0.3) & (f < most) & (s > 0) & (s < 5)
    & ((b == INF) | (np.log(b) < f + 3 * s))
    for name, most in (("weibull_mass", 30), ("weibull_pull", 5), ("weibull_bend", 5))
}


def rule_points(name: str, arity: int) -> list[tuple[float, ...]]:
    """Arguments at which the derivative rules of the primitive `name` are tried."""
    points = itertools.product(PLACES.get(name, (-2.5, 0.3, 1.7)), repeat=arity)
    return [point for point in points if name not in _INTERVALS or point[0] < point[1]]


def body_points(name: str, arity: int) -> np.ndarray:
    """Arguments at which the body of the primitive `name` is tried, one row an argument."""
    places = BODY_PLACES.get(name, (-30.0, -2.5, -1e-9, 0.3, 1.7, 25.0))
    points = np.array(list(itertools.product(places, repeat=arity))).T
    with np.errstate(all="ignore"):
        return points[:, BODY_WHERE[name](*points)] if name in BODY_WHERE else points


SMOOTH = sorted(set(TABLE) - BOOLEAN - {"where", "maximum", "minimum", "abs"})


def _arity(name: str) -> int:
    partials = TABLE[name].partials
    assert partials is not None
    return len(partials)


@pytest.mark.parametrize("name", SMOOTH)
def test_each_derivative_rule_is_the_limit_of_differences(name):
    arity = _arity(name)
    names = [f"x{i}" for i in range(arity)]
    node = build(name, *map(symbol, names))
    for point in rule_points(name, arity):
        if name == "decay" and point[0] == point[1]:
            continue  # its kink
        values = dict(zip(names, map(mpmath.mpf, point), strict=True))
        for i, variable in enumerate(names):
            if TABLE[name].partials[i] is None:
                continue
            rule = evaluate(derivative(node, symbol(variable)), values)
            with mpmath.workdps(120):
                h = mpmath.mpf(10) ** -30
                ends = [evaluate(node, values | {variable: values[variable] + s * h}, digits=100) for s in (1, -1)]
                assert abs(rule - (ends[0] - ends[1]) / (2 * h)) <= mpmath.mpf(10) ** -40 * (1 + abs(rule)), point


@pytest.mark.parametrize("name", sorted(set(TABLE) - BOOLEAN - {"where"}))
def test_each_array_body_is_its_face(name):
    arity = _arity(name) if TABLE[name].partials else 2
    names = [f"x{i}" for i in range(arity)]
    node = build(name, *map(symbol, names))
    points = body_points(name, arity)
    with np.errstate(all="ignore"):
        got = array_function("f", names, [node])(np, *points)
    for position, computed in enumerate(np.broadcast_to(got, points.shape[1:])):
        true = float(evaluate(node, dict(zip(names, points[:, position].tolist(), strict=True))))
        assert computed == pytest.approx(true, rel=2e-14, abs=1e-300), points[:, position]


def test_every_row_has_all_its_bodies():
    for name, row in TABLE.items():
        assert row.latex or name == "where"
        assert row.scalar is not None or len(homes_of(name)) == 1, f"{name} has compiled bodies in {homes_of(name)}"
        assert row.array is not None or hasattr(arrays, name), f"{name} has no array body"
        assert row.exact is not None or row.face is not None or name == "where", f"{name} has no exact body"


@pytest.mark.parametrize(
    "cls", [c for c in losses().values() if hasattr(c, "derivative") or hasattr(c, "second_derivative")]
)
def test_a_stated_derivative_equals_the_derived_one_at_50_digits(cls: type[Pointwise]):
    for loss in (cls(), *([cls(p) for p in (0.0, 1.0, 2.0, 3.0)] if cls.__name__ == "Tweedie" else [])):
        values = {k: v for k, v in loss.parameters.items() if v is not None}
        trace, written = loss.trace(), loss.written()
        variables = [symbol(name) for name in loss.variables or loss.outputs]
        targets = [y for y in (0.25, 1.0) if loss.domain.contains(y)]
        gradient = [derivative(written, variable) for variable in variables]
        derived = (*gradient, *(derivative(slope, variable) for slope in gradient for variable in variables))
        scores = [
            [f for f in (-9.5, -0.7, 0.0, 1e-5, 0.3, 2.5, 12.0) if f > 0 or not domain.bounded]
            for domain in loss.prediction_domains  # its ends apart, where derivatives may be infinite
        ]
        for y, *predicted in itertools.product(targets, *scores):
            with mpmath.workdps(60):
                y, f = mpmath.mpf(y), mpmath.mpf(predicted[0])
                names = values | {"y": y, "r": f - y, "m": y * f}
                names |= dict(zip(loss.outputs, map(mpmath.mpf, predicted), strict=True))
            for stated, node in zip((*trace.gradient, *trace.hessian), derived, strict=True):
                true = evaluate(node, names)
                assert abs(evaluate(stated, names) - true) <= abs(true) * mpmath.mpf(10) ** -49, (loss, names)


def test_kinks_take_the_element_of_least_norm_and_sums_of_kinks_add():
    x = symbol("x")
    for node, at_zero in (
        (abs(x), 0),
        (maximum(2 * x, -x), 0),
        (maximum(2 * x, x), 1),
        (maximum(-x, -3 * x), -1),
        (abs(x) + maximum(x, 0), 0),
        (3 * x + abs(x), 3),
    ):
        assert evaluate(derivative(node, x), {"x": 0.0}) == at_zero, node


def test_a_formula_cannot_branch_on_data():
    x = symbol("x")
    with pytest.raises(FormulaError, match="write where"):
        bool(x > 0)
    with pytest.raises(FormulaError, match="where needs a condition"):
        where(x, 1, 2)
    with pytest.raises(FormulaError, match="conditions belong in where"):
        (x > 0) + 1
    with pytest.raises(FormulaError, match="cannot stand in a formula"):
        x + "1"
    with pytest.raises(FormulaError, match="not arrays"):
        list(x)
    with pytest.raises(FormulaError, match="traced once"):
        float(x)


def test_equal_expressions_are_one_node_and_constants_fold_only_where_exact():
    x = symbol("x")
    assert (x + 1) * 2 is (x + 1) * 2
    assert (1 / (x * 0 + 3)).op == "div"  # 1/3 is not a double: folding it would blind the oracle
    assert repr(x * 0 + 0.5 * 2) == "1.0"
    assert functions_used([x**2], "scalar") == []


def test_a_missing_derivative_says_which_and_what_to_do():
    y, f = symbol("y"), symbol("f")
    with pytest.raises(
        FormulaError, match=r"tweedie_deviance has no derivative by its argument 1.*state the derivative"
    ):
        derivative(build("tweedie_deviance", y, f, 1.5), y)
