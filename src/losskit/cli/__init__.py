"""The command line: parses, calls, prints. The exit codes stand in its help."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Sequence
from typing import Any

from cyclopts import App, CycloptsError, Parameter

from losskit._version import __version__
from losskit.cli.bench import bench
from losskit.cli.commands import Flag, documented, register
from losskit.errors import LosskitError, ParameterError
from losskit.report.console import console, piped, printable, write, write_json

_ISSUES = "the losskit issue tracker"

app = App(
    name="losskit",
    help="The loss function as a thing of its own: exact, fast, explained.",
    help_epilogue="Exit codes: 0 done; 1 our fault; 2 bad input or usage, or no room or right to write; 3 check found "
    "something; 130 Ctrl-C. With --json the standard output is JSON alone, of an error too.",
    version=__version__,
    suppress_keyboard_interrupt=False,
    default_parameter=Parameter(negative_iterable=()),
)
app.command(bench)
register(app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; `arguments` default to the process's own."""
    tokens = sys.argv[1:] if arguments is None else list(arguments)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal may know fewer characters than we print
    try:
        code = app(tokens, exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except BrokenPipeError:  # the reader has seen enough
        _write_no_more()
        return 0
    except (Exception, KeyboardInterrupt) as error:
        code, message = _told(error, tokens[:1])
        print(f"losskit: {message}", file=sys.stderr)
        if "--json" in tokens:
            _print_error(error, message, code)
        if isinstance(error, OSError):
            _write_no_more()
        return code


def _told(error: BaseException, command: list[str]) -> tuple[int, str]:
    """The exit code, and the line for people."""
    text = printable(" ".join(str(error).split()))
    if isinstance(error, KeyboardInterrupt):
        kept = "; finished folds are kept, and the same command goes on from there" if command == ["select"] else ""
        return 130, f"stopped{kept}"
    if isinstance(error, LosskitError):
        return 2, f"error: {text}"
    if isinstance(error, CycloptsError):
        return 2, f"error: {text} Try: losskit --help"
    if isinstance(error, OSError):
        place = error.filename or "the output"
        return 2, f"error: {printable(str(place))}: {error.strerror or text}; check its disk and permissions"
    if os.environ.get("LOSSKIT_DEBUG") == "1":
        import traceback

        traceback.print_exception(error)
    return 1, (
        f"internal error: {type(error).__name__}: {text}\n"
        f"This is a fault of losskit {__version__}, not yours. Run again with LOSSKIT_DEBUG=1 and send what it prints, "
        f"with the command, to {_ISSUES}."
    )


def _print_error(error: BaseException, message: str, code: int) -> None:
    """One line of JSON, so that it may also end lines of JSON."""
    import json

    told = {
        "schema": "losskit.error/1", "error": type(error).__name__, "message": message.removeprefix("error: "),
        "exit_code": code,
    }  # fmt: skip
    with contextlib.suppress(OSError):
        print(json.dumps(told), flush=True)


def _write_no_more() -> None:
    """Send what Python still holds for the standard output nowhere, so that its last flush raises nothing."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@app.command(name="list")
@documented
def list_(
    *words: str,
    family: str | None = None,
    library: str | None = None,
    target: list[float] | None = None,
    elicits: str | None = None,
    convex: bool | None = None,
    strictly_convex: bool | None = None,
    symmetric: bool | None = None,
    differentiable: bool | None = None,
    bounded: bool | None = None,
    lipschitz: bool | None = None,
    strong: bool | None = None,
    proper: bool | None = None,
    calibrated: bool | None = None,
    redescending: bool | None = None,
    json: Flag = False,
) -> None:
    """The losses: what they take, what the best prediction is, what they are like. Filters add up.

    Parameters
    ----------
    words : only losses that these words are said of, or that other libraries call so: robust, pinball, mse
    family : only this file of the catalogue: regression, counts, binary
    library : only losses that this library has too: sklearn, torch, keras, optax, statsmodels, xgboost ...
    target : only losses that take this target; may be repeated
    elicits : only losses whose best prediction is this: mean, median, quantile ...
    convex : only losses that are (not) convex at their default parameters; the traits below likewise
    lipschitz : with a largest slope: no row pulls without bound
    strong : with a smallest curvature above 0
    redescending : gross outliers lose all pull
    json : print JSON
    """
    traits = {"convex": convex, "strictly_convex": strictly_convex, "symmetric": symmetric,
              "differentiable": differentiable, "bounded": bounded, "lipschitz": lipschitz, "strong": strong,
              "proper": proper, "calibrated": calibrated, "redescending": redescending,
              "elicits": elicits}  # fmt: skip
    from losskit.report.loss_page import chosen, facts, table

    wanted = {name: value for name, value in traits.items() if value is not None}
    found = chosen(family, wanted, list(words), target or [], library)
    if json:
        write_json({"schema": "losskit.list/1", "losses": [facts(loss) for loss in found]})
    elif found:
        write(table(found, wide=piped()))
    else:
        print("no loss is like that; ask for less, or see all with: losskit list", file=sys.stderr)


@app.command
@documented
def show(
    name: str,
    /,
    *,
    param: list[str] | None = None,
    png: str | None = None,
    html: str | None = None,
    latex: Flag = False,
    code: Flag = False,
    plot: bool = True,
    json: Flag = False,
    force: Flag = False,
) -> None:
    """One loss on one page; or one of the codes that profile reports.

    Parameters
    ----------
    name : in any case, with or without underscores: huber, squared_error; or a code such as LK107
    param : a parameter, as delta=2; may be repeated
    png : write its plot to this file (.png, .svg or .pdf)
    html : write the page to this file, which needs nothing else
    latex : add the LaTeX of value, gradient and Hessian
    code : add the generated scalar code of value, gradient and Hessian
    plot : draw value, gradient and Hessian in the terminal
    json : print JSON instead
    force : replace existing files
    """
    from losskit.models.modelfile import refuse_existing
    from losskit.registry import get
    from losskit.report.loss_page import facts, page

    if name[:3].upper() == "LK1":
        _show_code(name.upper(), json)
        return
    loss = get(name, **dict(map(_parameter, param or [])))
    refuse_existing(png, html, force=force)
    if png is not None:
        loss.plot(path=png)
    if html is not None:
        from losskit.report.loss_html import write_html

        write_html(loss, html)
    if json:
        write_json({"schema": "losskit.show/1", **facts(loss)})
    else:
        dots = plot and "utf" in (sys.stdout.encoding or "").lower()
        for part in page(loss, latex, code, min(console().width, 80 if piped() else 120) if dots else 0):
            print(part) if isinstance(part, str) and part[:4] == "    " else write(part)
    for what, path in (("plot", png), ("page", html)):
        if path is not None:
            print(f"{what} written to {os.path.abspath(path)}", file=sys.stderr if json else sys.stdout)


def _show_code(code: str, json: bool) -> None:
    """The help page of a code of `profile`."""
    from dataclasses import asdict

    from losskit.report.profiled import code_page
    from losskit.selection.codes import CODES

    found = next((each for each in CODES.values() if each.code == code), None)
    if found is None:
        raise ParameterError(f"{code} is no code of profile; they go from LK101 to LK{100 + len(CODES)}")
    write_json({"schema": "losskit.code/1", **asdict(found)}) if json else print(code_page(found))


def _parameter(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise ParameterError(f"--param takes name=value, such as delta=2; got {text!r}")
    try:
        return name, None if value.lower() == "none" else float(value)
    except ValueError:
        return name, value
