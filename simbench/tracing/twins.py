"""Twins: copies of networks that run in place of the originals, and restoring a network that ran itself."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


def seen_through(net: nn.Module) -> nn.Module:
    """The network inside DataParallel, DistributedDataParallel and torch.compile, whose layers have its own names."""
    while True:
        if isinstance(net, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            net = net.module
        elif isinstance(net, nn.Module) and isinstance(getattr(net, "_orig_mod", None), nn.Module):
            net = net._orig_mod
        else:
            return net


def twin_of(net: nn.Module) -> tuple[nn.Module | None, bool]:
    """A copy of a network, or None where it cannot be copied, and whether it is in channels-last memory.

    Its parts are without wrappers, too. Buffers and attributes are copied, so that a forward pass does not change the
    original. Parameters are shared, except for networks with convolutions on the CPU, whose parameters are copied into
    channels-last memory.
    """
    last = any(weight.ndim == 4 and weight.device.type == "cpu" for weight in net.parameters())
    twin = _copied(net, last)
    return twin, last and twin is not None


def _copied(net: nn.Module, last: bool) -> nn.Module | None:
    # Weights are copied straight into channels-last memory, rather than copied and then converted.
    if last:
        ready = {
            id(weight): nn.Parameter(weight.detach().clone(memory_format=torch.channels_last), weight.requires_grad)
            for weight in net.parameters()
            if type(weight) is nn.Parameter and weight.ndim == 4
        }
    else:
        ready = {id(weight): weight for weight in net.parameters()}
    try:
        twin = copy.deepcopy(net, ready)
        for module in list(twin.modules()):
            for name, child in list(module._modules.items()):
                if seen_through(child) is not child:
                    module._modules[name] = seen_through(child)
        return twin.to(memory_format=torch.channels_last) if last else twin
    except Exception:  # a module may hold anything, a lock or a tensor with a gradient
        return None


@contextmanager
def as_it_was(net: nn.Module) -> Iterator[None]:
    """Restores the mode of every module and all buffers of a network at the end of the context."""
    modes = {module: module.training for module in net.modules()}
    buffers = [
        (module, name, buffer, None if buffer is None else buffer.clone())
        for module in net.modules()
        for name, buffer in module._buffers.items()
    ]
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
        with torch.no_grad():
            for module, name, buffer, before in buffers:
                module._buffers[name] = buffer
                if buffer is not None and not torch.equal(buffer, before):
                    buffer.copy_(before)
