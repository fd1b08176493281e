"""Units of work: cases that share forward passes, measured here, in a process of their own, or on an executor."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from simbench.contracts import Row
from simbench.contracts.case import Case
from simbench.contracts.selection import Selection
from simbench.runs.executors.apart import CRASHED, Apart
from simbench.runs.job import Job
from simbench.runs.planning.costs import Costs
from simbench.runs.planning.pieces import units_of
from simbench.runs.planning.tiles import tiles
from simbench.runs.progress import Progress
from simbench.runs.unit import Unit
from simbench.system import interrupts
from simbench.system.provenance import canonical
from simbench.system.raised import told, trace
from simbench.system.started import Started

if TYPE_CHECKING:
    from simbench.measuring.bench import Workbench
    from simbench.measuring.measure import Measured


def measure_unit(unit: Unit) -> list[Measured]:
    """Measure the cases of a unit on the bench that this process caches for its selection."""
    from simbench.measuring.measure import measure

    try:
        bench = _bench(unit.selection, unit.device, unit.memory)
    except Exception as error:  # of a data set, say
        return _lost(unit, error, "the data cannot be used")
    return [measure(case, bench) for case in unit.cases]


@lru_cache(maxsize=1)
def _bench(selection: Selection, device: str, memory: int) -> Workbench:
    from simbench.measuring.bench import Workbench

    return Workbench(selection, device, memory)


def measured(job: Job, progress: Progress, executor: Executor | None = None) -> Iterator[Measured]:
    """Results of every open case. executor: measures whole units, at most two per worker at a time; results come in the
    order in which units finish. Without one, cases are measured one after the other."""
    return _on(executor, job, progress) if executor else _here(job, progress)


def _here(job: Job, progress: Progress) -> Iterator[Measured]:
    """Cases in this process, each marked as started while it is measured. In a process of their own: all where there is
    a timeout, and those that may kill the process. These are cases that a process died of, and all of the same method,
    once one is on record as crashed."""
    request = job.resolved.request
    started, apart = Started(request.results), Apart(request.timeout)
    left = started.left()
    deadly = {_culprit(record.identity) for record in job.contents.failed() if _died(record.rows)}

    def result_of(unit: Unit, case: Case) -> Measured:
        interrupts.check()
        if request.timeout is not None or case.key in left or _culprit(case.identity) in deadly:
            return apart.measure(unit, case)
        started.begin(case.key)
        (result,) = measure_unit(replace(unit, cases=(case,)))
        started.end()
        return result

    try:
        for unit in units(job):
            results = []
            for case in unit.cases:
                result = result_of(unit, case)
                if _died(result.rows):
                    deadly.add(_culprit(case.identity))
                _say_failed(result, progress)
                yield result
                results.append(result)
                if case.key in left:  # it is on record now
                    left.pop(case.key).unlink(missing_ok=True)
            _advance(unit, results, progress)
    finally:
        started.close()
        apart.close()
        _bench.cache_clear()


def _culprit(identity: dict) -> str:
    """What a process that died of a case probably died of: the method of the case, or else its experiment."""
    return canonical(identity.get("method") or identity.get("experiment"))


def _died(rows: Iterable[Row]) -> bool:
    return any(row.status == "failed" and row.note.startswith(CRASHED) for row in rows)


def _on(executor: Executor, job: Job, progress: Progress) -> Iterator[Measured]:
    """Units on an executor."""
    window = 2 * getattr(executor, "_max_workers", 1)
    submitted: dict[Future, Unit] = {}
    try:
        for unit in units(job):
            submitted[executor.submit(measure_unit, unit)] = unit
            done = {future for future in submitted if future.done()}
            if not done and len(submitted) >= window:
                done = wait(submitted, return_when=FIRST_COMPLETED).done
            yield from _collected(done, submitted, progress)
        while submitted:
            yield from _collected(wait(submitted, return_when=FIRST_COMPLETED).done, submitted, progress)
    finally:
        for future in submitted:
            future.cancel()
        _bench.cache_clear()


def _collected(done: Iterable[Future], submitted: dict[Future, Unit], progress: Progress) -> Iterator[Measured]:
    for future in list(done):
        unit = submitted.pop(future)
        error = future.exception()
        results = _lost(unit, error) if error else future.result()
        for result in results:
            _say_failed(result, progress)
        yield from results
        _advance(unit, results, progress)


def _say_failed(result: Measured, progress: Progress) -> None:
    for row in result.rows:
        if row.status == "failed":
            progress.say(f"failed: {result.case.name}: {row.note}")


def _advance(unit: Unit, results: list[Measured], progress: Progress) -> None:
    first = unit.cases[0]
    pairs = {(case.a, case.b) for case in unit.cases}
    who = f"{first.a.name} -> {first.b.name}" if len(pairs) == 1 else f"{first.method.spec} on {len(pairs)} pairs"
    where = f"{who} {first.place}" if first.place else first.a.name
    count = f"{len(results)} case{'s' if len(results) > 1 else ''}"
    progress.advance(1, f"{where}: {count} in {sum(result.seconds for result in results):.1f} s")


def _lost(unit: Unit, error: BaseException, reason: str = "the worker was lost") -> list[Measured]:
    """Failed rows for the cases of a unit whose worker died, or that cannot be begun."""
    from simbench.measuring.measure import Measured, failed

    note = f"{reason}: {told(error)}"
    return [Measured(case, (failed(case, note),), 0, 0.0, trace(error)) for case in unit.cases]


def units(job: Job, workers: int = 1) -> Iterator[Unit]:
    """The open cases of a job as units. For one worker, layer by layer: by pair, and by index where it prepares a state
    of each side. For several, of `workers` tiles in turn (`simbench.runs.planning.tiles`)."""
    costs = Costs(job) if workers > 1 else None

    def cost(case: Case) -> float:
        return costs(case).each if costs else 0.0

    waiting = deque(units_of(tile, job, workers, cost) for tile in tiles(job, workers, cost))
    while waiting:
        found = next(waiting[0], None)
        if found is None:
            waiting.popleft()
        else:
            yield found
            waiting.rotate(-1 if workers > 1 else 0)
