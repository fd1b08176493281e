"""A trained stitcher of a third party works in every experiment that trains one: experiments ask what it can do, not
which class it is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from small_plugins import SmallPlugins

import simbench
from simbench import Affine, InputError, Stitcher, Task, hookimpl
from simbench.measuring.bench import Workbench
from simbench.measuring.measure import measure


@dataclass(frozen=True)
class Descent(Stitcher):
    """Gradient descent on the data set's labels, with the parameters that experiments vary and one of its own."""

    init: str = "random"
    seed: int = 0
    rank: int = 0
    l1: float = 0.0
    rate: float = 0.2

    name, source, objective = "descent", "made by the tests", "cross_entropy"

    def from_task(self, task: Task, starts=None, on_step=None) -> Affine:
        p, q = task.moments.a.width, task.moments.b.width
        weight = torch.randn(p, q, generator=torch.Generator().manual_seed(self.seed)) / p**0.5
        if self.init == "least_squares":
            weight = torch.linalg.pinv(task.moments.a.matrix).float() @ task.moments.ab.float()
        if starts is not None:
            weight = starts.weight.float().clone()
        on_step = on_step or (lambda step, affine: None)
        on_step(0, Affine(weight))
        for step, batch in enumerate(replace(task, seed=task.seed + self.seed).batches(50, 2), 1):
            free = weight.clone().requires_grad_()
            logits = task.end(Affine(free)(batch.x))
            loss = torch.nn.functional.cross_entropy(logits, batch.labels) + self.l1 * free.abs().sum()
            weight = self._bounded(weight - self.rate * torch.autograd.grad(loss, free)[0])
            on_step(step, Affine(weight))
        return Affine(weight)

    def _bounded(self, weight: torch.Tensor) -> torch.Tensor:
        if not self.rank:
            return weight
        u, s, v = torch.linalg.svd(weight, full_matrices=False)
        return (u[:, : self.rank] * s[: self.rank]) @ v[: self.rank]


class Bare(Stitcher):
    """The same training without any parameter."""

    name, source, objective = "bare", "made by the tests", "cross_entropy"

    def from_task(self, task: Task, starts=None, on_step=None) -> Affine:
        return Descent().from_task(task, starts, on_step)


class Strangers:
    @hookimpl
    def simbench_stitchers(self):
        return [Descent(), Bare()]


EXPERIMENTS = {
    "trajectory[stitcher={},pairs=1]": {"training"},
    "initialisation[stitcher={},starts=2]": {"random", "least_squares"},
    "connectivity[stitcher={},starts=2,points=3,threshold=0]": {"line"},
    "low_rank[stitcher={},ranks=1+2,pairs=1]": {"task"},
    "sparsity[stitcher={},alphas=0.1,l1=0.01+0.1,pairs=1]": {"task"},
    "cka_penalty[baseline={},epochs=1,networks=0,pairs=1]": {"baseline"},
}


@pytest.fixture(scope="module")
def registry() -> simbench.Registry:
    return simbench.load([SmallPlugins(), Strangers()])


@pytest.fixture(scope="module")
def two(small):
    return replace(small, networks=small.networks[:2], layers={"net": ("bn1",)})


@pytest.mark.parametrize("spec", EXPERIMENTS, ids=lambda spec: spec.partition("[")[0])
def test_a_strangers_trained_stitcher_works_wherever_the_built_in_does(spec, registry, two):
    experiment, bench = registry.get("experiments", spec.format("descent[rate=0.1]")), Workbench(two)
    cases = [case for case in experiment.plan(two) if case.kind in EXPERIMENTS[spec]]
    assert {case.kind for case in cases} == EXPERIMENTS[spec]
    for case in cases:
        measured = measure(case, bench)
        assert not measured.error
        assert {row.status for row in measured.rows} == {"ok"}
    trained = [case.method for case in cases if case.kind != "baseline"]
    assert all(method == replace(Descent(rate=0.1), **_varied(method)) for method in trained)


def _varied(method: Descent) -> dict[str, object]:
    return {name: getattr(method, name) for name in ("init", "seed", "rank", "l1")}


def test_starts_and_strengths_of_a_strangers_stitcher_differ(registry, two):
    bench = Workbench(two)
    for spec in ("initialisation[stitcher=descent,starts=2]", "sparsity[stitcher=descent,l1=0.01+10,pairs=1]"):
        cases = [case for case in registry.get("experiments", spec).plan(two) if case.method.name == "descent"]
        cases = [case for case in cases if (case.a, case.b) == (cases[0].a, cases[0].b)]
        entropies = [
            row.value for case in cases for row in measure(case, bench).rows if row.quantity == "cross_entropy"
        ]
        assert len(set(entropies)) == len(cases) > 2


@pytest.mark.parametrize(
    "spec", ["trajectory[stitcher=bare,pairs=1]", "cka_penalty[baseline=bare,epochs=1,networks=0,pairs=1]"]
)
def test_a_stitcher_without_parameters_works_where_none_is_varied(spec, registry, two):
    bench = Workbench(two)
    for case in registry.get("experiments", spec).plan(two):
        assert not measure(case, bench).error


@pytest.mark.parametrize(
    ("experiment", "lacking", "example"),
    [
        ("initialisation", "init", "init and seed is wanted, such as task_loss"),
        ("connectivity", "seed", "seed is wanted, such as task_loss"),
        ("low_rank", "rank", "rank is wanted, such as bottleneck"),
        ("sparsity", "l1", "l1 is wanted, such as task_loss"),
    ],
)
def test_a_stitcher_without_the_parameter_that_is_varied_is_one_clear_line(registry, experiment, lacking, example):
    message = f"stitcher is bare, which has no parameter {lacking}; a trained stitcher with {example}$"
    with pytest.raises(InputError, match=message) as error:
        registry.get("experiments", f"{experiment}[stitcher=bare]")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("experiment", ["trajectory", "initialisation", "connectivity", "low_rank", "sparsity"])
def test_a_stitcher_that_is_not_trained_is_one_clear_line(registry, experiment):
    with pytest.raises(InputError, match=r"stitcher is procrustes, which is not trained; .* such as") as error:
        registry.get("experiments", f"{experiment}[stitcher=procrustes]")
    assert "\n" not in str(error.value)
