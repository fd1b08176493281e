"""The conformance kit: does a plugin keep its contract and its claims?

    for check in simbench.check.checks(plugin):
        outcome = check.run()          # never raises
        print(check.name, outcome.status, outcome.reason)

In pytest, every check is a test of its own:

    @simbench.check.parametrize(MyIndex(), MyStitcher(rank=4))
    def test_conforms(check):
        check()

The kit takes configured objects and does not use the registry. Its data are small and made from seeds: a plugin is
checked in about a second, without trained networks or downloads.
"""

from simbench.check.items import parametrize
from simbench.check.kit import checks
from simbench.check.outcome import Check, Outcome

__all__ = ["Check", "Outcome", "checks", "parametrize"]
