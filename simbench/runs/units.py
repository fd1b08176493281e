"""Units of work: cases that share forward passes, measured on an executor."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING

from simbench.contracts import Row
from simbench.contracts.case import Case
from simbench.contracts.selection import Selection
from simbench.runs.grouping import grouped
from simbench.runs.job import Job
from simbench.runs.progress import Progress

if TYPE_CHECKING:
    from simbench.measuring.bench import Workbench
    from simbench.measuring.measure import Measured


@dataclass(frozen=True)
class Unit:
    """Cases that share forward passes, submitted to an executor together. Plain data."""

    selection: Selection
    device: str
    memory: int
    cases: tuple[Case, ...]


def measure_unit(unit: Unit) -> list[Measured]:
    """Measure the cases of a unit on the bench that this process caches for its selection."""
    from simbench.measuring.measure import measure

    bench = _bench(unit.selection, unit.device, unit.memory)
    return [measure(case, bench) for case in unit.cases]


@lru_cache(maxsize=1)
def _bench(selection: Selection, device: str, memory: int) -> Workbench:
    from simbench.measuring.bench import Workbench

    return Workbench(selection, device, memory)


def measured(job: Job, executor: Executor, progress: Progress) -> Iterator[Measured]:
    """Results of every open case, in the order in which units finish; at most two units per worker are in progress."""
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
            for row in result.rows:
                if row.status == "failed":
                    progress.say(f"failed: {result.case.name}: {row.note}")
        first = unit.cases[0]
        pairs = {(case.a, case.b) for case in unit.cases}
        who = f"{first.a.name} -> {first.b.name}" if len(pairs) == 1 else f"{first.method.spec} on {len(pairs)} pairs"
        where = f"{who} {first.place}" if first.place else first.a.name
        yield from results
        count = f"{len(results)} case{'s' if len(results) > 1 else ''}"
        progress.advance(1, f"{where}: {count} in {sum(result.seconds for result in results):.1f} s")


def _lost(unit: Unit, error: BaseException) -> list[Measured]:
    """Failed rows for the cases of a unit whose worker died."""
    from simbench.measuring.measure import Measured

    row = Row("", None, status="failed", note=f"the worker was lost: {type(error).__name__}: {error}")
    trace = "".join(traceback.format_exception(error))
    return [Measured(case, (row,), 0, 0.0, trace) for case in unit.cases]


def units(job: Job) -> Iterator[Unit]:
    """The open cases of a job, grouped: by pair, and at each layer by index where it prepares a state of each side."""

    def layers(case: Case) -> tuple:
        return case.setting.fingerprint, case.layer_a, case.layer_b

    for part in job.parts:
        for _, cases in groupby(job.open(part), key=layers):
            for group in grouped(list(cases)):
                yield Unit(part.selection, job.resolved.request.device, job.resolved.memory, tuple(group))
