"""Copies: a network without its wrappers, and the copy of it that is traced and cut."""

from __future__ import annotations

import copy

from torch import nn

from simbench.errors import InputError
from simbench.networks.stages import out_of_place

_WRAPPERS = (nn.DataParallel, nn.parallel.DistributedDataParallel)


def bare(net: nn.Module) -> nn.Module:
    """The network inside the wrappers of torch.compile, DataParallel and DistributedDataParallel."""
    while True:
        if isinstance(net, _WRAPPERS):
            net = net.module
        elif hasattr(net, "_orig_mod"):
            net = net._orig_mod
        else:
            return net


def own_copy(net: nn.Module) -> nn.Module:
    """A copy in eval mode that shares parameters and buffers, without wrappers and without in-place modules."""
    net = bare(net)
    shared = {id(x): x for x in (*net.parameters(), *net.buffers())}
    try:
        twin = copy.deepcopy(net, shared)
    except Exception as error:  # a module may hold anything, a lock or a tensor with a gradient
        raise InputError(
            f"the {type(net).__name__} cannot be copied ({error}), and is cut as a copy; give a network that "
            "copy.deepcopy accepts"
        ) from None
    for module in list(twin.modules()):
        for name, child in module._modules.items():
            if child is not None and bare(child) is not child:
                module._modules[name] = bare(child)
    for module in twin.modules():
        module.training = False
    return out_of_place(twin)
