"""The bench on which networks are pushed, and a registry with a stranger's indices."""

from __future__ import annotations

import pytest
from small_penalties import Distance
from small_plugins import SmallPlugins

import simbench
from simbench import Claims, hookimpl
from simbench.measuring.bench import Workbench


@pytest.fixture(scope="module")
def context(small) -> Workbench:
    return Workbench(small)


class Blind(Distance):
    """Not differentiable."""

    name = "blind"

    @property
    def claims(self) -> Claims:
        return Claims(direction=-1)


class ThirdParty:
    @hookimpl
    def simbench_indices(self):
        return [Distance(), Blind()]


@pytest.fixture(scope="module")
def registry() -> simbench.Registry:
    return simbench.load([SmallPlugins(), ThirdParty()])
