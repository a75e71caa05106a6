"""A reader of the LaTeX that losskit writes: text in, a function of named mpmath numbers out.

It knows the usual reading of mathematics (precedence, implicit products, cases) and nothing of losskit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import mpmath

Env = Mapping[str, Any]
Expression = Callable[[Env], Any]
_TOKEN = re.compile(
    r"\\left[(|]|\\right[)|]|\\begin\{[a-z]+\}|\\end\{[a-z]+\}|\\text\{[^}]*\}|\\mathrm\{[^}]*\}|\\operatorname\{[^}]*\}"
    r"|\\\\|\\,|\\[a-zA-Z]+|\d+(?:\.\d+)?|[a-zA-Z]|[-+*/^_{}(),&=<>|']"
)


def _tempered(x: Any, t: Any) -> Any:
    """The p whose tempered logarithm is x above that of 1 - p."""
    k = t - 1
    logit = mpmath.findroot(lambda u: ((1 + mpmath.exp(u)) ** k - (1 + mpmath.exp(-u)) ** k) / k - x, x)
    return 1 / (1 + mpmath.exp(-logit))


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    r"\log": mpmath.log,
    r"\tanh": mpmath.tanh,
    r"\arctan": mpmath.atan,
    r"\cosh": mpmath.cosh,
    r"\sin": mpmath.sin,
    r"\cos": mpmath.cos,
    r"\operatorname{sgn}": mpmath.sign,
    r"\max": max,
    r"\min": min,
    r"\operatorname{sech}": mpmath.sech,
    r"\operatorname{tempered}": _tempered,
    r"\Phi": mpmath.ncdf,
    r"\varphi": mpmath.npdf,
    r"\psi": mpmath.digamma,
    r"\psi'": lambda x: mpmath.psi(1, x),
    r"\sigma": lambda x: 1 / (1 + mpmath.exp(-x)),
    r"\sigma'": lambda x: 1 / ((1 + mpmath.exp(-x)) * (1 + mpmath.exp(x))),
}
_COMPARE = {
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    r"\le": lambda a, b: a <= b,
    r"\ge": lambda a, b: a >= b,
    r"\ne": lambda a, b: a != b,
    "=": lambda a, b: a == b,
}


class Reader:
    """Recursive descent over the tokens of one formula."""

    def __init__(self, text: str):
        self.tokens = _TOKEN.findall(text)
        left = _TOKEN.sub("", text).strip()
        if left:
            raise ValueError(f"unread: {left!r} in {text!r}")
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, expected: str | None = None) -> str:
        token = self.peek()
        if expected is not None and token != expected:
            raise ValueError(f"expected {expected!r}, found {token!r} at {self.tokens[self.at : self.at + 5]}")
        self.at += 1
        return token

    def whole(self) -> Expression:
        result = self.sum()
        if self.peek():
            raise ValueError(f"left over: {self.tokens[self.at :]}")
        return result

    def sum(self) -> Expression:
        result = self.product()
        while self.peek() in ("+", "-"):
            sign, left, right = self.take(), result, self.product()
            result = (
                (lambda a, b: lambda env: a(env) + b(env))(left, right)
                if sign == "+"
                else (lambda a, b: lambda env: a(env) - b(env))(left, right)
            )
        return result

    def product(self) -> Expression:
        if self.peek() == "-":
            self.take()
            inner = self.product()
            return lambda env: -inner(env)
        result = self.powered()
        while self.peek() in (r"\,", "/", r"\cdot"):
            operator, left, right = self.take(), result, self.powered()
            result = (
                (lambda a, b: lambda env: a(env) / b(env))(left, right)
                if operator == "/"
                else (lambda a, b: lambda env: a(env) * b(env))(left, right)
            )
        return result

    def powered(self) -> Expression:
        base = self.atom()
        if self.peek() == "^":
            self.take()
            exponent = self.group()
            return lambda env: mpmath.power(base(env), exponent(env))
        return base

    def group(self) -> Expression:
        self.take("{")
        inner = self.sum()
        self.take("}")
        return inner

    def atom(self) -> Expression:
        token = self.peek()
        if token == "{":
            return self.group()
        self.take()
        if token[0].isdigit():
            return lambda env: mpmath.mpf(token)
        if token == r"\infty":
            return lambda env: mpmath.inf
        if token == r"\frac":
            top, bottom = self.group(), self.group()
            return lambda env: top(env) / bottom(env)
        if token == r"\sqrt":
            inner = self.group()
            return lambda env: mpmath.sqrt(inner(env))
        if token == r"\left(":
            inner = self.sum()
            self.take(r"\right)")
            return inner
        if token == r"\left|":
            inner = self.sum()
            self.take(r"\right|")
            return lambda env: abs(inner(env))
        if token == r"\begin{cases}":
            return self.cases()
        if token == r"\begin{pmatrix}":
            return self.matrix()
        if token == "e" and self.peek() == "^":
            self.take()
            exponent = self.group()
            return lambda env: mpmath.exp(exponent(env))
        if token == r"\log" and self.peek() in (r"\cosh", r"\Gamma"):
            act = mpmath.loggamma if self.take() == r"\Gamma" else lambda x: mpmath.log(mpmath.cosh(x))
            inner = self.arguments()[0]
            return lambda env: act(inner(env))
        return (
            self.function(token) if token in _FUNCTIONS and self.peek() in (r"\left(", "^", "'") else self.name(token)
        )

    def function(self, token: str) -> Expression:
        if self.peek() == "'":
            token += self.take()
        power = None
        if self.peek() == "^":
            self.take()
            power = self.group()
        arguments = self.arguments()
        act = _FUNCTIONS[token]
        if power is None:
            return lambda env: act(*(a(env) for a in arguments))
        return lambda env: act(*(a(env) for a in arguments)) ** power(env)

    def arguments(self) -> list[Expression]:
        self.take(r"\left(")
        found = [self.sum()]
        while self.peek() == ",":
            self.take()
            found.append(self.sum())
        self.take(r"\right)")
        return found

    def name(self, token: str) -> Expression:
        key = token[8:-1].replace(" ", "_") if token.startswith(r"\mathrm") else token.lstrip("\\")
        return lambda env: env[key]

    def cases(self) -> Expression:
        rows: list[tuple[Expression, Expression | None]] = []
        while True:
            value = self.sum()
            self.take("&")
            word = self.take()
            rows.append((value, self.condition() if "if" in word else None))
            if self.take() == r"\end{cases}":
                break

        def choose(env: Env) -> Any:
            return next(value(env) for value, test in rows if test is None or test(env))

        return choose

    def matrix(self) -> Expression:
        """The entries of a matrix, row by row."""
        entries = [self.sum()]
        while self.take() != r"\end{pmatrix}":
            entries.append(self.sum())
        return lambda env: [entry(env) for entry in entries]

    def condition(self) -> Expression:
        result = self.conjunction()
        while self.peek() == r"\vee":
            self.take()
            result = (lambda a, b: lambda env: a(env) or b(env))(result, self.conjunction())
        return result

    def conjunction(self) -> Expression:
        result = self.statement()
        while self.peek() == r"\wedge":
            self.take()
            result = (lambda a, b: lambda env: a(env) and b(env))(result, self.statement())
        return result

    def statement(self) -> Expression:
        """A comparison, or a condition in parentheses; which of them shows only after the parenthesis."""
        if self.peek() != r"\left(":
            return self.comparison()
        start = self.at
        try:
            return self.comparison()
        except (KeyError, ValueError):
            self.at = start
            self.take()
            inner = self.condition()
            self.take(r"\right)")
            return inner

    def comparison(self) -> Expression:
        left = self.sum()
        compare = _COMPARE[self.take()]
        right = self.sum()
        return lambda env: compare(left(env), right(env))


def read(text: str) -> Expression:
    """The value of a formula as a function of its names."""
    return Reader(text).whole()
