"""One loss as one HTML file: no scripts, nothing from the network, every text escaped by the template."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any

from losskit.crosswalk import equivalents
from losskit.crosswalk.rows import LIBRARIES
from losskit.report.loss_page import entries, generated_code, relation, snippet, summary
from losskit.report.mathml import mathml
from losskit.report.plots import is_drawn

if TYPE_CHECKING:
    from losskit.base import Pointwise

_STYLE: Any = {"svg.hashsalt": "losskit", "svg.fonttype": "path"}


def loss_html(loss: Pointwise) -> str:
    """The page as text."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("losskit.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    facts = dict(entries(loss))
    variable = facts.pop("formula").partition("\n")[2]
    formulas = [(name, Markup(mathml(loss.latex(of)))) for name, of in _FORMULAS]
    return environment.get_template("loss.html.j2").render(
        loss=loss, name=type(loss).__name__, summary=summary(loss).replace("`", ""), variable=variable,
        formulas=formulas, facts=facts,
        picture=Markup(svg_plot(loss)), elsewhere=_elsewhere(loss), snippet=snippet(loss), code=generated_code(loss),
        latex={name: loss.latex(of) for name, of in _FORMULAS},
    )  # fmt: skip


_FORMULAS: tuple[tuple[str, Any], ...] = (("value", "value"), ("gradient", "gradient"), ("Hessian", "hessian"))


def svg_plot(loss: Pointwise) -> str:
    """The loss's figure as an `<svg>` element; empty for several outputs, which are not drawn."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    if not is_drawn(loss):
        return ""
    with mpl.rc_context(_STYLE):
        text = io.StringIO()
        # savefig would draw it twice
        FigureCanvasSVG(loss.plot()).print_svg(text, metadata={"Date": None, "Creator": None})
    whole = text.getvalue()
    return whole[whole.index("<svg") :]


def write_html(loss: Pointwise, path: str | os.PathLike[str], force: bool = True) -> None:
    """Write the page to a file, whole or not at all.

    Raises
    ------
    DataError
        If the file cannot be written.
    """
    from losskit.models.modelfile import atomic_write

    atomic_write(path, loss_html(loss), force=force)


def _elsewhere(loss: Pointwise) -> list[dict[str, Any]]:
    """A row for each spelling, the library named at its first."""
    rows, before = [], None
    for each in equivalents(loss):
        title = LIBRARIES[each.library].title
        rows.append({"title": "" if title == before else title, "each": each, "relation": relation(each)})
        before = title
    return rows
