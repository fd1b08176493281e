"""Folding in graphs whose operations are written out, as torch.export gives them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

_CONVOLUTION = torch.ops.aten.conv2d.default
#: A batch norm with fixed statistics. Its first output is the normalised input, and no other is read.
_NORM = torch.ops.aten._native_batch_norm_legit_no_training.default


def fold_operations(module: fx.GraphModule) -> None:
    """Fold each batch norm into the convolution before it, in place, where the norm is its only reader and all their
    weights are attributes of the module. The folded weights are attributes of their own: others may share the old."""
    folded = 0
    for norm in [node for node in module.graph.nodes if node.target is _NORM]:
        convolution = norm.args[0]
        if convolution.target is not _CONVOLUTION or len(convolution.users) > 1:
            continue
        _, scale, shift, mean, variance, _, eps = norm.args
        weight, bias = (*convolution.args[1:3], None)[:2]
        given: list[Any] = [_value(module, x) for x in (weight, bias, mean, variance, scale, shift)]
        if any(x is _UNKNOWN for x in given):
            continue
        fused = fuse_conv_bn_weights(given[0], given[1], given[2], given[3], eps, given[4], given[5])
        with module.graph.inserting_before(convolution):
            named = []
            for part, x in zip(("weight", "bias"), fused, strict=True):
                module.register_parameter(f"folded_{folded}_{part}", nn.Parameter(x.detach()))
                named.append(module.graph.get_attr(f"folded_{folded}_{part}"))
        convolution.args = (convolution.args[0], *named, *convolution.args[3:])
        for first in list(norm.users):
            first.replace_all_uses_with(convolution)
            module.graph.erase_node(first)
        module.graph.erase_node(norm)
        folded += 1
    if folded:
        module.graph.eliminate_dead_code()
        module.delete_all_unused_submodules()
        module.recompile()


_UNKNOWN = object()


def _value(module: fx.GraphModule, node: Any) -> Tensor | object | None:
    """The tensor that an argument stands for; None as given; _UNKNOWN where it is computed."""
    if node is None:
        return None
    if not isinstance(node, fx.Node) or node.op != "get_attr":
        return _UNKNOWN
    value: Any = module
    for name in str(node.target).split("."):
        value = getattr(value, name)
    return value
