"""The corrected t-test and Holm's correction against computations by hand."""

import math

import numpy as np
import pytest

from losskit.losses.regression import SquaredError
from losskit.selection.folds import deal, round_rng
from losskit.selection.outcome import Candidate, top_group
from losskit.selection.statistic import chances, corrected_t, holm, smallest_difference


def test_corrected_t_by_hand():
    # mean 2, variance 1 over 3 folds; error^2 = (1/3 + 1/4) * 1 = 7/12; t = 2 / sqrt(7/12) = 2.6186147
    found = corrected_t(np.array([1.0, 2.0, 3.0]), 0.25)
    assert found.mean == 2.0
    assert found.standard_error == pytest.approx(math.sqrt(7 / 12), rel=1e-15)
    t = 2 / math.sqrt(7 / 12)
    # Student's distribution with 2 degrees of freedom in closed form: P(|T| > t) = 1 - t / sqrt(2 + t^2)
    above = (1 - t / math.sqrt(2 + t * t)) / 2
    assert found.p == pytest.approx(1 - above, rel=1e-12)
    assert corrected_t(np.array([-1.0, -2.0, -3.0]), 0.25).p == pytest.approx(above, rel=1e-12)
    assert found.freedom == 2


def test_without_overlap_it_is_students_test():
    from scipy.stats import ttest_1samp

    values = np.random.default_rng(0).normal(0.3, 1, 25)
    wanted = float(ttest_1samp(values, 0.0, alternative="less").pvalue)
    assert corrected_t(values, 0.0).p == pytest.approx(wanted, rel=1e-10)


def test_the_sign_matters_and_the_unit_does_not():
    values = np.random.default_rng(1).normal(0.2, 1, 25)
    assert corrected_t(-values, 0.25).p == pytest.approx(1 - corrected_t(values, 0.25).p)
    assert corrected_t(1024 * values, 0.25).p == corrected_t(values, 0.25).p


def test_the_chance_of_being_the_best():
    costs = np.random.default_rng(2).normal([[0.0], [0.3]], 1, (2, 25))
    wanted = 1 - corrected_t(costs[0] - costs[1], 0.25).p  # of two, the t-test of one side
    assert 0.5 < wanted < 0.95
    assert chances(costs, 0.25) == pytest.approx([wanted, 1 - wanted], abs=0.02)
    assert chances(1024 * costs - 7, 0.25) == pytest.approx(chances(costs, 0.25), abs=1e-3)
    shared = 100 * np.random.default_rng(3).normal(size=25)  # what all have in common cancels
    assert chances(costs + shared, 0.25) == pytest.approx(chances(costs, 0.25), abs=1e-3)
    lost = np.vstack([costs, np.where(np.arange(25) == 3, np.inf, -9.0)])
    assert chances(lost, 0.25)[2] == 0
    assert chances(lost[2:], 0.25).tolist() == [0]


@pytest.mark.parametrize(("shares", "size"), [((0.85, 0.1, 0.05), 1), ((0.3, 0.45, 0.25), 3), ((0.3, 0.6, 0.1), 2)])
def test_the_top_group_is_the_fewest_that_hold_the_best(shares, size):
    made = [Candidate(str(i), "identity", "challenger", SquaredError(), chance=each) for i, each in enumerate(shares)]
    top = top_group(made)
    assert [c.chance for c in top] == sorted(shares, reverse=True)[:size]
    assert top_group([Candidate("a", "identity", "default")]) == []


def test_equal_differences():
    assert corrected_t(np.zeros(25), 0.25).p == 1.0
    assert corrected_t(np.full(25, 0.5), 0.25).p == 1.0
    assert corrected_t(np.full(25, -0.5), 0.25).p == 0.0
    assert math.isnan(corrected_t(np.array([1.0, np.inf]), 0.25).p)
    assert math.isnan(corrected_t(np.array([1.0]), 0.25).p)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    adjusted = holm([math.nan, 0.02, math.nan])
    assert adjusted[1] == 0.02
    assert math.isnan(adjusted[0])
    assert holm([]) == []


def test_smallest_difference_is_where_p_is_the_level():
    values = np.random.default_rng(2).normal(0, 1, 25)
    one = corrected_t(values, 0.25)
    least = smallest_difference(one.standard_error, one.freedom, 3)
    moved = corrected_t(values - values.mean() - least, 0.25)
    assert 3 * moved.p == pytest.approx(0.05, rel=1e-9)
    assert math.isnan(smallest_difference(math.nan, 24, 3))


def test_folds_are_even_in_size_and_in_class():
    codes = np.repeat([0.0, 1.0], [83, 20])
    fold = deal(codes, 103, 5, round_rng(7, 0))
    assert sorted(np.bincount(fold)) == [20, 20, 21, 21, 21]
    assert np.bincount(fold[codes == 1]).min() == np.bincount(fold[codes == 1]).max() == 4
    assert (deal(codes, 103, 5, round_rng(7, 0)) == fold).all()
    assert (deal(codes, 103, 5, round_rng(7, 1)) != fold).any()
