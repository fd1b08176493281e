"""A data set and a model that train in a fraction of a second, and plugins that misbehave."""

from __future__ import annotations

from dataclasses import dataclass

import simbench
from simbench import Claims, Index
from simbench.contracts import Dataset, Model, Recipe, Split


class Blobs(Dataset):
    """Three easy classes of 8x8 images: a bright square in one of three corners, with noise."""

    name, source = "blobs", "made by the tests"
    channels, classes = 1, 3
    mean, std = (0.3,), (0.2,)
    epochs = 2

    def split(self, name: str) -> Split:
        import numpy as np

        n, draw = {"train": (150, 0), "test": (60, 1)}[name]
        rng = np.random.default_rng(draw)
        labels = rng.integers(0, 3, n)
        images = rng.integers(0, 120, (n, 1, 8, 8))
        for image, label in zip(images, labels, strict=True):
            row, column = divmod(int(label), 2)
            image[0, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] += 60
        return Split(images.astype(np.uint8), labels.astype(np.int64))


@dataclass(frozen=True)
class Net(Model):
    """Two convolutions, stitchable after each; trains in a fraction of a second."""

    width: int = 6

    name, source = "net", "made by the tests"

    @property
    def layers(self) -> tuple[str, ...]:
        return ("conv1", "bn1", "relu1", "conv2", "relu2")

    @property
    def default_layers(self) -> tuple[str, ...]:
        return ("bn1", "conv2")

    def build(self, channels: int, classes: int):
        from collections import OrderedDict

        from torch import nn

        return nn.Sequential(
            OrderedDict(
                conv1=nn.Conv2d(channels, self.width, 3, padding=1),
                bn1=nn.BatchNorm2d(self.width),
                relu1=nn.ReLU(),
                conv2=nn.Conv2d(self.width, self.width + 2, 3, 2),
                relu2=nn.ReLU(),
                pool=nn.AdaptiveAvgPool2d(2),
                flatten=nn.Flatten(),
                fc=nn.Linear(4 * (self.width + 2), classes),
            )
        )

    def recipe(self, dataset: Dataset) -> Recipe:
        return Recipe(epochs=dataset.epochs, batch=32)


class SmallPlugins:
    """A plugin with the data set `blobs` and the model `net`."""

    @simbench.hookimpl
    def simbench_datasets(self):
        return [Blobs()]

    @simbench.hookimpl
    def simbench_models(self):
        return [Net()]


class Raises(Index):
    """An index that raises."""

    name, source = "raises", "made by the tests"

    def from_moments(self, m):
        raise RuntimeError("out of\nluck")


class ReturnsNaN(Index):
    """An index that returns NaN."""

    name, source = "nan", "made by the tests"

    def from_samples(self, a, b):
        return a.sum() * float("nan")


class Total(Index):
    """Sum of the comoments: of no use, but defined for any data."""

    name, source = "total", "made by the tests"

    @property
    def claims(self) -> Claims:
        return Claims(range=(float("-inf"), float("inf")))

    def from_moments(self, m):
        return m.ab.sum()


class BadPlugins:
    """A plugin with indices that fail, and one that does not."""

    @simbench.hookimpl
    def simbench_indices(self):
        return [Raises(), ReturnsNaN(), Total()]
