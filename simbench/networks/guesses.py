"""Inputs that a network may take, where no data says which."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

#: Tokens of texts and steps of signals that are tried, in this order.
LENGTHS = (16, 128, 1024, 4)
#: Edges of volumes.
EDGES = (16, 32, 64)
_CONVOLUTIONS = {nn.Conv1d: 1, nn.Conv2d: 2, nn.Conv3d: 3}


def guesses(net: nn.Module, sizes: Iterable[tuple[int, int]], size: int | None = None) -> Iterator[Tensor]:
    """Two inputs of each kind that a network may take, on the default device: for each kind of convolution that it has,
    in their order, zeros of the channels of the first one: signals, images of some sizes (height, width), or volumes;
    images of three channels for one without convolutions; then zeros as its first linear map takes; then ids of tokens,
    where it has embeddings.

    size: steps, pixels or tokens per axis, in place of all others."""
    modules = list(net.modules())
    first = {axes: each for each in reversed(modules) for kind, axes in _CONVOLUTIONS.items() if isinstance(each, kind)}
    order = sorted(first, key=lambda axes: modules.index(first[axes])) or [2]
    for axes in order:
        channels = first[axes].in_channels if first else 3
        usual = sizes if axes == 2 else [(n,) * axes for n in (LENGTHS if axes == 1 else EDGES)]
        for shape in usual if size is None else [(size,) * axes]:
            yield torch.zeros(2, channels, *shape)
    linear = next((each for each in modules if isinstance(each, nn.Linear)), None)
    if linear is not None and size is None:
        yield torch.zeros(2, linear.in_features)
    table = next((each for each in modules if isinstance(each, nn.Embedding)), None)
    for length in () if table is None else LENGTHS if size is None else (size,):
        yield (torch.arange(2 * length) + 1).reshape(2, length) % table.num_embeddings  # not all of them padding
