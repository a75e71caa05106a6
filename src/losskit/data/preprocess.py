"""From a table to the matrix a solver sees: fitted on some rows, applied to any, written to a model file as JSON.

Rules. "Fitted rows" are the rows given to `fit` whose weight is above 0; nothing else is ever looked at.
    Numeric     a null becomes the median of the fitted rows. A column with nulls among the fitted rows also yields an
                indicator "x is null"; a null that first turns up at prediction becomes the median, no more.
    Boolean     as numeric, 0 and 1.
    Datetime    four numeric features: x.days (since 1970-01-01 UTC, with fraction), x.month (1 to 12), x.weekday
                (0 is Monday) and x.hour (0 to 23); nulls as in a numeric column.
    Text        one indicator a level, levels sorted; null is a level of its own, "x=(null)". Levels on fewer than
                `min_count` fitted rows, and all but the `max_levels` most frequent, are pooled into "x=(other)". The
                most frequent level is the baseline and has no indicator. A level unseen when fitted counts as
                "(other)", or as the baseline if nothing was pooled.
    Constants   a feature with one value over the fitted rows is dropped and named in `dropped`; a column that keeps
                no feature is not needed at prediction.
    Scale       every feature has mean 0 and standard deviation 1 over the fitted rows, each with its weight.
    Weights     enter medians, means and deviations; a level's count is its number of fitted rows.
    Refused     infinities, a missing column, a column whose kind changed (a column of nulls passes as any kind).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from losskit.data.tables import Column, Kind, as_table
from losskit.errors import CapabilityError, DataError, DomainError, ModelFileError, ParameterError, ShapeError

_SCHEMA = "losskit.preprocess/1"
_PARTS = {"numeric": ("",), "boolean": ("",), "datetime": (".days", ".month", ".weekday", ".hour")}
_DAY, _HOUR = 86_400_000_000, 3_600_000_000


@dataclass(frozen=True)
class _Numbers:
    """A numeric, boolean or datetime column: its parts with nulls filled, then where it was null."""

    name: str
    kind: Kind
    medians: tuple[float, ...]
    nulls: bool

    @classmethod
    def learn(cls, column: Column, weights: np.ndarray) -> _Numbers:
        medians = tuple(_median(part, weights) for part in _parts(column, column.kind))
        return cls(column.name, column.kind, medians, bool(column.nulls().any()))

    def features(self) -> list[str]:
        return [self.name + part for part in _PARTS[self.kind]] + [f"{self.name} is null"] * self.nulls

    def expand(self, column: Column) -> Iterator[np.ndarray]:
        for part, median in zip(_parts(column, self.kind), self.medians, strict=True):
            yield np.where(np.isnan(part), median, part)
        if self.nulls:
            yield column.nulls().astype(np.float64)


@dataclass(frozen=True)
class _Categories:
    """A text column: an indicator for every level but the baseline."""

    name: str
    levels: tuple[str, ...]
    null: bool
    other: bool
    baseline: int
    kind: Kind = "text"

    @classmethod
    def learn(cls, column: Column, min_count: int, max_levels: int) -> _Categories:
        counts = Counter(column.values.tolist())
        nulls = counts.pop(None, 0)
        often = sorted((level for level, n in counts.items() if n >= min_count), key=lambda k: (-counts[k], k))
        levels = sorted(often[:max_levels])
        sizes = [counts[level] for level in levels] + [nulls] * (nulls > 0)
        pooled = len(column.values) - sum(sizes)
        sizes += [pooled] * (pooled > 0)
        return cls(column.name, tuple(levels), nulls > 0, pooled > 0, sizes.index(max(sizes)))

    def labels(self) -> list[str]:
        return [*self.levels, *["(null)"] * self.null, *["(other)"] * self.other]

    def features(self) -> list[str]:
        return [f"{self.name}={label}" for i, label in enumerate(self.labels()) if i != self.baseline]

    def expand(self, column: Column) -> Iterator[np.ndarray]:
        n_labels = len(self.labels())
        codes: dict[str | None, int] = {level: i for i, level in enumerate(self.levels)}
        codes |= {None: len(self.levels)} if self.null else {}
        unseen = n_labels - 1 if self.other else self.baseline
        values = column.values.tolist() if column.kind == "text" else [None] * len(column.values)
        found = np.fromiter((codes.get(value, unseen) for value in values), np.intp, len(values))
        for i in range(n_labels):
            if i != self.baseline:
                yield (found == i).astype(np.float64)


@dataclass(frozen=True)
class _Feature:
    """A feature that varies: its place in the expansion of its column, and its mean and deviation when fitted."""

    position: int
    name: str
    mean: float
    deviation: float


@dataclass(frozen=True)
class _Step:
    """One column and those of its features that are kept."""

    source: _Numbers | _Categories
    features: tuple[_Feature, ...]

    def write(self, column: Column, out: np.ndarray) -> None:
        """Fill `out`, one column a feature, with the standardised values."""
        wanted = {feature.position: (j, feature) for j, feature in enumerate(self.features)}
        for position, values in enumerate(self.source.expand(column)):
            if position in wanted:
                j, feature = wanted[position]
                with np.errstate(over="ignore"):
                    out[:, j] = (values - feature.mean) / feature.deviation


class Preprocessor:
    """Turn a table into a standardised float64 matrix; the module states the rules.

    Parameters
    ----------
    min_count : int
        Levels of a text column on fewer fitted rows are pooled.
    max_levels : int
        At most this many levels of a text column are kept apart.
    """

    def __init__(self, min_count: int = 5, max_levels: int = 50):
        for name, value in (("min_count", min_count), ("max_levels", max_levels)):
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ParameterError(f"{name} is a whole number of at least 1; got {value!r}")
        self.min_count = min_count
        self.max_levels = max_levels
        self._steps: tuple[_Step, ...] | None = None
        self._dropped: tuple[str, ...] = ()

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The columns of the matrix."""
        return tuple(feature.name for step in self._fitted() for feature in step.features)

    @property
    def dropped(self) -> tuple[str, ...]:
        """Features without variation over the fitted rows."""
        self._fitted()
        return self._dropped

    @property
    def kinds(self) -> dict[str, Kind]:
        """The columns needed at prediction with their kinds, as `read_table(..., kinds=...)` takes them."""
        return {step.source.name: step.source.kind for step in self._fitted()}

    def fit(self, X: Any, rows: Any = None, sample_weight: Any = None) -> Preprocessor:
        """Learn medians, levels, means and deviations.

        Parameters
        ----------
        X : Table, or anything `as_table` takes
        rows : array of int or bool, optional
            The rows to learn from; the same as `fit(X.take(rows))`.
        sample_weight : array, optional
            One weight a row of X, at least 0.

        Returns
        -------
        Preprocessor
            Itself.
        """
        table = as_table(X)
        weights = _weights(sample_weight, table.n_rows)
        if rows is not None:
            table = table.take(rows)
            weights = weights[np.asarray(rows)] if table.n_rows else weights[:0]
        if sample_weight is not None:
            table, weights = table.take(weights > 0), weights[weights > 0]
        if not table.n_rows:
            raise DataError(f"{table.source}: no row to fit; give at least one row with a weight above 0")
        steps: list[_Step] = []
        dropped: list[str] = []
        taken: set[str] = set()
        for name in table.names:
            column = table.column(name)
            table.refuse_infinite(column)
            source = self._source(column, weights)
            features, constant = _features(source, column, weights, taken)
            steps += [_Step(source, features)] if features else []
            dropped += constant
        self._steps, self._dropped = tuple(steps), tuple(dropped)
        return self

    def _source(self, column: Column, weights: np.ndarray) -> _Numbers | _Categories:
        if column.kind == "text":
            return _Categories.learn(column, self.min_count, self.max_levels)
        return _Numbers.learn(column, weights)

    def transform(self, X: Any) -> np.ndarray:
        """The features of X as a C-ordered float64 matrix, one row a row of X.

        Raises
        ------
        DataError
            If a column is missing, is of another kind than when fitted, or holds an infinity.
        """
        steps, table = self._fitted(), as_table(X)
        out = np.empty((table.n_rows, len(self.feature_names)))
        start = 0
        for step in steps:
            column, known = table.column(step.source.name), step.source.kind
            if column.kind != known and not column.nulls().all():
                raise DataError(
                    f"{table.source}: column {column.name!r} is {column.kind}, and was {known} when fitted; give it as"
                    f" {known} (for a text file: read_table(..., kinds=preprocessor.kinds))"
                )
            table.refuse_infinite(column)
            part = out[:, start : start + len(step.features)]
            step.write(column, part)
            if not np.isfinite(part).all():
                row = table.where(int(np.argmin(np.isfinite(part).all(axis=1))))
                raise DataError(
                    f"{table.source}: column {column.name!r}, {row}: the value is too far from the fitted ones"
                    " for float64; check its unit"
                )
            start += len(step.features)
        return out

    def to_dict(self) -> dict[str, Any]:
        """The options and all that was learned, in plain JSON types; `from_dict` is the way back."""
        columns = [asdict(step.source) | {"features": [asdict(f) for f in step.features]} for step in self._fitted()]
        listed = [{k: list(v) if isinstance(v, tuple) else v for k, v in column.items()} for column in columns]
        options = {"min_count": self.min_count, "max_levels": self.max_levels}
        return {"schema": _SCHEMA, **options, "dropped": list(self._dropped), "columns": listed}

    @classmethod
    def from_dict(cls, state: Any) -> Preprocessor:
        """The preprocessor that `to_dict` wrote.

        Raises
        ------
        ModelFileError
            If a key is missing, unknown, or holds what `to_dict` never writes.
        """
        _check(state, _STATE, "preprocess")
        if state["schema"] != _SCHEMA:
            raise ModelFileError(f"preprocess: schema {state['schema']!r}, wanted {_SCHEMA!r}; update losskit")
        made = cls(max(1, state["min_count"]), max(1, state["max_levels"]))
        made._steps = tuple(_step(c, f"preprocess.columns[{i}]") for i, c in enumerate(state["columns"]))
        made._dropped = tuple(state["dropped"])
        names = made.feature_names
        if made.to_dict() != state or len(set(names)) < len(names) or len(made.kinds) < len(made._steps):
            raise ModelFileError("preprocess: options or names that no fit makes; the model is damaged, save it again")
        return made

    def _fitted(self) -> tuple[_Step, ...]:
        if self._steps is None:
            raise CapabilityError("this Preprocessor is not fitted; call fit(table) first")
        return self._steps


def _features(
    source: _Numbers | _Categories, column: Column, weights: np.ndarray, taken: set[str]
) -> tuple[tuple[_Feature, ...], list[str]]:
    """The features of a column that vary, and the names of those that do not. `taken` names get a prime."""
    kept: list[_Feature] = []
    names = source.features()
    constant = [] if names else [column.name]
    for position, (name, values) in enumerate(zip(names, source.expand(column), strict=True)):
        mean, deviation = _moments(values, weights)
        if deviation < np.finfo(float).tiny:
            constant.append(name)
            continue
        while name in taken:
            name = f"{name}'"
        taken.add(name)
        kept.append(_Feature(position, name, mean, deviation))
    return tuple(kept), constant


def _parts(column: Column, kind: Kind) -> list[np.ndarray]:
    """The numeric parts of a column, nan where it is null; a column of nulls has the parts of any kind."""
    if column.kind != kind:
        return [np.full(len(column.values), np.nan) for _ in _PARTS[kind]]
    if kind != "datetime":
        return [column.values]
    instant = column.values.astype(np.int64)
    day = instant // _DAY
    month = column.values.astype("datetime64[M]").astype(np.int64) % 12 + 1
    parts = [instant / _DAY, month, (day + 3) % 7, instant % _DAY // _HOUR]
    return [np.where(column.nulls(), np.nan, part) for part in parts]


def _median(values: np.ndarray, weights: np.ndarray) -> float:
    """The weighted median of the values that are not nan; 0 if there is none."""
    known = ~np.isnan(values)
    if not known.any():
        return 0.0
    order = np.argsort(values[known])
    ordered, reached = values[known][order], np.cumsum(weights[known][order])
    middle = int(np.searchsorted(reached, reached[-1] / 2))
    if reached[middle] == reached[-1] / 2:
        return float(ordered[middle] / 2 + ordered[middle + 1] / 2)
    return float(ordered[middle])


def _moments(values: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Weighted mean and standard deviation, without overflow: 0 exactly for a constant."""
    if values.min() == values.max():
        return float(values[0]), 0.0
    exponent = int(np.frexp(np.abs(values).max())[1])
    scaled, share = np.ldexp(values, -exponent), weights / weights.max()
    share = share / share.sum()
    mean = (share * scaled).sum()
    mean += (share * (scaled - mean)).sum()
    far = np.abs(scaled - mean).max()
    deviation = far * np.sqrt((share * ((scaled - mean) / far) ** 2).sum())
    return float(np.ldexp(mean, exponent)), float(np.ldexp(deviation, exponent))


def _weights(sample_weight: Any, n_rows: int) -> np.ndarray:
    if sample_weight is None:
        return np.ones(n_rows)
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.shape != (n_rows,):
        raise ShapeError(f"sample_weight has one entry a row, here {n_rows}; got shape {weights.shape}")
    bad = ~((weights >= 0) & np.isfinite(weights))
    if bad.any():
        i = int(bad.argmax())
        raise DomainError(f"a weight is finite and at least 0; sample_weight[{i}] = {weights[i]} ({bad.sum()} such)")
    return weights


_FEATURE = {"position": int, "name": str, "mean": float, "deviation": float}
_NUMBERS = {"name": str, "kind": str, "medians": [float], "nulls": bool, "features": [_FEATURE]}
_CATEGORIES = {
    "name": str,
    "kind": str,
    "levels": [str],
    "null": bool,
    "other": bool,
    "baseline": int,
    "features": [_FEATURE],
}
_STATE = {"schema": str, "min_count": int, "max_levels": int, "dropped": [str], "columns": [dict]}


def _check(value: Any, wanted: Any, where: str) -> None:
    """Raise ModelFileError unless value has the wanted type, is a list of it, or an object of exactly these keys."""
    kind: Any = type(wanted) if isinstance(wanted, (dict, list)) else wanted
    if type(value) is not kind or (kind is float and not math.isfinite(value)):
        raise ModelFileError(f"{where}: {value!r:.60} where a {kind.__name__} is wanted; the model is damaged")
    if isinstance(wanted, dict):
        for key in sorted(wanted.keys() ^ value.keys(), key=str):
            what = "missing" if key in wanted else "unknown"
            raise ModelFileError(f"{where}: the key {key!r} is {what}; the model is damaged, or from another losskit")
        for key, item in wanted.items():
            _check(value[key], item, f"{where}.{key}")
    elif isinstance(wanted, list):
        for i, item in enumerate(value):
            _check(item, wanted[0], f"{where}[{i}]")


def _step(state: dict[str, Any], where: str) -> _Step:
    """One column's step; only what `fit` could have made is let in."""
    source: _Numbers | _Categories
    if state.get("kind") == "text":
        _check(state, _CATEGORIES, where)
        levels = state["levels"]
        source = _Categories(state["name"], tuple(levels), state["null"], state["other"], state["baseline"])
        good = levels == sorted(set(levels)) and 0 <= source.baseline < len(source.labels())
    else:
        _check(state, _NUMBERS, where)
        source = _Numbers(state["name"], state["kind"], tuple(state["medians"]), state["nulls"])
        good = len(source.medians) == len(_PARTS.get(source.kind, ())) > 0
    features = tuple(_Feature(**feature) for feature in state["features"])
    positions = [feature.position for feature in features]
    good = good and positions == sorted(set(positions)) and all(f.deviation > 0 for f in features)
    if not good or not positions or not 0 <= positions[0] <= positions[-1] < len(source.features()):
        raise ModelFileError(f"{where} ({source.name!r}) contradicts itself; the model is damaged")
    return _Step(source, features)
