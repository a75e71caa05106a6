"""The loops of losses of a softmax: rows of scores to values and gradients, without a temporary beyond the gradient.

Few classes stand side by side, many rows a vector; of many classes a row is done at a time, many classes a vector. Of
scores z with maximum m, e_j = exp(z_j - m) with what the difference rounds away put back. The probabilities are
e_j / (1 + others), and 1 - p_j comes from the sum of the others, never from a difference with 1.

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
    EXP_FROM_SQUARE,
    INF,
    LN2_HEAD,
    LN2_TAIL,
    LOG2E,
    NAN,
    SHIFTER,
    add_fast,
    floor,
    fma,
    from_bits,
    log1p,
    maximum,
    minimum,
    polynomial,
    scalar,
    scale_exp,
    to_bits,
    two_sum,
)
from losskit.kernels.memory import space
from losskit.kernels.rows import FEW, SIDE, VECTOR
from losskit.kernels.select import select

_ROOM = FEW * SIDE
NEAR = -708.0  # below it e^x has no normal number
PAD = -707.0  # of a place that no class has, to fill a vector
FILLED = 1e-280  # beside more than this what such places add is nothing
_STRIP = 64  # classes whose exponentials are one plain sum

loop = njit(error_model="numpy")


@scalar
def centred_exp(z: float, m: float) -> float:
    """e^(z - m) for z <= m (1.5 ulp): the difference in two parts, the second added to the reduced argument."""
    d = z - m
    v = d - z
    tail = (z - (d - v)) - (m + v)
    d = select(d < -746.0, -746.0, d)
    n = fma(d, LOG2E, SHIFTER) - SHIFTER
    r = fma(n, -LN2_TAIL, fma(n, -LN2_HEAD, d)) + select(d > -746.0, tail, 0.0)
    return scale_exp(fma(r * r, polynomial(r, EXP_FROM_SQUARE), r) + 1.0, n)


@scalar
def near_exp(z: float, m: float) -> float:
    """As `centred_exp`, in three quarters of its time, where z - m >= NEAR; anything elsewhere."""
    d = z - m
    v = d - z
    tail = (z - (d - v)) - (m + v)
    shifted = fma(d, LOG2E, SHIFTER)
    n = shifted - SHIFTER
    r = fma(n, -LN2_TAIL, fma(n, -LN2_HEAD, d)) + tail
    x = fma(r * r, polynomial(r, EXP_FROM_SQUARE), r) + 1.0
    return from_bits(to_bits(x) + (to_bits(shifted) << 52))  # the low bits of `shifted` are n, those of x its exponent


@scalar
def is_label(y: float, classes: int) -> bool:
    """Whether y is 0, 1 ... classes - 1."""
    return (y >= 0.0) & (y < classes) & (floor(y) == y)


@scalar
def gap_below(z: float, m: float) -> float:
    """m - z, and 0 where both are the same infinity."""
    return select(z == m, 0.0, m - z)


@scalar
def log_of_sum(m: float, others: float) -> float:
    """log(1 + others), the log of the sum of exponentials less m; nan where no class has a score."""
    return select(m > -INF, log1p(others), NAN)


@scalar
def without(x: float, others: float) -> float:
    """The sum of all exponentials but `x`: of the highest `others` are left; among those of a lower one is the 1."""
    return select(x == 1.0, others, 1.0 + (others - x))


@scalar
def _add(sums: Any, x: float) -> None:
    sums[0], tail = two_sum(sums[0], x)
    sums[1] += select(tail == tail, tail, 0.0)  # nan beyond an infinite sum


@loop
def few_by_label(
    y: Any, f: Any, w: Any, v: Any, g: Any, table: Any, first: int, end: int, k: int, weighted: bool, valued: bool,
    graded: bool, scale: float, rate: float, zeta: float, phi: Any, parameters: Any,
) -> tuple[float, float]:
    """Rows `first` to `end` with a label each: the sum of their losses, and more than 0.0 if a label is none."""
    e, m, own, others, lost, ones = space(_ROOM), space(SIDE), space(SIDE), space(SIDE), space(SIDE), space(SIDE)
    at, weight, outer, steep, total, wrong = (
        space(SIDE), space(SIDE), space(SIDE), space(SIDE), space(SIDE), space(SIDE)
    )  # fmt: skip
    sums = space(2)
    sums[0] = sums[1] = 0.0
    for r in range(SIDE):
        wrong[r] = 0.0
    for base in range(first, end, SIDE):
        n = min(SIDE, end - base)
        for r in range(n):
            yi = float64(y[base + r])
            outer[r] = float64(w[base + r]) if weighted else 1.0
            good = is_label(yi, k)
            wrong[r] = select(good | (outer[r] == 0.0), wrong[r], 1.0)
            at[r] = select(good, yi, 0.0)
        for j in range(k):
            for r in range(n):
                e[j * SIDE + r] = (float64(f[(base + r) * k + j]) + table[j]) * rate
        for r in range(n):
            label = int(at[r])
            e[label * SIDE + r] -= table[3 * k + label] * rate
            own[r], weight[r] = e[label * SIDE + r], table[k + label]
        _spread(e, m, others, lost, ones, n, k)
        for r in range(n):
            log_sum = log_of_sum(m[r], others[r])
            cost, slope = phi(gap_below(own[r], m[r]) + log_sum, parameters)
            lse = m[r] + log_sum
            extra = select(zeta == 0.0, 0.0, zeta * lse)
            value = weight[r] * cost + select(zeta == 0.0, 0.0, extra * lse)
            own[r] = select(outer[r] == 0.0, 0.0, outer[r] * value)
            steep[r] = weight[r] * slope
            weight[r] = outer[r] * scale * (1.0 / (1.0 + others[r]))
            total[r] = steep[r] + 2.0 * extra
        part = 0.0
        for r in range(n):
            part = add_fast(part, own[r])
        _add(sums, part)
        if valued:
            for r in range(n):
                v[base + r] = own[r]
        if graded:
            _by_label(e, others, own, at, outer, weight, steep, total, n, k)
            for j in range(k):
                for r in range(n):
                    g[(base + r) * k + j] = e[j * SIDE + r]
    outside = 0.0
    for r in range(SIDE):
        outside += wrong[r]
    return sums[0] + sums[1], outside


@scalar
def _spread(e: Any, m: Any, s: Any, lost: Any, ones: Any, n: int, k: int) -> None:
    """Scores in `e` to their centred exponentials; their maximum in `m`, and in `s` the sum of all but one of those."""
    for r in range(n):
        m[r] = -INF
        lost[r] = INF  # the lowest, for a while
    for j in range(k):
        for r in range(n):
            z = e[j * SIDE + r]
            m[r] = maximum(m[r], z)
            lost[r] = minimum(lost[r], z)
    least = 0.0
    for r in range(n):
        least = minimum(least, lost[r] - m[r])
        s[r] = 0.0
        lost[r] = 0.0
        ones[r] = -1.0
    near = least >= NEAR  # not where one is nan
    for j in range(k if near else 0):
        for r in range(n):
            e[j * SIDE + r] = near_exp(e[j * SIDE + r], m[r])
    for j in range(0 if near else k):
        for r in range(n):
            z = e[j * SIDE + r]
            e[j * SIDE + r] = select(z == m[r], 1.0, centred_exp(z, m[r]))
    for j in range(k):
        for r in range(n):  # the highest are counted apart, and the rest summed as Kahan does
            x = e[j * SIDE + r]
            ones[r] += select(x == 1.0, 1.0, 0.0)
            x = select(x == 1.0, 0.0, x) - lost[r]
            more = s[r] + x
            lost[r] = (more - s[r]) - x
            s[r] = more
    for r in range(n):
        s[r] += ones[r]


@scalar
def _by_label(
    e: Any, others: Any, own: Any, at: Any, outer: Any, factor: Any, steep: Any, total: Any, n: int, k: int
) -> None:  # fmt: skip
    """Exponentials in `e` to gradients: p_j times the slope, and -(1 - p_j) times it for the row's own class."""
    for r in range(n):
        x = e[int(at[r]) * SIDE + r]
        slope = (total[r] - steep[r]) * x - steep[r] * without(x, others[r])
        own[r] = select(outer[r] == 0.0, 0.0, factor[r] * slope)
    for j in range(k):
        for r in range(n):
            e[j * SIDE + r] = select(outer[r] == 0.0, 0.0, factor[r] * (total[r] * e[j * SIDE + r]))
    for r in range(n):
        e[int(at[r]) * SIDE + r] = own[r]


@loop
def few_by_share(
    y: Any, f: Any, w: Any, v: Any, g: Any, table: Any, first: int, end: int, k: int, weighted: bool, valued: bool,
    graded: bool, scale: float, rate: float, zeta: float, kept: float, labelled: bool, phi: Any, parameters: Any,
) -> tuple[float, float]:
    """As `few_by_label` with a share of each class: `kept` times the target's, plus the class's smoothing.

    The target is a row of shares that sum to 1, or (`labelled`) a label.
    """
    z, e, u, sums = space(_ROOM), space(_ROOM), space(_ROOM), space(2)
    m, others, value, total, outer = space(SIDE), space(SIDE), space(SIDE), space(SIDE), space(SIDE)
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
        _spread(e, m, others, value, total, n, k)
        _by_share(z, e, u, m, others, value, total, outer, n, k, scale, zeta, phi, parameters)
        for r in range(n):
            _add(sums, value[r])
            if valued:
                v[base + r] = value[r]
            if graded:
                for j in range(k):
                    g[(base + r) * k + j] = u[j * SIDE + r]
    return sums[0] + sums[1], outside


@scalar
def _by_share(
    z: Any, e: Any, u: Any, m: Any, others: Any, value: Any, total: Any, outer: Any, n: int, k: int, scale: float,
    zeta: float, phi: Any, parameters: Any,
) -> None:
    """Losses into `value` and gradients into `u`, from scores, exponentials and shares."""
    for r in range(n):
        value[r] = 0.0
        total[r] = 0.0
    for j in range(k):
        for r in range(n):
            at = j * SIDE + r
            cost, slope = phi(gap_below(z[at], m[r]) + log_of_sum(m[r], others[r]), parameters)
            share = u[at]
            value[r] += select(share == 0.0, 0.0 * others[r], share * cost)
            u[at] = select(share == 0.0, 0.0, share * slope)
            total[r] += u[at]
    for r in range(n):
        lse = m[r] + log_of_sum(m[r], others[r])
        extra = select(zeta == 0.0, 0.0, zeta * lse)
        value[r] = select(outer[r] != 0.0, outer[r] * (value[r] + select(zeta == 0.0, 0.0, extra * lse)), 0.0)
        m[r] = outer[r] * scale * (1.0 / (1.0 + others[r]))
        total[r] += 2.0 * extra
    for j in range(k):
        for r in range(n):
            at = j * SIDE + r
            slope = (total[r] - u[at]) * e[at] - u[at] * without(e[at], others[r])
            u[at] = select(outer[r] == 0.0, 0.0, m[r] * slope)


@loop
def many_by_label(
    y: Any, f: Any, w: Any, v: Any, g: Any, table: Any, first: int, end: int, k: int, weighted: bool, valued: bool,
    graded: bool, scale: float, rate: float, zeta: float, phi: Any, parameters: Any,
) -> tuple[float, float]:
    """As `few_by_label`, a row at a time."""
    sums = space(2)
    wide = (k + VECTOR - 1) // VECTOR * VECTOR
    sums[0] = sums[1] = 0.0
    outside = 0.0
    for row in range(first, end):
        outer = float64(w[row]) if weighted else 1.0
        yi = float64(y[row])
        good = is_label(yi, k)
        outside = select(good | (outer == 0.0), outside, 1.0)
        label = int(select(good, yi, 0.0))
        m = _load(f, row, table, k, wide, rate, label)
        others = _centred(table, m, k, wide)
        log_sum = log_of_sum(m, others)
        lse = m + log_sum
        extra = zeta * lse if zeta != 0.0 else 0.0
        cost, slope = phi(gap_below(table[4 * wide + label], m) + log_sum, parameters)
        value = table[wide + label] * cost + (extra * lse if zeta != 0.0 else 0.0)
        value = outer * value if outer != 0.0 else 0.0
        _add(sums, value)
        if valued:
            v[row] = value
        if graded:
            factor = outer * scale * (1.0 / (1.0 + others))
            steep, x = table[wide + label] * slope, table[5 * wide + label]
            total = steep + 2.0 * extra
            for j in range(k):
                g[row * k + j] = select(outer == 0.0, 0.0, factor * (total * table[5 * wide + j]))
            own = factor * ((total - steep) * x - steep * without(x, others))
            g[row * k + label] = select(outer == 0.0, 0.0, own)
    return sums[0] + sums[1], outside


@loop
def many_by_share(
    y: Any, f: Any, w: Any, v: Any, g: Any, table: Any, first: int, end: int, k: int, weighted: bool, valued: bool,
    graded: bool, scale: float, rate: float, zeta: float, kept: float, labelled: bool, phi: Any, parameters: Any,
) -> tuple[float, float]:
    """As `few_by_share`, a row at a time."""
    sums = space(2)
    wide = (k + VECTOR - 1) // VECTOR * VECTOR
    sums[0] = sums[1] = 0.0
    outside = 0.0
    for row in range(first, end):
        outer = float64(w[row]) if weighted else 1.0
        yi = float64(y[row]) if labelled else -1.0
        m = _load(f, row, table, k, wide, rate, 0)
        others = _centred(table, m, k, wide)
        log_sum = log_of_sum(m, others)
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
        _add(sums, value)
        if valued:
            v[row] = value
        factor = outer * scale * (1.0 / (1.0 + others))
        total += 2.0 * extra
        for j in range(k if graded else 0):
            x, u = table[5 * wide + j], table[6 * wide + j]
            slope = (total - u) * x - u * without(x, others)
            g[row * k + j] = select(outer == 0.0, 0.0, factor * slope)
    return sums[0] + sums[1], outside


@scalar
def _load(f: Any, row: int, table: Any, k: int, wide: int, rate: float, label: int) -> float:
    """A row's scores into `table`, less the margin of the class `label`; their maximum."""
    scores = 4 * wide
    m = -INF
    for j in range(k):
        z = (float64(f[row * k + j]) + table[j]) * rate
        table[scores + j] = z
        m = maximum(m, z)
    if table[3 * wide + label] != 0.0:
        table[scores + label] -= table[3 * wide + label] * rate
        m = -INF
        for j in range(k):
            m = maximum(m, table[scores + j])
    for j in range(k, wide):  # whole vectors; nan sends them the long way
        table[scores + j] = m + PAD if abs(m) < 1e9 else NAN
    return m


@scalar
def _centred(table: Any, m: float, k: int, wide: int) -> float:
    """The exponentials of a row's scores less their maximum `m`, left behind them; the sum of all but one of them."""
    scores, powers = 4 * wide, 5 * wide
    s, lost = -1.0, 0.0
    for start in range(0, k, _STRIP):
        end = min(start + _STRIP, k)
        part, highest, least = 0.0, 0.0, 0.0
        for j in range(start, min(start + _STRIP, wide)):
            z = table[scores + j]
            x = near_exp(z, m)
            least = minimum(least, z - m)
            part = add_fast(part, x)
            table[powers + j] = x
        near = least >= NEAR  # not where one is nan
        if not near:
            for j in range(start, end):
                z = table[scores + j]
                table[powers + j] = select(z == m, 1.0, centred_exp(z, m))
        if not (near & (part < 1.0) & (part > FILLED)):
            part = 0.0  # beside the highest the rest may be small: they are counted apart
            for j in range(start, end):
                x = table[powers + j]
                part = add_fast(part, select(x == 1.0, 0.0, x))
                highest = add_fast(highest, select(x == 1.0, 1.0, 0.0))
        s += highest
        lost += part
    return s + lost
