"""Stitched networks: outputs, losses and scores."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from simbench import Affine, Moments
from simbench.stitching import Task, accuracy_of, cross_entropy, forward, score, stitched_logits


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
    assert cross_entropy(torch.zeros(2, 4), target).item() == pytest.approx(math.log(4))
    assert cross_entropy(torch.zeros(2, 4), torch.tensor([3, 0])).item() == pytest.approx(math.log(4))


def test_cross_entropy_agrees_with_torch_for_soft_and_hard_targets():
    logits, soft, hard = torch.randn(7, 4), torch.rand(7, 4).softmax(-1), torch.randint(4, (7,))
    torch.testing.assert_close(cross_entropy(logits, soft), functional.cross_entropy(logits, soft))
    torch.testing.assert_close(cross_entropy(logits, hard), functional.cross_entropy(logits, hard))
    several = torch.stack([logits, 2 * logits])
    torch.testing.assert_close(cross_entropy(several, hard)[1], functional.cross_entropy(2 * logits, hard))
    assert cross_entropy(several, soft).shape == (2,)


def test_score_counts_labels_and_model_2_separately():
    own = torch.eye(3)[[0, 1, 2, 0]] * 10  # predicts 0 1 2 0
    stitched = torch.eye(3)[[0, 1, 0, 1]] * 10  # predicts 0 1 0 1
    labels = torch.tensor([0, 1, 2, 1])  # Model 2 is right on 3, the stitched network on 3
    result = score(stitched, own, labels)
    assert (result.accuracy, result.relative_accuracy, result.agreement) == (0.75, 1.0, 0.5)
    same = score(own, own, labels)
    entropy = -(own.double().softmax(-1) * own.double().log_softmax(-1)).sum(-1).mean()
    assert same.agreement == 1 and same.cross_entropy == pytest.approx(entropy.item(), rel=1e-12)


def test_accuracy_is_the_share_of_largest_logits_at_the_label():
    assert accuracy_of(torch.tensor([[1.0, 2], [3, 0], [0, 1]]), torch.tensor([1, 0, 0])) == pytest.approx(2 / 3)


def test_batches_of_a_task_see_every_image_once_an_epoch_in_a_seeded_order():
    x = torch.arange(10.0)[:, None]
    m = Moments.of(x, x)

    def order(seed: int) -> list[float]:
        task = Task(x, nn.Identity(), torch.zeros(10, 2), torch.arange(10), m, seed)
        batches = list(task.batches(4, 2))
        assert [len(labels) for _, _, labels in batches] == [4, 4, 2, 4, 4, 2]
        for activations, _, labels in batches:
            assert torch.equal(activations[:, 0].long(), labels)
        return torch.cat([activations for activations, _, _ in batches]).flatten().tolist()

    assert sorted(order(0)) == sorted(2 * list(range(10))) and order(0) == order(0) != order(1)
    assert order(0)[:10] != order(0)[10:]
