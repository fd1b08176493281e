"""A case's key holds all that fixes its numbers, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from small_plugins import Blobs, Net

from simbench.contracts import Dataset, Experiment, Index, Stitcher, nested
from simbench.contracts.case import Case
from simbench.contracts.selection import Network, Selection, Setting
from simbench.system.provenance import canonical


@dataclass(frozen=True)
class Folder(Dataset):
    """A data set with a path."""

    path: str = ""
    size: int = 8

    name, source = "folder", "made by the tests"

    @property
    def label(self) -> str:
        return f"folder[size={self.size}]"


@dataclass(frozen=True)
class Near(Index):
    """An index with parameters of every type."""

    neighbours: int = 5
    centred: bool = True
    cut: float = 0.1
    rows: int | None = None

    name, source = "near", "made by the tests"


class Far(Index):
    name, source = "far", "made by the tests"


class Newer(Near):
    version = 2


@dataclass(frozen=True)
class Pushes(Experiment):
    """An experiment with a nested index."""

    index: Index = nested(Near, kind="indices")
    weight: float = 1.0

    name, source = "pushes", "made by the tests"


class Shift(Stitcher):
    name, source = "shift", "made by the tests"


class NewNet(Net):
    version = 2


SETTING = Setting(Folder("/elsewhere/images"), "f" * 64, 100, 3)
A = Network(Net(), "0", "a" * 64, Path("/elsewhere/0.pt"))
B = Network(Net(4), "1", "b" * 64, Path("/elsewhere/1.pt"))
CASE = Case(Pushes(Near()), SETTING, "index", Near(), A, "bn1", B, "conv2", "flat")

FIXES = {
    "data fingerprint": replace(CASE, setting=replace(SETTING, fingerprint="e" * 64)),
    "limit": replace(CASE, setting=replace(SETTING, limit=99)),
    "seed": replace(CASE, setting=replace(SETTING, seed=4)),
    "weights of a": replace(CASE, a=replace(A, weights="c" * 64)),
    "weights of b": replace(CASE, b=replace(B, weights="c" * 64)),
    "order of the networks": replace(CASE, a=B, b=A),
    "model": replace(CASE, a=replace(A, model=Net(5))),
    "model version": replace(CASE, a=replace(A, model=NewNet())),
    "what the model builds": replace(CASE, a=replace(A, graph="c" * 64)),
    "what a was trained on": replace(CASE, a=replace(A, dataset=Blobs(), fingerprint="c" * 64)),
    "layer of a": replace(CASE, layer_a="relu1"),
    "layer of b": replace(CASE, layer_b="relu1"),
    "view": replace(CASE, view="pooled"),
    "split": replace(CASE, split="train"),
    "kind": replace(CASE, kind="penalty"),
    "method": replace(CASE, method=Far()),
    "no method": replace(CASE, method=None),
    "whole number": replace(CASE, method=Near(neighbours=6)),
    "truth value": replace(CASE, method=Near(centred=False)),
    "number": replace(CASE, method=Near(cut=0.2)),
    "optional number": replace(CASE, method=Near(rows=4)),
    "method version": replace(CASE, method=Newer()),
    "experiment parameter": replace(CASE, experiment=Pushes(Near(), 2.0)),
    "nested plugin": replace(CASE, experiment=Pushes(Far())),
    "nested plugin's parameter": replace(CASE, experiment=Pushes(Near(6))),
    "nested plugin's version": replace(CASE, experiment=Pushes(Newer())),
}
LEAVES = {
    "paths of weights files": replace(CASE, a=replace(A, file=Path("x.pt")), b=replace(B, file=Path("y.pt"))),
    "names of networks": replace(CASE, a=replace(A, seed="mine"), b=replace(B, seed="yours")),
    "path of the data set": replace(CASE, setting=replace(SETTING, dataset=Folder("/elsewhere"))),
    "data set of the same content": replace(CASE, setting=replace(SETTING, dataset=Blobs())),
}


@pytest.mark.parametrize("what", FIXES)
def test_key_changes_with_what_fixes_the_number(what):
    assert FIXES[what].key != CASE.key


def test_no_two_changes_give_the_same_key():
    assert len({case.key for case in FIXES.values()}) == len(FIXES)


@pytest.mark.parametrize("what", LEAVES)
def test_key_does_not_change_with_what_names_or_places_it(what):
    assert LEAVES[what].key == CASE.key


def test_key_is_the_one_it_has_always_been():
    """A change of this literal throws away every record on every disk: raise `cases.SCHEMA` then, knowingly."""
    assert CASE.key == "49714021e37884ac3af08d4c60beee4480eadce645cc268fc94636647beaa6ff"


def test_identity_is_plain_data_without_paths():
    assert "someone" not in canonical(CASE.identity)


def test_labels_contain_no_paths_and_name_both_sides():
    assert CASE.labels == {
        "dataset": "folder[size=8]",
        "split": "test",
        "view": "flat",
        "model_a": "net",
        "seed_a": "0",
        "layer_a": "bn1",
        "model_b": "net[width=4]",
        "seed_b": "1",
        "layer_b": "conv2",
        "panel": "",
        "experiment": "pushes",
        "kind": "index",
        "method": "near",
        "params": "neighbours=5,centred=true,cut=0.1,rows=none",
        "seed": 3,
    }


def test_labels_of_a_case_without_a_method_leave_it_empty():
    labels = replace(CASE, method=None, kind="network").labels
    assert (labels["method"], labels["params"]) == ("", "")


def test_name_says_what_is_measured_where():
    assert CASE.name == "pushes near net-0 -> net[width=4]-1 bn1 -> conv2 flat"
    alone = replace(CASE, method=None, kind="network", b=A, layer_a="", layer_b="", view="")
    assert alone.name == "pushes network net-0"


def test_cases_share_a_group_when_they_share_forward_passes():
    other_method = replace(CASE, method=Shift(), kind="stitcher", view="spatial", experiment=Pushes(Far()))
    assert other_method.group == CASE.group
    for what in ("data fingerprint", "weights of a", "weights of b", "layer of a", "layer of b"):
        assert FIXES[what].group != CASE.group


def test_selections_are_equal_when_their_computations_can_be_shared():
    def selection(setting=SETTING, networks=(A, B), methods=()):
        return Selection(setting, networks, {"net": ("bn1",)}, ("flat",), methods, ())

    same = selection(methods=(Near(),))
    assert same == selection() and hash(same) == hash(selection())
    assert selection(networks=(A,)) != selection()
    assert selection(replace(SETTING, limit=99)) != selection() != "selection"


def test_what_shapes_every_number_without_being_in_a_key_is_pinned():
    """Raise SCHEMA with any of these: records made with other values would be taken for the same."""
    from simbench_plugins.indices.cka import CKA

    from simbench.contracts import case
    from simbench.measuring import activations
    from simbench.moments import basis
    from simbench.networks import inputs

    pinned = (case.SCHEMA, inputs.BATCH, activations.FLAT_INPUTS, CKA.max_rows, basis.MARGIN)
    assert pinned == (3, 128, 2000, 2000, 4)


def test_a_network_misfits_labels_that_its_outputs_do_not_name():
    class Marks(Blobs):
        name, classes, attributes = "marks", 3, ("x", "y", "z")

    assert A.misfit(Setting(Blobs(), "", 10)) == ""
    foreign = replace(A, dataset=Marks(), fingerprint="c" * 64)
    assert foreign.home(SETTING).name == "marks" and A.home(SETTING) is SETTING.dataset
    assert foreign.misfit(Setting(Marks(), "", 10)) == ""
    assert foreign.misfit(Setting(Blobs(), "", 10)) == (
        "net-0 was trained for marks, 3 attributes; the labels of blobs, 3 classes do not fit"
    )
