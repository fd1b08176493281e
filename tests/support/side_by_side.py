"""A run in a process of its own, for tests of several in one folder: RESULTS [stop].

It waits for the file `go` in the folder above. With `stop`, it stops itself in the middle of its tenth case.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from small_plugins import SmallPlugins
from small_requests import SMALL

import simbench
from simbench import Claims, Index


class Stops(Index):
    """Stops the process that it is told to stop, the first time."""

    name, source = "stops", "made by the tests"
    claims = Claims(range=(float("-inf"), float("inf")))
    told = False

    def from_moments(self, m):
        if type(self).told:
            type(self).told = False
            os.kill(os.getpid(), signal.SIGSTOP)
        return m.ab.sum()


class Spoken:
    """Progress that says everything at once, and begins to measure when it may."""

    def begin(self, what, total):
        self.say(f"{what} {total}")
        while what.startswith("measuring") and not (Path(sys.argv[1]).parent / "go").exists():
            time.sleep(0.01)

    def advance(self, done, what):
        self.say(what)

    def say(self, line):
        print(line, flush=True)

    def end(self):
        pass


if __name__ == "__main__":
    Stops.told = "stop" in sys.argv
    simbench.run(
        SMALL,
        registry=simbench.load([SmallPlugins(), Stops()]),
        progress=Spoken(),
        indices="cka,stops,r2_lr",
        results=sys.argv[1],
    )
