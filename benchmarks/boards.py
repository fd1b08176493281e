"""How long the statistics of a large board take: a synthetic one of 40 indices, 6 stitchers and 3 targets.

    OMP_NUM_THREADS=1 python benchmarks/boards.py

Values of 24 networks at 8 layers, paired balanced:4, with scores on halves of the test inputs, as a results folder
holds them; timed are `correlate` and `leaderboard`, which make all derived tables. At most 60 s are wanted. --quick
takes a small board.
"""

from __future__ import annotations

import argparse
import sys
from time import perf_counter

import numpy as np
import pandas as pd

from simbench.columns import IDENTITY, MEASUREMENTS, TARGETS
from simbench.contracts import Design
from simbench.statistics.correlate import correlate
from simbench.statistics.leaderboard import leaderboard
from simbench.statistics.reliability import SPLITS

#: Seconds that the large board may take.
WANTED = 60.0


def board(
    indices: int, stitchers: int, targets: int, networks: int, fronts: int, layers: int, seed: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Measurements, methods and scores on halves of the test inputs. Indices and targets share effects of networks,
    layers and pairs."""
    rng = np.random.default_rng(seed)
    seeds = [str(i) for i in range(networks)]
    pairs = list(Design(fronts).pairs(seeds, seeds, 0))
    a, b = (np.array([seeds.index(name) for name in side]) for side in zip(*pairs, strict=True))
    shape = len(pairs), layers
    depth, common = np.linspace(0, 2, layers), rng.standard_normal(shape)

    def values() -> np.ndarray:
        of_network = rng.standard_normal((2, networks, layers))
        return common + of_network[0][a] + of_network[1][b] + rng.standard_normal(shape) + depth

    def rows(kind: str, method: str, quantity: str, x: np.ndarray) -> pd.DataFrame:
        pair, layer = (each.ravel() for each in np.indices(shape))
        at = np.array([f"bn{i + 1}" for i in range(layers)])[layer]
        columns = {"seed_a": np.array(seeds)[a[pair]], "seed_b": np.array(seeds)[b[pair]], "layer_a": at, "layer_b": at}
        plain = {"dataset": "d", "split": "test", "view": "spatial", "model_a": "m", "model_b": "m", "panel": ""}
        plain |= {"experiment": "matching", "params": "", "step": None, "samples": 360, "seed": 0, "status": "ok"}
        names = {"kind": kind, "method": method, "quantity": quantity, "note": ""}
        return pd.DataFrame(plain | names | columns | {"value": x.ravel()}, columns=list(MEASUREMENTS))

    parts, halves = [], []
    for i in range(indices):
        parts.append(rows("index", f"index{i:02}", "similarity", np.tanh(values() / 3)))
    for s in range(stitchers):
        for target in list(TARGETS)[:targets]:
            x = np.exp(values() / 2)
            parts.append(rows("stitcher", f"stitcher{s}", target, x))
            noise = 0.1 * rng.standard_normal((*shape, SPLITS, 1)) * [1, -1]
            scores = x[..., None, None] * np.exp(noise)
            key = parts[-1][[name for name in IDENTITY if name != "step"]]
            halves.append(key.assign(halves=list(scores.reshape(-1, SPLITS, 2))))
    measurements = pd.concat(parts, ignore_index=True).astype({"step": "Int64"})
    methods = measurements[["kind", "method", "params"]].drop_duplicates(ignore_index=True)
    methods = methods.assign(direction=[1 if kind == "index" else None for kind in methods["kind"]])
    return measurements, methods, pd.concat(halves, ignore_index=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a small board, to test the script")
    quick = parser.parse_args().quick
    size = (3, 2, 2, 8, 3, 2) if quick else (40, 6, 3, 24, 4, 8)
    measurements, methods, halves = board(*size)
    start = perf_counter()
    correlations = correlate(measurements, methods, halves)
    middle = perf_counter()
    leaders = leaderboard(correlations, methods, measurements)
    end = perf_counter()
    indices, stitchers, targets, networks, fronts, layers = size
    print(
        f"{indices} indices x {stitchers} stitchers x {targets} targets, {networks} networks balanced:{fronts}, "
        f"{layers} layers: {len(correlations.table):,} correlations in {middle - start:.1f} s, board and "
        f"{len(leaders.comparisons):,} comparisons in {end - middle:.1f} s, together {end - start:.1f} s; at most "
        f"{WANTED:g} s are wanted"
    )
    sys.exit(not quick and end - start > WANTED)


if __name__ == "__main__":
    main()
