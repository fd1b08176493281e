"""`--profile`: the seconds of every stage of a command."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable

import click

from simbench.system.stopwatch import peak_memory, recording, since_start


def profiled(function: Callable[..., int]) -> Callable[..., int]:
    """A command that, given `profile`, ends by printing the seconds of every stage; also when it is interrupted.

    Seconds since the process began count as start-up where the process is the command's own.
    """

    @functools.wraps(function)
    def timed(command: str, profile: bool, **options) -> int:
        if not profile:
            return function(command, profile=False, **options)
        with recording(before=since_start() if _own(command) else 0.0) as profile_so_far:
            try:
                code = function(command, profile=True, **options)
            except KeyboardInterrupt:
                _show(profile_so_far)
                raise
            _show(profile_so_far)
            return code

    return timed


def _own(command: str) -> bool:
    """Whether this process was started for the command, not by someone who calls `main` from Python."""
    from simbench.cli import command_line

    return command == command_line(sys.argv[1:])


def _show(recorded) -> None:
    from simbench.results import text

    click.echo("\n" + text.spent(recorded.rows))
    peak = peak_memory()
    if peak is not None:
        click.echo(f"peak resident memory: {text.size(peak)}")
