"""One class an image, or several binary labels: what is lost, predicted and counted."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from small_across import CORNERS, Marks
from small_plugins import Blobs
from torch.nn import functional

from simbench.contracts.objective import Objective
from simbench.measuring.stitched import score

CLASSES, MARKS = Objective(), Objective(("top", "left", "bright"))


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return 2 * torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def slow_cross_entropy(logits, target) -> float:
    """-sum_c t_c log(e^z_c / sum e^z), mean over images, in plain Python."""
    total = 0.0
    for z, t in zip(logits.tolist(), target.tolist(), strict=True):
        scale = sum(math.exp(value) for value in z)
        wanted = [float(c == t) for c in range(len(z))] if isinstance(t, int) else t
        total -= sum(share * math.log(math.exp(value) / scale) for share, value in zip(wanted, z, strict=True))
    return total / len(logits)


def slow_binary_cross_entropy(logits, target) -> float:
    """-(t log s + (1 - t) log(1 - s)), s = 1 / (1 + e^-z), mean over images and attributes, in plain Python."""
    terms = []
    for z, t in zip(logits.flatten().tolist(), target.flatten().tolist(), strict=True):
        s = 1 / (1 + math.exp(-z))
        terms.append(-(t * math.log(s) + (1 - t) * math.log(1 - s)))
    return sum(terms) / len(terms)


def test_the_objective_is_that_of_the_data_set():
    assert Objective.of(Blobs()) == CLASSES
    assert Objective.of(Marks()) == Objective(("top", "left"))


def test_indifferent_outputs_lose_log_2_an_attribute_and_log_c_an_image():
    labels = torch.tensor([[0, 1, 1], [0, 0, 0]])
    assert MARKS.cross_entropy(torch.zeros(2, 3), labels).item() == pytest.approx(math.log(2))
    assert MARKS.cross_entropy(torch.zeros(2, 3), torch.full((2, 3), 0.3)).item() == pytest.approx(math.log(2))
    assert CLASSES.cross_entropy(torch.zeros(2, 3), torch.tensor([2, 0])).item() == pytest.approx(math.log(3))


def test_cross_entropies_are_their_definitions_for_labels_and_for_probabilities():
    logits, other = drawn(7, 3), drawn(7, 3, seed=1)
    labels, marks = torch.tensor([0, 2, 1, 1, 0, 2, 2]), (drawn(7, 3, seed=2) > 0).long()
    assert CLASSES.cross_entropy(logits, labels).item() == pytest.approx(slow_cross_entropy(logits, labels))
    soft = CLASSES.probabilities(other)
    assert CLASSES.cross_entropy(logits, soft).item() == pytest.approx(slow_cross_entropy(logits, soft))
    assert MARKS.cross_entropy(logits, marks).item() == pytest.approx(slow_binary_cross_entropy(logits, marks))
    soft = MARKS.probabilities(other)
    assert MARKS.cross_entropy(logits, soft).item() == pytest.approx(slow_binary_cross_entropy(logits, soft))


def test_an_attribute_is_a_choice_between_two_classes():
    """The sigmoid of z is the softmax of (0, z) at 1, and their losses are equal."""
    z, labels = drawn(9, 1), (drawn(9, 1, seed=1) > 0).long()
    one, two = Objective(("top",)), torch.cat([torch.zeros_like(z), z], 1)
    torch.testing.assert_close(one.probabilities(z)[:, 0], CLASSES.probabilities(two)[:, 1])
    torch.testing.assert_close(one.cross_entropy(z, labels), CLASSES.cross_entropy(two, labels[:, 0]))
    assert torch.equal(one.predictions(z)[:, 0], CLASSES.predictions(two))
    assert one.accuracy(z, labels) == CLASSES.accuracy(two, labels[:, 0])


@pytest.mark.parametrize("objective", [CLASSES, MARKS])
def test_no_outputs_are_closer_to_soft_labels_than_those_they_came_from(objective):
    own = drawn(20, 3)
    least = objective.cross_entropy(own, objective.probabilities(own))
    for seed in range(1, 6):
        assert objective.cross_entropy(own + 0.1 * drawn(20, 3, seed=seed), objective.probabilities(own)) > least


def test_probabilities_of_classes_sum_to_one_and_those_of_attributes_stand_alone():
    logits = drawn(5, 3)
    torch.testing.assert_close(CLASSES.probabilities(logits).sum(1), torch.ones(5, dtype=torch.float64))
    alone = MARKS.probabilities(logits)
    moved = MARKS.probabilities(logits + torch.tensor([0.0, 5, 0]))
    assert torch.equal(alone[:, [0, 2]], moved[:, [0, 2]]) and bool((alone[:, 1] < moved[:, 1]).all())


@pytest.mark.parametrize("objective", [CLASSES, MARKS])
def test_temperature_divides_the_logits(objective):
    logits = drawn(5, 3)
    torch.testing.assert_close(objective.probabilities(logits, 4.0), objective.probabilities(logits / 4))
    even = objective.probabilities(logits, 1e9)
    torch.testing.assert_close(even, torch.full_like(even, 0.5 if objective.attributes else 1 / 3))


@pytest.mark.parametrize("objective", [CLASSES, MARKS])
def test_several_maps_are_judged_side_by_side(objective):
    logits, marks = drawn(4, 6, 3), (drawn(6, 3, seed=1) > 0).long()
    labels = marks if objective.attributes else marks.sum(1).clamp(max=2)
    soft = objective.probabilities(drawn(6, 3, seed=2))
    for target in (labels, soft):
        torch.testing.assert_close(
            objective.cross_entropy(logits, target),
            torch.stack([objective.cross_entropy(one, target) for one in logits]),
        )
    for judge in (objective.accuracy, objective.shares):
        torch.testing.assert_close(judge(logits, labels), torch.stack([judge(one, labels) for one in logits]))


def test_the_loss_has_the_gradient_of_torch_s_own():
    logits, marks = drawn(6, 3).requires_grad_(), (drawn(6, 3, seed=1) > 0).long()
    (found,) = torch.autograd.grad(MARKS.cross_entropy(logits, marks), logits)
    torch.testing.assert_close(found, (logits.detach().sigmoid() - marks) / 18)
    (found,) = torch.autograd.grad(CLASSES.cross_entropy(logits, marks.argmax(1)), logits)
    torch.testing.assert_close(found, (logits.detach().softmax(1) - functional.one_hot(marks.argmax(1), 3)) / 6)


def test_an_attribute_is_predicted_where_its_probability_exceeds_a_half():
    logits = torch.tensor([[-1.0, 0.0, 0.1], [2.0, -0.1, 30.0]])
    assert MARKS.predictions(logits).tolist() == [[0, 0, 1], [1, 0, 1]]
    assert torch.equal(MARKS.predictions(logits), (MARKS.probabilities(logits) > 0.5).long())
    assert CLASSES.predictions(logits).tolist() == [2, 2]


def test_accuracy_is_the_share_of_labels_that_are_right():
    logits, labels = (
        torch.tensor([[1.0, -1, 1], [1, 1, 1], [-1, 1, 1], [-1, -1, 1]]),
        torch.tensor([[1, 1, 0], [1, 1, 0], [1, 1, 0], [1, 0, 0]]),
    )
    assert MARKS.shares(logits, labels).tolist() == [0.5, 0.75, 0.0]
    assert MARKS.accuracy(logits, labels).item() == pytest.approx(5 / 12)
    logits = torch.tensor([[1.0, 2, 3], [3, 2, 1], [1, 3, 2], [3, 2, 1]])
    assert CLASSES.accuracy(logits, torch.tensor([2, 0, 1, 1])).item() == 0.75
    assert CLASSES.shares(logits, torch.tensor([0, 0, 1, 2])).item() == 0.5


def outputs(right: list[list[int]]) -> torch.Tensor:
    """Logits that are right on labels of ones where `right` is 1."""
    return 3.0 * (2 * torch.tensor(right) - 1)


def test_relative_accuracy_of_several_labels_is_the_mean_of_ratios_not_the_ratio_of_means():
    labels = torch.ones(4, 2, dtype=torch.long)
    own = outputs([[1, 1], [1, 0], [1, 0], [1, 0]])  # right on 4 and on 1
    stitched = outputs([[1, 1], [1, 1], [0, 0], [0, 0]])  # right on 2 and on 2
    told = score(stitched, own, labels, Objective(("top", "left")))
    assert told.per_attribute == {"top": 0.5, "left": 2.0}
    assert told.relative_accuracy == 1.25 and told.accuracy == 0.5
    assert told.agreement == 5 / 8  # rows agree on 2, 1, 1 and 1 of 2 labels


def test_an_attribute_on_which_model_2_is_never_right_leaves_relative_accuracy_undefined():
    labels = torch.ones(2, 2, dtype=torch.long)
    told = score(outputs([[1, 1], [1, 0]]), outputs([[1, 0], [1, 0]]), labels, Objective(("top", "left")))
    assert math.isnan(told.relative_accuracy) and told.per_attribute["top"] == 1.0
    assert math.isinf(told.per_attribute["left"]) and told.accuracy == 0.75


def test_cross_entropy_of_a_score_is_to_the_probabilities_of_model_2():
    stitched, own, labels = drawn(6, 2), drawn(6, 2, seed=1), (drawn(6, 2, seed=2) > 0).long()
    told = score(stitched, own, labels, Objective(("top", "left")))
    assert told.cross_entropy == pytest.approx(slow_binary_cross_entropy(stitched, own.sigmoid()))


def test_a_network_learns_several_labels(small_registry):
    """Training takes the same objective: on `marks` it soon knows where the square lies."""
    from simbench import Recipe
    from simbench.networks import weights
    from simbench.networks.inputs import normalised

    dataset = Marks()
    net = weights.train(small_registry.get("models", "net"), dataset, Recipe(epochs=6, batch=32), 0)
    part = dataset.split("test")
    assert part.labels.shape == (60, 2) and {tuple(row) for row in part.labels} == set(CORNERS.values())
    with torch.no_grad():
        logits = net(normalised(torch.tensor(part.inputs), dataset))
    constant = np.maximum(part.labels.mean(0), 1 - part.labels.mean(0)).mean()
    assert float(Objective.of(dataset).accuracy(logits, torch.tensor(part.labels))) > constant + 0.1
