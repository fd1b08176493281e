"""`simbench publish` and `simbench merge`"""

from __future__ import annotations

from pathlib import Path

import click

FOLDER = click.Path(path_type=Path)
#: Most reasons, or conflicts, that are shown.
SHOWN = 20


@click.command("publish")
@click.argument("results", type=FOLDER)
@click.option("--to", required=True, type=FOLDER, metavar="FOLDER", help="New folder.")
@click.option("--title", default="", metavar="TEXT", help="Of the publication.")
@click.option("--author", "authors", multiple=True, metavar="NAME", help="Whom to cite; may be repeated.")
@click.option("--licence", default="", metavar="NAME", help="Under which others may use it, such as CC-BY-4.0.")
@click.option("--failed", default="", metavar="METHODS", help="Methods whose failed rows may be published.")
@click.option("--records", is_flag=True, help="Add all records in one archive, so that others can merge them.")
def publish_command(results: Path, to: Path, failed: str, **options) -> int:
    """Publish a run: validate the results folder RESULTS, and write tables, figures and a card to a new folder.

    Every index and stitcher has to pass its checks, no row may have failed, and records and provenance have to be
    complete. Otherwise nothing is written, and every reason is a line.
    """
    from simbench.cli.installed import installed
    from simbench.grammar import split_list
    from simbench.publishing.publication import Refused, publish
    from simbench.runs.declared import board_columns

    _must_be_writable(to)
    registry = installed()
    listed = split_list(failed) if failed else []
    try:
        card = publish(
            results, to, registry, failed=listed, declared=board_columns(registry), show=_progress, **options
        )
    except Refused as refused:
        _lines(refused.reasons)
        return 1
    rows = ", ".join(f"{count} {status}" for status, count in card["rows"].items())
    click.echo(f"published in {to}: {len(card['methods'])} methods, {len(card['networks'])} networks, rows: {rows}")
    for name, what in (("title", "--title"), ("authors", "--author"), ("licence", "--licence")):
        if not card[name]:
            click.echo(f"the card names no {name}; {what} does", err=True)
    return 0


@click.command("merge")
@click.argument("folders", nargs=-1, required=True, type=FOLDER)
@click.option("--to", required=True, type=FOLDER, metavar="FOLDER", help="New results folder.")
@click.option("--keep", default="", metavar="first|both", help="Take the first of two values; `both` lists the others.")
@click.option("--tolerance", type=click.FloatRange(min=0), help="Largest difference of two values of one case.")
def merge_command(folders: tuple[Path, ...], to: Path, keep: str, tolerance: float | None) -> int:
    """Join runs of several people or machines: results folders, or publications with records.

    A case is the same where everything that its numbers depend on is. Two values of one case that differ by more than
    1e-6 (1e-2 behind a trained stitch; relative to values above 1) are a conflict; conflicts are listed, and nothing is
    written without --keep.
    """
    from simbench.cli.installed import installed
    from simbench.publishing.merging import Conflicting, merge
    from simbench.runs.declared import board_columns

    _must_be_writable(to)
    registry = installed()
    try:
        merged = merge(folders, to, keep, tolerance, board_columns(registry), registry)
    except Conflicting as conflicting:
        _lines(conflicting.conflicts)
        click.echo(f"simbench: {conflicting}", err=True)
        return 1
    for path in merged.corrupt:
        click.echo(f"simbench: {path} is damaged: left out", err=True)
    for spec, reason in merged.undrawn.items():
        click.echo(f"simbench: figure of {spec} could not be drawn: {reason}", err=True)
    for source, count in merged.added.items():
        click.echo(f"{source}: {count} records")
    differ = f", of which {len(merged.conflicts)} numbers differ" if merged.conflicts else ""
    click.echo(f"merged into {to}: {merged.records} records; {merged.shared} cases were in several{differ}")
    return 0


def _must_be_writable(to: Path) -> None:
    """Raise InputError where the new folder cannot be written, before anything is checked or read."""
    from simbench.errors import InputError
    from simbench.system.writable import unwritable

    if reason := unwritable(to):
        raise InputError(f"{str(to)!r} cannot be written ({reason}); give another folder with --to")


def _progress(line: str) -> None:
    click.echo(line, err=True)


def _lines(found) -> None:
    """Each on a line of stderr, the first of them."""
    for each in found[:SHOWN]:
        click.echo(f"simbench: {each}", err=True)
    if len(found) > SHOWN:
        click.echo(f"simbench: ... and {len(found) - SHOWN} more", err=True)
