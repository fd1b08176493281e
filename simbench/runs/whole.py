"""A whole run: prepare, train, measure, tabulate and draw, for the command line and for `simbench.run`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from simbench.errors import InputError
from simbench.runs.progress import Progress, Silent, shown
from simbench.runs.request import Request
from simbench.system.interrupts import watched
from simbench.system.stopwatch import START, stage

if TYPE_CHECKING:
    from simbench.registry import Registry
    from simbench.results.store import Store
    from simbench.runs.job import Job
    from simbench.runs.outcome import Outcome


def run(
    request: Request | None = None,
    /,
    *,
    registry: Registry | None = None,
    progress: str | Progress | None = None,
    executor: object = None,
    command: str = "",
    dry_run: bool = False,
    **options,
) -> Outcome:
    """Train networks, measure every case that is not on record, and write tables and figures: `simbench run` in Python.

    request, options: what to measure; the options are the fields of `Request`, as in `run(seeds=2, layers="bn8")`, and
        override those of the request.
    registry: the plugins, by default all that are installed. Plugin objects among the options need not be installed.
    progress: nothing is shown by default; "bar", "lines", or an object with the methods of `Progress`.
    executor: trains and measures: a name as typed ("local[workers=2]"), an `Executor`, or a pool of
        `concurrent.futures`; by default, this process. command: command line that repeats the run, for runs.csv.
    dry_run: report what would be done; train, measure and write nothing. `outcome.plan` tells what it would take.

    Returns the tables of the results folder as data frames, with counts and problems. Failed rows are listed in
    `outcome.problems` and raise nothing. Raises InputError, before anything is trained or written, for options that
    cannot be used. After an interruption, the same call resumes where it stopped.

    >>> import simbench
    >>> simbench.run(seeds=2, layers="bn8", experiments="matching", indices="cka", stitchers="identity", dry_run=True)
    <Outcome: measured 0 of 6 cases; rows: none; results in simbench-results>
    """
    with stage(START):
        from simbench.contracts import Executor
        from simbench.registry import load
        from simbench.results import folder  # noqa: F401 (here, so that its imports count as start-up)
        from simbench.runs.chosen import including
        from simbench.runs.declared import board_columns
        from simbench.runs.job import prepare
        from simbench.runs.outcome import designs, planned
        from simbench.runs.planning.forecast import lines
        from simbench.runs.planning.needs import needed

        request = Request.of(**options) if request is None else replace(request, **options)
        notes = []
        if registry is None:
            registry = load()
            notes = [f"plugin {broken.name!r} could not be loaded: {broken.reason}" for broken in registry.broken]
        registry = including(registry, request)
        if isinstance(executor, str):
            executor = registry.get("executors", executor)
        declared = board_columns(registry)
    progress = shown(progress)
    job = prepare(request, registry, elsewhere=isinstance(executor, Executor) and executor.elsewhere)
    _announce(job, registry, progress)
    if dry_run:
        for line in designs(job):
            progress.say(line)
        outcome = planned(job, declared)
        if not isinstance(progress, Silent) and outcome.known:
            for line in lines(outcome.known):
                progress.say(line)
        return outcome
    need = None
    if job.pending:
        if isinstance(executor, Executor):
            need = needed(job)
            executor.ahead(need)
        with stage(START):
            import simbench.measuring.measure  # noqa: F401 (imports torch here rather than in the first stage that needs it)
    with watched(), _threads(request.threads if job.pending else None):
        return _finished(job, registry, progress, command, executor, need, declared, notes)


def _finished(
    job: Job, registry: Registry, progress: Progress, command: str, executor, need, declared, notes
) -> Outcome:
    """Measure, tabulate and draw."""
    from simbench.results import folder as publish
    from simbench.results import text
    from simbench.runs.driver import run
    from simbench.runs.outcome import Outcome
    from simbench.system.raised import told

    recorded = run(job, registry, progress, command, executor, need)
    folder, experiments = job.resolved.request.results, job.resolved.experiments
    store = recorded.store
    contents = store.read() if recorded.measured else job.contents
    untabulated, left_out = {}, 0
    try:
        left_out = publish.publish(contents, folder, preferred=recorded.selected, declared=declared, store=store)
    except (InputError, OSError):
        raise
    except Exception as error:
        untabulated["tables"] = told(error)
    figures, undrawn = publish.draw(contents, folder, experiments, preferred=recorded.selected, store=store)
    tables = {Path(name).stem: publish.read_or_empty(folder, name, declared) for name in (*publish.FILES, publish.CUTS)}
    summaries = {}
    for each in experiments:
        try:
            summaries[each.spec] = text.summarised(each, tables["measurements"])
        except Exception as error:
            untabulated[f"summary of {each.spec}"] = told(error)
    unpacked = _packed(store) if recorded.measured else ()
    limits = text.warnings(tables["correlations"], tables["methods"])
    return Outcome(
        folder=folder,
        cases=recorded.cases,
        pending=job.pending,
        untrained=job.untrained,
        declared=declared,
        corrupt=job.contents.corrupt,
        trained=recorded.trained,
        measured=recorded.measured,
        seconds=recorded.seconds,
        run=recorded.name,
        rows=recorded.rows,
        summaries={spec: frame for spec, frame in summaries.items() if frame is not None},
        figures=tuple(figures),
        undrawn=undrawn,
        untabulated=untabulated,
        lost=recorded.lost,
        warnings=(*notes, *job.notes, *limits, *text.left_out(left_out), *unpacked),
        **tables,
    )


def _packed(store: Store) -> tuple[str, ...]:
    """Pack many records. A line where that was not possible: they stay as they are."""
    from simbench.results.segments.packing import pack_many

    try:
        pack_many(store)
    except (InputError, OSError) as error:
        return (f"records were not packed: {error}",)
    return ()


def _announce(job: Job, registry: Registry, progress: Progress) -> None:
    """Report corrupt files, models that are not paired, and the number of cases."""
    from simbench.runs.outcome import apart, count

    for path, fault in job.contents.faults.items():
        progress.say(f"simbench: {path} is {fault}: ignored, and measured again when its case is selected")
    for note in job.notes:
        progress.say(f"simbench: {note}")
    plan = f"{count(job.cases, 'case')}: {job.cases - job.pending} on record, {job.pending} to measure"
    for line in apart(job, registry):
        progress.say(line)
    progress.say(plan + (f", after training {count(job.untrained, 'network')}" if job.untrained else ""))


@contextmanager
def _threads(number: int | None) -> Iterator[None]:
    """Set the number of threads of torch in the context; None imports and changes nothing."""
    if number is None:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)
