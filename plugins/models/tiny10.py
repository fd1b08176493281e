"""Tiny-10, the small convolutional network of the literature on similarity indices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from simbench_plugins.models import training

from simbench import Dataset, Model, Recipe, hookimpl, number

if TYPE_CHECKING:
    from torch import nn

#: (output channels, kernel, stride, padding) of the eight blocks; Kornblith et al. 2019, appendix E.
BLOCKS = (
    (16, 3, 1, 1),
    (16, 3, 1, 1),
    (32, 3, 2, 1),
    (32, 3, 1, 1),
    (32, 3, 1, 1),
    (64, 3, 2, 1),
    (64, 3, 1, 0),
    (64, 1, 1, 0),
)


@dataclass(frozen=True)
class Tiny10(Model):
    """Eight blocks of convolution, batch norm and ReLU, global average pool, logits.

    Stages conv{i}, bn{i}, relu{i} for i in 1..8 (stitchable), then pool, flatten and fc. Convolutions
    have biases, as in the authors' checkpoints.
    padding: "same" pads every 3x3 convolution but the seventh (Kornblith et al. 2019); "valid" pads
        none, as the authors of the matching paper trained it.
    batch_norm: False leaves the bn stages out; the default layers are then the convolutions.
    optimizer, epochs, learning_rate, augment: of its training, one-cycle with batches of 64; none takes the
        data set's epochs and augmentation, and 0.1 for sgd or 0.003 for adam. Without batch norm it is twice the
        epochs at 0.004 or 0.001, and seeds 0 and 1 reach 0.94 and 0.91 (sgd) or 0.98 and 0.99 (adam) on the test
        digits.
    """

    padding: Literal["same", "valid"] = "same"
    batch_norm: bool = True
    optimizer: Literal["sgd", "adam"] = "sgd"
    epochs: int | None = number(None, least=1)
    learning_rate: float | None = number(None, above=0.0)
    augment: bool | None = None

    name = "tiny10"
    source = "Kornblith et al. 2019, appendix E; Csiszarik et al. 2021, section 5.1"

    @property
    def _parts(self) -> tuple[str, ...]:
        return ("conv", "bn", "relu") if self.batch_norm else ("conv", "relu")

    @property
    def layers(self) -> tuple[str, ...]:
        return tuple(f"{part}{i}" for i in range(1, len(BLOCKS) + 1) for part in self._parts)

    @property
    def default_layers(self) -> tuple[str, ...]:
        part = "bn" if self.batch_norm else "conv"
        return tuple(f"{part}{i}" for i in range(1, len(BLOCKS) + 1))

    def build(self, channels: int, classes: int) -> nn.Sequential:
        from torch import nn

        net = nn.Sequential()
        for i, (width, kernel, stride, padding) in enumerate(BLOCKS, 1):
            padding = padding if self.padding == "same" else 0
            convolution = nn.Conv2d(channels, width, kernel, stride, padding)
            net.add_module(f"conv{i}", convolution)
            if self.batch_norm:
                net.add_module(f"bn{i}", nn.BatchNorm2d(width))
            else:  # torch's own initialisation shrinks the signal at every block, and nothing is learnt
                nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
                nn.init.zeros_(convolution.bias)
            net.add_module(f"relu{i}", nn.ReLU())
            channels = width
        net.add_module("pool", nn.AdaptiveAvgPool2d(1))
        net.add_module("flatten", nn.Flatten())
        net.add_module("fc", nn.Linear(channels, classes))
        return net

    def recipe(self, dataset: Dataset) -> Recipe:
        if self.batch_norm:
            return training.recipe(self, dataset, {"sgd": 0.1, "adam": 0.003})
        return training.recipe(self, dataset, {"sgd": 0.004, "adam": 0.001}, stretch=2)


@hookimpl
def simbench_models():
    return [Tiny10()]
