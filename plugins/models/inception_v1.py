"""Inception V1 (GoogLeNet), as torchvision builds it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal
from urllib.request import urlopen

from simbench_plugins.models import training

from simbench import Dataset, InputError, Model, Recipe, hookimpl, number
from simbench.system import atomic as durable
from simbench.system.cache import cache_folder

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class ImageNet(Dataset):
    """The data set of the published weights: name, size and normalisation, without the images.

    mean, std: of the network as it was trained. torchvision asks for inputs with ImageNet's statistics and undoes
    them inside the network (transform_input), x' = x std / 0.5 + (mean - 0.5) / 0.5, which is equivalent.
    """

    name = "imagenet"
    source = "Russakovsky et al. 2015, ImageNet large scale visual recognition challenge"
    channels, classes = 3, 1000
    mean = std = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class InceptionV1(Model):
    """Three convolutions, nine inception modules, global average pool, dropout, logits; 6.6 million parameters.

    Stages conv1, conv2, conv3 and inception3a ... inception5b can be stitched at, each after its ReLU; between them
    stand maxpool1 ... maxpool4, then avgpool, flatten, dropout, fc. torchvision's own modules: batch norm after every
    convolution, 3x3 for 5x5 convolutions, no auxiliary classifiers; state dicts of its googlenet load as they are.
    The authors of the matching paper used another Inception V1 (that of Lucid: local response norms, biases, other
    widths), whose checkpoints do not fit. Images have 15 pixels a side or more; at 32, inception5a is 1 x 1.
    weights: imagenet uses torchvision's published weights instead of training. They are downloaded once (50 MB) into
        the cache folder; a file put there by hand is used as well.
    optimizer, epochs, learning_rate, augment: of its training, one-cycle with batches of 64; none takes the data set's
        epochs and augmentation, and 0.05 for sgd (0.98 on the test digits) or 0.002 for adam.
    """

    weights: Literal["imagenet"] | None = None
    optimizer: Literal["sgd", "adam"] = "sgd"
    epochs: int | None = number(None, least=1)
    learning_rate: float | None = number(None, above=0.0)
    augment: bool | None = None

    #: Weights trained on ImageNet, as torchvision publishes them; the name ends in the first digits of the sha256.
    url: ClassVar[str] = "https://download.pytorch.org/models/googlenet-1378be20.pth"
    #: Seconds without an answer after which a download fails.
    patience: ClassVar[float] = 30

    name = "inception_v1"
    source = "Szegedy et al. 2015, table 1; Csiszarik et al. 2021, section 5.1"

    def __post_init__(self) -> None:
        super().__post_init__()
        trained = (
            type(self)(
                optimizer=self.optimizer, epochs=self.epochs, learning_rate=self.learning_rate, augment=self.augment
            )
            if self.weights
            else None
        )
        if trained and trained.arguments:
            raise InputError(
                f"inception_v1 with weights={self.weights} is not trained here; leave out {trained.arguments}"
            )

    @property
    def layers(self) -> tuple[str, ...]:
        modules = [
            f"inception{size}{letter}" for size, letters in ((3, "ab"), (4, "abcde"), (5, "ab")) for letter in letters
        ]
        return ("conv1", "conv2", "conv3", *modules)

    def build(self, channels: int, classes: int) -> nn.Sequential:
        from torch import nn
        from torchvision.models.googlenet import BasicConv2d, GoogLeNet

        whole = GoogLeNet(num_classes=classes, aux_logits=False, init_weights=False)
        if channels != 3:
            whole.conv1 = BasicConv2d(channels, 64, kernel_size=7, stride=2, padding=3)
        net = nn.Sequential()
        for name, stage in whole.named_children():
            net.add_module(name, stage)
            if name == "avgpool":
                net.add_module("flatten", nn.Flatten())
        return net

    def published(self) -> Dataset | None:
        return ImageNet() if self.weights else None

    def fetch(self) -> dict[str, Tensor]:
        """As published, without the auxiliary classifiers. Raises InputError when the file cannot be downloaded."""
        from simbench.networks.weights import read

        file = cache_folder("weights", Path(self.url).name)
        if not _intact(file):
            _download(self.url, file, self.patience)
        return {key: value for key, value in read(file).items() if not key.startswith("aux")}

    def recipe(self, dataset: Dataset) -> Recipe:
        return training.recipe(self, dataset, {"sgd": 0.05, "adam": 0.002})


def _intact(file: Path) -> bool:
    return file.is_file() and _genuine(file.read_bytes(), file.stem)


def _genuine(content: bytes, stem: str) -> bool:
    """Whether the sha256 of the content begins with the digits at the end of the name."""
    return hashlib.sha256(content).hexdigest().startswith(stem.rpartition("-")[2])


def _download(url: str, file: Path, patience: float) -> None:
    """Download `url` to `file`, whole and verified. Raises InputError, which says what to do, where that fails."""
    broken = file.exists()
    try:
        with urlopen(url, timeout=patience) as answer:
            content = answer.read()
        if not _genuine(content, file.stem):
            raise ValueError("the answer has another sha256 than its name says")
        durable.write(file, content)
    except Exception as error:  # network, proxy, disk: each raises its own
        state = (
            f"the {file.name} in {file.parent} is broken or incomplete"
            if broken
            else f"no {file.name} is in {file.parent}"
        )
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(
            f"inception_v1: {state}, and fetching {url} failed ({reason}); put the file there by hand, or "
            "train it: inception_v1 without weights=imagenet"
        ) from error


@hookimpl
def simbench_models():
    return [InceptionV1()]
