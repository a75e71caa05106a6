"""The same rows through NumPy, torch, JAX and Keras against the oracle: as users call, and in the array dialect."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from losskit.adapters import jax as for_jax
from losskit.adapters import torch as for_torch
from losskit.arrayforms import form_of
from losskit.registry import losses
from tests.adapters.points import beyond_promise, ordinary, truth
from tests.families import EACH_NAME

FEW, MANY = 3, 300
IN_KERAS = ("Logistic", "Huber", "Poisson")  # in the quick tests: the others would compile a kernel more


def _found(name, most):
    loss = losses()[name]()
    y, f = ordinary(loss, most)
    form, true = form_of(loss), truth(loss, y, f)
    with np.errstate(all="ignore"):
        yield "numpy", beyond_promise(loss, y, f, true, [form.rows(np, y, f, None, i) for i in range(3)])
    ty, tf = torch.tensor(y), torch.tensor(f)
    parts = [form.rows(for_torch.Names(tf), ty, tf, None, i) for i in range(3)]
    yield "torch", beyond_promise(loss, y, f, true, parts)
    with jax.enable_x64(True):
        jy, jf = jnp.asarray(y), jnp.asarray(f)
        parts = [form.rows(for_jax.Names(jf), jy, jf, None, i) for i in range(3)]
        yield "jax", beyond_promise(loss, y, f, true, parts)


def _called(loss, y, f):
    """Value, gradient and Hessian of the public calls, on arrays of each library."""
    yield "numpy", loss.value_gradient_and_hessian(y, f, reduction="none")
    yield "torch", loss.value_gradient_and_hessian(torch.tensor(y), torch.tensor(f), reduction="none")
    with jax.enable_x64(True):
        yield "jax", loss.value_gradient_and_hessian(jnp.asarray(y), jnp.asarray(f), reduction="none")


def _in_keras(loss, y, f):
    """The same of the Keras loss, on its torch backend."""
    f = torch.tensor(f, requires_grad=True)
    value = loss.to_keras("none", dtype="float64")(torch.tensor(y), f)
    gradient = torch.autograd.grad(value.sum(), f, create_graph=True)[0]
    several = len(loss.outputs) > 1
    slopes = [gradient[..., j] for j in range(len(loss.outputs))] if several else [gradient]
    curved = [torch.autograd.grad(slope.sum(), f, retain_graph=True)[0] for slope in slopes]
    hessian = torch.stack(curved, -2) if several else curved[0]
    return [x.detach() for x in (value, gradient, hessian)]


@pytest.mark.parametrize("name", EACH_NAME)
def test_the_array_dialect_agrees_with_the_oracle_in_every_framework(name):
    assert {host: far for host, far in _found(name, FEW) if far} == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", losses())
def test_so_it_does_at_many_more_points(name):
    assert {host: far[:3] for host, far in _found(name, MANY) if far} == {}


@pytest.mark.parametrize("name", EACH_NAME)
def test_calls_keep_the_promise_in_every_framework(name):
    loss = losses()[name]()
    y, f = ordinary(loss, FEW)
    true, found = truth(loss, y, f), dict(_called(loss, y, f))
    if name in IN_KERAS:
        found["keras"] = _in_keras(loss, y, f)
    far = {host: beyond_promise(loss, y, f, true, parts, dialect=False) for host, parts in found.items()}
    assert not any(far.values()), far


@pytest.mark.slow
@pytest.mark.parametrize("name", losses())
def test_calls_of_keras_losses_do_at_many_more_points(name):
    loss = losses()[name]()
    y, f = ordinary(loss, MANY)
    assert beyond_promise(loss, y, f, truth(loss, y, f), _in_keras(loss, y, f), dialect=False)[:3] == []
