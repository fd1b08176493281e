"""Ten networks of five architectures, trained on CIFAR-10 and stitched into each other.

    OMP_NUM_THREADS=1 python benchmarks/published/architectures.py train --data cifar10-jpeg --weights weights
    python benchmarks/published/architectures.py compare --data cifar10-jpeg --weights weights
    python benchmarks/published/architectures.py tabulate --results architectures-cifar10

Run it in the root of the repository. --data is a folder of images: DIR/train/class/, DIR/test/class/. A network takes 5
to 15 minutes on one core. Every network is the front of every other one, at layers of the same relative depth.
"""

from __future__ import annotations

import time
from pathlib import Path

import click
import narrow
import numpy as np
import pandas
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

import simbench

ARCHITECTURES = ("resnet18", "vgg11_bn", "densenet22", "vit", "mobilenet_v2")
SEEDS, BATCH = (0, 1), 128
#: Narrow attention gains nothing from bfloat16.
EXACT = ("vit",)
#: Passes over the training images.
EPOCHS = {"resnet18": 8, "vgg11_bn": 6, "densenet22": 8, "vit": 14, "mobilenet_v2": 11}
FILE = "benchmarks/published/narrow.py"


def dataset(folder: Path) -> simbench.Dataset:
    return simbench.load().get("datasets", f"imagefolder[path={folder}]")


def split(data: simbench.Dataset, name: str) -> tuple[Tensor, Tensor]:
    """Images (n, 3, 32, 32) as a run normalises them, and labels (n,)."""
    part = data.split(name)
    mean, std = (torch.tensor(each).view(3, 1, 1) for each in (data.mean, data.std))
    return (torch.from_numpy(part.inputs) / 255 - mean) / std, torch.from_numpy(part.labels)


def augmented(x: Tensor, generator: torch.Generator) -> Tensor:
    """Half of the images mirrored, and all moved by up to 4 pixels, in groups of 16 by the same."""
    mirrored = torch.rand(len(x), generator=generator) < 0.5
    x = torch.where(mirrored.view(-1, 1, 1, 1), x.flip(3), x)
    padded = nn.functional.pad(x, (4, 4, 4, 4), mode="reflect")
    corners = torch.randint(0, 9, (-(-len(x) // 16), 2), generator=generator).tolist()
    moved = [
        group[:, :, down : down + 32, right : right + 32]
        for group, (down, right) in zip(padded.split(16), corners, strict=True)
    ]
    return torch.cat(moved)


def trained(architecture: str, seed: int, x: Tensor, y: Tensor, precision: torch.dtype) -> nn.Module:
    """SGD with Nesterov momentum (AdamW for the ViT) and a one-cycle rate, on smoothed labels."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    net = getattr(narrow, architecture)().to(memory_format=torch.channels_last).train()
    steps = EPOCHS[architecture] * (len(x) // BATCH)
    if architecture == "vit":
        peak = 2e-3
        optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.05)
    else:
        peak = 0.2
        optimizer = torch.optim.SGD(net.parameters(), lr=peak, momentum=0.9, nesterov=True, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, peak, total_steps=steps, pct_start=0.2)
    for _ in range(EPOCHS[architecture]):
        for batch in torch.randperm(len(x), generator=generator).split(BATCH):
            if len(batch) < BATCH:
                continue
            images = augmented(x[batch], generator).to(memory_format=torch.channels_last)
            with torch.autocast("cpu", precision, enabled=precision != torch.float32 and architecture not in EXACT):
                loss = nn.functional.cross_entropy(net(images), y[batch], label_smoothing=0.1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return net.to(memory_format=torch.contiguous_format).eval()


@torch.inference_mode()
def accuracy(net: nn.Module, x: Tensor, y: Tensor) -> float:
    return sum(int((net(a).argmax(1) == b).sum()) for a, b in zip(x.split(500), y.split(500), strict=True)) / len(y)


@click.group()
def main() -> None:
    pass


data_option = click.option("--data", required=True, type=click.Path(exists=True, path_type=Path), help="Images.")
weights_option = click.option("--weights", required=True, type=click.Path(path_type=Path), help="Folder of weights.")


@main.command()
@data_option
@weights_option
@click.option("--only", default=",".join(ARCHITECTURES), help="Architectures.")
@click.option("--precision", default="bfloat16", help="Of training; float32 where the processor has no bfloat16.")
def train(data: Path, weights: Path, only: str, precision: str) -> None:
    """Train the networks that have no weights yet."""
    images = dataset(data)
    (x, y), test = split(images, "train"), split(images, "test")
    weights.mkdir(parents=True, exist_ok=True)
    for architecture in only.split(","):
        for seed in SEEDS:
            path = weights / f"{architecture}-{seed}.safetensors"
            if path.exists():
                continue
            start = time.process_time()
            net = trained(architecture, seed, x, y, getattr(torch, precision))
            minutes = (time.process_time() - start) / 60
            save_file(net.state_dict(), path)
            print(f"{path.stem}: test accuracy {accuracy(net, *test):.3f}, {minutes:.1f} CPU minutes", flush=True)


@main.command()
@data_option
@weights_option
@click.option("--results", default="architectures-cifar10", help="Folder of results.")
@click.option("--indices", default="cka,r2_lr,procrustes,cca,svcca,pwcca", help="Indices.")
@click.option("--max-samples", default=2000, help="Images of each split.")
def compare(data: Path, weights: Path, results: str, indices: str, max_samples: int) -> None:
    """Compare every two networks at layers of the same relative depth."""
    networks = [
        f"{FILE}:{name}{'[size=32]' if name == 'vit' else ''}@{weights}/{name}-{seed}.safetensors"
        for name in ARCHITECTURES
        for seed in SEEDS
        if (weights / f"{name}-{seed}.safetensors").exists()
    ]
    outcome = simbench.run(
        networks=",".join(networks),
        datasets=f"imagefolder[path={data}]",
        experiments="layers[pairing=depth]",
        indices=indices,
        stitchers="least_squares",
        max_samples=max_samples,
        results=results,
    )
    print(outcome)


#: Kind of row, method, quantity, and the title of its matrix.
SHOWN = (
    ("stitcher", "least_squares", "relative_accuracy", "relative accuracy, stitched"),
    ("untrained", "least_squares", "relative_accuracy", "the same with an untrained front"),
    *(("index", name, "similarity", name) for name in ("cka", "procrustes", "r2_lr", "cca", "svcca", "pwcca")),
)
PAIR = ["front", "seed_a", "layer_a", "end", "seed_b", "layer_b"]


def layer_pairs(path: Path) -> pandas.DataFrame:
    """A row for every two layers that were stitched: values of SHOWN by title, and `kl_divergence`."""
    rows = pandas.read_csv(path).query("status == 'ok'")
    for side, model in (("front", "model_a"), ("end", "model_b")):
        rows[side] = rows[model].str.extract(r"narrow\.py:(\w+)", expand=False)
    wanted = [*SHOWN, ("stitcher", "least_squares", "kl_divergence", "kl_divergence")]
    columns = {
        title: rows[(rows["kind"] == kind) & (rows["method"] == method) & (rows["quantity"] == quantity)]
        .set_index(PAIR)["value"]
        .astype(float)
        for kind, method, quantity, title in wanted
    }
    return pandas.DataFrame(columns).dropna()


@main.command()
@click.option("--results", required=True, type=click.Path(exists=True, path_type=Path), help="Folder of results.")
def tabulate(results: Path) -> None:
    """Write layer_pairs.csv, the means over pairs of layers for every two architectures, and a figure of these."""
    from matplotlib import pyplot

    pairs = layer_pairs(results / "measurements.csv")
    pairs.round(6).to_csv(results / "layer_pairs.csv")
    titles = [title for *_, title in SHOWN]
    means = pairs[titles].groupby(["front", "end"]).mean()
    means.insert(0, "pairs", pairs.groupby(["front", "end"]).size())
    means.round(4).to_csv(results / "architectures.csv")
    figure, axes = pyplot.subplots(2, 4, figsize=(15, 8), layout="constrained")
    for title, at in zip(titles, axes.flat, strict=True):
        matrix = means[title].unstack()[list(ARCHITECTURES)].loc[list(ARCHITECTURES)]
        at.imshow(matrix, cmap="viridis", vmin=0, vmax=1)
        at.set_title(title)
        at.set_xticks(range(len(matrix)), matrix.columns, rotation=45, ha="right")
        at.set_yticks(range(len(matrix)), matrix.index)
        for (row, column), value in np.ndenumerate(matrix.to_numpy()):
            at.text(column, row, f"{value:.2f}", ha="center", va="center", color="w" if value < 0.6 else "k")
    figure.supxlabel("architecture of the end")
    figure.supylabel("architecture of the front")
    for kind in ("png", "svg"):
        figure.savefig(results / f"architectures.{kind}", metadata={"Date": None} if kind == "svg" else None)
    target = -pairs["kl_divergence"]
    end = [pairs.index.get_level_values(name) for name in PAIR[3:]]
    print(f"{len(pairs)} pairs of layers; Spearman correlation with minus the divergence, over all and given the end:")
    for name in titles[2:]:
        given = [x - x.groupby(end).transform("mean") for x in (pairs[name], target)]
        print(f"{name:12}{pairs[name].corr(target, 'spearman'):6.2f}{given[0].corr(given[1], 'spearman'):6.2f}")


if __name__ == "__main__":
    main()
