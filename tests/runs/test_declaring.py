"""Layouts that a user says of the layers of two networks in memory."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import simbench
from simbench import InputError
from simbench.runs.declaring import must_match, of_all, typed

IDS = torch.randint(0, 10, (64, 6), generator=torch.Generator().manual_seed(3))
MASK = torch.ones_like(IDS)
MASK[::2, 4:] = 0
TEXT = {"input_ids": IDS, "attention_mask": MASK}
SIGNALS = torch.randn(64, 3, 12, generator=torch.Generator().manual_seed(4))
QUICK = {"indices": "cka", "untrained": False, "names": ("x", "y")}
FIRST = {"layer": "tokens[prefix=1]"}


class Text(nn.Module):
    """Ids, negative where they are padding, through an embedding and a linear map of each token."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.table, self.layer, self.top = nn.Embedding(10, width), nn.Linear(width, width), nn.Linear(width, 3)

    def forward(self, ids):
        return self.top(self.layer(self.table(ids.clamp(min=0))).relu()[:, 0])


class Signal(nn.Module):
    """Convolutions over time, and a module whose axes no operation shows."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv, self.mix, self.head = nn.Conv1d(3, width, 3, padding=1), nn.Identity(), nn.Linear(width, 4)

    def forward(self, x):
        x = self.conv(x).relu()
        return self.head(self.mix(x.reshape(x.shape)).mean(2))


class Volume(nn.Module):
    """Convolutions over three axes."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv, self.flat, self.head = nn.Conv3d(1, width, 1), nn.Flatten(2), nn.Linear(width, 4)

    def forward(self, x):
        return self.head(self.flat(self.conv(x[:, None, :, :, None])).mean(2))


@pytest.fixture(scope="module")
def texts() -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(7)
    return Text(5).eval(), Text(4).eval()


@torch.no_grad()
def tokens(net, ids) -> torch.Tensor:
    """(n, t, c) of the layer."""
    return net.layer(net.table(ids))


@pytest.mark.parametrize("said", [FIRST, (FIRST, {"la*": "tokens[prefix=1]"}), "tokens[prefix=1]"])
def test_the_class_token_of_a_text_is_the_one_that_is_said(texts, tmp_path, said):
    given = {"data": TEXT, "test": TEXT, "layers": "layer", "results": tmp_path, "view": "cls,tokens"}
    board = simbench.compare(*texts, layouts=said, **given, **QUICK)
    a, b = (tokens(net, IDS) for net in texts)
    rest = MASK[:, 1:].bool()
    for view, pair in {"cls": (a[:, 0], b[:, 0]), "tokens": (a[:, 1:][rest], b[:, 1:][rest])}.items():
        value = simbench.similarity("cka", *pair)
        assert board.matrix("cka", view=view).loc["layer", "layer"] == pytest.approx(value, abs=1e-6), view
    (cut,) = board.cuts.itertuples()
    assert (cut.layout_a, cut.class_tokens, cut.mask) == ("tokens[prefix=1]", "pass", "padding")
    assert cut.fit_rows == MASK.sum()


def test_a_class_token_of_one_text_alone_shifts_no_tokens(texts, tmp_path):
    given = {"data": TEXT, "test": TEXT, "layers": "layer", "results": tmp_path, "view": "spatial,tokens"}
    board = simbench.compare(*texts, layouts=(FIRST, None), **given, **QUICK)
    a, b = (tokens(net, IDS) for net in texts)
    for view, kept in {"spatial": MASK.bool(), "tokens": MASK.bool() & (torch.arange(6) > 0)}.items():
        value = simbench.similarity("cka", a[kept], b[kept])
        assert board.matrix("cka", view=view).loc["layer", "layer"] == pytest.approx(value, abs=1e-6), view
    (cut,) = board.cuts.itertuples()
    assert (cut.alignment, cut.class_tokens, cut.fit_rows) == ("", "pass", MASK.sum())


def test_other_layouts_are_other_results(texts, tmp_path):
    given = {"data": IDS, "layers": "layer", "results": tmp_path, "view": "cls"}
    skipped = simbench.compare(*texts, **given, **QUICK)
    (note,) = set(skipped.rows["note"][skipped.rows["kind"] == "index"])
    assert "no class token that is known; compare with layouts={'layer': 'tokens[prefix=1]'} (--layouts)" in note
    said = simbench.compare(*texts, layouts=FIRST, **given, **QUICK)
    assert said.matrix("cka").notna().all(axis=None)


def test_a_layer_of_uncertain_axes_says_how_to_pass_them_and_is_read_then(tmp_path):
    torch.manual_seed(8)
    nets = Signal(4).eval(), Signal(6).eval()
    given = {"data": SIGNALS, "results": tmp_path, "layers": "all"}
    board = simbench.compare(*nets, **given, **QUICK)
    assert list(board.matrix("cka").index) == ["conv", "mix", "head"]
    assert set(board.cuts["layout_a"]) == {"signal", "vector"}
    uncertain = simbench.compare(Reversed(4).eval(), nets[1], **given, **QUICK)
    assert uncertain.skipped["a"]["mix"].endswith("axes are not certain: give layouts={'mix': ...}, 'ntc' or 'nct'")
    certain = simbench.compare(Reversed(4).eval(), nets[1], layouts=({"mix": "ntc"}, None), **given, **QUICK)
    assert "mix" in certain.matrix("cka").index and not certain.skipped["a"]


class Reversed(Signal):
    """The axes of the module follow from no operation."""

    def forward(self, x):
        x = self.conv(x).relu()
        return self.head(self.mix(torch.stack(x.unbind(2), 1)).mean(1))


def test_a_network_of_volumes_is_compared_where_it_can_be_read(tmp_path):
    board = simbench.compare(Volume(4).eval(), Volume(5).eval(), data=SIGNALS, results=tmp_path, layers="all", **QUICK)
    assert "those of images, tokens, signals and vectors can be read" in board.skipped["a"]["conv"]
    assert "failed" not in set(board.rows["status"]) and "flat" in board.matrix("cka").index


@pytest.mark.parametrize(
    "said, message",
    [
        (3, "layouts is a int; give a layout such as 'ntc'"),
        (({}, {}, {}), "layouts has 3 parts; give"),
        ({"layr": "ntc"}, "layer in layouts 'layr' is unknown; did you mean 'layer'"),
        ({"layer": "tokns"}, "layout 'tokns' is unknown; allowed: nchw"),
        ({"layer": "nchw"}, r"layer of x gives activations of shape \(n, 6, 5\), which are no image"),
        ({"layer": "tokens[prefix=6]"}, r"layer of x .* no tokens\[prefix=6\]"),
        ({"layer": "tokens[grid=2x2]"}, r"layer of x .* no tokens\[grid=2x2\]"),
    ],
)
def test_layouts_that_do_not_fit_are_one_line(texts, tmp_path, said, message):
    with pytest.raises(InputError, match=message) as error:
        simbench.compare(*texts, data=IDS, layouts=said, results=tmp_path, **QUICK)
    assert "\n" not in str(error.value)


def test_layouts_are_typed_by_layer_or_for_all():
    assert typed(["a.*=tokens[prefix=1,grid=2x2],b=nhwc", "ntc"]) == {
        "a.*": "tokens[prefix=1,grid=2x2]", "b": "nhwc", "*": "ntc",
    }  # fmt: skip
    assert typed(["tokens[prefix=1]"]) == {"*": "tokens[prefix=1]"}
    with pytest.raises(InputError, match="do not pair"):
        typed(["a=tokens[prefix=1"])
    assert typed(["a=ntc", "a=ntc"]) == {"a": "ntc"}
    with pytest.raises(InputError, match="layouts say ntc and nct of a; give one of them"):
        typed(["a=ntc", "a=nct"])


def test_what_is_said_of_both_networks_must_match_a_layer_of_one():
    """Also where something else is said of one alone."""
    both, layers = ("enc.*", "ntc"), (["enc.0", "enc.1"], ["h.0", "h.1"])
    must_match(((both,), (both,)), layers)
    must_match(((both,), (("h.0", "ntc"), both)), layers)
    with pytest.raises(InputError, match="layer in layouts 'enc.0' is unknown"):
        must_match(((both,), (("enc.0", "ntc"), both)), layers)
    with pytest.raises(InputError, match="layer in layouts 'x' is unknown"):
        must_match(((("x", "ntc"),), (("x", "ntc"),)), layers)


@pytest.mark.parametrize("given", [("ntc", "nct"), ("ab",), ["ntc"], 3])
def test_what_is_no_layout_of_all_networks_is_one_line(given):
    with pytest.raises(InputError, match="layouts is a (tuple|list|int); give a layout such as 'ntc'"):
        of_all(given)
