"""`simbench layers`"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from simbench.contracts import Dataset, Model

HEADINGS = ("layer", "module", "runs", "shape", "layout", "cut", "engine", "why")
#: Pixels per side of images that are tried where neither data nor the network says a size.
SIDES = (32, 224, 8)


@click.command("layers")
@click.argument("spec", metavar="MODEL")
@click.option("--data", metavar="DATASET", help="A data set, whose inputs the network sees.  [default: random inputs]")
@click.option("--size", type=click.IntRange(min=1), metavar="PIXELS", help="Side of random images, or steps.")
@click.option("--classes", type=click.IntRange(min=1), default=10, show_default=True, help="Outputs of the network.")
@click.option("--exact", is_flag=True, help="Only layers at which the network can be cut.")
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
def layers_command(spec: str, data: str | None, size: int | None, classes: int, exact: bool, form: str) -> None:
    """Show all layers of a network: shape of the output for one input, meaning of its axes, and whether it can be cut.

    MODEL is a name that `simbench list models` shows, or that of a source: torchvision:resnet18,
    timm:vit_tiny_patch16_224, hf:bert, nets.py:make.

    \b
    cut  exact: a front and an end that together are the network, bitwise: indices and stitches
         hook:  the output can be read: indices
         none:  neither, for the reason that is said
    """
    from simbench.cli.installed import installed
    from simbench.system.imports import uncollected

    with uncollected():
        registry = installed()  # before torch is imported, whose settings are restored after each plugin
        model: Any = registry.get("models", spec)
        dataset: Any = registry.get("datasets", data) if data else None
        from simbench.cutting import survey

    net, x = _network(model, dataset, classes, size)
    shown = [layer for layer in survey(net, x) if layer.exact or not exact]
    if form == "table":
        _table(model, shown, x)
    else:
        _machine(shown, form)


def _network(model: Model, dataset: Dataset | None, classes: int, size: int | None) -> tuple[Any, Any]:
    """An untrained network and two inputs that it takes."""
    import torch

    from simbench.contracts import splits
    from simbench.errors import InputError
    from simbench.networks.guesses import guesses
    from simbench.networks.inputs import pixels, prepared
    from simbench.system.surroundings import abroad

    channels, published = 3, model.published()
    classes = published.classes if published else dataset.classes if dataset else classes
    if dataset is not None:
        channels = dataset.channels
        x = prepared(pixels(splits.read(dataset, "test").inputs[:2], dataset.range), model, published or dataset)
    elif model.vocabulary:
        channels, x = model.vocabulary, torch.randint(0, model.vocabulary, (2, 16))
    with abroad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = model.build(channels, classes).eval()
        if dataset is not None or model.vocabulary:
            return net, x
        own = model.preprocess and model.preprocess.size
        refusal = ""
        for x in guesses(net, [own] if own else [(side, side) for side in SIDES], size):
            x = torch.randn_like(x) if x.is_floating_point() else x
            try:
                with torch.no_grad():
                    net(x)
                return net, x
            except Exception as error:  # a network may refuse inputs in any way
                shape = " x ".join(map(str, x.shape[1:]))
                refusal = refusal or f"{shape}: {' '.join(str(error).split())[:120]}"
    raise InputError(
        f"{model.spec} takes none of the inputs that were tried, such as {refusal}; "
        "give --size PIXELS or --data DATASET"
    )


def _table(model: Model, layers: list, x: Any) -> None:
    from collections import Counter

    from tabulate import tabulate

    rows = [(*each[:3], " x ".join(map(str, each[3])), *each[4:]) for each in map(_fields, layers)]
    click.echo(tabulate(rows, headers=HEADINGS, maxcolwidths=[None] * 7 + [60], disable_numparse=True))
    counts = Counter(each.cut for each in layers)
    totals = ", ".join(f"{kind} {counts[kind]}" for kind in ("exact", "hook", "none") if counts[kind])
    click.echo(f"{model.spec}, inputs {' x '.join(map(str, x.shape[1:]))}: {len(layers)} layers ({totals or 'none'})")


FIELDS = ("name", "kind", "runs", "shape", "layout", "cut", "engine", "reason")


def _fields(layer: Any) -> tuple:
    """What is shown of a layer, in the order of FIELDS; "" for what is not known."""
    return tuple(getattr(layer, field) or (0 if field == "runs" else "") for field in FIELDS)


def _machine(layers: list, form: str) -> None:
    import csv
    import json
    import sys

    if form == "json":
        click.echo(json.dumps([dict(zip(FIELDS, _fields(each), strict=True)) for each in layers], indent=1))
        return
    from simbench.results.cells import inert

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(FIELDS)
    for each in map(_fields, layers):
        row = (*each[:3], "x".join(map(str, each[3])), *each[4:])
        writer.writerow([inert(cell) if isinstance(cell, str) else cell for cell in row])
