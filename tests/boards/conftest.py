"""Boards of networks in memory, without the figures of their runs: tests/cli/test_comparing.py has one drawn."""

from importlib import import_module

import pytest


@pytest.fixture(scope="module", autouse=True)
def no_figures(undrawn, unranked):
    """`board.figure()` is made all the same; what boards show is measured, not ranked."""


@pytest.fixture(scope="module", autouse=True)
def loaded_once(registry):
    """Installed plugins are those that the session has loaded."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(import_module("simbench.boards.compare"), "load", lambda *_: registry)
        yield
