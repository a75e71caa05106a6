"""Losses on PyTorch tensors: the same numbers, derivatives of any kind that torch asks for, and clear refusals."""

from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest
import torch
from torch.autograd import forward_ad, grad, gradcheck, gradgradcheck
from torch.func import functional_call, hessian, jacrev, jvp, vmap

import losskit as lk
from losskit.base import Pointwise
from losskit.registry import losses
from tests.rowwise.cases import SETTINGS, labels, predictions

F64 = torch.float64
pytestmark = [  # torch's own, of its forward mode and of its compiler
    pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning"),
]
SOFT = lk.SoftmaxCrossEntropy(class_weight=(1.0, 2.0, 4.0), label_smoothing=0.1, ignore_index=-1)


def rows(loss, n=6, seed=0):
    """Targets, predictions that require a gradient, and weights of which one is 0: away from kinks and tails."""
    rng = np.random.default_rng(seed)
    if not isinstance(loss, Pointwise):
        shape = (n, 3) if loss.axis == -1 else (2, 3, n)
        f, y = rng.normal(size=shape), rng.integers(0, 3, (n,) if loss.axis == -1 else (2, n))
    else:
        columns = [
            rng.uniform(0.2, 0.8, n) if d.bounded else rng.uniform(0.25, 0.85, n) * rng.choice([-1, 1], n)
            for d in loss.prediction_domains
        ]
        f = np.stack(columns, axis=-1) if len(columns) > 1 else columns[0]
        y = rng.choice([0.0, 1.0, 3.0, -1.0, 0.3, 2.5], 40)
        if len(loss.targets) > 1:
            lower = rng.uniform(0.2, 1.0, n)
            y = np.stack([lower, lower * rng.choice([1.0, 2.0], n)], axis=-1)
        else:
            y = np.resize(y[loss.domain.contains(y)], n)
    w = rng.uniform(0.5, 2.0, n if isinstance(loss, Pointwise) else y.shape)
    w.flat[0] = 0.0
    return torch.tensor(y), torch.tensor(f, requires_grad=True), torch.tensor(w)


KINDS = [lk.Logistic(), lk.Huber(), lk.GaussianNLL(), lk.SoftmaxCrossEntropy(), lk.FocalSoftmax(axis=1), SOFT]


def quick(*positions):
    """KINDS, all but those at the positions given marked slow."""
    marks = [[] if i in positions else [pytest.mark.slow] for i in range(len(KINDS))]
    return [pytest.param(loss, marks=each, id=repr(loss)) for loss, each in zip(KINDS, marks, strict=True)]


REDUCTIONS = ["mean", "none", *(pytest.param(name, marks=pytest.mark.slow) for name in ("sum", "mean_over_rows"))]
GRADCHECKED = ("Logistic", "Huber", "Poisson")  # in the quick tests


@pytest.mark.parametrize("loss", quick(0, 2, 3))
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_first_and_second_derivatives_of_every_reduction(loss, reduction):
    y, f, w = rows(loss)
    assert gradcheck(lambda f: loss(y, f, w, reduction), f)
    assert gradgradcheck(lambda f: loss(y, f, w, reduction), f)
    assert gradcheck(lambda f: loss.gradient(y, f, w, reduction), f)


@pytest.mark.parametrize(
    "name", [name if name in GRADCHECKED else pytest.param(name, marks=pytest.mark.slow) for name in losses()]
)
def test_gradcheck_and_gradgradcheck_pass_for_every_loss(name):
    loss = losses()[name]()
    y, f, w = rows(loss)
    module = loss.to_torch("none")
    assert gradcheck(lambda f: module(f, y, w), f, check_forward_ad=True)
    assert gradgradcheck(lambda f: module(f, y, w), f, check_fwd_over_rev=True)


@pytest.mark.slow
@pytest.mark.parametrize("loss", SETTINGS, ids=repr)
def test_gradcheck_and_gradgradcheck_pass_for_every_loss_of_a_row(loss):
    rng = np.random.default_rng(3)
    f = torch.tensor(predictions(loss, rng, 5), requires_grad=True)
    y = labels(rng, 5) if getattr(loss.domain, "labels", True) else rng.dirichlet(np.ones(4), 5)
    y = torch.tensor(y)
    w = torch.tensor([0.5, 2.0, 1.0, 0.0, 3.0], dtype=F64)
    module = loss.to_torch("none")
    assert gradcheck(lambda f: module(f, y, w), f)
    assert gradgradcheck(lambda f: module(f, y, w), f)


@pytest.mark.parametrize("loss", quick(0, 2, 3, 5))
def test_tensors_in_memory_have_the_bits_of_numpy(loss):
    y, f, w = rows(loss, 300)
    for a, b in ((y, f), (y.flip(0), f.flip(0)), (y.float(), f.float()), (y.int(), f) if y.dtype != F64 else (y, f)):
        arrays = a.numpy(), b.detach().numpy(), w.numpy()
        got = [*loss.value_and_gradient(a, b, w), loss.hessian(a, b, w)]
        want = [*loss.value_and_gradient(*arrays), loss.hessian(*arrays)]
        for tensor, number in zip(got, want, strict=True):
            assert tensor.dtype == b.dtype
            np.testing.assert_array_equal(tensor.detach().numpy(), np.asarray(number, tensor.detach().numpy().dtype))
    v = torch.ones_like(f)
    np.testing.assert_allclose(
        loss.hvp(y, f, v).detach(), loss.hvp(y.numpy(), f.detach().numpy(), v.numpy()), rtol=1e-12, atol=1e-18
    )


@pytest.mark.parametrize("loss", quick(0, 3))
def test_the_functions_of_torch_func_give_the_numbers_of_the_kernels(loss):
    y, f, w = rows(loss, 5)
    f = f.detach()

    def call(f):
        return loss(y, f, w)

    np.testing.assert_allclose(torch.func.grad(call)(f), loss.gradient(y, f, w), rtol=1e-12, atol=1e-15)
    full = hessian(call)(f)
    np.testing.assert_allclose(jacrev(jacrev(call))(f), full, rtol=1e-10, atol=1e-15)
    v = torch.rand(f.shape, dtype=F64)
    product = torch.tensordot(full, v, v.dim())
    np.testing.assert_allclose(product, loss.hvp(y, f, v, w), rtol=1e-10, atol=1e-15)
    batch = torch.stack([f, 2 * f, -f])
    each = vmap(torch.func.grad(call))(batch)
    np.testing.assert_allclose(each[1], loss.gradient(y, 2 * f, w), rtol=1e-12, atol=1e-15)
    with forward_ad.dual_level():
        tangent = forward_ad.unpack_dual(call(forward_ad.make_dual(f, v))).tangent
    np.testing.assert_allclose(tangent, (loss.gradient(y, f, w) * v).sum(), rtol=1e-12)


def test_no_nan_comes_from_a_branch_that_is_not_taken():
    f = torch.tensor([0.0, 800.0, -800.0], dtype=F64, requires_grad=True)
    for loss in (lk.BinaryFocal(gamma=0.5), lk.Logistic(), lk.Poisson(), lk.PseudoHuber()):
        y = torch.tensor([0.0, 1.0, 0.0], dtype=F64)
        for call in (loss, lambda y, f, loss=loss: vmap(loss)(y[None], f[None]).squeeze(0)):
            first = grad(call(y, f), f, create_graph=True)[0]
            assert not first.isnan().any(), loss
            assert not grad(first.sum(), f)[0].isnan().any(), loss


def test_a_third_derivative_is_refused_not_wrong():
    y, f, _ = rows(lk.Logistic())
    second = grad(grad(lk.Logistic()(y, f), f, create_graph=True)[0].sum(), f, create_graph=True)[0]
    for last in (second, lk.Logistic().hessian(y, f)):
        with pytest.raises(lk.CapabilityError, match="twice"):
            grad(last.sum(), f)


def test_a_graph_can_be_walked_twice():
    y, f, w = rows(lk.Huber())
    value = lk.Huber()(y, f, w)
    first = grad(3 * value, f, retain_graph=True)[0]
    np.testing.assert_array_equal(first, grad(3 * value, f)[0])
    np.testing.assert_allclose(first, 3 * lk.Huber().gradient(y, f, w).detach(), rtol=1e-15)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (2, 3)])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_any_shape_the_empty_ones_included(shape, reduction):
    y, f = torch.zeros(shape, dtype=F64), torch.ones(shape, dtype=F64, requires_grad=True)
    value = lk.SquaredError()(y, f, reduction=reduction)
    want = lk.SquaredError()(y.numpy(), f.detach().numpy(), reduction=reduction)
    np.testing.assert_array_equal(value.detach(), want)
    assert grad(value.sum(), f)[0].shape == shape


def test_any_layout_and_any_scale_of_the_value():
    y, f, w = rows(lk.Huber(), 12)
    want = lk.Huber().gradient(y, f, w).detach()
    wide = torch.stack([f.detach(), -f.detach()], -1)
    strided = wide[:, 0].requires_grad_()
    assert not strided.is_contiguous()
    value = lk.Huber()(y.flip(0).flip(0), strided, w)
    torch.testing.assert_close(grad(1024 * value, strided)[0], 1024 * want, rtol=0, atol=0)  # scaled where it lies
    negative = torch.complex(y, -y).conj().imag  # memory that holds minus the numbers
    assert negative.is_neg()
    torch.testing.assert_close(lk.Huber()(negative, f, w), lk.Huber()(y, f, w), rtol=0, atol=0)


def test_half_precision_is_computed_wide_and_autocast_keeps_it_so():
    y, f, _ = rows(lk.Logistic(), 100)
    module = lk.Logistic().to_torch()
    for dtype in (torch.float16, torch.bfloat16):
        narrow = f.detach().to(dtype).requires_grad_()
        value = module(narrow, y.to(dtype))
        value.backward()
        assert (value.dtype, narrow.grad.dtype) == (dtype, dtype)
        wide = lk.Logistic()(y.to(dtype).float().numpy(), narrow.detach().float().numpy())
        assert value.item() == torch.tensor(wide).to(dtype).item()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert module(narrow, y).dtype == torch.float32
    single = f.detach().float()
    for reduction in ("mean", "sum"):
        _, tangent = jvp(lambda f, r=reduction: lk.Logistic()(y.float(), f, reduction=r), (single,), (single,))
        assert tangent.dtype == torch.float32


def test_a_row_outside_the_domain_raises_and_is_nan_where_no_data_can_be_seen():
    y, f = torch.tensor([0.0, 1.0, 2.0]), torch.zeros(3)
    with pytest.raises(lk.DomainError, match=r"y\[2\] = 2.0"):
        lk.Logistic()(y, f)
    got = vmap(lambda y, f: lk.Logistic()(y, f))(y, f)
    assert got.isnan().tolist() == [False, False, True]
    assert lk.Logistic()(y.to("meta"), f.to("meta"), reduction="none").is_meta


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: lk.Huber()(torch.zeros(2), np.zeros(2)), lk.CapabilityError, "y is torch, f is numpy"),
        (lambda: lk.Huber()(torch.zeros(2), torch.zeros(2, dtype=torch.int64)), lk.CapabilityError, r"f\.float\(\)"),
        (lambda: lk.Huber()(torch.zeros(2, device="meta"), torch.zeros(2)), lk.CapabilityError, r"y\.to\('cpu'\)"),
        (lambda: lk.Huber()(torch.zeros(2, requires_grad=True), torch.zeros(2)), lk.CapabilityError, r"y\.detach\(\)"),
        (lambda: lk.Huber()(torch.zeros(2), torch.zeros(2), torch.ones(2, requires_grad=True)), lk.CapabilityError,
         r"sample_weight\.detach\(\)"),
        (lambda: lk.Huber().to_torch()(np.zeros(2), np.zeros(2)), lk.CapabilityError, r"torch\.as_tensor"),
        (lambda: lk.Huber()(torch.zeros(2), torch.zeros(2).to_sparse()), lk.CapabilityError, "f is a sparse.*to_dense"),
        (lambda: lk.Huber()(torch.zeros(2), torch.zeros(2).to(torch.float8_e4m3fn)), lk.CapabilityError, "16 to 64"),
        (lambda: lk.Huber()(torch.zeros(2), torch.zeros(2, 1)), lk.ShapeError, "nothing is broadcast"),
        (lambda: lk.Huber()(torch.zeros(2), torch.zeros(2), torch.tensor([1.0, -1.0])), lk.DomainError, "negative"),
        (lambda: lk.Huber().gradient(torch.zeros(2), torch.zeros(2), out=np.zeros(2)), lk.CapabilityError, "out="),
        (lambda: lk.Huber()(torch.zeros(2), torch.zeros(2), reduction="batchmean"), lk.ParameterError, "batchmean"),
        (lambda: lk.Huber().to_torch(learn=("c",)), lk.ParameterError, "'c' that can be learned; delta can"),
        (lambda: lk.StudentTNLL().to_torch(learn=("df",)), lk.CapabilityError, "cannot be derived by df"),
        (lambda: lk.Huber().partial(torch.zeros(2), torch.zeros(2)), lk.CapabilityError, "NumPy"),
        (lambda: vmap(lk.BrierScore())(torch.zeros(2, 3, dtype=torch.int64), torch.rand(2, 3, 2)), lk.CapabilityError,
         "has no form"),
        (lambda: lk.Huber("auto").to_torch(), lk.ParameterError, "auto"),
        (lambda: lk.Huber("auto").to_torch(learn="delta"), lk.ParameterError, "learned from a number on"),
        (lambda: lk.TailRisk(lk.Huber()).to_torch(), lk.CapabilityError, "couples rows"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_a_parameter_is_learned_inside_its_domain_and_kept_in_the_state():
    @lk.loss
    def laplace(r, b: lk.domains.Positive = 2.0):
        from losskit.calculus import log

        return abs(r) / b + log(b)

    loss = laplace()
    module = loss.to_torch(learn=("b",)).double()
    y = torch.tensor(np.random.default_rng(0).laplace(scale=0.5, size=400))
    f = torch.zeros_like(y)
    assert gradcheck(lambda raw: functional_call(module, {"raw_b": raw}, (f, y)), module.raw_b)
    assert gradgradcheck(lambda raw: functional_call(module, {"raw_b": raw}, (f, y)), module.raw_b)
    step = torch.optim.LBFGS(module.parameters(), max_iter=50)

    def closure():
        step.zero_grad()
        value = module(f, y)
        value.backward()
        return value

    step.step(closure)
    assert math.isclose(module.learned("b").item(), y.abs().mean().item(), rel_tol=1e-6)
    again = copy.deepcopy(loss.to_torch(learn=("b",))).double()
    again.load_state_dict(module.state_dict())
    assert again.loss == module.loss
    with pytest.raises(lk.DomainError, match=r"y\[3\] = nan"):
        module(f, torch.where(torch.arange(400) == 3, math.nan, y))


def test_a_module_is_pickled_as_processes_of_training_do():
    y, f, w = rows(lk.Huber())
    module = lk.Huber(delta=0.5).to_torch(learn=("delta",)).double()
    again = pickle.loads(pickle.dumps(module))
    assert again(f, y, w).item() == module(f, y, w).item()
    assert "delta=0.5" in repr(again)


def test_shares_of_processes_make_the_mean_over_all_rows():
    from torch import distributed

    loss, (y, f, w) = lk.Huber(), rows(lk.Huber(), 8)
    module = loss.to_torch(distributed=True)
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    try:
        assert module(f, y, w).item() == pytest.approx(loss(y, f, w).item(), rel=1e-15)
    finally:
        distributed.destroy_process_group()
    parts = [module.partial(f[i], y[i], w[i]) for i in (slice(0, 3), slice(3, 8))]
    assert sum(parts).mean == pytest.approx(loss(y, f, w).item(), rel=1e-15)


def test_a_share_counts_the_weights_of_classes_and_of_learned_losses():
    for loss, learn in ((SOFT, ()), (lk.PseudoHuber(), ("delta",)), (lk.FocalSoftmax(axis=1), ())):
        y, f, w = rows(loss)
        module = loss.to_torch(distributed=True, learn=learn)
        assert module.double()(f, y, w).item() == pytest.approx(loss(y, f, w).item(), rel=1e-12)


def _worker(rank, address, given, result):
    from torch import distributed
    from torch.nn.parallel import DistributedDataParallel

    distributed.init_process_group("gloo", init_method=f"file://{address}", rank=rank, world_size=2)
    X, y, w = (x[:3] if rank == 0 else x[3:] for x in given)  # 3 rows here, 5 there, of unequal weight
    torch.manual_seed(0)
    model = DistributedDataParallel(torch.nn.Linear(4, 3).double())
    SOFT.to_torch(distributed=True)(model(X), y, w).backward()
    if rank == 0:
        torch.save(model.module.weight.grad, result)
    distributed.destroy_process_group()


@pytest.mark.slow
def test_gradients_averaged_by_two_processes_are_those_of_all_rows(tmp_path):
    generator = torch.Generator().manual_seed(1)
    X = torch.randn(8, 4, dtype=F64, generator=generator)
    y = torch.tensor([0, 1, 2, 2, -1, 0, 1, 2])
    w = torch.rand(8, dtype=F64, generator=generator)
    torch.multiprocessing.spawn(_worker, (tmp_path / "address", (X, y, w), tmp_path / "result"), nprocs=2)
    torch.manual_seed(0)
    model = torch.nn.Linear(4, 3).double()
    SOFT.to_torch()(model(X), y, w).backward()
    torch.testing.assert_close(torch.load(tmp_path / "result"), model.weight.grad, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("loss", [lk.Logistic(), pytest.param(SOFT, marks=pytest.mark.slow)], ids=["point", "row"])
def test_compiled_modules_have_the_same_numbers_and_pointwise_ones_no_graph_break(loss):
    y, f, w = rows(loss)
    module = torch.compile(loss.to_torch(), fullgraph=isinstance(loss, Pointwise), backend="aot_eager")
    value = module(f, y, w)
    np.testing.assert_allclose(value.detach(), loss(y, f, w).detach(), rtol=1e-14)
    np.testing.assert_allclose(grad(value, f)[0], loss.gradient(y, f, w).detach(), rtol=1e-12, atol=1e-16)
