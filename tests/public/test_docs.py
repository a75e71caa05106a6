"""The code in README and docs runs as written, and prints what is written under it."""

import doctest
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_the_code_of_a_page_runs_and_prints_what_it_says(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    space: dict = {"__name__": "page"}
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    text = page.read_text()
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", text, re.S)):
        if ">>>" in block:
            test = doctest.DocTestParser().get_doctest(block, space, f"{page.name}[{number}]", str(page), 0)
            test.globs = space
            runner.run(test, clear_globs=False)
        else:
            exec(compile(block, f"{page.name}[{number}]", "exec"), space)
    assert runner.summarize(verbose=False).failed == 0
