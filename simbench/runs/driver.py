"""The driver: trains missing networks, measures the cases that are not on record, and records them."""

from __future__ import annotations

import os
import time
from collections import ChainMap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from simbench.contracts import Need, Row
from simbench.contracts.case import Case
from simbench.registry import Registry
from simbench.results.current import Current
from simbench.results.described import undescribed
from simbench.results.store import Record, Store
from simbench.results.tables import describe
from simbench.runs.cases import Cases
from simbench.runs.executors.opened import carrying, opened
from simbench.runs.job import Job
from simbench.runs.joints import Joints
from simbench.runs.planning.needs import divided, needed
from simbench.runs.progress import Progress
from simbench.runs.recipes import recipes
from simbench.runs.request import Request
from simbench.runs.training import trained
from simbench.runs.units import measured, planned
from simbench.system.provenance import canonical, commit, digest, machine, versions
from simbench.system.raised import told, trace
from simbench.system.surroundings import of_plugin

if TYPE_CHECKING:
    from simbench.measuring.measure import Measured


@dataclass(frozen=True)
class Recorded:
    """The records of a run.

    cases: number of selected cases. trained: number of networks trained. measured: number of cases measured. name:
    name of the run, "" if it measured nothing. rows: (name of the case, row) of every selected case. records: those
    that were measured, by key. selected: keys of the selected cases. store: where they are.
    """

    cases: int
    trained: int
    measured: int
    seconds: float
    name: str
    rows: tuple[tuple[str, Row], ...]
    records: dict[str, Record]
    selected: frozenset[str]
    store: Store
    lost: tuple[str, ...] = ()


def run(
    job: Job,
    registry: Registry,
    progress: Progress,
    command: str = "",
    executor: object = None,
    need: Need | None = None,
) -> Recorded:
    """Train, measure and record what the job lacks. After an interruption, the same job resumes where it stopped.

    command: command line that repeats the run, for runs.csv. executor: an executor or a pool of `concurrent.futures`,
    which measures the cases; by default, this process. need: what the job asks of it, where that is known already.
    """
    start, request = time.perf_counter(), job.resolved.request
    store, name, count, joints = Store(request.results), "", 0, Joints()
    described: dict[str, dict] = {}
    untrained = job.untrained
    try:
        with (
            opened(executor if job.pending else None, lambda: need or needed(job)) as workers,
            carrying(workers, progress, request) as courier,
        ):
            job = trained(job, progress, courier)
            records: dict[str, Record] = {}
            current = Current(store)

            def recorded(case: Case) -> bool:
                """Whether another run has recorded the case meanwhile."""
                record = None if request.force else current.get(case.key)
                if record is None or record.failed:
                    return False
                records[case.key] = record
                return True

            number = courier.number if courier else 1
            if workers is not None and workers.beside:
                job = replace(job, resolved=replace(job.resolved, memory=divided(job.resolved.memory, number)))
            found, passes = planned(job, number)
            work = list(found)
            if job.pending:
                name, description = _describe(request, command)
                description["trained"] = recipes(job)
                description |= {"seconds": None, "measured": 0}
                store.put_run(name, description)
                if courier:
                    progress.say(f"{len(work)} units on {number} workers, forward passes: {sum(passes)}")
                progress.begin(f"measuring, cases: {job.pending}, pairs at layers", len(work))
            for result in measured(job, work, progress, courier, recorded):
                record = _record(result, registry, name, described)
                records[record.key] = store.put(record, result.arrays)
                count += 1
                joints.add(result.joint)
                if joints.due:
                    store.put_run(name, description | joints.field())
    finally:
        progress.end()
        if joints.unwritten:  # also of a run that is interrupted
            store.put_run(name, description | joints.field())
    if count:
        took = {"seconds": round(time.perf_counter() - start, 3), "measured": count}
        store.put_run(name, description | joints.field() | took)
    return Recorded(
        job.cases,
        untrained - len(job.lost),
        count,
        time.perf_counter() - start,
        name if count else "",
        tuple(_rows(job, ChainMap(records, job.contents.records))),
        records,
        frozenset(key for part in job.parts for key in Cases.of(part.cases).hashes()),
        store,
        job.lost,
    )


def _rows(job: Job, records: ChainMap[str, Record]) -> Iterator[tuple[str, Row]]:
    """The rows of the selected cases, with the names of these. Records are read once, in their own order."""
    keys = {key for part in job.parts for key in Cases.of(part.cases).hashes()}
    rows = {key: record.rows for source in reversed(records.maps) for key, record in source.items() if key in keys}
    specs: dict[int, str] = {}  # of methods, by identity: the job holds them
    for case in chain.from_iterable(part.cases for part in job.parts):
        if id(case.method) not in specs and case.method:
            specs[id(case.method)] = case.method.spec
        name = case.named(specs.get(id(case.method), case.kind))
        yield from ((name, row) for row in rows[case.key])


def _record(result: Measured, registry: Registry, run_name: str, described: dict[str, dict]) -> Record:
    """described: rows of methods.csv so far, by the kind and identity of the method."""
    from simbench.measuring.measure import failed

    case, method, rows, text = result.case, {}, result.rows, result.error
    if case.method:
        same = canonical([case.method.kind, case.identity["method"]])
        owner = registry.owner(case.method)
        try:
            method = described.get(same) or of_plugin(describe)(case, owner.package, owner.package_version)
            described[same] = method
        except Exception as error:  # what could be read before the run
            method = undescribed(case, owner.package, owner.package_version)
            rows, text = (failed(case, f"its declarations cannot be read any more: {told(error)}"),), trace(error)
    return Record(
        case.key, case.identity, case.labels | {"samples": result.samples}, method, rows, result.seconds, run_name, text
    )


def _describe(request: Request, command: str) -> tuple[str, dict]:
    import torch

    now = datetime.now(UTC)
    name = f"{now:%Y%m%dT%H%M%S.%f}-{digest([os.getpid(), time.time_ns()])[:4]}"
    return name, {
        "command": command,
        "started": f"{now:%Y-%m-%d %H:%M:%S} UTC",
        "device": request.device,
        "threads": torch.get_num_threads(),
        "commit": commit(Path(__file__).parent),
        "machine": machine(),
        "versions": versions(),
    }
