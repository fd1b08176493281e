"""Objectives: losses, predictions and accuracies for one class per input, for several binary labels, or for numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

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

    #: Field of a score -> the quantity of its row.
    quantities: ClassVar[dict[str, str]] = {
        name: name for name in ("accuracy", "relative_accuracy", "cross_entropy", "kl_divergence", "agreement")
    }
    #: Whether a prediction is right or wrong.
    decides: ClassVar[bool] = True
    #: What is true of a Model 2 to which nothing is relative.
    useless: ClassVar[str] = "is right on no image"

    @classmethod
    def of(cls, dataset: Dataset) -> Objective:
        if dataset.regression:
            return Regression()
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

    def relative(self, logits: Tensor, own: Tensor, labels: Tensor) -> Tensor:
        """() or (attributes,): the share of logits over that of Model 2's `own` ones."""
        return self.shares(logits, labels) / self.shares(own, labels)

    def error(self, logits: Tensor, own: Tensor, labels: Tensor) -> Tensor:
        """(...): the cross-entropy to the probabilities of Model 2, in float64."""
        return self.cross_entropy(logits.double(), self.probabilities(own.double()))

    def accuracy(self, logits: Tensor, labels: Tensor) -> Tensor:
        """(...) share of correct labels."""
        shares = self.shares(logits, labels)
        return shares.mean(-1) if self.attributes else shares


@dataclass(frozen=True)
class Regression(Objective):
    """Labels (n, outputs) are numbers, and outputs predict them.

    R2 stands in place of the accuracy, 1 - sum of squared errors / sum of squares of the labels about their mean, the
    mean over outputs (as sklearn.metrics.r2_score); the mean squared error in place of the cross-entropy. Outputs are
    the means of normal distributions of variance 1, whose divergence is half the squared difference.
    """

    quantities: ClassVar[dict[str, str]] = {
        "accuracy": "r2",
        "relative_accuracy": "relative_r2",
        "cross_entropy": "mean_squared_error",
        "kl_divergence": "kl_divergence",
        "agreement": "agreement_r2",
    }
    decides: ClassVar[bool] = False
    useless: ClassVar[str] = "predicts no better than the mean"

    def probabilities(self, logits: Tensor, temperature: float = 1.0) -> Tensor:
        """The outputs / temperature themselves, as targets of another network."""
        return logits / temperature

    def cross_entropy(self, logits: Tensor, target: Tensor) -> Tensor:
        """(...): the mean squared error over inputs and outputs."""
        return (logits - target.to(logits.dtype)).square().mean((-2, -1))

    def divergence(self, logits: Tensor, own: Tensor) -> Tensor:
        """(..., n): half the squared difference of the outputs, the mean over outputs, in float64."""
        return (logits.double() - own.double()).square().mean(-1) / 2

    def predictions(self, logits: Tensor) -> Tensor:
        return logits

    def shares(self, logits: Tensor, labels: Tensor) -> Tensor:
        """(..., outputs): R2 of each output, in float64; NaN where its label is constant."""
        labels = labels.double()
        total = (labels - labels.mean(-2, keepdim=True)).square().sum(-2)
        return 1 - (logits.double() - labels).square().sum(-2) / total.where(total > 0, float("nan"))

    def accuracy(self, logits: Tensor, labels: Tensor) -> Tensor:
        """(...): the mean R2 over outputs."""
        return self.shares(logits, labels).mean(-1)

    def relative(self, logits: Tensor, own: Tensor, labels: Tensor) -> Tensor:
        """(): the R2 of logits over that of `own`; NaN where that is not above 0."""
        reference = self.accuracy(own, labels)
        return self.accuracy(logits, labels) / reference.where(reference > 0, float("nan"))

    def error(self, logits: Tensor, own: Tensor, labels: Tensor) -> Tensor:
        """(...): the mean squared error from the labels, in float64."""
        return self.cross_entropy(logits.double(), labels)
