"""Matching covers every index and stitcher on every ordered pair of networks at every layer both have."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pandas as pd
import pytest
from small_networks import case, installed

from simbench.measure import Context, measure
from simbench.tables import MEASUREMENTS

MATCHING = installed().get("experiments", "matching")
INDICES = installed().select("indices", ["cka", "cka[estimator=debiased]"])
STITCHERS = installed().select("stitchers", ["identity", "least_squares"])


@pytest.fixture
def asked(small):
    return replace(small, indices=INDICES, stitchers=STITCHERS, views=("spatial", "pooled", "flat"))


def cells(cases, kind: str) -> Counter:
    return Counter((c.method and c.method.spec, c.a.name, c.b.name, c.layer_a, c.layer_b, c.view)
                   for c in cases if c.kind == kind)


def product(selection, methods, views) -> Counter:
    """Every ordered pair of different networks, of one model or of two, at both layers."""
    names = [network.name for network in selection.networks]
    return Counter((method.spec, a, b, layer, layer, view) for method in methods for view in views
                   for a in names for b in names if a != b for layer in ("bn1", "conv2"))


def test_plan_is_the_product_of_methods_pairs_layers_and_views_each_once(asked):
    cases = list(MATCHING.plan(asked))
    assert cells(cases, "index") == product(asked, INDICES, asked.views)
    assert len(cells(cases, "index")) == 2 * 6 * 2 * 3
    assert len({c.key for c in cases}) == len(cases)
    assert all(c.split == "test" and c.setting == asked.setting and c.experiment is MATCHING for c in cases)


def test_stitchers_are_planned_once_and_in_view_spatial_whatever_the_views(asked):
    cases = list(MATCHING.plan(asked))
    assert cells(cases, "stitcher") == product(asked, STITCHERS, ["spatial"])
    assert cells(MATCHING.plan(replace(asked, views=("flat",))), "stitcher") == cells(cases, "stitcher")


def test_every_network_is_measured_alone_once(asked):
    alone = cells(MATCHING.plan(asked), "network")
    assert alone == Counter((None, n.name, n.name, "", "", "") for n in asked.networks)


def test_networks_are_paired_at_the_layers_both_were_asked_for(asked):
    some = replace(asked, layers={"net": ("conv1", "bn1"), "net[width=4]": ("bn1", "conv2")}, views=("spatial",))
    layers = {name: Counter(c.layer_a for c in MATCHING.plan(some) if c.kind == "stitcher" and c.a.name == name)
              for name in ("net-0", "net[width=4]-0")}
    assert layers == {"net-0": {"conv1": 2, "bn1": 4}, "net[width=4]-0": {"bn1": 4}}


def test_cases_of_a_layer_stand_together_in_order_of_depth(asked):
    layers = [c.layer_a for c in MATCHING.plan(asked) if c.layer_a]
    assert layers == sorted(layers, key=("bn1", "conv2").index)


def test_one_network_has_no_pairs(asked):
    assert [c.kind for c in MATCHING.plan(replace(asked, networks=asked.networks[:1]))] == ["network"]


def test_a_network_s_own_accuracy_is_measured_on_test_images(asked):
    context = Context(asked)
    for one in list(MATCHING.plan(asked))[:3]:
        (row,) = measure(one, context).rows
        assert (row.quantity, row.value) == ("accuracy", context.accuracy(one.a, "test"))
    assert context.accuracy(asked.networks[2], "test") != context.accuracy(asked.networks[2], "train")


def test_a_stitcher_gives_five_numbers_and_an_index_one(asked):
    context = Context(asked)
    rows = measure(case(asked, STITCHERS[1]), context).rows
    assert [row.quantity for row in rows] == ["accuracy", "relative_accuracy", "cross_entropy", "agreement", "residual"]
    assert [row.quantity for row in measure(case(asked, INDICES[0]), context).rows] == ["similarity"]


def frame(*rows: dict) -> pd.DataFrame:
    """Measurements with the given columns; all else is empty."""
    plain = dict.fromkeys(MEASUREMENTS, "") | {"dataset": "d", "quantity": "relative_accuracy", "status": "ok",
                                               "experiment": "matching", "kind": "stitcher"}
    return pd.DataFrame([plain | row for row in rows])


def row(layer: str, method: str, value: float, params: str = "", **others) -> dict:
    return {"layer_a": layer, "method": method, "params": params, "value": value} | others


def test_summary_is_the_mean_relative_accuracy_per_layer_and_stitcher():
    table = MATCHING.summary(frame(
        row("bn2", "identity", 0.1), row("bn2", "identity", 0.3), row("bn2", "least_squares", 0.9, "bias=true"),
        row("bn1", "identity", 0.5), row("bn1", "least_squares", 1.0, "bias=true"),
        row("bn1", "identity", 9.0, status="failed"), row("bn1", "identity", 9.0, quantity="accuracy")))
    assert list(table.columns) == ["dataset", "relative accuracy at", "identity", "least_squares"]
    assert table.values.tolist() == [["d", "bn2", pytest.approx(0.2), 0.9], ["d", "bn1", 0.5, 1.0]]


def test_configurations_of_one_stitcher_have_columns_of_their_own():
    table = MATCHING.summary(frame(row("bn1", "least_squares", 0.9, "bias=true"), row("bn1", "identity", 0.1),
                                   row("bn1", "least_squares", 0.7, "bias=false")))
    assert table.iloc[0].to_dict() == {"dataset": "d", "relative accuracy at": "bn1", "identity": 0.1,
                                       "least_squares[bias=true]": 0.9, "least_squares[bias=false]": 0.7}


def test_summary_of_two_data_sets_keeps_them_apart():
    table = MATCHING.summary(frame(row("bn1", "identity", 0.1), row("bn1", "identity", 0.5, dataset="e")))
    assert table["identity"].tolist() == [0.1, 0.5] and table["dataset"].tolist() == ["d", "e"]


def test_summary_is_empty_where_nothing_was_stitched():
    assert MATCHING.summary(frame(row("bn1", "cka", 0.1, quantity="similarity"))).empty
