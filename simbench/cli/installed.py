"""The registry as the command line sees it: broken plugins are reported, and do not stop it."""

from __future__ import annotations

import click

from simbench.registry import Registry, load


def installed() -> Registry:
    """Every installed plugin; one that cannot be loaded is a line on stderr, and a traceback with --debug."""
    registry = load()
    context = click.get_current_context(silent=True)
    debug = context is not None and context.find_root().params.get("debug", False)
    for broken in registry.broken:
        ending = f"\n{broken.traceback}" if debug else "; simbench --debug list shows where"
        click.echo(
            f"simbench: plugin {broken.name!r} of {broken.owner or 'an unknown package'} could not be loaded "
            f"({broken.reason}); going on without it{ending}",
            err=True,
        )
    return registry
