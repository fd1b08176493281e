"""Short runs of the experiment cka_penalty, what they logged, and an index that a stranger pushes."""

from __future__ import annotations

from dataclasses import dataclass

from small_networks import installed

from simbench import Case, Claims, Experiment, Index, invariant
from simbench.contracts.selection import Selection
from simbench.measuring.bench import Workbench
from simbench.measuring.measure import Measured, measure

#: Five batches of 32 images an epoch, the last of them short: 32 steps.
SHORT = "batch=32,every=7"


def get(arguments: str = SHORT) -> Experiment:
    return installed().get("experiments", f"cka_penalty[{arguments}]" if arguments else "cka_penalty")


def run(experiment: Experiment, context: Workbench, at: int = 0) -> Measured:
    found = measure(list(experiment.plan(context.selection))[at], context)
    assert found.error == "", found.error
    return found


def pushes(experiment: Experiment, selection: Selection) -> list[Case]:
    return [case for case in experiment.plan(selection) if case.kind == "penalty"]


def curve(found: Measured, quantity: str) -> list[float]:
    return [row.value for row in found.rows if row.quantity == quantity]


def gram_cka(a, b):
    """Linear CKA by centred Gram matrices."""
    grams = (x.double() @ x.double().T for x in (a, b))
    a, b = (k - k.mean(0) - k.mean(1, keepdim=True) + k.mean() for k in grams)
    return (a * b).sum() / (a.norm() * b.norm())


@dataclass(frozen=True)
class Distance(Index):
    """Mean squared distance between the rows: 0 for equal ones, larger for less similar ones."""

    grows: int = -1

    name, source = "distance", "made by the tests"

    @property
    def claims(self) -> Claims:
        return Claims(
            direction=self.grows,
            symmetric=True,
            range=(0, float("inf")),
            differentiable=True,
            invariances_a=invariant(),
            invariances_b=invariant(),
        )

    def from_samples(self, a, b):
        return (a - b).square().mean()
