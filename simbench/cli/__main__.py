"""`python -m simbench.cli` is `simbench`."""

from simbench.cli import main

if __name__ == "__main__":  # not in the processes that measure cases apart
    main()
