"""A request of a few cases."""

from __future__ import annotations

from dataclasses import replace

import pytest
from small_requests import SMALL

from simbench.runs.request import Request


@pytest.fixture
def request_(tmp_path, cache) -> Request:
    return replace(SMALL, results=tmp_path / "results")
