"""An index that kills its process, one that takes long, and one that kills it on one pair only."""

from __future__ import annotations

import os
import signal
import time

import simbench
from simbench import Claims, Index


class Dies(Index):
    """Ends the process by the signal of a segmentation fault."""

    name, source = "dies", "made by the tests"

    def from_moments(self, m):
        os.kill(os.getpid(), signal.SIGSEGV)
        time.sleep(60)


class Exits(Index):
    """Ends the process without a word."""

    name, source = "exits", "made by the tests"

    def from_moments(self, m):
        os._exit(0)


class Sleeps(Index):
    """Takes a minute."""

    name, source = "sleeps", "made by the tests"

    def from_moments(self, m):
        time.sleep(60)


class Unsure(Index):
    """Ends the process where the environment says so."""

    name, source = "unsure", "made by the tests"

    @property
    def claims(self):
        return Claims(range=(float("-inf"), float("inf")))

    def from_moments(self, m):
        if os.environ.get("SIMBENCH_TEST_DIES"):
            os._exit(7)
        return m.ab.sum()


class Deadly:
    """A plugin with these indices."""

    @simbench.hookimpl
    def simbench_indices(self):
        return [Dies(), Exits(), Sleeps(), Unsure()]
