"""Branch-free scalar exp, log and kin for Numba, in float64, that LLVM vectorises.

Everything is polynomial, FMA and bit cast; a condition is a select between values already computed. Each function
works on two-part numbers inside (a rounded head and a small tail) and rounds once at the end. Functions compiled here
must stay plain: no fastmath, which would undo the tails, and no division check (`error_model="numpy"`), which branches.
"""

import math

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

scalar = njit(forceinline=True, error_model="numpy")

INF = math.inf
NAN = math.nan

TINY = 2.0**-1022  # smallest normal number
SHIFTER = 1.5 * 2.0**52  # adding it rounds to an integer, which the low bits of the sum then hold
POW2_SHIFTER = SHIFTER + 1023.0  # the same with the exponent's bias included
LOG2E = float.fromhex("0x1.71547652b82fep+0")
LN2_HEAD = float.fromhex("0x1.62e42fefa3800p-1")  # 42 bits: exact times any exponent
LN2_TAIL = float.fromhex("0x1.ef35793c76730p-45")
MANTISSA = 0x000FFFFFFFFFFFFF
ONE_BITS = 0x3FF0000000000000
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

# the same with the first coefficient 2/3 taken out, for the logarithm in double-double
TWO_THIRDS_HEAD = float.fromhex("0x1.5555555555555p-1")
TWO_THIRDS_TAIL = float.fromhex("0x1.5555555555555p-55")
LOG_TAIL_AFTER = (
    0.4000000000000226,
    0.2857142857009598,
    0.2222222252058915,
    0.1818178430682037,
    0.1538676019601799,
    0.13256749126790193,
    0.1319698236454897,
)


@intrinsic
def fma(typingctx, a, b, c):
    """a * b + c, rounded once."""

    def codegen(context, builder, signature, args):
        return builder.fma(*args)

    return types.float64(types.float64, types.float64, types.float64), codegen


@intrinsic
def add_fast(typingctx, a, b):
    """a + b that LLVM may reassociate: for a loop's accumulator alone, so that the sum vectorises."""

    def codegen(context, builder, signature, args):
        return builder.fadd(*args, flags=["reassoc"])

    return types.float64(types.float64, types.float64), codegen


@intrinsic
def to_bits(typingctx, x):
    """The bits of a float64 as int64."""

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.IntType(64))

    return types.int64(types.float64), codegen


@intrinsic
def from_bits(typingctx, i):
    """The float64 that has these bits."""

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), codegen


@intrinsic
def exponent_field(typingctx, i):
    """Bits 52 and up, shifted down without sign (AVX2 has no arithmetic shift of 64-bit lanes)."""

    def codegen(context, builder, signature, args):
        return builder.lshr(args[0], ir.Constant(ir.IntType(64), 52))

    return types.int64(types.int64), codegen


@intrinsic
def floor(typingctx, x):
    """Largest integer <= x."""

    def codegen(context, builder, signature, args):
        function = builder.module.declare_intrinsic("llvm.floor", [ir.DoubleType()])
        return builder.call(function, args)

    return types.float64(types.float64), codegen


@intrinsic
def polynomial(typingctx, x, coefficients):
    """sum(c[i] * x**i): even and odd powers apart, for half the latency of Horner's rule."""

    def codegen(context, builder, signature, args):
        c = [builder.extract_value(args[1], i) for i in range(len(signature.args[1]))]
        square = builder.fmul(args[0], args[0])

        def horner(terms):
            total = terms[-1]
            for term in terms[-2::-1]:
                total = builder.fma(total, square, term)
            return total

        return builder.fma(horner(c[1::2]), args[0], horner(c[::2]))

    return types.float64(types.float64, coefficients), codegen


@scalar
def two_sum(a, b):
    """(s, t) with s = fl(a + b) and s + t = a + b exactly."""
    s = a + b
    v = s - a
    return s, (a - (s - v)) + (b - v)


@scalar
def fast_two_sum(a, b):
    """two_sum for |a| >= |b| or a = 0."""
    s = a + b
    return s, (a - s) + b


@scalar
def two_prod(a, b):
    """(p, t) with p = fl(a * b) and p + t = a * b exactly, unless t underflows."""
    p = a * b
    return p, fma(a, b, -p)


@scalar
def power_of_two(n):
    """2^n for an integer-valued float -1023 < n < 1024."""
    return from_bits(to_bits(n + POW2_SHIFTER) << 52)


@scalar
def scale(x, n):
    """x * 2^n in two steps, for n from -2044 to 2046: overflows and underflows where the result does."""
    half = fma(n, 0.5, SHIFTER) - SHIFTER
    return (x * power_of_two(half)) * power_of_two(n - half)


@scalar
def clamp(x, low, high):
    """x held to [low, high]; nan stays."""
    x = low if x < low else x
    return high if x > high else x


@scalar
def finite_tail(head, tail):
    """The tail, or 0 where the head is so large (or infinite) that its tail is noise or nan."""
    return tail if abs(head) < 1e5 else 0.0


@scalar
def exp_reduced(x, tail):
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
def exp_parts(x, tail):
    """(n, p, t) with e^(x + tail) = 2^n (p + t), p = fl(p + t); |x| < 2^20."""
    n, h, t = exp_reduced(x, tail)
    head, rest = fast_two_sum(1.0, h)
    rest += t
    p = head + rest
    return n, p, (head - p) + rest


@scalar
def exp2part(x, tail):
    """exp(x + tail) rounded once; x may be anything, its tail counts only where exp(x) is neither 0 nor inf."""
    n, p, _ = exp_parts(clamp(x, -746.0, 710.0), finite_tail(x, tail))
    return scale(p, n)


@scalar
def exp(x):
    """e^x."""
    n, p, _ = exp_parts(clamp(x, -746.0, 710.0), 0.0)
    return scale(p, n)


@scalar
def exp_minus(f, y):
    """e^f - y; the exponential keeps its tail, so nothing is lost where the two nearly cancel."""
    n, p, t = exp_parts(clamp(f, -746.0, 710.0), 0.0)
    return (scale(p, n) - y) + scale(t, n)


@scalar
def expm1_parts(x):
    """(a, t, top) with (a + t) top = e^x - 1 and a = fl(a + t); -60 <= x <= 710. top is 2 near overflow, else 1."""
    n, h, t = exp_reduced(x, 0.0)
    s = power_of_two(1023.0 if n > 1023.0 else n)
    a, a_tail = two_sum(s, -1.0)
    a, b = fast_two_sum(a, s * h)
    a, t = fast_two_sum(a, b + fma(s, t, a_tail))
    return a, t, 2.0 if n > 1023.0 else 1.0


@scalar
def expm1(x):
    """e^x - 1."""
    a, _, top = expm1_parts(clamp(x, -60.0, 710.0))
    return x if abs(x) < 1e-17 else a * top


@scalar
def expm1mx2part(x, tail):
    """e^v - 1 - v at v = x + tail; x may be anything, the tail counts only where x is finite."""
    tail = finite_tail(x, tail)
    x = 710.0 if x > 710.0 else x
    n, h, t = exp_reduced(-60.0 if x < -60.0 else x, tail)
    s = power_of_two(1023.0 if n > 1023.0 else n)
    a, b = fast_two_sum(s - 1.0, s * h)
    return ((a - x) + (b + fma(s, t, -tail))) * (2.0 if n > 1023.0 else 1.0)


@scalar
def expm1mx(x):
    """e^x - 1 - x, to full relative accuracy near 0 as well."""
    return expm1mx2part(x, 0.0)


@scalar
def tanh(x):
    """Hyperbolic tangent: -t/(2 + t) with t = expm1(-2 |x|), the quotient corrected by its remainder."""
    a = abs(x)
    t, t_tail, _ = expm1_parts(clamp(-2.0 * a, -60.0, 0.0))
    d = 2.0 + t
    d_tail = ((2.0 - d) + t) + t_tail
    inverse = 1.0 / d
    q = -t * inverse
    remainder = fma(-q, d, -t) - fma(q, d_tail, t_tail)
    q = fma(remainder, inverse, q)
    q = -q if x < 0.0 else q
    return x if a < 1e-9 else q


@scalar
def split_exponent(x):
    """(k, m) with x = 2^k m and sqrt(1/2) <= m < sqrt(2), for normal x > 0; k is a float."""
    bits = to_bits(x) + ONE_OVER_SQRT_HALF_BITS
    k = from_bits(exponent_field(bits) | TWO52_BITS) - (2.0**52 + 1023.0)
    return k, from_bits((bits & MANTISSA) + SQRT_HALF_BITS)


@scalar
def log_combined(k, f, s, tail):
    """(a, t) with a + t = k log 2 + log(1 + f) + tail and a = fl(a + t), where s = f/(2 + f), |f| < 0.42."""
    half = 0.5 * f
    h = fma(-half, f, f)
    t = fma(-half, f, f - h) + tail
    z = s * s
    t = fma(s, fma(half, f, z * polynomial(z, LOG_TAIL)), t)
    a, b = fast_two_sum(k * LN2_HEAD, h)
    return fast_two_sum(a, b + fma(k, LN2_TAIL, t))


@scalar
def log_parts(x):
    """(a, t) with a + t = log(x), a = fl(a + t), to about 2^-58 relative; t = 0 where a is infinite or nan."""
    small = x < TINY
    k, m = split_exponent(x * 2.0**54 if small else x)
    f = m - 1.0
    a, t = log_combined(k - 54.0 if small else k, f, f / (2.0 + f), 0.0)
    proper = (x > 0.0) & (x < INF)
    edge = -INF if x == 0.0 else (NAN if x < 0.0 else x)
    return a if proper else edge, t if proper else 0.0


@scalar
def log(x):
    """Natural logarithm: -inf at 0, nan below."""
    return log_parts(x)[0]


@scalar
def log1p_parts(x):
    """(a, t) with a + t = log(1 + x), a = fl(a + t); t = 0 where a is infinite or nan."""
    u, u_tail = two_sum(1.0, x)
    k, m = split_exponent(u)
    near = k == 0.0
    f = x if near else m - 1.0
    s = f / (2.0 + f)
    # the bits of 1 + x below u enter as tail/(1 + f), to first order, 1/(1 + f) = 1 - 2 s + 2 s^2 - ...
    rest = u_tail * power_of_two(clamp(-k, -1022.0, 1022.0))
    a, t = log_combined(k, f, s, 0.0 if near else rest * fma(s, 2.0 * s - 2.0, 1.0))
    proper = (x > -1.0) & (x < INF)
    edge = -INF if x == -1.0 else (NAN if x < -1.0 else x)
    return a if proper else edge, t if proper else 0.0


@scalar
def log1p(x):
    """log(1 + x): -inf at -1, nan below."""
    return x if abs(x) < 1e-17 else log1p_parts(x)[0]


@scalar
def log1pmx(x):
    """log(1 + x) - x, to full relative accuracy near 0 as well."""
    a, t = log1p_parts(x)
    value = (a - x) + t
    return -INF if x == INF else value


@scalar
def log_pair(x):
    """(a, t) with a + t = log(x) to about 2^-65 relative, for finite x > 0."""
    small = x < TINY
    k, m = split_exponent(x * 2.0**54 if small else x)
    k = k - 54.0 if small else k
    f = m - 1.0
    d, d_tail = fast_two_sum(2.0, f)
    inverse = 1.0 / d
    s = f * inverse
    s_tail = (fma(-s, d, f) - s * d_tail) * inverse
    z, z_tail = two_prod(s, s)
    z_tail = fma(2.0 * s, s_tail, z_tail)
    r, r_tail = two_prod(z, TWO_THIRDS_HEAD)
    r_tail += fma(z, TWO_THIRDS_TAIL, z_tail * TWO_THIRDS_HEAD)
    r_tail = fma(z * z, polynomial(z, LOG_TAIL_AFTER), r_tail)
    v, v_tail = two_prod(s, r)
    v_tail += fma(s, r_tail, s_tail * r)
    a, b = fast_two_sum(k * LN2_HEAD, 2.0 * s)
    a, c = fast_two_sum(a, v)
    return fast_two_sum(a, (b + c) + fma(k, LN2_TAIL, fma(2.0, s_tail, v_tail)))


@scalar
def power(x, a):
    """x**a with C's conventions: negative x for integer a, 1 where a = 0 or x = 1, limits at 0 and infinity."""
    size = abs(x)
    head, tail = log_pair(size)
    head = -INF if size == 0.0 else (head if size < INF else size)
    p, p_tail = two_prod(a, head)
    value = exp2part(p, fma(a, tail, p_tail))
    integral = floor(a) == a
    half = 0.5 * a
    odd = integral & (floor(half) != half)
    signed = -value if odd else value
    negative = to_bits(x) < 0
    value = signed if negative else value
    value = NAN if (x < 0.0) & (size < INF) & (not integral) else value
    value = 1.0 if (size == 1.0) & (abs(a) == INF) else value
    return 1.0 if (a == 0.0) | (x == 1.0) else value
