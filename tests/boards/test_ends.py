"""Where a network of `simbench.compare` can be an end: cut, by hook, of tokens, and reading its inputs again."""

from __future__ import annotations

import pytest
import torch
from small_modules import INPUTS, LABELS, Bypassed, Masked, row
from small_tokens import Tokens

import simbench
from simbench.cutting import cutter
from simbench.cutting.parts import HookedFront


@pytest.fixture(scope="module")
def nets():
    return row(6, 0), row(8, 1)


def test_any_module_has_fronts_and_is_an_end_where_it_can_be_cut(nets, tmp_path):
    board = simbench.compare(
        nets[0], Bypassed(), data=(INPUTS, LABELS), view="pooled", layers="conv,first,second", results=tmp_path
    )
    assert board.matrix("cka").notna().all(axis=None) and board.matrix("cka").shape == (1, 2)
    stitched = board.rows[board.rows["kind"] == "stitcher"]
    cut = stitched["layer_b"] == "first"
    assert cut.any() and "skipped" not in set(stitched["status"][cut])
    assert set(stitched["status"][~cut]) == {"skipped"} and stitched["note"][~cut].str.contains("Bypassed").all()


@pytest.mark.long
def test_a_layer_without_an_exact_cut_is_an_end_by_hook_where_that_is_asked_for(nets, tmp_path):
    other = Bypassed().eval()
    given = {"layers": "pool,second", "indices": "cka", "results": tmp_path, "untrained": False}
    exact = simbench.compare(nets[0], other, data=(INPUTS, LABELS), **given)
    hook = simbench.compare(nets[0], other, data=(INPUTS, LABELS), cut="hook", **given)
    (row,) = hook.rows[hook.rows["quantity"] == "agreement"].itertuples()
    assert row.status == "ok" and "cut by hook" in row.note
    assert exact.outcome.measured and hook.outcome.measured == 1  # the index and the networks are on record
    (skipped,) = exact.rows[exact.rows["status"] == "skipped"].itertuples()
    assert "'second' is bypassed" in skipped.note and "--cut hook" in skipped.note


def test_a_stitch_by_hook_gives_the_outputs_of_the_network_with_the_layer_replaced(tmp_path):
    """The identity from a network into itself behind other weights of the layer below, by hand."""
    a, b = Bypassed().eval(), Bypassed().eval()
    given = {"layers": "second", "stitchers": "identity", "untrained": False, "results": tmp_path, "cut": "hook"}
    board = simbench.compare(a, b, data=(INPUTS[:32], LABELS[:32]), test=(INPUTS[32:], LABELS[32:]), **given)
    with torch.no_grad():
        x = INPUTS[32:]
        logits = b.head((b.first(x) + a.second(a.first(x))).mean((2, 3)))
        entropy = -(b(x).softmax(1) * logits.log_softmax(1)).sum(1).mean()
    assert board.matrix("cross_entropy").iloc[0, 0] == pytest.approx(float(entropy), rel=1e-3)


@pytest.fixture(scope="module")
def across(tmp_path_factory):
    """A network of tokens behind one of images, and how often networks were traced."""
    torch.manual_seed(3)
    nets, traced = (Bypassed().eval(), Tokens().eval()), []
    with pytest.MonkeyPatch.context() as patch:
        for name in ("by_fx", "by_export"):
            trace = getattr(cutter, name)
            patch.setattr(cutter, name, lambda probe, name=name, trace=trace: traced.append(name) or trace(probe))
        given = {"indices": "cka", "view": "pooled", "results": tmp_path_factory.mktemp("results"), "untrained": False}
        return nets, simbench.compare(*nets, data=INPUTS[:32], test=INPUTS[32:], **given), traced


def test_layers_of_tokens_are_compared_and_stitched_with_layers_of_images(across):
    (images, tokens), board, _ = across
    with torch.no_grad():
        a = images.first(INPUTS[32:]).mean((2, 3))
        b = HookedFront(tokens, "blocks.0")(INPUTS[32:]).mean(1)
    assert board.matrix("cka").loc["first", "blocks.0"] == pytest.approx(simbench.similarity("cka", a, b), abs=1e-4)
    assert board.matrix("agreement").loc[["first", "second"], ["blocks.0", "blocks.1"]].notna().all(axis=None)


def test_a_network_is_traced_once_for_all_of_its_layers(across):
    _, board, traced = across
    assert board.matrix("agreement").shape[1] > 1 and 1 <= len(traced) == len(set(traced))


@pytest.mark.long
def test_token_ids_are_compared_and_stitched_where_the_end_reads_them_again(tmp_path):
    ids = torch.randint(0, 10, (64, 5), generator=torch.Generator().manual_seed(5))
    nets = Masked().eval(), Masked().eval()
    given = {"layers": "layer", "indices": "cka", "view": "pooled", "untrained": False, "results": tmp_path}
    board = simbench.compare(*nets, data=ids[:32], test=ids[32:], **given)
    with torch.no_grad():
        a, b = (net.layer(net.table(ids[32:])).mean(1) for net in nets)
    assert board.matrix("cka").iloc[0, 0] == pytest.approx(simbench.similarity("cka", a, b), abs=1e-4)
    assert 0 < board.matrix("kl_divergence").iloc[0, 0] < 10
    same = simbench.compare(nets[0], nets[0], data=ids[:32], test=ids[32:], **given | {"stitchers": "identity"})
    assert same.matrix("agreement").iloc[0, 0] == 1 and same.matrix("kl_divergence").iloc[0, 0] == 0
