"""LaTeX of a graph, with parentheses where precedence asks for them and nowhere else."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from losskit.calculus.graph import Node, is_constant, nodes_of
from losskit.calculus.table import TABLE, exp

ATOM = 4
_FACTOR = r"{0:1} \, "  # a first argument that multiplies the rest: not written where it is 1
_MIRRORED = {"lt": "{1:0} > {0:0}", "le": r"{1:0} \ge {0:0}"}  # 0 < x reads better as x > 0
_GREEK = frozenset((
    "alpha", "beta", "gamma", "delta", "epsilon", "kappa", "lambda", "mu", "nu", "rho", "sigma", "tau", "phi", "psi",
    "theta", "eta",
))


class _Typeset:
    """Text and how tightly it binds; a format specification says how tight its place needs it."""

    def __init__(self, text: str, binds: int):
        self.text, self.binds = text, binds

    def __format__(self, needed: str) -> str:
        return self.text if self.binds >= int(needed) else rf"\left({self.text}\right)"


def latex(root: Node, names: Mapping[str, str] | None = None) -> str:
    """LaTeX of `root`; `names` gives the typeset form of symbols (a lone Greek name is typeset as the letter)."""
    names = names or {}
    done: dict[int, _Typeset] = {}
    for node in nodes_of([root]):
        if node.op == "constant":
            done[id(node)] = _number(float(node.value))  # type: ignore[arg-type]
        elif node.op == "symbol":
            done[id(node)] = _Typeset(names.get(str(node.value)) or symbol_name(str(node.value)), ATOM)
        elif node.op == "where":
            done[id(node)] = _Typeset(_cases(node, done), ATOM)
        elif node.op == "mul_exp" and node.args[1].op == "constant":
            c, a, x = node.args
            exponent = -(-a * x) if float(a.value) < 0 else a * x  # type: ignore[arg-type]
            spelled = c * exp(exponent)
            done[id(node)] = _Typeset(latex(spelled, names), 0 if spelled.op == "neg" else 1)
        elif node.op == "not" and node.args[0].op == "eq":
            left, right = (done[id(each)] for each in node.args[0].args)
            done[id(node)] = _Typeset(rf"{left:0} \ne {right:0}", -1)
        elif node.op in _MIRRORED and node.args[0].op == "constant":
            done[id(node)] = _Typeset(_MIRRORED[node.op].format(*(done[id(a)] for a in node.args)), -1)
        else:
            row = TABLE[node.op]
            if row.latex.startswith(_FACTOR) and is_constant(node.args[0], 1.0):
                row = replace(row, latex=row.latex.removeprefix(_FACTOR))
            done[id(node)] = _Typeset(row.latex.format(*(done[id(a)] for a in node.args)), row.binds)
    return done[id(root)].text.replace("+ -", "- ")


def matrix(entries: Sequence[Node], width: int) -> str:
    """LaTeX of a matrix of `width` columns, given row by row."""
    lines = (entries[i : i + width] for i in range(0, len(entries), width))
    rows = r" \\ ".join(" & ".join(map(latex, line)) for line in lines)
    return rf"\begin{{pmatrix}} {rows} \end{{pmatrix}}"


def _cases(node: Node, done: Mapping[int, _Typeset]) -> str:
    rows = []
    while node.op == "where":
        rows.append(rf"{done[id(node.args[1])]:-1} & \text{{if }} {done[id(node.args[0])]:-3}")
        node = node.args[2]
    rows.append(rf"{done[id(node)]:-1} & \text{{otherwise}}")
    return r"\begin{cases} " + r" \\ ".join(rows) + r" \end{cases}"


def symbol_name(name: str) -> str:
    """A symbol's letter: Greek names as the letter, single letters as they are, words upright; `a_1` is numbered."""
    if numbered := re.fullmatch(r"(.+?)((?:_\d+)+)", name):
        return f"{symbol_name(numbered[1])}_{{{numbered[2][1:].replace('_', ',')}}}"
    if name in _GREEK:
        return rf"\{name}"
    return name if len(name) == 1 else rf"\mathrm{{{name.replace('_', ' ')}}}"


def _number(value: float) -> _Typeset:
    if math.isinf(value):
        return _Typeset(r"\infty", ATOM) if value > 0 else _Typeset(r"-\infty", 0)
    text = repr(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if "e" in text:
        mantissa, _, exponent = text.partition("e")
        front = "" if mantissa == "1" else rf"{mantissa} \cdot "
        return _Typeset(rf"{front}10^{{{int(exponent)}}}", 1)
    return _Typeset(text, 0 if value < 0 else ATOM)
