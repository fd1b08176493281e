"""Views tokens and cls of runs, against the same tokens taken by hand."""

from __future__ import annotations

import pytest
import torch
from small_modules import INPUTS, Bypassed
from small_tokens import Tokens

import simbench
from simbench import InputError
from simbench.cutting.parts import HookedFront

TEST = INPUTS[32:]


@pytest.fixture(scope="module")
def nets():
    torch.manual_seed(6)
    return Tokens(8).eval(), Tokens(6).eval(), Bypassed().eval()


def given(folder, **options) -> dict:
    return {
        "data": INPUTS[:32], "test": TEST, "indices": "cka,mutual_knn", "stitchers": "identity",
        "untrained": False, "results": folder, "layers": "blocks.0,first", **options,
    }  # fmt: skip


@torch.no_grad()
def tokens(net) -> torch.Tensor:
    """(n, 10, c), the class token first."""
    return HookedFront(net, "blocks.0")(TEST)


def test_both_views_are_those_of_the_tokens(nets, tmp_path):
    a, b, _ = nets
    board = simbench.compare(a, b, view="tokens,cls", **given(tmp_path, layers="blocks.0"))
    pairs = {
        "tokens": [tokens(net)[:, 1:].flatten(0, 1) for net in (a, b)],
        "cls": [tokens(net)[:, 0] for net in (a, b)],
    }
    for view, (x, y) in pairs.items():
        value = simbench.similarity("cka", x, y)
        assert board.matrix("cka", view=view).loc["blocks.0", "blocks.0"] == pytest.approx(value, abs=1e-4)
    assert abs(simbench.similarity("cka", *pairs["cls"]) - simbench.similarity("cka", *pairs["tokens"])) > 1e-2
    rows = board.rows[board.rows["kind"] == "index"]
    assert set(rows["view"]) == {"tokens", "cls"} and set(rows["status"]) <= {"ok", "degenerate"}
    assert rows["note"][rows["view"] == "cls"].str.contains("class token").all()


@pytest.mark.long
def test_tokens_pair_with_the_pixels_of_a_map(nets, tmp_path):
    a, _, maps = nets
    board = simbench.compare(a, maps, view="tokens", **given(tmp_path, indices="cka"))
    with torch.no_grad():
        grid = tokens(a)[:, 1:].mT.reshape(32, 8, 3, 3)
        larger = torch.nn.functional.interpolate(grid, (6, 6), mode="bilinear", antialias=True, align_corners=False)
        value = simbench.similarity("cka", larger, maps.first(TEST))
    assert board.matrix("cka").loc["blocks.0", "first"] == pytest.approx(value, abs=1e-4)


@pytest.mark.long
def test_a_layer_without_class_token_is_skipped(nets, tmp_path):
    a, _, maps = nets
    board = simbench.compare(a, maps, view="cls", **given(tmp_path, indices="cka"))
    found = board.rows[board.rows["kind"] == "index"]
    assert set(found["status"]) == {"skipped"} and found["note"].str.contains("first of .* has no class token").all()


def test_an_unknown_view_is_refused_with_all_names(nets, tmp_path):
    with pytest.raises(InputError, match="did you mean 'tokens'"):
        simbench.compare(*nets[:2], view="token", **given(tmp_path, layers="blocks.0"))
