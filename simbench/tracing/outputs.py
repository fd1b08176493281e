"""Outputs: what modules return, and the one tensor in it that is the activations of the inputs."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from simbench.errors import unknown
from simbench.moments.views import LAYOUTS

#: What can be read.
FIT = "float activations (n, p), (n, c, h, w), (n, c, d, h, w) or of tokens (n, t, c)"


def activations_in(output: Any, rows: int) -> Tensor | str:
    """The activations of `rows` inputs in what a layer returned, or why there are none.

    A tuple, a list or a mapping (a `ModelOutput`) is read where exactly one of its own items is activations; what is
    nested deeper in it (the states of an LSTM) does not count.
    """
    if isinstance(output, Tensor):
        return _unfit(output, rows) or output
    if isinstance(output, (tuple, list, Mapping)):
        items = list(output.values() if isinstance(output, Mapping) else output)
        fit = [item for item in items if isinstance(item, Tensor) and not _unfit(item, rows)]
        if len(fit) == 1:
            return fit[0]
        return f"gives a {type(output).__name__} with {len(fit) or 'no'} tensors of activations"
    return f"gives a {type(output).__name__}"


def _unfit(output: Tensor, rows: int) -> str:
    """Why a tensor is not the activations of `rows` inputs, or ""."""
    if not output.is_floating_point() or output.ndim not in (2, 3, 4, 5) or output.numel() == 0:
        return f"gives {str(output.dtype).removeprefix('torch.')} activations of shape {tuple(output.shape)}"
    return "" if len(output) == rows else f"gives {len(output)} activations for {rows} inputs"


def ambiguous(name: str, x: Tensor) -> str:
    """That the meaning of the axes of an output is not known, and what to give."""
    choices = " or ".join(repr(each) for each in LAYOUTS if len(each) == x.ndim)
    return (
        f"gives activations of shape {tuple(x.shape)}, and which axis holds the channels is not known: give "
        f"layouts={{{name!r}: ...}}, {choices}"
    )


def by_definition(module: nn.Module, x: Tensor) -> str | None:
    """The layout of an output that the kind of its module determines, or None."""
    return "ntc" if isinstance(module, nn.RNNBase) and module.batch_first and x.ndim == 3 else None


def named(
    modules: Mapping[str, nn.Module], layers: Iterable[str], side: str, among: Iterable[str] | None = None
) -> dict[str, bool]:
    """Layer -> whether it was named itself, and not by a pattern such as `layer*`, for the layers that a user gave.

    among: layers that may be left, by default all.

    Raises InputError for a name that is no submodule, and for a pattern that matches none.
    """
    singly: dict[str, bool] = {}
    for name in layers:
        matches = [name] if name in modules else fnmatch.filter(modules, name)
        if not matches:
            raise unknown(f"layer of {side}", name, modules, "layers are the names of submodules, or patterns of them")
        for match in matches:
            singly[match] = singly.get(match, False) or match == name
    allowed = singly if among is None else set(among)
    return {name: itself for name, itself in singly.items() if name in allowed}


#: Why the hook of a module was not called in a pass.
NEVER_RAN = "is not called as a module in the forward pass"


def without_hooks(module: nn.Module) -> str:
    """Why the output of a module cannot be read in a pass, whatever it is; or ""."""
    scripted = isinstance(module, torch.jit.ScriptModule)
    return "is a ScriptModule, which runs without calling its modules" if scripted else ""
