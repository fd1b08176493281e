"""Entry points -> every plugin by name, with its owner."""

from simbench.registry.entries import CONTRACTS, Broken, Entry
from simbench.registry.loading import load
from simbench.registry.registry import Registry

__all__ = ["CONTRACTS", "Broken", "Entry", "Registry", "load"]
