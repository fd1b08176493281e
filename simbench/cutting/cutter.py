"""A Cutter: one network that is traced once and cut at many layers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from simbench.cutting.analysis import Analysis
from simbench.cutting.convention import print_of, tensors_of
from simbench.cutting.copies import bare
from simbench.cutting.engines import ENGINES, Cut, known
from simbench.cutting.parts import HookedEnd, HookedFront, end_of, front_of
from simbench.cutting.probe import Probe
from simbench.cutting.rows import cut_row
from simbench.cutting.traces import Trace, Untraceable, by_export, by_fx
from simbench.errors import InputError
from simbench.networks.stages import in_a_row, stages


class Cutter:
    """Cuts of one network at many layers: it is traced once by every engine that is needed."""

    def __init__(self, net: nn.Module, inputs: Any) -> None:
        """inputs: a batch as the network takes it, as for `cut`."""
        self.probe = Probe(net, inputs)
        self.row = bare(net) if in_a_row(bare(net)) else None
        self._traces: dict[str, Trace] = {}
        self._analyses: dict[str, Analysis | str] = {}

    def analysis(self, engine: str) -> Analysis | str:
        """The cuts by an engine, or why it has none."""
        if engine not in self._analyses:
            try:
                tracer = engine.split()[0]
                if tracer not in self._traces:
                    self._traces[tracer] = by_fx(self.probe) if tracer == "fx" else by_export(self.probe)
                self._analyses[engine] = Analysis(self.probe, self._traces[tracer], reread=engine.endswith("input"))
            except Untraceable as error:
                self._analyses[engine] = str(error)
        return self._analyses[engine]

    def engine(self, layer: str, engine: str = "auto") -> tuple[str | None, str]:
        """The exact engine that can cut at a layer, or None and the reason."""
        fault = self.probe.fault(layer)
        if fault:
            return None, fault
        if self.row is not None and layer in stages(self.row) and engine in ("auto", "sequential"):
            return "sequential", ""
        reason, untraced = "", []
        for each in ENGINES[1:4] if engine == "auto" else (engine,):
            if each == "export with input" and all(x.is_floating_point() for x in self.probe.tensors(0)):
                continue
            analysis = self.analysis(each)
            if isinstance(analysis, str):
                untraced += [analysis] if analysis not in untraced else []
                continue
            if layer in analysis.nodes:
                return each, ""
            why, final = analysis.reason(layer)
            reason = why if final or not reason else reason
            if final and not analysis.flow.rereadable:
                break
        reason = reason or "cannot be cut: " + "; ".join(untraced)
        return None, reason

    def cut(self, layer: str, engine: str = "auto") -> Cut:
        """As `simbench.cut`."""
        known(engine)
        layer = self.probe.name_of(layer)
        if engine == "hook":
            if self.probe.fault(layer):
                raise InputError(
                    f"layer {layer!r} {self.probe.fault(layer)}; cut at a layer that gives one tensor once"
                )
            return self._believed(layer, Cut(self.front(layer), HookedEnd(self.probe.twin, layer), "hook", True))
        found, reason = self.engine(layer, engine)
        if found is None:
            advice = "" if self.probe.fault(layer) else ", or engine='hook', whose end costs the whole network"
            raise InputError(f"layer {layer!r} {reason}; cut at a layer that `simbench.cutting.survey` lists{advice}")
        if found == "sequential":
            return Cut(*cut_row(self.row, layer), "sequential")
        analysis = self.analysis(found)
        node = analysis.nodes[layer]
        first = front_of(analysis, node)
        for overwriting in (False, True):
            end, reads = end_of(analysis, node, overwriting)
            whole = Cut(first, end, found, reads)
            if not self._overwrites(whole):
                break
        return self._believed(layer, whole)

    def front(self, layer: str) -> nn.Module:
        """As `simbench.cutting.front`."""
        layer = self.probe.name_of(layer)
        if self.probe.fault(layer):
            raise InputError(f"layer {layer!r} {self.probe.fault(layer)}; read a layer that gives one tensor once")
        return HookedFront(self.probe.twin, layer)

    def _halves(self, whole: Cut, number: int) -> tuple[Tensor, Any, bool]:
        """Activations and outputs of a cut for a batch, and whether its end wrote into the activations."""
        with torch.no_grad():
            args, kwargs = self.probe.convention.arguments(self.probe.tensors(number))
            held = whole.front(*args, **kwargs)
            before = print_of(held)
            given = self.probe.convention.arguments(self.probe.tensors(number)) if whole.reads_input else ((), {})
            output = whole.end(held, *given[0], **given[1])
        return held, output, print_of(held) != before

    def _overwrites(self, whole: Cut) -> bool:
        return self._halves(whole, 0)[2]

    def _believed(self, layer: str, whole: Cut) -> Cut:
        """The cut, once it gave the outputs of layer and network bitwise for both numbers of inputs."""
        for number, (seen, prints) in enumerate(zip(self.probe.seen, self.probe.prints, strict=True)):
            held, output, overwritten = self._halves(whole, number)
            if (
                print_of(held) != seen[layer].value
                or [print_of(x) for x in tensors_of(output)] != prints
                or overwritten
            ):
                raise InputError(
                    f"the cut at layer {layer!r} by engine {whole.engine!r} gives other numbers than the network; "
                    "name another layer or engine"
                )
        return whole
