"""Controls: indices that an index worth its name must beat. They see networks and layers, and no rows of a pair."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from simbench_plugins.indices.cka import CKA

from simbench import Claims, Inapplicable, Index, InputError, Undefined, hookimpl, nested
from simbench.system.provenance import digest

if TYPE_CHECKING:
    from torch import Tensor

    from simbench import Bench, Case, Network


class Depth(Index):
    """1 - |d_a - d_b| / 2 - (d_a + d_b) / 4, where d is the relative depth of a layer: 0 for the first of the model's
    layers, 1 for the last.

    It knows nothing but the layers. A layer is most similar to that of its own depth, so it identifies every layer, and
    pairs at one layer, of value 1 - d / 2, differ by depth alone: what it predicts over all layers, depth predicts.
    """

    name = "depth"
    source = "a control: Kornblith et al. 2019, section 6.1, and the confounding of pooled correlations by depth"
    control = True

    @property
    def claims(self) -> Claims:
        return Claims(symmetric=True)

    def from_case(self, case: Case, bench: Bench) -> Tensor:
        import torch

        a, b = relative_depth(case.a, case.layer_a), relative_depth(case.b, case.layer_b)
        return torch.tensor(1 - abs(a - b) / 2 - (a + b) / 4, dtype=torch.float64)


def relative_depth(network: Network, layer: str) -> float:
    """0 for the first of the layers of a network's model, 1 for the last. Inapplicable for a layer it does not name."""
    layers = network.model.layers
    if layer not in layers:
        raise Inapplicable(f"{network.model.spec} does not name the depth of {layer}")
    return layers.index(layer) / max(len(layers) - 1, 1)


@dataclass(frozen=True)
class Random(Index):
    """A number in [0, 1) that follows from both networks, their layers and the seed, and from nothing they compute.

    Of a pair and the reverse pair it gives two unrelated numbers, as it does of two layers; in every view the same.
    """

    seed: int = 0

    name = "random"
    source = "a control: an index that knows nothing"
    control = True

    def from_case(self, case: Case, bench: Bench) -> Tensor:
        import torch

        sides = [[case.a.content, case.layer_a], [case.b.content, case.layer_b]]
        return torch.tensor(int(digest([sides, self.seed])[:13], 16) / 16**13, dtype=torch.float64)


@dataclass(frozen=True)
class RandomFeatures(Index):
    """An index on untrained networks: of the architectures of both, with initial weights that follow from their
    content, on the same inputs. What it predicts, the architecture and the inputs predict, without training.

    index: the index. Its direction and its range hold here, too.
    """

    index: Index = nested(CKA, kind="indices")

    name = "random_features"
    source = "a control: untrained networks, as in Kornblith et al. 2019, section 6, and Ding et al. 2021"
    control = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.index.control:
            raise InputError(f"index is {self.index.spec}, which is a control; give an index that is none, such as cka")

    @property
    def claims(self) -> Claims:
        of = self.index.claims
        return Claims(of.direction, range=of.range)

    def from_case(self, case: Case, bench: Bench) -> Tensor:
        import torch

        row = bench.similarity(self.index, replace(case, a=case.a.untrained, b=case.b.untrained))
        if row.status != "ok":
            raise (Inapplicable if row.status == "skipped" else Undefined)(row.note)
        return torch.tensor(row.value, dtype=torch.float64)


@hookimpl
def simbench_indices():
    return [Depth(), Random(), RandomFeatures()]
