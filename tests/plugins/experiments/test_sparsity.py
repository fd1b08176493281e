"""Stitches with few connections: small weights are set to zero, counted, and missing when the map is scored."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from experiment_results import assert_nothing_is_shown, assert_refused, assert_same_from_file
from small_networks import installed

from simbench.columns import MEASUREMENTS
from simbench.contracts import Experiment, Kept
from simbench.cutting import cut
from simbench.measuring.bench import Workbench
from simbench.measuring.measure import Measured, measure
from simbench.networks import weights

#: 180 steps whose last rate, 2e-4, is well below the threshold.
SETTLED = "stitcher=task_loss[epochs=60,batch=50,learning_rate=0.02,schedule=step],threshold=1e-3"
GRID = "alphas=0.03+0.3+1,l1=0.01+0.1,pairs=2"


def get(arguments: str = "") -> Experiment:
    return installed().get("experiments", f"sparsity[{arguments}]" if arguments else "sparsity")


@pytest.fixture(scope="module")
def context(small) -> Workbench:
    """Widths 6, 6 and 4 at bn1."""
    return Workbench(replace(small, layers=dict.fromkeys(small.layers, ("bn1",))))


def run(arguments: str, context: Workbench) -> list[Measured]:
    found = [measure(case, context) for case in get(arguments).plan(context.selection)]
    assert [one.error for one in found] == [""] * len(found)
    return found


@pytest.fixture(scope="module")
def measured(context) -> list[Measured]:
    """Of net-0 into net-1, then of net-1 into net[width=4]-0: least squares, three lassos, three of task loss."""
    return run(f"{GRID},{SETTLED}", context)


def values(found: list[Measured], quantity: str) -> list[float]:
    return [row.value for one in found for row in one.rows if row.quantity == quantity]


def specs(experiment: Experiment, selection) -> list[tuple[str, str]]:
    return [(case.kind, case.method.spec) for case in experiment.plan(selection)]


def test_plan_is_each_side_without_a_penalty_and_at_every_strength(context):
    one = specs(get("alphas=0.5+0.1,l1=0.01,pairs=1,stitcher=task_loss[epochs=2,l1=7]"), context.selection)
    assert one == [
        ("direct", "least_squares"),
        ("direct", "lasso[alpha=0.5]"),
        ("direct", "lasso[alpha=0.1]"),
        ("task", "task_loss[epochs=2]"),
        ("task", "task_loss[l1=0.01,epochs=2]"),
    ]
    bare = specs(get("alphas=0.5,l1=0.01,pairs=1,stitcher=task_loss[bias=false]"), context.selection)
    assert all("bias=false" in spec for _, spec in bare)
    keys = [case.key for case in get(GRID).plan(context.selection)]
    assert len(set(keys)) == len(keys) == 2 * (4 + 3)


def test_sparsity_is_the_share_of_zeros_in_the_kept_matrix(measured):
    for one, sparsity in zip(measured, values(measured, "sparsity"), strict=True):
        weight = one.arrays["weight"]
        assert weight.dtype == np.float32 and weight.shape == (6, 4 if "width" in one.case.b.name else 6)
        assert sparsity == (weight == 0).mean()
        assert np.abs(weight[weight != 0]).min(initial=1) >= 1e-3


def test_sparsity_grows_with_the_strength(measured):
    sparsity = values(measured, "sparsity")
    for start in (0, 7):
        assert sparsity[start] == sparsity[start + 4] == 0  # without a penalty
        assert sparsity[start : start + 4] == sorted(set(sparsity[start : start + 4]))
        assert sparsity[start + 4 : start + 7] == sorted(set(sparsity[start + 4 : start + 7]))


def test_the_strongest_lasso_leaves_no_connection_and_one_guess_for_all_images(measured, small):
    last = measured[3]
    assert values([last], "sparsity") == [1] and not last.arrays["weight"].any()
    counts = np.bincount(small.setting.dataset.split("test").labels) / 60
    assert values([last], "accuracy")[0] in [pytest.approx(count) for count in counts]


def by_hand(selection, threshold: float) -> tuple[np.ndarray, float, float]:
    """Least squares from net-0 to net-1 at bn1 without its small weights: the matrix, its accuracy and residual on
    the test images, through the networks themselves."""
    dataset = selection.setting.dataset
    front, end = (weights.load(network, dataset) for network in selection.networks[:2])
    train, test = ((torch.tensor(dataset.split(name).inputs).float() / 255 - 0.3) / 0.2 for name in ("train", "test"))
    with torch.no_grad():
        x, y = (cut(net, "bn1")[0](train).double().permute(0, 2, 3, 1).flatten(0, 2) for net in (front, end))
        solution = torch.linalg.lstsq(torch.cat([x, x.new_ones(len(x), 1)], 1), y).solution
        weight = torch.where(solution[:-1].abs() < threshold, 0, solution[:-1])
        stitched = torch.einsum("ncxy,cd->ndxy", cut(front, "bn1")[0](test).double(), weight)
        stitched, own = stitched + solution[-1][:, None, None], cut(end, "bn1")[0](test).double()
        right = cut(end, "bn1")[1](stitched.float()).argmax(1).numpy() == dataset.split("test").labels
        spread = (own - own.mean((0, 2, 3), keepdim=True)).square().sum()
    return weight.numpy(), right.mean(), float((stitched - own).square().sum() / spread)


def test_the_scored_map_is_the_one_without_its_small_weights(context):
    residuals = []
    for threshold in (0, 0.3):
        found = run(f"alphas=0.5,l1=0.01,pairs=1,stitcher=task_loss[epochs=1],threshold={threshold}", context)[:1]
        weight, accuracy, residual = by_hand(context.selection, threshold)
        assert found[0].arrays["weight"] == pytest.approx(weight, abs=1e-5)
        assert values(found, "sparsity") == [(weight == 0).mean()]
        assert values(found, "accuracy") == [pytest.approx(accuracy)]
        assert values(found, "residual") == [pytest.approx(residual, rel=1e-5)]
        assert found[0].rows[0].note == ""  # nothing was trained, so nothing hovers
        residuals.append(residual)
    assert 0.1 < (weight == 0).mean() < 0.9 and residuals[1] > 1.1 * residuals[0]


def test_weights_that_hover_around_zero_are_told_of(context, measured):
    """At a constant rate of 0.01 they are about that large, whatever the threshold says."""
    hovering = run(
        "alphas=1,l1=0.1,pairs=1,stitcher=task_loss[epochs=15,batch=50,learning_rate=0.01],threshold=1e-3", context
    )
    notes = {}
    for one in (*measured, *hovering):
        row, weight = one.rows[0], np.abs(one.arrays["weight"].astype(float))
        share = ((weight >= 1e-3) & (weight < 1e-2)).mean()
        told = one.case.kind == "task" and one.case.method.l1 > 0 and share > 0.05
        assert row.status == "ok" and row.note == (
            f"{share:.0%} of the weights are between the threshold and ten times it: not all zeros are at zero, take a "
            "lower last learning rate"
            if told
            else ""
        )
        notes[one in hovering, getattr(one.case.method, "l1", None)] = row.note
    assert notes[True, 0.1] and not notes[False, 0.1]


def test_seven_numbers_are_measured_of_each_map(measured):
    assert [row.quantity for row in measured[0].rows] == [
        "sparsity",
        "accuracy",
        "relative_accuracy",
        "cross_entropy",
        "kl_divergence",
        "agreement",
        "residual",
    ]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("alphas=0.1+2", "alpha is 2.0; a number above 0 and at most 1 is allowed"),
        ("alphas=a", "sparsity[alphas=...] is 'a'; allowed: numbers with plus signs between them, such as 0.001"),
        ("l1=0+1", "l1 is 0.0+1.0; different numbers above 0 are allowed"),
        ("threshold=-1", "threshold is -1.0; a number from 0 is allowed"),
        ("pairs=0", "pairs is 0; a whole number from 1 is allowed"),
        (
            "stitcher=lasso",
            "stitcher is lasso, which is not trained; a stitcher trained on the task is wanted, such as task_loss",
        ),
        ("stitcher=bottleneck", "stitcher is bottleneck: l1 is given; a bottleneck takes neither mask nor l1"),
    ],
)
def test_a_bad_parameter_is_one_clear_line(arguments, reason):
    assert_refused(lambda: get(arguments), reason)


def test_presets_are_parameters_that_are_allowed():
    assert get().spec == "sparsity"
    for preset in get().presets.values():
        get(preset.params)


# Summary and figure.


def frame(found: list[Measured], **others) -> pd.DataFrame:
    """Measurements as a run's tables have them."""
    rows = [
        one.case.labels
        | {
            "samples": one.samples,
            "quantity": row.quantity,
            "step": row.step,
            "value": row.value,
            "status": row.status,
            "note": row.note,
        }
        | others
        for one in found
        for row in one.rows
    ]
    return pd.DataFrame(rows, columns=list(MEASUREMENTS)).astype({"step": "Int64"})


def kept(found: list[Measured]) -> list[Kept]:
    """In the reverse order: the store has its own."""
    return [Kept(one.case.labels | {"samples": one.samples}, one.arrays) for one in reversed(found)]


@pytest.fixture
def equal(measured, context) -> list[Measured]:
    """net-0 into net-1, and again as if it were net-1 into net-0."""
    first = measured[:7]
    swapped = [
        replace(one, case=replace(one.case, a=one.case.b, b=one.case.a), arrays={"weight": one.arrays["weight"].T})
        for one in first
    ]
    return [*swapped, *first]


def test_summary_is_a_row_per_side_and_strength_with_means_over_pairs(equal):
    rows = frame(equal)
    last = (rows["seed_a"] == "1") & (rows["quantity"] == "sparsity")
    rows.loc[last, "value"] += 0.1
    table = get().summary(rows)
    assert list(table.columns) == ["dataset", "layer_a", "kind", "penalty", "sparsity", "relative_accuracy"]
    assert table["penalty"].tolist() == ["none", "alpha=0.03", "alpha=0.3", "alpha=1", "none", "l1=0.01", "l1=0.1"]
    assert table["kind"].tolist() == ["direct matching"] * 4 + ["task loss matching"] * 3
    assert table["sparsity"].tolist() == pytest.approx(np.array(values(equal[7:], "sparsity")) + 0.05)
    assert table["relative_accuracy"].tolist() == pytest.approx(values(equal[7:], "relative_accuracy"))


def test_matrices_are_those_of_the_first_pair_and_curves_join_the_means(equal):
    figure = get().figure(frame(equal), kept(equal))
    panels = [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
    assert len(panels) == 8
    for block, part in ((panels[:3], equal[8:11]), (panels[4:7], equal[12:])):
        nearest = dict.fromkeys(
            min(range(len(part)), key=lambda i: abs(values(part, "sparsity")[i] - wanted))
            for wanted in (0.5, 0.8, 0.95)
        )
        assert len([panel for panel in block if panel.images]) == len(nearest) > 1
        for panel, i in zip(block, nearest, strict=False):
            assert np.array_equal(panel.images[0].get_array(), np.abs(part[i].arrays["weight"]))
            assert "network 0 to 1" in panel.get_title() and panel.get_ylabel() == "neuron of Model 1"
            assert f"{values(part, 'sparsity')[i]:.0%} sparse" in panel.get_title()
    assert not panels[3].images and not panels[7].images
    for panel, quantity in ((panels[3], "relative_accuracy"), (panels[7], "cross_entropy")):
        joined = {line.get_label(): line.get_xydata() for line in panel.lines if line.get_linestyle() == "-"}
        for name, part in (("direct matching", equal[7:11]), ("task loss matching", equal[11:])):
            wanted = np.array([values(part, "sparsity"), values(part, quantity)]).T * [100, 1]
            assert np.allclose(joined[name], wanted)
        assert sum(len(line.get_xdata()) for line in panel.lines if line.get_linestyle() == "None") == 14
    assert panels[3].get_title() == "bn1 of net, blobs\n2 pairs of networks"


def test_widths_have_blocks_of_their_own_and_missing_matrices_are_blank(measured):
    figure = get().figure(frame(measured), [])
    assert len(figure.axes) == 16 and not any(axes.images for axes in figure.axes)
    half = [one for one in measured if one.case.kind == "task"][:1]
    assert len([axes for axes in get().figure(frame(half), kept(half)).axes if axes.lines]) == 2


def test_nothing_measured_is_nothing_shown(measured):
    failed = frame(measured, status="failed", value=None)
    assert_nothing_is_shown(get(), failed)


def test_a_table_read_from_its_file_says_the_same(measured, tmp_path):
    assert_same_from_file(get(), frame(measured), tmp_path, kept(measured), axes=16 + 8, check_dtype=False)


@pytest.mark.long
def test_a_run_from_the_command_line_ends_with_a_table_and_a_figure(run_command):
    rows = run_command(
        "sparsity[alphas=0.1,l1=0.1,pairs=1,stitcher=task_loss[epochs=2]]",
        ("measured 4 of 4 cases", "task loss matching"),
        figure=20_000,
    )
    assert len(rows) == 4 * 7
