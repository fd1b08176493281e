"""Controls among the indices: what they know, and that they see no rows."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from experiment_results import assert_refused
from small_cases import activations, get
from small_networks import case

import simbench
from simbench import Claims, Index
from simbench.check import checks
from simbench.cutting import cut
from simbench.errors import Spoilt
from simbench.measuring.bench import Workbench
from simbench.networks.inputs import draw

LAYERS = ("conv1", "bn1", "relu1", "conv2", "relu2")


@pytest.fixture(scope="module")
def context(small) -> Workbench:
    return Workbench(small)


def value(context: Workbench, index: str, **where) -> float:
    row = context.similarity(get(index), case(context.selection, get(index), **where))
    assert row.status == "ok"
    return row.value


@pytest.mark.parametrize(
    ("layer", "layer_b", "expected"),
    [
        ("conv1", "conv1", 1.0),
        ("bn1", "bn1", 1 - 0.25 / 2),
        ("relu2", "relu2", 0.5),
        ("bn1", "conv2", 1 - 0.5 / 2 - (0.25 + 0.75) / 4),
        ("conv1", "relu2", 0.25),
    ],
)
def test_depth_of_layers(context, layer, layer_b, expected):
    assert value(context, "depth", layer=layer, layer_b=layer_b) == pytest.approx(expected, abs=1e-12)


def test_depth_takes_a_layer_for_most_similar_to_itself(context):
    for layer in LAYERS:
        values = {other: value(context, "depth", layer=layer, layer_b=other) for other in LAYERS}
        assert max(values, key=values.get) == layer and len(set(values.values())) > 1


def test_depth_sees_layers_alone(context):
    assert value(context, "depth") == value(context, "depth", a=1, b=0) == value(context, "depth", view="pooled")


def test_random_differs_wherever_a_network_a_layer_or_the_seed_does(context):
    places = [dict(a=a, b=b, layer=layer) for a, b in ((0, 1), (1, 0), (0, 2)) for layer in ("bn1", "conv2")]
    values = [value(context, index, **place) for index in ("random", "random[seed=1]") for place in places]
    assert len(set(values)) == 12 and all(0 <= each < 1 for each in values)
    assert values[:6] == [value(Workbench(context.selection), "random", **place) for place in places]


def test_random_is_uniform(context):
    one = case(context.selection, get("random"))
    found = [get(f"random[seed={seed}]").from_case(one, None).item() for seed in range(200)]
    shares = [sum(each < edge for each in found) / 200 for edge in (0.25, 0.5, 0.75)]
    assert shares == pytest.approx([0.25, 0.5, 0.75], abs=0.15)  # four standard deviations


def by_hand(small, at: int, layer: str) -> torch.Tensor:
    """Activations of an untrained network of the same architecture, from its seed in a few lines."""
    network, dataset = small.networks[at], small.setting.dataset
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(network.untrained.weights[:15], 16))
        net = network.model.build(dataset.channels, dataset.classes).eval()
    images, _ = draw(dataset.split("test"), small.setting.limit, small.setting.seed)
    with torch.no_grad():
        return cut(net, layer)[0]((images.float() / 255 - 0.3) / 0.2).contiguous()


@pytest.mark.parametrize(("index", "b"), [("cka", 1), ("r2_lr", 2)])
def test_random_features_are_the_index_on_untrained_networks(small, context, index, b):
    expected = simbench.similarity(index, by_hand(small, 0, "conv2"), by_hand(small, b, "conv2"))
    found = value(context, f"random_features[index={index}]", b=b, layer="conv2")
    assert found == pytest.approx(expected, abs=1e-5)
    trained = simbench.similarity(index, *(activations(small, at, "conv2") for at in (0, b)))
    assert abs(found - trained) > 1e-3


def test_untrained_networks_share_one_pass_over_the_inputs(small):
    fresh = Workbench(small)
    for a, b in ((0, 1), (1, 2), (2, 0)):
        value(fresh, "random_features", a=a, b=b)
    untrained = {network.untrained.content for network in small.networks}
    assert {layer for members, *_ in fresh._stacks for _, layer in members} == {"bn1", "conv2"}  # in the same pass
    for members, *_ in fresh._stacks:
        assert {content for content, _ in members} == untrained


def test_random_features_pass_on_why_there_is_no_value(context):
    index = get("random_features")
    row = context.similarity(index, case(context.selection, index, layer="bn1", layer_b="conv2"))
    assert row.status == "skipped" and row.value is None and "do not pair in view spatial" in row.note


def test_random_features_have_the_direction_and_range_of_their_index():
    claims = get("random_features[index=cka[estimator=debiased]]").claims
    assert (claims.direction, claims.range) == (1, get("cka[estimator=debiased]").claims.range)


def test_a_control_of_a_control_is_refused():
    assert_refused(lambda: get("random_features[index=random]"), "index is random, which is a control")


@pytest.mark.parametrize("index", ["depth", "random", "random_features"])
def test_rows_are_refused_in_one_line(index):
    rows = torch.randn(9, 3)
    line = f"{index} is computed from networks and layers, not from rows; `simbench run --indices` measures it"
    assert_refused(lambda: simbench.similarity(index, rows, rows), line)
    net = torch.nn.Sequential(torch.nn.Linear(3, 2))
    for given in (index, f"cka,{index}"):
        assert_refused(lambda given=given: simbench.similarities(given, net, net, [rows]), line)


@pytest.mark.any_rounding
def test_patterns_take_the_indices_of_rows():
    rows, net = torch.randn(9, 3), torch.nn.Sequential(torch.nn.Linear(3, 2))
    shown = set(simbench.similarities("all", net, net, [rows])["index"])
    assert "cka" in shown and not shown & {"depth", "random", "random_features"}


class Marked(Index):
    """CKA, declared to be a control."""

    name, source, control = "marked", "made by the tests", True

    @property
    def claims(self):
        return get("cka").claims

    def from_moments(self, m):
        return get("cka").from_moments(m)


def test_what_sees_no_rows_is_exempt_and_a_control_that_sees_them_is_not():
    assert [check.name for check in checks(get("depth"))] == ["contract", "similarity"]
    assert {check.name for check in checks(Marked())} == {check.name for check in checks(get("r2_lr"))}


class Meddler(Index):
    """Changes the activations that the bench hands it."""

    name, source = "meddler", "made by the tests"

    @property
    def claims(self):
        return Claims()

    def from_case(self, case, bench):
        return bench.representation(case.a, case.layer_a, "test").mul_(0).sum()


def test_an_index_that_changes_what_the_bench_hands_it_has_failed(small):
    with pytest.raises(Spoilt, match="meddler changed what it was handed"):
        Workbench(small).similarity(Meddler(), case(small, Meddler()))


def test_an_index_of_cases_does_not_see_a_stitch(context):
    one = case(context.selection, get("depth"))
    with pytest.raises(simbench.Inapplicable, match="does not see a stitch"):
        context.stitched_similarity(get("depth"), simbench.Affine.identity(6), one)


def test_untrained_networks_follow_from_the_content(small):
    first, second, third = (network.untrained for network in small.networks)
    assert len({first.content, second.content, third.content} | {network.content for network in small.networks}) == 6
    assert replace(small.networks[0], seed="other", file=first.file).untrained.content == first.content
