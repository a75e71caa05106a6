"""Which losses a test of what all losses share is run on: in `make test` one of each kind, in `make test-all` all."""

from __future__ import annotations

import pytest

from losskit.base import Pointwise
from losskit.calculus.emit import functions_used
from losskit.calculus.graph import nodes_of, symbol
from losskit.registry import losses


def one_of_each_kind() -> dict[str, type[Pointwise]]:
    """One loss of each combination of variable, targets, their domain, bounded outputs, and having parameters.

    Of the losses of a kind whose Hessian differs between rows, if there are any, it is the first of those that compile
    soonest. Of several outputs neither domain nor parameters count.
    """
    kinds: dict[tuple[object, ...], str] = {}
    for name, cls in sorted(losses().items(), key=lambda item: _effort(item[1]())):
        loss = cls()
        bounds = any(domain.bounded for domain in loss.prediction_domains)
        own = (loss.domain, bool(loss.parameters)) if len(loss.outputs) == 1 else ()
        kinds.setdefault((loss.variables, loss.targets, len(loss.outputs) > 1, bounds, *own), name)
    chosen = set(kinds.values())
    return {name: cls for name, cls in losses().items() if name in chosen}


def _effort(loss: Pointwise) -> tuple[bool, int]:
    """Whether the Hessian is the same number in all rows; and, roughly, how long a kernel compiles."""
    trace = loss.trace()
    rows = {symbol(name) for name in (*loss.targets, *loss.outputs)}
    nodes = nodes_of([trace.value, *trace.gradient, *trace.hessian])
    primitives = set(functions_used(nodes, "scalar"))
    return rows.isdisjoint(nodes_of(trace.hessian)), (10 * len(primitives) + len(nodes)) // 30


_FAST = one_of_each_kind()


def _marks(name: str) -> list[pytest.MarkDecorator]:
    together = pytest.mark.xdist_group(name)  # two processes would compile the same kernels at the same time
    return [together] if name in _FAST else [together, pytest.mark.slow]


# names of all losses; those that are not the first of their kind are marked slow
EACH_NAME = [pytest.param(name, marks=_marks(name)) for name in losses()]
EACH_LOSS = [pytest.param(cls(), id=name, marks=_marks(name)) for name, cls in losses().items()]
EACH_OF_ONE_OUTPUT = [case for case in EACH_LOSS if len(case.values[0].outputs) == 1]
