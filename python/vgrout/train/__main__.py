"""`python -m vgrout.train PRESET [FLAGS]` is `vgrout-train`, in the form that torchrun starts."""

import sys

from vgrout.cli import train_main

if __name__ == "__main__":
    sys.exit(train_main())
