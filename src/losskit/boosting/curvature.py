"""Which curvature suits a loss, and the gradient and curvature of rows; the package says what the names mean."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from losskit.base import Evaluated, Pointwise
from losskit.calculus.graph import is_constant
from losskit.errors import CapabilityError, ParameterError
from losskit.forecast import Forecast
from losskit.links import LOG
from losskit.softmax import Softmax

Array = np.ndarray
CURVATURES = ("hessian", "fisher", "majorizer", "irls", "absolute", "unit")
_REACH = 4.0  # of a step in log-odds and logarithms


def curvature_of(loss: Evaluated) -> str:
    """The curvature that suits a loss, by its traits.

    Raises
    ------
    CapabilityError
        If trees cannot descend the loss on raw scores, naming what to use instead.
    """
    known, kind = loss.traits(), type(loss).__name__
    bound = known.curvature
    if any(domain.bounded for domain in loss.prediction_domains):  # type: ignore[attr-defined]
        raise CapabilityError(
            f"{kind} takes predictions of a bounded domain, and a sum of trees keeps to none; use a loss on raw scores "
            "(Logistic, SoftmaxCrossEntropy, Poisson, GaussianNLL), or SquaredError on transformed targets"
        )
    if not isinstance(loss, Pointwise):
        if isinstance(loss, Softmax):
            return "hessian" if known.convex else "absolute"
        if bound and math.isfinite(bound):
            return "majorizer"
        instead = "Quantile, one level at a time" if isinstance(loss, Forecast) else "SoftmaxCrossEntropy"
        raise CapabilityError(f"{kind} has no curvature known for trees to go by; use {instead}")
    if len(loss.outputs) > 1:
        if not hasattr(loss, "information"):
            raise CapabilityError(f"{kind} has no Fisher information for trees to go by; use a density (GaussianNLL)")
        return "fisher"
    if renews(loss):
        return "unit"
    if is_unknown(loss):
        if is_constant(loss.trace().hessian[0], 0):
            raise CapabilityError(f"trees cannot descend {loss!r}: {_UNSTATED}")
        return "hessian"
    if bound == 0.0 or (bound is None and known.differentiable is not True):
        raise CapabilityError(f"trees cannot descend {kind}: {_WHY_NOT[bool(known.differentiable)]}")
    if known.convex:
        if known.symmetric and loss.variables == ("r",) and known.lipschitz and math.isfinite(known.lipschitz):
            return "irls"
        if loss.link is LOG and bound == math.inf:
            return "absolute"
        return "hessian" if known.strictly_convex or not math.isfinite(bound or math.inf) else "majorizer"
    if bound and math.isfinite(bound):
        return "majorizer"
    if hasattr(loss, "information"):
        return "fisher"
    if loss.link.gives != "probability":
        raise CapabilityError(f"{kind} has no curvature that is sure to be positive; use a convex loss, such as Huber")
    return "absolute"


_UNSTATED = (
    "its second derivative is 0, and nothing says that it is convex, so leaves cannot be set to their own optimum; "
    "write it as a class whose traits() say so, Traits(convex=True, differentiable=False, curvature=0.0), or out of "
    "losses of the catalogue (3 * Quantile(0.9)); curvature='unit' trains without: slow and biased"
)
_WHY_NOT = {
    True: "it is a straight line, lower the farther one goes; use Hinge or Logistic for classes, Huber for numbers",
    False: "it has corners or steps and is not convex; use Huber or Tukey for numbers, Logistic or Sigmoid for classes",
}


def is_unknown(loss: Evaluated) -> bool:
    """Whether nothing is stated of the loss's shape, as of a formula of the user's own."""
    known = loss.traits()
    return isinstance(loss, Pointwise) and known.convex is known.curvature is known.differentiable is None


def renews(loss: Evaluated) -> bool:
    """Whether leaves are set to their own optimum: the curvature is in kinks, or one-sided with a bounded slope.

    Such a curvature says nothing of how far to go.
    """
    known = loss.traits()
    if not isinstance(loss, Pointwise) or len(loss.outputs) > 1 or not known.convex:
        return False
    if known.curvature == 0.0:
        return not known.differentiable
    one_sided = loss.variables == ("r",) and not known.symmetric
    return one_sided and bool(known.lipschitz) and math.isfinite(known.lipschitz)


def check_name(curvature: str) -> None:
    """Raise ParameterError for a curvature that is not known."""
    if curvature != "auto" and curvature not in CURVATURES:
        known = ", ".join(map(repr, ("auto", *CURVATURES)))
        raise ParameterError(f"curvature is one of {known}; got {curvature!r}")


def check_targets(loss: Any) -> None:
    """Raise CapabilityError for a loss of several targets a row."""
    if isinstance(loss, Pointwise) and len(loss.targets) > 1:
        raise CapabilityError(
            f"{type(loss).__name__} takes {len(loss.targets)} targets a row ({', '.join(loss.targets)}), and an "
            "engine's data hold one; train a model of your own with loss.to_torch() or loss.to_jax()"
        )


def is_level(loss: Any, name: str) -> bool:
    """Whether the curvature of a row is the same at every score and target."""
    if name != "hessian":
        return name in ("majorizer", "unit")
    return isinstance(loss, Pointwise) and all(is_constant(node) for node in loss.trace().hessian)


def parts(loss: Any, name: str, y: Array, f: Array, w: Array | None, out: Any = None) -> tuple[Array, Array]:
    """Weighted gradient and curvature of rows at scores f; `out` is a pair of arrays for one output a row."""
    pointwise = isinstance(loss, Pointwise)
    several = not pointwise or len(loss.outputs) > 1
    out = None if several else out
    if name in ("hessian", "absolute"):
        if several:
            g, h = loss.gradient(y, f, w, "sum"), loss.hessian_diagonal(y, f, w, "sum")
        else:
            g, h = loss.gradient_and_hessian(y, f, w, "sum", out=out)
        return (g, h) if name == "hessian" else (g, np.maximum(np.abs(h), np.abs(g) / _REACH))
    g = loss.gradient(y, f, w, "sum", out=None if out is None else out[0])
    if name == "irls":
        r = f - y
        at_zero = float(loss.hessian(np.zeros(1), np.zeros(1))[0])
        with np.errstate(divide="ignore", invalid="ignore"):
            h = np.where(r == 0, at_zero if w is None else at_zero * w, g / r)
    elif name == "unit":
        h = np.ones_like(f) if w is None else np.array(w, dtype=f.dtype)
    else:
        h = (loss.fisher if name == "fisher" else loss.majorizer)(y, f, w, "sum")
        if pointwise and several:
            h = np.diagonal(h, axis1=-2, axis2=-1)
    return g, h
