"""A request of a few cases, its run, and the table that it leaves."""

from __future__ import annotations

from simbench.results import folder as publish
from simbench.results.store import Store
from simbench.runs.driver import run
from simbench.runs.job import prepare
from simbench.runs.request import Request

SMALL = Request(
    models=("net",),
    datasets=("blobs",),
    seeds="2",
    experiments=("matching",),
    indices=("cka,r2_lr",),
    stitchers=("identity,least_squares",),
)


class Silent:
    """Progress that remembers what was said."""

    def __init__(self):
        self.said = []

    def begin(self, what, total):
        self.said.append(f"{what} {total}")

    def advance(self, done, what):
        self.said.append(what)

    def say(self, line):
        self.said.append(line)

    def end(self):
        pass


def go(request, registry, executor=None):
    progress = Silent()
    outcome = run(prepare(request, registry), registry, progress, "a command", executor)
    publish.publish(Store(request.results).read(), request.results)
    return outcome, progress.said


def table(request) -> bytes:
    return (request.results / "measurements.csv").read_bytes()
