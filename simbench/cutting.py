"""The cut: a network as representation map R_L and task map T_L (paper, section 3.1)."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from simbench.errors import unknown


def cut(net: nn.Sequential, layer: str) -> tuple[nn.Sequential, nn.Sequential]:
    """`(front, end)` with `end(front(x)) == net(x)` bitwise in eval mode, nothing executed twice.

    net: named stages in a row, which may be nested (`layer2.0` is stage 0 of stage layer2).
    layer: the stage whose output is the representation.
    Both parts share the parameters of `net`. A stage of `end` that works in place is replaced by one
    that does not, so that the activations handed to `end` are never written to.
    Raises InputError when `layer` is not a stage.
    """
    head, _, rest = layer.partition(".")
    stages = dict(net.named_children())
    if not isinstance(net, nn.Sequential) or head not in stages:
        raise unknown("stage", layer, stages, "a network is cut after one of its named stages")
    at = list(stages).index(head) + 1
    front, end = net[:at], net[at:]
    if rest:
        inner_front, inner_end = cut(stages[head], rest)
        front = _join(net[:at - 1], head, inner_front)
        end = _join(nn.Sequential(), head, inner_end, end)
    return front, _out_of_place(end)


def fold(end: nn.Sequential) -> nn.Sequential:
    """`end` with every batch norm folded into the convolution before it, in channels-last memory.

    A new frozen module in eval mode; the original is untouched. Outputs agree with `end` in eval mode
    to a relative 1e-5 in float32 (rounding of the folded weights), not bitwise.
    """
    end = copy.deepcopy(end).eval()
    folded: list[tuple[str, nn.Module]] = []
    for name, stage in end.named_children():
        if isinstance(stage, nn.BatchNorm2d) and folded and isinstance(folded[-1][1], nn.Conv2d):
            before, convolution = folded[-1]
            folded[-1] = (before, fuse_conv_bn_eval(convolution, stage))
        else:
            folded.append((name, fold(stage) if isinstance(stage, nn.Sequential) else stage))
    end = nn.Sequential()
    for name, stage in folded:
        end.add_module(name, stage)
    return end.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def _join(*parts: nn.Sequential | str) -> nn.Sequential:
    """Sequential of the stages of the parts; a name before a part nests that part under it."""
    joined = nn.Sequential()
    name = None
    for part in parts:
        if isinstance(part, str):
            name = part
        elif name is not None:
            joined.add_module(name, part)
            name = None
        else:
            for key, stage in part.named_children():
                joined.add_module(key, stage)
    return joined


def _out_of_place(end: nn.Sequential) -> nn.Sequential:
    """`end` with shallow copies of in-place stages that work out of place."""
    for name, stage in list(end.named_children()):
        if isinstance(stage, nn.Sequential):
            end._modules[name] = _out_of_place(stage[:])
        elif getattr(stage, "inplace", False):
            stage = copy.copy(stage)
            stage.inplace = False
            end._modules[name] = stage
    return end
