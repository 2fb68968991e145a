"""`python -m vgrout`: the console script `vgrout`."""

import sys

from vgrout.cli import main

sys.exit(main())
