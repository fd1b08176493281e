"""The convention of a network: how its arguments become a flat list of tensors, and its outputs one again."""

from __future__ import annotations

import inspect
import zlib
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.utils import _pytree as pytree

from simbench.errors import InputError
from simbench.tracing.inputs import Call, Inputs


class Convention:
    """The arguments of one call, as tensors in the order of the signature and everything else, which stays as it is."""

    def __init__(self, net: nn.Module, call: Call) -> None:
        try:
            self._signature = inspect.signature(net.forward)
        except (TypeError, ValueError):
            self._signature = None
        leaves, self._spec = pytree.tree_flatten(self._bound(call.args, call.kwargs))
        self._rest = [None if isinstance(leaf, Tensor) else leaf for leaf in leaves]
        self._places = [place for place, leaf in enumerate(leaves) if isinstance(leaf, Tensor)]
        self.count = len(self._places)
        names = list(self._signature.parameters) if self._signature else []
        #: the name of the only tensor, where nothing else is given, so that a part can be called as the network is.
        self.only = names[0] if names and len(leaves) == 1 and call.rows and self._alone(call) else None

    @staticmethod
    def _alone(call: Call) -> bool:
        given = [*call.args, *call.kwargs.values()]
        return len(given) == 1 and isinstance(given[0], Tensor) and bool(call.args)

    def _bound(self, args: Sequence, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
        """The arguments in the order of the signature, whether they were given by position or by name."""
        if self._signature is None:
            return tuple(args), dict(sorted(kwargs.items()))
        bound = self._signature.bind(*args, **kwargs)
        return bound.args, bound.kwargs

    def tensors(self, args: Sequence, kwargs: dict[str, Any]) -> list[Tensor]:
        """The tensors of a call. Raises InputError where the other arguments are not those of the traced call."""
        leaves, spec = pytree.tree_flatten(self._bound(args, kwargs))
        places = [place for place, leaf in enumerate(leaves) if isinstance(leaf, Tensor)]
        rest = [None if isinstance(leaf, Tensor) else leaf for leaf in leaves]
        if spec != self._spec or places != self._places or rest != self._rest:
            raise InputError(
                "a part of a network takes the arguments that it was cut with, tensors for tensors and all others as "
                "they were; cut the network again with inputs= of this kind"
            )
        return [leaves[place] for place in places]

    def arguments(self, tensors: Sequence) -> tuple[tuple, dict[str, Any]]:
        """The arguments with other tensors in them."""
        leaves = list(self._rest)
        for place, tensor in zip(self._places, tensors, strict=True):
            leaves[place] = tensor
        args, kwargs = pytree.tree_unflatten(leaves, self._spec)
        return tuple(args), dict(kwargs)


class Structure:
    """The structure of a network's outputs: which of its leaves are tensors, and the others."""

    def __init__(self, output: Any) -> None:
        self._leaves, self._spec = pytree.tree_flatten(output)
        self._places = [place for place, leaf in enumerate(self._leaves) if isinstance(leaf, Tensor)]
        self._leaves = [None if isinstance(leaf, Tensor) else leaf for leaf in self._leaves]
        self.plain = isinstance(output, Tensor)

    def __call__(self, tensors: Sequence[Tensor]) -> Any:
        leaves = list(self._leaves)
        for place, tensor in zip(self._places, tensors, strict=True):
            leaves[place] = tensor
        return pytree.tree_unflatten(leaves, self._spec)


def tensors_of(output: Any) -> list:
    """The tensors in an output of a module, in order; while a network is traced, what stands for them."""
    return [leaf for leaf in pytree.tree_leaves(output) if isinstance(leaf, (Tensor, fx.Proxy))]


def call_of(net: nn.Module, inputs: Any) -> Call:
    """The call of a network for a batch: a tensor, a tuple of arguments or a mapping of keyword arguments."""
    return Inputs(net, lambda batch: batch, "the network")(inputs)


def sized(call: Call, rows: int, device: torch.device | None) -> Call:
    """The call with another number of inputs: the first ones, repeated where there are too few."""
    index = torch.arange(rows) % call.rows

    def own(leaf: Any) -> Any:
        if not isinstance(leaf, Tensor):
            return leaf
        batched = leaf.ndim and len(leaf) == call.rows
        return (leaf.detach()[index.to(leaf.device)] if batched else leaf.detach().clone()).to(device)

    args, kwargs = pytree.tree_map(own, (call.args, call.kwargs))
    return Call(tuple(args), kwargs, rows)


def print_of(x: Tensor) -> tuple:
    """Shape, dtype and checksum of the bits of a tensor: equal for tensors that are equal bitwise. On the meta device,
    where tensors have no values, shape and dtype alone."""
    if x.is_meta:
        return tuple(x.shape), x.dtype, 0
    data = x.detach().contiguous().cpu().flatten().view(torch.uint8) if x.numel() else x.new_empty(0)
    return tuple(x.shape), x.dtype, zlib.crc32(data.numpy().data) if x.numel() else 0
