"""Every declared trait survives a search for a contradiction, at telling parameters; a flipped one does not."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from losskit.base import Pointwise
from losskit.registry import losses
from losskit.traits import Traits
from tests.laws.array_laws import by_arrays, contradictions, remembered
from tests.laws.points import parameter_sets
from tests.laws.several import everywhere, normalised


@pytest.mark.parametrize("cls", losses().values(), ids=list(losses()))
def test_no_search_refutes_a_declared_trait(cls):
    # not convex, but by less than rounding or where no search reaches
    near_a_limit = {1 + 1e-9, 2 + 1e-9, 2 - 1e-9, -1e-9, 0.016, 1e-9}
    for loss in parameter_sets(cls, np.random.default_rng(2), 2):
        shapes = {loss.parameters.get(name) for name in ("power", "gamma", "alpha", "q")}
        sizes = [v for v in loss.parameters.values() if isinstance(v, float) and 0 < v < float("inf")]
        if shapes & near_a_limit or (sizes and max(sizes) > 1e4 * min(sizes)):  # nor does it span such scales
            continue
        assert contradictions(loss, loss.traits(), remembered(by_arrays(loss.trace(), loss))) == [], loss


def _flips(claimed: Traits) -> list[Traits]:
    flipped = []
    for field in dataclasses.fields(Traits):
        value = getattr(claimed, field.name)
        if isinstance(value, bool):
            flipped.append(dataclasses.replace(claimed, **{field.name: not value}))
        elif isinstance(value, float):
            away = 0.1 * abs(value) + 0.05
            others = [value + away, value - away] if value < 1e300 else [50.0]
            flipped += [dataclasses.replace(claimed, **{field.name: other}) for other in others]
        elif isinstance(value, tuple):
            moved = tuple(k + 0.05 for k in value)
            flipped += [dataclasses.replace(claimed, kinks=k) for k in ((), (*value, 0.37), moved) if k != value]
        elif value in ("mean", "median", "expectile"):
            flipped.append(dataclasses.replace(claimed, elicits="median" if value == "mean" else "mean"))
    return flipped


@pytest.mark.parametrize("cls", losses().values(), ids=list(losses()))
def test_a_flipped_trait_is_refuted(cls: type[Pointwise]):
    loss = cls(0.7) if "level" in cls.__dataclass_fields__ else cls()
    evaluate = remembered(by_arrays(loss.trace(), loss))
    for claim in _flips(loss.traits()):
        assert contradictions(loss, claim, evaluate), claim


# the full densities, and of them those whose Fisher information has a closed form
DENSITIES = [c for c in losses().values() if c.__module__.endswith(".distributions") or c.__name__.endswith("NLL")]
INFORMED = [c for c in DENSITIES if hasattr(c, "information")]


@pytest.mark.parametrize("cls", DENSITIES, ids=lambda c: c.__name__)
def test_the_exponential_of_a_full_negative_log_density_has_mass_1(cls: type[Pointwise]):
    rng = np.random.default_rng(3)
    for loss in parameter_sets(cls, rng, 2):
        if not max([1.0, *loss._numbers()]) > 1e3:
            assert normalised(loss, lambda at, y, f: [at(y, f if np.ndim(f) else np.full(len(y), f), None, "none")])


@pytest.mark.parametrize("cls", INFORMED, ids=lambda c: c.__name__)
def test_the_fisher_information_of_a_density_is_the_expected_square_of_its_gradient(cls: type[Pointwise]):
    loss, k = cls(), len(cls().outputs)
    y, weight = everywhere(loss)
    for row in ([0.3, 0.7, -0.4][:k], [-1.2, 0.4, 0.2][:k]):
        f = np.broadcast_to(row, (len(y), k)) if k > 1 else np.full(len(y), row[0])
        value, gradient = loss.value_and_gradient(y, f, reduction="none")
        slopes = gradient.reshape(len(y), k)
        seen = np.exp(-value) * weight
        keep = seen > 0  # where the density is 0, its slope may be infinite
        expected = np.einsum("n,ni,nj->ij", seen[keep], slopes[keep], slopes[keep])
        got = loss.fisher(y[:1], f[:1], reduction="none").reshape(k, k)
        jump = 0.0 if loss.traits().differentiable else weight[np.abs(y) < 2].max()  # it costs a step of the sum
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6 + jump)
