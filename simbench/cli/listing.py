"""`simbench list`"""

from __future__ import annotations

import click

from simbench.registry import CONTRACTS


@click.command("list")
@click.argument("kind", required=False, type=click.Choice(list(CONTRACTS)))
@click.argument("names", nargs=-1)
def list_command(kind: str | None, names: tuple[str, ...]) -> None:
    """Show what is installed, with parameters, package and source. KIND narrows it to one kind.

    Indices are shown with what they claim and what they cost: "moments", "per side" (each network and layer is
    prepared once) or "per pair". NAMES, such as `indices 'cka[kernel=rbf]'`, are shown in full: formula, claims,
    and parameters with the values that they may have. `models 'torchvision:resnet*'` lists those of a source.
    """
    from tabulate import tabulate

    from simbench.cli import describing
    from simbench.cli.installed import installed
    from simbench.contracts.case import parameters
    from simbench.runs.declared import default_experiments

    registry = installed()
    if kind and names:
        chosen = registry.select(kind, list(names))
        if any(":" in name and "*" in name for name in names):  # a source may have a thousand
            click.echo("\n".join(plugin.spec for plugin in chosen))
            return
        for plugin in chosen:
            click.echo("\n".join(describing.in_full(plugin, registry.owner(plugin))))
            click.echo()
        return
    for each in [kind] if kind else CONTRACTS:
        entries = registry.entries[each].items()
        if each == "indices":
            table = [describing.line(name, entry) for name, entry in entries]
            click.echo(tabulate(table, headers=describing.HEADINGS, maxcolwidths=list(describing.WIDTHS)))
        else:
            rows = [
                (name, parameters(entry.plugin).replace(",", ", "), entry.owner, entry.plugin.source)
                for name, entry in entries
            ]
            headers = [each, "parameters", "package", "source"]
            click.echo(tabulate(rows, headers=headers, maxcolwidths=[None, 44, None, 60]))
        if each == "experiments":
            click.echo(f"run by default: {', '.join(default_experiments(registry))}")
        click.echo()
