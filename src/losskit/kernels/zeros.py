"""Scalar bodies of counts with more or fewer zeros than Poisson's, mu = e^f; `primitives` offers them."""

# mypy: disable-error-code="call-arg,var-annotated"
# (an @intrinsic is declared with a typing context that its callers do not pass)

from losskit.kernels.densities import poisson_nll
from losskit.kernels.elementary import (
    INF,
    Pair,
    clamp,
    exp,
    exp2part,
    exp_neg_abs,
    exp_parts,
    expm1,
    expm1mx,
    finite_tail,
    log,
    log1p,
    scalar,
    scale,
    two_sum,
)
from losskit.kernels.select import select

_TINY = 1e-9  # a mean below it is far enough from 1 for the first terms of its series


@scalar
def shifted_mean(z: float, f: float) -> Pair:
    """z + e^f in two parts; e^f held below the largest double."""
    n, p, p_tail = exp_parts(clamp(f, -746.0, 709.7))
    t, t_tail = two_sum(z, scale(p, n))
    return t, finite_tail(t, t_tail + scale(p_tail, n))


@scalar
def zero_share(f: float, z: float) -> float:
    """1/(1 + e^-(z + e^f)) (2 ulp): how likely a zero is one of those beyond Poisson's."""
    t, t_tail = shifted_mean(z, f)
    e = exp2part(-abs(t), select(t > 0.0, -t_tail, t_tail))
    return select(t < 0.0, e, 1.0) / (1.0 + e)


@scalar
def zero_rest(f: float, z: float, k: float) -> float:
    """e^(k f)/(1 + e^(z + e^f)) for k = 0, 1, 2 (2 ulp)."""
    t, t_tail = shifted_mean(z, f)
    e = exp2part(-abs(t), select(t > 0.0, -t_tail, t_tail))
    x, x_tail = two_sum(k * clamp(f, -1500.0, 1500.0), -select(t > 0.0, t, 0.0))
    return exp2part(x, x_tail - select(t > 0.0, t_tail, 0.0)) / (1.0 + e)


@scalar
def zero_nll(f: float, z: float) -> float:
    """-log(s + (1 - s) e^-mu), s = 1/(1 + e^-z): by what the zeros lack to all, or by their sum (5 ulp)."""
    mu = exp(f)
    e = exp_neg_abs(z)
    missing = -expm1(-mu) * select(z > 0.0, e, 1.0) / (1.0 + e)
    t, _ = shifted_mean(z, f)
    lesser = select(mu < -z, mu, -z)
    rare = log1p(e) + (lesser - log1p(exp_neg_abs(t)))
    return select(missing < 0.5, -log1p(-missing), rare)


@scalar
def truncated_poisson_nll(y: float, f: float, log_y: float) -> float:
    """log(e^mu - 1) - y f + log(y!) for y >= 1, never negative (4 ulp, and f - log y's own).

    At y = 1 it is log((e^mu - 1)/mu), which is 0 where mu is; above, the Poisson density holds that off.
    """
    mu = exp(f)
    small = mu < _TINY
    held = select(small, 1.0, mu)
    close = log1p(expm1mx(select(held < 1.0, held, 1.0)) / held)
    one = select(small, mu * (0.5 + mu / 24.0), select(mu < 1.0, close, (mu - f) + log(-expm1(-held))))
    positive = select(small, f - 0.5 * mu, log(-expm1(-held)))
    value = select(y == 1.0, one, poisson_nll(y, f, log_y) + positive)
    return select(abs(f) < INF, value, select(f == f, select((f < 0.0) & (y == 1.0), 0.0, INF), f))


@scalar
def truncated_excess(f: float) -> float:
    """mu/(1 - e^-mu) - 1, what the mean of counts above 0 exceeds 1 by (4 ulp)."""
    mu = exp(f)
    small = mu < _TINY
    held = select(small, 1.0, mu)
    return select(small, mu * (0.5 + mu / 12.0), expm1mx(-held) / -expm1(-held))


@scalar
def truncated_bend(f: float) -> float:
    """Its derivative, the variance of counts above 0 (5 ulp)."""
    mu = exp(f)
    small = mu < _TINY
    held = select(small, 1.0, mu)
    near = select(held > 50.0, 50.0, held)
    share = select(held > 50.0, 1.0, expm1mx(near) / expm1(near))
    return select(small, mu * (0.5 + mu / 6.0), held / -expm1(-held) * share)
