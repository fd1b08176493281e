"""How fast this machine is: a few operations, and a forward pass of a network, in a fraction of a second."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from simbench.system.surroundings import abroad

if TYPE_CHECKING:
    from simbench.contracts import Dataset, Model

#: Seconds of a clock.
Clock = Callable[[], float]
#: Seconds that the pass of a network is tried for, and repeats of which the fastest counts.
TRIED, REPEATS = 0.1, 3


def machine_seconds(clock: Clock = time.perf_counter) -> float:
    """Seconds of a fixed mixture of what indices are made of: eigenvalues, products, and calls."""
    import torch

    x = torch.randn(512, 96, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def work() -> None:
        for _ in range(4):
            torch.linalg.eigvalsh(x.mT @ x)
        sum(float(x[row, 0]) for row in range(256))

    return _fastest(work, clock)


def pass_seconds(
    model: Model,
    dataset: Dataset,
    limit: int,
    device: str = "cpu",
    clock: Clock = time.perf_counter,
    home: Dataset | None = None,
) -> float:
    """Seconds of a forward pass of a network of a model over at most `limit` inputs of each split, extrapolated from a
    few inputs and untrained weights. home: the data set that the network is made for, by default the same. Raises what
    `build` and the network raise."""
    import torch

    from simbench.contracts import splits
    from simbench.networks.fold import fold
    from simbench.networks.inputs import BATCH, draw, prepared
    from simbench.networks.stages import in_a_row

    parts = [splits.read(dataset, name) for name in splits.SPLITS]
    images, _ = draw(parts[0], BATCH, 0, dataset.range, dataset.raw)
    with torch.random.fork_rng(devices=[]), torch.no_grad(), abroad():
        torch.manual_seed(0)
        home = home or dataset
        net = model.build(home.channels, home.classes).eval()
        net = (fold(net) if in_a_row(net) else net).to(device)
        count = 1
        while True:
            x = model.adapted(prepared(images[:count], model, home, torch.device(device)))

            def once(x: torch.Tensor = x) -> None:
                net(x)
                if x.is_cuda:
                    torch.cuda.synchronize()

            start = clock()
            once()
            if count >= len(images) or clock() - start > TRIED / REPEATS:
                break
            count = min(4 * count, len(images))
        seconds = _fastest(once, clock)
    return seconds / count * sum(min(limit, len(part.inputs)) for part in parts)


def _fastest(work: Callable[[], None], clock: Clock) -> float:
    """Of a few repeats, the others of which something else has slowed down."""
    found = []
    for _ in range(REPEATS):
        start = clock()
        work()
        found.append(clock() - start)
    return min(found)
