"""Objectives: losses, predictions and accuracies for one class per input, or for several binary labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simbench.contracts.dataset import Dataset

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Objective:
    """The task that the labels of a data set define.

    attributes: names of the binary labels, one output each (labels (n, attributes) of 0 and 1, binary
        cross-entropy); empty for one class per input (labels (n,), cross-entropy over classes).
    """

    attributes: tuple[str, ...] = ()

    @classmethod
    def of(cls, dataset: Dataset) -> Objective:
        return cls(tuple(dataset.attributes))

    def probabilities(self, logits: Tensor, temperature: float = 1.0) -> Tensor:
        """(..., n, outputs): softmax over classes, or the sigmoid of every attribute, of logits / temperature."""
        logits = logits / temperature
        return logits.sigmoid() if self.attributes else logits.softmax(-1)

    def cross_entropy(self, logits: Tensor, target: Tensor) -> Tensor:
        """In nats: the mean over inputs of -sum_c target_c log softmax(logits)_c, or the mean over inputs and
        attributes of the binary cross-entropy. logits (..., n, outputs); target: probabilities (n, outputs) or
        labels. Leading dimensions are kept."""
        from torch.nn import functional

        if self.attributes:
            target = target.to(logits.dtype).expand(logits.shape)
            return functional.binary_cross_entropy_with_logits(logits, target, reduction="none").mean((-2, -1))
        log = functional.log_softmax(logits, -1)
        if target.ndim == 1:
            return -log.gather(-1, target.expand(log.shape[:-1]).unsqueeze(-1)).squeeze(-1).mean(-1)
        return -(target * log).sum(-1).mean(-1)

    def predictions(self, logits: Tensor) -> Tensor:
        """(..., n) classes, or (..., n, attributes) of 0 and 1, in the format of labels."""
        return (logits > 0).long() if self.attributes else logits.argmax(-1)

    def shares(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Share of correctly labelled inputs, (...), or (..., attributes), in float64."""
        right = (self.predictions(logits) == labels).double()
        return right.mean(-2 if self.attributes else -1)

    def accuracy(self, logits: Tensor, labels: Tensor) -> Tensor:
        """(...) share of correct labels."""
        shares = self.shares(logits, labels)
        return shares.mean(-1) if self.attributes else shares
