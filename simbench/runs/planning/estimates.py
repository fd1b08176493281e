"""Estimates of what cases of a job have in common: what networks share at a layer, passes, and memory."""

from __future__ import annotations

from dataclasses import dataclass

from simbench.contracts.case import Case
from simbench.contracts.selection import Network
from simbench.runs.planning.costs import Costs, Place, place_of
from simbench.runs.planning.sizes import Extents


@dataclass(frozen=True)
class Estimates:
    """See `simbench.runs.planning.cutting.Shared`."""

    costs: Costs
    extents: Extents
    memory: float

    def alone(self, case: Case) -> float:
        """Seconds of a case, once what it shares is there."""
        return self.costs(case).each * self.extents.dearer(case)

    def kind(self, case: Case) -> Place:
        return place_of(case)

    def each(self, case: Case) -> float:
        return self.costs(case).shared

    def run(self, network: Network) -> float:
        return self.costs.pass_of(network.model.spec)

    def held(self, case: Case, network: Network, layer: str) -> float:
        return self.extents.held(case, network, layer)
