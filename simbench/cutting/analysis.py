"""Analysis: which layers a traced network can be cut at, verified by running every stretch between two cuts alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, fx

from simbench.cutting.convention import print_of
from simbench.cutting.flows import Bypassed, Flow
from simbench.cutting.probe import TRACED, VERIFIED, Probe
from simbench.cutting.traces import Trace, Untraceable, line_of, path_of


class Analysis:
    """The cuts of one traced network.

    nodes: layer -> the node whose value is its output, for layers through which everything passes. A layer is believed
    when, for two numbers of inputs, the graph gives the network's own output, the node gives the layer's own output,
    and the operations between it and the next such layer, run alone, give the output of that one: ends are made of
    these stretches. All comparisons are bitwise.
    Raises Untraceable where the graph does not compute what the network does.
    """

    def __init__(self, probe: Probe, trace: Trace, reread: bool = False) -> None:
        self.probe, self.trace = probe, trace
        integers = frozenset(
            node
            for node, x in zip(trace.inputs, probe.tensors(0), strict=True)
            if not (x.is_floating_point() or x.is_complex())
        )
        self.flow = Flow(trace, reread, integers=integers)
        self.chain = self.flow.chain()
        self.paths = {node: path_of(node) + "." for node in trace.nodes}
        self.held: list[dict[fx.Node, Any]] = []  # of tensors only while cuts are verified
        self._rows: list[dict[fx.Node, int]] = []
        with torch.no_grad():
            try:
                prints = [self._run(number) for number in range(len(probe.calls))]
            except Untraceable:
                raise
            except Exception as error:  # a graph may hold anything that was true of the traced batch only
                raise Untraceable(f"the graph of torch.{trace.engine} does not run: {line_of(error)}") from None
            self.nodes = self._matched(prints)
            self._verify()
        self.held = [{node: x for node, x in held.items() if not isinstance(x, Tensor)} for held in self.held]

    def _run(self, number: int) -> dict[fx.Node, tuple]:
        """Run the whole graph on a batch; hold the values of the chain, and all that are no tensors."""
        trace, kept = self.trace, set(self.chain)
        tensors = self.probe.tensors(number)
        env: dict[fx.Node, Any] = dict(zip(trace.inputs, tensors, strict=True))
        held: dict[fx.Node, Any] = dict(zip(trace.inputs, self.probe.tensors(number), strict=True))
        final: dict[fx.Node, fx.Node] = {each: node for node in trace.nodes for each in node.all_input_nodes}
        prints, needed = {}, self.flow.needed(trace.outputs, None)[0]
        runner = Runner(trace, env)
        for node in needed:
            value = env[node] if node in trace.inputs else runner.run(node)
            if node in kept:
                held[node] = value.clone() if isinstance(value, Tensor) else value
                if isinstance(value, Tensor):
                    prints[node] = print_of(value)
            elif not isinstance(value, Tensor):
                held[node] = value
            for each in node.all_input_nodes:
                if final[each] is node and each not in trace.outputs:
                    env.pop(each, None)
        if [print_of(env[node]) for node in trace.outputs] != self.probe.prints[number]:
            raise Untraceable(
                f"the graph of torch.{trace.engine} gives other numbers for {self.probe.calls[number].rows} inputs"
            )
        self.held.append(held)
        self._rows.append({node: len(x) for node, x in held.items() if isinstance(x, Tensor) and x.ndim})
        return prints

    def _matched(self, prints: list[dict[fx.Node, tuple]]) -> dict[str, fx.Node]:
        """layer -> the last value of the chain that equals its output for both batches."""
        known = {(prints[0][node], prints[1].get(node)): node for node in self.chain if node in prints[0]}
        matched = {}
        for layer in self.probe.modules:
            values = tuple(seen[layer].value for seen in self.probe.seen)
            if not self.probe.fault(layer) and values in known:
                matched[layer] = known[values]
        return matched

    def _verify(self) -> None:
        """Leave out the layers from which the rest of the graph, run alone, gives other numbers."""
        believed: set[fx.Node] = set()
        targets = self.trace.outputs
        for node in sorted(set(self.nodes.values()), key=self.flow.place.__getitem__, reverse=True):
            if all(self._leads(node, targets, number) for number in range(len(self.probe.calls))):
                believed.add(node)
                targets = (node,)
        self.nodes = {layer: node for layer, node in self.nodes.items() if node in believed}

    def _leads(self, node: fx.Node, targets: Iterable[fx.Node], number: int) -> bool:
        """True where the operations between a node and the targets, run alone, give the targets."""
        held, targets = self.held[number], tuple(targets)
        try:
            needed, restated = self.flow.needed(targets, node)
            env = {node: held[node].clone()}
            for each in restated:
                env[each] = valued(self.statement(each, node), len(held[node]))
            runner = Runner(self.trace, env)
            for each in needed:
                if each in self.trace.inputs:
                    env[each] = held[each].clone()
                else:
                    runner.run(each)
        except Exception:  # a value is missing, or of another shape than an operation wants
            return False
        wanted = (
            self.probe.prints[number] if targets == self.trace.outputs else [print_of(held[each]) for each in targets]
        )
        return [print_of(env[each]) for each in targets] == wanted

    def statement(self, node: fx.Node, cut: fx.Node) -> Any:
        """A number or shape as a function of the number of rows of the value at a cut. Raises Bypassed."""
        rows = [counts[cut] for counts in self._rows]
        if rows[0] * VERIFIED != rows[1] * TRACED:
            raise Bypassed(f"{node.name}, which depends on the number of inputs")
        return stated(self.held[0][node], self.held[1][node], rows)

    def reason(self, layer: str) -> tuple[str, bool]:
        """Why a layer is not among the cuts, and whether no other engine can be better."""
        nodes = {node for node, path in self.paths.items() if path.startswith(layer + ".")}
        leaving = [node for node in nodes & self.flow.carried if any(user not in nodes for user in node.users)]
        live = [node for node in leaving if node in self.flow.last]
        if not nodes:
            return "has no operations of its own in the graph", False
        if not live:
            return "has no part in the output", False
        beside = self.flow.bypass(max(live, key=self.flow.place.__getitem__))
        if beside:
            return f"is bypassed through {beside}", True
        return f"is followed by operations that, run alone, give other numbers (torch.{self.trace.engine})", False


class Runner:
    """Runs nodes one by one on the values in `env`, and puts their values there."""

    def __init__(self, trace: Trace, env: dict[fx.Node, Any]) -> None:
        graph = trace.nodes[0].graph
        self._interpreter = fx.Interpreter(trace.root, garbage_collect_values=False, graph=graph)
        self._interpreter.env = self.env = env

    def run(self, node: fx.Node) -> Any:
        self.env[node] = value = self._interpreter.run_node(node)
        return value


class Rows:
    """`times` / `per` of the number of rows."""

    def __init__(self, times: int, per: int) -> None:
        self.times, self.per = times, per


def stated(first: Any, second: Any, rows: list[int]) -> Any:
    """A value that two batches gave, as a constant, as Rows, or as a tuple of these."""
    if isinstance(first, (tuple, list)):
        return tuple(stated(a, b, rows) for a, b in zip(first, second, strict=True))
    if first == second and type(first) is type(second):
        return first
    if isinstance(first, int) and isinstance(second, int) and first * rows[1] == second * rows[0]:
        return Rows(first, rows[0])
    raise Bypassed("a number that depends on the number of inputs")


def valued(statement: Any, rows: int) -> Any:
    """A statement for a number of rows."""
    if isinstance(statement, tuple):
        return tuple(valued(each, rows) for each in statement)
    return rows * statement.times // statement.per if isinstance(statement, Rows) else statement
