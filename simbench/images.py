"""Images on their way into a network: drawing, normalising, augmenting."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from simbench.contracts import Dataset, Split
from simbench.stopwatch import stage

#: Images per forward pass. Part of every result's arithmetic: another value changes last digits.
BATCH = 128


@stage("reading data")
def draw(split: Split, limit: int, seed: int) -> tuple[Tensor, Tensor]:
    """At most `limit` images (n, c, h, w) uint8, channels last, and their labels (n,), drawn without replacement and
    kept in the order of the data set."""
    images, chosen = split.images, torch.arange(len(split.images))
    if len(images) > limit:
        chosen = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))[:limit].sort().values
    drawn = torch.empty((len(chosen), *images.shape[1:]), dtype=torch.uint8, memory_format=torch.channels_last)
    for part, some in zip(drawn.split(BATCH), chosen.split(BATCH), strict=True):  # never two copies of all
        part.copy_(torch.from_numpy(images[some.numpy()]))
    return drawn, torch.from_numpy(split.labels[chosen.numpy()])


def normalised(images: Tensor, dataset: Dataset, device: torch.device | str = "cpu") -> Tensor:
    """What a network sees of uint8 images (n, c, h, w): (x / 255 - mean) / std, float32, channels last."""
    # As large as an image: in channels-last memory a number per channel would be looked up pixel by pixel.
    mean, std = (torch.tensor(value, device=device).view(1, -1, 1, 1).expand(1, *images.shape[1:])
                 .contiguous(memory_format=torch.channels_last) for value in (dataset.mean, dataset.std))
    x = images.to(device).contiguous(memory_format=torch.channels_last).to(torch.float32)
    return x.div_(255).sub_(mean).div_(std)


def augmented(images: Tensor, generator: torch.Generator) -> Tensor:
    """Each uint8 image cropped at random after padding by 4, and mirrored with probability 1/2."""
    n, _, height, width = images.shape
    padded = functional.pad(images, (4, 4, 4, 4))
    down, right = torch.randint(0, 9, (2, n), generator=generator)
    rows = (down[:, None] + torch.arange(height))[:, :, None]
    columns = (right[:, None] + torch.arange(width))
    mirrored = torch.rand(n, generator=generator) < 0.5
    columns = torch.where(mirrored[:, None], columns.flip(1), columns)[:, None, :]
    return padded.permute(0, 2, 3, 1)[torch.arange(n)[:, None, None], rows, columns].permute(0, 3, 1, 2)
