"""similarities(): every pair of layers in one pass gives what each pair alone gives."""

import itertools
from collections import OrderedDict

import numpy as np
import pandas as pd
import pytest
import torch
from simbench_plugins.indices.cka import CKA
from small_nets import IMAGES, LAYERS, activations, net
from torch import nn

import simbench
from simbench import Claims, Inapplicable, Index, InputError, similarities

A, B = net(0, width=5), net(1, width=3)
BATCHES = list(IMAGES.split(9))  # of 9, 9, 9, 9 and 1
SIZES = {layer: (1, 1) if layer == "last" else (4, 4) if layer == "down" else (8, 8) for layer in LAYERS}


@pytest.mark.parametrize(
    "indices",
    [
        pytest.param(["cka", "r2_lr[centred=false]"], id="of moments"),
        pytest.param(["r2_lr", "cca", "svcca", "pwcca"], id="of decompositions", marks=pytest.mark.long),
    ],
)
@pytest.mark.parametrize("view", ["spatial", "pooled"])
def test_linear_indices_of_all_pairs_are_those_of_stored_activations(view, indices):
    found = similarities(indices, A, B, BATCHES, LAYERS, view=view)
    assert list(found.columns) == ["index", "view", "layer_a", "layer_b", "value", "status", "note"]
    wanted = list(itertools.product(indices, LAYERS, LAYERS))
    assert list(found[["index", "layer_a", "layer_b"]].itertuples(index=False, name=None)) == wanted
    assert set(found["view"]) == {view}
    a, b = activations(A), activations(B)
    for row in found.itertuples():
        if view == "spatial" and SIZES[row.layer_a] != SIZES[row.layer_b]:
            assert row.status == "skipped" and np.isnan(row.value) and "rows do not pair" in row.note
            continue
        assert row.status == "ok" and row.note == ""
        expected = simbench.similarity(row.index, a[row.layer_a], b[row.layer_b], view)
        assert row.value == pytest.approx(expected, abs=1e-9), (row.index, row.layer_a, row.layer_b)


def hsic(x, y):
    """Unbiased HSIC of linear kernels, Song et al. 2012, eq. 5, sum by sum."""
    m = len(x)
    k, l = ([[0.0 if i == j else float(z[i] @ z[j]) for j in range(m)] for i in range(m)] for z in (x, y))
    trace = sum(k[i][j] * l[i][j] for i in range(m) for j in range(m))
    sums = sum(map(sum, k)) * sum(map(sum, l))
    chain = sum(k[i][j] * l[j][q] for i in range(m) for j in range(m) for q in range(m))
    return (trace + sums / ((m - 1) * (m - 2)) - 2 * chain / (m - 2)) / (m * (m - 3))


def minibatch_cka(a, b, size):
    """sum hsic(a, b) / sqrt(sum hsic(a, a) sum hsic(b, b)) over batches, the last of fewer than 4 rows left out."""
    a, b = a.double().flatten(1), b.double().flatten(1)
    a, b = a - a.mean(0), b - b.mean(0)
    parts = [(x, y) for x, y in zip(a.split(size), b.split(size), strict=True) if len(x) >= 4]
    cross, own_a, own_b = (
        sum(hsic(*pair) for pair in pairs) for pairs in (parts, [(x, x) for x, _ in parts], [(y, y) for _, y in parts])
    )
    return cross / (own_a * own_b) ** 0.5


@pytest.mark.parametrize("view", ["flat", "pooled"])
def test_minibatch_cka_of_all_pairs_is_the_ratio_of_sums_of_unbiased_hsics(view):
    layers = ["stem", "block", "last"]
    found = similarities("cka[estimator=minibatch]", A, B, BATCHES, layers, view=view)
    a, b = activations(A), activations(B)
    for row in found.itertuples():
        x, y = a[row.layer_a], b[row.layer_b]
        if view == "pooled":
            x, y = (z.mean((2, 3)) if z.ndim == 4 else z for z in (x, y))
        assert row.status == "ok" and row.value == pytest.approx(minibatch_cka(x, y, 9), abs=1e-10)


def test_batches_longer_than_the_index_allows_are_cut():
    index = CKA("minibatch", batch=9)
    whole = similarities(index, A, B, [IMAGES], ["stem", "last"], view="flat")
    parts = similarities(index, A, B, BATCHES, ["stem", "last"], view="flat")
    pd.testing.assert_frame_equal(whole, parts, rtol=1e-10)


class Offset(nn.Module):
    """Features whose mean is a thousand times their deviation."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(192, 300), nn.Linear(192, 200)

    def forward(self, x):
        x = x.flatten(1)
        return self.first(x) + self.second(x).sum()


def test_minibatch_cka_of_float32_layers_far_from_zero_keeps_six_digits():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = Offset()
    with torch.no_grad():
        network.first.bias += 1e3
        network.second.bias -= 1e3
        x = IMAGES.float()
        a, b = network.first(x.flatten(1)), network.second(x.flatten(1))
    found = similarities("cka[estimator=minibatch]", network, network, [x], ["first", "second"], view="flat")
    values = found.pivot(index="layer_a", columns="layer_b", values="value")
    assert values.loc["first", "second"] == pytest.approx(minibatch_cka(a, b, 128), abs=1e-6)
    assert values.loc["first", "second"] == values.loc["second", "first"]
    assert values.loc["first", "first"] == pytest.approx(1)


def counted(network):
    network, seen = net(*network), []
    network.register_forward_hook(lambda module, given, output: seen.append(len(output)))
    return network, seen


@pytest.mark.parametrize(
    "indices, view", [("cka,pwcca", "pooled"), ("cka,cka[estimator=minibatch]", "flat"), ("cka", "spatial")]
)
def test_every_network_runs_once_a_batch_and_one_network_against_itself_once(indices, view):
    (a, seen_a), (b, seen_b) = counted((0, 5)), counted((1, 3))
    found = similarities(indices, a, b, BATCHES, ["stem", "last"], view=view)
    assert seen_a == seen_b == [9, 9, 9, 9, 1] and len(found) == 4 * len(indices.split(","))
    similarities(indices, a, a, BATCHES, ["stem", "last"], view=view)
    assert seen_a == 2 * [9, 9, 9, 9, 1]


@pytest.mark.parametrize(
    "indices, view",
    [("cca,cka,pwcca,r2_lr,svcca", "pooled"), ("cka,r2_lr", "spatial"), ("cka[estimator=minibatch]", "flat")],
)
def test_a_network_against_itself_is_a_network_against_its_copy(indices, view):
    once = similarities(indices, A, A, BATCHES, ["stem", "block", "last"], view=view)
    twice = similarities(indices, A, net(0, width=5), BATCHES, ["stem", "block", "last"], view=view)
    pd.testing.assert_frame_equal(once, twice, atol=1e-9)
    other = similarities(indices, A, A, BATCHES, ["stem", "block"], ["block", "last"], view=view)
    keep = once["layer_a"].isin(["stem", "block"]) & once["layer_b"].isin(["block", "last"])
    pd.testing.assert_frame_equal(other, once[keep].reset_index(drop=True), atol=1e-9)


def test_layers_by_default_are_all_that_run_once_without_submodules():
    every = ["stem", "rise", "block.conv", "block.norm", "down", "last"]
    found = similarities("cka", A, B, [(x, torch.zeros(len(x))) for x in BATCHES], view="pooled")
    assert list(found["layer_a"].unique()) == list(found["layer_b"].unique()) == every
    some = similarities("cka", A, A, BATCHES, None, "stem, last", view="pooled")
    assert list(some["layer_a"].unique()) == every and list(some["layer_b"].unique()) == ["stem", "last"]


def test_layers_too_wide_for_moments_are_skipped_in_view_flat_with_the_reason():
    stages = OrderedDict(wide=nn.Upsample(scale_factor=5), narrow=nn.AdaptiveAvgPool2d(2))  # 3 x 40 x 40, 3 x 2 x 2
    net = nn.Sequential(stages)
    table = similarities("cka,cka[estimator=minibatch]", net, net, BATCHES, ["wide", "narrow"], view="flat")
    rows = table.set_index(["index", "layer_a", "layer_b"]).sort_index()
    assert rows.loc[("cka", "wide", "narrow"), "status"] == "skipped"
    assert "'wide' has more than 4096 neurons" in rows.loc[("cka", "wide", "narrow"), "note"]
    assert set(rows.loc["cka[estimator=minibatch]", "status"]) == {"ok"}
    assert rows.loc[("cka", "narrow", "narrow"), "value"] == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(
    "indices, view", [("cka,r2_lr", "spatial"), ("cka", "pooled"), ("cka[estimator=minibatch]", "flat")]
)
def test_a_constant_layer_is_degenerate_with_the_reason(indices, view):
    still = net(2)
    with torch.no_grad():
        still.stem.weight.zero_()
    found = similarities(indices, A, still, BATCHES, ["stem", "block.conv"], view=view)
    found = found.set_index(["layer_a", "layer_b"])
    dead = found.loc[[("stem", "stem")]]
    assert set(dead["status"]) == {"degenerate"} and dead["value"].isna().all()
    assert dead["note"].str.contains("'stem' of b is constant").all()


def test_more_directions_than_rows_are_degenerate_with_the_reason():
    found = similarities("cca", A, B, [IMAGES[:9]], ["stem"], view="pooled")
    assert found.loc[0, "status"] == "ok"
    found = similarities("cca", A, B, [IMAGES[:8]], ["stem"], view="pooled")
    assert found.loc[0, "status"] == "degenerate" and "some correlations are 1" in found.loc[0, "note"]


class Moody(Index):
    """Refuses unequal widths; NaN otherwise."""

    name, source, claims = "moody", "", Claims()

    def from_moments(self, m):
        if m.ab.shape[0] != m.ab.shape[1]:
            raise Inapplicable("unequal widths")
        return m.ab.sum() * float("nan")


def test_a_value_that_is_not_there_has_a_reason():
    found = similarities(Moody(), A, B, BATCHES, ["stem", "last"], view="pooled").set_index(["layer_a", "layer_b"])
    assert set(found["status"]) == {"skipped", "failed"} and found["value"].isna().all()
    assert tuple(found.loc[("stem", "stem"), ["status", "note"]]) == ("skipped", "unequal widths")
    assert tuple(found.loc[("last", "last"), ["status", "note"]]) == ("failed", "index moody returned nan")


def with_nan():
    network = net(3)
    with torch.no_grad():
        network.down.weight[0] = float("nan")
    return network


CONVOLUTION = nn.Sequential(nn.Conv2d(3, 2, 3)).double()


@pytest.mark.parametrize(
    "options, message",
    [
        ({"view": "flatt"}, "view 'flatt' is unknown"),
        ({"indices": "ckaa"}, "index 'ckaa' is unknown; did you mean 'cka'"),
        ({"indices": []}, "no index is given"),
        ({"indices": [3]}, "index is 3; give a name"),
        ({"indices": "cka[estimator=minibatch]", "view": "spatial"}, "a row in view 'spatial' is a pixel"),
        ({"layers": ["stme"]}, "layer of a 'stme' is unknown; did you mean 'stem'"),
        ({"layers_b": ["stme"]}, "layer of b 'stme' is unknown"),
        ({"layers": []}, "layers is empty"),
        ({"layers": ["block.relu"]}, "layer 'block.relu' of a runs several times"),
        ({"batches": []}, "batches is empty"),
        ({"batches": IMAGES}, r"batches is a Tensor; give an iterable of batches"),
        ({"batches": ["images"]}, "a batch has inputs of type str"),
        ({"batches": [IMAGES[:0]]}, "a batch has inputs of shape"),
        ({"batches": [IMAGES[:3]], "view": "flat", "indices": "cka[estimator=minibatch]"}, "no batch has 4 images"),
        ({"a": "net"}, "a is a str; give a torch.nn.Module"),
        ({"b": with_nan()}, "'down' of b holds NaN or infinite"),
        ({"b": with_nan(), "view": "pooled"}, "'down' of b holds NaN or infinite"),
        ({"a": with_nan(), "view": "flat", "indices": "cka[estimator=minibatch]"}, "'down' of a holds NaN or infinite"),
        (
            {"batches": [IMAGES, IMAGES[..., :6, :6]], "layers": ["0"], "a": CONVOLUTION, "b": CONVOLUTION},
            "change their height and width",
        ),
    ],
)
def test_bad_input_is_one_clear_line(options, message):
    given = {"indices": "cka", "a": A, "b": B, "batches": BATCHES, "layers": ["stem", "down"]} | options
    with pytest.raises(InputError, match=message) as error:
        similarities(**given)
    assert "\n" not in str(error.value)
