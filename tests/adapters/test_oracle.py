"""The same rows through NumPy, torch and JAX, in the array dialect, against the oracle."""

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


@pytest.mark.parametrize("name", EACH_NAME)
def test_the_array_dialect_agrees_with_the_oracle_in_every_framework(name):
    assert {host: far for host, far in _found(name, FEW) if far} == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", losses())
def test_so_it_does_at_many_more_points(name):
    assert {host: far[:3] for host, far in _found(name, MANY) if far} == {}
