"""No pair at all is one clear line; parameters are read from rows; figures average over nothing but pairs."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from simbench_plugins.experiments.pairs import first_pairs, parameter, settings

from simbench import InputError
from simbench.columns import MEASUREMENTS


@pytest.mark.parametrize("layers", [{"net": ("bn1",)}, {"net": ()}])
def test_no_pair_at_all_is_one_clear_line(small, layers):
    alone = replace(small, networks=small.networks[:1], layers=layers)
    with pytest.raises(InputError, match=r"low_rank stitches pairs of networks .* given 1 network.* --seeds"):
        first_pairs(alone, 2, "low_rank")


def test_a_parameter_is_that_of_the_method_and_not_of_a_plugin_inside_it():
    rows = pd.DataFrame(
        {
            "method": ["lasso", "identity", "other"],
            "params": ["alpha=0.5,bias=true", "", "index=cka[alpha=3],bias=true"],
        }
    )
    assert parameter(rows, "alpha") == pytest.approx([0.5, float("nan"), float("nan")], nan_ok=True)


def frame(*rows: dict) -> pd.DataFrame:
    plain = dict.fromkeys(MEASUREMENTS, "") | {
        "dataset": "d",
        "model_a": "net",
        "model_b": "net",
        "samples": 60,
        "seed": 0,
        "seed_a": "0",
        "seed_b": "1",
        "layer_a": "bn1",
    }
    return pd.DataFrame([plain | row for row in rows])


def test_settings_are_told_apart_and_counted_in_order_of_depth():
    rows = frame(
        {"layer_a": "bn10"},
        {"layer_a": "bn2"},
        {"layer_a": "bn2", "seed_b": "2"},
        {"dataset": "e"},
        {"model_b": "wide"},
    )
    titles = [title for title, _ in settings(rows)]
    assert titles == [
        "bn2 of net, d\n2 pairs of networks",
        "bn10 of net, d\n1 pair of networks",
        "bn1 of net -> wide, d\n1 pair of networks",
        "bn1 of net, e\n1 pair of networks",
    ]
    assert [len(part) for _, part in settings(rows)] == [2, 1, 1, 1]


def test_samples_of_one_data_set_are_told_apart():
    titles = [title for title, _ in settings(frame({}, {"samples": 30.0}))]
    assert titles == [
        "bn1 of net, d, 30 images, seed 0\n1 pair of networks",
        "bn1 of net, d, 60 images, seed 0\n1 pair of networks",
    ]
