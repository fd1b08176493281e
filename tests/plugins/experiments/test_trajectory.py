"""Along the training of a stitch, every index is that of the moved test activations at that step."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
import torch
from simbench_plugins.experiments import trajectory
from small_networks import case, installed

import simbench
from simbench import Affine, Experiment, Index, InputError, Stitcher
from simbench.columns import MEASUREMENTS
from simbench.contracts import Kept
from simbench.contracts.selection import Selection
from simbench.contracts.task import Task
from simbench.measuring.bench import Workbench
from simbench.measuring.measure import Measured, measure
from simbench.runs.request import Request
from simbench.runs.resolved import resolve

#: Five batches of 32 images an epoch: ten steps.
SHORT = "every=4,stitcher=task_loss[epochs=2,batch=32,learning_rate=0.02]"
STEPS, LOGGED = list(range(11)), [0, 4, 8, 10]


def get(arguments: str = SHORT) -> Experiment:
    return installed().get("experiments", f"trajectory[{arguments}]" if arguments else "trajectory")


@pytest.fixture(scope="module")
def two(small) -> Selection:
    """Two networks, one layer, every index in its default and one that needs samples."""
    indices = installed().select("indices", ["all", "cka[estimator=debiased]"])
    return replace(
        small,
        networks=small.networks[:2],
        layers={"net": ("conv2",)},
        indices=indices,
        views=("spatial", "pooled", "flat"),
    )


@pytest.fixture(scope="module")
def context(two) -> Workbench:
    return Workbench(two)


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


# Index values.


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
    monkeypatch.setattr(trajectory, "HELD", 1)
    fresh = Workbench(two)
    sizes, whole = [], fresh.logits
    monkeypatch.setattr(fresh, "logits", lambda affine, case: sizes.append(len(affine.weight)) or whole(affine, case))
    one = measure(next(get().plan(two)), fresh)
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
    assert [len(measure(one, fresh).rows) for one in (training, index)] == [2 * 5, 2]


# One training.


@dataclass(frozen=True)
class Counting(Stitcher):
    """A training of two steps, the identity and twice the identity, that counts how often it runs; it goes on
    changing the tensor it reported."""

    runs = []
    name, source = "counting", "made by the tests"

    def from_task(self, task: Task, starts=None, on_step=None) -> Affine:
        self.runs.append(task)
        weight = torch.eye(8)
        for step in range(3):
            on_step(step, Affine(weight))
            weight += torch.eye(8)
        return Affine(weight)


def test_one_training_serves_all_cases_of_a_pair(two):
    experiment = replace(get(""), stitcher=Counting())
    cases, fresh = list(experiment.plan(two)), Workbench(two)
    Counting.runs.clear()
    ordered = sorted(cases, key=lambda one: one.a.seed)
    rows = [measure(one, fresh).rows for one in ordered]
    assert len(Counting.runs) == 2 and len(cases) == 2 * (1 + 3 * len(two.indices))
    residuals = [row.value for row in rows[0] if row.quantity == "residual"]
    assert len(set(residuals)) == len(residuals) == 2  # steps 0 and 2: each as it was when it was reported


class Silent(Counting):
    """Reports no step."""

    name = "silent"

    def from_task(self, task: Task, starts=None, on_step=None) -> Affine:
        return Affine(torch.eye(8))


@dataclass(frozen=True)
class Broken(Index):
    """Infinite from the third map on, degenerate before."""

    name, source = "broken", "made by the tests"

    def from_moments(self, m):
        return m.aa.new_tensor(math.inf if m.aa[0, 0] > 100 * m.bb[0, 0] else 0.5)

    def degenerate(self, m):
        return "too few rows"


def test_what_breaks_down_is_one_row_with_the_reason(two):
    first = next(replace(get(), stitcher=Silent()).plan(two))
    (row,) = measure(first, Workbench(two)).rows
    assert row.status == "failed" and row.note == "ArithmeticError: stitcher silent reported no step"

    class Infinite(Broken):
        name = "infinite"

        def from_moments(self, m):
            return m.aa.new_tensor(math.inf)

    broken = replace(first, experiment=get(), kind="trajectory", method=Infinite())
    (row,) = measure(broken, Workbench(two)).rows
    assert row.status == "failed" and row.note == "ArithmeticError: index infinite is inf at step 0"


def test_degenerate_values_say_why(two):
    first = next(get().plan(two))
    rows = measure(replace(first, kind="trajectory", method=Broken()), Workbench(two)).rows
    assert {(row.status, row.note) for row in rows} == {("degenerate", "too few rows")} and len(rows) == 2 * len(LOGGED)


# The plan.


def test_every_pair_is_trained_once_and_every_index_followed_in_every_view(two):
    cases = list(get().plan(two))
    assert [(one.a.seed, one.b.seed) for one in cases if one.kind == "training"] == [("0", "1"), ("1", "0")]
    first = [one for one in cases if one.a.seed == "0"]
    assert [(one.kind, one.method.spec, one.view) for one in first] == [
        ("training", get().stitcher.spec, "spatial"),
        *(("trajectory", index.spec, view) for view in two.views for index in two.indices),
    ]
    assert len({one.key for one in cases}) == len(cases) and len({one.group for one in first}) == 1
    assert {one.a.seed for one in get(f"{SHORT},pairs=1").plan(two)} == {"0"}


def test_one_network_is_too_few(two):
    with pytest.raises(InputError, match="ask for more with --seeds"):
        list(get("").plan(replace(two, networks=two.networks[:1])))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("pairs=0", "pairs is 0; a whole number from 1 is allowed"),
        ("every=0", "every is 0; a whole number from 1 is allowed"),
        (
            "stitcher=least_squares",
            "stitcher is least_squares, which is not trained; a stitcher trained on the task is wanted, such as "
            "task_loss",
        ),
    ],
)
def test_a_bad_parameter_is_one_clear_line(arguments, reason):
    with pytest.raises(InputError) as caught:
        get(arguments)
    assert str(caught.value) == f"trajectory[{arguments}]: {reason}"


def test_the_presets_name_layers_of_every_model():
    (default,) = resolve(Request(experiments=("trajectory",), models=("tiny10", "resnet20")), installed()).scopes
    assert default.layers == {"tiny10": ("bn3", "bn5"), "resnet20": ("layer2.0",)} and default.experiment.pairs == 10
    (paper,) = resolve(Request(experiments=("trajectory",), preset="paper"), installed()).scopes
    assert paper.layers == {"tiny10[padding=valid]": ("bn3",)} and paper.datasets[0].name == "cifar10"
    assert paper.experiment.stitcher.epochs == 30 and paper.experiment.pairs == 10


# Summary and figure.


def made(seeds: tuple[tuple[str, str], ...] = (("0", "1"), ("1", "0"), ("0", "2"))) -> tuple[pd.DataFrame, list[Kept]]:
    """Pairs whose cross-entropy falls; cka falls with it, r2_lr stays, its reverse rises, the residual rises."""
    plain = dict.fromkeys(MEASUREMENTS, "") | {
        "dataset": "d",
        "view": "spatial",
        "model_a": "net",
        "model_b": "net",
        "layer_a": "bn1",
        "layer_b": "bn1",
        "experiment": "trajectory",
        "samples": 60,
        "seed": 0,
        "status": "ok",
    }
    rows, kept, steps = [], [], np.array([0, 2, 4])
    for i, (a, b) in enumerate(seeds):
        for kind, method, curves in (
            (
                "training",
                "task_loss",
                {
                    "cross_entropy": 1 - steps / 10,
                    "accuracy": 0.5 + steps / 10 + i / 100,
                    "residual": 0.2 + steps / 100,
                },
            ),
            ("trajectory", "cka", {"similarity": 0.9 - steps / 100 - i**2 / 10}),
            ("trajectory", "r2_lr", {"similarity": 0.8 + 1e-8 * steps, "reverse_similarity": 0.7 + steps / 100}),
        ):
            labels = plain | {"seed_a": a, "seed_b": b, "kind": kind, "method": method}
            rows += [
                labels | {"quantity": name, "step": step, "value": value}
                for name, curve in curves.items()
                for step, value in zip(steps, curve, strict=True)
            ]
            if kind == "training":
                curves = curves | {"1 - residual": 1 - curves["residual"]}
            kept.append(
                Kept(
                    {key: labels[key] for key in labels if key not in ("quantity", "step", "value")},
                    curves | {"step": steps},
                )
            )
    return pd.DataFrame(rows).astype({"step": "Int64"}), kept[::-1]


def test_summary_has_both_ends_and_says_what_follows_cross_entropy():
    table = get("").summary(made()[0]).set_index("what")
    assert table["pairs"].tolist() == [3] * 6 and set(table["layer_a"]) == {"bn1"}
    wanted = {
        "cross_entropy": (1, 0.6, 1),
        "accuracy": (0.51, 0.91, -1),
        "1 - residual": (0.8, 0.76, 1),
        "cka": (2.2 / 3, 2.2 / 3 - 0.04, 1),
        "r2_lr": (0.8, 0.8, math.nan),
        "r2_lr, B -> A M": (0.7, 0.74, -1),
    }
    for what, numbers in wanted.items():
        told = table.loc[what, ["before", "after", "with cross_entropy"]].tolist()
        assert told == pytest.approx(numbers, nan_ok=True), what


def test_summary_keeps_layers_views_and_data_sets_apart_and_lives_without_scores():
    rows = made()[0]
    several = pd.concat([rows, rows.assign(layer_a="bn2"), rows.assign(view="pooled"), rows.assign(dataset="e")])
    assert len(get("").summary(several)) == 4 * 6
    alone = get("").summary(rows[rows["kind"] == "trajectory"])
    assert len(alone) == 3 and alone["with cross_entropy"].isna().all()
    assert get("").summary(rows.assign(status="failed")).empty


def test_figure_has_a_panel_per_quantity_with_mean_and_two_pairs_alone():
    figure = get("").figure(*made())
    panels = {ax.get_ylabel(): ax for ax in figure.axes}
    assert list(panels) == [
        "cross-entropy to Model 2 (nats)",
        "accuracy",
        "1 - residual of the stitch",
        "cka (spatial)",
        "r2_lr (spatial)",
    ]
    mean, first, second = panels["cka (spatial)"].get_lines()
    assert mean.get_xdata().tolist() == [0, 2, 4]
    assert mean.get_ydata() == pytest.approx(2.2 / 3 - np.array([0, 0.02, 0.04]))
    assert mean.get_linewidth() > first.get_linewidth()
    assert [(line.get_label(), line.get_linestyle()) for line in (first, second)] == [
        ("A M -> B, 0 -> 1", ":"),
        ("A M -> B, 0 -> 2", "--"),
    ]
    assert first.get_ydata() == pytest.approx([0.9, 0.88, 0.86]) and second.get_ydata()[0] == pytest.approx(0.5)
    low, high = panels["cka (spatial)"].collections[0].get_paths()[0].get_extents().intervaly
    spread = np.std([0.9, 0.8, 0.5], ddof=1)
    assert (low, high) == pytest.approx((2.2 / 3 - 0.04 - spread, 2.2 / 3 + spread))
    assert len(panels["r2_lr (spatial)"].get_lines()) == 6
    assert "bn1 of net, d, 3 pairs of networks" in figure.axes[0].get_title()


def test_figure_lives_with_what_is_there():
    rows, kept = made()
    assert get("").figure(rows, []) is None
    some = [one for one in kept if one.labels["method"] == "cka"][:1]
    (only,) = get("").figure(rows, some).axes
    assert len(only.get_lines()) == 1 and only.get_ylabel() == "cka (spatial)"
    more = kept + [Kept(one.labels | {"layer_a": "bn2"}, one.arrays) for one in kept]
    assert len(get("").figure(rows, more).axes) == 10
