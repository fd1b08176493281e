"""The registry as the command line sees it: broken plugins are reported, and do not stop it."""

from __future__ import annotations

import click

from simbench.registry import Registry, load


def installed() -> Registry:
    """Every installed plugin; packages that cannot be loaded are reported on stderr with their traceback."""
    registry = load()
    for broken in registry.broken:
        click.echo(
            f"simbench: plugin {broken.name!r} of {broken.owner or 'an unknown package'} could not be loaded "
            f"({broken.reason}); going on without it\n{broken.traceback}",
            err=True,
        )
    return registry
