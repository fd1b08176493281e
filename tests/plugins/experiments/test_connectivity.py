"""Between two trained stitches: their weighted means, scored as the stitches themselves are."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import torch
from experiment_results import assert_nothing_is_shown, assert_refused, assert_same_from_file
from small_networks import installed
from small_tables import measured_stitches

from simbench import Affine, InputError
from simbench.contracts import Experiment
from simbench.cutting import cut
from simbench.measuring.bench import Workbench
from simbench.measuring.measure import Measured, measure
from simbench.networks import weights

TRAINED = "task_loss[init=random,epochs=4,learning_rate=0.03,batch=50]"


def get(arguments: str = "") -> Experiment:
    return installed().get("experiments", f"connectivity[{arguments}]" if arguments else "connectivity")


@pytest.fixture(scope="module")
def context(small) -> Workbench:
    return Workbench(small)


def run(context: Workbench, arguments: str) -> Measured:
    """At conv2, from the first network to the second."""
    asked = replace(context.selection, layers=dict.fromkeys(context.selection.layers, ("conv2",)))
    (case,) = get(f"stitcher={TRAINED},{arguments}").plan(asked)
    found = measure(case, context)
    assert found.error == "", found.error
    return found


@pytest.fixture(scope="module")
def measured(context) -> Measured:
    """Three stitches, all kept, at five points."""
    return run(context, "starts=3,points=5,threshold=0")


@pytest.fixture(scope="module")
def values(measured) -> dict[str, float]:
    assert all(row.status == "ok" and row.step is None for row in measured.rows)
    return {row.quantity: row.value for row in measured.rows}


def stitches(measured, context) -> list[Affine]:
    """Each trained on its own, from the seed."""
    trained = measured.case.method
    return [context.fit(replace(trained, seed=seed), measured.case) for seed in range(3)]


def test_every_stitch_and_every_point_of_every_line_is_measured_once(measured, values):
    wanted = [str(seed) for seed in range(3)] + [
        f"{i}-{j}/{share}" for i, j in combinations(range(3), 2) for share in ("0", "0.25", "0.5", "0.75", "1")
    ]
    assert len(measured.rows) == len(values)
    assert set(values) == {f"{name}/{which}" for name in ("relative_accuracy", "cross_entropy") for which in wanted}


def test_the_ends_of_a_line_are_the_stitches_themselves(values):
    for name in ("relative_accuracy", "cross_entropy"):
        for i, j in combinations(range(3), 2):
            assert values[f"{name}/{i}-{j}/1"] == values[f"{name}/{i}"]
            assert values[f"{name}/{i}-{j}/0"] == values[f"{name}/{j}"]
    assert len({values[f"cross_entropy/{seed}"] for seed in range(3)}) == 3


def test_all_maps_are_scored_as_through_the_networks_themselves(measured, values, context, small):
    """Not cut, folded or stored, and one by one: weights and biases are mixed alike, the first one by its share."""
    dataset, maps = small.setting.dataset, stitches(measured, context)
    front, end = (weights.load(network, dataset) for network in small.networks[:2])
    split = dataset.split("test")
    x = (torch.tensor(split.inputs).float() / 255 - 0.3) / 0.2
    labels = torch.tensor(split.labels)

    @torch.no_grad()
    def scores(weight, bias) -> tuple[float, float]:
        moved = torch.einsum("ncxy,cd->ndxy", cut(front, "conv2")[0](x), weight.float()) + bias.float()[:, None, None]
        logits, own = cut(end, "conv2")[1](moved), end(x)
        accuracy = (logits.argmax(1) == labels).sum() / (own.argmax(1) == labels).sum()
        return accuracy.item(), -(own.softmax(1) * logits.log_softmax(1)).sum(1).mean().item()

    for seed, one in enumerate(maps):
        accuracy, entropy = scores(one.weight, one.bias)
        assert values[f"cross_entropy/{seed}"] == pytest.approx(entropy, rel=1e-4)
        assert values[f"relative_accuracy/{seed}"] == pytest.approx(accuracy, abs=0.02)
    for i, j in combinations(range(3), 2):
        for share in (0.25, 0.5, 0.75):
            mixed = [
                share * one + (1 - share) * other
                for one, other in ((maps[i].weight, maps[j].weight), (maps[i].bias, maps[j].bias))
            ]
            accuracy, entropy = scores(*mixed)
            assert values[f"cross_entropy/{i}-{j}/{share}"] == pytest.approx(entropy, rel=1e-4)
            assert values[f"relative_accuracy/{i}-{j}/{share}"] == pytest.approx(accuracy, abs=0.02)


def test_only_stitches_that_reach_the_threshold_are_joined(values, context):
    """A threshold between the second best and the worst leaves one line, at the second best it stays."""
    by_value = sorted(range(3), key=lambda seed: values[f"relative_accuracy/{seed}"])
    worst, second = (values[f"relative_accuracy/{seed}"] for seed in by_value[:2])
    assert worst < second
    found = run(context, f"starts=3,points=3,threshold={second}")
    first, other = sorted(by_value[1:])
    lines = {row.quantity.split("/")[1] for row in found.rows if "-" in row.quantity}
    assert lines == {f"{first}-{other}"} and {row.status for row in found.rows} == {"ok"}
    assert {row.quantity: row.value for row in found.rows}.items() <= values.items()


def test_fewer_than_two_stitches_are_a_row_skipped_with_the_reason(values, context):
    found = run(context, "starts=3,points=3,threshold=1.9")
    *ends, last = found.rows
    alone = {name: value for name, value in values.items() if "-" not in name}
    assert {row.quantity: row.value for row in ends} == alone
    assert (last.quantity, last.status, last.value) == ("relative_accuracy", "skipped", None)
    assert last.note == (
        "0 of 3 stitches reach a relative accuracy of 1.9, and a line joins two; train longer, or lower the threshold"
    )


def test_between_a_stitch_and_itself_nothing_changes(context, measured):
    from simbench_plugins.experiments.connectivity import _between

    affine = stitches(measured, context)[0]
    found = _between(affine, affine, [0.1, 0.7])
    for at in range(2):
        torch.testing.assert_close(found.weight[at], affine.weight)
        torch.testing.assert_close(found.bias[at], affine.bias)
    assert _between(Affine(affine.weight), Affine(affine.weight), [0.5]).bias is None


def test_plan_is_a_case_for_each_pair_and_layer(small):
    cases = list(get("pairs=2").plan(small))
    assert [(c.layer_a, c.a.name, c.b.name) for c in cases] == [
        (layer, *pair) for layer in ("bn1", "conv2") for pair in (("net-0", "net-1"), ("net-1", "net[width=4]-0"))
    ]
    assert {(c.kind, c.method.spec, c.view) for c in cases} == {("line", get().stitcher.spec, "spatial")}
    assert len({c.key for c in cases}) == 4


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("starts=1", "starts is 1; a whole number from 2 is allowed"),
        ("points=2", "points is 2; a whole number from 3 is allowed"),
        ("pairs=0", "pairs is 0; a whole number from 1 is allowed"),
        ("threshold=-0.1", "threshold is -0.1; a number from 0 is allowed"),
        (
            "stitcher=procrustes",
            "stitcher is procrustes, which is not trained; a stitcher trained on the task is wanted, such as task_loss",
        ),
    ],
)
def test_a_bad_parameter_is_one_clear_line(arguments, reason):
    assert_refused(lambda: get(arguments), reason)


def test_one_network_is_refused(small):
    with pytest.raises(InputError, match="connectivity stitches pairs of networks"):
        list(get().plan(replace(small, networks=small.networks[:1])))


def test_presets_are_parameters_that_are_allowed():
    for preset in get().presets.values():
        assert get(preset.params).stitcher.init == "random"


def test_a_model_2_that_is_never_right_is_a_failed_row(small, context, monkeypatch):
    case = next(get(f"starts=2,stitcher={TRAINED}").plan(small))
    alone = Workbench(small)
    monkeypatch.setattr(
        alone, "score", lambda logits, case: replace(context.score(logits, case), relative_accuracy=float("nan"))
    )
    (row,) = measure(case, alone).rows
    assert row.status == "failed" and "Model 2, net-1, is right on no image: relative accuracy is undefined" in row.note


# Summary and figure.


def frame(*rows: dict) -> pd.DataFrame:
    return measured_stitches(rows, kind="line")


def lines(**curves: list[float]) -> list[dict]:
    """Rows of lines, as in i0_1=[values at 0, 0.5 and 1], and of the stitches at their ends."""
    rows, ends = [], {}
    for name, (second, middle, first) in curves.items():
        i, j = name[1:].split("_")
        ends |= {i: first, j: second}
        rows += [
            {"quantity": f"relative_accuracy/{i}-{j}/{share}", "value": value}
            for share, value in (("0", second), ("0.5", middle), ("1", first))
        ]
    rows += [{"quantity": f"relative_accuracy/{end}", "value": value} for end, value in ends.items()]
    return [*rows, {"quantity": "cross_entropy/0", "value": 7.0}, {"quantity": "cross_entropy/0-1/0.5", "value": 7.0}]


THREE = lines(i0_1=[1.0, 0.4, 0.8], i0_2=[0.9, 0.9, 0.8], i1_2=[0.9, 0.6, 1.0])
NONE = [
    {"layer_a": "bn2", "quantity": "relative_accuracy/0", "value": 0.5},
    {"layer_a": "bn2", "quantity": "relative_accuracy/1", "value": 0.9},
    {"layer_a": "bn2", "quantity": "relative_accuracy", "status": "skipped", "note": "1 of 2"},
]


def test_summary_is_the_lowest_value_on_each_line_over_that_of_its_lower_end():
    table = get().summary(frame(*THREE))
    assert list(table.columns) == [
        "dataset",
        "between stitches at",
        "stitches",
        "kept",
        "lowest / lower end: mean",
        "least",
    ]
    assert table.iloc[0, :4].tolist() == ["d", "bn1", 3, 3]
    ratios = [0.4 / 0.8, 1.0, 0.6 / 0.9]
    assert table.iloc[0, 4:].tolist() == pytest.approx([np.mean(ratios), 0.5])


def test_summary_of_a_layer_without_lines_says_how_many_stitches_were_kept():
    for rows in (frame(*THREE, *NONE), frame(*NONE)):
        last = get().summary(rows).iloc[-1]
        assert last.iloc[:4].tolist() == ["d", "bn2", 2, 1] and last.iloc[4:].isna().all()


def test_every_line_is_drawn_and_their_mean_and_deviation():
    (panel,) = get().figure(frame(*THREE), []).axes
    assert panel.get_title() == "bn1 of net, d\n1 pair of networks: 3 of 3 stitches kept"
    drawn = {line.get_label(): line for line in panel.lines}
    thin = sorted(tuple(line.get_ydata()) for line in panel.lines if line.get_label() == "a line")
    assert thin == [(0.9, 0.6, 1.0), (0.9, 0.9, 0.8), (1.0, 0.4, 0.8)]
    mean = drawn["mean and standard deviation over lines"]
    assert mean.get_xdata().tolist() == [0, 0.5, 1]
    assert mean.get_ydata() == pytest.approx([2.8 / 3, 1.9 / 3, 2.6 / 3])
    heights = panel.collections[0].get_paths()[0].vertices[:, 1]
    assert heights.min() == pytest.approx(1.9 / 3 - np.std([0.4, 0.9, 0.6], ddof=1))
    assert drawn["threshold"].get_ydata()[0] == 0.8


def test_a_layer_without_lines_is_an_empty_panel_that_says_so():
    first, second = get().figure(frame(*THREE, *NONE), []).axes
    assert second.get_title() == "bn2 of net, d\n1 pair of networks: 1 of 2 stitches kept"
    assert [text.get_text() for text in second.texts] == ["no two stitches to join"] and not first.texts


def test_data_sets_layers_and_samples_have_panels_of_their_own():
    rows = [row | other for other in ({}, {"dataset": "e"}, {"layer_a": "conv2"}, {"samples": 30}) for row in THREE]
    panels = get().figure(frame(*rows), []).axes
    assert len({panel.get_title() for panel in panels}) == 4
    assert all(
        [len(line.get_xdata()) for line in panel.lines if line.get_label() == "a line"] == [3, 3, 3] for panel in panels
    )


def test_nothing_measured_is_nothing_shown():
    rows = frame({"quantity": "accuracy", "status": "failed", "note": "why"})
    assert_nothing_is_shown(get(), rows)


def test_a_table_read_from_its_file_says_the_same(tmp_path):
    assert_same_from_file(get(), frame(*THREE, *NONE), tmp_path, [], axes=2)


@pytest.mark.long
def test_a_run_from_the_command_line_ends_with_a_table_and_a_figure(run_command):
    rows = run_command(
        f"connectivity[starts=3,points=3,threshold=0,stitcher={TRAINED}]",
        ("measured 2 of 2 cases", "between stitches at"),
        ("nothing to compute", "between stitches at"),
        layers="bn1,conv2",
    )
    assert len(rows) == 2 * 2 * (3 + 3 * 3)
