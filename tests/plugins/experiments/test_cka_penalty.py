"""A network stitched with itself is pushed to look different while it works the same."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd
import pytest
import torch
from simbench_plugins.stitchers.task_loss import TaskLoss
from small_networks import installed
from small_plugins import SmallPlugins

import simbench
from simbench import Affine, Case, Claims, Experiment, Index, InputError, Row, hookimpl, invariant
from simbench.columns import MEASUREMENTS
from simbench.contracts.selection import Selection
from simbench.contracts.task import Task
from simbench.measuring.bench import Workbench
from simbench.measuring.measure import Measured, measure
from simbench.results.text import summary
from simbench.runs.request import Request
from simbench.runs.resolved import resolve

#: Five batches of 32 images an epoch, the last of them short: 32 steps.
SHORT = "batch=32,every=7"


def get(arguments: str = SHORT) -> Experiment:
    return installed().get("experiments", f"cka_penalty[{arguments}]" if arguments else "cka_penalty")


@pytest.fixture(scope="module")
def context(small) -> Workbench:
    return Workbench(small)


def run(experiment: Experiment, context: Workbench, at: int = 0) -> Measured:
    found = measure(list(experiment.plan(context.selection))[at], context)
    assert found.error == "", found.error
    return found


def pushes(experiment: Experiment, selection: Selection) -> list[Case]:
    return [case for case in experiment.plan(selection) if case.kind == "penalty"]


def curve(found: Measured, quantity: str) -> list[float]:
    return [row.value for row in found.rows if row.quantity == quantity]


def own_loop(task: Task, steps: int) -> list[Affine]:
    """The maps of the training written out: batches of 32 of 150 images, the short last one left out."""
    x, n = task.activations, len(task.labels)
    generator = torch.Generator().manual_seed(task.seed)
    width = x.shape[1]
    m = (torch.eye(width) + 1e-3 * torch.randn(width, width, generator=generator)).requires_grad_()
    shift = torch.zeros(width, requires_grad=True)
    optimizer = torch.optim.Adam([m, shift], lr=0.01)
    maps, shuffle = [Affine(m.detach().clone(), shift.detach().clone())], torch.Generator().manual_seed(task.seed)
    while len(maps) <= steps:
        for chosen in torch.randperm(n, generator=shuffle).split(32)[:-1]:
            y = torch.einsum("nchw,cd->ndhw", x[chosen], m) + shift[:, None, None]
            wanted = task.logits_b[chosen].double().softmax(1).float()
            loss = -(wanted * task.end(y).log_softmax(1)).sum(1).mean()
            optimizer.zero_grad()
            (loss + gram_cka(y.flatten(1), x[chosen].flatten(1))).backward()
            optimizer.step()
            maps.append(Affine(m.detach().clone(), shift.detach().clone()))
    return maps[: steps + 1]


def gram_cka(a, b):
    """Linear CKA by centred Gram matrices."""
    grams = (x.double() @ x.double().T for x in (a, b))
    a, b = (k - k.mean(0) - k.mean(1, keepdim=True) + k.mean() for k in grams)
    return (a * b).sum() / (a.norm() * b.norm())


@pytest.fixture(scope="module", params=[0, 1, 2])
def pushed(request, context) -> Measured:
    """The experiment on each of three networks."""
    return run(get(), context, request.param)


def test_training_starts_next_to_the_identity(pushed, context):
    assert curve(pushed, "similarity")[0] > 0.999
    assert curve(pushed, "accuracy")[0] == context.accuracy(pushed.case.a)
    assert curve(pushed, "agreement")[0] == curve(pushed, "relative_accuracy")[0] == 1
    assert 0 < curve(pushed, "residual")[0] < 1e-4


def test_similarity_falls_while_accuracy_stays(pushed):
    similarity, accuracy = (curve(pushed, quantity) for quantity in ("similarity", "accuracy"))
    assert similarity[-1] < 0.98 and similarity[-1] == min(similarity)
    assert all(abs(value - accuracy[0]) <= 0.1 for value in accuracy)


def test_six_quantities_are_logged_at_the_first_every_seventh_and_the_last_step(pushed):
    logged = [(row.quantity, row.step) for row in pushed.rows[:-1]]
    quantities = ["similarity", "accuracy", "relative_accuracy", "cross_entropy", "agreement", "residual"]
    assert logged == [(quantity, step) for step in (0, 7, 14, 21, 28, 32) for quantity in quantities]
    assert all(row.status == "ok" for row in pushed.rows)


def test_the_last_step_is_logged_once_where_it_falls_on_a_logged_one(context):
    found = run(get("batch=32,every=8"), context)
    assert [row.step for row in found.rows if row.quantity == "accuracy"] == [0, 8, 16, 24, 32]


def test_the_index_of_the_written_out_training_is_logged(context):
    """The training is that of the definition, and what is logged is the index of the moved test activations."""
    experiment = get()
    case = next(experiment.plan(context.selection))
    maps = own_loop(context.task(case), 32)
    x = context.activations.tensor(case.a, case.layer_a, "test")
    wanted = [float(gram_cka(maps[step](x).flatten(1), x.flatten(1))) for step in (0, 7, 14, 21, 28, 32)]
    assert curve(run(experiment, context), "similarity") == pytest.approx(wanted, abs=1e-5)
    assert wanted[-1] < wanted[0] - 0.02


@pytest.mark.parametrize("view", ["spatial", "pooled", "flat"])
@pytest.mark.parametrize("index", ["cka", "cka[estimator=debiased]", "cka[kernel=rbf]"])
def test_every_variant_of_cka_falls_in_every_view_and_is_logged_on_the_test_images(context, view, index, monkeypatch):
    seen = []
    monkeypatch.setattr(context, "stitched", lambda affine, case: seen.append(affine) or [])
    found = run(get(f"{SHORT},view={view},index={index},epochs=2"), context)
    x = context.activations.tensor(found.case.a, "conv2", "test")
    wanted = [simbench.similarity(index, affine.to(torch.float32)(x), x, view) for affine in seen]
    assert found.case.view == view and len(wanted) == 3
    assert curve(found, "similarity") == pytest.approx(wanted, abs=1e-6)
    assert wanted[-1] < wanted[0]


def test_the_start_is_a_seeded_perturbation_of_the_stated_size(context):
    task = context.task(next(get().plan(context.selection)))
    starts = (
        get(f"noise={noise}")._pusher(None, "flat").start(replace(task, seed=seed))
        for noise, seed in ((1e-3, 0), (1e-2, 0), (1e-3, 1))
    )
    small, large, other = (start.weight - torch.eye(8) for start in starts)
    assert small.std().item() == pytest.approx(1e-3, rel=0.3)
    torch.testing.assert_close(large, 10 * small, atol=1e-6, rtol=1e-4)
    assert (small - other).abs().max() > 1e-3


def test_the_options_of_the_training_reach_it():
    index = installed().get("indices", "cka")
    given = {
        "labels": "hard",
        "noise": 0.01,
        "weight": 2.0,
        "epochs": 3,
        "learning_rate": 0.1,
        "batch": 9,
        "schedule": "step",
        "augment": True,
    }
    arguments = ",".join(f"{key}={str(value).lower()}" for key, value in given.items())
    wanted = TaskLoss(init="identity", index=index, view="pooled", **given)
    assert get(arguments)._pusher(index, "pooled") == wanted


def test_the_penalty_is_what_lowers_the_similarity(context):
    last = {weight: curve(run(get(f"{SHORT},weight={weight}"), context), "similarity")[-1] for weight in (0, 5)}
    assert last[0] > 0.999 > 0.98 > last[5] and (1 - last[5]) > 20 * (1 - last[0])


def test_soft_and_hard_labels_are_different_tasks(context):
    soft, hard = (run(get(f"{SHORT},labels={labels},weight=0"), context, 2) for labels in ("soft", "hard"))
    assert curve(soft, "cross_entropy")[-1] < curve(hard, "cross_entropy")[-1]
    assert curve(soft, "agreement")[-1] == 1 > curve(hard, "agreement")[-1]


def test_a_batch_larger_than_the_data_is_all_of_it(context):
    found = run(get("batch=1000,epochs=3"), context)
    assert [row.step for row in found.rows if row.quantity == "similarity"] == [0, 3]
    whole = run(get("batch=150,epochs=3"), context)
    assert curve(found, "similarity") == curve(whole, "similarity")


def test_the_network_stays_as_it_is(context):
    case = next(get().plan(context.selection))
    task = context.task(case)
    before = [x.clone() for x in (task.activations, *task.end.state_dict().values())]
    run(get(), context)
    assert all(map(torch.equal, before, (task.activations, *task.end.state_dict().values())))
    assert all(x.grad is None for x in task.end.parameters())


def test_two_runs_give_the_same_numbers(context):
    assert run(get(), context).rows == run(get(), context).rows


# Layers.


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


# Indices.


@dataclass(frozen=True)
class Distance(Index):
    """Mean squared distance between the rows: 0 for equal ones, larger for less similar ones."""

    grows: int = -1

    name, source = "distance", "made by the tests"

    @property
    def claims(self) -> Claims:
        return Claims(
            direction=self.grows,
            symmetric=True,
            range=(0, float("inf")),
            differentiable=True,
            invariances_a=invariant(),
            invariances_b=invariant(),
        )

    def from_samples(self, a, b):
        return (a - b).square().mean()


class Blind(Distance):
    """Not differentiable."""

    name = "blind"

    @property
    def claims(self) -> Claims:
        return Claims(direction=-1)


class ThirdParty:
    @hookimpl
    def simbench_indices(self):
        return [Distance(), Blind()]


@pytest.fixture(scope="module")
def registry() -> simbench.Registry:
    return simbench.load([SmallPlugins(), ThirdParty()])


def test_a_distance_is_pushed_up(registry, context):
    """Direction -1: less similar is larger. Taken for a similarity it would be pushed back down."""
    specs = (f"cka_penalty[{SHORT},index=distance[grows={sign}],weight=10]" for sign in (-1, 1))
    up, down = (run(registry.get("experiments", spec), context) for spec in specs)
    rises, falls = (curve(found, "similarity") for found in (up, down))
    assert rises[0] == falls[0] < 1e-3
    assert rises[-1] > 100 * rises[0] and rises[-1] > 100 * falls[-1]


@pytest.mark.parametrize(
    ("index", "reason"),
    [
        (
            "r2_lr",
            "index r2_lr is invariant to any invertible stitch, so a stitch cannot push it; use one that is not, "
            "such as cka",
        ),
        ("cca", "index cca is invariant to any invertible stitch"),
        ("svcca[variance=1]", "invariant to any invertible stitch"),
        (
            "svcca",
            "index svcca is not differentiable, so no stitch can be trained against it; use one that is, such as cka",
        ),
        ("pwcca", "index pwcca is not differentiable"),
        ("blind", "index blind is not differentiable"),
        ("nonsense", "index 'nonsense' is unknown"),
    ],
)
def test_an_index_that_cannot_be_pushed_is_refused_in_one_line(registry, index, reason):
    with pytest.raises(InputError) as caught:
        registry.get("experiments", f"cka_penalty[index={index}]")
    assert reason in str(caught.value) and "\n" not in str(caught.value)


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
    with pytest.raises(InputError) as caught:
        get(arguments)
    assert reason in str(caught.value) and "\n" not in str(caught.value)


def test_the_index_is_part_of_the_key(small):
    keys = {next(get(arguments).plan(small)).key for arguments in ("", "index=cka[estimator=debiased]", "weight=2")}
    assert len(keys) == 3


# How far an index falls before accuracy does.


def logged(*values: tuple[float, float | None]) -> list[Row]:
    """Rows of (similarity, relative accuracy) at steps 0, 1, ...; None is undefined."""
    return [
        row
        for step, (similarity, accuracy) in enumerate(values)
        for row in (
            Row("similarity", similarity, step),
            Row("relative_accuracy", accuracy, step, "failed" if accuracy is None else "ok"),
        )
    ]


def test_pushed_to_is_the_least_alike_at_which_accuracy_stays():
    rows = logged((1.0, 1.0), (0.5, 0.99), (0.7, 1.01), (0.4, 0.989), (0.3, None))
    assert get("")._pushed_to(rows, 1) == Row("pushed_to", 0.5, 1)
    assert get("tolerance=0")._pushed_to(rows, 1) == Row("pushed_to", 0.7, 2)
    assert get("tolerance=0.2")._pushed_to(rows, 1) == Row("pushed_to", 0.4, 3)
    assert get("")._pushed_to(rows, -1) == Row("pushed_to", 1.0, 0)


def test_pushed_to_is_skipped_where_accuracy_was_never_kept():
    row = get("")._pushed_to(logged((1.0, 0.9), (0.5, None)), 1)
    assert row == Row("pushed_to", None, None, "skipped", "relative accuracy is below 0.99 at every logged step")


def test_a_run_ends_with_what_it_was_pushed_to(pushed):
    similarity, accuracy = curve(pushed, "similarity"), curve(pushed, "relative_accuracy")
    assert [row.quantity for row in pushed.rows].count("pushed_to") == 1 and pushed.rows[-1].status == "ok"
    assert pushed.rows[-1].value == min(s for s, a in zip(similarity, accuracy, strict=True) if a >= 0.99)


def test_other_indices_that_can_be_pushed_are_pushed_by_some_networks_in_the_selected_views(registry, small):
    indices = registry.select("indices", ["cka,r2_lr,cca,svcca,pwcca,blind,distance,cka[kernel=rbf]"])
    asked = replace(small, indices=indices, views=("spatial", "flat"))
    further = list(pushes(get("networks=1"), asked))[3:]
    assert [(case.method.spec, case.view, case.a.name) for case in further] == [
        (index, view, name)
        for index, view in (
            ("cka", "spatial"),
            ("distance", "spatial"),
            ("distance", "flat"),
            ("cka[kernel=rbf]", "spatial"),
            ("cka[kernel=rbf]", "flat"),
        )
        for name in ("net-0", "net[width=4]-0")
    ]
    assert len(pushes(get("networks=2"), asked)) == 3 + 5 * 3 and len(pushes(get("networks=0"), asked)) == 3
    found = measure(further[0], Workbench(small))
    assert found.rows[-1].quantity == "pushed_to" and found.rows[-1].value < 0.999


class Torn(Distance):
    """Its gradient is NaN where the two sides differ least."""

    name = "torn"

    def from_samples(self, a, b):
        return (a - b).square().mean() * (a * 0).sum().sqrt()


class Picky(Distance):
    """Takes few rows only."""

    name = "picky"

    def from_samples(self, a, b):
        raise InputError(f"picky takes 10 rows; {len(a)} are given")


@pytest.mark.parametrize(
    ("index", "status", "reason"),
    [
        (Torn(), "failed", "ArithmeticError: the gradient of index torn was NaN or infinite by step 1"),
        (Picky(), "skipped", "picky takes 10 rows; 60 are given"),
    ],
)
def test_an_index_that_breaks_down_leaves_one_row_with_the_reason(context, index, status, reason):
    case = next(replace(get(), index=index).plan(context.selection))
    (row,) = measure(case, context).rows
    assert (row.value, row.status, row.note) == (None, status, reason)


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


# Summary and figure.


def measurements(experiment: Experiment, *rows: dict) -> pd.DataFrame:
    plain = dict.fromkeys(MEASUREMENTS, "") | {
        "dataset": "d",
        "status": "ok",
        "experiment": experiment.spec,
        "kind": "penalty",
        "view": "flat",
        "method": "cka",
        "model_a": "net",
        "seed_a": "0",
        "layer_a": "bn1",
        "model_b": "net",
        "seed_b": "0",
        "layer_b": "bn1",
        "samples": 60.0,
        "seed": 0.0,
    }
    return pd.DataFrame([plain | row for row in rows]).astype({"step": "Int64"})


def told() -> pd.DataFrame:
    """Two networks, three steps each, with what they were pushed to, and a baseline of three pairs."""
    rows = [
        {"quantity": quantity, "step": step, "value": value - step / 100, "seed_a": seed, "seed_b": seed}
        for seed, more in (("0", 0.0), ("1", 0.2))
        for step in (10, 0, 5)
        for quantity, value in (
            ("similarity", 0.8 + more),
            ("accuracy", 0.7),
            ("cross_entropy", 0.3),
            ("residual", 0.4),
        )
    ]
    rows += [
        {"quantity": "pushed_to", "step": 5, "value": value, "seed_a": seed} for seed, value in (("0", 0.6), ("1", 0.7))
    ]
    rows += [
        {"quantity": "similarity", "kind": "baseline", "step": None, "value": value, "seed_b": seed, "layer_a": "bn9"}
        for seed, value in (("1", 0.7), ("2", 0.8), ("3", 0.9))
    ]
    return measurements(get(""), *rows)


def test_summary_shows_the_first_and_the_last_step_and_the_baseline():
    table = get("").summary(told())
    assert table.to_dict("records") == [
        {
            "dataset": "d",
            "model_a": "net",
            "layer_a": "bn1",
            "index": "cka",
            "view": "flat",
            "networks": 2,
            "similarity": "0.900 -> 0.800",
            "accuracy": "0.700 -> 0.600",
            "cross_entropy": "0.300 -> 0.200",
            "pushed_to": pytest.approx(0.65),
            "baseline": "0.800 ± 0.100 (3)",
        }
    ]


def test_the_baseline_of_another_view_or_data_set_is_not_shown():
    rows = told()
    for column, other in (("view", "spatial"), ("dataset", "e"), ("samples", 30.0), ("params", "x=1")):
        moved = rows.assign(**{column: rows[column].where(rows["kind"] != "baseline", other)})
        assert get("").summary(moved)["baseline"].tolist() == [""]


def test_summary_and_figure_are_empty_where_every_case_failed():
    failed = {"quantity": "accuracy", "step": None, "value": None, "status": "failed", "note": "why"}
    assert summary(get(""), measurements(get(""), failed)) == ""
    assert get("").figure(measurements(get(""), failed), []) is None


def test_the_figure_has_the_index_accuracy_and_cross_entropy_of_every_view():
    rows = told()
    both = pd.concat([rows, rows[rows["kind"] == "penalty"].assign(view="spatial")], ignore_index=True)
    axes = get("").figure(both, []).axes
    assert [ax.get_ylabel().split(" to")[0] for ax in axes] == [
        "cka (flat)",
        "accuracy",
        "cross-entropy",
        "cka (spatial)",
        "accuracy",
        "cross-entropy",
    ]
    curve = axes[0].get_lines()[0]
    assert curve.get_xdata().tolist() == [0, 5, 10] and curve.get_ydata() == pytest.approx([0.9, 0.85, 0.8])
    levels = {line.get_label(): line.get_ydata()[0] for line in axes[0].get_lines()[1:]}
    assert levels == {
        "between stitched networks, all layers": pytest.approx(0.8),
        "0.7 (the paper's)": 0.7,
        "pushed to, accuracy kept": pytest.approx(0.65),
    }
    assert [line.get_label() for line in axes[3].get_lines()[1:]] == ["pushed to, accuracy kept"]
    assert "bn1 of net, d, 60 images, 2 networks" in axes[0].get_title()
