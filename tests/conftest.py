"""One kernel cache for all test processes, apart from the user's own."""

import os
from pathlib import Path

os.environ.setdefault("LOSSKIT_CACHE_DIR", str(Path(__file__).parent.parent / ".losskit-cache"))
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("KERAS_BACKEND", "torch")
