"""The reference is built from the code without a warning, and not at all where something public says too little."""

from __future__ import annotations

import os
import re
import runpy
import shutil
import subprocess
import sys
import xml.dom.minidom
import zlib
from html.parser import HTMLParser
from pathlib import Path

import pytest

import losskit as lk
from losskit.base import Evaluated
from losskit.registry import losses
from losskit.report.plots import is_drawn

pytest.importorskip("sphinx")
DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    home = tmp_path_factory.mktemp("reference")
    shutil.copytree(DOCS, home / "docs", ignore=shutil.ignore_patterns(
        "_build", "losses", "api.md", "findings", "findings.md", "__pycache__"
    ))  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-n", "-q", "-b", "html", "docs", "site"],
        cwd=home, capture_output=True, text=True, check=False,
        env={**os.environ, "NUMEXPR_MAX_THREADS": "2"},  # else numexpr tells its choice
    )
    assert (done.returncode, done.stderr) == (0, "")
    return home / "site"


@pytest.fixture(scope="module")
def tool():
    sys.path.insert(0, str(DOCS))
    try:
        yield runpy.run_path(str(DOCS / "reference.py"))
    finally:
        sys.path.remove(str(DOCS))


def test_nothing_public_is_silent(tool):
    public = {name: getattr(lk, name) for name in lk.__all__ if name != "__version__"}
    assert tool["undocumented"](public, losses(Evaluated)) == []


@pytest.mark.slow  # Sphinx takes a minute
@pytest.mark.xdist_group("reference")
def test_every_loss_has_a_page_with_all_of_it(site):
    for name, cls in losses(Evaluated).items():
        text = (site / "losses" / f"{name}.html").read_text()
        assert text.count("<math") == 3, name
        for part in ("Use it when", "Avoid it when", "Source.", "Derivatives", "LaTeX", f"losskit.{name}"):
            assert part in text, (name, part)
        pictures = re.findall(r"<math.*?</math>", text)
        if is_drawn(cls()):
            assert f"{name}.svg" in text
            pictures.append((site / "_images" / f"{name}.svg").read_text())
        for picture in pictures:
            xml.dom.minidom.parseString(picture)
            assert not re.findall(r"""<script|(?:src|href)=["'](?!#)|url\((?!#)""", picture), name
    huber = (site / "losses" / "Huber.html").read_text()
    assert "torch.nn.SmoothL1Loss(beta=1.0)(f, y)" in huber.replace("<span class=\"pre\">", "").replace("</span>", "")
    assert 'href="https://doi.org/10.1214/aoms/1177703732"' in huber
    brier = (site / "losses" / "Brier.html").read_text()
    assert 'href="https://doi.org/10.1175/1520-0493(1950)078%3C0001:VOFEIT%3E2.0.CO;2"' in brier


@pytest.mark.slow  # Sphinx takes a minute
@pytest.mark.xdist_group("reference")
def test_every_public_name_is_in_the_reference(site):
    packed = (site / "objects.inv").read_bytes()
    lines = zlib.decompress(packed.split(b"\n", 4)[4]).decode().splitlines()
    assert {f"losskit.{name}" for name in lk.__all__} - {"losskit.__version__"} <= {line.split()[0] for line in lines}


class _Sources(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag, attrs):
        loaded = {"script": "src", "img": "src", "link": "href"}.get(tag)
        self.found += [value for key, value in attrs if key == loaded and value]


@pytest.mark.slow  # Sphinx takes a minute
@pytest.mark.xdist_group("reference")
def test_a_page_loads_nothing_from_the_network(site):
    for page in (site / "index.html", site / "api.html", site / "losses" / "Huber.html"):
        reader = _Sources()
        reader.feed(page.read_text())
        assert reader.found
        assert not [each for each in reader.found if "//" in each]


def test_what_says_too_little_is_named(tool):
    class Silent(lk.Residual):
        def formula(self, r):
            return r**2

        def helper(self):
            return 1

    class Undone(lk.Residual):
        """A loss that forgets its source."""

        use = avoid = "Never, it is only here to be found out."

    found = tool["undocumented"]({"Silent": Silent, "Undone": Undone, "act": lambda: 0}, {"Undone": Undone})
    assert found == ["Silent has no docstring", "Silent.helper has no docstring", "Undone has no source",
                     "act has no docstring"]


def test_a_docstring_is_plain_text_in_sections(tool):
    def act(a, *, b=1):
        """Does |a| * b_.

        Parameters
        ----------
        a : float
            Not *b*; `a` it is.

        Returns
        -------
        float
        """

    text = tool["api_entry"]("act", act)
    assert text.startswith("````{py:function} losskit.act(a, *, b=1)\nDoes \\|a\\| \\* b\\_.\n")
    assert "* **a**: float\\\n  Not \\*b\\*; `a` it is." in text
    assert "**Returns**\n\n* **float**" in text
