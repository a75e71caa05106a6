"""More rows of the table: what scores of a location and a scale are made of."""

from __future__ import annotations

from typing import Any

from losskit.calculus.graph import where
from losskit.calculus.table import _row as row
from losskit.calculus.table import mul_exp

# of the distance of y from m in scales e^t, with the derivatives of one side where it is 0
_DISTANCE = r"\left|{0:0} - {1:1}\right| \, e^{{-{2:1}}}"
decay: Any = row("decay", "e^{{-" + _DISTANCE + "}}", binds=3,
            partials=(None, lambda y, m, t: mul_exp(where(y > m, 1.0, -1.0) * decay(y, m, t), -1.0, t),
                      lambda y, m, t: mul_exp(distance(y, m), -1.0, t) * decay(y, m, t)),
            exact=lambda mp, y, m, t: mp.exp(-abs(y - m) * mp.exp(-t)))
bell: Any = row("bell", r"\varphi\left(" + _DISTANCE + r"\right)",
           partials=(None, lambda y, m, t: mul_exp(mul_exp(y - m, -1.0, t) * bell(y, m, t), -1.0, t),
                     lambda y, m, t: mul_exp(y - m, -1.0, t) ** 2.0 * bell(y, m, t)),
           exact=lambda mp, y, m, t: mp.npdf((y - m) * mp.exp(-t)))
# their square roots, but for a constant: products with them do not underflow too early
half_decay = row("half_decay", "e^{{-" + _DISTANCE + " / 2}}", binds=3, partials=(None, None, None),
                 exact=lambda mp, y, m, t: mp.exp(-abs(y - m) * mp.exp(-t) / 2))
half_bell = row("half_bell", r"e^{{-{{\left(" + _DISTANCE + r"\right)}}^{{2}} / 4}}", binds=3,
                partials=(None, None, None), exact=lambda mp, y, m, t: mp.exp(-(((y - m) * mp.exp(-t)) ** 2) / 4))


def distance(y: Any, m: Any) -> Any:
    """|y - m|, with the derivatives of one side at 0: for what is smooth there."""
    return where(y > m, y - m, m - y)
