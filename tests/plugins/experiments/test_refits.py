"""Stitches fitted on either half of the train images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from experiment_results import assert_nothing_is_shown
from simbench_plugins.experiments.refits import Refits
from small_cases import activations, stitcher
from small_networks import case

import simbench
from simbench import Case, Pair
from simbench.measuring.bench import Workbench
from simbench.measuring.measure import measure
from simbench.statistics.reliability import half_splits

REFITS = Refits()


@pytest.fixture
def context(small) -> Workbench:
    return Workbench(small)


def test_stitches_of_halves_are_fitted_to_the_images_of_that_half_alone(small, context):
    one, first = case(small, stitcher("least_squares"), b=2), torch.tensor(half_splits(150, 1)[0])
    for half, chosen in enumerate((first, ~first)):
        a, b = (
            activations(small, at, "bn1", "train")[chosen].double().permute(0, 2, 3, 1).flatten(0, 2) for at in (0, 2)
        )
        solution = torch.linalg.lstsq(torch.cat([a, a.new_ones(len(a), 1)], 1), b).solution
        affine = context.fit(one.method, one, half=half)
        torch.testing.assert_close(affine.weight, solution[:-1], atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(affine.bias, solution[-1], atol=1e-6, rtol=1e-5)


def test_the_moments_of_both_halves_are_those_of_all(small):
    bench, one = Workbench(small), case(small, stitcher("least_squares"), b=2)
    bench.activations.batch = 40  # of 150 images, so that halves go through batches
    halves = [bench.moments(one, "train", "spatial", half) for half in (0, 1)]
    whole, both = bench.moments(one, "train", "spatial"), halves[0] + halves[1]
    assert halves[0].n == halves[1].n == 75 * 64 and both.n == whole.n
    for name in ("aa", "bb", "ab", "mean_a"):
        torch.testing.assert_close(getattr(both, name), getattr(whole, name), rtol=1e-9, atol=1e-9)


def test_trained_stitchers_are_not_refitted(small, context):
    one = case(small, stitcher("task_loss"))
    with pytest.raises(simbench.Inapplicable, match="task_loss is trained; stitches are fitted on halves by direct"):
        context.fit(one.method, one, half=0)


def test_rows_are_the_scores_of_both_stitches(small, context):
    pair = Pair("bn1", small.networks[0], small.networks[2])
    one = Case.stitch(REFITS, small.setting, stitcher("least_squares"), pair, "refit")
    found = {row.quantity: row.value for row in measure(one, Workbench(small)).rows}
    assert len(found) == 2 * 4
    for half in (0, 1):
        affine = context.fit(one.method, one, half=half)
        scored = {row.quantity: row.value for row in context.scored(context.logits(affine, one), one)}
        for target in ("kl_divergence", "cross_entropy", "relative_accuracy", "agreement"):
            assert found[f"{target}/half{half}"] == pytest.approx(scored[target])
    assert found["kl_divergence/half0"] != found["kl_divergence/half1"]


def test_every_stitcher_is_refitted_on_the_pairs_of_the_design(small):
    chosen = replace(small, stitchers=(stitcher("identity"), stitcher("procrustes")))
    cases = list(REFITS.plan(chosen))
    assert len(cases) == 6 * 2 * 2 and {one.kind for one in cases} == {"refit"}
    assert {(one.a.name, one.b.name) for one in cases} == {(p.a.name, p.b.name) for p in chosen.pairs()}


@pytest.mark.long
def test_the_command_prints_reliabilities_and_draws_them(small_registry, tmp_path, cache):
    outcome = simbench.run(
        registry=small_registry,
        experiments="refits",
        models="net",
        datasets="blobs",
        seeds="3",
        pairs="all",
        layers="bn1,conv2",
        stitchers="least_squares,procrustes",
        results=tmp_path,
    )
    assert outcome.ok and outcome.counts["ok"] == 6 * 2 * 2 * 8
    (table,) = outcome.summaries.values()
    assert list(table["refit reliability at"]) == ["bn1", "conv2"]
    values = table[["least_squares", "procrustes"]].to_numpy()
    assert ((values >= 0) & (values <= 1)).all() and (tmp_path / "figures" / "refits.png").stat().st_size > 10_000
    rows = outcome.measurements
    assert [len(panel.lines) for panel in REFITS.figure(rows, []).axes if panel.lines] == [2]
    assert_nothing_is_shown(REFITS, rows.assign(status="failed", value=np.nan))
