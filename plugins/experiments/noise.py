"""Clustered noise: activations that depend on the class of an input and on nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simbench.system.provenance import digest
from simbench.system.surroundings import seed_of

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from simbench import Bench, Case


def clustered_noise(case: Case, bench: Bench, split: str, deviation: float) -> Tensor:
    """Activations (n, c, h, w) or (n, p) float32 of the inputs of a split, of the size of a's: the centre of the class
    of each input, uniform in [0, 1), plus Gaussian noise of a standard deviation, clamped to [0, 1] (Smith et al. 2025,
    algorithms 1 and 2). Where an input has several labels, its centre is the mean of theirs, 0 for none.

    The centres, which both splits share, follow from the front network, the layer and the data.
    """
    import torch

    shape, labels = bench.shape(case.a, case.layer_a), bench.labels(split).cpu()
    content = ["clustered noise", case.a.content, case.layer_a, case.setting.identity]
    centres = torch.rand(case.setting.dataset.classes, *shape, generator=_generator(content))
    if labels.ndim == 1:
        own = centres[labels]
    else:
        shares = labels.float() / labels.sum(1, keepdim=True).clamp_min(1)
        own = torch.einsum("nk,k...->n...", shares, centres)
    noise = torch.randn(own.shape, generator=_generator([*content, split]))
    return (own + deviation * noise).clamp(0, 1)


def _generator(content: list) -> torch.Generator:
    import torch

    return torch.Generator().manual_seed(seed_of(digest(content)))
