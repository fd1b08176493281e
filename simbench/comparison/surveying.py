"""A survey of a network: every module, whether its output can be read, and whether the network can be cut there."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from simbench.cutting import cut
from simbench.errors import InputError
from simbench.networks.stages import in_a_row, stages
from simbench.tracing.flow import Flow
from simbench.tracing.twins import as_it_was

#: What stands in the column `cut`: end(front(x)) == net(x) bitwise; only the front; neither.
EXACT, HOOK, NONE = "exact", "hook", "none"


class Layer(NamedTuple):
    """A module of a network in one forward pass.

    kind: its class. runs: how often it runs. shape: of its output for one input, () where it has none that can be read.
    layout: the meaning of the axes, such as `nchw`, or "" where the trace does not determine it. cut: "exact", "hook"
    or "none"; reason: why it is not exact.
    """

    name: str
    kind: str
    runs: int
    shape: tuple[int, ...]
    layout: str
    cut: str
    reason: str


def survey(net: nn.Module, x: Tensor) -> list[Layer]:
    """Every named module of a network, in order of their names in it. x: a batch (n, ...) of its inputs, n >= 2.

    Modes and buffers of the network are as before. Raises InputError where it cannot run on x."""
    seen = _Seen(net, len(x))
    with as_it_was(net), torch.no_grad():
        net.eval()
        output = seen.run(x)
        return [_layer(net, name, module, seen, x, output) for name, module in net.named_modules() if name]


class _Seen:
    """The outputs of all modules in one pass, with the layouts that the trace determines."""

    def __init__(self, net: nn.Module, rows: int) -> None:
        self._net, self._rows = net, rows
        self.runs: dict[str, int] = {}
        self.outputs: dict[str, Any] = {}
        self._flow: Flow

    def run(self, x: Tensor) -> Any:
        self._flow = Flow([x], self._rows)
        handles = [module.register_forward_hook(self._hook(name)) for name, module in self._net.named_modules() if name]
        try:
            with self._flow:
                return self._net(x)
        except Exception as error:
            raise InputError(
                f"the network cannot run on inputs {tuple(x.shape)} of {str(x.dtype).removeprefix('torch.')} "
                f"({type(error).__name__}: {' '.join(str(error).split())[:200]}); give inputs of the size that it takes"
            ) from error
        finally:
            for handle in handles:
                handle.remove()

    def _hook(self, name: str):
        def hook(module: nn.Module, given: tuple, output: Any) -> None:
            self.runs[name] = self.runs.get(name, 0) + 1
            with self._flow.paused():
                kept = output.clone() if isinstance(output, Tensor) else output
                if isinstance(output, Tensor) and self._flow.axes(output) is not None:
                    self._flow.alike(output, kept)
            self.outputs[name] = kept

        return hook

    def layout(self, name: str) -> str:
        output = self.outputs[name]
        return "nc" if output.ndim == 2 else str(self._flow.layout(output) or "")

    def unfit(self, name: str) -> str:
        """Why the output of a module is not the activations of the inputs, or ""."""
        if name not in self.runs:
            return "does not run"
        if self.runs[name] > 1:
            return f"runs {self.runs[name]} times"
        output = self.outputs[name]
        if not isinstance(output, Tensor):
            return f"gives a {type(output).__name__}"
        if not output.is_floating_point() or output.ndim < 2 or not output.numel():
            return f"gives {str(output.dtype).removeprefix('torch.')} {tuple(output.shape)}"
        return "" if len(output) == self._rows else f"gives {len(output)} rows for {self._rows} inputs"


def _layer(net: nn.Module, name: str, module: nn.Module, seen: _Seen, x: Tensor, output: Any) -> Layer:
    kind, runs, unfit = type(module).__name__, seen.runs.get(name, 0), seen.unfit(name)
    if unfit:
        return Layer(name, kind, runs, (), "", NONE, unfit)
    shape, layout = tuple(seen.outputs[name].shape[1:]), seen.layout(name)
    refusal = _uncut(net, name, x, output)
    return Layer(name, kind, runs, shape, layout, HOOK if refusal else EXACT, refusal)


def _uncut(net: nn.Module, name: str, x: Tensor, output: Any) -> str:
    """Why the network cannot be cut at a layer, or ""."""
    if not in_a_row(net):
        return f"{type(net).__name__} is not a row of stages"
    if name not in stages(net):
        return "is inside a stage"
    with suppress(InputError):
        front, end = cut(net, name)
        if torch.equal(end(front(x)), output):
            return ""
    return "front and end do not give the output of the network"
