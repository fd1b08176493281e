"""Registered plugins, and those that could not be registered."""

from __future__ import annotations

from dataclasses import dataclass

from simbench.contracts import Dataset, Executor, Experiment, Index, Model, Panel, Plugin, Source, Stitcher
from simbench.system.raised import told, trace

KINDS = (Index, Stitcher, Model, Dataset, Experiment, Panel, Source, Executor)
CONTRACTS: dict[str, type[Plugin]] = {contract.kind: contract for contract in KINDS}


@dataclass(frozen=True)
class Entry:
    """A registered plugin in its default configuration, and the package it came from."""

    plugin: Plugin
    package: str
    package_version: str

    @property
    def owner(self) -> str:
        return f"{self.package} {self.package_version}".strip()


@dataclass(frozen=True)
class Broken:
    """A plugin package that could not be loaded, or one plugin of it that declares what is not allowed (kind: of that
    plugin, else "")."""

    name: str
    owner: str
    reason: str
    traceback: str
    kind: str = ""

    @classmethod
    def of(cls, name: str, owner: str, error: Exception, kind: str = "") -> Broken:
        return cls(name, owner, told(error), trace(error), kind)
