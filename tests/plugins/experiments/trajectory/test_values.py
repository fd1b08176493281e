"""Along the training of a stitch, every index is that of the moved test activations at that step."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from small_networks import case, installed
from small_trajectories import LOGGED, STEPS, get

import simbench
from simbench import Affine
from simbench.measuring.bench import Workbench
from simbench.measuring.measure import Measured, measure


@pytest.fixture(scope="module")
def found(two, context) -> dict[tuple[str, str], Measured]:
    """(spec of the method, view) -> what the first pair gave."""
    cases = [each for each in get().plan(two) if each.a.seed == "0"]
    measured = {(each.method.spec, each.view): measure(each, context) for each in cases}
    assert not [one.error for one in measured.values() if one.error]
    return measured


@pytest.fixture(scope="module")
def maps(two, context) -> list[Affine]:
    """The same training, followed here."""
    steps = []
    stitcher = get().stitcher
    context.fit(
        stitcher,
        case(two, stitcher, layer="conv2"),
        on_step=lambda step, affine: steps.append(affine.to(torch.float64)),
    )
    return steps


def values(found: Measured, quantity: str = "similarity") -> dict[int, float]:
    return {row.step: row.value for row in found.rows if row.quantity == quantity}


def moved(context: Workbench, maps: list[Affine], step: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Activations of the test images: of the stitched network 0, and network 1's own."""
    a, b = context.selection.networks
    x, y = (context.activations.tensor(network, "conv2", "test").double() for network in (a, b))
    return maps[step](x), y


SPECS = ("cka", "r2_lr", "cca", "svcca", "pwcca", "cka[estimator=debiased]")


@pytest.mark.parametrize(
    ("spec", "view"), [*((spec, "spatial") for spec in SPECS[:5]), *((spec, "pooled") for spec in SPECS)]
)
def test_an_index_is_that_of_the_moved_test_activations(found, maps, context, spec, view):
    one = found[spec, view]
    wanted = {step: simbench.similarity(spec, *moved(context, maps, step), view) for step in LOGGED}
    assert values(one) == pytest.approx(wanted, abs=1e-6)  # rows of float32
    assert {row.status for row in one.rows} == {"ok"}


def test_in_view_flat_too(found, maps, context):
    wanted = {step: simbench.similarity("cka", *moved(context, maps, step), "flat") for step in LOGGED}
    assert values(found["cka", "flat"]) == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize(("spec", "view"), [("r2_lr", "spatial"), ("pwcca", "pooled"), ("r2_lr", "flat")])
def test_an_index_that_is_not_symmetric_is_also_taken_the_other_way_round(found, maps, context, spec, view):
    context_warning = pytest.warns(simbench.DegenerateWarning) if view == "flat" else pytest.MonkeyPatch.context()
    with context_warning:
        wanted = {step: simbench.similarity(spec, *moved(context, maps, step)[::-1], view) for step in LOGGED}
    assert values(found[spec, view], "reverse_similarity") == pytest.approx(wanted, abs=1e-6)
    if view != "flat":  # where n rows are fewer than neurons, any b is explained
        assert values(found[spec, view], "reverse_similarity") != values(found[spec, view])


def test_a_symmetric_index_is_taken_once(found):
    assert {row.quantity for row in found["cka", "spatial"].rows} == {"similarity"}


def test_every_step_is_kept_where_moments_tell_and_the_logged_ones_elsewhere(found):
    for (spec, view), one in found.items():
        exact = view != "flat" and spec in SPECS[:5]
        assert one.arrays["step"].tolist() == (STEPS if exact else LOGGED), (spec, view)
        assert [row.step for row in one.rows if row.quantity == one.rows[0].quantity] == LOGGED
    kept = found["r2_lr", "spatial"]
    for side in ("similarity", "reverse_similarity"):
        assert {step: kept.arrays[side][step] for step in LOGGED} == values(kept, side)


def test_what_is_blind_to_the_stitch_stays_and_what_is_not_moves(found):
    """r2_lr(A M -> B) and cca cannot change while M is invertible; cka, svcca and r2_lr(B -> A M) can."""
    spread = {
        (spec, side): np.ptp(found[spec, "spatial"].arrays[side])
        for spec in ("r2_lr", "cca", "cka")
        for side in ("similarity", "reverse_similarity")
        if side in found[spec, "spatial"].arrays
    }
    assert spread["r2_lr", "similarity"] < 1e-9 and spread["cca", "similarity"] < 1e-9
    assert spread["cka", "similarity"] > 1e-3 and spread["r2_lr", "reverse_similarity"] > 1e-3


# Scores.


def test_scores_are_those_of_each_stitch_alone(found, maps, context, two):
    training = found[get().stitcher.spec, "spatial"]
    single = case(two, get().stitcher, layer="conv2")
    for step in LOGGED:
        wanted = {row.quantity: row.value for row in context.stitched(maps[step], single)}
        assert {row.quantity: row.value for row in training.rows if row.step == step} == pytest.approx(wanted, abs=1e-6)
    assert training.arrays["1 - residual"] == pytest.approx(1 - np.array(list(values(training, "residual").values())))
    assert training.arrays["step"].tolist() == LOGGED


def test_maps_are_scored_in_parts_that_fit(found, two, monkeypatch):
    whole = get()
    one_by_one = type("OneByOne", (type(whole),), {"held": 1})(
        **{f.name: getattr(whole, f.name) for f in fields(whole)}
    )
    fresh = Workbench(two)
    sizes, logits = [], fresh.logits
    monkeypatch.setattr(fresh, "logits", lambda affine, case: sizes.append(len(affine.weight)) or logits(affine, case))
    one = measure(next(one_by_one.plan(two)), fresh)
    assert sizes == [1, 1, 1, 1]
    for told, wanted in zip(one.rows, found[get().stitcher.spec, "spatial"].rows, strict=True):
        assert replace(told, value=0) == replace(wanted, value=0)
        assert told.value == pytest.approx(wanted.value, abs=1e-6)


def test_training_starts_from_least_squares_and_lowers_cross_entropy_while_the_residual_rises(found, context, two):
    training = found[get().stitcher.spec, "spatial"]
    start = case(two, installed().get("stitchers", "least_squares"), layer="conv2")
    least = {row.quantity: row.value for row in context.stitched(context.fit(start.method, start), start)}
    entropy, residual = (list(values(training, name).values()) for name in ("cross_entropy", "residual"))
    assert (entropy[0], residual[0]) == pytest.approx((least["cross_entropy"], least["residual"]), abs=1e-6)
    assert entropy[-1] < entropy[0] and residual[-1] > residual[0]
    explained = next(iter(values(found["r2_lr", "spatial"]).values()))
    assert all(1 - value <= explained + 1e-9 for value in residual)  # no map does better than the best on these rows


def test_a_stitch_without_bias_is_followed_too(two):
    experiment = get("stitcher=task_loss[bias=false,batch=32],every=5")
    training, index, *_ = experiment.plan(replace(two, views=("spatial",)))
    fresh = Workbench(two)
    assert [len(measure(one, fresh).rows) for one in (training, index)] == [2 * 6, 2]
