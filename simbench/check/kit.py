"""The checks of a plugin, whatever its kind."""

from __future__ import annotations

from collections.abc import Iterator

from simbench.check.index import index_checks
from simbench.check.outcome import Check
from simbench.check.stitcher import stitcher_checks
from simbench.contracts import Index, Plugin, Stitcher
from simbench.errors import InputError


def checks(plugin: Plugin) -> Iterator[Check]:
    """Every check of a configured index or stitcher, in order; nothing is computed before `Check.run`.

    Raises InputError for any other kind of plugin.
    """
    if isinstance(plugin, Index):
        return index_checks(plugin)
    if isinstance(plugin, Stitcher):
        return stitcher_checks(plugin)
    raise InputError(f"{plugin!r} has no conformance checks; give an Index or a Stitcher object")
