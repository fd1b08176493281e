"""Taps: the outputs of named submodules of any network, in one forward pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from simbench.errors import InputError, unknown
from simbench.moments.views import channels_first
from simbench.tracing.flow import Flow
from simbench.tracing.inputs import Call
from simbench.tracing.layouts import Layouts

#: (layer, its output as (n, p) or (n, c, h, w)) -> the value to keep. The output is valid only during the call: a later
#: module may overwrite its memory, as ReLU(inplace=True) does.
Take = Callable[[str, Tensor], Any]

_FIT = "float activations (n, p), (n, c, h, w) or of tokens (n, t, c)"


class Taps:
    """A network in eval mode with hooks that read the outputs of chosen submodules; created by `tapped`.

    unknown: layer -> reason, for layers that are left out because the meaning of their axes is not known.
    """

    def __init__(self, net: nn.Module, layers: Sequence[str] | None, side: str, last: bool, layouts: Layouts) -> None:
        """last: the network is a copy in channels-last memory."""
        self._net, self._side, self._last, self._settled = net, side, last, layers is not None
        modules = dict(net.named_modules(remove_duplicate=False))
        modules.pop("")
        self._order = {name: place for place, name in enumerate(modules)}
        if layers is None:
            layers = [name for name, module in modules.items() if not any(module.children())]
        for name in layers:
            if name not in modules:
                raise unknown(f"layer of {side}", name, modules, "layers are the names of submodules")
        self._handles = {name: modules[name].register_forward_hook(self._hook(name)) for name in layers}
        self._given = layouts
        self._layouts: dict[str, str] | None = None  # set by the first pass
        self.unknown: dict[str, str] = {}
        self._take: Take | None = None
        self._flow: Flow | None = None
        self._rows = 0
        self._taken: dict[str, Any] = {}
        self._waiting: dict[str, Tensor] = {}
        self._unfit: dict[str, str] = {}
        self._determined: dict[str, str] = {}

    @property
    def layers(self) -> list[str]:
        """Names of the submodules that are read."""
        return list(self._handles)

    def order(self, layer: str) -> int:
        """Position of a submodule among those of the network."""
        return self._order[layer]

    def close(self) -> None:
        """Remove all hooks."""
        for handle in self._handles.values():
            handle.remove()

    def _hook(self, name: str) -> Callable:
        def hook(module: nn.Module, given: tuple, output: Any) -> None:
            if self._take is not None:  # ignores the user's own calls of a network that is not a copy
                with self._flow.paused() if self._flow else nullcontext():
                    self._receive(name, output)

        return hook

    def _receive(self, name: str, output: Any) -> None:
        """Handle the output of a layer: read it, or note why it cannot be read."""
        again = name in self._taken or name in self._waiting or (name in self.unknown and self._layouts is None)
        reason = "runs several times in a pass" if again else _unfit(output, self._rows)
        if reason and self._settled:
            raise InputError(f"layer {name!r} of {self._side} {reason}; name layers that run once and give {_FIT}")
        if reason:
            self._unfit[name] = reason
            self._waiting.pop(name, None)
        elif name not in self._unfit:
            self._read(name, output.detach())

    def _read(self, name: str, x: Tensor) -> None:
        """Read an output whose axes are known, or store it until a later operation determines them."""
        if self._layouts is not None:
            layout = self._layouts.get(name)
        else:
            layout = self._given.of(name, x) or ("nc" if x.ndim == 2 else self._flow.layout(x))
            if layout is None and self._flow.open(x):
                self._waiting[name] = x.clone()
                self._flow.alike(x, self._waiting[name])
                return
        if layout is None:
            self._doubt(name, x)
        elif len(layout) != x.ndim:
            raise InputError(
                f"layer {name!r} of {self._side} has layout {layout!r} and gives activations of shape "
                f"{tuple(x.shape)}; give a layout of as many axes, and batches of one kind"
            )
        else:
            self._determined[name] = layout
            self._taken[name] = self._take(name, channels_first(x, layout))

    def _doubt(self, name: str, x: Tensor) -> None:
        """Note that the axes of an output are not known, or raise InputError where the layer was named."""
        choices = " or ".join(repr(each) for each in ("nchw", "nhwc", "ntc", "nct") if len(each) == x.ndim)
        reason = (
            f"gives activations of shape {tuple(x.shape)}, and which axis holds the channels is not known: give "
            f"layouts={{{name!r}: ...}}, {choices}"
        )
        if self._settled:
            raise InputError(f"layer {name!r} of {self._side} {reason}")
        self.unknown[name] = f"{name!r} of {self._side} {reason}"

    def __call__(self, call: Call, take: Take) -> dict[str, Any]:
        """One forward pass: layer -> take(layer, output), called as soon as the output is computed.

        The network receives copies of the arguments. The first pass also determines the axes of the outputs. Raises
        InputError for a layer that does not run, runs several times, or whose output is not a float tensor with known
        axes. Where no layers were named, the first pass leaves such layers out.
        """
        place = next((x.device for x in (*self._net.parameters(), *self._net.buffers())), None)
        try:
            taken = self._pass(call, place, take)
        except RuntimeError:
            if not self._last:
                raise
            self._net.to(memory_format=torch.contiguous_format)  # `x.view(n, -1)` in a forward needs the usual layout
            self._last = False
            taken = self._pass(call, place, take)
        if self._layouts is None:
            self._layouts = self._determined
        if not self._settled:
            self._settle({name: value for name, value in taken.items() if name not in self._unfit})
        for name in self._handles:
            if name not in taken:
                raise InputError(
                    f"layer {name!r} of {self._side} does not run when the network does; name layers "
                    "that are called as modules in its forward pass"
                )
        return {name: taken[name] for name in self._handles}

    def _pass(self, call: Call, place: torch.device | None, take: Take) -> dict[str, Any]:
        self._take, self._rows, self._taken, self._waiting = take, call.rows, {}, {}
        args, kwargs = call.copied(place, self._last)
        if self._layouts is None:
            self._determined, self._unfit, self.unknown = {}, {}, {}
            self._flow = Flow([args, kwargs], call.rows)
        try:
            with self._flow or nullcontext():
                self._net(*args, **kwargs)
            for name, x in list(self._waiting.items()):
                layout = self._flow.layout(x)
                if layout is None:
                    self._doubt(name, x)
                else:
                    self._determined[name] = layout
                    self._taken[name] = take(name, channels_first(x, layout))
            return self._taken
        finally:
            self._take, self._flow, self._taken, self._waiting = None, None, {}, {}

    def _settle(self, fit: dict[str, Any]) -> None:
        """Leave out the layers that cannot be read."""
        for name in [name for name in self._handles if name not in fit]:
            self._handles.pop(name).remove()
        self.unknown = {name: reason for name, reason in self.unknown.items() if name not in self._unfit}
        if not fit:
            doubts = next(iter(self.unknown.values()), "")
            raise InputError(
                f"no submodule of {self._side} runs once and gives {_FIT} whose axes are known; "
                + (f"{doubts}" if doubts else "name layers")
            )
        self._settled = True


def _unfit(output: Any, rows: int) -> str:
    """Why an output of a layer is not the activations of `rows` inputs, or ""."""
    if not isinstance(output, Tensor):
        return f"gives a {type(output).__name__}"
    if not output.is_floating_point() or output.ndim not in (2, 3, 4) or output.numel() == 0:
        return f"gives {str(output.dtype).removeprefix('torch.')} activations of shape {tuple(output.shape)}"
    return "" if len(output) == rows else f"gives {len(output)} activations for {rows} inputs"
