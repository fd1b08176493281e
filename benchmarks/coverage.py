"""How far intervals and tests of the leaderboard can be trusted: coverage, size and power on simulated two-way data.

    OMP_NUM_THREADS=1 python benchmarks/coverage.py --write results/README.md

prints two markdown tables, and puts them between the markers of a file; --quick takes a few draws of a few settings.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from time import process_time

import numpy as np
from numpy import ndarray
from two_way import SETS, Effects, design, simulated, spearman, spearman_given_end

from simbench.statistics.blocks import blocks, cells
from simbench.statistics.comparisons import LEVEL, differences
from simbench.statistics.conditions import END, PLAIN
from simbench.statistics.grids import Grid
from simbench.statistics.jackknife import Left, interval
from simbench.statistics.p_values import p_value
from simbench.statistics.replicates import NETWORKS, PAIRS, RELABELLED, Plan, correlated

#: Equal indices, and one that is better (Pearson's correlations with every target).
EQUAL, BETTER = (0.35,) * 5, 0.6
#: (networks, fronts of every end; None for all).
DESIGNS = [(8, 3), (8, 4), (8, 6), (8, None), (12, 3), (12, 4), (12, 6), (12, None)]
DESIGNS += [(16, 3), (16, 4), (16, 6), (24, 3), (24, 4), (24, 6)]
SCOPES = ("within", "within_end", "pooled")
COLUMNS = (*SCOPES, "mean of 3", "size", "family-wise", "power")
START, STOP = "<!-- coverage -->", "<!-- /coverage -->"


def lefts(grid: Grid) -> dict[str, list[list[Left]]]:
    """Scope -> the correlation of every index with every target."""
    parts: dict[str, list[tuple[ndarray, ndarray, ndarray]]] = {scope: [] for scope in SCOPES}
    for block in blocks(grid):
        at = cells(grid, block.mask)
        found = correlated(grid, block, at, Plan(True, 0, ()), "spearman")
        scopes = {"pooled": PLAIN} if block.scope == "pooled" else {"within": PLAIN, "within_end": END}
        for scope, condition in scopes.items():
            drawn = found.drawn[condition]
            parts[scope].append((found.points[condition], drawn[NETWORKS], drawn[PAIRS]))
    means = {scope: [np.mean(some, axis=0) for some in zip(*part, strict=True)] for scope, part in parts.items()}
    sides = (len({name for pair in grid.pairs for name in pair}),)
    indices, targets = range(len(grid.indices)), range(len(grid.targets))
    return {
        scope: [[Left(*(x[i, j] for x in mean), sides, np.empty((0, 2))) for j in targets] for i in indices]
        for scope, mean in means.items()
    }


def draw(seed: int, effects: Effects, networks: int, pairs: list[tuple[int, int]]) -> list[float]:
    """COLUMNS of one draw: shares of hits, of intervals and of tests."""
    found = lefts(simulated(seed, effects, networks, pairs, (*EQUAL, BETTER)))
    truth = dict.fromkeys(SCOPES, spearman(EQUAL[0]))
    truth["within_end"] = spearman_given_end(EQUAL[0], effects.end_share)

    def covered(some: list[Left], value: float) -> float:
        return float(np.mean([low <= value <= high for low, high in map(interval, some)]))

    shares = [covered([row[0] for row in found[scope][:5]], truth[scope]) for scope in SCOPES]
    means = [Left.mean(row) for row in found["within"]]
    shares.append(covered(means[:5], truth["within"]))
    equal = differences(means[:5])
    shares.append(float(np.mean([gap.p <= LEVEL for gap in equal])))
    shares.append(float(any(gap.adjusted <= LEVEL for gap in equal)))
    shares.append(float(np.mean([gap.adjusted <= LEVEL and gap.value < 0 for gap in differences(means) if gap.b == 5])))
    return shares


def relabelling(seed: int, effects: Effects, networks: int, pairs: list[tuple[int, int]]) -> list[float]:
    """Whether the p-value of indices that know nothing is at most LEVEL, share of five indices; 199 relabellings."""
    grid = simulated(seed, effects, networks, pairs, (0.0,) * 5, layers=1)
    block = next(block for block in blocks(grid) if block.scope != "pooled")
    plan = Plan(False, 199, (seed,))
    found = correlated(grid, block, cells(grid, block.mask), plan, "spearman")
    drawn = found.drawn[PLAIN][RELABELLED]
    return [float(np.mean([p_value(found.points[PLAIN][i, 0], drawn[i, 0], False) <= LEVEL for i in range(5)]))]


def repeated(
    one: Callable[[int], list[float]], seconds: float, most: int, least: int = 40
) -> tuple[ndarray, ndarray, int]:
    """Means over draws, their standard errors, and how many: `most`, or as many as fit in the time."""
    rows: list[list[float]] = []
    start = process_time()
    for seed in count():
        rows.append(one(seed))
        if len(rows) >= most or (len(rows) >= least and process_time() - start > seconds):
            break
    return np.mean(rows, axis=0), np.std(rows, axis=0) / math.sqrt(len(rows)), len(rows)


def lines(draws: int, seconds: float, quick: bool = False) -> Iterator[str]:
    """Of both tables. seconds: the most for a row. quick: two rows of the first table and one of the second."""
    designs, sets, sizes = (DESIGNS[:2], dict([*SETS.items()][:1]), (8,)) if quick else (DESIGNS, SETS, (8, 12))
    yield f"| effects | networks | fronts | draws | {' | '.join(COLUMNS)} |"
    yield "|---|---|---|---|" + "---|" * len(COLUMNS)
    worst = np.zeros(4)
    for name, effects in sets.items():
        for networks, fronts in designs:
            pairs = design(networks, fronts)
            means, errors, n = repeated(lambda seed: draw(seed, effects, networks, pairs), seconds, draws)  # noqa: B023
            worst = np.maximum(worst, errors[:4])
            yield f"| {name} | {networks} | {fronts or 'all'} | {n} | {' | '.join(f'{x:.3f}' for x in means)} |"
    yield ""
    yield "Largest standard error of a coverage: " + ", ".join(
        f"{error:.3f} ({column})" for column, error in zip(COLUMNS, worst, strict=False)
    )
    yield ""
    yield "| effects | networks | size of the p-value, all pairs | lacking 10 % of the pairs | draws |"
    yield "|---|---|---|---|---|"
    for name, effects in sets.items():
        for networks in sizes:
            whole = design(networks, None)
            keep = np.random.default_rng(networks).permutation(len(whole))[: math.ceil(0.9 * len(whole))]
            shares = []
            for pairs in (whole, [whole[i] for i in sorted(keep)]):
                means, _, n = repeated(lambda seed: relabelling(seed, effects, networks, pairs), seconds, draws)  # noqa: B023
                shares.append(f"{means[0]:.3f}")
            yield f"| {name} | {networks} | {' | '.join(shares)} | {n} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=475)
    parser.add_argument("--seconds", type=float, default=13.0, help="of processor time, the most for one row")
    parser.add_argument("--write", type=Path, help="a file with the markers")
    parser.add_argument("--quick", action="store_true", help="a few draws of a few settings, to test the script")
    options = parser.parse_args()
    found = []
    for line in lines(options.draws, options.seconds, options.quick):
        print(line, flush=True)
        found.append(line)
    if options.write:
        text = options.write.read_text(encoding="utf-8")
        if START not in text or STOP not in text:
            sys.exit(f"{options.write} has no markers {START} and {STOP}: put them where the tables go")
        head, _, rest = text.partition(START)
        table = "\n".join(found)
        options.write.write_text(f"{head}{START}\n{table}\n{STOP}{rest.partition(STOP)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
