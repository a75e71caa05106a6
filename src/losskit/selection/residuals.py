"""What shows only beside a model: noise that changes, heavy tails, wrong labels, groups, order, copies, exposure.

Rows are predicted by models that have not seen them, so an error is no artefact of the fit. Thresholds are chosen so
that clean tables stay silent: each test alone alarms in about one clean table of a thousand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from losskit.data.preprocess import Preprocessor
from losskit.data.tables import Column, Table
from losskit.errors import LosskitError
from losskit.losses.binary import Logistic
from losskit.losses.counts import Poisson
from losskit.losses.multiclass import SoftmaxCrossEntropy
from losskit.losses.noisy import ForwardCorrection
from losskit.losses.regression import SquaredError
from losskit.models.table import probabilities
from losskit.objectives.linear import one_thread_each
from losskit.selection.codes import Finding
from losskit.selection.columns import correlation, ranks, robust_z
from losskit.selection.folds import deal, round_rng
from losskit.selection.target import Target
from losskit.selection.training import Loss, Rows, central, fit_path, score, unit_of_penalty

Array = np.ndarray
_MOST, _LEAST = 20_000, 50  # rows: beyond, a sample tells as much; below, nothing
_SURE = 4.5  # standard errors
_LISTED = 10
_PENALTY, _RATIO = 1e-5, 15.0  # of likelihoods: a chi-square of one freedom passes it once in 10 000
_GROUP = re.compile(
    r"(?:^|[_\W])(?:id|user|customer|patient|subject|group|person|household|store|site)(?:$|[_\W])", re.IGNORECASE
)
_EXPOSURE = re.compile(r"exposure|duration|days|years|population|area|insured|length|miles|km", re.I)


def of_rows(table: Table, target: Target) -> Iterator[Finding]:
    """The findings that take all columns together."""
    yield from _duplicates(table, target)
    n = table.n_rows
    at = np.arange(n) if n <= _MOST else np.sort(round_rng(0, n).choice(n, _MOST, replace=False))
    if n < _LEAST:
        return
    try:
        with one_thread_each():
            X = Preprocessor().fit(table.take(at)).transform(table.take(at))
            if not 0 < X.shape[1] <= len(at) / 5:
                return
            predicted = _unseen(X, target, at)
    except LosskitError:  # a table that cannot be fitted is refused where it is to be fitted
        return
    y, numbers = target.y[at], table.numbers[at]
    errors = y - predicted if predicted.ndim == 1 else (y[:, None] == np.arange(predicted.shape[1])) - predicted
    if target.classes:
        yield from _flipped(X, y, numbers) if predicted.shape[1] == 2 else _surprising(y, predicted, numbers)
        errors = errors[:, 1]
    elif target.problem == "real":
        yield from _noise(errors, predicted, numbers)
    else:
        yield from _counts(table.take(at), target, y, predicted, X.shape[1])
        errors = errors / np.sqrt(predicted)
    yield from _groups(table, at, errors)
    yield from _order(table, at, errors)


def _duplicates(table: Table, target: Target) -> Iterator[Finding]:
    n = table.n_rows
    keys = [_codes(table.column(name)) for name in table.names]
    if all(k.max() < 20 for k in keys):  # a table of few categories repeats by itself
        return
    rows = np.column_stack([*keys, np.unique(target.y, return_inverse=True)[1]])
    odd = round_rng(0, rows.shape[1]).integers(0, 1 << 62, rows.shape[1], dtype=np.uint64) * 2 + 1
    _, hashed, counts = np.unique(rows.view(np.uint64) @ odd, return_inverse=True, return_counts=True)
    alike = np.flatnonzero(counts[hashed] > 1)  # few, or none: only these are compared value by value
    _, first = np.unique(rows[alike], axis=0, return_index=True)
    extra = len(alike) - len(first)
    if extra:
        again = np.delete(alike, first)[:_LISTED]
        level = "warning" if extra > 0.01 * n else "note"
        what = f"{extra} row{'s repeat' if extra > 1 else ' repeats'} an earlier one in every column."
        yield Finding("duplicates", level, what, None, extra, extra / n, tuple(int(table.numbers[i]) for i in again))  # type: ignore[arg-type]


def _codes(column: Column) -> Array:
    values = column.values.astype(str) if column.kind == "text" else column.values
    return np.unique(values, return_inverse=True)[1]


def _unseen(X: Array, target: Target, at: Array) -> Array:
    """Each row predicted by a model of four fifths of the others: a mean, or a probability a class."""
    y, k = target.y[at], len(target.classes)
    means: Loss = SquaredError() if target.problem == "real" else Poisson()
    loss: Loss = SoftmaxCrossEntropy() if k > 2 else Logistic() if k else means
    predicted = np.zeros((len(at), k) if k else len(at))
    fold = deal(y if k else None, len(at), 5, round_rng(0, 5))
    for i in range(5):
        train, test = fold != i, fold == i
        rows = Rows(X[train], y[train], None, k)
        constant = central(loss, rows.y, None, k)
        alpha = 0.01 * unit_of_penalty(loss, rows.y, None, constant)
        f = score(fit_path(loss, rows, [alpha], constant)[0], X[test])
        predicted[test] = probabilities(loss, f) if k else loss.predict(f)
    return predicted


def _noise(errors: Array, predicted: Array, numbers: Array) -> Iterator[Finding]:
    """Of errors of means: tails, changing size, and rows that nothing explains."""
    n, z = len(errors), (errors - errors.mean()) / (errors.std() or 1.0)
    excess = float((z**4).mean() - 3)
    if excess > 1 and excess > 2 * _SURE * (24 / n) ** 0.5:
        what = f"The errors of a mean have heavier tails than a normal distribution (excess kurtosis {excess:.1f})."
        yield Finding("heavy-tails", "note", what, None, excess / (24 / n) ** 0.5, excess)
    order = np.argsort(predicted, kind="stable")
    low, high = (_spread(errors[rows]) for rows in (order[: n // 5], order[-(n // 5) :]))
    chi = _breusch_pagan(errors, predicted)
    if chi > 23 and low > 0 and not 2 / 3 < high / low < 1.5:  # 23: one clean table of 100 000
        side = "larger" if high > low else "smaller"
        what = f"Where predictions are high, errors are {side} ({high / low:.1f} times those where they are low)."
        yield Finding("heteroscedastic", "note", what, None, chi, high / low)
    far = robust_z(errors)
    if far is not None and (far > 6).any():
        worst = np.argsort(-far)[: min(_LISTED, int((far > 6).sum()))]
        count = int((far > 6).sum())
        lie = "One row lies" if count == 1 else f"{count} rows lie"
        what = f"{lie} more than 6 robust standard deviations from what the features say."
        rows = tuple(int(numbers[i]) for i in worst)
        yield Finding("hard-rows", "note", what, None, float(far.max()), len(rows), rows)


def _spread(errors: Array) -> float:
    """Half the distance between the quartiles, which a few far-off rows do not move."""
    return float(np.subtract(*np.quantile(errors, [0.75, 0.25])) / 2)


def _breusch_pagan(errors: Array, predicted: Array) -> float:
    """Koenker's n R^2 of squared errors on the prediction and its square, errors cut off at 4 robust deviations."""
    z = robust_z(errors)
    if z is None or not predicted.std():
        return 0.0
    t = (predicted - predicted.mean()) / predicted.std()
    A = np.column_stack([np.ones_like(t), t, t * t])
    s = np.minimum(z, 4.0) ** 2
    left = s - A @ np.linalg.lstsq(A, s, rcond=None)[0]
    return float(len(s) * (1 - left.var() / s.var())) if s.var() else 0.0


def _counts(table: Table, target: Target, y: Array, mu: Array, columns: int) -> Iterator[Finding]:
    n = len(y)
    mu = np.maximum(mu, 1e-9)
    if target.problem == "count":
        dispersion = float(((y - mu) ** 2 / mu).sum() / max(n - columns - 1, 1))
        dean = float((((y - mu) ** 2 - y) / mu).sum() / (2 * n) ** 0.5)
        if dean > _SURE and dispersion > 1.5:
            what = f"Given the features, the counts vary {dispersion:.1f} times as much as Poisson's would."
            yield Finding("over-dispersed", "note", what, target.name, dean, dispersion)
        spread = max(0.0, float(((y - mu) ** 2 - mu).sum() / (mu**2).sum()))
        none = np.exp(-np.log1p(spread * mu) / spread) if spread > 1e-6 else np.exp(-mu)
        extra = float((y == 0).sum() - none.sum())
        error = float(np.sqrt((none * (1 - none)).sum())) or 1.0
        if extra / error > _SURE and extra > 0.05 * n:
            usual = f"of counts of their mean and variance {none.mean():.0%} would be"
            what = f"{(y == 0).mean():.0%} of the counts are 0, where {usual}."
            yield Finding("excess-zeros", "note", what, target.name, extra / error, extra / n)
    for name in table.names:
        column = table.column(name)
        if column.kind == "numeric" and not column.nulls().any() and column.values.min() > 0:
            yield from _exposure(name, column.values, y)


def _exposure(name: str, x: Array, y: Array) -> Iterator[Finding]:
    """Whether the mean of y is in proportion to a feature: its slope by the logarithm is 1."""
    if x.max() < 3 * x.min():
        return
    t = np.log(x)
    rows = Rows((t - t.mean())[:, None], y, None)
    coef, constant = fit_path(Poisson(), rows, [0.0], float(np.log(y.mean())))[0]
    mu = np.exp(rows.X @ coef + constant)
    spread = float(((y - mu) ** 2 / mu).mean())
    error = (spread / float((mu * rows.X[:, 0] ** 2).sum())) ** 0.5
    slope = float(coef[0])
    near = 0.25 if _EXPOSURE.search(name) else min(0.1, 2 * error)
    if slope / error > _SURE and abs(slope - 1) < near and error < 0.1:
        what = f"The target grows in proportion to column {name!r} (slope {slope:.2f} on logarithms)."
        yield Finding("exposure", "note", what, name, (slope - 1) / error, slope)


def _flipped(X: Array, y: Array, numbers: Array) -> Iterator[Finding]:
    """Whether two classes look more likely if a share of the labels is wrong: the likelihood ratio of that share."""
    rows = Rows(X, y, None, 2)
    constant = central(Logistic(), y, None, 2)
    start = fit_path(Logistic(), rows, [_PENALTY], constant)[0]
    plain = float(Logistic()(y, score(start, X)))
    best, rate, line = plain, 0.0, start
    for flip in (0.02, 0.05, 0.1, 0.2):
        loss = ForwardCorrection(flip_one=flip, flip_zero=flip)
        line_here = fit_path(loss, rows, [_PENALTY], constant, line)[0]
        value = float(loss(y, score(line_here, X)))
        if value < best:
            best, rate, line = value, flip, line_here
    ratio = 2 * len(y) * (plain - best)
    if ratio > _RATIO:
        own = probabilities(Logistic(), score(line, X))[np.arange(len(y)), y.astype(np.intp)]
        worst = np.argsort(own)[: min(_LISTED, int((own < 0.5).sum()))]
        what = f"The labels are best explained if about {rate:.0%} of them are wrong; the likeliest rows are listed."
        yield Finding("label-noise", "note", what, None, ratio, rate, tuple(int(numbers[i]) for i in worst))


def _surprising(y: Array, p: Array, numbers: Array) -> Iterator[Finding]:
    """Rows whose label a model that has not seen them all but rules out, more of them than it expects itself."""
    own, limit = p[np.arange(len(y)), y.astype(np.intp)], 0.02
    seen, expected = int((own < limit).sum()), float(np.where(p < limit, p, 0.0).sum())
    z = (seen - expected) / (expected + 1) ** 0.5
    if z > _SURE and seen >= 5:
        worst = np.argsort(own)[: min(seen, _LISTED)]
        what = f"A model of other rows gives {seen} labels less than {limit:.0%}, where it expects {expected:.1f}."
        yield Finding("label-noise", "note", what, None, z**2, seen / len(y), tuple(int(numbers[i]) for i in worst))


def _groups(table: Table, at: Array, errors: Array) -> Iterator[Finding]:
    """Columns of many values, each on several rows, whose rows err alike."""
    for name in table.names:
        column = table.column(name)
        if column.kind == "datetime" or column.nulls().any():
            continue
        if column.kind == "numeric" and not (column.values == np.floor(column.values)).all():
            continue
        _, codes, counts = np.unique(_codes(column)[at], return_inverse=True, return_counts=True)
        levels = len(counts)
        if not (_GROUP.search(name) or column.kind == "text") or levels < 10 or len(at) / levels < 2:
            continue
        means = np.bincount(codes, errors) / counts
        between = float(counts @ (means - errors.mean()) ** 2) / (levels - 1)
        within = float(((errors - means[codes]) ** 2).sum()) / max(len(at) - levels, 1)
        f = between / within if within else float("inf")
        if _GROUP.search(name) or f > 1 + _SURE * (2 / levels) ** 0.5 * 1.5:
            share = max(0.0, (f - 1) / (f - 1 + len(at) / levels))
            what = f"The rows fall into {levels} groups by column {name!r}; errors within one are alike by {share:.0%}."
            level = "warning" if share > 0.05 else "note"
            yield Finding("groups", level, what, name, f, share)  # type: ignore[arg-type]


def _order(table: Table, at: Array, errors: Array) -> Iterator[Finding]:
    dates = [name for name in table.names if table.column(name).kind == "datetime"]
    order = np.argsort(table.column(dates[0]).values[at], kind="stable") if dates else np.arange(len(at))
    e = ranks(errors)[order]  # a few far-off neighbours are no order
    r = correlation(e[1:], e[:-1]) if e.std() else 0.0
    z = r * len(e) ** 0.5
    if z > _SURE and r > 0.1:
        by = f"by column {dates[0]!r}" if dates else "in the file"
        what = f"The errors of neighbouring rows {by} are alike (correlation {r:.2f})."
        yield Finding("time-order", "warning" if dates else "note", what, dates[0] if dates else None, z, r)
