"""A network with hooks on its layers, for the time of a `with` block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext

import torch
from torch import nn

from simbench.errors import InputError
from simbench.tracing.hooks import Taps
from simbench.tracing.layouts import Layouts
from simbench.tracing.twins import as_it_was, twin_of


@contextmanager
def tapped(net: nn.Module, layers: Sequence[str] | None, side: str, layouts: Layouts | None = None) -> Iterator[Taps]:
    """`Taps` of named submodules of a network, or of all that have no submodules themselves where `layers` is None.

    side: what messages call the network. layouts: what the user says of the axes of outputs.
    A copy of the network runs, with the parameters of the network itself; one with convolutions on the processor has
    its own, in channels-last memory, in which they run about twice as fast. What cannot be copied runs itself, in eval
    mode: the mode of every module and all buffers are restored and all hooks are removed, also after an error.
    """
    if not isinstance(net, nn.Module):
        raise InputError(f"{side} is a {type(net).__name__}; give a torch.nn.Module")
    if any(nn.parameter.is_lazy(weight) for weight in net.parameters()):
        raise InputError(f"{side} has parameters without a shape; run it once before")
    twin, last = twin_of(net)
    with as_it_was(net) if twin is None else nullcontext():
        taps = None
        try:
            taps = Taps((net if twin is None else twin).eval(), layers, side, last, layouts or Layouts())
            with torch.no_grad():
                yield taps
        finally:
            if taps is not None:
                taps.close()
