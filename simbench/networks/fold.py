"""Folding: batch norm folded into the convolutions before it, for fast evaluation of a frozen network."""

from __future__ import annotations

import copy
import operator
from collections import Counter
from collections.abc import Iterator

from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from simbench.errors import InputError
from simbench.networks.fold_graphs import fold_operations
from simbench.networks.stages import Overwriting, in_a_row, in_channels_last, in_order, out_of_place


def fold(end: nn.Module) -> nn.Module:
    """`end` with every batch norm folded into the convolution before it, in channels-last memory.

    Inside residual blocks, inception modules and other stages with a custom `forward`, and in networks that are no row
    of stages, a symbolic trace shows which batch norm is the only reader of a convolution; a stage that cannot be
    traced is left unchanged. Of the ends that `cut` makes with torch.fx or torch.export, the graph shows it.
    A convolution and its batch norm become one stage with the name of the batch norm, so that every stage of the
    result computes the same output as the stage of that name in `end`. A ReLU works in place where nothing else reads
    its input.
    Returns a new frozen module in eval mode; `end` is unchanged. Outputs agree with `end` in eval mode to a relative
    1e-5 in float32 (rounding of the folded weights), not bitwise. The input is never overwritten, and neither is the
    output of a front that `cut` makes of the result.

    Raises InputError for what is no module.

    >>> import torch
    >>> net = nn.Sequential()
    >>> net.add_module("conv", nn.Conv2d(3, 4, 1))
    >>> net.add_module("norm", nn.BatchNorm2d(4))
    >>> folded = fold(net)
    >>> [name for name, _ in folded.named_children()]
    ['norm']
    >>> x = torch.randn(2, 3, 5, 5)
    >>> torch.allclose(folded(x), net.eval()(x), rtol=1e-5, atol=1e-6)
    True
    """
    if not isinstance(end, nn.Module):
        raise InputError(
            f"{type(end).__name__} cannot be folded; give a torch.nn.Module, such as an end of simbench.cut"
        )
    twin = out_of_place(copy.deepcopy(end).eval())
    places = Counter(id(part) for _, part in twin.named_modules(remove_duplicate=False))
    if in_a_row(twin):
        twin = _folded(twin, places)
    else:
        graphs = [part for part in twin.modules() if isinstance(part, fx.GraphModule)]
        for part in graphs or [twin]:
            _fold_inside(part, places)
        for part in graphs:
            fold_operations(part)
    return in_channels_last(twin.requires_grad_(False))


def _folded(end: nn.Sequential, places: Counter[int]) -> nn.Sequential:
    """`end` folded, recursively. places: id of a module -> how often it occurs in the whole network."""
    row: list[tuple[str, nn.Module]] = []
    for name, stage in end._modules.items():
        if row and _foldable(row[-1][1], stage):
            row[-1] = (name, fuse_conv_bn_eval(row[-1][1], stage))
        elif row and type(row[-1][1]) in _MAKERS and _plain(row[-1][1]) and type(stage) is nn.ReLU and _plain(stage):
            row.append((name, Overwriting()))
        elif type(stage) is nn.AdaptiveAvgPool2d and stage.output_size in (1, (1, 1)) and _plain(stage):
            row.append((name, _Averaging()))
        elif in_a_row(stage):
            row.append((name, _folded(stage, places)))
        else:
            _fold_inside(stage, places)
            row.append((name, stage))
    return in_order(row).eval()


def _fold_inside(block: nn.Module, places: Counter[int]) -> None:
    """Fold batch norms into convolutions and make ReLUs in place where a trace shows that their input has no other
    reader. The trace is only evidence: the block's own `forward` is always what runs."""
    if not any(type(part) in (nn.BatchNorm2d, nn.ReLU) for part in block.modules()):
        return
    try:
        graph = fx.Tracer().trace(copy.deepcopy(block))  # a copy, since a forward may store its values
    except Exception:  # a custom forward may fail in any way on a placeholder
        return
    pairs, rectifiers = list(_pairs(block, graph, places)), list(_rectifiers(block, graph, places))
    for convolution, norm in pairs:
        block.set_submodule(convolution, fuse_conv_bn_eval(*map(block.get_submodule, (convolution, norm))))
        block.set_submodule(norm, nn.Identity())
    for name in rectifiers:
        block.set_submodule(name, Overwriting())


class _Averaging(nn.Module):
    """Mean over all pixels whose gradient is in channels-last memory as well: operations that mix two memory formats,
    such as the gradient of the preceding ReLU, take 30 times as long."""

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1).flatten(1, 2).mean(1)[:, :, None, None]


#: Modules that allocate their output and do not need it for their gradient.
_MAKERS = (nn.Conv2d, nn.BatchNorm2d, nn.Linear)


def _foldable(convolution: nn.Module, norm: nn.Module) -> bool:
    """True for a convolution and a batch norm with fixed statistics, both without hooks."""
    return (
        type(convolution) is nn.Conv2d
        and type(norm) is nn.BatchNorm2d
        and norm.running_mean is not None
        and _plain(convolution)
        and _plain(norm)
    )


def _plain(module: nn.Module) -> bool:
    """True where no hook reads or changes inputs or outputs."""
    return not (module._forward_hooks or module._forward_pre_hooks)


def _pairs(block: nn.Module, graph: fx.Graph, places: Counter[int]) -> Iterator[tuple[str, str]]:
    """Names of convolutions and batch norms in a block, where the batch norm is the only reader of the convolution.
    Both run once in the block and occur nowhere else."""
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
    """Names of the ReLUs in a block that at every call are the only reader of newly allocated memory, and occur nowhere
    else."""
    calls: dict[str, list[fx.Node]] = {}
    for node in graph.nodes:
        if node.op == "call_module" and type(block.get_submodule(node.target)) is nn.ReLU:
            calls.setdefault(node.target, []).append(node)
    for name, nodes in calls.items():
        relu = block.get_submodule(name)
        if _plain(relu) and places[id(relu)] == 1 and all(_new(_only_read(node), block) for node in nodes):
            yield name


def _only_read(node: fx.Node) -> fx.Node | None:
    """The single input of a module call, where no other node reads it, else None."""
    before = node.args[0] if node.op == "call_module" and len(node.args) == 1 else None
    return before if isinstance(before, fx.Node) and len(before.users) == 1 else None


def _new(node: fx.Node | None, block: nn.Module) -> bool:
    """True for a value in newly allocated memory."""
    if node is None or node.op != "call_module":
        return node is not None and node.op == "call_function" and node.target is operator.add
    maker = block.get_submodule(node.target)
    return type(maker) in _MAKERS and _plain(maker)
