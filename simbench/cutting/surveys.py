"""Survey: every layer of a network, how its output looks, and whether the network can be cut there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from simbench.cutting.cutter import Cutter
from simbench.cutting.engines import known


@dataclass(frozen=True)
class Layer:
    """A submodule of a network.

    kind: its class. runs: how often it runs in a pass. shape: of its output for one input, None where it gives no
    single tensor. layout: of its output as in `simbench.moments.LAYOUTS`, None where it is not certain ("nc" for
    vectors). engine: of ENGINES, the first that can cut here; "hook" where only that one can; None where the output
    cannot be read. reason: why there is no exact cut, else "". closes: the layer inside it whose output it gives as its
    own, else "".
    """

    name: str
    kind: str
    runs: int
    shape: tuple[int, ...] | None
    layout: str | None
    engine: str | None
    reason: str
    closes: str = ""

    @property
    def cut(self) -> str:
        """ "exact", "hook" where only the output can be read or replaced, or "none"."""
        return "exact" if self.exact else self.engine or "none"

    @property
    def unfit(self) -> str:
        """Why the bench cannot take the output as activations: of images, tokens or vectors; "" where it can."""
        if self.engine is None or self.shape is None:
            return self.reason
        if len(self.shape) in (1, 3) or self.layout in ("ntc", "nct"):
            return ""
        given = f"gives activations of shape (n, {', '.join(map(str, self.shape))})"
        if len(self.shape) == 2:
            return f"{given}, whose axes are not certain: give layouts={{{self.name!r}: ...}}, 'ntc' or 'nct'"
        return f"{given}; those of images, tokens, signals and vectors can be read"

    @property
    def exact(self) -> bool:
        """True where front and end together compute what the network does, and nothing twice."""
        return self.engine not in (None, "hook")


def survey(net: nn.Module, inputs: Any, engine: str = "auto") -> list[Layer]:
    """All submodules of a network, in the order in which they end; those that do not run come last.

    inputs: a batch as the network takes it, as for `simbench.cut`. engine: the only engine to try, or "auto".
    The network is traced once by each engine, and its operations run once for each of two numbers of inputs; ends are
    verified stretch by stretch.
    """
    known(engine)
    return surveyed(Cutter(net, inputs), engine)


def surveyed(cutter: Cutter, engine: str = "auto") -> list[Layer]:
    """The survey of a network that a Cutter has traced, which then cuts at its layers without another trace."""
    layers = []
    for name, module in cutter.probe.modules.items():
        seen, fault = cutter.probe.seen[0][name], cutter.probe.fault(name)
        cut, reason = (None, fault) if fault or engine == "hook" else cutter.engine(name, engine)
        if cut is None and not fault:
            cut = "hook"
        layout = "nc" if seen.shape is not None and len(seen.shape) == 1 else seen.layout
        layers.append(Layer(name, type(module).__name__, seen.runs, seen.shape, layout, cut, reason, seen.closes))
    order = {name: seen.order or len(layers) + 1 for name, seen in cutter.probe.seen[0].items()}
    return sorted(layers, key=lambda layer: order[layer.name])
