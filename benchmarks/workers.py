"""The default run on two local workers against one process, and what a unit costs beside its cases (target 15).

    python benchmarks/workers.py                     every network and layer, in a few minutes on two idle cores
    python benchmarks/workers.py --layers bn5,bn8    some layers, or other options of `simbench run` behind `--`

Both sides are whole processes with one thread of torch in each process, one after the other and then in the other
order, into new folders. Besides their wall time: until the first case, while cases are measured, and after the last
one (tables, figures, page); and seconds of CPU of the process of the run and of each worker, which other programs
lengthen less. The CSV files of both must be the same, byte for byte.

What a unit costs is measured with units of one case that takes next to nothing, through the driver, workers and store
of runs: wall time of each worker for a unit less that of its case.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil
from alternating import ratio
from command import answer, asked
from record import Figure

import simbench
from simbench.contracts import Need
from simbench.results.store import Record, Store
from simbench.runs.executors.opened import carrying, opened
from simbench.runs.job import prepare
from simbench.runs.progress import Silent
from simbench.runs.request import Request
from simbench.runs.units import measured, planned

WORKERS, REPEATS = 2, 2
EXECUTOR = f"local[workers={WORKERS}]"
#: Factor wanted, and milliseconds of a unit.
FACTOR, UNIT = 1.7, 10.0
PHASES = ("until the first case", "measuring", "after the last case")


@dataclass
class Side:
    """A run. phases: wall seconds. cpu: seconds of each process, the run's own first. passes: planned, of networks."""

    seconds: float = 0.0
    phases: tuple[float, ...] = ()
    cpu: dict[int, float] = field(default_factory=dict)
    passes: int = 0
    tables: dict[str, bytes] = field(default_factory=dict)

    @property
    def busy(self) -> list[float]:
        """CPU seconds of processes that took some."""
        return [seconds for seconds in self.cpu.values() if seconds > 0.5]


def run(options: list[str], executor: str, folder: str) -> Side:
    """A run in a new folder. Folders stay until all runs are through: file systems may make files several times slower
    where many were removed a few minutes ago."""
    side, lines = Side(), []
    more = ["--threads", "1", "--results", folder, *(["--executor", executor] if executor else [])]
    start = time.perf_counter()
    process = psutil.Popen(
        [sys.executable, "-m", "simbench.cli", "run", *options, *more],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )

    def read() -> None:
        with process.stderr as stream:
            lines.extend((time.perf_counter() - start, line) for line in stream)

    reader = threading.Thread(target=read)
    reader.start()
    while process.poll() is None:
        with suppress(psutil.Error):
            for each in (process, *process.children(recursive=True)):
                spent = each.cpu_times()
                side.cpu[each.pid] = spent.user + spent.system
        time.sleep(0.1)
    reader.join()
    side.seconds = time.perf_counter() - start
    if process.returncode:
        raise RuntimeError("".join(line for _, line in lines[-20:]))
    side.tables = {name: (Path(folder) / name).read_bytes() for name in ("measurements.csv", "leaderboard.csv")}
    begun = next(at for at, line in lines if line.startswith("measuring, cases"))
    ended = [at for at, line in lines if re.match(r"\[\d+/\d+\] .* cases? in ", line)][-1]
    side.phases = (begun, ended - begun, side.seconds - ended)
    return side


def passes(options: dict, workers: int) -> int:
    """Forward passes that are planned."""
    with tempfile.TemporaryDirectory() as folder:
        job = prepare(Request.of(results=Path(folder) / "none", **options), simbench.load())
        return sum(planned(job, workers)[1])


def compared(words: list[str], options: dict, repeats: int, wanted: float | None) -> Iterator[Figure]:
    """Both sides in turn."""
    sides: dict[str, list[Side]] = {"": [], EXECUTOR: []}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(repeats):
            for name in list(sides) if turn % 2 == 0 else list(sides)[::-1]:
                one = run(words, name, f"{folder}/{turn}-{len(name)}")
                sides[name].append(one)
                print(f"   {name or 'one process'}: {one.seconds:.1f} s, CPU {', '.join(f'{s:.1f}' for s in one.busy)}")
    if len({tuple(side.tables.items()) for some in sides.values() for side in some}) > 1:
        raise RuntimeError("the tables differ")
    where = " ".join(words)
    seconds = {name: [side.seconds for side in some] for name, some in sides.items()}
    yield _factor("a whole run on two workers", where, seconds, wanted)
    measuring = {name: [side.phases[1] for side in some] for name, some in sides.items()}
    yield _factor("measuring on two workers", where, measuring, None)
    for name, some in sides.items():
        who = name or "one process"
        for place, phase in enumerate(PHASES):
            yield Figure("15", f"{who}: {phase}", where, "", statistics.median(s.phases[place] for s in some), "s")
        total = statistics.median(sum(side.cpu.values()) for side in some)
        longest = statistics.median(max(side.cpu.values()) for side in some)
        yield Figure("15", f"{who}: CPU of all processes", where, "", total, "s", note=f"of one at most {longest:.1f}")
        count = passes(options, WORKERS if name else 1)
        yield Figure("15", f"{who}: forward passes, planned", where, "", float(count), "")


def _factor(what: str, where: str, seconds: dict[str, list[float]], wanted: float | None) -> Figure:
    value, low, high = ratio(seconds, EXECUTOR, "")
    two, one = (statistics.median(seconds[name]) for name in (EXECUTOR, ""))
    return Figure(
        *("15", what, where, "one process", value, "x", low, high, wanted),
        seconds=two,
        against_seconds=one,
        repeats=len(seconds[""]),
    )


def unit_costs(spec: str, networks: int, wanted: float | None) -> Iterator[Figure]:
    """Milliseconds of a worker for a unit beside its case, and of CPU of the driver."""
    registry = simbench.load()
    with tempfile.TemporaryDirectory() as folder:
        request = Request.of(
            models="tiny10", experiments="matching", seeds=networks, layers="bn8", indices="depth,random",
            pairs="all", max_samples=16, threads=1, results=Path(folder) / "results",
        )  # fmt: skip
        job = prepare(request, registry)
        store = Store(request.results)
        with (
            opened(registry.get("executors", spec), lambda: Need(job.pending, 1)) as workers,
            carrying(workers, Silent(), request) as courier,
        ):
            cases = [(unit, case) for unit in planned(job, WORKERS)[0] for case in unit.cases if case.kind == "index"]
            units = [replace(unit, cases=(case,)) for unit, case in cases]
            first, count, spent, start, cpu, all_cpu = len(units) // 4, 0, 0.0, 0.0, 0.0, 0.0
            for result in measured(job, units, Silent(), courier):
                method = {"name": result.case.method.name}
                store.put(Record(result.case.key, result.case.identity, {}, method, result.rows, 0.0, "run", ""))
                count += 1
                spent += result.seconds if count > first else 0.0
                if count == first:  # what workers load is there
                    start, cpu, all_cpu = time.perf_counter(), time.process_time(), _all_cpu()
            seconds, cpu, all_cpu = time.perf_counter() - start, time.process_time() - cpu, _all_cpu() - all_cpu
    rest = count - first
    each = 1000 * (WORKERS * seconds - spent) / rest
    where = f"{spec}, {rest} units of a case"
    yield Figure("15", "a unit, beside its cases", where, "", each, "ms", wanted=wanted, smaller=True)
    yield Figure("15", "a unit, CPU of the driver", where, "", 1000 * cpu / rest, "ms")
    yield Figure("15", "a unit with its case, CPU of all processes", where, "", 1000 * all_cpu / rest, "ms")


def _all_cpu() -> float:
    """Seconds of CPU of this process and of those that it has started and that live."""
    total = 0.0
    for each in (psutil.Process(), *psutil.Process().children(recursive=True)):
        with suppress(psutil.Error):
            spent = each.cpu_times()
            total += spent.user + spent.system
    return total


def main() -> None:
    def more(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--layers", help="of tiny10  [default: those of the default run]")
        parser.add_argument("--seeds", type=int, help="networks  [default: those of the default run]")
        parser.add_argument("--repeats", type=int, default=REPEATS)
        parser.add_argument("--units", action="store_true", help="measure units alone")

    given = asked(__doc__.splitlines()[0], more=more)
    asked_for = {"seeds": given.seeds, "layers": given.layers}
    chosen = {"models": "tiny10"} | {name: value for name, value in asked_for.items() if value}
    if given.quick:
        chosen |= {
            "experiments": "matching",
            "seeds": 2,
            "layers": "bn8",
            "max_samples": 64,
            "indices": "cka",
            "stitchers": "identity",
        }
    words = [word for name, value in chosen.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    whole = len(chosen) == 1

    def figures() -> Iterator[Figure]:
        for spec in (EXECUTOR,) if given.quick else (EXECUTOR, f"dask[workers={WORKERS}]"):
            yield from unit_costs(spec, 4 if given.quick else 20, UNIT)
        if not given.units:
            repeats = 1 if given.quick else given.repeats
            yield from compared(words, chosen, repeats, FACTOR if whole or given.quick else None)

    answer("workers", figures(), given.out)


if __name__ == "__main__":
    main()
