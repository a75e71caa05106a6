"""The report: one offline page in which everything from outside is text."""

import html
import json
import math
import re
import shlex
from html.parser import HTMLParser

import numpy as np
import pytest

from losskit.base import Evaluated
from losskit.data.tables import read_table
from losskit.expressions import parse_loss
from losskit.losses.regression import Huber
from losskit.question import Question, parse_question
from losskit.registry import losses
from losskit.report import profiled
from losskit.report.html import whole
from losskit.report.terminal import render
from losskit.selection.course import Course
from losskit.selection.explain import fit_command, number
from losskit.selection.findings import profile
from losskit.selection.left_out import left_out
from losskit.selection.options import repeated
from losskit.selection.outcome import Candidate
from losskit.selection.questions import Contender, contract
from losskit.selection.run import select

EVIL = "<script>alert('x')</script>\u2028&\"'\x1b[2J|`$"


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.attributes = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in {"meta", "br", "wbr", "rect", "path", "circle"}:
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


def check_numbers(found):
    """What `result.json` holds stands in the page and in the Markdown."""
    told = json.loads(json.dumps(found.to_dict()))
    page = html.unescape(re.sub(r"<wbr>|</?(code|b|strong)\b[^>]*>", "", found.to_html()))
    text = re.sub(r"\\([^\w\s])", r"\1", found.to_markdown())
    numbers = [candidate[k] for candidate in told["candidates"] for k in ("mean", "standard_error")]
    numbers += [*told["evaluation"]["figures"].values(), *told["changes"].values()]
    numbers += [part[k] for part in told["evaluation"]["parts"] for k in ("metric", "prediction", "target")]
    for rows in ("groups", "by_group", "costliest_rows", "moved_rows"):
        for row in told["scrutiny"][rows]:
            numbers += [v for k, v in row.items() if isinstance(v, float) and k != "share"]
    for value in numbers:
        assert number(math.nan if value is None else value) in page
        assert number(math.nan if value is None else value) in text
    for each in told["not_compared"]:
        assert each["reason"] in page
        assert ", ".join(each["losses"]) in page
        assert ", ".join(each["losses"]) in text
    assert len(told["scrutiny"]["costliest_rows"]) == 8


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
    assert not re.search("[\x1b\u2028]", text + found.to_markdown() + render(found, 80))
    assert "nan" not in re.findall(r'd="([^"]*)"', text)
    assert shlex.split(repeated(found).partition("question=")[2])[0].startswith(str(found.question))
    check_numbers(found)
    assert found.verdict.why[0].split(":")[0] in text.replace("&#39;", "'").replace("&gt;", ">")


def test_groups_have_a_table_and_the_command_names_them(tmp_path):
    rng = np.random.default_rng(0)
    x, shop = rng.normal(size=90), np.repeat(["north <b>", "south", "west", "east", "middle", "sea"], 15)
    y = 2 * x + np.where(shop == "south", 5, 1) * rng.normal(size=90)
    lines = [f"{a},{b},{c}" for a, b, c in zip(x, shop, y, strict=True)]
    (tmp_path / "t.csv").write_text("\n".join(["x,shop,y", *lines]))
    path = str(tmp_path / "t.csv")
    found = select(read_table(path), "y", groups="shop", rounds=1, folds=3)
    parts = found.scrutiny.by_group
    assert parts[0]["part"] == "south"
    assert sum(part["share"] for part in parts) == pytest.approx(1)
    assert "north &lt;b&gt;" in found.to_html()
    assert repeated(found) == "losskit.select(table, 'y', groups='shop', folds=3, rounds=1, seed=0)"
    found.asked = {"groups": "shop", "include": ["huber:delta=2"]}
    again = ["losskit", "select", path, "--target", "y", "--groups", "shop", "--include", "huber:delta=2", "--seed",
             "0", "--out", "report"]  # fmt: skip
    assert shlex.split(repeated(found)) == again


@pytest.mark.parametrize(
    ("question", "problem"),
    [("mean", "count"), ("probability", "binary"), ("ordinal", "multiclass"), ("interval:0.8", "real")],
)
def test_every_loss_is_compared_or_left_out_for_a_reason(question, problem):
    asked, y = parse_question(question), np.array([0.0, 1.0, 2.0])
    row = contract(asked, problem)
    there = [Contender(row.default(asked.level or 0.5)), *row.challengers]
    parts = left_out(row, asked, problem, y, there, (type(there[1].loss).__name__,))
    named = [name.partition(" ")[0] for part in parts for name in part.losses]
    assert sorted([*named, *{type(each.loss).__name__ for each in there}]) == sorted(losses(Evaluated))


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
