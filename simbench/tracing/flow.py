"""Flow: the meaning of the axes of activations, followed through the operations of one forward pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor

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
    grid_of,
    is_all,
    layout,
    resized,
    size_of,
    unknown_axes,
)
from simbench.tracing.operations import CHANNELS_SECOND, CONVOLUTIONS, LAYER_NORMS, SAME
from simbench.tracing.passes import Pass
from simbench.tracing.rules import joined, moved, product, sliced


class Flow(Pass):
    """Records the axes of every tensor that a forward pass computes while this mode is active.

    A tensor is identified by its memory, shape and strides. Operations without a rule give unknown axes; a convolution,
    a normalisation over channels or a linear map determines them again. Weights and constants have no entry.
    """

    def __init__(self, inputs: Iterable, rows: int) -> None:
        """inputs: the arguments of the network: tensors, and lists and dicts of them. rows: number of inputs."""
        super().__init__()
        self._axes: dict[tuple, Axes] = {}
        self._meant: dict[tuple[int, ...], str] = {}  # given axes whose meaning a later operation determined
        self._paused = False
        for k, x in enumerate(_flat(inputs)):
            first = (Atom(INPUTS, rows) if x.ndim and len(x) == rows else Atom(UNKNOWN, len(x)),) if x.ndim else ()
            rest = [(Atom(GIVEN, size, (k, i)),) for i, size in enumerate(x.shape[1:])]
            self._axes[_key(x)] = (first, *rest)[: x.ndim]

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Operations in this context are not followed."""
        self._paused = True
        try:
            yield
        finally:
            self._paused = False

    def axes(self, x: Tensor) -> Axes | None:
        """The axes of a tensor, with the meanings of given axes that are known so far; None for a constant."""
        axes = self._axes.get(_key(x))
        return None if axes is None else tuple(tuple(map(self._understood, axis)) for axis in axes)

    def alike(self, x: Tensor, copied: Tensor) -> None:
        """Give `copied`, a copy of x made while paused, the axes of x."""
        self._axes[_key(copied)] = self._axes[_key(x)]

    def layout(self, x: Tensor) -> str | None:
        """The layout of a tensor, or None where it is not certain."""
        axes = self.axes(x)
        return None if axes is None else layout(axes)

    def tokens(self, x: Tensor) -> tuple[int | None, tuple[int, ...]]:
        """Of an output of tokens: how many class and register tokens come first (None: not known), and the grid that
        the others are the places of, or ()."""
        axes = self.axes(x)
        place = None if axes is None else next((axis for axis in axes[1:] if is_all(axis, PLACE, GIVEN)), None)
        return (None, ()) if not place else (place[0].prefix if len(place) == 1 else 0, grid_of(place))

    def declare(self, x: Tensor, said: str) -> None:
        """Give a tensor the axes of a layout, as in `views.LAYOUTS`."""
        kinds = {"n": INPUTS, "c": CHANNELS}
        self._axes[_key(x)] = tuple(
            (Atom(kinds.get(axis, PLACE), size, (i,) if axis not in kinds else ()),)
            for i, (axis, size) in enumerate(zip(said, x.shape, strict=True))
        )

    def open(self, x: Tensor) -> bool:
        """True where only the meaning of given axes is missing, which a later operation may determine."""
        axes = self.axes(x)
        return axes is not None and layout(axes) is None and all(is_all(axis, INPUTS, PLACE, GIVEN) for axis in axes)

    def _understood(self, atom: Atom) -> Atom:
        kind = self._meant.get(atom.order[:2]) if atom.kind == GIVEN else None
        return atom if kind is None else replace(atom, kind=kind)

    def operation(self, func, args: tuple, kwargs: dict):
        if self._paused:
            return func(*args, **kwargs)
        given = [self.axes(x) for x in _flat(args)]  # before the call, which may overwrite its arguments
        output = func(*args, **kwargs)
        followed = None
        if any(axes is not None for axes in given):
            followed = self._followed(func, args, kwargs, given, output)
        for k, x in enumerate(_flat([output])):
            axes = None if followed is None else followed[k] if k < len(followed) else unknown_axes(x.shape)
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
        if name == "slice":
            return [sliced(x, args, shape)]
        if name in CONVOLUTIONS or (name in CHANNELS_SECOND and len(shape) > 2 and layout(x) is None):
            return [self._channels_second(x, shape)]
        if name in SAME or name in CHANNELS_SECOND:
            new = len(shape) - len(x)
            return [(*unknown_axes(shape[:new]), *map(resized, x, shape[new:]))] if new >= 0 else []
        if name in LAYER_NORMS and len(args) > 1 and len(args[1]) > 1:
            return [x]
        if name in LAYER_NORMS or name == "_transformer_encoder_layer_fwd":
            return [self._normed(x)]
        if name == "as_strided" and len(shape) == len(x) and all(size == 1 for size in shape[2:]):
            return [x]  # an average over all pixels is restrided to the memory layout of its input
        return moved(name, args, kwargs, x, outputs)

    def _channels_second(self, x: Axes, shape) -> Axes:
        """Axes (n, c, ...) of an operation whose input and output have them by definition."""
        self._mean(x[1], CHANNELS)
        for axis in x[2:]:
            self._mean(axis, PLACE)
        first = (Atom(INPUTS, shape[0]),) if is_all(x[0], UNKNOWN) else x[0]
        return (first, channel_axis(shape[1]), *((Atom(PLACE, size, (i,)),) for i, size in enumerate(shape[2:])))

    def _normed(self, x: Axes) -> Axes:
        """Axes after a normalisation over the last axis, which holds the channels unless something else is known."""
        if not is_all(x[-1], GIVEN, UNKNOWN):
            return x
        self._mean(x[-1], CHANNELS)
        return (*x[:-1], channel_axis(size_of(x[-1])))

    def _mean(self, axis, kind: str) -> None:
        """Record the meaning of a given axis."""
        if len(axis) == 1 and axis[0].kind == GIVEN and len(axis[0].order) == 2:
            self._meant.setdefault(axis[0].order, kind)


def _key(x: Tensor) -> tuple:
    if x.layout != torch.strided:
        return (id(x),)
    # On the meta device all memory has the address 0.
    place = (x.untyped_storage()._cdata, x.storage_offset()) if x.is_meta else (x.data_ptr(),)
    return (*place, tuple(x.shape), x.stride())


def _flat(values: Iterable) -> Iterator[Tensor]:
    """The tensors among values, and in nested lists, tuples and dicts."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from _flat(value)
        elif isinstance(value, dict):
            yield from _flat(value.values())
