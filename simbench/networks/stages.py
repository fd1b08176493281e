"""Stages: the named children of an nn.Sequential, and the functions that list them and build a network from them."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


def stages(net: nn.Sequential) -> list[str]:
    """Names of all stages, nested ones after the stage that contains them.

    >>> stages(in_order([("stem", nn.ReLU()), ("body", in_order([("a", nn.ReLU())]))]))
    ['stem', 'body', 'body.a']
    """
    names = []
    for name, stage in net._modules.items():
        names += [name, *(f"{name}.{inner}" for inner in (stages(stage) if in_a_row(stage) else ()))]
    return names


def in_a_row(stage: nn.Module) -> bool:
    """True when the children run one after the other: a subclass with a custom `forward` may not do so."""
    return isinstance(stage, nn.Sequential) and type(stage).forward is nn.Sequential.forward


def in_order(stages: list[tuple[str, nn.Module]]) -> nn.Sequential:
    """Sequential of the stages, in the order given."""
    row = nn.Sequential()
    for name, stage in stages:
        row.add_module(name, stage)
    return row


def in_channels_last(net: nn.Module, device: str | torch.device | None = None) -> nn.Module:
    """The network itself, on a device, in channels-last memory; torch has none for weights of five axes, as of 3d
    convolutions, and a network with such weights stays as it is."""
    deep = any(x.ndim == 5 for x in (*net.parameters(), *net.buffers()))
    return net.to(device=device, memory_format=torch.preserve_format if deep else torch.channels_last)


def out_of_place(module: nn.Module) -> nn.Module:
    """`module` with every in-place module in it replaced by an out-of-place copy that shares its parameters."""
    if not any(getattr(part, "inplace", False) for part in module.modules()):
        return module
    twin = copy.copy(module)
    twin._modules = {name: part and out_of_place(part) for name, part in module._modules.items()}
    if getattr(twin, "inplace", False):
        twin.inplace = False
    return twin


class Overwriting(nn.Module):
    """A ReLU that overwrites its input, which has no other reader."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu_(x)
