"""Small untrained networks of all kinds, in float64, and the activations of their layers, for tests."""

import torch
from torch import nn

IMAGES = torch.randn(37, 3, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


class Block(nn.Module):
    """A residual block that adds and rectifies in place."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv, self.norm, self.relu = nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(True)

    def forward(self, x):
        out = self.norm(self.conv(x))
        out += x
        out = self.relu(out)
        return self.relu(out)


class Net(nn.Module):
    """Convolutions of several sizes, everything after them in place, a linear end."""

    def __init__(self, width: int = 5, classes: int = 4) -> None:
        super().__init__()
        self.stem, self.rise = nn.Conv2d(3, width, 3, padding=1), nn.ReLU(True)
        self.block = Block(width)
        self.down = nn.Conv2d(width, width + 2, 2, stride=2)
        self.last = nn.Linear((width + 2) * 16, classes)
        self.unused = nn.Linear(2, 2)

    def forward(self, x):
        x = self.block(self.rise(self.stem(x)))
        return self.last(torch.relu_(self.down(x)).flatten(1))


class Viewed(Net):
    """The same, with a `view` that channels-last memory does not allow."""

    def forward(self, x):
        x = self.block(self.rise(self.stem(x)))
        return self.last(torch.relu_(self.down(x)).view(len(x), -1))


def net(seed: int, width: int = 5, kind: type[Net] = Net) -> Net:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return kind(width).double()


#: Layers that run once, in order, with the steps that lead to their output out of place.
LAYERS = ["stem", "block.conv", "block.norm", "block", "down", "last"]


@torch.no_grad()
def activations(net: Net, x: torch.Tensor = IMAGES) -> dict[str, torch.Tensor]:
    """Layer -> its own output, computed step by step and out of place."""
    net.eval()
    stem = net.stem(x)
    risen = torch.relu(stem)
    conv = net.block.conv(risen)
    norm = net.block.norm(conv)
    block = torch.relu(norm + risen)
    down = net.down(block)
    last = net.last(torch.relu(down).flatten(1))
    net.train()
    return dict(zip(LAYERS, [stem, conv, norm, block, down, last], strict=True))
