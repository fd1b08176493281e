"""Energy of stitched activations outside the principal subspace of Model 2's own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from simbench_plugins.experiments.energy import energy_outside
from small_cases import activations, components, stitcher
from small_networks import case

from simbench import Affine, Stitcher
from simbench.measuring.bench import Workbench


@pytest.fixture(scope="module")
def context(small) -> Workbench:
    return Workbench(small)


class Fixed(Stitcher):
    """Adds to every activation of Model 2 a multiple of one direction."""

    name, source, objective = "fixed", "made by the tests", ""

    def __init__(self, direction: torch.Tensor, size: float) -> None:
        self.direction, self.size = direction, size

    def from_moments(self, m):
        return Affine(torch.eye(m.a.width, dtype=torch.float64), self.size * self.direction)


def energies(context: Workbench, made: Stitcher) -> dict[str, float]:
    """Of a network stitched to itself at conv2."""
    one = case(context.selection, made, b=0, layer="conv2")
    return {row.quantity: row.value for row in energy_outside(one, context)}


def test_the_energy_outside_of_a_network_itself_is_its_own(context):
    found = energies(context, stitcher("identity"))
    assert found["energy_outside"] == pytest.approx(found["own_energy_outside"], abs=1e-12)
    assert found["own_energy_outside"] < 0.05 and found["relative_accuracy"] == 1


def test_energy_outside_by_numpy(small, context):
    """Activations that are shifted along the last component lie outside by the square of the shift."""
    mean, directions = components(small, layer="conv2")
    rows = [
        activations(small, 0, "conv2", split).double().permute(0, 2, 3, 1).flatten(0, 2).numpy() - mean
        for split in ("train", "test")
    ]
    variances = ((rows[0] @ directions) ** 2).mean(0)
    count = int(np.searchsorted(np.cumsum(variances) / variances.sum(), 0.99)) + 1
    outside = directions[:, count:]
    assert 0 < outside.shape[1] < 8
    for size in (0.0, 5.0):
        moved = rows[1] + size * directions[:, -1]
        expected = ((moved @ outside) ** 2).sum() / (moved**2).sum()
        found = energies(context, Fixed(torch.tensor(directions[:, -1]), size))["energy_outside"]
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-6)
