"""The conformance kit: is a plugin what it says it is?

    for check in checks(plugin):
        outcome = check.run()          # never raises
        print(check.name, outcome.status, outcome.reason)

    @pytest.mark.parametrize("check", list(checks(MyIndex())), ids=lambda check: check.name)
    def test_my_index(check):
        outcome = check.run()
        assert outcome.status != "failed", outcome.reason

Takes configured objects and asks no registry. The data are small, seeded and made here: a plugin is
checked in about a second, without networks or downloads.
"""

from __future__ import annotations

from collections.abc import Iterator

from simbench.check.index.contract import index_checks
from simbench.check.outcome import Check, Outcome
from simbench.check.stitcher.contract import stitcher_checks
from simbench.contracts import Index, Plugin, Stitcher
from simbench.errors import InputError

__all__ = ["Check", "Outcome", "checks"]


def checks(plugin: Plugin) -> Iterator[Check]:
    """Every check of a configured index or stitcher, in order; nothing is computed before `Check.run`.

    Raises InputError for any other kind of plugin.
    """
    if isinstance(plugin, Index):
        return index_checks(plugin)
    if isinstance(plugin, Stitcher):
        return stitcher_checks(plugin)
    raise InputError(f"{plugin!r} has no conformance checks; give an Index or a Stitcher object")
