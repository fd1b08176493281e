"""Every ratio of benchmarks/README.md, targets 1 to 6: simbench against the usual way and against published packages.

Both sides of a ratio are first compared (or their differences from float64 are recorded) and then timed
alternately in this process. Writes results/speed/against_peers.csv; `python benchmarks/report.py` writes the tables and
draws the figure.
"""

from __future__ import annotations

from collections.abc import Iterator

import layer_pairs
import stitches
import sweep
import torch
from command import answer, asked
from record import Figure


def main(words: list[str] | None = None) -> list[Figure]:
    given = asked(__doc__, words)
    torch.set_num_threads(2)
    sizes = stitches.QUICK if given.quick else stitches.Sizes()
    return answer("against_peers", _all(sizes, given.quick), given.out)


def _all(sizes: stitches.Sizes, quick: bool) -> Iterator[Figure]:
    yield from stitches.figures(sizes)
    yield sweep.figure(200 if quick else 1000, 1 if quick else 3)
    yield from layer_pairs.figures(1 if quick else 2, 1 if quick else 16, 2 if quick else sizes.repeats)


if __name__ == "__main__":
    main()
