"""Inputs of networks: drawn from a split of a data set, normalised, and augmented for training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from simbench.contracts import Dataset, Model, Preprocess, Split
from simbench.contracts.splits import whole
from simbench.errors import InputError
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
    """At most `limit` inputs (n, c, h, w), converted by `pixels`, in channels-last memory, or ids (n, t), and labels.

    They are drawn without replacement and stay in the order of the data set. span: the range of the data set.
    raw: the inputs as they are."""
    inputs, chosen = split.inputs, sampling.draw(len(split.inputs), limit, seed)
    if raw:
        return torch.from_numpy(inputs[chosen.numpy()]), torch.from_numpy(split.labels[chosen.numpy()])
    if inputs.ndim == 2:
        return torch.from_numpy(inputs[chosen.numpy()].astype("int64")), torch.from_numpy(split.labels[chosen.numpy()])
    dtype = pixels(inputs[:1], span).dtype
    drawn = torch.empty((len(chosen), *inputs.shape[1:]), dtype=dtype, memory_format=torch.channels_last)
    for part, some in zip(drawn.split(BATCH), chosen.split(BATCH), strict=True):  # never holds two copies of everything
        part.copy_(pixels(inputs[some.numpy()], span))
    return drawn, torch.from_numpy(split.labels[chosen.numpy()])


def pixels(images: numpy.ndarray, span: tuple[float, float] | None = None) -> Tensor:
    """Copies inputs of a data set into a tensor: token ids (n, t) as int64, uint8 images unchanged, other types as
    float32, with the range (low, high) of the data set mapped to [0, 1]."""
    if images.ndim == 2:
        return torch.from_numpy(images.astype("int64"))
    if images.dtype == "uint8" and whole(span):
        return torch.tensor(images if min(images.strides) > 0 else images.copy())  # torch rejects negative strides
    low, high = map(float, span)
    return torch.from_numpy((images.astype("float64") - low) / (high - low)).to(torch.float32)


def prepared(images: Tensor, model: Model, dataset: Dataset, device: torch.device | str = "cpu") -> Tensor:
    """The input of a network of a model for images (n, c, h, w) of a data set, as `normalised`, but in the size, the
    channels and with the mean and std that the model asks for (`Model.preprocess`). Token ids (n, t) stay as they are.

    Raises InputError for images of a number of channels that the model does not take."""
    own = model.preprocess
    if images.dtype == torch.int64:
        return images.to(device)
    if own is None:
        return normalised(images, dataset, device)
    if images.shape[1] not in (1, own.channels):
        raise InputError(
            f"images of {dataset.label} have {images.shape[1]} channels; {model.spec} takes {own.channels}, or 1, "
            "which is repeated"
        )
    if own.mean is not None and dataset.as_given:
        raise InputError(
            f"images of {dataset.label} hold values beyond 0 and 1, and {model.spec} has a mean and std of its own; "
            "give images as uint8 or between 0 and 1, or the model inputs=data"
        )
    x = images.to(device)
    x = x.to(torch.float32).div_(255) if images.dtype == torch.uint8 else x
    x = _resized(x, own).expand(-1, own.channels, -1, -1).contiguous(memory_format=torch.channels_last)
    mean, std = (
        torch.tensor(value, device=device, dtype=torch.float32).view(1, -1, 1, 1)
        for value in (own.mean or dataset.mean, own.std or dataset.std)
    )
    return (x - mean) / std


def _resized(x: Tensor, own: Preprocess) -> Tensor:
    """Images in [0, 1] in the size that a model asks for."""
    if own.size is None or tuple(x.shape[2:]) == tuple(own.size):
        return x
    height, width = own.size
    if own.resize is not None:
        scale = own.resize / min(x.shape[2:])
        size = [max(round(side * scale), least) for side, least in zip(x.shape[2:], own.size, strict=True)]
    else:
        size = [height, width]
    x = functional.interpolate(x, size, mode=own.interpolation, align_corners=False, antialias=True).clamp_(0, 1)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    return x[:, :, top : top + height, left : left + width]


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
