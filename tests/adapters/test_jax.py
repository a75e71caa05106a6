"""Losses on JAX arrays: under jit, grad, hessian, vmap, jvp and vjp; float32 by default, float64 where asked for."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

import losskit as lk
from losskit.arrayforms import form_of
from tests.adapters.test_torch import quick, rows


def drawn(loss, n=5):
    y, f, w = rows(loss, n)
    return y.numpy(), f.detach().numpy(), w.numpy()


@pytest.mark.parametrize("loss", quick(0))
def test_every_transformation_gives_the_numbers_of_the_kernels(loss):
    with jax.enable_x64(True):
        arrays = drawn(loss)
        y, f, w = arrays
        v = np.cos(np.arange(f.size)).reshape(f.shape)
        call = loss.to_jax()

        @jax.jit
        def all_at_once(f, y, w, v):
            value, gradient = jax.value_and_grad(call)(f, y, w)
            forward = jnp.tensordot(jax.hessian(call)(f, y, w), v, v.ndim)
            backward = jax.vjp(lambda f: jax.grad(call)(f, y, w), f)[1](v)[0]
            tangent = jax.jvp(lambda f: call(f, y, w), (f,), (v,))[1]
            batch = jax.vmap(lambda f: jax.grad(call)(f, y, w))(jnp.stack([f, 2 * f]))
            return value, gradient, forward, backward, tangent, batch[1]

        product = loss.hvp(y, f, v, w)
        gradient = loss.gradient(y, f, w)
        want = loss(*arrays), gradient, product, product, (gradient * v).sum(), loss.gradient(y, 2 * f, w)
        for got, number in zip(all_at_once(f, y, w, v), want, strict=True):
            np.testing.assert_allclose(got, number, rtol=1e-11, atol=1e-16)


@pytest.mark.parametrize("loss", quick(0, 3))
def test_arrays_that_hold_data_have_the_bits_of_numpy(loss):
    y, f, w = (np.asarray(x, np.float32) if x.dtype == float else x for x in drawn(loss, 50))
    got = [*loss.value_and_gradient(*map(jnp.asarray, (y, f, w))), loss.hessian(*map(jnp.asarray, (y, f, w)))]
    for array, number in zip(got, [*loss.value_and_gradient(y, f, w), loss.hessian(y, f, w)], strict=True):
        assert isinstance(array, jax.Array)
        assert array.dtype == jnp.float32
        np.testing.assert_array_equal(array, np.float32(number))


def test_reductions_and_half_precision():
    y, f, w = drawn(lk.Logistic())
    for reduction in ("sum", "none", "mean_over_rows"):
        got = jax.jit(lk.Logistic().to_jax(reduction))(f, y, w)
        assert got.dtype == jnp.float32
        np.testing.assert_allclose(got, lk.Logistic()(y, f, w, reduction), rtol=1e-5)
    value, gradient = jax.jit(jax.value_and_grad(lk.Logistic().to_jax()))(jnp.asarray(f, jnp.bfloat16), y)
    assert value.dtype == gradient.dtype == jnp.bfloat16
    assert jnp.isnan(jax.jit(lk.Logistic().to_jax())(f, y, 0 * w))
    np.testing.assert_array_equal(jax.jit(jax.grad(lk.Logistic().to_jax(empty="zero")))(f, y, 0 * w), 0 * f)


def test_float32_far_out_is_what_double_rounds_to():
    f = np.array([-3e38, -1e30, -1e20, -200.0, -90.0, 0.0, 90.0, 200.0, 1e20, 1e30, 3e38], np.float32)
    for loss in (lk.PseudoHuber(), lk.Logistic()):
        y, call = np.zeros_like(f), loss.to_jax("none")
        value, pull = jax.jit(lambda f, y, call=call: jax.vjp(lambda f: call(f, y), f))(f, y)
        for order, got in enumerate((value, pull(np.ones_like(f))[0])):
            with np.errstate(all="ignore"):
                want = form_of(loss).rows(np, y.astype(float), f.astype(float), None, order).astype(np.float32)
            np.testing.assert_allclose(got, want, rtol=2e-6, atol=1e-37, err_msg=repr(loss))


def test_a_row_outside_the_domain_raises_and_is_nan_inside_jit():
    y, f = np.array([0.0, 1.0, 2.0]), np.zeros(3)
    call = lk.Logistic().to_jax("none")
    with pytest.raises(lk.DomainError, match=r"y\[2\] = 2.0"):
        call(f, y)
    assert jnp.isnan(jax.jit(call)(f, y)).tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda y, f: lk.Huber()(y, np.asarray(f)), lk.CapabilityError, "y is jax, f is numpy"),
        (lambda y, f: lk.Huber()(y, f.astype(int)), lk.CapabilityError, r"f\.astype\(float\)"),
        (lambda y, f: lk.Huber()(y + 1j, f), lk.CapabilityError, "complex64; losses take real"),
        (lambda y, f: lk.Huber()(y, f[:, None]), lk.ShapeError, "nothing is broadcast"),
        (lambda y, f: jax.jit(lk.Huber().to_jax())(f[:, None], y), lk.ShapeError, "nothing is broadcast"),
        (lambda y, f: lk.Huber()(y, f, -jnp.ones(3)), lk.DomainError, "negative"),
        (lambda y, f: lk.Huber().gradient(y, f, out=np.zeros(3)), lk.CapabilityError, "out="),
        (lambda y, f: jax.grad(lk.Huber().to_jax(), 1)(f, y), lk.CapabilityError, "targets or weights"),
        (lambda y, f: jax.jit(jax.grad(lk.Huber().to_jax(), 2))(f, y, y + 1), lk.CapabilityError, "targets or weights"),
        (lambda y, f: jax.jit(lk.BrierScore().to_jax())(jnp.ones((3, 2)) / 2, y.astype(int)), lk.CapabilityError,
         "has no form"),
        (lambda y, f: lk.Huber().to_jax("average"), lk.ParameterError, "average"),
        (lambda y, f: lk.Huber().to_jax()(None, y), lk.CapabilityError, "f is None"),
        (lambda y, f: lk.Huber().to_jax()(f, torch.zeros(3)), lk.CapabilityError, "y is torch, f is jax"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said(call, error, words):
    with pytest.raises(error, match=words):
        call(jnp.zeros(3), jnp.zeros(3))
