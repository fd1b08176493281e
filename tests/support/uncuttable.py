"""Models whose networks cannot be cut, or are cut at other layers."""

from __future__ import annotations

import os
import signal
from collections import OrderedDict

import torch
from small_plugins import Net
from torch import nn


class Fork(nn.Module):
    """A network that is no row of stages: it calls its row twice."""

    def __init__(self, row: nn.Module) -> None:
        super().__init__()
        self.row = row

    def forward(self, x):
        return self.row(x) + self.row(-x)


class Deadly(nn.Module):
    """Kills the process that runs it on tensors; a symbolic trace of its operations does not."""

    def __init__(self, row: nn.Module) -> None:
        super().__init__()
        self.row = row

    def forward(self, x):
        if isinstance(x, torch.Tensor):
            os.kill(os.getpid(), signal.SIGSEGV)
        return self.row(x)


class Forked(Net):
    """A model whose network cannot be cut."""

    name = "forked"

    def build(self, channels, classes):
        return Fork(super().build(channels, classes))


class DeadlyForward(Net):
    """A model whose network is built, and kills the process that runs it."""

    name = "deadly_forward"

    def build(self, channels, classes):
        return Deadly(super().build(channels, classes))


class OtherOutputs(Net):
    """A model whose network has seven outputs, whatever the data."""

    name = "other_outputs"

    def build(self, channels, classes):
        return super().build(channels, 7)


class OtherChannels(Net):
    """A model whose network takes images of five channels, whatever the data."""

    name = "other_channels"

    def build(self, channels, classes):
        return super().build(5, classes)


class Renamed(Net):
    """A model with a layer more, and other names."""

    name = "renamed"

    @property
    def layers(self):
        return tuple(f"my_{layer}" for layer in super().layers)

    @property
    def default_layers(self):
        return tuple(f"my_{layer}" for layer in super().default_layers)

    def build(self, channels, classes):
        row = super().build(channels, classes)
        return nn.Sequential(OrderedDict((f"my_{name}", stage) for name, stage in row.named_children()))
