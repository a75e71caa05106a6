"""Exponentials of a row's scores over one power of two, that of the highest, in double and for single precision."""

# mypy: disable-error-code="call-arg,var-annotated"
# (an @intrinsic is declared with a typing context that its callers do not pass)

from typing import Any

from losskit.kernels.elementary import (
    EXP_FROM_SQUARE,
    INF,
    LN2,
    LN2_HEAD,
    LN2_TAIL,
    LOG2E,
    SHIFTER,
    fma,
    from_bits,
    polynomial,
    scalar,
    to_bits,
)
from losskit.kernels.select import select

_RAISED = SHIFTER + 64.0  # powers of two are raised by 64, so that all are normal numbers until the last step
_LARGE = 1e5  # of scores below, a multiple of log 2 is taken without a loss

# (e^r - 1 - r)/r^2 on |r| <= log(2)/2, error 2^-45.8 in e^r
_SHORT = (
    0.4999999999960212,
    0.16666666666571783,
    0.04166666699007268,
    0.008333333387150019,
    0.0013888807418716048,
    0.0001984116474959695,
    2.4882354088823736e-05,
    2.764309802918847e-06,
)


@scalar
def base_of(m: float) -> float:
    """For `near_exp` of a row with the highest score m: it rounds z log2(e) and leaves out the power of two of e^m."""
    return SHIFTER - (fma(m, LOG2E, SHIFTER) - SHIFTER)


@scalar
def near_exp(z: float, base: float) -> float:
    """e^z over the row's power of two (1 ulp), where `gap` says so; anything elsewhere."""
    shifted = fma(z, LOG2E, base)
    n = shifted - base
    return _scaled(fma(n, -LN2_TAIL, fma(n, -LN2_HEAD, z)), shifted, EXP_FROM_SQUARE)


@scalar
def near_single(z: float, base: float) -> float:
    """As `near_exp` to 2^-43, which is enough for a float32."""
    shifted = fma(z, LOG2E, base)
    return _scaled(fma(shifted - base, -LN2, z), shifted, _SHORT)


@scalar
def near_peak(m: float, base: float) -> tuple[float, float]:
    """`near_exp` of the highest score, and what its last roundings lack."""
    shifted = fma(m, LOG2E, base)
    n = shifted - base
    first = fma(n, -LN2_HEAD, m)
    r = fma(n, -LN2_TAIL, first)
    u = fma(r * r, polynomial(r, EXP_FROM_SQUARE), r)
    x = u + 1.0
    lack = (u - (x - 1.0)) + fma(n, -LN2_TAIL, first - r) * x
    return from_bits(to_bits(x) + (to_bits(shifted) << 52)), lack


@scalar
def near_peak_single(m: float, base: float) -> tuple[float, float]:
    """As `near_peak` for a float32, to which nothing is lacking."""
    return near_single(m, base), 0.0


@scalar
def far_exp(z: float, m: float) -> float:
    """e^(z - m) for any z <= m (1.5 ulp): the difference in two parts, the second added to the reduced argument."""
    d = z - m
    v = d - z
    tail = (z - (d - v)) - (m + v)
    shifted = fma(d, LOG2E, _RAISED)
    n = shifted - _RAISED
    x = _scaled(fma(n, -LN2_TAIL, fma(n, -LN2_HEAD, d)) + tail, shifted, EXP_FROM_SQUARE) * 2.0**-64
    return select(z == m, 1.0, select(d >= -746.0, x, select(d < 0.0, 0.0, d)))  # nan stays


@scalar
def _scaled(r: float, shifted: float, coefficients: Any) -> float:
    """e^r times the power of two whose exponent the low bits of `shifted` hold."""
    x = fma(r * r, polynomial(r, coefficients), r) + 1.0
    return from_bits(to_bits(x) + (to_bits(shifted) << 52))


@scalar
def gap(m: float, lowest: float, total: float) -> float:
    """The lowest score less the highest, at least NEAR where `near_exp` will do; `total` is nan if a score is."""
    return select((total == total) & (abs(m) < _LARGE), lowest - m, -INF)
