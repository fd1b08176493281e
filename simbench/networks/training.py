"""Training: a network trained from a recipe, a data set and a seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simbench.contracts import Dataset, Model, Recipe, splits
from simbench.errors import InputError
from simbench.system import interrupts
from simbench.system.stopwatch import stage
from simbench.system.surroundings import abroad, known

if TYPE_CHECKING:
    from torch import nn


def train(model: Model, dataset: Dataset, recipe: Recipe, seed: int, device: str = "cpu") -> nn.Sequential:
    """A freshly initialised network trained on the train split, in eval mode. Random numbers that its modules draw
    from torch's global generator depend on the seed alone."""
    with known(seed):
        return _train(model, dataset, recipe, seed, device)


def title(model: Model, dataset: Dataset, seed: int) -> str:
    """A network in messages about its training."""
    return f"{model.spec} of {dataset.label}" if model.published() else f"{model.spec}-{seed} on {dataset.label}"


def recipe_of(model: Model, dataset: Dataset) -> Recipe:
    """How a model is trained on a data set. Raises InputError where it says nothing usable."""
    recipe = model.recipe(dataset)
    if not isinstance(recipe, Recipe):
        raise InputError(f"model {model.spec}: recipe returned {type(recipe).__name__}; a simbench.Recipe is wanted")
    if recipe.fault:
        raise InputError(f"model {model.spec}: of its recipe, {recipe.fault}")
    return recipe


def _train(model: Model, dataset: Dataset, recipe: Recipe, seed: int, device: str) -> nn.Sequential:
    import torch

    from simbench.contracts.objective import Objective
    from simbench.networks.inputs import augmented, pixels, prepared
    from simbench.networks.stages import in_channels_last

    with stage("reading data"), abroad():
        split = splits.read(dataset, "train")
    images, labels = split.inputs, torch.tensor(split.labels)  # inputs may be a memory map that is larger than memory
    with abroad():
        torch.manual_seed(seed)
        net = model.build(dataset.channels, dataset.classes)
    net = in_channels_last(net, device).train()
    generator = torch.Generator().manual_seed(seed)
    steps = recipe.epochs * (-(-len(images) // recipe.batch))
    optimizer, schedule = _optimizer(net, recipe, steps)
    objective = Objective.of(dataset)
    for _ in range(recipe.epochs):
        for chosen in torch.randperm(len(images), generator=generator).split(recipe.batch):
            interrupts.check()
            batch = pixels(images[chosen.numpy()], dataset.range)
            batch = augmented(batch, generator) if recipe.augment and batch.ndim == 4 else batch
            loss = objective.cross_entropy(net(prepared(batch, model, dataset, device)), labels[chosen].to(device))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            if recipe.clip is not None:
                torch.nn.utils.clip_grad_norm_(net.parameters(), recipe.clip)
            optimizer.step()
            schedule.step()
    return net.eval()


def _optimizer(net: nn.Module, recipe: Recipe, steps: int):
    """Optimizer and schedule of a recipe."""
    import torch

    common = {"lr": recipe.learning_rate, "weight_decay": recipe.weight_decay}
    if recipe.optimizer == "sgd":
        optimizer = torch.optim.SGD(net.parameters(), momentum=recipe.momentum, nesterov=recipe.momentum > 0, **common)
    elif recipe.optimizer == "adam":
        optimizer = torch.optim.Adam(net.parameters(), **common)
    else:
        raise InputError(f"optimizer is {recipe.optimizer!r}; allowed: sgd, adam")
    if recipe.schedule == "one_cycle":
        return optimizer, torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.learning_rate, total_steps=steps + 1)
    if recipe.schedule == "step":
        return optimizer, torch.optim.lr_scheduler.MultiStepLR(optimizer, [steps // 3, 2 * steps // 3])
    if recipe.schedule == "constant":
        return optimizer, torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0)
    raise InputError(f"schedule is {recipe.schedule!r}; allowed: one_cycle, step, constant")
