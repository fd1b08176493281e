"""A small network of tokens."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Block(nn.Module):
    """Tokens (n, t, c) that attend to each other, with a bypass."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.value = nn.LayerNorm(width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        return x + nn.functional.scaled_dot_product_attention(y, y, self.value(y))


class Tokens(nn.Module):
    """Patches with a class token through two blocks, and a module whose axes mean nothing."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.patches, self.mix, self.head = nn.Conv2d(3, width, 2, 2), nn.Identity(), nn.Linear(width, 4)
        self.first = nn.Parameter(torch.zeros(1, 1, width))
        self.blocks = nn.ModuleList(Block(width) for _ in "ab")

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).mT
        x = torch.cat([self.first.expand(x.shape[0], -1, -1), x], 1)
        self.mix(x.reshape(x.shape[0], -1, 2))
        for block in self.blocks:
            x = block(x)
        return self.head(x[:, 0])
