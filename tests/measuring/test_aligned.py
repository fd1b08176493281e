"""Layers of unlike height and width, and of tokens, are brought together before a stitch and before rows pair."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from small_cases import SAME, activations, get, stitcher
from small_networks import case
from small_plugins import Net
from torch import nn

import simbench
from simbench import Inapplicable, InputError
from simbench.contracts.selection import Network
from simbench.measuring.activations import Activations
from simbench.measuring.aligned import resized
from simbench.measuring.bench import Workbench
from simbench.measuring.measure import measure
from simbench.moments.alignment import Alignment
from simbench.moments.layout import Layout
from simbench.networks import weights


def triangle(source, target):
    """(target, source): rows are the weights of antialiased linear interpolation, pixel by pixel."""
    scale = source / target
    width = max(scale, 1.0)
    rows = np.array(
        [[max(0.0, 1 - abs(j + 0.5 - (i + 0.5) * scale) / width) for j in range(source)] for i in range(target)]
    )
    return torch.tensor(rows / rows.sum(1, keepdims=True))


def slowly(x, height, width):
    """x (n, c, h, w) at another height and width."""
    return torch.einsum("ncij,hi,wj->nchw", x.double(), triangle(x.shape[2], height), triangle(x.shape[3], width))


@pytest.mark.parametrize("size", [(3, 3), (4, 5), (8, 8), (11, 9)])
def test_resizing_is_antialiased_linear_interpolation(size):
    x = torch.randn(2, 3, 8, 7, dtype=torch.float64)
    assert torch.allclose(Alignment((8, 7), size)(x), slowly(x, *size), atol=1e-12)


@pytest.mark.parametrize("source", [(2, 1), (7, 1), (9, 1), (1, 5), (6, 3)])
@pytest.mark.parametrize("target", [(1, 1), (3, 1), (7, 1), (8, 1), (1, 4)])
def test_sequences_of_unlike_lengths_are_resized_along_their_places(source, target):
    x = torch.randn(2, 3, *source, dtype=torch.float64)
    for given in (
        x,
        x.contiguous(memory_format=torch.channels_last),
        x.permute(0, 3, 2, 1).contiguous().permute(0, 3, 2, 1),
    ):
        assert torch.allclose(Alignment(source, target)(given), slowly(x, *target), atol=1e-12)


def test_a_map_becomes_a_vector_by_its_means_and_a_vector_no_map():
    x = torch.randn(2, 3, 4, 4)
    assert torch.equal(Alignment((4, 4), ())(x), x.mean((2, 3)))
    with pytest.raises(Inapplicable, match="a is a vector and b is 4 x 4"):
        Alignment((), (4, 4))
    with pytest.raises(InputError, match="resize 'bilinaer' is unknown; did you mean 'bilinear'"):
        Alignment((2, 2), (4, 4), "bilinaer")


def test_an_index_and_a_stitch_of_unlike_sizes_act_on_resized_activations(small, context):
    def of(method):
        return replace(case(small, method, layer="bn1", layer_b="conv2"), resize="bilinear")

    a, b = (activations(small, at, layer, "test") for at, layer in ((0, "bn1"), (1, "conv2")))
    moved = slowly(a, 3, 3)
    assert context.similarity(get("cka"), of(get("cka"))).value == pytest.approx(
        simbench.similarity("cka", moved, b), abs=SAME
    )
    train = slowly(activations(small, 0, "bn1", "train"), 3, 3), activations(small, 1, "conv2", "train")
    x, y = (each.double().movedim(1, -1).flatten(0, 2).numpy() for each in train)
    solution = np.linalg.lstsq(np.column_stack([x, np.ones(len(x))]), y, rcond=None)[0]
    affine = context.fit(stitcher("least_squares"), of(stitcher("least_squares")))
    assert np.allclose(affine.weight, solution[:-1], atol=1e-4) and np.allclose(affine.bias, solution[-1], atol=1e-4)
    logits = context.logits(affine, of(stitcher("least_squares")))
    end = simbench.cut(weights.load(small.networks[1], small.setting.dataset), "conv2")[1]
    with torch.no_grad():
        assert torch.allclose(logits, end(affine.to(torch.float32)(moved.float())), atol=1e-4)


def test_rows_say_what_was_done_and_only_where_it_was(small, context):
    unlike = replace(case(small, get("cka"), layer="bn1", layer_b="conv2"), resize="bilinear")
    (row,) = measure(unlike, context).rows
    assert row.status == "ok" and row.note == "a: resized from 8 x 8 to 3 x 3, bilinear"
    trained = replace(case(small, stitcher("task_loss[epochs=1]"), layer="bn1", layer_b="conv2"), resize="bilinear")
    found = measure(trained, context).rows
    assert {row.quantity for row in found} >= {"accuracy", "residual"} and {row.status for row in found} == {"ok"}
    (alike,) = measure(replace(case(small, get("cka")), resize="bilinear"), context).rows
    assert (alike.status, alike.note) == ("ok", "")
    (row,) = measure(replace(unlike, resize=""), context).rows
    assert row.status == "skipped"


def test_resizing_is_part_of_what_a_case_is_only_where_it_acts(small):
    one = case(small, get("cka"))
    assert "resize" not in one.identity
    assert replace(one, resize="bilinear").key != one.key == replace(one, resize="").key


@pytest.mark.parametrize(
    "layout, shape, canonical",
    [
        ("tokens[prefix=1,grid=4x2]", (5, 9, 3), (5, 3, 4, 2)),
        ("tokens", (5, 9, 3), (5, 3, 9, 1)),
        ("sequence", (5, 9, 3), (5, 3, 9, 1)),
        ("image_last", (5, 4, 2, 3), (5, 3, 4, 2)),
        ("image", (5, 3, 4, 2), (5, 3, 4, 2)),
        ("vector", (5, 3), (5, 3)),
    ],
)
def test_a_layout_and_back_is_the_same(layout, shape, canonical):
    one, x = Layout.parse(layout), torch.randn(*shape)
    assert str(one) == layout
    assert one.canonical(x).shape == canonical
    assert torch.equal(one.raw(one.canonical(x), one.leading(x)), x)


@pytest.mark.parametrize(
    "act, message",
    [
        (lambda: Layout.parse("tokns"), "layout 'tokns' is unknown; allowed: nchw"),
        (lambda: Layout("image", 1), "layout 'image' has no prefix"),
        (lambda: Layout("tokens", 1, (4, 4)).canonical(torch.zeros(2, 9, 3)), r"1 \+ 4 x 4 tokens"),
        (lambda: Layout("tokens", 1).raw(torch.zeros(2, 3, 4, 4)), "needs 1 leading tokens of 3 channels"),
        (lambda: Layout("tokens").canonical(torch.zeros(2, 9)), r"layout tokens is \(n, t, c\)"),
    ],
)
def test_a_layout_that_does_not_fit_is_one_clear_line(act, message):
    with pytest.raises(InputError, match=message):
        act()


class Tokenised(nn.Module):
    """(n, c, 2, 2) patches as tokens (n, 1 + 4, c), the first a class token."""

    def __init__(self, width):
        super().__init__()
        self.leading = nn.Parameter(torch.randn(1, 1, width))

    def forward(self, x):
        return torch.cat([self.leading.expand(len(x), -1, -1), x.flatten(2).mT], 1)


class First(nn.Module):
    def forward(self, x):
        return x[:, 0] + x.mean(1)


@dataclass(frozen=True)
class Transformer(Net):
    """Tokens of 2 x 2 patches, and a class token."""

    name = "transformer"

    @property
    def layers(self):
        return ("tokens", "mixed")

    @property
    def layouts(self):
        return dict.fromkeys(self.layers, "tokens[prefix=1,grid=2x2]")

    def build(self, channels, classes):
        stages = nn.Sequential()
        stages.add_module("patches", nn.Conv2d(channels, self.width, 4, 4))
        stages.add_module("tokens", Tokenised(self.width))
        stages.add_module("mixed", nn.TransformerEncoderLayer(self.width, 2, 8, batch_first=True, dropout=0.0))
        stages.add_module("first", First())
        stages.add_module("head", nn.Linear(self.width, classes))
        return stages


@pytest.fixture
def mixed(small, tmp_path):
    """The small selection and two untrained transformers, as networks 3 and 4."""
    made = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        state, file = Transformer().build(1, 3).state_dict(), tmp_path / f"{seed}.pt"
        torch.save(state, file)
        made.append(Network(Transformer(), str(seed), weights.content_hash(state), file))
    layers = small.layers | {made[0].model.spec: ("mixed",)}
    return replace(small, networks=(*small.networks, *made), layers=layers)


def raw_tokens(selection, at, split):
    """(n, 5, c) of `mixed`, straight from the images."""
    return activations(selection, at, "mixed", split)


def test_tokens_pair_with_tokens_class_tokens_too(mixed):
    bench = Workbench(mixed)
    one = case(mixed, get("cka"), 3, 4, "mixed")
    x, y = (raw_tokens(mixed, at, "test") for at in (3, 4))
    assert bench.similarity(one.method, one).value == pytest.approx(
        simbench.similarity("cka", x, y, layout="ntc"), abs=SAME
    )
    assert bench.alignment(one) == ""
    affine = simbench.Affine.identity(6)
    logits = bench.logits(affine, case(mixed, stitcher("least_squares"), 3, 3, "mixed"))
    assert torch.equal(logits, bench.outputs(mixed.networks[3], "test"))


def test_a_map_is_stitched_into_tokens_with_the_mean_class_token(mixed):
    bench = Workbench(mixed)
    one = replace(case(mixed, stitcher("least_squares"), 0, 3, "bn1", layer_b="mixed"), resize="bilinear")
    affine = bench.fit(one.method, one)
    own, moved = raw_tokens(mixed, 3, "train"), slowly(activations(mixed, 0, "bn1", "train"), 2, 2)
    x = moved.movedim(1, -1).flatten(0, 2).numpy()
    y = own[:, 1:].double().flatten(0, 1).numpy()
    solution = np.linalg.lstsq(np.column_stack([x, np.ones(len(x))]), y, rcond=None)[0]
    assert np.allclose(affine.weight, solution[:-1], atol=1e-3)
    test = affine.to(torch.float32)(slowly(activations(mixed, 0, "bn1", "test"), 2, 2).float())
    tokens = torch.cat([own[:, :1].mean(0, keepdim=True).expand(len(test), -1, -1), test.flatten(2).mT], 1)
    net = weights.load(mixed.networks[3], mixed.setting.dataset)
    with torch.no_grad():
        expected = net.head(net.first(tokens))
    assert torch.allclose(bench.logits(affine, one), expected, atol=1e-4)
    said = "a: resized from 8 x 8 to 2 x 2, bilinear; b: tokens as 2 x 2 without the first 1"
    assert bench.alignment(one) == said


def test_tokens_are_stitched_into_a_map_as_their_grid(mixed):
    bench = Workbench(mixed)
    one = replace(case(mixed, stitcher("least_squares"), 3, 0, "mixed", layer_b="conv2"), resize="bilinear")
    rows = measure(one, bench).rows
    assert {row.status for row in rows} == {"ok"}
    index = replace(case(mixed, get("cka"), 3, 0, "mixed", layer_b="conv2"), resize="bilinear")
    grid = raw_tokens(mixed, 3, "test")[:, 1:].mT.unflatten(2, (2, 2))
    expected = simbench.similarity("cka", slowly(grid, 3, 3), activations(mixed, 0, "conv2"))
    assert bench.similarity(index.method, index).value == pytest.approx(expected, abs=1e-5)


class Whole(nn.Module):
    """The same stages in a forward of its own."""

    def __init__(self, stages):
        super().__init__()
        self.stages = nn.ModuleDict(stages._modules)

    def forward(self, x):
        for stage in self.stages.values():
            x = stage(x)
        return x


@dataclass(frozen=True)
class Undeclared(Transformer):
    """A transformer that is no row of stages, and says nothing of its layouts."""

    name, layouts = "undeclared", None

    @property
    def layers(self):
        return ("stages.mixed",)

    def build(self, channels, classes):
        return Whole(super().build(channels, classes))


def test_a_network_that_is_no_row_of_stages_shows_its_layouts_in_a_pass(mixed, tmp_path):
    torch.manual_seed(0)
    state = Undeclared().build(1, 3).state_dict()
    torch.save(state, tmp_path / "x.pt")
    network = Network(Undeclared(), "0", weights.content_hash(state), tmp_path / "x.pt")
    layers = mixed.layers | {network.model.spec: network.model.layers}
    both = replace(mixed, networks=(*mixed.networks, network), layers=layers)
    bench = Workbench(both)
    assert str(bench.activations.layout(network, "stages.mixed")) == "tokens[prefix=1,grid=2x2]"
    one = replace(case(both, get("cka"), 5, 0, "stages.mixed", layer_b="conv2"), resize="bilinear")
    grid = raw_tokens(mixed, 3, "test")[:, 1:].mT.unflatten(2, (2, 2))
    expected = simbench.similarity("cka", slowly(grid, 3, 3), activations(mixed, 0, "conv2"))
    assert bench.similarity(one.method, one).value == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("budget", [0, 10**9])
def test_layers_resized_from_one_layer_are_the_same_however_they_are_held(small, budget):
    """And where there is room, the network runs once for all of them."""
    network, held = small.networks[0], Activations(small.setting, budget=budget)
    calls, chosen = [], torch.tensor([5, 1])
    held.shape(network, "bn1")
    held.front(network, "bn1")[-1].register_forward_hook(lambda *_: calls.append("bn1"))
    layers = [resized("bn1", Alignment((8, 8), size)) for size in ((3, 3), (4, 5), (2, 2))]
    found = [held.tensor(network, layer, "test") for layer in layers]
    assert len(calls) == 1 or not budget
    for layer, x in zip(layers, found, strict=True):
        assert torch.equal(x, layer.after(Activations(small.setting).tensor(network, "bn1", "test")))
        assert torch.equal(held.tensor(network, layer, "test", chosen), x[chosen])
