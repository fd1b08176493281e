"""Two networks whose stitches are followed, and the bench on which they are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from simbench_plugins.experiments.presets import FIVE
from small_networks import installed

from simbench.contracts.selection import Selection
from simbench.measuring.bench import Workbench


@pytest.fixture(scope="module")
def two(small) -> Selection:
    """Two networks, one layer, the five indices of the paper and one that needs samples."""
    indices = installed().select("indices", [FIVE, "cka[estimator=debiased]"])
    return replace(
        small,
        networks=small.networks[:2],
        layers={"net": ("conv2",)},
        indices=indices,
        views=("spatial", "pooled", "flat"),
    )


@pytest.fixture(scope="module")
def context(two) -> Workbench:
    return Workbench(two)
