"""Derivatives of a graph by the chain rule, one rule a row of the table."""

from __future__ import annotations

from losskit.calculus.graph import BOOLEAN, Node, as_node, constant, is_constant, nodes_of
from losskit.calculus.table import TABLE
from losskit.errors import FormulaError


def derivative(root: Node, variable: Node) -> Node:
    """The derivative of `root` by the symbol `variable`, as a graph.

    At a kink of abs, maximum or minimum it is the subgradient of least norm; `where` takes the branch's own.

    Raises
    ------
    FormulaError
        Where a primitive in the path of the variable has no derivative.
    """
    zero, one = constant(0.0), constant(1.0)
    done: dict[int, Node] = {id(variable): one}
    for node in nodes_of([root]):
        if id(node) in done:
            continue
        tangents = tuple(done[id(a)] for a in node.args)
        if node.op in BOOLEAN or all(is_constant(t, 0.0) for t in tangents):
            done[id(node)] = zero
        else:
            done[id(node)] = _chain(node, tangents)
    return done[id(root)]


def _chain(node: Node, tangents: tuple[Node, ...]) -> Node:
    row = TABLE[node.op]
    if row.tangent is not None:
        return row.tangent(node.args, tangents)
    total: Node = constant(0.0)
    for position, tangent in enumerate(tangents):
        if is_constant(tangent, 0.0):
            continue
        partial = row.partials[position] if row.partials else None
        if partial is None:
            raise FormulaError(
                f"{node.op} has no derivative by its argument {position + 1}, which depends on the prediction here; "
                "state the derivative in the loss, or write the formula with other primitives"
            )
        total = total + as_node(partial(*node.args)) * tangent
    return total
