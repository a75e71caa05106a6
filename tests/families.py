"""Which losses a test of what all losses share is run on: in `make test` one of each kind, in `make test-all` all."""

from __future__ import annotations

import pytest

from losskit.base import Pointwise
from losskit.registry import losses


def one_of_each_kind() -> dict[str, type[Pointwise]]:
    """The first loss of each combination of variable, targets, their domain, bounded outputs, and having parameters.

    Of several outputs neither domain nor parameters count: their kernels take long to compile.
    """
    kinds: dict[tuple[object, ...], str] = {}
    for name, cls in losses().items():
        loss = cls()
        bounds = any(domain.bounded for domain in loss.prediction_domains)
        own = (loss.domain, bool(loss.parameters)) if len(loss.outputs) == 1 else ()
        kinds.setdefault((loss.variables, loss.targets, len(loss.outputs) > 1, bounds, *own), name)
    return {name: losses()[name] for name in kinds.values()}


_FAST = one_of_each_kind()


def _marks(name: str) -> list[pytest.MarkDecorator]:
    together = pytest.mark.xdist_group(name)  # two processes would compile the same kernels at the same time
    return [together] if name in _FAST else [together, pytest.mark.slow]


# names of all losses; those that are not the first of their kind are marked slow
EACH_NAME = [pytest.param(name, marks=_marks(name)) for name in losses()]
EACH_LOSS = [pytest.param(cls(), id=name, marks=_marks(name)) for name, cls in losses().items()]
EACH_OF_ONE_OUTPUT = [case for case in EACH_LOSS if len(case.values[0].outputs) == 1]
