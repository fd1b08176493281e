"""Flows: through which values of a graph everything that a network makes of its inputs must pass."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from torch import fx, nn

from simbench.cutting.traces import Trace, path_of

_SHAPES = ("size", "dim", "ndimension", "numel", "stride")
_ATTRIBUTES = ("shape", "ndim", "device", "dtype")


class Bypassed(Exception):
    """A value is not all that the rest of the network reads of its inputs; the message names what else."""


@dataclass
class Flow:
    """Which values of a graph depend on the contents of the inputs.

    reread: values that are computed without weights from inputs of integers alone (such as attention masks) do not
    count: the end of a network can compute them from the inputs again.
    carried: nodes that count. roots: first position of a tensor whose shape a node depends on, where it depends on
    nothing else. last: position of the last reader that counts.
    """

    trace: Trace
    reread: bool = False
    carried: set[fx.Node] = field(init=False, default_factory=set)
    light: set[fx.Node] = field(init=False, default_factory=set)
    roots: dict[fx.Node, int] = field(init=False, default_factory=dict)
    last: dict[fx.Node, int] = field(init=False, default_factory=dict)
    integers: frozenset[fx.Node] = frozenset()

    def __post_init__(self) -> None:
        self.place = {node: i for i, node in enumerate(self.trace.nodes)}
        weighted: set[fx.Node] = set()
        for node in self.trace.nodes:
            given = node.all_input_nodes
            if node in self.trace.inputs:
                (self.light if node in self.integers else self.carried).add(node)
            elif _weighs(self.trace.root, node) or any(each in weighted for each in given):
                weighted.add(node)
            if node in self.trace.inputs:
                continue
            if _reads_shape(node):
                roots = [
                    self.roots.get(each, self.place[each]) for each in given if self._counts(each) or each in self.roots
                ]
                if roots:
                    self.roots[node] = min(roots)
            elif any(each in self.carried for each in given):
                self.carried.add(node)
            elif any(each in self.light for each in given):
                (self.carried if node in weighted else self.light).add(node)
            elif any(each in self.roots for each in given):
                self.roots[node] = min(self.roots[each] for each in given if each in self.roots)
        self.rereadable = bool(self.light)
        if not self.reread:
            self.carried |= self.light
            self.light = set()
        self._live()

    def _counts(self, node: fx.Node) -> bool:
        return node in self.carried or node in self.light

    def _live(self) -> None:
        """The last reader of every value that the outputs depend on."""
        end = len(self.trace.nodes)
        for node in self.trace.outputs:
            self.last[node] = end
        for node in reversed(self.trace.nodes):
            if node in self.last:
                for each in node.all_input_nodes if node in self.carried else ():
                    if each in self.carried:
                        self.last[each] = max(self.last.get(each, 0), self.place[node])

    def chain(self) -> list[fx.Node]:
        """The values through which everything passes, in order; the inputs themselves are none."""
        found, furthest = [], -1
        for i, node in enumerate(self.trace.nodes):
            if node not in self.last or node not in self.carried:
                continue
            if furthest <= i and node not in self.trace.inputs:
                found.append(node)
            furthest = max(furthest, self.last[node])
        return found

    def bypass(self, node: fx.Node) -> str:
        """What bypasses a value on the way to the outputs: the last such module before it; "" for none."""
        at = self.place[node]
        beside = [each for each, last in self.last.items() if self.place[each] < at < last]
        if not beside:
            return ""
        nearest = max(beside, key=self.place.__getitem__)
        name = path_of(nearest)
        return "the input" if nearest in self.trace.inputs else repr(name) if name else f"operation {nearest.name}"

    def needed(self, targets: Iterable[fx.Node], stop: fx.Node | None) -> tuple[list[fx.Node], list[fx.Node]]:
        """The nodes that compute the targets from `stop` (or from the inputs), in order, and those among them that only
        read the shape of a value before `stop`, which must be stated anew. Raises Bypassed."""
        at = -1 if stop is None else self.place[stop]
        found: set[fx.Node] = set()
        restated: set[fx.Node] = set()
        waiting = [each for each in targets if each is not stop]
        while waiting:
            node = waiting.pop()
            if node in found or node in restated:
                continue
            if node in self.roots and self.roots[node] < at and _is_shape(node, self.roots):
                restated.add(node)
                continue
            if node in self.carried and self.place[node] < at:
                raise Bypassed(path_of(node) or node.name)
            found.add(node)
            waiting += [each for each in node.all_input_nodes if each is not stop]
        return sorted(found, key=self.place.__getitem__), sorted(restated, key=self.place.__getitem__)


def _reads_shape(node: fx.Node) -> bool:
    """True where a node reads the shape, type or device of a tensor, and not its contents."""
    if node.op == "call_method":
        return node.target in _SHAPES
    if node.op != "call_function":
        return False
    if node.target is getattr:
        return node.args[1] in _ATTRIBUTES
    return str(node.target).split(".")[:2] in (["aten", "sym_size"], ["aten", "sym_numel"], ["aten", "sym_stride"])


def _is_shape(node: fx.Node, roots: dict[fx.Node, int]) -> bool:
    """True where a node is a number or a shape: it reads one, or computes with such alone."""
    if _reads_shape(node):
        return True
    plain = node.op == "call_function" and (getattr(node.target, "__module__", "") in ("_operator", "math", "torch"))
    return (plain or node.target is operator.getitem) and all(_is_shape(each, roots) for each in node.all_input_nodes)


def _weighs(root: nn.Module, node: fx.Node) -> bool:
    """True where a node is or holds a parameter."""
    if node.op == "call_module":
        return any(True for _ in root.get_submodule(str(node.target)).parameters())
    if node.op != "get_attr":
        return False
    value = operator.attrgetter(str(node.target))(root)
    return isinstance(value, nn.Parameter) or (isinstance(value, torch.Tensor) and value.requires_grad)
