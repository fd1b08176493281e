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

    def divergence(self, logits: Tensor, own: Tensor) -> Tensor:
        """(..., n) Kullback-Leibler divergence in nats of the outputs of `logits` (..., n, outputs) from those of `own`
        (n, outputs), sum_c p_c (log p_c - log q_c) with p of `own`; the mean over attributes where there are several.

        It is `cross_entropy` less the entropy of p, which depends on `own` alone. In float64, and not below 0.
        """
        from torch.nn import functional

        logits, own = logits.double(), own.double()
        if self.attributes:
            logs = [(functional.logsigmoid(sign * own), functional.logsigmoid(sign * logits)) for sign in (1, -1)]
            on, off = (p.exp() * (p - q) for p, q in logs)
            return (on + off).mean(-1).clamp(min=0)
        p, q = functional.log_softmax(own, -1), functional.log_softmax(logits, -1)
        return (p.exp() * (p - q)).sum(-1).clamp(min=0)

    def entropy(self, logits: Tensor) -> Tensor:
        """(..., n) entropy in nats of the outputs of logits (..., n, outputs); the mean over attributes."""
        from torch.nn import functional

        logits = logits.double()
        if self.attributes:
            on, off = (functional.logsigmoid(sign * logits) for sign in (1, -1))
            return -(on.exp() * on + off.exp() * off).mean(-1)
        p = functional.log_softmax(logits, -1)
        return -(p.exp() * p).sum(-1)

    def right(self, logits: Tensor, labels: Tensor) -> Tensor:
        """(..., n), or (..., n, attributes): whether the label of each input is predicted."""
        return self.predictions(logits) == labels

    def predictions(self, logits: Tensor) -> Tensor:
        """(..., n) classes, or (..., n, attributes) of 0 and 1, in the format of labels."""
        return (logits > 0).long() if self.attributes else logits.argmax(-1)

    def shares(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Share of correctly labelled inputs, (...), or (..., attributes), in float64."""
        return self.right(logits, labels).double().mean(-2 if self.attributes else -1)

    def accuracy(self, logits: Tensor, labels: Tensor) -> Tensor:
        """(...) share of correct labels."""
        shares = self.shares(logits, labels)
        return shares.mean(-1) if self.attributes else shares
