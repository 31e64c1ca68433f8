"""``python -m rbp``: the command line."""

import sys

from rbp.cli import main

sys.exit(main())
