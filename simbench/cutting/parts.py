"""Parts: front and end of a network, as graphs or by hooks, called as the network is."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import partial
from typing import Any

from torch import Tensor, fx, nn
from torch.utils import _pytree as pytree

from simbench.cutting.analysis import Analysis, Rows
from simbench.cutting.convention import Convention, Structure
from simbench.errors import InputError


def front_of(analysis: Analysis, node: fx.Node) -> nn.Module:
    """The operations up to a node, as a module that is called as the network is."""
    trace, convention = analysis.trace, analysis.probe.convention
    graph, env = fx.Graph(), {}
    for place, each in enumerate(trace.inputs):
        env[each] = graph.placeholder(convention.only or f"input_{place}")
    for each in analysis.flow.needed([node], None)[0]:
        if each not in env:
            env[each] = graph.node_copy(each, env.__getitem__)
    graph.output(env[node])
    part = _module(trace.root, graph, "Front")
    return part if convention.only else Arguments(part, convention)


def end_of(analysis: Analysis, node: fx.Node, overwriting: bool) -> tuple[nn.Module, bool]:
    """The operations after a node, and whether they read the network's inputs as well.

    overwriting: they would overwrite the activations, and are given a copy."""
    trace, probe = analysis.trace, analysis.probe
    needed, restated = analysis.flow.needed(trace.outputs, node)
    reads = any(each in trace.inputs for each in needed)
    graph = fx.Graph()
    given = graph.placeholder("activations")
    env: dict[fx.Node, Any] = {}
    for place, each in enumerate(trace.inputs if reads else ()):
        env[each] = graph.placeholder(f"input_{place}")
    env[node] = graph.call_method("clone", (given,)) if overwriting else given
    statements = {each: analysis.statement(each, node) for each in restated}
    rows = graph.call_method("size", (given, 0)) if any(map(_counts, statements.values())) else None
    for each, statement in statements.items():
        env[each] = _written(graph, statement, rows)
    for each in needed:
        if each not in env:
            env[each] = graph.node_copy(each, env.__getitem__)
    outputs = [env[each] for each in trace.outputs]
    plain = probe.structure.plain and not reads
    graph.output(outputs[0] if plain else outputs)
    part = _module(trace.root, graph, "End")
    return (part if plain else Structured(part, probe.structure, probe.convention if reads else None)), reads


def _module(root: nn.Module, graph: fx.Graph, name: str) -> fx.GraphModule:
    graph.lint()
    part = fx.GraphModule(root, graph, name)
    part.training = False
    return part


def _counts(statement: Any) -> bool:
    return any(map(_counts, statement)) if isinstance(statement, tuple) else isinstance(statement, Rows)


def _written(graph: fx.Graph, statement: Any, rows: fx.Node | None) -> Any:
    """A statement as arguments of a graph."""
    if isinstance(statement, tuple):
        return tuple(_written(graph, each, rows) for each in statement)
    if not isinstance(statement, Rows):
        return statement
    if statement.times == statement.per:
        return rows
    times = graph.call_function(operator.mul, (rows, statement.times))
    return graph.call_function(operator.floordiv, (times, statement.per))


class Arguments(nn.Module):
    """A part of a network that is called with the network's own arguments."""

    def __init__(self, part: nn.Module, convention: Convention) -> None:
        super().__init__()
        self.part, self._convention, self.training = part, convention, False

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        return self.part(*self._convention.tensors(args, kwargs))


class Structured(nn.Module):
    """An end whose output has the structure of the network's, from activations and, where it reads them, inputs."""

    def __init__(self, part: nn.Module, structure: Structure, convention: Convention | None) -> None:
        super().__init__()
        self.part, self._structure, self._convention, self.training = part, structure, convention, False

    def forward(self, activations: Tensor, *args: Any, **kwargs: Any) -> Any:
        tensors = self._convention.tensors(args, kwargs) if self._convention else []
        return self._structure(self.part(activations, *tensors))


class _Stop(BaseException):
    """Ends a forward pass at a layer. Not an Exception, which a network may catch."""


class HookedFront(nn.Module):
    """A network up to the output of a layer, where its forward pass ends."""

    def __init__(self, net: nn.Module, layer: str) -> None:
        super().__init__()
        self.net, self.layer, self.training = net, layer, False

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        outputs: list[Tensor] = []

        def hook(module: nn.Module, given: tuple, output: Any) -> None:
            outputs.extend(leaf for leaf in pytree.tree_leaves(output) if isinstance(leaf, Tensor))
            raise _Stop

        handle = self.net.get_submodule(self.layer).register_forward_hook(hook)
        try:
            self.net(*args, **kwargs)
        except _Stop:
            return outputs[0]
        finally:
            handle.remove()
        raise InputError(f"layer {self.layer!r} does not run when the network does; name layers that do")


class HookedFronts(nn.Module):
    """A network up to several layers: copies of their outputs from one forward pass, in the order given."""

    def __init__(self, net: nn.Module, layers: Sequence[str]) -> None:
        super().__init__()
        self.net, self.layers, self.training = net, tuple(layers), False

    def forward(self, *args: Any, **kwargs: Any) -> list[Tensor]:
        outputs: dict[str, Tensor] = {}

        def hook(layer: str, module: nn.Module, given: tuple, output: Any) -> None:
            leaf = next(leaf for leaf in pytree.tree_leaves(output) if isinstance(leaf, Tensor))
            outputs.setdefault(layer, leaf.clone())
            if len(outputs) == len(self.layers):
                raise _Stop

        handles = [self.net.get_submodule(each).register_forward_hook(partial(hook, each)) for each in self.layers]
        try:
            self.net(*args, **kwargs)
        except _Stop:
            return [outputs[layer] for layer in self.layers]
        finally:
            for handle in handles:
                handle.remove()
        missing = next(layer for layer in self.layers if layer not in outputs)
        raise InputError(f"layer {missing!r} does not run when the network does; name layers that do")


class HookedEnd(nn.Module):
    """A whole network on its own inputs, in which the output of a layer is replaced by the activations given."""

    def __init__(self, net: nn.Module, layer: str) -> None:
        super().__init__()
        self.net, self.layer, self.training = net, layer, False

    def forward(self, activations: Tensor, *args: Any, **kwargs: Any) -> Any:
        def hook(module: nn.Module, given: tuple, output: Any) -> Any:
            return pytree.tree_map(lambda leaf: activations.clone() if isinstance(leaf, Tensor) else leaf, output)

        handle = self.net.get_submodule(self.layer).register_forward_hook(hook)
        try:
            return self.net(*args, **kwargs)
        finally:
            handle.remove()
