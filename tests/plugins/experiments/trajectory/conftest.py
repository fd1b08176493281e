"""Two networks whose stitches are followed, and the bench on which they are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from small_networks import installed

from simbench.contracts.selection import Selection
from simbench.measuring.bench import Workbench


@pytest.fixture(scope="module")
def two(small) -> Selection:
    """Two networks, one layer, every index in its default and one that needs samples."""
    given = installed().select("indices", ["all", "cka[estimator=debiased]"])
    indices = tuple(index for index in given if index.needs != "case")
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
