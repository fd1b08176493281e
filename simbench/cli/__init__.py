"""The command line: one file per verb, each imported when it is called."""

from __future__ import annotations

import errno
import gc
import importlib
import os
import shlex
import sys

import click

#: $SIMBENCH_RUN_SEEDS stands for `run --seeds`, and so on for every option of every verb.
PREFIX = "SIMBENCH"

#: verb -> (module, what `simbench --help` says of it)
VERBS = {
    "run": ("running", "Measure every index and stitcher on pairs of networks; write tables and leaderboard."),
    "compare": ("comparing", "Compare all layers of two networks: indices, and stitched accuracy."),
    "list": ("listing", "Show what is installed: indices, stitchers, models, datasets, experiments, panels, ..."),
    "layers": ("layering", "Show the layers of a network: shape, axes, and whether it can be cut there."),
    "check": ("checking", "Hold an index, stitcher, model, data set or executor to its contract."),
    "correlate": ("deriving", "Derive the correlations of every index with stitched accuracy from the records."),
    "leaderboard": ("deriving", "Derive and show the leaderboard from the records."),
    "report": ("reporting", "Write one HTML page of one or several runs."),
    "plot": ("plotting", "Draw one figure: scatter, curves, matrix or trajectory of an index."),
    "publish": ("publishing", "Validate a run, and write its tables, figures and card to a new folder."),
    "merge": ("publishing", "Join runs of several people or machines."),
    "new": ("creating", "Write a complete package to start from: an index, stitcher, model, dataset, ..."),
    "panel": ("panels", "Make, show or verify panels: frozen sets of trained networks."),
    "compact": ("compacting", "Pack the finished records of a results folder into a few Parquet files."),
    "doctor": ("doctoring", "Verify every file of a results folder and of the cache; remove what is bad."),
    "cache": ("caching", "Show or clear cached data sets and trained weights."),
}

#: Verbs that go on where they were cut short.
MEASURING = ("run", "compare", "panel")


class Verbs(click.Group):
    """A group that imports a verb's module only when that verb is called."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        return getattr(importlib.import_module(f"simbench.cli.{VERBS[name][0]}"), f"{name}_command")

    def resolve_command(self, context: click.Context, args: list[str]):
        from simbench.errors import unknown

        if args and args[0] not in VERBS and not args[0].startswith("-"):
            raise click.UsageError(str(unknown("command", args[0], VERBS)))
        return super().resolve_command(context, args)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in VERBS.items()])


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="simbench", prog_name="simbench")
@click.option("--debug", is_flag=True, help="Show the traceback of each plugin that cannot be loaded.")
def cli(debug: bool) -> None:
    """Do similarity indices of neural network representations predict stitching?

    \b
    simbench run --models tiny10
    stitches pairs of 24 small networks, trained on real digits, at every layer, and writes how well
    each index predicts the stitched accuracy to ./simbench-results.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line: exit 0 when all went well, 1 when a row or a file failed, 2 for input that cannot be
    used (one line on stderr, nothing written), 130 when interrupted. arguments: by default those of this process,
    whose end is then safe from Ctrl-C, too."""
    from simbench.cli import streams
    from simbench.system.interrupts import watched

    if arguments is None:
        streams.occupy()
    with streams.unfailing():
        try:
            with watched(final=arguments is None):
                _main((sys.argv[1:] if arguments is None else arguments) or ["--help"])
        except (KeyboardInterrupt, click.Abort):
            click.echo(f"simbench: interrupted; {_next(arguments)}", err=True)
            sys.exit(130)
        finally:
            if arguments is None:
                streams.leave()
                gc.freeze()  # the search for cycles of garbage at the end of Python takes half a second after torch


def _main(arguments: list[str]) -> None:
    from simbench.cli import streams
    from simbench.errors import InputError
    from simbench.system.raised import Ended, shortened

    try:
        streams.must_have_a_place()
        code = cli.main(
            arguments,
            prog_name="simbench",
            standalone_mode=False,
            auto_envvar_prefix=PREFIX,
            obj=command_line(arguments),
        )
        streams.finish()
        sys.exit(code or 0)
    except InputError as error:
        _refuse(str(error))
    except click.ClickException as error:
        verb = " ".join(["simbench", *[word for word in arguments if word in VERBS][:1]])
        _refuse(f"{error.format_message()} ({verb} --help shows what is allowed)")
    except Ended as error:
        click.echo(f"simbench: a plugin failed where the run cannot go on without it: {error}", err=True)
        sys.exit(1)
    except BrokenPipeError:
        streams.abandon()
        sys.exit(1)
    except OSError as error:  # the disk is full, a folder vanished, stdout cannot be written
        streams.abandon()
        where = f" ({os.fsdecode(error.filename)})" if isinstance(error.filename, str | bytes) else ""
        reason = shortened(f"{error.strerror or error}{where}")
        if error.errno == errno.ENAMETOOLONG:
            _refuse(f"{reason}; give a shorter path")
        click.echo(f"simbench: {reason}; what is on record stays, {_next(arguments)}", err=True)
        sys.exit(1)


def _next(arguments: list[str] | None) -> str:
    """What the same command does after one that was cut short."""
    given = sys.argv[1:] if arguments is None else arguments
    goes_on = next((word for word in given if word in VERBS), "") in MEASURING
    return "the same command goes on from here" if goes_on else "the same command does it again"


def command_line(arguments: list[str]) -> str:
    """What to type for the same again: the variables that set options of `run`, and the arguments."""
    given = [
        f"{name}={shlex.quote(value)}"
        for name, value in sorted(os.environ.items())
        if name.startswith(f"{PREFIX}_RUN_") and value
    ]
    line = " ".join([*given, shlex.join(["simbench", *arguments])])
    return line.encode("utf-8", "backslashreplace").decode()  # a path may be no text


def _refuse(message: str) -> None:
    """One line on stderr, exit 2."""
    from simbench.system.raised import shortened

    click.echo(f"simbench: {shortened(message)}", err=True)
    sys.exit(2)
