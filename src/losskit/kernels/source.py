"""The text of a kernel: one generated file per formula and shape of call.

It holds the point function (straight-line code of the graph) and the loop that calls it. A kernel takes the addresses
of array objects and finds their data itself; what is not asked for is not in the text, so it costs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_
from typing import NamedTuple

from losskit.calculus.emit import function_source, functions_used
from losskit.calculus.graph import Node, nodes_of, symbol, where
from losskit.calculus.table import TABLE
from losskit.kernels.primitives import imports

BLOCK = 4096  # rows whose sum is one number; fixed, so that threads change no bit
STRIP = 256  # rows whose values wait on the stack for their sum
LANES = 16  # products of a block's rows side by side
STREAM = 64  # rows between requests for rows to come, where reading takes longer than computing
AHEAD = 384  # how far those rows are ahead
_LABELS = 256  # small counts whose label part is looked up
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
_ADDRESSES = ("y_", "f_", "w_", "state_", "v_", "g_", "h_")
_Y = symbol("y")
# domains of a label told by its bits: what finds them, and which of them are 0 for every label inside
_BITS = {
    frozenset((_Y >= 0.0, _Y <= 1.0)): ("unit_bits", -(1 << 62)),
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
        """Where the near bodies of what a call asks for have the bits of its own: arguments, and how they are tested.

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

    def asked(self, shape: Shape) -> dict[str, Node]:
        """The outputs that a call of this shape asks for, by the names they have in the text."""
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


def carry_nan(output: Node, predictions: Sequence[str]) -> Node:
    """`output`, nan wherever a prediction is nan: a select may swallow it otherwise."""
    for name in predictions:
        f = symbol(name)
        if not _carries(output, f):
            output = where(f == f, output, f)
    return output


def _carries(node: Node, f: Node) -> bool:
    if node is f:
        return True
    if node.op == "where":
        return _carries(node.args[1], f) and _carries(node.args[2], f)
    if node.op in ("maximum", "minimum"):
        return _carries(node.args[0], f)  # written so that a nan in the first argument is kept
    return any(_carries(a, f) for a in node.args)


def kernel_source(program: Program, shape: Shape) -> str:
    """The text of the generated file for `program`.

    `kernel(y, f, w, state, v, g, h, scale, rows, first, last, *parameters)` takes the arrays' addresses, and does
    blocks `first` to `last`. Each leaves in `state` its weighted sum, and 1.0 if a row of positive weight lies outside
    the domain. Values are weighted and unscaled; gradients and Hessians are multiplied by weight and `scale`.
    """
    given = [*program.targets, *program.predictions, *program.parameters]
    asked = program.asked(shape)
    kept = ("v_i",) if "e_i" in asked else ()  # e_i carries a nan into the sum
    outputs = [node if name in kept else carry_nan(node, program.predictions) for name, node in asked.items()]
    labelled = [n for n in nodes_of(outputs) if n.op in TABLE and TABLE[n.op].label and n.args[0] is symbol("y")]
    labels = {node: f"{TABLE[node.op].label}_y" for node in labelled} if program.counts else {}
    names = sorted(set(labels.values()))
    used = set(functions_used([*outputs, program.inside], "scalar")) - {"select"}
    reach = program.reach(shape)
    # forceinline: else a long body stays a call, and no vector code; called from the kernel alone, so no wrappers
    inline = '@njit(error_model="numpy", forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)'
    lines = [
        '"""Generated by losskit; not to be edited."""',
        "import math",
        "from numba import float64, njit",
        *imports({*used, "add_fast"}),
        "from losskit.kernels.memory import doubles_at, fetch, is_same, is_small_count, singles_at, small_count, space",
        "from losskit.kernels.select import select",
        *(["from losskit.kernels.near import is_amount, is_exponent, near"] if reach else []),
        *imports([program.checks.bits] if program.checks.bits else []),
        *(["from losskit.kernels.sums import log_of, multiply"] if "e_i" in asked else []),
        "SIDE_BY_SIDE, SCHEDULED = {}, {}".format(*program.order(shape)),
        inline,
        function_source("point", given + names, outputs, "scalar", labels),
    ]
    if reach:
        lines.append("point_within = near(point)")
    checks = program.checks
    if checks.rest:
        lines += [inline, function_source("inside", given, [reduce(and_, checks.rest)], "scalar")]
    lines += [
        '@njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)',
        f"def kernel({', '.join([*_ADDRESSES, 'scale_', 'rows_', 'first_', 'last_', *program.parameters])}):",
        *_indented(_frame(program, shape, Quick(names, reach)), 1),
        "",
    ]
    return "\n".join(lines)


def _indented(lines: Iterator[str], depth: int) -> Iterator[str]:
    return ("    " * depth + line for line in lines)


def _frame(program: Program, shape: Shape, quick: Quick) -> Iterator[str]:
    """The kernel's body around the loop over rows."""
    array = "singles_at" if shape.narrow else "doubles_at"
    outputs = {"v": shape.value, "g": shape.gradient, "h": shape.hessian}
    present = {"y": True, "f": True, "w": shape.weights, **outputs}
    yield from (f"{name}a_ = {array}({name}_)" for name, here in present.items() if here)
    yield "sums_ = doubles_at(state_)"
    if quick.labels:
        for name in quick.labels:
            yield f"{name}_table_ = space({_LABELS})"
            yield f"{name}_strip_ = space({STRIP})"
        count = f"is_small_count(float64(ya_[0]), {_LABELS})"
        yield f"looked_up_ = (rows_ >= {BLOCK}) | (rows_ >= {2 * STRIP}) & {count}"  # else the table costs more
        yield "if looked_up_:"
        yield f"    for i_ in range({_LABELS}):"
        yield from (f"        {name}_table_[i_] = {name[:-2]}(float64(i_))" for name in quick.labels)
    if shape.total and not program.plain:  # beside primitives a sum in the same loop costs registers
        yield f"strip_ = space({STRIP})"
    if program.logs(shape):
        yield f"ones_ = space({STRIP})"
        yield f"products_ = space({LANES})"
    if quick.reach:  # what is left to the other loop must still be there
        taken = [f"is_same({name}a_, fa_)" for name, here in outputs.items() if here]
        yield f"taken_ = select({' | '.join(taken) or False}, 1.0, 0.0)"
    step = STREAM if program.plain else STRIP
    yield "for block_ in range(first_, last_):"
    yield "    total_ = 0.0"
    yield "    outside_ = 0.0"  # as wide as the rows: a flag of one bit would be packed for every vector
    if bits := program.checks.bits:
        yield "    bits_ = 0"
    if quick:
        # rows for the other loop: where there was one, the next strips may have more
        yield f"    strays_ = {'taken_' if quick.reach else '0.0'}"
    if program.logs(shape):
        yield f"    for i_ in range({LANES}):"
        yield "        products_[i_] = 0.0"
    yield f"    for start_ in range(block_ * {BLOCK}, min(block_ * {BLOCK} + {BLOCK}, rows_), {step}):"
    yield f"        end_ = min(start_ + {step}, rows_)"
    yield from _indented(_strip(program, shape, quick), 2)
    yield f"    sums_[2 * block_] = total_{' + log_of(products_, rows_)' if program.logs(shape) else ''}"
    alike = f" & (bits_ & {program.checks.mask} == 0)" if bits else ""
    yield f"    sums_[2 * block_ + 1] = select((outside_ == 0){alike}, 0.0, 1.0)"


def _strip(program: Program, shape: Shape, quick: Quick) -> Iterator[str]:
    """A few hundred rows, and their sum."""
    if program.plain:
        yield f"for i_ in range(start_ + {AHEAD}, start_ + {AHEAD + STREAM}, {16 if shape.narrow else 8}):"  # by lines
        widths = {"y": len(program.targets), "f": len(program.predictions)} | ({"w": 1} if shape.weights else {})
        yield from (f"    fetch({name}a_, {_at(0, width)})" for name, width in widths.items())
    if quick:
        yield "left_ = 1.0"
        yield from _quickly(program, shape, quick)
        yield "if left_ != 0.0:"
    depth = 1 if quick else 0
    yield from _indented(_rows(program, shape, [f"{name[:-2]}(y_i)" for name in quick.labels]), depth)
    if not program.plain:
        yield from _indented(_flagged(program, shape, _flags(program, shape, "outside_")), depth)
    if shape.total and not program.plain:
        yield "for i_ in range(end_ - start_):"
        yield "    total_ = add_fast(total_, strip_[i_])"
    if program.logs(shape):
        yield "multiply(products_, ones_, end_ - start_)"


def _quickly(program: Program, shape: Shape, quick: Quick) -> Iterator[str]:
    """The strip by the loop of less work, if it is one for it; else `left_` stays other than 0."""
    if quick.labels:  # looked up in a loop of their own, which leaves the one over the rows to vectors
        yield "large_ = 1"
        yield f"if looked_up_ & is_small_count(float64(ya_[start_]), {_LABELS}):"
        yield "    large_ = 0"
        yield "    for i_ in range(start_, end_):"
        yield "        y_i = float64(ya_[i_])"
        yield f"        large_ |= select(is_small_count(y_i, {_LABELS}), 0, 1)"
        yield from (f"        {name}_strip_[i_ - start_] = {name}_table_[small_count(y_i)]" for name in quick.labels)
    yield f"if (strays_ == 0.0){' & (large_ == 0)' if quick.labels else ''}:"
    labels = [f"{name}_strip_[i_ - start_]" for name in quick.labels]
    yield from _indented(_rows(program, shape, labels, "point_within" if quick.reach else "point"), 1)
    settled = quick.settles(program.inside) and not program.bounded
    strays = _flags(program, shape, "strays_", quick.reach, settled)
    yield from _indented(_flagged(program, shape, strays), 1)
    yield "    left_ = strays_"


def _read(program: Program) -> tuple[list[str], list[str]]:
    """The lines of a loop that read a row, and the names of what it read."""
    t, k = len(program.targets), len(program.predictions)
    targets = ["y_i"] if t == 1 else [f"y_{j}" for j in range(t)]
    lines = [f"    {name} = float64(ya_[{_at(j, t)}])" for j, name in enumerate(targets)]
    lines += [f"    f_{j} = float64(fa_[{_at(j, k)}])" for j in range(k)]
    return ["for i_ in range(start_, end_):", *lines], [*targets, *(f"f_{j}" for j in range(k))]


def _rows(program: Program, shape: Shape, labels: Iterable[str], point: str = "point") -> Iterator[str]:
    """The loop over the rows of a strip; `labels` are what `point` is given after the row."""
    k = len(program.predictions)
    lines, values = _read(program)
    yield from lines
    given = ", ".join([*values, *program.parameters, *labels])
    yield f"    {', '.join(program.asked(shape))} = {point}({given})"
    if shape.weights:
        yield "    w_i = float64(wa_[i_])"
        if shape.value or shape.total:
            yield "    v_i = select(w_i == 0.0, 0.0, w_i * v_i)"
    if program.plain:
        yield from _flags(program, shape, "outside_")
    if shape.total:
        yield "    total_ = add_fast(total_, v_i)" if program.plain else "    strip_[i_ - start_] = v_i"
    if program.logs(shape):
        yield "    ones_[i_ - start_] = e_i"
    if shape.value:
        yield "    va_[i_] = v_i"
    weighted, scaled = ("w_i * ", "(w_i * scale_) * ") if shape.weights else ("", "scale_ * ")
    for name, asked, width in (("g", shape.gradient, k), ("h", shape.hessian, k * k)):
        for j in range(width if asked else 0):
            output = f"{scaled if shape.scaled else weighted}{name}_{j}"
            output = f"select(w_i == 0.0, 0.0, {output})" if shape.weights else output
            yield f"    {name}a_[{_at(j, width)}] = {output}"


def _flagged(program: Program, shape: Shape, flags: list[str]) -> Iterator[str]:
    """A loop of its own for flags: beside a row's work their sums would cost that its registers."""
    if flags:
        yield from _read(program)[0]
        if shape.weights:
            yield "    w_i = float64(wa_[i_])"
        yield from flags


def _flags(
    program: Program, shape: Shape, name: str, reach: Iterable[tuple[str, Node]] = (), settled: bool = False
) -> list[str]:
    """The lines that gather whether a row fails: in `name` what is not 0 then, in `bits_` the bits of its label.

    They try for `reach`, and for the domain where that is not settled.
    """
    values = _read(program)[1]
    names = dict(zip([*program.targets, *program.predictions], values, strict=True))
    finite, rest, bits, _ = Checks([], [], "", 0) if settled else program.checks
    tests = [f"is_{test}({names[str(arg.value)]})" for test, arg in reach]
    tests += [f"inside({', '.join([*values, *program.parameters])})"] if rest else []
    flags = [f"{names[symbol]} * 0.0" for symbol in finite]
    flags += [f"select({' & '.join(tests)}, 0.0, 1.0)"] if tests else []
    flag, y = " + ".join(flags), values[0]
    if shape.weights:
        flag, y = f"select(w_i == 0.0, 0.0, {flag})", f"select(w_i == 0.0, 1.0, {y})"
    lines = [f"    {name} = add_fast({name}, {flag})"] if flags else []
    return lines + ([f"    bits_ |= {bits}({y})"] if bits else [])


def _at(j: int, width: int) -> str:
    return "i_" if width == 1 else f"i_ * {width} + {j}"
