"""Matching covers every index and stitcher on every ordered pair of networks at every layer both have."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from small_networks import case, installed

from simbench.columns import MEASUREMENTS
from simbench.contracts import Kept
from simbench.measuring.bench import Workbench
from simbench.measuring.measure import measure
from simbench.results import figures
from simbench.runs.request import Request
from simbench.runs.resolved import resolve

MATCHING = installed().get("experiments", "matching")
INDICES = installed().select("indices", ["cka", "cka[estimator=debiased]"])
STITCHERS = installed().select("stitchers", ["identity", "least_squares"])


@pytest.fixture
def asked(small):
    return replace(small, indices=INDICES, stitchers=STITCHERS, views=("spatial", "pooled", "flat"))


def cells(cases, kind: str) -> Counter:
    return Counter(
        (c.method and c.method.spec, c.a.name, c.b.name, c.layer_a, c.layer_b, c.view) for c in cases if c.kind == kind
    )


def product(selection, methods, views) -> Counter:
    """Every ordered pair of different networks, of one model or of two, at both layers."""
    names = [network.name for network in selection.networks]
    return Counter(
        (method.spec, a, b, layer, layer, view)
        for method in methods
        for view in views
        for a in names
        for b in names
        if a != b
        for layer in ("bn1", "conv2")
    )


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
    layers = {
        name: Counter(c.layer_a for c in MATCHING.plan(some) if c.kind == "stitcher" and c.a.name == name)
        for name in ("net-0", "net[width=4]-0")
    }
    assert layers == {"net-0": {"conv1": 2, "bn1": 4}, "net[width=4]-0": {"bn1": 4}}


def test_cases_of_a_layer_stand_together_in_order_of_depth(asked):
    layers = [c.layer_a for c in MATCHING.plan(asked) if c.layer_a]
    assert layers == sorted(layers, key=("bn1", "conv2").index)


def test_one_network_has_no_pairs(asked):
    assert [c.kind for c in MATCHING.plan(replace(asked, networks=asked.networks[:1]))] == ["network"]


def test_a_network_s_own_accuracy_is_measured_on_test_images(asked):
    context = Workbench(asked)
    for one in list(MATCHING.plan(asked))[:3]:
        (row,) = measure(one, context).rows
        assert (row.quantity, row.value) == ("accuracy", context.accuracy(one.a, "test"))
    assert context.accuracy(asked.networks[2], "test") != context.accuracy(asked.networks[2], "train")


def test_a_stitcher_gives_six_numbers_and_an_index_one(asked):
    context = Workbench(asked)
    rows = measure(case(asked, STITCHERS[1]), context).rows
    scores = ["accuracy", "relative_accuracy", "cross_entropy", "kl_divergence", "agreement"]
    assert [row.quantity for row in rows] == [*scores, "residual"]
    assert [row.quantity for row in measure(case(asked, INDICES[0]), context).rows] == ["similarity"]


def frame(*rows: dict) -> pd.DataFrame:
    """Measurements with the given columns; all else is empty."""
    plain = dict.fromkeys(MEASUREMENTS, "") | {
        "dataset": "d",
        "quantity": "relative_accuracy",
        "status": "ok",
        "experiment": "matching",
        "kind": "stitcher",
    }
    return pd.DataFrame([plain | row for row in rows])


def row(layer: str, method: str, value: float, params: str = "", **others) -> dict:
    return {"layer_a": layer, "method": method, "params": params, "value": value} | others


def test_summary_is_the_mean_relative_accuracy_per_layer_and_stitcher():
    table = MATCHING.summary(
        frame(
            row("bn2", "identity", 0.1),
            row("bn2", "identity", 0.3),
            row("bn2", "least_squares", 0.9, "bias=true"),
            row("bn1", "identity", 0.5),
            row("bn1", "least_squares", 1.0, "bias=true"),
            row("bn1", "identity", 9.0, status="failed"),
            row("bn1", "identity", 9.0, quantity="accuracy"),
        )
    )
    assert list(table.columns) == ["dataset", "relative accuracy at", "identity", "least_squares"]
    assert table.values.tolist() == [["d", "bn2", pytest.approx(0.2), 0.9], ["d", "bn1", 0.5, 1.0]]


def test_configurations_of_one_stitcher_have_columns_of_their_own():
    table = MATCHING.summary(
        frame(
            row("bn1", "least_squares", 0.9, "bias=true"),
            row("bn1", "identity", 0.1),
            row("bn1", "least_squares", 0.7, "bias=false"),
        )
    )
    assert table.iloc[0].to_dict() == {
        "dataset": "d",
        "relative accuracy at": "bn1",
        "identity": 0.1,
        "least_squares[bias=true]": 0.9,
        "least_squares[bias=false]": 0.7,
    }


def test_summary_of_two_data_sets_keeps_them_apart():
    table = MATCHING.summary(frame(row("bn1", "identity", 0.1), row("bn1", "identity", 0.5, dataset="e")))
    assert table["identity"].tolist() == [0.1, 0.5] and table["dataset"].tolist() == ["d", "e"]


def test_summary_is_empty_where_nothing_was_stitched():
    assert MATCHING.summary(frame(row("bn1", "cka", 0.1, quantity="similarity"))).empty


def pair(a: str, b: str, layer: str, method: str, accuracy: float, cross_entropy: float, **others) -> list[dict]:
    """Two rows of one stitch."""
    told = {
        "layer_a": layer,
        "method": method,
        "model_a": "net",
        "seed_a": a,
        "model_b": "net",
        "seed_b": b,
        "samples": 60.0,
        "seed": 0.0,
    } | others
    return [
        told | {"quantity": "relative_accuracy", "value": accuracy},
        told | {"quantity": "cross_entropy", "value": cross_entropy},
    ]


PAIRS = [
    *pair("0", "1", "bn2", "identity", 0.1, 4.0),
    *pair("1", "0", "bn2", "identity", 0.3, 6.0),
    *pair("0", "1", "bn10", "identity", 0.2, 8.0),
    *pair("1", "0", "bn10", "identity", 0.2, 9.0),
    *pair("0", "1", "bn2", "least_squares", 0.9, 0.5),
    *pair("1", "0", "bn2", "least_squares", 0.8, 0.7),
    *pair("0", "1", "bn10", "least_squares", 1.0, 0.1),
    *pair("1", "0", "bn10", "least_squares", 0.8, 0.4),
    row("bn2", "cka", 0.9, quantity="similarity", kind="index"),
    row("", "", 0.9, quantity="accuracy", kind="network"),
    *pair("0", "2", "bn2", "least_squares", 9.0, 9.0, status="failed"),
]


def test_figure_shows_both_quantities_by_layer_with_the_unstitched_baseline():
    figure = MATCHING.figure(frame(*PAIRS), [])
    left, right = figure.axes
    assert left.get_title() == "net on d: 2 networks, 2 pairs, 60 images" and "accuracy" in left.get_ylabel()
    values = pd.Series([4.0, 6.0, 8.0, 9.0])
    assert right.get_title() == f"identity: {values.mean():.2f} ± {values.std():.2f} over layers and pairs"
    assert right.get_yscale() == "log" and "nats" in right.get_ylabel()
    for panel, identity, fitted in ((left, [0.2, 0.2], [0.85, 0.9]), (right, [5.0, 8.5], [0.6, 0.25])):
        assert [tick.get_text() for tick in panel.get_xticklabels()] == ["bn2", "bn10"]
        found = {line.get_label(): line for line in panel.lines}
        assert found["identity"].get_ydata() == pytest.approx(identity) and found["identity"].get_linestyle() == "--"
        assert found["least_squares"].get_ydata() == pytest.approx(fitted) and len(found) == 2
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["least_squares", "identity"]


def test_figure_keeps_data_sets_models_and_samples_apart():
    settings = ({}, {"dataset": "e"}, {"model_b": "wide"}, {"samples": 20.0})
    apart = [told | setting for setting in settings for told in PAIRS[:8]]
    figure = MATCHING.figure(frame(*apart), [])
    titles = [panel.get_title() for panel in figure.axes[::2]]
    assert len(figure.axes) == 8 and sorted(titles) == [
        "net -> wide on d: 4 networks, 2 pairs, 60 images",
        "net on d: 2 networks, 2 pairs, 20 images",
        "net on d: 2 networks, 2 pairs, 60 images",
        "net on e: 2 networks, 2 pairs, 60 images",
    ]


def test_figure_is_there_without_a_baseline_and_where_deviations_exceed_the_mean(tmp_path):
    """A logarithmic axis has no zero: the band ends at the panel's edge, and nothing warns."""
    figure = MATCHING.figure(
        frame(
            *(told for told in PAIRS if told["method"] != "identity"),
            *pair("2", "0", "bn2", "least_squares", 0.5, 50.0),
        ),
        [],
    )
    figures.save(figure, tmp_path, "matching", "stamp")
    low, high = figure.axes[1].get_ylim()
    assert 1e-3 < low < 0.1 and high < 1000 and figure.axes[1].get_title() == ""


def test_figure_is_none_where_nothing_was_stitched():
    assert MATCHING.figure(frame(row("bn1", "cka", 0.1, quantity="similarity", kind="index")), []) is None


def test_figure_puts_layers_in_the_order_that_networks_kept():
    known = [Kept({"model_a": "net"}, {"layers": np.array(["bn10", "bn2"])})]
    panel = MATCHING.figure(frame(*PAIRS), known).axes[0]
    assert [tick.get_text() for tick in panel.get_xticklabels()] == ["bn10", "bn2"]


def test_a_network_keeps_its_layers_for_the_figure(asked):
    found = measure(next(iter(MATCHING.plan(asked))), Workbench(asked))
    assert found.arrays["layers"].tolist() == list(asked.networks[0].model.layers)


def test_the_paper_s_preset_asks_for_ten_pairs_or_more_and_the_authors_training(registry):
    (scope,) = resolve(Request(experiments=("matching",), preset="paper"), registry).scopes
    assert len(scope.seeds) * (len(scope.seeds) - 1) >= 10 and scope.limit >= 50_000
    assert [model.spec for model in scope.models] == ["tiny10[padding=valid]"]
    assert [dataset.spec for dataset in scope.datasets] == ["cifar10"]
    trained = scope.stitchers[-1]
    assert (
        trained.epochs,
        trained.schedule,
        trained.augment,
        trained.learning_rate,
        trained.batch,
        trained.labels,
        trained.init,
    ) == (30, "step", True, 1e-3, 128, "soft", "least_squares")
