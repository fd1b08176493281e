"""cuts.csv: what is known of the layers that were stitched."""

from __future__ import annotations

import json

import pytest
import torch
from small_modules import INPUTS, LABELS, Bypassed, Masked, row
from small_tokens import Tokens
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import simbench
from simbench import columns
from simbench.networks.checkpoints import content_hash
from simbench.publishing.merging import merge
from simbench.results import folder
from simbench.results.store import Store

QUICK = {"indices": "cka", "untrained": False}


@pytest.fixture(scope="module")
def nets() -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(4)
    return row(6, 0), Tokens().eval()


@pytest.fixture(scope="module")
def board(nets, tmp_path_factory):
    given = {"layers": "pool,act,blocks.*", "names": ("maps", "tokens"), "results": tmp_path_factory.mktemp("results")}
    return simbench.compare(*nets, data=(INPUTS, LABELS), **QUICK, **given)


def between(board, a: str, b: str):
    """The one row of two layers."""
    (found,) = board.cuts[(board.cuts["layer_a"] == a) & (board.cuts["layer_b"] == b)].itertuples()
    return found


def test_a_row_for_each_two_layers_that_were_stitched_names_both_networks(board, nets):
    assert len(board.cuts) == len(board.table) and list(board.cuts.columns) == list(columns.CUTS)
    found = between(board, "act", "blocks.0")
    assert (found.model_a, found.model_b, found.run) == ("maps", "tokens", board.outcome.run)
    assert (found.weights_a, found.weights_b) == tuple(content_hash(net.state_dict()) for net in nets)
    assert found.graph_a and found.graph_b and found.graph_a != found.graph_b
    measured = board.rows[board.rows["kind"] == "stitcher"]
    assert set(zip(measured["layer_a"], measured["layer_b"], strict=True)) == set(
        zip(board.cuts["layer_a"], board.cuts["layer_b"], strict=True)
    )


def test_shapes_and_layouts_are_those_of_the_layers(board):
    found = between(board, "act", "blocks.0")
    assert (found.shape_a, found.layout_a) == ("6x6x6", "image")
    assert (found.shape_b, found.layout_b) == ("8x10x1", "tokens[prefix=1,grid=3x3]")
    assert found.alignment == "a: resized from 6 x 6 to 3 x 3, bilinear; b: tokens as 3 x 3 without the first 1"
    assert found.class_tokens == "dropped" and found.fit_rows == 32 * 9
    assert (found.view, found.mask, found.resize) == ("spatial", "none", "bilinear")


def test_multiply_adds_are_those_of_what_runs_above_the_layer(board, nets):
    tokens = nets[1]
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        x = tokens.blocks[1](torch.randn(1, 10, 8))
        tokens.head(x[:, 0])
    assert between(board, "act", "blocks.0").end_multiply_adds == counter.get_total_flops() // 2


def test_class_tokens_pass_between_tokens_of_one_layout(nets, tmp_path):
    given = {"layers": "blocks.0", "names": ("x", "y"), "results": tmp_path}
    board = simbench.compare(nets[1], Tokens().eval(), data=(INPUTS, LABELS), **QUICK, **given)
    found = between(board, "blocks.0", "blocks.0")
    assert (found.class_tokens, found.alignment, found.fit_rows) == ("pass", "", 32 * 10)


def test_layers_that_do_not_come_together_have_no_rows(nets, tmp_path):
    given = {"layers": "act,flat", "names": ("x", "y"), "results": tmp_path}
    board = simbench.compare(nets[0], row(6, 1), data=(INPUTS, LABELS), **QUICK, **given)
    found = between(board, "flat", "act")
    assert (found.view, found.mask, found.alignment, found.resize) == ("", "", "", "bilinear")
    assert board.cuts["fit_rows"].isna().sum() == 1


def test_a_table_and_a_run_of_before_these_columns_can_be_read(board, tmp_path):
    later = ["view", "mask", "resize"]
    board.outcome.cuts.drop(columns=later).to_csv(tmp_path / "cuts.csv", index=False)
    assert set(later).isdisjoint(folder.read(tmp_path, "cuts.csv").columns)
    (name,) = Store(board.outcome.folder).read().runs
    described = Store(board.outcome.folder).read().runs[name]
    for cut in described["cuts"]:
        for each in later:
            del cut[each]
    Store(tmp_path).put_run(name, described)
    folder.publish(Store(tmp_path).read(), tmp_path)
    found = folder.read(tmp_path, "cuts.csv")
    assert len(found) == len(board.cuts) and (found[later] == "").all(axis=None)


@pytest.mark.long
def test_the_engine_of_every_kind_of_end_is_told(nets, tmp_path):
    def engine(a, b, data, layers, **options):
        board = simbench.compare(a, b, data=data, layers=layers, results=tmp_path, **QUICK, **options)
        return {found.layer_b: (found.engine, found.cut_note) for found in board.cuts.itertuples()}

    torch.manual_seed(5)
    plain, other = row(6, 0), Bypassed().eval()
    assert engine(plain, row(8, 1), INPUTS, "flat") == {"flat": ("sequential", "")}
    found = engine(plain, other, INPUTS, "pool,first,second")
    assert found["first"] == ("fx", "") and found["second"][0] == "none" and "is bypassed" in found["second"][1]
    assert engine(plain, other, INPUTS, "pool,second", cut="hook") == {"first": ("fx", ""), "second": ("hook", "")}
    ids = torch.randint(0, 10, (64, 5), generator=torch.Generator().manual_seed(5))
    (reading,) = engine(Masked().eval(), Masked().eval(), ids, "layer").values()
    assert reading == ("export with input", "")


def test_the_table_is_derived_from_the_runs_and_survives_a_merge(board, nets, tmp_path):
    path = board.outcome.folder / "cuts.csv"
    before = path.read_bytes()
    path.unlink()
    folder.publish(Store(board.outcome.folder).read(), board.outcome.folder)
    assert path.read_bytes() == before and folder.read(board.outcome.folder, "cuts.csv").equals(board.outcome.cuts)
    merge([board.outcome.folder], tmp_path / "merged")
    assert (tmp_path / "merged" / "cuts.csv").read_bytes() == before


def test_an_interrupted_run_tells_what_it_saw(nets, tmp_path, monkeypatch):
    put, records = Store.put, []

    def stops(store, record, *arrays):
        if len(records) == 5:
            raise KeyboardInterrupt
        records.append(put(store, record, *arrays))
        return records[-1]

    monkeypatch.setattr(Store, "put", stops)
    with pytest.raises(KeyboardInterrupt):
        simbench.compare(*nets, data=INPUTS, layers="pool,act,blocks.0", results=tmp_path, **QUICK)
    (described,) = Store(tmp_path).read().runs.values()
    stitched = {(one.labels["layer_a"], one.labels["layer_b"]) for one in records if one.labels["kind"] == "stitcher"}
    assert stitched and {(one["layer_a"], one["layer_b"]) for one in described["cuts"]} == stitched
    assert described["seconds"] is None


def test_a_description_with_rows_of_another_form_is_left_out(board, tmp_path):
    store, (name,) = Store(tmp_path), Store(board.outcome.folder).read().runs
    described = Store(board.outcome.folder).read().runs[name]
    store.put_run("good", described)
    store.put_run("bad", json.loads(json.dumps(described)) | {"cuts": [described["cuts"][0] | {"fit_rows": "many"}]})
    store.put_run("worse", described | {"cuts": ["x"]})
    contents = store.read()
    assert set(contents.runs) == {"good"}
    assert sorted(fault for fault in contents.faults.values())[0].startswith("invalid (cuts: ")
