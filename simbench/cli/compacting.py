"""`simbench compact`"""

from __future__ import annotations

from pathlib import Path

import click


@click.command("compact")
@click.argument("results", default="simbench-results", type=click.Path(path_type=Path))
def compact_command(results: Path) -> int:
    """Pack the finished records of RESULTS, a file each, into a few checksummed Parquet files.

    Nothing else changes: tables are the same byte for byte, and runs go on as before. Runs pack by themselves where
    more than 10,000 records have a file each. Records with failed rows stay as they are.
    """
    from simbench.errors import InputError
    from simbench.results.segments.packing import pack
    from simbench.results.store import Store

    if not (results / "records").is_dir():
        raise InputError(f"results folder {str(results)!r} holds no records; give the folder of a run")
    packed = pack(Store(results))
    if packed.left:
        raise InputError(f"{results}: {packed.left}; try again when it is done")
    segments = f"{packed.segments} segment{'' if packed.segments == 1 else 's'}"
    click.echo(f"{packed.records} records packed; {segments} in {results / 'records' / 'segments'}")
    return 0
