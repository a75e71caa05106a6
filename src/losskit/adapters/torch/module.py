"""A loss as a module, whose parameters may be learned with the network's."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import torch
from torch import Tensor, nn

from losskit.adapters.torch.calls import classes_last, evaluate
from losskit.adapters.torch.names import Names
from losskit.arrayforms import divisor, fitting, form_of, has_form, options
from losskit.base import Pointwise
from losskit.parameters import parameter_domains


class LossModule(nn.Module):
    """A loss as a module of torch's argument order, `module(input, target, weight=None)`; see `loss.to_torch`."""

    def __init__(self, loss: Any, reduction: str, learn: tuple[str, ...], empty: str, distributed: bool):
        super().__init__()
        options(reduction, empty)
        self.given, self.reduction, self.learn = loss, reduction, learn
        self.empty, self.distributed = empty, distributed
        self._form = form_of(loss, None, learn) if learn or has_form(loss) else None
        for name in learn:
            low, high, value = *_ends(loss, name), getattr(loss, name)
            self.register_parameter(f"raw_{name}", nn.Parameter(torch.tensor(_to_line(value, low, high))))

    def forward(self, input: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        return (self._value if isinstance(self.given, Pointwise) else self._untraced)(input, target, weight)

    def _value(self, input: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
        if self.learn:
            input = self._with_parameters(input)
        reduction = "sum" if self.distributed and self.reduction == "mean" else self.reduction
        form = self._form
        value = evaluate(self.given, target, input, weight, reduction, ("value",), None, self.empty, None, form)[0]
        return value / self._share(input, target, weight) if reduction != self.reduction else value

    _untraced = torch.compiler.disable(_value)  # which cannot trace what NumPy makes of classes

    def learned(self, name: str) -> Tensor:
        """The parameter `name` as it is now, inside its domain."""
        return _from_line(getattr(self, f"raw_{name}"), *_ends(self.given, name))

    @property
    def loss(self) -> Any:
        """The loss, with its learned parameters as they are now."""
        return dataclasses.replace(self.given, **{name: self.learned(name).item() for name in self.learn})

    def partial(self, input: Tensor, target: Tensor, weight: Tensor | None = None) -> Any:
        """The `Partial` of this batch: partials of shards and of micro-batches add up to the whole."""
        arrays = (x if x is None else x.detach().cpu().numpy() for x in (target, input, weight))
        return self.loss.partial(*arrays)

    def extra_repr(self) -> str:
        return f"{self.given!r}, reduction={self.reduction!r}"

    def _with_parameters(self, f: Tensor) -> Tensor:
        """The predictions with a column for each parameter that is learned."""
        f = f.unsqueeze(-1) if len(self.given.outputs) == 1 else f
        learned = [self.learned(name).to(f.dtype).expand(f.shape[:-1]) for name in self.learn]
        return torch.cat([f, torch.stack(learned, -1)], -1)

    def _share(self, f: Tensor, y: Tensor, w: Tensor | None) -> Tensor:
        """This process's share of the weight of all: gradients averaged over processes are then those of the mean."""
        total = self._weight(f, y, w)
        if not torch.distributed.is_available() or not torch.distributed.is_initialized():
            return total.to(f.dtype)
        torch.distributed.all_reduce(total)
        return (total / torch.distributed.get_world_size()).to(f.dtype)

    def _weight(self, f: Tensor, y: Tensor, w: Tensor | None) -> Tensor:
        """What the rows of this batch count in a mean, where the tensors live."""
        form = self._form
        if form is None:
            return f.new_tensor(self.partial(f, y, w).weight, dtype=torch.float64)
        shape, w = fitting(form, y, f, w)
        y, f = classes_last(form, y.double() if y.is_floating_point() else y, f.detach().double())
        xp = Names(f)
        return xp.asarray(divisor(xp, form, shape, y, f, None if w is None else w.double(), "mean"))


def _ends(loss: Any, name: str) -> tuple[float, float]:
    domain = parameter_domains(loss.__class__)[name][0]
    return domain.low, domain.high


def _to_line(x: float, low: float, high: float) -> float:
    """A number between two ends as one of the whole line: what is learned has no wall to run into."""
    if math.isinf(low):
        return x if math.isinf(high) else -math.log(high - x)
    return math.log(x - low) if math.isinf(high) else math.log((x - low) / (high - x))


def _from_line(x: Tensor, low: float, high: float) -> Tensor:
    if math.isinf(low):
        return x if math.isinf(high) else high - torch.exp(-x)
    return low + torch.exp(x) if math.isinf(high) else low + (high - low) * torch.sigmoid(x)
