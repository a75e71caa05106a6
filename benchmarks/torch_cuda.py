"""Losses on a CUDA device beside torch.nn.functional: a mean and its derivative, eager and under torch.compile.

Values and gradients are compared before anything is timed; the sides alternate, and the median of their ratios is
printed. Times are of the device, from event to event over several steps.

usage: python benchmarks/torch_cuda.py [--loss NAME ...] [--repeats K] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable
from typing import Any

import torch

import losskit as lk
from losskit.bench.frameworks import CASES, TOLERANCE
from losskit.bench.peers import data

ROWS = (1_000_000, 10_000_000)
STEPS = 20


def step(loss: Callable[[Any, Any], Any], f: Any, y: Any) -> Callable[[], tuple[Any, Any]]:
    def act() -> tuple[Any, Any]:
        value = loss(f, y)
        return value, torch.autograd.grad(value, f)[0]

    return act


def microseconds(act: Callable[[], Any]) -> float:
    """Device time of one step."""
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    start.record()
    for _ in range(STEPS):
        act()
    end.record()
    end.synchronize()
    return 1e3 * start.elapsed_time(end) / STEPS


def compared(name: str, dtype: str, n: int, found: dict[str, tuple[Any, Any]], rest: float) -> None:
    (value, gradient), tolerance = found["ours"], TOLERANCE[dtype]
    for side, (other, slope) in found.items():
        constant = 0.0 if side.startswith("ours") else rest
        errors = float((value - other - constant).detach().abs()), n * float((gradient - slope).abs().max())
        if not max(errors) <= tolerance * max(1.0, abs(float(value.detach())), n * float(gradient.abs().max())):
            raise SystemExit(f"{name} {dtype}: {side} differs by {errors}; nothing was timed")


def measure(names: list[str], repeats: int) -> list[dict[str, Any]]:
    found = []
    for case in (case for case in CASES if not names or case.name in names):
        torch._dynamo.reset()
        module = lk.get(case.name).to_torch()
        losses = {
            "ours": module, "F": case.torch,
            "ours compiled": torch.compile(module), "F compiled": torch.compile(case.torch),
        }  # fmt: skip
        for n in ROWS:
            for dtype in ("float32", "float64"):
                y, f = (torch.tensor(x, dtype=getattr(torch, dtype), device="cuda") for x in data(case.data, n))
                f.requires_grad_()
                acts = {side: step(loss, f, y) for side, loss in losses.items()}
                rest = float((torch.xlogy(y.double(), y.double()) - y.double()).mean()) if case.constant else 0.0
                compared(case.name, dtype, n, {side: act() for side, act in acts.items()}, rest)
                for act in acts.values():
                    microseconds(act)
                samples = [{side: microseconds(act) for side, act in acts.items()} for _ in range(repeats)]
                row: dict[str, Any] = {"loss": case.name, "dtype": dtype, "n": n}
                row |= {side: statistics.median(sample[side] for sample in samples) for side in acts}
                row["eager"] = statistics.median(s["F"] / s["ours"] for s in samples)
                row["compiled"] = statistics.median(s["F compiled"] / s["ours compiled"] for s in samples)
                row["compiled to F"] = statistics.median(s["F"] / s["ours compiled"] for s in samples)
                print("  ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{v}" for k, v in row.items()), flush=True)
                found.append(row)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loss", action="append", default=[])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json")
    asked = parser.parse_args()
    device = torch.cuda.get_device_name()
    print(f"{device}, torch {torch.__version__}; us a step; ratios are theirs / ours")
    result = {"device": device, "torch": torch.__version__, "rows": measure(asked.loss, asked.repeats)}
    if asked.json:
        with open(asked.json, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=1)
