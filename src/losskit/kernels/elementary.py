"""Branch-free scalar exp, log and kin for Numba, in float64, that LLVM vectorises.

Everything is polynomial, FMA and bit cast; a condition is a select between values already computed. Each function
works on two-part numbers inside (a rounded head and a small tail) and rounds once at the end. Functions compiled here
must stay plain: no fastmath, which would undo the tails, and no division check (`error_model="numpy"`), which branches.
"""

# mypy: disable-error-code="call-arg,var-annotated"
# (an @intrinsic is declared with a typing context that its callers do not pass)

import math
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from losskit.kernels.select import select

# no wrappers: kernels alone call them, and each would hold the body once more, to be compiled
scalar = njit(  # type: ignore[call-overload]
    forceinline=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True
)

Pair = tuple[float, float]

INF = math.inf
NAN = math.nan
MAX = 2.0**1023 * (2.0 - 2.0**-52)
NO_TAIL = -0.0  # x + -0.0 is x for every x, so LLVM drops the sum; x + 0.0 it must keep

TINY = 2.0**-1022  # smallest normal number
SHIFTER = 1.5 * 2.0**52  # adding it rounds to an integer, which the low bits of the sum then hold
POW2_SHIFTER = SHIFTER + 1023.0  # the same with the exponent's bias included
LOG2E = float.fromhex("0x1.71547652b82fep+0")
LN2 = math.log(2.0)
LN2_HEAD = float.fromhex("0x1.62e42fefa3800p-1")  # 42 bits: exact times any exponent
LN2_TAIL = float.fromhex("0x1.ef35793c76730p-45")
MANTISSA = 0x000FFFFFFFFFFFFF
ONE_BITS = 0x3FF0000000000000
INF_BITS = 0x7FF0000000000000
SQRT_HALF_BITS = 0x3FE6A09E667F3BCD
ONE_OVER_SQRT_HALF_BITS = ONE_BITS - SQRT_HALF_BITS
TWO52_BITS = 0x4330000000000000

# (e^r - 1 - r - r^2/2) / r^3 on |r| <= log(2)/2, error 2^-60.5 in e^r
EXP_TAIL = (
    0.16666666666666682,
    0.0416666666666667,
    0.008333333333316805,
    0.0013888888888865083,
    0.00019841269896955045,
    2.4801587365283803e-05,
    2.755723430009402e-06,
    2.7557238516359297e-07,
    2.5112228002192376e-08,
    2.0925729341977972e-09,
)

EXP_FROM_SQUARE = (0.5, *EXP_TAIL)

# log((1 + s)/(1 - s)) = 2 s + s z R(z), z = s^2, for sqrt(1/2) <= (1 + s)/(1 - s) <= sqrt(2), error 2^-57.9 s
LOG_TAIL = (
    0.6666666666666735,
    0.3999999999941289,
    0.2857142874282452,
    0.22222198524641212,
    0.18183567030658976,
    0.15313976940826482,
    0.14796728485815894,
)


@intrinsic
def fma(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    """a * b + c, rounded once."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.fma(*args)

    return types.float64(types.float64, types.float64, types.float64), codegen


@intrinsic
def add_fast(typingctx: Any, a: Any, b: Any) -> Any:
    """a + b that LLVM may reassociate: for a loop's accumulator alone, so that the sum vectorises."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.fadd(*args, flags=["reassoc"])

    return types.float64(types.float64, types.float64), codegen


def _extreme(name: str, *flags: str) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        double = ir.DoubleType()
        function = builder.module.declare_intrinsic(f"llvm.{name}", [double], ir.FunctionType(double, [double, double]))
        return builder.call(function, args, fastmath=["nsz", *flags])

    return types.float64(types.float64, types.float64), codegen


@intrinsic
def maximum(typingctx: Any, a: Any, b: Any) -> Any:
    """The larger, nan if one is nan; as a loop's accumulator it vectorises."""
    return _extreme("maximum")


@intrinsic
def minimum(typingctx: Any, a: Any, b: Any) -> Any:
    """The smaller, nan if one is nan; as a loop's accumulator it vectorises."""
    return _extreme("minimum")


@intrinsic
def largest(typingctx: Any, a: Any, b: Any) -> Any:
    """The larger; anything if one is nan. In one instruction, where `maximum` takes three."""
    return _extreme("maxnum", "nnan")


@intrinsic
def smallest(typingctx: Any, a: Any, b: Any) -> Any:
    """The smaller; anything if one is nan."""
    return _extreme("minnum", "nnan")


@intrinsic
def to_bits(typingctx: Any, x: Any) -> Any:
    """The bits of a float64 as int64."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.IntType(64))

    return types.int64(types.float64), codegen


@intrinsic
def from_bits(typingctx: Any, i: Any) -> Any:
    """The float64 that has these bits."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), codegen


@intrinsic
def exponent_field(typingctx: Any, i: Any) -> Any:
    """Bits 52 and up, shifted down without sign (AVX2 has no arithmetic shift of 64-bit lanes)."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.lshr(args[0], ir.Constant(ir.IntType(64), 52))

    return types.int64(types.int64), codegen


@intrinsic
def floor(typingctx: Any, x: Any) -> Any:
    """Largest integer <= x."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        function = builder.module.declare_intrinsic("llvm.floor", [ir.DoubleType()])
        return builder.call(function, args)

    return types.float64(types.float64), codegen


def _horner_by_halves(builder: Any, x: Any, c: list[Any]) -> Any:
    """sum(c[i] * x**i): even and odd powers apart, for half the latency of Horner's rule."""
    square = builder.fmul(x, x)

    def horner(terms: list[Any]) -> Any:
        total = terms[-1]
        for term in terms[-2::-1]:
            total = builder.fma(total, square, term)
        return total

    return builder.fma(horner(c[1::2]), x, horner(c[::2]))


@intrinsic
def polynomial(typingctx: Any, x: Any, coefficients: Any) -> Any:
    """sum(c[i] * x**i)."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        c = [builder.extract_value(args[1], i) for i in range(len(signature.args[1]))]
        return _horner_by_halves(builder, args[0], c)

    return types.float64(types.float64, coefficients), codegen


@intrinsic
def divided_polynomial(typingctx: Any, x: Any, b: Any, coefficients: Any) -> Any:
    """(P(x) - b P(b x))/(1 - b) for P(x) = sum(c[i] * x**i), its coefficients c[i] (1 + b + ... + b**i)."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        factor = one = ir.Constant(ir.DoubleType(), 1.0)
        c = [builder.extract_value(args[2], 0)]
        for i in range(1, len(signature.args[2])):
            factor = builder.fma(args[1], factor, one)
            c.append(builder.fmul(builder.extract_value(args[2], i), factor))
        return _horner_by_halves(builder, args[0], c)

    return types.float64(types.float64, types.float64, coefficients), codegen


@intrinsic
def divided_difference(typingctx: Any, x: Any, y: Any, coefficients: Any) -> Any:
    """(P(x) - P(y))/(x - y) for P(x) = sum(c[i] * x**i), P'(x) at x = y."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        c = [builder.extract_value(args[2], i) for i in range(len(signature.args[2]))]
        value = slope = c[-1]
        for coefficient in reversed(c[1:-1]):
            value = builder.fma(value, args[0], coefficient)
            slope = builder.fma(slope, args[1], value)
        return slope

    return types.float64(types.float64, types.float64, coefficients), codegen


@scalar
def two_sum(a: float, b: float) -> Pair:
    """(s, t) with s = fl(a + b) and s + t = a + b exactly."""
    s = a + b
    v = s - a
    return s, (a - (s - v)) + (b - v)


@scalar
def fast_two_sum(a: float, b: float) -> Pair:
    """two_sum for |a| >= |b| or a = 0."""
    s = a + b
    return s, (a - s) + b


@scalar
def two_prod(a: float, b: float) -> Pair:
    """(p, t) with p = fl(a * b) and p + t = a * b exactly, unless t underflows."""
    p = a * b
    return p, fma(a, b, -p)


@scalar
def power_of_two(n: float) -> float:
    """2^n for an integer-valued float -1023 < n < 1024."""
    return from_bits(to_bits(n + POW2_SHIFTER) << 52)


@scalar
def scale(x: float, n: float) -> float:
    """x * 2^n in two steps, for n from -2044 to 2046: overflows and underflows where the result does."""
    half = fma(n, 0.5, SHIFTER) - SHIFTER
    return (x * power_of_two(half)) * power_of_two(n - half)


@scalar
def clamp(x: float, low: float, high: float) -> float:
    """x held to [low, high]; nan stays."""
    x = select(x < low, low, x)
    return select(x > high, high, x)


@scalar
def finite_tail(head: float, tail: float) -> float:
    """The tail, or 0 where the head is so large (or infinite) that its tail is noise or nan."""
    return select(abs(head) < 1e5, tail, 0.0)


@scalar
def exp_reduced(x: float, tail: float) -> tuple[float, float, float]:
    """(n, h, t) with e^(x + tail) = 2^n (1 + h + t), t the cubic and later terms; |x| < 2^20."""
    n = fma(x, LOG2E, SHIFTER) - SHIFTER
    r = fma(n, -LN2_HEAD, x)
    head = fma(n, -LN2_TAIL, r)
    tail = fma(n, -LN2_TAIL, r - head) + tail
    half = 0.5 * head
    h = fma(half, head, head)
    t = fma(half, head, head - h)
    cubic = head * head * head * polynomial(head, EXP_TAIL)
    return n, h, fma(h + cubic, tail, tail + t) + cubic


@scalar
def exp_parts(x: float) -> tuple[float, float, float]:
    """(n, p, t) with e^x = 2^n (p + t), p = fl(p + t); |x| < 2^20."""
    n = fma(x, LOG2E, SHIFTER) - SHIFTER
    first = fma(n, -LN2_HEAD, x)
    r = fma(n, -LN2_TAIL, first)
    r_tail = fma(n, -LN2_TAIL, first - r)
    # 1 + r + r^2/2 with both of its roundings kept, then the rest
    half = 0.5 * r
    u = 1.0 + r
    h = fma(half, r, u)
    t = fma(half, r, u - h) + ((1.0 - u) + r)
    t += fma(r * r * r, polynomial(r, EXP_TAIL), fma(r_tail, r, r_tail))
    p = h + t
    return n, p, (h - p) + t


@scalar
def exp_parts_tailed(x: float, tail: float) -> tuple[float, float, float]:
    """exp_parts of x + tail, for |tail| < 1e-8."""
    n, p, t = exp_parts(x)
    p, t = fast_two_sum(p, fma(tail, p, t))
    return n, p, t


@scalar
def scale_exp(x: float, n: float) -> float:
    """x * 2^n for 0.7 < |x| < 1.5 or negligible x and -1100 <= n <= 1024, cheaper than scale."""
    low = n < -1000.0
    power = from_bits(to_bits(n + select(low, SHIFTER + 2022.0, SHIFTER + 1022.0)) << 52)
    return (x * power) * select(low, 2.0**-999, 2.0)


@scalar
def exp2part(x: float, tail: float) -> float:
    """exp(x + tail) rounded once; x may be anything, its tail counts only where exp(x) is neither 0 nor inf."""
    n, p, _ = exp_parts_tailed(clamp(x, -746.0, 710.0), finite_tail(x, tail))
    return scale_exp(p, n)


@scalar
def exp_rest(x: float, tail: float) -> Pair:
    """(n, u) with e^(x + tail) = 2^n (1 + u), -0.3 < u < 0.5; |x| < 2^20, |tail| < 1."""
    n = fma(x, LOG2E, SHIFTER) - SHIFTER
    r = fma(n, -LN2_TAIL, fma(n, -LN2_HEAD, x) + tail)
    return n, fma(r * r, polynomial(r, EXP_FROM_SQUARE), r)


@scalar
def exp_split(x: float, tail: float) -> Pair:
    """(n, p) with e^(x + tail) = 2^n p, 0.7 < p < 1.5 (1 ulp); |x| < 2^20, |tail| < 1."""
    n, u = exp_rest(x, tail)
    return n, u + 1.0


@scalar
def exp(x: float) -> float:
    """e^x (1 ulp). For half of that `exp_parts` keeps the roundings, at nearly twice the time."""
    n, p = exp_split(clamp(x, -746.0, 710.0), NO_TAIL)
    return scale_exp(p, n)


@scalar
def neg_abs(x: float) -> float:
    """-|x|, held to -746, where its exponential is 0."""
    low = -abs(x)
    return select(low < -746.0, -746.0, low)


@scalar
def scale_down(x: float, n: float) -> float:
    """x * 2^n for |x| < 1.5 and -1080 <= n <= 0: raised by 64, the power is normal until the last product."""
    return (x * from_bits(to_bits(n + (POW2_SHIFTER + 64.0)) << 52)) * 2.0**-64


@scalar
def exp_neg_abs(x: float) -> float:
    """e^-|x| (1 ulp): `exp` without what only growth needs."""
    n, p = exp_split(neg_abs(x), NO_TAIL)
    return scale_down(p, n)


@scalar
def expm1_parts(x: float) -> tuple[float, float, float]:
    """(a, t, top) with (a + t) top = e^x - 1 and a = fl(a + t); -60 <= x <= 710. top is 2 near overflow, else 1."""
    n, h, t = exp_reduced(x, NO_TAIL)
    s = power_of_two(select(n > 1023.0, 1023.0, n))
    a, a_tail = two_sum(s, -1.0)
    a, b = fast_two_sum(a, s * h)
    a, t = fast_two_sum(a, b + fma(s, t, a_tail))
    return a, t, select(n > 1023.0, 2.0, 1.0)


@scalar
def expm1(x: float) -> float:
    """e^x - 1 (0.59 ulp)."""
    a, _, top = expm1_parts(clamp(x, -60.0, 710.0))
    return select(abs(x) < 1e-17, x, a * top)


@scalar
def expm1mx_parts(x: float, tail: float) -> tuple[float, float, float, float]:
    """(v, n, h, t): v = e^w - 1 - w at w = x + tail, and e^w = 2^n (1 + h + t); the tail counts for finite x only."""
    tail = finite_tail(x, tail)
    x = select(x > 710.0, 710.0, x)
    n, h, t = exp_reduced(select(x < -746.0, -746.0, x), tail)
    s = power_of_two(clamp(n, -1022.0, 1023.0))
    a, b = fast_two_sum(s - 1.0, s * h)
    return ((a - x) + (b + fma(s, t, -tail))) * select(n > 1023.0, 2.0, 1.0), n, h, t


@scalar
def expm1mx(x: float) -> float:
    """e^x - 1 - x, to full relative accuracy near 0 as well (1.3 ulp)."""
    return expm1mx_parts(x, NO_TAIL)[0]


@scalar
def split_exponent(x: float) -> Pair:
    """(k, m) with x = 2^k m and sqrt(1/2) <= m < sqrt(2), for normal x > 0; k is a float."""
    bits = to_bits(x) + ONE_OVER_SQRT_HALF_BITS
    k = from_bits(exponent_field(bits) | TWO52_BITS) - (2.0**52 + 1023.0)
    return k, from_bits((bits & MANTISSA) + SQRT_HALF_BITS)


@scalar
def split_positive(x: float) -> Pair:
    """`split_exponent` for subnormal x too."""
    small = x < TINY
    k, m = split_exponent(select(small, x * 2.0**54, x))
    return select(small, k - 54.0, k), m


@scalar
def log_combined(k: float, f: float, s: float, tail: float) -> Pair:
    """(a, t) with a + t = k log 2 + log(1 + f) + tail and a = fl(a + t), where s = f/(2 + f), |f| < 0.42."""
    half = 0.5 * f
    h = fma(-half, f, f)
    t = fma(-half, f, f - h) + tail
    z = s * s
    t = fma(s, fma(half, f, z * polynomial(z, LOG_TAIL)), t)
    a, b = fast_two_sum(k * LN2_HEAD, h)
    return fast_two_sum(a, b + fma(k, LN2_TAIL, t))


@scalar
def log_parts_inside(x: float) -> Pair:
    """`log_parts` for finite x > 0; finite for every other x."""
    k, m = split_positive(x)
    f = m - 1.0
    return log_combined(k, f, f / (2.0 + f), NO_TAIL)


@scalar
def log_parts(x: float) -> Pair:
    """(a, t) with a + t = log(x), a = fl(a + t), to about 2^-58 relative; t = 0 where a is infinite or nan."""
    a, t = log_parts_inside(x)
    a = select(x < INF, a, x)
    a = select(x > 0.0, a, select(x == 0.0, -INF, NAN))
    return a, select((x > 0.0) & (x < INF), t, 0.0)


@scalar
def log(x: float) -> float:
    """Natural logarithm: -inf at 0, nan below (0.65 ulp)."""
    return log_parts(x)[0]


@scalar
def log1p_parts(x: float) -> Pair:
    """(a, t) with a + t = log(1 + x), a = fl(a + t); t = 0 where a is infinite or nan."""
    u, u_tail = fast_two_sum(select(x < 1.0, 1.0, x), select(x < 1.0, x, 1.0))
    k, m = split_exponent(u)
    near = k == 0.0
    f = select(near, x, m - 1.0)
    s = f / (2.0 + f)
    # the bits of 1 + x below u enter as tail/(1 + f), to first order, 1/(1 + f) = 1 - 2 s + 2 s^2 - ...
    twice_scale = from_bits(INF_BITS - ((to_bits(u) + ONE_OVER_SQRT_HALF_BITS) & INF_BITS))
    rest = (u_tail * twice_scale) * fma(s, s - 1.0, 0.5)
    a, t = log_combined(k, f, s, select(near, 0.0, rest))
    a = select(x < INF, a, x)
    a = select(x > -1.0, a, select(x == -1.0, -INF, NAN))
    return a, select((x > -1.0) & (x < INF), t, 0.0)


@scalar
def log1p(x: float) -> float:
    """log(1 + x): -inf at -1, nan below (0.62 ulp)."""
    return select(abs(x) < 1e-17, x, log1p_parts(x)[0])


@scalar
def log1pmx(x: float) -> float:
    """log(1 + x) - x, to full relative accuracy near 0 as well (1.3 ulp)."""
    a, t = log1p_parts(x)
    value = (a - x) + t
    return select(x < INF, value, -x)
