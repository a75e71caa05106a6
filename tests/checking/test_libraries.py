"""Functions of PyTorch and JAX: recognised, differentiated, and told the truth about."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch
import torch.nn.functional as F

import losskit as lk


def test_the_good_functions_of_torch_raise_no_false_alarm():
    true = {
        F.mse_loss: ("SquaredError()", {"LK010"}),
        F.l1_loss: ("AbsoluteError()", {"LK010"}),
        F.smooth_l1_loss: ("Huber(delta=1.0)", {"LK010"}),
        F.huber_loss: ("Huber(delta=1.0)", {"LK010", "LK011"}),
        F.binary_cross_entropy_with_logits: ("Logistic()", {"LK009", "LK011"}),
    }
    for function, (name, codes) in true.items():
        found = lk.check_loss(function)
        assert (found.library, found.order, found.same_as) == ("torch", "prediction_first", name)
        assert set(found.codes) == codes, str(found)


def test_what_is_said_of_torch_is_true():
    with pytest.warns(UserWarning, match="target size"):
        assert F.mse_loss(torch.zeros(3, 1), torch.tensor([0.0, 1.0, 2.0])) == pytest.approx(5 / 3)
    one, half = torch.ones(2, dtype=torch.float64), torch.tensor([0.5, 0.5], dtype=torch.float64)
    for function in (F.huber_loss, F.binary_cross_entropy_with_logits):
        assert function(one, half, weight=2 * one) == pytest.approx(2 * function(one, half).item())
    z = torch.tensor([-34.0], dtype=torch.float64)
    assert F.binary_cross_entropy_with_logits(z, torch.zeros(1, dtype=torch.float64)) == 0.0


def test_a_module_is_called_prediction_first():
    found = lk.check_loss(torch.nn.HuberLoss(delta=0.5))
    assert (found.library, found.order, found.same_as) == ("torch", "prediction_first", "Huber(delta=0.5)")
    assert lk.check_loss(torch.nn.MSELoss).same_as == "SquaredError()"


def test_a_module_of_ones_own_is_recognised_with_its_factor():
    class Mine(torch.nn.Module):
        def forward(self, output, target):
            return ((output - target) ** 2).sum() / 2

    found = lk.check_loss(Mine())
    assert (found.same_as, found.reduction) == ("SquaredError() times 0.5", "sum")


def focal(logits, targets, gamma=0.5):
    p = torch.sigmoid(logits)
    q = targets * p + (1 - targets) * (1 - p)
    return (-((1 - q) ** gamma) * torch.log(q)).mean()


def test_a_focal_loss_whose_gradient_is_nan_at_saturation():
    found = lk.check_loss(focal)
    assert found.same_as == "BinaryFocal(gamma=0.5, alpha=None)"
    (only,) = (each for each in found.findings if each.code == "LK004")
    assert "gradient nan" in only.where
    assert torch.autograd.functional.jacobian(lambda z: focal(z, torch.zeros(1)), torch.tensor([-100.0])).isnan()


def test_a_root_whose_gradient_is_nan_at_a_perfect_fit():
    found = lk.check_loss(lambda pred, y: torch.sqrt((pred - y) ** 2).mean())
    assert any(each.code == "LK004" and "perfect fit" in each.what for each in found.findings), str(found)


class Broken(torch.autograd.Function):
    @staticmethod
    def forward(ctx, f, y):
        ctx.save_for_backward(f, y)
        return (f - y) ** 2

    @staticmethod
    def backward(ctx, grad):
        f, y = ctx.saved_tensors
        return grad * (f - y), None


def test_a_backward_of_ones_own_that_is_wrong():
    found = lk.check_loss(lambda f, y: Broken.apply(f, y).mean())
    assert "LK002" in found.codes
    assert "0.5 times" in str(found)


def test_a_jax_function():
    def loss(predictions, targets):
        return jnp.mean(optax.huber_loss(predictions, targets, delta=2.0))

    found = lk.check_loss(loss, ignore="LK010")
    assert (found.library, found.order, found.same_as) == ("jax", "prediction_first", "Huber(delta=2.0)")
    assert found.ok, str(found)
    assert not jax.config.jax_enable_x64


def test_a_jax_gradient_that_is_nan():
    def loss(y, f):
        return jnp.where(y > 0.5, -jax.nn.log_sigmoid(f), jnp.log(1 + jnp.exp(f)))

    found = lk.check_loss(loss)
    assert {"LK004", "LK005"} <= set(found.codes), str(found)


def test_a_torch_function_is_left_as_it_was():
    model = torch.nn.Parameter(torch.ones(1))
    found = lk.check_loss(lambda pred, target: model * (pred - target) ** 2)
    assert found.same_as == "SquaredError()"
    assert model.grad is None


@pytest.mark.xdist_group("keras")  # with those of tests/adapters: one process imports it
def test_keras_losses():
    import keras

    found = lk.check_loss(keras.losses.BinaryCrossentropy())
    assert (found.library, found.order, found.same_as) == ("keras", "target_first", "BinaryCrossEntropy()")
    assert {"LK008", "LK011"} <= set(found.codes)
    found = lk.check_loss(keras.losses.CategoricalCrossentropy(from_logits=True))
    assert (found.library, found.order, found.same_as) == ("keras", "target_first", "SoftmaxCrossEntropy()")
    found = lk.check_loss(keras.losses.CategoricalCrossentropy())
    assert (found.library, found.order, found.same_as) == ("keras", "target_first", "CategoricalCrossEntropy()")
    assert {"LK008", "LK018"} <= set(found.codes)


def test_importing_and_checking_loads_no_library():
    code = (
        "import sys, losskit as lk\nfound = lk.check_loss(lambda y, f: (y - f) ** 2)\n"
        "print(found.codes, [m for m in ('torch', 'jax', 'keras', 'tensorflow', 'numba') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "('LK010', 'LK015') []\n"
    assert np.__name__ == "numpy"
