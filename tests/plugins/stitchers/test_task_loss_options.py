"""Every option of task loss matching does what it says, against losses written out plainly."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, permutations

import pytest
import torch
from plain_loss import PLAIN, close, get, outputs, plain, planted_task, slopes, steps, targets
from small_networks import case

from simbench import Affine, Inapplicable, InputError
from simbench.check.stitcher.task import network
from simbench.contracts.objective import Objective
from simbench.contracts.task import Task
from simbench.measuring.bench import Workbench


@pytest.fixture(scope="module")
def task() -> Task:
    return planted_task(5, 7)


@pytest.mark.parametrize("labels", ["soft", "hard", "soft_1", "soft_12"])
def test_first_step_of_gradient_descent_is_against_the_gradient_of_the_plain_loss(task, labels):
    before, after = steps(f"{PLAIN},labels={labels}", task)
    weight, bias = slopes(lambda w, b: plain(task, w, b, targets(task, labels)), before)
    close(before.weight - after.weight, weight)
    close(before.bias - after.bias, bias)


def test_the_second_step_keeps_nine_tenths_of_the_first(task):
    """v_1 = g_1, v_2 = 0.9 v_1 + g_2."""
    start, first, second = steps(f"{PLAIN},epochs=2", task)
    soft = targets(task, "soft")
    one, two = (slopes(lambda w, b: plain(task, w, b, soft), affine)[0] for affine in (start, first))
    close(first.weight - second.weight, 0.9 * one + two)


def test_bfloat16_keeps_two_digits_of_a_step_and_the_map_stays_float32(task):
    before, after = steps(f"{PLAIN},precision=bfloat16", task)
    assert after.weight.dtype == after.bias.dtype == torch.float32
    step, (weight, bias) = (
        before.weight - after.weight,
        slopes(lambda w, b: plain(task, w, b, targets(task, "soft")), before),
    )
    off = (step - weight).norm() / weight.norm()
    assert 1e-4 < off < 0.1 and (before.bias - after.bias - bias).norm() / bias.norm() < 0.1


def test_a_processor_without_bfloat16_does_not_imitate_it(task, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"architecture": "x86_64", "avx2": True}, raising=False)
    with pytest.raises(Inapplicable, match="no bfloat16 arithmetic .* take precision=float32"):
        get("precision=bfloat16").from_task(task)
    get("precision=float32").from_task(task)


def test_soft_12_is_the_mean_of_both(task):
    both, one, two = (steps(f"{PLAIN},labels={labels}", task)[1] for labels in ("soft_12", "soft_1", "soft"))
    torch.testing.assert_close(both.weight, (one.weight + two.weight) / 2)
    torch.testing.assert_close(both.bias, (one.bias + two.bias) / 2)
    assert (one.weight - two.weight).abs().max() > 1e-4


def test_temperature_divides_the_stitched_and_the_soft_logits(task):
    before, after = steps(f"{PLAIN},temperature=3,labels=soft_12", task)
    weight, bias = slopes(lambda w, b: plain(task, w, b, targets(task, "soft_12", 3), 3), before)
    close(before.weight - after.weight, weight)
    close(before.bias - after.bias, bias)


def test_at_high_temperature_centred_logits_are_matched(task):
    """T^2 times the gradient goes to that of the mean over images of |z - v|^2 / (2 C), z and v the stitched logits
    and those of Model 2 less their means (Hinton et al. 2015, eq. 4)."""
    high = 300.0
    before, after = steps(f"optimizer=sgd,batch=384,temperature={high},learning_rate={high**2 / 10}", task)

    def apart(weight, bias):
        gap = outputs(task, weight, bias) - task.logits_b.double()
        return ((gap - gap.mean(1, keepdim=True)) ** 2).sum(1).mean() / (2 * 4)

    weight, _ = slopes(apart, before)
    found = (before.weight - after.weight).double() * 10
    assert (found - weight).norm() < 0.05 * weight.norm()


def test_at_low_temperature_soft_labels_are_the_predictions(task):
    """So they equal hard labels, which are Model 2's predictions here."""
    low = 0.002
    before, after = steps(f"{PLAIN},temperature={low}", task)
    weight, _ = slopes(lambda w, b: plain(task, w, b, targets(task, "hard"), low), before)
    assert (before.weight - after.weight - weight).norm() < 0.02 * weight.norm()


def test_l1_adds_the_signs_of_the_weights(task):
    """And nothing to the bias."""
    bare, sparse = steps(PLAIN, task)[1], steps(f"{PLAIN},l1=0.02", task)
    torch.testing.assert_close(bare.weight - sparse[1].weight, 0.02 * sparse[0].weight.sign(), rtol=0, atol=1e-6)
    assert torch.equal(bare.bias, sparse[1].bias)


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (6, [1, 1, 0.1, 0.1, 0.01, 0.01]),
        (7, [1, 1, 0.1, 0.1, 0.01, 0.01, 0.01]),
        (3, [1, 0.1, 0.01]),
        (1, [1]),
        (2, [1, 0.1]),
    ],
)
@pytest.mark.parametrize("index", ["", ",index=cka,weight=0"])
def test_the_rate_is_cut_by_ten_after_each_third_of_the_steps(task, count, expected, index):
    """Where outputs do not depend on the stitch, l1 has a gradient of constant size, against which Adam moves by the
    rate. With an index the short last batch of 84 images is no step."""
    end = network(7)
    with torch.no_grad():
        end[-1].weight.zero_()
    blind = replace(task, end=end)
    batch = 300 if index else 384
    found = steps(f"l1=1,schedule=step,learning_rate=1e-3,epochs={count},batch={batch}{index}", blind)
    rates = [(x.weight - y.weight).abs().median().item() / 1e-3 for x, y in pairwise(found)]
    assert rates == pytest.approx(expected, rel=0.01)
    even = steps(f"l1=1,learning_rate=1e-3,epochs={count},batch={batch}{index}", blind)
    assert (even[-2].weight - even[-1].weight).abs().median().item() == pytest.approx(1e-3, rel=0.01)


@pytest.mark.parametrize("mask", ["semi_matching", "permutation"])
def test_masked_entries_stay_zero_and_the_others_move(task, mask):
    from simbench_plugins.stitchers.neuron_matching import mask as by_correlation

    open_ = by_correlation(task.moments, mask) == 1
    found = steps(f"mask={mask},init=random,epochs=3,l1=1e-4", task)
    assert 0 < open_.sum() < open_.numel()
    for affine in found:
        assert torch.equal(affine.weight != 0, open_)
    assert ((found[-1].weight - found[0].weight)[open_].abs() > 1e-3).all()
    assert torch.equal(found[0].weight[open_], steps("init=random", task)[0].weight[open_])


def test_a_soft_mask_scales_entries_and_their_gradients(task):
    """With M = S * V entry by entry, a step on V moves M by S^2 times the gradient with respect to M."""
    from simbench_plugins.stitchers.neuron_matching import mask as by_correlation

    scale = by_correlation(task.moments, "soft_semi_matching")
    before, after = steps(f"{PLAIN},mask=soft_semi_matching,init=random", task)
    bare = steps("init=random", task)[0]
    assert ((scale > 0) & (scale < 1)).any()
    torch.testing.assert_close(before.weight.double(), bare.weight.double() * scale, rtol=1e-6, atol=0)
    weight, bias = slopes(lambda w, b: plain(task, w, b, targets(task, "soft")), before)
    close(before.weight - after.weight, scale**2 * weight)
    close(before.bias - after.bias, bias)


def test_the_permutation_start_has_the_largest_sum_of_correlations():
    """Among all of them."""
    small = planted_task(5, 5)
    x, y = (z.permute(0, 2, 3, 1).reshape(-1, 5) for z in (small.activations, small.own))
    rho = torch.corrcoef(torch.cat([x, y], 1).T)[:5, 5:]
    best = max(permutations(range(5)), key=lambda order: sum(rho[i, j] for i, j in enumerate(order)))
    start = steps("init=permutation", small)[0]
    assert torch.equal(start.weight, torch.eye(5)[list(best)]) and not start.bias.any()


def test_noise_is_gaussian_and_added_to_the_weight_alone():
    wide = planted_task(30, 40)
    for init in ("least_squares", "random", "permutation"):
        bare, noisy, again = (steps(f"init={init}{noise}", wide)[0] for noise in ("", ",noise=0.5", ",noise=0.5"))
        noise = (noisy.weight - bare.weight) / 0.5
        assert torch.equal(noisy.bias, bare.bias) and torch.equal(noisy.weight, again.weight)
        assert noise.mean().abs() < 0.1 and noise.std().item() == pytest.approx(1, abs=0.06)
        assert (noise.abs() < 1).double().mean().item() == pytest.approx(0.683, abs=0.04)


@pytest.mark.parametrize("spec", ["init=random", "noise=0.1", "augment=true,optimizer=sgd"])
def test_a_seed_is_that_of_the_task(task, spec):
    """Order, crops, random start and noise."""
    mine, theirs, both, neither = (
        get(f"{spec},batch=64,seed={own}").from_task(replace(task, seed=given))
        for own, given in ((3, 0), (0, 3), (1, 2), (0, 0))
    )
    assert torch.equal(mine.weight, theirs.weight) and torch.equal(mine.weight, both.weight)
    assert not torch.equal(mine.weight, neither.weight)


EVERY = [
    "labels=hard",
    "labels=soft_1",
    "labels=soft_12,temperature=2",
    "l1=0.01",
    "mask=permutation",
    "mask=soft_semi_matching",
    "index=cka,view=flat",
    "index=cka,view=spatial,weight=-1",
    "optimizer=sgd",
    "schedule=step,epochs=3",
    "augment=true",
    "bias=false",
    "seed=2",
    "precision=bfloat16",
]


@pytest.mark.parametrize("spec", EVERY)
def test_starts_side_by_side_end_where_each_ends_alone(task, spec):
    """Also the one with no l1, whose sum over the starts is not taken."""
    generator = torch.Generator().manual_seed(5)
    weight, bias = (torch.randn(*size, generator=generator) / 3 for size in ((3, 5, 7), (3, 7)))
    starts = Affine(weight, None if "bias=false" in spec else bias)
    stitcher = get(f"learning_rate=0.01,batch=100,{spec}")
    together = stitcher.from_task(task, starts=starts)
    for i in range(3):
        alone = stitcher.from_task(task, starts=Affine(weight[i], None if starts.bias is None else bias[i]))
        torch.testing.assert_close(together.weight[i], alone.weight, atol=2e-5, rtol=1e-4)
        if starts.bias is not None:
            torch.testing.assert_close(together.bias[i], alone.bias, atol=2e-5, rtol=1e-4)
        assert (alone.weight - weight[i]).abs().max() > 1e-3


@pytest.mark.parametrize("spec", EVERY)
def test_every_option_takes_part(task, spec):
    """No option leaves the map as it is without it."""
    default = get("learning_rate=0.01,batch=100").from_task(task)
    assert not torch.equal(get(f"learning_rate=0.01,batch=100,{spec}").from_task(task).weight, default.weight)


def test_augmented_training_sees_other_images_and_runs_the_networks_it_needs(small):
    context = Workbench(small)
    a, b = small.networks[:2]
    passed = []
    for name, source in (("a", a), ("b", b)):
        context.activations.net(source).conv1.register_forward_hook(lambda *_, name=name: passed.append(name))
    task = context.task(case(small, get()))
    bare = get("epochs=2").from_task(task)
    for labels, expected in (("hard", {"a"}), ("soft_1", {"a"}), ("soft", {"a", "b"}), ("soft_12", {"a", "b"})):
        passed.clear()
        found, again = (get(f"epochs=2,augment=true,labels={labels}").from_task(task) for _ in range(2))
        assert set(passed) == expected and passed.count("a") == 2 * 4
        assert torch.equal(found.weight, again.weight) and not torch.equal(found.weight, bare.weight)


def test_activations_too_large_to_hold_train_the_same_map(small):
    held, large = Workbench(small), Workbench(small, memory=0)
    for spec in ("epochs=2", "epochs=2,index=cka,batch=64"):
        found, wanted = (get(spec).from_task(context.task(case(small, get()))) for context in (large, held))
        torch.testing.assert_close(found.weight, wanted.weight, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("spec", "lacking", "reason"),
    [
        ("labels=soft_1", "logits_a", "take labels=soft"),
        ("labels=soft_12", "logits_a", "take labels=soft"),
        ("index=cka", "own", "take index=none"),
        ("augment=true", "augmented", "take augment=false"),
    ],
)
def test_what_the_task_lacks_makes_an_option_inapplicable(task, spec, lacking, reason):
    less = replace(task, **{lacking: None})
    with pytest.raises(Inapplicable, match=reason):
        get(spec).from_task(less)
    get().from_task(less)


def test_several_labels_an_image_are_learnt_by_binary_cross_entropy(task):
    faces = Objective(("a", "b", "c", "d"))
    for labels in ("soft", "hard"):
        several = replace(task, objective=faces, labels=(task.logits_b > 0).long())
        before, after = steps(f"{PLAIN},labels={labels},temperature={1 if labels == 'hard' else 2}", several)
        target = several.labels.double() if labels == "hard" else (task.logits_b.double() / 2).sigmoid()

        def loss(w, b, target=target, cold=1 if labels == "hard" else 2):
            chance = (outputs(task, w, b) / cold).sigmoid()
            return -(target * chance.log() + (1 - target) * (1 - chance).log()).mean()

        close(before.weight - after.weight, slopes(loss, before)[0])


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("temperature=0", "temperature is 0.0; a number above 0 is allowed"),
        ("temperature=2,labels=hard", "temperature is 2.0 and labels is hard; it softens soft labels only"),
        ("l1=-1", "l1 is -1.0; a number from 0 is allowed"),
        ("noise=-0.1", "noise is -0.1; a number from 0 is allowed"),
        ("seed=-1", "seed is -1; a number from 0 is allowed"),
        ("mask=half", "'half'; allowed: none, semi_matching, soft_semi_matching, permutation"),
        ("index=r2_lr", "r2_lr is invariant to any invertible stitch, so a stitch cannot push it; use one that is not"),
        ("index=ckaa", "'ckaa' is unknown; did you mean 'cka'"),
        ("index=cka,batch=3", "batch is 3; an index needs a whole number from 4"),
        ("optimizer=lbfgs", "'lbfgs'; allowed: adam, sgd"),
        ("schedule=cosine", "'cosine'; allowed: constant, step"),
        ("view=round", "'round'; allowed: spatial, flat, pooled"),
    ],
)
def test_a_bad_option_is_one_clear_line(spec, message):
    with pytest.raises(InputError, match=message) as caught:
        get(spec)
    assert "\n" not in str(caught.value)
