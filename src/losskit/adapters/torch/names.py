"""torch under NumPy's names, as the array dialect asks for them."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor


class Names:
    """torch's functions for plain numbers too, which become tensors like `f`."""

    inf = math.inf

    def __init__(self, f: Tensor):
        self.dtype, self.device = f.dtype, f.device

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        if not isinstance(condition, Tensor):
            return a if condition else b
        if not isinstance(a, Tensor) and not isinstance(b, Tensor):
            a = self.asarray(a)
        return torch.where(condition, a, b)

    def asarray(self, x: Any, dtype: Any = None) -> Tensor:
        if isinstance(x, Tensor):
            return x if dtype is None else x.to(torch.int64 if dtype is int else dtype)
        if isinstance(x, (int, float)):  # filled in where it is wanted: a copy would wait for the device
            return torch.full((), x, dtype=dtype or self.dtype, device=self.device)
        return torch.as_tensor(x, dtype=dtype or self.dtype).to(self.device, non_blocking=True)

    def stack(self, parts: list[Tensor], axis: int) -> Tensor:
        return torch.stack(torch.broadcast_tensors(*parts), axis)

    def max(self, x: Tensor, axis: int, keepdims: bool) -> Tensor:
        return torch.amax(x, axis, keepdims)

    def arange(self, n: int) -> Tensor:
        return torch.arange(n, device=self.device)

    def eye(self, n: int) -> Tensor:
        return torch.eye(n, dtype=self.dtype, device=self.device)


def _named(name: str) -> Any:
    function = getattr(torch, name)
    return lambda self, *given: function(*map(self.asarray, given))


for _name in ("abs", "arctan", "arctan2", "cos", "exp", "expm1", "log", "log1p", "logaddexp", "logical_not", "sin",
              "sqrt", "tanh"):  # fmt: skip
    setattr(Names, _name, _named(_name))
for _name in ("all", "argmax", "broadcast_to", "clip", "floor", "isfinite", "nan_to_num", "ones_like", "reshape", "sum",
              "swapaxes", "take"):  # fmt: skip
    setattr(Names, _name, staticmethod(getattr(torch, _name)))
