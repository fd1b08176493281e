"""The costs that `simbench run --dry-run` falls back on, in seconds of CPU on one thread.

Every index and stitcher on the pairs of three networks at three layers, with all images of digits and with few: what
grows with the forward pass, and what does not. A few cases of each kind of other experiments, as far as their networks
need no training, with all images: all that they cost is taken to grow with the pass.

    OMP_NUM_THREADS=1 python benchmarks/costs.py --write     writes simbench/runs/planning/reference.csv

--indices, --stitchers and --experiments measure some alone; the rows of others stay. --quick measures at one layer.
--timings FILE... measures nothing, and adds the kinds that are missing from published timings of tiny10 on digits (of
the first file that has them), on one thread of an idle machine of the same kind: all that they cost is taken to grow
with the pass, too.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import torch

import simbench
from simbench.measuring.bench import Workbench
from simbench.measuring.measure import measure
from simbench.runs.job import Job, prepare
from simbench.runs.planning.calibration import machine_seconds, pass_seconds
from simbench.runs.planning.costs import MACHINE, PASS, REFERENCE, Key, Rate, rates
from simbench.runs.planning.costs import reference as costs
from simbench.runs.progress import Silent
from simbench.runs.request import Request
from simbench.runs.training import trained
from simbench.runs.units import units

COLUMNS = ("experiment", "kind", "method", "view", "each", "each_per_pass", "shared", "shared_per_pass")
#: Images of a split: all, and few.
ALL, SOME = 10_000, 240
#: Cases of a kind that are measured of other experiments.
EACH = 3


def job_of(**options) -> Job:
    request = Request.of(models="tiny10", seeds=3, results=Path(tempfile.mkdtemp()) / "none", **options)
    return prepare(request, simbench.load())


def timed(job: Job, most: int | None = None) -> dict[Key, Rate]:
    """Rates of the cases of a job, of at most so many of each kind."""
    seen: Counter[tuple[str, str, str]] = Counter()
    bench = None

    def each() -> Iterator[tuple[dict, float]]:
        nonlocal bench
        for unit in units(job):
            if bench is None or bench.selection is not unit.selection:
                bench = Workbench(unit.selection, memory=unit.memory)
            for case in unit.cases:
                key = case.kind, case.method.name if case.method else "", case.view
                seen[key] += 1
                if most is None or seen[key] <= most:
                    start = time.process_time()
                    found = measure(case, bench)
                    if all(row.status == "ok" for row in found.rows):
                        yield case.labels, time.process_time() - start

    return {key: rate for (key, _, _), rate in rates(each()).items()}


def reference(given: argparse.Namespace) -> Iterator[dict]:
    """The rows of the reference."""
    yield row(MACHINE, machine_seconds(time.process_time), 0.0, 0.0, 0.0)
    options = {name: getattr(given, name) for name in ("indices", "stitchers")}
    options |= {"experiments": "matching", "layers": "bn8" if given.quick else "bn2,bn5,bn8", "pairs": "all"}
    found, passes = [], []
    for images in (SOME, ALL):
        job = trained(job_of(max_samples=images, **options), Silent())
        network, setting = job.parts[0].selection.networks[0], job.parts[0].selection.setting
        passes.append(pass_seconds(network.model, network.home(setting), images, clock=time.process_time))
        found.append(timed(job))
    yield row(PASS, passes[1], 0.0, 0.0, 0.0)
    for key in sorted(found[0].keys() & found[1].keys()):
        few, many = found[0][key], found[1][key]
        yield row(key, *parts(few.each, many.each, passes), *parts(few.shared, many.shared, passes))
    everything = simbench.load().entries["experiments"]
    for experiment in sorted(everything) if given.experiments == "all" else filter(None, given.experiments.split(",")):
        if experiment == "matching":
            continue
        try:
            job = job_of(experiments=experiment)
        except simbench.InputError as error:
            print(f"{experiment} is left out: {error}", flush=True)
            continue
        if job.untrained:
            print(f"{experiment} is left out: {job.untrained} networks would be trained", flush=True)
            continue
        for key, rate in sorted(timed(job, EACH).items()):
            yield row(key, 0.0, rate.each / passes[1], 0.0, 0.0)


def published(files: list[Path]) -> Iterator[dict]:
    """Rows of published timings, of kinds that the reference lacks."""
    there = costs()
    one = there[PASS][0].each
    for file in files:
        with file.open(newline="") as lines:
            timings = [(line, float(line["seconds"])) for line in csv.DictReader(lines)]
        for (key, model, dataset), rate in sorted(rates(timings).items()):
            if key not in there and (model, dataset) == ("tiny10", "digits"):
                there[key] = rate, rate
                yield row(key, 0.0, rate.each / one, 0.0, rate.shared / one)


def parts(few: float, many: float, passes: list[float]) -> tuple[float, float]:
    """(fixed seconds, passes) of a cost: the line through its values for few and for many images, neither negative."""
    slope = max(0.0, (many - few) / (passes[1] - passes[0]))
    fixed = many - slope * passes[1]
    return (fixed, slope) if fixed >= 0 else (0.0, many / passes[1])


def row(key: Key, *numbers: float) -> dict:
    return dict(zip(COLUMNS, (*key, *(f"{number:.4g}" for number in numbers)), strict=True))


def main(words: list[str] | None = None) -> list[dict]:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name in ("indices", "stitchers", "experiments"):
        parser.add_argument(f"--{name}", default="all")
    parser.add_argument("--quick", action="store_true", help="one layer, to test the script")
    parser.add_argument("--timings", type=Path, nargs="+", metavar="FILE", help="published timings")
    parser.add_argument("--write", type=Path, nargs="?", const=REFERENCE, metavar="FILE", help="write the reference")
    given = parser.parse_args(words)
    torch.set_num_threads(1)
    found = []
    for line in published(given.timings) if given.timings else reference(given):
        print(*line.values(), flush=True)
        found.append(line)
    if given.write:
        write(found, given.write)
    return found


def write(found: list[dict], file: Path) -> None:
    """Write rows, after those in the file of other kinds of cases."""
    before = list(csv.DictReader(file.read_text().splitlines())) if file.is_file() else []
    rows = {tuple(line[name] for name in COLUMNS[:4]): line for line in (*before, *found)}
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows[key] for key in sorted(rows))
    print(f"written: {file}")


if __name__ == "__main__":
    main()
