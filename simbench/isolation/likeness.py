"""Likeness: whether a copy is still equal to its original, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy
    import torch

#: Number of elements that are compared at a time if the dtypes differ.
BLOCK = 2**20


def alike(
    twin: torch.Tensor | numpy.ndarray, original: torch.Tensor | numpy.ndarray, dtype: torch.dtype | None = None
) -> bool:
    """Whether two tensors, or two arrays, have the same shape and the same bits. dtype: of the twin, if it is the
    original converted to another dtype. NaN equals NaN."""
    import torch

    if not isinstance(original, torch.Tensor):
        return (twin.shape, twin.dtype) == (original.shape, original.dtype) and twin.tobytes() == original.tobytes()
    twin, original = twin.detach(), original.detach()
    if (twin.shape, twin.device, twin.layout, twin.dtype) != (
        original.shape,
        original.device,
        original.layout,
        dtype or original.dtype,
    ):
        return False
    if twin.dtype == original.dtype:
        return torch.equal(_bits(twin), _bits(original))
    if twin.ndim == 0:
        return torch.equal(_bits(twin), _bits(original.to(twin.dtype)))
    step = max(1, BLOCK * len(twin) // max(twin.numel(), 1))
    return all(
        torch.equal(_bits(x), _bits(y.to(twin.dtype)))
        for x, y in zip(twin.split(step), original.split(step), strict=True)
    )


def _bits(x: torch.Tensor) -> torch.Tensor:
    """The bits of floats as integers, so that NaN equals itself and 0.0 differs from -0.0."""
    import torch

    whole = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
    return x.view(whole[x.element_size()]) if x.is_floating_point() else x


def alike_modules(twin: torch.nn.Module, original: torch.nn.Module) -> bool:
    """Whether two networks have the same modules, settings, parameters and buffers."""
    if any(x != y for x, y in zip_longest(_structure(twin), _structure(original))):
        return False
    left, right = list(_tensors(twin)), list(_tensors(original))
    return len(left) == len(right) and all(
        name == other and x.requires_grad == y.requires_grad and (x.grad is None) == (y.grad is None) and alike(x, y)
        for (name, x), (other, y) in zip(left, right, strict=True)
    )


def _tensors(net: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    yield from net.named_parameters(remove_duplicate=False)
    yield from net.named_buffers(remove_duplicate=False)


def _structure(net: torch.nn.Module) -> Iterator[tuple]:
    """For every module: its name, class, plain attributes (mode included), number of hooks, and whether its instance
    overrides `forward`. Each torch.fx.GraphModule has a class of its own; its code is among the plain attributes."""
    from torch.fx import GraphModule

    for name, part in net.named_modules(remove_duplicate=False):
        told: dict[str, Any] = vars(part)
        plain = {key: value for key, value in told.items() if _plain(value)}
        hooks = {key: len(value) for key, value in told.items() if key.endswith("_hooks") and isinstance(value, dict)}
        kind = GraphModule if isinstance(part, GraphModule) else type(part)
        yield name, kind, plain, hooks, "forward" in told


def _plain(value: Any) -> bool:
    return (
        value is None or isinstance(value, (int, str, float)) or (isinstance(value, tuple) and all(map(_plain, value)))
    )
