"""MNIST and Fashion-MNIST as published, downloaded by torchvision."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simbench_plugins.datasets.archives import Archive
from simbench_plugins.datasets.published import Published

from simbench import hookimpl

#: Pixels per side as published, and of the black border around them.
SIZE, BORDER = 28, 2


@dataclass(frozen=True)
class Mnist(Published):
    """Handwritten digits (1, 32, 32) of 10 classes: 60,000 train and 10,000 test images.

    The published 28x28 pixels with a border of two zeros, the input of LeCun et al.'s LeNet-5, so that networks for
    32x32 fit; the code of the matching paper stretches them to 32x32.
    Fetched once (12 MB) into the cache folder, where a copy put there by hand is taken as well.
    mean, std: the customary ones, of all 28x28 pixels of the train images, without the border.
    """

    name = "mnist"
    source = (
        "LeCun, Bottou, Bengio and Haffner 1998, Gradient-based learning applied to document recognition, section III"
    )
    original, unpacked = "MNIST", "MNIST/raw"
    channels, classes = 1, 10
    mean, std = (0.1307,), (0.3081,)
    epochs = 8

    def archives(self, original: Any, folder: Path) -> list[Archive]:
        return [
            Archive(folder / self.unpacked / name, original.mirrors[0] + name, md5) for name, md5 in original.resources
        ]

    def unverified(self, archives: list[Archive]) -> bool:
        return all(archive.file.with_suffix("").is_file() for archive in archives)

    def unpack(self, archive: Archive, folder: Path) -> None:
        from torchvision.datasets.utils import extract_archive

        (folder / self.unpacked).mkdir(parents=True, exist_ok=True)
        extract_archive(archive.file, folder / self.unpacked)

    def arrays(self, part: Any):
        """Raises ValueError for files that do not belong together; torchvision checks each alone."""
        import numpy as np

        images, labels = part.data.numpy(), part.targets.numpy()
        if images.shape != (len(labels), SIZE, SIZE) or not len(labels) or labels.max() >= self.classes:
            raise ValueError(f"images {images.shape} and labels {labels.shape} are not of {self.original}")
        return np.pad(images[:, None], ((0, 0), (0, 0), (BORDER, BORDER), (BORDER, BORDER))), labels


@dataclass(frozen=True)
class FashionMnist(Mnist):
    """Grey pictures of clothes (1, 32, 32) in 10 classes: 60,000 train and 10,000 test images.

    The published 28x28 pixels with a border of two zeros, as of mnist.
    Fetched once (31 MB) into the cache folder, where a copy put there by hand is taken as well.
    mean, std: the customary ones, of all 28x28 pixels of the train images, without the border; the code of the
    matching paper takes mnist's.
    """

    name = "fashion_mnist"
    source = "Xiao, Rasul and Vollgraf 2017, Fashion-MNIST: a novel image dataset"
    original, unpacked = "FashionMNIST", "FashionMNIST/raw"
    mean, std = (0.2860,), (0.3530,)
    epochs, augment = 20, True


@hookimpl
def simbench_datasets():
    return [Mnist(), FashionMnist()]
