"""A stitcher works on a copy of its task, and whoever changed the copy has failed."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from small_networks import case, installed
from torch import nn

from simbench import Affine, Stitcher
from simbench.check.stitcher.task import EQUAL, task_for
from simbench.errors import Spoilt
from simbench.isolation.loans import lend
from simbench.measuring.bench import Workbench
from simbench.measuring.held import shown


class Trains(Stitcher):
    name, source = "trains", "made by the tests"

    def __init__(self, act):
        self.act = act

    def from_task(self, task, starts=None, on_step=None):
        self.act(task)
        return Affine.identity(*EQUAL)


def end_hook(task):
    task.end.register_forward_hook(lambda module, given, output: output)


TASKS = {
    "activations": lambda task: task.activations.add_(1),
    "activations by numpy": lambda task: task.activations.numpy().fill(0),
    "outputs": lambda task: task.logits_b.zero_(),
    "outputs of Model 1": lambda task: task.logits_a.zero_(),
    "labels": lambda task: task.labels.fill_(0),
    "soft labels": lambda task: task.soft.zero_(),
    "moments": lambda task: task.moments.ab.zero_(),
    "weights": lambda task: task.end[1].weight.data.zero_(),
    "mode": lambda task: task.end.train(),
    "frozen": lambda task: task.end.requires_grad_(),
    "hook": end_hook,
    "module": lambda task: task.end.__setitem__(0, nn.Identity()),
    "attribute": lambda task: setattr(task.end[1], "stride", (2, 2)),
    "buffer": lambda task: task.end.register_buffer("more", torch.ones(1)),
    "gradient": lambda task: setattr(task.end[1].weight, "grad", torch.ones_like(task.end[1].weight)),
    "seed": lambda task: object.__setattr__(task, "seed", 7),
    "objective": lambda task: object.__setattr__(task.objective, "attributes", ("a",)),
}


@pytest.mark.parametrize("road", TASKS)
def test_a_task_stays_as_it_is_and_who_changed_its_copy_has_failed(road):
    stitcher, given, same = Trains(TASKS[road]), task_for(Trains(None), EQUAL), task_for(Trains(None), EQUAL)
    with pytest.raises(Spoilt, match="stitcher trains changed what it was handed"):
        lend(stitcher, stitcher.from_task, given)
    for name in ("activations", "labels", "logits_a", "logits_b"):
        assert torch.equal(getattr(given, name), getattr(same, name))
    assert torch.equal(given.end(given.own), same.end(same.own)) and not given.end.training
    assert (given.seed, given.objective.attributes) == (0, ())
    assert all(x.grad is None and not x.requires_grad for x in given.end.parameters())


def test_large_activations_are_handed_by_the_images_asked_for(small):
    context = Workbench(small)
    one = case(small, installed().get("stitchers", "task_loss"))
    task = context.task(one)
    task = replace(task, activations=shown(task.activations, small=1000))
    large = one.method.from_task(task)
    task.activations[torch.arange(4)].zero_()
    task.activations[:4].zero_()
    assert not isinstance(task.activations, torch.Tensor)
    assert torch.equal(task.activations[:4], Workbench(small).task(one).activations[:4])
    assert torch.equal(large.weight, Workbench(small).fit(one.method, one).weight)


@pytest.mark.parametrize("changed", [False, True])
def test_a_copy_of_a_traced_end_is_like_it_until_it_is_changed(changed):
    """Every torch.fx.GraphModule, copies included, has a class of its own."""
    traced = torch.fx.symbolic_trace(nn.Sequential(nn.ReLU(), nn.Linear(3, 2)))
    given = replace(task_for(Trains(None), EQUAL), end=traced)

    def rewritten(task):
        graph = task.end.graph
        first = next(node for node in graph.nodes if node.op == "call_module")
        first.replace_all_uses_with(first.args[0])
        task.end.recompile()

    stitcher = Trains(rewritten if changed else lambda task: task.end(torch.ones(1, 3)))
    if not changed:
        assert isinstance(lend(stitcher, stitcher.from_task, given), Affine)
        return
    with pytest.raises(Spoilt, match="changed what it was handed"):
        lend(stitcher, stitcher.from_task, given)
