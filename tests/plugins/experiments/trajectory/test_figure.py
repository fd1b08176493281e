"""The summary and the figure of followed stitches."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from small_trajectories import get

from simbench.columns import MEASUREMENTS
from simbench.contracts import Kept


def made(seeds: tuple[tuple[str, str], ...] = (("0", "1"), ("1", "0"), ("0", "2"))) -> tuple[pd.DataFrame, list[Kept]]:
    """Pairs whose cross-entropy falls; cka falls with it, r2_lr stays, its reverse rises, the residual rises."""
    plain = dict.fromkeys(MEASUREMENTS, "") | {
        "dataset": "d",
        "view": "spatial",
        "model_a": "net",
        "model_b": "net",
        "layer_a": "bn1",
        "layer_b": "bn1",
        "experiment": "trajectory",
        "samples": 60,
        "seed": 0,
        "status": "ok",
    }
    rows, kept, steps = [], [], np.array([0, 2, 4])
    for i, (a, b) in enumerate(seeds):
        for kind, method, curves in (
            (
                "training",
                "task_loss",
                {
                    "cross_entropy": 1 - steps / 10,
                    "accuracy": 0.5 + steps / 10 + i / 100,
                    "residual": 0.2 + steps / 100,
                },
            ),
            ("trajectory", "cka", {"similarity": 0.9 - steps / 100 - i**2 / 10}),
            ("trajectory", "r2_lr", {"similarity": 0.8 + 1e-8 * steps, "reverse_similarity": 0.7 + steps / 100}),
        ):
            labels = plain | {"seed_a": a, "seed_b": b, "kind": kind, "method": method}
            rows += [
                labels | {"quantity": name, "step": step, "value": value}
                for name, curve in curves.items()
                for step, value in zip(steps, curve, strict=True)
            ]
            if kind == "training":
                curves = curves | {"1 - residual": 1 - curves["residual"]}
            kept.append(
                Kept(
                    {key: labels[key] for key in labels if key not in ("quantity", "step", "value")},
                    curves | {"step": steps},
                )
            )
    return pd.DataFrame(rows).astype({"step": "Int64"}), kept[::-1]


def test_summary_has_both_ends_and_says_what_follows_cross_entropy():
    table = get("").summary(made()[0]).set_index("what")
    assert table["pairs"].tolist() == [3] * 6 and set(table["layer_a"]) == {"bn1"}
    wanted = {
        "cross_entropy": (1, 0.6, 1),
        "accuracy": (0.51, 0.91, -1),
        "1 - residual": (0.8, 0.76, 1),
        "cka": (2.2 / 3, 2.2 / 3 - 0.04, 1),
        "r2_lr": (0.8, 0.8, math.nan),
        "r2_lr, B -> A M": (0.7, 0.74, -1),
    }
    for what, numbers in wanted.items():
        told = table.loc[what, ["before", "after", "with cross_entropy"]].tolist()
        assert told == pytest.approx(numbers, nan_ok=True), what


def test_summary_keeps_layers_views_and_data_sets_apart_and_lives_without_scores():
    rows = made()[0]
    several = pd.concat([rows, rows.assign(layer_a="bn2"), rows.assign(view="pooled"), rows.assign(dataset="e")])
    assert len(get("").summary(several)) == 4 * 6
    alone = get("").summary(rows[rows["kind"] == "trajectory"])
    assert len(alone) == 3 and alone["with cross_entropy"].isna().all()
    assert get("").summary(rows.assign(status="failed")).empty


def test_figure_has_a_panel_per_quantity_with_mean_and_two_pairs_alone():
    figure = get("").figure(*made())
    panels = {ax.get_ylabel(): ax for ax in figure.axes}
    assert list(panels) == [
        "cross-entropy to Model 2 (nats)",
        "accuracy",
        "1 - residual of the stitch",
        "cka (spatial)",
        "r2_lr (spatial)",
    ]
    mean, first, second = panels["cka (spatial)"].get_lines()
    assert mean.get_xdata().tolist() == [0, 2, 4]
    assert mean.get_ydata() == pytest.approx(2.2 / 3 - np.array([0, 0.02, 0.04]))
    assert mean.get_linewidth() > first.get_linewidth()
    assert [(line.get_label(), line.get_linestyle()) for line in (first, second)] == [
        ("A M -> B, 0 -> 1", ":"),
        ("A M -> B, 0 -> 2", "--"),
    ]
    assert first.get_ydata() == pytest.approx([0.9, 0.88, 0.86]) and second.get_ydata()[0] == pytest.approx(0.5)
    low, high = panels["cka (spatial)"].collections[0].get_paths()[0].get_extents().intervaly
    spread = np.std([0.9, 0.8, 0.5], ddof=1)
    assert (low, high) == pytest.approx((2.2 / 3 - 0.04 - spread, 2.2 / 3 + spread))
    assert len(panels["r2_lr (spatial)"].get_lines()) == 6
    assert "bn1 of net, d, 3 pairs of networks" in figure.axes[0].get_title()


def test_figure_lives_with_what_is_there():
    rows, kept = made()
    assert get("").figure(rows, []) is None
    some = [one for one in kept if one.labels["method"] == "cka"][:1]
    (only,) = get("").figure(rows, some).axes
    assert len(only.get_lines()) == 1 and only.get_ylabel() == "cka (spatial)"
    more = kept + [Kept(one.labels | {"layer_a": "bn2"}, one.arrays) for one in kept]
    assert len(get("").figure(rows, more).axes) == 10
