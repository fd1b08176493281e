"""`simbench cache`"""

from __future__ import annotations

import click


@click.command("cache")
@click.option("--clear", is_flag=True, help="Remove everything cached; it is made again when needed.")
def cache_command(clear: bool) -> None:
    """Show the cache folder ($SIMBENCH_CACHE) and what it holds."""
    from tabulate import tabulate

    from simbench.system import cache

    click.echo(f"cache folder: {cache.cache_folder()}")
    if clear:
        files, size = cache.clear()
        click.echo(f"removed {files} files, {size / 2**20:.1f} MiB")
        return
    rows = [(name, files, size / 2**20) for name, (files, size) in cache.contents().items()]
    click.echo(tabulate(rows, headers=["folder", "files", "MiB"], floatfmt=".1f") if rows else "empty")
