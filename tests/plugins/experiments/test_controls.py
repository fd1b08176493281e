"""Controls of stitched accuracy: fronts that share nothing with Model 2, and how far a trained front is above them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
import torch
from experiment_results import assert_nothing_is_shown, assert_refused, assert_same_from_file, table_of
from simbench_plugins.experiments.noise import clustered_noise
from small_networks import installed
from small_plugins import Blobs

from simbench import Inapplicable
from simbench.cutting import cut
from simbench.measuring.bench import Workbench
from simbench.measuring.measure import Measured, measure
from simbench.networks import weights
from simbench.runs.job import prepare
from simbench.runs.placeholders import UNTRAINED
from simbench.runs.plan import plan
from simbench.runs.request import Request
from simbench.runs.resolved import resolve

CONTROLS = installed().get("experiments", "controls")
STITCHERS = installed().select("stitchers", ["least_squares", "task_loss[epochs=1]"])


@pytest.fixture(scope="module")
def context(small) -> Workbench:
    """net-0 stands for the network that was trained on shuffled labels."""
    shuffled = replace(small.networks[0], seed="0@blobs, labels shuffled")
    return Workbench(replace(small, networks=small.networks[:2], stitchers=STITCHERS, controls=(shuffled,)))


@pytest.fixture(scope="module")
def measured(context) -> list[Measured]:
    found = [measure(case, context) for case in CONTROLS.plan(context.selection)]
    assert [one.error for one in found] == [""] * len(found)
    return found


def of(measured: list[Measured], kind: str, a: str = "net-1", stitcher: int = 0, layer: str = "bn1") -> Measured:
    wanted = (kind, a, layer, STITCHERS[stitcher])
    (one,) = [
        each for each in measured if (each.case.kind, each.case.a.name, each.case.layer_a, each.case.method) == wanted
    ]
    return one


def values(one: Measured) -> dict[str, float]:
    return {row.quantity: row.value for row in one.rows}


def test_plan_is_four_fronts_of_every_pair_layer_and_stitcher(context):
    kinds = Counter(case.kind for case in CONTROLS.plan(context.selection))
    stitched = 2 * 2 * 2
    assert kinds == {"network": 2, **dict.fromkeys(("trained", "untrained", "shuffled", "noise"), stitched)}


def test_without_networks_on_shuffled_labels_the_other_controls_stand(context):
    kinds = {case.kind for case in CONTROLS.plan(replace(context.selection, controls=()))}
    assert kinds == {"network", "trained", "untrained", "noise"}


def test_one_network_is_refused(small):
    alone = replace(small, networks=small.networks[:1])
    assert_refused(lambda: list(CONTROLS.plan(alone)), "ask for more with --seeds")


def test_a_control_is_part_of_the_key_and_other_keys_do_not_know_of_it(context):
    cases = list(CONTROLS.plan(context.selection))
    assert len({case.key for case in cases}) == len(cases)
    for case in cases:
        assert ("control" in case.identity) == (case.kind in ("untrained", "shuffled"))
        assert case.control is None or replace(case, control=None).key != case.key


def test_the_front_of_a_control_is_stitched_in_place_of_the_trained_one(context, measured):
    one = of(measured, "untrained")
    by_hand = replace(one.case, a=one.case.a.untrained, control=None)
    scores = context.stitched(context.fit(STITCHERS[0], by_hand), by_hand)
    assert values(one)["accuracy"] == next(row.value for row in scores if row.quantity == "accuracy")


@pytest.mark.parametrize("stitcher", [0, 1])
@pytest.mark.parametrize("kind", ["untrained", "shuffled", "noise"])
def test_accuracy_above_control_is_that_of_the_trained_front_less_that_of_the_control(measured, kind, stitcher):
    trained, control = (values(of(measured, each, stitcher=stitcher)) for each in ("trained", kind))
    assert "accuracy_above_control" not in trained
    assert control["accuracy_above_control"] == trained["relative_accuracy"] - control["relative_accuracy"]


def test_a_front_is_not_above_itself(measured):
    """Front and control of net-0 are one network."""
    for layer in ("bn1", "conv2"):
        assert values(of(measured, "shuffled", "net-0", layer=layer))["accuracy_above_control"] == 0


def noise(context: Workbench, measured: list[Measured], deviation: float, split: str = "test"):
    return clustered_noise(of(measured, "noise").case, context, split, deviation), context.labels(split)


def test_noise_without_deviation_is_a_centre_per_class_the_same_in_both_splits(context, measured):
    (test, of_test), (train, of_train) = (noise(context, measured, 0.0, split) for split in ("test", "train"))
    centres = [test[of_test == label] for label in range(3)]
    for label, rows in enumerate(centres):
        assert (rows == rows[0]).all() and (train[of_train == label] == rows[0]).all()
    assert test.shape == (60, 6, 8, 8) and (centres[0][0] != centres[1][0]).any()
    mean = torch.stack([rows[0] for rows in centres]).mean().item()
    assert mean == pytest.approx(0.5, abs=0.05)  # uniform in [0, 1): five standard deviations of 1,152 numbers


def test_noise_has_the_deviation_that_was_asked_for_where_it_is_not_clamped(context, measured):
    centres, noisy = (noise(context, measured, deviation)[0] for deviation in (0.0, 0.01))
    inner = (centres > 0.1) & (centres < 0.9)
    assert (noisy - centres)[inner].std().item() == pytest.approx(0.01, rel=0.05)
    wide = noise(context, measured, 3.0)[0]
    assert wide.min() == 0 and wide.max() == 1


def test_noise_is_stitched_by_least_squares_on_train_rows(context, measured):
    """The same accuracy from torch alone."""
    one = of(measured, "noise")
    train, test = (clustered_noise(one.case, context, split, CONTROLS.noise) for split in ("train", "test"))
    front, end = cut(weights.load(one.case.b, context.selection.setting.dataset), "bn1")
    with torch.no_grad():
        own = front((context.inputs("train").float() / 255 - 0.3) / 0.2)
        a, b = (x.double().permute(0, 2, 3, 1).flatten(0, 2) for x in (train, own))
        solution = torch.linalg.lstsq(torch.cat([a, a.new_ones(len(a), 1)], 1), b).solution
        moved = torch.einsum("nchw,cd->ndhw", test.double(), solution[:-1]) + solution[-1][:, None, None]
        accuracy = (end(moved.float()).argmax(1) == context.labels("test")).float().mean().item()
    assert values(one)["accuracy"] == pytest.approx(accuracy, abs=1.5 / 60)  # an image may lie on a border


def test_a_front_of_another_size_than_model_2_is_inapplicable(context, measured):
    case = of(measured, "noise").case
    with pytest.raises(Inapplicable, match="the front is 4 x 4 and bn1 of net-0 is 8 x 8"):
        context.fit(STITCHERS[0], case, front=torch.zeros(150, 6, 4, 4))


def test_summary_is_the_mean_of_every_front_and_the_distance_to_the_best_control(measured):
    table = CONTROLS.summary(table_of(measured))
    line = table[(table["stitcher"] == "least_squares") & (table["relative accuracy at"] == "bn1")].iloc[0]
    names = {"trained": "trained", "shuffled": "trained on shuffled labels", "noise": "clustered noise"}
    means = {}
    for kind in ("trained", "untrained", "shuffled", "noise"):
        both = [values(of(measured, kind, a))["relative_accuracy"] for a in ("net-0", "net-1")]
        means[kind] = sum(both) / 2
        assert line[names.get(kind, kind)] == pytest.approx(means[kind])
    best = max(value for kind, value in means.items() if kind != "trained")
    assert line["above the best control"] == pytest.approx(means["trained"] - best)
    assert len(table) == 4


def test_the_figure_has_a_panel_per_stitcher_and_a_curve_per_front(measured, tmp_path):
    rows = table_of(measured)
    figure = CONTROLS.figure(rows, [])
    assert [len(axes.lines) for axes in figure.axes] == [4, 4]
    assert_same_from_file(CONTROLS, rows, tmp_path, [], 2)
    assert_nothing_is_shown(CONTROLS, rows.assign(status="failed"))


def test_networks_on_shuffled_labels_are_planned_beside_the_selected_ones(small_registry, cache, tmp_path):
    request = Request(
        experiments=("controls",),
        models=("net",),
        datasets=("blobs",),
        seeds="2",
        stitchers=("procrustes",),
        results=tmp_path / "results",
    )
    (part,) = plan(resolve(request, small_registry))
    selection = part.selection
    assert [network.name for network in selection.networks] == ["net-0", "net-1"]
    assert [network.name for network in selection.controls] == [f"net-{i}@blobs, labels shuffled" for i in (0, 1)]
    assert all(network.weights == UNTRAINED for network in selection.controls) and len(part.untrained) == 4
    assert all(network.home(selection.setting).of == Blobs() for network in selection.controls)
    job = prepare(request, small_registry)
    assert job.untrained == 4 and job.pending == job.cases == 2 + 2 * 2 * 4


@pytest.mark.long
def test_by_the_command_line(run_command):
    rows = run_command("controls", ("above the best control",), ("nothing to compute",))
    assert set(rows["kind"]) == {"network", "trained", "untrained", "shuffled", "noise"}


def test_the_control_of_a_network_is_that_of_its_seed_or_of_its_place(small):
    one, two = (replace(small.networks[at], seed=f"{at}@blobs, labels shuffled") for at in (0, 1))
    for controls, wanted in (((one, two), {"0": one, "1": two}), ((two, one), {"0": one, "1": two}), ((two,), None)):
        selection = replace(small, networks=small.networks[:2], stitchers=STITCHERS, controls=controls)
        for case in CONTROLS.plan(selection):
            if case.kind == "shuffled":
                assert case.control == (wanted[case.a.seed] if wanted else two)
