"""Newton's method for sum o_i M_i(x_i't - y_i) + ridge' t^2 / 2, M_i the smoothed pieces of `solvers/smoothing`.

M_i' = d_i = clip(c_i + r_i / mu, low_i, high_i). A step's Hessian is of the rows whose d_i lies inside; its length is
where the slope along it comes near 0, by the secant rule inside a bracket.
"""

# mypy: disable-error-code="call-arg,call-overload,var-annotated"

from typing import Any

from numba import njit

from losskit.kernels.memory import doubles_at

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
        total += rows[3 * n + i] * rows[6 * n + i] * d
    return total


@njit(error_model="numpy")
def solved(H: Any, q: int, damping: float) -> bool:
    """Behind H's gradient its step -(H + damping diag H)^-1 g, by Cholesky's factor; False if H is singular.

    H is above and on the diagonal; the factor goes below, its diagonal behind the step.
    """
    g, step, unit = q * q, q * q + q, q * q + 2 * q
    largest = 0.0
    for j in range(q):
        largest = max(largest, H[j * q + j])
    for j in range(q):
        bend = max(H[j * q + j], 1e-14 * largest)
        left = (1.0 + damping) * bend
        for k in range(j):
            total = H[k * q + j]
            for m in range(k):
                total -= H[j * q + m] * H[k * q + m]
            total /= H[unit + k]
            H[j * q + k] = total
            left -= total * total
        if not left > SINGULAR * bend:
            return False
        H[unit + j] = left**0.5
    for j in range(q):
        total = -H[g + j]
        for k in range(j):
            total -= H[j * q + k] * H[step + k]
        H[step + j] = total / H[unit + j]
    for j in range(q - 1, -1, -1):
        H[step + j] /= H[unit + j]
        for k in range(j):
            H[step + k] -= H[j * q + k] * H[step + j]
    return True


@njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def kernel(
    Xa: Any, rowsa: Any, thetaa: Any, ridgea: Any, worka: Any, statea: Any, unuseda: Any, tol: float, n: int, q: int,
    most: int,
) -> None:  # fmt: skip
    """Up to `most` steps from `theta`, until no entry of the gradient exceeds `tol`.

    `rows` holds r, d, c, o, low, high and room for a step's scores, a line each; `state` holds mu and gets whether a
    Hessian had nothing in it; `work` has room for the Hessian and three vectors.
    """
    X, rows, theta, ridge = doubles_at(Xa), doubles_at(rowsa), doubles_at(thetaa), doubles_at(ridgea)
    H, state = doubles_at(worka), doubles_at(statea)
    mu = state[0]
    g, step = q * q, q * q + q
    for _ in range(most):
        for k in range(q * q):
            H[k] = 0.0
        for k in range(q):
            H[g + k] = ridge[k] * theta[k]
            H[k * q + k] = ridge[k]
        for i in range(n):
            d, share, row = rows[n + i], rows[3 * n + i], i * q
            if d != 0.0:
                pull = share * d
                for k in range(q):
                    H[g + k] += pull * X[row + k]
            if rows[4 * n + i] < d < rows[5 * n + i]:
                for j in range(q):
                    pull = share / mu * X[row + j]
                    for k in range(j, q):
                        H[j * q + k] += pull * X[row + k]
        largest = 0.0
        for k in range(q):
            largest = max(largest, abs(H[g + k]))
        if largest <= tol:
            return
        if not (solved(H, q, 0.0) or solved(H, q, DAMPED)):
            state[1] = 1.0
            return
        slope, flat, bend = 0.0, 0.0, 0.0
        for k in range(q):
            slope += H[g + k] * H[step + k]
            flat += ridge[k] * theta[k] * H[step + k]
            bend += ridge[k] * H[step + k] * H[step + k]
        if not slope < 0.0:
            return
        whole = q // 4 * 4
        for i in range(n):
            row = i * q
            a, b, c, d = 0.0, 0.0, 0.0, 0.0  # four sums, so that no addition waits for the last
            for k in range(0, whole, 4):
                a += X[row + k] * H[step + k]
                b += X[row + k + 1] * H[step + k + 1]
                c += X[row + k + 2] * H[step + k + 2]
                d += X[row + k + 3] * H[step + k + 3]
            for k in range(whole, q):
                a += X[row + k] * H[step + k]
            rows[6 * n + i] = (a + b) + (c + d)
        low, high, at_low, at_high, t, closed = 0.0, 0.0, slope, 0.0, 1.0, False
        for trial in range(60):
            s = slope_along(rows, n, mu, t) + flat + t * bend
            if abs(s) <= FLAT * abs(slope):
                break
            if s < 0.0:
                low, at_low = t, s
            else:
                high, at_high, closed = t, s, True
            if trial == 59:
                t = low if low > 0.0 else t
            elif closed:
                cut = low - at_low * (high - low) / (at_high - at_low)
                t = min(max(cut, low + 0.1 * (high - low)), high - 0.1 * (high - low))
            else:
                t *= 4.0
        for k in range(q):
            theta[k] += t * H[step + k]
        for i in range(n):
            rows[i] += t * rows[6 * n + i]
            rows[n + i] = slope_of(rows[2 * n + i], rows[i], mu, rows[4 * n + i], rows[5 * n + i])
