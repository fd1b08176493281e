"""Training is a function of recipe, data and seed, and every recipe learns."""

from dataclasses import replace

import pytest
import torch

from simbench.contracts import Recipe
from simbench.errors import InputError
from simbench.networks import training, weights


def test_training_is_seeded_and_leaves_the_global_generator_alone(model, dataset):
    recipe = model.recipe(dataset)
    before = torch.random.get_rng_state()
    one, same, other = (weights.train(model, dataset, recipe, seed).state_dict() for seed in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert weights.content_hash(one) == weights.content_hash(same) != weights.content_hash(other)


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(epochs=6, batch=32),
        Recipe("adam", 0.01, 6, 32),
        Recipe(epochs=6, batch=32, learning_rate=0.05, schedule="constant"),
        Recipe(epochs=6, batch=32, learning_rate=0.05, schedule="step"),
    ],
)
def test_every_recipe_learns(model, dataset, recipe):
    from simbench.networks.inputs import normalised

    net = weights.train(model, dataset, recipe, 0)
    test = dataset.split("test")
    with torch.no_grad():
        right = net(normalised(torch.tensor(test.inputs), dataset)).argmax(1) == torch.tensor(test.labels)
    assert not net.training and right.double().mean() > 0.9


def test_augmentation_is_seen_by_training(model, dataset):
    plain, moved = (weights.train(model, dataset, Recipe(epochs=1, augment=augment), 0) for augment in (False, True))
    assert weights.content_hash(plain.state_dict()) != weights.content_hash(moved.state_dict())


def test_clipping_bounds_the_gradient_of_every_step(model, dataset):
    """The first step with Nesterov's momentum 0.9 moves the weights by 1.9 rates times the gradient."""
    recipe = Recipe(epochs=1, batch=10_000, learning_rate=0.1, weight_decay=0.0, schedule="constant")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        start = dict(model.build(dataset.channels, dataset.classes).named_parameters())
    moved = []
    for clip in (1e-3, None):
        net = weights.train(model, dataset, replace(recipe, clip=clip), 0)
        moved.append(torch.cat([(p - start[name]).flatten() for name, p in net.named_parameters()]).detach())
    assert float(moved[0].norm()) == pytest.approx(1.9 * 0.1 * 1e-3, rel=1e-2)
    assert moved[1].norm() > 10 * moved[0].norm()
    assert torch.allclose(moved[0] / moved[0].norm(), moved[1] / moved[1].norm(), atol=1e-3)


@pytest.mark.parametrize(
    "said, message",
    [
        (dict(optimizer="lion"), "optimizer is 'lion'; allowed: sgd, adam"),
        (dict(schedule="cosine"), "schedule is 'cosine'; allowed: one_cycle, step, constant"),
        (dict(epochs=0), "epochs is 0; a whole number from 1 is allowed"),
        (dict(batch=2.5), "batch is 2.5; a whole number from 1 is allowed"),
        (dict(learning_rate=0), "learning_rate is 0; a finite number above 0 is allowed"),
        (dict(momentum=float("nan")), "momentum is nan; a finite number from 0 is allowed"),
        (dict(clip=-1.0), "clip is -1.0; a finite number above 0 is allowed"),
    ],
)
def test_a_recipe_is_looked_at_before_a_network_is_trained(model, dataset, said, message):
    taught = type("Taught", (type(model),), {"recipe": lambda self, dataset: Recipe(**said)})()
    with pytest.raises(InputError, match=f"^model net: of its recipe, {message}$"):
        training.recipe_of(taught, dataset)


def test_every_value_that_is_allowed_trains(model, dataset):
    weights.train(model, dataset, Recipe(epochs=1, batch=64, momentum=0.0, weight_decay=0), 0)


@pytest.mark.parametrize("recipe", [Recipe(optimizer="lion"), Recipe(schedule="cosine")])
def test_an_unknown_recipe_is_refused(model, dataset, recipe):
    with pytest.raises(InputError, match="allowed"):
        weights.train(model, dataset, recipe, 0)


def test_the_step_schedule_cuts_the_rate_by_ten_after_each_third(model):
    optimizer, schedule = training._optimizer(model.build(1, 3), Recipe(learning_rate=0.5, schedule="step"), 9)
    rates = []
    for _ in range(9):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates == pytest.approx([0.5] * 3 + [0.05] * 3 + [0.005] * 3)


def test_training_that_diverged_is_one_line_and_nothing_is_kept(model, dataset, cache):
    class Diverging(type(model)):
        def recipe(self, dataset):
            return Recipe(epochs=1, learning_rate=1e30, schedule="constant")

    with pytest.raises(InputError, match=r"net-3 on blobs: training diverged, conv1.weight holds NaN") as caught:
        weights.trained(Diverging(), dataset, "f" * 64, 3)
    assert "\n" not in str(caught.value) and not (cache / "weights").exists()
