"""One loss on a page, and the losses in a list: what `losskit show` and `losskit list` print."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from losskit.crosswalk import Equivalent, equivalents, library_name, names_of
from losskit.crosswalk.rows import LIBRARIES
from losskit.links import IDENTITY
from losskit.parameters import parameter_domains
from losskit.registry import family_of, find_losses
from losskit.report import plain_text

if TYPE_CHECKING:
    from losskit.base import Pointwise

_BOUNDS = {"lipschitz": "largest slope", "curvature": "largest curvature", "strong": "smallest curvature"}
_NUMBERS = (*_BOUNDS, "breakdown")
_VARIABLES = {"r": "r = f - y", "m": "m = y f", "s": "s = log(exp f_1 + ... + exp f_k) - f_y"}


def facts(loss: Pointwise) -> dict[str, Any]:
    """All there is to say of a loss, ready for JSON."""
    cls: Any = type(loss)
    return {
        "name": cls.__name__,
        "family": family_of(cls),
        "summary": summary(loss),
        "parameters": [
            {"name": name, "value": _plain(getattr(loss, name)), "domain": domain.describe(name), "also": list(others)}
            for name, (domain, others) in parameter_domains(cls).items()
        ],
        "formula": plain_text(loss.latex()),
        "latex": loss.latex(),
        "y": loss.domain.describe("y"),
        "f": predictions(loss),
        "link": links(loss),
        "traits": {name: _plain(value) for name, value in dataclasses.asdict(_traits(loss)).items()},
        "source": loss.source,
        "use": loss.use,
        "avoid": loss.avoid,
        "elsewhere": [{n: v for n, v in dataclasses.asdict(each).items() if n != "loss"} for each in equivalents(loss)],
    }


def summary(loss: Pointwise) -> str:
    """The first line of the loss's docstring."""
    return (type(loss).__doc__ or "").strip().partition("\n")[0]


def chosen(
    family: str | None, traits: dict[str, Any], words: list[str], targets: list[float], library: str | None
) -> list[Pointwise]:
    """The losses, at their defaults, that pass every filter.

    Raises
    ------
    ParameterError
        If the family, a trait or the library is not known.
    """
    found = [loss() for loss in find_losses(family, **traits)]
    there = None if library is None else library_name(library)
    return [
        loss for loss in found
        if matches(loss, words) and all(loss.domain.contains(target) for target in targets)
        and (there is None or any(row.ours == type(loss).__name__ for row in LIBRARIES[there].rows))
    ]  # fmt: skip


def matches(loss: Pointwise, words: list[str]) -> bool:
    """Whether every word is in what is said of the loss, or in what other libraries call it."""
    names = " ".join(names_of(type(loss)))
    said = (type(loss).__name__, family_of(type(loss)), type(loss).__doc__ or "", loss.use, loss.avoid, loss.source,
            loss.traits().elicits or "", links(loss), names)  # fmt: skip
    text = " ".join(said).lower()
    return all(word.lower() in text for word in words)


def table(found: list[Pointwise], wide: bool) -> Any:
    """The losses as a table: a line each if `wide`, else by family in three columns that fold."""
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    headings = ("loss", "family", "y", "best prediction", "traits", "in words") if wide else ("loss", "y", "about")
    longest = max((len(type(loss).__name__) for loss in found), default=0)
    for heading in headings:
        least = None if wide or heading != "loss" else longest  # a name is never folded
        grid.add_column(heading, overflow="fold", no_wrap=wide, min_width=least)
    family = None
    for loss in found:
        best, traits = loss.traits().elicits, traits_in_short(loss)
        if wide:
            grid.add_row(Text(repr(loss), "bold"), family_of(type(loss)), _domain(loss), best or "", traits,
                         summary(loss))  # fmt: skip
            continue
        if family_of(type(loss)) != family:
            family = family_of(type(loss))
            grid.add_row(Text(f"\n{family}", "italic"))
        parameters = ",\n ".join(f"{name}={value!r}" for name, value in loss.parameters.items())
        head = Text.assemble((type(loss).__name__, "bold"), f"\n({parameters})" if parameters else "")
        known = "; ".join(part for part in (best and f"best: {best}", traits) if part)
        grid.add_row(head, _domain(loss), Text.assemble(summary(loss), "\n", (known, "dim")))
    return grid


def traits_in_short(loss: Pointwise) -> str:
    """What a chooser asks first, on one line."""
    known = _traits(loss)
    words = [
        {True: "strictly convex" if known.strictly_convex else "convex", False: "not convex"}.get(known.convex),
        {True: "smooth", False: "kinked"}.get(known.differentiable),
        _bound("slope", known.lipschitz),
        _bound("curvature", known.curvature) if known.curvature else None,
        "bounded" if known.bounded else None,
        "redescending" if known.redescending else None,
        "proper" if known.proper else None,
    ]
    return ", ".join(word for word in words if word)


def page(loss: Pointwise, latex: bool = False, code: bool = False, plot_width: int = 0) -> Iterator[Any]:
    """What to print of a loss, in order: rich's renderables, and str to be printed as it is."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, text in entries(loss):
        grid.add_row(label, text)
    yield from (Text(repr(loss), "bold"), summary(loss), Padding(grid, (1, 0, 0, 0)))
    if plot_width:
        from losskit.report.textplot import text_plot

        yield from ("", *text_plot(loss, plot_width))
    if others := equivalents(loss):
        yield from ("", Text("elsewhere", "bold"), Padding(_elsewhere(others), (0, 0, 0, 4)))
    for heading, block in _blocks(loss, latex, code):
        yield from ("", Text(heading, "bold"))
        yield from (f"    {line}".rstrip() for line in block.splitlines())


def entries(loss: Pointwise) -> list[tuple[str, str]]:
    """The page's facts: label and text, empty ones left out."""
    known, variable = _traits(loss), _VARIABLES.get((loss.variables or ("",))[0])
    link = "" if links(loss) == "identity" else f"{links(loss)}; loss.predict(f) gives the prediction"
    scale = ["for residuals of scale 1:"] if loss._open() else []
    listed = [
        ("formula", f"L = {plain_text(loss.latex())}" + (f"\n{variable}" if variable else "")),
        ("target y", loss.domain.describe("y")),
        ("prediction f", predictions(loss)),
        ("link", link),
        ("parameters", "\n".join(_parameters(loss)) or "none"),
        ("best prediction", known.elicits or "no name known"),
        ("traits", "\n".join([*scale, *trait_lines(loss)])),
        ("use when", loss.use),
        ("avoid when", loss.avoid),
        ("source", loss.source),
    ]
    return [(label, text) for label, text in listed if text]


def predictions(loss: Pointwise) -> str:
    """What a row of f holds: one number, or a column for each output."""
    pairs = zip(loss.outputs, loss.prediction_domains, strict=True)
    return ", ".join(domain.describe(name) for name, domain in pairs)


def links(loss: Pointwise) -> str:
    """The link's name; of several outputs those that are not their own prediction, each with its output."""
    if len(loss.outputs) == 1:
        return loss.link.name
    named = [f"{name}: {link.name}" for name, link in zip(loss.outputs, loss.links, strict=True) if link != IDENTITY]
    return ", ".join(named) or "identity"


def trait_lines(loss: Pointwise) -> list[str]:
    """What holds, what does not, the numbers, and what is not known."""
    known = _traits(loss)
    flags = {f.name.replace("_", " "): getattr(known, f.name) for f in dataclasses.fields(known)
             if f.name not in (*_NUMBERS, "elicits", "kinks")}  # fmt: skip
    numbers = {_BOUNDS.get(name, "breakdown point"): getattr(known, name) for name in _NUMBERS}
    held = {True: [], False: [], None: []}  # type: dict[bool | None, list[str]]
    for name, value in flags.items():
        held[value].append(name)
    held[None] += [name for name, value in numbers.items() if value is None]
    said = [f"{name} {value:.6g}" for name, value in numbers.items() if value is not None]
    kinks = "" if not known.kinks else f"kinks at {', '.join(f'{value:.6g}' for value in known.kinks)}"
    lines = [", ".join(held[True]), held[False] and f"not: {', '.join(held[False])}", "; ".join(said), kinks,
             held[None] and f"not known: {', '.join(held[None])}"]  # fmt: skip
    return [line for line in lines if line]


def generated_code(loss: Pointwise) -> str:
    """The straight-line code of a row's value, gradient and Hessian that the kernels compile; none for many classes."""
    from losskit.base import Pointwise
    from losskit.calculus.emit import function_source

    if not isinstance(loss, Pointwise):
        return ""
    trace = loss.trace()
    numbers = [each for each, value in loss.parameters.items() if value is not None]
    outputs = (trace.value, *trace.gradient, *trace.hessian)
    return function_source("point", [*loss.targets, *loss.outputs, *numbers], outputs, "scalar")


def snippet(loss: Pointwise) -> str:
    """How it is used from Python."""
    return f"""import losskit as lk

loss = lk.{loss!r}
loss(y, f)                     # the mean loss
loss.value_and_gradient(y, f)  # and its gradient, in one pass"""


def relation(each: Equivalent) -> str:
    """How theirs compares with ours, in a few signs: "= ours", "= 0.5 ours + ..."."""
    times = "" if each.factor == 1 and not each.per_class else f"{each.factor:.4g}{' / k' * each.per_class} "
    return f"= {times}ours" + (f" + {each.offset}" if each.offset else "")


def _elsewhere(others: list[Equivalent]) -> Any:
    """The first spelling of each library."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    first: dict[str, Equivalent] = {}
    for each in others:
        first.setdefault(each.library, each)
    for each in first.values():
        said = Text.assemble(f"{each.code}{each.call} {relation(each)}", (f"\n{each.note}" if each.note else "", "dim"))
        grid.add_row(each.library, said)
    return grid


def _blocks(loss: Pointwise, latex: bool, code: bool) -> Iterator[tuple[str, str]]:
    yield "in Python", snippet(loss)
    if latex:
        yield from ((f"LaTeX, {part}", loss.latex(part)) for part in ("value", "gradient", "hessian"))
    if code and generated_code(loss):
        yield f"generated code of a row of {type(loss).__name__}: value, gradient, Hessian", generated_code(loss)


def _parameters(loss: Pointwise) -> Iterator[str]:
    cls: Any = type(loss)
    defaults = {field.name: field.default for field in dataclasses.fields(cls)}
    for name, (domain, others) in parameter_domains(cls).items():
        also = "".join(f', or {"None" if other is None else repr(other)}' for other in others)
        scales = loss.tuning.get(name)
        tuning = f"; 'auto' is {scales:g} scales of the residuals" if scales else ""
        value = getattr(loss, name)
        yield f"{name} = {value!r}  ({domain.describe(name)}{also}; default {defaults[name]!r}{tuning})"


def _traits(loss: Pointwise) -> Any:
    """The traits, a parameter "auto" taken at its tuning constant: for residuals of scale 1."""
    return loss._at_scale(1.0).traits()


def _bound(name: str, bound: float | None) -> str | None:
    return f"{name} <= {bound:.4g}" if bound is not None and math.isfinite(bound) else None


def _domain(loss: Pointwise) -> str:
    return loss.domain.describe("y").replace("y a finite number", "any y")


def _plain(value: Any) -> Any:
    """`value` for JSON, which knows no infinity."""
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
