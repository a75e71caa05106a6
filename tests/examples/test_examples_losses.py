"""The worked examples of single losses print the figures they must."""

import runpy
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name):
    return runpy.run_path(str(EXAMPLES / name))["main"]()


def test_d7_the_loss_is_infinite_where_a_certain_prediction_is_wrong():
    found = run("d07_binary_cross_entropy_at_the_ends.py")
    p = np.linspace(0, 1, 10)
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(found["y=1"], -np.log(p), rtol=1e-15)
        np.testing.assert_allclose(found["y=0"], -np.log1p(-p), rtol=1e-15)
    assert found["y=1"][0] == np.inf
    assert found["y=1"][-1] == 0


def test_d8_categorical_cross_entropy_of_ten_probabilities():
    want = [4.60517019, 2.12956593, 1.47938478, 1.08866196, 0.80843334, 0.58978867, 0.41047765, 0.25848292, 0.12657154,
            0.01005034]  # fmt: skip
    np.testing.assert_allclose(run("d08_categorical_cross_entropy.py"), want, atol=5e-9)


def test_d9_the_hinge_falls_from_three_to_nothing():
    found = run("d09_hinge.py")
    np.testing.assert_allclose(found["y=+1"][:2], [3, 2.95959596], rtol=1e-8)
    assert found["y=+1"][-1] == 0
    np.testing.assert_allclose(found["y=-1"], found["y=+1"][::-1], atol=1e-15)


def test_d10_the_divergence_of_even_shares():
    assert run("d10_kl_divergence.py") == 0.020135513550688863


def test_d11_squared_error_of_four_rows():
    value, gradient = run("d11_squared_error_by_hand.py")
    assert value == 0.375
    assert gradient.tolist() == [-0.25, 0.25, 0, 0.5]


def test_d12_cross_entropy_of_four_rows():
    assert run("d12_binary_cross_entropy.py") == pytest.approx(0.33753883, abs=5e-9)


def test_d13_categorical_cross_entropy_of_three_rows():
    assert run("d13_categorical_three_rows.py") == pytest.approx(0.42432189, abs=5e-9)
