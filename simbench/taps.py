"""Taps: the outputs of named submodules of any network, in one forward pass."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from simbench.errors import InputError, unknown

#: (layer, its output) -> what is kept of it. The output is as the layer gave it only during the call: what runs after
#: it may write to the same memory, as ReLU(inplace=True) does.
Take = Callable[[str, Tensor], Any]


class Taps:
    """A network in eval mode whose chosen submodules hand on their outputs; made by `tapped`."""

    def __init__(self, net: nn.Module, layers: Sequence[str] | None, side: str, last: bool) -> None:
        """last: the network is a copy in channels-last memory."""
        self._net, self._side, self._last, self._settled = net, side, last, layers is not None
        modules = dict(net.named_modules(remove_duplicate=False))
        modules.pop("")
        if layers is None:
            layers = [name for name, module in modules.items() if not any(module.children())]
        for name in layers:
            if name not in modules:
                raise unknown(f"layer of {side}", name, modules, "layers are the names of submodules")
        self._handles = {name: modules[name].register_forward_hook(self._hook(name)) for name in layers}
        self._take: Take | None = None
        self._rows = 0
        self._taken: dict[str, Any] = {}
        self._unfit: dict[str, str] = {}

    @property
    def layers(self) -> list[str]:
        """Names of the submodules that are read."""
        return list(self._handles)

    def close(self) -> None:
        """Take all hooks off."""
        for handle in self._handles.values():
            handle.remove()

    def _hook(self, name: str) -> Callable:
        def hook(module: nn.Module, given: tuple, output: Any) -> None:
            if self._take is None:  # the user's own call of a network that is not a copy
                return
            reason = "runs several times in a pass" if name in self._taken else _unfit(output, self._rows)
            if reason and self._settled:
                raise InputError(f"layer {name!r} of {self._side} {reason}; name layers that run once and give "
                                 "float activations (n, p) or (n, c, h, w)")
            if reason:
                self._unfit[name] = reason
            elif name not in self._unfit:
                self._taken[name] = self._take(name, output.detach())

        return hook

    def __call__(self, x: Tensor, take: Take) -> dict[str, Any]:
        """One forward pass of inputs x: layer -> take(layer, output), called the moment the output is there.

        InputError for a layer that does not run, runs several times, or whose output is not a float tensor
        (n, p) or (n, c, h, w). Where no layers were named, the first pass leaves such layers out.
        """
        first = next(iter(self._net.parameters()), None)
        x = x if first is None else x.to(first.device)
        try:
            taken = self._pass(x, take)
        except RuntimeError:
            if not self._last:
                raise
            self._net.to(memory_format=torch.contiguous_format)  # `x.view(n, -1)` in a forward needs the usual layout
            self._last = False
            taken = self._pass(x, take)
        if not self._settled:
            self._settle({name: value for name, value in taken.items() if name not in self._unfit})
        for name in self._handles:
            if name not in taken:
                raise InputError(f"layer {name!r} of {self._side} does not run when the network does; name layers "
                                 "that are called as modules in its forward pass")
        return {name: taken[name] for name in self._handles}

    def _pass(self, x: Tensor, take: Take) -> dict[str, Any]:
        self._take, self._rows, self._taken = take, len(x), {}
        try:
            self._net(x.contiguous(memory_format=torch.channels_last) if self._last and x.ndim == 4 else x)
            return self._taken
        finally:
            self._take, self._taken = None, {}

    def _settle(self, fit: dict[str, Any]) -> None:
        """Leave out what cannot be read."""
        for name in [name for name in self._handles if name not in fit]:
            self._handles.pop(name).remove()
        if not fit:
            raise InputError(f"no submodule of {self._side} runs once and gives float activations (n, p) or "
                             "(n, c, h, w); name layers")
        self._settled = True


def _unfit(output: Any, rows: int) -> str:
    """Why an output of a layer is not the activations of `rows` inputs, or ""."""
    if not isinstance(output, Tensor):
        return f"gives a {type(output).__name__}"
    if not output.is_floating_point() or output.ndim not in (2, 4) or output.numel() == 0:
        return f"gives {str(output.dtype).removeprefix('torch.')} activations of shape {tuple(output.shape)}"
    return "" if len(output) == rows else f"gives {len(output)} activations for {rows} inputs"


@contextmanager
def tapped(net: nn.Module, layers: Sequence[str] | None, side: str) -> Iterator[Taps]:
    """`Taps` of named submodules of a network, or of all that have no submodules themselves where `layers` is None.

    side: what messages call the network. A network with convolutions is read on the processor as a deep copy in
    channels-last memory, in which they run about twice as fast; the outputs have that memory layout. Any other is read
    itself, in eval mode: the mode of every module is restored and all hooks are removed, also after an error.
    """
    if not isinstance(net, nn.Module):
        raise InputError(f"{side} is a {type(net).__name__}; give a torch.nn.Module")
    twin = _channels_last(net)
    net = net if twin is None else twin
    modes = {module: module.training for module in net.modules()}
    taps = None
    try:
        taps = Taps(net.eval(), layers, side, last=twin is not None)
        with torch.no_grad():
            yield taps
    finally:
        if taps is not None:
            taps.close()
        for module, mode in modes.items():
            module.training = mode


def _channels_last(net: nn.Module) -> nn.Module | None:
    """A copy in channels-last memory of a network with convolutions on the processor, where it can be copied."""
    if not any(weight.ndim == 4 and weight.device.type == "cpu" for weight in net.parameters()):
        return None
    try:
        # Weights are copied into that memory at once, not as they lie and then into it.
        ready = {id(weight): nn.Parameter(weight.detach().clone(memory_format=torch.channels_last), weight.requires_grad)
                 for weight in net.parameters() if type(weight) is nn.Parameter and weight.ndim == 4}
        return copy.deepcopy(net, ready).to(memory_format=torch.channels_last)
    except Exception:  # a module may hold anything, a lock or a tensor with a gradient
        return None
