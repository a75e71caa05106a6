"""`python -m losskit` is the `losskit` command."""

import sys

from losskit.cli import main

if __name__ == "__main__":
    sys.exit(main())
