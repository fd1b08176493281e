"""Rules: the axes of the output of an operation, computed from those of its inputs."""

from __future__ import annotations

from torch import Tensor

from simbench.tracing.axes import (
    Axes,
    broadcast,
    channel_axis,
    following,
    has_channels,
    mixed,
    preceded,
    reshaped,
    resized,
    size_of,
    unknown_axis,
    without_channels,
)
from simbench.tracing.operations import SUMS, VIEWS


def moved(name: str, args: tuple, kwargs: dict, x: Axes, outputs: list[Tensor]) -> list[Axes]:
    """Axes after an operation that moves, splits, selects or reduces them; empty for an operation without a rule."""
    shape, rank = outputs[0].shape, len(x)
    if name in VIEWS:
        return [reshaped(x, shape)]
    if name == "permute":
        return [tuple(x[i] for i in args[1])]
    if name in ("transpose", "t", "swapaxes"):
        i, j = args[1:3] if len(args) > 2 else (0, rank - 1)
        order = list(range(rank))
        order[i], order[j] = order[j], order[i]
        return [tuple(x[i] for i in order)]
    dims = args[1] if len(args) > 1 else kwargs.get("dim")
    if name in ("linalg_vector_norm", "norm"):
        dims = args[2] if len(args) > 2 else None
    several = [] if dims is None else list(dims) if isinstance(dims, (list, tuple)) else [dims]
    if name == "unsqueeze":
        at = dims % (rank + 1)
        return [(*x[:at], (), *x[at:])]
    if name == "squeeze":
        gone = range(rank) if dims is None else [i % rank for i in several]
        return [tuple(axis for i, axis in enumerate(x) if i not in gone or size_of(axis) != 1)]
    if name in ("split", "split_with_sizes", "chunk", "unsafe_split", "unsafe_chunk"):
        return [tuple(map(resized, x, each.shape)) for each in outputs]
    if name in ("select", "unbind"):
        at = (dims or 0) % rank
        return [(*x[:at], *x[at + 1 :])] * len(outputs)
    if name in SUMS:
        gone = [i % rank for i in several] or range(rank)
        if any(has_channels(x[i]) for i in gone):
            x = without_channels(x)
        keepdim = len(shape) == rank
        return [tuple(resized(axis, 1) if i in gone else axis for i, axis in enumerate(x) if keepdim or i not in gone)]
    return []


def product(x: Axes | None, w: Axes | None, shape) -> Axes:
    """Axes of x @ w. Where w is None, it is a weight, and the last axis of the product holds channels."""
    if w is None:
        return (*x[:-1], channel_axis(shape[-1]))
    if x is None:
        return (*w[:-2], unknown_axis(shape[-2]), w[-1])
    rows, columns = x, w
    if has_channels(x[-1]) or has_channels(w[-2]):
        rows, columns = without_channels(x), without_channels(w)
    return (
        *(broadcast([(a,), (b,)], [size])[0] for a, b, size in zip(rows[:-2], columns[:-2], shape, strict=False)),
        rows[-2],
        columns[-1],
    )


def joined(given: list[Axes | None], at: int, shape, new: bool) -> Axes:
    """Axes of concatenated or stacked tensors."""
    rank = len(shape)
    known = [axes for axes in given if axes is not None]
    if new:
        at %= rank
        return (*(both := broadcast(known, [*shape[:at], *shape[at + 1 :]]))[:at], unknown_axis(shape[at]), *both[at:])
    if len(known) == 1 and len(known[0]) == rank and given[-1] is not None:  # constants before it
        at %= rank
        return tuple(preceded(axis, shape[i]) if i == at else axis for i, axis in enumerate(known[0]))
    axes = [tuple(map(resized, each, shape)) for each in known if len(each) == rank]
    whole = broadcast(axes, shape)
    at %= rank  # where tokens of several origins lie is not known
    return tuple(mixed(axis) if i == at else axis for i, axis in enumerate(whole))


def sliced(x: Axes, args: tuple, shape) -> Axes:
    """Axes after `slice(x, dim, start, end, step)`."""
    given = (*args[1:], *(None,) * 4)
    at, start, step = given[0] or 0, given[1] or 0, given[3] or 1
    size, at = size_of(x[at]), at % len(x)
    start += size * (start < 0)
    if step == 1 and start >= 0 and start + shape[at] == size:  # up to the end
        return tuple(following(axis, start, shape[i]) if i == at else axis for i, axis in enumerate(x))
    return tuple(map(resized, x, shape))
