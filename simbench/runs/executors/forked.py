"""What the server of forks imports, and nobody else: all that was imported so far is kept out of the search for cycles
of garbage. Its pages stay shared with the forks, and the server ends half a second sooner."""

from __future__ import annotations

import gc

import simbench.measuring.measure  # noqa: F401

gc.freeze()
