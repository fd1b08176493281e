"""Each index against packages and published code: how much faster it is, and by how much the values differ.

Values are compared on three data sets, and times on a fourth: CPU seconds of one thread of both sides, in turns. What
is on the registry of packages (`PACKAGES`) is installed into a folder of its own; code that is only a repository is
taken from `--code FOLDER`, with a checkout of each under its name: resi, netrep, platonic-rep, svcca, sim_metric, GULP,
RTD, imd, similarity-repository. What is absent has a row that says so. Writes results/speed/against_packages.csv.
"""

from __future__ import annotations

import argparse
import math
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from time import process_time

import index_peers_more  # noqa: F401
import index_peers_topology  # noqa: F401
import packages
import torch
from alternating import alternate, ratio
from command import answer, asked
from index_peers import PEERS, Peer
from record import Figure

import simbench

#: Installed without their dependencies, of which the last ones are those that nothing else needs.
PACKAGES = (
    *("dcor==0.7", "rsatoolbox==0.3.2", "scikit-dimension==0.5.0", "ripser==0.6.15", "persim==0.4.1"),
    *("array-api-compat", "numba", "llvmlite", "h5py", "loguru", "einops", "torchaudio", "scikit-image", "lazy-loader"),
    *("deprecated", "wrapt"),
)
#: Largest difference, relative to max(1, |value|), of values that no convention sets apart.
TOLERANCE = 1e-9
WIDTHS = (96, 128)


def rows(n: int, p: int, q: int, seed: int, kind: str = "plain") -> tuple[torch.Tensor, torch.Tensor]:
    """Two float64 sides that share ten directions and have means other than zero. "rectified": one of them after ReLU;
    "scales": columns of scales from 1e-2 to 1e2."""
    g = torch.Generator().manual_seed(seed)
    shared = torch.randn(n, 10, generator=g, dtype=torch.float64)
    sides = []
    for width in (p, q):
        mixed = shared @ torch.randn(10, width, generator=g, dtype=torch.float64)
        x = mixed + torch.randn(n, width, generator=g, dtype=torch.float64) + 0.5
        sides.append(x * torch.logspace(-2, 2, width, dtype=torch.float64) if kind == "scales" else x)
    return sides[0], sides[1].relu() if kind == "rectified" else sides[1]


def data_sets() -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The three on which values are compared: p < q, p > q, and p = q."""
    return [rows(300, 20, 30, 0), rows(300, 40, 25, 1, "rectified"), rows(300, 24, 24, 2, "scales")]


def value(index: str, a: torch.Tensor, b: torch.Tensor) -> float:
    return simbench.similarity(index, a, b)


def difference(peer: Peer) -> float:
    """The largest over the data sets that the peer takes, relative to max(1, |value|)."""
    found = []
    for a, b in [data_sets()[i] for i in peer.sets]:
        theirs = float(peer.call(a.numpy(), b.numpy()))  # first: it raises where anything is absent
        ours = value(peer.index, a, b)
        found.append(abs(ours - theirs) / max(1, abs(ours)))
    return max(found) if all(math.isfinite(x) for x in found) else math.nan


def figure(peer: Peer, most: int, repeats: int) -> Figure:
    """The row of a peer; without a value where it is absent, and `note` says so."""
    n = min(most, peer.rows)
    where = f"{n:,} rows of {WIDTHS[0]} and {WIDTHS[1]} features"
    threads = torch.get_num_threads()
    try:
        apart = difference(peer)
    except ImportError as absent:
        return Figure("10", peer.index, where, peer.who, math.nan, "x", note=f"absent: {absent}")
    except Exception as error:
        return Figure("10", peer.index, where, peer.who, math.nan, "x", note=f"fails: {type(error).__name__}: {error}")
    torch.set_num_threads(threads)  # importing dcor changes it
    a, b = rows(n, *WIDTHS, 3)
    x, y = a.numpy(), b.numpy()
    sides = {"ours": lambda: value(peer.index, a, b), "theirs": lambda: peer.call(x, y)}
    seconds = alternate(sides, repeats, clock=process_time)
    times, low, high = ratio(seconds, "ours", "theirs")
    return Figure(
        *("10", peer.index, where, peer.who, times, "x", low, high),
        seconds=median(seconds["ours"]),
        against_seconds=median(seconds["theirs"]),
        repeats=repeats,
        difference=apart,
        tolerance=None if peer.why else TOLERANCE,
        note=peer.why,
    )


def figures(peers: Sequence[Peer], most: int, repeats: int) -> Iterator[Figure]:
    for peer in peers:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield figure(peer, most, repeats)


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--code", type=Path, metavar="FOLDER", help="checkouts of published code")


def main(words: Sequence[str] | None = None) -> list[Figure]:
    given = asked(__doc__, words, _options)
    if given.code:
        packages.use_code(given.code.resolve())
    if not given.quick:
        reason = packages.install(PACKAGES)
        if reason:
            print(f"packages cannot be installed, and are left out: {reason}")
    torch.set_num_threads(1)
    return answer("against_packages", figures(PEERS, *((100, 1) if given.quick else (1000, 3))), given.out)


if __name__ == "__main__":
    main()
