"""A request of a few cases, its run, and the table that it leaves."""

from __future__ import annotations

from simbench.results import tables
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
    """Measure, and write nothing but records: other tables take half the time of such a run."""
    progress = Silent()
    outcome = run(prepare(request, registry), registry, progress, "a command", executor)
    return outcome, progress.said


def table(request) -> bytes:
    """measurements.csv of what is on record."""
    file = request.results / "measurements.csv"
    tables.write(tables.measurements(Store(request.results).read().records), file)
    return file.read_bytes()


def measurements(request):
    """The same as a data frame."""
    table(request)
    return tables.read(request.results / "measurements.csv")
