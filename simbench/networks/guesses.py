"""Inputs that a network may take, where no data says which."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

#: Tokens of texts and steps of signals, and edges of volumes, in the order in which they are tried.
LENGTHS, EDGES = (16, 128, 1024, 4), (16, 32, 64)
_CONVOLUTIONS = nn.Conv1d | nn.Conv2d | nn.Conv3d


def guesses(net: nn.Module, sizes: Iterable[tuple[int, int]]) -> Iterator[Tensor]:
    """Two inputs of each kind that a network may take: images of some sizes (height, width), or signals or volumes
    where its first convolution is of these; then vectors, as its first linear map takes; then ids of tokens, where it
    has embeddings. All zeros, on the default device."""
    modules = list(net.modules())
    first = next((each for each in modules if isinstance(each, _CONVOLUTIONS)), None)
    channels, axes = (3, 2) if first is None else (first.in_channels, len(first.kernel_size))
    shapes: Iterable[tuple[int, ...]] = sizes if axes == 2 else [(n,) * axes for n in (LENGTHS if axes == 1 else EDGES)]
    for shape in shapes:
        yield torch.zeros(2, channels, *shape)
    linear = next((each for each in modules if isinstance(each, nn.Linear)), None)
    if linear is not None:
        yield torch.zeros(2, linear.in_features)
    for length in LENGTHS if any(isinstance(each, nn.Embedding) for each in modules) else ():
        yield torch.zeros(2, length, dtype=torch.int64)
