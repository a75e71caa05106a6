"""Newton's method for sum o_i M_i(x_i't - y_i) + ridge' t^2 / 2, M_i the smoothed pieces of `solvers/smoothing`.

M_i' = d_i = clip(c_i + r_i / mu, low_i, high_i). A step's Hessian is of the rows whose d_i lies inside; its length is
where the slope along it comes near 0, by the secant rule inside a bracket. The gradient changes by the rows whose d_i
does. Columns are padded to a multiple of four, so that loops over them are vectors of the processor alone.
"""

# mypy: disable-error-code="call-arg,call-overload,var-annotated"

from typing import Any

from numba import njit

from losskit.kernels.elementary import add_fast
from losskit.kernels.memory import doubles_at, space

FLAT = 0.1  # of the first slope along a step is near enough to 0
SINGULAR = 1e-12  # a pivot this small is rounding
DAMPED = 1e-10  # of the diagonal is added then: far along what is flat, to where the slope turns


@njit(error_model="numpy")
def slope_of(c: float, r: float, mu: float, low: float, high: float) -> float:
    """The smoothed loss's slope."""
    return min(max(c + r / mu, low), high)


@njit(error_model="numpy")
def slope_along(rows: Any, n: int, mu: float, t: float) -> float:
    """The mean loss's slope along the step, a share t of it gone."""
    total = 0.0
    for i in range(n):
        r = rows[i] + t * rows[6 * n + i]
        d = slope_of(rows[2 * n + i], r, mu, rows[4 * n + i], rows[5 * n + i])
        total = add_fast(total, rows[3 * n + i] * rows[6 * n + i] * d)
    return total


@njit(error_model="numpy")
def dot(X: Any, row: int, to: Any, at: int, s: int) -> float:
    """The product of a row with `to`, from `at` on."""
    total = 0.0
    for k in range(s):
        total = add_fast(total, X[row + k] * to[at + k])
    return total


@njit(error_model="numpy")
def add_rows(H: Any, s: int, q: int, X: Any, rows: Any, n: int, mu: float) -> None:
    """Add the rows whose slopes lie inside to the Hessian, four at once."""
    at, pull, count = space(4), space(4), 0
    for i in range(n + 3):
        if i < n:
            if rows[4 * n + i] < rows[n + i] < rows[5 * n + i]:
                at[count], pull[count] = float(i), rows[3 * n + i] / mu
                count += 1
        elif count:
            at[count], pull[count] = 0.0, 0.0
            count += 1
        if count == 4:
            a, b, c, d = int(at[0]) * s, int(at[1]) * s, int(at[2]) * s, int(at[3]) * s
            for j in range(q):
                e, f = pull[0] * X[a + j], pull[1] * X[b + j]
                g, h = pull[2] * X[c + j], pull[3] * X[d + j]
                for k in range(s):
                    H[j * s + k] += e * X[a + k] + f * X[b + k] + g * X[c + k] + h * X[d + k]
            count = 0


@njit(error_model="numpy")
def solved(H: Any, q: int, s: int, damping: float) -> bool:
    """Behind H's gradient its step -(H + damping diag H)^-1 g, by Cholesky's factor; False if H is singular.

    H is above and on the diagonal; the factor goes below, its diagonal behind the step.
    """
    g, step, unit = s * s, s * s + s, s * s + 2 * s
    largest = 0.0
    for j in range(q):
        largest = max(largest, H[j * s + j])
    for j in range(q):
        bend = max(H[j * s + j], 1e-14 * largest)
        left = (1.0 + damping) * bend
        for k in range(j):
            total = H[k * s + j]
            for m in range(k):
                total -= H[j * s + m] * H[k * s + m]
            total /= H[unit + k]
            H[j * s + k] = total
            left -= total * total
        if not left > SINGULAR * bend:
            return False
        H[unit + j] = left**0.5
    for j in range(q):
        total = -H[g + j]
        for k in range(j):
            total -= H[j * s + k] * H[step + k]
        H[step + j] = total / H[unit + j]
    for j in range(q - 1, -1, -1):
        H[step + j] /= H[unit + j]
        for k in range(j):
            H[step + k] -= H[j * s + k] * H[step + j]
    return True


@njit(error_model="numpy")
def length(rows: Any, n: int, mu: float, slope: float, flat: float, bend: float) -> float:
    """How much of a step to take: until its slope, that of the penalty flat + t bend, is near 0."""
    low, high, at_low, at_high, t, closed = 0.0, 0.0, slope, 0.0, 1.0, False
    for _ in range(60):
        s = slope_along(rows, n, mu, t) + flat + t * bend
        if abs(s) <= FLAT * abs(slope):
            return t
        if s < 0.0:
            low, at_low = t, s
        else:
            high, at_high, closed = t, s, True
        if closed:
            cut = low - at_low * (high - low) / (at_high - at_low)
            t = min(max(cut, low + 0.1 * (high - low)), high - 0.1 * (high - low))
        else:
            t *= 4.0
    return low if low > 0.0 else t


@njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def kernel(
    Xa: Any, rowsa: Any, thetaa: Any, ridgea: Any, worka: Any, statea: Any, unuseda: Any, tol: float, n: int, q: int,
    most: int,
) -> None:  # fmt: skip
    """Up to `most` steps from `theta`, until no entry of the gradient exceeds `tol`.

    `rows` holds r, d, c, o, low, high and room for a step's scores, a line each; `state` holds mu and gets whether a
    Hessian had nothing in it. With s, q rounded up to a multiple of four, rows of X have s columns, the last of them 0,
    and `work`, all 0, has room for the Hessian and three vectors: s (s + 3) numbers.
    """
    X, rows, theta, ridge = doubles_at(Xa), doubles_at(rowsa), doubles_at(thetaa), doubles_at(ridgea)
    H, state = doubles_at(worka), doubles_at(statea)
    mu, s = state[0], (q + 3) // 4 * 4
    g, step = s * s, s * s + s
    for k in range(q):
        H[g + k] = ridge[k] * theta[k]
        H[k * s + k] = ridge[k]
    for i in range(n):
        d, share = rows[n + i], rows[3 * n + i]
        if d != 0.0:
            for k in range(s):
                H[g + k] += share * d * X[i * s + k]
    add_rows(H, s, q, X, rows, n, mu)
    for _ in range(most):
        largest = 0.0
        for k in range(q):
            largest = max(largest, abs(H[g + k]))
        if largest <= tol:
            return
        if not (solved(H, q, s, 0.0) or solved(H, q, s, DAMPED)):
            state[1] = 1.0
            return
        slope, flat, bend = 0.0, 0.0, 0.0
        for k in range(q):
            slope += H[g + k] * H[step + k]
            flat += ridge[k] * theta[k] * H[step + k]
            bend += ridge[k] * H[step + k] * H[step + k]
        if not slope < 0.0:
            return
        for i in range(n):
            rows[6 * n + i] = dot(X, i * s, H, step, s)
        t = length(rows, n, mu, slope, flat, bend)
        for k in range(s * s):
            H[k] = 0.0
        for k in range(q):
            theta[k] += t * H[step + k]
            H[g + k] += ridge[k] * t * H[step + k]
            H[k * s + k] = ridge[k]
        for i in range(n):
            rows[i] += t * rows[6 * n + i]
            d, share = slope_of(rows[2 * n + i], rows[i], mu, rows[4 * n + i], rows[5 * n + i]), rows[3 * n + i]
            change = share * (d - rows[n + i])
            rows[n + i] = d
            if change != 0.0:
                for k in range(s):
                    H[g + k] += change * X[i * s + k]
        add_rows(H, s, q, X, rows, n, mu)
