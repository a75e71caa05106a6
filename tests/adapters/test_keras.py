"""Losses in Keras: weights and masks with our mean, training, saving; on torch here, else in processes of their own."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import losskit as lk

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # of Keras on torch
    pytest.mark.xdist_group("keras"),
]
RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 3)).astype("float32")
LABELS = (X[:, 0] > 0).astype("float32")
W = RNG.uniform(0.5, 2.0, 64).astype("float32")


def _as_numpy(x):
    return keras.ops.convert_to_numpy(x)


def test_weights_masks_and_the_axis_of_one_have_our_mean():
    f = RNG.normal(size=(64, 1)).astype("float32")
    loss = lk.Logistic()
    made = loss.to_keras()
    want = loss(LABELS, f[:, 0], W)
    for y, w in ((LABELS, W), (LABELS[:, None], W), (LABELS[:, None], W[:, None])):
        assert _as_numpy(made(y, f, sample_weight=w)) == pytest.approx(want, rel=1e-6)
    rows = loss(LABELS, f[:, 0], reduction="none")
    np.testing.assert_allclose(_as_numpy(made.call(LABELS, f))[:, 0], rows, rtol=1e-6)
    assert _as_numpy(loss.to_keras("mean_over_rows")(LABELS, f, W)) == pytest.approx(
        float(_as_numpy(keras.losses.BinaryCrossentropy(from_logits=True)(LABELS[:, None], f, W))), rel=1e-5
    )
    masked = keras.ops.convert_to_tensor(f)
    masked._keras_mask = keras.ops.convert_to_tensor((W > 1)[:, None])
    assert _as_numpy(made(LABELS, masked, W)) == pytest.approx(loss(LABELS, f[:, 0], W * (W > 1)), rel=1e-6)
    soft = lk.SoftmaxCrossEntropy()
    scores, labels = RNG.normal(size=(8, 4)).astype("float32"), RNG.integers(0, 4, (8, 1))
    assert _as_numpy(soft.to_keras()(labels, scores)) == pytest.approx(soft(labels[:, 0], scores), rel=1e-6)


def masked_steps_count_for_nothing() -> None:
    """A mask of a layer reaches the loss, on JAX too, whose arrays hold no attributes."""
    steps = RNG.normal(size=(4, 5, 2)).astype("float32")
    steps[:, 3:] = 0.0
    y = RNG.normal(size=(4, 5, 1)).astype("float32")
    model = keras.Sequential([keras.Input((5, 2)), keras.layers.Masking(0.0), keras.layers.Dense(1)])
    model.compile("sgd", loss=lk.Huber().to_keras())
    want = lk.Huber()(y[:, :3], model.predict(steps, verbose=0)[:, :3])
    assert model.evaluate(steps, y, verbose=0) == pytest.approx(want, rel=1e-5)


def shapes_that_do_not_fit_are_refused() -> None:
    for y, f, w in (((4,), (3, 1), None), ((4,), (4, 1), (3,)), ((4, 2), (4, 3), None)):
        with pytest.raises(lk.ShapeError):
            lk.Huber().to_keras()(np.zeros(y, "float32"), np.zeros(f, "float32"), w and np.ones(w, "float32"))


def train_save_and_load(folder: Path) -> None:
    """Training with weights lowers the loss, and a saved model has the loss it was compiled with."""
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    loss = lk.Weighted(lk.Logistic(), positive=2.0)
    model.compile(optimizer=keras.optimizers.SGD(0.5), loss=loss.to_keras())
    before = model.evaluate(X, LABELS, sample_weight=W, verbose=0)
    model.fit(X, LABELS, sample_weight=W, epochs=3, verbose=0)
    after = model.evaluate(X, LABELS, sample_weight=W, verbose=0, batch_size=64)
    assert after < before
    assert abs(after - loss(LABELS, model.predict(X, verbose=0)[:, 0], W)) < 1e-5
    model.save(folder / "model.keras")
    again = keras.models.load_model(folder / "model.keras")
    assert again.loss.loss == loss
    assert again.evaluate(X, LABELS, sample_weight=W, verbose=0, batch_size=64) == after


def test_training_saving_and_loading(tmp_path):
    train_save_and_load(tmp_path)
    masked_steps_count_for_nothing()
    shapes_that_do_not_fit_are_refused()


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "tensorflow"])
def test_the_same_on_other_backends(backend, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    code = (
        "import pathlib, tests.adapters.test_keras as t; t.test_weights_masks_and_the_axis_of_one_have_our_mean(); "
        "t.masked_steps_count_for_nothing(); t.shapes_that_do_not_fit_are_refused(); "
        f"t.train_save_and_load(pathlib.Path({str(tmp_path)!r}))"
    )
    env = {**os.environ, "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "3"}
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], env=env, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_configuration_comes_back_and_a_class_of_ones_own_is_refused():
    for loss in (lk.Huber(delta=0.5), lk.SoftmaxCrossEntropy(class_weight=(1.0, 2.0), ignore_index=-1)):
        made = loss.to_keras("sum", name="mine", dtype="float64")
        again = keras.losses.deserialize(keras.losses.serialize(made))
        assert (again.loss, again.given, again.name, again.dtype) == (loss, "sum", "mine", "float64")

    class Own(lk.Residual):
        def formula(self, r):
            return r**4

    with pytest.raises(lk.ParameterError, match="from_formula"):
        Own().to_keras().get_config()
    with pytest.raises(lk.CapabilityError, match="couples rows"):
        lk.TailRisk(lk.Huber()).to_keras()
    with pytest.raises(lk.ParameterError, match="average"):
        lk.Huber().to_keras("average")
    with pytest.raises(lk.ParameterError, match="auto"):
        lk.Huber("auto").to_keras()
