"""Rate of the comoment accumulation against the machine's own float64 matrix product (target 8).

`Moments.of(a, b)` contains three products of (p, n) with (n, p), `Scatter.of(a)` one. The reference is these products
alone, on float64 rows in memory; the share is our speed relative to the reference. Centring, the conversion from
float32 and memory traffic take the rest, which is larger for narrower rows. A share can be above 1, because half of a
symmetric product can be left out. With a CUDA device, rates_cuda.csv holds the same for that device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import torch
from alternating import alternate, ratio
from command import answer, asked
from record import Figure

from simbench.moments import Moments, Scatter

WIDTHS, LENGTHS = (64, 128, 256, 512), (4_096, 16_384, 65_536)
TYPES = {"float32": torch.float32, "float64": torch.float64}
#: Narrower rows have no target.
PROMISED = 256
#: Operations of one timed call, and the largest number of repetitions within a call (for shorter work).
CALL, MOST = 2e9, 50


def repeated(work: Callable[[], object], times: int) -> Callable[[], None]:
    """Call `work` repeatedly and drop its results at once."""

    def call() -> None:
        for _ in range(times):
            work()

    return call


def sides(n: int, p: int, dtype: torch.dtype, device: str) -> Iterator[tuple[str, int, Callable, Callable]]:
    """(name, number of products, ours, the products alone) of each accumulation, on the same numbers."""
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(n, p, generator=generator).to(device, dtype) for _ in range(2))
    a64, b64 = a.double(), b.double()
    yield "Moments.of", 3, lambda: Moments.of(a, b), lambda: (a64.mT @ a64, b64.mT @ b64, a64.mT @ b64)
    yield "Scatter.of", 1, lambda: Scatter.of(a), lambda: a64.mT @ a64


def figures(n: int, p: int, name: str, device: str, repeats: int) -> Iterator[Figure]:
    """Shares of both accumulations at one size; on an accelerator also operations per second."""
    on = "" if device == "cpu" else f", {torch.cuda.get_device_name()}"
    where = f"n {n:,}, p {p}{on}"
    for what, products, ours, reference in sides(n, p, TYPES[name], device):
        operations = products * 2 * n * p**2
        times = max(1, min(MOST, round(CALL / operations)))
        calls = {"ours": repeated(ours, times), "products": repeated(reference, times)}
        seconds = {side: [total / times for total in taken] for side, taken in alternate(calls, repeats).items()}
        share, low, high = ratio(seconds, "ours", "products")
        median = {side: sorted(taken)[len(taken) // 2] for side, taken in seconds.items()}
        against = f"{products} float64 product{'s' if products > 1 else ''}"
        yield Figure(
            "8",
            f"{what}, {name} rows",
            where,
            against,
            share,
            "share",
            low,
            high,
            0.75 if p >= PROMISED else None,
            seconds=median["ours"],
            against_seconds=median["products"],
            repeats=repeats,
        )
        if device != "cpu":
            for side, label in (("ours", f"{what}, {name} rows"), ("products", f"{against} alone")):
                yield Figure(
                    "8",
                    f"rate of {label}",
                    where,
                    "",
                    operations / median[side] / 1e9,
                    "GF/s",
                    operations / max(seconds[side]) / 1e9,
                    operations / min(seconds[side]) / 1e9,
                    seconds=median[side],
                    repeats=repeats,
                )


def main() -> None:
    given = asked(__doc__.splitlines()[0])
    lengths, widths, repeats = ((256,), (16, 256), 1) if given.quick else (LENGTHS, WIDTHS, 7)
    for device in ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]:
        measured = [
            figure for n, p, name in product(lengths, widths, TYPES) for figure in figures(n, p, name, device, repeats)
        ]
        answer("rates" if device == "cpu" else f"rates_{device}", measured, given.out)


if __name__ == "__main__":
    main()
