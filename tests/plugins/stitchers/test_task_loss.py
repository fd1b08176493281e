"""Task loss matching trains the stitch, and nothing but the stitch."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace

import pytest
import torch
from small_networks import case, installed
from torch.nn import functional

from simbench import Affine, Inapplicable, InputError, Stitcher
from simbench.contracts.objective import Objective
from simbench.contracts.selection import Selection
from simbench.contracts.task import Task
from simbench.cutting import cut
from simbench.measuring.bench import Workbench
from simbench.measuring.stitched import forward
from simbench.networks import weights


def get(spec: str) -> Stitcher:
    return installed().get("stitchers", spec)


@pytest.fixture(scope="module")
def context(small) -> Workbench:
    return Workbench(small)


@pytest.fixture(params=["bn1", "conv2"])
def task(request, small, context) -> Task:
    return context.task(case(small, get("task_loss"), layer=request.param))


@pytest.fixture
def wide_to_narrow(small, context) -> Task:
    """p = 6, q = 4."""
    return context.task(case(small, get("task_loss"), b=2))


def entropy(task: Task, affine: Affine, target: str = "soft") -> float:
    """Cross-entropy on the images of the task."""
    with torch.no_grad():
        logits = forward(affine.to(torch.float32), task.end, task.activations)
    return Objective().cross_entropy(logits.double(), getattr(task, target)).item()


def history(spec: str, task: Task, **options) -> list[Affine]:
    steps: list[Affine] = []
    get(spec).from_task(task, on_step=lambda step, affine: steps.append(affine), **options)
    return steps


def same(x: Affine, y: Affine) -> bool:
    return torch.equal(x.weight, y.weight) and torch.equal(x.bias, y.bias)


def test_training_lowers_the_cross_entropy_below_that_of_least_squares(task):
    least = get("least_squares").from_moments(task.moments)
    ends = [entropy(task, get(spec).from_task(task)) for spec in ("task_loss", "task_loss[epochs=5]")]
    assert entropy(task, least) > ends[0] > ends[1]


def test_training_lowers_the_cross_entropy_where_widths_differ(wide_to_narrow):
    steps = history("task_loss[epochs=3,init=random]", wide_to_narrow)  # least squares leaves 1e-4 to gain here
    assert steps[0].weight.shape == (6, 4) and entropy(wide_to_narrow, steps[-1]) < entropy(wide_to_narrow, steps[0])


def test_soft_and_hard_labels_are_different_tasks_each_won_by_its_own(wide_to_narrow):
    """net[width=4] is wrong on some images, where its outputs and the labels disagree."""
    found = {
        kind: get(f"task_loss[epochs=20,learning_rate=0.01,labels={kind}]").from_task(wide_to_narrow)
        for kind in ("soft", "hard")
    }
    assert not torch.equal(found["soft"].weight, found["hard"].weight)
    assert entropy(wide_to_narrow, found["soft"]) < entropy(wide_to_narrow, found["hard"])
    assert entropy(wide_to_narrow, found["soft"], "labels") > entropy(wide_to_narrow, found["hard"], "labels")


@pytest.mark.parametrize("bias", [True, False])
def test_training_starts_from_least_squares(task, bias):
    start = history(f"task_loss[bias={str(bias).lower()}]", task)[0]
    least = get(f"least_squares[bias={str(bias).lower()}]").from_moments(task.moments)
    torch.testing.assert_close(start.weight, least.weight.float(), atol=0, rtol=0)
    assert torch.equal(start.bias, least.bias.float()) if bias else start.bias is None


def test_training_starts_from_the_identity_when_told_so(task):
    start = history("task_loss[init=identity]", task)[0]
    assert torch.equal(start.weight, torch.eye(len(start.weight))) and not start.bias.any()


def test_identity_start_needs_equal_widths(wide_to_narrow):
    with pytest.raises(Inapplicable, match="6 channels cannot be passed on as 4"):
        get("task_loss[init=identity]").from_task(wide_to_narrow)


def test_random_start_is_uniform_within_one_over_the_root_of_the_front_s_width():
    """p = 100, q = 200: the standard deviation of a uniform within +-1/10 is 1/(10 sqrt 3)."""
    from simbench import Moments

    x = torch.randn(300, 100, generator=torch.Generator().manual_seed(0))
    end = torch.nn.Linear(200, 2).requires_grad_(False)
    soft = torch.full((300, 2), 0.5)
    task = Task(x, end, soft, torch.zeros(300, dtype=torch.int64), Moments.of(x, x.repeat(1, 2)), seed=3)
    start = history("task_loss[init=random]", task)[0]
    assert start.weight.shape == (100, 200)
    for values in (start.weight, start.bias):
        assert values.abs().max() <= 0.1 and values.abs().max() > 0.099
        assert values.mean().abs() < 0.01
        assert values.std().item() == pytest.approx(0.1 / 3**0.5, rel=0.1)
    again, other = (history("task_loss[init=random]", replace(task, seed=seed))[0] for seed in (3, 4))
    assert torch.equal(start.weight, again.weight) and not torch.equal(start.weight, other.weight)


def test_on_step_gets_every_step_in_copies_that_later_steps_leave_alone(task):
    numbers, given, copies = [], [], []

    def record(step, affine):
        numbers.append(step)
        given.append(affine)
        copies.append(Affine(affine.weight.clone(), affine.bias.clone()))

    found = get("task_loss[epochs=2]").from_task(task, on_step=record)
    assert numbers == [0, 1, 2, 3, 4]  # 150 images: a batch of 128 and one of 22 an epoch
    assert all(map(same, given, copies)) and same(given[-1], found)
    assert all(not same(x, y) for x, y in itertools.pairwise(given))
    assert same(get("task_loss[epochs=2]").from_task(task), found)


def test_starts_side_by_side_end_where_each_ends_alone(wide_to_narrow):
    generator = torch.Generator().manual_seed(5)
    weight, bias = torch.randn(3, 6, 4, generator=generator), torch.randn(3, 4, generator=generator)
    stitcher = get("task_loss[epochs=2,learning_rate=0.01]")
    before = weight.clone()
    together = stitcher.from_task(wide_to_narrow, starts=Affine(weight, bias))
    assert together.weight.shape == (3, 6, 4) and torch.equal(weight, before)
    for i in range(3):
        alone = stitcher.from_task(wide_to_narrow, starts=Affine(weight[i], bias[i]))
        torch.testing.assert_close(together.weight[i], alone.weight, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(together.bias[i], alone.bias, atol=1e-5, rtol=1e-5)
        assert (alone.weight - weight[i]).abs().max() > 0.01


def test_starts_without_a_bias_begin_from_zero_bias(wide_to_narrow):
    weight = torch.randn(2, 6, 4)
    bare = get("task_loss").from_task(wide_to_narrow, starts=Affine(weight))
    zero = get("task_loss").from_task(wide_to_narrow, starts=Affine(weight, torch.zeros(2, 4)))
    assert same(bare, zero) and bare.bias.shape == (2, 4) and bare.bias.abs().max() > 0


def test_without_bias_a_linear_map_is_trained(task):
    stitcher = get("task_loss[bias=false]")
    steps = history("task_loss[bias=false]", task)
    assert stitcher.family == "linear" and get("task_loss").family == "affine"
    assert all(affine.bias is None for affine in steps)
    assert entropy(task, steps[-1]) < entropy(task, steps[0])


def test_the_end_and_the_activations_stay_as_they_are(task):
    before = [x.clone() for x in (task.activations, task.soft, *task.end.state_dict().values())]
    found = get("task_loss").from_task(task)
    assert all(map(torch.equal, before, (task.activations, task.soft, *task.end.state_dict().values())))
    assert all(x.grad is None and not x.requires_grad for x in (*task.end.parameters(), task.activations))
    assert not any(module.training for module in task.end.modules())
    assert not (found.weight.requires_grad or found.bias.requires_grad)


def test_training_runs_the_end_above_the_layer_once_a_step_and_nothing_else(small):
    """Neither network is run: the front's activations are stored, the end's lower half is not needed."""
    context = Workbench(small)
    task = context.task(case(small, get("task_loss")))
    calls: Counter = Counter()

    def count(name):
        return lambda *_: calls.update([name])

    handles = [
        module.register_forward_hook(count("networks"))
        for network in small.networks
        for module in context.activations.net(network).modules()
    ]
    handles += [module.register_forward_hook(count(f"end.{name}")) for name, module in task.end.named_children()]
    get("task_loss[epochs=3]").from_task(task)
    for handle in handles:
        handle.remove()
    assert calls == dict.fromkeys(["end.relu1", "end.conv2", "end.relu2", "end.pool", "end.flatten", "end.fc"], 6)


def test_two_trainings_give_the_same_bits_and_leave_the_global_generator_alone(task):
    for spec in ("task_loss", "task_loss[init=random,labels=hard]"):
        state = torch.get_rng_state()
        assert same(get(spec).from_task(task), get(spec).from_task(task))
        assert torch.equal(torch.get_rng_state(), state)


def test_another_seed_takes_the_images_in_another_order(task):
    assert not same(get("task_loss").from_task(task), get("task_loss").from_task(replace(task, seed=1)))


def adam(selection: Selection, layer: str, batch: int, labels: str, rate: float = 1e-3) -> tuple[torch.Tensor, ...]:
    """The first step on the networks themselves: not folded, the front run again, Adam written out.

    With zero moments the first step of Adam (Kingma and Ba, 2015) is -rate g / (|g| + eps).
    """
    dataset = selection.setting.dataset
    front, end = (weights.load(network, dataset) for network in selection.networks[:2])
    split = dataset.split("train")
    chosen = torch.randperm(len(split.labels), generator=torch.Generator().manual_seed(0))[:batch]
    everything = (torch.tensor(split.inputs).float() / 255 - 0.3) / 0.2
    a, b = cut(front, layer)[0](everything), cut(end, layer)[0](everything)
    rows_a, rows_b = (x.double().permute(0, 2, 3, 1).flatten(0, 2) for x in (a, b))
    solution = torch.linalg.lstsq(torch.cat([rows_a, rows_a.new_ones(len(rows_a), 1)], 1), rows_b).solution.float()
    weight, bias = solution[:-1].clone().requires_grad_(), solution[-1].clone().requires_grad_()
    stitched = torch.einsum("ncxy,cd->ndxy", a[chosen], weight) + bias[:, None, None]
    target = end(everything[chosen]).softmax(1) if labels == "soft" else torch.tensor(split.labels)[chosen]
    functional.cross_entropy(cut(end, layer)[1](stitched), target).backward()
    return tuple((x - rate * x.grad / (x.grad.abs() + 1e-8)).detach() for x in (weight, bias))


@pytest.mark.parametrize("labels", ["soft", "hard"])
@pytest.mark.parametrize("layer", ["conv1", "bn1", "conv2"])
def test_first_step_is_that_of_adam_on_the_networks_themselves(small, context, layer, labels):
    """The sign of a gradient of the size of rounding is not determined, hence the one in twenty."""
    steps = history(f"task_loss[labels={labels}]", context.task(case(small, get("task_loss"), layer=layer)))
    weight, bias = adam(small, layer, 128, labels)
    for found, wanted in ((steps[1].weight, weight), (steps[1].bias, bias)):
        close = (found - wanted).abs() < 2e-5  # of a step of 1e-3
        assert close.double().mean() > 0.95, (found - wanted).abs().max()
    assert ((steps[1].weight - steps[0].weight).abs() < 1.001e-3).all()


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("epochs=0", r"task_loss\[epochs=0\]: epochs is 0; a whole number from 1 is allowed"),
        ("batch=0", "batch is 0; a whole number from 1 is allowed"),
        ("learning_rate=0", "learning_rate is 0.0; a number above 0 is allowed"),
        ("learning_rate=nan", "is 'nan'; allowed: a number"),
        ("labels=firm", "'firm'; allowed: soft, hard"),
        ("init=zero", "'zero'; allowed: least_squares, random, permutation, identity"),
        ("bias=maybe", "'maybe'; allowed: true or false"),
        ("epochs=1.5", "'1.5'; allowed: a whole number"),
        ("epoch=2", "'epoch' is unknown; did you mean 'epochs'"),
    ],
)
def test_a_bad_parameter_is_one_clear_line(spec, message):
    with pytest.raises(InputError, match=message) as caught:
        get(f"task_loss[{spec}]")
    assert "\n" not in str(caught.value)
