"""`simbench panel`"""

from __future__ import annotations

from pathlib import Path

import click

INT = click.IntRange(min=1)


@click.group("panel")
def panel_command() -> None:
    """Make, show and verify panels: frozen, versioned sets of trained networks."""


@panel_command.command("make")
@click.argument("name")
@click.option("--version", default=1, show_default=True, type=INT, help="Version of the panel.")
@click.option("--models", default="tiny10", show_default=True, metavar="MODEL", help="Architecture.")
@click.option("--datasets", default="digits", show_default=True, metavar="DATASET", help="Data set.")
@click.option(
    "--seeds", default="24", show_default=True, metavar="N|N,N", help="Networks: a count, or a list of seeds."
)
@click.option("--layers", metavar="NAMES", help="Layers: names or patterns.  [default: those of the model]")
@click.option("--pairs", default="balanced:4", show_default=True, metavar="DESIGN", help="all or balanced:K.")
@click.option("--max-samples", default=10_000, show_default=True, type=INT, help="Images drawn of each split at most.")
@click.option("--device", default="cpu", show_default=True, metavar="NAME", help="cpu, cuda or cuda:N.")
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="File to write.")
@click.pass_obj
def make_command(command: str, name: str, version: int, out: Path, **options) -> int:
    """Train the networks of a panel, or use cached ones, and write them to one file with all that describes them."""
    from simbench.cli.installed import installed
    from simbench.runs.panel_making import made

    panel = made(name, version, out, installed(), command, click.echo, **options)
    click.echo(f"wrote {panel.label} to {panel.file}: {len(panel.seeds)} networks, sha256 {panel.content}")
    return 0


@panel_command.command("show")
@click.argument("panel")
def show_command(panel: str) -> int:
    """Show the networks of a panel: a name, file, folder, or https://...#sha256=..."""
    from tabulate import tabulate

    from simbench.cli.installed import installed
    from simbench.runs.panels import opened

    chosen = opened(panel, installed())
    metadata, made = chosen.metadata, chosen.metadata["made"]
    lines = {
        "panel": chosen.label,
        "file": chosen.file,
        "sha256": chosen.content,
        "model": metadata["model"]["spec"],
        "data set": f"{metadata['data']['label']}, fingerprint {metadata['data']['fingerprint'][:12]}",
        "recipe": ", ".join(f"{key} {value}" for key, value in metadata["recipe"].items()),
        "layers": ", ".join(metadata["layers"]),
        "pairs": metadata["pairs"],
        "images of a split": f"{metadata['limit']} at most, drawn with seed {metadata['split_seed']}",
        "made by": made["command"],
        "made on": ", ".join(f"{key} {value}" for key, value in (made["machine"] | made["versions"]).items()),
    }
    click.echo("\n".join(f"{key}: {value}" for key, value in lines.items()) + "\n")
    rows = [
        (seed, metadata["networks"][str(seed)]["accuracy"], metadata["networks"][str(seed)]["weights"])
        for seed in chosen.seeds
    ]
    click.echo(tabulate(rows, headers=["seed", "test accuracy", "sha256 of the float32 tensors"], floatfmt=".4f"))
    return 0


@panel_command.command("verify")
@click.argument("panel")
def verify_command(panel: str) -> int:
    """Verify a panel: its hash, its description, and that each network can be built and is as accurate as stated."""
    from simbench.cli.installed import installed
    from simbench.errors import InputError
    from simbench.runs.panel_verifying import faults
    from simbench.runs.panels import opened

    registry = installed()
    try:
        chosen = opened(panel, registry)
        problems = faults(chosen, registry)
    except InputError as error:
        problems = [str(error)]
    for problem in problems:
        click.echo(problem)
    if not problems:
        click.echo(f"{chosen.label}: {len(chosen.seeds)} networks verified, sha256 {chosen.content}")
    return 1 if problems else 0
