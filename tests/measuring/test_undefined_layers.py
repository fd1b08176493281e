"""Layers on which an index is not defined: degenerate with the reason, in every way that layers are measured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from simbench_plugins.indices.cka import CKA
from small_networks import case, installed
from small_tables import index, noise, table, target
from torch import nn

import simbench
from simbench import Claims, Index, Undefined, similarities
from simbench.measuring.bench import Workbench
from simbench.measuring.measure import measure
from simbench.networks import weights

IMAGES = torch.randn(20, 3, 8, 8, generator=torch.Generator().manual_seed(0))


class Layers(nn.Module):
    """A convolution; one and a share of it, near a rounding of one; one-hot rows; a layer where most rows coincide."""

    def __init__(self, share: float = 2e-7) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            self.conv = nn.Conv2d(3, 5, 3, padding=1)
        self.share, self.still, self.hot, self.sparse = share, nn.Identity(), nn.Identity(), nn.Identity()

    def forward(self, x):
        x = self.conv(x)
        self.still(1 + self.share * x)
        self.hot(torch.eye(32, dtype=x.dtype)[: len(x)])
        self.sparse(x.flatten(1) * (torch.arange(len(x)) < 3)[:, None])
        return x


def frame(indices, net=None, layers=("conv", "still"), view="pooled", images=IMAGES):
    net = net or Layers()
    return similarities(indices, net, net, [images], list(layers), view=view).set_index(["index", "layer_a", "layer_b"])


@pytest.mark.parametrize(
    "indices, view",
    [("cka,cca,svcca,pwcca,r2_lr,r2_lr[centred=false]", "spatial"), ("cka,cca", "pooled"), ("cka,r2_lr", "flat")],
)
def test_a_layer_that_varies_by_its_rounding_is_degenerate_and_has_no_value(indices, view):
    found = frame(indices, view=view)
    still = found[[("still" in place[1:]) for place in found.index]]
    assert len(still) == 3 * len(installed().select("indices", [indices]))
    assert set(still["status"]) == {"degenerate"} and still["value"].isna().all()
    assert still["note"].str.match("'still' of . varies by no more than the rounding of its numbers").all()
    assert found.drop(still.index)["value"].between(0, 1).all()


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
@pytest.mark.parametrize("view", ["pooled", "flat"])
def test_minibatches_of_rounding_and_of_rows_equally_far_apart_are_degenerate(kernel, view):
    one = CKA("minibatch", kernel)
    found = frame(one, view=view, layers=("conv", "still", "hot")).loc[one.spec]
    ok = found.loc[("conv", "conv")]
    assert (ok["status"], ok["note"]) == ("ok", "") and ok["value"] == pytest.approx(1, abs=1e-12) and ok["value"] <= 1
    others = found.drop(("conv", "conv"))
    assert set(others["status"]) == {"degenerate"} and others["value"].isna().all() and (others["note"] != "").all()
    assert (
        "'hot' of b" in found.loc[("conv", "hot"), "note"] and "equally far apart" in found.loc[("hot", "hot"), "note"]
    )


@pytest.mark.parametrize("share", [1e-7, 1.5e-7, 2e-7, 2.2e-7])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("view", ["pooled", "flat"])
def test_minibatches_of_rounding_are_degenerate_however_the_numbers_were_rounded(view, seed, share):
    images = torch.randn(20, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
    found = frame(CKA("minibatch"), Layers(share), ["still"], view, images)
    assert list(found["status"]) == ["degenerate"] and found["value"].isna().all()


def test_a_layer_without_a_bandwidth_costs_its_own_pairs_alone():
    one = CKA("minibatch", "rbf")
    found = frame(one, layers=("conv", "sparse"), view="flat").loc[one.spec]
    alone = frame(one, layers=("conv",), view="flat").loc[one.spec]
    assert found.loc[("conv", "conv"), "value"] == alone.loc[("conv", "conv"), "value"]
    lost = found.drop(("conv", "conv"))
    assert (
        set(lost["status"]) == {"degenerate"}
        and lost["note"].str.contains("'sparse' of .: has rows of which many coincide: the median dist").all()
    )
    only = frame(one, layers=("sparse",), view="flat")
    assert set(only["status"]) == {"degenerate"}


@pytest.mark.parametrize("scale", [1e-20, 1e15])
def test_extreme_float32_layers_have_the_values_of_usual_ones(scale):
    """The activations are those of the usual network times a scale; their squares and more overflow in float32."""
    for indices, view in (
        (["cka", "r2_lr", "cca"], "pooled"),
        (CKA("minibatch"), "flat"),
        (CKA("minibatch", "rbf"), "flat"),
    ):
        usual, extreme = Layers(), Layers()
        with torch.no_grad():
            extreme.conv.weight *= scale
            extreme.conv.bias *= scale
        x = torch.cat([IMAGES] * 2) + torch.randn(40, 3, 8, 8, generator=torch.Generator().manual_seed(1))
        first, second = (
            similarities(indices, usual, net, [x], ["conv"], view=view)["value"] for net in (usual, extreme)
        )
        assert np.allclose(first, second, atol=1e-6, rtol=0)


def maps(channels: int, seed: int) -> nn.Sequential:
    """Images -> (n, channels, 4, 4) with means of about ten deviations, by one product."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Flatten(), nn.Linear(192, channels * 16), nn.Unflatten(1, (channels, 4, 4)))
    with torch.no_grad():
        net[1].bias.add_(10)
    return net


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize(
    "indices, view",
    [
        ("cka,r2_lr,cca,pwcca", "pooled"),
        ("cka,r2_lr", "spatial"),
        ("cka[estimator=minibatch]", "flat"),
        ("cka[estimator=minibatch]", "pooled"),
        ("cka[estimator=minibatch,kernel=rbf]", "flat"),
    ],
)
def test_layers_in_half_precision_have_the_values_of_their_numbers_in_float64(indices, view, dtype):
    a, b, x = maps(3, 0).to(dtype), maps(4, 1).to(dtype), IMAGES.to(dtype)
    with torch.no_grad():
        exact = [net(x).double() for net in (a, b)]
    if view == "pooled":
        exact = [z.mean((2, 3)) for z in exact]
    found = similarities(indices, a, b, [x], ["2"], view=view, layouts="nchw")
    for row in found.itertuples():
        assert row.status == "ok"
        assert row.value == pytest.approx(simbench.similarity(row[1], *exact, view=view), abs=1e-6)


class Zeros(Index):
    """Divides by what is zero, and says so."""

    name, source, claims = "zeros", "made by the tests", Claims()

    def from_moments(self, m):
        raise Undefined("zero over zero")


class Infinite(Index):
    name, source, claims = "infinite", "made by the tests", Claims()

    def from_moments(self, m):
        return m.ab.sum() * float("inf")


class Rounded(Index):
    """One, and a rounding."""

    name, source, claims = "rounded", "made by the tests", Claims()

    def from_moments(self, m):
        return m.ab.new_tensor(1 + 2**-50)


def test_what_an_index_says_is_undefined_is_degenerate_and_infinity_is_no_value():
    found = frame([Zeros(), Infinite(), Rounded()], layers=("conv",)).droplevel([1, 2])
    assert tuple(found.loc["zeros", ["status", "note"]]) == ("degenerate", "zero over zero")
    assert found.loc["infinite", "status"] == "failed" and "returned inf" in found.loc["infinite", "note"]
    assert found.loc["rounded", "value"] == 1
    a = torch.randn(9, 3, generator=torch.Generator().manual_seed(0))
    with pytest.raises(simbench.InputError, match="zeros has no value for a and b: zero over zero"):
        simbench.similarity(Zeros(), a, a)
    with pytest.raises(simbench.InputError, match="index infinite returned -?inf"):
        simbench.similarity(Infinite(), a, a)
    assert simbench.similarity(Rounded(), a, a) == 1


@pytest.mark.parametrize("spec", ["cka", "r2_lr", "cka[estimator=debiased]", "cka[kernel=rbf]"])
@pytest.mark.parametrize("view", ["spatial", "pooled", "flat"])
def test_the_harness_gives_a_layer_of_rounding_a_degenerate_row_without_a_value(small, tmp_path, spec, view):
    network = small.networks[1]
    state = torch.load(network.file, weights_only=True)
    state["bn1.weight"].mul_(3e-7 if view == "pooled" else 1e-7)  # near a rounding of one
    state["bn1.bias"].fill_(1)
    torch.save(state, tmp_path / "rounded.pt")
    damaged = replace(network, weights=weights.content_hash(state), file=tmp_path / "rounded.pt")
    selection = replace(small, networks=(small.networks[0], damaged, *small.networks[2:]))
    found = measure(case(selection, installed().get("indices", spec), view=view), Workbench(selection))
    (row,) = found.rows
    assert (row.status, row.value, found.error) == ("degenerate", None, "")
    assert row.note == (
        f"bn1 of {damaged.name} varies by no more than the rounding of its numbers over the test images: undefined"
    )


def test_a_degenerate_row_without_a_value_leaves_the_correlation_of_the_others():
    x, y = noise(1), noise(2)
    spoilt = index("cka", x)
    undefined = (spoilt["seed_a"] == "0") & (spoilt["seed_b"] == "1")
    spoilt.loc[undefined, ["value", "status", "note"]] = [np.nan, "degenerate", "zero over zero"]
    found, fewer = table(spoilt, target(y)), table(index("cka", x)[~undefined], target(y))
    pd.testing.assert_series_equal(
        found["spearman"] if "spearman" in found else found["value"],
        fewer["spearman"] if "spearman" in fewer else fewer["value"],
    )
