"""The stub that editors read says what the door offers."""

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_stub_is_what_its_generator_writes():
    tool = runpy.run_path(str(ROOT / "tools" / "stub.py"))
    assert tool["PATH"].read_text() == tool["text"](), "run: python tools/stub.py"
