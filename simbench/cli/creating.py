"""`simbench new`"""

from __future__ import annotations

from pathlib import Path

import click

from simbench.authoring.package import KINDS, Package


@click.command("new")
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.argument("name")
@click.option("--to", default=".", metavar="FOLDER", type=click.Path(path_type=Path), help="Where to put its folder.")
def new_command(kind: str, name: str, to: Path) -> None:
    """Write a complete package with one plugin: pyproject.toml with the entry point, the plugin, a README, and a test
    that runs the conformance kit. It works as it stands; put your own formula in place of the example."""
    from simbench.cli.installed import installed
    from simbench.errors import InputError

    package, registry = Package(kind, name), installed()
    entry = registry.entries[KINDS[kind].kind].get(name)
    if entry is not None:
        raise InputError(f"{kind} {name!r} is there already, in {entry.owner}; give another name")
    folder = package.write(to)
    for path in package.contents:
        click.echo(f"wrote {folder / path}")
    click.echo(f"next: pip install -e {folder}, and simbench list {KINDS[kind].kind}; {folder / 'README.md'} goes on")
