"""Losses of the residual for targets with gross errors. All but Wing and StudentT are r^2/2 near zero, as Huber is."""

from __future__ import annotations

from math import exp, inf, nan, pi
from typing import Any

from losskit.base import Residual
from losskit.calculus import (
    Node,
    barron,
    damped,
    fair,
    inverse_square,
    log1p_square,
    maximum,
    minimum,
    mul_gauss,
    mul_log1p,
    one_minus_square,
    scaled_cos,
    scaled_sin,
    sqrt,
    welsch,
    where,
)
from losskit.calculus.table import pseudo_huber_slope
from losskit.domains import Positive, RealOrMinusInfinity, Scale
from losskit.errors import ParameterError
from losskit.traits import Traits

_REDESCENDING = {"redescending": True, "breakdown": 0.5}


def _known(parameter: Any) -> Any:
    """The parameter, or nan where it is still "auto": a bound that hangs on it is unknown."""
    return nan if isinstance(parameter, str) else parameter


class Tukey(Residual):
    """The biweight: like squared error near zero, constant beyond `c`, so that gross outliers lose all pull."""

    source = "Beaton and Tukey (1974), doi:10.1080/00401706.1974.10489171"
    use = "A fair share of y is garbage; c=\"auto\" keeps 95 % efficiency at the normal."
    avoid = "A good start is missing: it is not convex, a fit may end in a local minimum."
    tuning = {"c": 4.685}
    c: Scale = 4.685

    def formula(self, r: Any) -> Any:
        u = one_minus_square(r, self.c)
        return where(abs(r) <= self.c, r**2 * (1 + u * (2 - (r / self.c) ** 2)) / 6, self.c**2 / 6)

    def derivative(self, r: Any) -> Any:
        return where(abs(r) <= self.c, r * one_minus_square(r, self.c) ** 2, 0)

    def second_derivative(self, r: Any) -> Any:
        return where(abs(r) <= self.c, one_minus_square(r, self.c) * (1 - 5 * (r / self.c) ** 2), 0)

    def traits(self) -> Traits:
        return Traits(convex=False, strictly_convex=False, symmetric=True, differentiable=True, bounded=True,
                      lipschitz=16 / (25 * 5**0.5) * _known(self.c), curvature=1.0, strong=-0.8, **_REDESCENDING)


class Cauchy(Residual):
    """Grows like a logarithm: a row far away is nearly forgotten. Also called Lorentzian."""

    source = "Holland and Welsch (1977), doi:10.1080/03610927708827533"
    use = "Errors have very heavy tails and outliers come in all sizes; c=\"auto\" keeps 95 % efficiency at the normal."
    avoid = "A good start is missing: it is not convex, a fit may end in a local minimum."
    tuning = {"c": 2.385}
    c: Scale = 2.385

    def formula(self, r: Any) -> Any:
        return log1p_square(self.c**2 / 2, r, self.c)

    def traits(self) -> Traits:
        return Traits(convex=False, strictly_convex=False, symmetric=True, differentiable=True, bounded=False,
                      lipschitz=_known(self.c) / 2, curvature=1.0, strong=-1 / 8, **_REDESCENDING)


class StudentT(Residual):
    """Negative log-likelihood of Student's t with `df` degrees of freedom, less its value at a perfect fit."""

    source = "Lange, Little and Taylor (1989), doi:10.1080/01621459.1989.10478852"
    use = "Errors are t-distributed, or about: few degrees of freedom forgive more."
    avoid = "The scale is unknown and fixed by guess: it decides what is an outlier."
    df: Positive = 4.0
    scale: Positive = 1.0

    def formula(self, r: Any) -> Any:
        return log1p_square((self.df + 1) / 2, r, self.scale * sqrt(self.df))

    def traits(self) -> Traits:
        slope = (self.df + 1) / self.scale / self.df**0.5
        return Traits(convex=False, strictly_convex=False, symmetric=True, differentiable=True, bounded=False,
                      lipschitz=slope / 2, curvature=slope / self.scale / self.df**0.5,
                      strong=-slope / self.scale / self.df**0.5 / 8, **_REDESCENDING)


class GemanMcClure(Residual):
    """Saturates at c^2/2 like a rational function; outliers lose their pull with the cube of their distance."""

    source = "Geman and McClure (1987), Bulletin of the International Statistical Institute 52, 5"
    use = "Outliers are many and far; registration and pose estimation. c=\"auto\" keeps 95 % efficiency at the normal."
    avoid = "A good start is missing: start from a convex fit, or with a large c that shrinks."
    tuning = {"c": 3.787}
    c: Scale = 3.787

    def formula(self, r: Any) -> Any:
        return pseudo_huber_slope(r, self.c) ** 2 / 2

    def derivative(self, r: Any) -> Any:
        return damped(1, r, self.c) * inverse_square(1, r, self.c)

    def second_derivative(self, r: Any) -> Any:
        # (1 - 4 s/(1 + s)) w^2 with s = (r/c)^2 and w = 1/(1 + s)
        w = inverse_square(1, r, self.c)
        return where(w > 0.5, 1 - 4 * (pseudo_huber_slope(r, self.c) / self.c) ** 2, 4 * w - 3) * w**2

    def traits(self) -> Traits:
        return Traits(convex=False, strictly_convex=False, symmetric=True, differentiable=True, bounded=True,
                      lipschitz=3 * 3**0.5 / 16 * _known(self.c), curvature=1.0, strong=-0.25, **_REDESCENDING)


class Welsch(Residual):
    """A bell turned over: quadratic inside `c`, flat beyond, outliers forgotten as fast as a normal density falls."""

    source = "Dennis and Welsch (1978), doi:10.1080/03610917808812083"
    use = "Outliers are to be ignored softly, without Tukey's sharp end; also known as correntropy loss."
    avoid = "A good start is missing: far from the data its gradient is 0 to the last bit."
    tuning = {"c": 2.985}
    c: Scale = 2.985

    def formula(self, r: Any) -> Any:
        return welsch(r, self.c)

    def second_derivative(self, r: Any) -> Any:
        return mul_gauss(1 - 2 * (r / self.c) ** 2, r, self.c)

    def traits(self) -> Traits:
        return Traits(convex=False, strictly_convex=False, symmetric=True, differentiable=True, bounded=True,
                      lipschitz=(exp(-1) / 2) ** 0.5 * _known(self.c), curvature=1.0, strong=-2 * exp(-1.5),
                      **_REDESCENDING)


class Barron(Residual):
    """The general robust loss: alpha -inf is Welsch, -2 GemanMcClure, 0 Cauchy, 1 PseudoHuber, 2 squares; or between.

    Barron's own is divided by scale^2; here it is r^2/2 near zero at every alpha.
    """

    source = "Barron (2019), doi:10.1109/CVPR.2019.00446"
    use = "How robust to be is itself a question: alpha is tuned, or lowered step by step from 2."
    avoid = "The member is known: its own loss is faster."
    alpha: RealOrMinusInfinity = 1.0
    scale: Positive = 1.0

    def formula(self, r: Any) -> Any:
        return barron(r, self.alpha, self.scale)

    def traits(self) -> Traits:
        a = self.alpha
        if isinstance(a, Node):
            return Traits(curvature=where(a <= 2, 1, inf))
        convex = a >= 1
        if convex:
            slope, strong = (self.scale if a == 1 else inf), float(a >= 2)
        elif a == -inf:
            slope, strong = self.scale * exp(-0.5), -2 * exp(-1.5)
        else:  # both where the next derivative is 0
            slope = self.scale * ((2 - a) / (1 - a)) ** ((a - 1) / 2)
            strong = -2 * ((4 - a) / (1 - a)) ** (a / 2 - 2)
        return Traits(convex=convex, strictly_convex=convex, symmetric=True, differentiable=True, bounded=a < 0,
                      lipschitz=slope, curvature=1.0 if a <= 2 else inf, strong=strong,
                      elicits="mean" if a == 2 else None, redescending=a < 1, breakdown=0.5 if a <= 1 else 0.0)


class Fair(Residual):
    """Between squared and absolute error, convex, with a pull that nears `c` slowly."""

    source = "Fair (1974), Annals of Economic and Social Measurement 3, 667"
    use = "Huber's robustness with a unique fit and continuous second derivatives; it needs no good start."
    avoid = "Gross outliers are many: its pull is bounded but never fades."
    tuning = {"c": 1.3998}
    c: Scale = 1.3998

    def formula(self, r: Any) -> Any:
        return fair(r, self.c)

    def derivative(self, r: Any) -> Any:
        x, c = abs(r), self.c
        return where(x < c, r, where(r < 0, -c, c)) / (1 + minimum(x, c) / maximum(x, c))

    def second_derivative(self, r: Any) -> Any:
        return (self.c / (self.c + abs(r))) ** 2

    def traits(self) -> Traits:
        return Traits(convex=True, strictly_convex=True, symmetric=True, differentiable=True, bounded=False,
                      lipschitz=self.c, curvature=1.0, strong=0.0, redescending=False, breakdown=0.5)


class Hampel(Residual):
    """Three parts: squared to `a`, absolute to `b`, fading to `c`; beyond, constant. a <= b < c."""

    source = "Hampel et al. (1986), doi:10.1002/9781118186435; defaults as in R's MASS and statsmodels"
    use = "Good rows keep full weight, doubtful ones some, outliers none; \"auto\" for all three is 95 % efficient."
    avoid = "A good start is missing: it is not convex, a fit may end in a local minimum."
    tuning = {"a": 1.382, "b": 2.764, "c": 5.528}
    a: Scale = 2.0
    b: Scale = 4.0
    c: Scale = 8.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not any(isinstance(x, str) for x in (self.a, self.b, self.c)) and not self.a <= self.b < self.c:
            raise ParameterError(f"Hampel needs a <= b < c; got a={self.a!r}, b={self.b!r}, c={self.c!r}")

    def formula(self, r: Any) -> Any:
        x, a = abs(r), self.a
        # along the fading part no term is negative
        d = minimum(x, self.c) - self.b
        fading = a * (self.b - a / 2 + d * (1 - d / (2 * (self.c - self.b))))
        return where(x <= a, r**2 / 2, where(x <= self.b, a * (x - a / 2), fading))

    def derivative(self, r: Any) -> Any:
        most = self.a * minimum(maximum(self.c - abs(r), 0) / (self.c - self.b), 1)
        return maximum(minimum(r, most), -most)

    def second_derivative(self, r: Any) -> Any:
        x, fading = abs(r), where(abs(r) < self.c, -self.a / (self.c - self.b), 0)
        return where(x <= self.a, 1, where(x <= self.b, 0, fading))

    def traits(self) -> Traits:
        return Traits(convex=False, strictly_convex=False, symmetric=True, differentiable=True, bounded=True,
                      lipschitz=self.a, curvature=1.0, strong=-_known(self.a) / (_known(self.c) - _known(self.b)),
                      **_REDESCENDING)


class Andrews(Residual):
    """The sine wave: a cosine's valley that ends in a plateau at pi c, where outliers have lost all pull."""

    source = "Andrews (1974), doi:10.1080/00401706.1974.10489233"
    use = "Like Tukey, with slightly more weight in the middle; c=\"auto\" keeps 95 % efficiency at the normal."
    avoid = "A good start is missing: it is not convex, a fit may end in a local minimum."
    tuning = {"c": 1.339}
    c: Scale = 1.339

    def formula(self, r: Any) -> Any:
        return where(abs(r) <= pi * self.c, scaled_sin(r, 2 * self.c) ** 2 / 2, 2 * self.c**2)

    def second_derivative(self, r: Any) -> Any:
        return where(abs(r) <= pi * self.c, scaled_cos(r, self.c), 0)

    def traits(self) -> Traits:
        return Traits(convex=False, strictly_convex=False, symmetric=True, differentiable=True, bounded=True,
                      lipschitz=self.c, curvature=1.0, strong=-1.0, **_REDESCENDING)


class TrimmedSquares(Residual):
    """Squares, cut at `c`: a row beyond counts as lost and pulls no more. Also called Talwar's or truncated squares."""

    source = "Hinich and Talwar (1975), Journal of the American Statistical Association 70, 113"
    use = "Rows are good or garbage with little between; a fit alternates between choosing rows and least squares."
    avoid = "Rows near the cut matter: the fit jumps as they cross it, and a good start is needed."
    tuning = {"c": 2.795}
    c: Scale = 2.795

    def formula(self, r: Any) -> Any:
        return where(abs(r) < self.c, r**2 / 2, self.c**2 / 2)

    def traits(self) -> Traits:
        return Traits(convex=False, strictly_convex=False, symmetric=True, differentiable=False, bounded=True,
                      lipschitz=self.c, curvature=1.0, strong=0.0, **_REDESCENDING,
                      kinks=None if isinstance(self.c, str) else (-self.c, self.c))


class Wing(Residual):
    """A logarithm with a sharp tip inside `width`, absolute error outside; steeper at the tip for small `curvature`."""

    source = "Feng et al. (2018), doi:10.1109/CVPR.2018.00238"
    use = "Small and medium errors are to keep a strong pull, as in locating facial landmarks."
    avoid = "A solver needs convexity or a smooth minimum: it has a spike at 0 and kinks at the width."
    width: Positive = 10.0
    curvature: Positive = 2.0

    def formula(self, r: Any) -> Any:
        x, w = abs(r), self.width
        return where(x <= w, mul_log1p(w, x, self.curvature), (x - w) + mul_log1p(w, w, self.curvature))

    def traits(self) -> Traits:
        return Traits(convex=False, strictly_convex=False, symmetric=True, differentiable=False, bounded=False,
                      lipschitz=maximum(self.width / self.curvature, 1), curvature=0.0,
                      strong=-self.width / self.curvature / self.curvature, redescending=False, breakdown=0.5,
                      kinks=(-self.width, 0.0, self.width))
