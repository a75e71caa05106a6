"""LaTeX says what the graph says: parsed back by a reader that knows only mathematics, and compared."""

import mpmath
import pytest

from losskit.base import Margin, Residual
from losskit.calculus import exp, log, symbol, where
from losskit.calculus.exact import evaluate
from losskit.calculus.tex import latex
from losskit.registry import losses
from tests.calculus.latex_reader import read

A, B, C = symbol("a"), symbol("b"), symbol("c")


def _same(node, names: dict[str, float], text: str | None = None) -> None:
    want = evaluate(node, names)
    with mpmath.workdps(60):
        got = read(text or latex(node))({k: mpmath.mpf(v) for k, v in names.items()})
        assert abs(want - got) <= abs(want) * mpmath.mpf(10) ** -25, text or latex(node)


@pytest.mark.parametrize(
    "node",
    [
        A - (B - C),
        A - (B + C),
        (A - B) - C,
        A / (B / C),
        (A / B) / C,
        A * (B + C),
        -(A + B) * C,
        (-A) ** 2,
        -(A**2),
        (A * B) ** C,
        A ** (B**C),
        (A**B) ** C,
        exp(A) ** 2,
        log(A) ** 2,
        log(A**2),
        (A / B) ** 2,
        abs(A - B) ** 2,
        2 ** (A + B),
        A * -B,
        A - -B,
        where(A < B, A + 1, -B) * 2,
        where(A > 0, 1, 2) + where(B <= C, 3, where(A < 1, 4, 5)),
        1e20 * A,
        2.5e17 * A,
        where(float("inf") > A, A, B),
        where(((A > 1) | (B > 2)) & (A != C), A, B),
        where((A > 1) & (B > 2) | (A < 1) & (B < 1), A, B),
        (-2.5) ** C,
        (A + B) * (A - B) / (A * B),
        A + (B - C),
        3 * A * 2,
        exp(-A) - exp(B) * C,
    ],
    ids=repr,
)
def test_parentheses_stand_where_precedence_needs_them(node):
    for values in ((1.5, 2.25, 2.0), (0.5, 0.75, 3.0)):
        _same(node, dict(zip("abc", values, strict=True)))


@pytest.mark.parametrize("cls", losses().values(), ids=list(losses()))
@pytest.mark.parametrize("of", ["value", "gradient", "hessian"])
def test_the_latex_of_every_loss_means_the_loss(cls, of):
    loss = cls()
    values = {k: v for k, v in loss.parameters.items() if v is not None}
    with mpmath.workdps(60):
        share = len(loss.targets) == 1 and not loss.domain.contains(1.0)
        signed = isinstance(loss, Margin | Residual)
        for y, f in ((0.6 if share else 1.0, 0.3), (0.4 if share else 1.0, 0.9),
                     (-1.0, 0.4) if signed else (0.2 if share else 1.0, 0.55)):  # fmt: skip
            names = values | {"r": f - y, "m": y * f, "y": y, "pi": mpmath.pi, "lower": y, "upper": y + f}
            names |= {name: f + j / 8 for j, name in enumerate(loss.outputs)}
            nodes = [loss.written()] if of == "value" else getattr(loss.trace(), of)
            wanted = [evaluate(node, names) for node in nodes]
            if isinstance(loss, Margin) and of == "gradient":
                wanted = [want * y for want in wanted]
            got = read(loss.latex(of))({k: mpmath.mpf(v) for k, v in names.items()})
            for mine, want in zip(got if isinstance(got, list) else [got], wanted, strict=True):
                assert abs(want - mine) <= abs(want) * mpmath.mpf(10) ** -14, loss.latex(of)
