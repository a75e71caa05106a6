"""The report in a browser: nothing from outside runs, and neither a phone nor a desk need scroll sideways."""

import html
import json
import re
import shutil
import subprocess

import pytest

from tests.selection.test_report import made

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WIDTHS = (390, 1280)

# The page in frames as wide as a phone and a desk, and a script beside them that writes down what it sees there.
HARNESS = """<!doctype html><body>{frames}<pre id="seen"></pre><script>
window.onload = () => {{
  const seen = [...document.querySelectorAll("iframe")].map(frame => {{
    const inside = frame.contentDocument, root = inside.documentElement;
    const beyond = [...inside.querySelectorAll("body *")].filter(
      e => e.getBoundingClientRect().right > root.clientWidth + 1 && !e.closest(".wide") && !e.closest("svg"));
    return [
      root.scrollWidth - root.clientWidth, beyond.length, inside.title, inside.querySelectorAll("svg.chart").length,
      inside.querySelectorAll("script, img, iframe, b[onclick]").length];
  }});
  document.getElementById("seen").textContent = JSON.stringify(seen);
}};
</script>"""
FRAME = '<iframe style="width:{width}px;height:800px;border:0" srcdoc="{page}"></iframe>'


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here; Debian's package is chromium")
@pytest.mark.parametrize(("question", "kind"), [("mean", "count"), ("probability", "binary")])
def test_the_report_fits_and_runs_nothing(question, kind, tmp_path):
    page = made(question, kind).to_html()
    frames = "".join(FRAME.format(width=width, page=html.escape(page)) for width in WIDTHS)
    (tmp_path / "harness.html").write_text(HARNESS.format(frames=frames))
    done = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
         "--virtual-time-budget=5000", "--dump-dom", f"file://{tmp_path / 'harness.html'}"],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    seen = html.unescape(re.search(r'<pre id="seen">(.*?)</pre>', done.stdout, re.DOTALL)[1])
    for sideways, beyond, title, charts, foreign in json.loads(seen):
        assert (sideways, beyond, foreign) == (0, 0, 0)
        assert title == "Which loss for target<b>? - losskit"
        assert charts >= 2
