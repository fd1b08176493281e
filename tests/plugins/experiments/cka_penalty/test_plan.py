"""Which networks are pushed, where, and between which the baseline is measured."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from experiment_results import assert_refused
from small_networks import installed
from small_penalties import SHORT, get, gram_cka, pushes, run

from simbench import InputError, Row
from simbench.measuring.measure import measure
from simbench.runs.request import Request
from simbench.runs.resolved import resolve


def test_the_middle_of_the_selected_layers_is_taken(small):
    def layers(*chosen):
        return {case.layer_a for case in pushes(get(), replace(small, layers=dict.fromkeys(small.layers, chosen)))}

    assert layers("conv1", "bn1", "relu1") == layers("bn1") == {"bn1"}
    assert layers("bn1", "conv2") == {"conv2"}


def test_a_named_layer_is_taken_whatever_is_selected(context):
    experiment = get(f"{SHORT},layer=relu1,epochs=1")
    assert {(case.layer_a, case.layer_b) for case in pushes(experiment, context.selection)} == {("relu1", "relu1")}
    assert run(experiment, context).case.kind == "penalty"


def test_an_unknown_layer_is_one_clear_line(small):
    with pytest.raises(InputError) as caught:
        list(get("layer=bn7").plan(small))
    assert str(caught.value) == (
        "cka_penalty[layer=bn7]: net or net[width=4] has no layer 'bn7'; allowed: middle, "
        "conv1, bn1, relu1, conv2, relu2"
    )


def test_a_model_without_the_layer_is_passed_over(small):
    partly = replace(small, layers={"net": ("bn1",), "net[width=4]": ()})
    assert [case.a.name for case in pushes(get(), partly)] == ["net-0", "net-1"]
    assert len(pushes(get("layer=bn1"), partly)) == 3
    other = replace(small.networks[2], model=installed().get("models", "tiny10"))
    mixed = replace(small, networks=(*small.networks[:2], other), layers=small.layers | {"tiny10": ("bn1",)})
    assert [case.a.name for case in pushes(get("layer=conv2"), mixed)] == ["net-0", "net-1", "tiny10-0"]
    assert [case.a.name for case in pushes(get("layer=bn8"), mixed)] == ["tiny10-0"]


def test_every_network_is_pushed_once_against_itself(small):
    cases = pushes(get(), small)
    assert [(case.a, case.b) for case in cases] == [(network, network) for network in small.networks]
    assert len({case.key for case in cases}) == 3 and {case.view for case in cases} == {"flat"}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("batch=3", "batch is 3; an index needs a whole number from 4"),
        ("epochs=0", "epochs is 0; a whole number from 1 is allowed"),
        ("every=0", "every is 0; a whole number from 1 is allowed"),
        ("learning_rate=0", "learning_rate is 0.0; a number above 0 is allowed"),
        ("noise=0", "noise is 0.0; a number above 0 is allowed"),
        ("networks=-1", "networks is -1; a whole number from 0 is allowed"),
        ("pairs=-1", "pairs is -1; a whole number from 0 is allowed"),
        ("tolerance=1.5", "tolerance is 1.5; a number from 0 to 1 is allowed"),
        ("view=round", "allowed: spatial, flat, pooled"),
        ("labels=firm", "allowed: soft, hard"),
    ],
)
def test_a_bad_parameter_is_one_clear_line(arguments, reason):
    assert_refused(lambda: get(arguments), reason)


def test_the_index_is_part_of_the_key(small):
    keys = {next(get(arguments).plan(small)).key for arguments in ("", "index=cka[estimator=debiased]", "weight=2")}
    assert len(keys) == 3


# The baseline.


def test_the_baseline_is_the_index_between_stitched_networks_at_every_layer(small, context):
    cases = [case for case in get("pairs=2").plan(small) if case.kind == "baseline"]
    assert [(c.a.name, c.b.name, c.layer_a) for c in cases] == [
        (a, b, layer) for layer in ("bn1", "conv2") for a, b in (("net-0", "net-1"), ("net-1", "net[width=4]-0"))
    ]
    (row,) = measure(cases[0], context).rows
    x, y = (context.activations.tensor(cases[0].__dict__[side], "bn1", "test") for side in "ab")
    train = [
        context.activations.tensor(cases[0].__dict__[side], "bn1", "train").permute(0, 2, 3, 1).flatten(0, 2).double()
        for side in "ab"
    ]
    ones = [torch.cat([part, torch.ones(len(part), 1)], 1) for part in train[:1]]
    solved = torch.linalg.lstsq(ones[0], train[1]).solution
    moved = torch.einsum("nchw,cd->ndhw", x.double(), solved[:-1]) + solved[-1][:, None, None]
    assert row == Row("similarity", pytest.approx(float(gram_cka(moved.flatten(1), y.flatten(1))), abs=1e-6))


def test_a_single_network_or_no_pairs_is_no_baseline_and_no_error(small):
    alone = replace(small, networks=small.networks[:1])
    assert [case.kind for case in get().plan(alone)] == ["penalty"]
    assert {case.kind for case in get("pairs=0").plan(small)} == {"penalty"}


def test_the_preset_of_the_paper_asks_for_what_the_paper_says():
    paper = installed().get("experiments", "cka_penalty").presets["paper"]
    experiment = get(paper.params)
    assert (experiment.layer, experiment.index.spec, experiment.view) == ("layer2.0", "cka", "flat")
    assert experiment.weight == 1 and experiment.pairs == 10
    (scope,) = resolve(Request(experiments=("cka_penalty",), preset="paper"), installed()).scopes
    assert scope.experiment == experiment and scope.datasets[0].name == "cifar10"
    assert "layer2.0" in scope.layers["resnet20[width=3.0]"] and scope.layers["tiny10[padding=valid]"]
