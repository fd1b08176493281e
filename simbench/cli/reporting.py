"""`simbench report`"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from simbench.contracts import Panel
    from simbench.registry import Registry
    from simbench.report.tables import Tables, Words

FOLDER = click.Path(path_type=Path)


@click.command("report")
@click.argument("folders", nargs=-1, required=True, type=FOLDER)
@click.option("--to", type=FOLDER, metavar="FILE", help="File to write.  [default: report.html in the first folder]")
def report_command(folders: tuple[Path, ...], to: Path | None) -> int:
    """Write one HTML page of the runs in FOLDERS: results folders, publications, or merged runs.

    The page opens from disk, asks for nothing else, and works without JavaScript. Methods of several folders are ranked
    together, by their tables.
    """
    from simbench.cli.installed import installed
    from simbench.errors import InputError
    from simbench.report.page import write
    from simbench.report.tables import PAGE, of_folder
    from simbench.runs.declared import board_columns

    registry = installed()
    declared = board_columns(registry)
    if len(folders) == 1:
        tables = of_folder(folders[0], declared)
    else:
        from simbench.publishing.together import of_folders

        tables = of_folders(folders, declared)
    path = to or folders[0] / PAGE
    try:
        write(tables, path, said(registry, tables))
    except OSError as error:
        raise InputError(f"{str(path)!r} cannot be written ({error.strerror}); name another file with --to") from None
    click.echo(f"page in {path} ({path.stat().st_size / 1e6:.1f} MB)")
    return 0


def said(registry: Registry, tables: Tables) -> Words:
    """Descriptions of the methods and experiments of some tables, of those that are installed."""
    import inspect

    from simbench.cli.describing import cost
    from simbench.errors import InputError
    from simbench.report.tables import Words

    costs: dict[str, str] = {}
    formulas: dict[tuple[str, str], str] = {}
    for kind, methods in tables.methods.groupby("kind"):
        plural = {"index": "indices"}.get(str(kind), f"{kind}s")
        for name, spec in methods[["method", "spec"]].itertuples(index=False, name=None):
            entry = registry.entries[plural].get(name)
            if entry is None:
                continue
            formulas[str(kind), name] = unwrapped(inspect.getdoc(type(entry.plugin)) or "")
            if plural == "indices":
                try:
                    costs[spec] = cost(registry.get(plural, spec))
                except InputError:  # another version of it, with other parameters
                    continue
    captions = {
        name: f"{_caption(inspect.getdoc(type(entry.plugin)) or '')}\n{entry.plugin.source}".strip()
        for name, entry in registry.entries["experiments"].items()
    }
    return Words(costs, formulas, captions, _panels(registry, set(tables.measurements["panel"])))


def _panels(registry: Registry, named: set[str]) -> dict[str, tuple[dict[str, str], dict[str, Any]]]:
    """What the files of installed panels say of their networks: hashes of weights, and the recipe."""
    from simbench.errors import InputError
    from simbench.runs.panels import provided

    found = {}
    for name in sorted(named & set(registry.entries["panels"])):
        panel: Panel = registry.entries["panels"][name].plugin
        if panel.file is None:  # nothing is downloaded for a page
            continue
        try:
            metadata = provided(panel).metadata
        except InputError:  # a damaged copy
            continue
        found[name] = ({seed: each["weights"] for seed, each in metadata["networks"].items()}, metadata["recipe"])
    return found


def unwrapped(description: str) -> str:
    """A description without the line ends that only keep its source narrow: those of lines of over 88 letters, unless
    a parameter's name and a colon follow."""
    return re.sub(r"(?m)^(.{88,}?) *\n(?![\w, ]{1,40}: ) *(?=\S)", r"\1 ", description)


def _caption(description: str) -> str:
    """The first paragraph of a description, and those that speak of the figure."""
    first, *rest = (" ".join(paragraph.split()) for paragraph in description.split("\n\n"))
    return " ".join([first, *(paragraph for paragraph in rest if "figure" in paragraph)])
