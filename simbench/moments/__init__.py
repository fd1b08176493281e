"""Moments: comoments, scatter, the pair, many layers at once, the affine map, views. Mathematics without networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simbench.moments.affine import Affine
    from simbench.moments.pair import Moments
    from simbench.moments.scatter import Scatter

__all__ = ["Affine", "Moments", "Scatter"]


def __getattr__(name: str):
    """`Moments` and its parts, imported when asked for: views are read without torch."""
    from importlib import import_module

    where = {"Affine": "affine", "Moments": "pair", "Scatter": "scatter"}
    if name not in where:
        raise AttributeError(f"module 'simbench.moments' has no attribute {name!r}")
    return getattr(import_module(f"simbench.moments.{where[name]}"), name)
