"""Penalties: derivatives, proximal steps against a plain minimiser, conjugates, where all is 0, and as values."""

import pickle

import numpy as np
import pytest
from scipy.optimize import minimize

import losskit as lk
from losskit.errors import CapabilityError, ParameterError, ShapeError
from losskit.penalties import (
    L1,
    L2,
    MCP,
    SCAD,
    SLOPE,
    Box,
    ElasticNet,
    GroupLasso,
    HuberisedL1,
    LogSum,
    NoPenalty,
    NuclearNorm,
    Positive,
    SparseGroupLasso,
    TotalVariation,
)  # fmt: skip

W = (1.0, 0.0, 2.0, 0.5)
SMOOTH = [NoPenalty(), L2(0.0), L2(0.3), L2(alpha=7), L2(0.5, W), HuberisedL1(0.7, 0.1), HuberisedL1(0.7, 2.0, W)]
PIECEWISE = [L1(0.7), L1(0.7, W), L1(0.7, positive=True), ElasticNet(0.7, 0.3), ElasticNet(0.7, 0.6, W, True),
             ElasticNet(0.7, 0.0), Box(-1, 0.5), Box(high=-0.25), Positive()]  # fmt: skip
CONCAVE = [MCP(0.7), MCP(0.7, 1.5, W), SCAD(0.7), SCAD(0.7, 2.1, W), LogSum(0.7), LogSum(0.7, 2.0, W)]
JOINT = [GroupLasso((0, 0, 1, -1), 0.7), GroupLasso((0, 1, 0, 1), 0.7, (1.0, 0.0)), SLOPE(0.7), TotalVariation(0.7),
         SparseGroupLasso((0, 0, 1, 1), 0.7, l1_ratio=0.4), NuclearNorm(2, 0.7)]  # fmt: skip
ALL = SMOOTH + PIECEWISE + CONCAVE + JOINT
COEF = np.array([1.5, -2.0, 0.0, 1e-3])
POINTS = [COEF, *np.random.default_rng(0).normal(0, 1.5, (6, 4))]


@pytest.mark.parametrize("penalty", SMOOTH, ids=repr)
def test_gradient_and_hessian_are_the_values_differences(penalty):
    h = 1e-4
    for j, unit in enumerate(np.eye(4) * h):
        up, down = penalty.value(COEF + unit), penalty.value(COEF - unit)
        assert penalty.gradient(COEF)[j] == pytest.approx((up - down) / (2 * h), abs=1e-9)
        bend = (penalty.gradient(COEF + unit) - penalty.gradient(COEF - unit))[j] / (2 * h)
        assert penalty.hessian_diagonal(COEF)[j] == pytest.approx(bend, abs=1e-9)


@pytest.mark.parametrize("penalty", SMOOTH, ids=repr)
def test_conjugate_bounds_every_coefficient_and_is_reached_at_the_gradient(penalty):
    slope = penalty.gradient(COEF)
    reached = slope @ COEF - penalty.value(COEF)
    assert penalty.conjugate(slope) == pytest.approx(reached, abs=1e-12)
    for other in np.random.default_rng(0).standard_normal((50, 4)):
        assert slope @ other - penalty.value(other) <= penalty.conjugate(slope) + 1e-12


@pytest.mark.parametrize("penalty", PIECEWISE, ids=repr)
def test_conjugate_and_penalty_meet_at_the_ends_of_the_subdifferential_and_nowhere_beyond(penalty):
    for point in POINTS:
        coef = penalty.prox(point)  # inside the bounds
        for slope in penalty.slopes(coef):
            slope = np.where(np.isfinite(slope), slope, coef)
            bound = penalty.conjugate(slope)
            assert bound >= slope @ coef - penalty.value(coef) - 1e-12
    inside = np.array([0.1, 0.0, -0.2, 0.05])
    assert penalty.conjugate(inside) >= 0 or penalty.pieces(inside).high.min() < 0


def by_coordinate(penalty, point, step):
    """The proximal step, each coefficient by itself: the best of a grid, then of ever finer ones about it."""
    out, inside = np.zeros(point.size), penalty.prox(np.zeros(point.size))
    for j in range(point.size):

        def cost(c, j=j):
            coef = inside.copy()
            coef[j] = c
            return penalty.value(coef) + (c - point[j]) ** 2 / (2 * step[j])

        grid = np.linspace(-6, 6, 241)
        for width in (0.05, 2.5e-3, 1.25e-4, 6.25e-6, 3e-7):
            grid = np.append(grid, [0.0, point[j]])
            out[j] = grid[np.argmin([cost(c) for c in grid])]
            grid = out[j] + np.linspace(-width, width, 41)
    return out


@pytest.mark.parametrize("penalty", SMOOTH[2:] + PIECEWISE + CONCAVE, ids=repr)
def test_a_separable_proximal_step_is_a_one_dimensional_minimisers(penalty):
    step = np.array([0.3, 1.0, 2.5, 0.7])
    for point in POINTS[:2]:
        np.testing.assert_allclose(penalty.prox(point, step), by_coordinate(penalty, point, step), atol=1e-5)


@pytest.mark.parametrize("penalty", JOINT, ids=repr)
def test_no_direction_lowers_a_joint_proximal_problem(penalty):
    rng = np.random.default_rng(1)
    for point in POINTS:
        found = penalty.prox(point, 0.8)

        def cost(c, point=point):
            return penalty.value(c) + np.sum((c - point) ** 2) / 1.6

        least = cost(found)
        for size in (1e-4, 1e-2, 1.0):
            for move in [*rng.normal(size=(60, 4)), *np.eye(4), np.ones(4), found, point]:
                assert cost(found + size * move) >= least - 1e-12
                assert cost(found - size * move) >= least - 1e-12
        better = minimize(cost, found, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-13}).fun
        assert better >= least - 1e-10


def test_the_taut_string_solves_the_dual_of_total_variation():
    rng = np.random.default_rng(0)
    for n, radius in ((2, 0.3), (50, 0.1), (300, 1.0), (300, 30.0)):
        x = rng.normal(size=n).cumsum() / 3
        found = TotalVariation(1.0).prox(x, radius)
        dual = np.cumsum(x - found)[:-1]  # x - c = D'u, |u| <= radius, and u at its end where c bends
        assert np.abs(dual).max() <= radius * (1 + 1e-9) + 1e-12
        bends = np.diff(found)
        moved = np.abs(bends) > 1e-9
        np.testing.assert_allclose(dual[moved], -radius * np.sign(bends[moved]), rtol=1e-9)
        assert found.sum() == pytest.approx(x.sum())


@pytest.mark.parametrize("penalty", [p for p in ALL if p.separable], ids=repr)
def test_a_fixed_point_of_the_proximal_step_is_where_the_slope_lies_between_the_ends(penalty):
    for point in POINTS:
        found = penalty.prox(point, 0.4)
        low, high = penalty.slopes(found)
        slope = (point - found) / 0.4
        assert np.all(slope >= low - 1e-9)
        assert np.all(slope <= high + 1e-9)


@pytest.mark.parametrize(
    "penalty",
    [L1(1), L1(1, (1.0, 3.0, 2.0, 0.5)), L1(1, positive=True), ElasticNet(1, 0.3), MCP(1), SCAD(1), LogSum(1, 0.5),
     GroupLasso((0, 0, 1, 1)), SparseGroupLasso((0, 0, 1, 1)), SLOPE(1), NuclearNorm(2)],
    ids=repr,
)  # fmt: skip
def test_all_coefficients_are_0_from_alpha_max_on_and_not_below(penalty):
    gradient = np.array([0.8, -1.1, 0.3, -0.4])
    most, step = penalty.alpha_max(gradient), 1e-3
    assert not penalty.with_alpha(most * (1 + 1e-9)).prox(-step * gradient, step).any()
    assert penalty.with_alpha(most * (1 - 1e-6)).prox(-step * gradient, step).any()


def test_total_variation_keeps_all_equal_from_alpha_max_on():
    x = np.array([1.0, 3.0, -2.0, 0.5])
    most = TotalVariation(1).alpha_max(x.mean() - x)
    assert np.ptp(TotalVariation(most * (1 + 1e-9)).prox(x)) < 1e-12
    assert np.ptp(TotalVariation(most * (1 - 1e-3)).prox(x)) > 1e-4


def test_columns_that_are_not_penalised_are_left_alone():
    for penalty in (L1(5, W), ElasticNet(5, 0.5, W), MCP(5, weights=W), HuberisedL1(5, weights=W), L2(5, W)):
        assert penalty.prox(COEF)[1] == COEF[1]
    assert GroupLasso((0, 0, 1, -1), 5).prox(COEF)[3] == COEF[3]


def test_known_values():
    assert L2(0.5).value(np.array([2.0, 4.0])) == 5.0
    assert L1(0.5).value(np.array([2.0, -4.0])) == 3.0
    assert ElasticNet(2.0, 0.25).value(np.array([2.0])) == 2 * (0.25 * 2 + 0.75 * 2)
    assert MCP(1, 3).value(np.array([3.0, 5.0])) == 3.0
    assert SCAD(1, 3.7).value(np.array([4.0])) == pytest.approx(4.7 / 2)
    assert GroupLasso((0, 0)).value(np.array([3.0, 4.0])) == pytest.approx(5 * 2**0.5)
    assert TotalVariation(2).value(np.array([1.0, 3.0, 0.0])) == 10.0
    assert NuclearNorm(2).value(np.array([3.0, 0, 0, 4.0])) == pytest.approx(7.0)
    assert Box(0, 1).value(np.array([0.5, 2.0])) == np.inf
    np.testing.assert_allclose(SLOPE(1, 0.1)._levels(2), [1.0, 1.6448536269514722 / 1.959963984540054])


@pytest.mark.parametrize("penalty", ALL, ids=repr)
def test_penalties_are_frozen_values_that_print_as_they_are_made(penalty):
    assert eval(repr(penalty), vars(lk) | {n: getattr(lk, n) for n in lk.__all__} | {"inf": np.inf}) == penalty
    assert hash(pickle.loads(pickle.dumps(penalty))) == hash(penalty)
    assert penalty.prox(COEF, 0.5).shape == COEF.shape
    assert repr(L2(2)) == "L2(alpha=2.0)"
    for name in penalty.parameters:
        with pytest.raises(AttributeError):
            setattr(penalty, name, 2)


@pytest.mark.parametrize("alpha", [-1.0, np.nan, np.inf, "1", None, True])
def test_a_parameter_outside_its_domain_is_refused(alpha):
    with pytest.raises(ParameterError, match="alpha >= 0"):
        L2(alpha)


@pytest.mark.parametrize(("make", "error", "says"), [
    (lambda: MCP(1, 1.0), ParameterError, "gamma > 1"),
    (lambda: SCAD(1, 2), ParameterError, "a > 2"),
    (lambda: L1(1, (1.0, -1.0)), ParameterError, "one number a coefficient"),
    (lambda: L1(1, positive=1), ParameterError, "True or False"),
    (lambda: Box(1, 1), ParameterError, "low < high"),
    (lambda: GroupLasso((0.5, 1)), ParameterError, "for its group"),
    (lambda: GroupLasso((-1, -1)), ParameterError, "for its group"),
    (lambda: GroupLasso((0, 1), weights=(1.0,)), ShapeError, "2 groups"),
    (lambda: NuclearNorm(0), ParameterError, "rows a whole number >= 1"),
    (lambda: L1(1, (1.0, 2.0)).check(3), ShapeError, "3 columns"),
    (lambda: NuclearNorm(2).check(3), ShapeError, "3 coefficients"),
    (lambda: L1().gradient(COEF), CapabilityError, "slopes or prox"),
    (lambda: SLOPE().slopes(COEF), CapabilityError, "prox"),
    (lambda: Box().with_alpha(1), CapabilityError, "no alpha"),
])  # fmt: skip
def test_what_is_wrong_is_said(make, error, says):
    with pytest.raises(error, match=says):
        make()
