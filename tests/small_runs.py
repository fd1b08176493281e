"""A whole run in this process, from a request to tables and figures."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

import simbench
from simbench.results import folder as publish
from simbench.results.store import Store
from simbench.runs.driver import Outcome, prepare, run
from simbench.runs.progress import Progress
from simbench.runs.request import Request


class Silent(Progress):
    """Progress that says nothing."""

    def begin(self, what: str, total: int) -> None: ...
    def advance(self, done: int, what: str) -> None: ...
    def say(self, line: str) -> None: ...
    def end(self) -> None: ...


def go(request: Request, registry: simbench.Registry) -> tuple[Outcome, pd.DataFrame, list[Path]]:
    """What was done, measurements.csv and the figures that were drawn."""
    job = prepare(request, registry)
    outcome = run(job, registry, Silent())
    contents = Store(request.results).read()
    publish.publish(contents, request.results)
    figures, problems = publish.draw(contents, request.results, job.resolved.experiments)
    assert not problems, problems
    return outcome, publish.read(request.results, "measurements.csv"), figures
