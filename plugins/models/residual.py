"""The basic residual block of ResNets on small images."""

from __future__ import annotations

from torch import Tensor, nn


class BasicBlock(nn.Module):
    """relu(f(x) + shortcut(x)) with f = 3x3 convolution, batch norm, ReLU, 3x3 convolution, batch norm.

    width_in, width: channels of x and of the output. stride: of the first convolution; it divides the sides.
    The shortcut is x itself, or where the shape changes a 1x1 convolution with batch norm (He et al. 2016,
    section 3.3, option B). Without batch norm, convolutions have biases, and the second one of f starts scaled by
    1/sqrt(2), so that f(x) begins with the mean square of x.
    """

    def __init__(self, width_in: int, width: int, stride: int, batch_norm: bool) -> None:
        super().__init__()
        self.stride = stride
        self.conv1 = convolution(width_in, width, 3, stride, not batch_norm)
        self.bn1 = norm(width, batch_norm)
        self.relu = nn.ReLU()
        self.conv2 = convolution(width, width, 3, 1, not batch_norm)
        self.bn2 = norm(width, batch_norm)
        if not batch_norm:
            self.conv2.weight.data *= 0.5**0.5
        self.downsample = None
        if stride != 1 or width_in != width:
            self.downsample = nn.Sequential(convolution(width_in, width, 1, 1, not batch_norm), norm(width, batch_norm))

    def forward(self, x: Tensor) -> Tensor:
        residual = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        if self.downsample is None:
            return self.relu(residual + x)
        # The same as a stride in the 1x1 convolution, whose gradient corrupts memory in torch 2.15 on CPU (oneDNN, few
        # channels, channels-last, two threads). Channels go last first, so that the gradient lies in memory as x does.
        pixels = x.permute(0, 2, 3, 1)[:, :: self.stride, :: self.stride]
        return self.relu(residual + self.downsample(pixels.permute(0, 3, 1, 2)))


def convolution(width_in: int, width: int, kernel: int, stride: int, bias: bool) -> nn.Conv2d:
    """Padded to keep the size; initialised as in He et al. 2015, over the outputs where a batch norm follows, and
    over the inputs, which keeps the variance of activations, with a bias of 0 where none does."""
    layer = nn.Conv2d(width_in, width, kernel, stride, kernel // 2, bias=bias)
    nn.init.kaiming_normal_(layer.weight, mode="fan_in" if bias else "fan_out", nonlinearity="relu")
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


def norm(width: int, batch_norm: bool) -> nn.Module:
    """Batch norm, or nothing."""
    return nn.BatchNorm2d(width) if batch_norm else nn.Identity()
