"""Losses that are wrong on purpose, as people write them."""

import numpy as np

LOG2 = np.log(2.0)


def inverted_tukey(y, f, c=4.685):
    s = np.minimum(((f - y) / c) ** 2, 1)
    return -(c**2) / 6 * s * (3 - 3 * s + s**2)


def naive_log_cosh(y, f):
    x = f - y
    return np.mean(x + np.logaddexp(0, -2 * x) - LOG2)


def clipped_bce(y, p):
    p = np.clip(p, 1e-7, 1 - 1e-7)
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def huber_without_half(y, f, delta=1.0):
    a = np.abs(f - y)
    return np.mean(np.where(a <= delta, a**2, delta * (a - delta / 2)))


def mean_over_rows(y, f, sample_weight=None):
    rows = (y - f) ** 2
    return np.mean(rows if sample_weight is None else sample_weight * rows)


def weight_squared(y, f, sample_weight=None):
    rows = (y - f) ** 2
    return np.mean(rows) if sample_weight is None else np.sum(sample_weight**2 * rows) / np.sum(sample_weight)


def good_squared(y, f, sample_weight=None):
    """Nothing to find."""
    y, f = np.asarray(y), np.asarray(f)
    if y.shape != f.shape:
        raise ValueError("shapes differ")
    y, f = (x if x.dtype.kind == "f" else x.astype(float) for x in (y, f))
    return np.average((y - f) ** 2, weights=sample_weight)


def twice_huber(y, f):
    a = np.abs(f - y)
    return np.where(a <= 1, a**2, 2 * a - 1)


def noisy(y, f):
    return (y - f) ** 2 + np.random.default_rng().normal(size=np.shape(f))


def wrapping_hinge(y, f):
    """Labels 0 and 1, taken to -1 and +1 in their own dtype."""
    return np.maximum(0, 1 - (2 * y - np.ones(1, y.dtype)) * f)


def overflowing_logistic(y, z):
    return np.log(1 + np.exp(z)) - y * z


def cliff(y, f):
    """Overflows, and is none of the known losses."""
    return np.log(1 + np.exp(np.abs(f - y))) ** 1.1


def raising(y, f):
    raise ZeroDivisionError("no such luck")


def texts(y, f):
    return "3.0"


def constant(y, f):
    return 0.0 * f + y


def swallowing(y, f):
    return np.where(f > y, f - y, np.where(f <= y, y - f, 0.0))


def clipping_in_place(y, p):
    np.clip(p, 1e-6, 1 - 1e-6, out=p)
    return -y * np.log(p) - (1 - y) * np.log(1 - p)


def root_mean_square(y, f):
    return np.sqrt(np.mean((y - f) ** 2))


def nan_at_zero(y, p):
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def squared(y, f):
    return np.mean((y - f) ** 2)


def squared_gradient(y, f):
    return 2 * (f - y)


def half_gradient(y, f):
    return f - y


def wrong_hessian(y, f):
    return np.ones_like(f)


def objective(preds, target):
    """Logistic, as boosters want it."""
    p = 1 / (1 + np.exp(-preds))
    return p - target, p * (1 - p)


def objective_of_the_wrong_sign(preds, target):
    return target - preds, np.ones_like(preds)


def objective_with_wrong_hessian(preds, target):
    p = 1 / (1 + np.exp(-preds))
    return p - target, p


async def later(y, f):
    return y - f
