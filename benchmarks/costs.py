"""The costs that `simbench run --dry-run` falls back on, in seconds of CPU on one thread.

Every index and stitcher on the pairs of three networks at three layers, with all images of digits and with few: what
grows with the forward pass, and what does not. A few cases of each kind of other experiments, as far as their networks
need no training, with all images: all that they cost is taken to grow with the pass. With --quick, two indices.

    OMP_NUM_THREADS=1 python benchmarks/costs.py --write     writes simbench/runs/planning/reference.csv
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


def reference(quick: bool) -> Iterator[dict]:
    """The rows of the reference."""
    yield row(MACHINE, machine_seconds(time.process_time), 0.0, 0.0, 0.0)
    options = {"experiments": "matching", "indices": "all", "stitchers": "all", "layers": "bn2,bn5,bn8", "pairs": "all"}
    if quick:
        options |= {"indices": "cka,rsa", "stitchers": "identity", "layers": "bn8"}
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
    for experiment in () if quick else sorted(simbench.load().entries["experiments"]):
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


def parts(few: float, many: float, passes: list[float]) -> tuple[float, float]:
    """(fixed seconds, passes) of a cost: the line through its values for few and for many images, neither negative."""
    slope = max(0.0, (many - few) / (passes[1] - passes[0]))
    fixed = many - slope * passes[1]
    return (fixed, slope) if fixed >= 0 else (0.0, many / passes[1])


def row(key: Key, *numbers: float) -> dict:
    return dict(zip(COLUMNS, (*key, *(f"{number:.4g}" for number in numbers)), strict=True))


def main(words: list[str] | None = None) -> list[dict]:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="two indices, to test the script")
    parser.add_argument("--write", action="store_true", help=f"write {REFERENCE.name}")
    given = parser.parse_args(words)
    torch.set_num_threads(1)
    found = []
    for line in reference(given.quick):
        print(*line.values(), flush=True)
        found.append(line)
    if given.write:
        with REFERENCE.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(found)
        print(f"written: {REFERENCE}")
    return found


if __name__ == "__main__":
    main()
