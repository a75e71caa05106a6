"""The report: one offline page in which everything from outside is text."""

import re
import shlex
from html.parser import HTMLParser

import numpy as np
import pytest

from losskit.expressions import parse_loss
from losskit.losses.regression import Huber
from losskit.question import Question
from losskit.report import profiled
from losskit.report.html import whole
from losskit.report.terminal import render
from losskit.selection.course import Course
from losskit.selection.explain import fit_command
from losskit.selection.findings import profile
from losskit.selection.outcome import Candidate
from losskit.selection.run import select

EVIL = "<script>alert('x')</script>\u2028&\"'"


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.attributes = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in {"meta", "br", "rect", "path", "circle"}:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def made(question, kind):
    rng = np.random.default_rng(0)
    x = rng.normal(size=90)
    table = {EVIL: x, "city": rng.choice([EVIL, "Rome"], 90).tolist()}
    if kind == "binary":
        y = np.where(x + rng.normal(size=90) > 0, EVIL, "no")
    else:
        y = rng.poisson(np.exp(x)).astype(float) if kind == "count" else x + rng.normal(size=90)
    name = "target<b>"
    return select({**table, name: y}, name, question, kind, rounds=1)


@pytest.mark.parametrize(
    ("question", "kind"),
    [("mean", "real"), ("mean", "count"), ("median", "real"), ("quantile:0.8", "real"), ("probability", "binary"),
     ("label", "binary")],
)  # fmt: skip
def test_pages(question, kind):
    found = made(question, kind)
    text = found.to_html()
    page = Page(text)
    assert not page.open
    assert not {"script", "link", "img", "iframe", "object", "b>"} & set(page.tags)
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert not any(name.startswith("on") or name in ("src", "href") for name, _ in page.attributes)
    assert ("http-equiv", "Content-Security-Policy") in page.attributes
    assert "default-src 'none'" in text
    assert not re.search(r"(https?:)?//\w", text)
    assert len(text.encode()) < 300_000
    assert "<h3>Convergence</h3>" in text
    assert ("<h3>Residuals</h3>" in text) == (kind in ("real", "count"))
    assert f"Source: {found.winner.source}" in text
    assert "nan" not in re.findall(r'd="([^"]*)"', text)
    assert found.verdict.why[0].split(":")[0] in text.replace("&#39;", "'").replace("&gt;", ">")


def test_columns_alike_share_a_paragraph():
    rng = np.random.default_rng(0)
    table = {f"gone {i}": [None] * 60 for i in range(7)} | {"x": rng.normal(size=60)}
    findings = profile(table, rng.normal(size=60))
    assert len(findings.items) == 7
    text = " ".join(profiled.render(findings, 80).split())
    assert text.count("LK123") == 2  # once as found, once in the last line
    assert "So it is with 3 more columns." in text
    assert "fewer than two in a hundred raise a suspicion" in text


def test_the_course_of_training_is_told():
    steps = Course("newton", np.array([3.0, 1.0, 0.5]), 0, 1e-9, "kkt", "max_iter")
    assert str(steps) == "newton, 2 steps, relative gradient 1e-09, stopped by max_iter before what was asked"
    assert str(Course("", np.array([3.0, 1.0, 2.0]), 2)) == "2 of 3 rounds kept, the best on rows held out"
    assert made("mean", "real").courses[0].reached


def test_the_terminal_is_80_columns():
    found = made("mean", "real")
    text = render(found, 80)
    assert max(map(len, text.splitlines())) <= 80
    assert text.splitlines()[0].startswith("For the mean of target<b>, train with SquaredError()")
    assert "the best constant" in text


def test_the_command_that_trains_a_candidate_is_one():
    asked, alpha = Question("mean"), {"role": "challenger", "link": "identity", "alpha": 0.25}
    told = fit_command(Candidate("SquaredError()", **alpha), asked)
    assert told == "losskit fit --loss squared_error --penalty l2=0.25"
    command = fit_command(Candidate("Huber(delta='auto')", **alpha), asked)
    assert parse_loss(shlex.split(command)[3]) == Huber("auto")
    for name in ("Quantile at each level", "SquaredError() + residual quantile"):
        assert fit_command(Candidate(name, **alpha), asked) == ""
    assert fit_command(Candidate("SquaredError()", model="boosted", **alpha), asked) == ""
    assert fit_command(Candidate("GaussianNLL()", **alpha), Question("interval", 0.9)) == ""
    assert whole("a <b> --question c") == "a &lt;b&gt; <code>--question</code> c"
