"""What a process imports before others are forked from it.

The search for cycles of garbage then leaves alone what was imported: pages stay shared with the forks, and the end of
the process takes no half second.
"""

from __future__ import annotations

import gc

import simbench.measuring.measure  # noqa: F401

gc.freeze()
