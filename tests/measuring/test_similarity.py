"""Similarities are those of the formulas on the activations."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from small_cases import SAME, Rows, activations, get
from small_networks import case

import simbench
from simbench.measuring.bench import Workbench


@pytest.mark.parametrize(
    ("spec", "view"),
    [
        *product(["cka", "cka[estimator=debiased]", "cka[kernel=rbf]"], ["spatial", "pooled", "flat"]),
        *product(["r2_lr", "r2_lr[centred=false]", "cca", "svcca", "pwcca"], ["spatial", "pooled"]),
    ],
)
@pytest.mark.parametrize("b", [1, 2])
def test_similarity_is_that_of_the_activations_in_every_view(small, context, spec, view, b):
    """net against net and against net[width=4] (p != q) at conv2, 3 x 3: 72 and 54 neurons on 60 images, so
    that in view flat only cka says something."""
    one = case(small, get(spec), b=b, layer="conv2", view=view)
    left, right = activations(small, 0, "conv2"), activations(small, b, "conv2")
    row = context.similarity(one.method, one)
    assert (row.quantity, row.status, row.step) == ("similarity", "ok", None)
    assert row.value == pytest.approx(simbench.similarity(spec, left, right, view), abs=SAME)


def test_flat_cka_is_that_of_the_gram_matrices_of_the_rows(small, context):
    one = case(small, get("cka"), view="flat")
    grams = []
    for at in (0, 1):
        x = activations(small, at, "bn1").double().flatten(1)
        x = x - x.mean(0)
        grams.append(x @ x.T)
    k, l = grams
    value = (k * l).sum() / (k.square().sum() * l.square().sum()).sqrt()
    assert context.similarity(one.method, one).value == pytest.approx(value.item(), abs=SAME)


@pytest.mark.parametrize(
    ("spec", "note"),
    [
        ("r2_lr", "a has rank 59 on 60 rows: any b is explained"),
        ("cca", "59 + 59 directions on 60 rows: some correlations are 1 for any data"),
    ],
)
def test_a_value_that_means_nothing_is_degenerate_keeps_its_value_and_says_why(small, context, spec, note):
    one = case(small, get(spec), view="flat")
    row = context.similarity(one.method, one)
    assert (row.status, row.note) == ("degenerate", note)
    assert row.value == pytest.approx(1, abs=1e-6)
    with pytest.warns(simbench.DegenerateWarning):
        assert simbench.similarity(
            spec, activations(small, 0, "bn1"), activations(small, 1, "bn1"), "flat"
        ) == pytest.approx(row.value, abs=SAME)


def test_an_index_in_the_neuron_basis_is_inapplicable_where_neurons_outnumber_images(small, context):
    one = case(small, get("pwcca"), layer="conv2", view="flat")
    row = context.similarity(one.method, one)
    assert (row.status, row.value) == ("skipped", None)
    assert "needs the moments of 72 neurons: 60 images do not determine them" in row.note


def test_an_index_in_the_neuron_basis_is_measured_flat_where_images_outnumber_neurons(small, context):
    """On the 150 train images; their 72 + 54 neurons leave correlations to be found."""
    one = case(small, get("pwcca"), b=2, layer="conv2", view="flat")
    value = simbench.similarity(
        "pwcca", activations(small, 0, "conv2", "train"), activations(small, 2, "conv2", "train"), "flat"
    )
    row = context.similarity(one.method, one, "train")
    assert row.status == "ok" and row.value == pytest.approx(value, abs=SAME)


@pytest.mark.parametrize("view", ["spatial", "flat"])
def test_an_index_of_samples_gets_at_most_its_rows_drawn_with_the_seed_and_says_so(small, view):
    def value(most, seed=0):
        setting = replace(small.setting, seed=seed)
        one = case(replace(small, setting=setting), Rows(most), view=view)
        return Workbench(replace(small, setting=setting)).similarity(one.method, one)

    count = {"spatial": 60 * 64, "flat": 60}[view]
    drawn = value(50)
    assert int(drawn.value) == 50 and drawn.status == "ok" and drawn.note == f"on 50 rows drawn of {count}"
    assert value(50) == drawn != value(50, seed=1)
    everything = value(None)
    assert int(everything.value) == count and everything.note == "" and value(count) == everything


def test_rows_of_both_sides_are_drawn_alike(small, context):
    class Equal(Rows):
        def from_samples(self, a, b):
            return (a - b).abs().max()

    one = case(small, Equal(), b=0)
    assert context.similarity(one.method, one).value == 0


def test_the_direction_is_from_a_to_b(small, context):
    values = {}
    for a, b in ((0, 1), (1, 0)):
        one = case(small, get("r2_lr"), a, b)
        values[a, b] = context.similarity(one.method, one).value
        left, right = activations(small, a, "bn1"), activations(small, b, "bn1")
        assert values[a, b] == pytest.approx(simbench.similarity("r2_lr", left, right), abs=SAME)
    assert abs(values[0, 1] - values[1, 0]) > 1e-3


def test_the_split_asked_for_is_measured(small, context):
    one = case(small, get("cka"))
    train = simbench.similarity("cka", *(activations(small, at, "bn1", "train") for at in (0, 1)))
    assert context.similarity(one.method, one, "train").value == pytest.approx(train, abs=SAME)
    assert context.similarity(one.method, one).value != pytest.approx(train, abs=1e-4)


def test_a_limit_draws_the_same_images_for_both_sides(small):
    fewer = replace(small, setting=replace(small.setting, limit=20))
    context, one = Workbench(fewer), case(fewer, get("cka"))
    value = simbench.similarity("cka", activations(fewer, 0, "bn1"), activations(fewer, 1, "bn1"))
    assert context.similarity(one.method, one).value == pytest.approx(value, abs=SAME)
    assert context.samples(one) == 20 and context.accuracy(fewer.networks[0], "train") * 20 % 1 == 0


def test_layers_left_behind_are_forgotten(small, context):
    for layer in ("bn1", "conv2"):
        for view in ("spatial", "flat"):
            one = case(small, get("cka"), layer=layer, view=view)
            context.similarity(one.method, one)
    assert {members[0][1] for members, *_ in context._stacks} == {"conv2"}
    assert {layer for _, layer, _ in context._coordinates} == {"conv2"}


@pytest.mark.parametrize("spec", ["hard_correlation", "permutation_procrustes"])
def test_an_index_of_neurons_is_measured_flat_on_rows_where_neurons_outnumber_images(small, context, spec):
    one = case(small, get(spec), view="flat")
    a, b = (activations(small, at, "bn1") for at in (0, 1))
    assert a[0].numel() > len(a)
    row = context.similarity(one.method, one)
    assert row.status == "ok"
    assert row.value == pytest.approx(simbench.similarity(spec, a, b, "flat"), abs=1e-8)
