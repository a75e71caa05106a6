"""What people look at: plots of a loss, and its formula as plain text."""

from __future__ import annotations

import re
from collections.abc import Iterator

_WORDS = {
    r"\cdot": "*", r"\le": "<=", r"\ge": ">=", r"\ne": "!=", r"\left|": "|", r"\right|": "|", r"\,": "\x03",
    r"\infty": "inf", r"\land": "and", r"\lor": "or", r"\lnot": "not ",
}
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_TOKEN = re.compile(
    r"\\(?:left|right)[(|)]|\\(?:begin|end)\{(?:cases|pmatrix)\}|\\text\{[^}]*\}|\\\\|\\[a-zA-Z]+|\\,|\s+|.", re.DOTALL
)
_CLOSERS = {
    "{": "}", r"\left(": r"\right)", r"\begin{cases}": r"\end{cases}", r"\begin{pmatrix}": r"\end{pmatrix}",
}  # fmt: skip
_LOOSE = re.compile("(\x03\\s*)?\x01([^\x01\x02]*)\x02(?=(\\s*\x03)?)")  # a fraction, and the products beside it


def plain_text(tex: str) -> str:
    r"""The LaTeX that `loss.latex()` writes as one line of text.

    Examples
    --------
    >>> plain_text(r"\frac{{r}^{2}}{2}")
    'r² / 2'
    """
    return _group(iter(_TOKEN.findall(tex)), stop=None)


def _group(tokens: Iterator[str], stop: str | None) -> str:
    """The text of the tokens up to `stop`."""
    parts: list[str] = []
    for token in tokens:
        if token == stop:
            break
        if token == "^":
            index = _argument(tokens)
            base = _tight(parts.pop()) if parts else ""
            parts.append(base + (index.translate(_RAISED) if index.isdigit() else "^" + _tight(index)))
        elif token == r"\frac":
            parts.append(f"\x01{_tight(_argument(tokens))} / {_tight(_argument(tokens))}\x02")
        elif token == r"\sqrt":
            parts.append(f"sqrt({_argument(tokens)})")
        elif token in _CLOSERS:
            inner = _group(tokens, _CLOSERS[token])
            table = _matrix if token == r"\begin{pmatrix}" else _cases
            parts.append({"{": inner, r"\left(": f"({inner})"}.get(token) or f"\x04{table(inner)}\x05")
        else:
            parts.append(_word(token))
    text = _LOOSE.sub(lambda m: f"{m[1]}({m[2]})" if m[1] else f"({m[2]})" if m[3] else m[2], "".join(parts)).strip()
    if text.count("\x04") == 1 and text[0] == "\x04" and text[-1] == "\x05":
        text = text[1:-1]
    text = text.replace("\x04", "[").replace("\x05", "]")
    return re.sub(r"\s+", " ", text.replace("\x03", " ")).strip()


def _argument(tokens: Iterator[str]) -> str:
    token = next(t for t in tokens if not t.isspace())
    return _group(tokens, "}") if token == "{" else _word(token)


def _word(token: str) -> str:
    if token.startswith(r"\text{"):
        return token[6:-1]
    if token in (r"\mathrm", r"\operatorname"):
        return ""
    return _WORDS.get(token) or (token[1:] if len(token) > 1 and token[1].isalpha() else token)


def _tight(text: str) -> str:
    """`text`, in parentheses unless it holds together by itself."""
    if re.fullmatch(r"[\w.']+|\|[^|]*\|", text):
        return text
    depths = [text[: i + 1].count("(") - text[: i + 1].count(")") for i in range(len(text))]
    call = re.match(r"\w*\(", text)
    closed = call is not None and text.endswith(")") and all(depths[call.end() - 1 : -1])
    return text if closed else f"({text})"


def _matrix(inner: str) -> str:
    return "; ".join(", ".join(cell.strip() for cell in row.split("&")) for row in inner.split("\\\\"))


def _cases(inner: str) -> str:
    rows = [re.sub(r"\s*&\s*", " ", row).strip() for row in inner.split("\\\\")]
    return ", ".join([*rows[:-1], f"else {rows[-1].removesuffix('otherwise').strip()}"])
