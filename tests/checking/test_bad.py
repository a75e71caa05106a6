"""What is wrong is found, with its code."""

import numpy as np
import pytest

import losskit as lk
from losskit.calculus import log, softplus, where
from losskit.checking.findings import CODES
from tests.checking import bad


@pytest.mark.parametrize(
    ("thing", "code", "shows"),
    [
        (bad.inverted_tukey, "LK007", "Tukey(c=4.685) times -1"),
        (bad.naive_log_cosh, "LK009", "true is 5.0e-"),
        (bad.clipped_bce, "LK008", "clipped at 16.118, from a probability of 1e-07 down"),
        (bad.clipped_bce, "LK018", "y=1, f=2.5"),
        (bad.huber_without_half, "LK006", "jumps by 0.5"),
        (bad.squared, "LK010", "(6, 1)"),
        (bad.mean_over_rows, "LK011", "sum(w L) / N"),
        (bad.weight_squared, "LK012", "weights 1, 2"),
        (bad.noisy, "LK016", "then"),
        (bad.wrapping_hinge, "LK015", "y uint8"),
        (bad.squared, "LK015", "y uint8 and f uint8"),
        (bad.overflowing_logistic, "LK005", "true is"),
        (bad.overflowing_logistic, "LK009", "true is"),
        (bad.cliff, "LK005", "inf"),
        (bad.raising, "LK001", "ZeroDivisionError: no such luck"),
        (bad.texts, "LK001", "gave back"),
        (bad.constant, "LK021", "costs the same"),
        (bad.swallowing, "LK019", "nan"),
        (bad.clipping_in_place, "LK020", "became 1e-06"),
        (bad.root_mean_square, "LK013", "neither"),
        (bad.nan_at_zero, "LK004", "nan"),
        (bad.naive_log_cosh, "LK014", "float64"),
        (bad.objective_of_the_wrong_sign, "LK007", "SquaredError"),
        (bad.objective_with_wrong_hessian, "LK003", "Hessian"),
    ],
)
def test_what_is_wrong_is_found(thing, code, shows):
    found = lk.check_loss(thing)
    assert code in found.codes, str(found)
    assert any(shows in each.what + each.where for each in found.findings if each.code == code), str(found)


def test_what_is_right_is_not_found():
    assert lk.check_loss(bad.good_squared).codes == ()
    assert lk.check_loss(bad.squared, gradient=bad.squared_gradient, ignore=("LK010", "LK015"))
    assert lk.check_loss(bad.objective).same_as == "Logistic()"
    assert set(lk.check_loss(bad.objective).codes) == {"LK009", "LK010"}  # p - y at 34, p (1 - p) at 40


def test_a_wrong_gradient_is_found_with_its_factor():
    found = lk.check_loss(bad.squared, gradient=bad.half_gradient)
    (only,) = (each for each in found.findings if each.code == "LK002")
    assert "0.5 times" in only.what


def test_a_wrong_hessian_is_found_with_and_without_a_gradient():
    for gradient in (None, bad.squared_gradient):
        found = lk.check_loss(bad.squared, gradient=gradient, hessian=bad.wrong_hessian)
        assert "LK003" in found.codes


def test_a_gradient_outside_the_slopes_of_a_tie_is_found():
    found = lk.check_loss(
        lambda y, f: np.abs(f - y), gradient=lambda y, f: np.where(f == y, -1.5, np.sign(f - y)), ignore="LK010"
    )
    assert "LK002" in found.codes
    assert not lk.check_loss(
        lambda y, f: np.abs(f - y), gradient=lambda y, f: np.where(f == y, -1.0, np.sign(f - y))
    ).has("LK002")


@pytest.mark.parametrize(
    ("thing", "name"),
    [
        (bad.twice_huber, "Huber(delta=1.0) times 2"),
        (bad.squared, "SquaredError()"),
        (lambda r: r**2 / 2, "SquaredError() times 0.5"),
        (lambda y, f: np.exp(f) - y * f, "Poisson() plus a term of y alone"),
        (lambda f, y: np.log1p(np.exp(-f)) + (1 - y) * f, "Logistic()"),
        (lambda y, f: np.maximum(0.9 * (y - f), 0.1 * (f - y)), "Quantile(level=0.9)"),
        (lambda a, b: np.where(b > 0, np.log1p(np.exp(-a)), np.log1p(np.exp(a))), "Logistic()"),
    ],
)
def test_a_loss_of_ours_is_recognised(thing, name):
    assert lk.check_loss(thing).same_as == name


def test_the_order_is_found_by_trial_or_as_said():
    def loss(a, b):
        return np.logaddexp(0, a) - b * a

    found = lk.check_loss(loss)
    assert (found.order, found.order_from) == ("prediction_first", "found by trial")
    found = lk.check_loss(loss, order="prediction_first")
    assert (found.order_from, found.same_as) == ("as you said", "Logistic()")
    assert lk.check_loss(lambda u, v: np.abs(v) * (v - u) ** 2).order == "target_first"


def test_plain_python_that_takes_one_number_at_a_time_is_checked():
    import math

    found = lk.check_loss(lambda y, f: math.log(math.cosh(float(f) - float(y))))
    assert found.same_as == "LogCosh(scale=1.0)"
    assert {"LK001", "LK009"} <= set(found.codes)  # math.cosh raises at 800


@pytest.mark.parametrize(
    "claims",
    [{"convex": True}, {"lipschitz": 0.1}, {"bounded": False, "curvature": 0.5}, {"strong": 0.1},
     lk.Traits(strictly_convex=True)],
)  # fmt: skip
def test_a_wrong_claim_is_refuted(claims):
    found = lk.check_loss(lambda y, f: np.log1p((f - y) ** 2), claims=claims)
    assert "LK017" in found.codes, str(found)


def test_claims_of_kinks_symmetry_bounds_and_targets():
    quantile = lambda y, f: np.maximum(0.9 * (y - f), 0.1 * (f - y))  # noqa: E731
    for claims in ({"differentiable": True}, {"symmetric": True}, {"bounded": True}, {"elicits": "mean"},
                   {"strictly_convex": True}):  # fmt: skip
        assert lk.check_loss(quantile, claims=claims).has("LK017"), claims
    true = {"convex": True, "lipschitz": 0.9, "curvature": 0.0, "differentiable": False, "strong": 0.0}
    assert not lk.check_loss(quantile, claims=true).has("LK017")
    smooth = lambda y, f: np.logaddexp(f - y, y - f)  # noqa: E731
    true = {"differentiable": True, "symmetric": True, "convex": True, "lipschitz": 1.0, "curvature": 1.0}
    assert not lk.check_loss(smooth, claims=true).has("LK017")


class NaiveLogCosh(lk.Residual):
    """As written in many places."""

    def formula(self, r):
        return r + softplus(-2 * r) - log(2)

    def traits(self):
        return lk.Traits(convex=True, lipschitz=0.5)


class WrongSlope(lk.Residual):
    """A stated derivative that is not one."""

    def formula(self, r):
        return r**2

    def derivative(self, r):
        return r


class Step(lk.Residual):
    """A Huber without its half."""

    def formula(self, r):
        return where(abs(r) <= 1, r**2, abs(r) - 0.5)


class Reward(lk.Residual):
    """Upside down."""

    def formula(self, r):
        return -(r**2) / (1 + r**2)


class Trimmed(lk.Residual):
    """Nothing wrong: it bends down at its kinks, and says so."""

    def formula(self, r):
        return where(abs(r) < 2, r**2 / 2, 2)

    def traits(self):
        return lk.Traits(convex=False, differentiable=False, lipschitz=2.0, curvature=1.0, strong=0.0, kinks=(-2, 2))


class Error(lk.Margin):
    """Nothing wrong: a step, at which the gradient is 0."""

    def formula(self, m):
        return where(m < 0, 1, where(m > 0, 0, 0.5))

    def traits(self):
        return lk.Traits(convex=False, differentiable=False, bounded=True, kinks=(0.0,))


@pytest.mark.parametrize("cls", [Trimmed, Error])
def test_declared_kinks_and_steps_are_honoured(cls):
    found = lk.check_loss(cls)
    assert found.ok, str(found)


@pytest.mark.parametrize(
    ("cls", "codes"),
    [(NaiveLogCosh, {"LK009", "LK017"}), (WrongSlope, {"LK002"}), (Step, {"LK006"}), (Reward, {"LK007"})],
)
def test_a_users_own_loss_is_held_to_its_formula(cls, codes):
    found = lk.check_loss(cls)
    assert codes <= set(found.codes), str(found)


def test_every_code_is_tried_by_a_test_here():
    from pathlib import Path

    here = Path(__file__).parent
    text = "".join((here / f"test_{name}.py").read_text() for name in ("bad", "libraries", "classes", "several"))
    assert [code for code in CODES if code not in text] == []


@pytest.mark.parametrize(
    ("thing", "says"),
    [(42, "int, which cannot be called"), ("huber", "the text 'huber'"), (bad.later, "async function"),
     (None, "NoneType"), (lambda a, b, c: a, "a, b, c"), (int.__add__, None)],
)  # fmt: skip
def test_what_is_no_loss_is_refused(thing, says):
    if says is None:
        assert lk.check_loss(thing).codes == ("LK001",)
        return
    with pytest.raises(lk.CapabilityError, match=says):
        lk.check_loss(thing)


@pytest.mark.parametrize(
    ("options", "says"),
    [({"order": "x"}, "target_first"), ({"target": "x"}, "binary"), ({"prediction": "x"}, "probability"),
     ({"claims": {"konvex": True}}, "konvex"), ({"claims": 3}, "Traits"), ({"ignore": ["LK999"]}, "LK999")],
)  # fmt: skip
def test_options_are_checked(options, says):
    with pytest.raises(lk.ParameterError, match=says):
        lk.check_loss(bad.squared, **options)


def test_own_derivatives_of_ours_are_not_replaced():
    with pytest.raises(lk.ParameterError, match="own derivatives"):
        lk.check_loss(lk.Huber(), gradient=bad.half_gradient)


def test_what_it_takes_may_be_said():
    found = lk.check_loss(lambda y, f: (y - f) ** 4, target="binary", prediction="probability")
    assert found.takes == "0 <= y <= 1, 0 <= f <= 1"


def test_trials_that_fail_leave_nothing_behind_for_those_of_other_libraries():
    pytest.importorskip("jax")
    assert lk.check_loss(bad.raising).codes == ("LK001",)
