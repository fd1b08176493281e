"""Scores of a network on the test images of a data set: its accuracy, and logits that identify it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from simbench.contracts import Dataset, splits
from simbench.contracts.objective import Objective

if TYPE_CHECKING:
    from torch import Tensor, nn

#: Number of test images whose logits a panel holds.
SHOWN = 8


class Scores(NamedTuple):
    """accuracy: share of labels that are right, in [0, 1]. images: how many there are. outputs: logits (SHOWN, outputs)
    of the first, in float64."""

    accuracy: float
    images: int
    outputs: Tensor


def scores(net: nn.Sequential, dataset: Dataset) -> Scores:
    """Scores of a network in eval mode on the whole test split."""
    import torch

    from simbench.networks.inputs import BATCH, normalised, pixels

    split = splits.read(dataset, "test")
    with torch.inference_mode():
        parts = [
            net(normalised(pixels(split.inputs[at : at + BATCH], dataset.range), dataset))
            for at in range(0, len(split.inputs), BATCH)
        ]
        logits = torch.cat(parts).double()
        accuracy = Objective.of(dataset).accuracy(logits, torch.from_numpy(split.labels))
    return Scores(float(accuracy), len(logits), logits[:SHOWN].clone())
