"""What a kernel computes, and how its calls are told apart; `source` writes the text."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from losskit.calculus.emit import functions_used
from losskit.calculus.graph import Node, nodes_of, symbol
from losskit.calculus.table import TABLE

BLOCK = 4096  # rows whose sum is one number; fixed, so that threads change no bit
STRIP = 256  # rows whose values wait on the stack for their sum
LANES = 16  # products of a block's rows side by side
# A row is a chain of operations that waits for itself, so vectors of rows stand side by side: four, whose operations
# LLVM leaves in the order they are written in, one of each. These bodies were measured to do better otherwise:
# of one exponential, with LLVM's own order
_SLIM = frozenset(("exp", "exp_neg_abs", "log", "mul_exp", "poisson_deviance", "sigmoid", "sigmoid_minus",
                   "sigmoid_slope", "sigmoid_square", "softplus", "softplus_minus"))  # fmt: skip
# with two vectors, and LLVM's own order: what four hold at once is more than the registers
_WIDE = frozenset(("div_square", "half_tweedie", "negative_binomial_deviance", "pseudo_huber_slope"))
# so do derivatives alone, but for these
_DEEP = frozenset(("damped", "gamma_deviance", "inverse_gaussian", "inverse_square", "log1p_ratio", "log1p_square",
                   "log_cosh", "log_cosh_slope", "mean_ratio", "ratio_power", "sech2", "tweedie_bend", "tweedie_slope",
                   "weibull_deviance"))  # fmt: skip
_Y = symbol("y")
HIGHEST = -(1 << 62)  # the two highest bits of an int64
# domains of a label told by its bits: what finds them, and which of them are 0 for every label inside
_BITS = {
    frozenset((_Y >= 0.0, _Y <= 1.0)): ("unit_bits", HIGHEST),
    frozenset(((_Y == -1.0) | (_Y == 1.0),)): ("sign_bits", (1 << 63) - 1),
}


@dataclass(frozen=True)
class Program:
    """What a kernel computes for a row.

    Attributes
    ----------
    value, gradient, hessian : nodes, one, k and k * k of them; the later two may be empty
    targets, predictions, parameters : names of the symbols for y, for f and for the parameters, in call order
    inside : the condition under which a row may count
    counts : whether y is often a small count: what depends on y alone is then looked up
    """

    value: Node
    gradient: tuple[Node, ...]
    hessian: tuple[Node, ...]
    targets: tuple[str, ...]
    predictions: tuple[str, ...]
    parameters: tuple[str, ...]
    inside: Node
    counts: bool = False

    @property
    def primitives(self) -> set[str]:
        """The stable bodies that value and derivatives use."""
        return set(functions_used([self.value, *self.gradient, *self.hessian], "scalar")) - {"select"}

    @property
    def plain(self) -> bool:
        """Whether rows are a few operations each, so that a kernel waits for memory."""
        return not self.primitives

    @property
    def checks(self) -> Checks:
        """How a row is tried for the domain."""
        names, rest = conditions(self.inside)
        for told, (name, mask) in _BITS.items():
            if told <= set(rest):
                return Checks(names, [each for each in rest if each not in told], name, mask)
        return Checks(names, rest, "", 0)

    @property
    def bounded(self) -> bool:
        """Whether a prediction may lie outside the domain."""
        return any(node.op == "symbol" and node.value in self.predictions for node in nodes_of([self.inside]))

    def order(self, shape: Shape) -> tuple[int, bool]:
        """How many vectors of rows stand side by side, and whether LLVM orders their operations anew.

        The number is the same for all calls that ask for a sum, which has then the same bits.
        """
        own = self.primitives
        if own and own <= _SLIM:
            return 4, True
        single = len(self.predictions) == len(self.targets) == 1
        if not own or not single or own & _WIDE or not (shape.total or shape.value or own <= _DEEP):
            return 2, True
        return 4, False

    def reach(self, shape: Shape) -> tuple[tuple[str, Node], ...]:
        """Where the near bodies of what a call asks for give what its own do: arguments, and how they are tested.

        Empty if that is not known of one of them, if none has such a body, or if an argument is not what a row brings.
        """
        rows = [(TABLE[node.op], node) for node in nodes_of(self.asked(shape).values()) if node.op in TABLE]
        if any(row.reach is None and row.scalar is None for row, _ in rows):
            return ()
        pairs = (pair for row, node in rows if row.reach for pair in zip(row.reach, node.args, strict=True))
        tests = [(test, arg) for test, arg in pairs if test]
        return tuple(dict.fromkeys(tests)) if all(arg.op == "symbol" for _, arg in tests) else ()

    def logs(self, shape: Shape) -> tuple[Node, Node] | None:
        """(a, e) where the value is a + log(1 + e) and a call asks for the plain sum alone: see `kernels.sums`."""
        split = TABLE[self.value.op].logs if self.value.op in TABLE else None
        alone = shape.total and not shape.value and not shape.weights
        return split(*self.value.args) if split and alone else None

    def outputs(self, shape: Shape) -> dict[str, int]:
        """The arrays that a call of this shape asks for, v, g and h: how many numbers a row has in each."""
        k = len(self.predictions)
        widths = {"v": (shape.value, 1), "g": (shape.gradient, k), "h": (shape.hessian, k * k)}
        return {name: width for name, (here, width) in widths.items() if here}

    def asked(self, shape: Shape) -> dict[str, Node]:
        """What a call of this shape computes of a row, by the names it has in the text."""
        if logs := self.logs(shape):
            nodes = dict(zip(("v_i", "e_i"), logs, strict=True))
        else:
            nodes = {"v_i": self.value} if shape.value or shape.total else {}
        nodes |= {f"g_{j}": node for j, node in enumerate(self.gradient)} if shape.gradient else {}
        return nodes | ({f"h_{j}": node for j, node in enumerate(self.hessian)} if shape.hessian else {})


class Shape(NamedTuple):
    """What a call brings and asks for: arrays of float32 or float64; weights; the sum; and rows of each output.

    And whether derivatives are scaled: as in a mean, or in any call for a sum, which so share their code.
    """

    narrow: bool
    weights: bool
    total: bool
    value: bool
    gradient: bool
    hessian: bool
    scaled: bool


class Checks(NamedTuple):
    """What a row must pass to lie in the domain.

    Attributes
    ----------
    finite : symbols that must be finite
    rest : conditions to be tried by comparisons
    bits : the function of y, if there is one, whose bits in `mask` must be 0: they gather without a comparison
    """

    finite: list[str]
    rest: list[Node]
    bits: str
    mask: int


class Quick(NamedTuple):
    """What a strip is tried for before the loop that is right for all rows: a loop of less work.

    Attributes
    ----------
    labels : what is looked up, where all targets are small counts
    reach : where near bodies stand for a row's own, see `Program.reach`
    """

    labels: list[str]
    reach: tuple[tuple[str, Node], ...]

    def __bool__(self) -> bool:
        return bool(self.labels or self.reach)

    def settles(self, inside: Node) -> bool:
        """Whether all its rows lie in the domain: they are small counts, or the amounts that the domain asks for."""
        y = symbol("y")
        names, rest = conditions(inside)
        return bool(self.labels) or (
            ("amount", y) in self.reach and names in ([], ["y"]) and set(rest) <= {y > 0.0, y >= 0.0}
        )


def conditions(inside: Node) -> tuple[list[str], list[Node]]:
    """What `inside` asks: the symbols that must be finite, and whatever else must hold.

    x is finite where 0 x is 0, which costs less than comparisons, of which LLVM makes tests of bits.
    """
    if inside.op == "and":
        (first, rest), (second, more) = map(conditions, inside.args)
        return sorted({*first, *second}), rest + more
    for x in nodes_of([inside]):
        if x.op == "symbol" and any(inside is finite for finite in (abs(x) < math.inf, x < math.inf, x > -math.inf)):
            return [str(x.value)], []
    return [], [inside]
