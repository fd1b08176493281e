"""What figures of stitching draw: means and deviations over pairs, names that differ, layers in order of depth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from simbench_plugins.experiments import curves
from small_networks import case

from simbench.contracts import Case, Kept, Setting
from simbench.data.memory import in_memory
from simbench.measuring.bench import Workbench
from simbench.results import figures


def rows(*told: dict) -> pd.DataFrame:
    plain = {
        "status": "ok",
        "quantity": "relative_accuracy",
        "method": "identity",
        "params": "",
        "layer_a": "bn1",
        "model_a": "net",
        "seed_a": "0",
        "model_b": "net",
        "seed_b": "1",
        "samples": 60,
        "value": 1.0,
    }
    return pd.DataFrame([plain | row for row in told])


def test_numbers_leave_out_what_is_no_number_and_other_quantities():
    frame = rows({"value": 0.5}, {"value": None, "status": "failed"}, {"value": 3.0, "quantity": "cross_entropy"})
    assert curves.numbers(frame, "relative_accuracy")["value"].tolist() == [0.5]
    assert curves.numbers(frame, "cross_entropy")["value"].tolist() == [3.0]
    assert curves.numbers(frame, "residual").empty


def test_configurations_of_one_stitcher_are_named_by_what_tells_them_apart():
    frame = rows(
        {"method": "task_loss", "params": "epochs=1,batch=128,index=cka[view=flat,estimator=biased]"},
        {"method": "task_loss", "params": "epochs=9,batch=128,index=none"},
        {},
        {"method": "least_squares", "params": "bias=true"},
    )
    assert curves.named(frame)["stitcher"].tolist() == [
        "task_loss[epochs=1,index=cka[view=flat,estimator=biased]]",
        "task_loss[epochs=9,index=none]",
        "identity",
        "least_squares",
    ]


@pytest.mark.parametrize(("numbers", "quantity"), [(False, "accuracy"), (True, "r2")])
def test_a_network_alone_has_an_accuracy_or_of_a_regression_r2(small, numbers, quantity):
    images, labels = np.zeros((6, 1, 8, 8), np.uint8), np.arange(6) % 3
    data = in_memory((images, labels / 2 if numbers else labels))
    bench = Workbench(replace(small, setting=Setting(data, data.fingerprint(), 10)))
    if numbers:
        bench.accuracy = lambda network: 0.25  # the networks here have three outputs
    one = Case.alone(None, bench.selection.setting, small.networks[0])
    (row,) = curves.alone(one, bench).rows
    assert row.quantity == quantity and row.value is not None


def test_spread_is_the_mean_and_the_deviation_of_a_sample():
    values = [0.2, 0.5, 0.8, 0.9]
    found = curves.spread(rows(*({"value": value} for value in values), {"layer_a": "bn2", "value": 7.0}), ["layer_a"])
    mean = sum(values) / 4
    deviation = (sum((value - mean) ** 2 for value in values) / 3) ** 0.5
    assert found.iloc[0].tolist() == ["bn1", pytest.approx(mean), pytest.approx(deviation), 4]
    assert found.iloc[1][["layer_a", "mean", "count"]].tolist() == ["bn2", 7.0, 1] and np.isnan(found["std"][1])


def test_a_title_counts_networks_and_pairs():
    frame = rows({}, {"layer_a": "bn2"}, {"seed_a": "1", "seed_b": "0"}, {"seed_a": "2"})
    assert curves.size(frame) == "3 networks, 3 pairs, 60 images"
    assert curves.size(frame[:1]) == "2 networks, 1 pair, 60 images"
    assert curves.models("net", "net") == "net" and curves.models("net", "wide") == "net -> wide"


def test_layers_are_in_the_order_that_a_network_kept_else_by_number(small):
    found = curves.alone(case(small, None, a=0, b=0, layer=""), Workbench(small))
    assert [row.quantity for row in found.rows] == ["accuracy"]
    known = curves.depths([Kept({"model_a": "net"}, found.arrays), Kept({"model_a": "other"}, {"weight": np.eye(2)})])
    assert known == {"net": ("conv1", "bn1", "relu1", "conv2", "relu2")}
    assert curves.in_depth(["relu1", "bn1", "conv2", "bn1"], "net", known) == ["bn1", "relu1", "conv2"]
    assert curves.in_depth(["bn10", "bn9", "layer2.10", "layer2.9"], "other", known) == [
        "bn9",
        "bn10",
        "layer2.9",
        "layer2.10",
    ]


def test_places_of_colours_are_in_the_order_of_names_and_black_is_the_baseline_s():
    assert curves.places(["c", "a", "identity", "a"], "identity") == {"a": 0, "c": 1, "identity": curves.BLACK}
    assert figures.colour(curves.BLACK) == "#000000"
    many = curves.places([*"abcdefg", "identity"], "identity")
    assert len({figures.colour(place) for place in many.values()}) == 8
    assert "identity" not in curves.places(["a"], "identity")


def test_a_curve_is_drawn_at_its_values_with_gaps_where_a_layer_is_missing():
    frame = curves.named(rows({"value": 0.2}, {"value": 0.4}, {"layer_a": "bn3", "value": 0.9}))
    _, (axes,) = figures.panels(1)
    curves.draw(axes, frame, "layer_a", ["bn1", "bn2", "bn3"], {"identity": curves.BLACK, "absent": 0}, ", home")
    (line,) = axes.lines
    np.testing.assert_allclose(line.get_ydata(), [0.3, np.nan, 0.9])
    assert list(line.get_xdata()) == [0, 1, 2] and line.get_label() == "identity, home" and line.get_linestyle() == "--"
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["bn1", "bn2", "bn3"]


def test_a_curve_over_numbers_lies_at_them():
    frame = curves.named(rows({"value": 0.2, "width": 0.25}, {"value": 0.4, "width": 2.0}))
    _, (axes,) = figures.panels(1)
    curves.draw(axes, frame, "width", [0.25, 2.0], {"identity": 0})
    assert list(axes.lines[0].get_xdata()) == [0.25, 2.0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0.25", "2"]
