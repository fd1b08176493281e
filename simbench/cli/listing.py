"""`simbench list`"""

from __future__ import annotations

import click

from simbench.registry import CONTRACTS


@click.command("list")
@click.argument("kind", required=False, type=click.Choice(list(CONTRACTS)))
def list_command(kind: str | None) -> None:
    """Show what is installed, with parameters, package and source. KIND narrows it to one kind."""
    from tabulate import tabulate

    from simbench.cli.installed import installed
    from simbench.contracts.case import parameters
    from simbench.runs.declared import default_experiments

    registry = installed()
    for each in [kind] if kind else CONTRACTS:
        rows = [
            (name, parameters(entry.plugin).replace(",", ", "), entry.owner, entry.plugin.source)
            for name, entry in registry.entries[each].items()
        ]
        click.echo(tabulate(rows, headers=[each, "parameters", "package", "source"], maxcolwidths=[None, 44, None, 60]))
        if each == "experiments":
            click.echo(f"run by default: {', '.join(default_experiments(registry))}")
        click.echo()
