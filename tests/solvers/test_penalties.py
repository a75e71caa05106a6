import pickle

import numpy as np
import pytest

from losskit.errors import ParameterError
from losskit.penalties import L2, NoPenalty

PENALTIES = [NoPenalty(), L2(0.0), L2(0.3), L2(alpha=7)]
COEF = np.array([1.5, -2.0, 0.0, 1e-3])


@pytest.mark.parametrize("penalty", PENALTIES)
def test_gradient_and_hessian_are_the_values_differences(penalty):
    h = 1e-4
    for j, unit in enumerate(np.eye(4) * h):
        up, down = penalty.value(COEF + unit), penalty.value(COEF - unit)
        assert penalty.gradient(COEF)[j] == pytest.approx((up - down) / (2 * h), abs=1e-9)
        bend = (penalty.gradient(COEF + unit) - penalty.gradient(COEF - unit))[j] / (2 * h)
        assert penalty.hessian_diagonal(COEF)[j] == pytest.approx(bend, abs=1e-9)


@pytest.mark.parametrize("penalty", PENALTIES)
def test_conjugate_bounds_every_coefficient_and_is_reached_at_the_gradient(penalty):
    slope = penalty.gradient(COEF)
    reached = slope @ COEF - penalty.value(COEF)
    assert penalty.conjugate(slope) == pytest.approx(reached, abs=1e-12)
    for other in np.random.default_rng(0).standard_normal((50, 4)):
        assert slope @ other - penalty.value(other) <= penalty.conjugate(slope) + 1e-12


def test_l2_is_alpha_half_the_squared_norm():
    assert L2(0.5).value(np.array([2.0, 4.0])) == 5.0


def test_penalties_are_frozen_comparable_values():
    assert L2(1) == L2(alpha=1.0)
    assert repr(L2(2)) == "L2(alpha=2.0)"
    assert hash(L2(1)) == hash(L2(1.0))
    assert pickle.loads(pickle.dumps(L2(3.0))) == L2(3.0)
    with pytest.raises(AttributeError):
        L2(1).alpha = 2  # type: ignore[misc]


@pytest.mark.parametrize("alpha", [-1.0, np.nan, np.inf, "1", None, True])
def test_a_parameter_outside_its_domain_is_refused(alpha):
    with pytest.raises(ParameterError, match="alpha >= 0"):
        L2(alpha)
