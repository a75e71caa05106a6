"""Losses on CUDA tensors, where there is a device: the oracle's numbers, the kernels' derivatives, and no waiting.

The first call of each kernel is compiled; everything here takes about two minutes on a fresh machine.
"""

from __future__ import annotations

import copy

import jax
import numpy as np
import pytest
import torch
from torch.autograd import forward_ad, grad
from torch.func import hessian, vmap

import losskit as lk
from losskit.adapters.torch import Names
from losskit.arrayforms import form_of
from losskit.base import Pointwise
from losskit.registry import losses
from tests.adapters.points import beyond_promise, ordinary, truth
from tests.adapters.test_torch import KINDS, rows

CUDA, F64 = "cuda", torch.float64
pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
    # torch's own, of its compiler and of its way to find waits
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"),
]
EACH_KIND = pytest.mark.parametrize("loss", KINDS, ids=repr)


def both(loss, n=300):
    """Targets, predictions and weights in the processor's memory, and the same on the device."""
    here = rows(loss, n)
    return here, tuple(x.detach().to(CUDA).requires_grad_(x.requires_grad) for x in here)


def close(got, want, rtol=1e-11, atol=1e-15):
    got, want = (x.detach().double().cpu() if isinstance(x, torch.Tensor) else x for x in (got, want))
    np.testing.assert_allclose(got, want, rtol=rtol, atol=atol)


@pytest.mark.parametrize("name", losses())
def test_every_loss_agrees_with_the_oracle(name):
    loss = losses()[name]()
    y, f = ordinary(loss, 3)
    ty, tf = torch.tensor(y, device=CUDA), torch.tensor(f, device=CUDA)
    parts = [form_of(loss).rows(Names(tf), ty, tf, None, order).cpu() for order in range(3)]
    assert beyond_promise(loss, y, f, truth(loss, y, f), parts) == []


@EACH_KIND
@pytest.mark.parametrize("reduction", ["mean", "none", "sum", "mean_over_rows"])
def test_calls_and_derivatives_have_the_numbers_of_the_kernels(loss, reduction):
    (y, f, w), (cy, cf, cw) = both(loss)
    value, module = loss(y, f, w, reduction), loss.to_torch(reduction)
    found = module(cf, cy, cw)
    assert (found.device.type, found.dtype) == (CUDA, F64)
    close(found, value)
    v = torch.linspace(-1, 1, f.numel(), dtype=F64).reshape(f.shape)
    first = grad(found.sum(), cf, create_graph=True)[0]
    close(first, loss.gradient(y, f, w, reduction))
    close(grad((first * v.to(CUDA)).sum(), cf)[0], loss.hvp(y, f, v, w, reduction))
    close(loss.hessian(cy, cf, cw, reduction), loss.hessian(y, f, w, reduction))
    close(loss.value_and_gradient(cy, cf, cw, reduction)[1], loss.gradient(y, f, w, reduction))


@EACH_KIND
def test_the_functions_of_torch_func(loss):
    (y, f, w), (cy, cf, cw) = both(loss, 5)
    f, cf = f.detach(), cf.detach()

    def call(f):
        return loss(cy, f, cw)

    close(torch.func.grad(call)(cf), loss.gradient(y, f, w))
    close(vmap(torch.func.grad(call))(torch.stack([cf, 2 * cf]))[1], loss.gradient(y, 2 * f, w))
    v = torch.cos(torch.arange(f.numel(), dtype=F64)).reshape(f.shape)
    close(torch.tensordot(hessian(call)(cf), v.to(CUDA), v.dim()), loss.hvp(y, f, v, w), rtol=1e-10)
    with forward_ad.dual_level():
        tangent = forward_ad.unpack_dual(call(forward_ad.make_dual(cf, v.to(CUDA)))).tangent
    close(tangent, (loss.gradient(y, f, w) * v).sum())


@EACH_KIND
def test_narrow_dtypes_are_computed_in_float32_and_autocast_keeps_it_so(loss):
    (y, f, w), _ = both(loss)
    module = loss.to_torch("none")
    labels = y if y.dtype is torch.int64 else y.float()
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        g = f.detach().to(dtype)
        cf = g.to(CUDA).requires_grad_()
        value = module(cf, labels.to(CUDA), w.float().to(CUDA))
        value.sum().backward()
        assert (value.dtype, cf.grad.dtype) == (dtype, dtype)
        wide = module(g.float(), labels, w.float())
        rounding = {torch.float32: 4e-6, torch.bfloat16: 2**-8, torch.float16: 2**-10}[dtype]
        close(value, wide, rtol=rounding, atol=rounding)
        close(cf.grad, loss.gradient(labels, g.float(), w.float(), "none"), rtol=rounding, atol=rounding)
        with torch.autocast(CUDA, dtype=torch.bfloat16):
            kept = module(cf, labels.to(CUDA), w.float().to(CUDA))
        assert kept.dtype is torch.float32
        close(kept, wide, rtol=4e-6, atol=4e-6)


@pytest.mark.parametrize("loss", [lk.Logistic(), lk.Huber(), lk.GaussianNLL(), lk.SoftmaxCrossEntropy()], ids=repr)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_compiled_modules_have_the_same_numbers(loss, dtype):
    (y, f, w), _ = both(loss)
    torch._dynamo.reset()
    module = torch.compile(loss.to_torch(), fullgraph=isinstance(loss, Pointwise))
    cf = f.detach().to(CUDA, dtype).requires_grad_()
    value = module(cf, y.to(CUDA, dtype if y.dtype is F64 else y.dtype), w.to(CUDA, dtype))
    rtol = 1e-11 if dtype is F64 else 1e-5
    close(value, loss(y, f, w), rtol=rtol)
    close(grad(value, cf)[0], loss.gradient(y, f, w), rtol=rtol, atol=rtol / 100)


@pytest.mark.parametrize("loss", [lk.Logistic(), lk.Poisson(), lk.GaussianNLL(), lk.SoftmaxCrossEntropy()], ids=repr)
def test_nothing_waits_for_the_device(loss):
    _, (y, f, w) = both(loss)
    module = loss.to_torch()
    module(f, y, w).backward()
    before = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode("error")
    try:
        module(f, y, w).backward()
        loss.hessian(y, f, w)
    finally:
        torch.cuda.set_sync_debug_mode(before)


def test_a_step_can_be_captured_and_replayed():
    _, (y, f, w) = both(lk.Logistic())
    f, module = f.detach(), lk.Logistic().to_torch()
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        module(f, y, w)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        value = module(f, y, w)
    f.mul_(2)
    graph.replay()
    close(value, lk.Logistic()(y.cpu(), f.cpu(), w.cpu()))


def test_a_row_outside_the_domain_and_a_bad_weight_are_nan():
    y, f = torch.tensor([0.0, 1.0, 2.0], device=CUDA), torch.zeros(3, device=CUDA)
    assert lk.Logistic()(y, f, reduction="none").isnan().tolist() == [False, False, True]
    assert lk.Logistic()(y, f).isnan()
    w = torch.tensor([1.0, -1.0, 0.0], device=CUDA)
    assert lk.Logistic()(y, f, w, "none").isnan().tolist() == [False, True, False]
    assert lk.Logistic()(y, f, 0 * w).isnan()
    assert lk.Logistic()(y, f, 0 * w, empty="zero") == 0


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda y, f: lk.Huber()(y.cpu(), f), lk.CapabilityError, r"y is on cpu and f on cuda:0.*y\.to\('cuda:0'\)"),
        (lambda y, f: lk.Huber()(y, f.cpu()), lk.CapabilityError, r"y is on cuda:0 and f on cpu"),
        (lambda y, f: lk.Huber()(y, f, torch.ones(3)), lk.CapabilityError, "sample_weight is on cpu"),
        (lambda y, f: lk.Huber()(y, f.int()), lk.CapabilityError, r"f\.float\(\)"),
        (lambda y, f: lk.Huber()(y, f[:, None]), lk.ShapeError, "nothing is broadcast"),
        (lambda y, f: lk.BrierScore()(y.long(), torch.ones(3, 2, device=CUDA)), lk.CapabilityError, "has no form"),
        (lambda y, f: lk.Huber()(y, f.cpu().numpy()), lk.CapabilityError, "y is torch, f is numpy"),
    ],
)
def test_what_cannot_be_is_said(call, error, words):
    with pytest.raises(error, match=words):
        call(torch.zeros(3, device=CUDA), torch.zeros(3, device=CUDA))


def test_learned_parameters_and_partials_live_on_the_device():
    loss = lk.PseudoHuber(delta=0.5)
    (y, f, w), (cy, cf, cw) = both(loss)
    here, there = (loss.to_torch(learn=("delta",)).to(d, F64) for d in ("cpu", CUDA))
    for module, given in ((here, (f, y, w)), (there, (cf, cy, cw))):
        module(*given).backward()
    close(there.raw_delta.grad, here.raw_delta.grad)
    close(cf.grad, f.grad)
    again = copy.deepcopy(here)
    again.load_state_dict(there.state_dict())
    assert again.loss == there.loss
    assert there.partial(cf, cy, cw).mean == pytest.approx(here.partial(f, y, w).mean, rel=1e-12)
    shared = lk.Huber().to_torch(distributed=True)(cf, cy, cw)
    close(shared, lk.Huber()(y, f, w))


def _jax_device():
    try:
        return jax.devices("gpu")[0]
    except RuntimeError:
        return None


@EACH_KIND
def test_jax_on_the_device(loss):
    if (device := _jax_device()) is None:
        pytest.skip("JAX sees no device")
    with jax.enable_x64(True):
        y, f, w = (x.detach().numpy() for x in rows(loss, 300))
        given = [jax.device_put(x, device) for x in (f, y, w)]
        value, gradient = jax.jit(jax.value_and_grad(loss.to_jax()))(*given)
        close(np.asarray(value), loss(y, f, w))
        close(np.asarray(gradient), loss.gradient(y, f, w))
        close(np.asarray(loss(given[1], given[0], given[2])), loss(y, f, w))
