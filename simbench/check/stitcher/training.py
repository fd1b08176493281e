"""Checks of the maps that a stitcher trains through the end network, on a small task."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from simbench.check.data import normal, seeded
from simbench.check.outcome import Skip, Violation, applicable, require
from simbench.check.side_effects import still_generator, untouched
from simbench.check.stitcher.families import outside
from simbench.check.stitcher.fits import rank
from simbench.check.stitcher.task import EQUAL, NARROW_WIDE, WIDE_NARROW, task_for
from simbench.check.tolerances import gap
from simbench.contracts import Stitcher
from simbench.contracts.task import Task
from simbench.errors import Inapplicable
from simbench.measuring.stitched import forward
from simbench.moments.affine import Affine

#: Rounding error of float32 allowed in membership of a family, and between maps trained together and alone.
MEMBER, SIDE_BY_SIDE = 1e-5, 1e-4


def train(stitcher: Stitcher, sizes: tuple[int, int] = EQUAL, **options) -> tuple[Task, Affine]:
    """A new task of widths (p, q), and the map trained for it."""
    task = task_for(stitcher, sizes)
    return task, stitcher.from_task(task, **options)


def well_formed(trained: Affine, sizes: tuple[int, ...]) -> None:
    """Require a finite, detached floating point Affine with weight of these sizes."""
    require(isinstance(trained, Affine), f"from_task returns {type(trained).__name__}, not an Affine")
    require(
        tuple(trained.weight.shape) == sizes and trained.weight.is_floating_point(),
        f"the weight has shape {tuple(trained.weight.shape)}, {trained.weight.dtype}; "
        f"{sizes} in floating point is wanted",
    )
    for name, x in (("weight", trained.weight), ("bias", trained.bias)):
        require(x is None or bool(x.isfinite().all()), f"the {name} has values that are not finite")
        require(x is None or not x.requires_grad, f"the {name} requires a gradient; return it detached")


def contract(stitcher: Stitcher) -> str:
    """from_task returns a finite Affine (p, q)."""
    try:
        _, trained = train(stitcher)
    except Inapplicable as refusal:
        raise Violation(f"refuses a network of equal widths: {refusal}") from None
    well_formed(trained, EQUAL)
    return f"returns a finite {trained.weight.dtype} Affine {EQUAL}"


def family(stitcher: Stitcher) -> str:
    """The trained map belongs to the family: its bias and its weight."""
    _, trained = train(stitcher)
    problem = outside(trained.to(torch.float64), stitcher.family, rank(stitcher), MEMBER)
    require(not problem, f"family {stitcher.family}: {problem}")
    return f"the trained map is {stitcher.family}"


def widths(stitcher: Stitcher) -> str:
    """Representations of different widths have a map (p, q), whichever side is wider."""
    for sizes, (_, trained) in applicable(partial(train, stitcher), [NARROW_WIDE, WIDE_NARROW]):
        well_formed(trained, sizes)
    return "p < q and p > q give maps (p, q)"


def objective(stitcher: Stitcher) -> str:
    """Training decreases the objective of the stitcher."""
    measures = {"cross_entropy": _entropies, "residual": _residuals}
    if stitcher.objective not in measures:
        raise Skip(f"minimises {stitcher.objective or 'nothing'}")
    results = []
    for sizes, (task, start, trained) in applicable(partial(_trained, stitcher), [EQUAL, NARROW_WIDE, WIDE_NARROW]):
        before, after = (measures[stitcher.objective](task, affine) for affine in (start, trained))
        require(
            any(now < then for then, now in zip(before, after, strict=True)),
            f"{stitcher.objective} is {_text(before)} at the start and {_text(after)} after training, p, q = {sizes}",
        )
        results.append(f"{_text(before)} -> {_text(after)}")
    return f"{stitcher.objective} " + "; ".join(results)


def _trained(stitcher: Stitcher, sizes: tuple[int, int]) -> tuple[Task, Affine, Affine]:
    """A new task, and the first and the last map of the training."""
    first: list[Affine] = []
    task, trained = train(stitcher, sizes, on_step=lambda step, affine: first or first.append(_copy(affine)))
    require(bool(first), "on_step is never called, so the start is unknown")
    return task, first[0], trained


def _entropies(task: Task, affine: Affine) -> tuple[float, ...]:
    """Cross-entropies to Model 2's soft labels, to the hard labels and to Model 1's soft labels: a stitcher may be
    trained on any of them."""
    with torch.no_grad():
        logits = forward(affine.to(torch.float32), task.end, task.activations)
    entropy = task.objective.cross_entropy
    targets = task.soft, task.labels, task.objective.probabilities(task.logits_a)
    return tuple(float(entropy(logits, target)) for target in targets)


def _residuals(task: Task, affine: Affine) -> tuple[float, ...]:
    return (float(task.moments.residual(affine.to(torch.float64))),)


def _text(numbers: tuple[float, ...]) -> str:
    return " / ".join(f"{number:.6g}" for number in numbers)


def on_step(stitcher: Stitcher) -> str:
    """on_step receives (0, start), (1, ...) up to the returned map, as copies that later steps do not change."""
    numbers, maps, copies = [], [], []

    def record(step: int, affine: Affine) -> None:
        numbers.append(step)
        maps.append(affine)
        copies.append(_copy(affine))

    _, trained = train(stitcher, on_step=record)
    require(
        numbers == list(range(len(numbers))) and len(numbers) > 1,
        f"on_step is called for the steps {numbers[:5]}...; 0, 1, 2 and so on are wanted",
    )
    require(all(map(_same, maps, copies)), "a map given to on_step changes in later steps; give a copy")
    require(_same(copies[-1], trained), "the last map given to on_step is not the one returned")
    require(
        not any(x.requires_grad for affine in maps for x in _tensors(affine)),
        "maps given to on_step require gradients; give them detached",
    )
    require(_same(train(stitcher)[1], trained), "the map depends on whether on_step is given")
    return f"called for the steps 0 to {numbers[-1]}"


def starts(stitcher: Stitcher) -> str:
    """Two starts that are trained together end at the same maps as when trained alone, and are not modified."""
    p, q = EQUAL
    generator, bias = seeded(22), stitcher.family not in ("identity", "linear")
    both = Affine(normal(generator, 2, p, q).float(), normal(generator, 2, q).float() if bias else None)
    given = _copy(both)
    _, trained = train(stitcher, starts=given)
    well_formed(trained, (2, p, q))
    require(_same(given, both), "from_task modifies the starts")
    largest = 0.0
    for i in (0, 1):
        _, alone = train(stitcher, starts=_take(both, i))
        change = max(gap(x, y) for x, y in zip(_tensors(_take(trained, i)), _tensors(alone), strict=True))
        require(change <= SIDE_BY_SIDE, f"start {i} ends {change:.2g} away from where it ends alone")
        largest = max(largest, change)
    return f"two starts end within {largest:.2g} of where each ends alone"


def inputs_untouched(stitcher: Stitcher) -> str:
    """The call changes neither activations, labels and moments nor the end network: its parameters, buffers, gradients,
    modes, modules and hooks."""
    untouched(stitcher, "from_task", task_for(stitcher, EQUAL))
    return "activations, labels, moments and the end network are the same after the call"


def deterministic(stitcher: Stitcher) -> str:
    """Two calls give the same bits, and neither use nor seed torch's global generator."""
    tasks = task_for(stitcher, EQUAL), task_for(stitcher, EQUAL)
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
