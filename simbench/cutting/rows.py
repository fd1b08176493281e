"""Rows: the cut of an nn.Sequential of named stages, which needs neither inputs nor a trace."""

from __future__ import annotations

from torch import nn

from simbench.errors import unknown
from simbench.networks.stages import Overwriting, in_a_row, in_order, out_of_place, stages


def cut_row(net: nn.Sequential, layer: str) -> tuple[nn.Sequential, nn.Sequential]:
    """`(front, end)` with `end(front(x)) == net(x)` bitwise in eval mode, nothing executed twice.

    net: named stages in a row, which may be nested (`layer2.0` is stage 0 of stage layer2).
    layer: the stage whose output is the representation.
    Both parts share the parameters of `net`. Modules with `inplace=True` are replaced by copies with
    `inplace=False`, so that neither x nor the input of `end` is overwritten; in-place operations inside a custom
    `forward` are not detected.
    Raises InputError when `layer` is not a stage.
    """
    names = stages(net)
    if layer not in names:
        raise unknown("stage", layer, names, "a network is cut after one of its named stages")
    front, end = _split(net, layer)
    return out_of_place(front), out_of_place(_input_preserved(end))


def _split(net: nn.Sequential, layer: str) -> tuple[nn.Sequential, nn.Sequential]:
    """The stages up to and including `layer`, and the remaining stages."""
    head, _, rest = layer.partition(".")
    stages = list(net._modules.items())  # not named_children, which omits a module that occurs a second time
    at = [name for name, _ in stages].index(head)
    before, stage, after = stages[:at], stages[at][1], stages[at + 1 :]
    if not rest:
        return in_order([*before, (head, stage)]), in_order(after)
    inner_front, inner_end = _split(stage, rest)
    return in_order([*before, (head, inner_front)]), in_order([(head, inner_end), *after])


def _input_preserved(end: nn.Sequential) -> nn.Sequential:
    """`end` whose first module, where it is an in-place ReLU made by `fold`, is an ordinary ReLU."""
    if not len(end):
        return end
    (name, first), *rest = end._modules.items()
    if type(first) is Overwriting:
        return in_order([(name, nn.ReLU()), *rest])
    return in_order([(name, _input_preserved(first)), *rest]) if in_a_row(first) else end
