"""The bench that experiments measure on: comparing and stitching, and what several cases share."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from simbench.contracts.case import Case
from simbench.contracts.selection import Network
from simbench.measuring.chance import Chance
from simbench.measuring.fronts import reread_at_once
from simbench.measuring.stitching import Stitching
from simbench.system.provenance import digest
from simbench.system.surroundings import abroad, known, seed_of


class Workbench(Chance, Stitching):
    """The `simbench.Bench` of one selection; every result is a function of the case, and what several cases share is
    computed once."""

    def __init__(self, *given, **options) -> None:
        super().__init__(*given, **options)
        self._computed: dict[Hashable, Any] = {}
        self._costs: dict[tuple[str, str], int] = {}
        self._group: tuple[str, ...] = ()

    def multiply_adds(self, network: Network, layer: str) -> int:
        """Multiply-adds of the network above a layer for one input, of matrix products and convolutions."""
        key = (network.content, layer)
        if key not in self._costs:
            x = torch.zeros(1, *self.activations.shape(network, layer), device=self.activations.device)
            with FlopCounterMode(display=False) as counter, torch.no_grad(), abroad():
                end, one = self.activations.end(network, layer), self.activations.inputs("test")[:1]
                again = reread_at_once(self.activations, network, layer, one)
                end(x) if again is None else end(x, again)
            self._costs[key] = counter.get_total_flops() // 2
        return self._costs[key]

    def once(self, case: Case, key: Hashable, compute: Callable[[], Any]) -> Any:
        """What `compute` returns, computed once for all cases of the experiment that share forward passes with this
        one (its group) and follow each other. What it draws from global generators depends on group and key alone."""
        if self._group != case.group:
            self._group, self._computed = case.group, {}
        key = (case.experiment.name, key)
        if key not in self._computed:
            with known(seed_of(digest([*case.group, repr(key)]))), abroad():
                self._computed[key] = compute()
        return self._computed[key]
