"""Measured numbers are those of the formulas on the activations, and every failure is a row with its reason."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import pytest
import torch
from small_networks import case, installed
from small_plugins import Net
from torch import nn

import simbench
from simbench import Affine, Claims, Inapplicable, Index, Row, Stitcher, Undefined
from simbench.contracts import Experiment
from simbench.contracts.case import Case
from simbench.contracts.selection import Network, Selection
from simbench.measuring.bench import Workbench
from simbench.measuring.measure import measure
from simbench.networks import weights
from simbench.networks.cut import cut
from simbench.networks.images import draw

#: float32 activations computed by another route (from a network with folded batch norms) differ by 1e-7 of their size.
SAME = 1e-6


@pytest.fixture
def context(small) -> Workbench:
    return Workbench(small)


def get(spec: str) -> Index:
    return installed().get("indices", spec)


def stitcher(spec: str) -> Stitcher:
    return installed().get("stitchers", spec)


def activations(selection: Selection, at: int, layer: str, split: str = "test") -> torch.Tensor:
    """From the images, in a few lines: no batches, no cache, no channels-last memory."""
    network, dataset = selection.networks[at], selection.setting.dataset
    images, _ = draw(dataset.split(split), selection.setting.limit, selection.setting.seed)
    net = weights.load(network, dataset)
    with torch.no_grad():
        return cut(net, layer)[0]((images.float() / 255 - 0.3) / 0.2).contiguous()


@dataclass(frozen=True)
class Rows(Index):
    """Mean of a's first rows: shows which rows were drawn."""

    most: int | None = 50

    name, source = "rows", "made by the tests"

    @property
    def max_rows(self):
        return self.most

    @property
    def claims(self):
        return Claims(range=(0.0, float("inf")))

    def from_samples(self, a, b):
        assert a.dtype == b.dtype == torch.float64
        return torch.tensor(len(a)) + a.abs().mean()


@dataclass(frozen=True)
class Probe(Experiment):
    """Does what it is told."""

    act: object = None

    name, source = "probe", "made by the tests"

    def run(self, case, context):
        return self.act(case, context)


def probing(selection: Selection, act) -> Case:
    return replace(case(selection, get("cka")), experiment=Probe(act))


# Similarity.


@pytest.mark.parametrize(
    ("spec", "view"),
    [
        *product(["cka", "cka[estimator=debiased]", "cka[kernel=rbf]"], ["spatial", "pooled", "flat"]),
        *product(["r2_lr", "r2_lr[centred=false]", "cca", "svcca", "pwcca"], ["spatial", "pooled"]),
    ],
)
@pytest.mark.parametrize("b", [1, 2])
def test_similarity_is_that_of_the_activations_in_every_view(small, context, spec, view, b):
    """net against net and against net[width=4] (p != q) at conv2, 3 x 3: 72 and 54 neurons on 60 images, so
    that in view flat only cka says something."""
    one = case(small, get(spec), b=b, layer="conv2", view=view)
    left, right = activations(small, 0, "conv2"), activations(small, b, "conv2")
    row = context.similarity(one.method, one)
    assert (row.quantity, row.status, row.step) == ("similarity", "ok", None)
    assert row.value == pytest.approx(simbench.similarity(spec, left, right, view), abs=SAME)


def test_flat_cka_is_that_of_the_gram_matrices_of_the_rows(small, context):
    one = case(small, get("cka"), view="flat")
    grams = []
    for at in (0, 1):
        x = activations(small, at, "bn1").double().flatten(1)
        x = x - x.mean(0)
        grams.append(x @ x.T)
    k, l = grams
    value = (k * l).sum() / (k.square().sum() * l.square().sum()).sqrt()
    assert context.similarity(one.method, one).value == pytest.approx(value.item(), abs=SAME)


@pytest.mark.parametrize(
    ("spec", "note"),
    [
        ("r2_lr", "a has rank 59 on 60 rows: any b is explained"),
        ("cca", "59 + 59 directions on 60 rows: some correlations are 1 for any data"),
    ],
)
def test_a_value_that_means_nothing_is_degenerate_keeps_its_value_and_says_why(small, context, spec, note):
    one = case(small, get(spec), view="flat")
    row = context.similarity(one.method, one)
    assert (row.status, row.note) == ("degenerate", note)
    assert row.value == pytest.approx(1, abs=1e-6)
    with pytest.warns(simbench.DegenerateWarning):
        assert simbench.similarity(
            spec, activations(small, 0, "bn1"), activations(small, 1, "bn1"), "flat"
        ) == pytest.approx(row.value, abs=SAME)


def test_an_index_in_the_neuron_basis_is_inapplicable_where_neurons_outnumber_images(small, context):
    one = case(small, get("pwcca"), layer="conv2", view="flat")
    row = context.similarity(one.method, one)
    assert (row.status, row.value) == ("skipped", None)
    assert "needs the moments of 72 neurons: 60 images do not determine them" in row.note


def test_an_index_in_the_neuron_basis_is_measured_flat_where_images_outnumber_neurons(small, context):
    """On the 150 train images; their 72 + 54 neurons leave correlations to be found."""
    one = case(small, get("pwcca"), b=2, layer="conv2", view="flat")
    value = simbench.similarity(
        "pwcca", activations(small, 0, "conv2", "train"), activations(small, 2, "conv2", "train"), "flat"
    )
    row = context.similarity(one.method, one, "train")
    assert row.status == "ok" and row.value == pytest.approx(value, abs=SAME)


@pytest.mark.parametrize("view", ["spatial", "flat"])
def test_an_index_of_samples_gets_at_most_its_rows_drawn_with_the_seed_and_says_so(small, view):
    def value(most, seed=0):
        setting = replace(small.setting, seed=seed)
        one = case(replace(small, setting=setting), Rows(most), view=view)
        return Workbench(replace(small, setting=setting)).similarity(one.method, one)

    count = {"spatial": 60 * 64, "flat": 60}[view]
    drawn = value(50)
    assert int(drawn.value) == 50 and drawn.status == "ok" and drawn.note == f"on 50 rows drawn of {count}"
    assert value(50) == drawn != value(50, seed=1)
    everything = value(None)
    assert int(everything.value) == count and everything.note == "" and value(count) == everything


def test_rows_of_both_sides_are_drawn_alike(small, context):
    class Equal(Rows):
        def from_samples(self, a, b):
            return (a - b).abs().max()

    one = case(small, Equal(), b=0)
    assert context.similarity(one.method, one).value == 0


def test_the_direction_is_from_a_to_b(small, context):
    values = {}
    for a, b in ((0, 1), (1, 0)):
        one = case(small, get("r2_lr"), a, b)
        values[a, b] = context.similarity(one.method, one).value
        left, right = activations(small, a, "bn1"), activations(small, b, "bn1")
        assert values[a, b] == pytest.approx(simbench.similarity("r2_lr", left, right), abs=SAME)
    assert abs(values[0, 1] - values[1, 0]) > 1e-3


def test_the_split_asked_for_is_measured(small, context):
    one = case(small, get("cka"))
    train = simbench.similarity("cka", *(activations(small, at, "bn1", "train") for at in (0, 1)))
    assert context.similarity(one.method, one, "train").value == pytest.approx(train, abs=SAME)
    assert context.similarity(one.method, one).value != pytest.approx(train, abs=1e-4)


# Layers that differ.


def test_layers_of_two_names_and_equal_size_are_measured(small, context):
    one = case(small, get("r2_lr"), layer="bn1", layer_b="relu1")
    value = simbench.similarity("r2_lr", activations(small, 0, "bn1"), activations(small, 1, "relu1"))
    assert context.similarity(one.method, one).value == pytest.approx(value, abs=SAME)


def test_layers_of_unequal_size_are_inapplicable_in_spatial_and_measured_in_pooled(small, context):
    spatial = case(small, get("cka"), layer="bn1", layer_b="conv2")
    reason = "bn1 of net-0 is 8 x 8 and conv2 of net-1 is 3 x 3: rows do not pair up in view spatial"
    for act in (
        lambda: context.similarity(spatial.method, spatial),
        lambda: context.fit(stitcher("task_loss"), spatial),
        lambda: context.fit(stitcher("least_squares"), spatial),
    ):
        with pytest.raises(Inapplicable, match=reason):
            act()
    pooled = replace(spatial, view="pooled")
    value = simbench.similarity("cka", activations(small, 0, "bn1"), activations(small, 1, "conv2"), "pooled")
    assert context.similarity(pooled.method, pooled).value == pytest.approx(value, abs=SAME)


@dataclass(frozen=True)
class Coarse(Net):
    """`net` whose first convolution halves the height and the width."""

    name = "coarse"

    def build(self, channels, classes):
        stages = OrderedDict(super().build(channels, classes).named_children())
        stages["conv1"] = nn.Conv2d(channels, self.width, 3, stride=2, padding=1)
        return nn.Sequential(stages)


def test_a_layer_of_one_name_and_two_sizes_is_inapplicable_in_spatial_and_measured_in_pooled(small, tmp_path):
    torch.manual_seed(0)
    state = Coarse().build(1, 3).state_dict()
    torch.save(state, tmp_path / "x.pt")
    coarse = Network(Coarse(), "x", weights.content_hash(state), tmp_path / "x.pt")
    both = replace(small, networks=(*small.networks, coarse))
    context = Workbench(both)
    for a, b in ((0, 3), (3, 0)):
        with pytest.raises(Inapplicable, match="4 x 4.*rows do not pair|8 x 8.*rows do not pair"):
            context.similarity(get("cka"), case(both, get("cka"), a, b))
        pooled = case(both, get("cka"), a, b, view="pooled")
        value = simbench.similarity("cka", activations(both, a, "bn1"), activations(both, b, "bn1"), "pooled")
        assert context.similarity(pooled.method, pooled).value == pytest.approx(value, abs=SAME)


# Stitches.


def test_on_the_rows_a_stitch_was_fitted_to_its_residual_is_one_minus_r2_lr(small, context):
    one = case(small, stitcher("least_squares"), b=2)
    m = context.moments(one, "train", "spatial")
    affine = context.fit(one.method, one)
    assert m.residual(affine).item() == pytest.approx(1 - get("r2_lr").from_moments(m).item(), abs=1e-9)
    best = 1 - get("r2_lr").from_moments(context.moments(one, "test", "spatial")).item()
    test = {row.quantity: row.value for row in context.stitched(affine, one)}["residual"]
    assert test > best + 1e-6  # a fit on other rows


def test_stitches_are_fitted_on_train_and_scored_on_test_images(small, context):
    """The same numbers from torch alone, p != q."""
    one = case(small, stitcher("least_squares"), b=2)
    fit_a, fit_b = (activations(small, at, "bn1", "train").double().permute(0, 2, 3, 1).flatten(0, 2) for at in (0, 2))
    ones = fit_a.new_ones(len(fit_a), 1)
    solution = torch.linalg.lstsq(torch.cat([fit_a, ones], 1), fit_b).solution
    affine = context.fit(one.method, one)
    assert affine.weight.shape == (6, 4) and affine.weight.dtype == torch.float64
    torch.testing.assert_close(affine.weight, solution[:-1], atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(affine.bias, solution[-1], atol=1e-6, rtol=1e-5)
    net, dataset = weights.load(small.networks[2], small.setting.dataset), small.setting.dataset
    _, labels = draw(dataset.split("test"), 10_000, 0)
    a, b = activations(small, 0, "bn1"), activations(small, 2, "bn1")
    with torch.no_grad():
        logits, own = cut(net, "bn1")[1](affine.to(a)(a)), cut(net, "bn1")[1](b)
    values = {row.quantity: row.value for row in context.stitched(affine, one)}
    right, reference = (x.argmax(1).eq(labels).double().mean().item() for x in (logits, own))
    moved = a.double().permute(0, 2, 3, 1).flatten(0, 2) @ solution[:-1] + solution[-1]
    target = b.double().permute(0, 2, 3, 1).flatten(0, 2)
    assert values == {
        "accuracy": pytest.approx(right),
        "relative_accuracy": pytest.approx(right / reference),
        "cross_entropy": pytest.approx(-(own.softmax(1) * logits.log_softmax(1)).sum(1).mean().item(), rel=1e-4),
        "kl_divergence": pytest.approx(
            torch.nn.functional.kl_div(
                logits.double().log_softmax(1), own.double().log_softmax(1), reduction="batchmean", log_target=True
            ).item(),
            rel=1e-3,
        ),
        "agreement": pytest.approx(logits.argmax(1).eq(own.argmax(1)).double().mean().item()),
        "residual": pytest.approx(((moved - target).square().sum() / (target - target.mean(0)).square().sum()).item()),
    }
    assert right < 1 and reference != right


def test_an_exact_identity_self_stitch_is_perfect(small, context):
    one = case(small, stitcher("identity"), b=0)
    values = {row.quantity: row.value for row in context.stitched(context.fit(one.method, one), one)}
    assert (values["relative_accuracy"], values["agreement"]) == (1, 1)
    assert values["residual"] == pytest.approx(0, abs=1e-12)
    assert values["accuracy"] == context.accuracy(small.networks[0])
    own = activations(small, 0, "fc")
    entropy = -(own.softmax(1) * own.log_softmax(1)).sum(1).mean().item()
    assert values["cross_entropy"] == pytest.approx(entropy, rel=1e-5)


def test_several_maps_in_one_affine_are_stitched_together(small, context):
    one = case(small, stitcher("least_squares"))
    affine = context.fit(one.method, one)
    both = Affine(torch.stack([affine.weight, 2 * affine.weight]), torch.stack([affine.bias, affine.bias]))
    logits = context.logits(both, one)
    assert logits.shape == (2, 60, 3)
    torch.testing.assert_close(logits[0], context.logits(affine, one))


@pytest.mark.parametrize(
    ("spec", "view"),
    [
        *product(["cka", "cka[kernel=rbf]"], ["spatial", "pooled", "flat"]),
        *product(["r2_lr[centred=false]"], ["spatial", "pooled"]),
    ],
)
def test_similarity_of_a_stitched_network_is_that_of_its_moved_activations(small, context, spec, view):
    """cka goes through the moments in views spatial and pooled, and from the rows elsewhere."""
    one = case(small, get(spec), b=2, layer="conv2", view=view)
    p, q = 8, 6
    affine = Affine(torch.randn(p, q, dtype=torch.float64), torch.randn(q, dtype=torch.float64))
    a, b = activations(small, 0, "conv2"), activations(small, 2, "conv2")
    value = simbench.similarity(spec, affine.to(a)(a), b, view)
    assert context.stitched_similarity(one.method, affine, one) == pytest.approx(value, abs=SAME)


def test_the_task_holds_train_images_the_end_s_soft_outputs_and_the_labels(small, context):
    one = case(small, stitcher("task_loss"), b=2)
    task = context.task(one)
    torch.testing.assert_close(task.activations, activations(small, 0, "bn1", "train"))
    torch.testing.assert_close(task.soft, activations(small, 2, "fc", "train").softmax(1))
    assert torch.equal(task.labels, draw(small.setting.dataset.split("train"), 10_000, 0)[1])
    b = activations(small, 2, "bn1", "train")
    torch.testing.assert_close(task.end(b).softmax(1), task.soft, atol=1e-5, rtol=1e-5)
    assert task.moments.ab.shape == (6, 4) and task.moments.n == 150 * 64
    torch.testing.assert_close(task.moments.mean_b, b.double().mean((0, 2, 3)), atol=1e-6, rtol=1e-6)


def test_the_seed_of_the_setting_is_that_of_the_task(small):
    other = replace(small, setting=replace(small.setting, seed=7))
    assert Workbench(other).task(case(other, stitcher("task_loss"))).seed == 7


def test_a_limit_draws_the_same_images_for_both_sides(small):
    fewer = replace(small, setting=replace(small.setting, limit=20))
    context, one = Workbench(fewer), case(fewer, get("cka"))
    value = simbench.similarity("cka", activations(fewer, 0, "bn1"), activations(fewer, 1, "bn1"))
    assert context.similarity(one.method, one).value == pytest.approx(value, abs=SAME)
    assert context.samples(one) == 20 and context.accuracy(fewer.networks[0], "train") * 20 % 1 == 0


def test_layers_left_behind_are_forgotten(small, context):
    for layer in ("bn1", "conv2"):
        for view in ("spatial", "flat"):
            one = case(small, get("cka"), layer=layer, view=view)
            context.similarity(one.method, one)
    assert {members[0][1] for members, *_ in context._stacks} == {"conv2"}
    assert {layer for _, layer, _ in context._coordinates} == {"conv2"}


# Failures.


def test_an_exception_becomes_a_failed_row_with_its_traceback(small, context):
    def act(case, context):
        raise KeyError("no\nsuch thing")

    found = measure(probing(small, act), context)
    assert found.rows == (Row("similarity", None, status="failed", note=r"KeyError: 'no\nsuch thing'"),)
    assert 'raise KeyError("no\\nsuch thing")' in found.error and found.samples == 60


def test_an_exception_without_a_message_says_so(small, context):
    def act(case, context):
        raise ValueError

    assert measure(probing(small, act), context).rows[0].note == "ValueError: no message"


def test_inapplicable_becomes_a_skipped_row_with_its_reason(small, context):
    def act(case, context):
        raise Inapplicable("too wide")

    found = measure(replace(probing(small, act), kind="stitcher", method=None), context)
    assert found.rows == (Row("accuracy", None, status="skipped", note="too wide"),) and found.error == ""


def test_undefined_becomes_a_degenerate_row_without_a_value(small, context):
    def act(case, context):
        raise Undefined("nothing over nothing")

    found = measure(probing(small, act), context)
    assert found.rows == (Row("similarity", None, status="degenerate", note="nothing over nothing"),)
    assert found.error == ""


@pytest.mark.parametrize("value", [float("nan"), float("inf"), torch.tensor(float("nan"))])
def test_a_value_that_is_not_finite_becomes_a_failed_row(small, context, value):
    found = measure(probing(small, lambda case, context: [Row("accuracy", 1.0), Row("agreement", value)]), context)
    assert [row.status for row in found.rows] == ["failed"]
    assert found.rows[0].note.startswith("ArithmeticError: agreement is ")


def test_values_become_python_numbers(small, context):
    found = measure(probing(small, lambda case, context: [Row("x", torch.tensor(0.5)), Row("y", None)]), context)
    assert [(type(row.value), row.value) for row in found.rows] == [(float, 0.5), (type(None), None)]


def test_an_index_that_returns_nan_fails(small, context):
    class Undefined(Rows):
        def from_samples(self, a, b):
            return a.sum() * float("nan")

    found = measure(case(small, Undefined()), context)
    assert found.rows[0].note == "ArithmeticError: index rows returned nan"


def test_an_interruption_gets_through(small, context):
    def act(case, context):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(probing(small, act), context)


def test_a_missing_weights_file_costs_its_own_rows(small):
    gone = replace(small.networks[1], file=Path("/nowhere/x.pt"))
    selection = replace(small, networks=(small.networks[0], gone, small.networks[2]))
    context = Workbench(selection)
    assert measure(case(selection, get("cka")), context).rows[0].status == "failed"
    assert measure(case(selection, get("cka"), b=2, layer="conv2", layer_b="relu2"), context).rows[0].status == "ok"


def test_a_data_set_that_cannot_be_read_is_a_failed_row(small):
    class Gone(type(small.setting.dataset)):
        def split(self, name):
            raise OSError("disk is gone")

    selection = replace(small, setting=replace(small.setting, dataset=Gone()))
    found = measure(case(selection, get("cka")), Workbench(selection))
    assert found.rows[0].note == "OSError: disk is gone" and found.samples == 0


def test_a_stitch_with_nan_weights_fails(small, context):
    class Broken(Stitcher):
        name, source = "broken", "made by the tests"

        def from_moments(self, m):
            return Affine(m.ab * float("nan"))

    found = measure(case(small, Broken()), context)
    assert found.rows[0].note == "ArithmeticError: stitcher broken returned a map with NaN or infinite weights"
