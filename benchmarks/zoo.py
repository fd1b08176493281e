"""Every index on 2,000 rows of 256 and 256 features: what one side and one pair cost, and twenty networks together.

CPU seconds of one thread. "Together" are the 400 values of `simbench.similarities` between twenty networks at one
layer, each prepared once, against 400 calls on the rows of both sides, of which three are measured; seconds are those
of eight layers, eight times as many. An index that is marked as slow is measured on five networks. `--networks N` takes
fewer. Writes results/speed/zoo.csv.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from time import process_time

import torch
from alternating import timed
from command import answer, asked
from record import Figure
from torch import Tensor, nn

import simbench
from simbench.contracts import Index
from simbench.measuring.evaluate import evaluate
from simbench.moments import Moments

REGISTRY = simbench.load()
#: Configurations that cost more than the default one of the same index.
FURTHER = (
    *("cka[estimator=debiased]", "cka[kernel=rbf]", "kernel_alignment[kernel=rbf]", "uniformity[pairs=all]"),
    *("rsa[comparison=kendall]", "rsa[rdm=mahalanobis]", "rsa[comparison=whitened_cosine,rdm=sqeuclidean]"),
    *("rsm_norm[norm=spectral]", "distance_correlation[estimator=unbiased]", "soft_matching[form=correlation]"),
)
LAYERS = 8
#: Networks of an index that is marked as slow.
SLOW = 5
#: Most seconds of one side or one pair of an index that is not marked as slow.
SECOND = 1.0
#: How many times less twenty networks of an index of samples are to take.
LESS = 5.0


class Stored(nn.Module):
    """Gives the stored rows of the numbers that it is given."""

    def __init__(self, rows: Tensor) -> None:
        super().__init__()
        self.rows = nn.Parameter(rows, requires_grad=False)

    def forward(self, numbers: Tensor) -> Tensor:
        return self.rows[numbers]


class Bank(nn.Module):
    """Networks at one layer, each a layer here."""

    def __init__(self, sides: Sequence[Tensor]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(map(Stored, sides))

    def forward(self, numbers: Tensor) -> list[Tensor]:
        return [network(numbers) for network in self.networks]


def networks(count: int, n: int, p: int) -> list[Tensor]:
    """(n, p) float64 rows each, that share sixteen directions."""
    g = torch.Generator().manual_seed(0)
    shared = torch.randn(n, 16, generator=g, dtype=torch.float64)
    return [
        (shared @ torch.randn(16, p, generator=g, dtype=torch.float64))
        + torch.randn(n, p, generator=g, dtype=torch.float64)
        for _ in range(count)
    ]


def measured() -> list[Index]:
    """Every index of simbench that computes from rows or their moments, and the configurations of `FURTHER`."""
    every = REGISTRY.select("indices", ["all"])
    given = [index for index in every if index.needs != "case" and REGISTRY.owner(index).package == "simbench"]
    return [*given, *(REGISTRY.get("indices", spec) for spec in FURTHER)]


def single(index: Index, a: Tensor, b: Tensor, repeats: int) -> Iterator[Figure]:
    """One side and one pair; for an index of moments, the moments of both sides and the value."""
    where = f"{len(a):,} rows of {a.shape[1]} and {b.shape[1]} features"
    if index.needs == "moments":
        parts: list[tuple[str, Callable[[], object]]] = [
            ("moments", lambda: Moments.of(a, b)),
            ("moments and value", lambda: index.from_moments(Moments.of(a, b))),
        ]
    else:
        f, g = index.prepare(a), index.prepare(b)
        parts = [("prepare", lambda: index.prepare(a)), ("compare", lambda: index.compare(f, g))]
    for what, call in parts:
        seconds = [timed(call, process_time) for _ in range(repeats)]
        wanted = None if index.slow else SECOND
        note = f"slow: {index.slow}" if index.slow else ""
        yield Figure(
            *("11", f"{index.spec}: {what}", where, "", median(seconds), "s", min(seconds), max(seconds)),
            **{"wanted": wanted, "smaller": True, "seconds": median(seconds), "repeats": repeats, "note": note},
        )


def together(index: Index, sides: Sequence[Tensor], repeats: int) -> Figure:
    """All pairs of the networks, prepared once, against as many calls on rows."""
    sides = sides[:SLOW] if index.slow else sides
    bank, pairs = Bank(sides), len(sides) ** 2
    numbers = [torch.arange(len(sides[0]))]
    names = [f"networks.{i}" for i in range(len(sides))]
    prepared = timed(lambda: simbench.similarities(index, bank, bank, numbers, names), process_time)
    calls = [timed(lambda i=i: evaluate(index, sides[i], sides[-1]), process_time) for i in range(repeats)]
    ratios = [pairs * call / prepared for call in calls]
    return Figure(
        *("12", f"{index.spec}: all pairs, prepared", _where(sides), "a call on both sides for each pair"),
        *(median(ratios), "x", min(ratios), max(ratios)),
        wanted=LESS if index.needs == "samples" and not index.slow else None,
        seconds=LAYERS * prepared,
        against_seconds=LAYERS * pairs * median(calls),
        repeats=repeats,
        note=f"seconds of {LAYERS} layers, from one layer and from {repeats} calls",
    )


def _where(sides: Sequence[Tensor]) -> str:
    return f"{len(sides)} networks x {LAYERS} layers, {len(sides[0]):,} rows of {sides[0].shape[1]} features"


def figures(count: int, quick: bool) -> Iterator[Figure]:
    sides = networks(count, *((60, 6) if quick else (2000, 256)))
    indices, repeats = measured(), 1 if quick else 3
    further = [REGISTRY.get("indices", spec) for spec in FURTHER]
    for index in indices:
        yield from single(index, *sides[:2], repeats)
    every = []
    together(indices[0], networks(2, 60, 6), 1)  # imports what tracing needs
    for index in indices:
        if index not in further:
            every.append(together(index, sides, repeats))
            yield every[-1]
    sums = [sum(getattr(figure, name) for figure in every) for name in ("seconds", "against_seconds")]
    yield Figure(
        *("12", "all indices: all pairs, prepared", _where(sides), "a call on both sides for each pair"),
        *(sums[1] / sums[0], "x"),
        seconds=sums[0],
        against_seconds=sums[1],
        note="sums of the rows above",
    )


def main(words: list[str] | None = None) -> list[Figure]:
    def more(parser: ArgumentParser) -> None:
        parser.add_argument("--networks", type=int, default=20, metavar="N", help="networks together  [default: 20]")

    given = asked(__doc__, words, more)
    torch.set_num_threads(1)
    return answer("zoo", figures(min(given.networks, 3) if given.quick else given.networks, given.quick), given.out)


if __name__ == "__main__":
    main()
