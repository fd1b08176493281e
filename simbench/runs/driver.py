"""The driver: trains what is missing, measures what is not on record, and writes the tables."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from simbench.contracts import Row
from simbench.contracts.case import Case
from simbench.contracts.selection import Network, Selection, Setting
from simbench.errors import InputError
from simbench.networks import weights
from simbench.registry import Registry
from simbench.results.store import Contents, Record, Store, unwritable
from simbench.results.tables import describe
from simbench.runs.executors.inprocess import InProcess
from simbench.runs.plan import UNTRAINED, Part, cases_of, look, plan, train
from simbench.runs.progress import Progress
from simbench.runs.request import Request, Resolved, resolve
from simbench.system.cache import cache_folder
from simbench.system.provenance import commit, digest, machine, versions
from simbench.system.surroundings import of_plugin

if TYPE_CHECKING:
    from simbench.measuring.bench import Workbench
    from simbench.measuring.measure import Measured


@dataclass(frozen=True)
class Job:
    """A request looked at whole, before anything runs.

    untrained: networks to train. pending: cases to measure (all that an untrained network is part of among
    them). finished: cases on record. corrupt: files of the results folder that cannot be trusted.
    """

    resolved: Resolved
    parts: tuple[Part, ...]
    contents: Contents

    @property
    def untrained(self) -> int:
        return len({_training(network, part.selection.setting) for part in self.parts for network in part.untrained})

    @property
    def cases(self) -> int:
        return sum(len(part.cases) for part in self.parts)

    @property
    def pending(self) -> int:
        return sum(len(self.open(part)) for part in self.parts)

    def open(self, part: Part) -> list[Case]:
        """Cases of a part without a finished record."""
        if self.resolved.request.force:
            return list(part.cases)
        return [
            case
            for case in part.cases
            if UNTRAINED in (case.a.weights, case.b.weights)
            or (found := self.contents.records.get(case.key)) is None
            or found.failed
        ]


@dataclass(frozen=True)
class Outcome:
    """What a run did. rows: of every selected case, new and old, with the case's name. records: of the results
    folder, by key. selected: keys of the selected cases."""

    cases: int
    trained: int
    measured: int
    seconds: float
    rows: tuple[tuple[str, Row], ...]
    records: dict[str, Record]
    selected: frozenset[str]


@of_plugin
def prepare(request: Request, registry: Registry) -> Job:
    """Look at everything a run needs. Raises InputError for what cannot be had; writes no result."""
    resolved = resolve(request, registry)
    store = Store(request.results)
    store.check_writable()
    job = Job(resolved, plan(resolved), store.read())
    _check_device(request.device)
    reason = job.untrained and unwritable(cache_folder("weights"))
    if reason:
        raise InputError(f"the cache folder {cache_folder()} is not writable ({reason}); set SIMBENCH_CACHE to another")
    look(resolved, job.pending)
    for part in job.parts:
        if request.weights and job.open(part):
            for network in part.selection.networks:
                weights.load(network, part.selection.setting.dataset)
    return job


def run(
    job: Job, registry: Registry, progress: Progress, command: str = "", executor: Executor | None = None
) -> Outcome:
    """Train, measure and record what the job lacks. Killed at any moment, the same job goes on from there."""
    start, request = time.perf_counter(), job.resolved.request
    store, name, measured = Store(request.results), "", 0
    trained = job.untrained
    try:
        job = _train(job, progress)
        records = dict(job.contents.records)
        if job.pending:
            name, told = _describe_run(request, command)
            store.put_run(name, told | {"seconds": None, "measured": 0})
            progress.begin(f"measuring, cases: {job.pending}, pairs at layers", len(list(_units(job))))
        for found in _measured(job, executor or InProcess(), progress):
            record = _record(found, registry, name)
            records[record.key] = store.put(record, found.arrays)
            measured += 1
    finally:
        progress.end()
    if measured:
        store.put_run(name, told | {"seconds": round(time.perf_counter() - start, 3), "measured": measured})
    selected = [case for part in job.parts for case in part.cases]
    return Outcome(
        len(selected),
        trained,
        measured,
        time.perf_counter() - start,
        tuple((case.name, row) for case in selected for row in records[case.key].rows),
        records,
        frozenset(case.key for case in selected),
    )


def _train(job: Job, progress: Progress) -> Job:
    """The job with every network trained and its cases planned anew."""
    if not job.untrained:
        return job
    progress.begin("training networks", job.untrained)
    made: dict[tuple, Network] = {}
    parts = []
    for part in job.parts:
        setting, networks = part.selection.setting, []
        for network in part.selection.networks:
            if network.weights == UNTRAINED:
                key = _training(network, setting)
                if key not in made:
                    made[key] = train(network, setting, job.resolved.request.device)
                    progress.advance(1, f"trained {network.name} on {network.home(setting).label}")
                network = replace(network, weights=made[key].weights, file=made[key].file)
            networks.append(network)
        wishes = tuple(
            (experiment, replace(selection, networks=tuple(networks))) for experiment, selection in part.wishes
        )
        parts.append(Part(wishes, cases_of(wishes)))
    return replace(job, parts=tuple(parts))


def _training(network: Network, setting: Setting) -> tuple:
    """Networks that agree in this are one."""
    return network.model.spec, network.home(setting).label, network.seed.partition("@")[0]


@dataclass(frozen=True)
class Unit:
    """Cases that share forward passes: what is submitted to an executor. Plain data."""

    selection: Selection
    device: str
    memory: int
    cases: tuple[Case, ...]


def measure_unit(unit: Unit) -> list[Measured]:
    """Measure the cases of a unit in the context this process keeps for its selection."""
    from simbench.measuring.measure import measure

    bench = _bench(unit.selection, unit.device, unit.memory)
    return [measure(case, bench) for case in unit.cases]


@lru_cache(maxsize=1)
def _bench(selection: Selection, device: str, memory: int) -> Workbench:
    from simbench.measuring.bench import Workbench

    return Workbench(selection, device, memory)


def _measured(job: Job, executor: Executor, progress: Progress) -> Iterator[Measured]:
    """Every open case, measured, unit by unit as they finish; a few more units than workers are in flight."""
    window = 2 * getattr(executor, "_max_workers", 1)
    flying: dict[Future, Unit] = {}
    try:
        for unit in _units(job):
            flying[executor.submit(measure_unit, unit)] = unit
            done = {future for future in flying if future.done()}
            if not done and len(flying) >= window:
                done = wait(flying, return_when=FIRST_COMPLETED).done
            yield from _collected(done, flying, progress)
        while flying:
            yield from _collected(wait(flying, return_when=FIRST_COMPLETED).done, flying, progress)
    finally:
        for future in flying:
            future.cancel()
        _bench.cache_clear()


def _collected(done: Iterable[Future], flying: dict[Future, Unit], progress: Progress) -> Iterator[Measured]:
    for future in list(done):
        unit = flying.pop(future)
        error = future.exception()
        found = _lost(unit, error) if error else future.result()
        for one in found:
            for row in one.rows:
                if row.status == "failed":
                    progress.say(f"failed: {one.case.name}: {row.note}")
        first = unit.cases[0]
        where = f"{first.a.name} -> {first.b.name} {first.layer_a}" if first.layer_a else first.a.name
        yield from found
        count = f"{len(found)} case{'s' if len(found) > 1 else ''}"
        progress.advance(1, f"{where}: {count} in {sum(one.seconds for one in found):.1f} s")


def _lost(unit: Unit, error: BaseException) -> list[Measured]:
    """Rows for cases whose worker died."""
    from simbench.measuring.measure import Measured

    row = Row("", None, status="failed", note=f"the worker was lost: {type(error).__name__}: {error}")
    trace = "".join(traceback.format_exception(error))
    return [Measured(case, (row,), 0, 0.0, trace) for case in unit.cases]


def _units(job: Job) -> Iterator[Unit]:
    for part in job.parts:
        for _, cases in groupby(job.open(part), key=lambda case: case.group):
            yield Unit(part.selection, job.resolved.request.device, job.resolved.memory, tuple(cases))


def _record(found: Measured, registry: Registry, run_name: str) -> Record:
    case = found.case
    owner = registry.owner(case.method) if case.method else None
    method = of_plugin(describe)(case, owner.package, owner.package_version) if owner else {}
    return Record(
        case.key,
        case.identity,
        case.labels | {"samples": found.samples},
        method,
        found.rows,
        found.seconds,
        run_name,
        found.error,
    )


def _describe_run(request: Request, command: str) -> tuple[str, dict]:
    import torch

    now = datetime.now(UTC)
    name = f"{now:%Y%m%dT%H%M%S}-{digest([os.getpid(), time.time_ns()])[:4]}"
    return name, {
        "command": command,
        "started": f"{now:%Y-%m-%d %H:%M:%S} UTC",
        "device": request.device,
        "threads": torch.get_num_threads(),
        "commit": commit(Path(__file__).parent),
        "machine": machine(),
        "versions": versions(),
    }


def _check_device(name: str) -> None:
    """Raise InputError unless the device is here. Imports torch for CUDA only."""
    if name == "cpu":
        return
    import torch

    here = [
        "cpu",
        *(["cuda"] if torch.cuda.is_available() else []),
        *(f"cuda:{number}" for number in range(torch.cuda.device_count())),
    ]
    if name not in here:
        raise InputError(
            f"--device is {name!r}; allowed here: {', '.join(here)}"
            + ("" if len(here) > 1 else " (torch finds no CUDA device)")
        )
