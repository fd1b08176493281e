"""Fronts of networks of any class: the network runs until the layer has given its output, and stops."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from simbench.errors import InputError, unknown

#: The layer that stands for the whole network.
WHOLE = ""


class _Reached(BaseException):
    """The layer has run. Not an Exception, which a network may catch."""


class Front(nn.Module):
    """Representation map R_L of any network: arguments of the network -> output of the submodule `layer`.

    It shares the parameters of the network, and runs nothing above the layer. A layer that runs several times gives
    what it gives first; `readable` tells which do.
    Raises InputError for a name of no submodule, and when it is called for a layer that does not run.
    """

    def __init__(self, net: nn.Module, layer: str) -> None:
        super().__init__()
        modules = dict(net.named_modules(remove_duplicate=False))
        if layer == WHOLE or layer not in modules:
            raise unknown(f"layer of a {type(net).__name__}", layer, filter(None, modules), "layers are submodules")
        self.net, self.layer = net, layer

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        taken: list[Tensor] = []

        def stop(module: nn.Module, given: tuple, output: Tensor) -> None:
            taken.append(output)
            raise _Reached

        handle = self.net.get_submodule(self.layer).register_forward_hook(stop)
        try:
            self.net(*args, **kwargs)
        except _Reached:
            return taken[0]
        finally:
            handle.remove()
        raise InputError(f"layer {self.layer!r} does not run when the network does; name layers that do")


def readable(net: nn.Module, inputs: Tensor) -> tuple[dict[str, tuple[int, ...]], dict[str, str]]:
    """Submodules in the order in which they finish: name -> shape of one input's activations, (c, h, w) or (p,), of
    those that run once and give float activations, and name -> why not, of all others.

    net: in eval mode. inputs: a batch (n, ...), n > 1, which is not changed.
    """
    import torch

    runs: dict[str, list[Any]] = {}
    handles = [
        module.register_forward_hook(lambda module, given, output, name=name: runs.setdefault(name, []).append(output))
        for name, module in net.named_modules()
        if name != WHOLE
    ]
    try:
        with torch.no_grad():
            net(inputs.clone())
    finally:
        for handle in handles:
            handle.remove()
    shapes, reasons = {}, {}
    for name, outputs in runs.items():
        reason = "runs several times" if len(outputs) > 1 else _unfit(outputs[0], len(inputs))
        if reason:
            reasons[name] = reason
        else:
            shapes[name] = tuple(outputs[0].shape[1:])
    for name, _ in net.named_modules():
        if name != WHOLE and name not in runs:
            reasons[name] = "does not run"
    return shapes, reasons


def _unfit(output: Any, n: int) -> str:
    """Why an output is not the activations (n, c, h, w) or (n, p) of n inputs, or ""."""
    if not isinstance(output, Tensor):
        return f"gives a {type(output).__name__}"
    if not output.is_floating_point() or output.ndim not in (2, 4) or len(output) != n:
        return f"gives {str(output.dtype).removeprefix('torch.')} of shape {tuple(output.shape)}"
    return ""
