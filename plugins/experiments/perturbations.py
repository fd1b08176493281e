"""Perturbations of a layer (principal components removed, noise added), their cost in accuracy, and the similarity of
the perturbed layer to the original by an index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from simbench import Affine, Inapplicable, Undefined
from simbench.system.provenance import digest
from simbench.system.surroundings import seed_of

if TYPE_CHECKING:
    from torch import Tensor

    from simbench import Bench, Case, Moments

#: Principal components with less of the variance of the first are rounding.
ROUNDING = 1e-9
#: Standard deviations of noise, relative to that of the activations, over all channels.
NOISE = (0.25, 0.5, 1.0, 2.0)


@dataclass(frozen=True, eq=False)
class Change:
    """A change of a network's activations at a layer: their affine image, or, with noise (n, c), what it adds to each
    test input and channel. kind: "components" or "noise". accuracy: of the changed network, relative to the network."""

    kind: str
    affine: Affine
    noise: Tensor | None
    accuracy: float

    def front(self, case: Case, bench: Bench) -> Tensor | None:
        """The noisy activations of the test inputs; None without noise."""
        return None if self.noise is None else noisy(self.noise, case, bench)


def changes(case: Case, bench: Bench) -> Iterator[Change]:
    """All changes of a at layer_a, with their cost in accuracy on the test images.

    Components are those of the channels of the train images. Removed are the first 1, 2, 4, ... of r, or all but these;
    what is left keeps the mean. Noise is drawn for each test input and channel, the same at every position, so that it
    is in the rows of every view, along the first or the last half of the components.
    """
    import torch

    m = bench.moments(case, "train", "spatial")
    variances, directions = torch.linalg.eigh(m.aa / m.n)
    variances, directions = variances.flip(0), directions.flip(1)
    rank = int((variances > ROUNDING * variances[0]).sum()) if float(variances[0]) > 0 else 0
    counts = [2**i for i in range(rank.bit_length()) if 2**i < rank]
    maps = []
    for count in counts:
        first = directions[:, :count] @ directions[:, :count].mT
        maps += [_about(first, m.mean_a), _about(torch.eye(len(first)).to(first) - first, m.mean_a)]
    if maps:
        stack = Affine(torch.stack([each.weight for each in maps]), torch.stack([each.bias for each in maps]))
        for affine, logits in zip(maps, bench.logits(stack, case), strict=True):
            yield Change("components", affine, None, bench.score(logits, case).relative_accuracy)
    if rank < 2:
        return
    same = Affine.identity(len(directions), bias=True, dtype=torch.float64)
    half, scale = rank // 2, float(variances[:rank].sum().sqrt())
    generator = torch.Generator().manual_seed(seed_of(digest(["noise", case.a.content, case.layer_a])))
    for along in (directions[:, :half], directions[:, half:rank]):
        drawn = torch.randn(len(bench.labels("test")), along.shape[1], generator=generator, dtype=torch.float64)
        noise = scale / along.shape[1] ** 0.5 * drawn.to(along) @ along.mT
        for strength in NOISE:
            logits = bench.logits(same, case, noisy(strength * noise, case, bench))
            yield Change("noise", same, strength * noise, bench.score(logits, case).relative_accuracy)


def noisy(noise: Tensor, case: Case, bench: Bench) -> Tensor:
    """The test activations of a at layer_a with noise (n, c), the same at every position."""
    x = bench.representation(case.a, case.layer_a, "test")
    return x + noise.to(x).reshape(*noise.shape, *[1] * (x.ndim - 2))


def _about(projection: Tensor, mean: Tensor) -> Affine:
    """x -> mean + (x - mean) P."""
    return Affine(projection, mean - mean @ projection)


def similarity(change: Change, at: int, case: Case, bench: Bench) -> float | None:
    """The index of the changed activations against the network's own, oriented so that larger is more similar; None
    where it is undefined or does not apply. at: the place of the change among those of the layer."""
    from simbench.isolation.answers import ask, number

    index = case.method
    try:
        if change.noise is not None and case.view != "flat" and index.needs == "moments":
            alone = replace(case, layer_a="", layer_b="")  # of the group of the planned case
            m = bench.once(alone, ("moments", case.layer_a, case.view, at), lambda: _noisy_moments(change, case, bench))
            value = number(index, ask(index, m)[0])
        else:
            value = bench.stitched_similarity(index, change.affine, case, change.front(case, bench))
    except (Inapplicable, Undefined):
        return None
    return index.claims.direction * value


def _noisy_moments(change: Change, case: Case, bench: Bench) -> Moments:
    """Moments of the noisy test activations and the network's own, which all indices share."""
    from simbench import Moments
    from simbench.moments import views

    own = bench.representation(case.a, case.layer_a, "test")
    return Moments.of(*(views.rows(x, case.view) for x in (noisy(change.noise, case, bench), own)))


def spearman(points: Sequence[tuple[float, float]]) -> float | None:
    """Spearman correlation of pairs (value of an index, accuracy), to nine digits, so that no tie hangs on rounding.
    0 for an index that is constant; None for fewer than three pairs and where accuracy is constant."""
    import numpy as np
    from scipy.stats import rankdata

    if len(points) < 3:
        return None
    x, y = (rankdata([float(f"{value:.8e}") for value in side]) for side in zip(*points, strict=True))
    if np.ptp(y) == 0:
        return None
    return float(np.corrcoef(x, y)[0, 1]) if np.ptp(x) > 0 else 0.0
