"""Tapped: a context manager that puts hooks on the layers of a network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext

import torch
from torch import nn

from simbench.errors import InputError
from simbench.tracing.hooks import Taps
from simbench.tracing.layouts import Layouts
from simbench.tracing.twins import as_it_was, seen_through, twin_of


@contextmanager
def tapped(
    net: nn.Module, layers: Sequence[str] | None, side: str, layouts: Layouts | None = None, view: str = "spatial"
) -> Iterator[Taps]:
    """`Taps` on the named submodules of a network, or on all that have no submodules themselves where `layers` is None.

    layers: names or patterns such as `layer*`; layers that only a pattern names are left out where they cannot be read.
    side: the name of the network in messages. layouts: the layouts that the user has declared. view: what is read of
    tokens, see `simbench.tracing.tokens`.
    A copy of the network runs. It shares the parameters, except on a CPU with convolutions, where they are copied into
    channels-last memory and run about twice as fast. A network that cannot be copied runs itself, in eval mode:
    afterwards its modes and buffers are restored and all hooks are removed, also after an error.
    """
    if not isinstance(net, nn.Module):
        raise InputError(f"{side} is a {type(net).__name__}; give a torch.nn.Module")
    net = seen_through(net)
    if isinstance(net, torch.jit.ScriptModule):
        raise InputError(f"{side} is TorchScript, whose layers cannot be read; give the network that it was made of")
    if any(nn.parameter.is_lazy(weight) for weight in net.parameters()):
        raise InputError(f"{side} has uninitialised lazy parameters; run it once before")
    twin, last = twin_of(net)
    with as_it_was(net) if twin is None else nullcontext():
        taps = None
        try:
            taps = Taps((net if twin is None else twin).eval(), layers, side, last, layouts or Layouts(), view)
            with torch.no_grad():
                yield taps
        finally:
            if taps is not None:
                taps.close()
