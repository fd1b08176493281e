"""A network stitched with itself is pushed to look different while it works the same."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd
import pytest
import torch
from small_networks import installed
from small_plugins import Net, SmallPlugins

import simbench
from simbench import Affine, Claims, Index, InputError, hookimpl, invariant
from simbench.contracts import Experiment
from simbench.measure import Context, Measured, measure
from simbench.report import summary
from simbench.stitching import Task
from simbench.tables import MEASUREMENTS

#: Five batches of 32 images an epoch, the last of them short: 32 steps.
SHORT = "batch=32,every=7"


def get(arguments: str = SHORT) -> Experiment:
    return installed().get("experiments", f"cka_penalty[{arguments}]" if arguments else "cka_penalty")


@pytest.fixture(scope="module")
def context(small) -> Context:
    return Context(small)


def run(experiment: Experiment, context: Context, at: int = 0) -> Measured:
    found = measure(list(experiment.plan(context.selection))[at], context)
    assert found.error == "", found.error
    return found


def curve(found: Measured, quantity: str) -> list[float]:
    return [row.value for row in found.rows if row.quantity == quantity]


def trained(experiment: Experiment, task: Task) -> dict[int, Affine]:
    """Step -> the map logged there."""
    log = {}

    def record(step: int, affine: Affine) -> None:
        log[step] = Affine(affine.weight.clone(), affine.bias.clone())

    experiment._train(task, record)
    return log


@pytest.fixture(scope="module", params=[0, 1, 2])
def pushed(request, context) -> Measured:
    """The experiment on each of three networks."""
    return run(get(), context, request.param)


def test_training_starts_next_to_the_identity(pushed, context):
    assert curve(pushed, "similarity")[0] > 0.999
    assert curve(pushed, "accuracy")[0] == context.accuracy(pushed.case.a)
    assert curve(pushed, "agreement")[0] == curve(pushed, "relative_accuracy")[0] == 1
    assert 0 < curve(pushed, "residual")[0] < 1e-4


def test_similarity_falls_while_accuracy_stays(pushed):
    similarity, accuracy = (curve(pushed, quantity) for quantity in ("similarity", "accuracy"))
    assert similarity[-1] < 0.98 and similarity[-1] == min(similarity)
    assert all(abs(value - accuracy[0]) <= 0.1 for value in accuracy)


def test_six_quantities_are_logged_at_the_first_every_seventh_and_the_last_step(pushed):
    logged = [(row.quantity, row.step) for row in pushed.rows]
    quantities = ["similarity", "accuracy", "relative_accuracy", "cross_entropy", "agreement", "residual"]
    assert logged == [(quantity, step) for step in (0, 7, 14, 21, 28, 32) for quantity in quantities]
    assert all(row.status == "ok" for row in pushed.rows)


def test_the_last_step_is_logged_once_where_it_falls_on_a_logged_one(context):
    found = run(get("batch=32,every=8"), context)
    assert [row.step for row in found.rows if row.quantity == "accuracy"] == [0, 8, 16, 24, 32]


@pytest.mark.parametrize("view", ["spatial", "pooled", "flat"])
@pytest.mark.parametrize("index", ["cka", "cka[estimator=debiased]", "cka[kernel=rbf]"])
def test_logged_similarity_is_that_of_the_stitched_and_the_own_test_activations(context, view, index):
    experiment = get(f"{SHORT},view={view},index={index},epochs=2")
    found = run(experiment, context)
    maps = trained(experiment, context.task(found.case))
    x = context.activations.all(found.case.a, "conv2", "test")
    wanted = [simbench.similarity(index, affine(x), x, view) for affine in maps.values()]
    assert list(maps) == [0, 7, 8] and found.case.view == view
    assert curve(found, "similarity") == pytest.approx(wanted, abs=1e-6)
    assert wanted[-1] < wanted[0]


def test_the_start_is_a_seeded_perturbation_of_the_stated_size(context):
    task = context.task(next(get().plan(context.selection)))
    small, large, other = (trained(get(f"epochs=1,noise={noise}"), replace(task, seed=seed))[0].weight - torch.eye(8)
                           for noise, seed in ((1e-3, 0), (1e-2, 0), (1e-3, 1)))
    assert small.std().item() == pytest.approx(1e-3, rel=0.3)
    torch.testing.assert_close(large, 10 * small, atol=1e-6, rtol=1e-4)
    assert (small - other).abs().max() > 1e-3


def test_the_penalty_is_what_lowers_the_similarity(context):
    last = {weight: curve(run(get(f"{SHORT},weight={weight}"), context), "similarity")[-1] for weight in (0, 5)}
    assert last[0] > 0.999 > 0.98 > last[5] and (1 - last[5]) > 20 * (1 - last[0])


def test_soft_and_hard_labels_are_different_tasks(context):
    soft, hard = (run(get(f"{SHORT},labels={labels},weight=0"), context, 2) for labels in ("soft", "hard"))
    assert curve(soft, "cross_entropy")[-1] < curve(hard, "cross_entropy")[-1]
    assert curve(soft, "agreement")[-1] == 1 > curve(hard, "agreement")[-1]


def test_a_batch_larger_than_the_data_is_all_of_it(context):
    found = run(get("batch=1000,epochs=3"), context)
    assert [row.step for row in found.rows if row.quantity == "similarity"] == [0, 3]
    whole = run(get("batch=150,epochs=3"), context)
    assert curve(found, "similarity") == curve(whole, "similarity")


def test_the_network_stays_as_it_is(context):
    case = next(get().plan(context.selection))
    task = context.task(case)
    before = [x.clone() for x in (task.activations, *task.end.state_dict().values())]
    trained(get(), task)
    assert all(map(torch.equal, before, (task.activations, *task.end.state_dict().values())))
    assert all(x.grad is None for x in task.end.parameters())


def test_two_runs_give_the_same_numbers(context):
    assert run(get(), context).rows == run(get(), context).rows


# Layers.

def test_the_middle_of_the_selected_layers_is_taken(small):
    def layers(*chosen):
        return {case.layer_a for case in get().plan(replace(small, layers=dict.fromkeys(small.layers, chosen)))}

    assert layers("conv1", "bn1", "relu1") == layers("bn1") == {"bn1"}
    assert layers("bn1", "conv2") == {"conv2"}


def test_a_named_layer_is_taken_whatever_is_selected(context):
    experiment = get(f"{SHORT},layer=relu1,epochs=1")
    assert {(case.layer_a, case.layer_b) for case in experiment.plan(context.selection)} == {("relu1", "relu1")}
    assert run(experiment, context).case.kind == "penalty"


def test_an_unknown_layer_is_one_clear_line(small):
    with pytest.raises(InputError) as caught:
        list(get("layer=bn7").plan(small))
    assert str(caught.value) == ("cka_penalty[layer=bn7]: net has no layer 'bn7'; allowed: middle, conv1, bn1, relu1, "
                                 "conv2, relu2")


def test_a_model_without_a_selected_layer_is_passed_over(small):
    partly = replace(small, layers={"net": ("bn1",), "net[width=4]": ()})
    assert [case.a.name for case in get().plan(partly)] == ["net-0", "net-1"]
    assert len(list(get("layer=bn1").plan(partly))) == 3


def test_every_network_is_pushed_once_against_itself(small):
    cases = list(get().plan(small))
    assert [(case.a, case.b) for case in cases] == [(network, network) for network in small.networks]
    assert len({case.key for case in cases}) == 3 and {case.view for case in cases} == {"flat"}


# Indices.

@dataclass(frozen=True)
class Distance(Index):
    """Mean squared distance between the rows: 0 for equal ones, larger for less similar ones."""

    grows: int = -1

    name, source = "distance", "made by the tests"

    @property
    def claims(self) -> Claims:
        return Claims(direction=self.grows, symmetric=True, range=(0, float("inf")), differentiable=True,
                      invariances_a=invariant(), invariances_b=invariant())

    def from_samples(self, a, b):
        return (a - b).square().mean()


class Blind(Distance):
    """Not differentiable."""

    name = "blind"

    @property
    def claims(self) -> Claims:
        return Claims(direction=-1)


class ThirdParty:
    @hookimpl
    def simbench_indices(self):
        return [Distance(), Blind()]


@pytest.fixture(scope="module")
def registry() -> simbench.Registry:
    return simbench.load([SmallPlugins(), ThirdParty()])


def test_a_distance_is_pushed_up(registry, context):
    """Direction -1: less similar is larger. Taken for a similarity it would be pushed back down."""
    specs = (f"cka_penalty[{SHORT},index=distance[grows={sign}],weight=10]" for sign in (-1, 1))
    up, down = (run(registry.get("experiments", spec), context) for spec in specs)
    rises, falls = (curve(found, "similarity") for found in (up, down))
    assert rises[0] == falls[0] < 1e-3
    assert rises[-1] > 100 * rises[0] and rises[-1] > 100 * falls[-1]


@pytest.mark.parametrize(("index", "reason"), [
    ("r2_lr", "index r2_lr is invariant to any invertible stitch, so a stitch cannot push it; use one that is not, "
              "such as cka"),
    ("cca", "index cca is invariant to any invertible stitch"),
    ("svcca[variance=1]", "invariant to any invertible stitch"),
    ("svcca", "index svcca is not differentiable, so no stitch can be trained against it; use one that is, such as "
              "cka"),
    ("pwcca", "index pwcca is not differentiable"),
    ("blind", "index blind is not differentiable"),
    ("nonsense", "index 'nonsense' is unknown"),
])
def test_an_index_that_cannot_be_pushed_is_refused_in_one_line(registry, index, reason):
    with pytest.raises(InputError) as caught:
        registry.get("experiments", f"cka_penalty[index={index}]")
    assert reason in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(("arguments", "reason"), [
    ("batch=3", "batch is 3; a whole number from 4 is allowed"),
    ("epochs=0", "epochs is 0; a whole number from 1 is allowed"),
    ("every=0", "every is 0; a whole number from 1 is allowed"),
    ("learning_rate=0", "learning_rate is 0.0; a number above 0 is allowed"),
    ("noise=0", "noise is 0.0; a number above 0 is allowed"),
    ("view=round", "allowed: spatial, flat, pooled"),
    ("labels=firm", "allowed: soft, hard"),
])
def test_a_bad_parameter_is_one_clear_line(arguments, reason):
    with pytest.raises(InputError) as caught:
        get(arguments)
    assert reason in str(caught.value) and "\n" not in str(caught.value)


def test_the_index_is_part_of_the_key(small):
    keys = {next(get(arguments).plan(small)).key for arguments in ("", "index=cka[estimator=debiased]", "weight=2")}
    assert len(keys) == 3


# Summary.

def measurements(experiment: Experiment, *rows: dict) -> pd.DataFrame:
    plain = dict.fromkeys(MEASUREMENTS, "") | {"dataset": "d", "status": "ok", "experiment": experiment.spec,
                                               "model_a": Net().spec, "seed_a": "0", "layer_a": "bn1", "method": "cka"}
    return pd.DataFrame([plain | row for row in rows]).astype({"step": "Int64"})


def test_summary_shows_the_first_and_the_last_step():
    rows = [{"quantity": quantity, "step": step, "value": value - step}
            for step in (10, 0, 5) for quantity, value in
            (("similarity", 0.1), ("accuracy", 0.2), ("cross_entropy", 0.3), ("residual", 0.4))]
    table = get("").summary(measurements(get(""), *rows))
    assert table.iloc[0].to_dict() == {
        "dataset": "d", "model_a": "net", "seed_a": "0", "layer_a": "bn1", "method": "cka",
        "similarity before": 0.1, "similarity after": 0.1 - 10, "accuracy before": 0.2, "accuracy after": 0.2 - 10,
        "cross_entropy before": 0.3, "cross_entropy after": 0.3 - 10}


def test_summary_is_empty_where_every_case_failed():
    failed = {"quantity": "accuracy", "step": None, "value": None, "status": "failed", "note": "why"}
    assert summary(get(""), measurements(get(""), failed)) == ""
