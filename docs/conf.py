"""How Sphinx builds these pages. `make docs` does; every page of a loss is written from its class at the start."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from losskit import __version__

project = "losskit"
author = "the losskit authors"
release = __version__
extensions = ["myst_parser", "reference"]
exclude_patterns = ["_build"]
nitpicky = True
smartquotes = False

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["losskit.css"]
html_title = f"losskit {release}"
html_copy_source = False
html_show_sphinx = False
