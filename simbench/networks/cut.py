"""The cut: a network as representation map R_L and task map T_L (paper, section 3.1)."""

from __future__ import annotations

import copy
import operator
from collections import Counter
from collections.abc import Iterator

import torch
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from simbench.errors import InputError, unknown


def cut(net: nn.Sequential, layer: str) -> tuple[nn.Sequential, nn.Sequential]:
    """`(front, end)` with `end(front(x)) == net(x)` bitwise in eval mode, nothing executed twice.

    net: named stages in a row, which may be nested (`layer2.0` is stage 0 of stage layer2).
    layer: the stage whose output is the representation.
    Both parts share the parameters of `net`. A module that works in place is replaced in them by one that
    does not, so that neither x nor the activations handed to `end` are written to; what a `forward` of its
    own does to its input by other means is not seen.
    Raises InputError when `layer` is not a stage.
    """
    if not _in_a_row(net):
        raise InputError(f"a {type(net).__name__} cannot be cut; give an nn.Sequential of named stages")
    names = stages(net)
    if layer not in names:
        raise unknown("stage", layer, names, "a network is cut after one of its named stages")
    front, end = _split(net, layer)
    return _out_of_place(front), _out_of_place(_begun_afresh(end))


def fold(end: nn.Sequential) -> nn.Sequential:
    """`end` with every batch norm folded into the convolution before it, in channels-last memory.

    Inside residual blocks, inception modules and other stages with a `forward` of their own, a trace tells
    which batch norm has a convolution to itself; a stage that cannot be traced stays as it is.
    The two become one stage with the name of the batch norm, so that every stage of the result computes what the
    stage of this name computes in `end`. A ReLU that alone reads what has just been computed writes over it.
    A new frozen module in eval mode; the original is untouched. Outputs agree with `end` in eval mode to a relative
    1e-5 in float32 (rounding of the folded weights), not bitwise. Its input is not written to, nor is what a cut of
    it gives away.
    """
    twin = _out_of_place(copy.deepcopy(end).eval())
    places = Counter(id(part) for _, part in twin.named_modules(remove_duplicate=False))
    return _folded(twin, places).requires_grad_(False).to(memory_format=torch.channels_last)


def _folded(end: nn.Sequential, places: Counter[int]) -> nn.Sequential:
    """places: id of a module -> how many places of the whole network it stands in."""
    row: list[tuple[str, nn.Module]] = []
    for name, stage in end._modules.items():
        if row and _foldable(row[-1][1], stage):
            row[-1] = (name, fuse_conv_bn_eval(row[-1][1], stage))
        elif row and type(row[-1][1]) in _MAKERS and _plain(row[-1][1]) and type(stage) is nn.ReLU and _plain(stage):
            row.append((name, _Overwriting()))
        elif type(stage) is nn.AdaptiveAvgPool2d and stage.output_size in (1, (1, 1)) and _plain(stage):
            row.append((name, _Averaging()))
        elif _in_a_row(stage):
            row.append((name, _folded(stage, places)))
        else:
            _fold_inside(stage, places)
            row.append((name, stage))
    return _row(row).eval()


def _fold_inside(block: nn.Module, places: Counter[int]) -> None:
    """Fold batch norms into convolutions and let ReLUs write over their inputs where a trace shows that nobody else
    reads these. The trace is evidence only: what is executed is always the block's own `forward`."""
    if not any(type(part) in (nn.BatchNorm2d, nn.ReLU) for part in block.modules()):
        return
    try:
        graph = fx.Tracer().trace(copy.deepcopy(block))  # a copy, since a forward may keep what passes through
    except Exception:  # a forward may do anything with the placeholder that it is given
        return
    pairs, rectifiers = list(_pairs(block, graph, places)), list(_rectifiers(block, graph, places))
    for convolution, norm in pairs:
        block.set_submodule(convolution, fuse_conv_bn_eval(*map(block.get_submodule, (convolution, norm))))
        block.set_submodule(norm, nn.Identity())
    for name in rectifiers:
        block.set_submodule(name, _Overwriting())


class _Overwriting(nn.Module):
    """A ReLU whose input nobody else reads."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu_(x)


class _Averaging(nn.Module):
    """The mean over all pixels, whose gradient is in channels-last memory, too: what mixes two layouts of memory, such
    as the gradient of the ReLU before it, takes 30 times as long."""

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1).flatten(1, 2).mean(1)[:, :, None, None]


#: Modules whose output is memory of its own, which their gradient does not look at.
_MAKERS = (nn.Conv2d, nn.BatchNorm2d, nn.Linear)


def _foldable(convolution: nn.Module, norm: nn.Module) -> bool:
    """True for two plain modules with fixed statistics."""
    return (
        type(convolution) is nn.Conv2d
        and type(norm) is nn.BatchNorm2d
        and norm.running_mean is not None
        and _plain(convolution)
        and _plain(norm)
    )


def _plain(module: nn.Module) -> bool:
    """True where no hook looks at what passes through, or changes it."""
    return not (module._forward_hooks or module._forward_pre_hooks)


def _pairs(block: nn.Module, graph: fx.Graph, places: Counter[int]) -> Iterator[tuple[str, str]]:
    """Names of convolutions and batch norms in a block, where the batch norm alone reads the convolution's output.
    Both run once in the block and stand nowhere else."""
    calls = Counter(node.target for node in graph.nodes if node.op == "call_module")
    for node in graph.nodes:
        before = _only_read(node)
        if before is None or before.op != "call_module":
            continue
        pair = block.get_submodule(before.target), block.get_submodule(node.target)
        if (
            _foldable(*pair)
            and calls[before.target] == calls[node.target] == 1
            and all(places[id(part)] == 1 for part in pair)
        ):
            yield before.target, node.target


def _rectifiers(block: nn.Module, graph: fx.Graph, places: Counter[int]) -> Iterator[str]:
    """Names of the ReLUs in a block that alone read new memory, at every call, and stand nowhere else."""
    calls: dict[str, list[fx.Node]] = {}
    for node in graph.nodes:
        if node.op == "call_module" and type(block.get_submodule(node.target)) is nn.ReLU:
            calls.setdefault(node.target, []).append(node)
    for name, nodes in calls.items():
        relu = block.get_submodule(name)
        if _plain(relu) and places[id(relu)] == 1 and all(_new(_only_read(node), block) for node in nodes):
            yield name


def _only_read(node: fx.Node) -> fx.Node | None:
    """What the call of a module reads, where that is one value and no other node reads it."""
    before = node.args[0] if node.op == "call_module" and len(node.args) == 1 else None
    return before if isinstance(before, fx.Node) and len(before.users) == 1 else None


def _new(node: fx.Node | None, block: nn.Module) -> bool:
    """True for a value in memory of its own."""
    if node is None or node.op != "call_module":
        return node is not None and node.op == "call_function" and node.target is operator.add
    maker = block.get_submodule(node.target)
    return type(maker) in _MAKERS and _plain(maker)


def _in_a_row(stage: nn.Module) -> bool:
    """True when the children run one after the other: a subclass with a `forward` of its own may not."""
    return isinstance(stage, nn.Sequential) and type(stage).forward is nn.Sequential.forward


def stages(net: nn.Sequential) -> list[str]:
    """Names of all stages, nested ones after the stage they are in."""
    names = []
    for name, stage in net._modules.items():
        names += [name, *(f"{name}.{inner}" for inner in (stages(stage) if _in_a_row(stage) else ()))]
    return names


def _split(net: nn.Sequential, layer: str) -> tuple[nn.Sequential, nn.Sequential]:
    """The stages up to and including `layer`, and the rest."""
    head, _, rest = layer.partition(".")
    stages = list(net._modules.items())  # not named_children, which leaves out a module that comes again
    at = [name for name, _ in stages].index(head)
    before, stage, after = stages[:at], stages[at][1], stages[at + 1 :]
    if not rest:
        return _row([*before, (head, stage)]), _row(after)
    inner_front, inner_end = _split(stage, rest)
    return _row([*before, (head, inner_front)]), _row([(head, inner_end), *after])


def _begun_afresh(end: nn.Sequential) -> nn.Sequential:
    """`end` where a ReLU at its beginning does not write over what it is given."""
    if not len(end):
        return end
    (name, first), *rest = end._modules.items()
    if type(first) is _Overwriting:
        return _row([(name, nn.ReLU()), *rest])
    return _row([(name, _begun_afresh(first)), *rest]) if _in_a_row(first) else end


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
