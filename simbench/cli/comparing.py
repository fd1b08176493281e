"""`simbench compare`"""

from __future__ import annotations

from pathlib import Path

import click

from simbench.cli.running import CUT, LAYOUTS, MANY, Whole


@click.command("compare")
@click.argument("network_a")
@click.argument("network_b")
@click.option("--data", "datasets", default="digits", show_default=True, metavar="DATASET", help="Data set.")
@click.option("--indices", help="Similarity indices.  [default: cka,r2_lr]", **MANY)
@click.option("--stitchers", help="Stitchers.  [default: least_squares]", **MANY)
@click.option("--layers", multiple=True, type=Whole(), metavar="NAMES", help="Layers: names, patterns, all or auto.")
@click.option(
    "--view",
    multiple=True,
    type=Whole(),
    metavar="NAMES",
    help="spatial, flat, pooled, tokens, cls.  [default: spatial]",
)
@LAYOUTS
@click.option("--layouts-a", multiple=True, type=Whole(), metavar="LAYER=LAYOUT", help="The same, of NETWORK_A alone.")
@click.option("--layouts-b", multiple=True, type=Whole(), metavar="LAYER=LAYOUT", help="The same, of NETWORK_B alone.")
@click.option(
    "--pairing",
    type=click.Choice(["all", "depth"]),
    default="all",
    show_default=True,
    help="All pairs of layers, or those of similar relative depth.",
)
@click.option("--untrained/--no-untrained", default=True, show_default=True, help="Stitch untrained fronts, too.")
@click.option("--train", is_flag=True, help="Train networks that are not trained yet.")
@CUT
@click.option("--max-samples", type=int, metavar="N", help="Images drawn of each split at most.")
@click.option("--device", default="cpu", show_default=True, metavar="NAME", help="cpu, cuda or cuda:N.")
@click.option("--threads", type=click.IntRange(min=1), metavar="N", help="Threads of torch.  [default: torch's own]")
@click.option(
    "--results",
    default="simbench-results",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder of records and tables.",
)
@click.pass_obj
def compare_command(
    command: str,
    network_a: str,
    network_b: str,
    pairing: str,
    untrained: bool,
    layouts: tuple[str, ...],
    layouts_a: tuple[str, ...],
    layouts_b: tuple[str, ...],
    **options,
) -> int:
    """Compare all layers of two networks: NETWORK_A up to a layer in front of NETWORK_B above a layer.

    A network is MODEL@FILE, with the weights of a checkpoint, MODEL@SEED, or a
    MODEL of torchvision, timm or transformers, with its published weights:

    \b
    simbench compare tiny10@0 resnet20@a.pt --data digits --layers 'bn*,layer*'

    Writes the same records, tables and figures as `simbench run`, and prints a table of all pairs of layers, and an
    index and the stitched accuracy as two matrices side by side.
    """
    from simbench.boards.compare import INDICES, STITCHERS, VIEW, compare_named
    from simbench.cli.installed import installed
    from simbench.runs.declaring import typed
    from simbench.runs.progress import progress
    from simbench.runs.request import Request

    mine, other, both = map(typed, (layouts_a, layouts_b, layouts))
    given = {"indices": INDICES, "stitchers": STITCHERS, "view": VIEW}
    options |= {name: options[name] or usual for name, usual in given.items()}
    board = compare_named(
        Request(networks=(network_a, network_b), **options),
        installed(),
        pairing=pairing,
        untrained=untrained,
        layouts=tuple(own | {name: each for name, each in both.items() if name not in own} for own in (mine, other)),
        progress=progress(),
        command=command,
    )
    click.echo(board)
    for line in board.outcome.problems:
        click.echo(line)
    click.echo(f"tables and figures in {board.outcome.folder}")
    return 0 if board.outcome.ok else 1
