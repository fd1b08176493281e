"""The contract of a model: an architecture, where it can be stitched, and how it is trained."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simbench.contracts.dataset import Dataset
from simbench.contracts.plugin import Plugin

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; the recipe and the seed are part of the key under which weights are cached.

    schedule: "one_cycle" (peak `learning_rate`), "step" (cut by 10 after each third) or "constant".
    augment: random crop (padding 4) and flip. clip: largest norm of a gradient; None does not clip.
    """

    optimizer: str = "sgd"
    learning_rate: float = 0.1
    epochs: int = 8
    batch: int = 64
    momentum: float = 0.9
    weight_decay: float = 5e-4
    schedule: str = "one_cycle"
    augment: bool = False
    clip: float | None = None

    @property
    def identity(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def fault(self) -> str:
        """The first of its values that nothing can be trained with, and what is allowed; "" where there is none."""
        words = {"optimizer": ("sgd", "adam"), "schedule": ("one_cycle", "step", "constant")}
        for name, allowed in words.items():
            if getattr(self, name) not in allowed:
                return f"{name} is {getattr(self, name)!r}; allowed: {', '.join(allowed)}"
        for name in ("epochs", "batch"):
            if type(getattr(self, name)) is not int or getattr(self, name) < 1:
                return f"{name} is {getattr(self, name)!r}; a whole number from 1 is allowed"
        positive = ("learning_rate", *["clip"] * (self.clip is not None))
        for name in (*positive, "momentum", "weight_decay"):
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf
            if not number or (name in positive and value == 0):
                return f"{name} is {value!r}; a finite number {'above' if name in positive else 'from'} 0 is allowed"
        return ""


@dataclass(frozen=True)
class Preprocess:
    """What a network wants its images to be, where that is not what the data set gives.

    size: (h, w) in pixels; images of another size are resized (antialiased). None keeps their size.
    resize: pixels of the shorter side to which images are resized before the middle of `size` is cut out of them; None
        resizes them to `size` straight away.
    interpolation: of resizing, "bilinear" or "bicubic"; values are kept within [0, 1].
    channels: an image of one channel is repeated. mean, std: per channel, of images scaled to [0, 1]; None: those of
        the data set.
    """

    size: tuple[int, int] | None = None
    resize: int | None = None
    interpolation: str = "bilinear"
    channels: int = 3
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    @property
    def identity(self) -> dict[str, Any]:
        return asdict(self)


class Model(Plugin):
    """An architecture: a sequence of named stages, with the layers at which it can be stitched.

    The network that `build` returns is part of the key of every result and of the name of cached weights: an edit of
    `build`, or of the code of its modules, is noticed without a new `version`, as long as it reads source files only.
    """

    kind = "models"
    #: True where the network gives features rather than outputs (n, outputs) of a task: it is compared by activations.
    features: bool = False

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of all stages at which the network can be stitched, in order of depth."""
        raise TypeError(f"model {self.name!r} names no layers")

    @property
    def default_layers(self) -> tuple[str, ...]:
        """The layers that are measured where the user names none."""
        return self.layers

    @property
    def preprocess(self) -> Preprocess | None:
        """What the network wants its images to be; None: as the data set gives them, with its mean and std."""
        return None

    @property
    def vocabulary(self) -> int | None:
        """Number of token ids of a network of text, called with ids (n, t), -1 where masked; None: of images."""
        return None

    def build(self, channels: int, classes: int) -> torch.nn.Module:
        """Untrained network: images (n, channels, h, w) -> logits (n, classes). Randomness from torch's
        global generator, which the caller seeds."""
        raise TypeError(f"model {self.name!r} builds nothing")

    @property
    def untrained(self) -> Model:
        """The model whose `build` gives initial weights: itself, unless it holds a network with its weights."""
        return self

    def adapted(self, inputs: torch.Tensor) -> torch.Tensor:
        """What the network is called with for a batch of inputs (n, ...) that are normalised as its data set says."""
        return inputs

    @property
    def files(self) -> tuple[Path, ...]:
        """Python files of the user that `build` reads. A worker sets this attribute to copies of them, in folders
        as here; a model with files declares it as a `cached_property` and reads what it names."""
        return ()

    def published(self) -> Dataset | None:
        """The data set that this configuration's published weights were trained on (its splits are not needed), or
        None: it is trained here."""
        return None

    def fetch(self) -> dict[str, torch.Tensor]:
        """State dict of the published weights, downloaded."""
        raise TypeError(f"model {self.name!r} has no published weights")

    def recipe(self, dataset: Dataset) -> Recipe:
        """How to train it on this data set."""
        return Recipe(epochs=dataset.epochs, augment=dataset.augment)
