"""A flipped sign anywhere turns a law red: in a formula, a derivative rule, a primitive's body."""

from __future__ import annotations

import ast
import dataclasses
import inspect
from collections.abc import Iterator
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from losskit.base import Pointwise, Residual
from losskit.calculus import arrays
from losskit.calculus.arrays import betas, core, densities, deviances, durations, margins, robust, scores
from losskit.calculus.derive import derivative
from losskit.calculus.emit import array_function
from losskit.calculus.exact import evaluate as exact
from losskit.calculus.graph import BOOLEAN, Node, as_node, build, constant, nodes_of, substitute, symbol
from losskit.calculus.table import TABLE
from losskit.domains import UNIT
from losskit.links import IDENTITY
from losskit.registry import losses
from losskit.tracing import Structure, twin_of
from tests.calculus.test_derive import SMOOTH, body_points, rule_points
from tests.laws.anchors import collected
from tests.laws.array_laws import by_arrays, departures, examples, truth
from tests.laws.oracle import named

_OPPOSITE = {"add": "sub", "mul": "div", "div": "mul", "maximum": "minimum", "minimum": "maximum"}


def flipped(root: Node) -> Iterator[tuple[str, Node]]:
    """Every graph that differs from `root` in one sign, operation or branch."""
    for node in nodes_of([root]):
        if node.op in _OPPOSITE:
            yield f"{node!r} as {_OPPOSITE[node.op]}", substitute(root, {node: build(_OPPOSITE[node.op], *node.args)})
        elif node.op == "sub":
            yield f"{node!r} as add", substitute(root, {node: node.args[0] + node.args[1]})
        elif node.op in ("neg", "abs"):
            yield f"{node!r} dropped", substitute(root, {node: node.args[0]})
        elif node.op == "where":
            yield (
                f"{node!r} swapped",
                substitute(root, {node: build("where", node.args[0], node.args[2], node.args[1])}),
            )
        elif node.op == "constant" and node.value != 0:
            yield f"{node!r} negated", substitute(root, {node: constant(-float(node.value))})
        elif node.op in TABLE and node.op not in BOOLEAN:
            yield f"{node!r} negated", substitute(root, {node: build("neg", node)})


def _mutants(cls: type[Pointwise]) -> Iterator[tuple[str, Pointwise]]:
    """Twins of `cls` whose formula, or stated derivative, has one thing flipped."""
    absent = cls()._structure().absent
    twin = twin_of(Structure(cls, absent))
    for method in ("formula", "spelling", "derivative", "second_derivative"):
        if not hasattr(twin, method):
            continue
        written = getattr(twin, method)(*map(symbol, cls.variables or (*cls.targets, *twin.outputs)))
        nodes = tuple(map(as_node, written if isinstance(written, tuple) else (written,)))
        for i, node in enumerate(nodes):
            for name, flip in flipped(node):
                mutant = (*nodes[:i], flip, *nodes[i + 1 :]) if isinstance(written, tuple) else flip
                members = {"spelling": None} if method == "formula" else {}  # the formula itself
                members |= {method: lambda self, *a, mutant=mutant: mutant}
                body = type(f"Mutant{cls.__name__}", (cls,), members)
                yield f"{method}: {name}", twin_of(Structure(body, absent))


def _instances(cls: type[Pointwise]) -> list[Pointwise]:
    usual = {"level": 0.7} if "level" in cls.__dataclass_fields__ else {}
    if usual or cls.__name__ in collected("INSTANCES"):
        return [cls(**settings) for settings in collected("INSTANCES").get(cls.__name__, [usual])]
    telling = (cls(**settings) for settings in collected("TELLING").get(cls.__name__, [])[:1])
    return [cls(), *(loss for loss in telling if loss._structure() == cls()._structure())]


def _inside(loss: Pointwise, y: float, f: float) -> bool:
    return bool(loss.domain.contains(y) and loss.prediction_domain.contains(f))


def _in_units_of_y(loss: Pointwise) -> bool:
    return loss.links == (IDENTITY,) and loss.prediction_domain is not UNIT


def _is_another_spelling(mutant: Node, original: Node, loss: Pointwise) -> bool:
    """Whether the flip changed no number: branches that state one quantity were swapped, or a sign is squared."""
    y, f = examples(loss)
    points = list(zip(y.tolist(), f.tolist(), strict=True))[:: max(1, len(y) // 12)]
    if _in_units_of_y(loss):  # beyond what the examples reach: no branch is left out
        wide = [sign * 10.0**k for sign in (-1, 1) for k in (-200, -12, -9, -6, -2, 2, 6, 12, 200)]
        targets = (0.0,) if isinstance(loss, Residual) else (-1.5, -1e-9, 0.4, 1e9)
        points += [(a, b) for a in targets for b in wide if _inside(loss, a, b)]
    for yi, fi in points:
        names = {k: v for k, v in loss.parameters.items() if v is not None}
        names |= named(loss.targets, yi) | named(loss.outputs, fi)
        true = _truth_at(original, tuple(names.items()))
        if abs(exact(mutant, names) - true) > abs(true) * 1e-40:
            return False
    return True


@lru_cache(maxsize=2**14)
def _truth_at(original: Node, names: tuple[tuple[str, Any], ...]) -> Any:
    """The exact value there, which every mutant is compared with."""
    return exact(original, dict(names))


@pytest.mark.parametrize("cls", losses().values(), ids=list(losses()))
def test_a_flip_in_a_formula_departs_from_the_textbook(cls):
    loss, *others = _instances(cls)
    true = {at: truth(at) for at in (loss, *others)}
    assert all(departures(at, by_arrays(at.trace(), at), true[at]) == [] for at in true)
    alive = []
    for name, mutant in _mutants(cls):
        trace = mutant.graphs(tuple(map(symbol, mutant.targets)), tuple(map(symbol, mutant.outputs)))
        if any(departures(at, by_arrays(trace, at), true[at]) for at in true):
            continue
        graphs, originals = ((t.value, *t.gradient, *t.hessian) for t in (trace, loss.trace()))
        pairs = list(zip(graphs, originals, strict=True))
        if (_in_units_of_y(loss) or name.endswith(("swapped", "negated", "dropped"))) and all(
            _is_another_spelling(new, old, at) for new, old in pairs for at in true
        ):
            continue
        alive.append(name)
    assert alive == []


@pytest.mark.parametrize("name", SMOOTH)
def test_a_negated_derivative_rule_departs_from_differences(name, monkeypatch):
    row = TABLE[name]
    names = [f"x{i}" for i in range(len(row.partials))]
    node = build(name, *map(symbol, names))
    for i, rule in enumerate(row.partials):
        if rule is None:
            continue
        monkeypatch.setitem(
            TABLE,
            name,
            dataclasses.replace(
                row,
                partials=tuple((lambda *a, r=r: -as_node(r(*a))) if j == i else r for j, r in enumerate(row.partials)),
            ),
        )
        seen = False
        for point in rule_points(name, len(names)):
            values = dict(zip(names, point, strict=True))
            h = 1e-5
            ends = [float(exact(node, values | {names[i]: values[names[i]] + s * h})) for s in (1, -1)]
            slope = float(exact(derivative(node, symbol(names[i])), values))
            seen |= abs(slope - (ends[0] - ends[1]) / (2 * h)) > 1e-3 * abs(slope) + 1e-7
        assert seen, f"{name}, argument {i}"


def _body_mutants() -> Iterator[tuple[str, str, SimpleNamespace]]:
    for module in (betas, core, densities, deviances, durations, margins, robust, scores):
        yield from _mutants_of_module(module)


def _mutants_of_module(module: Any) -> Iterator[tuple[str, str, SimpleNamespace]]:
    tree = ast.parse(inspect.getsource(module))
    for function in (n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name in TABLE):
        for node in ast.walk(function):
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
                old = node.op
                node.op = ast.Sub() if isinstance(old, ast.Add) else ast.Add()
            elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
                old = node.op
                node.op = ast.UAdd()
            else:
                continue
            space: dict = {}
            exec(compile(ast.fix_missing_locations(tree), "mutant", "exec"), space)
            node.op, place = old, f"{function.name} line {node.lineno}:{node.col_offset}"
            yield function.name, place, SimpleNamespace(**space)


def test_a_flip_in_an_array_body_departs_from_its_face(monkeypatch):
    alive = []
    for name, place, mutant in _body_mutants():
        monkeypatch.setattr(arrays, name, getattr(mutant, name))
        arity = len(TABLE[name].partials) if TABLE[name].partials else 2
        names = [f"x{i}" for i in range(arity)]
        points = body_points(name, arity)
        with np.errstate(all="ignore"):
            got = np.broadcast_to(
                array_function("f", names, [build(name, *map(symbol, names))])(np, *points), points.shape[1:]
            )
        wanted = _faces(name, points)
        if np.allclose(got, wanted, rtol=1e-13, atol=1e-290):
            alive.append(place)
        monkeypatch.undo()
    assert alive == []


_known: dict[str, np.ndarray] = {}


def _faces(name: str, points: np.ndarray) -> np.ndarray:
    if name not in _known:
        names = [f"x{i}" for i in range(len(points))]
        node = build(name, *map(symbol, names))
        _known[name] = np.array(
            [float(exact(node, dict(zip(names, column, strict=True)))) for column in points.T.tolist()]
        )
    return _known[name]
