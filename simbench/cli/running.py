"""`simbench run`"""

from __future__ import annotations

from pathlib import Path

import click

from simbench.cli.profiling import profiled
from simbench.runs.request import EXPERIMENTS
from simbench.system.stopwatch import START, stage


class Whole(click.ParamType):
    """Text that an environment variable gives whole, blanks included."""

    name = "text"

    def split_envvar_value(self, rv: str) -> list[str]:
        return [rv]


MANY = {"multiple": True, "metavar": "SELECTION", "type": Whole()}


@click.command("run")
@click.option("--experiments", default=EXPERIMENTS, show_default=True, help="Experiments.", **MANY)
@click.option(
    "--preset",
    default="default",
    show_default=True,
    metavar="NAME",
    help="What an experiment takes where no option says otherwise: default (small, on digits) or paper.",
)
@click.option("--indices", help="Similarity indices.", **MANY)
@click.option("--stitchers", help="Stitchers.", **MANY)
@click.option("--models", help="Architectures.", **MANY)
@click.option("--datasets", help="Data sets.", **MANY)
@click.option("--seeds", metavar="N|N,N", help="Networks to train: a count (6: seeds 0 to 5) or a list (0,3).")
@click.option("--layers", multiple=True, type=Whole(), metavar="NAMES", help="Layers: names, patterns or all.")
@click.option(
    "--view",
    "views",
    multiple=True,
    type=Whole(),
    metavar="NAMES",
    envvar="SIMBENCH_RUN_VIEW",
    help="How activations become rows: spatial, flat, pooled.",
)
@click.option(
    "--weights", multiple=True, type=Whole(), metavar="FILES", help="Checkpoints to use in place of training."
)
@click.option("--max-samples", type=int, metavar="N", help="Images drawn of each split at most.")
@click.option("--device", default="cpu", show_default=True, metavar="NAME", help="cpu, cuda or cuda:N.")
@click.option(
    "--memory",
    default="1GB",
    show_default=True,
    metavar="SIZE",
    help="What activations may take; more is computed again whenever it is needed.",
)
@click.option("--threads", type=click.IntRange(min=1), metavar="N", help="Threads of torch.  [default: torch's own]")
@click.option(
    "--results",
    default="simbench-results",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder of records and tables.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be done; measure nothing.")
@click.option("--force", is_flag=True, help="Measure what is on record, too.")
@click.option("--profile", is_flag=True, help="Say at the end where the time went, stage by stage, and peak memory.")
@click.pass_obj
@profiled
def run_command(command: str, threads: int | None, dry_run: bool, profile: bool, **options) -> int:
    """Measure every selected index and stitcher on pairs of networks, and tabulate how well looks predict work.

    What is not given is taken from each experiment's preset: for `matching`, six networks of tiny10 trained on
    digits, every index, five stitchers, at most 10,000 images of each split.

    SELECTIONS repeat or take commas; `all`, * and ? match names; parameters stand in brackets:
    --indices 'svcca[variance=0.9],cka'. What is on record already is not measured again.
    Environment variables set options, too: SIMBENCH_RUN_SEEDS=2 is --seeds 2.
    """
    with stage(START):
        from simbench.cli.installed import installed
        from simbench.runs.driver import prepare
        from simbench.runs.request import Request

        registry = installed()
    job = prepare(Request(**options), registry)
    for path in job.contents.corrupt:
        click.echo(f"simbench: {path} is corrupt: ignored, and measured again when its case is selected", err=True)
    plan = f"{_count(job.cases, 'case')}: {job.cases - job.pending} on record, {job.pending} to measure"
    click.echo(plan + (f", after training {_count(job.untrained, 'network')}" if job.untrained else ""), err=True)
    if dry_run:
        return 0
    if threads and job.pending:
        with stage(START):
            import torch

        torch.set_num_threads(threads)
    return _run(job, registry, options["results"], command, profile)


def _run(job, registry, results: Path, command: str, profile: bool) -> int:
    with stage(START):
        from simbench.results import folder as publish
        from simbench.results import tables
        from simbench.results import text as report
        from simbench.results.board import board
        from simbench.results.store import Contents, Store
        from simbench.runs.declared import board_columns
        from simbench.runs.driver import run
        from simbench.runs.progress import progress

        if job.pending:
            pass  # and torch with it: the first to need them would seem slow

    outcome = run(job, registry, progress(), command)
    contents = Store(results).read() if outcome.measured else Contents(outcome.records, job.contents.runs)
    declared = board_columns(registry)
    left_out = publish.publish(contents, results, preferred=outcome.selected, declared=declared)
    methods = publish.read(results, "methods.csv")
    drawn, problems = publish.draw(contents, results, job.resolved.experiments, preferred=outcome.selected)
    shown = [board(publish.read(results, "leaderboard.csv", declared), methods, declared)]
    shown += [
        text
        for experiment in job.resolved.experiments
        if (text := report.summary(experiment, publish.read(results, "measurements.csv")))
    ]
    for block in filter(None, shown):
        click.echo(block + "\n")
    for line in report.warnings(publish.read(results, "correlations.csv"), methods):
        click.echo(line)
    if left_out:
        click.echo(
            f"warning: {_count(left_out, 'record')} of other data, weights, limits or versions under the same "
            f"names {'is' if left_out == 1 else 'are'} not in the tables; use a --results folder for "
            "each setting"
        )
    for status in ("degenerate", "skipped", "failed"):
        for line in report.reasons(outcome.rows, status):
            click.echo(line)
    click.echo(report.closing(row for _, row in outcome.rows))
    if outcome.measured:
        click.echo(
            f"measured {outcome.measured} of {_count(outcome.cases, 'case')} in {outcome.seconds:.0f} s"
            + (f", {_count(outcome.trained, 'network')} trained" if outcome.trained else "")
        )
    else:
        click.echo(f"nothing to compute: {_count(outcome.cases, 'case')} on record")
    click.echo(f"tables in {results}: {', '.join(publish.FILES)}")
    if drawn:
        click.echo(f"figures in {results / 'figures'}: {', '.join(path.name for path in drawn)} (and .svg)")
    for spec, reason in problems.items():
        click.echo(f"figure of {spec} could not be drawn: {reason}")
    if profile and outcome.measured:
        new = [record for key, record in outcome.records.items() if record is not job.contents.records.get(key)]
        click.echo(f"\n{report.slowest(tables.timings(new), methods)}")
    return 1 if problems or any(row.status == "failed" for _, row in outcome.rows) else 0


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
