"""The LaTeX that `loss.latex()` writes, as MathML: a page then needs neither a script nor the network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

_TOKEN = re.compile(
    r"\\(?:left|right)[(|)]|\\(?:begin|end)\{(?:cases|pmatrix)\}|\\text\{[^}]*\}|\\(?:mathrm|operatorname)\{[^}]*\}|\\\\|"
    r"\\[a-zA-Z]+|\\,|\d+(?:\.\d+)?|\s+|.",
    re.DOTALL,
)
_SIGNS = {
    r"\cdot": "\u22c5", r"\le": "\u2264", r"\ge": "\u2265", r"\ne": "\u2260", r"\wedge": "\u2227", r"\vee": "\u2228",
    r"\sum": "\u2211",
    "'": "\u2032", r"\neg": "\u00ac", r"\land": "\u2227", r"\lor": "\u2228", r"\lnot": "\u00ac", "-": "\u2212",
}  # fmt: skip
_LETTERS = {
    "alpha": "\u03b1", "beta": "\u03b2", "gamma": "\u03b3", "delta": "\u03b4", "epsilon": "\u03b5", "eta": "\u03b7",
    "theta": "\u03b8", "kappa": "\u03ba", "lambda": "\u03bb", "mu": "\u03bc", "nu": "\u03bd", "pi": "\u03c0",
    "rho": "\u03c1", "sigma": "\u03c3", "tau": "\u03c4", "phi": "\u03c6", "psi": "\u03c8", "infty": "\u221e",
    "Gamma": "\u0393", "Phi": "\u03a6",
}  # fmt: skip
_CLOSERS = {"{": "}", r"\left(": r"\right)", r"\left|": r"\right|", r"\begin{cases}": r"\end{cases}"}


def mathml(tex: str) -> str:
    """`tex` as a `<math>` element, in the size of a formula that stands alone."""
    inside = _row(_parts(iter(_TOKEN.findall(tex)), None))
    return f'<math xmlns="http://www.w3.org/1998/Math/MathML" displaystyle="true">{inside}</math>'


def _row(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"<mrow>{''.join(parts)}</mrow>"


def _parts(tokens: Iterator[str], stop: str | None) -> list[str]:
    """The elements of the tokens up to `stop`."""
    parts: list[str] = []
    for token in tokens:
        if token == stop:
            break
        if token in ("^", "_"):
            base = parts.pop() if parts else "<mrow></mrow>"
            kind = "msup" if token == "^" else "msub"
            parts.append(f"<{kind}>{base}{_argument(tokens)}</{kind}>")
        elif token == r"\frac":
            parts.append(f"<mfrac>{_argument(tokens)}{_argument(tokens)}</mfrac>")
        elif token == r"\sqrt":
            parts.append(f"<msqrt>{_argument(tokens)}</msqrt>")
        elif token == r"\begin{cases}":
            parts.append(_table(tokens, "cases"))
        elif token == r"\begin{pmatrix}":
            parts.append(_row([_sign("("), _table(tokens, "matrix"), _sign(")")]))
        elif token in _CLOSERS:
            inside = _parts(tokens, _CLOSERS[token])
            fence = token[-1] if token != "{" else ""
            parts.append(_row([_sign(fence), *inside, _sign({"(": ")"}.get(fence, fence))] if fence else inside))
        elif not token.isspace():
            parts.append(_leaf(token))
    return parts


def _argument(tokens: Iterator[str]) -> str:
    token = next(t for t in tokens if not t.isspace())
    return _row(_parts(tokens, "}")) if token == "{" else _leaf(token)


def _table(tokens: Iterator[str], kind: str) -> str:
    """A table; beside cases the page draws a line (few fonts have a brace that stretches).

    It takes the tokens up to the end of the table, nested ones included.
    """
    inside, depth = [], 1
    for token in tokens:
        depth += token.startswith(r"\begin{") - token.startswith(r"\end{")
        if not depth:
            break
        inside.append(token)
    rows: list[list[list[str]]] = [[[]]]
    for token in inside:
        depth += token.startswith(r"\begin{") - token.startswith(r"\end{")
        if not depth and token == "\\\\":
            rows.append([[]])
        elif not depth and token == "&":
            rows[-1].append([])
        else:
            rows[-1][-1].append(token)
    cells = ("".join(f"<mtd>{_row(_parts(iter(cell), None))}</mtd>" for cell in row) for row in rows)
    table = "".join(f"<mtr>{row}</mtr>" for row in cells)
    return f'<mtable class="{kind}">{table}</mtable>'


def _leaf(token: str) -> str:
    named = re.fullmatch(r"\\(text|mathrm|operatorname)\{([^}]*)\}", token)
    if named:
        kind = "mtext" if named[1] == "text" else "mi"
        return f"<{kind}>{escape(named[2]).replace(' ', chr(0xA0))}</{kind}>"
    if token == r"\,":
        return '<mspace width="0.17em"></mspace>'
    if token in _SIGNS:
        return _sign(_SIGNS[token])
    if token[0] == "\\":
        return f"<mi>{_LETTERS.get(token[1:], escape(token[1:]))}</mi>"
    if token[0].isdigit():
        return f"<mn>{token}</mn>"
    return f"<mi>{token}</mi>" if token.isalpha() else _sign(token)


def _sign(text: str) -> str:
    return f"<mo>{escape(text)}</mo>"
