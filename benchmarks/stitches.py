"""Stitches against the usual way: a training step (target 1), least squares (2), evaluation (3), many starts (6)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

import torch
import usual
from alternating import Side, alternate, ratio
from record import Figure
from subjects import REGISTRY, Noise, Pair
from torch import Tensor

from simbench import Affine
from simbench.networks.inputs import BATCH, augmented, normalised

#: Model, layer, and the targets of: a step in float32, in bfloat16; least squares.
PLACES = (
    ("tiny10[padding=valid]", "bn3", 4.5, 8.0, 4.0),
    ("tiny10[padding=valid]", "bn6", 14.0, 14.0, 3.0),
    ("resnet20", "layer2.0", 4.5, 12.0, 5.0),
)
THE_USUAL = "the usual way"


@dataclass(frozen=True)
class Sizes:
    """steps: of training in one call. fit, evaluated: images. starts: maps side by side. repeats: of each side."""

    steps: int = 10
    fit: int = 5000
    evaluated: int = 10_000
    starts: int = 100
    repeats: int = 7


QUICK = Sizes(steps=2, fit=256, evaluated=256, starts=3, repeats=2)


def figures(sizes: Sizes) -> Iterator[Figure]:
    """All of them, in the order of the targets."""
    for model, layer, wanted, wanted_half, _ in PLACES:
        yield step(model, layer, sizes, "", wanted, 1e-3)
        yield step(model, layer, sizes, "precision=bfloat16", wanted_half, None)
        yield step(model, layer, sizes, "augment=true", 1.9, 1e-3)
    for model, layer, *_, wanted in PLACES:
        yield least_squares(model, layer, sizes, wanted)
    for model, layer, *_ in PLACES:
        yield evaluation(model, layer, sizes, 2.8)
    for model, layer, *_ in PLACES:
        yield starts(model, layer, sizes)
    yield starts("tiny10[padding=valid]", "bn6", sizes, batch=4)


def step(model: str, layer: str, sizes: Sizes, option: str, wanted: float, tolerance: float | None) -> Figure:
    """A step of task loss training from the identity, soft labels, Adam: `steps` of them in one call."""
    pair = Pair(model, Noise(sizes.steps * BATCH, BATCH), (layer,))
    stitcher = REGISTRY.get("stitchers", f"task_loss[{option}]" if option else "task_loss")
    context = pair.context()
    task = context.task(pair.case(stitcher, layer))
    start = _identity(task.moments.a.width)
    (front, end), images = pair.nets, pair.images("train")

    def ours() -> Affine:
        return stitcher.from_task(task, starts=start)

    def theirs() -> tuple[Tensor, Tensor]:
        return usual.train(front, end, layer, (start.weight, start.bias), _batches(pair, images, "augment" in option))

    fitted, plain = ours(), theirs()
    mine, wanted_logits = (
        usual.evaluate(front, end, layer, stitch, images[:BATCH]) for stitch in ((fitted.weight, fitted.bias), plain)
    )
    what = "training step" + (f", {option}" if option else "")
    return _figure(
        "1",
        what,
        f"{model} {layer}",
        ours,
        theirs,
        sizes.repeats,
        sizes.steps,
        wanted,
        float((mine - wanted_logits).norm() / wanted_logits.norm()),
        tolerance,
        f"difference: of the stitched outputs after {sizes.steps} steps, relative",
    )


def _batches(pair: Pair, images: Tensor, crop: bool) -> Iterator[Tensor]:
    """The batches of a Task of seed 0."""
    generator = torch.Generator().manual_seed(0)
    for chosen in torch.randperm(len(images), generator=generator).split(BATCH):
        if crop:
            raw = torch.tensor(pair.dataset.split("train").inputs[chosen.numpy()])
            yield normalised(augmented(raw, generator), pair.dataset).contiguous()
        else:
            yield images[chosen]


def least_squares(model: str, layer: str, sizes: Sizes, wanted: float) -> Figure:
    """The affine least squares stitch, starting from the images."""
    pair = Pair(model, Noise(sizes.fit, BATCH), (layer,))
    stitcher = REGISTRY.get("stitchers", "least_squares")
    (front, end), images, case = pair.nets, pair.images("train"), pair.case(stitcher, layer)

    def theirs() -> tuple[Tensor, Tensor]:
        return usual.least_squares(front, end, layer, images)

    fresh = _fresh(pair)
    measured, (weight, _) = next(fresh).fit(stitcher, case), theirs()
    return _figure(
        "2",
        f"least squares from {sizes.fit:,} images",
        f"{model} {layer}",
        lambda: next(fresh).fit(stitcher, case),
        theirs,
        sizes.repeats,
        1,
        wanted,
        float((measured.weight - weight).norm() / weight.norm()),
        1e-6,
        "difference: of the weights, relative",
    )


def evaluation(model: str, layer: str, sizes: Sizes, wanted: float) -> Figure:
    """Outputs of a stitched network, starting from the images: no activations are cached."""
    pair = Pair(model, Noise(BATCH, sizes.evaluated), (layer,))
    (front, end), images = pair.nets, pair.images("test")
    case = pair.case(REGISTRY.get("stitchers", "identity"), layer)
    affine = _identity(pair.context().activations.shape(pair.networks[0], layer)[0])

    def theirs() -> Tensor:
        return usual.evaluate(front, end, layer, (affine.weight, affine.bias), images)

    fresh = _fresh(pair)
    measured, wanted_logits = next(fresh).logits(affine, case), theirs()
    return _figure(
        "3",
        f"evaluation on {sizes.evaluated:,} images",
        f"{model} {layer}",
        lambda: next(fresh).logits(affine, case),
        theirs,
        sizes.repeats,
        1,
        wanted,
        float((measured - wanted_logits).norm() / wanted_logits.norm()),
        1e-5,
        "difference: of the outputs, relative",
    )


def starts(model: str, layer: str, sizes: Sizes, batch: int = BATCH) -> Figure:
    """Many maps trained in one call, against one call for each map; both sides are simbench."""
    pair = Pair(model, Noise(2 * batch, BATCH), (layer,))
    stitcher = REGISTRY.get("stitchers", f"task_loss[batch={batch}]")
    task = pair.context().task(pair.case(stitcher, layer))
    p, q = task.moments.ab.shape
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(sizes.starts, p, q, generator=generator) / p**0.5
    together = Affine(weight, torch.zeros(sizes.starts, q))

    def loop() -> list[Affine]:
        return [stitcher.from_task(task, starts=Affine(one, torch.zeros(q))) for one in weight]

    def ours() -> Affine:
        return stitcher.from_task(task, starts=together)

    alone, measured = torch.stack([one.weight for one in loop()]), ours().weight
    where = f"{model} {layer}, batch {batch}, {task.labels.device.type}"
    wanted = 1.0 if task.labels.device.type == "cpu" else 5.0
    return _figure(
        "6",
        f"{sizes.starts} starts together",
        where,
        ours,
        loop,
        max(3, sizes.repeats // 2),
        1,
        wanted,
        float((measured - alone).norm() / (alone - weight).norm()),
        1e-3,
        "difference: of the weights, relative to how far they moved",
        "a loop over the starts",
    )


def _identity(p: int) -> Affine:
    return Affine(torch.eye(p), torch.zeros(p))


def _fresh(pair: Pair) -> Iterator:
    """Contexts with loaded networks and images and nothing else, made outside the timed part."""
    while True:
        context = pair.context()
        context.activations.count("train")
        yield context


def _figure(
    target: str,
    what: str,
    where: str,
    ours: Side,
    theirs: Side,
    repeats: int,
    each: int,
    wanted: float,
    difference: float,
    tolerance: float | None,
    note: str,
    against: str = THE_USUAL,
) -> Figure:
    """Alternating calls with `each` pieces of work per call."""
    seconds = alternate({"ours": ours, "theirs": theirs}, repeats)
    value, low, high = ratio(seconds, "ours", "theirs")
    return Figure(
        target,
        what,
        where,
        against,
        value,
        "x",
        low,
        high,
        wanted,
        False,
        median(seconds["ours"]) / each,
        median(seconds["theirs"]) / each,
        repeats,
        difference,
        tolerance,
        note,
    )
