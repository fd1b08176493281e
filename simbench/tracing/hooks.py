"""Taps: the outputs of named submodules of any network, in one forward pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from simbench.errors import InputError
from simbench.tracing.flow import Flow
from simbench.tracing.inputs import Call
from simbench.tracing.layouts import Layouts
from simbench.tracing.outputs import FIT, NEVER_RAN, activations_in, ambiguous, by_definition, named, without_hooks
from simbench.tracing.tokens import Seen, seen_in

#: (layer, its output as (n, p) or (n, c, h, w), or what the view takes of it) -> the value to keep. The output is valid
#: only during the call: a later module may overwrite its memory, as ReLU(inplace=True) does.
Take = Callable[[str, Tensor], Any]


class Taps:
    """A network in eval mode with hooks that read the outputs of chosen submodules; created by `tapped`.

    unknown: layer -> reason, for layers that are left out because the meaning of their axes is not known.
    left_out: layer -> reason, for layers that nobody named and that cannot be read. seen: the axes of the others.
    """

    def __init__(
        self, net: nn.Module, layers: Sequence[str] | None, side: str, last: bool, layouts: Layouts, view: str
    ) -> None:
        """last: the network is a copy in channels-last memory."""
        self._net, self._side, self._last, self._view = net, side, last, view
        modules = self._modules = {name: x for name, x in net.named_modules(remove_duplicate=False) if name}
        if layers is None:
            chosen = {name: False for name, module in modules.items() if not any(module.children())}
        else:
            chosen = named(modules, layers, side)
        self._strict = {name for name, itself in chosen.items() if itself}
        self._settled = len(self._strict) == len(chosen)
        self.left_out = {name: without_hooks(modules[name]) for name in chosen if without_hooks(modules[name])}
        for name in self._strict & self.left_out.keys():
            raise InputError(f"layer {name!r} of {side} {self.left_out[name]}; name the module around it")
        names = [name for name in chosen if name not in self.left_out]
        self._handles = {name: modules[name].register_forward_hook(self._hook(name)) for name in names}
        self._given = layouts
        self._layouts: dict[str, Seen] | None = None  # set by the first pass
        self._mask: Tensor | None = None
        self.unknown: dict[str, str] = {}
        self._take: Take | None = None
        self._flow: Flow | None = None
        self._rows = 0
        self._taken: dict[str, Any] = {}
        self._waiting: dict[str, Tensor] = {}
        self._unfit: dict[str, str] = {}
        self.seen: dict[str, Seen] = {}

    @property
    def layers(self) -> list[str]:
        """Names of the submodules that are read."""
        return list(self._handles)

    def expanded(self, names: Sequence[str] | None) -> list[str]:
        """What names and patterns, or None for all, stand for of the layers that are read or unknown; after a pass."""
        every = sorted([*self.layers, *self.unknown], key=list(self._modules).index)
        return every if names is None else list(named(self._modules, names, self._side, every))

    def close(self) -> None:
        """Remove all hooks."""
        for handle in self._handles.values():
            handle.remove()

    def _hook(self, name: str) -> Callable:
        def hook(module: nn.Module, given: tuple, output: Any) -> None:
            if self._take is not None:  # ignores the user's own calls of a network that is not a copy
                with self._flow.paused() if self._flow else nullcontext():
                    self._receive(name, module, output)

        return hook

    def _receive(self, name: str, module: nn.Module, output: Any) -> None:
        """Handle the output of a layer: read it, or note why it cannot be read."""
        again = name in self._taken or name in self._waiting or (name in self.unknown and self._layouts is None)
        rows = "runs several times in a pass" if again else activations_in(output, self._rows)
        if isinstance(rows, Tensor):
            if name not in self._unfit:
                self._read(name, module, rows.detach())
        else:
            self._refuse(name, rows)

    def _refuse(self, name: str, reason: str) -> None:
        """Leave a layer out, or raise InputError where it has to be readable."""
        if self._settled or name in self._strict:
            raise InputError(f"layer {name!r} of {self._side} {reason}; name layers that run once and give {FIT}")
        self._unfit[name] = reason
        self._waiting.pop(name, None)

    def _keep(self, name: str, x: Tensor, seen: Seen) -> None:
        """Take what the view takes of an output whose axes are known."""
        self.seen[name] = seen
        given = seen.select(x, self._view, self._mask)
        if isinstance(given, str):
            self._refuse(name, given)
        else:
            self._taken[name] = self._take(name, given)

    def _read(self, name: str, module: nn.Module, x: Tensor) -> None:
        """Read an output whose axes are known, or store it until a later operation determines them."""
        if self._layouts is not None:
            seen = self._layouts.get(name)
        else:
            certain = by_definition(module, x)
            if certain is not None:
                self._flow.declare(x, certain)
            seen = self._given.of(name, x) or seen_in(self._flow, x)
            if seen is None and self._flow.open(x):
                self._waiting[name] = x.clone()
                self._flow.alike(x, self._waiting[name])
                return
        if seen is None:
            self._doubt(name, x)
        elif len(seen.axes) != x.ndim:
            raise InputError(
                f"layer {name!r} of {self._side} has layout {seen.axes!r} and gives activations of shape "
                f"{tuple(x.shape)}; give a layout of as many axes, and batches of one kind"
            )
        else:
            self._keep(name, x, seen)

    def _doubt(self, name: str, x: Tensor) -> None:
        """Note that the axes of an output are not known, or raise InputError where the layer was named."""
        reason = ambiguous(name, x)
        if self._settled or name in self._strict:
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
            self._layouts = self.seen
        if not self._settled:
            self._settle({name: value for name, value in taken.items() if name not in self._unfit})
        for name in self._handles:
            if name not in taken:
                reason = (
                    "does not run when the network does; name layers that are called as modules in its forward pass"
                )
                raise InputError(f"layer {name!r} of {self._side} {reason}")
        return {name: taken[name] for name in self._handles}

    def _pass(self, call: Call, place: torch.device | None, take: Take) -> dict[str, Any]:
        self._take, self._rows, self._taken, self._waiting = take, call.rows, {}, {}
        self._mask = call.mask
        args, kwargs = call.copied(place, self._last)
        if self._layouts is None:
            self.seen, self._unfit, self.unknown = {}, {}, {}
            self._flow = Flow([args, kwargs], call.rows)
        try:
            with self._flow or nullcontext():
                self._net(*args, **kwargs)
            for name, x in list(self._waiting.items()):
                seen = seen_in(self._flow, x)
                if seen is None:
                    self._doubt(name, x)
                else:
                    self._keep(name, x, seen)
            return self._taken
        finally:
            self._take, self._flow, self._taken, self._waiting, self._mask = None, None, {}, {}, None

    def _settle(self, fit: dict[str, Any]) -> None:
        """Leave out the layers that cannot be read."""
        for name in [name for name in self._handles if name not in fit and name not in self._strict]:
            self._handles.pop(name).remove()
            if name in self._unfit or name not in self.unknown:
                self.left_out[name] = self._unfit.get(name, NEVER_RAN)
        self.unknown = {name: reason for name, reason in self.unknown.items() if name not in self._unfit}
        if not fit:
            doubts = next(iter(self.unknown.values()), "")
            raise InputError(
                f"no submodule of {self._side} runs once and gives {FIT} whose axes are known; "
                + (f"{doubts}" if doubts else "name layers")
            )
        self._settled = True
