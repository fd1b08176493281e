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

#: (layer, its output as (n, p) or (n, c, h, w)) -> what is kept of it. The output is as the layer gave it only during
#: the call: what runs after it may write to the same memory, as ReLU(inplace=True) does.
Take = Callable[[str, Tensor], Any]

_FIT = "float activations (n, p), (n, c, h, w) or of tokens (n, t, c)"


class Taps:
    """A network in eval mode whose chosen submodules hand on their outputs; made by `tapped`.

    unknown: layer -> why it is not read although it gives activations: the meaning of their axes is not known.
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
        self._said = layouts
        self._layouts: dict[str, str] | None = None  # known from the first pass on
        self.unknown: dict[str, str] = {}
        self._take: Take | None = None
        self._flow: Flow | None = None
        self._rows = 0
        self._taken: dict[str, Any] = {}
        self._waiting: dict[str, Tensor] = {}
        self._unfit: dict[str, str] = {}
        self._found: dict[str, str] = {}

    @property
    def layers(self) -> list[str]:
        """Names of the submodules that are read."""
        return list(self._handles)

    def order(self, layer: str) -> int:
        """Where a submodule comes among those of the network."""
        return self._order[layer]

    def close(self) -> None:
        """Take all hooks off."""
        for handle in self._handles.values():
            handle.remove()

    def _hook(self, name: str) -> Callable:
        def hook(module: nn.Module, given: tuple, output: Any) -> None:
            if self._take is not None:  # not the user's own call of a network that is not a copy
                with self._flow.paused() if self._flow else nullcontext():
                    self._see(name, output)

        return hook

    def _see(self, name: str, output: Any) -> None:
        """What a layer gives: taken, or the reason why not."""
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
        """Take an output of which the axes are known, or wait for what comes after it to tell."""
        if self._layouts is not None:
            told = self._layouts.get(name)
        else:
            told = self._said.of(name, x) or ("nc" if x.ndim == 2 else self._flow.layout(x))
            if told is None and self._flow.open(x):
                self._waiting[name] = x.clone()
                self._flow.alike(x, self._waiting[name])
                return
        if told is None:
            self._doubt(name, x)
        elif len(told) != x.ndim:
            raise InputError(
                f"layer {name!r} of {self._side} has layout {told!r} and gives activations of shape "
                f"{tuple(x.shape)}; give a layout of as many axes, and batches of one kind"
            )
        else:
            self._found[name] = told
            self._taken[name] = self._take(name, channels_first(x, told))

    def _doubt(self, name: str, x: Tensor) -> None:
        """The axes of an output are not known."""
        choices = " or ".join(repr(each) for each in ("nchw", "nhwc", "ntc", "nct") if len(each) == x.ndim)
        reason = (
            f"gives activations of shape {tuple(x.shape)}, and which axis holds the channels is not known: give "
            f"layouts={{{name!r}: ...}}, {choices}"
        )
        if self._settled:
            raise InputError(f"layer {name!r} of {self._side} {reason}")
        self.unknown[name] = f"{name!r} of {self._side} {reason}"

    def __call__(self, call: Call, take: Take) -> dict[str, Any]:
        """One forward pass: layer -> take(layer, output), called the moment the output is there.

        The network is given copies of the arguments. The first pass also learns what the axes of the outputs mean.
        InputError for a layer that does not run, runs several times, or whose output is not a float tensor of known
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
            self._layouts = self._found
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
            self._found, self._unfit, self.unknown = {}, {}, {}
            self._flow = Flow([args, kwargs], call.rows)
        try:
            with self._flow or nullcontext():
                self._net(*args, **kwargs)
            for name, x in list(self._waiting.items()):
                told = self._flow.layout(x)
                if told is None:
                    self._doubt(name, x)
                else:
                    self._found[name] = told
                    self._taken[name] = take(name, channels_first(x, told))
            return self._taken
        finally:
            self._take, self._flow, self._taken, self._waiting = None, None, {}, {}

    def _settle(self, fit: dict[str, Any]) -> None:
        """Leave out what cannot be read."""
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
