"""The worked examples D1 to D6 and D14, run as they stand."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from losskit import AbsoluteError, Huber, SquaredError
from losskit.solvers.minimise import minimise

EXAMPLES = Path(__file__).parents[2] / "examples"


def example(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("name", "figure", "tolerance"), [
    ("d01_linear_mse", 104.20222653187027, {"rel": 1e-12}),
    ("d02_polynomial_mse", 0.1701467841288596, {"rel": 1e-12}),
    ("d03_linear_mae", 0.5913425779189777, {"rel": 1e-12}),
    ("d04_polynomial_mae", 0.3120968863393948, {"rel": 1e-12}),
    ("d05_huber_joint_scale", 3.4831178052, {"abs": 1e-9}),
    ("d06_huber_cubic", 1041.9682945499, {"abs": 1e-9}),
])  # fmt: skip
def test_the_figure_comes_out(name, figure, tolerance):
    assert example(name).main() == pytest.approx(figure, **tolerance)


def test_descent_reaches_the_direct_optima_and_draws_its_curves(tmp_path):
    module = example("d14_descent_curves")
    solutions = module.main(str(tmp_path / "curves.png"))
    X, y = module.data()
    for label, loss, tolerance in (
        ("gradient descent, squared", SquaredError(), 1e-9),
        ("gradient descent, Huber", Huber(), 1e-9),
        ("gradient descent, absolute", AbsoluteError(), 1e-3),
        ("Newton, squared", SquaredError(), 1e-9),
    ):
        best = minimise(loss, None, X, y, fit_intercept=False).value
        assert solutions[label].value == pytest.approx(best, rel=tolerance)
        assert np.abs(solutions[label].coef - module.TRUE).max() < 0.2
    assert solutions["Newton, squared"].iterations == 1
    direct = np.linalg.lstsq(X, y, rcond=None)[0]
    np.testing.assert_allclose(solutions["Newton, squared"].coef, direct, rtol=1e-12)
    assert (tmp_path / "curves.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
