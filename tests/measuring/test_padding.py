"""Padding of token ids counts nowhere: not in rows, means, moments, stitches and their scores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from small_cases import SAME, get, stitcher
from small_networks import case as of_images
from small_networks import installed
from torch import nn

import simbench
from simbench import Inapplicable
from simbench.boards.data import Given
from simbench.boards.live import Live
from simbench.contracts.case import Case
from simbench.contracts.selection import Selection, Setting
from simbench.measuring.bench import Workbench
from simbench.measuring.joints import joint
from simbench.measuring.measure import measure

LENGTHS = {"train": 150, "test": 131}  # two batches of the bench, the second one short


class Text(nn.Module):
    """Ids (n, t), -1 where they are padding, to 3 outputs: the mean over tokens of two maps of their embedding."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.embed, self.mix, self.head = nn.Embedding(30, width), nn.Linear(width, width), nn.Linear(width, 3)

    def forward(self, ids):
        kept = (ids >= 0).float()[:, :, None]
        x = self.mix(self.embed(ids.clamp(min=0))).tanh()
        return self.head((x * kept).sum(1) / kept.sum(1))


def ids(split: str, width: int = 7) -> torch.Tensor:
    """Ids of 2 to 6 tokens, and padding up to a width."""
    count = LENGTHS[split]
    generator = torch.Generator().manual_seed(count)
    x = torch.randint(1, 30, (count, 7), generator=generator)
    x = x.masked_fill(torch.arange(7) >= torch.randint(2, 7, (count, 1), generator=generator), -1)
    return torch.cat([x, torch.full((count, width - 7), -1)], 1)


def rig(width: int = 7):
    """Two networks, their bench on ids of a width, and a case of cka between their layers mix."""
    nets = []
    for seed, size in enumerate((5, 8)):
        torch.manual_seed(seed)
        nets.append(Text(size).eval())
    models = [Live(name, net, ids("test")[:4]) for name, net in zip("ab", nets, strict=True)]
    labels = torch.randint(0, 3, (150,), generator=torch.Generator().manual_seed(3)).numpy()
    data = Given((ids("train", width).numpy(), labels), (ids("test", width).numpy(), labels[:131]), 3)
    setting, networks = Setting(data, data.fingerprint(), 1000), tuple(model.network() for model in models)
    bench = Workbench(Selection(setting, networks, {m.spec: ("mix",) for m in models}, ("spatial",), (), ()))
    experiment = installed().get("experiments", "layers")
    return (
        nets,
        bench,
        Case(experiment, setting, "index", get("cka"), networks[0], "mix", networks[1], "mix", "spatial"),
    )


@pytest.fixture(scope="module")
def text():
    return rig()


def tokens(net, split: str) -> list[torch.Tensor]:
    """Activations (t, c) at mix of each input, without its padding."""
    with torch.no_grad():
        return [net.mix(net.embed(row[row >= 0])).double() for row in ids(split)]


def test_in_view_spatial_rows_are_the_tokens_that_are_no_padding(text):
    nets, bench, case = text
    a, b = (torch.cat(tokens(net, "test")) for net in nets)
    assert len(a) == int((ids("test") >= 0).sum()) < 131 * 7
    for spec in ("cka", "r2_lr", "svcca", "cka[kernel=rbf]"):
        each = replace(case, method=get(spec))
        value = bench.similarity(get(spec), each).value
        assert value == pytest.approx(simbench.similarity(spec, a, b), abs=SAME), spec
    x, y = bench.rows(case, "test", "spatial")
    assert torch.allclose(x.double(), a, atol=1e-6) and torch.allclose(y.double(), b, atol=1e-6)


@pytest.mark.parametrize("spec", ["cka", "procrustes", "cka[kernel=rbf]"])
def test_in_view_pooled_an_input_is_the_mean_of_these(text, spec):
    nets, bench, case = text
    a, b = (torch.stack([each.mean(0) for each in tokens(net, "test")]) for net in nets)
    pooled = replace(case, method=get(spec), view="pooled")
    assert bench.similarity(get(spec), pooled).value == pytest.approx(simbench.similarity(spec, a, b), abs=SAME)


def test_a_stitch_is_fitted_to_them_and_its_residual_is_theirs(text):
    nets, bench, case = text
    stitch = stitcher("least_squares")
    stitched = replace(case, kind="stitcher", method=stitch)
    x, y = (torch.cat(tokens(net, "train")).numpy() for net in nets)
    solution = np.linalg.lstsq(np.column_stack([x, np.ones(len(x))]), y, rcond=None)[0]
    affine = bench.fit(stitch, stitched)
    assert np.allclose(affine.weight, solution[:-1], atol=1e-5) and np.allclose(affine.bias, solution[-1], atol=1e-5)
    halves = [bench.moments(stitched, "train", "spatial", half) for half in (0, 1)]
    assert sum(half.n for half in halves) == len(x)
    a, b = (torch.cat(tokens(net, "test")) for net in nets)
    residual = float((affine(a) - b).square().sum() / (b - b.mean(0)).square().sum())
    assert bench.residual(affine, stitched).value == pytest.approx(residual, rel=1e-5)
    for spec in ("cka", "cka[kernel=rbf]"):
        found = bench.stitched_similarity(get(spec), affine, stitched)
        assert found == pytest.approx(simbench.similarity(spec, affine(a), b), abs=SAME), spec
    front = bench.representation(case.a, "mix", "train")
    assert torch.allclose(bench.fit(stitch, stitched, front=front).weight, affine.weight, atol=1e-6)
    told = joint(stitched, bench)
    assert (told["fit_rows"], told["mask"]) == (len(x), "padding")


def test_more_padding_changes_no_number(text):
    _, bench, case = text
    _, wider, longer = rig(width=10)
    for view in ("spatial", "pooled", "tokens"):
        for spec in ("cka", "r2_lr", "cka[kernel=rbf]"):
            one, other = (replace(each, method=get(spec), view=view) for each in (case, longer))
            value = bench.similarity(get(spec), one).value
            assert wider.similarity(get(spec), other).value == pytest.approx(value, abs=1e-7), (view, spec)  # float32


def test_a_row_says_so_and_inputs_of_unlike_lengths_change_no_places(text):
    _, bench, case = text
    (row,) = measure(case, bench).rows
    assert (row.status, row.note) == ("ok", "padding left out")
    with pytest.raises(Inapplicable, match="unlike numbers of tokens"):
        bench.null(get("cka"), case, 5)
    assert bench.null(get("cka"), replace(case, view="pooled"), 5).value > 0


def test_that_it_counts_nowhere_is_part_of_a_key_only_where_inputs_are_tokens(text, small):
    _, _, case = text
    assert case.identity["padding"] == "left out" and "padding" not in replace(case, view="flat").identity
    assert "padding" not in of_images(small, get("cka")).identity


def test_the_note_asks_for_no_layer_of_a_case_of_whole_networks(small, monkeypatch):
    bench = Workbench(small)
    monkeypatch.setattr(bench.activations, "kept", lambda split: torch.zeros(4, 5, dtype=torch.bool))
    assert bench.alignment(replace(of_images(small, get("cka")), layer_a="", layer_b="")) == ""
