"""Pairs of representations: their moments, their rows, and what they share."""

from __future__ import annotations

import torch
from torch import Tensor

from simbench.contracts.case import Case
from simbench.contracts.selection import Network, Selection
from simbench.errors import Inapplicable
from simbench.measuring.activations import BUDGET, FLAT_INPUTS, Activations
from simbench.measuring.stacks import Member, Stacks
from simbench.measuring.value import unpaired
from simbench.moments import views
from simbench.moments.layers import LayerMoments
from simbench.moments.pair import Moments
from simbench.system import stopwatch
from simbench.system.surroundings import settle


@stopwatch.stages(moments="moments")
class Pairs:
    """Moments and rows of the pairs of one selection. memory: bytes that activations may take. flat: the most inputs
    in view flat."""

    def __init__(
        self, selection: Selection, device: str = "cpu", memory: int = BUDGET, flat: int = FLAT_INPUTS
    ) -> None:
        self.selection = selection
        self.activations = Activations(selection.setting, device, memory, flat)
        self._stacks = Stacks(self.activations, selection)

    def moments(self, case: Case, split: str, view: str, half: int | None = None) -> Moments:
        """Moments of (a at layer_a, b at layer_b) on a split, or on a half of its inputs, in view spatial or pooled."""
        a, b = members(case)
        self.must_pair(case, view)
        settle()
        return self._stacks.pair(a, b, split, view, half)

    def front_moments(self, front: Tensor, case: Case, split: str, view: str) -> Moments:
        """Moments of (front, b at layer_b), front being activations (n, c, h, w) or (n, p) of the inputs of a split."""
        size, own = tuple(front.shape[2:]), self.shape(case.b, case.layer_b)[1:]
        if view == "spatial" and size != own:
            raise Inapplicable(unpaired(("the front", size), (f"{case.layer_b} of {case.b.name}", own)))
        batches = zip(self.parts(front), self.activations.batches(case.b, case.layer_b, split), strict=True)
        return LayerMoments.of([views.rows(x, view) for x in pair] for pair in batches).pair(0, 1)

    def parts(self, front: Tensor) -> tuple[Tensor, ...]:
        """Activations of a front in batches, on the device."""
        return front.detach().to(self.activations.device, torch.float32).split(self.activations.batch)

    def rows(self, case: Case, split: str, view: str) -> tuple[Tensor, Tensor]:
        """Rows (n, p) of a and (n, q) of b in a view (view flat: of a drawn sample of the inputs)."""
        self.must_pair(case, view)
        return tuple(views.rows(self.sample(member, split, view), view) for member in members(case))

    def sample(self, member: Member, split: str, view: str) -> Tensor:
        """Activations of the inputs that a view is taken of."""
        return self.activations.tensor(*member, split, self.activations.drawn(split, view))

    def shape(self, network: Network, layer: str) -> tuple[int, ...]:
        """Shape of one input's activation, (c, h, w) or (p,)."""
        return self.activations.shape(network, layer)

    def representation(self, network: Network, layer: str, split: str) -> Tensor:
        """Activations of all inputs of a split, (n, c, h, w) or (n, p) float32."""
        return self.activations.tensor(network, layer, split)

    def must_pair(self, case: Case, view: str) -> None:
        """Raise Inapplicable where the rows of the two layers do not pair."""
        left, right = (self.shape(*member)[1:] for member in members(case))
        if view == "spatial" and left != right:
            raise Inapplicable(
                unpaired((f"{case.layer_a} of {case.a.name}", left), (f"{case.layer_b} of {case.b.name}", right))
            )


def members(case: Case) -> tuple[tuple[Network, str], tuple[Network, str]]:
    """(network, layer) of a and of b."""
    return (case.a, case.layer_a), (case.b, case.layer_b)
