"""`simbench correlate` and `simbench leaderboard`"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from simbench.columns import RANKED_BY, TARGETS
from simbench.contracts import BoardColumn

#: In place of where the tables are.
NOT_WRITTEN = "\nnothing was written: the results folder is read-only; --results-to FOLDER writes the tables there"
TARGET = click.Choice(list(TARGETS))
RESULTS = click.option(
    "--results",
    default="simbench-results",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder of records and tables.",
)


RESULTS_TO = click.option(
    "--results-to",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Folder to write the tables to.  [default: that of --results; if that is read-only, they are only shown]",
)


@click.command("correlate")
@RESULTS
@RESULTS_TO
@click.option(
    "--scope", default="within", show_default=True, metavar="NAME", help="within, within_end, pooled or a layer's name."
)
@click.option(
    "--statistic",
    default="spearman",
    show_default=True,
    type=click.Choice(["spearman", "pearson", "kendall", "soft_pairwise_accuracy"]),
)
@click.option("--target", default=RANKED_BY, show_default=True, type=TARGET)
def correlate_command(results: Path, results_to: Path | None, scope: str, statistic: str, target: str) -> int:
    """Derive every table of a results folder from its records, and show correlations."""
    from simbench.errors import unknown
    from simbench.results import folder as publish
    from simbench.results import text as report

    with _derived(results, results_to) as (tables, _):
        correlations, methods = (publish.read(tables, f"{name}.csv") for name in ("correlations", "methods"))
    if len(correlations) and scope not in set(correlations["scope"]):
        raise unknown("scope", scope, set(correlations["scope"]))
    chosen = correlations.query("scope == @scope and statistic == @statistic and target == @target")
    specs = report.specs(methods)
    for side in ("stitcher", "index"):
        chosen = chosen.assign(
            **{side: [specs.get(key, key[0]) for key in zip(chosen[side], chosen[f"{side}_params"], strict=True)]}
        )
    names = [
        "dataset",
        "experiment",
        "model_a",
        "model_b",
        "stitcher",
        "index",
        "view",
        "value",
        "low",
        "high",
        "p_value",
        "networks",
        "pairs",
    ]
    click.echo(report.table(chosen[names]))
    where = f"\n{len(correlations)} correlations in {tables / 'correlations.csv'}"
    click.echo(where if tables.is_dir() else NOT_WRITTEN)
    return 0


@click.command("leaderboard")
@click.argument("folders", nargs=-1, type=click.Path(path_type=Path))
@RESULTS
@RESULTS_TO
@click.option("--target", default=RANKED_BY, show_default=True, type=TARGET, help="What indices should predict.")
@click.option(
    "--scope",
    default="within",
    show_default=True,
    type=click.Choice(["within", "within_end", "pooled"]),
    help="Within layers, within layers given the end network, or all layers pooled.",
)
def leaderboard_command(
    folders: tuple[Path, ...], results: Path, results_to: Path | None, target: str, scope: str
) -> int:
    """Derive every table of a results folder from its records, and show the leaderboard.

    With FOLDERS, rank the methods of several published runs together, by their tables; nothing is written.
    """
    if folders:
        return _together(folders, target, scope)
    from simbench.cli.showing import show
    from simbench.results import folder as publish

    with _derived(results, results_to, target, scope) as (tables, declared):
        methods, comparisons = (publish.read(tables, f"{name}.csv") for name in ("methods", "comparisons"))
        show(publish.read(tables, "leaderboard.csv", declared), comparisons, methods, declared)
    click.echo(f"\nleaderboard in {tables / 'leaderboard.csv'}" if tables.is_dir() else NOT_WRITTEN)
    return 0


def _together(folders: tuple[Path, ...], target: str, scope: str) -> int:
    """Show the leaderboard of several folders."""
    from simbench.cli.installed import installed
    from simbench.cli.showing import show
    from simbench.publishing.joining import joined
    from simbench.runs.declared import board_columns
    from simbench.statistics.correlate import correlate
    from simbench.statistics.leaderboard import leaderboard

    tables, declared = joined(folders), board_columns(installed())
    correlations = correlate(tables.measurements, tables.methods, reliability=tables.reliability)
    ranked = leaderboard(correlations, tables.methods, tables.measurements, declared, target, scope)
    show(ranked.table, ranked.comparisons, tables.methods, declared)
    click.echo(f"\n{len(folders)} folders ranked together: {', '.join(map(str, folders))}")
    return 0


@contextmanager
def _derived(
    results: Path, to: Path | None, target: str = RANKED_BY, scope: str = "within"
) -> Iterator[tuple[Path, dict[str, BoardColumn]]]:
    """Every table, derived anew, in a folder: `to`, else that of the results, else, where nothing can be written to
    these, one that is removed afterwards. With it, the columns that experiments add to the leaderboard.

    Raises InputError if there are no records.
    """
    from simbench.cli.installed import installed
    from simbench.errors import InputError
    from simbench.results import folder as publish
    from simbench.results.store import Store
    from simbench.runs.declared import board_columns

    store = Store(results)
    contents = store.read()
    for path, fault in contents.faults.items():
        click.echo(f"simbench: {path} is {fault}: ignored; `simbench run` measures its case again", err=True)
    if not contents.records:
        raise InputError(
            f"results folder {str(results)!r} holds no records; run `simbench run`, or name another "
            "folder with --results"
        )
    declared = board_columns(installed())
    with TemporaryDirectory() as scratch:
        try:
            Store(to or results).check_writable()
            tables = to or results
        except InputError:
            if to:
                raise
            tables = Path(scratch)
        publish.publish(contents, tables, anew=True, declared=declared, target=target, scope=scope, store=store)
        yield tables, declared
