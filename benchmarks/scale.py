"""A run of 1,000 networks x 20 layers x 50 indices on 1 to 1,000 workers, simulated (target 14).

The scheduler is that of runs: pairs are cut into tiles (`tiled`), tiles into units (`sized`), and `Schedule` gives
units to workers. Events are simulated: a worker measures a unit, after it has loaded the networks that it does not hold
and run them from the layer that it has reached; then the driver puts the results on record and sends the next unit, one
at a time. Costs are measured: of indices, passes and what networks share those of the reference
(simbench/runs/planning/reference.csv), of the driver here. --failures HOURS lets workers die, each after so many hours
on average: the unit and all that the worker holds are lost. --quick is a run of 40 networks.

Also measured: how long tiles take to cut, and how long the plan of real cases takes, and how much memory.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
from command import answer
from record import FOLDER, Figure
from simulated_run import LAYERS, Costs, Outcome, simulate

from simbench.contracts import Design
from simbench.results import figures
from simbench.runs.planning.costs import PASS, reference
from simbench.runs.planning.tiling import tiled
from simbench.system.provenance import digest

WORKERS = (1, 10, 100, 1000)
INDICES = 50


def costs_here() -> Costs:
    """The measured costs, of 50 indices that cost what the 41 of the reference cost on average."""
    found = reference()
    one = found[PASS][0].each
    indices = [(fixed, growing) for key, (fixed, growing) in found.items() if key[:2] == ("matching", "index")]
    each = sum(fixed.each + growing.each * one for fixed, growing in indices)
    shared = sum(fixed.shared + growing.shared * one for fixed, growing in indices)
    more = INDICES / len(indices)
    unit, record = driver()
    return Costs(INDICES, each * more, shared * more, one, 0.4e6, unit, record)


def driver() -> tuple[float, float]:
    """CPU seconds of the driver for a unit, which is packed and unpacked, and for a record, which is written."""
    import cloudpickle

    from simbench.contracts import Row
    from simbench.results.store import Record, Store

    part, cases = planned(5, 1, INDICES)
    some = tuple(cases[:INDICES])
    start = time.process_time()
    for _ in range(20):
        cloudpickle.loads(cloudpickle.dumps((part, some)))
    unit = (time.process_time() - start) / 20
    with tempfile.TemporaryDirectory() as folder:
        store, many = Store(Path(folder)), 300
        start = time.process_time()
        for case in cases[:many]:
            rows = (Row("similarity", 0.123456789),)
            store.put(Record(case.key, case.identity, case.labels | {"samples": 360}, {}, rows, 0.01, "run"))
        record = (time.process_time() - start) / many
    return unit, record


def planned(networks: int, layers: int, indices: int) -> tuple:
    """(selection, cases) of a real plan of networks that do not exist."""
    import simbench
    from simbench.contracts.selection import Network, Selection, Setting
    from simbench.runs.plan import cases_of

    registry = simbench.load()
    model, data = registry.get("models", "tiny10"), registry.get("datasets", "digits")
    methods = tuple(entry.plugin for entry in registry.entries["indices"].values())[:indices]
    some = tuple(Network(model, str(k), f"{k:064x}", Path(f"{k}.pt"), graph="g") for k in range(networks))
    chosen = {model.spec: model.layers[:layers]}
    selection = Selection(Setting(data, "f" * 64, 10_000), some, chosen, ("spatial",), methods, ())
    return selection, cases_of([(registry.get("experiments", "matching"), selection)])


def plan(networks: int) -> tuple[int, float, float]:
    """(cases, CPU seconds, MiB) of a real plan, keys and tiles for 100 workers included."""
    from simbench.runs.planning.cutting import Work
    from simbench.system.stopwatch import peak_memory

    before, start = peak_memory(), time.process_time()
    _, cases = planned(networks, 8, 50)
    Work.of(cases, lambda case: 1.0).cut(100)
    return len(cases), time.process_time() - start, (peak_memory() - before) / 2**20


def every(networks: int) -> np.ndarray:
    return np.array(list(combinations(range(networks), 2)))


def balanced(networks: int, fronts: int) -> np.ndarray:
    drawn = Design(fronts).pairs(range(networks), [str(k) for k in range(networks)], 0)
    return np.array(sorted({tuple(sorted(pair)) for pair in drawn}))


def curve(what: str, pairs: np.ndarray, costs: Costs, life: float) -> Iterator[tuple[Figure, int, Outcome]]:
    """The figures of a run on each number of workers."""
    networks, alone = int(pairs.max()) + 1, 0.0
    cases = 2 * len(pairs) * LAYERS * INDICES
    for workers in WORKERS:
        out = simulate(pairs, costs, workers, life)
        alone = alone or out.seconds
        shares = {"indices": 2 * len(pairs) * LAYERS * costs.pair, "shared": out.sharing, "passes": out.running}
        all_seconds = workers * out.seconds
        said = ", ".join(f"{name} {value / all_seconds:.0%}" for name, value in shares.items())
        said += f" of the workers' time; driver busy {out.busy / out.seconds:.0%}"
        said += f", its connection {out.link / out.seconds:.0%}"
        said += f"; {out.units:,} units, {out.divided} tiles divided" + f", {out.lost} units lost" * bool(life)
        where = f"{workers:,} worker{'s' * (workers > 1)}"
        yield Figure("14", f"{what}, {cases:,} cases", where, "", out.seconds / 3600, "h", note=said), workers, out
        yield (
            Figure(
                "14",
                f"{what}: forward passes over networks x root of workers",
                where,
                "",
                out.passes / networks / workers**0.5,
                "",
                wanted=2.0,
                smaller=True,
            ),
            workers,
            out,
        )


def draw(curves: dict[str, dict[int, Outcome]], networks: dict[str, int], folder: Path) -> None:
    """scale.png and scale.svg: how many times as fast, and forward passes, by number of workers."""
    figure, panels = figures.panels(2, title="A run on many workers, simulated with measured costs")
    for at, (name, found) in enumerate(curves.items()):
        alone, colour = found[min(found)].seconds, figures.colour(at)
        lines = (
            [alone / out.seconds for out in found.values()],
            [out.passes / networks[name] for out in found.values()],
        )
        for panel, values in zip(panels, lines, strict=True):
            panel.plot(list(found), values, marker="o", markersize=3, color=colour, label=name)
    some = list(WORKERS)
    panels[0].plot(some, some, color="grey", linewidth=0.8, linestyle=":", label="as many times as workers; their root")
    panels[1].plot(some, [workers**0.5 for workers in some], color="grey", linewidth=0.8, linestyle=":")
    for panel, label in zip(panels, ("times as fast as one worker", "forward passes over networks"), strict=True):
        panel.set_xscale("log")
        panel.set_yscale("log")
        figures.describe(panel, "", "workers", label)
    figures.legend(figure, panels)
    folder.mkdir(parents=True, exist_ok=True)
    figures.save(figure, folder, "scale", digest(str(curves).encode()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="40 networks, to test the script; writes only to --out")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="folder for tables  [default: results/speed]")
    parser.add_argument("--failures", type=float, default=0.0, metavar="HOURS", help="mean life of a worker")
    given = parser.parse_args()
    out = given.out or (None if given.quick else FOLDER)
    size, fronts = (40, 4) if given.quick else (1000, 8)
    costs = costs_here()
    designs = {"all pairs": every(size), f"balanced:{fronts}": balanced(size, fronts)}
    curves: dict[str, dict[int, Outcome]] = {}
    networks: dict[str, int] = {}

    def measured() -> Iterator[Figure]:
        yield Figure(
            "14",
            "driver: a unit sent and received",
            f"{INDICES} cases",
            "",
            1e3 * costs.unit,
            "ms",
            wanted=10,
            smaller=True,
        )
        yield Figure("14", "driver: a case put on record", "one file", "", 1e3 * costs.record, "ms")
        kept = costs.pair / INDICES / (costs.record + costs.unit / INDICES)
        yield Figure("14", "workers that one driver keeps busy", f"{INDICES} indices on digits", "", kept, "")
        start = time.process_time()
        pairs = designs["all pairs"]
        tiled(pairs, np.ones(len(pairs)), max(WORKERS))
        where = f"{len(pairs):,} pairs in {max(WORKERS):,} tiles, CPU"
        yield Figure("14", "cutting pairs into tiles", where, "", time.process_time() - start, "s")
        some = 4 if given.quick else 57
        cases, seconds, mebibytes = plan(some)
        where = f"{cases:,} cases"
        yield Figure("14", "plan of real cases, and tiles, for a million: CPU", where, "", seconds / cases * 1e6, "s")
        yield Figure("14", "plan of real cases, and tiles, for a million", where, "", mebibytes / cases * 1e6, "MiB")
        for batched in (False, True):
            record = costs.record / 20 if batched else costs.record
            for design, pairs in designs.items():
                name = f"{size:,} networks x {LAYERS} layers x {INDICES} indices, {design}"
                name += ", records at a twentieth of their cost" * batched
                curves[name], networks[name] = {}, size
                for row, workers, found in curve(name, pairs, replace(costs, record=record), given.failures):
                    curves[name][workers] = found
                    yield row

    answer("scale", measured(), out)
    if out:
        draw(curves, networks, out)


if __name__ == "__main__":
    main()
