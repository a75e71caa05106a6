"""Losses on TensorFlow's tensors, where it is installed: the kernels' numbers to second order, under XLA too."""

from __future__ import annotations

import numpy as np
import pytest

import losskit as lk
from tests.adapters.test_torch import SOFT, rows

tf = pytest.importorskip("tensorflow")
pytestmark = pytest.mark.slow  # its import alone takes seconds
KINDS = [lk.Logistic(), lk.Poisson(), lk.GaussianNLL(), SOFT, lk.FocalSoftmax()]


@pytest.mark.parametrize("loss", KINDS, ids=repr)
@pytest.mark.parametrize("jit", [False, True])
def test_values_gradients_and_products_are_those_of_the_kernels(loss, jit):
    from losskit.adapters.tensorflow import evaluate

    y, f, w = (x.detach().numpy() for x in rows(loss, 20))
    given = [tf.constant(x) for x in (y, f, w)]
    for reduction in ("mean", "none", "sum", "mean_over_rows"):
        found = evaluate(loss, *given, reduction, "nan")
        np.testing.assert_allclose(found, loss(y, f, w, reduction), rtol=1e-11, atol=1e-15)

    @tf.function(jit_compile=jit)
    def derivatives(f):
        with tf.GradientTape() as outer:
            outer.watch(f)
            with tf.GradientTape() as inner:
                inner.watch(f)
                value = evaluate(loss, given[0], f, given[2], "mean", "nan")
            gradient = inner.gradient(value, f)
        return gradient, outer.gradient(gradient, f, tf.ones_like(f))

    gradient, product = derivatives(given[1])
    np.testing.assert_allclose(gradient, loss.gradient(y, f, w), rtol=1e-11, atol=1e-15)
    np.testing.assert_allclose(product, loss.hvp(y, f, np.ones_like(f), w), rtol=1e-10, atol=1e-15)


def test_what_no_data_can_say_is_nan_and_what_cannot_be_is_said():
    from losskit.adapters.tensorflow import evaluate

    y, f = tf.constant([0.0, 2.0]), tf.constant([0.5, 0.5], tf.bfloat16)
    found = evaluate(lk.Logistic(), y, f, None, "none", "nan")
    assert found.dtype == tf.bfloat16
    assert np.isnan(found).tolist() == [False, True]
    for loss, words in ((lk.FocalSoftmax(axis=1), "axis=-1"), (lk.BrierScore(), "has no form")):
        with pytest.raises(lk.CapabilityError, match=words):
            evaluate(loss, y, f, None, "mean", "nan")
