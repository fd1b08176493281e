"""Images on their way into a network: drawing, normalising, augmenting."""

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

#: Images per forward pass. Part of every result's arithmetic: another value changes last digits.
BATCH = 128


@stage("reading data")
def draw(split: Split, limit: int, seed: int, span: tuple[float, float] | None = None) -> tuple[Tensor, Tensor]:
    """At most `limit` images (n, c, h, w) as of `pixels`, channels last, and their labels (n,), drawn without
    replacement and kept in the order of the data set. span: the data set's range."""
    images, chosen = split.inputs, sampling.draw(len(split.inputs), limit, seed)
    dtype = pixels(images[:1], span).dtype
    drawn = torch.empty((len(chosen), *images.shape[1:]), dtype=dtype, memory_format=torch.channels_last)
    for part, some in zip(drawn.split(BATCH), chosen.split(BATCH), strict=True):  # never two copies of all
        part.copy_(pixels(images[some.numpy()], span))
    return drawn, torch.from_numpy(split.labels[chosen.numpy()])


def pixels(images: numpy.ndarray, span: tuple[float, float] | None = None) -> Tensor:
    """Images of a data set as a tensor of their own: uint8 as they are, others as float32 with the data set's range
    (low, high) stretched to [0, 1]."""
    if images.dtype == "uint8" and whole(span):
        return torch.tensor(images if min(images.strides) > 0 else images.copy())  # torch knows no negative strides
    low, high = map(float, span)
    return torch.from_numpy((images.astype("float64") - low) / (high - low)).to(torch.float32)


def normalised(images: Tensor, dataset: Dataset, device: torch.device | str = "cpu") -> Tensor:
    """What a network sees of images (n, c, h, w): (x - mean) / std of x in [0, 1], float32, channels last. x is
    images / 255 for uint8, and float images as they are."""
    # As large as an image: in channels-last memory a number per channel would be looked up pixel by pixel.
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
    """Each image, as of `pixels`, cropped at random after padding by 4 with 0 (black), and mirrored with probability
    1/2."""
    n, _, height, width = images.shape
    padded = functional.pad(images, (4, 4, 4, 4))
    down, right = torch.randint(0, 9, (2, n), generator=generator)
    rows = (down[:, None] + torch.arange(height))[:, :, None]
    columns = right[:, None] + torch.arange(width)
    mirrored = torch.rand(n, generator=generator) < 0.5
    columns = torch.where(mirrored[:, None], columns.flip(1), columns)[:, None, :]
    return padded.permute(0, 2, 3, 1)[torch.arange(n)[:, None, None], rows, columns].permute(0, 3, 1, 2)
