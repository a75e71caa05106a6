"""Divergences against their textbook formulas in mpmath, at zeros and near P = Q; other libraries; bad input."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from scipy import special, stats
from scipy.spatial.distance import jensenshannon

import losskit as lk
from losskit.divergence import Divergence
from losskit.registry import losses
from tests.laws.oracle import ulp

ALL = losses(Divergence)
OTHER = 8.0  # ulp
DIGITS = 400


def _log(x):
    return mpmath.log(x) if x else -mpmath.inf


def _entropy(p, q):
    """p log(p/q), with 0 log 0 = 0."""
    return mpmath.mpf(0) if not p else mpmath.inf if not q else p * (_log(p) - _log(q))


def _each(term, generalised=None):
    """The sum over the classes of a term of p and q, which on masses may have another one."""
    return lambda loss, p, q: mpmath.fsum(
        (generalised if generalised and loss.on == "masses" else term)(a, b) for a, b in zip(p, q, strict=True)
    )


def _renyi(loss, p, q):
    a = mpmath.mpf(loss.alpha)
    return mpmath.log(mpmath.fsum(x**a * y ** (1 - a) for x, y in zip(p, q, strict=True) if x)) / (a - 1)


def _moved(loss, p, q):
    places = loss.positions or tuple(range(len(p)))
    gaps = [mpmath.fsum(b - a for a, b in zip(p[: i + 1], q[: i + 1], strict=True)) for i in range(len(p) - 1)]
    return mpmath.fsum((mpmath.mpf(b) - a) * abs(g) for a, b, g in zip(places, places[1:], gaps, strict=False))


TEXTBOOK = {
    "KL": _each(_entropy, lambda p, q: _entropy(p, q) - p + q),
    "ReverseKL": _each(lambda p, q: _entropy(q, p), lambda p, q: _entropy(q, p) - q + p),
    "JensenShannon": _each(lambda p, q: (_entropy(p, (p + q) / 2) + _entropy(q, (p + q) / 2)) / 2),
    "Hellinger": _each(lambda p, q: (mpmath.sqrt(p) - mpmath.sqrt(q)) ** 2 / 2),
    "TotalVariationDistance": _each(lambda p, q: abs(p - q) / 2),
    "Renyi": _renyi,
    "Wasserstein1": _moved,
    "FDivergence": lambda loss, p, q: GENERATED[loss.generator](loss, p, q),
    "Bregman": lambda loss, p, q: GENERATED[loss.potential](loss, p, q),
}
# by a text; unnormalised, f-divergences have the tangent at 1 taken off
GENERATED = {
    "(t - 1)**2": _each(lambda p, q: (p - q) ** 2 / q),
    "xlogy(t, t)": TEXTBOOK["KL"],
    "-log(t)": TEXTBOOK["ReverseKL"],
    "(sqrt(t) - 1)**2 / 2": TEXTBOOK["Hellinger"],
    "abs(t - 1) / 2": TEXTBOOK["TotalVariationDistance"],
    "x**2": _each(lambda p, q: (p - q) ** 2),
    "xlogy(x, x)": _each(lambda p, q: _entropy(p, q) - p + q),
    "-log(x)": _each(lambda p, q: p / q - _log(p) + _log(q) - 1),
}


def spaces(cls):
    return ("probabilities", "log_probabilities", "logits", "masses")[: 4 if cls.weighs else 3]


CASES = [
    *((name, {}, on) for name, cls in ALL.items() for on in spaces(cls) if name not in ("FDivergence", "Bregman")),
    ("Renyi", {"alpha": 2.5}, "probabilities"),
    ("Renyi", {"alpha": 0.9}, "logits"),
    ("Wasserstein1", {"positions": (0.0, 1.0, 4.0, 4.5)}, "probabilities"),
]


def shares(on, f):
    """The shares that predictions mean, to the digits at hand."""
    f = [mpmath.mpf(x) for x in f]
    if on in ("probabilities", "masses"):
        return f
    exps = [mpmath.exp(x) for x in f]
    return exps if on == "log_probabilities" else [e / mpmath.fsum(exps) for e in exps]


def truth(loss, p, f):
    """Value and gradient of a row, and the diagonal of its Hessian, by differences at hundreds of digits."""
    textbook = TEXTBOOK[type(loss).__name__]

    def value(z):
        return textbook(loss, [mpmath.mpf(x) for x in p], shares(loss.on, z))

    with mpmath.workdps(DIGITS):
        here, h, gradient, bend = value(f), mpmath.mpf(10) ** -120, [], []
        f = [mpmath.mpf(x) for x in f]
        for j in range(len(f)):
            step = h if loss.on in ("logits", "log_probabilities") else h * abs(f[j])
            up, down = (value([x + s * step * (i == j) for i, x in enumerate(f)]) for s in (1, -1))
            gradient.append((up - down) / (2 * step))
            bend.append((up - 2 * here + down) / step**2)
        return here, gradient, bend


def rows(on, rng, n=24, k=4):
    """P and f: ordinary rows, rows near P = Q, rows with tiny shares."""
    p, q = rng.dirichlet(np.ones(k), n), rng.dirichlet(np.ones(k), n)
    third = n // 3
    q[:third] = p[:third] * (1 + 10.0 ** rng.uniform(-12, -1, (third, 1)) * rng.normal(size=(third, k)))
    q[0], p[-1] = p[0], q[-1]
    q[-third:] *= 10.0 ** rng.uniform(-40, 0, (third, k))
    p[-third:] *= 10.0 ** rng.uniform(-40, 0, (third, k))
    if on == "masses":
        return 3 * p, q
    p, q = (x / x.sum(axis=1, keepdims=True) for x in (p, q))
    return p, q if on == "probabilities" else np.log(q) + (rng.normal(size=(n, 1)) if on == "logits" else 0.0)


def _roundings(loss, p, f):
    """How far f, or what is read from it, is from what is meant; and the largest summand of each derivative.

    Logarithms of shares are not known better than to a few ulp of themselves, be they given or those of a softmax: the
    result may be that of predictions so far away. Shares themselves are taken as they are.
    """
    with mpmath.workdps(60):
        p, q = [mpmath.mpf(x) for x in p], shares(loss.on, f)
        logs = [max(1, *(abs(_log(x)) for x in (a, b) if x)) for a, b in zip(p, q, strict=True)]
        if loss.on in ("probabilities", "masses"):
            roots = logs if isinstance(loss, lk.ReverseKL) else [mpmath.mpf(10) ** -60] * len(p)
            return [mpmath.mpf(0)] * len(p), roots
        away = [4 * ulp(max(c, abs(mpmath.mpf(x)))) for c, x in zip(logs, f, strict=True)]
        return away, [max(a, b) * c for a, b, c in zip(p, q, logs, strict=True)]


NEAR = [
    ("FDivergence", "xlogy(t, t)", "probabilities"), ("FDivergence", "-log(t)", "masses"),
    ("FDivergence", "abs(t - 1) / 2", "probabilities"), ("Bregman", "-log(x)", "probabilities"),
    *(pytest.param("FDivergence", text, on, marks=pytest.mark.slow) for text, on in (
        ("(t - 1)**2", "probabilities"), ("(t - 1)**2", "masses"), ("xlogy(t, t)", "masses"),
        ("-log(t)", "probabilities"), ("-log(t)", "logits"), ("(sqrt(t) - 1)**2 / 2", "probabilities"),
        ("(sqrt(t) - 1)**2 / 2", "masses"))),
    *(pytest.param("Bregman", text, "probabilities", marks=pytest.mark.slow) for text in ("x**2", "xlogy(x, x)")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "on"), NEAR)
def test_divergences_by_a_text_keep_the_promise_between_a_third_and_thrice(name, text, on):
    rng = np.random.default_rng(7)
    p = rng.dirichlet(np.ones(4), 20) * 10.0 ** -rng.integers(0, 3, (20, 4))
    p /= p.sum(axis=1, keepdims=True)
    q = p * np.exp(rng.uniform(-1, 1, (20, 4)) * 10.0 ** rng.integers(-13, 1, (20, 1)))
    if on != "masses":
        q /= q.sum(axis=1, keepdims=True)
    loss = ALL[name](text, on=on)
    _holds(loss, p, np.log(q) if on == "logits" else q)


def _near_a_kink(loss, p, f):
    gaps = np.array([float(b - mpmath.mpf(a)) for a, b in zip(p, shares(loss.on, f), strict=True)])
    gaps = np.cumsum(gaps)[:-1] if isinstance(loss, lk.Wasserstein1) else gaps
    return not loss.traits().differentiable and bool((np.abs(gaps) < 1e-12).any())


@pytest.mark.parametrize(("name", "given", "on"), CASES)
def test_claims_of_convexity_bounds_and_slopes_survive_a_search(name, given, on):
    rng = np.random.default_rng(8)
    loss = ALL[name](**given, on=on)
    p, q = (rng.dirichlet(np.full(4, rate), 4000) for rate in (1.0, 0.3))
    p, q = np.maximum(p, 1e-9), np.maximum(q, 1e-9)
    p[:1000] = np.eye(4)[rng.integers(4, size=1000)] * (1 - 4e-9) + 1e-9
    p, q = p / p.sum(axis=1, keepdims=True), q / q.sum(axis=1, keepdims=True)
    if on == "masses":
        p, q = p * rng.uniform(0.1, 50, (4000, 1)), q * rng.uniform(0.1, 50, (4000, 1))
    value, gradient, hessian = loss.value_gradient_and_hessian(p, np.log(q) if on.startswith("log") else q,
                                                               reduction="none")  # fmt: skip
    known, least = loss.traits(), np.linalg.eigvalsh(hessian)[:, 0] / np.abs(hessian).max(axis=(1, 2), initial=1e-300)
    if known.convex:
        assert least.min() >= -1e-12
    elif known.convex is False and known.differentiable:
        assert least.min() < -1e-3
    if known.lipschitz is not None:
        assert np.linalg.norm(gradient, axis=1).max() <= known.lipschitz * (1 + 1e-12)
    if known.bounded is not None:
        assert (value.max() < 5) == known.bounded


@pytest.mark.parametrize(("name", "given", "on"), CASES)
def test_value_and_derivatives_keep_the_promise(name, given, on):
    _holds(ALL[name](**given, on=on), *rows(on, np.random.default_rng(5)))


def _holds(loss, p, f):
    """Value, gradient and the diagonal of the Hessian within the promise."""
    value, gradient, hessian = loss.value_gradient_and_hessian(p, f, reduction="none")
    for i in range(len(p)):
        true, slopes, bends = truth(loss, p[i], f[i])
        away, scales = _roundings(loss, p[i], f[i])
        summand = max(scales) if isinstance(loss, lk.Wasserstein1) else 0
        allowed = OTHER * ulp(max(abs(true), summand)) + mpmath.fdot(away, np.abs(gradient[i]) + scales)
        assert abs(value[i] - true) <= allowed, (p[i], f[i], value[i], true)
        for j in range(4 if not _near_a_kink(loss, p[i], f[i]) else 0):
            place = p[i], f[i], j
            moved = mpmath.fdot(away, np.abs(hessian[i, j]))
            for got, true in ((gradient[i, j], slopes[j]), (hessian[i, j, j], bends[j])):
                assert abs(got - true) <= OTHER * ulp(max(abs(true), scales[j])) + moved, (*place, got, true)


INF, LOG2 = math.inf, math.log(2)
NOTHING, MISSED, SPARE = ([0.0, 1.0], [0.0, 1.0]), ([0.5, 0.5], [0.0, 1.0]), ([0.0, 1.0], [0.5, 0.5])


@pytest.mark.parametrize(
    ("loss", "rows", "value", "gradient", "bend"),
    [
        (lk.KL(), NOTHING, 0, (0, -1), (0, 1)),
        (lk.KL(), MISSED, INF, (-INF, -0.5), (INF, 0.5)),
        (lk.KL(), SPARE, LOG2, (0, -2), (0, 4)),
        (lk.KL(on="masses"), SPARE, LOG2, (1, -1), (0, 4)),
        (lk.KL(on="logits"), ([0.0, 1.0], [-INF, 0.0]), 0, (0, 0), (0, 0)),
        (lk.KL(on="logits"), ([0.5, 0.5], [-INF, 0.0]), INF, (-0.5, 0.5), (0, 0)),
        (lk.KL(on="log_probabilities"), ([0.5, 0.5], [-INF, 0.0]), INF, (-0.5, -0.5), (0, 0)),
        (lk.ReverseKL(), NOTHING, 0, (0, 1), (INF, 1)),
        (lk.ReverseKL(), MISSED, LOG2, (-INF, LOG2 + 1), (INF, 1)),
        (lk.ReverseKL(), SPARE, INF, (INF, 1 - LOG2), (2, 2)),
        (lk.JensenShannon(), NOTHING, 0, (LOG2 / 2, 0), (0, 0.25)),
        (lk.JensenShannon(), MISSED, 0.75 * math.log(4 / 3), (-INF, math.log(4 / 3) / 2), (INF, 1 / 6)),
        (lk.JensenShannon(), SPARE, 0.75 * math.log(4 / 3), (LOG2 / 2, -math.log(1.5) / 2), (0, 2 / 3)),
        (lk.Hellinger(), NOTHING, 0, (0.5, 0), (0, 0.25)),
        (lk.Hellinger(), MISSED, 1 - 0.5**0.5, (-INF, (1 - 0.5**0.5) / 2), (INF, 0.5**0.5 / 4)),
        (lk.TotalVariationDistance(), MISSED, 0.5, (-0.5, 0.5), (0, 0)),
        (lk.Renyi(), MISSED, LOG2, (-INF, -1), (INF, 1)),
        (lk.Renyi(2.0), MISSED, INF, (-INF, 0), (INF, 0)),
        (lk.Renyi(2.0), SPARE, LOG2, (0, -2), (0, 4)),
        (lk.FDivergence("xlogy(t, t)"), MISSED, INF, (-INF, -0.5), (INF, 0.5)),
        (lk.FDivergence("abs(t - 1) / 2", 0.5), MISSED, 0.5, (0, 0.5), (0, 0)),
        (lk.Bregman("xlogy(x, x)"), SPARE, LOG2, (1, -1), (0, 4)),
    ],
)
def test_shares_of_zero_are_right_in_value_and_both_derivatives(loss, rows, value, gradient, bend):
    p, q = rows
    assert loss([p], [q]) == pytest.approx(value, rel=4e-16)
    np.testing.assert_allclose(loss.gradient([p], [q])[0], gradient, rtol=4e-16)
    np.testing.assert_allclose(loss.hessian_diagonal([p], [q])[0], bend, rtol=4e-16)


def test_other_libraries_give_the_same_numbers():
    rng = np.random.default_rng(3)
    p, q = rng.dirichlet(np.ones(5), (2, 30))

    def value(loss, f=q):
        return loss(p, f, reduction="none")

    np.testing.assert_allclose(value(lk.KL()), stats.entropy(p, q, axis=1), rtol=1e-12)
    np.testing.assert_allclose(value(lk.KL(on="masses"), 2 * q), special.kl_div(p, 2 * q).sum(axis=1), rtol=1e-13)
    np.testing.assert_allclose(value(lk.ReverseKL()), special.rel_entr(q, p).sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(value(lk.JensenShannon()), jensenshannon(p, q, axis=1) ** 2, rtol=1e-12)
    places = (0.0, 1.0, 1.5, 4.0, 9.0)
    moved = [stats.wasserstein_distance(places, places, a, b) for a, b in zip(p, q, strict=True)]
    np.testing.assert_allclose(value(lk.Wasserstein1(places)), moved, rtol=1e-12)
    torch = pytest.importorskip("torch")
    logs = torch.tensor(np.log(q), requires_grad=True)
    theirs = torch.nn.KLDivLoss(reduction="batchmean")(logs, torch.tensor(p))
    theirs.backward()
    ours = lk.KL(on="log_probabilities").value_and_gradient(p, np.log(q))
    assert ours[0] == pytest.approx(theirs.item(), rel=1e-12)
    np.testing.assert_allclose(ours[1], logs.grad.numpy(), rtol=1e-15)


@pytest.mark.parametrize("on", ["probabilities", "log_probabilities", "logits"])
def test_divergences_by_a_text_are_those_with_a_name(on):
    rng = np.random.default_rng(4)
    p, f = rng.dirichlet(np.ones(4), (2, 20))
    f = f if on == "probabilities" else np.log(f)
    pairs = [
        (lk.FDivergence("xlogy(t, t)", on=on), lk.KL(on=on)),
        (lk.FDivergence("abs(t - 1) / 2", 0.5, on=on), lk.TotalVariationDistance(on=on)),
        (lk.FDivergence("(sqrt(t) - 1)**2 / 2", 0.5, on=on), lk.Hellinger(on=on)),
        *([(lk.Bregman("x**2"), lk.BrierScore())] if on == "probabilities" else []),
    ]
    for written, named in pairs:
        got = written.value_gradient_and_hessian(p, f, reduction="none")
        for ours, theirs in zip(got, named.value_gradient_and_hessian(p, f, reduction="none"), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-12)


def test_identities_and_limits():
    rng = np.random.default_rng(5)
    p, q = rng.dirichlet(np.ones(4), (2, 20))

    def value(loss, p=p, q=q):
        return loss(p, q, reduction="none")

    sixteenths = np.array([[[1, 2, 5, 8], [4, 4, 4, 4]], [[3, 3, 3, 7], [1, 11, 2, 2]]]) / 16  # their sum is 1, exactly
    np.testing.assert_allclose(value(lk.Renyi(1 + 1e-9), *sixteenths), value(lk.KL(), *sixteenths), rtol=1e-8)
    np.testing.assert_allclose(value(lk.Renyi(0.5)), -2 * np.log1p(-value(lk.Hellinger())), rtol=1e-13)
    np.testing.assert_allclose(value(lk.ReverseKL()), value(lk.KL(), q, p), rtol=1e-13)
    np.testing.assert_allclose(value(lk.JensenShannon()), value(lk.JensenShannon(), q, p), rtol=1e-13)
    z, y = rng.normal(size=(20, 4)), rng.integers(0, 4, 20)
    ours = lk.KL(on="logits").value_gradient_and_hessian(y, z)
    for a, b in zip(ours, lk.SoftmaxCrossEntropy().value_gradient_and_hessian(y, z), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-16)


@pytest.mark.parametrize("loss", [lk.KL(), lk.Bregman("x**2"), lk.Bregman("xlogy(x, x)"), lk.Bregman("-log(x)"),
                                  lk.ReverseKL(), lk.JensenShannon(), lk.Hellinger(), lk.TotalVariationDistance()],
                         ids=repr)  # fmt: skip
def test_proper_divergences_are_least_at_the_mean_of_the_targets_and_others_are_not(loss):
    rng = np.random.default_rng(6)
    p = rng.dirichlet((0.5, 1.0, 2.0), 40) * 0.9 + 0.1 / 3
    mean = p.mean(axis=0)
    gradient = loss.gradient(p, np.tile(mean, (40, 1))).sum(axis=0)
    level = np.ptp(gradient)  # along the simplex the best prediction has even slopes
    assert (level < 1e-12) == bool(loss.traits().proper), level
    if loss.traits().proper:
        for q in rng.dirichlet(np.ones(3), 50):
            assert loss(p, np.tile(q, (40, 1))) >= loss(p, np.tile(mean, (40, 1)))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: lk.KL()([[0.5, 0.6]], [[0.5, 0.5]]), lk.DomainError, ("y[0]", "sum to 1", "Divide each row")),
        (lambda: lk.KL()([[0.5, 0.5]], [[0.9, 0.5]]), lk.DomainError, ("f[0] sum to 1.4", "1 of 1", 'on="masses"')),
        (lambda: lk.KL()([[0.5, 0.5]], [[1.5, -0.5]]), lk.DomainError, ("f[0, 0] = 1.5", 'on="logits"')),
        (lambda: lk.KL(on="log_probabilities")([[0.5, 0.5]], [[0.1, -2]]), lk.DomainError, ("f <= 0", "f[0, 0]")),
        (lambda: lk.KL(on="masses")([[-1.0, 0.5]], [[1.0, 2.0]]), lk.DomainError, ("y >= 0", "y[0, 0] = -1.0")),
        (lambda: lk.KL(on="masses")([[1.0, np.inf]], [[1.0, 2.0]]), lk.DomainError, ("y[0, 1] = inf",)),
        (lambda: lk.KL()([2], [[0.5, 0.5]]), lk.DomainError, ("labels 0 ... 1",)),
        (lambda: lk.KL()([[1.0]], [[1.0]]), lk.ShapeError, ("two or more",)),
        (lambda: lk.KL(on="scores"), lk.ParameterError, ("'log_probabilities'", "'scores'")),
        (lambda: lk.Renyi(1.0), lk.ParameterError, ("other than 1", "alpha=1.0")),
        (lambda: lk.Renyi(on="masses"), lk.ParameterError, ("not defined on masses",)),
        (lambda: lk.Wasserstein1((0.0, 2.0, 1.0)), lk.ParameterError, ("increasing order",)),
        (lambda: lk.Wasserstein1((0.0, 2.0))([0], [[0.2, 0.3, 0.5]]), lk.ShapeError, ("2 numbers in positions",)),
        (lambda: lk.FDivergence("s * t"), lk.FormulaError, ("has s, t", "t alone")),
        (lambda: lk.Bregman("__import__('os')"), lk.FormulaError, ("no formula has",)),
        (lambda: lk.FDivergence("t**2"), lk.ParameterError, ("is 1 at t = 1", "must be 0")),
        (lambda: lk.Bregman(2.0), lk.ParameterError, ("a formula of x as a text",)),
    ],
)
def test_bad_input_is_named_with_its_place_and_its_remedy(call, error, words):
    with pytest.raises(error) as caught:
        call()
    for word in words:
        assert word in str(caught.value), str(caught.value)
