"""What a page reads beside the tables: hashes of weights and recipes, whatever lies in a folder."""

import json
import os

import pandas as pd
import pytest
from small_records import LABELS, record

from simbench import columns
from simbench.report.tables import hashes, recipes
from simbench.results.store import Store
from simbench.system.provenance import digest
from simbench.system.seals import sealed

NETWORK = {"kind": "network", "method": "", "layer_a": "", "layer_b": ""}


def network(folder, identity: dict, **labels):
    made = record(key=digest(identity), **NETWORK, **labels).plain | {"identity": identity}
    path = folder / "records" / made["key"][:2] / f"{made['key']}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(sealed(made))
    return path


def test_hashes_of_weights_are_those_of_records_of_networks(tmp_path):
    network(tmp_path, {"a": ["net", "graph", "123abc", "bn1"]})
    network(tmp_path, {"a": {}}, seed_a="1")
    network(tmp_path, {}, seed_a="2")
    network(tmp_path, {"a": ["net", "graph", 7, "bn2"]}, seed_a="3", seed=None)  # no record of this release
    assert hashes([tmp_path]) == {("net", "0"): "123abc", ("net", "1"): "", ("net", "2"): ""}
    assert len(Store(tmp_path).read().records) == 3 and LABELS["seed_a"] == "0"


def test_hashes_of_weights_are_those_of_two_networks_of_a_publication_without_records(tmp_path):
    row = {"model_a": "net", "seed_a": "0", "weights_a": "abc", "model_b": "vit", "seed_b": "b", "weights_b": "def"}
    cut = row | dict.fromkeys(set(columns.CUTS) - set(row), "")
    pd.DataFrame([cut, cut | {"seed_b": "c", "weights_b": ""}]).to_csv(tmp_path / "cuts.csv", index=False)
    assert hashes([tmp_path]) == {("net", "0"): "abc", ("vit", "b"): "def"}


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_in_the_place_of_a_record_or_card_is_passed_over(tmp_path, make):
    make(tmp_path / "card.json")
    path = network(tmp_path, {"a": ["net", "graph", "123abc", "bn1"]})
    make(path.with_name("0" * 64 + ".json"))
    assert hashes([tmp_path]) == {("net", "0"): "123abc"} and recipes([tmp_path]) == {}


@pytest.mark.parametrize("card", ["", "[]", "{", "[" * 100_000, json.dumps({"networks": 3, "trained": {}})])
def test_a_card_of_another_form_says_nothing(tmp_path, card):
    (tmp_path / "card.json").write_text(card)
    assert hashes([tmp_path]) == {} and recipes([tmp_path]) == {}


def test_networks_and_recipes_of_a_card_of_which_some_are_of_another_form(tmp_path):
    card = {"networks": [{"model": "net"}, 3, {"model": "net", "name": "0", "weights": "w"}], "trained": [None, {}]}
    (tmp_path / "card.json").write_text(json.dumps(card))
    assert hashes([tmp_path]) == {("net", "0"): "w"} and recipes([tmp_path]) == {}
