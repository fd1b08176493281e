"""A network stitched with itself is pushed to look different while it works the same."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from simbench_plugins.stitchers.task_loss import TaskLoss
from small_networks import installed
from small_penalties import SHORT, curve, get, gram_cka, run

import simbench
from simbench import Affine, Row
from simbench.contracts.task import Task
from simbench.measuring.measure import Measured


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


def test_seven_quantities_are_logged_at_the_first_every_seventh_and_the_last_step(pushed):
    logged = [(row.quantity, row.step) for row in pushed.rows[:-1]]
    scores = ["accuracy", "relative_accuracy", "cross_entropy", "kl_divergence", "agreement"]
    quantities = ["similarity", *scores, "residual"]
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


@pytest.mark.long
def test_two_runs_give_the_same_numbers(context):
    assert run(get(), context).rows == run(get(), context).rows


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
