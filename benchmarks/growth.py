"""How time, memory and forward work grow: with rows, with images, with networks (target 7).

Every point is measured in a new process: rows (n, p) of two sides in view spatial, streamed in batches of 4,096 into
Moments, then least squares and the five indices of the paper from them; and the moments
of every layer of two Tiny-10s in one pass, with a memory budget too small for any layer. Forward work: see
work.py.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from functools import reduce
from operator import add
from pathlib import Path

import torch
from command import answer, asked
from footprint import footprint
from record import Figure
from subjects import FIVE, REGISTRY, Noise, Pair
from work import LAYERS, forward

from simbench import Moments
from simbench.measuring import passes
from simbench.measuring.activations import Activations
from simbench.measuring.passes import Stack
from simbench.moments.views import rows
from simbench.results import figures
from simbench.system.provenance import digest

Points = dict[int, dict[str, float]]

WIDTHS, ROWS = (64, 256), (1_000, 3_162, 10_000, 31_623, 100_000, 316_228, 1_000_000)
IMAGES = (256, 512, 1024, 2048, 4096)
#: Images (BATCH, p, SIDE, SIDE) of one batch: 4,096 rows.
BATCH, SIDE = 64, 8
#: Memory budget in bytes: less than most layers of the fewest images.
BUDGET = 2**20


def of_rows(n: int, p: int) -> dict[str, float]:
    """Streaming n rows of p numbers on each side, and computing all methods from their moments."""
    torch.manual_seed(0)
    a = torch.randn(BATCH, p, SIDE, SIDE)
    b = torch.relu(torch.einsum("npij,pq->nqij", a, torch.randn(p, p) / p**0.5)) + 0.1 * torch.randn_like(a)
    methods = [REGISTRY.get("stitchers", "least_squares"), *REGISTRY.select("indices", FIVE)]
    size = BATCH * SIDE**2

    def batch(count: int) -> Moments:
        return Moments.of(*(rows(x, "spatial")[:count] for x in (a, b)))

    def whole(n: int) -> float:
        """Seconds of the streaming part."""
        start = time.perf_counter()
        m = reduce(add, (batch(min(size, n - at)) for at in range(0, n, size)))
        streamed = time.perf_counter() - start
        for method in methods:
            method.from_moments(m)
        return streamed

    whole(2 * p)  # lazy imports happen at the first call
    taken = footprint(lambda: whole(n))
    return {"streaming": taken.result, "whole": taken.seconds, "memory": taken.mebibytes}


def take(n: int, _: int = 0) -> dict[str, float]:
    """A sweep over the layers of two Tiny-10s on n images."""
    pair = Pair("tiny10", Noise(n, 8), LAYERS)
    source = Activations(pair.setting, budget=BUDGET)
    source.count("train")  # loads the images, which are not part of the sweep

    def sweep(split: str) -> None:
        stacks = [Stack(tuple((network, layer) for network in pair.networks), ((0, 1),)) for layer in pair.layers]
        passes.taken(source, stacks, split, "spatial")

    sweep("test")  # lazy imports happen at the first call
    taken = footprint(lambda: sweep("train"))
    return {"whole": taken.seconds, "memory": taken.mebibytes}


def point(kind: str, n: int, p: int = 0) -> dict[str, float]:
    """A point, measured in a new process."""
    done = subprocess.run([sys.executable, __file__, kind, str(n), str(p)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{kind}, {n}, {p}: {done.stderr}")
    return json.loads(done.stdout)


def exponent(points: Points, what: str) -> float:
    """Slope of log seconds against log n by least squares, from a hundredth of the largest n up."""
    x, y = zip(*((math.log(n), math.log(points[n][what])) for n in _upper(points)), strict=True)
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    return sum((u - mean_x) * (v - mean_y) for u, v in zip(x, y, strict=True)) / sum((u - mean_x) ** 2 for u in x)


def _upper(points: Points) -> list[int]:
    return [n for n in points if 100 * n >= max(points)]


def figures_of(points: Points, work: str, where: str, unit: str) -> list[Figure]:
    """The targets of a curve, and all its points, which have no targets."""
    few, last = min(_upper(points)), max(points)
    seconds = [what for what in ("streaming", "whole") if what in points[last]]
    rows = []
    if few < last:
        rows = [
            Figure(
                "7",
                f"{work}, {what}: exponent of the seconds",
                where,
                "linear in n",
                exponent(points, what),
                "",
                wanted=1.1,
                smaller=True,
            )
            for what in seconds
        ]
        rows.append(
            Figure(
                "7",
                f"{work}: memory above the start, {last:,} {unit} over {few:,}",
                where,
                "flat",
                points[last]["memory"] / points[few]["memory"],
                "",
                wanted=1.2,
                smaller=True,
            )
        )
    for n, values in points.items():
        rows += [
            Figure("7", f"{work}, {what}", f"{where}, {n:,} {unit}", "", values[what], "s", seconds=values[what])
            for what in seconds
        ]
        rows.append(Figure("7", f"{work}, memory", f"{where}, {n:,} {unit}", "", values["memory"], "MiB"))
    return rows


def draw(curves: dict[str, Points], folder: Path) -> None:
    """growth.png and growth.svg: seconds and memory against the number of rows or images."""
    figure, panels = figures.panels(2, title="Growth: seconds and memory by length of the data")
    for panel, what, label in zip(panels, ("whole", "memory"), ("seconds", "MiB above the start"), strict=True):
        for at, (name, points) in enumerate(curves.items()):
            panel.plot(
                list(points),
                [values[what] for values in points.values()],
                marker="o",
                markersize=3,
                color=figures.colour(at),
                label=name,
            )
        panel.set_xscale("log")
        panel.set_yscale("log")
        figures.describe(panel, "", "rows or images", label)
    for points in curves.values():
        ends = [min(points), max(points)]
        slope = points[ends[1]]["whole"] / ends[1]
        panels[0].plot(ends, [n * slope for n in ends], color="grey", linewidth=0.8, linestyle=":", label="linear")
    figures.legend(figure, panels)
    folder.mkdir(parents=True, exist_ok=True)
    figures.save(figure, folder, "growth", digest(str(curves).encode()))


def main() -> None:
    given = asked(__doc__.splitlines()[0])
    lengths, widths, images = ((500,), (8,), (4,)) if given.quick else (ROWS, WIDTHS, IMAGES)
    measured, curves = [], {}
    for p in widths:
        curves[f"rows, p = {p}"] = points = {n: point("rows", n, p) for n in lengths}
        measured += figures_of(points, "moments of two sides", f"p = {p}", "rows")
    curves["images, two Tiny-10s"] = points = {n: point("images", n) for n in images}
    measured += figures_of(points, "moments of 8 layers", "two Tiny-10s", "images")
    measured += forward(8, (2, 3)) if given.quick else forward(64)
    answer("growth", measured, given.out)
    if given.out:
        draw(curves, given.out)


if __name__ == "__main__":
    if sys.argv[1:2] in (["rows"], ["images"]):
        print(json.dumps({"rows": of_rows, "images": take}[sys.argv[1]](*map(int, sys.argv[2:]))))
    else:
        main()
