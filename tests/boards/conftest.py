"""Boards of networks in memory, without the figures of their runs: tests/cli/test_comparing.py has one drawn."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def no_figures(undrawn, unranked):
    """`board.figure()` is made all the same; what boards show is measured, not ranked."""
