"""What the training parameters of the networks here mean: optimizer, epochs, learning_rate and augment."""

from __future__ import annotations

from typing import Protocol

from simbench import Dataset, Recipe


class Trained(Protocol):
    """A model with these parameters; None leaves the choice to the model or the data set."""

    optimizer: str
    epochs: int | None
    learning_rate: float | None
    augment: bool | None


def recipe(
    model: Trained, dataset: Dataset, rates: dict[str, float], stretch: int = 1, clip: float | None = None
) -> Recipe:
    """One-cycle with batches of 64. rates: optimizer -> peak rate. stretch: times the data set's epochs."""
    return Recipe(
        model.optimizer,
        model.learning_rate or rates[model.optimizer],
        model.epochs or dataset.epochs * stretch,
        clip=clip,
        augment=dataset.augment if model.augment is None else model.augment,
    )
