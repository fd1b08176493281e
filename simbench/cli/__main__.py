"""`python -m simbench.cli` is `simbench`."""

from simbench.cli import main

main()
