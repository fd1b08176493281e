"""MNIST and Fashion-MNIST as published, downloaded by torchvision."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simbench_plugins.datasets.archives import Archive
from simbench_plugins.datasets.published import Published

from simbench import hookimpl

#: Pixels per side as published, and width of the black padding.
SIZE, BORDER = 28, 2


@dataclass(frozen=True)
class Mnist(Published):
    """Handwritten digits (1, 32, 32) of 10 classes: 60,000 train and 10,000 test images.

    The published 28x28 pixels are padded with two zeros on each side, like the inputs of LeCun et al.'s LeNet-5, so
    that networks for 32x32 inputs fit. (The code of the matching paper resizes the images to 32x32.)
    The files (12 MB) are downloaded once into the cache folder; a copy that was put there by hand works, too.
    mean, std: the usual ones, of all 28x28 pixels of the train images, without the padding.
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
        """Raises ValueError for images and labels that do not belong together; torchvision checks each file alone."""
        import numpy as np

        images, labels = part.data.numpy(), part.targets.numpy()
        if images.shape != (len(labels), SIZE, SIZE) or not len(labels) or labels.max() >= self.classes:
            raise ValueError(f"images {images.shape} and labels {labels.shape} are not of {self.original}")
        return np.pad(images[:, None], ((0, 0), (0, 0), (BORDER, BORDER), (BORDER, BORDER))), labels


@dataclass(frozen=True)
class FashionMnist(Mnist):
    """Grey pictures of clothes (1, 32, 32) in 10 classes: 60,000 train and 10,000 test images.

    The published 28x28 pixels are padded as those of mnist are.
    The files (31 MB) are downloaded once into the cache folder; a copy that was put there by hand works, too.
    mean, std: the usual ones, of all 28x28 pixels of the train images, without the padding. (The code of the matching
    paper uses those of MNIST.)
    """

    name = "fashion_mnist"
    source = "Xiao, Rasul and Vollgraf 2017, Fashion-MNIST: a novel image dataset"
    original, unpacked = "FashionMNIST", "FashionMNIST/raw"
    mean, std = (0.2860,), (0.3530,)
    epochs, augment = 20, True


@hookimpl
def simbench_datasets():
    return [Mnist(), FashionMnist()]
