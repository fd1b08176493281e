"""The summary and the figure of the pushed networks, beside their baseline."""

from __future__ import annotations

import pandas as pd
import pytest
from small_penalties import get

from simbench import Experiment
from simbench.columns import MEASUREMENTS
from simbench.results.text import summary


def measurements(experiment: Experiment, *rows: dict) -> pd.DataFrame:
    plain = dict.fromkeys(MEASUREMENTS, "") | {
        "dataset": "d",
        "status": "ok",
        "experiment": experiment.spec,
        "kind": "penalty",
        "view": "flat",
        "method": "cka",
        "model_a": "net",
        "seed_a": "0",
        "layer_a": "bn1",
        "model_b": "net",
        "seed_b": "0",
        "layer_b": "bn1",
        "samples": 60.0,
        "seed": 0.0,
    }
    return pd.DataFrame([plain | row for row in rows]).astype({"step": "Int64"})


def told() -> pd.DataFrame:
    """Two networks, three steps each, with what they were pushed to, and a baseline of three pairs."""
    rows = [
        {"quantity": quantity, "step": step, "value": value - step / 100, "seed_a": seed, "seed_b": seed}
        for seed, more in (("0", 0.0), ("1", 0.2))
        for step in (10, 0, 5)
        for quantity, value in (
            ("similarity", 0.8 + more),
            ("accuracy", 0.7),
            ("cross_entropy", 0.3),
            ("residual", 0.4),
        )
    ]
    rows += [
        {"quantity": "pushed_to", "step": 5, "value": value, "seed_a": seed} for seed, value in (("0", 0.6), ("1", 0.7))
    ]
    rows += [
        {"quantity": "similarity", "kind": "baseline", "step": None, "value": value, "seed_b": seed, "layer_a": "bn9"}
        for seed, value in (("1", 0.7), ("2", 0.8), ("3", 0.9))
    ]
    return measurements(get(""), *rows)


def test_summary_shows_the_first_and_the_last_step_and_the_baseline():
    table = get("").summary(told())
    assert table.to_dict("records") == [
        {
            "dataset": "d",
            "model_a": "net",
            "layer_a": "bn1",
            "index": "cka",
            "view": "flat",
            "networks": 2,
            "similarity": "0.900 -> 0.800",
            "accuracy": "0.700 -> 0.600",
            "cross_entropy": "0.300 -> 0.200",
            "pushed_to": pytest.approx(0.65),
            "baseline": "0.800 ± 0.100 (3)",
        }
    ]


def test_the_baseline_of_another_view_or_data_set_is_not_shown():
    rows = told()
    for column, other in (("view", "spatial"), ("dataset", "e"), ("samples", 30.0), ("params", "x=1")):
        moved = rows.assign(**{column: rows[column].where(rows["kind"] != "baseline", other)})
        assert get("").summary(moved)["baseline"].tolist() == [""]


def test_summary_and_figure_are_empty_where_every_case_failed():
    failed = {"quantity": "accuracy", "step": None, "value": None, "status": "failed", "note": "why"}
    assert summary(get(""), measurements(get(""), failed)) == ""
    assert get("").figure(measurements(get(""), failed), []) is None


def test_the_figure_has_the_index_accuracy_and_cross_entropy_of_every_view():
    rows = told()
    both = pd.concat([rows, rows[rows["kind"] == "penalty"].assign(view="spatial")], ignore_index=True)
    axes = get("").figure(both, []).axes
    assert [ax.get_ylabel().split(" to")[0] for ax in axes] == [
        "cka (flat)",
        "accuracy",
        "cross-entropy",
        "cka (spatial)",
        "accuracy",
        "cross-entropy",
    ]
    curve = axes[0].get_lines()[0]
    assert curve.get_xdata().tolist() == [0, 5, 10] and curve.get_ydata() == pytest.approx([0.9, 0.85, 0.8])
    levels = {line.get_label(): line.get_ydata()[0] for line in axes[0].get_lines()[1:]}
    assert levels == {
        "between stitched networks, all layers": pytest.approx(0.8),
        "0.7 (the paper's)": 0.7,
        "pushed to, accuracy kept": pytest.approx(0.65),
    }
    assert [line.get_label() for line in axes[3].get_lines()[1:]] == ["pushed to, accuracy kept"]
    assert "bn1 of net, d, 60 images, 2 networks" in axes[0].get_title()
