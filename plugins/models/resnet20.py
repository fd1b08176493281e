"""ResNet-20, the residual network for images of 32x32."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from simbench_plugins.models import training

from simbench import Dataset, InputError, Model, Recipe, hookimpl, number

if TYPE_CHECKING:
    from torch import nn

#: Channels at width 1 and stride of the three stages, and residual blocks in each.
STAGES, BLOCKS = ((16, 1), (32, 2), (64, 2)), 3


@dataclass(frozen=True)
class ResNet20(Model):
    """3x3 convolution, batch norm, ReLU; three stages of three residual blocks; global average pool, logits.

    Stages conv1, bn1, relu and the blocks layer1.0 ... layer3.2 can be stitched at; then avgpool, flatten, fc.
    Where a block changes the shape, its shortcut is a 1x1 convolution with batch norm (option B), as in the
    checkpoints of the authors of the matching paper, which load here; He et al. pad with zeros on CIFAR-10.
    width: multiplier; the stages have round(16 width), round(32 width) and round(64 width) channels.
    batch_norm: False leaves the batch norms out; convolutions then have biases, and every block starts with a branch
        as large as its shortcut.
    optimizer, epochs, learning_rate, augment: of its training, one-cycle with batches of 64; none takes the data
        set's epochs and augmentation, and 0.1 for sgd or 0.02 for adam. On the test digits, widths 0.125, 0.25, 0.5
        and 1 reach 0.95, 0.98, 0.99 and 0.99 (sgd) or 0.96, 0.99, 0.99 and 0.99 (adam). Without batch norm it is twice
        the epochs at 0.2 with clipped gradients or 0.003; seeds 0 and 1 reach 0.94 and 0.89 (sgd) or 0.98 and 0.95
        (adam) at width 0.25, seed 0 reaches 0.99 (sgd) at width 1.
    """

    width: float = 1.0
    batch_norm: bool = True
    optimizer: Literal["sgd", "adam"] = "sgd"
    epochs: int | None = number(None, least=1)
    learning_rate: float | None = number(None, above=0.0)
    augment: bool | None = None

    name = "resnet20"
    source = "He et al. 2016, section 4.2; Csiszarik et al. 2021, section 5.1"

    def __post_init__(self) -> None:
        if not math.isfinite(self.width) or self.widths[0] < 1:
            raise InputError(
                f"width is {self.width}; a number that leaves round({STAGES[0][0]} width) = 1 channel or "
                "more is allowed, such as 0.25, 1 or 3"
            )
        super().__post_init__()

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each stage."""
        return tuple(round(channels * self.width) for channels, _ in STAGES)

    @property
    def layers(self) -> tuple[str, ...]:
        blocks = [f"layer{i}.{j}" for i in range(1, len(STAGES) + 1) for j in range(BLOCKS)]
        return ("conv1", "bn1", "relu", *blocks) if self.batch_norm else ("conv1", "relu", *blocks)

    @property
    def default_layers(self) -> tuple[str, ...]:
        first = "bn1" if self.batch_norm else "conv1"
        return (first, *(layer for layer in self.layers if layer.startswith("layer")))

    def build(self, channels: int, classes: int) -> nn.Sequential:
        from simbench_plugins.models.residual import BasicBlock, convolution
        from torch import nn

        net = nn.Sequential(OrderedDict(conv1=convolution(channels, self.widths[0], 3, 1, not self.batch_norm)))
        if self.batch_norm:
            net.add_module("bn1", nn.BatchNorm2d(self.widths[0]))
        net.add_module("relu", nn.ReLU())
        before = self.widths[0]
        for i, (width, (_, stride)) in enumerate(zip(self.widths, STAGES, strict=True), 1):
            stage = nn.Sequential()
            for _ in range(BLOCKS):
                stage.append(BasicBlock(before, width, stride, self.batch_norm))
                before, stride = width, 1
            net.add_module(f"layer{i}", stage)
        net.add_module("avgpool", nn.AdaptiveAvgPool2d(1))
        net.add_module("flatten", nn.Flatten())
        net.add_module("fc", nn.Linear(before, classes))
        return net

    def recipe(self, dataset: Dataset) -> Recipe:
        if self.batch_norm:
            return training.recipe(self, dataset, {"sgd": 0.1, "adam": 0.02})
        clip = 0.3 if self.optimizer == "sgd" else None  # else it leaves the first plateau for infinity, or never
        return training.recipe(self, dataset, {"sgd": 0.2, "adam": 0.003}, stretch=2, clip=clip)


@hookimpl
def simbench_models():
    return [ResNet20()]
