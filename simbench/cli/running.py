"""`simbench run`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from simbench.cli.profiling import profiled
from simbench.system.stopwatch import START, stage

if TYPE_CHECKING:
    from simbench.registry import Registry
    from simbench.runs.outcome import Outcome


class Whole(click.ParamType):
    """Text that an environment variable gives whole, blanks included."""

    name = "text"

    def split_envvar_value(self, rv: str) -> list[str]:
        return [rv]


MANY = {"multiple": True, "metavar": "SELECTION", "type": Whole()}
#: Options of `simbench compare`, too.
LAYOUTS = click.option(
    "--layouts",
    multiple=True,
    type=Whole(),
    metavar="LAYER=LAYOUT",
    help="Axes of outputs where they are not certain, by layer or pattern: 'encoder.layer.*=tokens[prefix=1]'.",
)
CUT = click.option(
    "--cut",
    type=click.Choice(["exact", "hook"]),
    default="exact",
    show_default=True,
    help="hook: where a layer has no exact cut, stitch into the whole network with one output replaced.",
)


@click.command("run")
@click.option("--experiments", help="Experiments.  [default: see simbench list experiments]", **MANY)
@click.option(
    "--preset",
    default="default",
    show_default=True,
    metavar="NAME",
    help="Values of the options that are left out, by experiment: default (small, on digits) or paper.",
)
@click.option("--indices", help="Similarity indices.", **MANY)
@click.option("--stitchers", help="Stitchers.", **MANY)
@click.option("--models", help="Architectures.", **MANY)
@click.option("--datasets", help="Data sets.", **MANY)
@click.option("--seeds", metavar="N|N,N", help="Networks to train: a count (6: seeds 0 to 5) or a list (0,3).")
@click.option(
    "--pairs", metavar="DESIGN", help="Pairs of networks at a layer: all, or balanced:K for K fronts per end."
)
@click.option(
    "--panel",
    metavar="PANEL",
    help="Networks, data, layers and pairs of a panel: a name, file, folder, or https://...#sha256=...",
)
@click.option("--train", is_flag=True, help="Train every network, also those that a panel holds.")
@click.option("--layers", multiple=True, type=Whole(), metavar="NAMES", help="Layers: names, patterns or all.")
@click.option(
    "--view",
    multiple=True,
    type=Whole(),
    metavar="NAMES",
    envvar="SIMBENCH_RUN_VIEW",
    help="How activations become rows: spatial, flat, pooled, tokens, cls.",
)
@click.option(
    "--weights", multiple=True, type=Whole(), metavar="FILES", help="Checkpoints to use in place of training."
)
@click.option(
    "--networks",
    multiple=True,
    type=Whole(),
    metavar="NETWORKS",
    help="Networks in place of models, seeds and weights: MODEL@FILE or MODEL@SEED.",
)
@LAYOUTS
@CUT
@click.option("--max-samples", type=int, metavar="N", help="Images drawn of each split at most.")
@click.option("--device", default="cpu", show_default=True, metavar="NAME", help="cpu, cuda or cuda:N.")
@click.option(
    "--memory",
    default="768MB",
    show_default=True,
    metavar="SIZE",
    help="Memory for activations; those that do not fit are computed again when needed.",
)
@click.option("--threads", type=click.IntRange(min=1), metavar="N", help="Threads of torch.  [default: torch's own]")
@click.option(
    "--timeout",
    type=float,
    metavar="SECONDS",
    help="Seconds that a case may take. Cases are then measured in a process of their own.  [default: no limit]",
)
@click.option(
    "--executor",
    metavar="EXECUTOR",
    help="Where to train and measure: 'local[workers=2]', 'dask[address=tcp://...]'.  [default: local, a process for "
    "each processor if that is worth while; this process with --profile]",
)
@click.option(
    "--results",
    default="simbench-results",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder of records and tables.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be done; measure nothing.")
@click.option("--force", is_flag=True, help="Measure cases that are on record, too.")
@click.option("--profile", is_flag=True, help="Show at the end the time of every stage, and peak memory.")
@click.pass_obj
@profiled
def run_command(
    command: str, dry_run: bool, profile: bool, executor: str | None, layouts: tuple[str, ...], **options
) -> int:
    """Measure every selected index and stitcher on pairs of networks, and tabulate how well each index predicts
    stitched accuracy.

    Options that are left out are taken from each experiment's preset: for `matching`, 24 networks of tiny10 trained on
    digits, four fronts per end, the five indices of the paper, four stitchers, at most 10,000 images of each split.

    SELECTIONS repeat or take commas; `all`, * and ? match names; parameters stand in brackets:
    --indices 'svcca[variance=0.9],cka'. What is on record already is not measured again.
    Environment variables set options, too: SIMBENCH_RUN_SEEDS=2 is --seeds 2.
    """
    with stage(START):
        from simbench.cli.installed import installed
        from simbench.runs import whole
        from simbench.runs.declared import default_executor
        from simbench.runs.declaring import typed
        from simbench.runs.progress import progress
        from simbench.runs.request import Request

        registry = installed()
    given = {"registry": registry, "progress": progress(), "command": command, "dry_run": dry_run}
    somewhere = executor or (None if profile else default_executor(registry))
    outcome = whole.run(Request(layouts=typed(layouts), **options), executor=somewhere, **given)
    if dry_run:
        return 0
    from simbench.cli.showing import show

    show(outcome.leaderboard, outcome.comparisons, outcome.methods, outcome.declared, end="\n\n")
    click.echo(outcome.below)
    _page(outcome, registry)
    if profile and outcome.measured:
        from simbench.results import text

        click.echo(f"\n{text.slowest(outcome.timings[outcome.timings['run'] == outcome.run], outcome.methods)}")
    return 0 if outcome.ok else 1


def _page(outcome: Outcome, registry: Registry) -> None:
    """Write the page of the results folder and say where it is; a page that cannot be written fails no run."""
    from simbench.report.tables import PAGE, of_folder

    page, leaders = outcome.folder / PAGE, outcome.paths["leaderboard"]
    try:
        if not outcome.measured and page.is_file() and page.stat().st_mtime_ns >= leaders.stat().st_mtime_ns:
            click.echo(f"page in {page}")
            return
        with stage("page"):
            from simbench.cli.reporting import said
            from simbench.report.page import write

            tables = of_folder(outcome.folder, outcome.declared, outcome.frames)
            write(tables, page, said(registry, tables))
        click.echo(f"page in {page}")
    except Exception as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        click.echo(f"simbench: the page could not be written ({reason}); the tables are complete", err=True)
