"""Checks of the maps that a task loss stitcher trains, on a small frozen network made here."""

from __future__ import annotations

from collections.abc import Set
from functools import partial

import torch
from torch import Tensor, nn

from simbench.check.data import normal, seeded
from simbench.check.index.robustness import still_generator, untouched
from simbench.check.index.value import gap
from simbench.check.outcome import Skip, Violation, applicable, require
from simbench.check.stitcher.families import outside, planted
from simbench.check.stitcher.fits import rank
from simbench.contracts import Stitcher
from simbench.contracts.task import Batch, Task
from simbench.errors import Inapplicable
from simbench.measuring.stitched import forward
from simbench.moments.affine import Affine
from simbench.moments.pair import Moments
from simbench.moments.views import rows

IMAGES, SIDE, CLASSES = 384, 4, 4
#: Width of the front and of the end.
EQUAL, NARROW_WIDE, WIDE_NARROW = (6, 6), (5, 7), (7, 5)
#: Rounding of float32 in maps that must belong to a family, and after a few steps side by side rather than alone.
MEMBER, SIDE_BY_SIDE = 1e-5, 1e-4


def network(q: int) -> nn.Sequential:
    """A frozen end (n, q, SIDE, SIDE) -> (n, CLASSES) with seeded weights, whose first stage is a ReLU."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(q)
        end = nn.Sequential(nn.ReLU(), nn.Conv2d(q, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32, CLASSES))
    with torch.no_grad():
        end[-1].weight *= 6  # outputs that differ from image to image
    return end.eval().requires_grad_(False)


def task(p: int, q: int, affine: Affine) -> Task:
    """Stitching activations (n, p, SIDE, SIDE) into `network(q)`, with a map planted that reaches the minimum.

    Model 2's own representation is affine(activations) with its negative values times 3: the ReLU sees no
    difference, so the planted map gives exactly Model 2's outputs, while least squares does not find it. Model 1's
    outputs are these and noise. Augmented images are mirrored ones.
    """
    generator = seeded(20)
    x = normal(generator, IMAGES, p, SIDE, SIDE) @ normal(generator, SIDE, SIDE) / 2
    x = (x + normal(generator, p, 1, 1)).float()
    target = affine.to(x)(x)
    own, end = torch.where(target > 0, target, 3 * target), network(q)
    logits = end(own)
    others = logits + logits.std() * normal(generator, IMAGES, CLASSES).float() / 2
    labels = logits.argmax(-1)

    @torch.no_grad()
    def augmented(chosen: Tensor, generator: torch.Generator, wanted: Set[str]) -> Batch:
        turned = torch.rand(len(chosen), 1, 1, 1, generator=generator) < 0.5
        moved, other = (torch.where(turned, maps[chosen].flip(-1), maps[chosen]) for maps in (x, own))
        return Batch(moved, labels[chosen], others[chosen], end(other), other)

    return Task(
        x,
        end,
        logits,
        labels,
        Moments.of(rows(x, "spatial"), rows(own, "spatial")),
        seed=0,
        logits_a=others,
        own=own,
        augmented=augmented,
    )


def made(stitcher: Stitcher, sizes: tuple[int, int]) -> Task:
    """The task of these widths whose planted map is of the stitcher's family."""
    p, q = sizes
    family = stitcher.family if stitcher.family != "orthogonal" or p <= q else "linear"
    return task(p, q, planted(family, p, q, rank(stitcher), family == "affine", seeded(21)))


def train(stitcher: Stitcher, sizes: tuple[int, int] = EQUAL, **options) -> tuple[Task, Affine]:
    """A new task of these widths and the map found for it."""
    given = made(stitcher, sizes)
    return given, stitcher.from_task(given, **options)


def well_formed(found: Affine, sizes: tuple[int, ...]) -> None:
    """Require a finite, detached floating point Affine with weight of these sizes."""
    require(isinstance(found, Affine), f"from_task returns {type(found).__name__}, not an Affine")
    require(
        tuple(found.weight.shape) == sizes and found.weight.is_floating_point(),
        f"the weight has shape {tuple(found.weight.shape)}, {found.weight.dtype}; {sizes} in floating point is wanted",
    )
    for name, x in (("weight", found.weight), ("bias", found.bias)):
        require(x is None or bool(x.isfinite().all()), f"the {name} has values that are not finite")
        require(x is None or not x.requires_grad, f"the {name} requires a gradient; return it detached")


def contract(stitcher: Stitcher) -> str:
    """from_task returns a finite Affine (p, q)."""
    try:
        _, found = train(stitcher)
    except Inapplicable as refusal:
        raise Violation(f"refuses a network of equal widths: {refusal}") from None
    well_formed(found, EQUAL)
    return f"returns a finite {found.weight.dtype} Affine {EQUAL}"


def family(stitcher: Stitcher) -> str:
    """The trained map belongs to the family: its bias and its weight."""
    _, found = train(stitcher)
    problem = outside(found.to(torch.float64), stitcher.family, rank(stitcher), MEMBER)
    require(not problem, f"family {stitcher.family}: {problem}")
    return f"the trained map is {stitcher.family}"


def widths(stitcher: Stitcher) -> str:
    """Representations of different widths have a map (p, q), whichever is wider."""
    for sizes, (_, found) in applicable(partial(train, stitcher), [NARROW_WIDE, WIDE_NARROW]):
        well_formed(found, sizes)
    return "p < q and p > q give maps (p, q)"


def objective(stitcher: Stitcher) -> str:
    """What is minimised is smaller after training than at the start."""
    measures = {"cross_entropy": _entropies, "residual": _residuals}
    if stitcher.objective not in measures:
        raise Skip(f"minimises {stitcher.objective or 'nothing'}")
    said = []
    for sizes, (given, start, found) in applicable(partial(_trained, stitcher), [EQUAL, NARROW_WIDE, WIDE_NARROW]):
        before, after = (measures[stitcher.objective](given, affine) for affine in (start, found))
        require(
            any(now < then for then, now in zip(before, after, strict=True)),
            f"{stitcher.objective} is {_text(before)} at the start and {_text(after)} after training, p, q = {sizes}",
        )
        said.append(f"{_text(before)} -> {_text(after)}")
    return f"{stitcher.objective} " + "; ".join(said)


def _trained(stitcher: Stitcher, sizes: tuple[int, int]) -> tuple[Task, Affine, Affine]:
    """A new task, and the first and the last map of the training."""
    first: list[Affine] = []
    given, found = train(stitcher, sizes, on_step=lambda step, affine: first or first.append(_copy(affine)))
    require(bool(first), "on_step is never called, so that nothing is known of the start")
    return given, first[0], found


def _entropies(given: Task, affine: Affine) -> tuple[float, ...]:
    """Cross-entropy to Model 2's soft labels, to the hard ones and to Model 1's: a stitcher may be trained on any."""
    with torch.no_grad():
        logits = forward(affine.to(torch.float32), given.end, given.activations)
    entropy = given.objective.cross_entropy
    targets = given.soft, given.labels, given.objective.probabilities(given.logits_a)
    return tuple(float(entropy(logits, target)) for target in targets)


def _residuals(given: Task, affine: Affine) -> tuple[float, ...]:
    return (float(given.moments.residual(affine.to(torch.float64))),)


def _text(numbers: tuple[float, ...]) -> str:
    return " / ".join(f"{number:.6g}" for number in numbers)


def on_step(stitcher: Stitcher) -> str:
    """on_step gets (0, start), (1, ...) and so on to the map returned, in copies that later steps leave alone."""
    numbers, given, copies = [], [], []

    def record(step: int, affine: Affine) -> None:
        numbers.append(step)
        given.append(affine)
        copies.append(_copy(affine))

    _, found = train(stitcher, on_step=record)
    require(
        numbers == list(range(len(numbers))) and len(numbers) > 1,
        f"on_step is called for the steps {numbers[:5]}...; 0, 1, 2 and so on are wanted",
    )
    require(all(map(_same, given, copies)), "a map given to on_step changes in later steps; give a copy")
    require(_same(copies[-1], found), "the last map given to on_step is not the one returned")
    require(
        not any(x.requires_grad for affine in given for x in _tensors(affine)),
        "maps given to on_step require gradients; give them detached",
    )
    require(_same(train(stitcher)[1], found), "the map depends on whether on_step is given")
    return f"called for the steps 0 to {numbers[-1]}"


def starts(stitcher: Stitcher) -> str:
    """Two starts trained side by side end where each ends alone, and are left as they were."""
    p, q = EQUAL
    generator, bias = seeded(22), stitcher.family not in ("identity", "linear")
    both = Affine(normal(generator, 2, p, q).float(), normal(generator, 2, q).float() if bias else None)
    given = _copy(both)
    _, found = train(stitcher, starts=given)
    well_formed(found, (2, p, q))
    require(_same(given, both), "from_task modifies the starts")
    largest = 0.0
    for i in (0, 1):
        _, alone = train(stitcher, starts=_take(both, i))
        change = max(gap(x, y) for x, y in zip(_tensors(_take(found, i)), _tensors(alone), strict=True))
        require(change <= SIDE_BY_SIDE, f"start {i} ends {change:.2g} away from where it ends alone")
        largest = max(largest, change)
    return f"two starts end within {largest:.2g} of where each ends alone"


def inputs_untouched(stitcher: Stitcher) -> str:
    """Activations, labels and moments are the same after the call; so is the end network: its parameters, buffers,
    gradients, modes, modules and hooks."""
    untouched(stitcher, "from_task", made(stitcher, EQUAL))
    return "activations, labels, moments and the end network are the same after the call"


def deterministic(stitcher: Stitcher) -> str:
    """Two calls give the same bits, and torch's global generator is neither used nor seeded."""
    tasks = made(stitcher, EQUAL), made(stitcher, EQUAL)
    with still_generator("from_task"):
        first, second = map(stitcher.from_task, tasks)
    require(_same(first, second), "two calls on the same task give different maps")
    return "two calls give the same map"


def _tensors(affine: Affine) -> list[Tensor]:
    return [affine.weight] if affine.bias is None else [affine.weight, affine.bias]


def _copy(affine: Affine) -> Affine:
    return Affine(*(x.detach().clone() for x in _tensors(affine)))


def _take(affine: Affine, i: int) -> Affine:
    """The i-th of several maps, still as a stack."""
    return Affine(*(x[i : i + 1].clone() for x in _tensors(affine)))


def _same(x: Affine, y: Affine) -> bool:
    return len(_tensors(x)) == len(_tensors(y)) and all(map(torch.equal, _tensors(x), _tensors(y)))
