"""The bench of trained networks."""

from __future__ import annotations

import pytest

from simbench.measuring.bench import Workbench


@pytest.fixture
def context(small) -> Workbench:
    return Workbench(small)
