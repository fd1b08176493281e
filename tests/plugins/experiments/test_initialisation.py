"""Stitches trained from random starts and from least squares, a seed each."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from experiment_results import assert_nothing_is_shown, assert_refused, assert_same_from_file
from small_networks import installed
from small_tables import measured_stitches

from simbench import Affine, InputError
from simbench.contracts import Experiment
from simbench.contracts.case import Case
from simbench.cutting import cut
from simbench.measuring.bench import Workbench
from simbench.measuring.measure import measure
from simbench.networks import weights

SHORT = "task_loss[epochs=2,batch=50]"


def get(arguments: str = "") -> Experiment:
    return installed().get("experiments", f"initialisation[{arguments}]" if arguments else "initialisation")


@pytest.fixture(scope="module")
def context(small) -> Workbench:
    return Workbench(small)


@pytest.fixture(scope="module")
def cases(small) -> list[Case]:
    """Three starts of each kind at bn1, of width 6 on both sides."""
    asked = replace(small, layers=dict.fromkeys(small.layers, ("bn1",)))
    return list(get(f"starts=3,stitcher={SHORT}").plan(asked))


def steps(case: Case, context: Workbench) -> list[Affine]:
    found: list[Affine] = []
    context.fit(case.method, case, on_step=lambda step, affine: found.append(affine))
    return found


def test_plan_is_every_start_of_both_kinds_on_the_first_pairs_at_every_layer(small):
    cases = list(get("starts=4,pairs=2").plan(small))
    assert Counter((c.layer_a, c.a.name, c.b.name, c.kind, c.method.init, c.method.seed) for c in cases) == Counter(
        (layer, *pair, kind, kind, seed)
        for layer in ("bn1", "conv2")
        for pair in (("net-0", "net-1"), ("net-1", "net[width=4]-0"))
        for kind in ("random", "least_squares")
        for seed in range(4)
    )
    assert {(c.layer_a == c.layer_b, c.view, c.split) for c in cases} == {(True, "spatial", "test")}
    assert all(c.method == replace(get().stitcher, init=c.kind, seed=c.method.seed) for c in cases)


def test_every_start_has_a_record_and_a_row_of_its_own(small):
    """Records are named by key, rows by their labels."""
    cases = list(get("starts=4").plan(small))
    assert len({c.key for c in cases}) == len({tuple(c.labels.items()) for c in cases}) == len(cases) == 16


def test_random_starts_differ_and_are_uniform_within_one_over_the_root_of_the_width(cases, context):
    starts = [steps(c, context)[0].weight for c in cases if c.kind == "random"]
    for seed, start in enumerate(starts):
        expected = (torch.rand(6, 6, generator=torch.Generator().manual_seed(seed)) * 2 - 1) / 6**0.5
        torch.testing.assert_close(start, expected)
    assert (starts[0] - starts[1]).abs().max() > 0.1


def test_trainings_from_least_squares_start_at_one_map_and_differ_in_the_order_of_the_batches(cases, context):
    trained = [steps(c, context) for c in cases if c.kind == "least_squares"]
    least = installed().get("stitchers", "least_squares").from_moments(context.moments(cases[0], "train", "spatial"))
    assert len(trained) == 3
    for one in trained:
        assert torch.equal(one[0].weight, least.weight.float()) and torch.equal(one[0].bias, least.bias.float())
    ends = [one[-1].weight for one in trained]
    assert not torch.equal(ends[0], ends[1]) and not torch.equal(ends[1], ends[2])


def test_a_start_is_scored_through_the_networks_themselves(cases, context, small):
    """Not cut, folded or stored; the least squares start from numpy, and Adam written out (Kingma and Ba, 2015)."""
    dataset, case = small.setting.dataset, next(c for c in cases if c.kind == "least_squares" and c.method.seed == 2)
    front, end = (weights.load(network, dataset) for network in (case.a, case.b))
    (train, test), labels = _images(dataset), torch.tensor(dataset.split("test").labels)
    with torch.no_grad():
        a, b = (cut(net, "bn1")[0](train) for net in (front, end))
        x, y = (z.double().permute(0, 2, 3, 1).reshape(-1, 6).numpy() for z in (a, b))
    solution = np.linalg.lstsq(np.column_stack([x, np.ones(len(x))]), y, rcond=None)[0]
    free = [torch.tensor(part, dtype=torch.float32, requires_grad=True) for part in (solution[:-1], solution[-1])]
    first, second = ([torch.zeros_like(part) for part in free] for _ in range(2))
    with torch.no_grad():
        soft = end(train).softmax(1)
    generator, step = torch.Generator().manual_seed(2), 0
    for _ in range(2):
        for chosen in torch.randperm(len(train), generator=generator).split(50):
            logits = cut(end, "bn1")[1](torch.einsum("ncxy,cd->ndxy", a[chosen], free[0]) + free[1][:, None, None])
            slopes = torch.autograd.grad(-(soft[chosen] * logits.log_softmax(1)).sum(1).mean(), free)
            step += 1
            for at, slope in enumerate(slopes):
                first[at] = 0.9 * first[at] + 0.1 * slope
                second[at] = 0.999 * second[at] + 0.001 * slope**2
                size = (second[at] / (1 - 0.999**step)).sqrt() + 1e-8
                free[at].data -= 1e-3 * first[at] / (1 - 0.9**step) / size
    with torch.no_grad():
        moved = torch.einsum("ncxy,cd->ndxy", cut(front, "bn1")[0](test), free[0]) + free[1][:, None, None]
        logits, own = cut(end, "bn1")[1](moved), end(test)
    found = {row.quantity: row.value for row in measure(case, context).rows}
    entropy = -(own.double().softmax(1) * logits.double().log_softmax(1)).sum(1).mean().item()
    assert found["cross_entropy"] == pytest.approx(entropy, rel=1e-3)
    right, best = (logits.argmax(1) == labels).sum().item(), (own.argmax(1) == labels).sum().item()
    assert found["relative_accuracy"] == pytest.approx(right / best, abs=1.01 / best)
    assert list(found) == ["accuracy", "relative_accuracy", "cross_entropy", "kl_divergence", "agreement", "residual"]


def _images(dataset) -> list[torch.Tensor]:
    return [(torch.tensor(dataset.split(name).inputs).float() / 255 - 0.3) / 0.2 for name in ("train", "test")]


def test_a_bottleneck_can_be_trained_from_both_starts(small):
    cases = list(get("starts=1,stitcher=bottleneck[rank=2]").plan(small))
    assert {c.method.name for c in cases} == {"bottleneck"}
    assert [c.method.init for c in cases] == [c.kind for c in cases]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("starts=0", "starts is 0; a whole number from 1 is allowed"),
        ("pairs=0", "pairs is 0; a whole number from 1 is allowed"),
        (
            "stitcher=least_squares",
            "stitcher is least_squares, which is not trained; a stitcher trained on the task is wanted",
        ),
    ],
)
def test_a_bad_parameter_is_one_clear_line(arguments, reason):
    assert_refused(lambda: get(arguments), reason)


def test_one_network_is_refused(small):
    with pytest.raises(InputError, match="initialisation stitches pairs of networks"):
        list(get().plan(replace(small, networks=small.networks[:1])))


def test_presets_are_parameters_that_are_allowed():
    for preset in get().presets.values():
        assert get(preset.params).starts == 50


# Summary and figure.


def frame(*rows: dict) -> pd.DataFrame:
    return measured_stitches(rows, quantity="relative_accuracy")


def start(kind: str, value: float, seed: int = 0, **others) -> dict:
    return {"kind": kind, "method": "task_loss", "params": f"init={kind},seed={seed}", "value": value, **others}


ROWS = [
    *(start("random", value, seed) for seed, value in enumerate([0.1, 0.5, 0.9, 0.9])),
    *(start("least_squares", value, seed) for seed, value in enumerate([0.9, 1.0])),
    start("random", 7.0, quantity="accuracy"),
    start("random", np.nan, 9, status="failed"),
]


def test_summary_tells_the_spread_over_the_starts_of_each_kind():
    table = get().summary(frame(*ROWS))
    assert list(table.columns) == ["dataset", "relative accuracy at", "start", "starts", "min", "median", "max", "std"]
    assert table.iloc[:, 1:5].values.tolist() == [["bn1", "random", 4, 0.1], ["bn1", "least squares", 2, 0.9]]
    assert table["median"].tolist() == pytest.approx([0.7, 0.95]) and table["max"].tolist() == [0.9, 1.0]
    assert table["std"].tolist() == pytest.approx([np.std([0.1, 0.5, 0.9, 0.9], ddof=1), np.std([0.9, 1], ddof=1)])


def test_summary_keeps_pairs_and_layers_apart():
    rows = frame(*ROWS[:4], *(row | {"seed_b": "2"} for row in ROWS[:4]), ROWS[0] | {"layer_a": "conv2"})
    table = get().summary(rows)
    assert table[["seed_b", "relative accuracy at", "starts"]].values.tolist() == [
        ["1", "bn1", 4],
        ["2", "bn1", 4],
        ["1", "conv2", 1],
    ]


def test_bars_count_the_starts_of_each_kind():
    figure = get().figure(frame(*ROWS), [])
    (panel,) = figure.axes
    assert panel.get_title() == "bn1 of net, d\n0 -> 1, 4 + 2 starts"
    random, least = (
        [(bar.get_x(), bar.get_x() + bar.get_width(), bar.get_height()) for bar in bars] for bars in panel.containers
    )
    for bars, values in ((random, [0.1, 0.5, 0.9, 0.9]), (least, [0.9, 1.0])):
        assert sum(height for *_, height in bars) == len(values)
        for low, high, height in bars:
            assert height == sum(low <= value < high for value in values)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["from random", "from least squares"]
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("accuracy relative to Model 2", "number of starts")


def test_starts_that_all_end_alike_are_one_bar():
    (panel,) = get().figure(frame(*(start("random", 1.0, seed) for seed in range(5))), []).axes
    assert sorted(bar.get_height() for bar in panel.patches)[-2:] == [0, 5]


def test_pairs_layers_and_data_sets_have_panels_of_their_own():
    others = [
        ROWS[0] | {"dataset": "e"},
        ROWS[0] | {"seed_b": "2"},
        ROWS[0] | {"layer_a": "conv2"},
        ROWS[0] | {"samples": 30},
    ]
    assert len({panel.get_title() for panel in get().figure(frame(ROWS[0], *others), []).axes}) == 5


def test_nothing_measured_is_nothing_shown():
    rows = frame(start("random", np.nan, status="failed", note="why"))
    assert_nothing_is_shown(get(), rows)


def test_a_table_read_from_its_file_says_the_same(tmp_path):
    assert_same_from_file(get(), frame(*ROWS), tmp_path, [], axes=1)


@pytest.mark.long
def test_a_run_from_the_command_line_ends_with_a_table_and_a_figure(run_command):
    rows = run_command(
        f"initialisation[starts=3,stitcher={SHORT}]",
        ("measured 6 of 6 cases", "least squares"),
        ("nothing to compute", "least squares"),
    )
    assert len(rows) == 6 * 6
