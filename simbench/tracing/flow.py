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
    has_channels,
    is_all,
    layout,
    reshaped,
    resized,
    size_of,
    unknown_axes,
    unknown_axis,
    without_channels,
)

_SAME = {
    "clone",
    "contiguous",
    "detach",
    "alias",
    "_to_copy",
    "lift_fresh",
    "roll",
    "flip",
    "slice",
    "narrow",
    "expand",
    "index_select",
    "native_dropout",
    "_softmax",
    "_log_softmax",
    "softmax",
    "log_softmax",
    "constant_pad_nd",
    "reflection_pad1d",
    "reflection_pad2d",
    "replication_pad1d",
    "replication_pad2d",
    "tril",
    "triu",
    "cumsum",
    "_native_multi_head_attention",
}
_VIEWS = {"view", "_unsafe_view", "reshape", "_reshape_alias", "flatten", "unflatten"}
_SUMS = {
    "mean",
    "sum",
    "prod",
    "amax",
    "amin",
    "max",
    "min",
    "var",
    "std",
    "var_mean",
    "logsumexp",
    "linalg_vector_norm",
    "norm",
    "any",
    "all",
    "argmax",
    "argmin",
}
_CONVOLUTIONS = {
    "convolution",
    "_convolution",
    "mkldnn_convolution",
    "cudnn_convolution",
    "miopen_convolution",
    "convolution_overrideable",
}
#: Operations whose second axis is channels by definition.
_IMAGES = {
    "max_pool2d_with_indices",
    "max_pool2d",
    "avg_pool2d",
    "avg_pool1d",
    "_adaptive_avg_pool2d",
    "adaptive_avg_pool2d",
    "adaptive_max_pool2d",
    "fractional_max_pool2d",
    "native_batch_norm",
    "_native_batch_norm_legit_no_training",
    "_native_batch_norm_legit",
    "_batch_norm_no_update",
    "_batch_norm_impl_index",
    "cudnn_batch_norm",
    "miopen_batch_norm",
    "native_group_norm",
    "pixel_shuffle",
    "pixel_unshuffle",
    "channel_shuffle",
    "grid_sampler_2d",
    "upsample_nearest1d",
    "upsample_linear1d",
    "upsample_nearest2d",
    "_upsample_nearest_exact2d",
    "upsample_bilinear2d",
    "_upsample_bilinear2d_aa",
    "upsample_bicubic2d",
    "_upsample_bicubic2d_aa",
}
_LAYER_NORMS = {"native_layer_norm", "_fused_rms_norm", "rms_norm"}


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
            return [_product(left, right, shape)]
        if name in ("cat", "stack"):
            return [_joined(given, args[1] if len(args) > 1 else kwargs.get("dim", 0), shape, new=name == "stack")]
        if x is None:
            return []
        if name.startswith("_scaled_dot_product") and len(given) > 2 and given[2] is not None:
            return [(*x[:-1], resized(given[2][-1], shape[-1]))]
        if name in _CONVOLUTIONS or (name in _IMAGES and len(shape) > 2 and layout(x) is None):
            return [self._image(x, shape)]
        if name in _SAME or name in _IMAGES:
            new = len(shape) - len(x)
            return [(*unknown_axes(shape[:new]), *map(resized, x, shape[new:]))] if new >= 0 else []
        if name in _LAYER_NORMS and len(args) > 1 and len(args[1]) > 1:
            return [x]
        if name in _LAYER_NORMS or name == "_transformer_encoder_layer_fwd":
            return [self._normed(x)]
        if name == "as_strided" and len(shape) == len(x) and all(size == 1 for size in shape[2:]):
            return [x]  # an average over all pixels is put into the memory layout of its input
        return self._moved(name, args, kwargs, x, outputs)

    def _moved(self, name: str, args: tuple, kwargs: dict, x: Axes, outputs: list[Tensor]) -> list[Axes]:
        """Axes after an operation that moves, joins, takes or sums them."""
        shape, rank = outputs[0].shape, len(x)
        if name in _VIEWS:
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
        if name in _SUMS:
            gone = [i % rank for i in several] or range(rank)
            if any(has_channels(x[i]) for i in gone):
                x = without_channels(x)
            kept = len(shape) == rank
            return [tuple(resized(axis, 1) if i in gone else axis for i, axis in enumerate(x) if kept or i not in gone)]
        return []

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


def _product(x: Axes | None, w: Axes | None, shape) -> Axes:
    """Axes of x @ w; w without axes is a weight, which makes channels of the axis that it is multiplied with."""
    if w is None:
        return (*x[:-1], channel_axis(shape[-1]))
    if x is None:
        return (*w[:-2], unknown_axis(shape[-2]), w[-1])
    rows, columns = x, w
    if has_channels(x[-1]) or has_channels(w[-2]):
        rows, columns = without_channels(x), without_channels(w)
    return (
        *(broadcast([(a,), (b,)], [size])[0] for a, b, size in zip(rows[:-2], columns[:-2], shape)),
        rows[-2],
        columns[-1],
    )


def _joined(given: list[Axes | None], at: int, shape, new: bool) -> Axes:
    """Axes of tensors side by side."""
    rank = len(shape)
    known = [axes for axes in given if axes is not None]
    if new:
        at %= rank
        return (*(both := broadcast(known, [*shape[:at], *shape[at + 1 :]]))[:at], unknown_axis(shape[at]), *both[at:])
    axes = [tuple(map(resized, each, shape)) for each in known if len(each) == rank]
    return broadcast(axes, shape)


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
