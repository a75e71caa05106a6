"""One kernel cache for all test processes, apart from the user's own."""

import os
from pathlib import Path
from typing import Any

os.environ.setdefault("LOSSKIT_CACHE_DIR", str(Path(__file__).parent.parent / ".losskit-cache"))
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # the tests' processes fill the cores: threads would wait
os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # several processes may share a device

# the longest first: begun last, one of them keeps a process busy when the other has nothing left to do
_FIRST = ("test_simulations.py", "test_ulp.py", "test_intervals.py")


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Put the longest files first, the rest as they come."""
    items.sort(key=lambda item: item.path.name not in _FIRST)
