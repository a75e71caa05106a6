import time
import warnings

import numpy as np
import pytest
from scipy.optimize import minimize

import losskit as lk
from losskit.errors import CapabilityError, ConvergenceWarning, DomainError, ParameterError, ShapeError
from losskit.penalties import L2, NoPenalty
from losskit.solvers.choose import METHODS
from losskit.solvers.joint_scale import JointScale
from losskit.solvers.minimise import minimise
from tests.solvers.data import KINKED, NONCONVEX, SMOOTH, problem

PENALTIES = [None, L2(0.1)]
JOINT = JointScale(lk.Huber(delta=1.35))


@pytest.mark.parametrize("penalty", PENALTIES, ids=str)
@pytest.mark.parametrize("loss", SMOOTH, ids=str)
def test_newton_and_lbfgs_agree_and_no_step_away_is_lower(loss, penalty):
    X, y = problem(loss)
    newton, lbfgs = (minimise(loss, penalty, X, y, solver=solver) for solver in ("newton", "lbfgs"))
    assert newton.certificate <= 1e-10
    assert lbfgs.certificate <= 1e-10
    assert lbfgs.value == pytest.approx(newton.value, rel=1e-12)
    np.testing.assert_allclose(lbfgs.coef, newton.coef, rtol=1e-5, atol=1e-9 * np.abs(newton.coef).max())
    f = X @ newton.coef + newton.intercept
    value = loss(y, f) + (penalty or NoPenalty()).value(newton.coef)
    assert newton.value == pytest.approx(value, rel=1e-12)
    spread = X.std(0)
    for step in np.random.default_rng(0).standard_normal((20, 5)) * 1e-3:
        coef = newton.coef + step[:4] / spread
        other = loss(y, X @ coef + newton.intercept + step[4]) + (penalty or NoPenalty()).value(coef)
        assert other >= newton.value * (1 - 1e-12)


DESCENTS = ["gradient_descent", "momentum", "nesterov"]


@pytest.mark.parametrize("loss", [lk.SquaredError(), lk.Huber(), lk.Logistic(), lk.SquaredHinge()], ids=str)
def test_descents_meet_newton_sooner_with_a_velocity_and_never_go_up(loss):
    X, y = problem(loss)
    best = minimise(loss, L2(1e-3), X, y).value
    found = [minimise(loss, L2(1e-3), X, y, solver=solver, tol=1e-7, max_iter=100_000) for solver in DESCENTS]
    for each in found:
        assert (each.reason, each.certificate_kind) == ("tol", "kkt")
        assert each.value == pytest.approx(best, rel=1e-9)
        assert np.all(np.diff(each.curve) <= 1e-15)
    plain, momentum, nesterov = (each.iterations for each in found)
    assert max(momentum, nesterov) < 0.8 * plain
    again = minimise(loss, L2(1e-3), X, y, solver="nesterov", tol=1e-7, start=found[2])
    assert again.iterations == 0


@pytest.mark.parametrize("loss", [lk.SquaredError(), lk.Huber(), lk.Logistic(), lk.SquaredHinge()], ids=str)
def test_descents_meet_newton_under_a_strong_penalty(loss):
    X, y = problem(loss)
    best = minimise(loss, L2(1.0), X, y).value
    for solver in DESCENTS:
        found = minimise(loss, L2(1.0), X, y, solver=solver, tol=1e-7, max_iter=100_000)
        assert found.value == pytest.approx(best, rel=1e-9)
        assert np.all(np.diff(found.curve) <= 1e-15)


@pytest.mark.parametrize("solver", DESCENTS)
def test_backtracking_serves_losses_without_a_curvature_bound(solver):
    X, y = problem(lk.Poisson())
    found = minimise(lk.Poisson(), None, X, y, solver=solver, tol=1e-6)
    assert found.value == pytest.approx(minimise(lk.Poisson(), None, X, y).value, rel=1e-9)


def test_velocities_are_the_textbooks():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((50, 1)) + 0.2 * rng.standard_normal((50, 4))
    X /= np.sqrt((X**2).mean(0))  # standard units without an intercept: theta is the coefficients
    y = X @ [1.0, -1.0, 1.0, -1.0]  # a long valley, so that no velocity is dropped yet
    step = 1 / np.linalg.eigvalsh(2 * X.T @ X / 50)[-1]

    def descended(solver):
        stop = {"fit_intercept": False, "callback": lambda k, *_: k == 4}
        return minimise(lk.SquaredError(), None, X, y, solver=solver, **stop).curve

    def value(c):
        return np.mean((X @ c - y) ** 2)

    def down(c):
        return c - step * 2 * X.T @ (X @ c - y) / 50

    c = before = np.zeros(4)
    heavy = [value(c)]
    for _ in range(4):  # Polyak's, by the last move
        c, before = down(c) + 0.9 * (c - before), c
        heavy.append(value(c))
    z = x = np.zeros(4)
    ahead = [value(z)]
    for k in range(1, 5):  # Nesterov's, by the point looked ahead to
        x, last = down(z), x
        z = x + (k - 1) / (k + 2) * (x - last)
        ahead.append(value(z))
    np.testing.assert_allclose(descended("momentum"), heavy, rtol=1e-12)
    np.testing.assert_allclose(descended("nesterov"), ahead, rtol=1e-12)


@pytest.mark.filterwarnings("ignore::losskit.errors.ConvergenceWarning")
@pytest.mark.parametrize("penalty", PENALTIES, ids=str)
@pytest.mark.parametrize("loss", KINKED, ids=str)
def test_subgradient_steps_end_near_and_in_a_true_gap(loss, penalty):
    X, y = problem(loss)
    found = minimise(loss, penalty, X, y, solver="gradient_descent", tol=1e-3, max_iter=3000)
    best = minimise(loss, penalty, X, y).value
    assert found.certificate_kind == "gap"
    assert found.value - best <= found.certificate * found.value + 1e-14  # rounding of the difference
    assert found.value <= best * 1.02


def test_newton_on_squared_error_takes_one_step():
    X, y = problem(lk.SquaredError())
    found = minimise(lk.SquaredError(), L2(0.1), X, y, solver="newton")
    assert found.iterations == 1
    assert len(found.curve) == 2


@pytest.mark.parametrize("loss", [*SMOOTH, *KINKED, JOINT, lk.Huber(delta="auto"), lk.Tukey(c="auto")], ids=str)
def test_integer_weights_are_repeated_rows_and_weight_zero_is_no_row(loss):
    X, y = problem(getattr(loss, "loss", loss))
    w = np.random.default_rng(0).integers(0, 4, len(y))
    X[w == 0] = np.nan
    weighted = minimise(loss, L2(0.01), X, y, w, tol=1e-12)
    repeated = minimise(loss, L2(0.01), np.repeat(X, w, axis=0), np.repeat(y, w), tol=1e-12)
    assert weighted.value == pytest.approx(repeated.value, rel=1e-9)
    np.testing.assert_allclose(weighted.coef, repeated.coef, rtol=1e-6, atol=1e-9)
    assert weighted.intercept == pytest.approx(repeated.intercept, rel=1e-6)


@pytest.mark.parametrize("loss", [lk.Logistic(), lk.Huber(), lk.AbsoluteError()], ids=str)
def test_many_rows_threads_and_float32_lead_to_one_answer(loss, monkeypatch):
    X, y = problem(loss, rows=60_000, columns=6)
    X = X.astype(np.float32)
    found = minimise(loss, None, X, y)
    monkeypatch.setattr("losskit.objectives.design.thread_count", lambda: 1)
    alone = minimise(loss, None, X, y)
    assert np.array_equal(found.coef, alone.coef)
    double = minimise(loss, None, X.astype(np.float64), y)
    np.testing.assert_allclose(found.coef, double.coef, rtol=1e-7)


@pytest.mark.parametrize("loss", NONCONVEX, ids=str)
def test_a_loss_that_is_not_convex_ends_stationary_and_below_its_start(loss):
    X, y = problem(loss)
    found = minimise(loss, L2(0.01), X, y)
    assert "not convex" in found.why
    assert found.certificate_kind == "kkt"
    assert found.reason == "tol"
    assert found.value <= found.curve[0]


def test_tukey_is_not_drawn_by_a_third_of_garbage():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 3))
    y = X @ [1.0, 2, 3] + 0.1 * rng.standard_normal(300)
    y[:100] += 50 + 100 * X[:100, 0]
    np.testing.assert_allclose(minimise(lk.Tukey("auto"), None, X, y).coef, [1, 2, 3], atol=0.05)


def test_unpenalised_poisson_predictions_sum_to_the_actuals():
    X, y = problem(lk.Poisson(), rows=3000)
    found = minimise(lk.Poisson(), None, X, y)
    assert np.exp(X @ found.coef + found.intercept).sum() == pytest.approx(y.sum(), rel=1e-9)


@pytest.mark.parametrize("intercept", [True, False])
def test_joint_scale_is_the_minimum_over_coefficients_and_scale(intercept):
    X, y = problem(lk.Huber())
    X, alpha = (X - X.mean(0)) / X.std(0), 0.01
    found = minimise(JOINT, L2(alpha), X, y, fit_intercept=intercept)

    def objective(beta):
        coef, b, s = beta[:4], beta[4] * intercept, np.exp(beta[5])
        z = np.abs(y - X @ coef - b) / s
        h = np.where(z <= 1.35, z**2, 2.7 * z - 1.35**2)
        return np.mean(s + h * s) + alpha / 2 * coef @ coef

    best = minimize(objective, np.zeros(6), method="BFGS", options={"gtol": 1e-9})
    assert found.value == pytest.approx(best.fun, rel=1e-9)
    assert found.scale == pytest.approx(np.exp(best.x[5]), rel=1e-5)
    assert found.loss == lk.Huber(1.35 * found.scale)
    at = objective(np.concatenate([found.coef, [found.intercept, np.log(found.scale)]]))
    assert found.value == pytest.approx(at, rel=1e-12)


@pytest.mark.parametrize("loss", [lk.Huber(1.35), lk.LogCosh(1.5), lk.PseudoHuber(1.5)])
def test_joint_scale_does_not_depend_on_the_units_of_y(loss):
    X, y = problem(lk.Huber())
    one, other = (minimise(JointScale(loss), None, X, each) for each in (y, 1e6 * y + 3))
    assert one.loss == JointScale(loss).at(one.scale)
    np.testing.assert_allclose(other.coef, 1e6 * one.coef, rtol=1e-8)
    assert other.scale == pytest.approx(1e6 * one.scale, rel=1e-8)


def test_joint_scale_says_when_there_is_no_scale():
    X = np.arange(20.0)[:, None]
    with pytest.warns(ConvergenceWarning, match="scale is 0"):
        minimise(JOINT, None, X, 2 * X[:, 0])


@pytest.mark.parametrize(
    "bad",
    [lk.Huber(delta=1.0), lk.Huber(delta="auto"), lk.AbsoluteError(), lk.Tukey(), lk.Hinge(), lk.LogCosh(0.5), "huber"],
    ids=str,
)
def test_joint_scale_refuses_what_has_no_scale(bad):
    with pytest.raises((ParameterError, CapabilityError), match=r"JointScale|scale"):
        JointScale(bad)


def test_collinear_columns_share_their_effect_evenly():
    X, y = problem(lk.SquaredError())
    doubled = np.column_stack([X, X[:, 1], np.ones(len(y))])
    for loss in (lk.SquaredError(), lk.Huber()):
        found, plain = minimise(loss, None, doubled, y), minimise(loss, None, X, y)
        assert found.value == pytest.approx(plain.value, rel=1e-12)
        assert found.coef[1] == pytest.approx(found.coef[4], rel=1e-6)
        assert np.abs(found.coef).max() < 10 * np.abs(plain.coef).max()


@pytest.mark.parametrize("quasi", [False, True])
def test_separated_classes_are_said(quasi):
    X = np.linspace(-1, 1, 40)[:, None]
    y = (X[:, 0] > 0).astype(float)
    if quasi:
        X, y = np.vstack([X, [[0.0], [0.0]]]), np.append(y, [0.0, 1.0])
    with pytest.warns(ConvergenceWarning, match=r"separat.*L2"):
        found = minimise(lk.Logistic(), None, X, y)
    assert np.isfinite(found.coef).all()


def test_no_separation_is_said_where_there_is_none():
    X, y = problem(lk.Logistic())
    minimise(lk.Logistic(), None, X, y)
    minimise(lk.Logistic(), L2(1e-6), X, (X[:, 0] > 0).astype(float))


@pytest.mark.parametrize("loss", [lk.SquaredError(), lk.Huber(), lk.AbsoluteError(), lk.Poisson()], ids=str)
@pytest.mark.parametrize("constant", [0.1, 7.0])
def test_all_equal_targets_are_fitted_by_the_intercept(loss, constant):
    X, _ = problem(loss)
    found = minimise(loss, None, X, np.full(len(X), constant))
    np.testing.assert_allclose(loss.predict(X @ found.coef + found.intercept), constant, rtol=1e-8)


@pytest.mark.parametrize(("loss", "solver"), [
    (lk.AbsoluteError(), "newton"), (lk.Quantile(0.3), "lbfgs"), (lk.Hinge(), "newton"), (lk.Huber(), "smoothing"),
])  # fmt: skip
def test_a_solver_that_does_not_fit_is_refused_with_an_alternative(loss, solver):
    X, y = problem(loss)
    with pytest.raises(CapabilityError, match='use solver="'):
        minimise(loss, None, X, y, solver=solver)


def test_losses_a_linear_model_cannot_have_are_refused():
    X, y = problem(lk.Logistic())
    with pytest.raises(CapabilityError, match="Logistic"):
        minimise(lk.BinaryCrossEntropy(), None, X, y)


@pytest.mark.parametrize("loss", [*SMOOTH, *KINKED, *NONCONVEX], ids=str)
def test_the_choice_is_made_and_explained(loss):
    X, y = problem(loss)
    found = minimise(loss, L2(0.1), X, y)
    assert found.solver in METHODS
    assert len(found.why) > 30
    assert found.iterations == len(found.curve) - 1


def test_a_start_at_the_answer_needs_no_iteration():
    X, y = problem(lk.Logistic())
    found = minimise(lk.Logistic(), None, X, y)
    again = minimise(lk.Logistic(), None, X, y, start=found, tol=1e-9)
    assert again.iterations == 0
    assert minimise(lk.Logistic(), None, X, y, start=(found.coef, found.intercept), tol=1e-9).iterations == 0


def test_the_limits_are_kept_and_the_warning_says_what_to_change():
    X, y = problem(lk.Logistic())
    with pytest.warns(ConvergenceWarning, match="raise max_iter"):
        assert minimise(lk.Logistic(), None, X, y, max_iter=1).iterations == 1
    with pytest.warns(ConvergenceWarning, match="raise time_limit"):
        found = minimise(
            lk.Logistic(), None, X, y, time_limit=0.05, callback=lambda *_: time.sleep(0.1), solver="gradient_descent"
        )
    assert found.reason == "time_limit"


def test_a_callback_sees_every_iteration_and_may_stop():
    X, y = problem(lk.Logistic())
    seen = []
    found = minimise(lk.Logistic(), None, X, y, callback=lambda *at: seen.append(at) or at[0] == 2)
    assert [at[0] for at in seen] == [0, 1, 2]
    assert found.reason == "callback"
    assert tuple(at[1] for at in seen) == found.curve


def test_ctrl_c_passes_through():
    X, y = problem(lk.Logistic())

    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        minimise(lk.Logistic(), None, X, y, callback=interrupt)


def test_an_overflowing_step_is_taken_back_in_silence():
    X = np.array([[0.0], [1.0], [2.0], [300.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = minimise(lk.Poisson(), L2(1e-8), X, np.array([1.0, 2, 1, 5]))
    assert np.isfinite(found.value)


@pytest.mark.parametrize(("change", "error", "says"), [
    ({"loss": "huber"}, CapabilityError, "losskit.get"),
    ({"penalty": 1.0}, CapabilityError, "L2"),
    ({"tol": 0}, ParameterError, "tol"),
    ({"max_iter": -1}, ParameterError, "max_iter"),
    ({"solver": "sag"}, ParameterError, "newton"),
    ({"X": np.zeros(5)}, ShapeError, "rows, columns"),
    ({"y": np.zeros(3)}, ShapeError, "shapes"),
    ({"sample_weight": np.ones(3)}, ShapeError, "one number a row"),
    ({"sample_weight": -np.ones(200)}, DomainError, "sample_weight"),
    ({"sample_weight": np.zeros(200)}, DomainError, "no rows"),
    ({"start": (np.zeros(3), 0.0)}, ShapeError, "start"),
    ({"loss": JOINT, "solver": "lbfgs"}, CapabilityError, "jointly"),
    ({"loss": lk.Poisson()}, DomainError, r"y\["),
])  # fmt: skip
def test_bad_input_is_refused_by_name(change, error, says):
    X, y = problem(lk.SquaredError())
    arguments = {"loss": lk.SquaredError(), "penalty": None, "X": X, "y": y} | change
    with pytest.raises(error, match=says):
        minimise(**arguments)


def test_a_scale_far_below_the_residuals_is_fitted_from_the_median():
    X, y = problem(lk.Huber())
    for loss in (lk.Huber(1.0), lk.PseudoHuber(1.0), lk.LogCosh(1.0)):
        found = lk.minimise(loss, None, X, 1e6 * y)
        assert (found.reason, found.solver) == ("tol", "newton")
        median = lk.minimise(lk.AbsoluteError(), None, X, 1e6 * y)
        assert found.value == pytest.approx(median.value, rel=1e-5)
    found = lk.minimise(lk.Huber(1.0), None, X, 1e12 * y)  # the ulp of y is 1e-4 of delta: gradients end in rounding
    assert (found.reason, found.certificate_kind) == ("tol", "gap")
    bound = 1e6 * median.value * (1 - 1e-12) - 0.5  # Huber's loss is nowhere further below the absolute one
    assert (found.value - bound) / found.value < 1e-11
    assert found.iterations < 40
    np.testing.assert_allclose(found.coef, 1e6 * median.coef, atol=1e-9 * np.abs(found.coef).max())
