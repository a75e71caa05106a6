"""The loops of losses of a softmax: rows of scores to values and gradients, without a temporary beyond the gradient.

Few classes stand side by side, many rows a vector (`losskit.kernels.side_by_side` where a row has a label); of many
classes a row is done at a time, many classes a vector. The exponentials e_j of a row lack one power of two, that of the
highest, which is the row's `peak` and `lack` less than it should be; `rest` is the sum of all but one peak. The
probabilities are e_j / (peak + rest), and 1 - p_j comes from the sum of the others, never from a difference with 1.

A row's loss is sum_j u_j phi(s_j) + zeta lse^2, with s_j = lse - z_j the cross-entropy of class j, u_j its share times
its weight, and lse = log sum_j exp z_j. `table` has four numbers a class, as `losskit.softmax.Setting` has them (shift,
weight, smoothing, margin), then room for three more of the loops' own.
"""

# mypy: disable-error-code="call-arg,var-annotated"
# (an @intrinsic is declared with a typing context that its callers do not pass)

from typing import Any

from numba import float64, njit

from losskit.domains import SHARES_OFF
from losskit.kernels.elementary import (
    INF,
    NAN,
    add_fast,
    floor,
    fma,
    largest,
    log1p,
    maximum,
    minimum,
    scalar,
    smallest,
    two_sum,
)
from losskit.kernels.exponentials import base_of, far_exp, gap
from losskit.kernels.memory import space
from losskit.kernels.rows import FEW, SIDE, VECTOR
from losskit.kernels.select import select
from losskit.kernels.side_by_side import NEAR

_ROOM = FEW * SIDE
_STRIP = 64  # classes whose exponentials are one plain sum

loop = njit(error_model="numpy")


@scalar
def is_label(y: float, classes: int) -> bool:
    """Whether y is 0, 1 ... classes - 1."""
    return (y >= 0.0) & (y < classes) & (floor(y) == y)


@scalar
def gap_below(z: float, m: float) -> float:
    """m - z, and 0 where both are the same infinity."""
    return select(z == m, 0.0, m - z)


@scalar
def others_of(peak: float, lack: float, rest: float) -> float:
    """The rest over the peak and what it lacks."""
    inverse = 1.0 / peak
    others = rest * inverse
    return fma(fma(-others, peak, rest) - others * lack, inverse, others)


@scalar
def log_of_others(m: float, others: float) -> float:
    """The log of the sum of exponentials less m, which is that of the peak and what it lacks; nan where m is -inf."""
    return select(m > -INF, log1p(others), NAN)


@scalar
def log_of_sum(m: float, peak: float, lack: float, rest: float) -> float:
    """Both in one."""
    return log_of_others(m, others_of(peak, lack, rest))


@scalar
def of_all(peak: float, lack: float, rest: float) -> float:
    """1 over the sum of exponentials."""
    total = peak + rest
    inverse = 1.0 / total
    return fma(-inverse * (((peak - total) + rest) + lack), inverse, inverse)


@scalar
def without(x: float, peak: float, rest: float) -> float:
    """The sum of all exponentials but `x`."""
    return select(x == peak, rest, peak + (rest - x))


@scalar
def add_pair(sums: Any, x: float) -> None:
    sums[0], tail = two_sum(sums[0], x)
    sums[1] += select(tail == tail, tail, 0.0)  # nan beyond an infinite sum


@scalar
def by_label(
    m: float, log_sum: float, peak: float, lack: float, rest: float, own: float, x: float, weight: float, outer: float,
    scale: float, zeta: float, phi: Any, parameters: Any,
) -> tuple[float, float, float, float]:
    """Of a row whose own class has score `own` and exponential `x` (value, factor, pull, slope).

    Class j has the gradient factor (pull e_j), but `slope` if it is the row's own.
    """
    cost, slope = phi(gap_below(own, m) + log_sum, parameters)
    lse = m + log_sum
    extra = select(zeta == 0.0, 0.0, zeta * lse)
    value = weight * cost + select(zeta == 0.0, 0.0, extra * lse)
    steep = weight * slope
    pull = steep + 2.0 * extra
    factor = outer * scale * of_all(peak, lack, rest)
    slope = factor * ((pull - steep) * x - steep * without(x, peak, rest))
    return select(outer == 0.0, 0.0, outer * value), factor, pull, select(outer == 0.0, 0.0, slope)


@scalar
def higher(a: float, b: float) -> float:
    """The larger; a nan may be lost, but not among the exponentials."""
    return select(b > a, b, a)


@scalar
def deeper(a: float, b: float) -> float:
    """The smaller; a nan may be lost."""
    return select(b < a, b, a)


@scalar
def lower(x: float, peak: float) -> float:
    """An exponential below the peak, else 0."""
    return select(x == peak, 0.0, x)


@scalar
def top(x: float, peak: float) -> float:
    """1.0 where an exponential is the peak."""
    return select(x == peak, 1.0, 0.0)


@loop
def few_by_share(
    y: Any, f: Any, w: Any, v: Any, g: Any, table: Any, first: int, end: int, k: int, weighted: bool, valued: bool,
    graded: bool, plain: bool, scale: float, rate: float, zeta: float, kept: float, labelled: bool, near: Any,
    near_top: Any, phi: Any, parameters: Any,
) -> tuple[float, float]:
    """Rows `first` to `end`: the sum of their losses, and more than 0.0 if a target is none.

    A class has the share `kept` times the target's plus the class's smoothing; the target is a row of shares that sum
    to 1, or (`labelled`) a label.
    """
    z, e, u, sums = space(_ROOM), space(_ROOM), space(_ROOM), space(2)
    m, peak, lack, rest = space(SIDE), space(SIDE), space(SIDE), space(SIDE)
    value, total, outer = space(SIDE), space(SIDE), space(SIDE)
    sums[0] = sums[1] = 0.0
    outside = 0.0
    for base in range(first, end, SIDE):
        n = min(SIDE, end - base)
        for r in range(n):
            row = base + r
            outer[r] = float64(w[row]) if weighted else 1.0
            yi = float64(y[row]) if labelled else -1.0
            shares, least = 0.0, 0.0
            for j in range(k):
                t = select(yi == j, 1.0, 0.0) if labelled else float64(y[row * k + j])
                shares += t
                least = select(t < least, t, least)
                z[j * SIDE + r] = e[j * SIDE + r] = (float64(f[row * k + j]) + table[j]) * rate
                u[j * SIDE + r] = table[k + j] * fma(kept, t, table[2 * k + j])
            outside = select(((abs(shares - 1.0) <= SHARES_OFF) & (least == 0.0)) | (outer[r] == 0.0), outside, 1.0)
        _spread(e, m, peak, lack, rest, value, total, n, k, near, near_top)
        _by_share(z, e, u, m, peak, lack, rest, value, total, outer, n, k, scale, zeta, phi, parameters)
        for r in range(n):
            add_pair(sums, value[r])
            if valued:
                v[base + r] = value[r]
            if graded:
                for j in range(k):
                    g[(base + r) * k + j] = u[j * SIDE + r]
    return sums[0] + sums[1], outside


@scalar
def _spread(
    e: Any, m: Any, peak: Any, lack: Any, rest: Any, lowest: Any, total: Any, n: int, k: int, near: Any, near_top: Any
) -> None:
    """Scores in `e` to their exponentials; the highest score in `m`, the highest exponential and the rest."""
    for r in range(n):
        m[r] = -INF
        lowest[r] = INF
        total[r] = 0.0
    for j in range(k):
        for r in range(n):
            z = e[j * SIDE + r]
            m[r] = higher(m[r], z)
            lowest[r] = deeper(lowest[r], z)
            total[r] += z
    least = 0.0
    for r in range(n):
        least = minimum(least, gap(m[r], lowest[r], total[r]))
        rest[r] = base_of(m[r])
    if least >= NEAR:
        for j in range(k):
            for r in range(n):
                e[j * SIDE + r] = near(e[j * SIDE + r], rest[r])
        for r in range(n):
            peak[r], lack[r] = near_top(m[r], rest[r])
    else:
        for j in range(k):
            for r in range(n):
                e[j * SIDE + r] = far_exp(e[j * SIDE + r], m[r])
        for r in range(n):
            peak[r] = 1.0
            lack[r] = 0.0
    for j in range(k, (k + 3) // 4 * 4):
        for r in range(n):
            e[j * SIDE + r] = 0.0
    for r in range(n):
        rest[r] = 0.0
        total[r] = -1.0
    for j in range(0, k, 4):  # by fours, as with labels
        for r in range(n):
            a, b, c, d = e[j * SIDE + r], e[(j + 1) * SIDE + r], e[(j + 2) * SIDE + r], e[(j + 3) * SIDE + r]
            p = peak[r]
            total[r] += (top(a, p) + top(b, p)) + (top(c, p) + top(d, p))
            rest[r] += (lower(a, p) + lower(b, p)) + (lower(c, p) + lower(d, p))
    for r in range(n):
        rest[r] += total[r] * peak[r]


@scalar
def _by_share(
    z: Any, e: Any, u: Any, m: Any, peak: Any, lack: Any, rest: Any, value: Any, total: Any, outer: Any, n: int, k: int,
    scale: float, zeta: float, phi: Any, parameters: Any,
) -> None:
    """Losses into `value` and gradients into `u`, from scores, exponentials and shares."""
    for r in range(n):
        value[r] = 0.0
        total[r] = 0.0
    for j in range(k):
        for r in range(n):
            at = j * SIDE + r
            cost, slope = phi(gap_below(z[at], m[r]) + log_of_sum(m[r], peak[r], lack[r], rest[r]), parameters)
            share = u[at]
            value[r] += select(share == 0.0, 0.0 * rest[r], share * cost)
            u[at] = select(share == 0.0, 0.0, share * slope)
            total[r] += u[at]
    for r in range(n):
        lse = m[r] + log_of_sum(m[r], peak[r], lack[r], rest[r])
        extra = select(zeta == 0.0, 0.0, zeta * lse)
        value[r] = select(outer[r] != 0.0, outer[r] * (value[r] + select(zeta == 0.0, 0.0, extra * lse)), 0.0)
        m[r] = outer[r] * scale * of_all(peak[r], lack[r], rest[r])
        total[r] += 2.0 * extra
    for j in range(k):
        for r in range(n):
            at = j * SIDE + r
            slope = (total[r] - u[at]) * e[at] - u[at] * without(e[at], peak[r], rest[r])
            u[at] = select(outer[r] == 0.0, 0.0, m[r] * slope)


@loop
def many_by_label(
    y: Any, f: Any, w: Any, v: Any, g: Any, table: Any, first: int, end: int, k: int, weighted: bool, valued: bool,
    graded: bool, plain: bool, scale: float, rate: float, zeta: float, side: int, near: Any, near_top: Any, phi: Any,
    parameters: Any,
) -> tuple[float, float]:
    """Rows `first` to `end` with a label each, see `few_by_share`: a row at a time but for what a row has once.

    That is done for `side` rows together, whose exponentials the table holds.
    """
    sums, wide = space(2), (k + VECTOR - 1) // VECTOR * VECTOR
    m, peak, lack, rest, own, x = space(SIDE), space(SIDE), space(SIDE), space(SIDE), space(SIDE), space(SIDE)
    log_sum, weight, outer, at = space(SIDE), space(SIDE), space(SIDE), space(SIDE)
    value, factor, pull, slope = space(SIDE), space(SIDE), space(SIDE), space(SIDE)
    sums[0] = sums[1] = 0.0
    outside = 0.0
    for base in range(first, end, side):
        n = min(side, end - base)
        for r in range(n):
            row, powers = base + r, (5 + r) * wide
            outer[r] = float64(w[row]) if weighted else 1.0
            yi = float64(y[row])
            good = is_label(yi, k)
            outside = select(good | (outer[r] == 0.0), outside, 1.0)
            at[r] = select(good, yi, 0.0)
            label = int(at[r])
            m[r], peak[r], lack[r], rest[r] = _centred(
                f, row, table, k, wide, powers, plain, rate, label, near, near_top
            )
            own[r], x[r], weight[r] = table[4 * wide + label], table[powers + label], table[wide + label]
        for r in range(n):
            log_sum[r] = others_of(peak[r], lack[r], rest[r])
        for r in range(n):
            log_sum[r] = log_of_others(m[r], log_sum[r])
        for r in range(n):
            value[r], factor[r], pull[r], slope[r] = by_label(
                m[r], log_sum[r], peak[r], lack[r], rest[r], own[r], x[r], weight[r], outer[r], scale, zeta, phi,
                parameters,
            )
        for r in range(n):
            add_pair(sums, value[r])
            if valued:
                v[base + r] = value[r]
        for r in range(n if graded else 0):
            row, powers, factor_i, pull_i, none = base + r, (5 + r) * wide, factor[r], pull[r], outer[r] == 0.0
            for j in range(k):
                g[row * k + j] = select(none, 0.0, factor_i * (pull_i * table[powers + j]))
            g[row * k + int(at[r])] = slope[r]
    return sums[0] + sums[1], outside


@loop
def many_by_share(
    y: Any, f: Any, w: Any, v: Any, g: Any, table: Any, first: int, end: int, k: int, weighted: bool, valued: bool,
    graded: bool, plain: bool, scale: float, rate: float, zeta: float, kept: float, labelled: bool, near: Any,
    near_top: Any, phi: Any, parameters: Any,
) -> tuple[float, float]:
    """As `few_by_share`, a row at a time."""
    sums = space(2)
    wide = (k + VECTOR - 1) // VECTOR * VECTOR
    sums[0] = sums[1] = 0.0
    outside = 0.0
    for row in range(first, end):
        outer = float64(w[row]) if weighted else 1.0
        yi = float64(y[row]) if labelled else -1.0
        m, peak, lack, rest = _centred(f, row, table, k, wide, 5 * wide, plain, rate, 0, near, near_top)
        log_sum = log_of_sum(m, peak, lack, rest)
        value, shares, least, total = 0.0, 0.0, 0.0, 0.0
        for j in range(k):
            t = select(yi == j, 1.0, 0.0) if labelled else float64(y[row * k + j])
            shares += t
            least = select(t < least, t, least)
            share = table[wide + j] * fma(kept, t, table[2 * wide + j])
            cost, slope = phi(gap_below(table[4 * wide + j], m) + log_sum, parameters)
            value += select(share == 0.0, log_sum * 0.0, share * cost)
            table[6 * wide + j] = select(share == 0.0, 0.0, share * slope)
            total += table[6 * wide + j]
        outside = select(((abs(shares - 1.0) <= SHARES_OFF) & (least == 0.0)) | (outer == 0.0), outside, 1.0)
        lse = m + log_sum
        extra = zeta * lse if zeta != 0.0 else 0.0
        value += extra * lse if zeta != 0.0 else 0.0
        value = outer * value if outer != 0.0 else 0.0
        add_pair(sums, value)
        if valued:
            v[row] = value
        factor = outer * scale * of_all(peak, lack, rest)
        total += 2.0 * extra
        for j in range(k if graded else 0):
            x, u = table[5 * wide + j], table[6 * wide + j]
            slope = (total - u) * x - u * without(x, peak, rest)
            g[row * k + j] = select(outer == 0.0, 0.0, factor * slope)
    return sums[0] + sums[1], outside


@scalar
def _centred(
    f: Any, row: int, table: Any, k: int, wide: int, powers: int, plain: bool, rate: float, label: int, near: Any,
    near_top: Any,
) -> tuple[float, float, float, float]:
    """A row's scores, less the margin of the class `label`, and from `powers` their exponentials.

    Returns (m, peak, lack, rest).
    """
    scores = 4 * wide
    m, lowest, total = -INF, INF, 0.0
    for j in range(k):
        table[scores + j] = float64(f[row * k + j])
    for j in range(0 if plain else k):
        table[scores + j] = (table[scores + j] + table[j]) * rate
    for j in range(k):
        z = table[scores + j]
        m = largest(m, z)
        lowest = smallest(lowest, z)
        total = add_fast(total, z)
    least = -INF
    if total == total:  # else m and lowest are anything
        margin = table[3 * wide + label] * rate
        if margin != 0.0:
            table[scores + label] -= margin
            lowest = min(lowest, table[scores + label])
            m = -INF
            for j in range(k):
                m = largest(m, table[scores + j])
        least = gap(m, lowest, total)
    for j in range(k, wide):  # whole vectors
        table[scores + j] = m
    if least >= NEAR:
        base = base_of(m)
        peak, lack = near_top(m, base)
        for j in range(wide):
            table[powers + j] = near(table[scores + j], base)
    else:
        m, peak, lack = -INF, 1.0, 0.0
        for j in range(k):
            m = maximum(m, table[scores + j])
        for j in range(wide):
            table[powers + j] = far_exp(table[scores + j], m)
    for j in range(k, wide):
        table[powers + j] = 0.0
    return m, peak, lack, _rest(table, powers, peak, wide)


@scalar
def _rest(table: Any, powers: int, peak: float, wide: int) -> float:
    """The sum of all exponentials but one peak, which are counted apart: beside them the others may be small."""
    ones, rest = -1.0, 0.0
    for start in range(0, wide, _STRIP):
        part, count = 0.0, 0.0
        for j in range(start, min(start + _STRIP, wide)):
            part = add_fast(part, lower(table[powers + j], peak))
            count = add_fast(count, top(table[powers + j], peak))
        ones += count
        rest += part
    return rest + ones * peak
