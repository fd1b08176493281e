"""A bottleneck is trained on the task loss without ever leaving its rank."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from small_networks import case, installed
from torch.nn import functional

from simbench import Affine, InputError, Stitcher
from simbench.contracts.task import Task
from simbench.measuring.bench import Workbench
from simbench.measuring.stitched import forward

#: Batches of 50 images: three equal ones an epoch, so that a task of 50 has one.
FAST = "epochs=4,batch=50,learning_rate=0.01"


def get(spec: str) -> Stitcher:
    return installed().get("stitchers", spec)


@pytest.fixture(scope="module")
def context(small) -> Workbench:
    return Workbench(small)


@pytest.fixture(params=["equal", "wide_to_narrow", "narrow_to_wide"])
def task(request, small, context) -> Task:
    """p, q = 8, 8 (conv2), 6, 4 and 4, 6 (bn1)."""
    pairs = {"equal": {"layer": "conv2"}, "wide_to_narrow": {"b": 2}, "narrow_to_wide": {"a": 2, "b": 0}}
    return context.task(case(small, get("bottleneck"), **pairs[request.param]))


@pytest.fixture
def narrow(small, context) -> Task:
    return context.task(case(small, get("bottleneck"), b=2))


def history(spec: str, task: Task, **options) -> list[Affine]:
    steps: list[Affine] = []
    get(spec).from_task(task, on_step=lambda step, affine: steps.append(affine), **options)
    return steps


def singular(affine: Affine) -> torch.Tensor:
    """Singular values of the weight over the largest."""
    values = torch.linalg.svdvals(affine.weight.double())
    return values / values[..., :1]


def rounding(weight: torch.Tensor, rank: int) -> float:
    """What an entry of a product of factors (p, rank), (rank, q) of equal singular values may lose in float32: either
    factor is rounded, and so is the sum of rank products; cutting to the rank widens the rounding of the cut part."""
    u, s, v = torch.linalg.svd(weight.double(), full_matrices=False)
    u, kept, v = u[:, :rank], s[:rank], v[:rank]
    gap = kept[-1] - s[rank] if rank < len(s) else kept[-1]
    largest = ((u * kept).abs() @ v.abs()).max() * (1 + s[rank:].sum() / gap)
    return (rank + 2) * torch.finfo(torch.float32).eps * float(largest)


def cut_to(weight: torch.Tensor, rank: int) -> torch.Tensor:
    """The nearest matrix of that rank, in float64."""
    u, s, v = torch.linalg.svd(weight.double(), full_matrices=False)
    return (u[:, :rank] * s[:rank]) @ v[:rank]


def entropy(task: Task, affine: Affine) -> float:
    with torch.no_grad():
        logits = forward(affine.to(torch.float32), task.end, task.activations)
    return task.objective.cross_entropy(logits.double(), task.soft.double()).item()


def close(x: Affine, y: Affine, tolerance: float) -> bool:
    return all(
        torch.allclose(one, other, atol=tolerance, rtol=tolerance)
        for one, other in ((x.weight, y.weight), (x.bias, y.bias))
    )


@pytest.mark.parametrize("init", ["reduced_rank", "least_squares", "random"])
@pytest.mark.parametrize("rank", [1, 3])
def test_the_rank_holds_at_every_step(task, rank, init):
    steps = history(f"bottleneck[rank={rank},init={init},{FAST}]", task)
    assert len(steps) == 13 and steps[-1].weight.shape == (task.moments.a.width, task.moments.b.width)
    for affine in steps:
        values = singular(affine)
        assert (values[rank:] < 1e-6).all() and values[rank - 1] > 1e-3, values
    assert not close(steps[0], steps[-1], 1e-3)


@pytest.mark.parametrize("bias", ["true", "false"])
@pytest.mark.parametrize("rank", [1, 3])
def test_training_starts_from_the_reduced_rank_map_to_rounding(task, rank, bias):
    start = history(f"bottleneck[rank={rank},bias={bias}]", task)[0]
    best = get(f"reduced_rank[rank={rank},bias={bias}]").from_moments(task.moments)
    torch.testing.assert_close(start.weight.double(), best.weight, atol=rounding(best.weight, rank), rtol=0)
    assert start.bias is None if bias == "false" else torch.equal(start.bias, best.bias.float())


@pytest.mark.parametrize("init", ["random", "least_squares"])
def test_other_starts_are_cut_to_their_leading_singular_directions(narrow, init):
    start = history(f"bottleneck[rank=2,init={init}]", narrow)[0]
    whole = history(f"task_loss[init={init}]", narrow)[0]
    torch.testing.assert_close(start.weight.double(), cut_to(whole.weight, 2), atol=rounding(whole.weight, 2), rtol=0)
    assert torch.equal(start.bias, whole.bias)


def test_noise_is_added_to_the_start_before_it_is_cut(narrow):
    noise = 0.1 * torch.randn(6, 4, generator=torch.Generator().manual_seed(narrow.seed))
    whole = get("reduced_rank[rank=2]").from_moments(narrow.moments).weight.float() + noise
    start = history("bottleneck[rank=2,noise=0.1]", narrow)[0]
    torch.testing.assert_close(start.weight.double(), cut_to(whole, 2), atol=rounding(whole, 2), rtol=0)


@pytest.mark.any_rounding
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_training_works_better_than_least_squares_of_that_rank(task, rank):
    trained = get(f"bottleneck[rank={rank},epochs=20,batch=50,learning_rate=0.01]").from_task(task)
    direct = get(f"reduced_rank[rank={rank}]").from_moments(task.moments)
    least = functional.cross_entropy(task.logits_b.double(), task.soft.double()).item()  # entropy of the soft labels
    assert entropy(task, trained) - least < 0.8 * (entropy(task, direct) - least)
    assert task.moments.residual(trained.to(torch.float64)) > task.moments.residual(direct)


@pytest.mark.any_rounding
def test_a_wider_bottleneck_works_better(narrow):
    ends = [entropy(narrow, get(f"bottleneck[rank={rank},{FAST}]").from_task(narrow)) for rank in (1, 2, 4)]
    assert ends[0] > ends[1] > ends[2]


def test_starts_side_by_side_end_where_each_ends_alone(narrow):
    generator = torch.Generator().manual_seed(5)
    starts = Affine(torch.randn(3, 6, 4, generator=generator), torch.randn(3, 4, generator=generator))
    stitcher = get(f"bottleneck[rank=2,{FAST}]")
    together = stitcher.from_task(narrow, starts=starts)
    assert together.weight.shape == (3, 6, 4)
    for i in range(3):
        alone = stitcher.from_task(narrow, starts=Affine(starts.weight[i], starts.bias[i]))
        assert close(Affine(together.weight[i], together.bias[i]), alone, 1e-4)
        assert singular(alone)[2] < 1e-6


@pytest.mark.parametrize("rank", [1, 3])
def test_the_gradient_of_the_factors_is_that_of_the_weight_by_the_chain_rule(small, context, rank):
    """dL/dU = G V^T, dL/dV = U^T G and dL/dbias, where G is that of the unconstrained weight; M = U V with factors of
    equal Gram matrices U^T U = V V^T. The first step of gradient descent with a batch of everything is known then."""
    task = context.task(case(small, get("bottleneck"), b=2))
    rate = 0.05
    before, after = history(f"bottleneck[rank={rank},optimizer=sgd,learning_rate={rate},batch=1000]", task)
    u, s, v = torch.linalg.svd(before.weight.double(), full_matrices=False)
    left, right = u[:, :rank] * s[:rank].sqrt(), s[:rank, None].sqrt() * v[:rank]
    weight, bias = before.weight.clone().requires_grad_(), before.bias.clone().requires_grad_()
    stitched = torch.einsum("ncxy,cd->ndxy", task.activations, weight) + bias[:, None, None]
    functional.cross_entropy(task.end(stitched), task.logits_b.softmax(1)).backward()
    slope = weight.grad.double()
    expected = (left - rate * slope @ right.mT) @ (right - rate * left.mT @ slope)
    moved = (expected - before.weight).abs().max().item()
    assert moved > 1e-4
    # Weights before and after are rounded; three digits of the gradient, a float32 sum over all images, are required.
    torch.testing.assert_close(
        after.weight.double(), expected, atol=2 * rounding(expected, rank) + 1e-3 * moved, rtol=0
    )
    torch.testing.assert_close(
        after.bias, before.bias - rate * bias.grad, atol=1e-3 * rate * bias.grad.abs().max().item(), rtol=1e-6
    )


@pytest.mark.parametrize("scale", [0, 1])
def test_a_start_of_lower_rank_grows_to_the_rank(narrow, scale):
    """With both factors zero in a direction neither has a gradient, and the map could never grow there."""
    start = Affine(scale * torch.ones(6, 4) / 4, torch.ones(4))
    found = get(f"bottleneck[rank=3,{FAST}]").from_task(narrow, starts=start)
    values = singular(found)
    assert values[2] > 1e-3 and values[3] < 1e-6


def test_tiny_directions_of_the_start_are_kept(narrow):
    """Where features differ in scale by 1e7, weights do, and none of them is rounding."""
    weight = torch.zeros(6, 4)
    weight[0, 0], weight[1, 1] = 1e4, 1e-4
    start = history("bottleneck[rank=2]", narrow, starts=Affine(weight, torch.zeros(4)))[0]
    exact = 24 * 1e4 * torch.finfo(torch.float64).eps  # of the 24 entries of the decomposition, 1e-10
    torch.testing.assert_close(start.weight, weight, atol=exact, rtol=1e-6)


def test_a_rank_of_the_width_or_more_is_no_bound(narrow):
    least = get("least_squares").from_moments(narrow.moments).weight
    for rank in (4, 9):
        start = history(f"bottleneck[rank={rank}]", narrow)[0]
        assert start.weight.shape == (6, 4)
        torch.testing.assert_close(start.weight.double(), least, atol=1e-6, rtol=1e-6)


def test_without_bias_the_map_is_linear(narrow):
    assert all(affine.bias is None for affine in history("bottleneck[rank=2,bias=false]", narrow))


def test_two_trainings_give_the_same_bits_and_another_seed_others(narrow):
    stitcher = get("bottleneck[rank=2]")
    first, again, other = (stitcher.from_task(replace(narrow, seed=seed)).weight for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_unrestricted_is_the_same_training_of_task_loss():
    assert get("bottleneck[rank=2,epochs=3,labels=hard]").unrestricted == get("task_loss[epochs=3,labels=hard]")
    assert get("bottleneck[init=random,bias=false]").unrestricted == get("task_loss[init=random,bias=false]")
    assert get("bottleneck").family == "reduced_rank"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("rank=0", "rank is 0; a whole number from 1 is allowed"),
        ("l1=0.1", "l1 is given; a bottleneck takes neither mask nor l1, use task_loss for these"),
        ("mask=permutation", "mask is given; a bottleneck takes neither"),
        ("epochs=0", "epochs is 0; a whole number from 1 is allowed"),
        ("init=zero", "allowed: reduced_rank, least_squares, random, permutation, identity"),
    ],
)
def test_a_bad_parameter_is_one_clear_line(arguments, message):
    with pytest.raises(InputError, match=message) as caught:
        get(f"bottleneck[{arguments}]")
    assert "\n" not in str(caught.value)
