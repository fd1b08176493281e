"""Traces: a network as a flat graph of operations, through torch.fx or torch.export."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn

from simbench.cutting.convention import Convention, tensors_of
from simbench.cutting.probe import Probe, own_copy


@dataclass(frozen=True)
class Trace:
    """A graph: `nodes` in the order in which they run, the first of which are `inputs`; `root` holds their weights."""

    engine: str
    root: nn.Module
    nodes: tuple[fx.Node, ...]
    inputs: tuple[fx.Node, ...]
    outputs: tuple[fx.Node, ...]


class Untraceable(Exception):
    """The engine cannot trace this network; the message says why."""


class _Flat(nn.Module):
    """A network from a list of tensors to a list of tensors."""

    def __init__(self, net: nn.Module, convention: Convention) -> None:
        super().__init__()
        self.net, self._convention = net, convention

    def forward(self, tensors: Any) -> list:
        args, kwargs = self._convention.arguments([tensors[i] for i in range(self._convention.count)])
        return tensors_of(self.net(*args, **kwargs))


class _Tracer(fx.Tracer):
    """Takes a module that cannot be traced as one operation, rather than giving up the network around it."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        if module_qualified_name == "net":
            return False
        return isinstance(m, torch.jit.ScriptModule) or super().is_leaf_module(m, module_qualified_name)

    def call_module(self, m: nn.Module, forward: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        path, depth = self.path_of_module(m), len(self.module_stack)
        try:
            return super().call_module(m, forward, args, kwargs)
        except Exception:
            if path == "net":
                raise
            while len(self.module_stack) > depth:
                self.module_stack.popitem()
            return self.create_proxy("call_module", path, args, kwargs)


def by_fx(probe: Probe) -> Trace:
    """The graph of torch.fx. Raises Untraceable."""
    flat = _Flat(own_copy(probe.twin), probe.convention).eval()
    try:
        with warnings.catch_warnings(action="ignore"), torch.no_grad():
            graph = _Tracer().trace(flat)
    except Exception as error:  # a forward may fail in any way on a placeholder
        raise Untraceable(f"torch.fx cannot trace it: {line_of(error)}") from None
    return _trace("fx", flat, graph)


def by_export(probe: Probe) -> Trace:
    """The graph of torch.export, without in-place operations, for any number of inputs. Raises Untraceable."""
    tensors = probe.tensors(0)
    batched = [bool(x.ndim) and len(x) == probe.calls[0].rows for x in tensors]
    flat = _Flat(own_copy(probe.twin), probe.convention).eval()
    shapes = [{0: torch.export.Dim.AUTO} if each else None for each in batched]
    try:
        with warnings.catch_warnings(action="ignore"):
            program = torch.export.export(flat, (tensors,), dynamic_shapes=(shapes,), strict=False)
            module = program.run_decompositions({}).module()
    except Exception as error:  # export fails in many ways
        raise Untraceable(f"torch.export cannot trace it: {line_of(error)}") from None
    return _trace("export", module, module.graph)


def _trace(engine: str, root: nn.Module, graph: fx.Graph) -> Trace:
    """The graph with one placeholder for each tensor."""
    placeholders = [node for node in graph.nodes if node.op == "placeholder"]
    inputs = placeholders
    if engine == "fx":  # one placeholder, from which the tensors are taken
        items = sorted(placeholders[0].users, key=lambda node: node.args[1])
        with graph.inserting_before(items[0]):
            inputs = [graph.placeholder(f"input_{place}") for place in range(len(items))]
        for item, node in zip(items, inputs, strict=True):
            item.replace_all_uses_with(node)
            graph.erase_node(item)
    nodes = [node for node in graph.nodes if node.op not in ("placeholder", "output")]
    (output,) = (node for node in graph.nodes if node.op == "output")
    return Trace(engine, root, (*inputs, *nodes), tuple(inputs), tuple(output.args[0]))


def path_of(node: fx.Node) -> str:
    """The name of the innermost module of the network that a node belongs to; "" for the network."""
    if node.op == "call_module":
        return str(node.target).removeprefix("net.")
    stack = node.meta.get("nn_module_stack") or {}
    paths = [str(each[0]).split("@")[0] for each in stack.values()]
    return paths[-1].removeprefix("net").removeprefix(".") if paths else ""


def line_of(error: Exception) -> str:
    """The first line of a message, without its tail."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:160]
