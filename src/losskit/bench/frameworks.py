"""`losskit bench frameworks`: P2 (through PyTorch tensors) and P3 (through JAX) of the plan for speed.

A step is a loss's mean and its derivative by the predictions. Both sides run on one core; values are checked first.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from losskit.bench.peers import data
from losskit.bench.timing import SCHEMA, alternate, answer, machine, paired_ratio, refuse_unknown, versions
from losskit.errors import LosskitError

Array = np.ndarray
Row = dict[str, Any]
Step = Callable[[], tuple[Any, Any]]
TOLERANCE = {"float64": 1e-10, "float32": 2e-5}  # of the mean, and of the gradient times the rows, as peers reach it
SMALL = 256
_WHOLE = " + y log y - y"  # of a peer's name: what it leaves out is added


@dataclass(frozen=True)
class Case:
    """A loss and its peers: `torch` and `optax` are functions of (f, y) that give the mean, or the rows' losses.

    `float64` and `float32` say how many times PyTorch's speed is to be reached; `constant` that the peer leaves out
    y log y - y: it is then timed as it is, and with a call that adds them, which is the same quantity as ours.
    """

    name: str
    data: str
    float64: float
    float32: float
    torch: Callable[[Any, Any], Any]
    optax: Callable[[Any, Any], Any] | None = None
    constant: bool = False


def _focal(f: Any, y: Any) -> Any:
    import torch
    from torch.nn import functional

    p = torch.sigmoid(f)
    cost = functional.binary_cross_entropy_with_logits(f, y, reduction="none")
    return ((1.0 - (p * y + (1.0 - p) * (1.0 - y))) ** 2 * cost).mean()


def _functional(name: str) -> Callable[[Any, Any], Any]:
    def call(f: Any, y: Any) -> Any:
        from torch.nn import functional

        return getattr(functional, name)(f, y)

    return call


def _optax(name: str, **options: Any) -> Callable[[Any, Any], Any]:
    def call(f: Any, y: Any) -> Any:
        from optax import losses

        return getattr(losses, name)(f, y, **options).mean()

    return call


CASES = (
    Case("Logistic", "labels", 5.0, 1.2, _functional("binary_cross_entropy_with_logits"),
         _optax("sigmoid_binary_cross_entropy")),
    Case("Poisson", "counts", 5.0, 1.2, _functional("poisson_nll_loss"), constant=True),
    Case("BinaryFocal", "labels", 5.0, 1.2, _focal, _optax("sigmoid_focal_loss", gamma=2.0)),
    Case("Huber", "far", 2.0, 1.0, _functional("huber_loss"), _optax("huber_loss")),
    Case("SquaredError", "real", 2.0, 1.0, _functional("mse_loss"), _optax("squared_error")),
)


def measure(
    rows: int = 1_000_000, losses: Sequence[str] = (), repeats: int = 9, compiled: bool = True,
    tell: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Run the suite in this process; the result is as that of `losskit.bench.kernels.measure`.

    Parameters
    ----------
    rows : rows of the large batch; the small one has 256
    losses : names of the losses to measure, all if empty
    repeats : timed samples a side
    compiled : whether PyTorch's losses are also measured under torch.compile, which takes a minute
    tell : called with what is measured next

    Raises
    ------
    LosskitError
        If the two sides' values differ.
    ParameterError
        If a loss is none of the suite's.
    """
    refuse_unknown("--loss", losses, [case.name for case in CASES])
    found: list[Row] = []
    for case in (case for case in CASES if not losses or case.name in losses):
        for dtype in ("float64", "float32"):
            tell(f"P2 {case.name} {dtype}")
            found += _torch_rows(case, dtype, rows, repeats, compiled)
            if case.optax is not None:
                tell(f"P3 {case.name} {dtype}")
                found += _jax_rows(case, dtype, rows, repeats)
    return {
        "schema": SCHEMA,
        "suite": "frameworks",
        "machine": machine(),
        "versions": versions("losskit", "numpy", "numba", "torch", "jax", "optax"),
        "settings": {"rows": rows, "repeats": repeats, "threads": 1, "tolerance": TOLERANCE, "compiled": compiled},
        "rows": found,
    }


def _torch_rows(case: Case, dtype: str, rows: int, repeats: int, compiled: bool) -> Iterator[Row]:
    import torch

    from losskit.registry import get

    module = get(case.name).to_torch()
    peers = {"PyTorch": case.torch}
    if case.constant:
        peers[f"PyTorch{_WHOLE}"] = lambda f, y: case.torch(f, y) + (torch.xlogy(y, y) - y).mean()
    if compiled:
        torch.compiler.reset()  # it gives up compiling a function anew for the ninth dtype or length
        peers |= {name.replace("PyTorch", "torch.compile"): torch.compile(peer) for name, peer in peers.items()}
    for n in (rows, SMALL):
        y, f = (torch.tensor(x, dtype=getattr(torch, dtype)) for x in data(case.data, n))
        f.requires_grad_()

        def step(loss: Any, y: Any = y, f: Any = f) -> Step:
            def act() -> tuple[Any, Any]:
                value = loss(f, y)
                return value, torch.autograd.grad(value, f)[0]

            return act

        sides = {"ours": step(module)} | {name: step(peer) for name, peer in peers.items()}
        rest = float((torch.xlogy(y.double(), y.double()) - y.double()).mean()) if case.constant else 0.0
        rests = {name: 0.0 if name.endswith(_WHOLE) else rest for name in peers}
        errors = {name: _difference(case, name, n, dtype, sides["ours"](), sides[name](), rests[name])
                  for name in peers}  # fmt: skip
        times = alternate(sides, repeats)
        for name in peers:
            target = 1.0 if name.startswith("torch.compile") else getattr(case, dtype) if n == rows else 1 / 1.5
            yield _row("P2", case, dtype, name, n, times["ours"], times[name], target, errors[name])


def _jax_rows(case: Case, dtype: str, rows: int, repeats: int) -> Iterator[Row]:
    import jax
    import jax.numpy as jnp

    from losskit.registry import get

    with jax.enable_x64(True) if dtype == "float64" else nullcontext():
        y, f = (jnp.asarray(x, dtype=dtype) for x in data(case.data, rows))
        both = {"ours": get(case.name).to_jax(), "optax": case.optax}
        steps = {name: jax.jit(jax.value_and_grad(loss)) for name, loss in both.items()}

        def waited(step: Any) -> Step:
            return lambda: jax.block_until_ready(step(f, y))

        sides = {name: waited(step) for name, step in steps.items()}
        error = _difference(case, "optax", rows, dtype, sides["ours"](), sides["optax"]())
        times = alternate(sides, repeats)
        yield _row("P3", case, dtype, "optax", rows, times["ours"], times["optax"], 1.0, error)


def _difference(
    case: Case, peer: str, n: int, dtype: str, ours: Any, theirs: Any, rest: float = 0.0
) -> float:
    """The largest difference of values and of gradients times the rows, relative to max(1, |theirs|)."""
    (a, g), (b, h) = ([np.asarray(x.detach() if hasattr(x, "detach") else x, float) for x in s] for s in (ours, theirs))
    pairs = ((a, b + rest), (g * n, h * n))
    worst = max(float(np.max(np.abs(x - z) / np.maximum(1.0, np.abs(z)))) for x, z in pairs)
    if not worst <= TOLERANCE[dtype]:
        raise LosskitError(
            f"{case.name}, {dtype}: losskit and {peer} differ by {worst:.1e} (relative, {TOLERANCE[dtype]:g} allowed); "
            "nothing was timed. One of the two is wrong: please report it"
        )
    return worst


def _row(
    name: str, case: Case, dtype: str, peer: str, n: int, ours: Any, theirs: Any, target: float, error: float
) -> Row:
    ratio = paired_ratio(theirs, ours)
    return {
        "id": name, "loss": f"{case.name}()", "what": dtype, "peer": peer, "n": n, "unit": "us a step",
        "ours": ours.scaled(1e6), "theirs": theirs.scaled(1e6), "ratio": ratio, "target": f">= {target:.2g} x",
        "met": ratio >= target, "error": error,
    }


def on_one_core() -> None:
    """Keep this process, and what it starts, to one core: JAX asks no variable how many threads it may use."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


if __name__ == "__main__":
    on_one_core()
    answer(measure)
