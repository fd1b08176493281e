"""What tests of contracts share."""

from __future__ import annotations

import pytest


@pytest.fixture
def here(cache, tmp_path, monkeypatch):
    """An empty cache, and an empty folder to work in."""
    monkeypatch.chdir(tmp_path)
