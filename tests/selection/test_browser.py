"""The report in a browser: nothing from outside runs, and a phone need not scroll sideways."""

import html
import json
import re
import shutil
import subprocess

import pytest

from tests.selection.test_report import made

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WIDTH = 390

# The page in a frame as wide as a phone, and a script beside it that writes down what it sees there.
HARNESS = """<!doctype html><body>
<iframe id="page" style="width:{width}px;height:800px;border:0" srcdoc="{page}"></iframe>
<pre id="seen"></pre><script>
const frame = document.getElementById("page");
frame.onload = () => {{
  const inside = frame.contentDocument, root = inside.documentElement;
  const beyond = [...inside.querySelectorAll("body *")].filter(
    e => e.getBoundingClientRect().right > root.clientWidth + 1 && !e.closest(".wide") && !e.closest("svg"));
  document.getElementById("seen").textContent = JSON.stringify([
    root.scrollWidth - root.clientWidth, beyond.length, inside.title, inside.querySelectorAll("svg.chart").length,
    inside.querySelectorAll("script, img, iframe, b[onclick]").length]);
}};
</script>"""


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here; Debian's package is chromium")
@pytest.mark.parametrize(("question", "kind"), [("mean", "count"), ("probability", "binary")])
def test_the_report_fits_a_phone_and_runs_nothing(question, kind, tmp_path):
    page = made(question, kind).to_html()
    (tmp_path / "harness.html").write_text(HARNESS.format(width=WIDTH, page=html.escape(page)))
    done = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
         "--virtual-time-budget=5000", "--dump-dom", f"file://{tmp_path / 'harness.html'}"],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    seen = html.unescape(re.search(r'<pre id="seen">(.*?)</pre>', done.stdout, re.DOTALL)[1])
    sideways, beyond, title, charts, foreign = json.loads(seen)
    assert (sideways, beyond, foreign) == (0, 0, 0)
    assert title == "Which loss for target<b>? - losskit"
    assert charts >= 2
