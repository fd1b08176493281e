"""Units of work: cases that share forward passes, measured here, in a process of their own, or on workers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from simbench.contracts import Row
from simbench.contracts.case import Case
from simbench.runs.executors.apart import CRASHED, Apart
from simbench.runs.executors.courier import Courier
from simbench.runs.executors.remote import Remote
from simbench.runs.executors.task import forget, measure_unit
from simbench.runs.job import Job
from simbench.runs.planning.costs import Costs
from simbench.runs.planning.estimates import Estimates
from simbench.runs.planning.pieces import units_of
from simbench.runs.planning.sizes import extents
from simbench.runs.planning.tiles import tiles
from simbench.runs.progress import Progress
from simbench.runs.reporting import advance, say_failed
from simbench.runs.sharing import Sharing, sharing
from simbench.runs.unit import Unit
from simbench.system import interrupts
from simbench.system.batches import heard
from simbench.system.provenance import canonical
from simbench.system.started import Started

if TYPE_CHECKING:
    from simbench.measuring.measure import Measured


class Deadly:
    """Cases that may kill their process: those that a process died of, and all of the same method, once one is on
    record as crashed."""

    def __init__(self, job: Job) -> None:
        self._started = Started(job.resolved.request.results)
        self._left = self._started.left()
        self._culprits = {_culprit(record.identity) for record in job.contents.failed() if _died(record.rows)}

    def __call__(self, case: Case) -> bool:
        return case.key in self._left or _culprit(case.identity) in self._culprits

    def look(self) -> None:
        """Look again: another run may have died meanwhile."""
        self._left = self._started.left()

    def learn(self, result: Measured) -> None:
        """What a case gave, before it is put on record."""
        if _died(result.rows):
            self._culprits.add(_culprit(result.case.identity))

    def forget(self, case: Case) -> None:
        """The case is on record."""
        if case.key in self._left:
            self._left.pop(case.key).unlink(missing_ok=True)


def measured(
    job: Job,
    units: Sequence[Unit],
    progress: Progress,
    courier: Courier | None = None,
    recorded: Callable[[Case], bool] = lambda case: False,
) -> Iterator[Measured]:
    """Results of the units of a job. courier: has whole units measured on workers, and results come in the order in
    which units end; without one, cases are measured here one after the other. recorded: whether a case has come on
    record since the job was prepared."""
    deadly, request = Deadly(job), job.resolved.request
    with sharing(None if request.force else request.results, recorded, deadly.look) as shared:
        if courier is None:
            results = _here(job, units, progress, deadly, shared)
        else:
            results = Remote(courier, progress, deadly, shared).measured(units)
        for result in results:
            deadly.learn(result)
            yield result
            deadly.forget(result.case)


def _here(
    job: Job, units: Iterable[Unit], progress: Progress, deadly: Deadly, shared: Sharing[Unit]
) -> Iterator[Measured]:
    """Cases in this process, each marked as started while it is measured. In a process of their own: all where there is
    a timeout, and those that may kill the process."""
    request, at_work = job.resolved.request, getattr(progress, "at_work", None)  # of `runs.progress.Watching`
    started, apart = Started(request.results), Apart(request.timeout)

    def result_of(unit: Unit, case: Case) -> Measured:
        interrupts.check()
        if request.timeout is not None or deadly(case):
            return apart.measure(unit, case)
        started.begin(case.key)
        with heard(at_work and (lambda line: at_work({"": line}, None))):
            (result,) = measure_unit(replace(unit, cases=(case,)))
        started.end()
        return result

    def of(unit: Unit) -> Iterator[Measured]:
        claim, own, others = shared.claim(unit.cases)
        results = []
        for case in own:
            result = result_of(unit, case)
            say_failed(result, progress)
            yield result
            results.append(result)
        shared.end(claim)
        if others:
            shared.aside(replace(unit, cases=tuple(others)), len(others))
        else:
            advance(unit, results, progress)

    try:
        for unit in units:
            yield from of(unit)
        for some in shared.rounds(progress.say):
            for unit in some:
                yield from of(unit)
    finally:
        started.close()
        apart.close()
        forget()


def _culprit(identity: dict) -> str:
    """What a process that died of a case probably died of: the method of the case, or else its experiment."""
    return canonical(identity.get("method") or identity.get("experiment"))


def _died(rows: Iterable[Row]) -> bool:
    return any(row.status == "failed" and row.note.startswith(CRASHED) for row in rows)


def units(job: Job, workers: int = 1) -> Iterator[Unit]:
    """The open cases of a job as units. For one worker, layer by layer: by pair, and by index where it prepares a state
    of each side. For several, of about as many tiles (`simbench.runs.planning.tiles`)."""
    return planned(job, workers)[0]


def planned(job: Job, workers: int) -> tuple[Iterator[Unit], Iterator[int]]:
    """The same, and the forward passes of each tile."""
    estimates = None
    if workers > 1:
        estimates = Estimates(Costs(job), extents(chain(*map(job.open, job.parts))), job.resolved.memory)

    def cost(case: Case) -> float:
        return estimates.alone(case) if estimates else 0.0

    cut = tiles(job, workers, cost, estimates)
    of_tiles = (unit for tile in cut for unit in units_of(tile, job, workers, cost, estimates))
    return of_tiles, (tile.passes for tile in cut)
