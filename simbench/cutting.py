"""The cut: a network as representation map R_L and task map T_L (paper, section 3.1)."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from simbench.errors import InputError, unknown


def cut(net: nn.Sequential, layer: str) -> tuple[nn.Sequential, nn.Sequential]:
    """`(front, end)` with `end(front(x)) == net(x)` bitwise in eval mode, nothing executed twice.

    net: named stages in a row, which may be nested (`layer2.0` is stage 0 of stage layer2).
    layer: the stage whose output is the representation.
    Both parts share the parameters of `net`. A module of `end` that works in place is replaced by one
    that does not, so that the activations handed to `end` are never written to.
    Raises InputError when `layer` is not a stage.
    """
    if not _in_a_row(net):
        raise InputError(f"a {type(net).__name__} cannot be cut; give an nn.Sequential of named stages")
    stages = _stages(net)
    if layer not in stages:
        raise unknown("stage", layer, stages, "a network is cut after one of its named stages")
    front, end = _split(net, layer)
    return front, _out_of_place(end)


def fold(end: nn.Sequential) -> nn.Sequential:
    """`end` with every batch norm folded into the convolution before it, in channels-last memory.

    A new frozen module in eval mode; the original is untouched. Outputs agree with `end` in eval mode
    to a relative 1e-5 in float32 (rounding of the folded weights), not bitwise.
    """
    return _folded(copy.deepcopy(end).eval()).requires_grad_(False).to(memory_format=torch.channels_last)


def _folded(end: nn.Sequential) -> nn.Sequential:
    stages: list[tuple[str, nn.Module]] = []
    for name, stage in end._modules.items():
        if isinstance(stage, nn.BatchNorm2d) and stage.running_mean is not None \
                and stages and type(stages[-1][1]) is nn.Conv2d:
            before, convolution = stages[-1]
            stages[-1] = (before, fuse_conv_bn_eval(convolution, stage))
        else:
            stages.append((name, _folded(stage) if _in_a_row(stage) else stage))
    return _row(stages).eval()


def _in_a_row(stage: nn.Module) -> bool:
    """True when the children run one after the other: a subclass with a `forward` of its own may not."""
    return isinstance(stage, nn.Sequential) and type(stage).forward is nn.Sequential.forward


def _stages(net: nn.Sequential) -> list[str]:
    """Names of all stages, nested ones after the stage they are in."""
    names = []
    for name, stage in net._modules.items():
        names += [name, *(f"{name}.{inner}" for inner in (_stages(stage) if _in_a_row(stage) else ()))]
    return names


def _split(net: nn.Sequential, layer: str) -> tuple[nn.Sequential, nn.Sequential]:
    """The stages up to and including `layer`, and the rest."""
    head, _, rest = layer.partition(".")
    stages = list(net._modules.items())  # not named_children, which leaves out a module that comes again
    at = [name for name, _ in stages].index(head)
    before, stage, after = stages[:at], stages[at][1], stages[at + 1:]
    if not rest:
        return _row([*before, (head, stage)]), _row(after)
    inner_front, inner_end = _split(stage, rest)
    return _row([*before, (head, inner_front)]), _row([(head, inner_end), *after])


def _row(stages: list[tuple[str, nn.Module]]) -> nn.Sequential:
    """Sequential of the stages, in the order given."""
    row = nn.Sequential()
    for name, stage in stages:
        row.add_module(name, stage)
    return row


def _out_of_place(module: nn.Module) -> nn.Module:
    """`module` with every in-place module inside replaced by a copy that works out of place."""
    if not any(getattr(part, "inplace", False) for part in module.modules()):
        return module
    twin = copy.copy(module)
    twin._modules = {name: part and _out_of_place(part) for name, part in module._modules.items()}
    if getattr(twin, "inplace", False):
        twin.inplace = False
    return twin
