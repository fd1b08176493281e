"""Stitched networks: outputs, losses and scores."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional

from simbench import Affine, Inapplicable, Moments
from simbench.contracts.objective import Objective
from simbench.contracts.task import Batch, Task, take
from simbench.measuring.stitched import forward, score, shares, stitched_logits


@pytest.fixture
def end() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 3)).eval()


def maps(n: int = 6, c: int = 4) -> torch.Tensor:
    return torch.randn(n, c, 3, 2, generator=torch.Generator().manual_seed(1))


def test_an_affine_on_maps_is_the_rows_times_the_weight_at_every_pixel(end):
    affine, x = Affine(torch.randn(4, 5), torch.randn(5)), maps()
    rows = x.permute(0, 2, 3, 1).reshape(-1, 4) @ affine.weight + affine.bias
    moved = rows.reshape(6, 3, 2, 5).permute(0, 3, 1, 2)
    torch.testing.assert_close(forward(affine, end, x), end(moved))


def test_several_maps_side_by_side_equal_each_alone(end):
    stacked, x = Affine(torch.randn(3, 4, 5), torch.randn(3, 5)), maps()
    together = forward(stacked, end, x)
    assert together.shape == (3, 6, 3)
    for i in range(3):
        torch.testing.assert_close(together[i], forward(Affine(stacked.weight[i], stacked.bias[i]), end, x))


def test_several_linear_maps_on_vectors_equal_each_alone():
    end, x = nn.Linear(5, 3), torch.randn(6, 4)
    stacked = Affine(torch.randn(2, 4, 5))
    for i in range(2):
        torch.testing.assert_close(forward(stacked, end, x)[i], end(x @ stacked.weight[i]))


def test_batches_are_joined_in_order(end):
    affine, x = Affine(torch.randn(4, 5)), maps()
    torch.testing.assert_close(stitched_logits(affine, end, x.split(4)), forward(affine, end, x))
    stacked = Affine(torch.randn(2, 4, 5))
    torch.testing.assert_close(stitched_logits(stacked, end, x.split(4)), forward(stacked, end, x))


def test_cross_entropy_of_uniform_outputs_is_log_of_the_classes():
    target = torch.tensor([[1.0, 0, 0, 0], [0.25] * 4])
    assert Objective().cross_entropy(torch.zeros(2, 4), target).item() == pytest.approx(math.log(4))
    assert Objective().cross_entropy(torch.zeros(2, 4), torch.tensor([3, 0])).item() == pytest.approx(math.log(4))


def test_cross_entropy_agrees_with_torch_for_soft_and_hard_targets():
    logits, soft, hard = torch.randn(7, 4), torch.rand(7, 4).softmax(-1), torch.randint(4, (7,))
    torch.testing.assert_close(Objective().cross_entropy(logits, soft), functional.cross_entropy(logits, soft))
    torch.testing.assert_close(Objective().cross_entropy(logits, hard), functional.cross_entropy(logits, hard))
    several = torch.stack([logits, 2 * logits])
    torch.testing.assert_close(Objective().cross_entropy(several, hard)[1], functional.cross_entropy(2 * logits, hard))
    assert Objective().cross_entropy(several, soft).shape == (2,)


def test_score_counts_labels_and_model_2_separately():
    own = torch.eye(3)[[0, 1, 2, 0]] * 10  # predicts 0 1 2 0
    stitched = torch.eye(3)[[0, 1, 0, 1]] * 10  # predicts 0 1 0 1
    labels = torch.tensor([0, 1, 2, 1])  # Model 2 is right on 3, the stitched network on 3
    result = score(stitched, own, labels)
    assert (result.accuracy, result.relative_accuracy, result.agreement) == (0.75, 1.0, 0.5)
    same = score(own, own, labels)
    entropy = -(own.double().softmax(-1) * own.double().log_softmax(-1)).sum(-1).mean()
    assert same.agreement == 1 and same.cross_entropy == pytest.approx(entropy.item(), rel=1e-12)


def test_score_of_several_labels_an_image_is_the_mean_over_them():
    faces = Objective(("young", "smiling"))
    labels = torch.tensor([[1, 1], [1, 0], [0, 0], [0, 1]])
    own = torch.tensor([[3.0, 3], [3, 3], [-3, -3], [-3, -3]])  # right on 4 of young, on 2 of smiling
    stitched = torch.tensor([[1.0, 1], [-1, -1], [-1, -1], [1, 1]])  # right on 2 and on 4
    found = score(stitched, own, labels, faces)
    assert found.per_attribute == {"young": 0.5, "smiling": 2.0} and found.relative_accuracy == 1.25
    assert (found.accuracy, found.agreement) == (0.75, 0.5)
    told = functional.binary_cross_entropy_with_logits(stitched.double(), own.double().sigmoid())
    assert found.cross_entropy == pytest.approx(told.item(), rel=1e-12)


def test_relative_accuracy_is_undefined_where_model_2_is_never_right():
    wrong = torch.tensor([[1.0, 0], [1, 0]])
    assert math.isnan(score(wrong, wrong, torch.tensor([1, 1])).relative_accuracy)
    never = torch.tensor([[1.0, -1], [1, 1]])  # never right on the first of two attributes
    labels = torch.tensor([[0, 0], [0, 1]])
    assert math.isnan(score(never, never, labels, Objective(("a", "b"))).relative_accuracy)


def test_several_maps_keep_channels_last(end):
    """Convolutions of the end are slower on any other layout."""
    x = maps().contiguous(memory_format=torch.channels_last)
    moved = Affine(torch.randn(2, 4, 5)).each(x).flatten(0, 1)
    assert moved.is_contiguous(memory_format=torch.channels_last) and not moved.is_contiguous()


def test_accuracy_is_the_share_of_largest_logits_at_the_label():
    logits = torch.tensor([[1.0, 2], [3, 0], [0, 1]])
    assert Objective().accuracy(logits, torch.tensor([1, 0, 0])).item() == pytest.approx(2 / 3)


@pytest.fixture
def task() -> Task:
    """Ten images that everything of tells their number."""
    number = torch.arange(10.0)
    return Task(
        number[:, None],
        nn.Identity(),
        torch.stack([number, -number], 1),
        torch.arange(10),
        Moments.of(number[:, None], number[:, None]),
        0,
        Objective(),
        number[:, None].repeat(1, 2) / 2,
        number[:, None] * 3,
    )


def test_batches_of_a_task_see_every_image_once_an_epoch_in_a_seeded_order(task):
    def order(seed: int) -> list[int]:
        batches = list(replace(task, seed=seed).batches(4, 2))
        assert [len(batch.labels) for batch in batches] == [4, 4, 2, 4, 4, 2]
        return torch.cat([batch.labels for batch in batches]).tolist()

    assert sorted(order(0)) == sorted(2 * list(range(10))) and order(0) == order(0) != order(1)
    assert sorted(order(0)[:10]) == list(range(10)) and order(0)[:10] != order(0)[10:]


def test_a_batch_holds_what_is_wanted_of_the_same_images(task):
    for batch in task.batches(4, 1, {"logits_a", "logits_b", "own"}):
        assert torch.equal(batch.x[:, 0].long(), batch.labels)
        assert torch.equal(batch.logits_a, task.logits_a[batch.labels])
        assert torch.equal(batch.logits_b, task.logits_b[batch.labels])
        assert torch.equal(batch.own, task.own[batch.labels])
    bare = next(task.batches(4, 1, set()))
    assert bare.logits_a is bare.logits_b is bare.own is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("logits_a", "Model 1 has other outputs than Model 2, so they cannot serve as labels$"),
        ("own", "this task does not include the activations of Model 2$"),
    ],
)
def test_what_a_task_lacks_is_refused_with_its_reason(task, name, reason):
    with pytest.raises(Inapplicable, match=reason):
        next(replace(task, **{name: None}).batches(4, 1, {name}))
    assert next(replace(task, **{name: None}).batches(4, 1)).labels.shape == (4,)


def test_a_task_without_images_cannot_augment(task):
    with pytest.raises(Inapplicable, match="does not include inputs that can be augmented$"):
        next(task.batches(4, 1, augment=True))


def test_augmented_batches_take_the_same_images_from_one_seeded_generator(task):
    def moved(chosen, generator, wanted):
        return Batch(torch.rand(len(chosen), generator=generator), chosen, *[torch.tensor(sorted(wanted) == ["own"])])

    def drawn(seed: int) -> list[Batch]:
        return list(replace(task, seed=seed, augmented=moved).batches(4, 3, {"own"}, augment=True))

    first, again, other = drawn(0), drawn(0), drawn(1)
    assert [len(batch.labels) for batch in first] == 3 * [4, 4, 2] and all(batch.logits_a for batch in first)
    for name in ("x", "labels"):
        whole, same, different = (torch.cat([getattr(one, name) for one in some]) for some in (first, again, other))
        assert torch.equal(whole, same) and not torch.equal(whole, different)
    assert len({value.item() for batch in first for value in batch.x}) == 30
    assert sorted(torch.cat([batch.labels for batch in first[:3]]).tolist()) == list(range(10))


def test_soft_labels_are_what_model_2_gives(task):
    torch.testing.assert_close(task.soft, task.logits_b.softmax(1))
    torch.testing.assert_close(replace(task, objective=Objective(("big", "small"))).soft, task.logits_b.sigmoid())


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_chosen_images_are_those_of_plain_indexing_in_the_same_layout(layout):
    x, chosen = torch.randn(9, 3, 4, 5).contiguous(memory_format=layout), torch.tensor([7, 0, 7, 3])
    found = take(x, chosen)
    assert torch.equal(found, x[chosen]) and found.is_contiguous(memory_format=layout)
    assert torch.equal(take(x[:, 0, 0], chosen), x[:, 0, 0][chosen])


@pytest.mark.parametrize(
    ("maps", "images", "device", "sizes"),
    [
        (1, 128, "cpu", [1]),
        (3, 128, "cpu", [1, 1, 1]),
        (5, 40, "cpu", [3, 2]),
        (100, 1, "cpu", [100]),
        (2, 5000, "cpu", [1, 1]),
        (100, 128, "cuda", [100]),
        (300, 128, "cuda", [128, 128, 44]),
        (0, 128, "cpu", []),
    ],
)
def test_maps_share_passes_of_so_many_images_as_the_device_takes(maps, images, device, sizes):
    taken = [list(range(maps))[share] for share in shares(maps, images, torch.device(device))]
    assert [len(share) for share in taken] == sizes
    assert [place for share in taken for place in share] == list(range(maps))
