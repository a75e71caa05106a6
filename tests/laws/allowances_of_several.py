"""Allowances of losses of several outputs or targets: elements with a root, and what each is a difference of."""

from __future__ import annotations

from typing import Any

import mpmath

from losskit.base import Pointwise
from tests.laws.oracle import exact, ulp


def sigmoid(z: Any) -> Any:
    return 1 / (1 + mpmath.exp(-z))


def _gaussian(loss: Pointwise, y: float, f: Any, part: str) -> list[Any]:
    """The summands of each part with a root: of log variance and energy, and of their derivatives."""
    mean, second = map(mpmath.mpf, f)
    logarithmic = type(loss).__name__ == "GaussianNLL"
    variance = mpmath.exp(second) if logarithmic else second
    half_energy = (mpmath.mpf(y) - mean) ** 2 / variance / 2
    if part == "value":
        return [half_energy, mpmath.log(variance) / 2, mpmath.log(2 * mpmath.pi) / 2]
    if logarithmic:
        return [half_energy, mpmath.mpf(1) / 2]
    if part == "gradient 1":
        return [half_energy / variance, 1 / variance / 2]
    return [2 * half_energy / variance**2, 1 / variance**2 / 2]


def _laplace(loss: Pointwise, y: float, f: Any, part: str) -> list[Any]:
    energy = abs(mpmath.mpf(y) - f[0]) * mpmath.exp(-mpmath.mpf(f[1]))
    return [energy, mpmath.mpf(f[1]), mpmath.log(2)] if part == "value" else [energy, 1]


def _gamma_density(loss: Pointwise, y: float, f: Any, part: str) -> list[Any]:
    y, mean, a = mpmath.mpf(y), mpmath.exp(f[0]), mpmath.mpf(f[1])
    k = mpmath.exp(a)
    if part in ("gradient 0", "hessian 0 1"):
        return [k, k * y / mean]
    energy = k * (f[0] - mpmath.log(y) + y / mean - 1)
    return [energy, 1] if part == "gradient 1" else [energy, mpmath.log(y), a]


def _student_density(loss: Pointwise, y: float, f: Any, part: str) -> list[Any]:
    n = mpmath.mpf(loss.parameters["df"])
    square, scale = (mpmath.mpf(y) - f[0]) ** 2, n * mpmath.exp(2 * mpmath.mpf(f[1]))
    if part == "value":
        constant = mpmath.log(n * mpmath.pi) / 2 + mpmath.loggamma(n / 2) - mpmath.loggamma((n + 1) / 2)
        return [(n + 1) / 2 * mpmath.log(1 + square / scale), mpmath.mpf(f[1]), constant]
    if part == "gradient 1":
        return [(n + 1) * square / (square + scale), 1]
    return [(n + 1) * x / (square + scale) ** 2 for x in (square, scale)]


def _normal_interval(x: Any, y: Any) -> Any:
    """What the mean between x and y is the difference of: the near end and what is beyond, or densities of the ends."""
    mass = mpmath.ncdf(y) - mpmath.ncdf(x) if x < 0 else mpmath.ncdf(-x) - mpmath.ncdf(-y)
    ends = [mpmath.npdf(z) / mass for z in (x, y)]
    near = x if abs(x) < abs(y) else y
    return min(max(abs(near), abs(ends[0] - ends[1] - near)), max(ends))


def _censored(loss: Pointwise, y: Any, f: float, part: str) -> list[Any]:
    """The summands of the value of a duration seen, and of every gradient."""
    name, s = type(loss).__name__, mpmath.mpf(loss.parameters["sigma"])
    with mpmath.workprec(300):
        a, b = ((mpmath.log(t) - mpmath.mpf(f)) / s if t else -mpmath.inf for t in y)
        seen = y[0] == y[1]
        if part == "value":
            own = {"CensoredWeibullNLL": [mpmath.exp(b), b], "CensoredLogNormalNLL": [b**2 / 2, 1],
                   "CensoredLogLogisticNLL": [mpmath.log1p(mpmath.exp(abs(b)))]}[name]  # fmt: skip
            return [*own, mpmath.log(s), mpmath.log(y[1])] if seen else [0]
        if name == "CensoredLogLogisticNLL":
            return [sigmoid(-b) / s, sigmoid(a) / s]
        if name == "CensoredLogNormalNLL":
            narrow = b - a < 1  # the root is that of a duration seen: log t = f
            return [mpmath.log(y[1]) / s**2, f / s**2] if narrow else [_normal_interval(a, b) / s]
        rise = mpmath.exp(b) - mpmath.exp(a) if b < 20 else mpmath.mpf(1e9)
        pull = 1 if seen else 0 if rise > 1e5 else rise / mpmath.expm1(rise)
        return [mpmath.exp(a) / s, pull / s]


def _zero_inflated(loss: Pointwise, y: float, f: Any, part: str) -> list[Any]:
    """mu and y; of zeros mu and mu^2 times what is Poisson's among them, and the shares of the others."""
    mean, z = mpmath.exp(f[0]), mpmath.mpf(f[1])
    if part == "gradient 0":
        return [mean, y]
    extra, rest = sigmoid(z + mean), sigmoid(-z - mean)
    if part == "hessian 0 0":
        return [0] if y else [mean * rest, mean**2 * rest * extra]
    fill = sigmoid(-z) * extra * -mpmath.expm1(-mean)
    return [0] if y else [fill * sigmoid(z), fill * rest]


def _hurdle(loss: Pointwise, y: float, f: Any, part: str) -> list[Any]:
    mean = mpmath.exp(f[0])
    return [mean / -mpmath.expm1(-mean) - 1, y - 1] if y else [0]


def _negative_binomial_density(loss: Pointwise, y: float, f: Any, part: str) -> list[Any]:
    """By the logarithm of the dispersion: what the deviance adds, r (v + log(1 - v)), and what the normaliser does."""
    output, *by = part.split()
    true = exact(loss, y, f, output, tuple(map(int, by)))
    y = 0.0 if y == 1 else y  # where its summands are those at 0, and what p adds
    with mpmath.workprec(5000):
        mean, r = mpmath.exp(f[0]), mpmath.exp(-mpmath.mpf(f[1]))
        v, logarithm = (mean - y) / (mean + r), mpmath.log((y + r) / (mean + r))
        sag, turn = r * (v + logarithm), r * v**2 * r / (y + r)
        if part == "gradient 1":
            return [sag, true - sag]
        far = [r * logarithm, r * v * mean / (mean + r), r * v * r / (y + r)]
        return [true + sag + turn, *(far if v < -1 else [sag, turn])]


def _beta(loss: Pointwise, y: float, f: Any, part: str) -> list[Any]:
    """What the energy phi KL adds and what the gamma functions leave."""
    with mpmath.workprec(200 + int(2 * abs(f[0]) + 2 * abs(f[1]))):
        y, logit, phi = mpmath.mpf(y), mpmath.mpf(f[0]), mpmath.exp(mpmath.mpf(f[1]))
        m, rest = sigmoid(logit), sigmoid(-logit)
        shapes, gap = (phi * m, phi * rest, phi), logit - mpmath.log(y / (1 - y))
        if part in ("value", "gradient 1"):
            energy = phi * (m * mpmath.log(m / y) + rest * mpmath.log(rest / (1 - y)))
            if part == "gradient 1":
                return [energy, 1]
            return [energy, mpmath.log(y), *(mpmath.loggamma(k) - k * mpmath.log(k) + k for k in shapes)]
        slope = phi * m * rest
        if part == "gradient 0":
            return [slope * logit, slope * (logit - gap), rest, m]  # the slopes of the normalisers are 1/2 to 1
        if part == "hessian 0 0":
            return [slope, slope * (rest - m) * gap]
        bends = [k * (mpmath.psi(0, k) - mpmath.log(k) + k * mpmath.psi(1, k) - 1) for k in shapes[:2]]
        return [slope * logit, slope * (logit - gap), rest * bends[0], m * bends[1]]


def _crps(loss: Pointwise, y: float, f: Any, part: str) -> list[Any]:
    """By the log scale what grows with it, and what is taken off."""
    scale = mpmath.exp(mpmath.mpf(f[1]))
    a, e = abs(mpmath.mpf(y) - f[0]) / scale, mpmath.exp(-abs(mpmath.mpf(y) - f[0]) / scale)
    bell = mpmath.sqrt(2 / mpmath.pi) * mpmath.exp(-(a**2) / 2)
    grows, bend, less = {
        "CRPSGaussian": (bell, bell * a**2, 1 / mpmath.sqrt(mpmath.pi)),
        "CRPSLogistic": (2 * (mpmath.log(1 + e) + a * e / (1 + e)), 2 * a**2 * e / (1 + e) ** 2, 1),
        "CRPSLaplace": ((1 + a) * e, a**2 * e, mpmath.mpf(3) / 4),
    }[type(loss).__name__]
    return [scale * x for x in ((grows, less) if part == "gradient 1" else (grows, bend, less))]


ROOT_OF_SEVERAL: dict[tuple[str, str], Any] = {
    **{
        (name, part): lambda loss, y, f, part=part: _crps(loss, y, f, part)
        for name in ("CRPSGaussian", "CRPSLogistic", "CRPSLaplace")
        for part in ("gradient 1", "hessian 1 1")
    },
    **{
        (name, part): lambda loss, y, f, part=part, summands=summands: summands(loss, y, f, part)
        for name, summands, parts in (
            ("GaussianNLL", _gaussian, ("value", "gradient 1")),
            ("GaussianVarianceNLL", _gaussian, ("value", "gradient 1", "hessian 1 1")),
            ("LaplaceNLL", _laplace, ("value", "gradient 1")),
            ("BetaNLL", _beta, ("value", "gradient 0", "gradient 1", "hessian 0 0", "hessian 0 1")),
            ("GammaNLL", _gamma_density, ("value", "gradient 0", "gradient 1", "hessian 0 1")),
            ("StudentTNLL", _student_density, ("value", "gradient 1", "hessian 0 0")),
            ("ZeroInflatedPoisson", _zero_inflated, ("gradient 0", "hessian 0 0", "hessian 1 1")),
            ("HurdlePoisson", _hurdle, ("gradient 0",)),
            ("NegativeBinomialNLL", _negative_binomial_density, ("gradient 1", "hessian 1 1")),
        )
        for part in parts
    },
    **{
        (f"Censored{name}NLL", part): lambda loss, y, f, part=part: _censored(loss, y, f, part)
        for name in ("Weibull", "LogNormal", "LogLogistic")
        for part in ("value", "gradient")
    },
}


def _beyond_logit(loss: Pointwise, y: float, f: Any) -> Any:
    """What the slope of phi KL makes of logit m - logit y, which is not known better than to the larger's ulp."""
    with mpmath.workprec(300):
        logit, other = mpmath.mpf(f[0]), mpmath.log(mpmath.mpf(y) / (1 - mpmath.mpf(y)))
        slope = mpmath.exp(mpmath.mpf(f[1])) * sigmoid(logit) * sigmoid(-logit) * (logit - other)
        return abs(slope) * ulp(max(abs(logit), abs(other)))


def _beyond_log(loss: Pointwise, y: float, f: Any) -> Any:
    """Of the outputs the logarithm of the mean is the first."""
    return abs(exact(loss, y, f, "gradient", (0,))) * ulp(max(abs(mpmath.mpf(f[0])), abs(mpmath.log(y)))) if y else 0


DEVIANCE_OF_SEVERAL: dict[tuple[str, str], Any] = {
    **{("BetaNLL", part): _beyond_logit for part in ("value", "gradient 1", "hessian 1 1")},
    **{(name, "value"): _beyond_log for name in ("ZeroInflatedPoisson", "HurdlePoisson", "NegativeBinomialNLL")},
}
