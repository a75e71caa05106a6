"""The command line: parses, calls, prints.

Exit codes: 0 done, 2 bad input or usage, 3 `check` found something, 1 our fault, 130 Ctrl-C.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, CycloptsError, Parameter

from losskit._version import __version__
from losskit.commands import register
from losskit.errors import DataError, LosskitError, ParameterError

if TYPE_CHECKING:
    from rich.console import Console

    from losskit.base import Pointwise

_ISSUES = "the losskit issue tracker"
_TRAITS = {"lipschitz": "largest slope", "curvature": "largest curvature", "strong": "smallest curvature"}
_WIDE = 150  # columns from which the list has one line a loss

app = App(
    name="losskit",
    help="The loss function as a thing of its own: exact, fast, explained.",
    version=__version__,
    suppress_keyboard_interrupt=False,
)
bench = App(name="bench", help="Measure losskit side by side with other libraries.")
app.command(bench)
register(app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; `arguments` default to the process's own."""
    tokens = sys.argv[1:] if arguments is None else list(arguments)
    try:
        code = app(tokens, exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()
    except (LosskitError, CycloptsError) as error:
        return _refuse(_one_line(error))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        return _own_up(error)
    return code if isinstance(code, int) else 0


def _refuse(message: str) -> int:
    print(f"losskit: error: {message}", file=sys.stderr)
    return 2


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, LosskitError) else f"{text} Try: losskit --help"


def _own_up(error: Exception) -> int:
    if os.environ.get("LOSSKIT_DEBUG") == "1":
        import traceback

        traceback.print_exc()
    print(
        f"losskit: internal error: {type(error).__name__}: {error}\n"
        f"This is a fault of losskit {__version__}, not yours. Run again with LOSSKIT_DEBUG=1 and send what it prints, "
        f"with the command, to {_ISSUES}.",
        file=sys.stderr,
    )
    return 1


@app.command(name="list")
def list_(
    *,
    family: str | None = None,
    convex: bool | None = None,
    elicits: str | None = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """The losses: what they take, and what the best prediction is.

    Parameters
    ----------
    family : only this file of the catalogue: regression, counts, binary
    convex : only losses that are (not) convex at their default parameters
    elicits : only losses whose best prediction is this: mean, median, quantile ...
    json : print JSON
    """
    from losskit.registry import family_of, find_losses

    wanted = {name: value for name, value in (("convex", convex), ("elicits", elicits)) if value is not None}
    found = [loss() for loss in find_losses(family, **wanted)]
    if json:
        _print_json({"schema": "losskit.list/1",
                     "losses": [{**_facts(loss), "family": family_of(type(loss))} for loss in found]})
    elif found:
        _print(_table(found, wide=_console().width >= _WIDE))
    else:
        print("no loss is like that", file=sys.stderr)


@app.command
def show(
    name: str,
    /,
    *,
    param: list[str] | None = None,
    png: str | None = None,
    latex: Annotated[bool, Parameter(negative="")] = False,
    code: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """One loss on one page.

    Parameters
    ----------
    name : in any case, with or without underscores: huber, squared_error
    param : a parameter, as delta=2; may be repeated
    png : write its plot to this file (.png, .svg or .pdf)
    latex : add the LaTeX of value, gradient and Hessian
    code : add the generated scalar code of value, gradient and Hessian
    json : print JSON instead
    """
    from losskit.registry import get

    loss = get(name, **dict(map(_parameter, param or [])))
    if png is not None:
        loss.plot(path=png)
    if json:
        _print_json({"schema": "losskit.show/1", **_facts(loss)})
    else:
        _page(loss, latex, code)
    if png is not None:
        print(f"plot written to {os.path.abspath(png)}", file=sys.stderr if json else sys.stdout)


@bench.command
def kernels(
    *,
    rows: int = 1_000_000,
    loss: list[str] | None = None,
    repeats: int = 9,
    json: str | None = None,
) -> None:
    """Value, gradient and Hessian against scikit-learn and NumPy; call latency; import and first call.

    Parameters
    ----------
    rows : rows of the random data
    loss : only this loss; may be repeated
    repeats : timed runs a side, at least 7
    json : write the result to this file as well
    """
    from losskit.bench.kernels import render, run_pinned
    from losskit.registry import get

    if rows < 1 or repeats < 7:
        raise ParameterError(f"--rows must be >= 1 and --repeats >= 7; got rows={rows}, repeats={repeats}")
    chosen = [type(get(each)).__name__ for each in loss or []]
    if json is not None:
        _writable(json)
    result = run_pinned(rows, chosen, repeats)
    if json is not None:
        import json as js

        with open(json, "w", encoding="utf-8") as file:
            js.dump(result, file, indent=1)
    _print(*render(result))
    if json is not None:
        print(f"result written to {os.path.abspath(json)}")


def _writable(path: str) -> None:
    folder = os.path.dirname(os.path.abspath(path))
    if os.path.isdir(path) or not os.access(folder, os.W_OK):
        raise DataError(f"cannot write {path}: it or its folder is missing, read-only or a folder; name another file")


def _parameter(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise ParameterError(f"--param takes name=value, such as delta=2; got {text!r}")
    try:
        return name, None if value.lower() == "none" else float(value)
    except ValueError:
        return name, value


def _console() -> Console:
    """A console that neither colours nor wraps into a pipe, unless COLUMNS asks for a width."""
    from rich.console import Console

    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(width=10_000 if piped else None, highlight=False, emoji=False, markup=False, soft_wrap=False)


def _print(*things: Any) -> None:
    """Print what rich renders, without the spaces it fills lines with."""
    console = _console()
    with console.capture() as captured:
        console.print(*things, sep="\n")
    print("\n".join(line.rstrip() for line in captured.get().rstrip("\n").split("\n")))


def _print_json(content: dict[str, Any]) -> None:
    import json

    print(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False))


def _plain_number(value: Any) -> Any:
    """`value` for JSON, which knows no infinity."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _facts(loss: Pointwise) -> dict[str, Any]:
    import dataclasses

    from losskit.parameters import parameter_domains
    from losskit.report import plain_text

    cls: Any = type(loss)
    return {
        "name": cls.__name__,
        "summary": _summary(loss),
        "parameters": [
            {"name": name, "value": _plain_number(getattr(loss, name)), "domain": domain.describe(name),
             "also": list(others)}
            for name, (domain, others) in parameter_domains(cls).items()
        ],
        "formula": plain_text(loss.latex()),
        "latex": loss.latex(),
        "y": loss.domain.describe("y"),
        "f": loss.prediction_domain.describe("f"),
        "link": loss.link.name,
        "traits": {name: _plain_number(value) for name, value in dataclasses.asdict(_traits(loss)).items()},
        "source": loss.source,
        "use": loss.use,
        "avoid": loss.avoid,
    }


def _summary(loss: Pointwise) -> str:
    return (type(loss).__doc__ or "").strip().partition("\n")[0]


def _traits(loss: Pointwise) -> Any:
    """The traits, a parameter "auto" taken at its tuning constant: for residuals of scale 1."""
    return loss._at_scale(1.0).traits()


def _traits_in_short(loss: Pointwise) -> str:
    known = _traits(loss)
    words = [
        {True: "strictly convex" if known.strictly_convex else "convex", False: "not convex"}.get(known.convex),
        {True: "smooth", False: "kinked"}.get(known.differentiable),
        _bound("slope", known.lipschitz),
        _bound("curvature", known.curvature) if known.curvature else None,
        "bounded" if known.bounded else None,
        "proper" if known.proper else None,
    ]
    return ", ".join(word for word in words if word)


def _bound(name: str, bound: float | None) -> str | None:
    return f"{name} <= {bound:.4g}" if bound is not None and math.isfinite(bound) else None


def _table(found: list[Pointwise], wide: bool) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0 if wide else 1, 0))
    for heading in ("loss", "y", *(("best prediction", "traits", "in words") if wide else ("about",))):
        longest = max((len(type(loss).__name__) for loss in found), default=0)
        least = None if wide or heading != "loss" else longest  # a name is never folded
        table.add_column(heading, overflow="fold", no_wrap=wide, min_width=least)
    for loss in found:
        elicits = loss.traits().elicits
        if wide:
            name = Text(repr(loss), "bold")
            table.add_row(name, _domain(loss), elicits or "", _traits_in_short(loss), _summary(loss))
            continue
        parameters = ",\n ".join(f"{name}={value!r}" for name, value in loss.parameters.items())
        head = Text.assemble((type(loss).__name__, "bold"), f"\n({parameters})" if parameters else "")
        facts = "; ".join(part for part in (elicits and f"best: {elicits}", _traits_in_short(loss)) if part)
        table.add_row(head, _domain(loss), Text.assemble(_summary(loss), "\n", (facts, "dim")))
    return table


def _domain(loss: Pointwise) -> str:
    return loss.domain.describe("y").replace("y a finite number", "any y")


def _page(loss: Pointwise, latex: bool, code: bool) -> None:
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, text in _entries(loss):
        grid.add_row(label, text)
    _print(Text(repr(loss), "bold"), _summary(loss), Padding(grid, (1, 0, 0, 0)))
    for heading, block in _blocks(loss, latex, code):
        print()
        _print(Text(heading, "bold"))
        print("\n".join(f"    {line}".rstrip() for line in block.splitlines()))


def _entries(loss: Pointwise) -> list[tuple[str, str]]:
    facts, known = _facts(loss), _traits(loss)
    variable = {"r": "\nr = f - y", "m": "\nm = y f"}.get((loss.variables or ("",))[0], "")
    parameters = []
    for each in facts["parameters"]:
        also = "".join(f', or {"None" if other is None else repr(other)}' for other in each["also"])
        default = type(loss).__dataclass_fields__[each["name"]].default
        scales = loss.tuning.get(each["name"])
        tuning = f"; 'auto' is {scales:g} scales of the residuals" if scales else ""
        parameters.append(f"{each['name']} = {each['value']!r}  ({each['domain']}{also}; default {default!r}{tuning})")
    numbers = [(name, getattr(known, name)) for name in facts["traits"] if name != "elicits"]
    traits = [f"{_TRAITS.get(name, name.replace('_', ' '))}: {_said(value)}" for name, value in numbers]
    entries = [
        ("formula", f"L = {facts['formula']}{variable}"),
        ("target y", facts["y"]),
        ("prediction f", facts["f"]),
        ("link", "" if facts["link"] == "identity" else f"{facts['link']}; loss.predict(f) gives the prediction"),
        ("parameters", "\n".join(parameters) or "none"),
        ("best prediction", known.elicits or "no name known"),
        ("traits", "\n".join([*(["for residuals of scale 1:"] if loss._open() else []), *traits])),
        ("use when", loss.use),
        ("avoid when", loss.avoid),
        ("source", loss.source),
    ]
    return [(label, text) for label, text in entries if text]


def _said(value: Any) -> str:
    if value is None:
        return "not known"
    if isinstance(value, tuple):  # kinks
        return ", ".join(map(_said, value)) or "none"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else f"{value:.6g}"


def _blocks(loss: Pointwise, latex: bool, code: bool) -> list[tuple[str, str]]:
    name = type(loss).__name__
    snippet = f"""import losskit as lk

loss = lk.{loss!r}
loss(y, f)                     # the mean loss
loss.value_and_gradient(y, f)  # and its gradient, in one pass"""
    blocks = [("in Python", snippet)]
    if latex:
        blocks += [(f"LaTeX, {part}", loss.latex(part)) for part in ("value", "gradient", "hessian")]
    if code:
        from losskit.calculus.emit import function_source

        trace = loss.trace()
        numbers = [each for each, value in loss.parameters.items() if value is not None]
        outputs = (trace.value, *trace.gradient, *trace.hessian)
        source = function_source("point", ["y", *loss.outputs, *numbers], outputs, "scalar")
        blocks.append((f"generated code of a row of {name}: value, gradient, Hessian", source))
    return blocks


if __name__ == "__main__":
    sys.exit(main())
