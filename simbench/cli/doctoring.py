"""`simbench doctor`"""

from __future__ import annotations

from pathlib import Path

import click


@click.command("doctor")
@click.argument("results", default="simbench-results", type=click.Path(path_type=Path))
@click.option("--heal", "healing", is_flag=True, help="Remove what is bad and can be computed again.")
def doctor_command(results: Path, healing: bool) -> int:
    """Verify every record, array and table of RESULTS, and every weights file and data set in the cache.

    A line names each file that is bad, with the reason; the exit code is 1 if there is one. With --heal, those that
    the next run computes again are removed, and the exit code is 1 if others remain. A folder in the place of a file is
    moved aside if it holds anything.
    """
    from simbench.cli.installed import installed
    from simbench.errors import InputError
    from simbench.publishing.doctor import examined, heal
    from simbench.runs.declared import board_columns
    from simbench.system.aside import full
    from simbench.system.cache import cache_folder

    if not results.is_dir():
        raise InputError(f"results folder {str(results)!r} is not there; give the folder of a run")
    remaining = found = 0
    for finding in list(examined(results, board_columns(installed()))):
        found += 1
        healed = bool(healing and finding.heal)
        does = "moves it aside" if any(map(full, finding.heal)) else "removes it"
        moved = heal(finding) if healed else []
        remaining += not healed
        done = f"moved to {', '.join(map(str, moved))}" if moved else "removed"
        hint = (done if healed else f"--heal {does}") if finding.heal else "cannot be computed again: kept"
        click.echo(f"{finding.path} is {finding.reason}; {hint}")
    click.echo(f"{found} bad file{'' if found == 1 else 's'} in {results} and {cache_folder()}")
    return 1 if remaining else 0
