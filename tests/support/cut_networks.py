"""Small networks to cut: with bypasses, masks, shapes read again, writes in place and outputs of several tensors."""

import torch
from torch import nn
from torch.nn import functional

IMAGES = torch.randn(4, 3, 6, 6, generator=torch.Generator().manual_seed(0))


class Block(nn.Module):
    """A stem, a block with a bypass, and a head."""

    def __init__(self, width):
        super().__init__()
        self.stem, self.inner = nn.Conv2d(3, width, 1), nn.Conv2d(width, width, 3, padding=1)
        self.two, self.act = nn.Conv2d(width, width, 1), nn.ReLU(inplace=True)
        self.head = nn.Linear(width, 2)

    def forward(self, x):
        x = self.stem(x)
        x = self.act(self.two(x + self.inner(x)))
        return self.head(x.mean((2, 3)))


class Tokens(nn.Module):
    """A transformer that reads the number of images before its tokens are made, as torchvision's does."""

    def __init__(self):
        super().__init__()
        self.patches, self.token = nn.Conv2d(3, 8, 3, stride=3), nn.Parameter(torch.randn(1, 1, 8))
        self.layers = nn.ModuleList(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True) for _ in range(2))
        self.head = nn.Linear(8, 2)

    def forward(self, x):
        n, _, _, _ = x.shape
        torch._assert(x.shape[1] == 3, "images have three channels")
        x = self.patches(x).flatten(2).mT
        x = torch.cat([self.token.expand(n, -1, -1), x], 1)
        for layer in self.layers:
            x = layer(x)
        return self.head(x[:, 0].reshape(n, 8))


class Shifted(nn.Module):
    """Windows shifted under a mask that is written in place, with control flow that only export follows."""

    def __init__(self):
        super().__init__()
        self.stem, self.block, self.head = nn.Conv2d(3, 8, 1), nn.Linear(8, 8), nn.Linear(8, 2)

    def forward(self, x):
        n, _, h, w = x.shape
        if x.sum(dtype=torch.float64).dim() > 0 or not isinstance(x, torch.Tensor):
            raise ValueError("images are tensors")
        x = self.stem(x).permute(0, 2, 3, 1).roll((1, 1), (1, 2))
        mask = torch.zeros((h, w))
        mask[:3] = 1
        x = self.block(x.reshape(n * 2, h // 2, w, 8)) + mask[None, ::2, :, None]
        return self.head(x.reshape(n, h * w, 8).mean(1))


class Masked(nn.Module):
    """Tokens whose padding is looked up again at the head, as GPT-2's classifier does."""

    def __init__(self):
        super().__init__()
        self.embed, self.layer, self.head = nn.Embedding(10, 8), nn.Linear(8, 8), nn.Linear(8, 2)

    def forward(self, ids):
        x = functional.gelu(self.layer(self.embed(ids)))
        last = (ids != 0).int().sum(1) - 1
        return self.head(x)[torch.arange(ids.shape[0]), last]


class Pair(nn.Linear):
    def forward(self, x):
        return super().forward(x), None


class Tuples(nn.Module):
    def __init__(self):
        super().__init__()
        self.pair, self.rnn = Pair(6, 6), nn.LSTM(6, 6, batch_first=True)

    def forward(self, x):
        return self.rnn(self.pair(x)[0][:, None])[0]


NETWORKS = {"block": (Block, {"fx"}), "tokens": (Tokens, {"fx"}), "swin": (Shifted, {"export"})}


def small(name):
    """(network in eval mode, images, the engines that cut it)."""
    make, engines = NETWORKS[name]
    torch.manual_seed(0)
    return make(*([4] if make is Block else [])).eval(), IMAGES, engines
