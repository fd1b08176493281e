"""Probe: a copy of a network in eval mode, two batches, and what its modules give for them."""

from __future__ import annotations

import copy
import itertools
import weakref
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from simbench.cutting.convention import Convention, Structure, call_of, print_of, sized, tensors_of
from simbench.cutting.copies import bare, own_copy
from simbench.errors import InputError, unknown
from simbench.tracing.flow import Flow

#: Numbers of inputs: of the batch that is traced, and of the one on which a cut is verified.
TRACED, VERIFIED = 2, 3


@dataclass
class Seen:
    """What was seen of a module in one pass.

    order: its place among the modules that ended. closes: the module inside it whose output it gave as its own.
    value: its print where it gives one tensor of floats; else `fault` says what it gives."""

    runs: int = 0
    order: int = 0
    shape: tuple[int, ...] | None = None
    layout: str | None = None
    value: tuple | None = None
    closes: str = ""
    fault: str = ""


@dataclass
class Probe:
    """A network that is looked at: `twin` runs in its place; `calls` and `seen` are those of both batches."""

    net: nn.Module
    inputs: Any
    twin: nn.Module = field(init=False)

    def __post_init__(self) -> None:
        if not isinstance(self.net, nn.Module):
            raise InputError(f"the network is a {type(self.net).__name__}; give a torch.nn.Module")
        if _scripted(bare(self.net)):
            raise InputError(
                "the network is a ScriptModule, whose layers cannot be read; give the module it was made of"
            )
        self.twin = own_copy(self.net)
        place = next((x.device for x in (*self.twin.parameters(), *self.twin.buffers())), None)
        call = call_of(self.twin, self.inputs)
        self.calls = [sized(call, rows, place) for rows in (TRACED, VERIFIED)]
        self.convention = Convention(self.twin, self.calls[0])
        self.modules = {name: each for name, each in self.twin.named_modules(remove_duplicate=False) if name}
        self.seen, self.prints = [], []
        for _ in self.calls:
            try:
                seen, output = _pass(self, followed=not self.seen)
            except Exception as error:
                kinds = [f"{tuple(x.shape)} of {str(x.dtype).removeprefix('torch.')}" for x in self.tensors(0)]
                raise InputError(
                    f"the network cannot run on inputs {', '.join(kinds)} ({type(error).__name__}: "
                    f"{' '.join(str(error).split())[:200]}); give inputs of the size and type that it takes"
                ) from error
            self.seen.append(seen)
            self.structure = Structure(output)
            self.prints.append([print_of(x) for x in tensors_of(output)])

    def tensors(self, number: int) -> list[Tensor]:
        """Copies of the tensors of a call."""
        call = self.calls[number]
        return [x.clone() for x in self.convention.tensors(call.args, call.kwargs)]

    def name_of(self, layer: str) -> str:
        """The name of a layer, without those of wrappers. Raises InputError for a layer that does not exist."""
        plain = ".".join(part for part in layer.split(".") if part not in ("_orig_mod", "module"))
        for name in (layer, plain):
            if name in self.modules:
                return name
        raise unknown("layer", layer, self.modules, "layers are the names of submodules")

    def fault(self, layer: str) -> str:
        """Why the output of a layer cannot be read, or ""."""
        module, seen = self.modules[layer], self.seen[0][layer]
        names = [name for name, other in self.modules.items() if other is module]
        if seen.runs == 0:
            return self._idle(layer)
        if len(names) > 1:
            return f"is one module that occurs as {' and '.join(names)}"
        if seen.runs > 1:
            return f"runs {seen.runs} times in a pass"
        return seen.fault

    def _idle(self, layer: str) -> str:
        """Why no run of a module was seen."""
        if _scripted(self.modules[layer]) and not any(_scripted(self._at(name)) for name in _above(layer)):
            return "is a ScriptModule, whose output no hook can read"
        holder = next((name for name in _above(layer) if _scripted(self._at(name))), None)
        if holder is None:
            return "does not run as a module when the network does"
        return (
            f"is part of {f'the ScriptModule {holder!r}' if holder else 'a ScriptModule'}, whose parts cannot be read"
        )

    def _at(self, name: str) -> nn.Module:
        return self.modules[name] if name else self.twin


def _pass(probe: Probe, followed: bool) -> tuple[dict[str, Seen], Any]:
    """One pass over a batch: what each module gives, and the output of the network."""
    call = probe.calls[len(probe.seen)]
    seen = {name: Seen() for name in probe.modules}
    names: dict[int, list[str]] = {}
    for name, module in probe.modules.items():
        names.setdefault(id(module), []).append(name)
    waiting: dict[str, Tensor] = {}
    places = itertools.count(1)
    latest: tuple[str, Any, int] = (
        "",
        lambda: None,
        0,
    )  # the module that ended last, its output, and how often written

    def hook(module: nn.Module, given: tuple, output: Any) -> None:
        nonlocal latest
        first, *_ = names[id(module)]
        for name in names[id(module)]:
            seen[name].runs += 1
        if seen[first].runs == 1:
            seen[first].order = next(places)
            if flow is None:
                x = _see(seen[first], output, call.rows)
            else:
                with flow.paused():
                    x = _see(seen[first], output, call.rows)
                    if x is not None and x.ndim > 2:
                        seen[first].layout = flow.layout(x)
                        if seen[first].layout is None and flow.open(x):
                            waiting[first] = x.clone()
                            flow.alike(x, waiting[first])
            if x is not None:
                inner, given_last, written = latest
                if given_last() is x and written == x._version and inner.startswith(first + "."):
                    seen[first].closes = inner
                latest = first, weakref.ref(x), x._version
            for name in names[id(module)][1:]:
                seen[name] = copy.copy(seen[first])

    tensors = [x.clone() for x in probe.convention.tensors(call.args, call.kwargs)]
    args, kwargs = probe.convention.arguments(tensors)
    flow = Flow([args, kwargs], call.rows) if followed else None
    hooked = {id(module): module for module in probe.modules.values() if not _scripted(module)}  # these take no hooks
    handles = [module.register_forward_hook(hook) for module in hooked.values()]
    try:
        with torch.no_grad(), flow or nullcontext():
            output = probe.twin(*args, **kwargs)
        for name, x in waiting.items():
            seen[name].layout = flow.layout(x)
        return seen, output
    finally:
        for handle in handles:
            handle.remove()


def _see(seen: Seen, output: Any, rows: int) -> Tensor | None:
    """Note what a module gives; its tensor where this is one of floats."""
    tensors = tensors_of(output)
    if len(tensors) != 1:
        seen.fault = f"gives {len(tensors) or 'no'} tensors"
        return None
    x = tensors[0]
    seen.shape = tuple(x.shape[1:])
    if not x.is_floating_point() or x.ndim < 2 or x.numel() == 0:
        seen.fault = f"gives {str(x.dtype).removeprefix('torch.')} values of shape {tuple(x.shape)}"
        return None
    seen.value = print_of(x)
    return x


def _scripted(module: nn.Module) -> bool:
    return isinstance(module, torch.jit.ScriptModule)


def _above(layer: str) -> Iterator[str]:
    """The names of the modules that hold a layer, the nearest first; "" is the network."""
    while layer:
        layer = layer.rpartition(".")[0]
        yield layer
