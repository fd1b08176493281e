"""Sweeps over layers: a whole pair against the usual way (target 4), and, as a script, every layer of one ResNet-18
against every layer of another, with what the sweep runs and what it costs."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from statistics import median

import torch
import usual
from alternating import alternate, ratio
from record import Figure
from stitches import THE_USUAL
from subjects import FIVE, REGISTRY, Noise, Pair

import simbench
from simbench.networks.inputs import BATCH

LAYERS = tuple(f"bn{i}" for i in range(1, 9))
STITCHERS = ("least_squares", "procrustes", "task_loss")
INDICES = REGISTRY.select("indices", FIVE)
#: Ten layers of a ResNet-18, at each of which it can be cut.
CUTS = ("relu", "maxpool", *(f"layer{i}.{j}" for i in (1, 2, 3, 4) for j in (0, 1)))


def subject(images: int) -> Pair:
    """Two Tiny-10s; `images` train images and as many test images."""
    return Pair("tiny10[padding=valid]", Noise(images, images), LAYERS)


def ours(pair: Pair) -> dict[str, float]:
    """Every index and the agreement of every stitched network, by name and layer."""
    context, measured = pair.context(), {}
    for layer in LAYERS:
        for index in INDICES:
            measured[f"{index.name} {layer}"] = context.similarity(index, pair.case(index, layer)).value
        for name in STITCHERS:
            stitcher = REGISTRY.get("stitchers", name)
            case = pair.case(stitcher, layer)
            score = context.score(context.logits(context.fit(stitcher, case), case), case)
            measured[f"{name} {layer}"] = score.agreement
    return measured


def theirs(pair: Pair) -> dict[str, float]:
    """The same values, computed in the usual way."""
    (front, end), train, test = pair.nets, pair.images("train"), pair.images("test")
    measured = {}
    for layer in LAYERS:
        for name, value in usual.indices(front, end, layer, test).items():
            measured[f"{name} {layer}"] = float(value)
        direct = usual.least_squares(front, end, layer, train)
        stitches = {
            "least_squares": direct,
            "procrustes": usual.procrustes(front, end, layer, train),
            "task_loss": usual.train(front, end, layer, tuple(part.float() for part in direct), train.split(BATCH)),
        }
        for name, stitch in stitches.items():
            logits = usual.evaluate(front, end, layer, stitch, test)
            own = usual.outputs(end, test)
            measured[f"{name} {layer}"] = float((logits.argmax(1) == own.argmax(1)).double().mean())
    return measured


def figure(images: int, repeats: int) -> Figure:
    """One epoch of task loss from the least squares start; the rest as in `ours`."""
    pair = subject(images)
    mine, plain = ours(pair), theirs(pair)
    # At bn1 both are linear in the same 27 pixels: some correlations are tied at 1, and pwcca is not unique there.
    names = [
        f"{index.name} {layer}" for index in INDICES for layer in LAYERS if (index.name, layer) != ("pwcca", "bn1")
    ]
    apart = {name: abs(mine[name] - plain[name]) for name in names}
    worst = max(apart, key=apart.__getitem__)
    seconds = alternate(
        {"ours": lambda: ours(pair), "theirs": lambda: theirs(pair)}, repeats, warmups=0
    )  # both have just run
    value, low, high = ratio(seconds, "ours", "theirs")
    return Figure(
        "4",
        f"a whole pair: {len(INDICES)} indices, {len(STITCHERS)} stitchers, evaluated",
        f"{pair.model}, {len(LAYERS)} layers, {images:,} images a split",
        THE_USUAL,
        value,
        "x",
        low,
        high,
        6.0,
        False,
        median(seconds["ours"]),
        median(seconds["theirs"]),
        repeats,
        apart[worst],
        1e-5,
        f"difference: of the indices, largest ({worst})",
    )


def matrix(images: int, cuts: tuple[str, ...] = CUTS) -> tuple[simbench.boards.board.Board, Counter]:
    """The board of two ResNet-18s of torchvision with random weights on random images of 32 x 32, `images` of each
    split: cka and least squares of every two layers. Counts images that run through the first convolution of a network
    ("starts"), and through its last layer ("ends")."""
    from torchvision.models import resnet18

    nets, counts = [], Counter()
    for seed, name in enumerate("ab"):
        torch.manual_seed(seed)
        net = resnet18(num_classes=10).eval()
        net.conv1.register_forward_hook(lambda *given, name=name: counts.update({f"starts of {name}": len(given[2])}))
        net.fc.register_forward_hook(lambda *given, name=name: counts.update({f"ends of {name}": len(given[2])}))
        nets.append(net)
    x, y = torch.rand(2 * images, 3, 32, 32), torch.randint(0, 10, (2 * images,))
    counts.clear()
    with tempfile.TemporaryDirectory() as folder:
        board = simbench.compare(
            *nets,
            data=(x[:images], y[:images]),
            test=(x[images:], y[images:]),
            indices="cka",
            layers=cuts,
            untrained=False,
            results=folder,
        )
    return board, counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=2000, help="of each split")
    images = parser.parse_args().images
    wall, cpu = time.perf_counter(), time.process_time()
    board, counts = matrix(images)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    done = int((board.rows["status"] == "ok").sum())
    print(
        f"{len(CUTS)} x {len(CUTS)} layers, {images:,} images a split: {cpu:.0f} s of CPU, {wall:.0f} s, {done} values"
    )
    for name, count in sorted(counts.items()):
        print(f"{name}: {count / images:.2f} times {images:,} images")
    for kind, seconds in board.outcome.timings.groupby("kind")["seconds"].sum().items():
        print(f"cases of kind {kind}: {seconds:.0f} s")


if __name__ == "__main__":
    main()
