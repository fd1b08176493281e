"""Small networks in memory, and data for them."""

from __future__ import annotations

import torch
from torch import nn

INPUTS = torch.randn(64, 3, 6, 6, generator=torch.Generator().manual_seed(1))
LABELS = torch.randint(0, 4, (64,), generator=torch.Generator().manual_seed(2))
STAGES = ["conv", "act", "pool", "flat"]


def row(width: int, seed: int) -> nn.Sequential:
    """Named stages in a row."""
    torch.manual_seed(seed)
    net = nn.Sequential()
    net.add_module("conv", nn.Conv2d(3, width, 3, padding=1))
    net.add_module("act", nn.ReLU(inplace=True))
    net.add_module("pool", nn.AdaptiveAvgPool2d(1))
    net.add_module("flat", nn.Flatten())
    net.add_module("head", nn.Linear(width, 4))
    return net


class Bypassed(nn.Module):
    """No row of stages: the second convolution is bypassed."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Conv2d(3, 5, 1), nn.Conv2d(5, 5, 1), nn.Linear(5, 4)

    def forward(self, x):
        x = self.first(x)
        return self.head((x + self.second(x)).mean((2, 3)))


class Masked(nn.Module):
    """Token ids, whose padding is read again behind the layer."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.layer, self.top = nn.Embedding(10, 6), nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, ids):
        return (self.top(self.layer(self.table(ids))) * (ids != 0)[..., None]).sum(1)
