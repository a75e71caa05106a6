"""What losskit's kernels are measured against: data, scikit-learn's compiled losses, and NumPy as one writes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from losskit.base import Pointwise

Array = np.ndarray
ACTS = ("value+gradient", "gradient+Hessian")


@dataclass(frozen=True)
class Case:
    """One loss with its data and peers.

    Attributes
    ----------
    name, parameters : the loss
    data : "real", "far" (half of the residuals beyond 1), "counts", "amounts", "claims" (amounts with exact zeros),
        "labels", "signs", "probabilities"
    target : how many times faster than scikit-learn it is to be, where there is such a peer
    sklearn : class in `sklearn._loss.loss` and its arguments
    factor : ours times this is scikit-learn's value
    constant : whether scikit-learn drops a term that its `constant_to_optimal_zero` brings back
    hessian : whether scikit-learn's second derivative is the true one
    """

    name: str
    data: str
    target: float
    sklearn: tuple[str, dict[str, float]] | None = None
    factor: float = 1.0
    constant: bool = False
    hessian: bool = True

    def loss(self) -> Pointwise:
        from losskit.registry import get

        return get(self.name)


CASES = (
    Case("SquaredError", "real", 1.5, ("HalfSquaredError", {}), factor=0.5),
    Case("AbsoluteError", "real", 1.5, ("AbsoluteError", {}), hessian=False),
    Case("Huber", "far", 4.0, ("HuberLoss", {"delta": 1.0})),
    Case("Quantile", "real", 1.5, ("PinballLoss", {"quantile": 0.5}), hessian=False),
    Case("Poisson", "counts", 4.0, ("HalfPoissonLoss", {}), constant=True),
    Case("Gamma", "amounts", 4.0, ("HalfGammaLoss", {}), constant=True),
    Case("Tweedie", "claims", 4.0, ("HalfTweedieLoss", {"power": 1.5}), constant=True),
    Case("Logistic", "labels", 4.0, ("HalfBinomialLoss", {})),
    Case("Exponential", "signs", 4.0, ("ExponentialLoss", {})),
    Case("PseudoHuber", "real", 1.5),
    Case("LogCosh", "real", 4.0),
    Case("Expectile", "real", 1.5),
    Case("Tukey", "far", 1.5),
    Case("BinaryCrossEntropy", "probabilities", 4.0),
    Case("Hinge", "signs", 1.5),
    Case("SquaredHinge", "signs", 1.5),
    Case("BinaryFocal", "labels", 4.0),
)


def data(kind: str, rows: int, seed: int = 0) -> tuple[Array, Array]:
    """Unsorted random targets and predictions, float64."""
    rng = np.random.default_rng(seed)
    f = rng.normal(size=rows)
    if kind in ("real", "far"):  # half of a normal's draws lie beyond 0.674 of its scale
        scale = 1.0 / 0.6744897501960817 if kind == "far" else 1.0
        return f + scale * rng.normal(size=rows), f
    if kind == "counts":
        return rng.poisson(np.exp(f)).astype(np.float64), f
    if kind == "amounts":
        return rng.gamma(2.0, np.exp(f) / 2.0) + 1e-6, f
    if kind == "claims":  # Tweedie's of power 1.5 and dispersion 1: as many gamma amounts as a Poisson count says
        root = np.exp(f / 2.0)
        return rng.gamma(rng.poisson(2.0 * root), root / 2.0), f
    p = 1.0 / (1.0 + np.exp(-f))
    y = (rng.random(rows) < p).astype(np.float64)
    if kind == "signs":
        return 2.0 * y - 1.0, f
    return (y, p) if kind == "probabilities" else (y, 2.0 * f)


def sklearn_peer(case: Case, y: Array, f: Array) -> dict[str, Callable[[], tuple[Array, Array]]]:
    """scikit-learn's compiled loss on one thread, arrays preallocated, its dropped constant added by its own call."""
    from sklearn._loss import loss as module

    assert case.sklearn is not None
    name, arguments = case.sklearn
    peer = getattr(module, name)(**arguments)
    a, b = np.empty_like(f), np.empty_like(f)
    if case.data == "signs":  # scikit-learn's classes are 0 and 1
        y = (y + 1.0) / 2.0

    def value_and_gradient() -> tuple[Array, Array]:
        peer.loss_gradient(y, f, loss_out=a, gradient_out=b, n_threads=1)
        if case.constant:
            np.add(a, peer.constant_to_optimal_zero(y), out=a)
        return a, b

    def gradient_and_hessian() -> tuple[Array, Array]:
        peer.gradient_hessian(y, f, gradient_out=a, hessian_out=b, n_threads=1)
        return a, b

    return dict(zip(ACTS, (value_and_gradient, gradient_and_hessian), strict=True))


def numpy_peer(case: Case, y: Array, f: Array) -> dict[str, Callable[[], tuple[Array, Array]]]:
    """The loss in NumPy, value and gradient or gradient and Hessian, as a careful user writes it."""
    value_and_gradient, gradient_and_hessian = _NUMPY[case.name]
    return dict(zip(ACTS, (lambda: value_and_gradient(y, f), lambda: gradient_and_hessian(y, f)), strict=True))


def _expit(f: Array) -> Array:
    from scipy.special import expit

    return expit(f)


def _xlogy(x: Array, y: Array) -> Array:
    from scipy.special import xlogy

    return xlogy(x, y)


def _squared(y: Array, f: Array) -> tuple[Array, Array]:
    r = f - y
    return r * r, 2 * r


def _huber(y: Array, f: Array) -> tuple[Array, Array]:
    r = f - y
    a = np.abs(r)
    return np.where(a <= 1, r * r / 2, a - 0.5), np.clip(r, -1, 1)


def _huber_curved(y: Array, f: Array) -> tuple[Array, Array]:
    r = f - y
    return np.clip(r, -1, 1), (np.abs(r) <= 1).astype(float)


def _pseudo_huber(y: Array, f: Array) -> tuple[Array, Array]:
    r = f - y
    root = np.sqrt(1 + r * r)
    return root - 1, r / root


def _pseudo_huber_curved(y: Array, f: Array) -> tuple[Array, Array]:
    r = f - y
    root = np.sqrt(1 + r * r)
    return r / root, root**-3


def _log_cosh(y: Array, f: Array) -> tuple[Array, Array]:
    r = f - y
    return np.logaddexp(r, -r) - np.log(2), np.tanh(r)


def _log_cosh_curved(y: Array, f: Array) -> tuple[Array, Array]:
    t = np.tanh(f - y)
    return t, 1 - t * t


def _tukey(y: Array, f: Array) -> tuple[Array, Array]:
    r, c = f - y, 4.685
    u = np.maximum(1 - (r / c) ** 2, 0)
    return c * c / 6 * (1 - u * u * u), r * u * u


def _tukey_curved(y: Array, f: Array) -> tuple[Array, Array]:
    r, c = f - y, 4.685
    s = (r / c) ** 2
    u = np.maximum(1 - s, 0)
    return r * u * u, u * (u - 4 * s)


def _tweedie(y: Array, f: Array) -> tuple[Array, Array]:
    e = np.exp(f / 2)
    return 2 * (y / e + e) - 4 * np.sqrt(y), e - y / e


def _tweedie_curved(y: Array, f: Array) -> tuple[Array, Array]:
    e = np.exp(f / 2)
    return e - y / e, (e + y / e) / 2


def _focal(y: Array, f: Array) -> tuple[Array, Array]:
    z = (2 * y - 1) * f
    q, s = _expit(-z), np.logaddexp(0, -z)
    return q * q * s, -(2 * y - 1) * q * q * (2 * (1 - q) * s + q)


def _focal_curved(y: Array, f: Array) -> tuple[Array, Array]:
    z = (2 * y - 1) * f
    q, s = _expit(-z), np.logaddexp(0, -z)
    p = 1 - q
    return -(2 * y - 1) * q * q * (2 * p * s + q), q * q * p * (4 * p * s + 5 * q - 2 * q * s)


def _exponential(y: Array, f: Array) -> tuple[Array, Array]:
    e = np.exp(-y * f)
    return e, -y * e


_Pair = Callable[[Array, Array], tuple[Array, Array]]
_NUMPY: dict[str, tuple[_Pair, _Pair]] = {
    "SquaredError": (_squared, lambda y, f: (2 * (f - y), np.full_like(f, 2))),
    "AbsoluteError": (lambda y, f: (np.abs(f - y), np.sign(f - y)), lambda y, f: (np.sign(f - y), np.zeros_like(f))),
    "Huber": (_huber, _huber_curved),
    "Quantile": (lambda y, f: (np.abs(f - y) / 2, np.sign(f - y) / 2),
                 lambda y, f: (np.sign(f - y) / 2, np.zeros_like(f))),
    "Poisson": (lambda y, f: (_xlogy(y, y) - y - y * f + (e := np.exp(f)), e - y),
                lambda y, f: ((e := np.exp(f)) - y, e)),
    "Gamma": (lambda y, f: (f - np.log(y) + (e := y * np.exp(-f)) - 1, 1 - e),
              lambda y, f: (1 - (e := y * np.exp(-f)), e)),
    "Tweedie": (_tweedie, _tweedie_curved),
    "Logistic": (lambda y, f: (np.logaddexp(0, f) - y * f, _expit(f) - y),
                 lambda y, f: ((p := _expit(f)) - y, p * _expit(-f))),
    "Exponential": (_exponential, lambda y, f: (-y * (e := np.exp(-y * f)), e)),
    "PseudoHuber": (_pseudo_huber, _pseudo_huber_curved),
    "LogCosh": (_log_cosh, _log_cosh_curved),
    "Expectile": (lambda y, f: ((r := f - y) * r / 2, r), lambda y, f: (f - y, np.ones_like(f))),
    "Tukey": (_tukey, _tukey_curved),
    "BinaryCrossEntropy": (lambda y, f: (-_xlogy(y, f) - _xlogy(1 - y, 1 - f), (f - y) / (f * (1 - f))),
                           lambda y, f: ((f - y) / (f * (1 - f)), y / (f * f) + (1 - y) / ((1 - f) * (1 - f)))),
    "Hinge": (lambda y, f: (np.maximum(0, 1 - y * f), np.where(y * f < 1, -y, 0)),
              lambda y, f: (np.where(y * f < 1, -y, 0), np.zeros_like(f))),
    "SquaredHinge": (lambda y, f: ((u := np.maximum(0, 1 - y * f)) * u, -2 * y * u),
                     lambda y, f: (-2 * y * (u := np.maximum(0, 1 - y * f)), 2.0 * (u > 0))),
    "BinaryFocal": (_focal, _focal_curved),
}
