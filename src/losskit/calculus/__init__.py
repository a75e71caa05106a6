"""Formulas as expression graphs: traced once, then derived, emitted as code, typeset, evaluated exactly.

Knows nothing of losses. `graph` holds the nodes, `table` one row a primitive, `derive` the chain rule,
`emit` the code dialects, `tex` the typesetting, `exact` the oracle.
"""

from losskit.calculus.graph import Node, constant, symbol, where
from losskit.calculus.table import (
    abs_,
    equal,
    exp,
    expm1,
    expm1mx,
    log,
    log1p,
    log1pmx,
    log_cosh,
    maximum,
    minimum,
    mul_exp,
    poisson_deviance,
    pseudo_huber,
    sech2,
    sigmoid,
    sigmoid_minus,
    sigmoid_power,
    softplus,
    softplus_minus,
    sqrt,
    tanh,
    tweedie_deviance,
    xdivy,
    xlog1py,
    xlogy,
)
