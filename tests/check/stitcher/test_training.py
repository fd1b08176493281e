"""Wrong task loss stitchers, each with the checks that find it out; right ones, which fail none."""

from __future__ import annotations

import pytest
import torch
from wrong_plugins import first_of_each_check

from simbench import Affine, Stitcher
from simbench.check import checks
from simbench.contracts.objective import Objective
from simbench.errors import Inapplicable
from simbench.measuring.stitched import forward

EVERY = {"contract", "family", "objective", "on_step", "starts", "widths", "inputs_untouched", "deterministic"}


class Descent(Stitcher):
    """Gradient descent on the cross-entropy to the soft labels, four steps on all images, from near zero."""

    name, source, objective = "descent", "this test", "cross_entropy"
    bias, rate, steps = True, 0.2, 4

    @property
    def family(self) -> str:
        return "affine" if self.bias else "linear"

    def from_task(self, task, starts=None, on_step=None):
        start = self.start(task) if starts is None else starts
        variables = [x.clone().requires_grad_() for x in (start.weight, start.bias) if x is not None]
        self.tell(on_step, 0, variables)
        for step in range(1, self.steps + 1):
            loss = self.loss(task, forward(Affine(*variables), task.end, task.activations)).sum()
            slopes = torch.autograd.grad(loss, variables)
            with torch.no_grad():
                for x, slope in zip(variables, slopes, strict=True):
                    x -= self.rate * slope
            self.tell(on_step, step, variables)
        return Affine(*(x.detach() for x in variables))

    def start(self, task) -> Affine:
        p, q = task.moments.ab.shape
        noise = torch.randn(p, q, generator=torch.Generator().manual_seed(task.seed))
        return Affine(0.1 * noise, torch.zeros(q) if self.bias else None)

    def loss(self, task, logits):
        return Objective().cross_entropy(logits, task.soft)

    def tell(self, on_step, step, variables):
        if on_step:
            on_step(step, Affine(*(x.detach().clone() for x in variables)))


class Linear(Descent):
    bias = False


class Hard(Descent):
    def loss(self, task, logits):
        return Objective().cross_entropy(logits, task.labels)


class OfModel1(Descent):
    """Learns the outputs of Model 1."""

    def loss(self, task, logits):
        return task.objective.cross_entropy(logits, task.objective.probabilities(task.logits_a))


class Wandering(Descent):
    """Claims to minimise nothing, and does not."""

    objective, rate = "", -0.2


class StaysAtItsStart(Descent):
    rate = 0.0


class Climbs(Descent):
    rate = -0.2


class TrainsTheEnd(Descent):
    def from_task(self, task, starts=None, on_step=None):
        with torch.no_grad():
            task.end[-1].bias += 0.01
        return super().from_task(task, starts, on_step)


class LeavesTheEndTraining(Descent):
    def from_task(self, task, starts=None, on_step=None):
        task.end.train()
        return super().from_task(task, starts, on_step)


class LeavesGradients(Descent):
    def loss(self, task, logits):
        task.end[-1].bias.grad = torch.zeros_like(task.end[-1].bias)
        return super().loss(task, logits)


class WritesToActivations(Descent):
    def start(self, task):
        task.activations.add_(1e-3)
        return super().start(task)


class WritesToOtherOutputs(Descent):
    def start(self, task):
        task.logits_a.add_(1e-3)
        return super().start(task)


class WritesToOwnActivations(Descent):
    def start(self, task):
        task.own.add_(1e-3)
        return super().start(task)


class HasABiasAllTheSame(Descent):
    family = "linear"

    def start(self, task):
        return Affine(super().start(task).weight, torch.zeros(task.moments.b.width))


class ForgetsTheBias(Linear):
    family = "affine"


class GivesItsOwnWeights(Descent):
    """What on_step gets changes as training goes on."""

    def tell(self, on_step, step, variables):
        if on_step:
            on_step(step, Affine(*(x.detach() for x in variables)))


class CountsFromOne(Descent):
    def tell(self, on_step, step, variables):
        super().tell(on_step, step + 1, variables)


class TellsTheStartOnly(Descent):
    def tell(self, on_step, step, variables):
        super().tell(on_step if step == 0 else None, step, variables)


class NeverTells(Descent):
    def tell(self, on_step, step, variables):
        pass


class GivesGradients(Descent):
    def tell(self, on_step, step, variables):
        if on_step:
            on_step(step, Affine(*(x.clone() for x in variables)))


class ReturnsGradients(Descent):
    def from_task(self, task, starts=None, on_step=None):
        found = super().from_task(task, starts, on_step)
        return Affine(found.weight.requires_grad_(), found.bias)


class MixesItsStarts(Descent):
    def loss(self, task, logits):
        return super().loss(task, logits.mean(0, keepdim=True) if logits.ndim == 3 else logits)


class KeepsOneStart(Descent):
    def from_task(self, task, starts=None, on_step=None):
        one = starts and Affine(starts.weight[0], starts.bias[0])
        return super().from_task(task, one, on_step)


class MovesItsStarts(Descent):
    def from_task(self, task, starts=None, on_step=None):
        found = super().from_task(task, starts, on_step)
        if starts is not None:
            starts.weight.copy_(found.weight)
        return found


class IsRandom(Descent):
    def start(self, task):
        return Affine(0.1 * torch.randn(task.moments.ab.shape), torch.zeros(task.moments.b.width))


class Square(Descent):
    """Takes the front's width for the end's."""

    def start(self, task):
        p = task.moments.a.width
        return Affine(0.1 * torch.eye(p), torch.zeros(p))


class Diverges(Descent):
    rate = float("inf")


class Refuses(Descent):
    def from_task(self, task, starts=None, on_step=None):
        raise Inapplicable("never today")


class ReturnsNothing(Descent):
    def from_task(self, task, starts=None, on_step=None):
        super().from_task(task, starts, on_step)


RIGHT = [Descent, Linear, Hard, OfModel1, Wandering]
#: stitcher -> exactly the checks that it fails
WRONG = {
    StaysAtItsStart: {"objective"},
    Climbs: {"objective"},
    TrainsTheEnd: {"inputs_untouched"},
    LeavesTheEndTraining: {"inputs_untouched"},
    LeavesGradients: {"inputs_untouched"},
    WritesToActivations: {"inputs_untouched"},
    WritesToOtherOutputs: {"inputs_untouched"},
    WritesToOwnActivations: {"inputs_untouched"},
    HasABiasAllTheSame: {"family"},
    ForgetsTheBias: {"family"},
    GivesItsOwnWeights: {"on_step"},
    CountsFromOne: {"on_step"},
    TellsTheStartOnly: {"on_step"},
    NeverTells: {"on_step", "objective"},
    GivesGradients: {"on_step"},
    ReturnsGradients: {"contract", "starts", "widths"},
    MixesItsStarts: {"starts"},
    KeepsOneStart: {"starts"},
    MovesItsStarts: {"starts"},
    IsRandom: {"deterministic", "on_step"},
    Square: {"widths", "objective"},
    Diverges: EVERY - {"inputs_untouched"},
    Refuses: {"contract"},
    ReturnsNothing: EVERY - {"inputs_untouched"},
}


def failing(plugin: Stitcher) -> dict[str, str]:
    outcomes = {check.name: check.run() for check in checks(plugin)}
    return {name: outcome.reason for name, outcome in outcomes.items() if outcome.status == "failed"}


@pytest.mark.parametrize("kind", first_of_each_check(WRONG), ids=lambda kind: kind.__name__)
def test_wrong_task_stitcher_fails_exactly_the_checks_that_speak_of_it(kind):
    found = failing(kind())
    assert set(found) == WRONG[kind], found


@pytest.mark.parametrize("kind", RIGHT, ids=lambda kind: kind.__name__)
def test_right_task_stitcher_fails_none(kind):
    assert failing(kind()) == {}


def test_every_check_is_failed_by_some_wrong_task_stitcher():
    assert set().union(*WRONG.values()) == EVERY == {check.name for check in checks(Descent())}


def test_task_stitcher_has_its_declarations_checked():
    wrong = type("Wrong", (Descent,), {"objective": "hinge"})()
    assert "objective is 'hinge'" in failing(wrong)["contract"]


def test_task_stitcher_that_minimises_nothing_is_not_held_to_an_objective():
    outcomes = {check.name: check.run() for check in checks(Wandering())}
    assert outcomes["objective"].status == "skipped" and outcomes["objective"].reason == "minimises nothing"
