"""The reference, written from the code: a page a loss, and one of the public names. Sphinx loads this as an extension.

What is public and says too little of itself stops the build.
"""

from __future__ import annotations

import dataclasses
import html
import inspect
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from docstrings import api_entry, plain

import losskit
from losskit.base import Evaluated
from losskit.crosswalk import equivalents
from losskit.crosswalk.rows import LIBRARIES
from losskit.parameters import parameter_domains
from losskit.registry import family_of, losses
from losskit.report.loss_html import svg_plot
from losskit.report.loss_page import links, predictions, relation, summary, trait_lines, traits_in_short
from losskit.report.mathml import mathml
from losskit.selection.codes import ALARMS, CODES, Code

_HOOKS = ("formula", "derivative", "second_derivative", "information", "excess", "excess_derivative", "formula_of_log",
          "excess_of_log", "spelling")  # what a loss is written by, not used by
_DERIVATIVES = {
    "r": "by the residual `r = f - y`",
    "m": "by the margin `m = y f`",
    "s": "by the cross-entropy `s = log(exp f_1 + ... + exp f_k) - f_y` of the row's class",
}


def setup(app: Any) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("builder-inited", _write)
    return {"parallel_read_safe": True}


def _write(app: Any) -> None:
    from sphinx.errors import ExtensionError

    public = {name: getattr(losskit, name) for name in losskit.__all__ if name != "__version__"}
    if silent := undocumented(public, losses(Evaluated)):
        raise ExtensionError("public, but not documented: " + "; ".join(silent))
    home = Path(app.srcdir)
    folder = home / "losses"
    folder.mkdir(exist_ok=True)
    for stale in {path.stem for path in folder.glob("*.md")} - {*losses(Evaluated), "index"}:
        (folder / f"{stale}.md").unlink()
    for name, cls in losses(Evaluated).items():
        loss = cls()
        picture = svg_plot(loss)
        if picture:
            _keep(folder / f"{name}.svg", picture)
        _keep(folder / f"{name}.md", loss_page(loss, bool(picture)))
    _keep(folder / "index.md", index_page())
    _keep(home / "api.md", api_page())
    found = home / "findings"
    found.mkdir(exist_ok=True)
    for each in CODES.values():
        _keep(found / f"{each.code}.md", finding_page(each))
    _keep(home / "findings.md", findings_page())


def findings_page() -> str:
    """What `profile` finds: the pages, one a code."""
    pages = "\n".join(f"findings/{each.code}" for each in CODES.values())
    return (
        "# What `losskit profile` finds\n\nEach finding has a code, the figures that show it, and what it means for "
        f"the loss. {ALARMS}; a test counts them.\n\n```{{toctree}}\n:maxdepth: 1\n\n{pages}\n```\n"
    )


def finding_page(code: Code) -> str:
    """The page of one code."""
    return f"# {code.code} {code.title}\n\n" + "".join(f"{text}\n\n" for text in code.paragraphs())


def _keep(path: Path, text: str) -> None:
    """Write `text`, unless it is there: Sphinx then need not read the page again."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def undocumented(names: dict[str, Any], catalogue: Mapping[str, Any]) -> list[str]:
    """What is missing of public things: docstrings, also of public methods; a loss's source, use and avoid."""
    missing = []
    for name, thing in names.items():
        if not _said(thing):
            missing.append(f"{name} has no docstring")
        if not inspect.isclass(thing):
            continue
        if name in catalogue:
            missing += [f"{name} has no {part}" for part in ("source", "use", "avoid") if not getattr(thing, part)]
        missing += [f"{name}.{each} has no docstring" for each, act in vars(thing).items()
                    if each[0] != "_" and each not in _HOOKS and inspect.isfunction(act)
                    and not inspect.getdoc(getattr(thing, each))]  # fmt: skip
    return missing


def _said(thing: Any) -> bool:
    own = thing.__dict__.get("__doc__") if inspect.isclass(thing) else getattr(thing, "__doc__", None)
    return bool(own) and not (dataclasses.is_dataclass(thing) and own.startswith(f"{thing.__name__}("))


def loss_page(loss: Any, drawn: bool) -> str:
    """The page of a loss, at its default parameters, in MyST."""
    name = type(loss).__name__
    variable = (loss.variables or ("",))[0]
    by = _DERIVATIVES.get(variable, "by the prediction `f`")
    letter = {"r": "(r)", "m": "(m)", "s": "(s)"}.get(variable, "(y, f)")
    parts = [f"# {name}\n\n```{{py:class}} losskit.{loss!r}\n{plain(_text(loss))}\n```\n"]
    parts.append(_formula(rf"L{letter} = {loss.latex()}"))
    if drawn:
        parts.append(f"```{{image}} {name}.svg\n:alt: value, gradient and Hessian of {name}\n:width: 100%\n```\n")
    parts += [
        f"**Use it when** {_lower(plain(loss.use))}\n\n**Avoid it when** {_lower(plain(loss.avoid))}\n",
        f"**Source.** {_with_links(loss.source)}\n",
        _facts(loss),
        f"## Derivatives\n\nFirst and second derivative {by}, as they are computed.\n",
        _formula(f"L' = {loss.latex('gradient')}"),
        _formula(f"L'' = {loss.latex('hessian')}"),
        _latex(loss),
    ]
    if others := equivalents(loss):
        parts.append(_elsewhere(others))
    return "\n".join(parts)


def _formula(tex: str) -> str:
    """A formula as MathML, which browsers set without a script."""
    return _raw(f'<div class="formula">{mathml(tex)}</div>')


def _latex(loss: Any) -> str:
    said = "\n".join(html.escape(loss.latex(of)) for of in ("value", "gradient", "hessian"))
    return _raw(f'<details class="latex"><summary>LaTeX</summary><pre>{said}</pre></details>')


def _raw(text: str) -> str:
    return f"```{{raw}} html\n{text}\n```\n"


def _text(loss: Any) -> str:
    return inspect.cleandoc(type(loss).__doc__ or "")


def _lower(text: str) -> str:
    """`text` to go on a sentence: a capital that only starts it is made small."""
    first = text.split(" ", 1)[0]
    name = first[1:] != first[1:].lower() or not first[1:] or first in losses(Evaluated)
    return text if name else text[0].lower() + text[1:]


def _with_links(source: str) -> str:
    """`source`, its DOIs as links: old journals' hold parentheses, <, > and a semicolon, so only a space ends one."""
    return re.sub(r"doi:(10\.\S+?)(?=[;,]?(?:\s|$))", _linked, source)


def _linked(found: re.Match[str]) -> str:
    return f"[{found[0]}](https://doi.org/{quote(found[1], safe='/():;')})"


def _facts(loss: Any) -> str:
    cls: Any = type(loss)
    defaults = {field.name: field.default for field in dataclasses.fields(cls)}
    link = "none: f is the prediction"
    if links(loss) != "identity":
        link = f"{links(loss)}; `loss.predict(f)` undoes it"
    rows = [
        f"* - target\n  - {_code(loss.domain.describe('y'))}",
        f"* - prediction\n  - {_code(predictions(loss))}",
        f"* - link\n  - {link}",
    ]
    for name, (domain, others) in parameter_domains(cls).items():
        also = "".join(f", or `{other!r}`" for other in others)
        tuning = f"; `'auto'` is {loss.tuning[name]:g} scales of the residuals" if name in loss.tuning else ""
        rows.append(f"* - `{name}`\n  - {_code(domain.describe(name))}{also}; default `{defaults[name]!r}`{tuning}")
    rows.append(f"* - best prediction\n  - {loss.traits().elicits or 'no name known'}")
    rows.append("* - traits\n  - " + "\n\n    ".join(map(plain, trait_lines(loss))))
    return "```{list-table}\n:widths: 20 80\n:stub-columns: 1\n\n" + "\n".join(rows) + "\n```\n"


def _code(text: str) -> str:
    return text.replace("a finite number", "any finite number") if "finite" in text else f"`{text}`"


def _elsewhere(others: list[Any]) -> str:
    rows = ["* - library\n  - code\n  - compares"]
    for each in others:
        takes = "" if each.takes == "prediction" else f"; it takes the {each.takes}"
        note = f"\n\n    {plain(each.note)}" if each.note else ""
        compares = f"`{relation(each)}`{takes}; reduction: {plain(each.reduction)}{note}"
        rows.append(f"* - {LIBRARIES[each.library].title}\n  - `{each.code}{each.call}`\n  - {compares}")
    table = "```{list-table}\n:widths: 14 46 40\n:header-rows: 1\n\n" + "\n".join(rows) + "\n```\n"
    return f"## In other libraries\n\n{table}"


def index_page() -> str:
    """The losses by family, each on a line."""
    parts = ["# Losses\n\nEvery loss is written once, as a formula; all else on its page is derived from it.\n"]
    families: dict[str, list[str]] = {}
    for name, cls in losses(Evaluated).items():
        families.setdefault(family_of(cls), []).append(name)
    for family, names in families.items():
        rows = []
        for loss in (losses(Evaluated)[name]() for name in names):
            name = type(loss).__name__
            said, traits = plain(summary(loss)), plain(traits_in_short(loss))
            rows.append(f"* - [{name}]({name}.md)\n  - {said}\n\n    *{traits}*")
        parts.append(f"## {family.capitalize()}\n\n```{{list-table}}\n:widths: 25 75\n\n" + "\n".join(rows) + "\n```\n")
        parts.append("```{toctree}\n:hidden:\n\n" + "\n".join(names) + "\n```\n")
    return "\n".join(parts)


def api_page() -> str:
    """The public names but the losses, with what they say of themselves."""
    parts = ["# Public names\n\nThe losses have [pages of their own](losses/index.md).\n"]
    for title, names in _sections().items():
        parts += [f"## {title}\n", *(api_entry(name, getattr(losskit, name)) for name in names)]
    return "\n".join(parts)


def _sections() -> dict[str, list[str]]:
    names = [name for name in losskit.__all__ if name != "__version__" and name not in losses(Evaluated)]
    things = {name: getattr(losskit, name) for name in names}
    raised = [name for name, thing in things.items() if inspect.isclass(thing) and issubclass(thing, BaseException)]
    classes = [name for name, thing in things.items() if inspect.isclass(thing) and name not in raised]
    return {"Functions": [name for name in names if name not in (*raised, *classes)], "Classes": classes,
            "Errors and warnings": raised}  # fmt: skip
