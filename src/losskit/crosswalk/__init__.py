"""The crosswalk: which loss of another library is which of ours, by what factor, and what differs.

`equivalent` goes there, `from_config` comes back; both return an `Equivalent`. The rows are in `rows`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from losskit.base import Evaluated, Pointwise
from losskit.crosswalk.row import OBJECTIVE, Row
from losskit.crosswalk.rows import LIBRARIES
from losskit.domains import UNIT, Domain, Each
from losskit.errors import CapabilityError, ParameterError, nearest
from losskit.registry import get, losses
from losskit.rowwise import Rowwise

_ALIASES = {"scikitlearn": "sklearn", "pytorch": "torch", "lgbm": "lightgbm", "xgb": "xgboost"}


@dataclasses.dataclass(frozen=True)
class Equivalent:
    """A loss of ours and its spelling in another library: theirs = factor * ours + offset.

    Attributes
    ----------
    library : the library's name, as it is imported
    loss : our loss
    code : what is typed there
    call : how that is called on targets y and predictions f; empty if `code` is all there is to type
    factor : theirs divided by ours
    offset : what theirs adds, as an expression in y; empty if nothing
    takes : what their prediction is: a prediction, a logit, a probability, the mean or its logarithm
    reduction : what they do with the rows by default
    note : what else differs, at the extremes above all
    per_class : whether theirs is divided by the number of classes on top
    """

    library: str
    loss: Pointwise | Rowwise
    code: str
    call: str
    factor: float
    offset: str
    takes: str
    reduction: str
    note: str
    per_class: bool = False

    def __str__(self) -> str:
        times = "" if self.factor == 1 and not self.per_class else f"{self.factor:.6g}{' / k' * self.per_class} * "
        added = f" + {self.offset}" if self.offset else ""
        return f"{self.code}{self.call} = {times}{self.loss!r}{added}"


def equivalent(library: str, loss: Pointwise | Rowwise) -> Equivalent:
    """What to type in `library` for `loss`, and how the numbers compare.

    Parameters
    ----------
    library : {"sklearn", "torch", "keras", "optax", "scipy", "statsmodels", "scoringrules", "xgboost", "lightgbm",
               "catboost"}
        Where to look.
    loss : Pointwise or Rowwise
        Every parameter closed.

    Returns
    -------
    Equivalent

    Raises
    ------
    ParameterError
        If the library is not known, or a parameter is still "auto".
    CapabilityError
        If that library has no such loss, or not with these parameters.
    """
    name = library_name(library)
    if not isinstance(loss, (Pointwise, Rowwise)):
        raise ParameterError(f"equivalent takes a loss such as Huber(delta=1.5); got {loss!r}")
    if unset := loss._open():
        raise ParameterError(f'{loss!r} is open: {unset[0]} is still "auto"; give a number, or use loss.resolve(...)')
    found, refusals = [], []
    for row in _rows_of(name, loss):
        refusal = _refusal(row, loss)
        if refusal is None:
            found.append(_made(name, row, loss))
        else:
            refusals.append(refusal)
    if found:
        return found[0]
    title, kind = LIBRARIES[name].title, type(loss).__name__
    if refusals:
        raise CapabilityError(f"{title} has {kind} only for {' or '.join(refusals)}; got {loss!r}")
    have = [each for each, other in LIBRARIES.items() if any(row.ours == kind for row in other.rows)]
    where = f"; {', '.join(have)} {'has' if len(have) == 1 else 'have'} it" if have else "; nor has another library"
    raise CapabilityError(f"{title} has no loss equal to {kind}{where}. Train there with the gradient of losskit's own")


def from_config(library: str, config: str | Mapping[str, Any], **parameters: Any) -> Equivalent:
    """Our loss for a loss of `library`, named by its configuration.

    Parameters
    ----------
    library : {"sklearn", "torch", "keras", "optax", "scipy", "statsmodels", "scoringrules", "xgboost", "lightgbm",
               "catboost"}
        Where it comes from.
    config : str or mapping
        A class, function or objective name ("HuberLoss", "reg:tweedie", "Quantile:alpha=0.9"), or a configuration: what
        `keras.losses.serialize` returns, the parameters of a booster, `get_params()` of an estimator.
    **parameters
        Its options, such as `delta=1.5`. What is not given is at the library's default.

    Returns
    -------
    Equivalent
        `.loss` is our loss; `.factor` says by what theirs is larger.

    Raises
    ------
    ParameterError
        If the library, the name or an option is not known.
    CapabilityError
        If an option has a value that makes theirs a loss we do not have.
    """
    where = library_name(library)
    name, given, strict = _read(where, config)
    given, strict = {**given, **parameters}, strict | set(parameters)
    rows = _named(where, name)
    if not rows:
        known = [each for row in LIBRARIES[where].rows for each in row.names if row.ours in losses(Evaluated)]
        hint = nearest(name, dict.fromkeys(known))
        raise ParameterError(f"{LIBRARIES[where].title} has no loss {name!r} that the crosswalk knows; {hint}")
    errors: list[ParameterError | CapabilityError] = []
    rows.sort(key=lambda row: -sum(given.get(option) is not None for option in row.holes))
    for row in rows:
        try:
            return _back(where, row, name, given, strict)
        except (ParameterError, CapabilityError) as error:
            errors.append(error)
    raise next((each for each in errors if isinstance(each, CapabilityError)), errors[0])


def equivalents(loss: Pointwise | Rowwise) -> list[Equivalent]:
    """Every spelling of `loss` that holds for its parameters, in all libraries; an "auto" counts as its tuning."""
    closed = loss._at_scale(1.0)
    return [_made(name, row, closed) for name in LIBRARIES for row in _rows_of(name, closed)
            if _refusal(row, closed) is None]


def training_options(library: str, loss: Pointwise, kind: str) -> dict[str, Any] | None:
    """The options with which a booster's own objective is a multiple of `loss`, or None if it has none.

    `kind` is "Regressor" or "Classifier", the library's estimator that takes them.
    """
    for row in _rows_of(library, loss):
        if row.callee.endswith(kind) and _refusal(row, loss) is None:
            numbers = {name: repr(value) for name, value in loss.parameters.items()}
            named = {name: text.strip('"').format(**numbers) for name, text in row.written if name in OBJECTIVE}
            if "loss_function" in named:
                return named
            fixed = {n: v for n, v in row.fixed.items() if v is not None and v is not ...}
            return fixed | named | {option: loss.parameters[hole] for option, hole in row.holes.items()}
    return None


def names_of(loss: type[Evaluated]) -> set[str]:
    """What the other libraries call a loss."""
    return {each for library in LIBRARIES.values() for row in library.rows if row.ours == loss.__name__
            for each in row.names}


def _named(library: str, name: str) -> list[Row]:
    """The rows that a dotted name ends, else those of that name."""
    rows = [row for row in LIBRARIES[library].rows if row.ours in losses(Evaluated)]
    dotted = [row for row in rows if "." in name and f".{row.callee}".endswith(f".{name}")]
    return dotted or [row for row in rows if _plain(name.rpartition(".")[2]) in map(_plain, row.names)]


def _plain(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


def library_name(name: str) -> str:
    """The library's name as it is imported, from any common spelling.

    Raises
    ------
    ParameterError
        If there is no such library.
    """
    plain = _plain(name) if isinstance(name, str) else ""
    plain = _ALIASES.get(plain, plain)
    if plain not in LIBRARIES:
        raise ParameterError(f"the crosswalk has no library {name!r}; {nearest(str(name), LIBRARIES)}")
    return plain


def _rows_of(library: str, loss: Pointwise | Rowwise) -> Iterator[Row]:
    return (row for row in LIBRARIES[library].rows if row.ours == type(loss).__name__)


def _refusal(row: Row, loss: Pointwise | Rowwise) -> str | None:
    """What the row wants of the parameters of `loss` and does not get; None if it holds."""
    for name, wanted in row.only.items():
        value = loss.parameters[name]
        if isinstance(wanted, (Domain, Each)):
            if value is None or wanted.checked(value) is None:
                return wanted.describe(name)
        elif value != wanted:
            return f"{name} = {wanted!r}"
    return None


def _made(library: str, row: Row, loss: Pointwise | Rowwise, reduction: str | None = None) -> Equivalent:
    numbers = {name: repr(value) for name, value in loss.parameters.items()}
    home = LIBRARIES[library]
    call = home.call if row.call is None else row.call
    return Equivalent(
        library, loss, row.code.format(**numbers), call.format(**numbers),
        float(row.factor(loss) if callable(row.factor) else row.factor), row.offset, _takes(row.code + call, loss),
        reduction or row.reduction or home.reduction, row.note,
        row.per_class,
    )  # fmt: skip


def _takes(code: str, loss: Pointwise | Rowwise) -> str:
    if isinstance(loss, Pointwise) and len(loss.outputs) > 1:
        return " and ".join(loss.outputs)
    if "exp(f)" in code:
        return "mean"
    if getattr(loss, "on", "") == "log_probabilities":
        return "log-probability of each class"
    if "exp(-f)" in code or loss.prediction_domain == UNIT:
        return "probability"
    said = {"logit": "logit", "log": "log of the mean", "sign": "raw score", "softmax": "score of each class"}
    return said.get(loss.link.name, "prediction")


def _read(library: str, config: str | Mapping[str, Any]) -> tuple[str, dict[str, Any], set[str]]:
    """A configuration's name, its options, and those of them that must be known."""
    if isinstance(config, str):
        name, options = config, {}
    elif isinstance(config, Mapping):
        options = dict(config)
        key = next((k for k in ("class_name", "name", *OBJECTIVE) if isinstance(options.get(k), str)), None)
        if key is None:
            raise ParameterError(
                f"a configuration names its loss by class_name, name or {', '.join(OBJECTIVE)}; got the keys "
                f"{', '.join(map(str, options)) or 'none'}"
            )
        name = options.pop(key)
        if key == "class_name":
            options = dict(options.get("config") or {})
    else:
        raise ParameterError(f"from_config takes a name or a configuration in a dict; got {type(config).__name__}")
    if library == "catboost":
        name, _, inside = name.partition(":")
        options |= dict(part.partition("=")[::2] for part in inside.split(";") if part)
        if inside:
            return name, options, {part.partition("=")[0] for part in inside.split(";")}
    return name, options, set() if LIBRARIES[library].training else set(options)


def _back(library: str, row: Row, name: str, given: Mapping[str, Any], strict: set[str]) -> Equivalent:
    """The equivalent that a row makes of their options."""
    home, holes, fixed = LIBRARIES[library], row.holes, row.fixed
    known = {**{hole: row.options.get(hole) for hole in holes}, **fixed, **row.options}
    if unknown := sorted(strict - set(known) - set(home.ignored)):
        also = ", ".join(known) or "none"
        raise ParameterError(
            f"{home.title}'s {name} has no option {unknown[0]!r} that the crosswalk knows; it knows: {also}"
        )
    have = {n: v for n, v in given.items() if n in known and not (v is None and row.options.get(n) is not None)}
    for option, why in row.must.items():
        if option not in have:
            raise ParameterError(f"{home.title}'s {name} needs {option}: {why}")
    for option, wanted in fixed.items():
        value = have.get(option, row.options.get(option))
        if wanted is not ... and not _same(value, wanted):
            raise CapabilityError(
                f"{home.title}'s {name} is {row.ours} only with {option}={wanted!r}; got {option}={value!r}, which "
                "losskit has no loss for"
            )
    ours = {hole: _number(have.get(option, row.options.get(option))) for option, hole in holes.items()}
    for option in row.complements:
        ours[holes[option]] = _complement(ours[holes[option]])
    loss = get(row.ours, **{n: v for n, v in row.only.items() if not isinstance(v, (Domain, Each))} | ours)
    if refusal := _refusal(row, loss):
        raise CapabilityError(f"{home.title}'s {name} is {row.ours} only for {refusal}; got {loss!r}")
    return _made(library, row, loss, given.get("reduction") if "reduction" in home.ignored else None)


def _same(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, float) and isinstance(value, str):
        value = _number(value)
    return value is wanted or bool(value == wanted and isinstance(value, bool) == isinstance(wanted, bool))


def _complement(x: Any) -> Any:
    """1 - x, or that of each of several; of 0.1 it is 0.9, not its neighbour."""
    return float(f"{1 - x:.15g}") if isinstance(x, float) else tuple(map(_complement, x))


def _number(value: Any) -> Any:
    """A number from text that spells one, as CatBoost's options do, or the numbers of a tensor."""
    try:
        return float(value) if isinstance(value, str) else value.tolist() if hasattr(value, "tolist") else value
    except ValueError:
        return value
