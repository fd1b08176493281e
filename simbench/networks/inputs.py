"""Inputs of networks: drawn from a split of a data set, normalised, and augmented for training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from simbench.contracts import Dataset, Split
from simbench.contracts.splits import whole
from simbench.networks import sampling
from simbench.system.stopwatch import stage

if TYPE_CHECKING:
    import numpy

#: Inputs per forward pass. The last digits of every result depend on it.
BATCH = 128


@stage("reading data")
def draw(
    split: Split, limit: int, seed: int, span: tuple[float, float] | None = None, raw: bool = False
) -> tuple[Tensor, Tensor]:
    """At most `limit` inputs (n, c, h, w), converted by `pixels`, in channels-last memory, and their labels.

    They are drawn without replacement and stay in the order of the data set. span: the range of the data set.
    raw: the inputs as they are."""
    inputs, chosen = split.inputs, sampling.draw(len(split.inputs), limit, seed)
    if raw:
        return torch.from_numpy(inputs[chosen.numpy()]), torch.from_numpy(split.labels[chosen.numpy()])
    dtype = pixels(inputs[:1], span).dtype
    drawn = torch.empty((len(chosen), *inputs.shape[1:]), dtype=dtype, memory_format=torch.channels_last)
    for part, some in zip(drawn.split(BATCH), chosen.split(BATCH), strict=True):  # never holds two copies of everything
        part.copy_(pixels(inputs[some.numpy()], span))
    return drawn, torch.from_numpy(split.labels[chosen.numpy()])


def pixels(images: numpy.ndarray, span: tuple[float, float] | None = None) -> Tensor:
    """Copies images of a data set into a tensor: uint8 unchanged, other types as float32, with the range (low, high) of
    the data set mapped to [0, 1]."""
    if images.dtype == "uint8" and whole(span):
        return torch.tensor(images if min(images.strides) > 0 else images.copy())  # torch rejects negative strides
    low, high = map(float, span)
    return torch.from_numpy((images.astype("float64") - low) / (high - low)).to(torch.float32)


def normalised(images: Tensor, dataset: Dataset, device: torch.device | str = "cpu") -> Tensor:
    """The input of a network for images (n, c, h, w): (x - mean) / std, float32, channels last, where x is images / 255
    for uint8 images and the images themselves for float images; of a raw data set the inputs (n, ...) as they are."""
    if dataset.raw:
        x = images.to(device)
        return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x
    # Expanded to the size of an image: broadcasting one number per channel is slow in channels-last memory.
    mean, std = (
        torch.tensor(value, device=device, dtype=torch.float32)
        .view(1, -1, 1, 1)
        .expand(1, *images.shape[1:])
        .contiguous(memory_format=torch.channels_last)
        for value in (dataset.mean, dataset.std)
    )
    x = images.to(device).contiguous(memory_format=torch.channels_last).to(torch.float32)
    return (x.div_(255).sub_(mean) if images.dtype == torch.uint8 else x.sub(mean)).div_(std)


def augmented(images: Tensor, generator: torch.Generator) -> Tensor:
    """Images as returned by `pixels`, each cropped at random after padding by 4 with 0 (black), and mirrored with
    probability 1/2."""
    n, _, height, width = images.shape
    padded = functional.pad(images, (4, 4, 4, 4))
    down, right = torch.randint(0, 9, (2, n), generator=generator)
    rows = (down[:, None] + torch.arange(height))[:, :, None]
    columns = right[:, None] + torch.arange(width)
    mirrored = torch.rand(n, generator=generator) < 0.5
    columns = torch.where(mirrored[:, None], columns.flip(1), columns)[:, None, :]
    return padded.permute(0, 2, 3, 1)[torch.arange(n)[:, None, None], rows, columns].permute(0, 3, 1, 2)
