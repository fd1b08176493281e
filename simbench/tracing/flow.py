"""Flow: what the axes of activations mean, followed through the operations of one forward pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from simbench.tracing.axes import (
    CHANNELS,
    GIVEN,
    INPUTS,
    PLACE,
    UNKNOWN,
    Atom,
    Axes,
    broadcast,
    channel_axis,
    is_all,
    layout,
    resized,
    size_of,
    unknown_axes,
)
from simbench.tracing.operations import CONVOLUTIONS, IMAGES, LAYER_NORMS, SAME
from simbench.tracing.rules import joined, moved, product


class Flow(TorchDispatchMode):
    """Keeps the axes of every tensor that a forward pass makes, while it is entered.

    A tensor is known by its memory, shape and strides. What no rule speaks of has unknown axes, until a convolution, a
    norm over the channels or a linear map says again which axis is which. Of weights and constants nothing is kept.
    """

    def __init__(self, inputs: Iterable, rows: int) -> None:
        """inputs: what the network is given, as it is given; tensors, lists and dicts of them."""
        super().__init__()
        self._axes: dict[tuple, Axes] = {}
        self._meant: dict[tuple[int, ...], str] = {}  # given axes of which a later operation told the meaning
        self._paused = False
        for k, x in enumerate(_flat(inputs)):
            first = (Atom(INPUTS, rows) if x.ndim and len(x) == rows else Atom(UNKNOWN, len(x)),) if x.ndim else ()
            rest = [(Atom(GIVEN, size, (k, i)),) for i, size in enumerate(x.shape[1:])]
            self._axes[_key(x)] = (first, *rest)[: x.ndim]

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Not following what is computed meanwhile."""
        self._paused = True
        try:
            yield
        finally:
            self._paused = False

    def axes(self, x: Tensor) -> Axes | None:
        """The axes of a tensor, those of it that were given as they are understood so far; None for a constant."""
        found = self._axes.get(_key(x))
        return None if found is None else tuple(tuple(map(self._understood, axis)) for axis in found)

    def alike(self, x: Tensor, copied: Tensor) -> None:
        """A copy that was made while not followed has the axes of what it is a copy of."""
        self._axes[_key(copied)] = self._axes[_key(x)]

    def layout(self, x: Tensor) -> str | None:
        """The layout of a tensor, or None where it is not certain."""
        axes = self.axes(x)
        return None if axes is None else layout(axes)

    def open(self, x: Tensor) -> bool:
        """True where all that is missing is what an axis of the inputs means: an operation to come may say."""
        axes = self.axes(x)
        return axes is not None and layout(axes) is None and all(is_all(axis, INPUTS, PLACE, GIVEN) for axis in axes)

    def _understood(self, atom: Atom) -> Atom:
        kind = self._meant.get(atom.order[:2]) if atom.kind == GIVEN else None
        return atom if kind is None else replace(atom, kind=kind)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if self._paused:
            return func(*args, **kwargs)
        given = [self.axes(x) for x in _flat(args)]  # before the call: it may write to them
        output = func(*args, **kwargs)
        found = None
        if any(axes is not None for axes in given):
            found = self._followed(func, args, kwargs, given, output)
        for k, x in enumerate(_flat([output])):
            axes = None if found is None else found[k] if k < len(found) else unknown_axes(x.shape)
            if axes is not None and [size_of(axis) for axis in axes] != list(x.shape):
                axes = unknown_axes(x.shape)
            if axes is None:
                self._axes.pop(_key(x), None)
            else:
                self._axes[_key(x)] = axes
        return output

    def _followed(self, func, args: tuple, kwargs: dict, given: list[Axes | None], output) -> list[Axes]:
        """The axes of the outputs of an operation, as far as they are known."""
        outputs = list(_flat([output]))
        if not outputs:
            return []
        name, shape, x = func._schema.name.removeprefix("aten::"), outputs[0].shape, given[0] if given else None
        name = name[:-1] if name.endswith("_") and not name.endswith("__") else name
        if name == "copy":
            return [broadcast([given[1]], shape)] if given[1] is not None else [unknown_axes(shape)]
        if torch.Tag.pointwise in func.tags:
            return [broadcast([axes for axes in given if axes is not None], each.shape) for each in outputs]
        if name == "embedding":
            return [(*given[1], channel_axis(shape[-1]))] if given[1] is not None else []
        if name in ("addmm", "baddbmm", "mm", "bmm"):
            left, right = given[-2:]
            if right is None:
                self._mean(left[-1], CHANNELS)
            return [product(left, right, shape)]
        if name in ("cat", "stack"):
            return [joined(given, args[1] if len(args) > 1 else kwargs.get("dim", 0), shape, new=name == "stack")]
        if x is None:
            return []
        if name.startswith("_scaled_dot_product") and len(given) > 2 and given[2] is not None:
            return [(*x[:-1], resized(given[2][-1], shape[-1]))]
        if name in CONVOLUTIONS or (name in IMAGES and len(shape) > 2 and layout(x) is None):
            return [self._image(x, shape)]
        if name in SAME or name in IMAGES:
            new = len(shape) - len(x)
            return [(*unknown_axes(shape[:new]), *map(resized, x, shape[new:]))] if new >= 0 else []
        if name in LAYER_NORMS and len(args) > 1 and len(args[1]) > 1:
            return [x]
        if name in LAYER_NORMS or name == "_transformer_encoder_layer_fwd":
            return [self._normed(x)]
        if name == "as_strided" and len(shape) == len(x) and all(size == 1 for size in shape[2:]):
            return [x]  # an average over all pixels is put into the memory layout of its input
        return moved(name, args, kwargs, x, outputs)

    def _image(self, x: Axes, shape) -> Axes:
        """(n, c, ...) of an operation that is defined so, and that its input is so too."""
        self._mean(x[1], CHANNELS)
        for axis in x[2:]:
            self._mean(axis, PLACE)
        first = (Atom(INPUTS, shape[0]),) if is_all(x[0], UNKNOWN) else x[0]
        return (first, channel_axis(shape[1]), *((Atom(PLACE, size, (i,)),) for i, size in enumerate(shape[2:])))

    def _normed(self, x: Axes) -> Axes:
        """Axes after a norm over the last, which are the channels where nothing else is known of it."""
        if not is_all(x[-1], GIVEN, UNKNOWN):
            return x
        self._mean(x[-1], CHANNELS)
        return (*x[:-1], channel_axis(size_of(x[-1])))

    def _mean(self, axis, kind: str) -> None:
        """Learn what an axis that the network was given means."""
        if len(axis) == 1 and axis[0].kind == GIVEN and len(axis[0].order) == 2:
            self._meant.setdefault(axis[0].order, kind)


def _key(x: Tensor) -> tuple:
    return (x.data_ptr(), tuple(x.shape), x.stride()) if x.layout == torch.strided else (id(x),)


def _flat(values: Iterable) -> Iterator[Tensor]:
    """The tensors among values, and in lists of them."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from _flat(value)
        elif isinstance(value, dict):
            yield from _flat(value.values())
