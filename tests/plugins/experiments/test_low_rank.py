"""Stitches of low rank: those that explain most against those that work best."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import oracle
import pandas as pd
import pytest
import torch
from experiment_results import assert_nothing_is_shown, assert_refused, assert_same_from_file
from small_networks import installed
from small_tables import measured_stitches

from simbench.contracts import Experiment
from simbench.cutting import cut
from simbench.measuring.bench import Workbench
from simbench.measuring.measure import Measured, measure
from simbench.networks import weights

SHORT = "bottleneck[epochs=8,batch=50,learning_rate=0.01]"


def get(arguments: str = "") -> Experiment:
    return installed().get("experiments", f"low_rank[{arguments}]" if arguments else "low_rank")


@pytest.fixture(scope="module")
def context(small) -> Workbench:
    """All pairs of the three networks, of widths 6, 6 and 4 at bn1."""
    return Workbench(small)


@pytest.fixture(scope="module")
def measured(context) -> dict[tuple, Measured]:
    """(kind, method, rank, front, end) -> what its case gave, at bn1."""
    experiment = get(f"ranks=1+3+4,pairs=6,stitcher={SHORT}")
    asked = replace(context.selection, layers=dict.fromkeys(context.selection.layers, ("bn1",)))
    cases = list(experiment.plan(asked))
    return {
        (c.kind, c.method.name, getattr(c.method, "rank", 0), c.a.name, c.b.name): measure(c, context) for c in cases
    }


def value(found: Measured, quantity: str) -> float:
    (row,) = [row for row in found.rows if row.quantity == quantity]
    assert row.status == "ok", row.note
    return row.value


def test_plan_is_every_rank_of_both_kinds_and_both_without_a_bound(small):
    cases = list(get(f"ranks=2+5,pairs=2,stitcher={SHORT}").plan(small))
    wanted = [
        ("direct", "least_squares"),
        ("direct", "reduced_rank[rank=2]"),
        ("direct", "reduced_rank[rank=5]"),
        ("task", SHORT.replace("bottleneck", "task_loss")),
        ("task", SHORT.replace("[", "[rank=2,")),
        ("task", SHORT.replace("[", "[rank=5,")),
    ]

    def same(spec: str) -> str:
        return ",".join(sorted(spec.replace("[", ",").strip("]").split(",")))

    assert Counter((c.layer_a, c.a.name, c.b.name, c.kind, same(c.method.spec)) for c in cases) == Counter(
        (layer, *pair, kind, same(spec))
        for layer in ("bn1", "conv2")
        for pair in (("net-0", "net-1"), ("net-1", "net[width=4]-0"))
        for kind, spec in wanted
    )
    assert len({c.key for c in cases}) == len(cases) and {c.view for c in cases} == {"spatial"}


def test_a_bias_is_had_by_all_or_by_none(small):
    for given, bias in (("", True), (",stitcher=bottleneck[bias=false]", False)):
        assert {c.method.bias for c in get(f"ranks=2{given}").plan(small)} == {bias}


@pytest.mark.parametrize(("a", "b"), [(0, 1), (0, 2), (2, 1)])
def test_direct_numbers_are_those_of_the_truncated_svd_run_through_the_networks(measured, small, a, b):
    """The networks themselves, not cut, folded or stored; the map by numpy from the train images."""
    dataset, (front, end) = small.setting.dataset, (small.networks[i] for i in (a, b))
    nets = [weights.load(network, dataset) for network in (front, end)]
    (train, test), labels = _images(dataset), dataset.split("test").labels
    with torch.no_grad():
        x, y = (cut(net, "bn1")[0](train).double().permute(0, 2, 3, 1).flatten(0, 2).numpy() for net in nets)
        for rank in (1, 3):
            weight, bias = (torch.from_numpy(part).float() for part in oracle.reduced_rank(x, y, rank))
            moved = torch.einsum("ncxy,cd->ndxy", cut(nets[0], "bn1")[0](test), weight) + bias[:, None, None]
            right = (cut(nets[1], "bn1")[1](moved).argmax(1).numpy() == labels).mean()
            own = (nets[1](test).argmax(1).numpy() == labels).mean()
            found = measured["direct", "reduced_rank", rank, front.name, end.name]
            assert value(found, "accuracy") == pytest.approx(right, abs=1e-9)
            assert value(found, "relative_accuracy") == pytest.approx(right / own, abs=1e-9)


def _images(dataset) -> list[torch.Tensor]:
    return [(torch.tensor(dataset.split(name).inputs).float() / 255 - 0.3) / 0.2 for name in ("train", "test")]


def test_task_loss_works_better_at_every_rank_though_it_explains_less(measured):
    pairs = {key[3:] for key in measured}
    for pair in pairs:
        for rank in (1, 3):
            direct = measured["direct", "reduced_rank", rank, *pair]
            trained = measured["task", "bottleneck", rank, *pair]
            assert value(direct, "residual") < value(trained, "residual")
            assert value(direct, "cross_entropy") > value(trained, "cross_entropy")
    assert len(pairs) == 6


def test_a_rank_of_the_width_is_skipped_and_the_row_says_where_its_numbers_are(measured):
    for (kind, _, rank, a, b), found in measured.items():
        narrowest = 4 if "net[width=4]-0" in (a, b) else 6
        notes = [row.note for row in found.rows if row.status == "skipped"]
        assert bool(notes) == (rank >= narrowest) and found.error == ""
        if notes:
            p, q = (4 if "width" in name else 6 for name in (a, b))
            wanted = {"direct": "least_squares", "task": "task_loss"}[kind]
            assert notes == [f"rank 4 is no bound on maps from {p} to {q} neurons; see {wanted}"]


def test_six_numbers_are_measured_of_each_map(measured):
    rows = measured["task", "bottleneck", 3, "net-0", "net-1"].rows
    scores = ["accuracy", "relative_accuracy", "cross_entropy", "kl_divergence", "agreement"]
    assert [row.quantity for row in rows] == [*scores, "residual"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("ranks=0+4", "ranks is 0+4; different whole numbers from 1 are allowed, such as 4+8+16"),
        ("pairs=0", "pairs is 0; a whole number from 1 is allowed"),
        (
            "stitcher=task_loss",
            "stitcher is task_loss, which has no parameter rank; a trained stitcher with rank is wanted",
        ),
        ("stitcher=bottleneck[rank=0]", "rank is 0"),
    ],
)
def test_a_bad_parameter_is_one_clear_line(arguments, reason):
    assert_refused(lambda: get(arguments), reason)


def test_presets_are_parameters_that_are_allowed():
    assert get().spec == "low_rank"
    for preset in get().presets.values():
        get(preset.params)


# Summary and figure.


def frame(*rows: dict) -> pd.DataFrame:
    return measured_stitches(rows, quantity="relative_accuracy")


def bar(kind: str, rank: int, value: float, **others) -> dict:
    method = {"direct": ("least_squares", "reduced_rank"), "task": ("task_loss", "bottleneck")}[kind][rank > 0]
    return {
        "kind": kind,
        "method": method,
        "params": (f"rank={rank}," if rank else "") + "bias=true",
        "value": value,
        **others,
    }


ROWS = [
    bar("direct", 4, 0.2),
    bar("direct", 4, 0.4, seed_b="2"),
    bar("task", 4, 0.8),
    bar("task", 4, 0.9, seed_b="2"),
    bar("direct", 16, 0.5),
    bar("task", 16, 1.0),
    bar("direct", 0, 0.6),
    bar("task", 0, 0.95),
    bar("task", 4, 7.0, quantity="accuracy"),
    bar("task", 8, np.nan, status="skipped"),
]


def test_summary_is_the_mean_over_pairs_by_rank_the_full_one_last():
    table = get().summary(frame(*ROWS))
    assert list(table.columns) == ["dataset", "relative accuracy at", "rank", "least squares", "task loss"]
    assert table["rank"].tolist() == ["4", "16", "full"]
    assert table["least squares"].tolist() == pytest.approx([0.3, 0.5, 0.6])
    assert table["task loss"].tolist() == pytest.approx([0.85, 1.0, 0.95])


def test_bars_are_means_with_deviations_and_dashed_lines_are_the_full_rank():
    figure = get().figure(frame(*ROWS, *(row | {"layer_a": "conv2"} for row in ROWS[:1])), [])
    first, second = figure.axes
    assert first.get_title() == "bn1 of net, d\n2 pairs of networks"
    heights = [[patch.get_height() for patch in bars] for bars in first.containers if hasattr(bars, "errorbar")]
    assert np.allclose(heights, [[0.3, 0.5], [0.85, 1.0]])
    spans = [
        bars.errorbar.lines[2][0].get_segments()[0][:, 1] for bars in first.containers if hasattr(bars, "errorbar")
    ]
    assert np.allclose(spans, [[0.3 - 0.1 * 2**0.5, 0.3 + 0.1 * 2**0.5], [0.85 - 0.05 * 2**0.5, 0.85 + 0.05 * 2**0.5]])
    dashed = {line.get_label(): line.get_ydata()[0] for line in first.lines if line.get_linestyle() == "--"}
    assert dashed == {"least squares, full rank": 0.6, "task loss, full rank": 0.95}
    assert [tick.get_text() for tick in first.get_xticklabels()] == ["4", "16"]
    assert [text.get_text() for text in figure.legends[0].get_texts()][-2:] == ["least squares", "task loss"]
    assert second.get_title().startswith("conv2") and not [x for x in second.lines if x.get_linestyle() == "--"]


def test_data_sets_and_models_have_panels_of_their_own():
    others = [ROWS[0] | {"dataset": "e"}, ROWS[0] | {"model_b": "wide"}, ROWS[0] | {"samples": 30}]
    assert len(get().figure(frame(ROWS[0], *others), []).axes) == 4


def test_nothing_measured_is_nothing_shown():
    rows = frame(bar("task", 4, np.nan, status="failed", note="why"))
    assert_nothing_is_shown(get(), rows)


def test_a_table_read_from_its_file_says_the_same(tmp_path):
    assert_same_from_file(get(), frame(*ROWS), tmp_path, [], axes=1)


@pytest.mark.long
def test_a_run_from_the_command_line_ends_with_a_table_and_a_figure(run_command):
    rows = run_command(
        f"low_rank[ranks=1+2,pairs=1,stitcher={SHORT}]",
        ("measured 6 of 6 cases", "least squares"),
        ("nothing to compute", "least squares"),
    )
    assert len(rows) == 6 * 6
