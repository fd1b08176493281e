"""The layouts of the outputs of all modules of a network, from one forward pass."""

from __future__ import annotations

from typing import Any

from torch import nn

from simbench.errors import InputError
from simbench.moments.layout import Layout
from simbench.tracing.inputs import Inputs
from simbench.tracing.tapped import tapped
from simbench.tracing.tokens import Seen


def layouts_of(net: nn.Module, inputs: Any) -> dict[str, Layout]:
    """Module -> layout of its output, for all modules that run once and whose layout the operations determine.

    inputs: a batch as the network takes it: a tensor, a tuple or a dict. Empty where no module can be read.
    """
    try:
        with tapped(net, ["*"], "the network") as taps:
            taps(Inputs(net, lambda batch: batch, "the network")(inputs), lambda layer, output: None)
            layouts = {name: _layout(seen) for name, seen in taps.seen.items() if name in taps.layers}
    except InputError:
        return {}
    return {name: layout for name, layout in layouts.items() if layout is not None}


def _layout(seen: Seen) -> Layout | None:
    """The layout that was seen; tokens of unknown class tokens are a sequence. None for other axes."""
    if seen.axes != "ntc":
        kind = {"nc": "vector", "nchw": "image", "nhwc": "image_last", "nct": "signal"}.get(seen.axes)
        return None if kind is None else Layout.parse(kind)
    if seen.prefix is None or (not seen.prefix and len(seen.grid) != 2):
        return Layout("sequence")
    return Layout("tokens", seen.prefix, (seen.grid[0], seen.grid[1]) if len(seen.grid) == 2 else None)
