"""CIFAR-10 and CIFAR-100 as published, downloaded and verified by torchvision."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simbench_plugins.datasets.archives import Archive
from simbench_plugins.datasets.published import Published

from simbench import hookimpl


@dataclass(frozen=True)
class Cifar10(Published):
    """Photographs (3, 32, 32) of 10 classes: 50,000 train and 10,000 test images.

    Downloaded once (170 MB) into the cache folder. A copy that was placed there by hand is used as well.
    mean, std: the customary values, with which the authors of the matching paper trained. This std is the mean of the
    standard deviations of single images; that of all pixels is (0.2470, 0.2435, 0.2616).
    """

    name = "cifar10"
    source = (
        "Krizhevsky 2009, Learning multiple layers of features from tiny images; normalisation of "
        "Csiszarik et al. 2021, code"
    )
    original, unpacked = "CIFAR10", "cifar-10-batches-py"
    channels, classes = 3, 10
    mean, std = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)
    epochs, augment = 30, True

    def archives(self, original: Any, folder: Path) -> list[Archive]:
        return [Archive(folder / original.filename, original.url, original.tgz_md5)]

    def arrays(self, part: Any):
        return part.data.transpose(0, 3, 1, 2), part.targets


@dataclass(frozen=True)
class Cifar100(Cifar10):
    """Photographs (3, 32, 32) of 100 classes (the fine labels): 50,000 train and 10,000 test images.

    Downloaded once (170 MB) into the cache folder. A copy that was placed there by hand is used as well.
    mean, std: the customary values, which the code of the matching paper also uses: those of all pixels of the train
    images, to within 2e-4. Unlike that of cifar10, this std is not a mean over single images.
    """

    name = "cifar100"
    original, unpacked = "CIFAR100", "cifar-100-python"
    classes = 100
    mean, std = (0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)


@hookimpl
def simbench_datasets():
    return [Cifar10(), Cifar100()]
